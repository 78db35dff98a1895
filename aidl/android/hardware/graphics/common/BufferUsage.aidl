// Wire contract: android.hardware.graphics.common V5 (AOSP hardware/interfaces/graphics/common/aidl). Comments are
// this project's. The low byte holds two numbers, how often the CPU reads and writes; everything above is a bit each.
package android.hardware.graphics.common;

@VintfStability
@Backing(type="long")
enum BufferUsage {
    // How often the CPU reads: a number in bits 0 to 3.
    CPU_READ_MASK = 0xf,
    CPU_READ_NEVER = 0,
    CPU_READ_RARELY = 2,
    CPU_READ_OFTEN = 3,

    // How often the CPU writes: a number in bits 4 to 7.
    CPU_WRITE_MASK = 0xf << 4,
    CPU_WRITE_NEVER = 0 << 4,
    CPU_WRITE_RARELY = 2 << 4,
    CPU_WRITE_OFTEN = 3 << 4,

    // Bits 10, 13, 19, 21 and 34 to 47 mean nothing. Bit 33 has a name in V7 (the NPU's), and no allocator up to V3 takes it.
    GPU_TEXTURE = 1 << 8,
    GPU_RENDER_TARGET = 1 << 9,
    COMPOSER_OVERLAY = 1 << 11,
    COMPOSER_CLIENT_TARGET = 1 << 12,
    PROTECTED = 1 << 14,
    COMPOSER_CURSOR = 1 << 15,
    VIDEO_ENCODER = 1 << 16,
    CAMERA_OUTPUT = 1 << 17,
    CAMERA_INPUT = 1 << 18,
    RENDERSCRIPT = 1 << 20,
    VIDEO_DECODER = 1 << 22,
    SENSOR_DIRECT_DATA = 1 << 23,
    GPU_DATA_BUFFER = 1 << 24,
    GPU_CUBE_MAP = 1 << 25,
    GPU_MIPMAP_COMPLETE = 1 << 26,
    HW_IMAGE_ENCODER = 1 << 27,
    FRONT_BUFFER = 1L << 32,

    // The vendor's own: bits 28 to 31 and 48 to 63.
    VENDOR_MASK = 0xfL << 28,
    VENDOR_MASK_HI = (1L * 0xffff) << 48,
}
