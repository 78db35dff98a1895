//! Metadata: got, set, listed and dumped.

// The C entry. The names are the interface's.
#![allow(unsafe_code, non_snake_case)]

use super::edge::{address, answer, code, refused, BUFFERS};
use crate::abi::*;
use crate::error::Error;
use crate::mapper::Type;
use gralloc_buffer::metadata::vendor::MAX_TYPE_BYTES;
use gralloc_buffer::metadata::{StandardMetadata, Writer, MAX_ENCODED_BYTES, STANDARD_NAME};
use log::Level;
use std::ffi::{c_void, CStr};
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

pub(super) unsafe extern "C" fn getMetadata(
    buffer: buffer_handle_t,
    metadataType: AIMapper_MetadataType,
    destBuffer: *mut c_void,
    destBufferSize: usize,
) -> i32 {
    // SAFETY: the caller vouches for the name.
    if let Some(number) = unsafe { standard_number(metadataType) } {
        // SAFETY: the caller vouches for the room.
        return unsafe { get(buffer, destBuffer, destBufferSize, |at, out| BUFFERS.get(at, number, out)) };
    }
    let mut name = [0; MAX_TYPE_BYTES];
    // SAFETY: the caller vouches for the name.
    let name = unsafe { vendor_name(metadataType, &mut name) };
    let value = metadataType.value;
    // SAFETY: the caller vouches for the room.
    unsafe { get(buffer, destBuffer, destBufferSize, |at, out| BUFFERS.get_vendor(at, name, value, out)) }
}

pub(super) unsafe extern "C" fn getStandardMetadata(
    buffer: buffer_handle_t,
    standardMetadataType: i64,
    destBuffer: *mut c_void,
    destBufferSize: usize,
) -> i32 {
    // SAFETY: the caller vouches for the room.
    unsafe { get(buffer, destBuffer, destBufferSize, |at, out| BUFFERS.get(at, standardMetadataType, out)) }
}

/// The bytes that there are, or an error's code, negative.
///
/// # Safety
/// `room` is null or points to `size` bytes that may be written, initialised or not, and that nobody else uses meanwhile.
#[inline]
unsafe fn get(
    buffer: buffer_handle_t,
    room: *mut c_void,
    size: usize,
    from: impl FnOnce(usize, Writer<'_, MaybeUninit<u8>>) -> Result<usize, Error>,
) -> i32 {
    // No type has more bytes than that: the rest of a larger room is left alone.
    let size = if room.is_null() { 0 } else { size.min(MAX_ENCODED_BYTES) };
    let room = if size == 0 { std::ptr::NonNull::dangling().as_ptr() } else { room.cast::<MaybeUninit<u8>>() };
    // SAFETY: the caller vouches for `size` bytes, of which none are asked for without a room.
    let room = unsafe { std::slice::from_raw_parts_mut(room, size) };
    match from(address(buffer), Writer::new(room)) {
        Ok(needed) => i32::try_from(needed).unwrap_or(-AIMAPPER_ERROR_NO_RESOURCES),
        Err(error) => -refused("getMetadata", Level::Debug, error),
    }
}

pub(super) unsafe extern "C" fn setMetadata(
    buffer: buffer_handle_t,
    metadataType: AIMapper_MetadataType,
    metadata: *const c_void,
    metadataSize: usize,
) -> AIMapper_Error {
    // SAFETY: the caller vouches for the name.
    if let Some(number) = unsafe { standard_number(metadataType) } {
        // SAFETY: the caller vouches for the bytes.
        return unsafe { set(buffer, metadata, metadataSize, |at, bytes| BUFFERS.set(at, number, bytes)) };
    }
    let mut name = [0; MAX_TYPE_BYTES];
    // SAFETY: the caller vouches for the name.
    let name = unsafe { vendor_name(metadataType, &mut name) };
    let value = metadataType.value;
    // SAFETY: the caller vouches for the bytes.
    unsafe { set(buffer, metadata, metadataSize, |at, bytes| BUFFERS.set_vendor(at, name, value, bytes)) }
}

pub(super) unsafe extern "C" fn setStandardMetadata(
    buffer: buffer_handle_t,
    standardMetadataType: i64,
    metadata: *const c_void,
    metadataSize: usize,
) -> AIMapper_Error {
    // SAFETY: the caller vouches for the bytes.
    unsafe { set(buffer, metadata, metadataSize, |at, bytes| BUFFERS.set(at, standardMetadataType, bytes)) }
}

/// Most bytes that a set looks at.
const MOST_BYTES_SET: usize = 64 << 10;

/// # Safety
/// `bytes` is null or points to `size` bytes that nobody writes meanwhile.
unsafe fn set(
    buffer: buffer_handle_t,
    bytes: *const c_void,
    size: usize,
    to: impl FnOnce(usize, &[u8]) -> Result<(), Error>,
) -> AIMapper_Error {
    if bytes.is_null() && size != 0 {
        let refused = BUFFERS.check(address(buffer)).and(Err(Error::NullArgument("metadata")));
        return code("setMetadata", Level::Debug, refused);
    }
    // What follows a value is ignored: no reason to trust a size far beyond the longest, which is refused as too long.
    let size = size.min(MOST_BYTES_SET);
    let bytes = if size == 0 { std::ptr::NonNull::<u8>::dangling().as_ptr().cast_const() } else { bytes.cast::<u8>() };
    // SAFETY: the caller vouches for `size` bytes, of which none are asked for without a pointer.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, size) };
    code("setMetadata", Level::Debug, to(address(buffer), bytes))
}

/// The number of a standard type; `None` for any other name.
///
/// # Safety
/// `kind.name` is null or a terminated text.
#[inline]
unsafe fn standard_number(kind: AIMapper_MetadataType) -> Option<i64> {
    if kind.name.is_null() {
        return None;
    }
    // Byte by byte up to the first difference: an unterminated name is not followed further than that.
    let mut at = kind.name.cast::<u8>();
    for expected in STANDARD.to_bytes_with_nul() {
        // SAFETY: all bytes before this one were alike and none of them the terminator, so the text goes on to here.
        if unsafe { at.read() } != *expected {
            return None;
        }
        at = at.wrapping_add(1);
    }
    Some(kind.value)
}

/// The name of a vendor's type, copied; empty, which no type is called, for null and for one that is longer than any.
///
/// # Safety
/// `kind.name` is null or a terminated text.
#[cold]
unsafe fn vendor_name(kind: AIMapper_MetadataType, into: &mut [u8; MAX_TYPE_BYTES]) -> &[u8] {
    let mut at = kind.name.cast::<u8>();
    if at.is_null() {
        return &[];
    }
    for count in 0..=MAX_TYPE_BYTES {
        // SAFETY: no byte before this one was the terminator, so the text goes on to here.
        match (unsafe { at.read() }, into.get_mut(count)) {
            (0, _) => return into.get(..count).unwrap_or(&[]),
            (_, None) => break,
            (byte, Some(place)) => *place = byte,
        }
        at = at.wrapping_add(1);
    }
    &[]
}

/// [`STANDARD_NAME`], terminated.
const STANDARD: &CStr = c"android.hardware.graphics.common.StandardMetadataType";
const _: () = assert!(STANDARD.to_bytes().len() == STANDARD_NAME.len());

/// The standard types that can be got and set.
struct Descriptions([AIMapper_MetadataTypeDescription; StandardMetadata::ALL.len()]);

// SAFETY: its pointers lead to constants, which nobody writes.
unsafe impl Sync for Descriptions {}

static DESCRIPTIONS: Descriptions = Descriptions(descriptions());

/// Evaluated by the compiler, where an index out of range is an error of the build.
#[allow(clippy::indexing_slicing)]
const fn descriptions() -> [AIMapper_MetadataTypeDescription; StandardMetadata::ALL.len()] {
    let mut all = [description(StandardMetadata::BufferId); StandardMetadata::ALL.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] = description(StandardMetadata::ALL[index]);
        index += 1;
    }
    all
}

const fn description(kind: StandardMetadata) -> AIMapper_MetadataTypeDescription {
    AIMapper_MetadataTypeDescription {
        metadataType: AIMapper_MetadataType { name: STANDARD.as_ptr(), value: kind.number() },
        description: std::ptr::null(),
        isGettable: true,
        isSettable: kind.is_shared(),
        reserved: [0; 32],
    }
}

/// What was listed last: clients keep the pointer, so a list stays for the process's life.
#[derive(Clone, Copy)]
struct Listed(&'static [AIMapper_MetadataTypeDescription]);

// SAFETY: its pointers lead to what is never written again: constants, and lists and names that are leaked.
unsafe impl Send for Listed {}

static LISTED: Mutex<Listed> = Mutex::new(Listed(&DESCRIPTIONS.0));

/// Most types that a process lists: each longer list is one more that stays, and handles can be forged.
const MOST_LISTED: usize = 256;

/// The standard types, and the vendor's of every buffer that was imported when some list was asked for: which a buffer has, its
/// handle says, so without one there is nothing to list.
fn listed() -> &'static [AIMapper_MetadataTypeDescription] {
    let tables = BUFFERS.vendor_tables();
    let mut last = LISTED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut more = Vec::new();
    for (name, entry) in tables.iter().flat_map(|table| table.entries()) {
        let same = |known: &&AIMapper_MetadataTypeDescription| {
            // SAFETY: the names of a list are terminated, and stay.
            let own = unsafe { CStr::from_ptr(known.metadataType.name) };
            known.metadataType.value == entry.value && own == name.as_c_str()
        };
        if last.0.iter().chain(&more).any(|known| same(&known)) || last.0.len() + more.len() >= MOST_LISTED {
            continue;
        }
        more.push(AIMapper_MetadataTypeDescription {
            metadataType: AIMapper_MetadataType { name: name.clone().into_raw(), value: entry.value },
            isSettable: entry.is_settable(),
            ..description(StandardMetadata::BufferId)
        });
    }
    if !more.is_empty() {
        let all: Vec<AIMapper_MetadataTypeDescription> = last.0.iter().copied().chain(more).collect();
        *last = Listed(Vec::leak(all));
    }
    last.0
}

pub(super) unsafe extern "C" fn listSupportedMetadataTypes(
    outDescriptionList: *mut *const AIMapper_MetadataTypeDescription,
    outNumberOfDescriptions: *mut usize,
) -> AIMapper_Error {
    let all = listed();
    // SAFETY: the caller vouches for the pointer.
    let listed = unsafe { answer(outDescriptionList, "outDescriptionList", all.as_ptr()) };
    let counted = listed.and_then(|()| {
        // SAFETY: the caller vouches for the pointer.
        unsafe { answer(outNumberOfDescriptions, "outNumberOfDescriptions", all.len()) }
    });
    code("listSupportedMetadataTypes", Level::Debug, counted)
}

/// Calls a client's callback with one type's bytes.
///
/// # Safety
/// `callback` may be called with `context`.
unsafe fn hand_out(callback: AIMapper_DumpBufferCallback, context: *mut c_void, kind: Type<'_>, bytes: &[u8]) {
    let (name, value) = match kind {
        Type::Standard(kind) => (STANDARD, kind.number()),
        Type::Vendor(name, value) => (name, value),
    };
    let metadataType = AIMapper_MetadataType { name: name.as_ptr(), value };
    // SAFETY: the caller vouches for the callback; the bytes live for the call.
    unsafe { callback(context, metadataType, bytes.as_ptr().cast(), bytes.len()) };
}

pub(super) unsafe extern "C" fn dumpBuffer(
    buffer: buffer_handle_t,
    dumpBufferCallback: Option<AIMapper_DumpBufferCallback>,
    context: *mut c_void,
) -> AIMapper_Error {
    let dumped = match dumpBufferCallback {
        Some(callback) => BUFFERS.dump(address(buffer), |kind, bytes| {
            // SAFETY: the caller of dumpBuffer vouches for its callback.
            unsafe { hand_out(callback, context, kind, bytes) };
        }),
        None => BUFFERS.check(address(buffer)).and(Err(Error::NullArgument("dumpBufferCallback"))),
    };
    code("dumpBuffer", Level::Debug, dumped)
}

pub(super) unsafe extern "C" fn dumpAllBuffers(
    beginDumpCallback: Option<AIMapper_BeginDumpBufferCallback>,
    dumpBufferCallback: Option<AIMapper_DumpBufferCallback>,
    context: *mut c_void,
) -> AIMapper_Error {
    let (Some(begin), Some(callback)) = (beginDumpCallback, dumpBufferCallback) else {
        return code("dumpAllBuffers", Level::Debug, Err(Error::NullArgument("a callback")));
    };
    BUFFERS.dump_all(|item| match item {
        // SAFETY: the caller of dumpAllBuffers vouches for its callbacks.
        Some((kind, bytes)) => unsafe { hand_out(callback, context, kind, bytes) },
        // SAFETY: as above.
        None => unsafe { begin(context) },
    });
    AIMAPPER_ERROR_NONE
}
