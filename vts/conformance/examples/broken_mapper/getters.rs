//! Faults of getters: wrong values (`lies`), and wrong ways to give right ones.

use crate::{bytes, fault, inner, lies};
use conformance::abi::{DumpBufferCallback, Error, Handle, MetadataType, STANDARD_NAME, V5};
use conformance::metadata::Standard;
use std::ffi::{c_void, CStr};

pub(crate) fn apply(fault: &str, v5: &mut V5) -> bool {
    let get: extern "C" fn(Handle, i64, *mut c_void, usize) -> i32 = match fault {
        "cuts-answers-short" => get_short,
        "writes-behind-a-short-buffer" => get_and_overrun,
        "unknown-types-are-empty" => {
            v5.get_metadata = Some(get_named_or_nothing);
            v5.get_standard_metadata = Some(get_or_nothing);
            return true;
        }
        "forgets-smpte2094-50" => {
            v5.get_standard_metadata = Some(get_no_smpte2094_50);
            v5.set_standard_metadata = Some(forget_smpte2094_50);
            return true;
        }
        "dumps-a-width-alone" => {
            v5.dump_buffer = Some(dump_width);
            return true;
        }
        "dumps-freed-buffers-too" => {
            v5.dump_all_buffers = Some(dump_all_and_more);
            return true;
        }
        name if lies::NAMES.contains(&name) => {
            v5.dump_buffer = Some(dump_lies);
            get_lie
        }
        _ => return false,
    };
    v5.get_standard_metadata = Some(get);
    v5.get_metadata = Some(get_named);
    true
}

fn is_standard(kind: MetadataType) -> bool {
    // SAFETY: a terminated text, by the caller's contract.
    unsafe { CStr::from_ptr(kind.name) }.to_bytes() == STANDARD_NAME.as_bytes()
}

/// By name as by number.
extern "C" fn get_named(handle: Handle, kind: MetadataType, to: *mut c_void, size: usize) -> i32 {
    if !is_standard(kind) {
        let get = inner().v5().get_metadata.unwrap();
        // SAFETY: the caller's own arguments.
        return unsafe { get(handle, kind, to, size) };
    }
    match fault() {
        "cuts-answers-short" => get_short(handle, kind.value, to, size),
        "writes-behind-a-short-buffer" => get_and_overrun(handle, kind.value, to, size),
        _ => get_lie(handle, kind.value, to, size),
    }
}

/// It has the type, and never a value of it.
extern "C" fn get_no_smpte2094_50(handle: Handle, kind: i64, to: *mut c_void, size: usize) -> i32 {
    if kind == Standard::SMPTE2094_50.0 {
        0
    } else {
        get(handle, kind, to, size)
    }
}

extern "C" fn forget_smpte2094_50(handle: Handle, kind: i64, from: *const c_void, size: usize) -> Error {
    if kind == Standard::SMPTE2094_50.0 {
        return Error::NONE;
    }
    let set = inner().v5().set_standard_metadata.unwrap();
    // SAFETY: the caller's own arguments.
    unsafe { set(handle, kind, from, size) }
}

fn get(handle: Handle, kind: i64, to: *mut c_void, size: usize) -> i32 {
    let get = inner().v5().get_standard_metadata.unwrap();
    // SAFETY: the caller's own arguments.
    unsafe { get(handle, kind, to, size) }
}

fn copy_out(from: &[u8], to: *mut c_void) {
    for (byte, place) in from.iter().zip(0..) {
        // SAFETY: the caller has told that there is room for as many.
        unsafe { to.cast::<u8>().wrapping_add(place).write(*byte) };
    }
}

fn answer(value: &[u8], to: *mut c_void, size: usize) -> i32 {
    if size >= value.len() {
        copy_out(value, to);
    }
    i32::try_from(value.len()).unwrap()
}

extern "C" fn get_lie(handle: Handle, kind: i64, to: *mut c_void, size: usize) -> i32 {
    match lies::about(handle, Standard(kind)) {
        Some(Ok(value)) => answer(&value, to, size),
        Some(Err(error)) => error,
        None => get(handle, kind, to, size),
    }
}

/// Answers how much it has written instead of how much there is.
extern "C" fn get_short(handle: Handle, kind: i64, to: *mut c_void, size: usize) -> i32 {
    match bytes(handle, Standard(kind)) {
        Ok(value) => {
            let part = &value[..size.min(value.len())];
            copy_out(part, to);
            i32::try_from(part.len()).unwrap()
        }
        Err(error) => error,
    }
}

/// Writes sixteen bytes more than there is room for.
extern "C" fn get_and_overrun(handle: Handle, kind: i64, to: *mut c_void, size: usize) -> i32 {
    match bytes(handle, Standard(kind)) {
        Ok(value) if !to.is_null() => {
            copy_out(&value[..value.len().min(size + 16)], to);
            i32::try_from(value.len()).unwrap()
        }
        _ => get(handle, kind, to, size),
    }
}

fn unsupported_is_nothing(answer: i32) -> i32 {
    if answer == -Error::UNSUPPORTED.0 {
        0
    } else {
        answer
    }
}

extern "C" fn get_or_nothing(handle: Handle, kind: i64, to: *mut c_void, size: usize) -> i32 {
    unsupported_is_nothing(get(handle, kind, to, size))
}

extern "C" fn get_named_or_nothing(handle: Handle, kind: MetadataType, to: *mut c_void, size: usize) -> i32 {
    let get = inner().v5().get_metadata.unwrap();
    // SAFETY: the caller's own arguments.
    unsupported_is_nothing(unsafe { get(handle, kind, to, size) })
}

// ---- Dumps.

static NAME: &CStr = c"android.hardware.graphics.common.StandardMetadataType";

/// The lies, in a dump as in the getters.
extern "C" fn dump_lies(handle: Handle, each: DumpBufferCallback, context: *mut c_void) -> Error {
    let imported = bytes(handle, Standard::BUFFER_ID);
    if imported.is_err() {
        return Error::BAD_BUFFER;
    }
    for kind in Standard::ALL {
        let value = lies::about(handle, *kind).unwrap_or_else(|| bytes(handle, *kind));
        if let Ok(value) = value {
            each(context, MetadataType { name: NAME.as_ptr(), value: kind.0 }, value.as_ptr().cast(), value.len());
        }
    }
    Error::NONE
}

extern "C" fn dump_width(handle: Handle, each: DumpBufferCallback, context: *mut c_void) -> Error {
    match bytes(handle, Standard::WIDTH) {
        Ok(value) => {
            let kind = MetadataType { name: NAME.as_ptr(), value: Standard::WIDTH.0 };
            each(context, kind, value.as_ptr().cast(), value.len());
            Error::NONE
        }
        Err(_) => Error::BAD_BUFFER,
    }
}

/// One buffer more than there are, with an id of its own.
extern "C" fn dump_all_and_more(
    begin: conformance::abi::BeginDumpCallback,
    each: DumpBufferCallback,
    context: *mut c_void,
) -> Error {
    let error = inner().dump_all(begin, each, context);
    // As many more as this has been called: what was freed is never forgotten.
    static CALLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    for id in 0..=CALLS.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        begin(context);
        let value = conformance::metadata::encode(Standard::BUFFER_ID, &id);
        each(context, MetadataType { name: NAME.as_ptr(), value: 1 }, value.as_ptr().cast(), value.len());
    }
    error
}
