//! Faults of the table and of the list.

use crate::{broken, inner};
use conformance::abi::{
    Error, Handle, Mapper as Table, Mapper6, MetadataTypeDescription, V5, V6, VERSION_5, VERSION_6,
};
use conformance::metadata::Standard;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

/// Where `max_align_t` would have it.
#[repr(C, align(16))]
struct Aligned(Table);

/// The same of version 6.
#[repr(C, align(16))]
struct Aligned6(Mapper6);

/// Eight bytes further on.
#[repr(C, align(16))]
struct Misaligned(u64, Table);

pub(crate) fn apply(fault: &str, v5: &mut V5) -> bool {
    match fault {
        "wrong-version" | "no-stablec-version" | "misaligned-table" | "another-table-each-time" => {}
        "second-instance-frees-nothing" => {}
        "says-6-without-callbacks" | "other-views-each-time" => {}
        "has-views" | "views-backwards" | "base-view-is-the-second" | "imports-no-view" => {}
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
    match fault {
        "says-6-without-callbacks" => {
            return six(table.v5, V6 { get_multi_view_info: None, get_base_view: None, import_view_buffer: None })
        }
        "other-views-each-time" if again => return six(table.v5, V6 { get_base_view: Some(other_base_view), ..VIEWS }),
        "other-views-each-time" | "has-views" => return six(table.v5, VIEWS),
        "views-backwards" => return six(table.v5, V6 { get_multi_view_info: Some(views_backwards), ..VIEWS }),
        "base-view-is-the-second" => return six(table.v5, V6 { get_base_view: Some(other_base_view), ..VIEWS }),
        "imports-no-view" => return six(table.v5, V6 { import_view_buffer: Some(no_view_buffer), ..VIEWS }),
        _ => {}
    }
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

/// Two views of every buffer, the first of them the base, and each of them the buffer itself. No mutant but with what `apply` names.
const VIEWS: V6 = V6 {
    get_multi_view_info: Some(multi_view_info),
    get_base_view: Some(base_view),
    import_view_buffer: Some(import_view_buffer),
};

fn six(v5: V5, v6: V6) -> *const Table {
    let aligned: &'static Aligned6 = Box::leak(Box::new(Aligned6(Mapper6 { version: VERSION_6, v5, v6 })));
    std::ptr::from_ref(&aligned.0).cast()
}

static BOTH: [u32; 2] = [1, 2];
static BACKWARDS: [u32; 2] = [2, 1];

fn give_views(list: &'static [u32; 2], views: *mut *const u32, count: *mut usize) -> Error {
    // SAFETY: the caller's out parameter.
    unsafe { views.write(list.as_ptr()) };
    // SAFETY: as above.
    unsafe { count.write(list.len()) };
    Error::NONE
}

extern "C" fn multi_view_info(_: Handle, views: *mut *const u32, count: *mut usize) -> Error {
    give_views(&BOTH, views, count)
}

extern "C" fn views_backwards(_: Handle, views: *mut *const u32, count: *mut usize) -> Error {
    give_views(&BACKWARDS, views, count)
}

extern "C" fn base_view(_: Handle, view: *mut u32) -> Error {
    // SAFETY: the caller's out parameter.
    unsafe { view.write(BOTH[0]) };
    Error::NONE
}

extern "C" fn other_base_view(_: Handle, view: *mut u32) -> Error {
    // SAFETY: the caller's out parameter.
    unsafe { view.write(BOTH[1]) };
    Error::NONE
}

extern "C" fn import_view_buffer(buffer: Handle, view: u32, imported: *mut Handle) -> Error {
    if !BOTH.contains(&view) {
        return Error::BAD_VALUE;
    }
    // An imported handle imports as if it were raw.
    match inner().import_buffer(buffer) {
        Ok(handle) => {
            // SAFETY: the caller's out parameter.
            unsafe { imported.write(handle) };
            Error::NONE
        }
        Err(error) => error,
    }
}

extern "C" fn no_view_buffer(_: Handle, _: u32, _: *mut Handle) -> Error {
    Error::BAD_VALUE
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
