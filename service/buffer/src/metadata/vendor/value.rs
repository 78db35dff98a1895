//! A vendor's type to and from the bytes that a client has.

use super::table::Content;
use super::{Computed, Encoding, Entry, VendorSetError, MAX_VALUE_BYTES};
use crate::handle::{BufferInfo, BUFFER_FD, FDS};
use crate::layout::MAX_PLANES;
use crate::metadata::wire::{Byte, Reader, Writer};
use crate::sync::AtomicU32;

/// Words of the longest stored value: a count of bytes, and the bytes.
const VALUE_WORDS: usize = 1 + MAX_VALUE_BYTES / 4;

/// Writes the value; nothing for one that is not set, and nothing, false, for one that this buffer has not. `fds` are the
/// handle's in the process's own numbers.
pub fn encode_vendor<B: Byte>(
    name: &[u8],
    entry: &Entry,
    info: &BufferInfo,
    fds: [i32; FDS],
    area: &[AtomicU32],
    out: &mut Writer<'_, B>,
) -> bool {
    match &entry.content {
        Content::Constant(bytes) => frame(name, entry, bytes, out),
        Content::Computed(Computed::Areas) if info.compression.is_none() => return false,
        Content::Computed(what) => computed(name, entry, *what, info, fds, out),
        Content::Stored { cell, most } => {
            let mut words = [0; VALUE_WORDS];
            let Some(read) = cell.read(area, &mut words) else { return true };
            let mut room = [0; MAX_VALUE_BYTES];
            let [count, data @ ..] = &words;
            for (to, from) in room.chunks_exact_mut(4).zip(data) {
                to.copy_from_slice(&from.to_le_bytes());
            }
            let bytes = usize::try_from(*count).ok().filter(|count| *count <= *most && read == 1 + count.div_ceil(4));
            if let Some(bytes) = bytes.and_then(|count| room.get(..count)).filter(|bytes| is_value(entry, bytes)) {
                frame(name, entry, bytes, out);
            }
        }
    }
    true
}

/// Sets a value for every process that has the buffer; no bytes at all unset it. Bytes beyond a number or a counted value
/// are ignored, as AOSP's decoder ignores them. `token` is as for the standard types.
///
/// # Errors
/// As [`VendorSetError`] says; the value stays as it was.
pub fn set_vendor(
    name: &[u8],
    entry: &Entry,
    area: &[AtomicU32],
    token: u32,
    bytes: &[u8],
) -> Result<(), VendorSetError> {
    let Content::Stored { cell, most } = &entry.content else { return Err(VendorSetError::Fixed) };
    if bytes.is_empty() {
        cell.clear(area);
        return Ok(());
    }
    let value = unframe(name, entry, bytes).ok_or(VendorSetError::Malformed)?;
    if value.len() > *most {
        return Err(VendorSetError::TooLong { bytes: value.len(), most: *most });
    }
    if !is_value(entry, value) {
        return Err(VendorSetError::Malformed);
    }
    let mut words = [0; VALUE_WORDS];
    let [count, data @ ..] = &mut words;
    *count = u32::try_from(value.len()).unwrap_or(0);
    for (to, from) in data.iter_mut().zip(value.chunks(4)) {
        let mut four = [0; 4];
        four.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        *to = u32::from_le_bytes(four);
    }
    let used = words.get(..1 + value.len().div_ceil(4)).unwrap_or(&words);
    if cell.write(area, token, used) {
        Ok(())
    } else {
        Err(VendorSetError::Busy)
    }
}

/// Whether bytes are a value of the entry's encoding: what is read was written by anybody.
fn is_value(entry: &Entry, bytes: &[u8]) -> bool {
    match (entry.encoding, entry.encoding.number_bytes()) {
        (Encoding::F32, _) => <[u8; 4]>::try_from(bytes).is_ok_and(|four| f32::from_le_bytes(four).is_finite()),
        (_, Some(count)) => bytes.len() == count,
        (_, None) => true,
    }
}

fn header<B: Byte>(name: &[u8], entry: &Entry, out: &mut Writer<'_, B>) {
    if entry.framing.header {
        out.text(name);
        out.i64(entry.value);
    }
}

fn frame<B: Byte>(name: &[u8], entry: &Entry, bytes: &[u8], out: &mut Writer<'_, B>) {
    header(name, entry, out);
    if entry.framing.counted && entry.encoding.number_bytes().is_none() {
        out.count(bytes.len());
    }
    out.bytes(bytes);
}

/// The value's own bytes; `None` where what is around them is wrong.
fn unframe<'b>(name: &[u8], entry: &Entry, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let mut from = Reader::new(bytes);
    if entry.framing.header && (from.text()? != name || from.i64()? != entry.value) {
        return None;
    }
    match entry.encoding.number_bytes() {
        Some(count) => from.bytes(count),
        None if entry.framing.counted => from.text(),
        None => Some(from.rest()),
    }
}

fn computed<B: Byte>(
    name: &[u8],
    entry: &Entry,
    what: Computed,
    info: &BufferInfo,
    fds: [i32; FDS],
    out: &mut Writer<'_, B>,
) {
    let planes = info.planes.as_slice();
    let fd = i64::from(fds.get(BUFFER_FD).copied().unwrap_or(-1));
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut numbers = [0; 4 * MAX_PLANES];
    let mut count = 0;
    let mut push = |value: i64| {
        if let Some(place) = numbers.get_mut(count) {
            *place = value;
            count += 1;
        }
    };
    let items = match what {
        Computed::PlaneFds => {
            planes.iter().for_each(|_| push(fd));
            planes.len()
        }
        Computed::Areas => {
            let compression = info.compression.unwrap_or_default();
            for (plane, area) in planes.iter().zip(&compression.areas) {
                let (header, body) = (u64::from(area.header_bytes), u64::from(area.body_bytes));
                let (before_header, before_body) = area.places(compression.body_first);
                let at = |before: u64| number(plane.offset_bytes.saturating_add(before));
                [at(before_header), number(header), at(before_body), number(body)].into_iter().for_each(&mut push);
            }
            planes.len()
        }
        Computed::Fd => one(&mut push, fd),
        Computed::AlignedWidth => one(&mut push, info.stride.into()),
        Computed::AlignedHeight => one(&mut push, planes.first().map_or(0, |plane| plane.lines).into()),
        Computed::Size => one(&mut push, number(info.buffer_bytes)),
        Computed::PlaneCount => one(&mut push, i64::try_from(planes.len()).unwrap_or(0)),
    };
    header(name, entry, out);
    if what.is_list() && entry.framing.counted {
        out.count(items);
    }
    for value in numbers.iter().take(count) {
        match entry.encoding {
            // What is computed in 32 bits has 31 in a handle.
            Encoding::I32 | Encoding::U32 => out.i32(i32::try_from(*value).unwrap_or(i32::MAX)),
            _ => out.i64(*value),
        }
    }
}

fn one(push: &mut impl FnMut(i64), value: i64) -> usize {
    push(value);
    1
}
