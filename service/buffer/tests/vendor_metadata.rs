//! The vendor's types of metadata: what comes out is what was written by the service or by one set, whoever scribbles.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::layout::{Area, Compression, Plane, Planes, TypeName};
use gralloc_buffer::metadata::vendor::{
    area_bytes, digest, encode_vendor, set_vendor, table_bytes, write_area, Computed, Encoding, Framing, NewContent,
    NewEntry, Table, VendorSetError, MAX_VALUE_BYTES,
};
use gralloc_buffer::metadata::{Writer, MAX_ENCODED_BYTES};
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

const AIDL: Framing = Framing { header: true, counted: true };
const RAW: Framing = Framing { header: false, counted: false };
const FDS: [i32; 2] = [40, 41];
const ARM: &str = "arm.graphics.ArmMetadataType";
const PIXEL: &str = "android.hardware.graphics.common.PixelMetadataType";

fn entry<'a>(name: &'a str, value: i64, framing: Framing, encoding: Encoding, content: NewContent<'a>) -> NewEntry<'a> {
    NewEntry { name, value, framing, encoding, content }
}

/// One of each kind, in the encodings that vendors have.
fn entries() -> Vec<NewEntry<'static>> {
    use NewContent::{Computed as Of, Constant, Stored};
    let counted = Framing { header: false, counted: true };
    vec![
        entry(ARM, 1, counted, Encoding::I64, Of(Computed::PlaneFds)),
        entry(ARM, 2, AIDL, Encoding::I64, Constant(&[7, 0, 0, 0, 0, 0, 0, 0])),
        entry(PIXEL, i64::MAX - 65534, RAW, Encoding::I32, Of(Computed::PlaneFds)),
        entry(PIXEL, i64::MAX - 65533, RAW, Encoding::U64, Of(Computed::Areas)),
        entry("QTI", 10000, RAW, Encoding::U64, Stored(8)),
        entry("QTI", 10006, AIDL, Encoding::F32, Stored(4)),
        entry("QTI", 10011, RAW, Encoding::Bytes, Stored(1024)),
        entry("QTI", 10014, RAW, Encoding::U32, Of(Computed::AlignedWidth)),
        entry("QTI", 10015, RAW, Encoding::U32, Of(Computed::AlignedHeight)),
        entry("QTI", 10032, AIDL, Encoding::Text, Constant(b"system")),
    ]
}

fn info() -> BufferInfo {
    let planes = [
        Plane { offset_bytes: 0, stride_bytes: 256, lines: 48 },
        Plane { offset_bytes: 20480, stride_bytes: 256, lines: 24 },
    ];
    let area = |header_bytes, body_bytes| Area { header_bytes, body_bytes };
    BufferInfo {
        id: 1,
        name: BufferName::from_text("vendor"),
        usage: Usage::GPU_TEXTURE,
        modifier: 1,
        compression: Some(Compression {
            name: TypeName::from_text("QTI").unwrap(),
            areas: [area(4096, 16384), area(4096, 8192), Area::default(), Area::default()],
            ..Compression::default()
        }),
        stride: 256,
        planes: Planes::from_slice(&planes).unwrap(),
        layer_bytes: 32768,
        buffer_bytes: 32768,
        metadata_bytes: 12288,
        vendor_metadata: [1; 4],
        mappable: false,
        ..BufferInfo::linear(PixelFormat::Ycbcr420_888, Layout::Nv12, 200, 40).unwrap()
    }
}

fn area(table: &[u8], entries: &[NewEntry<'_>]) -> Vec<AtomicU32> {
    let stored = entries.iter().filter_map(|entry| match entry.content {
        NewContent::Stored(most) => Some(usize::from(most)),
        _ => None,
    });
    let words = area_bytes(table.len(), stored) / 4;
    let area: Vec<AtomicU32> = (0..words).map(|_| AtomicU32::new(0)).collect();
    assert!(write_area(&area, table));
    area
}

fn get(table: &Table, name: &str, value: i64, area: &[AtomicU32]) -> Vec<u8> {
    let (_, entry) = table.find(name.as_bytes(), value).unwrap();
    let mut room = [0; MAX_ENCODED_BYTES];
    let mut out = Writer::new(&mut room);
    assert!(encode_vendor(name.as_bytes(), entry, &info(), FDS, area, &mut out));
    let needed = out.needed();
    room[..needed].to_vec()
}

fn set(table: &Table, name: &str, value: i64, area: &[AtomicU32], bytes: &[u8]) -> Result<(), VendorSetError> {
    let (_, entry) = table.find(name.as_bytes(), value).unwrap();
    set_vendor(name.as_bytes(), entry, area, 1, bytes)
}

fn longs(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The name with its length, the number, and the rest.
fn aidl(name: &str, value: i64, rest: &[u8]) -> Vec<u8> {
    [&longs(&[i64::try_from(name.len()).unwrap()]), name.as_bytes(), &longs(&[value]), rest].concat()
}

#[test]
fn constants_and_what_follows_from_the_handle_are_written_as_each_vendor_reads_them() {
    let entries = entries();
    let bytes = table_bytes(entries.iter().copied());
    let area = area(&bytes, &entries);
    let table = Table::read(&area, digest(&bytes)).unwrap();
    assert_eq!(table.entries().count(), entries.len());
    assert_eq!(get(&table, ARM, 1, &area), longs(&[2, 40, 40]), "a count, then an fd for each plane");
    assert_eq!(get(&table, ARM, 2, &area), aidl(ARM, 2, &longs(&[7])));
    assert_eq!(get(&table, PIXEL, i64::MAX - 65534, &area), [40, 0, 0, 0, 40, 0, 0, 0]);
    let areas = longs(&[0, 4096, 4096, 16384, 20480, 4096, 24576, 8192]);
    assert_eq!(get(&table, PIXEL, i64::MAX - 65533, &area), areas, "header and body, offset and size");
    assert_eq!(get(&table, "QTI", 10014, &area), [0, 1, 0, 0]);
    assert_eq!(get(&table, "QTI", 10015, &area), [48, 0, 0, 0]);
    let name = [longs(&[6]), b"system".to_vec()].concat();
    assert_eq!(get(&table, "QTI", 10032, &area), aidl("QTI", 10032, &name));
    assert!(table.find(b"QTI", 1).is_none());
    assert!(table.find(b"QT", 10014).is_none());
}

#[test]
fn stored_values_come_back_are_bounded_and_can_be_unset() {
    let entries = entries();
    let bytes = table_bytes(entries.iter().copied());
    let area = area(&bytes, &entries);
    let table = Table::read(&area, digest(&bytes)).unwrap();
    assert_eq!(get(&table, "QTI", 10000, &area), [0; 0], "unset");
    set(&table, "QTI", 10000, &area, &[1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
    assert_eq!(get(&table, "QTI", 10000, &area), [1, 2, 3, 4, 5, 6, 7, 8]);
    set(&table, "QTI", 10000, &area, &[]).unwrap();
    assert_eq!(get(&table, "QTI", 10000, &area), [0; 0]);
    assert_eq!(set(&table, "QTI", 10000, &area, &[1; 7]), Err(VendorSetError::Malformed));

    let rate = aidl("QTI", 10006, &60f32.to_le_bytes());
    set(&table, "QTI", 10006, &area, &rate).unwrap();
    assert_eq!(get(&table, "QTI", 10006, &area), rate);
    let infinite = aidl("QTI", 10006, &f32::INFINITY.to_le_bytes());
    for wrong in [&infinite, &aidl("QTI", 10007, &[0; 4]), &aidl("QTJ", 10006, &[0; 4]), &vec![0; 4]] {
        assert_eq!(set(&table, "QTI", 10006, &area, wrong), Err(VendorSetError::Malformed), "{wrong:?}");
    }
    assert_eq!(get(&table, "QTI", 10006, &area), rate, "what was refused changed nothing");

    for length in [1, 2, 3, 4, 1023, MAX_VALUE_BYTES] {
        let blob: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        set(&table, "QTI", 10011, &area, &blob).unwrap();
        assert_eq!(get(&table, "QTI", 10011, &area), blob);
    }
    let long = VendorSetError::TooLong { bytes: 1025, most: 1024 };
    assert_eq!(set(&table, "QTI", 10011, &area, &[0; 1025]), Err(long));
    for fixed in [10014, 10032] {
        assert_eq!(set(&table, "QTI", fixed, &area, &[0; 8]), Err(VendorSetError::Fixed));
    }
    // Each has a place of its own.
    set(&table, "QTI", 10000, &area, &[0xee; 8]).unwrap();
    assert_eq!(get(&table, "QTI", 10006, &area), rate);
    assert_eq!(get(&table, "QTI", 10011, &area).len(), MAX_VALUE_BYTES);
}

#[test]
fn areas_are_a_compressed_buffers_alone() {
    let entries = entries();
    let bytes = table_bytes(entries.iter().copied());
    let area = area(&bytes, &entries);
    let table = Table::read(&area, digest(&bytes)).unwrap();
    let (_, entry) = table.find(PIXEL.as_bytes(), i64::MAX - 65533).unwrap();
    let linear = BufferInfo { compression: None, ..info() };
    let mut room = [0; MAX_ENCODED_BYTES];
    let mut out = Writer::new(&mut room);
    assert!(!encode_vendor(PIXEL.as_bytes(), entry, &linear, FDS, &area, &mut out));
    assert_eq!(out.needed(), 0);
}

/// Any word of the table changed, or its length: not the service's, so there is none.
#[test]
fn table_that_was_overwritten_anywhere_is_none() {
    let entries = entries();
    let bytes = table_bytes(entries.iter().copied());
    let expected = digest(&bytes);
    let area = area(&bytes, &entries);
    for index in 0..=bytes.len().div_ceil(4) {
        let before = area[index].load(Ordering::Relaxed);
        for value in [0, 1, u32::MAX, before ^ 1, before ^ 1 << 7] {
            if value == before {
                continue;
            }
            area[index].store(value, Ordering::Relaxed);
            // Behind the last byte there is nothing to change.
            let padding = index == bytes.len().div_ceil(4) && bytes.len() % 4 != 0;
            assert!(Table::read(&area, expected).is_none() || padding, "word {index} as {value:#x}");
        }
        area[index].store(before, Ordering::Relaxed);
    }
    assert!(Table::read(&area, expected).is_some());
    assert!(Table::read(&area[..bytes.len() / 4], expected).is_none(), "an area without room");
    assert!(Table::read(&[], expected).is_none());
    // The table fits and its cells do not.
    assert!(Table::read(&area[..area.len() / 2], expected).is_none());
}

/// What a table of anybody's may ask for beyond the bounds.
#[test]
fn tables_beyond_the_bounds_are_none_whatever_their_hash() {
    let stored = NewContent::Stored(8);
    let none = |entries: &[NewEntry<'_>]| {
        let bytes = table_bytes(entries.iter().copied());
        let area: Vec<AtomicU32> = (0..4096).map(|_| AtomicU32::new(0)).collect();
        assert!(write_area(&area, &bytes));
        Table::read(&area, digest(&bytes)).is_none()
    };
    assert!(!none(&[entry("x", 1, AIDL, Encoding::U64, stored)]));
    assert!(none(&[entry("", 1, AIDL, Encoding::U64, stored)]), "no name");
    assert!(none(&[entry(&"x".repeat(65), 1, AIDL, Encoding::U64, stored)]), "a long name");
    assert!(none(&[entry("x\0y", 1, AIDL, Encoding::U64, stored)]), "a name that C would cut");
    assert!(none(&[entry("x", 1, AIDL, Encoding::U32, stored)]), "eight bytes of a u32");
    assert!(none(&[entry("x", 1, AIDL, Encoding::Bytes, NewContent::Stored(0))]));
    assert!(none(&[entry("x", 1, AIDL, Encoding::Bytes, NewContent::Stored(1025))]));
    assert!(none(&[entry("x", 1, AIDL, Encoding::I64, NewContent::Constant(&[0; 7]))]));
    assert!(none(&[entry("x", 1, AIDL, Encoding::Bytes, NewContent::Constant(&[0; 1025]))]));
    assert!(none(&[entry("x", 1, AIDL, Encoding::I32, NewContent::Computed(Computed::Size))]), "64 bits in 32");
    assert!(none(&[entry("x", 1, AIDL, Encoding::F32, NewContent::Computed(Computed::Fd))]));
    let many: Vec<NewEntry<'_>> = (0..65).map(|value| entry("x", value, AIDL, Encoding::U64, stored)).collect();
    assert!(none(&many));
    assert!(!none(&many[..64]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 500 }) })]

    /// Bytes of anybody's, with their own hash: no table, or one whose every value is bounded.
    #[test]
    fn any_bytes_as_a_table_are_none_or_one_that_can_be_read(
        bytes in vec(prop_oneof![Just(0u8), Just(1), Just(2), Just(3), any::<u8>()], 0..200),
        scribble in vec(any::<u32>(), 64),
    ) {
        let area: Vec<AtomicU32> = (0..1024).map(|_| AtomicU32::new(0)).collect();
        assert!(write_area(&area, &bytes));
        for (word, value) in area[1 + bytes.len().div_ceil(4)..].iter().zip(&scribble) {
            word.store(*value, Ordering::Relaxed);
        }
        if let Some(table) = Table::read(&area, digest(&bytes)) {
            for (name, entry) in table.entries() {
                let mut room = [0; MAX_ENCODED_BYTES];
                let mut out = Writer::new(&mut room);
                encode_vendor(name.as_bytes(), entry, &info(), FDS, &area, &mut out);
                prop_assert!(out.needed() <= MAX_ENCODED_BYTES);
                let _ = set_vendor(name.as_bytes(), entry, &area, 7, &scribble[0].to_le_bytes());
            }
        }
    }

    /// Cells of anybody's: a value within its bound, or none.
    #[test]
    fn cells_that_anybody_scribbled_are_unset_or_within_the_bound(scribble in vec(prop_oneof![0..4u32, 0..1200u32, any::<u32>()], 900)) {
        let entries = entries();
        let bytes = table_bytes(entries.iter().copied());
        let area = area(&bytes, &entries);
        let table = Table::read(&area, digest(&bytes)).unwrap();
        for (word, value) in area[1 + bytes.len().div_ceil(4)..].iter().zip(&scribble) {
            word.store(*value, Ordering::Relaxed);
        }
        prop_assert!(get(&table, "QTI", 10011, &area).len() <= 1024);
        let stamp = get(&table, "QTI", 10000, &area);
        prop_assert!(stamp.is_empty() || stamp.len() == 8);
        let rate = get(&table, "QTI", 10006, &area);
        prop_assert!(rate.is_empty() || f32::from_le_bytes(rate[rate.len() - 4..].try_into().unwrap()).is_finite());
        // And a set puts an end to it.
        set(&table, "QTI", 10000, &area, &[5; 8]).unwrap();
        prop_assert_eq!(get(&table, "QTI", 10000, &area), vec![5; 8]);
    }
}
