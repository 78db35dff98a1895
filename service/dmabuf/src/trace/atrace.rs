//! atrace's switch on a device: the property in which it says what tags are on. It is read as bionic reads it for its own marks
//! (AOSP `bionic/libc/bionic/bionic_systrace.cpp`, `bionic/libc/private/CachedProperty.h`), by functions of libc that NDK's and
//! vendors' libraries may use (`bionic/libc/libc.map.txt`; all of main of March 2025): a process loads nothing more for it.

#![allow(unsafe_code)] // libc's functions for properties.

use super::switch::{self, Switch, Tags};
use nix::libc::{c_char, c_void};
use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Which tags are on (AOSP `frameworks/native/cmds/atrace/atrace.cpp`, `k_traceTagsProperty`). Every domain may read it: it is a `debug_prop`
/// (AOSP `system/sepolicy/private/property_contexts`, `private/domain.te`).
const NAME: &CStr = c"debug.atrace.tags.enableflags";

static SWITCH: Switch = Switch::new();

/// Where the property is, once it is there.
static FOUND: AtomicPtr<Info> = AtomicPtr::new(ptr::null_mut());
/// Set in the version of a property that was found: its serial is no number of the area's.
const HAS_ITS_OWN: u64 = 1 << 32;

/// bionic's `prop_info`.
#[repr(C)]
struct Info {
    _not_ours: [u8; 0],
}

type Callback = unsafe extern "C" fn(cookie: *mut c_void, name: *const c_char, value: *const c_char, serial: u32);

extern "C" {
    /// Another number after each change of any property.
    fn __system_property_area_serial() -> u32;
    /// Null where there is no such property.
    fn __system_property_find(name: *const c_char) -> *const Info;
    /// Another number after each change of this one.
    fn __system_property_serial(info: *const Info) -> u32;
    /// Calls back once, before it returns.
    fn __system_property_read_callback(info: *const Info, callback: Callback, cookie: *mut c_void);
}

/// Turns marks on or off where the switch was turned; true when they were off and are on.
#[inline]
pub(super) fn follow() -> bool {
    SWITCH.follow(&Property, super::turn)
}

struct Property;

impl Tags for Property {
    #[inline]
    fn version(&self) -> u64 {
        let found = FOUND.load(Ordering::Acquire);
        if found.is_null() {
            // SAFETY: it takes nothing.
            return u64::from(unsafe { __system_property_area_serial() });
        }
        // SAFETY: bionic gave this address, and what it gives stays there for the process's whole life.
        HAS_ITS_OWN | u64::from(unsafe { __system_property_serial(found) })
    }

    fn tags(&self) -> u64 {
        let mut found = FOUND.load(Ordering::Acquire).cast_const();
        if found.is_null() {
            // SAFETY: the name ends with a zero.
            found = unsafe { __system_property_find(NAME.as_ptr()) };
            FOUND.store(found.cast_mut(), Ordering::Release);
        }
        let mut tags = 0;
        if !found.is_null() {
            // SAFETY: as above; `take` is called with this cookie, a u64, before the call returns and not after.
            unsafe { __system_property_read_callback(found, take, ptr::from_mut::<u64>(&mut tags).cast()) };
        }
        tags
    }
}

/// # Safety
/// `cookie` is a u64 that nobody else has, and `value` a string that ends with a zero.
unsafe extern "C" fn take(cookie: *mut c_void, _: *const c_char, value: *const c_char, _: u32) {
    // SAFETY: bionic's promise for the value, which is a copy that stands for the time of the call.
    let value = unsafe { CStr::from_ptr(value) };
    // SAFETY: `tags` lent it for this call.
    unsafe { *cookie.cast::<u64>() = switch::read(value.to_bytes()) };
}

/// The functions of bionic's libc, over one property.
#[cfg(test)]
pub(super) mod bionic {
    use super::*;
    use std::ffi::CString;
    use std::sync::Mutex;

    static PROPERTY: Info = Info { _not_ours: [] };
    static VALUE: Mutex<Option<(CString, u32)>> = Mutex::new(None);

    /// As `setprop` does.
    pub(crate) fn set_property(value: &str) {
        let mut property = VALUE.lock().unwrap();
        let serial = property.as_ref().map_or(0, |(_, serial)| serial + 2);
        *property = Some((CString::new(value).unwrap(), serial));
    }

    #[no_mangle]
    extern "C" fn __system_property_area_serial() -> u32 {
        VALUE.lock().unwrap().is_some().into()
    }

    #[no_mangle]
    unsafe extern "C" fn __system_property_find(name: *const c_char) -> *const Info {
        // SAFETY: the caller's name ends with a zero.
        assert_eq!(unsafe { CStr::from_ptr(name) }, NAME);
        VALUE.lock().unwrap().as_ref().map_or(ptr::null(), |_| &PROPERTY)
    }

    #[no_mangle]
    extern "C" fn __system_property_serial(info: *const Info) -> u32 {
        assert_eq!(info, ptr::from_ref(&PROPERTY));
        VALUE.lock().unwrap().as_ref().unwrap().1
    }

    #[no_mangle]
    unsafe extern "C" fn __system_property_read_callback(info: *const Info, callback: Callback, cookie: *mut c_void) {
        assert_eq!(info, ptr::from_ref(&PROPERTY));
        let property = VALUE.lock().unwrap();
        let (value, serial) = property.as_ref().unwrap();
        // SAFETY: the cookie is the caller's, and both strings end with a zero and stand for the call.
        unsafe { callback(cookie, NAME.as_ptr(), value.as_ptr(), *serial) };
    }
}
