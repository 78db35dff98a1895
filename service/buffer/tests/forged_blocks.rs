//! Forged handles of compressed buffers and of a vendor's formats: each is refused by the name of what is wrong.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use gralloc_buffer::handle::{decode, encode, BufferInfo, HandleError, RawHandle, INTS};
use gralloc_buffer::layout::shape::part;
use gralloc_buffer::layout::{
    Area, ComponentKind, Components, Compression, LayoutError, Plane, PlaneShape, Planes, Shapes, TypeName,
};
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};

/// Where in the ints each part begins: the order of `fields`, which names them.
const FLAGS: usize = 16;
const PLANE_COUNT: usize = 25;
const PLANES: usize = 26;
const AREAS: usize = 42;
const TYPE: usize = 50;
const SHAPES: usize = 60;

fn plane(offset_bytes: u64) -> Plane {
    Plane { offset_bytes, stride_bytes: 128, lines: 32 }
}

/// As Qualcomm's decoders have them: two planes of tiles, then the two that describe them; together 32 KiB.
fn ubwc() -> BufferInfo {
    let (header, body) = (Area { header_bytes: 4096, body_bytes: 0 }, Area { header_bytes: 0, body_bytes: 8192 });
    BufferInfo {
        id: 1,
        name: BufferName::from_text("ubwc"),
        usage: Usage::VIDEO_DECODER,
        modifier: 0x0500_0000_0000_0001,
        compression: Some(Compression {
            name: TypeName::from_text("QTI").unwrap(),
            value: 20001,
            header_type: 20004,
            body_first: false,
            columns: false,
            areas: [body, body, header, header],
        }),
        stride: 128,
        planes: Planes::from_slice(&[plane(4096), plane(16384), plane(0), plane(12288)]).unwrap(),
        layer_bytes: 32768,
        buffer_bytes: 32768,
        mappable: false,
        ..BufferInfo::linear(PixelFormat::Vendor(0x7fa3_0c06), Layout::Nv12, 64, 32).unwrap()
    }
}

/// As Broadcom's decoder has them: two columns of 128 bytes, in each 32 lines of luma and then 16 of chroma; together 12 KiB.
fn sand() -> BufferInfo {
    let body = |body_bytes| Area { header_bytes: 0, body_bytes };
    let areas = [body(8192), body(4096), Area::default(), Area::default()];
    BufferInfo {
        width: 256,
        format: PixelFormat::Vendor(0x102),
        modifier: 0x0700_0000_0000_3004,
        compression: Some(Compression { columns: true, areas, ..Compression::default() }),
        stride: 256,
        planes: Planes::from_slice(&[
            Plane { stride_bytes: 256, ..plane(0) },
            Plane { stride_bytes: 256, lines: 16, ..plane(4096) },
        ])
        .unwrap(),
        layer_bytes: 12288,
        buffer_bytes: 12288,
        ..ubwc()
    }
}

/// Ten bits packed: four samples in five bytes.
fn nv15() -> BufferInfo {
    let packed = |kinds: &[ComponentKind], group_samples, subsampling| PlaneShape {
        components: Components::new(&kinds.iter().map(|kind| part(*kind, 0, -1)).collect::<Vec<_>>()),
        group_samples,
        group_bytes: 5,
        horizontal_subsampling: subsampling,
        vertical_subsampling: subsampling,
    };
    let shapes = [packed(&[ComponentKind::Y], 4, 1), packed(&[ComponentKind::Cb, ComponentKind::Cr], 2, 2)];
    let planes = [
        Plane { offset_bytes: 0, stride_bytes: 80, lines: 32 },
        Plane { offset_bytes: 2560, stride_bytes: 80, lines: 16 },
    ];
    BufferInfo {
        format: PixelFormat::Vendor(0x17),
        layout: Layout::Vendor,
        own: Shapes::from_slice(&shapes).unwrap(),
        fourcc: u32::from_le_bytes(*b"NV15"),
        modifier: 0,
        compression: None,
        mappable: true,
        // Packed samples have no stride in pixels.
        stride: 80,
        planes: Planes::from_slice(&planes).unwrap(),
        layer_bytes: 4096,
        buffer_bytes: 4096,
        ..ubwc()
    }
}

fn decoded(info: &BufferInfo, changes: &[(usize, i32)]) -> Result<BufferInfo, HandleError> {
    let mut ints = encode(info);
    for (at, value) in changes {
        ints[*at] = *value;
    }
    decode(RawHandle { num_fds: 2, ints: &ints })
}

#[track_caller]
fn refused(info: &BufferInfo, changes: &[(usize, i32)], error: &HandleError) {
    assert_eq!(decoded(info, changes), Err(*error));
}

#[test]
fn honest_ones_come_back() {
    for info in [ubwc(), nv15(), sand()] {
        assert_eq!(decoded(&info, &[]), Ok(info));
    }
}

#[test]
fn five_planes_or_more_are_none() {
    for count in [5, 6, 0x7fff_ffff, -1, i32::MIN] {
        refused(&ubwc(), &[(PLANE_COUNT, count)], &HandleError::PlaneCount(count));
        refused(&nv15(), &[(PLANE_COUNT, count)], &HandleError::PlaneCount(count));
    }
    // Fewer, with the areas of those that are not there any more.
    refused(&ubwc(), &[(PLANE_COUNT, 3)], &HandleError::UnusedPlane);
    refused(&nv15(), &[(PLANE_COUNT, 1)], &HandleError::UnusedPlane);
    assert_eq!(
        decoded(&nv15(), &[(PLANE_COUNT, 3)]).unwrap_err(),
        HandleError::Planes(LayoutError::PlaneCount { found: 3, expected: 2 })
    );
}

/// A handle whose counts say that it has more ints than arrived is not read.
#[test]
fn counts_that_are_too_large_are_not_believed() {
    for count in [109, 1024, i32::MAX, -1] {
        refused(&ubwc(), &[(2, count)], &HandleError::DeclaredInts(count));
    }
    let ints: Vec<i32> = encode(&ubwc()).iter().copied().chain([0]).collect();
    let decoded = |num_fds, ints: &[i32]| decode(RawHandle { num_fds, ints }).unwrap_err();
    assert_eq!(decoded(2, &ints), HandleError::IntCount(INTS + 1));
    assert_eq!(decoded(2, &ints[..INTS - 1]), HandleError::IntCount(INTS - 1));
    assert_eq!(decoded(5, &ints[..INTS]), HandleError::FdCount(5));
}

#[test]
fn areas_that_overlap_or_leave_their_layer_are_refused() {
    let bad = |index, found| HandleError::Planes(LayoutError::Plane { index, found });
    // The second body one byte into the meta plane before it; a header where the first body is; all at one place.
    let moved = |index: usize, to: i32| (PLANES + 4 * index, to);
    refused(&ubwc(), &[moved(1, 16383)], &bad(3, plane(12288)));
    refused(&ubwc(), &[moved(2, 4096)], &bad(2, plane(4096)));
    refused(&ubwc(), &[moved(1, 4096)], &bad(1, plane(4096)));
    // A body that is larger than its place, up to the next plane and beyond the layer.
    refused(&ubwc(), &[(AREAS + 1, 8193)], &bad(3, plane(12288)));
    let outside = |end| HandleError::Planes(LayoutError::Outside { end: Some(end), layer_bytes: 32768 });
    refused(&ubwc(), &[(AREAS + 3, 16385)], &outside(32769));
    refused(&ubwc(), &[(AREAS + 3, -1)], &outside(16384 + u64::from(u32::MAX)));
    refused(&ubwc(), &[(PLANES + 5, 1)], &outside((1 << 32) + 16384 + 8192));
    refused(&ubwc(), &[(PLANES + 4, -1), (PLANES + 5, -1)], &bad(1, plane(u64::MAX)));
    // One without bytes, and one without lines.
    refused(&ubwc(), &[(AREAS + 1, 0)], &bad(0, plane(4096)));
    refused(&ubwc(), &[(PLANES + 3, 0)], &bad(0, Plane { lines: 0, ..plane(4096) }));
}

/// That planes lie in columns excuses none of it: what a reader finds in one column is one plane's.
#[test]
fn columns_that_overlap_or_leave_their_layer_are_refused() {
    let luma = Plane { stride_bytes: 256, ..plane(0) };
    let chroma = Plane { stride_bytes: 256, lines: 16, ..plane(4096) };
    let bad = |index, found| HandleError::Planes(LayoutError::Plane { index, found });
    let (offset, stride, lines) = (PLANES + 4, PLANES + 6, PLANES + 7);
    for (changes, index, found) in [
        // Chroma in the last line of luma, in the first, and a line below where it belongs: columns of 124, 0 and 132 bytes.
        (vec![(offset, 3968)], 1, Plane { offset_bytes: 3968, ..chroma }),
        (vec![(offset, 0)], 1, Plane { offset_bytes: 0, ..chroma }),
        (vec![(offset, 4224)], 1, Plane { offset_bytes: 4224, ..chroma }),
        // Columns of no whole bytes, and of which a line has no whole number.
        (vec![(offset, 4100)], 1, Plane { offset_bytes: 4100, ..chroma }),
        (vec![(offset, 3072)], 1, Plane { offset_bytes: 3072, ..chroma }),
        // Luma of more lines than its bytes, and of longer ones.
        (vec![(PLANES + 3, 64)], 0, Plane { lines: 64, ..luma }),
        (vec![(PLANES + 2, 512)], 0, Plane { stride_bytes: 512, ..luma }),
        // Luma of other lines than are above chroma: in columns of 64 bytes there are 64.
        (vec![(PLANES + 3, 31), (AREAS + 1, 7936)], 1, chroma),
        // Chroma of lines that do not make its bytes, and of shorter ones.
        (vec![(lines, 17)], 1, Plane { lines: 17, ..chroma }),
        (vec![(stride, 128), (lines, 32)], 1, Plane { stride_bytes: 128, lines: 32, ..chroma }),
        (vec![(AREAS + 3, 6144)], 1, chroma),
        // Part of a column, and a header, which columns do not have.
        (vec![(AREAS + 1, 8191)], 0, luma),
        (vec![(AREAS, 128)], 0, luma),
    ] {
        refused(&sand(), &changes, &bad(index, found));
    }
    // Luma and chroma each fit the layer; all columns of both do not.
    let outside = HandleError::Planes(LayoutError::Outside { end: Some(12544), layer_bytes: 12288 });
    refused(&sand(), &[(lines, 17), (AREAS + 3, 4352)], &outside);
    // A third plane: there are no headers that could be one.
    let third = [(PLANE_COUNT, 3), (PLANES + 8, 6144), (PLANES + 10, 256), (PLANES + 11, 1), (AREAS + 5, 256)];
    refused(&sand(), &third, &HandleError::Planes(LayoutError::PlaneCount { found: 3, expected: 2 }));
    // The flag on planes that lie one behind the other.
    let columns = encode(&sand())[FLAGS];
    assert!(matches!(decoded(&ubwc(), &[(FLAGS, columns)]).unwrap_err(), HandleError::Planes(_)));
}

#[test]
fn what_says_compressed_and_linear_at_once_is_refused() {
    let ints = encode(&ubwc());
    let compressed = ints[FLAGS];
    let linear = encode(&nv15())[FLAGS];
    let flags = |value: i32| HandleError::Flags(u32::from_ne_bytes(value.to_ne_bytes()));
    // The flag of the CPU is taken away: somebody would lock it.
    let not_mappable = encode(&BufferInfo { mappable: false, ..nv15() })[FLAGS] & !linear;
    assert_ne!(not_mappable, 0);
    refused(&ubwc(), &[(FLAGS, compressed & !not_mappable)], &flags(compressed & !not_mappable));
    let refusal = decoded(&ubwc(), &[(FLAGS, linear)]).unwrap_err();
    assert!(matches!(refusal, HandleError::Compression(_)), "{refusal}");
    // A vendor's value without its name, and a name with something behind its end.
    let unnamed: Vec<(usize, i32)> = (TYPE + 2..SHAPES).map(|at| (at, 0)).collect();
    assert!(matches!(decoded(&ubwc(), &unnamed).unwrap_err(), HandleError::Compression(_)));
    assert!(matches!(decoded(&ubwc(), &[(TYPE + 5, 1)]).unwrap_err(), HandleError::Compression(_)));
}

/// To an importer a modifier of 0 says lines of pixels; and one that says nothing, with a fourcc, may be taken for them.
#[test]
fn blocks_that_an_importer_would_take_for_lines_are_refused() {
    for fourcc in [0, Layout::Nv12.fourcc()] {
        let refusal = decoded(&BufferInfo { fourcc, modifier: 0, ..ubwc() }, &[]).unwrap_err();
        assert!(refusal.to_string().contains("a modifier of 0"), "{refusal}");
    }
    let none = 0x00ff_ffff_ffff_ffff;
    for info in [ubwc(), nv15()] {
        let info = BufferInfo { fourcc: Layout::Nv12.fourcc(), modifier: none, ..info };
        refused(&info, &[], &HandleError::Modifier(none));
        let info = BufferInfo { fourcc: 0, ..info };
        assert_eq!(decoded(&info, &[]), Ok(info));
        refused(&BufferInfo { modifier: 1, ..info }, &[], &HandleError::Modifier(1));
    }
}

#[test]
fn shapes_that_no_plane_has_are_refused() {
    let group = encode(&nv15())[SHAPES].to_le_bytes();
    let with = |at: usize, value: u8| {
        let mut group = group;
        group[at] = value;
        [(SHAPES, i32::from_le_bytes(group))]
    };
    // Subsampling by 3, no samples, no bytes.
    for change in [with(0, 3), with(1, 0), with(2, 0), with(3, 0)] {
        let refusal = decoded(&nv15(), &change).unwrap_err();
        assert!(matches!(refusal, HandleError::Shapes(_)), "{refusal}");
    }
    // 41 samples in 40 bits.
    let refusal = decoded(&nv15(), &with(2, 41)).unwrap_err();
    assert!(matches!(refusal, HandleError::Shapes(why) if why.contains("a bit")), "{refusal}");
    // A component of no kind, and none at all.
    for (low, high) in [(15, 0), (0x20, 0), (0, 0)] {
        let refusal = decoded(&nv15(), &[(SHAPES + 1, low), (SHAPES + 2, high)]).unwrap_err();
        assert!(matches!(refusal, HandleError::Shapes(_)), "{refusal}");
    }
    // None of a vendor's layout, and more lines than the planes have.
    let none: Vec<(usize, i32)> = (SHAPES..SHAPES + 12).map(|at| (at, 0)).collect();
    assert!(matches!(decoded(&nv15(), &none).unwrap_err(), HandleError::Shapes(_)));
    assert!(matches!(decoded(&nv15(), &[(6, 33)]).unwrap_err(), HandleError::Planes(LayoutError::Lines { .. })));
}
