//! Every layout's planes, stride and size, against figures worked out by hand from `PixelFormat.aidl` and
//! `drm_fourcc.h`; and what VTS looks at (`VtsHalGraphicsMapperStableC_TargetTest.cpp`).

// A table that does not plan must stop the test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use common::{alignment, always, descriptor, of, planes, planned, policy, resolution, vts, CPU};
use gralloc_allocator::error::{Malformed, Refusal};
use gralloc_buffer::layout::Ask;
use gralloc_buffer::layout::{Component, ComponentKind};
use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::policy::{Alignment, Policy};
use std::collections::HashSet;

/// A policy in which `YCBCR_420_888` becomes the layout, so that layouts without a format of their own can be asked for.
fn policy_with(layout: Layout) -> Policy {
    Policy { resolutions: vec![resolution(PixelFormat::Ycbcr420_888, always(), layout)], ..policy() }
}

/// The format that becomes the layout under `policy_with`.
fn format_of(layout: Layout) -> PixelFormat {
    let natural = PixelFormat::ALL.iter().find(|format| Layout::of(**format) == Some(layout));
    natural.copied().unwrap_or(PixelFormat::Ycbcr420_888)
}

struct Row(Layout, (i32, i32), u32, &'static [(u64, u32, u32)], u64);

fn assert_rows(rows: &[Row], alignments: &[Alignment]) {
    for Row(layout, (width, height), stride, expected, bytes) in rows {
        let policy = Policy { alignments: alignments.to_vec(), ..policy_with(*layout) };
        let plan = planned(&descriptor(format_of(*layout), *width, *height, CPU), &policy)
            .unwrap_or_else(|refusal| panic!("{layout} {width}x{height}: {refusal}"));
        assert_eq!(plan.resolved.layout, *layout);
        assert_eq!(planes(&plan), *expected, "{layout} {width}x{height}: planes");
        assert_eq!(plan.stride, *stride, "{layout} {width}x{height}: stride");
        assert_eq!(plan.bytes, *bytes, "{layout} {width}x{height}: bytes");
    }
}

#[test]
fn full_hd_without_alignment_has_the_figures_of_the_contract() {
    const HD: (i32, i32) = (1920, 1080);
    assert_rows(
        &[
            Row(Layout::Rgba8888, HD, 1920, &[(0, 7680, 1080)], 8_294_400),
            Row(Layout::Rgbx8888, HD, 1920, &[(0, 7680, 1080)], 8_294_400),
            Row(Layout::Bgra8888, HD, 1920, &[(0, 7680, 1080)], 8_294_400),
            Row(Layout::Rgb888, HD, 1920, &[(0, 5760, 1080)], 6_220_800),
            Row(Layout::Rgb565, HD, 1920, &[(0, 3840, 1080)], 4_147_200),
            Row(Layout::Rgba1010102, HD, 1920, &[(0, 7680, 1080)], 8_294_400),
            Row(Layout::RgbaFp16, HD, 1920, &[(0, 15360, 1080)], 16_588_800),
            Row(Layout::Rgba10101010, HD, 1920, &[(0, 15360, 1080)], 16_588_800),
            Row(Layout::R8, HD, 1920, &[(0, 1920, 1080)], 2_073_600),
            Row(Layout::R16Uint, HD, 1920, &[(0, 3840, 1080)], 4_147_200),
            Row(Layout::Rg1616Uint, HD, 1920, &[(0, 7680, 1080)], 8_294_400),
            Row(Layout::Hsv888, HD, 1920, &[(0, 5760, 1080)], 6_220_800),
            Row(Layout::Depth16, HD, 1920, &[(0, 3840, 1080)], 4_147_200),
            Row(Layout::Depth24, HD, 1920, &[(0, 7680, 1080)], 8_294_400),
            Row(Layout::Depth24Stencil8, HD, 1920, &[(0, 7680, 1080)], 8_294_400),
            Row(Layout::Depth32F, HD, 1920, &[(0, 7680, 1080)], 8_294_400),
            Row(Layout::Depth32FStencil8, HD, 1920, &[(0, 15360, 1080)], 16_588_800),
            Row(Layout::Stencil8, HD, 1920, &[(0, 1920, 1080)], 2_073_600),
            Row(Layout::Nv12, HD, 1920, &[(0, 1920, 1080), (2_073_600, 1920, 540)], 3_110_400),
            Row(Layout::Nv21, HD, 1920, &[(0, 1920, 1080), (2_073_600, 1920, 540)], 3_110_400),
            Row(Layout::Nv16, HD, 1920, &[(0, 1920, 1080), (2_073_600, 1920, 1080)], 4_147_200),
            Row(Layout::Yuy2, HD, 1920, &[(0, 3840, 1080)], 4_147_200),
            Row(Layout::Yv12, HD, 1920, &[(0, 1920, 1080), (2_073_600, 960, 540), (2_592_000, 960, 540)], 3_110_400),
            Row(Layout::I420, HD, 1920, &[(0, 1920, 1080), (2_073_600, 960, 540), (2_592_000, 960, 540)], 3_110_400),
            Row(Layout::P010, HD, 1920, &[(0, 3840, 1080), (4_147_200, 3840, 540)], 6_220_800),
            Row(Layout::P210, HD, 1920, &[(0, 3840, 1080), (4_147_200, 3840, 1080)], 8_294_400),
            Row(Layout::Raw10, HD, 2400, &[(0, 2400, 1080)], 2_592_000),
            Row(Layout::Raw12, HD, 2880, &[(0, 2880, 1080)], 3_110_400),
            Row(Layout::Raw14, HD, 3360, &[(0, 3360, 1080)], 3_628_800),
            Row(Layout::R12Uint, HD, 1920, &[(0, 3840, 1080)], 4_147_200),
            Row(Layout::Rg1414Uint, HD, 1920, &[(0, 7680, 1080)], 8_294_400),
            Row(Layout::Rgba12121212Uint, HD, 1920, &[(0, 15360, 1080)], 16_588_800),
            Row(Layout::Bgrx1010102, HD, 1920, &[(0, 7680, 1080)], 8_294_400),
            Row(Layout::Raw16, HD, 1920, &[(0, 3840, 1080)], 4_147_200),
            Row(Layout::Blob, (1920, 1), 1920, &[(0, 1920, 1)], 1920),
            Row(Layout::Y8, HD, 1920, &[(0, 1920, 1080)], 2_073_600),
            Row(Layout::Y16, HD, 1920, &[(0, 3840, 1080)], 4_147_200),
        ],
        &[],
    );
}

#[test]
fn odd_sizes_are_padded_up_to_whole_chroma_samples() {
    const ODD: (i32, i32) = (17, 5);
    assert_rows(
        &[
            Row(Layout::Rgba8888, ODD, 17, &[(0, 68, 5)], 340),
            Row(Layout::Rgb888, ODD, 17, &[(0, 51, 5)], 255),
            Row(Layout::Rgb565, ODD, 17, &[(0, 34, 5)], 170),
            Row(Layout::Nv12, ODD, 18, &[(0, 18, 5), (90, 18, 3)], 144),
            Row(Layout::Nv21, ODD, 18, &[(0, 18, 5), (90, 18, 3)], 144),
            Row(Layout::Nv16, ODD, 18, &[(0, 18, 5), (90, 18, 5)], 180),
            Row(Layout::Yuy2, ODD, 18, &[(0, 36, 5)], 180),
            Row(Layout::Yv12, ODD, 32, &[(0, 32, 5), (160, 16, 3), (208, 16, 3)], 256),
            Row(Layout::I420, ODD, 18, &[(0, 18, 5), (90, 9, 3), (117, 9, 3)], 144),
            Row(Layout::P010, ODD, 18, &[(0, 36, 5), (180, 36, 3)], 288),
            Row(Layout::P210, ODD, 18, &[(0, 36, 5), (180, 36, 5)], 360),
            Row(Layout::Y8, ODD, 32, &[(0, 32, 5)], 160),
            Row(Layout::Y16, ODD, 32, &[(0, 64, 5)], 320),
            Row(Layout::Raw10, (20, 6), 25, &[(0, 25, 6)], 150),
            Row(Layout::Raw12, (20, 6), 30, &[(0, 30, 6)], 180),
            Row(Layout::Raw14, (20, 6), 35, &[(0, 35, 6)], 210),
            Row(Layout::Raw16, (18, 6), 32, &[(0, 64, 6)], 384),
            Row(Layout::Blob, (17, 1), 17, &[(0, 17, 1)], 17),
            Row(Layout::Yv12, (1, 1), 16, &[(0, 16, 1), (16, 16, 1), (32, 16, 1)], 48),
            Row(Layout::Nv12, (1, 1), 2, &[(0, 2, 1), (2, 2, 1)], 4),
        ],
        &[],
    );
}

/// YV12's chroma stride is `ALIGN(stride / 2, 16)`: at a stride of 48 it is 32, not 24.
#[test]
fn yv12_chroma_stride_is_half_the_stride_rounded_up_to_16() {
    assert_rows(&[Row(Layout::Yv12, (40, 4), 48, &[(0, 48, 4), (192, 32, 2), (256, 32, 2)], 320)], &[]);
}

#[test]
fn alignments_apply_to_every_plane() {
    let asked = Alignment { asks: vec![Ask::StrideBytes(64), Ask::Lines(16)], ..alignment("64x16", always()) };
    assert_rows(
        &[
            Row(Layout::Rgba8888, (1920, 1080), 1920, &[(0, 7680, 1088)], 8_355_840),
            Row(Layout::Rgba8888, (17, 5), 32, &[(0, 128, 16)], 2048),
            Row(Layout::Nv12, (1920, 1080), 1920, &[(0, 1920, 1088), (2_088_960, 1920, 544)], 3_133_440),
            Row(Layout::Nv12, (17, 5), 64, &[(0, 64, 16), (1024, 64, 8)], 1536),
            // 64 divides the chroma stride too, so the luma stride is a multiple of 128.
            Row(Layout::I420, (17, 5), 128, &[(0, 128, 16), (2048, 64, 8), (2560, 64, 8)], 3072),
            // The lines are the contract's: no padding.
            Row(Layout::Yv12, (17, 5), 128, &[(0, 128, 5), (640, 64, 3), (832, 64, 3)], 1024),
            // A stride of whole pixels and whole 64 bytes: a multiple of 192.
            Row(Layout::Rgb888, (17, 5), 64, &[(0, 192, 16)], 3072),
            Row(Layout::Rgb888, (65, 5), 128, &[(0, 384, 16)], 6144),
            Row(Layout::Raw10, (20, 6), 64, &[(0, 64, 6)], 384),
            Row(Layout::Y16, (17, 5), 32, &[(0, 64, 5)], 320),
            Row(Layout::Blob, (17, 1), 17, &[(0, 17, 1)], 17),
        ],
        &[asked],
    );
}

#[test]
fn alignments_in_pixels_and_of_the_size_apply() {
    let asked =
        Alignment { asks: vec![Ask::StridePixels(32), Ask::LayerBytes(4096)], ..alignment("32 px, 4 KiB", always()) };
    assert_rows(
        &[
            Row(Layout::Rgba8888, (33, 1), 64, &[(0, 256, 1)], 4096),
            Row(Layout::Rgb888, (33, 1), 64, &[(0, 192, 1)], 4096),
            Row(Layout::P010, (33, 2), 64, &[(0, 128, 2), (256, 128, 1)], 4096),
            Row(Layout::Yuy2, (33, 1), 64, &[(0, 128, 1)], 4096),
            // 32 packed pixels are 40 bytes.
            Row(Layout::Raw10, (36, 2), 80, &[(0, 80, 2)], 4096),
            Row(Layout::Blob, (17, 1), 17, &[(0, 17, 1)], 4096),
        ],
        &[asked],
    );
}

#[test]
fn several_alignments_combine_to_the_strictest() {
    let wide = Alignment { asks: vec![Ask::StrideBytes(256)], ..alignment("wide", always()) };
    let tall = Alignment { asks: vec![Ask::Lines(32), Ask::StrideBytes(64)], ..alignment("tall", always()) };
    let other = Alignment { asks: vec![Ask::StrideBytes(4096)], ..alignment("other", of(&[PixelFormat::Blob])) };
    assert_rows(
        &[Row(Layout::P010, (1920, 1080), 1920, &[(0, 3840, 1088), (4_177_920, 3840, 544)], 6_266_880)],
        &[wide, tall, other],
    );
}

#[test]
fn raw_sizes_that_break_the_packing_are_malformed() {
    for (format, width, height) in [
        (PixelFormat::Raw10, 18, 6),
        (PixelFormat::Raw10, 20, 5),
        (PixelFormat::Raw12, 21, 6),
        (PixelFormat::Raw14, 22, 6),
        (PixelFormat::Raw14, 20, 5),
        (PixelFormat::Raw16, 17, 6),
        (PixelFormat::Raw16, 18, 5),
    ] {
        let policy = policy();
        let refused = planned(&descriptor(format, width, height, CPU), &policy);
        let name = format.name();
        assert!(
            matches!(&refused, Err(Refusal::Malformed(Malformed::SizeForFormat { format, .. })) if *format == name),
            "{name} {width}x{height}: {refused:?}"
        );
    }
}

#[test]
fn vts_rgba_8888_is_one_plane_of_exact_components() {
    let policy = policy();
    let plan = planned(&vts(PixelFormat::Rgba8888), &policy).unwrap();
    assert!(plan.stride >= 64);
    let least = u64::from(plan.stride) * 64 * 4;
    assert!(plan.bytes >= least && plan.bytes < 2 * least, "{} bytes, stride {}", plan.bytes, plan.stride);
    assert_eq!(plan.resolved.layout.fourcc(), u32::from_le_bytes(*b"AB24"));
    let [shape] = plan.resolved.layout.shapes() else { panic!("one plane") };
    let part = |kind, offset_bits| Component { kind, offset_bits, size_bits: 8 };
    assert_eq!(
        shape.components[..],
        [part(ComponentKind::R, 0), part(ComponentKind::G, 8), part(ComponentKind::B, 16), part(ComponentKind::A, 24)]
    );
    assert_eq!((shape.sample_increment_bits(), shape.horizontal_subsampling, shape.vertical_subsampling), (32, 1, 1));
}

#[test]
fn vts_yv12_is_y_cr_cb_with_halved_chroma() {
    let policy = policy();
    let plan = planned(&vts(PixelFormat::Yv12), &policy).unwrap();
    assert_eq!(plan.resolved.layout.fourcc(), u32::from_le_bytes(*b"YV12"));
    let kinds: Vec<_> = plan.resolved.layout.shapes().iter().map(|shape| shape.components[0].kind).collect();
    assert_eq!(kinds, [ComponentKind::Y, ComponentKind::Cr, ComponentKind::Cb]);
    let [y, cr, cb] = plan.planes.as_slice() else { panic!("three planes") };
    assert_eq!(plan.stride % 16, 0);
    assert_eq!(cr.offset_bytes, u64::from(y.stride_bytes) * 64);
    assert_eq!(cb.offset_bytes, cr.offset_bytes + u64::from(cr.stride_bytes) * 32);
    for shape in &plan.resolved.layout.shapes()[1..] {
        assert_eq!((shape.samples_across(64), shape.samples_down(64)), (32, 32));
        assert_eq!((shape.horizontal_subsampling, shape.vertical_subsampling), (2, 2));
    }
}

#[test]
fn vts_nv21_has_cb_one_byte_after_cr() {
    let shapes = Layout::Nv21.shapes();
    let [cr, cb] = shapes[1].components[..] else { panic!("two components") };
    assert_eq!((cr.kind, cr.offset_bits), (ComponentKind::Cr, 0));
    assert_eq!((cb.kind, cb.offset_bits), (ComponentKind::Cb, 8));
    assert_eq!(shapes[1].sample_increment_bits(), 16);
}

#[test]
fn vts_p010_and_p210_are_two_planes_of_ten_bits_in_sixteen() {
    for (layout, down) in [(Layout::P010, 2), (Layout::P210, 1)] {
        let [luma, chroma] = layout.shapes() else { panic!("two planes") };
        assert_eq!(luma.components[..], [Component { kind: ComponentKind::Y, offset_bits: 6, size_bits: 10 }]);
        assert_eq!(luma.sample_increment_bits(), 16);
        let [cb, cr] = chroma.components[..] else { panic!("two components") };
        assert_eq!((cb.kind, cr.kind), (ComponentKind::Cb, ComponentKind::Cr));
        assert_eq!(cb.offset_bits + 16, cr.offset_bits);
        assert_eq!(chroma.sample_increment_bits(), 32);
        assert_eq!((chroma.horizontal_subsampling, chroma.vertical_subsampling), (2, down));
    }
}

#[test]
fn vts_raw10_raw12_and_raw14_have_one_component_without_size() {
    for (format, stride) in [(PixelFormat::Raw10, 80), (PixelFormat::Raw12, 96), (PixelFormat::Raw14, 112)] {
        let policy = policy();
        let plan = planned(&vts(format), &policy).unwrap();
        assert_eq!(plan.stride, stride, "bytes");
        let [shape] = plan.resolved.layout.shapes() else { panic!("one plane") };
        assert_eq!(shape.components[..], [Component { kind: ComponentKind::Raw, offset_bits: 0, size_bits: -1 }]);
        assert_eq!(
            (shape.sample_increment_bits(), shape.horizontal_subsampling, shape.vertical_subsampling),
            (0, 1, 1)
        );
    }
}

/// `lockYCbCr` wants Cb and Cr of one stride and one step, subsampled 2 by 2.
#[test]
fn every_eight_bit_420_layout_suits_lock_ycbcr() {
    for layout in [Layout::Nv12, Layout::Nv21, Layout::I420, Layout::Yv12] {
        let policy = policy_with(layout);
        let plan = planned(&descriptor(PixelFormat::Ycbcr420_888, 64, 64, CPU), &policy).unwrap();
        let chroma: HashSet<_> = layout.shapes()[1..]
            .iter()
            .zip(&plan.planes.as_slice()[1..])
            .map(|(shape, plane)| {
                (
                    plane.stride_bytes,
                    shape.sample_increment_bits(),
                    shape.horizontal_subsampling,
                    shape.vertical_subsampling,
                )
            })
            .collect();
        assert_eq!(chroma.len(), 1, "{layout}: {chroma:?}");
        assert!(chroma.iter().all(|(_, step, across, down)| [8, 16].contains(step) && (*across, *down) == (2, 2)));
    }
}

#[test]
fn ids_and_names_are_distinct_and_lead_back() {
    let ids: HashSet<u32> = Layout::ALL.iter().map(|layout| layout.id()).collect();
    let names: HashSet<&str> = Layout::ALL.iter().map(|layout| layout.name()).collect();
    assert_eq!((ids.len(), names.len()), (Layout::ALL.len(), Layout::ALL.len()));
    for layout in Layout::ALL {
        assert_eq!(Layout::from_id(layout.id()), Some(*layout));
        assert_eq!(Layout::from_name(layout.name()), Some(*layout));
    }
    assert_eq!(Layout::from_id(0), None);
    assert_eq!(Layout::from_id(u32::MAX), None);
    assert_eq!(Layout::from_name("rgba_8888"), None);
}

/// The numbers travel in handles of buffers that outlive the process that made them.
#[test]
fn ids_never_change() {
    let ids: Vec<(&str, u32)> = Layout::ALL.iter().map(|layout| (layout.name(), layout.id())).collect();
    assert_eq!(
        ids,
        [
            ("RGBA_8888", 1),
            ("RGBX_8888", 2),
            ("RGB_888", 3),
            ("RGB_565", 4),
            ("BGRA_8888", 5),
            ("RGBA_1010102", 6),
            ("RGBA_FP16", 7),
            ("RGBA_10101010", 8),
            ("R_8", 9),
            ("R_16_UINT", 10),
            ("RG_1616_UINT", 11),
            ("HSV_888", 12),
            ("DEPTH_16", 13),
            ("DEPTH_24", 14),
            ("DEPTH_24_STENCIL_8", 15),
            ("DEPTH_32F", 16),
            ("DEPTH_32F_STENCIL_8", 17),
            ("STENCIL_8", 18),
            ("NV12", 19),
            ("NV21", 20),
            ("NV16", 21),
            ("YUY2", 22),
            ("YV12", 23),
            ("I420", 24),
            ("P010", 25),
            ("P210", 26),
            ("RAW10", 27),
            ("RAW12", 28),
            ("RAW16", 29),
            ("BLOB", 30),
            ("Y8", 31),
            ("Y16", 32),
            ("RAW14", 33),
            ("R_12_UINT", 34),
            ("R_14_UINT", 35),
            ("RG_1212_UINT", 36),
            ("RG_1414_UINT", 37),
            ("RGBA_12121212_UINT", 38),
            ("RGBA_14141414_UINT", 39),
            ("BGRA_1010102", 40),
            ("BGRX_1010102", 41),
        ]
    );
}

#[test]
fn components_fit_their_samples_and_do_not_overlap() {
    for layout in Layout::ALL {
        for shape in layout.shapes() {
            let mut taken = 0u64;
            for part in shape.components.iter().filter(|part| part.size_bits > 0) {
                let end = u32::try_from(part.offset_bits + part.size_bits).unwrap();
                assert!(end <= shape.sample_increment_bits(), "{layout}");
                let bits = ((1u64 << part.size_bits) - 1) << part.offset_bits;
                assert_eq!(taken & bits, 0, "{layout}: {part:?} overlaps");
                taken |= bits;
            }
        }
    }
}

#[test]
fn component_values_are_those_of_the_aidl() {
    let values: Vec<(&str, i64)> = [
        ComponentKind::Y,
        ComponentKind::Cb,
        ComponentKind::Cr,
        ComponentKind::R,
        ComponentKind::G,
        ComponentKind::B,
        ComponentKind::Raw,
        ComponentKind::A,
    ]
    .iter()
    .map(|kind| (kind.name(), kind.aidl_value()))
    .collect();
    let expected = [
        ("Y", 1),
        ("CB", 2),
        ("CR", 4),
        ("R", 0x400),
        ("G", 0x800),
        ("B", 0x1000),
        ("RAW", 0x10_0000),
        ("A", 0x4000_0000),
    ];
    assert_eq!(values, expected);
}

#[test]
fn layers_follow_one_another_on_cache_lines() {
    let policy = policy();
    let mut asked = descriptor(PixelFormat::Rgb888, 17, 5, Usage::GPU_TEXTURE);
    asked.layer_count = 3;
    let plan = planned(&asked, &policy).unwrap();
    assert_eq!((plan.layer_bytes, plan.bytes), (256, 768), "255 bytes, rounded up to 64");
}
