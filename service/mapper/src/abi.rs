//! The C types of the interface, under the names that the C header gives them.
//!
//! `include/dmaheap_mapper.h` is the same in C; the tests of `abi_bindgen` compare the two through bindgen, a test through
//! the C compiler. Sources: AOSP `hardware/interfaces/graphics/mapper/stable-c/include/.../IMapper.h`,
//! `system/core/libcutils/include/cutils/native_handle.h`, `frameworks/native/include/android/rect.h`.

#![allow(non_camel_case_types, non_snake_case)] // The header's own names.

use std::ffi::{c_char, c_int, c_void};
use std::mem::{align_of, offset_of, size_of};

/// `AIMAPPER_VERSION_5`.
pub const AIMAPPER_VERSION_5: u32 = 5;

/// `AIMapper_Error`.
pub type AIMapper_Error = i32;
/// Done.
pub const AIMAPPER_ERROR_NONE: AIMapper_Error = 0;
/// The handle is not one of an imported buffer, or not one that the call is for.
pub const AIMAPPER_ERROR_BAD_BUFFER: AIMapper_Error = 2;
/// An argument is out of range.
pub const AIMAPPER_ERROR_BAD_VALUE: AIMapper_Error = 3;
/// Not now.
pub const AIMAPPER_ERROR_NO_RESOURCES: AIMapper_Error = 5;
/// Never.
pub const AIMAPPER_ERROR_UNSUPPORTED: AIMapper_Error = 7;

/// `native_handle_t`: a head, then `numFds` fds and `numInts` ints.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct native_handle_t {
    /// The head's size, 12.
    pub version: c_int,
    /// How many fds follow.
    pub numFds: c_int,
    /// How many ints follow them.
    pub numInts: c_int,
    /// The first of them.
    pub data: [c_int; 0],
}
const _: () = assert!(size_of::<native_handle_t>() == 12);
const _: () = assert!(offset_of!(native_handle_t, data) == 12);

/// `buffer_handle_t`.
pub type buffer_handle_t = *const native_handle_t;

/// `ARect`: pixels, right and bottom exclusive.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ARect {
    /// First column.
    pub left: i32,
    /// First line.
    pub top: i32,
    /// Behind the last column.
    pub right: i32,
    /// Behind the last line.
    pub bottom: i32,
}
const _: () = assert!(size_of::<ARect>() == 16);

/// `AIMapper_MetadataType`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AIMapper_MetadataType {
    /// Whose number it is: a terminated text.
    pub name: *const c_char,
    /// The number.
    pub value: i64,
}
// An i64 is aligned to 8 everywhere but on 32-bit x86.
const _: () = assert!(size_of::<AIMapper_MetadataType>() == 8 + align_of::<AIMapper_MetadataType>());
const _: () = assert!(offset_of!(AIMapper_MetadataType, value) == align_of::<AIMapper_MetadataType>());

/// `AIMapper_MetadataTypeDescription`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AIMapper_MetadataTypeDescription {
    /// The type.
    pub metadataType: AIMapper_MetadataType,
    /// What it is, in words; null for the standard ones.
    pub description: *const c_char,
    /// Whether it can be got.
    pub isGettable: bool,
    /// Whether it can be set.
    pub isSettable: bool,
    /// Zero.
    pub reserved: [u8; 32],
}
/// Where `isGettable` stands: behind the type and a pointer.
// Compilers before 1.80 do not count a use by the assertions below.
#[allow(dead_code)]
const FLAGS: usize = size_of::<AIMapper_MetadataType>() + size_of::<usize>();
const _: () = assert!(offset_of!(AIMapper_MetadataTypeDescription, description) == size_of::<AIMapper_MetadataType>());
const _: () = assert!(offset_of!(AIMapper_MetadataTypeDescription, isGettable) == FLAGS);
const _: () = assert!(offset_of!(AIMapper_MetadataTypeDescription, isSettable) == FLAGS + 1);
const _: () = assert!(offset_of!(AIMapper_MetadataTypeDescription, reserved) == FLAGS + 2);

/// `AIMapper_DumpBufferCallback`: takes one type's value, which lives for the call.
pub type AIMapper_DumpBufferCallback = unsafe extern "C" fn(
    context: *mut c_void,
    metadataType: AIMapper_MetadataType,
    value: *const c_void,
    valueSize: usize,
);

/// `AIMapper_BeginDumpBufferCallback`: the next values are another buffer's.
pub type AIMapper_BeginDumpBufferCallback = unsafe extern "C" fn(context: *mut c_void);

/// `AIMapperV5`: the callbacks, none of them null. Callbacks that are arguments may be null when a client is wrong.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AIMapperV5 {
    /// A raw handle becomes an imported one.
    pub importBuffer: unsafe extern "C" fn(*const native_handle_t, *mut buffer_handle_t) -> AIMapper_Error,
    /// Gives it back.
    pub freeBuffer: unsafe extern "C" fn(buffer_handle_t) -> AIMapper_Error,
    /// How many of its fds and ints have to travel.
    pub getTransportSize: unsafe extern "C" fn(buffer_handle_t, *mut u32, *mut u32) -> AIMapper_Error,
    /// Maps it for the CPU and begins access.
    pub lock: unsafe extern "C" fn(buffer_handle_t, u64, ARect, c_int, *mut *mut c_void) -> AIMapper_Error,
    /// Ends access.
    pub unlock: unsafe extern "C" fn(buffer_handle_t, *mut c_int) -> AIMapper_Error,
    /// Makes the CPU's writes visible while it stays locked.
    pub flushLockedBuffer: unsafe extern "C" fn(buffer_handle_t) -> AIMapper_Error,
    /// Makes others' writes visible while it stays locked.
    pub rereadLockedBuffer: unsafe extern "C" fn(buffer_handle_t) -> AIMapper_Error,
    /// Gets a type by name and number.
    pub getMetadata: unsafe extern "C" fn(buffer_handle_t, AIMapper_MetadataType, *mut c_void, usize) -> i32,
    /// Gets a standard type.
    pub getStandardMetadata: unsafe extern "C" fn(buffer_handle_t, i64, *mut c_void, usize) -> i32,
    /// Sets a type by name and number.
    pub setMetadata:
        unsafe extern "C" fn(buffer_handle_t, AIMapper_MetadataType, *const c_void, usize) -> AIMapper_Error,
    /// Sets a standard type.
    pub setStandardMetadata: unsafe extern "C" fn(buffer_handle_t, i64, *const c_void, usize) -> AIMapper_Error,
    /// Which types there are.
    pub listSupportedMetadataTypes:
        unsafe extern "C" fn(*mut *const AIMapper_MetadataTypeDescription, *mut usize) -> AIMapper_Error,
    /// Hands out all of a buffer's metadata.
    pub dumpBuffer:
        unsafe extern "C" fn(buffer_handle_t, Option<AIMapper_DumpBufferCallback>, *mut c_void) -> AIMapper_Error,
    /// Hands out all metadata of all imported buffers.
    pub dumpAllBuffers: unsafe extern "C" fn(
        Option<AIMapper_BeginDumpBufferCallback>,
        Option<AIMapper_DumpBufferCallback>,
        *mut c_void,
    ) -> AIMapper_Error,
    /// Where the client's own region lies.
    pub getReservedRegion: unsafe extern "C" fn(buffer_handle_t, *mut *mut c_void, *mut u64) -> AIMapper_Error,
}
const _: () = assert!(size_of::<AIMapperV5>() == 15 * size_of::<usize>());

/// `AIMapper`: the header aligns it like `max_align_t`, which is 16 on 64-bit targets and no more on others.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct AIMapper {
    /// [`AIMAPPER_VERSION_5`].
    pub version: u32,
    /// The callbacks of version 5.
    pub v5: AIMapperV5,
}
const _: () = assert!(align_of::<AIMapper>() == 16);
const _: () = assert!(offset_of!(AIMapper, version) == 0);
const _: () = assert!(offset_of!(AIMapper, v5) == size_of::<usize>());
