//! Getting and setting metadata of an imported buffer.

use crate::buffer::Buffer;
use crate::error::Error;
use gralloc_buffer::metadata::vendor::{self, encode_vendor};
use gralloc_buffer::metadata::{encode_constant, encode_shared, set as set_shared, Byte, StandardMetadata, Writer};
use std::sync::atomic::{AtomicU32, Ordering};

/// Writes a type's bytes.
///
/// # Errors
/// `NotMemory`, `Exhausted` or `Kernel` when the shared page cannot be mapped.
pub fn get<B: Byte>(buffer: &Buffer, kind: StandardMetadata, out: &mut Writer<'_, B>) -> Result<(), Error> {
    if kind.is_shared() {
        encode_shared(kind, buffer.info(), buffer.shared_page()?, out);
    } else {
        let bytes = if kind == StandardMetadata::AllocationSize { buffer.allocated_bytes()? } else { 0 };
        encode_constant(kind, buffer.info(), bytes, out);
    }
    Ok(())
}

/// Sets a type for every process that has the buffer.
///
/// # Errors
/// `Set`; `NotMemory`, `Exhausted` or `Kernel` when the shared page cannot be mapped.
pub fn set(buffer: &Buffer, kind: StandardMetadata, bytes: &[u8]) -> Result<(), Error> {
    Ok(set_shared(kind, buffer.info(), buffer.shared_page()?, token(), bytes)?)
}

/// Writes the bytes of a vendor's type.
///
/// # Errors
/// `UnknownMetadata` for one that the buffer has not; as for [`get`].
pub fn get_vendor<B: Byte>(buffer: &Buffer, name: &[u8], value: i64, out: &mut Writer<'_, B>) -> Result<(), Error> {
    let table = buffer.vendor_table().ok_or(Error::UnknownMetadata)?;
    let (_, entry) = table.find(name, value).ok_or(Error::UnknownMetadata)?;
    let area = if entry.is_settable() { buffer.vendor_area()? } else { &[] };
    let known = encode_vendor(name, entry, buffer.info(), buffer.raw_fds(), area, out);
    known.then_some(()).ok_or(Error::UnknownMetadata)
}

/// Sets a vendor's type for every process that has the buffer.
///
/// # Errors
/// `UnknownMetadata`, `SetVendor`; as for [`set`].
pub fn set_vendor(buffer: &Buffer, name: &[u8], value: i64, bytes: &[u8]) -> Result<(), Error> {
    let table = buffer.vendor_table().ok_or(Error::UnknownMetadata)?;
    let (_, entry) = table.find(name, value).ok_or(Error::UnknownMetadata)?;
    Ok(vendor::set_vendor(name, entry, buffer.vendor_area()?, token(), bytes)?)
}

/// A number that other threads and processes that set at the same time do not have: two alike would do no more harm
/// than a value of one that is taken for the other's.
fn token() -> u32 {
    static SETS: AtomicU32 = AtomicU32::new(0);
    let count = SETS.fetch_add(1, Ordering::Relaxed);
    // 2³² divided by the golden ratio spreads process ids, which are close to one another.
    std::process::id().wrapping_mul(0x9e37_79b1).wrapping_add(count).max(1)
}
