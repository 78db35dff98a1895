//! Handles written by hand, int by int: what version 3 is, for ever. Shares no code with the encoder.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use gralloc_buffer::handle::{decode, encode, fields, BufferInfo, HandleError, RawHandle, INTS};
use gralloc_buffer::layout::{Plane, Planes};
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};

fn planes(planes: &[(u64, u32, u32)]) -> Planes {
    let planes: Vec<Plane> =
        planes.iter().map(|&(offset_bytes, stride_bytes, lines)| Plane { offset_bytes, stride_bytes, lines }).collect();
    Planes::from_slice(&planes).unwrap()
}

/// A 64×64 RGBA buffer called "Hi", written and read by the CPU, cached memory.
const RGBA: [i32; INTS] = [
    // magic "dmah", version, ints
    0x68616d64, 3, 108, //
    // id 0x0000000500000001
    1, 5, //
    // width, height, layers, format RGBA_8888
    64, 64, 1, 1, //
    // usage CPU_READ_OFTEN | CPU_WRITE_OFTEN, and FRONT_BUFFER in the upper half
    0x33, 1, //
    // layout RGBA_8888, fourcc AB24, modifier, stride in pixels, flags: cached
    1, 0x34324241, 0, 0, 64, 2, //
    // buffer bytes, layer bytes, metadata bytes, reserved bytes
    16384, 0, 16384, 0, 4096, 0, 0, 0, //
    // one plane: offset, stride in bytes, lines; then places for three more
    1, 0, 0, 256, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
    // four areas, compression, type of its headers, eight of its name: none
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
    // shapes of the planes' own: none
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
    // "Hi"
    0x6948, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
    // spare
    0, 0, 0, 0,
];

fn rgba() -> BufferInfo {
    BufferInfo {
        id: 0x5_0000_0001,
        name: BufferName::from_text("Hi"),
        width: 64,
        height: 64,
        layers: 1,
        format: PixelFormat::Rgba8888,
        usage: Usage(0x1_0000_0033),
        layout: Layout::Rgba8888,
        own: gralloc_buffer::layout::Shapes::NONE,
        fourcc: Layout::Rgba8888.fourcc(),
        modifier: 0,
        compression: None,
        stride: 64,
        planes: planes(&[(0, 256, 64)]),
        layer_bytes: 16384,
        buffer_bytes: 16384,
        metadata_bytes: 4096,
        reserved_bytes: 0,
        vendor_metadata: [0; 4],
        mappable: true,
        protected: false,
        cached: true,
        contiguous: false,
        strict_cpu_usage: false,
    }
}

/// Two layers of 30×6 YV12 for IMPLEMENTATION_DEFINED, with a reserved region, in protected contiguous memory; the name
/// is the longest that there is.
fn yv12_ints() -> [i32; INTS] {
    let mut ints = [0; INTS];
    ints[..38].copy_from_slice(&[
        0x68616d64,
        3,
        108, // head
        -1,
        i32::MAX, // id 0x7fffffffffffffff
        30,
        6,
        2,
        0x22, // IMPLEMENTATION_DEFINED
        1 << 14,
        0, // PROTECTED
        23,
        i32::from_le_bytes(*b"YV12"),
        0,
        0,
        32,
        5, // YV12, its fourcc, linear, stride, protected and contiguous
        640,
        0,
        320,
        0, // 2 × 320 bytes
        4096 + 70000,
        0,
        70000,
        0, // metadata, reserved
        3, // planes: Y, Cr, Cb
        0,
        0,
        32,
        6, //
        192,
        0,
        16,
        3, //
        240,
        0,
        16,
        3,
    ]);
    ints[72..103].fill(i32::from_le_bytes(*b"nnnn"));
    ints[103] = i32::from_le_bytes(*b"nnn\0");
    ints
}

fn yv12() -> BufferInfo {
    BufferInfo {
        id: 0x7fff_ffff_ffff_ffff,
        name: BufferName::from_text(&"n".repeat(127)),
        width: 30,
        height: 6,
        layers: 2,
        format: PixelFormat::ImplementationDefined,
        usage: Usage::PROTECTED,
        layout: Layout::Yv12,
        own: gralloc_buffer::layout::Shapes::NONE,
        fourcc: Layout::Yv12.fourcc(),
        modifier: 0,
        compression: None,
        stride: 32,
        planes: planes(&[(0, 32, 6), (192, 16, 3), (240, 16, 3)]),
        layer_bytes: 320,
        buffer_bytes: 640,
        metadata_bytes: 74096,
        reserved_bytes: 70000,
        vendor_metadata: [0; 4],
        mappable: true,
        protected: true,
        cached: false,
        contiguous: true,
        strict_cpu_usage: false,
    }
}

fn raw(ints: &[i32]) -> RawHandle<'_> {
    RawHandle { num_fds: 2, ints }
}

#[test]
fn encode_gives_the_golden_ints() {
    assert_eq!(encode(&rgba()), RGBA);
    assert_eq!(encode(&yv12()), yv12_ints());
}

#[test]
fn decode_reads_the_golden_ints() {
    assert_eq!(decode(raw(&RGBA)), Ok(rgba()));
    assert_eq!(decode(raw(&yv12_ints())), Ok(yv12()));
}

/// Changes one int of the golden handle and decodes.
fn with(at: usize, value: i32) -> Result<BufferInfo, HandleError> {
    let mut ints = RGBA;
    ints[at] = value;
    decode(raw(&ints))
}

#[test]
fn counts_are_checked_before_anything_is_read() {
    for num_fds in [0, 1, 3, usize::MAX] {
        assert_eq!(decode(RawHandle { num_fds, ints: &RGBA }), Err(HandleError::FdCount(num_fds)));
    }
    let long: Vec<i32> = RGBA.iter().copied().chain([0]).collect();
    for ints in [&[][..], &RGBA[..1], &RGBA[..107], &long] {
        assert_eq!(decode(raw(ints)), Err(HandleError::IntCount(ints.len())));
    }
}

#[test]
fn every_wrong_field_has_its_own_error() {
    assert_eq!(with(0, 0), Err(HandleError::Magic(0)));
    assert_eq!(with(1, 4), Err(HandleError::Version(4)));
    assert_eq!(with(2, -72), Err(HandleError::DeclaredInts(-72)));
    assert_eq!(with(8, 6), Err(HandleError::Format(6)));
    assert_eq!(
        with(8, 2),
        Err(HandleError::LayoutOfFormat { format: PixelFormat::Rgbx8888, layout: Layout::Rgba8888 })
    );
    assert_eq!(with(11, 0), Err(HandleError::Layout(0)));
    assert_eq!(with(12, 0), Err(HandleError::Modifier(0)));
    assert_eq!(with(13, 1), Err(HandleError::Modifier(1)));
    assert_eq!(with(14, 1), Err(HandleError::Modifier(1 << 32)));
    assert_eq!(with(15, 65), Err(HandleError::Stride { found: 65, expected: 64 }));
    // Beyond the last flag; an order of areas without areas; areas that the CPU could map; AIDL's format as a vendor's.
    assert_eq!(with(16, 0x202), Err(HandleError::Flags(0x202)));
    assert_eq!(with(16, 0x22), Err(HandleError::Flags(0x22)));
    assert_eq!(with(16, 0x12), Err(HandleError::Flags(0x12)));
    assert_eq!(with(16, 0x82), Err(HandleError::Format(1)));
    assert_eq!(with(25, 5), Err(HandleError::PlaneCount(5)));
    assert_eq!(with(25, -1), Err(HandleError::PlaneCount(-1)));
    assert_eq!(with(25, 0), Err(HandleError::UnusedPlane));
    assert_eq!(with(41, 1), Err(HandleError::UnusedPlane));
    assert!(matches!(with(42, 1), Err(HandleError::Compression(_))));
    assert!(matches!(with(60, 0x0101_0101), Err(HandleError::Shapes(_))));
    assert_eq!(with(107, 1), Err(HandleError::VendorMetadata), "a hash without room for its types");
    // Behind the terminator; without a terminator.
    assert_eq!(with(74, 1), Err(HandleError::Name));
    let mut ints = yv12_ints();
    ints[103] = i32::from_le_bytes(*b"nnnn");
    assert_eq!(decode(raw(&ints)), Err(HandleError::Name));
}

/// Pages for a vendor's types come with the hash of their table, whole and at most four.
#[test]
fn pages_of_a_vendors_metadata_are_whole_few_and_have_a_hash() {
    let with_pages = |metadata: i32, hash: i32| {
        let mut ints = yv12_ints();
        ints[21] = metadata;
        ints[106] = hash;
        decode(raw(&ints)).map(|info| (info.vendor_bytes(), info.vendor_metadata))
    };
    let (none, page) = (4096 + 70000, 4096);
    assert_eq!(with_pages(none, 0), Ok((0, [0; 4])));
    assert_eq!(with_pages(none + page, 5), Ok((4096, [0, 0, 5, 0])));
    assert_eq!(with_pages(none + 4 * page, 5), Ok((16384, [0, 0, 5, 0])));
    assert_eq!(with_pages(none, 5), Err(HandleError::VendorMetadata));
    assert_eq!(with_pages(none + page, 0), Err(HandleError::VendorMetadata));
    for metadata in [none + 5 * page, none + 1, none + page - 1, none - 1, -1] {
        assert!(matches!(with_pages(metadata, 5), Err(HandleError::Metadata { .. })), "{metadata}");
    }
}

/// Ints of the version before, of its own number: it had no fourcc, and is not mistaken for one that has.
#[test]
fn a_handle_of_the_version_before_is_refused_by_name() {
    let mut old = vec![0; 72];
    old[..3].copy_from_slice(&[0x68616d64, 1, 72]);
    assert_eq!(decode(raw(&old)), Err(HandleError::Version(1)));
    assert_eq!(HandleError::Version(2).to_string(), "a handle of version 2: this library reads version 3");
    assert_eq!(with(1, 2), Err(HandleError::Version(2)));
    assert_eq!(with(1, 1), Err(HandleError::Version(1)));
}

#[test]
fn sizes_that_contradict_one_another_are_refused() {
    let bytes = |layers, layer_bytes, buffer_bytes| Err(HandleError::Bytes { layers, layer_bytes, buffer_bytes });
    assert_eq!(with(7, 0), bytes(0, 16384, 16384));
    assert_eq!(with(7, -1), bytes(u32::MAX, 16384, 16384));
    assert_eq!(with(7, 2), bytes(2, 16384, 16384));
    assert_eq!(with(17, 16383), bytes(1, 16384, 16383));
    assert_eq!(with(18, -1), bytes(1, 16384, 0xffff_ffff_0000_4000));
    // 2 × 2⁶³ is 0 in 64 bits.
    let mut ints = RGBA;
    (ints[7], ints[17], ints[19], ints[20]) = (2, 0, 0, i32::MIN);
    assert_eq!(decode(raw(&ints)), bytes(2, 1 << 63, 0));
    // Equal, and too large for a file.
    let mut ints = RGBA;
    (ints[18], ints[20]) = (i32::MIN, i32::MIN);
    assert_eq!(decode(raw(&ints)), bytes(1, 1 << 63 | 16384, 1 << 63 | 16384));

    let metadata = |metadata_bytes, reserved_bytes| Err(HandleError::Metadata { metadata_bytes, reserved_bytes });
    assert_eq!(with(21, 4095), metadata(4095, 0));
    assert_eq!(with(23, 1), metadata(4096, 1));
    // 4096 + (2⁶⁴ − 4096) is 0 in 64 bits.
    let mut ints = RGBA;
    (ints[21], ints[23], ints[24]) = (0, -4096, -1);
    assert_eq!(decode(raw(&ints)), metadata(0, 4096u64.wrapping_neg()));
}

#[test]
fn planes_outside_the_layer_are_refused() {
    let refused = |at, value| assert!(matches!(with(at, value), Err(HandleError::Planes(_))), "int {at} = {value}");
    refused(5, 65);
    refused(5, 0);
    refused(5, -1);
    refused(6, 65);
    refused(26, 4);
    refused(27, 1);
    refused(28, 252);
    refused(28, 260);
    refused(28, -1);
    refused(29, 63);
    refused(29, -1);
}

#[test]
fn check_sizes_compares_with_the_dma_bufs() {
    let info = rgba();
    assert_eq!(info.check_sizes(16384, 4096), Ok(()));
    assert_eq!(info.check_sizes(u64::MAX, 16384), Ok(()));
    assert_eq!(info.check_sizes(16383, 4096), Err(HandleError::BufferTooSmall { found: 16383, needed: 16384 }));
    assert_eq!(info.check_sizes(16384, 0), Err(HandleError::MetadataTooSmall { found: 0, needed: 4096 }));
}

#[test]
fn fields_say_what_the_golden_ints_mean() {
    let all = fields(&yv12_ints());
    let said: Vec<(&str, &str)> = all.iter().map(|field| (field.name, field.value.as_str())).collect();
    let name = format!("\"{}\"", "n".repeat(127));
    assert_eq!(
        said,
        [
            ("magic", "\"dmah\""),
            ("version", "3"),
            ("ints", "108"),
            ("id", "0x7fffffffffffffff"),
            ("width", "30"),
            ("height", "6"),
            ("layers", "2"),
            ("format", "IMPLEMENTATION_DEFINED"),
            ("usage", "PROTECTED"),
            ("layout", "YV12"),
            ("fourcc", "\"YV12\""),
            ("modifier", "0x0"),
            ("stride", "32"),
            ("flags", "protected, contiguous"),
            ("buffer_bytes", "640"),
            ("layer_bytes", "320"),
            ("metadata_bytes", "74096"),
            ("reserved_bytes", "70000"),
            ("planes", "3"),
            ("plane_0", "at byte 0, 6 lines of 32 bytes"),
            ("plane_1", "at byte 192, 3 lines of 16 bytes"),
            ("plane_2", "at byte 240, 3 lines of 16 bytes"),
            ("plane_3", "at byte 0, 0 lines of 0 bytes"),
            ("area_0", "0 bytes of header, 0 of body"),
            ("area_1", "0 bytes of header, 0 of body"),
            ("area_2", "0 bytes of header, 0 of body"),
            ("area_3", "0 bytes of header, 0 of body"),
            ("compression", "0"),
            ("header_type", "0"),
            ("compression_name", "\"\""),
            ("shape_0", "the layout's"),
            ("shape_1", "the layout's"),
            ("shape_2", "the layout's"),
            ("shape_3", "the layout's"),
            ("name", name.as_str()),
            ("vendor_metadata", "none"),
        ]
    );
    assert_eq!(all[34].ints, 72..104);
}

#[test]
fn an_info_reads_well() {
    let text = rgba().to_string();
    assert_eq!(
        text,
        "buffer 0x0000000500000001 \"Hi\": 64x64 RGBA_8888, laid out as RGBA_8888, 1 layer\n\
         usage: CPU_READ_OFTEN|CPU_WRITE_OFTEN|FRONT_BUFFER\n\
         stride: 64 pixels\n\
         drm: AB24, modifier 0 (linear)\n\
         plane 0: at byte 0, 64 lines of 256 bytes\n\
         bytes: 16384 in all, 16384 a layer\n\
         metadata: 4096 bytes, 0 of them reserved for the client\n\
         memory: cached, scattered, not protected"
    );
}

#[test]
fn a_name_cannot_forge_a_line() {
    let info = BufferInfo { name: BufferName::from_text("a\"\nusage: PROTECTED"), ..rgba() };
    assert!(info.to_string().starts_with(r#"buffer 0x0000000500000001 "a\"\nusage: PROTECTED": 64x64"#));
}
