//! Policies of any shape: what is planned travels in a handle, and the decoder, which trusts nothing, takes it. And what holds of
//! every layer: planes apart and inside, each as large as its samples.

// A property that does not hold must stop the test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use common::strategies::descriptors;
use gralloc_allocator::plan;
use gralloc_buffer::handle::{decode, encode, RawHandle};
use gralloc_buffer::layout::blocks::{Body, TwoFields};
use gralloc_buffer::layout::needs::{ChromaStride, Fraction, PerBlock};
use gralloc_buffer::layout::shape::part;
use gralloc_buffer::layout::{Ask, Blocks, Combine, ComponentKind, Components, Grid, PlaneShape, Shapes, TypeName};
use gralloc_buffer::{BufferName, Descriptor, Layout, PixelFormat};
use heaps_config::policy::{Alignment, Compress, HeapSet, LayoutName, Policy, VendorFormat};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 1u32..300, 2 => select(vec![64, 128, 256, 4096]), 1 => 0u32..70_000, 1 => any::<u32>()]
}

fn ask() -> impl Strategy<Value = Ask> {
    (0usize..23, 0u8..4, number(), number(), number()).prop_map(|(kind, plane, a, b, c)| match kind {
        0 => Ask::Width(a),
        1 => Ask::StrideBytes(a),
        2 => Ask::StridePixels(a),
        3 => Ask::OddStrideBytes(a),
        4 => Ask::OddStridePixels(a),
        5 => Ask::PlaneStride(plane, a),
        6 => Ask::Chroma(ChromaStride::ALL[usize::from(plane)]),
        7 => Ask::Lines(a),
        8 => Ask::PlaneLines(plane, a),
        9 => Ask::AddedLines(a),
        10 => Ask::PlaneStart(plane, a),
        11 => Ask::PlaneSize(plane, a),
        12 => Ask::PaddingBytes(plane, a),
        13 => Ask::PaddingLines(plane, a),
        14 => Ask::TailBytes(a),
        15 => Ask::TailLines(a),
        16 => Ask::TailBlocks(PerBlock { width: a, height: b, bytes: c }),
        17 => Ask::TailOfLuma(Fraction { parts: a, of: b.max(1) }),
        18 => Ask::TailLeast(a),
        19 => Ask::LeastBytes(a.into()),
        20 => Ask::LeastOfLuma(Fraction { parts: a, of: b.max(1) }),
        21 => Ask::PlaneOddStride(plane, a),
        _ => Ask::LayerBytes(a),
    })
}

fn alignment() -> impl Strategy<Value = Alignment> {
    (vec(ask(), 0..5), select(Combine::ALL.to_vec())).prop_map(|(asks, combine)| Alignment {
        asks,
        combine,
        ..common::alignment("any", common::always())
    })
}

fn grid() -> impl Strategy<Value = Grid> {
    let two = || (1u32..40, 1u32..40).prop_map(|(a, b)| [a, b]);
    let body = prop_oneof![
        (0u32..3000, 0u32..70, number()).prop_map(|(bytes, bits, align)| Body::Blocks { bytes, bits, align }),
        (number(), number(), number()).prop_map(|(pixels, bytes, lines)| Body::Lines { pixels, bytes, lines }),
    ];
    let body = (body, number(), 0u32..300, 0u32..3, number());
    let header = (0u32..20, 0u32..3, two(), number(), 0u32..300);
    (two(), two(), two(), body, header, any::<bool>()).prop_map(|(block, tile, round, body, header, row_stride)| {
        let (body, body_align, body_extra, body_copies, copy_align) = body;
        let (header_bytes, header_blocks, header_grid, header_align, header_extra) = header;
        Grid {
            block,
            tile,
            round,
            body,
            body_align,
            body_extra,
            body_copies,
            copy_align,
            header_bytes,
            header_blocks,
            header_grid,
            header_align,
            header_extra,
            row_stride,
        }
    })
}

fn compress() -> impl Strategy<Value = Compress> {
    let fields = proptest::option::of((number(), number(), number()));
    (vec(grid(), 1..4), any::<[bool; 4]>(), number(), fields).prop_map(|(grids, flags, layer_align, fields)| {
        let [merged, header_planes, body_first, columns] = flags;
        Compress {
            name: "any".to_owned(),
            when: common::always(),
            fourcc: u32::from_le_bytes(*b"AB24"),
            modifier: 1,
            modifier_lines_at: columns.then_some(8),
            type_name: TypeName::from_text("vendor").unwrap(),
            type_value: 1,
            header_type: 2,
            blocks: Blocks {
                grids,
                merged: merged && !columns,
                header_planes: header_planes && !columns,
                body_first,
                column_bytes: if columns { 128 } else { 0 },
                two_fields: fields.map(|(width, height, blocks)| TwoFields { width, height, blocks }),
                layer_align,
            },
            initialise: None,
        }
    })
}

/// Planes that a `[[format]]` may spell out: what its check lets through of any.
fn planes() -> impl Strategy<Value = Shapes> {
    let kind = || select(ComponentKind::ALL[..8].to_vec());
    let component = (kind(), 0i16..40, prop_oneof![Just(-1i16), 1i16..=16]);
    let shape = (vec(component, 1..=4), 1u8..5, 1u8..12, select(vec![1u32, 2, 4]), select(vec![1u32, 2, 4]));
    let shape = shape.prop_map(|(parts, group_samples, group_bytes, horizontal_subsampling, vertical_subsampling)| {
        let packed = group_samples > 1;
        let fit = |(kind, offset, size)| if packed { part(kind, 0, -1) } else { part(kind, offset, size) };
        let parts: Vec<_> = parts.into_iter().map(fit).collect();
        let components = Components::new(&parts);
        PlaneShape { components, group_samples, group_bytes, horizontal_subsampling, vertical_subsampling }
    });
    let shape = shape.prop_filter("no plane", |shape| shape.check().is_ok());
    vec(shape, 1..=4).prop_map(|shapes| Shapes::from_slice(&shapes).unwrap())
}

fn vendor_format() -> impl Strategy<Value = VendorFormat> {
    (planes(), any::<[bool; 2]>()).prop_map(|(shapes, [mappable, fixed_height])| VendorFormat {
        name: "VENDOR".to_owned(),
        value: VENDOR,
        layout: Layout::Vendor,
        shapes,
        fourcc: u32::from_le_bytes(*b"NV15"),
        modifier: 0,
        linear: true,
        mappable,
        width_multiple: 1,
        height_multiple: 1,
        fixed_height,
    })
}

const VENDOR: i32 = 0x102;

fn policies() -> impl Strategy<Value = Policy> {
    let compressions = prop_oneof![1 => Just(vec![]), 1 => vec(compress(), 1..2)];
    (vec(alignment(), 0..4), compressions, any::<bool>(), vendor_format()).prop_map(
        |(alignments, compressions, vendor, format)| {
            let flexible = match vendor {
                true => LayoutName::Vendor(VENDOR),
                false => Layout::Nv12.into(),
            };
            let mut resolution = common::resolution(PixelFormat::ImplementationDefined, common::always(), Layout::Nv12);
            resolution.layout = flexible;
            let raw = common::resolution(PixelFormat::RawOpaque, common::always(), Layout::Raw16);
            let yuv = common::resolution(PixelFormat::Ycbcr420_888, common::always(), Layout::Nv21);
            let resolutions = vec![resolution, raw, yuv];
            Policy { alignments, compressions, resolutions, formats: vec![format], ..common::policy() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 4000 }) })]

    #[test]
    fn what_is_planned_is_a_handle_that_the_decoder_takes(
        policy in policies(), descriptor in descriptors(), vendor in any::<bool>(), cpu in any::<bool>(),
    ) {
        let usage = if cpu { descriptor.usage } else { descriptor.usage & !0xff };
        let format = if vendor { VENDOR } else { descriptor.format };
        let descriptor = Descriptor { format, usage, ..descriptor };
        let Ok(plan) = plan(&descriptor, &policy, HeapSet::ALL) else { return Ok(()) };
        let info = plan.buffer_info(&policy, &policy.heaps[0], 1, BufferName::from_text("any"));
        let ints = encode(&info);
        prop_assert_eq!(decode(RawHandle { num_fds: 2, ints: &ints }), Ok(info));
        prop_assert!(info.mappable || plan.resolved.compress.is_some() || plan.resolved.vendor.is_some_and(|own| !own.mappable));
        prop_assert!(plan.resolved.compress.is_none() || !plan.request.usage.cpu());
    }
}

/// Fuzzing found it: a line of such a block has less than a byte, and a stride of 0 no decoder takes.
#[test]
fn block_of_fewer_bytes_than_lines_has_a_stride() {
    let grid = Grid { block: [16, 64], body: Body::Blocks { bytes: 1, bits: 0, align: 1 }, ..Grid::ONE };
    let blocks = Blocks { grids: vec![grid], ..Blocks::default() };
    let entry = Compress { blocks, ..common::compress("tiny", common::always()) };
    let policy = Policy { compressions: vec![entry], ..common::policy() };
    let asked = common::descriptor(PixelFormat::Rgba8888, 8, 8, gralloc_buffer::Usage::GPU_TEXTURE);
    let plan = common::planned(&asked, &policy).unwrap();
    let info = plan.buffer_info(&policy, &policy.heaps[0], 1, BufferName::from_text("any"));
    assert_eq!(decode(RawHandle { num_fds: 2, ints: &encode(&info) }), Ok(info));
    assert_eq!((info.buffer_bytes, info.planes.as_slice()[0].stride_bytes), (1, 1));
}

/// Up to the vendor's byte a modifier's bits are the lines': more of them are refused, neither cut off nor written over the vendor.
#[test]
fn column_of_more_lines_than_the_modifier_holds_is_refused() {
    let blocks = Blocks { column_bytes: 128, grids: vec![Grid::ONE], ..Blocks::default() };
    let entry = common::compress("sand", common::always());
    let entry = Compress { blocks, modifier: 7 << 56, modifier_lines_at: Some(40), ..entry };
    let policy = Policy { compressions: vec![entry], ..common::policy() };
    let planned = |height| {
        let asked = common::descriptor(PixelFormat::Ycbcr420_888, 128, height, gralloc_buffer::Usage::VIDEO_DECODER);
        common::planned(&asked, &policy).map(|plan| plan.modifier()).map_err(|refusal| refusal.to_string())
    };
    // 16 bits: half as many lines of chroma as of luma.
    assert_eq!(planned(43_690), Ok(7 << 56 | 0xffff << 40));
    let refusal = planned(43_692).unwrap_err();
    assert!(refusal.contains("more lines than the compression's modifier has bits for"), "{refusal}");
}
