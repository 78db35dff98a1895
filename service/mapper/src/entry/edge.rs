//! What all callbacks share: the process's buffers, handles as numbers, answers as codes.

#![allow(unsafe_code)] // Answers go through a C caller's pointers.

use crate::abi::{buffer_handle_t, AIMapper_Error, AIMAPPER_ERROR_NONE};
use crate::error::Error;
use crate::mapper::Mapper;
use log::Level;

/// The process's buffers.
pub(super) static BUFFERS: Mapper = Mapper::new();

/// The code of an answer, with a line in the log for a refusal.
pub(super) fn code(call: &str, level: Level, answer: Result<(), Error>) -> AIMapper_Error {
    match answer {
        Ok(()) => AIMAPPER_ERROR_NONE,
        Err(error) => refused(call, level, error),
    }
}

/// Kept out of the way of the calls that succeed.
#[cold]
pub(super) fn refused(call: &str, level: Level, error: Error) -> AIMapper_Error {
    log::log!(level, "{call}: {error}");
    error.code()
}

/// The number that the table knows an imported handle by. Nothing is read through it.
pub(super) fn address(handle: buffer_handle_t) -> usize {
    // `as` is the only way from a pointer to its address before Rust 1.84.
    #[allow(clippy::as_conversions)]
    let address = handle as usize;
    address
}

/// Stores an answer.
///
/// # Safety
/// `out` is null or points to a `T` that may be written.
pub(super) unsafe fn answer<T>(out: *mut T, name: &'static str, value: T) -> Result<(), Error> {
    if out.is_null() {
        return Err(Error::NullArgument(name));
    }
    // SAFETY: not null, so the caller vouches for it.
    unsafe { out.write(value) };
    Ok(())
}
