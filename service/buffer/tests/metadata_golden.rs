//! Every standard type's bytes, written out by hand: what AOSP's decoder takes. Shares no code with the encoder.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::layout::{Area, Compression, Plane, Planes, Shapes, TypeName};
use gralloc_buffer::metadata::{
    encode_constant, encode_shared, explain, set, SetError, SharedPage, StandardMetadata, Writer, MAX_BLOB_BYTES,
    MAX_ENCODED_BYTES, PAGE_WORDS,
};
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};
use std::sync::atomic::{AtomicU32, Ordering};

fn info(format: PixelFormat, layout: Layout, width: u32, height: u32, planes: &[(u64, u32, u32)]) -> BufferInfo {
    let planes: Vec<Plane> =
        planes.iter().map(|&(offset_bytes, stride_bytes, lines)| Plane { offset_bytes, stride_bytes, lines }).collect();
    BufferInfo {
        id: 0x0102_0304_0506_0708,
        name: BufferName::from_text("Hello, World!"),
        layers: 2,
        usage: Usage(0x1_0000_0033),
        stride: 80,
        planes: Planes::from_slice(&planes).unwrap(),
        layer_bytes: 0,
        buffer_bytes: 16384,
        ..BufferInfo::linear(format, layout, width, height).unwrap()
    }
}

fn rgba() -> BufferInfo {
    info(PixelFormat::Rgba8888, Layout::Rgba8888, 64, 48, &[(0, 320, 48)])
}

fn yv12() -> BufferInfo {
    info(PixelFormat::Yv12, Layout::Yv12, 30, 6, &[(0, 32, 6), (192, 16, 3), (240, 16, 3)])
}

fn page() -> Vec<AtomicU32> {
    (0..PAGE_WORDS).map(|_| AtomicU32::new(0)).collect()
}

fn get(kind: StandardMetadata, info: &BufferInfo, page: &[AtomicU32]) -> Vec<u8> {
    let mut room = [0xaa; MAX_ENCODED_BYTES];
    let mut out = Writer::new(&mut room);
    let constant = encode_constant(kind, info, 16384, &mut out);
    let shared = encode_shared(kind, info, SharedPage::new(page), &mut out);
    assert!(constant != shared, "{kind:?} comes from one place");
    assert_eq!(shared, kind.is_shared());
    let needed = out.needed();
    assert!(room[needed..].iter().all(|byte| *byte == 0xaa), "{kind:?} wrote beyond its end");
    room[..needed].to_vec()
}

/// `length name number`, as it stands before every value.
fn header(number: u8) -> Vec<u8> {
    let mut bytes = vec![53, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(b"android.hardware.graphics.common.StandardMetadataType");
    bytes.extend([number, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes.len(), 69);
    bytes
}

fn with_header(number: u8, value: &[&[u8]]) -> Vec<u8> {
    let mut bytes = header(number);
    value.iter().for_each(|part| bytes.extend(*part));
    bytes
}

fn long(value: i64) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    [h, g, f, e, d, c, b, a]
}

#[test]
fn numbers_and_texts_as_the_contract_writes_them() {
    let golden: [(StandardMetadata, u8, &[&[u8]]); 13] = [
        (StandardMetadata::BufferId, 1, &[&[8, 7, 6, 5, 4, 3, 2, 1]]),
        (StandardMetadata::Name, 2, &[&[13, 0, 0, 0, 0, 0, 0, 0], b"Hello, World!"]),
        (StandardMetadata::Width, 3, &[&[64, 0, 0, 0, 0, 0, 0, 0]]),
        (StandardMetadata::Height, 4, &[&[48, 0, 0, 0, 0, 0, 0, 0]]),
        (StandardMetadata::LayerCount, 5, &[&[2, 0, 0, 0, 0, 0, 0, 0]]),
        (StandardMetadata::PixelFormatRequested, 6, &[&[1, 0, 0, 0]]),
        (StandardMetadata::PixelFormatFourcc, 7, &[b"AB24"]),
        (StandardMetadata::PixelFormatModifier, 8, &[&[0; 8]]),
        (StandardMetadata::Usage, 9, &[&[0x33, 0, 0, 0, 1, 0, 0, 0]]),
        (StandardMetadata::AllocationSize, 10, &[&[0, 0x50, 0, 0, 0, 0, 0, 0]]),
        (StandardMetadata::ProtectedContent, 11, &[&[0; 8]]),
        (StandardMetadata::Compression, 12, &[&long(44), b"android.hardware.graphics.common.Compression", &[0; 8]]),
        (StandardMetadata::Interlaced, 13, &[&long(43), b"android.hardware.graphics.common.Interlaced", &[0; 8]]),
    ];
    for (kind, number, value) in golden {
        assert_eq!(kind.number(), i64::from(number));
        assert_eq!(get(kind, &rgba(), &page()), with_header(number, value), "{kind:?}");
    }
    let stride = with_header(23, &[&[80, 0, 0, 0]]);
    assert_eq!(get(StandardMetadata::Stride, &rgba(), &page()), stride);
    let protected = BufferInfo { protected: true, ..rgba() };
    assert_eq!(get(StandardMetadata::ProtectedContent, &protected, &page()), with_header(11, &[&long(1)]));
    assert_eq!(get(StandardMetadata::PixelFormatFourcc, &yv12(), &page()), with_header(7, &[b"YV12"]));
}

#[test]
fn compression_is_the_vendor_s_own_type_where_it_has_a_name() {
    let of = |name: &str| {
        let name = TypeName::from_text(name).unwrap();
        let compression = Some(Compression { name, value: 20_001, ..Compression::default() });
        get(StandardMetadata::Compression, &BufferInfo { compression, ..rgba() }, &page())
    };
    assert_eq!(of("QTI"), with_header(12, &[&long(3), b"QTI", &long(20_001)]));
    assert_eq!(of(""), get(StandardMetadata::Compression, &rgba(), &page()), "tiled: as large as linear");
}

#[test]
fn chroma_siting_none_without_subsampling_unknown_with() {
    let name: &[u8] = b"android.hardware.graphics.common.ChromaSiting";
    let nv16 = info(PixelFormat::Ycbcr422Sp, Layout::Nv16, 64, 48, &[(0, 64, 48), (3072, 64, 48)]);
    let [mut luma, mut chroma] = [*yv12().shape(0); 2];
    (luma.vertical_subsampling, chroma.vertical_subsampling) = (1, 2);
    let down_alone = BufferInfo { own: Shapes::from_slice(&[luma, chroma]).unwrap(), ..nv16 };
    let nv12 = info(PixelFormat::Ycbcr420_888, Layout::Nv12, 64, 48, &[(0, 64, 48)]);
    let merged = BufferInfo { own: Shapes::from_slice(&[*rgba().shape(0)]).unwrap(), ..nv12 };
    for (info, siting) in [(rgba(), 0), (yv12(), 1), (nv16, 1), (down_alone, 1), (merged, 1)] {
        let golden = with_header(14, &[&long(45), name, &long(siting)]);
        assert_eq!(get(StandardMetadata::ChromaSiting, &info, &page()), golden);
    }
}

/// A component: its type's name, its bit, where it is, how long.
fn component(kind: i64, offset: i64, size: i64) -> Vec<u8> {
    let mut bytes = long(57).to_vec();
    bytes.extend(b"android.hardware.graphics.common.PlaneLayoutComponentType");
    [kind, offset, size].iter().for_each(|number| bytes.extend(long(*number)));
    bytes
}

/// Offset, increment, stride, samples across and down, bytes, subsampling across and down.
fn plane(numbers: [i64; 8]) -> Vec<u8> {
    numbers.iter().flat_map(|number| long(*number)).collect()
}

#[test]
fn plane_layouts_of_one_plane_with_four_components() {
    let parts = [
        long(1).to_vec(),
        long(4).to_vec(),
        component(1 << 10, 0, 8),
        component(1 << 11, 8, 8),
        component(1 << 12, 16, 8),
        component(1 << 30, 24, 8),
        plane([0, 32, 320, 64, 48, 15360, 1, 1]),
    ];
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let bytes = get(StandardMetadata::PlaneLayouts, &rgba(), &page());
    assert_eq!(bytes, with_header(15, &parts));
    // VTS's first guess is 512 bytes.
    assert_eq!(bytes.len(), 505);
}

/// What describes the blocks is a plane of its own, of the vendor's component, as large as it is.
#[test]
fn plane_layouts_of_blocks_with_planes_of_headers() {
    let (header, body) = (Area { header_bytes: 4096, body_bytes: 0 }, Area { header_bytes: 0, body_bytes: 8192 });
    let (name, areas) = (TypeName::from_text("QTI").unwrap(), [body, body, header, header]);
    let planes = [(4096, 128, 32), (16384, 128, 32), (0, 128, 32), (12288, 128, 32)];
    let info = BufferInfo {
        compression: Some(Compression { name, value: 20_001, header_type: 20_004, areas, ..Compression::default() }),
        ..info(PixelFormat::Vendor(0x7fa3_0c06), Layout::Nv12, 64, 32, &planes)
    };
    let headers = |offset| {
        let numbers = plane([offset, 8, 128, 128, 32, 4096, 1, 1]);
        [&long(1)[..], &long(3), b"QTI", &long(20_004), &long(0), &long(8), &numbers].concat()
    };
    let parts = [
        long(4).to_vec(),
        long(1).to_vec(),
        component(1, 0, 8),
        plane([4096, 8, 128, 64, 32, 8192, 1, 1]),
        long(2).to_vec(),
        component(2, 0, 8),
        component(4, 8, 8),
        plane([16384, 16, 128, 32, 16, 8192, 2, 2]),
        headers(0),
        headers(12288),
    ];
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    assert_eq!(get(StandardMetadata::PlaneLayouts, &info, &page()), with_header(15, &parts));
}

#[test]
fn plane_layouts_of_three_planes_in_memory_order() {
    let parts = [
        long(3).to_vec(),
        long(1).to_vec(),
        component(1, 0, 8),
        plane([0, 8, 32, 30, 6, 192, 1, 1]),
        long(1).to_vec(),
        component(4, 0, 8),
        plane([192, 8, 16, 15, 3, 48, 2, 2]),
        long(1).to_vec(),
        component(2, 0, 8),
        plane([240, 8, 16, 15, 3, 48, 2, 2]),
    ];
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    assert_eq!(get(StandardMetadata::PlaneLayouts, &yv12(), &page()), with_header(15, &parts));
}

#[test]
fn as_many_planes_and_components_as_a_handle_has_fit_the_room() {
    let four = *rgba().shape(0);
    let own = Shapes::from_slice(&[four; 4]).unwrap();
    let planes = [(0, 256, 48), (12288, 256, 48), (24576, 256, 48), (36864, 256, 48)];
    let info = BufferInfo { own, ..info(PixelFormat::ImplementationDefined, Layout::Rgba8888, 64, 48, &planes) };
    let info = BufferInfo { layout: Layout::Vendor, ..info };
    let bytes = get(StandardMetadata::PlaneLayouts, &info, &page());
    assert_eq!(bytes.len(), 1789, "header, count, and four planes of 72 bytes with four components of 89");
    assert!(explain(StandardMetadata::PlaneLayouts, &bytes).is_some());
}

#[test]
fn defaults_of_a_zeroed_page() {
    let page = page();
    let crop = with_header(16, &[&long(1), &[0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 48, 0, 0, 0]]);
    assert_eq!(get(StandardMetadata::Crop, &rgba(), &page), crop);
    let chroma: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0, 0, 3, 0, 0, 0];
    let crop = with_header(16, &[&long(3), &[0, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 6, 0, 0, 0], chroma, chroma]);
    assert_eq!(get(StandardMetadata::Crop, &yv12(), &page), crop);
    assert_eq!(get(StandardMetadata::Dataspace, &rgba(), &page), with_header(17, &[&[0; 4]]));
    assert_eq!(get(StandardMetadata::BlendMode, &rgba(), &page), with_header(18, &[&[0; 4]]));
    for kind in [
        StandardMetadata::Smpte2086,
        StandardMetadata::Cta861_3,
        StandardMetadata::Smpte2094_40,
        StandardMetadata::Smpte2094_10,
    ] {
        assert!(get(kind, &rgba(), &page).is_empty(), "{kind:?} is unset");
    }
}

fn floats(count: u8) -> Vec<u8> {
    // 1.0, 2.0, 3.0 … as IEEE 754 has them.
    (1..=count).flat_map(|value| f32::from(value).to_bits().to_le_bytes()).collect()
}

/// A value of every type that can be set.
fn settable() -> Vec<(StandardMetadata, Vec<u8>)> {
    vec![
        (StandardMetadata::Crop, with_header(16, &[&long(1), &[1, 0, 0, 0, 2, 0, 0, 0, 63, 0, 0, 0, 48, 0, 0, 0]])),
        // DISPLAY_P3
        (StandardMetadata::Dataspace, with_header(17, &[&143_261_696i32.to_le_bytes()])),
        (StandardMetadata::BlendMode, with_header(18, &[&[3, 0, 0, 0]])),
        (StandardMetadata::Smpte2086, with_header(19, &[&floats(10)])),
        (StandardMetadata::Cta861_3, with_header(20, &[&floats(2)])),
        (StandardMetadata::Smpte2094_40, with_header(21, &[&long(5), b"a\0\xffcd"])),
        (StandardMetadata::Smpte2094_10, with_header(22, &[&long(0)])),
    ]
}

#[test]
fn value_that_is_set_comes_back_and_unsets() {
    let (info, page) = (rgba(), page());
    let before: Vec<_> = settable().iter().map(|(kind, _)| get(*kind, &info, &page)).collect();
    for (kind, bytes) in settable() {
        assert!(kind.is_shared());
        assert_eq!(set(kind, &info, SharedPage::new(&page), 1, &bytes), Ok(()), "{kind:?}");
        assert_eq!(get(kind, &info, &page), bytes, "{kind:?}");
    }
    // Nothing has come over anything else.
    for ((kind, bytes), default) in settable().into_iter().zip(before) {
        assert_eq!(get(kind, &info, &page), bytes, "{kind:?}");
        let unset = set(kind, &info, SharedPage::new(&page), 1, &default);
        assert_eq!(unset, Ok(()), "{kind:?} to {default:?}");
        assert_eq!(get(kind, &info, &page), default, "{kind:?}");
    }
}

#[test]
fn longest_blob_is_set_and_a_longer_one_refused() {
    let (info, page) = (rgba(), page());
    let kind = StandardMetadata::Smpte2094_40;
    let blob = |count: usize| with_header(21, &[&long(i64::try_from(count).unwrap()), &vec![7; count]]);
    assert_eq!(set(kind, &info, SharedPage::new(&page), 1, &blob(MAX_BLOB_BYTES)), Ok(()));
    assert_eq!(get(kind, &info, &page), blob(MAX_BLOB_BYTES));
    let too_long = SetError::TooLong { kind, bytes: MAX_BLOB_BYTES + 1 };
    assert_eq!(set(kind, &info, SharedPage::new(&page), 1, &blob(MAX_BLOB_BYTES + 1)), Err(too_long));
    assert_eq!(get(kind, &info, &page), blob(MAX_BLOB_BYTES));
}

#[test]
fn values_cut_off_anywhere_or_of_another_type_malformed() {
    let (info, page) = (rgba(), page());
    for (kind, bytes) in settable() {
        let unset = usize::from(matches!(kind.number(), 19..=22));
        for len in unset..bytes.len() {
            let cut = set(kind, &info, SharedPage::new(&page), 1, &bytes[..len]);
            assert_eq!(cut, Err(SetError::Malformed(kind)), "{kind:?} of {len} bytes");
        }
        for (other, bytes) in settable().into_iter().filter(|(other, _)| *other != kind) {
            let wrong = set(kind, &info, SharedPage::new(&page), 1, &bytes);
            assert_eq!(wrong, Err(SetError::Malformed(kind)), "{kind:?} from {other:?}");
        }
    }
    assert!(page.iter().all(|word| word.load(Ordering::Relaxed) == 0), "nothing was set");
}

#[test]
fn values_out_of_range_malformed() {
    let (info, page) = (rgba(), page());
    let crop = |edges: [i32; 4]| {
        let edges: Vec<u8> = edges.iter().flat_map(|edge| edge.to_le_bytes()).collect();
        with_header(16, &[&long(1), &edges])
    };
    let refused = [
        (StandardMetadata::Crop, crop([-1, 0, 64, 48])),
        (StandardMetadata::Crop, crop([0, 0, 65, 48])),
        (StandardMetadata::Crop, crop([9, 0, 8, 48])),
        (StandardMetadata::Crop, with_header(16, &[&long(i64::MAX)])),
        (StandardMetadata::Crop, with_header(16, &[&long(-1)])),
        (StandardMetadata::BlendMode, with_header(18, &[&[4, 0, 0, 0]])),
        (StandardMetadata::BlendMode, with_header(18, &[&[0xff; 4]])),
        (StandardMetadata::Cta861_3, with_header(20, &[&f32::NAN.to_le_bytes(), &[0; 4]])),
        (StandardMetadata::Smpte2094_10, with_header(22, &[&long(-1)])),
        (StandardMetadata::Smpte2094_10, with_header(22, &[&long(i64::MAX)])),
    ];
    for (kind, bytes) in refused {
        assert_eq!(set(kind, &info, SharedPage::new(&page), 1, &bytes), Err(SetError::Malformed(kind)), "{bytes:?}");
    }
}

#[test]
fn types_that_never_change_refused() {
    let (info, page) = (rgba(), page());
    for kind in StandardMetadata::ALL.iter().copied().filter(|kind| !kind.is_shared()) {
        let bytes = get(kind, &info, &page);
        let expected = match kind.number() {
            1..=6 | 9 => SetError::Constant(kind),
            _ => SetError::Fixed(kind),
        };
        assert!(expected.to_string().contains(kind.name()), "{expected}");
        assert_eq!(set(kind, &info, SharedPage::new(&page), 1, &bytes), Err(expected));
    }
}

#[test]
fn room_too_short_needs_as_much() {
    let (info, page) = (rgba(), page());
    for (kind, bytes) in settable() {
        set(kind, &info, SharedPage::new(&page), 1, &bytes).unwrap();
    }
    for kind in StandardMetadata::ALL {
        let whole = get(*kind, &info, &page);
        for len in 0..whole.len() {
            let mut room = vec![0xaa; len];
            let mut out = Writer::new(&mut room);
            encode_constant(*kind, &info, 16384, &mut out);
            encode_shared(*kind, &info, SharedPage::new(&page), &mut out);
            assert_eq!(out.needed(), whole.len(), "{kind:?}");
            let written = room.iter().zip(&whole).take_while(|(byte, right)| byte == right).count();
            assert!(room[written..].iter().all(|byte| *byte == 0xaa), "{kind:?}: a prefix, then nothing");
        }
    }
}

#[test]
fn every_value_explained_in_words() {
    let (info, page) = (rgba(), page());
    let words = |kind, page: &[AtomicU32]| explain(kind, &get(kind, &info, page)).unwrap();
    assert_eq!(words(StandardMetadata::Smpte2086, &page), "unset");
    for (kind, bytes) in settable() {
        set(kind, &info, SharedPage::new(&page), 1, &bytes).unwrap();
    }
    let golden = [
        (StandardMetadata::BufferId, "0x102030405060708"),
        (StandardMetadata::Name, "\"Hello, World!\""),
        (StandardMetadata::Width, "64"),
        (StandardMetadata::PixelFormatRequested, "RGBA_8888"),
        (StandardMetadata::PixelFormatFourcc, "AB24"),
        (StandardMetadata::Usage, "CPU_READ_OFTEN|CPU_WRITE_OFTEN|FRONT_BUFFER"),
        (StandardMetadata::AllocationSize, "20480 bytes"),
        (StandardMetadata::ProtectedContent, "no"),
        (StandardMetadata::Compression, "NONE"),
        (StandardMetadata::Crop, "(1, 2)–(63, 48)"),
        (StandardMetadata::Dataspace, "0x88a0000 (DCI_P3 SRGB FULL)"),
        (StandardMetadata::BlendMode, "COVERAGE"),
        (StandardMetadata::Smpte2086, "red (1, 2), green (3, 4), blue (5, 6), white (7, 8), 9 down to 10 cd/m²"),
        (StandardMetadata::Cta861_3, "content up to 1 cd/m², frames on average up to 2 cd/m²"),
        (StandardMetadata::Smpte2094_40, "5 bytes"),
        (
            StandardMetadata::PlaneLayouts,
            "plane 0 at byte 0: 64×48 samples of 32 bits, 320 bytes a line, 15360 in all, 1×1 pixels a sample, \
             [R at bit 0 (8), G at bit 8 (8), B at bit 16 (8), A at bit 24 (8)]",
        ),
    ];
    for (kind, expected) in golden {
        assert_eq!(words(kind, &page), expected, "{kind:?}");
    }
    for kind in StandardMetadata::ALL {
        let bytes = get(*kind, &info, &page);
        assert!(explain(*kind, &bytes).is_some());
        for len in 1..bytes.len() {
            assert_eq!(explain(*kind, &bytes[..len]), None, "{kind:?} of {len} bytes");
        }
    }
}
