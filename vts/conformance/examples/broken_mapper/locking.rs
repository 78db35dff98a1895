//! Faults of lock, unlock, flush and reread.

use crate::{inner, key};
use conformance::abi::{Error, Handle, Rect, V5};
use conformance::format::Format;
use conformance::image::Memory;
use conformance::mapper::usage;
use conformance::metadata::{decode, PlaneLayout, Standard};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{LazyLock, Mutex};

pub(crate) type LockFn = extern "C" fn(Handle, u64, Rect, i32, *mut *mut c_void) -> Error;

pub(crate) fn apply(fault: &str, v5: &mut V5) -> bool {
    let mut lock = |wrong: LockFn| v5.lock = Some(wrong);
    match fault {
        "refuses-nested-locks" => {
            lock(lock_once);
            v5.unlock = Some(unlock_counted);
            v5.free_buffer = Some(free_counted);
        }
        "one-lock-for-all-imports" => {
            lock(lock_alone);
            v5.unlock = Some(unlock_counted);
            v5.free_buffer = Some(free_counted);
        }
        "dies-of-freeing-a-locked-buffer" => {
            lock(lock_counted);
            v5.unlock = Some(unlock_counted);
            v5.free_buffer = Some(free_or_die);
        }
        "locks-belong-to-threads" => {
            lock(lock_of_thread);
            v5.unlock = Some(unlock_of_thread);
        }
        "locks-a-copy" => {
            lock(lock_copy);
            v5.unlock = Some(unlock_copy);
        }
        "locks-anything" => lock(lock_anything),
        "ignores-cpu-usage" => lock(lock_any_usage),
        "usage-beyond-the-cpus-is-unsupported" => lock(lock_cpu_usage_alone),
        // No fault: IMapper.h's own words.
        "refuses-usage-beyond-the-cpus" => lock(lock_as_the_header_says),
        "ignores-the-region" => lock(lock_any_region),
        "points-into-the-region" => lock(lock_corner),
        "maps-at-every-lock" => lock(lock_and_map),
        "unlocks-anything" => v5.unlock = Some(unlock_anything),
        "dies-in-unlock-of-p210" => v5.unlock = Some(unlock_or_die),
        "flushes-anything" => {
            v5.flush_locked_buffer = Some(flush_anything);
            v5.reread_locked_buffer = Some(flush_anything);
        }
        _ => return false,
    }
    true
}

pub(crate) fn give(out: *mut *mut c_void, result: Result<*mut u8, Error>) -> Error {
    match result {
        Ok(data) => {
            // SAFETY: the caller's out parameter.
            unsafe { out.write(data.cast()) };
            Error::NONE
        }
        Err(error) => error,
    }
}

pub(crate) fn unlock(handle: Handle, fence: *mut i32) -> Error {
    let unlock = inner().v5().unlock.unwrap();
    // SAFETY: the caller's own arguments.
    unsafe { unlock(handle, fence) }
}

/// A key's handle again. Only handles that are imported are kept as keys.
fn handle_of(key: usize) -> Handle {
    std::ptr::with_exposed_provenance(key)
}

fn value<T: conformance::metadata::Decode>(handle: Handle, kind: Standard) -> Option<T> {
    let mut bytes = vec![0; 4096];
    let size = usize::try_from(inner().get_standard(handle, kind.0, &mut bytes)).ok()?;
    decode(kind, &bytes[..size]).ok()
}

// ---- Locks that are counted here.

static COUNTS: LazyLock<Mutex<HashMap<usize, u32>>> = LazyLock::new(|| Mutex::new(HashMap::new()));

extern "C" fn lock_counted(handle: Handle, usage: u64, region: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    let result = inner().lock(handle, usage, region, fence);
    if result.is_ok() {
        *COUNTS.lock().unwrap().entry(key(handle)).or_default() += 1;
    }
    give(out, result)
}

extern "C" fn unlock_counted(handle: Handle, fence: *mut i32) -> Error {
    let error = unlock(handle, fence);
    if error == Error::NONE {
        let mut counts = COUNTS.lock().unwrap();
        let left = counts.remove(&key(handle)).unwrap_or(1) - 1;
        if left > 0 {
            counts.insert(key(handle), left);
        }
    }
    error
}

extern "C" fn lock_once(handle: Handle, usage: u64, region: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    if COUNTS.lock().unwrap().contains_key(&key(handle)) {
        return Error::NO_RESOURCES;
    }
    lock_counted(handle, usage, region, fence, out)
}

extern "C" fn lock_alone(handle: Handle, usage: u64, region: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    let id: Option<u64> = value(handle, Standard::BUFFER_ID);
    let others: Vec<usize> = COUNTS.lock().unwrap().keys().copied().filter(|other| *other != key(handle)).collect();
    let same = |other: &usize| value(handle_of(*other), Standard::BUFFER_ID) == id;
    if id.is_some() && others.iter().any(same) {
        return Error::NO_RESOURCES;
    }
    lock_counted(handle, usage, region, fence, out)
}

extern "C" fn free_counted(handle: Handle) -> Error {
    COUNTS.lock().unwrap().remove(&key(handle));
    inner().free_buffer(handle)
}

extern "C" fn free_or_die(handle: Handle) -> Error {
    if COUNTS.lock().unwrap().remove(&key(handle)).is_some() {
        eprintln!("freed while it is locked");
        std::process::abort();
    }
    inner().free_buffer(handle)
}

thread_local! {
    static OWN: RefCell<HashMap<usize, u32>> = RefCell::new(HashMap::new());
}

extern "C" fn lock_of_thread(handle: Handle, usage: u64, region: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    let result = inner().lock(handle, usage, region, fence);
    if result.is_ok() {
        OWN.with(|own| *own.borrow_mut().entry(key(handle)).or_default() += 1);
    }
    give(out, result)
}

extern "C" fn unlock_of_thread(handle: Handle, fence: *mut i32) -> Error {
    let is_own = OWN.with(|own| match own.borrow_mut().get_mut(&key(handle)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
    if is_own {
        unlock(handle, fence)
    } else {
        Error::BAD_BUFFER
    }
}

// ---- locks-a-copy: what is written arrives with the last unlock, and nothing else; flush and reread do nothing.

struct Shadow {
    before: Vec<u8>,
    bytes: Vec<u8>,
    real: usize,
    locks: u32,
}

static SHADOWS: LazyLock<Mutex<HashMap<usize, Shadow>>> = LazyLock::new(|| Mutex::new(HashMap::new()));

fn real(address: usize, bytes: usize) -> Memory<'static> {
    Memory::new(std::ptr::with_exposed_provenance_mut(address), u64::try_from(bytes).unwrap())
}

extern "C" fn lock_copy(handle: Handle, usage: u64, region: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    let result = inner().lock(handle, usage, region, fence).map(|data| {
        let planes: Vec<PlaneLayout> = value(handle, Standard::PLANE_LAYOUTS).unwrap();
        let layers: u64 = value(handle, Standard::LAYER_COUNT).unwrap();
        let end = planes.iter().map(|plane| plane.offset_bytes + plane.total_bytes).max().unwrap();
        let bytes = usize::try_from(end).unwrap() * usize::try_from(layers).unwrap();
        let mut shadows = SHADOWS.lock().unwrap();
        let shadow = shadows.entry(key(handle)).or_insert_with(|| {
            let memory = real(data.expose_provenance(), bytes);
            let bytes: Vec<u8> = (0..memory.bytes()).map(|byte| memory.read(byte)).collect();
            Shadow { before: bytes.clone(), bytes, real: data.expose_provenance(), locks: 0 }
        });
        shadow.locks += 1;
        shadow.bytes.as_mut_ptr()
    });
    give(out, result)
}

extern "C" fn unlock_copy(handle: Handle, fence: *mut i32) -> Error {
    let mut shadows = SHADOWS.lock().unwrap();
    if let Some(shadow) = shadows.get_mut(&key(handle)) {
        shadow.locks -= 1;
        if shadow.locks == 0 {
            let memory = real(shadow.real, shadow.bytes.len());
            for (byte, (before, value)) in (0..).zip(shadow.before.iter().zip(&shadow.bytes)) {
                if before != value {
                    memory.write(byte, *value);
                }
            }
            shadows.remove(&key(handle));
        }
    }
    unlock(handle, fence)
}

// ---- Locks that check nothing.

extern "C" fn lock_anything(handle: Handle, usage: u64, region: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    let data = inner().lock(handle, usage, region, fence);
    let anything = || Vec::leak(vec![0u8; 1 << 16]).as_mut_ptr();
    give(out, Ok(data.unwrap_or_else(|_| anything())))
}

extern "C" fn lock_any_usage(handle: Handle, asked: u64, region: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    let allowed = value::<u64>(handle, Standard::USAGE).unwrap_or(asked) & 0xff;
    let usage = if allowed == 0 { usage::CPU } else { allowed };
    give(out, inner().lock(handle, usage, region, fence))
}

fn lock_or(refusal: Error, (handle, usage, region, fence): (Handle, u64, Rect, i32), out: *mut *mut c_void) -> Error {
    // The inner mapper refuses, and closes the fence: usage 0 has no CPU part.
    let (alone, asked) = if usage & !0xff == 0 { (true, usage) } else { (false, 0) };
    let result = inner().lock(handle, asked, region, fence);
    give(out, result.map_err(|error| if alone { error } else { refusal }))
}

extern "C" fn lock_cpu_usage_alone(
    handle: Handle,
    usage: u64,
    region: Rect,
    fence: i32,
    out: *mut *mut c_void,
) -> Error {
    lock_or(Error::UNSUPPORTED, (handle, usage, region, fence), out)
}

extern "C" fn lock_as_the_header_says(
    handle: Handle,
    usage: u64,
    region: Rect,
    fence: i32,
    out: *mut *mut c_void,
) -> Error {
    lock_or(Error::BAD_VALUE, (handle, usage, region, fence), out)
}

extern "C" fn lock_any_region(handle: Handle, usage: u64, _: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    give(out, inner().lock(handle, usage, Rect::default(), fence))
}

extern "C" fn lock_corner(handle: Handle, usage: u64, region: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    let result = inner().lock(handle, usage, region, fence);
    let stride = value::<u32>(handle, Standard::STRIDE).unwrap_or(0);
    let [x, y] = [region.left, region.top].map(|pixels| usize::try_from(pixels).unwrap_or(0));
    let bytes = (y * usize::try_from(stride).unwrap() + x) * 4;
    give(out, result.map(|data| data.wrapping_add(bytes)))
}

extern "C" fn lock_and_map(handle: Handle, usage: u64, region: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let raw = std::os::fd::AsRawFd::as_raw_fd(&file);
    // SAFETY: a new mapping, of a file, wherever the kernel likes; it is left behind on purpose.
    unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_PRIVATE, raw, 0) };
    give(out, inner().lock(handle, usage, region, fence))
}

// ---- Unlock and flush.

extern "C" fn unlock_anything(handle: Handle, fence: *mut i32) -> Error {
    unlock(handle, fence);
    Error::NONE
}

extern "C" fn unlock_or_die(handle: Handle, fence: *mut i32) -> Error {
    if value::<i32>(handle, Standard::PIXEL_FORMAT_REQUESTED) == Some(Format::YCBCR_P210.value()) {
        std::process::abort();
    }
    unlock(handle, fence)
}

extern "C" fn flush_anything(handle: Handle) -> Error {
    inner().flush(handle);
    Error::NONE
}
