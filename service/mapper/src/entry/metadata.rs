//! Metadata: got, set, listed and dumped.

// The C entry. The names are the interface's.
#![allow(unsafe_code, non_snake_case)]

use super::edge::{address, answer, code, refused, BUFFERS};
use crate::abi::*;
use crate::error::Error;
use gralloc_buffer::metadata::{StandardMetadata, Writer, MAX_ENCODED_BYTES, STANDARD_NAME};
use log::Level;
use std::ffi::{c_char, c_void, CStr};
use std::mem::MaybeUninit;

pub(super) unsafe extern "C" fn getMetadata(
    buffer: buffer_handle_t,
    metadataType: AIMapper_MetadataType,
    destBuffer: *mut c_void,
    destBufferSize: usize,
) -> i32 {
    // SAFETY: the caller vouches for the name and for the room.
    let number = unsafe { standard_number(metadataType) };
    // SAFETY: as above.
    unsafe { get(buffer, number, destBuffer, destBufferSize) }
}

pub(super) unsafe extern "C" fn getStandardMetadata(
    buffer: buffer_handle_t,
    standardMetadataType: i64,
    destBuffer: *mut c_void,
    destBufferSize: usize,
) -> i32 {
    // SAFETY: the caller vouches for the room.
    unsafe { get(buffer, standardMetadataType, destBuffer, destBufferSize) }
}

/// The bytes that there are, or an error's code, negative.
///
/// # Safety
/// `room` is null or points to `size` bytes that may be written, initialised or not, and that nobody else uses meanwhile.
unsafe fn get(buffer: buffer_handle_t, number: i64, room: *mut c_void, size: usize) -> i32 {
    // No type has more bytes than that: the rest of a larger room is left alone.
    let size = if room.is_null() { 0 } else { size.min(MAX_ENCODED_BYTES) };
    let room = if size == 0 { std::ptr::NonNull::dangling().as_ptr() } else { room.cast::<MaybeUninit<u8>>() };
    // SAFETY: the caller vouches for `size` bytes, of which none are asked for without a room.
    let room = unsafe { std::slice::from_raw_parts_mut(room, size) };
    match BUFFERS.get(address(buffer), number, Writer::uninit(room)) {
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
    // SAFETY: the caller vouches for the name and for the bytes.
    let number = unsafe { standard_number(metadataType) };
    // SAFETY: as above.
    unsafe { set(buffer, number, metadata, metadataSize) }
}

pub(super) unsafe extern "C" fn setStandardMetadata(
    buffer: buffer_handle_t,
    standardMetadataType: i64,
    metadata: *const c_void,
    metadataSize: usize,
) -> AIMapper_Error {
    // SAFETY: the caller vouches for the bytes.
    unsafe { set(buffer, standardMetadataType, metadata, metadataSize) }
}

/// # Safety
/// `bytes` is null or points to `size` bytes that nobody writes meanwhile.
unsafe fn set(buffer: buffer_handle_t, number: i64, bytes: *const c_void, size: usize) -> AIMapper_Error {
    if bytes.is_null() && size != 0 {
        let refused = BUFFERS.check(address(buffer)).and(Err(Error::NullArgument("metadata")));
        return code("setMetadata", Level::Debug, refused);
    }
    // What follows the longest value is ignored: no reason to look at it, or to trust so large a size.
    let size = size.min(MAX_ENCODED_BYTES);
    let bytes = if size == 0 { std::ptr::NonNull::<u8>::dangling().as_ptr().cast_const() } else { bytes.cast::<u8>() };
    // SAFETY: the caller vouches for `size` bytes, of which none are asked for without a pointer.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, size) };
    code("setMetadata", Level::Debug, BUFFERS.set(address(buffer), number, bytes))
}

/// The number of a standard type; one that no type has, for any other name.
///
/// # Safety
/// `kind.name` is null or a terminated text.
unsafe fn standard_number(kind: AIMapper_MetadataType) -> i64 {
    const NO_TYPE: i64 = 0;
    if kind.name.is_null() {
        return NO_TYPE;
    }
    // Byte by byte up to the first difference: an unterminated name is not followed further than that.
    let mut at = kind.name.cast::<u8>();
    for expected in STANDARD.to_bytes_with_nul() {
        // SAFETY: all bytes before this one were alike and none of them the terminator, so the text goes on to here.
        if unsafe { at.read() } != *expected {
            return NO_TYPE;
        }
        at = at.wrapping_add(1);
    }
    kind.value
}

/// [`STANDARD_NAME`], terminated.
const STANDARD: &CStr = c"android.hardware.graphics.common.StandardMetadataType";
const _: () = assert!(STANDARD.to_bytes().len() == STANDARD_NAME.len());

/// What can be got and set.
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

pub(super) unsafe extern "C" fn listSupportedMetadataTypes(
    outDescriptionList: *mut *const AIMapper_MetadataTypeDescription,
    outNumberOfDescriptions: *mut usize,
) -> AIMapper_Error {
    let Descriptions(all) = &DESCRIPTIONS;
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
unsafe fn hand_out(callback: AIMapper_DumpBufferCallback, context: *mut c_void, kind: StandardMetadata, bytes: &[u8]) {
    let metadataType = AIMapper_MetadataType { name: STANDARD.as_ptr().cast::<c_char>(), value: kind.number() };
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
