//! Compressed and tiled layouts that other allocators have compiled in: their worked examples, as policies.
//!
//! Each worked example that was derived from their sources, and the test that has it; those of lines are in `peers.rs`.
//!
//! | scheme | examples | test |
//! |---|---|---|
//! | AFBC | RGBA plain, tiled and 32x8; NV12 and P010 as one plane; RGB_565; RGBA_FP16 tiled | `afbc_of_one_plane` |
//! | AFBC | minigbm's RGBA of 1366 pixels | `minigbm_afbc_worked_example` |
//! | AFBC | NV12 of two planes, 32x8 and 64x4 | `afbc_of_two_planes` |
//! | AFBC | what Pixel adds behind it | `pixel_afbc_worked_examples` |
//! | AFRC | RGBA of 16 bytes SCAN and 24 ROT, Y of 32 SCAN | `afrc_worked_examples` |
//! | UBWC | NV12 of two fields and of one, TP10, P010 | `ubwc_of_yuv_worked_examples` |
//! | UBWC | RGBA_8888 of three sizes, RGBA_FP16, RGB_565 | `ubwc_of_rgb_worked_examples` |
//! | UBWC | minigbm's NV12 and P010 of 1920 and 1280 pixels | `minigbm_ubwc_worked_examples` |
//! | SBWC | 8 bits, plain and with Pixel's tails | `sbwc_worked_example` |
//! | SAND | NV12 with lines to 8 and to 16, P030 | `sand_worked_examples` |
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{descriptor, Asked};
use gralloc_allocator::Plan;
use gralloc_buffer::handle::{decode, encode, BufferInfo, RawHandle};
use gralloc_buffer::BufferName;
use heaps_config::policy::HeapSet;
use heaps_config::Policy;
use heaps_host::{lint, Format, Source};

fn policy(name: &str, text: &str) -> Policy {
    let linted = lint(Source::text(name, text, Format::Toml));
    assert!(linted.findings.is_empty(), "{}", linted.render(false));
    linted.policy().unwrap().clone()
}

fn arm() -> Policy {
    policy("arm.toml", include_str!("../../vendors/arm.toml"))
}

fn qualcomm() -> Policy {
    policy("qualcomm.toml", include_str!("../../vendors/qualcomm.toml"))
}

fn asked(format: &'static str, usage: &'static str, width: i32, height: i32) -> Asked {
    Asked { format, usage, width, height, ..Asked::default() }
}

/// What the handle says, once it has been through the decoder.
#[track_caller]
fn info(policy: &Policy, asked: Asked) -> BufferInfo {
    let descriptor = descriptor(policy, &asked);
    let plan: Plan<'_> = gralloc_allocator::plan(&descriptor, policy, HeapSet::ALL).unwrap();
    let info = plan.buffer_info(policy, &policy.heaps[0], 1, BufferName::from_text("test"));
    let ints = encode(&info);
    assert_eq!(decode(RawHandle { num_fds: 2, ints: &ints }), Ok(info), "{} {}", asked.format, asked.usage);
    assert!(!info.mappable, "no CPU reads what is compressed");
    info
}

/// Offsets of the planes, as they are listed, with header and body.
fn areas(info: &BufferInfo) -> Vec<(u64, u32, u32)> {
    let areas = info.compression.unwrap().areas;
    info.planes
        .as_slice()
        .iter()
        .zip(areas)
        .map(|(plane, area)| (plane.offset_bytes, area.header_bytes, area.body_bytes))
        .collect()
}

/// One plane: header, body, all, the stride in bytes and the lines.
#[track_caller]
fn one(policy: &Policy, asked: Asked, header: u32, body: u32, total: u64, shape: (u32, u32)) {
    let info = info(policy, asked);
    assert_eq!(areas(&info), [(0, header, body)], "{} {}", asked.format, asked.usage);
    let plane = info.planes.as_slice()[0];
    assert_eq!((info.buffer_bytes, plane.stride_bytes, plane.lines), (total, shape.0, shape.1), "{}", asked.format);
}

const GPU: &str = "GPU_RENDER_TARGET|COMPOSER_OVERLAY";
const TILED: &str = "GPU_RENDER_TARGET|COMPOSER_OVERLAY|TILED";

#[test]
fn afbc_of_one_plane() {
    let arm = arm();
    one(&arm, asked("RGBA_8888", GPU, 1080, 2400), 163_840, 10_444_800, 10_608_640, (4352, 2400));
    one(&arm, asked("RGBA_8888", TILED, 1080, 2400), 176_128, 11_206_656, 11_382_784, (4608, 2432));
    let wide = "GPU_RENDER_TARGET|COMPOSER_OVERLAY|WIDE";
    one(&arm, asked("RGBA_8888", wide, 1920, 1080), 131_072, 8_355_840, 8_486_912, (7680, 1088));
    one(&arm, asked("YCBCR_420_888", GPU, 1920, 1080), 131_072, 3_133_440, 3_264_512, (2880, 1088));
    one(&arm, asked("RGB_565", GPU, 720, 1280), 58_368, 1_843_200, 1_901_568, (1440, 1280));
    one(&arm, asked("RGBA_FP16", TILED, 1080, 2400), 167_936, 21_168_128, 21_336_064, (8704, 2432));
    one(&arm, asked("RGBA_8888", GPU, 1366, 768), 66_560, 4_227_072, 4_293_632, (5504, 768));
    one(&arm, asked("YCBCR_P010", GPU, 1280, 720), 58_368, 1_843_200, 1_901_568, (2400, 720));
}

#[test]
fn afbc_of_two_planes() {
    let info = info(&arm(), asked("YCBCR_420_888", TILED, 1920, 1080));
    assert_eq!(areas(&info), [(0, 139_264, 2_228_224), (2_367_488, 36_864, 1_114_112)]);
    assert_eq!(info.buffer_bytes, 3_518_464);
    assert_eq!((info.fourcc, info.modifier), (u32::from_le_bytes(*b"NV12"), 0x0800_0000_0000_0144));
}

#[test]
fn afbc_of_two_planes_of_ten_bits() {
    let info = info(&arm(), asked("YCBCR_P010", TILED, 1920, 1080));
    assert_eq!(areas(&info), [(0, 139_264, 3_342_336), (3_481_600, 36_864, 1_392_640)]);
    assert_eq!(info.buffer_bytes, 4_911_104);
}

/// Only with tiled headers, as Arm's gralloc sets it: twice the body of `afbc_of_one_plane`, TILED, SC and DB in the modifier.
#[test]
fn afbc_with_a_double_body() {
    let text = include_str!("../../vendors/arm.toml");
    let arm = arm();
    let front = "GPU_RENDER_TARGET|COMPOSER_OVERLAY|FRONTBUFFER";
    one(&arm, asked("RGBA_8888", front, 1080, 2400), 176_128, 22_413_312, 22_589_440, (4608, 2432));
    // 8 x 8 blocks of 768 bytes.
    one(&arm, asked("RGB_888", front, 48, 16), 4096, 98_304, 102_400, (384, 128));
    for (format, usage) in [("RGBA_8888", ""), ("RGB_888", ""), ("RGBA_8888", "|TILED"), ("RGBA_8888", "|WIDE")] {
        let usage: &'static str = format!("{front}{usage}").leak();
        assert_eq!(info(&arm, asked(format, usage, 64, 64)).modifier, 0x0800_0000_0000_0751, "{format} {usage}");
    }
    // The second body is rounded, the first is not.
    let rounded = policy("rounded.toml", &text.replace("copy_align = 4096", "copy_align = 65536"));
    one(&rounded, asked("RGB_888", front, 48, 16), 4096, 49_152 + 65_536, 118_784, (384, 128));
}

#[test]
fn pixel_afbc_worked_examples() {
    let pixel = policy("pixel.toml", include_str!("../../vendors/pixel.toml"));
    one(&pixel, asked("RGBA_8888", GPU, 1080, 2400), 163_840, 10_444_800, 10_608_896, (4352, 2400));
    let padded = "GPU_RENDER_TARGET|COMPOSER_OVERLAY|AFBC_PADDING";
    one(&pixel, asked("RGBA_8888", padded, 1366, 768), 67_584, 4_325_376, 4_393_216, (5632, 768));
}

/// The decoder's formats are compressed or not to be had: 12, 15 and 20 bits a pixel.
#[test]
fn rockchip_afbc_worked_examples() {
    let rockchip = policy("rockchip.toml", include_str!("../../vendors/rockchip.toml"));
    one(&rockchip, asked("YUV420_8BIT_I", "VIDEO_DECODER", 1920, 1080), 131_072, 3_133_440, 3_264_512, (2880, 1088));
    one(&rockchip, asked("YUV420_10BIT_I", "VIDEO_DECODER", 1280, 720), 58_368, 1_843_200, 1_901_568, (2400, 720));
    one(&rockchip, asked("Y210", "VIDEO_DECODER", 1280, 720), 58_368, 2_304_000, 2_362_368, (3200, 720));
    let cpu = common::plan(&rockchip, asked("YUV420_8BIT_I", "VIDEO_DECODER|CPU_READ_OFTEN", 64, 64));
    assert_eq!(cpu.unwrap_err(), "combination");
}

/// Its formula is the same, its modifier another: 16x16, YTR, SPARSE and no SPLIT.
#[test]
fn minigbm_afbc_worked_example() {
    let rockchip = policy("minigbm-rockchip.toml", include_str!("../../vendors/minigbm-rockchip.toml"));
    let rgba = |usage| asked("RGBA_8888", usage, 1366, 768);
    one(&rockchip, rgba("GPU_RENDER_TARGET|USE_AFBC"), 66_560, 4_227_072, 4_293_632, (5504, 768));
    let compressed = info(&rockchip, rgba("GPU_RENDER_TARGET|USE_AFBC"));
    assert_eq!((compressed.fourcc, compressed.modifier), (u32::from_le_bytes(*b"AB24"), 0x0800_0000_0000_0051));
    for linear in ["GPU_RENDER_TARGET", "GPU_DATA_BUFFER|USE_AFBC", "GPU_RENDER_TARGET|USE_AFBC|CPU_READ_OFTEN"] {
        let planned = common::plan(&rockchip, rgba(linear)).unwrap();
        assert_eq!((planned.planes[0].1, planned.bytes), (5504, 4_227_072), "{linear}");
    }
}

#[test]
fn block_linear_worked_examples() {
    let arm = arm();
    let usage = "GPU_TEXTURE|BLOCK_LINEAR";
    let nv12 = info(&arm, asked("YCBCR_420_888", usage, 1920, 1080));
    assert_eq!(areas(&nv12), [(0, 0, 2_088_960), (2_088_960, 0, 1_044_480)]);
    let strides: Vec<(u32, u32)> =
        nv12.planes.as_slice().iter().map(|plane| (plane.stride_bytes, plane.lines)).collect();
    assert_eq!((strides, nv12.buffer_bytes), (vec![(1920, 1088), (1920, 544)], 3_133_440));
    assert!(nv12.compression.unwrap().name.is_empty(), "tiled is not compressed");
    one(&arm, asked("RGBA_8888", usage, 1080, 2400), 0, 10_444_800, 10_444_800, (4352, 2400));
}

#[test]
fn afbc_says_what_it_is() {
    let merged = info(&arm(), asked("YCBCR_420_888", GPU, 1920, 1080));
    assert_eq!((merged.fourcc, merged.modifier), (u32::from_le_bytes(*b"YU08"), 0x0800_0000_0000_0041));
    assert_eq!((merged.planes.as_slice().len(), merged.shapes().len()), (1, 1));
    let compression = merged.compression.unwrap();
    assert_eq!((compression.name.to_string().as_str(), compression.value), ("arm.graphics.Compression", 0));
}

#[test]
fn afrc_worked_examples() {
    let arm = arm();
    one(&arm, asked("RGBA_8888", "GPU_TEXTURE|AFRC_16_SCAN", 1080, 2400), 0, 2_611_200, 2_611_200, (1088, 2400));
    one(&arm, asked("RGBA_8888", "GPU_TEXTURE|AFRC_24_ROT", 1080, 2400), 0, 3_916_800, 3_916_800, (1632, 2400));
    one(&arm, asked("R_8", "GPU_TEXTURE|AFRC_32_SCAN", 1920, 1080), 0, 1_114_112, 1_114_112, (1024, 1088));
}

/// The CPU excludes it; the same request without the CPU's usage is compressed.
#[test]
fn what_the_cpu_uses_is_linear() {
    let arm = arm();
    let descriptor = descriptor(&arm, &asked("RGBA_8888", "GPU_RENDER_TARGET|CPU_READ_RARELY", 1080, 2400));
    let plan = gralloc_allocator::plan(&descriptor, &arm, HeapSet::ALL).unwrap();
    assert!(plan.resolved.compress.is_none() && plan.modifier() == 0);
    assert!(plan.buffer_info(&arm, &arm.heaps[0], 1, BufferName::from_text("")).mappable);
    let qualcomm = qualcomm();
    let ubwc = common::plan(&qualcomm, asked("YCbCr_420_SP_VENUS_UBWC", "VIDEO_DECODER|CPU_READ_OFTEN", 64, 64));
    assert_eq!(ubwc.unwrap_err(), "combination", "a format without a linear form");
}

#[test]
fn ubwc_of_yuv_worked_examples() {
    let policy = qualcomm();
    let hd = info(&policy, asked("YCbCr_420_SP_VENUS_UBWC", "VIDEO_DECODER", 1920, 1080));
    // Y, UV, and what describes them; offsets of one frame in the room of two fields.
    let offsets: Vec<u64> = hd.planes.as_slice().iter().map(|plane| plane.offset_bytes).collect();
    assert_eq!(offsets, [12_288, 2_109_440, 0, 2_101_248]);
    assert_eq!(hd.buffer_bytes, 3_219_456);
    let small = info(&policy, asked("YCbCr_420_SP_VENUS_UBWC", "VIDEO_DECODER", 1280, 720));
    let offsets: Vec<u64> = small.planes.as_slice().iter().map(|plane| plane.offset_bytes).collect();
    assert_eq!(offsets, [8_192, 954_368, 0, 950_272]);
    assert_eq!(small.buffer_bytes, 1_490_944);
    let uhd = info(&policy, asked("YCbCr_420_SP_VENUS_UBWC", "VIDEO_DECODER", 3840, 2160));
    assert_eq!(
        areas(&uhd),
        [(36_864, 0, 8_355_840), (8_413_184, 0, 4_177_920), (0, 36_864, 0), (8_392_704, 20_480, 0)]
    );
    assert_eq!(uhd.buffer_bytes, 12_591_104);
    let tp10 = info(&policy, asked("YCbCr_420_TP10_UBWC", "VIDEO_DECODER", 1920, 1080));
    let sizes = |info: &BufferInfo| areas(info).iter().map(|area| area.1 + area.2).collect::<Vec<_>>();
    assert_eq!(
        (tp10.planes.as_slice()[0].stride_bytes, sizes(&tp10)),
        (2560, vec![2_785_280, 1_392_640, 20_480, 12_288])
    );
    assert_eq!(tp10.buffer_bytes, 4_210_688);
    let p010 = info(&policy, asked("YCbCr_420_P010_UBWC", "VIDEO_DECODER", 1920, 1080));
    assert_eq!(
        (p010.planes.as_slice()[0].stride_bytes, sizes(&p010)),
        (3840, vec![4_177_920, 2_088_960, 20_480, 12_288])
    );
    assert_eq!(p010.buffer_bytes, 6_299_648);
}

#[test]
fn ubwc_of_rgb_worked_examples() {
    let policy = qualcomm();
    let check = |format, width, height, meta: u32, stride: u32, total: u64| {
        let info = info(&policy, asked(format, "GPU_RENDER_TARGET|ALLOC_UBWC", width, height));
        let pixels = info.planes.as_slice()[0];
        assert_eq!((pixels.offset_bytes, pixels.stride_bytes), (meta.into(), stride), "{format} {width}x{height}");
        assert_eq!(info.buffer_bytes, total, "{format} {width}x{height}");
    };
    check("RGBA_8888", 1080, 2400, 77_824, 4352, 10_522_624);
    check("RGBA_1010102", 1080, 2400, 77_824, 4352, 10_522_624);
    check("RGBA_8888", 1440, 3120, 102_400, 5888, 18_472_960);
    check("RGBA_FP16", 1080, 2400, 118_784, 8704, 21_008_384);
    check("RGBA_8888", 1920, 1080, 36_864, 7680, 8_392_704);
    check("RGB_565", 1080, 2400, 77_824, 2304, 5_607_424);
}

#[test]
fn minigbm_ubwc_worked_examples() {
    let policy = policy("minigbm-msm.toml", include_str!("../../vendors/minigbm-msm.toml"));
    let hd = info(&policy, asked("YCBCR_420_888", "VIDEO_DECODER|UBWC", 1920, 1080));
    assert_eq!(areas(&hd), [(0, 12_288, 2_088_960), (2_101_248, 8_192, 1_044_480)]);
    assert_eq!(hd.buffer_bytes, 3_248_128);
    assert_eq!(info(&policy, asked("YCBCR_420_888", "VIDEO_DECODER|UBWC", 1280, 720)).buffer_bytes, 1_507_328);
    // Lines of 2560 bytes: 736 and 384 of them, META of 128 x 96 and 128 x 48, 48 lines behind all.
    let ten = info(&policy, asked("YCBCR_P010", "VIDEO_DECODER|UBWC", 1280, 720));
    assert_eq!(areas(&ten), [(0, 12_288, 1_884_160), (1_896_448, 8_192, 983_040)]);
    assert_eq!((ten.planes.as_slice()[0].stride_bytes, ten.buffer_bytes), (2560, 3_010_560));
    assert_eq!((ten.fourcc, ten.modifier), (u32::from_le_bytes(*b"P010"), 0x0500_0000_0000_0001));
    let hd = info(&policy, asked("YCBCR_P010", "VIDEO_DECODER|UBWC", 1920, 1080));
    assert_eq!(areas(&hd), [(0, 20_480, 4_177_920), (4_198_400, 12_288, 2_088_960)]);
    assert_eq!(hd.buffer_bytes, 6_483_968);
}

#[test]
fn sbwc_worked_example() {
    let policy = policy("samsung.toml", include_str!("../../vendors/samsung.toml"));
    let info = info(&policy, asked("EXYNOS_YCbCr_420_SPN_SBWC", "VIDEO_DECODER", 1920, 1080));
    assert_eq!(areas(&info), [(0, 8_960, 2_089_024), (2_097_984, 4_480, 1_044_544)]);
    assert_eq!((info.planes.as_slice()[0].stride_bytes, info.buffer_bytes), (7680, 3_147_008));
    assert!(info.compression.unwrap().body_first);
    let pixel = self::policy("pixel.toml", include_str!("../../vendors/pixel.toml"));
    let tails = self::info(&pixel, asked("EXYNOS_YCbCr_420_SPN_SBWC", "VIDEO_DECODER", 1920, 1080));
    assert_eq!(tails.buffer_bytes, 3_147_008 + 1024 + 256);
}

#[test]
fn sbwc_of_ten_bits_and_lossy() {
    let policy = policy("samsung.toml", include_str!("../../vendors/samsung.toml"));
    let ten = info(&policy, asked("EXYNOS_YCbCr_420_SPN_10B_SBWC", "VIDEO_DECODER", 1920, 1080));
    assert_eq!(areas(&ten), [(0, 8_896, 2_592_064), (2_600_960, 4_448, 1_296_064)]);
    assert_eq!((ten.planes.as_slice()[0].stride_bytes, ten.buffer_bytes), (9600, 3_901_472));
    let lossy = info(&policy, asked("EXYNOS_YCbCr_420_SPN_SBWC_L50", "VIDEO_DECODER", 1920, 1080));
    assert_eq!(areas(&lossy), [(0, 0, 1_036_864), (1_036_864, 0, 518_464)]);
    assert_eq!(lossy.buffer_bytes, 1_555_328);
}

#[test]
fn sand_worked_examples() {
    let policy = policy("raspberrypi.toml", include_str!("../../vendors/raspberrypi.toml"));
    let new = info(&policy, asked("YCBCR_420_888", "VIDEO_DECODER", 1920, 1080));
    assert_eq!((new.modifier, new.buffer_bytes), (0x0700_0000_0006_5404, 3_110_400));
    assert_eq!(new.planes.as_slice()[1].offset_bytes, 138_240);
    let old = info(&policy, asked("YCBCR_420_888", "VIDEO_DECODER|OLD_DECODER", 1920, 1080));
    assert_eq!((old.modifier >> 8 & 0xffff, old.buffer_bytes), (1632, 3_133_440));
    assert_eq!(old.planes.as_slice()[1].offset_bytes, 139_264);
    assert_eq!(info(&policy, asked("P030", "VIDEO_DECODER", 1920, 1080)).buffer_bytes, 4_147_200);
}

/// `framebuffer_check` of DRM's core and `drm_gem_fb_init_with_funcs` know nothing of columns: a pitch has the bytes of the width, and
/// the last line of so many ends in the buffer. `drm_format_info` has one byte a sample of NV12 and two of its chroma; of P030 four
/// and eight bytes for three.
#[test]
fn sand_is_a_framebuffer_for_drm() {
    let policy = policy("raspberrypi.toml", include_str!("../../vendors/raspberrypi.toml"));
    for (format, usage, block) in [
        ("YCBCR_420_888", "VIDEO_DECODER", 1),
        ("YCBCR_420_888", "VIDEO_DECODER|OLD_DECODER", 1),
        ("P030", "VIDEO_DECODER", 3),
    ] {
        for (width, height) in [(1920, 1080), (1000, 562), (64, 64), (4096, 2304), (1366, 768)] {
            let info = info(&policy, asked(format, usage, width, height));
            let (width, height) = (u64::try_from(width).unwrap(), u64::try_from(height).unwrap());
            let bytes = if block == 3 { 4 } else { 1 };
            for (plane, (across, down, bytes)) in
                info.planes.as_slice().iter().zip([(width, height, bytes), (width.div_ceil(2), height / 2, 2 * bytes)])
            {
                let least = across.div_ceil(block) * bytes;
                assert!(u64::from(plane.stride_bytes) >= least, "{format} {width}x{height}: {plane:?}");
                let end = plane.offset_bytes + (down - 1) * u64::from(plane.stride_bytes) + least;
                assert!(end <= info.buffer_bytes, "{format} {width}x{height}: {plane:?}");
            }
            // Columns of 128 bytes: 128 pixels, or 96 of ten bits.
            let column = if block == 3 { 96 } else { 128 };
            assert_eq!(u64::from(info.stride), width.next_multiple_of(column), "{format} {width}x{height}");
        }
    }
}
