//! The C functions: the library's edge, where pointers become values.
//!
//! Each checks its pointers for null, copies what comes through them once, calls the safe function in [`crate::mapper`],
//! and returns a code. A pointer to an imported handle is only ever taken for a number.
//!
//! What a C caller owes, as `IMapper.h` puts it, is what the SAFETY comments lean on: a pointer that is not null points
//! to what its type says and, with a size, to so many bytes; a raw handle to a head and as many ints as the head says.

// The C entry. The names are the interface's.
#![allow(unsafe_code, non_snake_case, non_upper_case_globals)]

use crate::abi::*;
use crate::error::Error;
use crate::logging;
use crate::mapper::Mapper;
use crate::table::{HandleMemory, HANDLE_VERSION};
use gralloc_buffer::handle::{HandleError, RawHandle, FDS, INTS};
use gralloc_buffer::metadata::{StandardMetadata, Writer, MAX_ENCODED_BYTES, STANDARD_NAME};
use log::Level;
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg};
use std::ffi::{c_char, c_int, c_void, CStr};
use std::mem::{align_of, MaybeUninit};
use std::os::fd::{FromRawFd, OwnedFd};

/// What VTS looks up (`VersionChecks`).
#[no_mangle]
pub static ANDROID_HAL_MAPPER_VERSION: u32 = AIMAPPER_VERSION_5;

/// What the interface's README names.
#[no_mangle]
pub static ANDROID_HAL_STABLEC_VERSION: u32 = AIMAPPER_VERSION_5;

/// The process's buffers.
static BUFFERS: Mapper = Mapper::new();

static INTERFACE: AIMapper = AIMapper {
    version: AIMAPPER_VERSION_5,
    v5: AIMapperV5 {
        importBuffer,
        freeBuffer,
        getTransportSize,
        lock,
        unlock,
        flushLockedBuffer,
        rereadLockedBuffer,
        getMetadata,
        getStandardMetadata,
        setMetadata,
        setStandardMetadata,
        listSupportedMetadataTypes,
        dumpBuffer,
        dumpAllBuffers,
        getReservedRegion,
    },
};

/// Hands out the interface, the same one every time.
///
/// # Safety
/// `outImplementation` is null or points to a pointer.
#[no_mangle]
pub unsafe extern "C" fn AIMapper_loadIMapper(outImplementation: *mut *mut AIMapper) -> AIMapper_Error {
    logging::start();
    if outImplementation.is_null() {
        return AIMAPPER_ERROR_BAD_VALUE;
    }
    // SAFETY: not null, so it points to a pointer. Clients only read through what they get (IMapper.h: fields up to
    // those of `version`), so a shared static may stand behind it.
    unsafe { outImplementation.write(std::ptr::from_ref(&INTERFACE).cast_mut()) };
    AIMAPPER_ERROR_NONE
}

/// The code of an answer, with a line in the log for a refusal.
fn code(call: &str, level: Level, answer: Result<(), Error>) -> AIMapper_Error {
    match answer {
        Ok(()) => AIMAPPER_ERROR_NONE,
        Err(error) => refused(call, level, error),
    }
}

/// Kept out of the way of the calls that succeed.
#[cold]
fn refused(call: &str, level: Level, error: Error) -> AIMapper_Error {
    log::log!(level, "{call}: {error}");
    error.code()
}

/// The number that the table knows an imported handle by. Nothing is read through it.
fn address(handle: buffer_handle_t) -> usize {
    // `as` is the only way from a pointer to its address before Rust 1.84.
    #[allow(clippy::as_conversions)]
    let address = handle as usize;
    address
}

/// Stores an answer.
///
/// # Safety
/// `out` is null or points to a `T` that may be written.
unsafe fn answer<T>(out: *mut T, name: &'static str, value: T) -> Result<(), Error> {
    if out.is_null() {
        return Err(Error::NullArgument(name));
    }
    // SAFETY: not null, so the caller vouches for it.
    unsafe { out.write(value) };
    Ok(())
}

unsafe extern "C" fn importBuffer(
    handle: *const native_handle_t,
    outBufferHandle: *mut buffer_handle_t,
) -> AIMapper_Error {
    // SAFETY: the caller of importBuffer vouches for both pointers.
    code("importBuffer", Level::Warn, unsafe { import(handle, outBufferHandle) })
}

/// # Safety
/// As for `importBuffer`: each pointer is null or points to what its type says.
unsafe fn import(handle: *const native_handle_t, out: *mut buffer_handle_t) -> Result<(), Error> {
    // Before the import: with nowhere to put the handle, the buffer could never be freed.
    // SAFETY: the caller vouches for `out`.
    unsafe { answer(out, "outBufferHandle", std::ptr::null()) }?;
    // SAFETY: the caller vouches for `handle`.
    let (fds, ints) = unsafe { read_raw(handle) }?;
    let raw = RawHandle { num_fds: fds.len(), ints: &ints };
    let imported = BUFFERS.import(raw, |index| clone_fd(fds.get(index).copied().unwrap_or(-1)))?;
    // HandleMemory begins like a native_handle_t, with the fds and ints behind it.
    let imported = std::ptr::from_ref::<HandleMemory>(imported).cast();
    // SAFETY: the caller vouches for `out`.
    unsafe { answer(out, "outBufferHandle", imported) }
}

/// Copies a raw handle, counts before fields. What happens to the original later does not matter.
///
/// # Safety
/// `handle` is null, misaligned, or points to a head and, when the head says 2 fds and 72 ints, to 74 more ints.
unsafe fn read_raw(handle: *const native_handle_t) -> Result<([i32; FDS], [i32; INTS]), Error> {
    if handle.is_null() {
        return Err(Error::NotAHandle("null"));
    }
    if address(handle) % align_of::<native_handle_t>() != 0 {
        return Err(Error::NotAHandle("on an address where no int can be"));
    }
    // SAFETY: neither null nor misaligned, so it points to a head.
    let head = unsafe { handle.read() };
    if head.version != HANDLE_VERSION {
        return Err(Error::NotAHandle("its version is not the size of a head"));
    }
    let (Ok(num_fds), Ok(num_ints)) = (usize::try_from(head.numFds), usize::try_from(head.numInts)) else {
        return Err(Error::NotAHandle("a negative count"));
    };
    if num_fds != FDS {
        return Err(HandleError::FdCount(num_fds).into());
    }
    if num_ints != INTS {
        return Err(HandleError::IntCount(num_ints).into());
    }
    let body = handle.wrapping_add(1);
    // SAFETY: the head says that there are 2 fds behind it.
    let fds = unsafe { body.cast::<[i32; FDS]>().read() };
    // SAFETY: the head says that there are 72 ints behind the fds.
    let ints = unsafe { body.cast::<[i32; FDS]>().wrapping_add(1).cast::<[i32; INTS]>().read() };
    Ok((fds, ints))
}

/// A close-on-exec clone of what may be an open fd.
fn clone_fd(fd: c_int) -> Result<OwnedFd, Error> {
    // 3, so that no buffer ever becomes a process's standard input or output.
    match fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(3)) {
        // SAFETY: fcntl(2) has just made this descriptor, and nobody else knows it.
        Ok(clone) => Ok(unsafe { OwnedFd::from_raw_fd(clone) }),
        Err(Errno::EBADF) => Err(Error::NotAnFd(fd)),
        Err(errno) => Err(Error::Exhausted(errno)),
    }
}

unsafe extern "C" fn freeBuffer(buffer: buffer_handle_t) -> AIMapper_Error {
    code("freeBuffer", Level::Debug, BUFFERS.free(address(buffer)))
}

unsafe extern "C" fn getTransportSize(
    buffer: buffer_handle_t,
    outNumFds: *mut u32,
    outNumInts: *mut u32,
) -> AIMapper_Error {
    let answered = BUFFERS.transport_size(address(buffer)).and_then(|(fds, ints)| {
        // 2 and 72.
        let narrow = |count: usize| u32::try_from(count).unwrap_or(0);
        // SAFETY: the caller vouches for the pointer.
        unsafe { answer(outNumFds, "outNumFds", narrow(fds)) }?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { answer(outNumInts, "outNumInts", narrow(ints)) }
    });
    code("getTransportSize", Level::Debug, answered)
}

unsafe extern "C" fn lock(
    buffer: buffer_handle_t,
    cpuUsage: u64,
    accessRegion: ARect,
    acquireFence: c_int,
    outData: *mut *mut c_void,
) -> AIMapper_Error {
    // First of all, so that every way out closes it.
    let fence = match acquireFence {
        ..=-1 => None,
        _ => match take_fence(acquireFence) {
            Ok(fence) => Some(fence),
            Err(error) => return refused("lock", Level::Warn, error),
        },
    };
    if outData.is_null() {
        let answer = BUFFERS.check(address(buffer)).and(Err(Error::NullArgument("outData")));
        return code("lock", Level::Debug, answer);
    }
    match BUFFERS.lock(address(buffer), cpuUsage, accessRegion, fence) {
        Ok(data) => {
            // SAFETY: not null, so the caller vouches for it.
            unsafe { outData.write(data.cast()) };
            AIMAPPER_ERROR_NONE
        }
        Err(error) => refused("lock", Level::Debug, error),
    }
}

/// Takes over a fence.
fn take_fence(fence: c_int) -> Result<OwnedFd, Error> {
    // A number that is no fd is the client's mistake; closing it later could close what another thread opens meanwhile.
    fcntl(fence, FcntlArg::F_GETFD).map_err(Error::NotAFence)?;
    // SAFETY: it is open, and IMapper.h's lock passes its ownership to the callee.
    Ok(unsafe { OwnedFd::from_raw_fd(fence) })
}

unsafe extern "C" fn unlock(buffer: buffer_handle_t, releaseFence: *mut c_int) -> AIMapper_Error {
    let unlocked = BUFFERS.unlock(address(buffer));
    if !releaseFence.is_null() {
        // The brackets are synchronous: when unlock returns, nothing is pending. An empty fence says so.
        // SAFETY: not null, so it points to an int.
        unsafe { releaseFence.write(-1) };
    }
    code("unlock", Level::Debug, unlocked)
}

unsafe extern "C" fn flushLockedBuffer(buffer: buffer_handle_t) -> AIMapper_Error {
    code("flushLockedBuffer", Level::Debug, BUFFERS.synchronise(address(buffer)))
}

unsafe extern "C" fn rereadLockedBuffer(buffer: buffer_handle_t) -> AIMapper_Error {
    code("rereadLockedBuffer", Level::Debug, BUFFERS.synchronise(address(buffer)))
}

unsafe extern "C" fn getMetadata(
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

unsafe extern "C" fn getStandardMetadata(
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

unsafe extern "C" fn setMetadata(
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

unsafe extern "C" fn setStandardMetadata(
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

unsafe extern "C" fn listSupportedMetadataTypes(
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

unsafe extern "C" fn dumpBuffer(
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

unsafe extern "C" fn dumpAllBuffers(
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

unsafe extern "C" fn getReservedRegion(
    buffer: buffer_handle_t,
    outReservedRegion: *mut *mut c_void,
    outReservedSize: *mut u64,
) -> AIMapper_Error {
    let answered = BUFFERS.reserved_region(address(buffer)).and_then(|(start, bytes)| {
        // SAFETY: the caller vouches for the pointer.
        unsafe { answer(outReservedRegion, "outReservedRegion", start.cast()) }?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { answer(outReservedSize, "outReservedSize", bytes) }
    });
    code("getReservedRegion", Level::Debug, answered)
}
