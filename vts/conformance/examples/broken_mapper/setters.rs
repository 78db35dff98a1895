//! Faults of setters.

use crate::{bytes, inner, key};
use conformance::abi::{Error, Handle, MetadataType, STANDARD_NAME, V5};
use conformance::metadata::Standard;
use std::collections::HashMap;
use std::ffi::{c_void, CStr};
use std::sync::{LazyLock, Mutex};

/// The same setter by name.
macro_rules! by_name {
    ($set:ident) => {{
        extern "C" fn named(handle: Handle, kind: MetadataType, from: *const c_void, size: usize) -> Error {
            if is_standard(kind) {
                $set(handle, kind.value, from, size)
            } else {
                let set = inner().v5().set_metadata.unwrap();
                // SAFETY: the caller's own arguments.
                unsafe { set(handle, kind, from, size) }
            }
        }
        let named: NamedFn = named;
        named
    }};
}
type NamedFn = extern "C" fn(Handle, MetadataType, *const c_void, usize) -> Error;
type SetFn = extern "C" fn(Handle, i64, *const c_void, usize) -> Error;

pub(crate) fn apply(fault: &str, v5: &mut V5) -> bool {
    let (set, named): (SetFn, _) = match fault {
        "ignores-sets" => (ignore, by_name!(ignore)),
        "cannot-clear" => (set_but_not_clear, by_name!(set_but_not_clear)),
        "tears-values" => (set_in_two_steps, by_name!(set_in_two_steps)),
        "takes-constant-values" => (set_constant, by_name!(set_constant)),
        "takes-malformed-values" => (set_anything, by_name!(set_anything)),
        "set-spoils-the-reserved-region" => (set_and_spoil, by_name!(set_and_spoil)),
        "keeps-values-to-an-import" => {
            v5.get_standard_metadata = Some(get_own);
            v5.get_metadata = Some(get_own_named);
            v5.free_buffer = Some(free_own);
            (set_own, by_name!(set_own))
        }
        _ => return false,
    };
    v5.set_standard_metadata = Some(set);
    v5.set_metadata = Some(named);
    true
}

fn is_standard(kind: MetadataType) -> bool {
    // SAFETY: a terminated text, by the caller's contract.
    unsafe { CStr::from_ptr(kind.name) }.to_bytes() == STANDARD_NAME.as_bytes()
}

fn slice<'a>(from: *const c_void, size: usize) -> &'a [u8] {
    if size == 0 {
        return &[];
    }
    // SAFETY: so many bytes, by the caller's contract.
    unsafe { std::slice::from_raw_parts(from.cast(), size) }
}

fn set(handle: Handle, kind: i64, from: *const c_void, size: usize) -> Error {
    inner().set_standard(handle, kind, slice(from, size))
}

/// Only what would be taken is ignored.
extern "C" fn ignore(handle: Handle, kind: i64, from: *const c_void, size: usize) -> Error {
    let before = bytes(handle, Standard(kind));
    let error = set(handle, kind, from, size);
    if let Ok(before) = before {
        inner().set_standard(handle, kind, &before);
    }
    error
}

extern "C" fn set_but_not_clear(handle: Handle, kind: i64, from: *const c_void, size: usize) -> Error {
    match size {
        0 if Standard::OPTIONAL.contains(&Standard(kind)) => Error::NONE,
        _ => set(handle, kind, from, size),
    }
}

/// First the new value's front half with the old one's back half.
extern "C" fn set_in_two_steps(handle: Handle, kind: i64, from: *const c_void, size: usize) -> Error {
    let new = slice(from, size);
    if let Ok(old) = bytes(handle, Standard(kind)) {
        if old.len() == new.len() && new.len() > 80 {
            let mut half = old;
            // Behind the header, two numbers of the new value.
            half[..77].copy_from_slice(&new[..77]);
            inner().set_standard(handle, kind, &half);
        }
    }
    set(handle, kind, from, size)
}

extern "C" fn set_constant(handle: Handle, kind: i64, from: *const c_void, size: usize) -> Error {
    match set(handle, kind, from, size) {
        Error::BAD_VALUE | Error::UNSUPPORTED if Standard::CONSTANT.contains(&Standard(kind)) => Error::NONE,
        other => other,
    }
}

extern "C" fn set_anything(handle: Handle, kind: i64, from: *const c_void, size: usize) -> Error {
    match set(handle, kind, from, size) {
        Error::BAD_VALUE | Error::UNSUPPORTED if !Standard::CONSTANT.contains(&Standard(kind)) => Error::NONE,
        other => other,
    }
}

extern "C" fn set_and_spoil(handle: Handle, kind: i64, from: *const c_void, size: usize) -> Error {
    if let Ok((region, 1..)) = inner().reserved_region(handle) {
        // SAFETY: the region's first byte.
        unsafe { region.write_volatile(0) };
    }
    set(handle, kind, from, size)
}

// ---- keeps-values-to-an-import

type Own = HashMap<(usize, i64), Vec<u8>>;
static OWN: LazyLock<Mutex<Own>> = LazyLock::new(|| Mutex::new(HashMap::new()));

/// The real one is set and set back, so that what cannot be set is refused.
extern "C" fn set_own(handle: Handle, kind: i64, from: *const c_void, size: usize) -> Error {
    let error = ignore(handle, kind, from, size);
    if error == Error::NONE {
        OWN.lock().unwrap().insert((key(handle), kind), slice(from, size).to_vec());
    }
    error
}

extern "C" fn get_own(handle: Handle, kind: i64, to: *mut c_void, size: usize) -> i32 {
    let own = OWN.lock().unwrap().get(&(key(handle), kind)).cloned();
    let Some(value) = own else {
        let get = inner().v5().get_standard_metadata.unwrap();
        // SAFETY: the caller's own arguments.
        return unsafe { get(handle, kind, to, size) };
    };
    if size >= value.len() {
        for (byte, place) in value.iter().zip(0..) {
            // SAFETY: the caller has told that there is room for as many.
            unsafe { to.cast::<u8>().wrapping_add(place).write(*byte) };
        }
    }
    i32::try_from(value.len()).unwrap()
}

extern "C" fn get_own_named(handle: Handle, kind: MetadataType, to: *mut c_void, size: usize) -> i32 {
    if is_standard(kind) {
        return get_own(handle, kind.value, to, size);
    }
    let get = inner().v5().get_metadata.unwrap();
    // SAFETY: the caller's own arguments.
    unsafe { get(handle, kind, to, size) }
}

extern "C" fn free_own(handle: Handle) -> Error {
    OWN.lock().unwrap().retain(|(owner, _), _| *owner != key(handle));
    inner().free_buffer(handle)
}
