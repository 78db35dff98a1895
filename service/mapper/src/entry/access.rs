//! lock and unlock, flush and reread.

// The C entry. The names are the interface's.
#![allow(unsafe_code, non_snake_case)]

use super::edge::{address, code, refused, BUFFERS};
use crate::abi::*;
use crate::error::Error;
use log::Level;
use std::ffi::{c_int, c_void};
use std::os::fd::{FromRawFd, OwnedFd};

pub(super) unsafe extern "C" fn lock(
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
        // Who asks for a compressed buffer's bytes would see no more than "bad value".
        Err(error @ Error::NotMappable { .. }) => refused("lock", Level::Warn, error),
        Err(error) => refused("lock", Level::Debug, error),
    }
}

/// Takes over a fence.
fn take_fence(fence: c_int) -> Result<OwnedFd, Error> {
    // A number that is no fd is the client's mistake; closing it later could close what another thread opens meanwhile.
    gralloc_dmabuf::fd::is_open(fence).map_err(Error::NotAFence)?;
    // SAFETY: it is open, and IMapper.h's lock passes its ownership to the callee.
    Ok(unsafe { OwnedFd::from_raw_fd(fence) })
}

pub(super) unsafe extern "C" fn unlock(buffer: buffer_handle_t, releaseFence: *mut c_int) -> AIMapper_Error {
    let unlocked = BUFFERS.unlock(address(buffer));
    if !releaseFence.is_null() {
        // The brackets are synchronous: when unlock returns, nothing is pending. An empty fence says so.
        // SAFETY: not null, so it points to an int.
        unsafe { releaseFence.write(-1) };
    }
    code("unlock", Level::Debug, unlocked)
}

pub(super) unsafe extern "C" fn flushLockedBuffer(buffer: buffer_handle_t) -> AIMapper_Error {
    code("flushLockedBuffer", Level::Debug, BUFFERS.flush(address(buffer)))
}

pub(super) unsafe extern "C" fn rereadLockedBuffer(buffer: buffer_handle_t) -> AIMapper_Error {
    code("rereadLockedBuffer", Level::Debug, BUFFERS.reread(address(buffer)))
}
