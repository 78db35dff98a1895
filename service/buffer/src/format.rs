//! `PixelFormat`: the formats a client may name.
//!
//! Source: AOSP `hardware/interfaces/graphics/common/aidl/.../PixelFormat.aidl` (common V5 to V7).

macro_rules! pixel_formats {
    ($($(#[$doc:meta])* $variant:ident = $value:literal, $name:literal;)*) => {
        /// A value of the AIDL enum, or one of a vendor's that a policy names; anything else never becomes one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum PixelFormat {
            $($(#[$doc])* $variant,)*
            /// A value that AIDL does not name. Only a policy, and the handles of its buffers, say what it is.
            Vendor(i32),
        }

        impl PixelFormat {
            /// Every format that AIDL names, in the order of the values.
            pub const ALL: &'static [PixelFormat] = &[$(PixelFormat::$variant,)*];

            /// The format of a wire value; `None` for a value that AIDL does not define.
            pub const fn from_wire(value: i32) -> Option<PixelFormat> {
                match value { $($value => Some(PixelFormat::$variant),)* _ => None }
            }

            /// The wire value.
            pub const fn to_wire(self) -> i32 {
                match self { $(PixelFormat::$variant => $value,)* PixelFormat::Vendor(value) => value }
            }

            /// The AIDL name; `VENDOR` for a vendor's, whose name is the policy's.
            pub const fn name(self) -> &'static str {
                match self { $(PixelFormat::$variant => $name,)* PixelFormat::Vendor(_) => "VENDOR" }
            }

            /// The format of an AIDL name.
            pub fn from_name(name: &str) -> Option<PixelFormat> {
                match name { $($name => Some(PixelFormat::$variant),)* _ => None }
            }
        }
    };
}

/// The AIDL name, or a vendor's value.
impl std::fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PixelFormat::Vendor(value) => write!(f, "{value:#x}"),
            named => f.write_str(named.name()),
        }
    }
}

pixel_formats! {
    /// No format; never allocated.
    Unspecified = 0, "UNSPECIFIED";
    /// R, G, B, A, a byte each, R at the lowest address.
    Rgba8888 = 1, "RGBA_8888";
    /// As `RGBA_8888`, the fourth byte unused.
    Rgbx8888 = 2, "RGBX_8888";
    /// R, G, B, a byte each.
    Rgb888 = 3, "RGB_888";
    /// 16 bits, R highest.
    Rgb565 = 4, "RGB_565";
    /// B, G, R, A, a byte each.
    Bgra8888 = 5, "BGRA_8888";
    /// NV16: luma, then interleaved Cb and Cr, chroma halved across.
    Ycbcr422Sp = 0x10, "YCBCR_422_SP";
    /// NV21: luma, then interleaved Cr and Cb, chroma halved both ways.
    Ycrcb420Sp = 0x11, "YCRCB_420_SP";
    /// YUY2: Y, Cb, Y, Cr interleaved.
    Ycbcr422I = 0x14, "YCBCR_422_I";
    /// Four half-precision floats.
    RgbaFp16 = 0x16, "RGBA_FP16";
    /// One 16-bit sample a pixel from a Bayer sensor.
    Raw16 = 0x20, "RAW16";
    /// Bytes without a shape: the width is the size, the height 1.
    Blob = 0x21, "BLOB";
    /// What the device likes best for the usage; the policy says what.
    ImplementationDefined = 0x22, "IMPLEMENTATION_DEFINED";
    /// Any 8-bit 4:2:0 layout; the policy says which.
    Ycbcr420_888 = 0x23, "YCBCR_420_888";
    /// A sensor's own raw layout; the policy says which.
    RawOpaque = 0x24, "RAW_OPAQUE";
    /// Four 10-bit samples in five bytes.
    Raw10 = 0x25, "RAW10";
    /// Two 12-bit samples in three bytes.
    Raw12 = 0x26, "RAW12";
    /// 10 bits of R, G, B, two of A, in 32 bits, R lowest.
    Rgba1010102 = 0x2b, "RGBA_1010102";
    /// Four 14-bit samples in seven bytes.
    Raw14 = 0x2c, "RAW14";
    /// 16-bit depth.
    Depth16 = 0x30, "DEPTH_16";
    /// 24-bit depth in 32 bits.
    Depth24 = 0x31, "DEPTH_24";
    /// 24-bit depth and 8-bit stencil.
    Depth24Stencil8 = 0x32, "DEPTH_24_STENCIL_8";
    /// Float depth.
    Depth32F = 0x33, "DEPTH_32F";
    /// Float depth and 8-bit stencil.
    Depth32FStencil8 = 0x34, "DEPTH_32F_STENCIL_8";
    /// 8-bit stencil.
    Stencil8 = 0x35, "STENCIL_8";
    /// 10-bit 4:2:0 in 16-bit samples, semi-planar.
    YcbcrP010 = 0x36, "YCBCR_P010";
    /// Hue, saturation, value, a byte each.
    Hsv888 = 0x37, "HSV_888";
    /// One byte of red.
    R8 = 0x38, "R_8";
    /// 16 bits of red, unsigned.
    R16Uint = 0x39, "R_16_UINT";
    /// 16 bits each of red and green, unsigned.
    Rg1616Uint = 0x3a, "RG_1616_UINT";
    /// 10 bits each of R, G, B, A, each in the high bits of 16.
    Rgba10101010 = 0x3b, "RGBA_10101010";
    /// 10-bit 4:2:2 in 16-bit samples, semi-planar.
    YcbcrP210 = 0x3c, "YCBCR_P210";
    /// 12 bits of red, unsigned, in the high bits of 16.
    R12Uint = 0x3d, "R_12_UINT";
    /// 14 bits of red, unsigned, in the high bits of 16.
    R14Uint = 0x3e, "R_14_UINT";
    /// 12 bits each of red and green, each in the high bits of 16.
    Rg1212Uint = 0x3f, "RG_1212_UINT";
    /// 14 bits each of red and green, each in the high bits of 16.
    Rg1414Uint = 0x40, "RG_1414_UINT";
    /// 12 bits each of R, G, B, A, each in the high bits of 16.
    Rgba12121212Uint = 0x41, "RGBA_12121212_UINT";
    /// 14 bits each of R, G, B, A, each in the high bits of 16.
    Rgba14141414Uint = 0x42, "RGBA_14141414_UINT";
    /// 10 bits of B, G, R, two of A, in 32 bits, B lowest.
    Bgra1010102 = 0x43, "BGRA_1010102";
    /// As `BGRA_1010102`, the highest two bits unused.
    Bgrx1010102 = 0x44, "BGRX_1010102";
    /// 8-bit luma alone.
    Y8 = 0x2020_3859, "Y8";
    /// 16-bit luma alone.
    Y16 = 0x2036_3159, "Y16";
    /// Three planes Y, Cr, Cb, 4:2:0, strides a multiple of 16.
    Yv12 = 0x3231_5659, "YV12";
}

impl PixelFormat {
    /// The version of `android.hardware.graphics.common` that first has it; 5 for what is older.
    pub const fn since(self) -> u32 {
        match self {
            PixelFormat::YcbcrP210 => 6,
            PixelFormat::Raw14
            | PixelFormat::R12Uint
            | PixelFormat::R14Uint
            | PixelFormat::Rg1212Uint
            | PixelFormat::Rg1414Uint
            | PixelFormat::Rgba12121212Uint
            | PixelFormat::Rgba14141414Uint
            | PixelFormat::Bgra1010102
            | PixelFormat::Bgrx1010102 => 7,
            _ => 5,
        }
    }
}
