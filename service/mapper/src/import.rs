//! From a raw handle, which anybody may have made, to a buffer.

use crate::buffer::Buffer;
use crate::error::Error;
use crate::memory::Memory;
use crate::table::{HandleMemory, Table};
use crate::vendor::Tables;
use gralloc_buffer::handle::{decode, RawHandle, BUFFER_FD, INTS, METADATA_FD};
use std::os::fd::{AsRawFd, OwnedFd};

/// Judges a handle, clones its fds, judges those, and takes a slot for the buffer.
///
/// `clone` gives a clone of the handle's fd of an index: whoever has the raw handle keeps its own.
///
/// # Errors
/// What is wrong with the handle or with its fds; nothing is kept then.
pub fn import<'t>(
    raw: RawHandle<'_>,
    mut clone: impl FnMut(usize) -> Result<OwnedFd, Error>,
    tables: &Tables,
    table: &'t Table,
) -> Result<&'t HandleMemory, Error> {
    // Half a kilobyte: by reference, so that no step copies it before its place is known.
    let decoded = decode(raw);
    let info = decoded.as_ref().map_err(|error| Error::Handle(*error))?;
    // The decoder holds that there are as many.
    let ints: &[i32; INTS] = raw.ints.try_into().map_err(|_| Error::NotAHandle("another number of ints"))?;
    let pixels = clone(BUFFER_FD)?;
    let metadata = clone(METADATA_FD)?;
    let pixels = Memory::new(pixels, BUFFER_FD, info.buffer_bytes)?;
    let metadata = Memory::new(metadata, METADATA_FD, info.metadata_bytes)?;
    let vendor = tables.of(info, &metadata)?;
    let fds = [pixels.fd().as_raw_fd(), metadata.fd().as_raw_fd()];
    table.insert(fds, ints, || Buffer::new(info, pixels, metadata, vendor))
}
