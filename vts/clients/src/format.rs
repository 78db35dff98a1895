//! The pixel formats that both clients speak, under the three names that one layout of bytes has.
//!
//! AIDL names a format by its bytes in memory order. DRM and V4L2 both name theirs by a four-character code, and for
//! these two agree on the code, though not on the word: what DRM calls XRGB8888 (a little-endian 32-bit word) V4L2 calls
//! XBGR32, and both are `XR24`, bytes B, G, R, X.
//! Sources: `drm_fourcc.h` and `videodev2.h` of Linux 6.12, AOSP `PixelFormat.aidl`.

use gralloc_buffer::{Layout, PixelFormat};

/// A format of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Bytes B, G, R, X: AIDL `BGRA_8888`, what most display controllers scan out.
    Xr24,
    /// Bytes R, G, B, X: AIDL `RGBX_8888`.
    Xb24,
    /// A plane of Y, then a plane of interleaved Cb and Cr at half the resolution: one answer to `YCBCR_420_888`.
    Nv12,
    /// The same with Cr before Cb: AIDL `YCRCB_420_SP`, and another answer to `YCBCR_420_888`.
    Nv21,
}

impl Format {
    /// What to request of the allocator. For NV12, which has no AIDL name, the flexible format: what comes back is the
    /// policy's choice.
    pub const fn aidl(self) -> PixelFormat {
        match self {
            Format::Xr24 => PixelFormat::Bgra8888,
            Format::Xb24 => PixelFormat::Rgbx8888,
            Format::Nv12 => PixelFormat::Ycbcr420_888,
            Format::Nv21 => PixelFormat::Ycrcb420Sp,
        }
    }

    /// The format of a buffer's bytes; `None` for a layout that these clients do not speak. Alpha is not looked at.
    pub const fn of(layout: Layout) -> Option<Format> {
        match layout {
            Layout::Bgra8888 => Some(Format::Xr24),
            Layout::Rgbx8888 | Layout::Rgba8888 => Some(Format::Xb24),
            Layout::Nv12 => Some(Format::Nv12),
            Layout::Nv21 => Some(Format::Nv21),
            _ => None,
        }
    }

    /// The four-character code: `V4L2_PIX_FMT_XBGR32`, `RGBX32`, `NV12`, `NV21`; `DRM_FORMAT_XRGB8888`, `XBGR8888`, `NV12`,
    /// `NV21`.
    pub const fn fourcc(self) -> u32 {
        u32::from_le_bytes(match self {
            Format::Xr24 => *b"XR24",
            Format::Xb24 => *b"XB24",
            Format::Nv12 => *b"NV12",
            Format::Nv21 => *b"NV21",
        })
    }

    /// The code, as the drm crate has it.
    pub const fn drm(self) -> drm::buffer::DrmFourcc {
        match self {
            Format::Xr24 => drm::buffer::DrmFourcc::Xrgb8888,
            Format::Xb24 => drm::buffer::DrmFourcc::Xbgr8888,
            Format::Nv12 => drm::buffer::DrmFourcc::Nv12,
            Format::Nv21 => drm::buffer::DrmFourcc::Nv21,
        }
    }

    /// True for luma and chroma, false for RGB.
    pub const fn is_yuv(self) -> bool {
        matches!(self, Format::Nv12 | Format::Nv21)
    }
}

/// A four-character code, as people write it.
pub fn fourcc_name(code: u32) -> String {
    code.to_le_bytes().iter().map(|byte| char::from(*byte)).collect()
}

/// How numbers become colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ColorEncoding {
    /// The BT.709 matrix; otherwise BT.601.
    pub bt709: bool,
    /// 0–255; otherwise 16–235 and 16–240.
    pub full_range: bool,
}

/// Bits of AOSP `Dataspace.aidl`: STANDARD_BT709 and STANDARD_BT601_625, RANGE_FULL and RANGE_LIMITED, and the masks.
const STANDARD_MASK: i32 = 63 << 16;
const STANDARD_BT709: i32 = 1 << 16;
const STANDARD_BT601_625: i32 = 2 << 16;
const RANGE_MASK: i32 = 7 << 27;
const RANGE_FULL: i32 = 1 << 27;
const RANGE_LIMITED: i32 = 2 << 27;

impl ColorEncoding {
    /// The AIDL `Dataspace` to send along with frames; the transfer function is left unspecified.
    pub const fn to_dataspace(self) -> i32 {
        (if self.bt709 { STANDARD_BT709 } else { STANDARD_BT601_625 })
            | (if self.full_range { RANGE_FULL } else { RANGE_LIMITED })
    }

    /// The encoding that a `Dataspace` stands for; what it leaves open is taken as BT.601 limited, Android's default
    /// for 8-bit YCbCr of camera size.
    pub const fn from_dataspace(dataspace: i32) -> ColorEncoding {
        ColorEncoding {
            bt709: dataspace & STANDARD_MASK == STANDARD_BT709,
            full_range: dataspace & RANGE_MASK == RANGE_FULL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_both_kernel_headers() {
        // videodev2.h: V4L2_PIX_FMT_XBGR32 v4l2_fourcc('X','R','2','4') "BGRX-8-8-8-8", RGBX32 ('X','B','2','4'),
        // NV12 ('N','V','1','2'); drm_fourcc.h uses the same characters.
        assert_eq!(Format::Xr24.fourcc(), 0x3432_5258);
        assert_eq!(Format::Xb24.fourcc(), 0x3432_4258);
        assert_eq!((Format::Nv12.fourcc(), fourcc_name(0x3231_564e)), (0x3231_564e, "NV12".to_owned()));
        for format in [Format::Xr24, Format::Xb24, Format::Nv12, Format::Nv21] {
            assert_eq!(drm::buffer::DrmFourcc::try_from(format.fourcc()), Ok(format.drm()));
        }
    }

    #[test]
    fn dataspace_there_and_back_is_the_same() {
        for bt709 in [false, true] {
            for full_range in [false, true] {
                let color = ColorEncoding { bt709, full_range };
                assert_eq!(ColorEncoding::from_dataspace(color.to_dataspace()), color);
            }
        }
        // Dataspace.aidl: JFIF 146931712 is BT.601 full; BT709 281083904 is BT.709 limited.
        assert_eq!(ColorEncoding::from_dataspace(146_931_712), ColorEncoding { bt709: false, full_range: true });
        assert_eq!(ColorEncoding::from_dataspace(281_083_904), ColorEncoding { bt709: true, full_range: false });
        assert_eq!(ColorEncoding::from_dataspace(0), ColorEncoding { bt709: false, full_range: false });
    }
}
