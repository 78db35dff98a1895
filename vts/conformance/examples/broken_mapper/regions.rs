//! Faults of the reserved region.

use crate::{inner, key};
use conformance::abi::{Error, Handle, V5};
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{LazyLock, Mutex};

pub(crate) fn apply(fault: &str, v5: &mut V5) -> bool {
    match fault {
        "region-is-an-imports-own" => v5.get_reserved_region = Some(own_region),
        "region-is-a-whole-page" => v5.get_reserved_region = Some(whole_page),
        _ => return false,
    }
    true
}

fn give(region: *mut *mut c_void, size: *mut u64, data: *mut u8, bytes: u64) -> Error {
    // SAFETY: the caller's out parameter.
    unsafe { region.write(data.cast()) };
    // SAFETY: as above.
    unsafe { size.write(bytes) };
    Error::NONE
}

extern "C" fn own_region(handle: Handle, region: *mut *mut c_void, size: *mut u64) -> Error {
    // By size too: a later import may have an earlier one's address.
    static OWN: LazyLock<Mutex<HashMap<(usize, u64), usize>>> = LazyLock::new(|| Mutex::new(HashMap::new()));
    match inner().reserved_region(handle) {
        Ok((_, bytes)) => {
            let fresh =
                || Vec::leak(vec![0u64; usize::try_from(bytes / 8 + 1).unwrap()]).as_mut_ptr().expose_provenance();
            let data = *OWN.lock().unwrap().entry((key(handle), bytes)).or_insert_with(fresh);
            give(region, size, std::ptr::with_exposed_provenance_mut(data), bytes)
        }
        Err(error) => error,
    }
}

extern "C" fn whole_page(handle: Handle, region: *mut *mut c_void, size: *mut u64) -> Error {
    match inner().reserved_region(handle) {
        Ok((data, bytes)) => give(region, size, data, bytes.div_ceil(4096) * 4096),
        Err(error) => error,
    }
}
