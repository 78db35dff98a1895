//! Faults of the table and of the list.

use crate::{broken, inner};
use conformance::abi::{Error, Handle, Mapper as Table, MetadataTypeDescription, V5, VERSION_5};
use conformance::metadata::Standard;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

/// Where `max_align_t` would have it.
#[repr(C, align(16))]
struct Aligned(Table);

/// Eight bytes further on.
#[repr(C, align(16))]
struct Misaligned(u64, Table);

pub(crate) fn apply(fault: &str, v5: &mut V5) -> bool {
    match fault {
        "wrong-version" | "no-stablec-version" | "misaligned-table" | "another-table-each-time" => {}
        "second-instance-frees-nothing" => {}
        "no-dump-callbacks" => v5.dump_all_buffers = None,
        "list-forgets-setters" => v5.list_supported_metadata_types = Some(forgetful_list),
        "list-takes-what-it-does-not-give" => v5.list_supported_metadata_types = Some(contradicting_list),
        _ => return false,
    }
    true
}

/// The table for one more load.
pub(crate) fn next(fault: &str) -> *const Table {
    static LOADS: AtomicUsize = AtomicUsize::new(0);
    static FIRST: OnceLock<usize> = OnceLock::new();
    let again = LOADS.fetch_add(1, Ordering::SeqCst) > 0;
    let mut table = Table { version: VERSION_5, v5: broken() };
    if again && fault == "another-table-each-time" {
        table.v5.unlock = Some(other_unlock);
        return leak(table);
    }
    if again && fault == "second-instance-frees-nothing" {
        table.v5.free_buffer = Some(free_nothing);
        return leak(table);
    }
    let address = FIRST.get_or_init(|| {
        let first = if fault == "misaligned-table" {
            let moved: &'static Misaligned = Box::leak(Box::new(Misaligned(0, table)));
            std::ptr::from_ref(&moved.1)
        } else {
            leak(table)
        };
        first.expose_provenance()
    });
    std::ptr::with_exposed_provenance(*address)
}

fn leak(table: Table) -> *const Table {
    let aligned: &'static Aligned = Box::leak(Box::new(Aligned(table)));
    std::ptr::from_ref(&aligned.0)
}

extern "C" fn other_unlock(handle: Handle, fence: *mut i32) -> Error {
    let unlock = inner().v5().unlock.unwrap();
    // SAFETY: the caller's own arguments.
    unsafe { unlock(handle, fence) }
}

extern "C" fn free_nothing(_: Handle) -> Error {
    Error::BAD_BUFFER
}

fn give(
    list: &'static [MetadataTypeDescription],
    out: *mut *const MetadataTypeDescription,
    count: *mut usize,
) -> Error {
    // SAFETY: the caller's out parameter.
    unsafe { out.write(list.as_ptr()) };
    // SAFETY: as above.
    unsafe { count.write(list.len()) };
    Error::NONE
}

/// The list with entries changed; a new one each time.
fn changed(change: impl Fn(&mut MetadataTypeDescription)) -> &'static [MetadataTypeDescription] {
    let mut list = inner().list_supported().unwrap().to_vec();
    list.iter_mut().for_each(change);
    Vec::leak(list)
}

/// Also another array at each call, with the last entry twice.
extern "C" fn forgetful_list(out: *mut *const MetadataTypeDescription, count: *mut usize) -> Error {
    let hdr = [Standard::SMPTE2086, Standard::SMPTE2094_10, Standard::SMPTE2094_40].map(|kind| kind.0);
    let list = changed(|entry| {
        if hdr.contains(&entry.metadata_type.value) {
            entry.is_settable = 0;
        }
    });
    give(list, out, count)
}

extern "C" fn contradicting_list(out: *mut *const MetadataTypeDescription, count: *mut usize) -> Error {
    static LIST: OnceLock<usize> = OnceLock::new();
    let list = LIST.get_or_init(|| {
        let list = changed(|entry| {
            if entry.metadata_type.value == Standard::BLEND_MODE.0 {
                entry.is_gettable = 0;
            }
        });
        list.as_ptr().expose_provenance()
    });
    let length = inner().list_supported().unwrap().len();
    // SAFETY: the array of the line above, which is never freed.
    let list = unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(*list), length) };
    give(list, out, count)
}
