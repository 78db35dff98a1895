// Wire contract: android.hardware.graphics.common V5, YCBCR_P210 of V6, and the formats of V7 (AOSP hardware/interfaces/graphics/common/
// aidl). An enum is open on the wire, so later values arrive as plain numbers and are refused by value. Comments are
// this project's; what each format looks like in memory is written down in service/buffer/src/layout.rs.
package android.hardware.graphics.common;

@VintfStability
@Backing(type="int")
enum PixelFormat {
    UNSPECIFIED = 0,

    // Colour, a whole number of bits a channel.
    RGBA_8888 = 0x1,
    RGBX_8888 = 0x2,
    RGB_888 = 0x3,
    RGB_565 = 0x4,
    BGRA_8888 = 0x5,

    // Luma and chroma that share a buffer. SP: chroma in a plane of its own; I: interleaved with luma.
    YCBCR_422_SP = 0x10,
    YCRCB_420_SP = 0x11,
    YCBCR_422_I = 0x14,

    // Half floats.
    RGBA_FP16 = 0x16,

    // Camera sensors, bytes without shape, and what the device chooses.
    RAW16 = 0x20,
    BLOB = 0x21,
    IMPLEMENTATION_DEFINED = 0x22,
    YCBCR_420_888 = 0x23,
    RAW_OPAQUE = 0x24,
    RAW10 = 0x25,
    RAW12 = 0x26,

    // Ten bits a colour.
    RGBA_1010102 = 0x2b,

    // FourCC-like values: "Y8  ", "Y16 ", "YV12".
    Y8 = 0x20203859,
    Y16 = 0x20363159,
    YV12 = 0x32315659,

    // Depth and stencil.
    DEPTH_16 = 0x30,
    DEPTH_24 = 0x31,
    DEPTH_24_STENCIL_8 = 0x32,
    DEPTH_32F = 0x33,
    DEPTH_32F_STENCIL_8 = 0x34,
    STENCIL_8 = 0x35,

    YCBCR_P010 = 0x36,
    HSV_888 = 0x37,

    // Red alone, red and green, and four channels of ten bits.
    R_8 = 0x38,
    R_16_UINT = 0x39,
    RG_1616_UINT = 0x3a,
    RGBA_10101010 = 0x3b,

    // From common V6.
    YCBCR_P210 = 0x3c,

    // From common V7. 12- and 14-bit values are in the top bits of 16.
    RAW14 = 0x2c,
    R_12_UINT = 0x3d,
    R_14_UINT = 0x3e,
    RG_1212_UINT = 0x3f,
    RG_1414_UINT = 0x40,
    RGBA_12121212_UINT = 0x41,
    RGBA_14141414_UINT = 0x42,
    BGRA_1010102 = 0x43,
    BGRX_1010102 = 0x44,
}
