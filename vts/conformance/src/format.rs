//! What the contract says of each `PixelFormat`: how its samples lie in memory, whoever allocates it.
//!
//! Source: AOSP `hardware/interfaces/graphics/common/aidl/.../PixelFormat.aidl` (main, March 2025, and V7), the demands of
//! `VtsHalGraphicsMapperStableC_TargetTest.cpp`, and the kernel's `include/uapi/drm/drm_fourcc.h` for the codes. Written
//! out here on purpose and shared with no allocator.

use crate::descriptor::Descriptor;

/// What a component holds: the bits of `PlaneLayoutComponentType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i64)]
pub enum Kind {
    /// Luma.
    Y = 1 << 0,
    /// Blue difference.
    Cb = 1 << 1,
    /// Red difference.
    Cr = 1 << 2,
    /// Red.
    R = 1 << 10,
    /// Green.
    G = 1 << 11,
    /// Blue.
    B = 1 << 12,
    /// A sensor's sample, or a byte.
    Raw = 1 << 20,
    /// Alpha.
    A = 1 << 30,
}

impl Kind {
    /// The number in `PlaneLayoutComponent.type`.
    pub const fn value(self) -> i64 {
        // Its own discriminant.
        #[allow(clippy::as_conversions)]
        {
            self as i64
        }
    }
}

/// One component: what, at which bit of the sample, of how many bits.
pub type Part = (Kind, i64, i64);

/// How a format lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// One plane of samples of so many bits with these components.
    Packed(i64, &'static [Part]),
    /// One plane of at least so many bits a pixel, in whole bytes, for which the contract names no components.
    Opaque(i64),
    /// Two pixels in 32 bits: Y, Cb, Y, Cr.
    Yuyv,
    /// Luma, Cr, Cb one after the other, with the strides that the contract computes.
    Yv12,
    /// 8-bit luma, and chroma halved both ways in any arrangement.
    Flexible,
    /// 8-bit luma, then interleaved chroma that starts with this component, halved across and so often down.
    SemiPlanar(Kind, i64),
    /// The same with ten bits in the upper part of 16, Cb first.
    SemiPlanar10(i64),
    /// So many bits a pixel, packed across bytes; strides in bytes.
    PackedRaw(i64),
    /// Bytes.
    Blob,
    /// Whatever the device likes; its layout need only be true.
    Anything,
}

macro_rules! formats {
    ($($name:ident = $value:literal, $contract:expr, $fourcc:expr;)*) => {
        /// A `PixelFormat`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(non_camel_case_types, missing_docs)] // The names are the contract's.
        pub enum Format { $($name,)* }

        impl Format {
            /// All but `UNSPECIFIED`.
            pub const ALL: &'static [Format] = &[$(Format::$name,)*];

            /// The number.
            pub const fn value(self) -> i32 {
                match self { $(Format::$name => $value,)* }
            }

            /// The name.
            pub const fn name(self) -> &'static str {
                match self { $(Format::$name => stringify!($name),)* }
            }

            /// How it lies in memory.
            pub const fn contract(self) -> Contract {
                match self { $(Format::$name => $contract,)* }
            }

            /// The DRM codes that it may have; none where DRM has no code or several would do.
            pub const fn fourccs(self) -> &'static [&'static [u8; 4]] {
                match self { $(Format::$name => $fourcc,)* }
            }
        }
    };
}

use Contract::{Anything, Blob, Flexible, Opaque, Packed, PackedRaw, SemiPlanar, SemiPlanar10, Yuyv, Yv12};
use Kind::{Cb, Cr, Raw, A, B, G, R, Y};

formats! {
    RGBA_8888 = 1, Packed(32, &[(R, 0, 8), (G, 8, 8), (B, 16, 8), (A, 24, 8)]), &[b"AB24"];
    RGBX_8888 = 2, Packed(32, &[(R, 0, 8), (G, 8, 8), (B, 16, 8)]), &[b"XB24"];
    RGB_888 = 3, Packed(24, &[(R, 0, 8), (G, 8, 8), (B, 16, 8)]), &[b"BG24"];
    RGB_565 = 4, Packed(16, &[(R, 11, 5), (G, 5, 6), (B, 0, 5)]), &[b"RG16"];
    BGRA_8888 = 5, Packed(32, &[(B, 0, 8), (G, 8, 8), (R, 16, 8), (A, 24, 8)]), &[b"AR24"];
    YCBCR_422_SP = 0x10, SemiPlanar(Cb, 1), &[b"NV16"];
    YCRCB_420_SP = 0x11, SemiPlanar(Cr, 2), &[b"NV21"];
    YCBCR_422_I = 0x14, Yuyv, &[b"YUYV"];
    RGBA_FP16 = 0x16, Packed(64, &[(R, 0, 16), (G, 16, 16), (B, 32, 16), (A, 48, 16)]), &[b"AB4H"];
    RAW16 = 0x20, Packed(16, &[(Raw, 0, 16)]), &[];
    BLOB = 0x21, Blob, &[];
    IMPLEMENTATION_DEFINED = 0x22, Anything, &[];
    YCBCR_420_888 = 0x23, Flexible, &[b"NV12", b"NV21", b"YU12", b"YV12"];
    RAW_OPAQUE = 0x24, Anything, &[];
    RAW10 = 0x25, PackedRaw(10), &[];
    RAW12 = 0x26, PackedRaw(12), &[];
    RGBA_1010102 = 0x2b, Packed(32, &[(R, 0, 10), (G, 10, 10), (B, 20, 10), (A, 30, 2)]), &[b"AB30"];
    DEPTH_16 = 0x30, Opaque(16), &[];
    DEPTH_24 = 0x31, Opaque(24), &[];
    DEPTH_24_STENCIL_8 = 0x32, Opaque(32), &[];
    DEPTH_32F = 0x33, Opaque(32), &[];
    DEPTH_32F_STENCIL_8 = 0x34, Opaque(40), &[];
    STENCIL_8 = 0x35, Opaque(8), &[];
    YCBCR_P010 = 0x36, SemiPlanar10(2), &[b"P010"];
    HSV_888 = 0x37, Opaque(24), &[];
    R_8 = 0x38, Packed(8, &[(R, 0, 8)]), &[b"R8  "];
    R_16_UINT = 0x39, Packed(16, &[(R, 0, 16)]), &[b"R16 "];
    RG_1616_UINT = 0x3a, Packed(32, &[(R, 0, 16), (G, 16, 16)]), &[b"GR32"];
    // 16 bits a component, the upper ten used: VK_FORMAT_R10X6G10X6B10X6A10X6_UNORM_4PACK16 (NDK, hardware_buffer.h).
    RGBA_10101010 = 0x3b, Packed(64, &[(R, 6, 10), (G, 22, 10), (B, 38, 10), (A, 54, 10)]), &[b"AB10"];
    YCBCR_P210 = 0x3c, SemiPlanar10(1), &[b"P210"];
    // From common V7: 12- and 14-bit values are in the top bits of 16.
    RAW14 = 0x2c, PackedRaw(14), &[];
    R_12_UINT = 0x3d, Packed(16, &[(R, 4, 12)]), &[];
    R_14_UINT = 0x3e, Packed(16, &[(R, 2, 14)]), &[];
    RG_1212_UINT = 0x3f, Packed(32, &[(R, 4, 12), (G, 20, 12)]), &[];
    RG_1414_UINT = 0x40, Packed(32, &[(R, 2, 14), (G, 18, 14)]), &[];
    RGBA_12121212_UINT = 0x41, Packed(64, &[(R, 4, 12), (G, 20, 12), (B, 36, 12), (A, 52, 12)]), &[];
    RGBA_14141414_UINT = 0x42, Packed(64, &[(R, 2, 14), (G, 18, 14), (B, 34, 14), (A, 50, 14)]), &[];
    BGRA_1010102 = 0x43, Packed(32, &[(B, 0, 10), (G, 10, 10), (R, 20, 10), (A, 30, 2)]), &[b"AR30"];
    BGRX_1010102 = 0x44, Packed(32, &[(B, 0, 10), (G, 10, 10), (R, 20, 10)]), &[b"XR30"];
    Y8 = 0x2020_3859, Packed(8, &[(Y, 0, 8)]), &[b"R8  ", b"GREY"];
    Y16 = 0x2036_3159, Packed(16, &[(Y, 0, 16)]), &[b"R16 ", b"Y16 "];
    YV12 = 0x3231_5659, Yv12, &[b"YV12"];
}

impl Format {
    /// The format of a number.
    pub fn from_value(value: i32) -> Option<Format> {
        Format::ALL.iter().copied().find(|format| format.value() == value)
    }

    /// Whether an allocator that does not have it fails: what VTS never skips, and what it skips without need (the task
    /// of this suite is that nothing passes because it is called unsupported).
    pub const fn is_required(self) -> bool {
        matches!(
            self,
            Format::RGBA_8888
                | Format::YV12
                | Format::YCBCR_420_888
                | Format::YCRCB_420_SP
                | Format::RAW10
                | Format::RAW12
                | Format::YCBCR_P010
                | Format::BLOB
        )
    }

    /// Sizes to try: one that is round, and one that is as odd as the format allows.
    pub const fn sizes(self) -> [(i32, i32); 2] {
        match self {
            Format::BLOB => [(4096, 1), (1001, 1)],
            Format::RAW10 | Format::RAW12 | Format::RAW14 | Format::RAW_OPAQUE => [(64, 16), (20, 6)],
            Format::RAW16 | Format::Y8 | Format::Y16 | Format::YV12 => [(64, 16), (18, 10)],
            _ if matches!(self.contract(), Packed(..) | Opaque(_)) => [(64, 16), (19, 7)],
            _ => [(64, 16), (18, 10)],
        }
    }

    /// Both sizes as descriptors.
    pub fn descriptors(self) -> [Descriptor; 2] {
        self.sizes().map(|(width, height)| Descriptor::of(self.value(), width, height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_of_the_interface_has_a_contract() {
        let all = allocator_aidl::PixelFormat::enum_values();
        let missing: Vec<_> = all.iter().filter(|wire| wire.0 != 0 && Format::from_value(wire.0).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(Format::ALL.len() + 1, all.len());
    }

    #[test]
    fn components_stay_inside_their_sample_and_apart() {
        for format in Format::ALL {
            let Packed(bits, parts) = format.contract() else { continue };
            let mut used = 0u64;
            for (_, offset, size) in parts {
                let mask = ((1u128 << size) - 1) << offset;
                let mask = u64::try_from(mask).unwrap();
                assert_eq!(used & mask, 0, "{format:?}");
                used |= mask;
                assert!(offset + size <= bits, "{format:?}");
            }
        }
    }
}
