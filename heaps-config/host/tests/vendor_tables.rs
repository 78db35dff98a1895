//! What each vendor's table says beside the worked examples of `peers.rs` and `compressed_peers.rs`: formats, usage bits and refusals,
//! each figure worked out from the allocator's own rule.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{descriptor, plan, Asked};
use gralloc_buffer::layout::afbc;
use heaps_config::policy::{HeapSet, LayoutName};
use heaps_config::Policy;
use heaps_host::{lint, Format, Source};

const TABLES: [(&str, &str); 10] = [
    ("arm", include_str!("../../vendors/arm.toml")),
    ("minigbm-mediatek", include_str!("../../vendors/minigbm-mediatek.toml")),
    ("minigbm-msm", include_str!("../../vendors/minigbm-msm.toml")),
    ("minigbm-rockchip", include_str!("../../vendors/minigbm-rockchip.toml")),
    ("nxp", include_str!("../../vendors/nxp.toml")),
    ("pixel", include_str!("../../vendors/pixel.toml")),
    ("qualcomm", include_str!("../../vendors/qualcomm.toml")),
    ("raspberrypi", include_str!("../../vendors/raspberrypi.toml")),
    ("rockchip", include_str!("../../vendors/rockchip.toml")),
    ("samsung", include_str!("../../vendors/samsung.toml")),
];

#[track_caller]
fn table(name: &str) -> Policy {
    let text = TABLES.iter().find(|table| table.0 == name).unwrap().1;
    let linted = lint(Source::text(name, text, Format::Toml));
    assert!(linted.findings.is_empty(), "{}", linted.render(false));
    linted.policy().unwrap().clone()
}

fn asked(format: &'static str, usage: &'static str, width: i32, height: i32) -> Asked {
    Asked { format, usage, width, height, ..Asked::default() }
}

/// Stride and lines of each plane, and bytes of all.
#[track_caller]
fn lies(policy: &Policy, asked: Asked, planes: &[(u32, u32)], bytes: u64) {
    let planned = plan(policy, asked).unwrap();
    let found: Vec<(u32, u32)> = planned.planes.iter().map(|plane| (plane.1, plane.2)).collect();
    assert_eq!((&found[..], planned.bytes), (planes, bytes), "{} {}", asked.format, asked.usage);
}

#[track_caller]
fn modifier(policy: &Policy, asked: Asked) -> u64 {
    gralloc_allocator::plan(&descriptor(policy, &asked), policy, HeapSet::ALL).unwrap().modifier()
}

#[track_caller]
fn refused(policy: &Policy, format: &'static str, usage: &'static str, cause: &str) {
    assert_eq!(plan(policy, asked(format, usage, 1920, 1080)).unwrap_err(), cause, "{format} {usage}");
}

/// Each has some of its worked examples in it, so that `heapctl test` tries them beside what a board adds.
#[test]
fn every_table_s_own_expectations_hold() {
    for (name, text) in TABLES {
        let linted = lint(Source::text(name, text, Format::Toml));
        assert!(linted.expectations().len() > 1, "{name}");
        common::holds(&linted);
    }
}

/// YUV has 128 bytes and an even height, RGB 64 bytes, whatever hardware it is for.
#[test]
fn rockchip_aligns_every_format() {
    let rockchip = table("rockchip");
    let packed = asked("YCrCb_420_SP_10", "VIDEO_DECODER", 1920, 1080);
    lies(&rockchip, packed, &[(2432, 1080), (2432, 540)], 3_939_840);
    let bit = asked("YCrCb_420_SP_10", "VIDEO_DECODER|STRIDE_ALIGN_64", 1920, 1080);
    lies(&rockchip, bit, &[(2432, 1080), (2432, 540)], 5_253_120);
    lies(&rockchip, asked("YCBCR_422_I", "GPU_TEXTURE", 1366, 767), &[(2816, 768)], 2_162_688);
    lies(&rockchip, asked("YCBCR_P010", "GPU_TEXTURE", 1366, 767), &[(2816, 768), (2816, 384)], 3_244_032);
    lies(&rockchip, asked("Y8", "CAMERA_OUTPUT", 1366, 767), &[(1408, 767)], 1_079_936);
    for (format, stride) in [
        ("RGBA_8888", 4352),
        ("sRGB_A_8888", 4352),
        ("sRGB_X_8888", 4352),
        ("RGBA_1010102", 4352),
        ("RGBX_1010102", 4352),
        ("RGBA_FP16", 8704),
        ("RGB_565", 2176),
        // Whole pixels, too: 192 bytes.
        ("RGB_888", 3264),
        ("BGR_888", 3264),
    ] {
        lies(&rockchip, asked(format, "GPU_RENDER_TARGET", 1081, 10), &[(stride, 10)], u64::from(stride) * 10);
    }
}

#[test]
fn rockchip_has_no_afbc_for_data_for_who_says_no_and_between_codecs() {
    let rockchip = table("rockchip");
    for format in ["YUV420_8BIT_I", "YUV420_10BIT_I", "Y210"] {
        refused(&rockchip, format, "VIDEO_DECODER|NO_AFBC", "combination");
        refused(&rockchip, format, "VIDEO_DECODER|GPU_DATA_BUFFER", "combination");
        refused(&rockchip, format, "VIDEO_DECODER|VIDEO_ENCODER", "denied");
        assert_ne!(modifier(&rockchip, asked(format, "VIDEO_ENCODER", 64, 64)), 0);
    }
}

/// Lines of 64 bytes, not pixels; the encoder's 32 lines behind each plane, for the camera's preview as well.
#[test]
fn minigbm_mediatek() {
    let mediatek = table("minigbm-mediatek");
    lies(&mediatek, asked("RGBA_8888", "GPU_RENDER_TARGET", 1366, 768), &[(5504, 768)], 4_227_072);
    lies(&mediatek, asked("RGB_565", "GPU_RENDER_TARGET", 1366, 768), &[(2752, 768)], 2_113_536);
    let yv12 = asked("YV12", "GPU_TEXTURE", 1366, 768);
    lies(&mediatek, yv12, &[(1408, 768), (704, 384), (704, 384)], 1_622_016);
    let encoded = [(1920, 1088), (1920, 544)];
    for usage in ["VIDEO_ENCODER", "CAMERA_OUTPUT|COMPOSER_OVERLAY", "CAMERA_OUTPUT|COMPOSER_OVERLAY|VIDEO_ENCODER"] {
        lies(&mediatek, asked("YCBCR_420_888", usage, 1920, 1080), &encoded, 3_225_600);
    }
    let ten = asked("YCBCR_P010", "VIDEO_ENCODER", 1280, 720);
    lies(&mediatek, ten, &[(2560, 736), (2560, 368)], 1_966_080 + 983_040);
    lies(&mediatek, asked("YCBCR_420_888", "CAMERA_OUTPUT", 1920, 1080), &encoded, 3_133_440);
}

#[test]
fn minigbm_msm() {
    let msm = table("minigbm-msm");
    let rgba = |usage| asked("RGBA_8888", usage, 1920, 1080);
    lies(&msm, rgba("GPU_RENDER_TARGET"), &[(7680, 1088)], 8_355_840);
    lies(&msm, rgba("GPU_RENDER_TARGET|UBWC"), &[(7680, 1088)], 8_355_840 + 36_864);
    assert_eq!(modifier(&msm, rgba("GPU_RENDER_TARGET|UBWC")), 0x0500_0000_0000_0001);
    for usage in ["GPU_RENDER_TARGET|UBWC|FRONT_BUFFER", "GPU_DATA_BUFFER|UBWC", "CPU_READ_OFTEN|UBWC"] {
        assert_eq!(modifier(&msm, rgba(usage)), 0, "{usage}");
    }
    // U has 76,800 bytes: 1,024 are missing to a page.
    lies(&msm, asked("YV12", "CAMERA_OUTPUT", 640, 480), &[(640, 480), (320, 240), (320, 240)], 460_800 + 1024);
    lies(&msm, asked("YV12", "CAMERA_OUTPUT", 100, 2), &[(128, 2), (64, 1), (64, 1)], 256 + 64 + 4096);
    lies(&msm, asked("YCBCR_P010", "VIDEO_DECODER", 1280, 720), &[(2560, 736), (2560, 368)], 2_838_528);
}

#[test]
fn nxp_yv12_is_of_32_pixels() {
    let yv12 = asked("YV12", "VIDEO_DECODER", 1000, 500);
    lies(&table("nxp"), yv12, &[(1024, 500), (512, 250), (512, 250)], 768_000);
}

#[test]
fn pixel() {
    let pixel = table("pixel");
    let all = 256;
    // The GPU's 64 bytes, for every format.
    lies(&pixel, asked("YCRCB_420_SP", "GPU_TEXTURE", 1366, 768), &[(1408, 768), (1408, 384)], 1_622_016 + all);
    lies(&pixel, asked("YCBCR_422_I", "GPU_TEXTURE", 1366, 768), &[(2752, 768)], 2_113_536 + all);
    lies(&pixel, asked("YCBCR_422_I", "VIDEO_DECODER", 1366, 767), &[(2736, 768)], 2_101_248 + all);
    lies(&pixel, asked("Y8", "GPU_TEXTURE", 1366, 7), &[(1408, 7)], 9_856 + all);
    // YV12's chroma is half of luma, and a multiple of 16.
    let yv12 = |usage| asked("YV12", usage, 1366, 2);
    lies(&pixel, yv12("VIDEO_DECODER"), &[(1376, 2), (688, 1), (688, 1)], 4128 + all);
    lies(&pixel, yv12("CPU_READ_OFTEN|GPU_TEXTURE"), &[(1408, 2), (704, 1), (704, 1)], 4224 + all);
    // At least a page, for Exynos' own formats.
    lies(&pixel, asked("EXYNOS_YCbCr_420_SPN", "VIDEO_DECODER", 64, 16), &[(64, 16), (64, 8)], 4096);
    let planar = asked("EXYNOS_YCbCr_420_P", "VIDEO_DECODER", 1366, 768);
    lies(&pixel, planar, &[(1376, 768), (688, 384), (688, 384)], 1_585_152 + 1024 + all);
    let ten = asked("GOOGLE_NV12_SP_10B", "VIDEO_ENCODER|BIG", 1920, 1080);
    lies(&pixel, ten, &[(3840, 1080), (3840, 540)], 6_220_800 + all + 16_384);
    lies(&pixel, asked("BLOB", "CPU_READ_OFTEN", 1000, 1), &[(1000, 1)], 1000 + all);
}

#[test]
fn pixel_and_arm_compress_no_data_buffer() {
    let screen = asked("RGBA_8888", "GPU_RENDER_TARGET|COMPOSER_OVERLAY|GPU_DATA_BUFFER", 64, 64);
    assert_eq!(modifier(&table("pixel"), screen), 0);
    let arm = table("arm");
    for bit in ["TILED", "WIDE", "AFRC_16_SCAN", "AFRC_24_ROT", "BLOCK_LINEAR", "FRONTBUFFER"] {
        let usage: &'static str = format!("GPU_DATA_BUFFER|{bit}").leak();
        for format in ["RGBA_8888", "RGB_888", "RGB_565", "RGBA_FP16", "YCBCR_420_888", "YCBCR_P010"] {
            assert_eq!(modifier(&arm, asked(format, usage, 64, 64)), 0, "{format} {usage}");
        }
    }
    assert_eq!(modifier(&arm, asked("RGBA_8888", "GPU_TEXTURE|NO_AFBC|TILED", 64, 64)), 0);
    // 64 bits a pixel, tiled: solid colours as well.
    assert_eq!(modifier(&arm, asked("RGBA_FP16", "GPU_TEXTURE|TILED", 64, 64)), 0x0800_0000_0000_0351);
}

#[test]
fn no_gpu_reads_sbwc() {
    for (name, formats) in [
        ("pixel", &["EXYNOS_YCbCr_420_SPN_SBWC"][..]),
        ("samsung", &["EXYNOS_YCbCr_420_SPN_SBWC", "EXYNOS_YCbCr_420_SPN_10B_SBWC", "EXYNOS_YCbCr_420_SPN_SBWC_L50"]),
    ] {
        for format in formats {
            refused(&table(name), format, "VIDEO_DECODER|GPU_TEXTURE", "combination");
            assert_ne!(modifier(&table(name), asked(format, "VIDEO_DECODER|COMPOSER_OVERLAY", 64, 64)), 0);
        }
    }
}

/// The codec's 16 lines and 256 bytes are every format's; YV12 and BLOB have the bytes alone.
#[test]
fn samsung() {
    let samsung = table("samsung");
    let planar = asked("EXYNOS_YCbCr_420_PN", "VIDEO_DECODER", 1920, 1080);
    lies(&samsung, planar, &[(1920, 1088), (960, 544), (960, 544)], 3_133_440 + 256);
    let yv12 = asked("YV12", "VIDEO_DECODER", 640, 479);
    lies(&samsung, yv12, &[(640, 479), (320, 240), (320, 240)], 306_560 + 153_600 + 256);
    lies(&samsung, asked("YCBCR_P010", "VIDEO_DECODER", 1280, 720), &[(2560, 720), (2560, 360)], 2_764_800 + 256);
    lies(&samsung, asked("YCBCR_P010", "VIDEO_DECODER", 1300, 720), &[(2688, 720), (2688, 360)], 2_903_040 + 256);
    lies(&samsung, asked("YCBCR_422_I", "VIDEO_ENCODER", 1366, 760), &[(2736, 768)], 2_101_248 + 256);
    lies(&samsung, asked("BLOB", "VIDEO_ENCODER", 1000, 1), &[(1000, 1)], 1256);
    lies(
        &samsung,
        asked("EXYNOS_YCbCr_420_PN", "GPU_TEXTURE", 1920, 1080),
        &[(1920, 1080), (960, 540), (960, 540)],
        3_110_400,
    );
}

#[test]
fn qualcomm_flexible_formats_follow_the_bits() {
    let qualcomm = table("qualcomm");
    let venus = [(1920, 1088), (1920, 544)];
    let any = |usage| asked("IMPLEMENTATION_DEFINED", usage, 1920, 1080);
    let became = |asked: Asked| {
        let descriptor = descriptor(&qualcomm, &asked);
        let plan = gralloc_allocator::plan(&descriptor, &qualcomm, HeapSet::ALL).unwrap();
        qualcomm.layout_name(plan.resolved.name()).to_owned()
    };
    assert_eq!(became(any("VIDEO_ENCODER|VIDEO_NV21_ENCODER")), "NV21_ENCODEABLE");
    lies(&qualcomm, any("VIDEO_ENCODER|VIDEO_NV21_ENCODER"), &venus, 3_133_440);
    assert_eq!(became(any("VIDEO_ENCODER")), "NV12_ENCODEABLE");
    assert_eq!(became(any("VIDEO_ENCODER|HW_IMAGE_ENCODER")), "NV12_HEIF");
    assert_eq!(became(any("VIDEO_DECODER|TEN_BIT")), "P010");
    lies(&qualcomm, any("VIDEO_DECODER|TEN_BIT"), &[(3840, 1088), (3840, 544)], 6_266_880);
    assert_eq!(became(any("CAMERA_OUTPUT|CAMERA_INPUT")), "NV21_ZSL");
    assert_eq!(became(any("COMPOSER_OVERLAY|GPU_TEXTURE")), "RGBA_8888");
    // Compressed where no CPU comes along.
    for bit in ["ALLOC_UBWC", "ALLOC_UBWC_PI"] {
        let with = |usage: &str| any(format!("{bit}|{usage}").leak());
        assert_eq!(plan(&qualcomm, with("CAMERA_OUTPUT|COMPOSER_OVERLAY")).unwrap().bytes, 3_219_456, "{bit}");
        assert_eq!(plan(&qualcomm, with("VIDEO_DECODER|TEN_BIT")).unwrap().bytes, 4_210_688, "{bit}");
        lies(&qualcomm, with("CAMERA_OUTPUT|CPU_READ_OFTEN"), &venus, 3_133_440);
        lies(&qualcomm, with("CAMERA_OUTPUT|NO_UBWC_P"), &venus, 3_133_440);
        assert_eq!(modifier(&qualcomm, with("CAMERA_OUTPUT|NO_UBWC_P")), 0);
    }
    let explicit = asked("YCbCr_420_SP_VENUS", "VIDEO_DECODER|ALLOC_UBWC", 1920, 1080);
    assert_eq!(plan(&qualcomm, explicit).unwrap().bytes, 3_219_456);
    // What apps see never is.
    let flexible = |usage| asked("YCBCR_420_888", usage, 1920, 1080);
    assert_eq!(became(flexible("CAMERA_OUTPUT|ALLOC_UBWC")), "NV21_ZSL");
    assert_eq!(became(flexible("VIDEO_ENCODER")), "YCbCr_420_SP_VENUS");
    assert_eq!(became(flexible("VIDEO_ENCODER|VIDEO_NV21_ENCODER")), "NV21_ENCODEABLE");
    assert_eq!(became(flexible("CPU_READ_OFTEN")), "NV21_ZSL");
}

#[test]
fn qualcomm_sizes_and_heaps_follow_the_bits() {
    let qualcomm = table("qualcomm");
    let venus = asked("YCbCr_420_SP_VENUS", "PROTECTED|CAMERA_OUTPUT", 1920, 1080);
    assert_eq!(plan(&qualcomm, venus).unwrap().bytes, 2 * 2_097_152, "whole 2 MiB");
    let decoded = asked("YCbCr_420_SP_VENUS", "PROTECTED|VIDEO_DECODER", 1920, 1080);
    assert_eq!(plan(&qualcomm, decoded).unwrap().bytes, 3_133_440);
    lies(&qualcomm, asked("RGBA_8888", "GPU_TEXTURE", 65, 1), &[(512, 1)], 4096);
    lies(&qualcomm, asked("BLOB", "CPU_READ_OFTEN", 1000, 1), &[(1000, 1)], 4096);
    let heic = asked("YCBCR_P010", "CAMERA_OUTPUT|HW_IMAGE_ENCODER", 1920, 1080);
    lies(&qualcomm, heic, &[(4096, 1536), (4096, 768)], 9_437_184);
    let heaps = |usage| plan(&qualcomm, Asked { usage, ..Asked::default() }).map(|planned| planned.heaps);
    assert_eq!(heaps("GPU_TEXTURE|UNCACHED").unwrap(), ["system-uncached"]);
    assert_eq!(heaps("GPU_TEXTURE").unwrap(), ["system"]);
    assert_eq!(heaps("PROTECTED|UNCACHED").unwrap(), ["secure-pixel"]);
    assert_eq!(heaps("PROTECTED|CDSP").unwrap(), ["secure-cdsp"]);
    for usage in ["PROTECTED|TRUSTED_VM", "TRUSTED_VM", "CDSP"] {
        assert_eq!(heaps(usage).unwrap_err(), "denied", "{usage}");
    }
    let uncached = qualcomm.heaps.iter().find(|heap| heap.name == "system-uncached").unwrap();
    assert!(!uncached.cached && uncached.nodes[0] == "qcom,system-uncached");
}

/// Blocks that nobody has written decode: zeros do where headers are tiled and nothing is subsampled, else they are written. Of 4:2:2
/// no such header is known.
#[test]
fn untiled_afbc_has_its_headers_written() {
    let profiles = heaps_host::PROFILES.iter().map(|(name, _)| lint(heaps_host::profile(name).unwrap()));
    let policies: Vec<Policy> = profiles.map(|linted| linted.policy().unwrap().clone()).collect();
    let mut written = 0;
    for policy in TABLES.iter().map(|(name, _)| table(name)).chain(policies) {
        let afbc = policy.compressions.iter().filter(|entry| afbc::is_afbc(entry.modifier));
        for entry in afbc {
            let name = |layout: &LayoutName| policy.layout_name(*layout) == "Y210";
            let needed = entry.modifier & afbc::TILED == 0 && !entry.when.layouts.iter().any(name);
            assert_eq!(entry.initialise.is_some(), needed, "{}: {}", policy.name, entry.name);
            written += usize::from(needed);
        }
    }
    assert!(written > 10);
}

/// 4:2:0 in one plane, behind 131,072 bytes of headers.
#[test]
fn headers_of_a_decoded_frame() {
    let rockchip = table("rockchip");
    let descriptor = descriptor(&rockchip, &asked("YUV420_8BIT_I", "VIDEO_DECODER", 1920, 1080));
    let plan = gralloc_allocator::plan(&descriptor, &rockchip, HeapSet::ALL).unwrap();
    let headers = plan.initial_headers(&rockchip.heaps[0]).unwrap();
    assert_eq!((headers.words, headers.count), ([0x1002_0000, 0x8020_0040, 0x0100_4000, 0x2_0080], 8160));
}
