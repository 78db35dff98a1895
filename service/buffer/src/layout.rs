//! How pixels lie in memory: for every layout its planes, its components and its own alignment rules.
//!
//! A [`Layout`] is what a `PixelFormat` becomes once nothing is left open: the flexible formats
//! (`IMPLEMENTATION_DEFINED`, `YCBCR_420_888`, `RAW_OPAQUE`) have none of their own, a policy's resolutions choose one.
//! [`shape`] says what a plane's samples are made of, [`form`] what else of a layout its arithmetic has to know, [`needs`] what
//! a policy asks of it, [`arrange`] lays planes out, [`blocks`] those of compressed and tiled memory, [`afbc`] says what Arm's
//! headers begin with, [`check`] judges planes that came from outside.
//!
//! A vendor's format is a layout too: [`Layout::Vendor`], whose planes are not a table's here but a policy's, and travel in
//! the handle.
//!
//! Sources: AOSP `hardware/interfaces/graphics/common/aidl/.../PixelFormat.aidl` for each format's own rules, the
//! kernel's `include/uapi/drm/drm_fourcc.h` for the fourcc codes.

pub mod afbc;
pub mod arrange;
pub mod blocks;
pub mod check;
pub mod compression;
pub mod form;
pub mod needs;
pub mod shape;

pub use arrange::Arrangement;
pub use blocks::{Blocks, Grid};
pub use check::LayoutError;
pub use compression::{Compression, DrmFormat, TypeName};
pub use form::{Contract, Form};
pub use needs::{Ask, Combine, Needs, Step};
pub use shape::{Component, ComponentKind, Components, PlaneShape, Shapes};

use crate::format::PixelFormat;
use std::fmt;

/// Most planes of any layout.
pub const MAX_PLANES: usize = 4;

/// One plane of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Plane {
    /// Bytes from the start of the layer.
    pub offset_bytes: u64,
    /// Bytes from one line of the plane to the next.
    pub stride_bytes: u32,
    /// Lines that are allocated, padding included.
    pub lines: u32,
}

impl Plane {
    /// Bytes of the plane, padding included. Never overflows: 32 by 32 bits.
    pub const fn bytes(&self) -> u64 {
        // Widening, which `u64::from` cannot do in a const fn.
        #[allow(clippy::as_conversions)]
        {
            self.stride_bytes as u64 * self.lines as u64
        }
    }
}

/// The planes of a layer, at most [`MAX_PLANES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Planes {
    planes: [Plane; MAX_PLANES],
    len: u8,
}

impl Planes {
    /// The planes in the order of the layout's [`PlaneShape`]s.
    pub fn as_slice(&self) -> &[Plane] {
        self.planes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Takes over planes as they are, unchecked ([`Layout::check`] judges them); `None` for more than [`MAX_PLANES`].
    pub fn from_slice(planes: &[Plane]) -> Option<Planes> {
        let mut all = Planes::default();
        for plane in planes {
            all.push(*plane)?;
        }
        Some(all)
    }

    /// Adds a plane; `None` when there is no room.
    pub(crate) fn push(&mut self, plane: Plane) -> Option<()> {
        *self.planes.get_mut(usize::from(self.len))? = plane;
        self.len = self.len.checked_add(1)?;
        Some(())
    }
}

/// Bytes of a compressed plane, from its offset on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Area {
    /// What describes the blocks; 0 where there is none, or it is a plane of its own.
    pub header_bytes: u32,
    /// The blocks.
    pub body_bytes: u32,
}

impl Area {
    /// Both.
    pub const fn bytes(&self) -> u64 {
        // Widening, which `u64::from` cannot do in a const fn.
        #[allow(clippy::as_conversions)]
        {
            self.header_bytes as u64 + self.body_bytes as u64
        }
    }

    /// Bytes from the plane's offset to its header and to its body.
    pub fn places(&self, body_first: bool) -> (u64, u64) {
        match body_first {
            true => (self.body_bytes.into(), 0),
            false => (0, self.header_bytes.into()),
        }
    }
}

macro_rules! layouts {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal, $fourcc:expr, $shapes:path;)*) => {
        /// How a format lies in memory; the flexible formats become one of these.
        ///
        /// The numbers travel in buffer handles: they are never reused and never change. 0 stays free, so that a zeroed
        /// handle names no layout.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u32)]
        pub enum Layout {
            $($(#[$doc])* $variant = $id,)*
            /// One that a policy's `[[format]]` spells out, plane by plane.
            Vendor = 0x8000_0000,
        }

        impl Layout {
            /// Every layout that has a table here, in the order of the ids.
            pub const ALL: &'static [Layout] = &[$(Layout::$variant,)*];

            /// The number that stands for it in a buffer handle.
            pub const fn id(self) -> u32 {
                match self { $(Layout::$variant => $id,)* Layout::Vendor => 0x8000_0000 }
            }

            /// The layout of a handle's number; `None` for a number that was never given out.
            pub const fn from_id(id: u32) -> Option<Layout> {
                match id { $($id => Some(Layout::$variant),)* 0x8000_0000 => Some(Layout::Vendor), _ => None }
            }

            /// The name that policies and reports use.
            pub const fn name(self) -> &'static str {
                match self { $(Layout::$variant => $name,)* Layout::Vendor => "VENDOR" }
            }

            /// The layout of a name, in exactly this case.
            pub fn from_name(name: &str) -> Option<Layout> {
                match name { $($name => Some(Layout::$variant),)* _ => None }
            }

            /// The `DRM_FORMAT_*` code; 0 (`DRM_FORMAT_INVALID`) where DRM has none for it: RAW, BLOB, depth, HSV.
            pub const fn fourcc(self) -> u32 {
                match self { $(Layout::$variant => $fourcc,)* Layout::Vendor => NO_FOURCC }
            }

            /// What the planes are made of, in the order in which they lie in memory; none of `Vendor`'s are known here.
            #[inline]
            pub const fn shapes(self) -> &'static [PlaneShape] {
                match self { $(Layout::$variant => $shapes,)* Layout::Vendor => &[] }
            }
        }
    };
}

/// `fourcc_code()` of `drm_fourcc.h`: the first letter in the lowest byte.
const fn drm(code: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*code)
}

/// `DRM_FORMAT_INVALID`.
const NO_FOURCC: u32 = 0;

layouts! {
    /// `DRM_FORMAT_ABGR8888`.
    Rgba8888 = 1, "RGBA_8888", drm(b"AB24"), shape::RGBA_8888;
    /// `DRM_FORMAT_XBGR8888`.
    Rgbx8888 = 2, "RGBX_8888", drm(b"XB24"), shape::RGBX_8888;
    /// `DRM_FORMAT_BGR888`.
    Rgb888 = 3, "RGB_888", drm(b"BG24"), shape::RGB_888;
    /// `DRM_FORMAT_RGB565`.
    Rgb565 = 4, "RGB_565", drm(b"RG16"), shape::RGB_565;
    /// `DRM_FORMAT_ARGB8888`.
    Bgra8888 = 5, "BGRA_8888", drm(b"AR24"), shape::BGRA_8888;
    /// `DRM_FORMAT_ABGR2101010`.
    Rgba1010102 = 6, "RGBA_1010102", drm(b"AB30"), shape::RGBA_1010102;
    /// `DRM_FORMAT_ABGR16161616F`.
    RgbaFp16 = 7, "RGBA_FP16", drm(b"AB4H"), shape::RGBA_FP16;
    /// `DRM_FORMAT_AXBXGXRX106106106106`: 16 bits a component, the upper ten used. `PixelFormat.aidl` says "40-bit"; the
    /// NDK's `hardware_buffer.h` says `VK_FORMAT_R10X6G10X6B10X6A10X6_UNORM_4PACK16`, which is what GPUs read.
    Rgba10101010 = 8, "RGBA_10101010", drm(b"AB10"), shape::RGBA_10101010;
    /// `DRM_FORMAT_R8`.
    R8 = 9, "R_8", drm(b"R8  "), shape::R_8;
    /// `DRM_FORMAT_R16`.
    R16Uint = 10, "R_16_UINT", drm(b"R16 "), shape::R_16;
    /// `DRM_FORMAT_GR1616`: red in the lower half.
    Rg1616Uint = 11, "RG_1616_UINT", drm(b"GR32"), shape::RG_1616;
    /// Hue, saturation, value, a byte each.
    Hsv888 = 12, "HSV_888", NO_FOURCC, shape::BITS_24;
    /// 16 bits of depth.
    Depth16 = 13, "DEPTH_16", NO_FOURCC, shape::BITS_16;
    /// 24 bits of depth in 32.
    Depth24 = 14, "DEPTH_24", NO_FOURCC, shape::BITS_32;
    /// 24 bits of depth and 8 of stencil in 32.
    Depth24Stencil8 = 15, "DEPTH_24_STENCIL_8", NO_FOURCC, shape::BITS_32;
    /// Float depth.
    Depth32F = 16, "DEPTH_32F", NO_FOURCC, shape::BITS_32;
    /// Float depth, 8 bits of stencil, 24 unused.
    Depth32FStencil8 = 17, "DEPTH_32F_STENCIL_8", NO_FOURCC, shape::BITS_64;
    /// 8 bits of stencil.
    Stencil8 = 18, "STENCIL_8", NO_FOURCC, shape::BITS_8;
    /// Luma, then Cb and Cr interleaved, chroma halved both ways.
    Nv12 = 19, "NV12", drm(b"NV12"), shape::NV12;
    /// Luma, then Cr and Cb interleaved, chroma halved both ways.
    Nv21 = 20, "NV21", drm(b"NV21"), shape::NV21;
    /// Luma, then Cb and Cr interleaved, chroma halved across.
    Nv16 = 21, "NV16", drm(b"NV16"), shape::NV16;
    /// `DRM_FORMAT_YUYV`: Y, Cb, Y, Cr for every two pixels.
    Yuy2 = 22, "YUY2", drm(b"YUYV"), shape::YUY2;
    /// `DRM_FORMAT_YVU420`: luma, Cr, Cb, chroma halved both ways; Android fixes its strides.
    Yv12 = 23, "YV12", drm(b"YV12"), shape::YV12;
    /// `DRM_FORMAT_YUV420`: luma, Cb, Cr, chroma halved both ways.
    I420 = 24, "I420", drm(b"YU12"), shape::I420;
    /// NV12 with ten bits in the upper part of 16.
    P010 = 25, "P010", drm(b"P010"), shape::P010;
    /// NV16 with ten bits in the upper part of 16.
    P210 = 26, "P210", drm(b"P210"), shape::P210;
    /// Four 10-bit samples in five bytes.
    Raw10 = 27, "RAW10", NO_FOURCC, shape::RAW_10;
    /// Two 12-bit samples in three bytes.
    Raw12 = 28, "RAW12", NO_FOURCC, shape::RAW_12;
    /// A 16-bit sample a pixel.
    Raw16 = 29, "RAW16", NO_FOURCC, shape::RAW_16;
    /// Bytes.
    Blob = 30, "BLOB", NO_FOURCC, shape::BLOB;
    /// 8 bits of luma. DRM and V4L2 call a single 8-bit channel `R8` and `GREY`.
    Y8 = 31, "Y8", drm(b"R8  "), shape::LUMA_8;
    /// 16 bits of luma.
    Y16 = 32, "Y16", drm(b"R16 "), shape::LUMA_16;
    /// Four 14-bit samples in seven bytes.
    Raw14 = 33, "RAW14", NO_FOURCC, shape::RAW_14;
    /// 12 bits in the upper part of 16. (DRM's `R12` has them in the lower.)
    R12Uint = 34, "R_12_UINT", NO_FOURCC, shape::R_12;
    /// 14 bits in the upper part of 16.
    R14Uint = 35, "R_14_UINT", NO_FOURCC, shape::R_14;
    /// Two of 12 bits in the upper part of 16.
    Rg1212Uint = 36, "RG_1212_UINT", NO_FOURCC, shape::RG_1212;
    /// Two of 14 bits in the upper part of 16.
    Rg1414Uint = 37, "RG_1414_UINT", NO_FOURCC, shape::RG_1414;
    /// Four of 12 bits in the upper part of 16.
    Rgba12121212Uint = 38, "RGBA_12121212_UINT", NO_FOURCC, shape::RGBA_12121212;
    /// Four of 14 bits in the upper part of 16.
    Rgba14141414Uint = 39, "RGBA_14141414_UINT", NO_FOURCC, shape::RGBA_14141414;
    /// `DRM_FORMAT_ARGB2101010`.
    Bgra1010102 = 40, "BGRA_1010102", drm(b"AR30"), shape::BGRA_1010102;
    /// `DRM_FORMAT_XRGB2101010`.
    Bgrx1010102 = 41, "BGRX_1010102", drm(b"XR30"), shape::BGRX_1010102;
}

impl Layout {
    /// The layout of a format that leaves nothing open; `None` for `UNSPECIFIED`, the flexible formats, and a vendor's, which
    /// the policy lays out.
    pub const fn of(format: PixelFormat) -> Option<Layout> {
        Some(match format {
            PixelFormat::Unspecified
            | PixelFormat::ImplementationDefined
            | PixelFormat::Ycbcr420_888
            | PixelFormat::RawOpaque
            | PixelFormat::Vendor(_) => return None,
            PixelFormat::Rgba8888 => Layout::Rgba8888,
            PixelFormat::Rgbx8888 => Layout::Rgbx8888,
            PixelFormat::Rgb888 => Layout::Rgb888,
            PixelFormat::Rgb565 => Layout::Rgb565,
            PixelFormat::Bgra8888 => Layout::Bgra8888,
            PixelFormat::Rgba1010102 => Layout::Rgba1010102,
            PixelFormat::RgbaFp16 => Layout::RgbaFp16,
            PixelFormat::Rgba10101010 => Layout::Rgba10101010,
            PixelFormat::R8 => Layout::R8,
            PixelFormat::R16Uint => Layout::R16Uint,
            PixelFormat::Rg1616Uint => Layout::Rg1616Uint,
            PixelFormat::Hsv888 => Layout::Hsv888,
            PixelFormat::Depth16 => Layout::Depth16,
            PixelFormat::Depth24 => Layout::Depth24,
            PixelFormat::Depth24Stencil8 => Layout::Depth24Stencil8,
            PixelFormat::Depth32F => Layout::Depth32F,
            PixelFormat::Depth32FStencil8 => Layout::Depth32FStencil8,
            PixelFormat::Stencil8 => Layout::Stencil8,
            PixelFormat::Ycrcb420Sp => Layout::Nv21,
            PixelFormat::Ycbcr422Sp => Layout::Nv16,
            PixelFormat::Ycbcr422I => Layout::Yuy2,
            PixelFormat::Yv12 => Layout::Yv12,
            PixelFormat::YcbcrP010 => Layout::P010,
            PixelFormat::YcbcrP210 => Layout::P210,
            PixelFormat::Raw10 => Layout::Raw10,
            PixelFormat::Raw12 => Layout::Raw12,
            PixelFormat::Raw14 => Layout::Raw14,
            PixelFormat::Raw16 => Layout::Raw16,
            PixelFormat::Blob => Layout::Blob,
            PixelFormat::R12Uint => Layout::R12Uint,
            PixelFormat::R14Uint => Layout::R14Uint,
            PixelFormat::Rg1212Uint => Layout::Rg1212Uint,
            PixelFormat::Rg1414Uint => Layout::Rg1414Uint,
            PixelFormat::Rgba12121212Uint => Layout::Rgba12121212Uint,
            PixelFormat::Rgba14141414Uint => Layout::Rgba14141414Uint,
            PixelFormat::Bgra1010102 => Layout::Bgra1010102,
            PixelFormat::Bgrx1010102 => Layout::Bgrx1010102,
            PixelFormat::Y8 => Layout::Y8,
            PixelFormat::Y16 => Layout::Y16,
        })
    }
}

/// The name, as policies write it.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
