//! Faults of import and free.

use crate::{inner, key};
use conformance::abi::{Error, Handle, V5};
use conformance::handle::RawHandle;
use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{LazyLock, Mutex};

pub(crate) fn apply(fault: &str, v5: &mut V5) -> bool {
    match fault {
        "one-handle-per-buffer" => {
            v5.import_buffer = Some(import_once);
            v5.free_buffer = Some(free_once);
        }
        "frees-anything" => v5.free_buffer = Some(free_anything),
        "imports-anything" => v5.import_buffer = Some(import_anything),
        "twelve-imports-at-most" => {
            v5.import_buffer = Some(import_few);
            v5.free_buffer = Some(free_few);
        }
        "leaks-an-fd-an-import" => v5.import_buffer = Some(import_and_leak),
        "refuses-imported-handles" => {
            v5.import_buffer = Some(import_raw_only);
            v5.free_buffer = Some(free_known);
        }
        "uses-the-raw-handles-fds" => {
            v5.import_buffer = Some(import_without_copy);
            v5.lock = Some(lock_through_raw);
        }
        "transport-size-is-short" => v5.get_transport_size = Some(short_size),
        "bad-value-for-bad-buffer" => bad_values(v5),
        _ => return false,
    }
    true
}

fn give(out: *mut Handle, result: Result<Handle, Error>) -> Error {
    match result {
        Ok(handle) => {
            // SAFETY: the caller's out parameter.
            unsafe { out.write(handle) };
            Error::NONE
        }
        Err(error) => error,
    }
}

/// The counts of a handle that the mapper behind has accepted.
fn counts(handle: Handle) -> [usize; 2] {
    // SAFETY: an accepted handle is a valid one.
    let header = unsafe { *handle };
    [header.num_fds, header.num_ints].map(|count| usize::try_from(count).unwrap())
}

fn copy(handle: Handle) -> RawHandle {
    let [fds, ints] = counts(handle);
    // SAFETY: the handle's own counts.
    unsafe { RawHandle::copy_of(handle, fds, ints) }.unwrap()
}

// ---- one-handle-per-buffer: an import beside another gives the same handle.

type Shared = HashMap<Vec<i32>, (usize, Handle)>;
struct Sharing(Shared);
// SAFETY: imported handles are valid in every thread.
unsafe impl Send for Sharing {}
static SHARED: LazyLock<Mutex<Sharing>> = LazyLock::new(|| Mutex::new(Sharing(HashMap::new())));

extern "C" fn import_once(raw: Handle, out: *mut Handle) -> Error {
    let result = inner().import_buffer(raw).map(|handle| {
        let ints = copy(handle).ints().to_vec();
        let mut shared = SHARED.lock().unwrap();
        let (count, first) = shared.0.entry(ints).or_insert((0, handle));
        *count += 1;
        if *first != handle {
            inner().free_buffer(handle);
        }
        *first
    });
    give(out, result)
}

extern "C" fn free_once(handle: Handle) -> Error {
    let mut shared = SHARED.lock().unwrap();
    if let Some((_, (count, _))) = shared.0.iter_mut().find(|(_, (_, first))| *first == handle) {
        *count -= 1;
        if *count > 0 {
            return Error::NONE;
        }
    }
    shared.0.retain(|_, (count, _)| *count > 0);
    inner().free_buffer(handle)
}

// ---- frees-anything

extern "C" fn free_anything(handle: Handle) -> Error {
    inner().free_buffer(handle);
    Error::NONE
}

// ---- imports-anything: what is refused gives the last good buffer again.

static LAST: Mutex<Option<RawHandle>> = Mutex::new(None);

extern "C" fn import_anything(raw: Handle, out: *mut Handle) -> Error {
    let mut last = LAST.lock().unwrap();
    let result = match (inner().import_buffer(raw), &*last) {
        (Ok(handle), _) => {
            *last = Some(copy(handle));
            Ok(handle)
        }
        (Err(_), Some(good)) => inner().import_buffer(good.pointer()),
        (Err(error), None) => Err(error),
    };
    give(out, result)
}

// ---- twelve-imports-at-most

static LIVE: AtomicI32 = AtomicI32::new(0);

extern "C" fn import_few(raw: Handle, out: *mut Handle) -> Error {
    if LIVE.fetch_add(1, Ordering::SeqCst) >= 12 {
        LIVE.fetch_sub(1, Ordering::SeqCst);
        return Error::NO_RESOURCES;
    }
    let result = inner().import_buffer(raw);
    if result.is_err() {
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
    give(out, result)
}

extern "C" fn free_few(handle: Handle) -> Error {
    let error = inner().free_buffer(handle);
    if error == Error::NONE {
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
    error
}

// ---- leaks-an-fd-an-import

extern "C" fn import_and_leak(raw: Handle, out: *mut Handle) -> Error {
    let result = inner().import_buffer(raw);
    if let Ok(handle) = result {
        std::mem::forget(copy(handle).fds()[0].as_fd().try_clone_to_owned().unwrap());
    }
    give(out, result)
}

// ---- refuses-imported-handles

static KNOWN: LazyLock<Mutex<HashSet<usize>>> = LazyLock::new(|| Mutex::new(HashSet::new()));

extern "C" fn import_raw_only(raw: Handle, out: *mut Handle) -> Error {
    let mut known = KNOWN.lock().unwrap();
    if known.contains(&key(raw)) {
        return Error::BAD_BUFFER;
    }
    let result = inner().import_buffer(raw);
    known.extend(result.ok().map(key));
    give(out, result)
}

extern "C" fn free_known(handle: Handle) -> Error {
    let mut known = KNOWN.lock().unwrap();
    known.remove(&key(handle));
    inner().free_buffer(handle)
}

// ---- uses-the-raw-handles-fds: what was imported dies with the raw handle.

static BORROWED: LazyLock<Mutex<HashMap<usize, Vec<i32>>>> = LazyLock::new(|| Mutex::new(HashMap::new()));

extern "C" fn import_without_copy(raw: Handle, out: *mut Handle) -> Error {
    let result = inner().import_buffer(raw);
    if let Ok(handle) = result {
        let [fds, _] = counts(raw);
        let first = raw.cast::<i32>().wrapping_add(3);
        // SAFETY: the fds stand behind the three ints of the header; the mapper behind has accepted their count.
        let numbers = unsafe { std::slice::from_raw_parts(first, fds) }.to_vec();
        BORROWED.lock().unwrap().insert(key(handle), numbers);
    }
    give(out, result)
}

extern "C" fn lock_through_raw(
    handle: Handle,
    usage: u64,
    region: conformance::abi::Rect,
    fence: i32,
    out: *mut *mut std::ffi::c_void,
) -> Error {
    let is_open = |number: &i32| {
        // SAFETY: only asked whether it can be duplicated.
        let fd = unsafe { BorrowedFd::borrow_raw(*number) };
        fd.try_clone_to_owned().map(drop::<OwnedFd>).is_ok()
    };
    let borrowed = BORROWED.lock().unwrap().get(&key(handle)).cloned().unwrap_or_default();
    if !borrowed.iter().all(is_open) {
        return Error::BAD_BUFFER;
    }
    let lock = inner().v5().lock.unwrap();
    // SAFETY: the caller's own arguments.
    unsafe { lock(handle, usage, region, fence, out) }
}

// ---- transport-size-is-short

extern "C" fn short_size(handle: Handle, fds: *mut u32, ints: *mut u32) -> Error {
    match inner().transport_size(handle) {
        Ok((num_fds, num_ints)) => {
            // SAFETY: the caller's out parameter.
            unsafe { fds.write(num_fds) };
            // SAFETY: as above.
            unsafe { ints.write(num_ints - 1) };
            Error::NONE
        }
        Err(error) => error,
    }
}

// ---- bad-value-for-bad-buffer: everywhere.

macro_rules! bad_values {
    ($($field:ident ( $($argument:ident : $kind:ty),* );)*) => {
        fn bad_values(v5: &mut V5) {
            $({
                extern "C" fn wrong($($argument: $kind),*) -> Error {
                    let right = inner().v5().$field.unwrap();
                    // SAFETY: the caller's own arguments.
                    match unsafe { right($($argument),*) } {
                        Error::BAD_BUFFER => Error::BAD_VALUE,
                        other => other,
                    }
                }
                v5.$field = Some(wrong);
            })*
            extern "C" fn wrong_get(handle: Handle, kind: i64, to: *mut std::ffi::c_void, size: usize) -> i32 {
                let right = inner().v5().get_standard_metadata.unwrap();
                // SAFETY: the caller's own arguments.
                match unsafe { right(handle, kind, to, size) } {
                    -2 => -3,
                    other => other,
                }
            }
            v5.get_standard_metadata = Some(wrong_get);
        }
    };
}

bad_values! {
    import_buffer(handle: Handle, out: *mut Handle);
    free_buffer(handle: Handle);
    get_transport_size(handle: Handle, fds: *mut u32, ints: *mut u32);
    unlock(handle: Handle, fence: *mut i32);
    flush_locked_buffer(handle: Handle);
    reread_locked_buffer(handle: Handle);
    get_reserved_region(handle: Handle, region: *mut *mut std::ffi::c_void, size: *mut u64);
}
