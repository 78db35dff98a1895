//! From a raw handle, which anybody may have made, to a buffer.

use crate::buffer::Buffer;
use crate::error::Error;
use crate::vendor::Tables;
use gralloc_buffer::handle::{decode, RawHandle, BUFFER_FD, METADATA_FD};
use std::os::fd::OwnedFd;

/// Judges a handle, clones its fds, judges those.
///
/// `clone` gives a clone of the handle's fd of an index: whoever has the raw handle keeps its own.
///
/// # Errors
/// What is wrong with the handle or with its fds; nothing is kept then.
pub fn import(
    raw: RawHandle<'_>,
    mut clone: impl FnMut(usize) -> Result<OwnedFd, Error>,
    tables: &Tables,
) -> Result<Buffer, Error> {
    let info = decode(raw)?;
    let pixels = clone(BUFFER_FD)?;
    let metadata = clone(METADATA_FD)?;
    Buffer::new(info, pixels, metadata, tables)
}
