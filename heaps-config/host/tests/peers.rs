//! What other allocators have compiled in can be written as a policy, and gives the plans that they give.
//!
//! Each worked example that was derived from an allocator's sources, and the test that has it; those of blocks are in
//! `compressed_peers.rs`.
//!
//! | allocator | examples | test |
//! |---|---|---|
//! | Rockchip | NV12 of 1920, 1280 and 2048 pixels with the odd bit, without a bit; NV15 with 64, NV16 with 16 | `rockchip_worked_examples` |
//! | Pixel | NV12 for hardware and for the encoder, RGBA for the GPU | `pixel_worked_examples` |
//! | minigbm | Rockchip's NV12, MediaTek's for the encoder, msm's of 1920 and 1280 pixels | `minigbm_worked_examples` |
//! | NXP | NV12 with PADDING_BUFFER | `nxp_worked_examples` |
//! | Qualcomm | NV12 VENUS, NV21, NV12_HEIF, NV21_ZSL, RAW10 | `qualcomm_worked_examples` |
//! | Samsung | 420_SPN for video and GPU, the same with the composer until Android 12 | `samsung_worked_examples` |
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{plan, Asked};
use gralloc_buffer::Layout;
use heaps_config::Policy;
use heaps_host::{lint, Format, Source};

#[track_caller]
fn policy(name: &str, text: &str) -> Policy {
    let linted = lint(Source::text(name, text, Format::Toml));
    assert!(linted.findings.is_empty(), "{}", linted.render(false));
    linted.policy().unwrap().clone()
}

fn pixel() -> Policy {
    policy("pixel.toml", include_str!("../../vendors/pixel.toml"))
}

#[test]
fn pixel_has_a_protected_heap_for_each_use() {
    let policy = pixel();
    let heap_of = |usage| plan(&policy, Asked { usage, ..Asked::default() }).unwrap().heaps;
    assert_eq!(heap_of("PROTECTED|CAMERA_OUTPUT|CAMERA_INPUT"), ["farawimg-secure"]);
    assert_eq!(heap_of("PROTECTED|CAMERA_OUTPUT|COMPOSER_OVERLAY|GPU_TEXTURE"), ["faprev-secure"]);
    assert_eq!(heap_of("PROTECTED|CAMERA_OUTPUT|COMPOSER_OVERLAY"), ["vframe-secure"]);
    assert_eq!(heap_of("PROTECTED|VIDEO_DECODER"), ["vframe-secure"]);
    assert_eq!(heap_of("SENSOR_DIRECT_DATA"), ["sensor_direct_heap"]);
    assert_eq!(heap_of("GPU_RENDER_TARGET|COMPOSER_OVERLAY"), ["system"]);
}

#[test]
fn pixel_camera_is_uncached_unless_the_cpu_reads_often() {
    let policy = pixel();
    let heaps_of = |usage, present: &'static [&'static str]| {
        plan(&policy, Asked { format: "YCBCR_420_888", usage, present: Some(present), ..Asked::default() })
            .map(|plan| plan.heaps)
    };
    let all = &["gcma_camera", "gcma_camera-uncached", "system", "system-uncached"][..];
    let preview = "CAMERA_OUTPUT|GPU_TEXTURE";
    assert_eq!(heaps_of(preview, all).unwrap()[0], "gcma_camera-uncached");
    assert_eq!(heaps_of(preview, &["system", "system-uncached"]).unwrap(), ["system-uncached", "system"]);
    assert_eq!(heaps_of("CAMERA_OUTPUT|CPU_READ_OFTEN", all).unwrap(), ["gcma_camera", "system"]);
    // Rarely is not often: the field is a value, not a set of bits.
    assert_eq!(heaps_of("CAMERA_OUTPUT|CPU_READ_RARELY", all).unwrap()[0], "gcma_camera-uncached");
    assert_eq!(heaps_of("PROTECTED|CAMERA_OUTPUT", all).unwrap_err(), "heaps-absent", "never ordinary memory");
}

#[test]
fn pixel_alignments() {
    let policy = pixel();
    let stride =
        |format, usage, width| plan(&policy, Asked { format, usage, width, ..Asked::default() }).unwrap().planes[0].1;
    assert_eq!(stride("YCRCB_420_SP", "VIDEO_DECODER", 1921), 1936);
    assert_eq!(stride("YCRCB_420_SP", "CAMERA_OUTPUT", 1921), 1984);
    assert_eq!(stride("RGBA_8888", "GPU_TEXTURE", 1081), 4352);
    assert_eq!(stride("RGBA_8888", "CPU_READ_OFTEN", 1081), 4352);
    let usage = "CPU_WRITE_OFTEN|GPU_TEXTURE";
    let yv12 = plan(&policy, Asked { format: "YV12", usage, width: 1921, height: 2, ..Asked::default() }).unwrap();
    let strides: Vec<u32> = yv12.planes.iter().map(|plane| plane.1).collect();
    assert_eq!(strides, [1984, 992, 992], "the GPU's 64 bytes of luma, chroma half of it");
}

/// A worked example: stride and lines of the first plane, where the second begins, bytes of all.
#[track_caller]
fn example(policy: &Policy, asked: Asked, stride: u32, lines: u32, chroma: u64, bytes: u64) {
    let planned = plan(policy, asked).unwrap();
    let second = planned.planes.get(1).map_or(0, |plane| plane.0);
    let found = (planned.planes[0].1, planned.planes[0].2, second, planned.bytes);
    assert_eq!(found, (stride, lines, chroma, bytes), "{} {}x{}", asked.format, asked.width, asked.height);
}

fn asked(format: &'static str, usage: &'static str, width: i32, height: i32) -> Asked {
    Asked { format, usage, width, height, ..Asked::default() }
}

const HD: (i32, i32) = (1920, 1080);

#[test]
fn pixel_worked_examples() {
    let policy = pixel();
    let nv12 = |usage| asked("GOOGLE_NV12_SP", usage, HD.0, HD.1);
    example(&policy, nv12("VIDEO_DECODER"), 1920, 1080, 2_073_600, 3_110_656);
    example(&policy, nv12("VIDEO_ENCODER|BIG"), 1920, 1080, 2_073_600, 3_127_040);
    example(&policy, asked("RGBA_8888", "GPU_TEXTURE", 1080, 2400), 4352, 2400, 0, 10_445_056);
    // 64 pixels and 16 lines of its own, and both tails.
    let spn = asked("EXYNOS_YCbCr_420_SPN", "VIDEO_DECODER", HD.0, HD.1);
    example(&policy, spn, 1920, 1088, 2_088_960, 3_133_440 + 1024 + 256);
}

fn qualcomm() -> Policy {
    policy("qualcomm.toml", include_str!("../../vendors/qualcomm.toml"))
}

#[test]
fn qualcomm_alignments() {
    let policy = qualcomm();
    let layer = |format, width, height| {
        let plan =
            plan(&policy, Asked { format, usage: "COMPOSER_OVERLAY", width, height, ..Asked::default() }).unwrap();
        (plan.planes[0].1, plan.planes[0].2)
    };
    assert_eq!(layer("RGBA_8888", 1081, 2401), (4352, 2432));
    assert_eq!(layer("YCBCR_P010", 1921, 1080), (4096, 1088));
    assert_eq!(layer("YCRCB_420_SP", 1921, 1080), (2048, 1088));
    assert_eq!(layer("RGB_565", 1081, 2401), (2304, 2401));
    let adreno = plan(&policy, asked("YCrCb_420_SP_ADRENO", "GPU_TEXTURE", 1000, 750)).unwrap();
    assert_eq!(adreno.planes, [(0, 1024, 750), (770_048, 1024, 384)], "each plane to a page, chroma 2·align(w/2, 32)");
    assert_eq!(adreno.bytes, 770_048 + 393_216);
}

#[test]
fn qualcomm_worked_examples() {
    let policy = qualcomm();
    let hd = |format| asked(format, "VIDEO_DECODER", HD.0, HD.1);
    example(&policy, hd("YCbCr_420_SP_VENUS"), 1920, 1088, 2_088_960, 3_133_440);
    example(&policy, hd("YCRCB_420_SP"), 1920, 1088, 2_088_960, 3_137_536);
    example(&policy, hd("NV12_HEIF"), 2048, 1536, 3_145_728, 4_718_592);
    example(&policy, asked("NV21_ZSL", "CAMERA_OUTPUT", 4000, 3000), 4032, 3008, 12_128_256, 18_194_432);
    example(&policy, asked("RAW10", "CAMERA_OUTPUT", 4000, 3000), 5008, 3000, 0, 15_024_128);
}

/// The same number is another format on another SoC.
#[test]
fn a_vendor_s_number_is_what_the_policy_says() {
    let venus = plan(&qualcomm(), asked("NV12_ENCODEABLE", "VIDEO_DECODER", 640, 480)).unwrap();
    assert_eq!((venus.layout, venus.planes[0]), (Layout::Nv12, (0, 640, 480)));
    let nxp = policy("nxp.toml", include_str!("../../vendors/nxp.toml"));
    let packed = plan(&nxp, asked("NXP_CbYCrY_422_I", "VIDEO_DECODER", 640, 480)).unwrap();
    assert_eq!((packed.layout, packed.planes[0]), (Layout::Vendor, (0, 1280, 480)));
    let value = |policy: &Policy, name: &str| policy.formats.iter().find(|format| format.name == name).unwrap().value;
    assert_eq!(value(&qualcomm(), "NV12_ENCODEABLE"), value(&nxp, "NXP_CbYCrY_422_I"));
}

#[test]
fn qualcomm_private_bits_and_node_names() {
    let policy = qualcomm();
    let heaps_of = |usage| plan(&policy, Asked { usage, ..Asked::default() }).map(|plan| plan.heaps);
    assert_eq!(heaps_of("PROTECTED|CAMERA_OUTPUT").unwrap(), ["secure-pixel"]);
    assert_eq!(heaps_of("PROTECTED|VIDEO_DECODER").unwrap(), ["secure-pixel"]);
    assert_eq!(
        heaps_of("PROTECTED|SECURE_DISPLAY").unwrap_err(),
        "denied",
        "qcom,display is ordinary until it is lent"
    );
    assert_eq!(heaps_of("SECURE_DISPLAY|CAMERA_OUTPUT").unwrap_err(), "denied");
    // Bit 28 asks for compression, and is no secret.
    assert_eq!(heaps_of("ALLOC_UBWC|CAMERA_OUTPUT").unwrap(), ["system"]);
    assert_eq!(policy.heaps[0].nodes, ["qcom,system", "system"]);
}

fn rockchip() -> Policy {
    policy("rockchip.toml", include_str!("../../vendors/rockchip.toml"))
}

#[test]
fn rockchip_stride_by_usage_bit() {
    let policy = rockchip();
    let stride =
        |format, usage| plan(&policy, Asked { format, usage, width: 1921, ..Asked::default() }).unwrap().planes[0].1;
    for (usage, nv12, yuy2) in [
        ("VIDEO_DECODER", 2048, 3968),
        ("VIDEO_DECODER|STRIDE_ALIGN_16", 1936, 3856),
        ("VIDEO_DECODER|STRIDE_ALIGN_64", 1984, 3904),
        ("VIDEO_DECODER|STRIDE_ALIGN_128", 2048, 3968),
        ("VIDEO_DECODER|STRIDE_ALIGN_256_ODD_TIMES", 2304, 4352),
        ("VIDEO_DECODER|SPECIFY_STRIDE", 1922, 3844),
        // A bit is more than the width.
        ("VIDEO_DECODER|SPECIFY_STRIDE|STRIDE_ALIGN_16", 1936, 3856),
    ] {
        assert_eq!((stride("YCrCb_NV12", usage), stride("YCBCR_422_I", usage)), (nv12, yuy2), "{usage}");
        // None of the video engines' formats: it has neither the bits nor the motion vectors.
        let nv21 = plan(&policy, asked("YCRCB_420_SP", usage, 1921, 1080)).unwrap();
        assert_eq!((nv21.planes[0].1, nv21.bytes), (2048, 3_317_760), "{usage}");
    }
    assert_eq!(stride("RGBA_8888", "GPU_TEXTURE"), 7744);
    // The bits are the video engines'.
    assert_eq!(stride("RGBA_8888", "GPU_TEXTURE|STRIDE_ALIGN_256_ODD_TIMES"), 7744);
    let lines = |usage| plan(&policy, asked("RGBA_8888", usage, 64, 65)).unwrap().planes[0].2;
    assert_eq!(lines("ALLOC_HEIGHT_ALIGN_8"), 72);
    assert_eq!(lines("ALLOC_HEIGHT_ALIGN_16"), 80);
    assert_eq!(lines("ALLOC_HEIGHT_ALIGN_8|ALLOC_HEIGHT_ALIGN_16"), 128);
    let heaps_of = |usage| plan(&policy, Asked { usage, ..Asked::default() }).unwrap().heaps;
    assert_eq!(heaps_of("PHY_CONTIG_BUFFER"), ["cma"]);
    assert_eq!(heaps_of("WITHIN_4G|CPU_READ_OFTEN"), ["dma32"]);
    assert_eq!(heaps_of("WITHIN_4G|GPU_TEXTURE"), ["dma32-uncached", "dma32"]);
}

#[test]
fn rockchip_worked_examples() {
    let policy = rockchip();
    let odd = "VIDEO_DECODER|STRIDE_ALIGN_256_ODD_TIMES";
    example(&policy, asked("YCrCb_NV12", odd, 1920, 1080), 2304, 1080, 2_488_320, 4_976_640);
    example(&policy, asked("YCrCb_NV12", odd, 1280, 720), 1280, 720, 921_600, 1_843_200);
    example(&policy, asked("YCrCb_NV12", odd, 2048, 1080), 2304, 1080, 2_488_320, 4_976_640);
    example(&policy, asked("YCrCb_NV12", "VIDEO_DECODER", 1920, 1080), 1920, 1080, 2_073_600, 3_110_400);
    let bits = "VIDEO_DECODER|STRIDE_ALIGN_64";
    example(&policy, asked("YCrCb_NV12_10", bits, 1920, 1080), 2432, 1080, 2_626_560, 5_253_120);
    let bits = "VIDEO_DECODER|STRIDE_ALIGN_16";
    example(&policy, asked("YCBCR_422_SP", bits, 1920, 1080), 1920, 1080, 2_073_600, 5_184_000);
    // Its chroma has twice the bytes.
    let nv24 = plan(&policy, asked("YCBCR_444_888", "VIDEO_DECODER|SPECIFY_STRIDE", 1920, 1080)).unwrap();
    assert_eq!(nv24.planes, [(0, 1920, 1080), (2_073_600, 3840, 1080)]);
    assert_eq!(nv24.bytes, 6_220_800);
    // Rounded by itself: 3842 bytes to 3856, not twice the 1936 of the first plane.
    let nv24 = plan(&policy, asked("YCBCR_444_888", "VIDEO_DECODER|STRIDE_ALIGN_16", 1921, 2)).unwrap();
    assert_eq!(nv24.planes, [(0, 1936, 2), (3872, 3856, 2)]);
    // 3840 is fifteen times 256.
    let odd = plan(&policy, asked("YCBCR_444_888", "VIDEO_DECODER|STRIDE_ALIGN_256_ODD_TIMES", 1920, 1080)).unwrap();
    assert_eq!(odd.planes, [(0, 2304, 1080), (2_488_320, 3840, 1080)]);
    assert_eq!(odd.bytes, 3 * 2_488_320, "the motion vectors' minimum");
    let read = plan(&policy, asked("Y8", "CPU_READ_OFTEN", 1921, 2)).unwrap();
    assert_eq!(read.stride, 1936);
}

/// 64 bytes of whatever is not YUV, for every usage that is neither the CPU's nor a vendor's; for both, both.
#[test]
fn rockchip_any_hardware_has_64_bytes() {
    let policy = rockchip();
    let stride = |format, usage, width, height| plan(&policy, asked(format, usage, width, height)).unwrap().planes[0].1;
    for usage in [
        "COMPOSER_CURSOR",
        "FRONT_BUFFER",
        "RENDERSCRIPT",
        "HW_IMAGE_ENCODER",
        "SENSOR_DIRECT_DATA",
        "GPU_DATA_BUFFER",
        "GPU_TEXTURE|CPU_READ_OFTEN",
    ] {
        assert_eq!(stride("RGBA_8888", usage, 61, 61), 256, "{usage}");
    }
    assert_eq!(stride("RGBA_8888", "CPU_READ_OFTEN", 61, 61), 244);
    assert_eq!(stride("DEPTH_16", "GPU_RENDER_TARGET", 61, 61), 128);
    assert_eq!(stride("RAW10", "CAMERA_OUTPUT", 4056, 3040), 5120);
    // The CPU steps through four pixels: 5 bytes of RAW10, 6 of RAW12.
    for (format, hardware, both) in [("RAW10", 5056, 5120), ("RAW12", 6016, 6144), ("RAW16", 8000, 8000)] {
        assert_eq!(stride(format, "CAMERA_OUTPUT", 4000, 3000), hardware, "{format}");
        assert_eq!(stride(format, "CAMERA_OUTPUT|CPU_READ_OFTEN", 4000, 3000), both, "{format}");
    }
}

#[test]
fn minigbm_worked_examples() {
    let rockchip = policy("minigbm-rockchip.toml", include_str!("../../vendors/minigbm-rockchip.toml"));
    let nv12 = |usage, width, height| asked("YCBCR_420_888", usage, width, height);
    example(&rockchip, nv12("VIDEO_DECODER", 1920, 1080), 1920, 1088, 2_088_960, 4_177_920);
    let mediatek = policy("minigbm-mediatek.toml", include_str!("../../vendors/minigbm-mediatek.toml"));
    example(&mediatek, nv12("VIDEO_ENCODER", 1920, 1080), 1920, 1088, 2_150_400, 3_225_600);
    let msm = policy("minigbm-msm.toml", include_str!("../../vendors/minigbm-msm.toml"));
    example(&msm, nv12("VIDEO_DECODER", 1920, 1080), 1920, 1088, 2_088_960, 3_145_728);
    example(&msm, nv12("VIDEO_DECODER", 1280, 720), 1280, 736, 942_080, 1_425_408);
    // 460,800 of the planes and 12,288 behind them are 473,088; then whole pages.
    example(&msm, nv12("VIDEO_DECODER", 640, 480), 640, 480, 307_200, 475_136);
}

#[test]
fn nxp_worked_examples() {
    let policy = policy("nxp.toml", include_str!("../../vendors/nxp.toml"));
    let nv12 = asked("NXP_NV12", "VIDEO_DECODER|PADDING_BUFFER", 1920, 1080);
    example(&policy, nv12, 1920, 1088, 2_088_960, 3_655_712);
    // Ten bits of 1920 pixels are 2400 bytes.
    let p010 = asked("NXP_P010", "VIDEO_DECODER", 1920, 1080);
    example(&policy, p010, 2400, 1080, 2_592_000, 3_888_000);
}

#[test]
fn samsung_worked_examples() {
    let policy = policy("samsung.toml", include_str!("../../vendors/samsung.toml"));
    let spn = |usage| asked("EXYNOS_YCbCr_420_SPN", usage, 1920, 1080);
    example(&policy, spn("VIDEO_DECODER|GPU_TEXTURE"), 1920, 1088, 2_088_960, 3_133_696);
    let display = "VIDEO_DECODER|GPU_TEXTURE|COMPOSER_OVERLAY";
    example(&policy, spn(display), 1920, 1088, 2_089_216, 3_134_208);
}

#[test]
fn minigbm_camera_and_video_are_in_blocks_of_32_pixels() {
    let policy = lint(heaps_host::profile("cuttlefish").unwrap()).policy().unwrap().clone();
    for (format, usage) in
        [("YCBCR_420_888", "CAMERA_OUTPUT"), ("YV12", "VIDEO_DECODER"), ("YCBCR_P010", "VIDEO_DECODER")]
    {
        let plan = plan(&policy, Asked { format, usage, width: 1921, ..Asked::default() }).unwrap();
        assert_eq!(plan.stride, 1952, "{format}");
    }
    let plan =
        plan(&policy, Asked { format: "YCBCR_420_888", usage: "CPU_READ_OFTEN", width: 1921, ..Asked::default() })
            .unwrap();
    assert_eq!((plan.layout, plan.stride), (Layout::Nv12, 1922));
}
