//! What holds for every handle: the identity, and that no ints, however hostile, describe memory outside the buffer.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use gralloc_buffer::handle::{decode, encode, fields, BufferInfo, RawHandle, INTS};
use gralloc_buffer::layout::{Area, Compression, Needs, Plane, Planes, TypeName};
use gralloc_buffer::METADATA_BYTES;
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};
use proptest::prelude::*;

/// The formats that may become the layout.
fn formats_of(layout: Layout) -> Vec<PixelFormat> {
    let own = PixelFormat::ALL.iter().copied().filter(|format| Layout::of(*format) == Some(layout));
    let mut formats: Vec<PixelFormat> = own.collect();
    if layout != Layout::Blob {
        formats.push(PixelFormat::ImplementationDefined);
    }
    formats
}

/// Any buffer that a policy could lead to.
fn any_info() -> impl Strategy<Value = BufferInfo> {
    let layout = prop::sample::select(Layout::ALL);
    let size = (1u32..10_000, 1u32..10_000, 1u32..7);
    let needs = (0u32..9, 0u32..7, 0u32..7, 0u32..15);
    let rest = (any::<u64>(), any::<u64>(), any::<[u8; 128]>(), 0u64..1 << 40, any::<[bool; 4]>(), any::<usize>());
    (layout, size, needs, rest).prop_filter_map("no such layer", |(layout, size, needs, rest)| {
        let (mut width, mut height, layers) = size;
        if layout == Layout::Blob {
            height = 1;
        } else if layout.accepts(width, height).is_err() {
            (width, height) = (width.next_multiple_of(4), height.next_multiple_of(2));
        }
        let needs = Needs {
            stride_bytes: 1 << needs.0,
            stride_pixels: 1 << needs.1,
            height_lines: 1 << needs.2,
            size_bytes: 1 << needs.3,
            ..Needs::NONE
        };
        let arrangement = layout.measure(width, height, layers, &needs)?.narrow()?;
        let (id, usage, name, reserved_bytes, [protected, cached, contiguous, strict_cpu_usage], pick) = rest;
        let formats = formats_of(layout);
        // No vendor's metadata, or one to four pages of them with a hash.
        let pages = u64::try_from(pick % 5).unwrap();
        Some(BufferInfo {
            id,
            name: BufferName::from_wire(&name),
            width,
            height,
            layers,
            format: formats[pick % formats.len()],
            usage: Usage(usage),
            layout,
            own: gralloc_buffer::layout::Shapes::NONE,
            fourcc: layout.fourcc(),
            modifier: 0,
            compression: None,
            stride: arrangement.stride,
            planes: arrangement.planes,
            layer_bytes: arrangement.layer_bytes,
            buffer_bytes: arrangement.layer_bytes * u64::from(layers),
            metadata_bytes: METADATA_BYTES * (1 + pages) + reserved_bytes,
            reserved_bytes,
            vendor_metadata: [if pages > 0 { 1 | layers } else { 0 }, 0, 0, 0],
            mappable: true,
            protected,
            cached,
            contiguous,
            strict_cpu_usage,
        })
    })
}

/// The same in blocks: up to four planes, each with a header, a body, or both.
fn any_compressed() -> impl Strategy<Value = BufferInfo> {
    let area = (prop_oneof![Just(0u32), 1u32..70_000], 1u32..5_000_000, 0u64..5000, 1u32..9000, 1u32..9000);
    let rest = (1usize..=4, 0u64..5000, any::<u64>(), any::<[bool; 3]>());
    (any_info(), prop::collection::vec(area, 4), rest).prop_map(|(info, areas, rest)| {
        let (count, tail, modifier, [body_first, named, columns]) = rest;
        let mut compression = Compression { body_first, ..Compression::default() };
        if named {
            compression =
                Compression { name: TypeName::from_text("vendor").unwrap(), value: 7, header_type: 9, ..compression };
        }
        let (mut planes, mut end) = (Vec::new(), 0);
        let used = compression.areas.iter_mut().zip(&areas).take(count.max(info.shapes().len()));
        for (area, &(header_bytes, body_bytes, gap, stride_bytes, lines)) in used {
            *area = Area { header_bytes, body_bytes };
            planes.push(Plane { offset_bytes: end + gap, stride_bytes, lines });
            end += gap + area.bytes();
        }
        if columns {
            let (width, count) = (planes[0].stride_bytes.min(512), planes[0].lines % 4 + 1);
            compression = Compression { columns, areas: Default::default(), ..compression };
            planes.truncate(info.shapes().len());
            end = 0;
            for (plane, area) in planes.iter_mut().zip(&mut compression.areas) {
                *plane = Plane { offset_bytes: end, stride_bytes: width * count, ..*plane };
                *area = Area { header_bytes: 0, body_bytes: width * plane.lines * count };
                end += u64::from(width) * u64::from(plane.lines);
            }
            end *= u64::from(count);
        }
        let layer_bytes = end + tail;
        BufferInfo {
            planes: Planes::from_slice(&planes).unwrap(),
            compression: Some(compression),
            fourcc: u32::from_le_bytes(*b"AB24"),
            modifier: modifier.max(1),
            mappable: false,
            layer_bytes,
            buffer_bytes: layer_bytes * u64::from(info.layers),
            ..info
        }
    })
}

/// Whatever was accepted: one encoding, and nothing outside. Arithmetic in 128 bits, not the crate's own.
fn hold(ints: &[i32]) -> Result<bool, TestCaseError> {
    let _ = fields(ints);
    let Ok(info) = decode(RawHandle { num_fds: 2, ints }) else {
        return Ok(false);
    };
    prop_assert_eq!(&encode(&info)[..], ints, "two encodings of one info");
    let layers = u128::from(info.layers) * u128::from(info.layer_bytes);
    prop_assert!(layers <= u128::from(info.buffer_bytes));
    prop_assert!(info.buffer_bytes <= i64::MAX.unsigned_abs());
    let mut end = 0u128;
    if let Some(compression) = &info.compression {
        return hold_areas(&info, compression);
    }
    prop_assert_eq!(info.planes.as_slice().len(), info.shapes().len());
    for (index, plane) in info.planes.as_slice().iter().enumerate() {
        let start = u128::from(plane.offset_bytes);
        prop_assert!(start >= end, "planes overlap");
        end = start + u128::from(plane.stride_bytes) * u128::from(plane.lines);
        let line = info.shape(index).line_bytes(info.width.into()).unwrap();
        prop_assert!(u64::from(plane.stride_bytes) >= line, "a line is longer than the stride");
    }
    prop_assert!(end <= u128::from(info.layer_bytes), "a plane leaves its layer");
    prop_assert!(info.reserved_bytes < info.metadata_bytes);
    prop_assert!(info.vendor_bytes() % 4096 == 0 && info.vendor_bytes() <= 4 * 4096);
    prop_assert_eq!(info.vendor_bytes() == 0, info.vendor_metadata == [0; 4]);
    Ok(true)
}

/// Areas lie in their layer, and no two share a byte; in columns each plane's lines of every column do not.
fn hold_areas(info: &BufferInfo, compression: &Compression) -> Result<bool, TestCaseError> {
    prop_assert!(!info.mappable, "the CPU could lock it");
    let planes = || info.planes.as_slice().iter().zip(&compression.areas);
    let mut ranges = Vec::new();
    // A second plane begins behind the first one's lines of a column.
    let all = info.planes.as_slice();
    let width = match all {
        [first, second, ..] if compression.columns => second.offset_bytes / u64::from(first.lines),
        _ => all[0].stride_bytes.into(),
    };
    let column: u128 = all.iter().map(|plane| u128::from(width) * u128::from(plane.lines)).sum();
    for (plane, area) in planes() {
        let start = u128::from(plane.offset_bytes);
        let bytes = u128::from(area.header_bytes) + u128::from(area.body_bytes);
        let lines = u128::from(width) * u128::from(plane.lines);
        // Where the last column begins, and what is there.
        let (last, bytes) = if compression.columns { (bytes / lines - 1, lines) } else { (0, bytes) };
        let end = start + bytes;
        prop_assert!(start < end && last * column + end <= u128::from(info.layer_bytes), "an area leaves its layer");
        prop_assert!(!compression.columns || end <= column, "a plane leaves its column");
        ranges.push((start, end));
    }
    ranges.sort_unstable();
    prop_assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "areas overlap");
    Ok(true)
}

/// Numbers at which things go wrong.
fn hostile_int() -> impl Strategy<Value = i32> {
    let edges = [0, 1, 2, 3, 4, 64, 72, 255, 4095, 4096, 4097, 0x7fff, 0x1_0000, i32::MAX, i32::MIN, -1, -2, -4096];
    prop_oneof![prop::sample::select(edges.to_vec()), any::<i32>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 2_000 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decode_of_encode_is_the_identity(info in any_info()) {
        prop_assert_eq!(decode(RawHandle { num_fds: 2, ints: &encode(&info) }), Ok(info));
        prop_assert!(hold(&encode(&info))?);
    }

    #[test]
    fn decode_of_encode_is_the_identity_in_blocks(info in any_compressed()) {
        prop_assert_eq!(decode(RawHandle { num_fds: 2, ints: &encode(&info) }), Ok(info));
        prop_assert!(hold(&encode(&info))?);
    }

    #[test]
    fn a_few_changed_ints_of_blocks_describe_nothing_outside(
        info in any_compressed(), changes in prop::collection::vec((0..INTS, hostile_int()), 1..6),
    ) {
        let mut ints = encode(&info);
        for (at, value) in changes {
            ints[at] = value;
        }
        hold(&ints)?;
    }

    #[test]
    fn arbitrary_ints_describe_nothing_outside(ints in prop::collection::vec(hostile_int(), 0..140)) {
        hold(&ints)?;
    }

    #[test]
    fn ints_with_a_good_head_describe_nothing_outside(mut ints in prop::collection::vec(hostile_int(), INTS)) {
        let head = encode(&any_known());
        ints[..3].copy_from_slice(&head[..3]);
        // Linear memory without shapes of its own: what most handles are.
        ints[13..15].fill(0);
        ints[42..72].fill(0);
        ints[104..].fill(0);
        ints[16] &= 7;
        hold(&ints)?;
    }

    #[test]
    fn one_changed_int_is_refused_or_describes_nothing_outside(
        info in any_info(), at in 0..INTS, value in hostile_int(),
    ) {
        let mut ints = encode(&info);
        ints[at] = value;
        hold(&ints)?;
    }

    #[test]
    fn a_few_changed_ints_describe_nothing_outside(
        info in any_info(), changes in prop::collection::vec((0..INTS, hostile_int()), 2..6),
    ) {
        let mut ints = encode(&info);
        for (at, value) in changes {
            ints[at] = value;
        }
        hold(&ints)?;
    }
}

fn any_known() -> BufferInfo {
    BufferInfo::linear(PixelFormat::Rgba8888, Layout::Rgba8888, 1, 1).unwrap()
}

#[test]
fn every_single_int_matters_or_is_refused() {
    let ints = encode(&any_known());
    let info = decode(RawHandle { num_fds: 2, ints: &ints }).unwrap();
    for at in 0..INTS {
        for bit in 0..32 {
            let mut changed = ints;
            changed[at] ^= 1 << bit;
            let decoded = decode(RawHandle { num_fds: 2, ints: &changed });
            assert_ne!(decoded, Ok(info), "int {at} bit {bit} is ignored");
        }
    }
}
