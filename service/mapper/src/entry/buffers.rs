//! importBuffer and freeBuffer, and what is asked of an imported buffer as a whole.

// The C entry. The names are the interface's.
#![allow(unsafe_code, non_snake_case)]

use super::edge::{address, answer, code, BUFFERS};
use crate::abi::*;
use crate::error::Error;
use crate::table::{HandleMemory, HANDLE_VERSION};
use gralloc_buffer::handle::{HandleError, RawHandle, FDS, INTS, MAGIC, VERSION};
use log::Level;
use nix::errno::Errno;
use std::ffi::{c_int, c_void};
use std::mem::align_of;
use std::os::fd::OwnedFd;

pub(super) unsafe extern "C" fn importBuffer(
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
/// `handle` is null, misaligned, or points to a head and, to as many fds and ints behind it as the head says.
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
    let body = handle.wrapping_add(1);
    let ints = body.cast::<[i32; FDS]>().wrapping_add(1);
    if num_ints != INTS {
        if num_ints >= 2 {
            // SAFETY: the head says that there are 2 ints or more behind the fds.
            let [magic, version] = unsafe { ints.cast::<[i32; 2]>().read() };
            if magic == MAGIC && version != VERSION {
                return Err(HandleError::Version(version).into());
            }
        }
        return Err(HandleError::IntCount(num_ints).into());
    }
    // SAFETY: the head says that there are 2 fds behind it.
    let fds = unsafe { body.cast::<[i32; FDS]>().read() };
    // SAFETY: the head says that there are as many ints behind the fds.
    let ints = unsafe { ints.cast::<[i32; INTS]>().read() };
    Ok((fds, ints))
}

/// A close-on-exec clone of what may be an open fd.
fn clone_fd(fd: c_int) -> Result<OwnedFd, Error> {
    // 3, so that no buffer ever becomes a process's standard input or output.
    gralloc_dmabuf::fd::clone_from(fd, 3).map_err(|errno| match errno {
        Errno::EBADF => Error::NotAnFd(fd),
        errno => Error::Exhausted(errno),
    })
}

pub(super) unsafe extern "C" fn freeBuffer(buffer: buffer_handle_t) -> AIMapper_Error {
    code("freeBuffer", Level::Debug, BUFFERS.free(address(buffer)))
}

pub(super) unsafe extern "C" fn getTransportSize(
    buffer: buffer_handle_t,
    outNumFds: *mut u32,
    outNumInts: *mut u32,
) -> AIMapper_Error {
    let answered = BUFFERS.transport_size(address(buffer)).and_then(|(fds, ints)| {
        // Small numbers.
        let narrow = |count: usize| u32::try_from(count).unwrap_or(0);
        // SAFETY: the caller vouches for the pointer.
        unsafe { answer(outNumFds, "outNumFds", narrow(fds)) }?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { answer(outNumInts, "outNumInts", narrow(ints)) }
    });
    code("getTransportSize", Level::Debug, answered)
}

pub(super) unsafe extern "C" fn getReservedRegion(
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
