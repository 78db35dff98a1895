//! Getting and setting metadata of an imported buffer.

use crate::buffer::Buffer;
use crate::error::Error;
use gralloc_buffer::metadata::{encode_constant, encode_shared, set as set_shared, StandardMetadata, Writer};
use std::sync::atomic::{AtomicU32, Ordering};

/// Writes a type's bytes.
///
/// # Errors
/// `NotMemory`, `Exhausted` or `Kernel` when the shared page cannot be mapped.
pub fn get(buffer: &Buffer, kind: StandardMetadata, out: &mut Writer<'_>) -> Result<(), Error> {
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

/// A number that other threads and processes that set at the same time do not have: two alike would do no more harm
/// than a value of one that is taken for the other's.
fn token() -> u32 {
    static SETS: AtomicU32 = AtomicU32::new(0);
    let count = SETS.fetch_add(1, Ordering::Relaxed);
    // 2³² divided by the golden ratio spreads process ids, which are close to one another.
    std::process::id().wrapping_mul(0x9e37_79b1).wrapping_add(count).max(1)
}
