//! From a plan to what a client decodes: the handle, and the table of the vendor's types.

use crate::bytes::Bytes;
use gralloc_allocator::Plan;
use gralloc_buffer::handle::{decode, encode, fields, BufferInfo, RawHandle, INTS};
use gralloc_buffer::layout::Plane;
use gralloc_buffer::metadata::vendor::{encode_vendor, set_vendor, write_area, Encoding, Table, VendorSetError};
use gralloc_buffer::metadata::{Writer, MAX_ENCODED_BYTES};
use gralloc_buffer::BufferName;
use heaps_config::policy::{Policy, VendorContent, VendorMetadata};
use std::sync::atomic::{AtomicU32, Ordering};

/// Ints that are accepted: there are no others for the same info, and they describe memory inside the dma-bufs that pass
/// `check_sizes`. Arithmetic in 128 bits, not the decoder's own.
pub(crate) fn is_whole(info: &BufferInfo, ints: &[i32]) {
    assert_eq!(encode(info).as_slice(), ints);
    assert!(!info.to_string().is_empty() && !fields(ints).is_empty());
    let layer = u128::from(info.layer_bytes);
    assert_eq!(layer * u128::from(info.layers), u128::from(info.buffer_bytes));
    assert!(info.check_sizes(info.buffer_bytes, info.metadata_bytes).is_ok());
    assert!(info.check_sizes(info.buffer_bytes - 1, info.metadata_bytes).is_err());
    assert!(info.check_sizes(info.buffer_bytes, info.metadata_bytes - 1).is_err());
    assert!(info.vendor_bytes() + info.reserved_bytes < info.metadata_bytes);
    let planes = info.planes.as_slice();
    let lines = |plane: &Plane| u128::from(plane.stride_bytes) * u128::from(plane.lines);
    // Planes in columns have their lines in each; of others there is one, as long as they are.
    let columns = info.compression.is_some_and(|compression| compression.columns);
    // A second plane begins behind the first one's lines of a column.
    let width = match planes {
        [first, second, ..] if columns => u128::from(second.offset_bytes) / u128::from(first.lines),
        [first, ..] => first.stride_bytes.into(),
        [] => 0,
    };
    let in_column = |plane: &Plane| width * u128::from(plane.lines);
    let column: u128 = planes.iter().map(in_column).sum();
    let mut ranges = Vec::new();
    for (index, plane) in planes.iter().enumerate() {
        let start = u128::from(plane.offset_bytes);
        let bytes = match &info.compression {
            Some(compression) => {
                let area = compression.areas[index];
                u128::from(area.header_bytes) + u128::from(area.body_bytes)
            }
            None => {
                let (shape, stride) = (info.shape(index), u64::from(plane.stride_bytes));
                assert!(shape.line_bytes(info.width.into()).unwrap() <= stride, "{info}");
                assert!(shape.samples_down(info.height) <= plane.lines, "{info}");
                lines(plane)
            }
        };
        assert_eq!(u128::from(info.plane_bytes(index)), bytes);
        let (last, own) = if columns { (bytes / in_column(plane) - 1, in_column(plane)) } else { (0, bytes) };
        assert!(bytes > 0 && last * column + start + own <= layer, "{info}");
        ranges.push((start, start + own));
    }
    assert!(!planes.is_empty());
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{info}");
    assert!(!columns || ranges.iter().all(|(_, end)| *end <= column), "{info}");
    assert!(info.compression.is_none() || !info.mappable, "no CPU reads what is compressed");
}

/// What a client of the plan's first heap gets is what was planned; and what it forges of that is refused, or whole.
pub(crate) fn follow(plan: &Plan<'_>, policy: &Policy, bytes: &mut Bytes<'_>) {
    let Some(heap) = plan.candidates_in_order().next().and_then(|id| policy.heap(id)) else { return };
    let (info, table) = plan.described(policy, heap, 7, BufferName::from_text("planned"));
    let mut ints = encode(&info);
    assert_eq!(decode(RawHandle { num_fds: 2, ints: &ints }), Ok(info));
    is_whole(&info, &ints);
    assert_eq!((info.planes, info.stride), (plan.planes, plan.stride));
    assert_eq!(
        (info.layer_bytes, info.buffer_bytes, info.metadata_bytes),
        (plan.layer_bytes, plan.bytes, plan.metadata_bytes)
    );
    assert_eq!(info.compression.map(|compression| compression.areas), plan.resolved.compress.map(|_| plan.areas));
    assert_eq!((info.fourcc, info.modifier), (plan.fourcc(), plan.modifier()));
    if let Some(headers) = plan.initial_headers(heap) {
        assert!(!heap.protected);
        assert!(u64::from(headers.count) * 16 <= u64::from(plan.areas[0].header_bytes), "{info}");
    }
    types(plan, policy, &info, table.as_deref(), bytes);
    for _ in 0..bytes.below(4) {
        let at = usize::from(bytes.byte()) % INTS;
        ints[at] = if bytes.once_in(2) { ints[at].wrapping_add(i32::from(bytes.byte()) - 128) } else { bytes.int() };
    }
    if let Ok(forged) = decode(RawHandle { num_fds: 2, ints: &ints }) {
        is_whole(&forged, &ints);
    }
}

/// The vendor's types: those that the policy has for this buffer, each bounded; and a table that was scribbled on is none.
fn types(plan: &Plan<'_>, policy: &Policy, info: &BufferInfo, table: Option<&[u8]>, bytes: &mut Bytes<'_>) {
    assert_eq!(info.vendor_bytes(), policy.vendor_metadata_bytes);
    let Some(table) = table else {
        assert!(policy.vendor_metadata.is_empty());
        return;
    };
    let words = usize::try_from(info.vendor_bytes() / 4).unwrap();
    let area: Vec<AtomicU32> = (0..words).map(|_| AtomicU32::new(0)).collect();
    assert!(write_area(&area, table));
    let read = Table::read(&area, info.vendor_metadata).unwrap();
    let expected: Vec<&VendorMetadata> = plan.vendor_metadata(policy).collect();
    assert_eq!(read.entries().count(), expected.len());
    for ((name, entry), expected) in read.entries().zip(&expected) {
        assert_eq!((name.to_bytes(), entry.value), (expected.type_name.as_bytes(), expected.value));
        assert_eq!(entry.is_settable(), matches!(expected.content, VendorContent::Stored(_)));
        let set = |value: &[u8]| set_vendor(name.to_bytes(), entry, &area, 7, value);
        let get = || got(&read, expected, info, &area);
        let VendorContent::Stored(most) = expected.content else {
            assert_eq!(set(&[0; 8]), Err(VendorSetError::Fixed));
            get();
            continue;
        };
        assert_eq!(get(), Some(Vec::new()), "nobody has set it");
        let full = framed(expected, usize::from(most));
        assert_eq!(set(&full), Ok(()));
        assert_eq!(get(), Some(full));
        if matches!(expected.encoding, Encoding::Text | Encoding::Bytes) {
            let bytes = usize::from(most) + 1;
            let beyond = VendorSetError::TooLong { bytes, most: most.into() };
            assert_eq!(set(&framed(expected, bytes)), Err(beyond));
        }
        let _ = set(&bytes.take::<12>());
        get();
    }
    for _ in 0..bytes.below(4) {
        let at = usize::from(u16::from_le_bytes(bytes.take())) % words;
        area[at].store(u32::from_le_bytes(bytes.take()), Ordering::Relaxed);
    }
    if let Some(read) = Table::read(&area, info.vendor_metadata) {
        expected.iter().for_each(|expected| drop(got(&read, expected, info, &area)));
    }
}

/// The value as a client gets it.
fn got(table: &Table, of: &VendorMetadata, info: &BufferInfo, area: &[AtomicU32]) -> Option<Vec<u8>> {
    let (name, entry) = table.find(of.type_name.as_bytes(), of.value).unwrap();
    let mut room = [0; MAX_ENCODED_BYTES];
    let mut out = Writer::new(&mut room);
    let has = encode_vendor(name.to_bytes(), entry, info, [3, 4], area, &mut out);
    let needed = out.needed();
    has.then(|| room[..needed].to_vec())
}

/// A value of so many zeros, as a client hands it over.
fn framed(of: &VendorMetadata, bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let long = |value: usize| u64::try_from(value).unwrap().to_le_bytes();
    if of.framing.header {
        out.extend(long(of.type_name.len()));
        out.extend(of.type_name.as_bytes());
        out.extend(of.value.to_le_bytes());
    }
    if of.framing.counted && of.encoding.number_bytes().is_none() {
        out.extend(long(bytes));
    }
    out.extend(vec![0; bytes]);
    out
}
