//! The C functions: the library's edge, where pointers become values.
//!
//! Each checks its pointers for null, copies what comes through them once, calls the safe function in [`crate::mapper`],
//! and returns a code. A pointer to an imported handle is only ever taken for a number.
//!
//! What a C caller owes, as `IMapper.h` puts it, is what the SAFETY comments lean on: a pointer that is not null points
//! to what its type says and, with a size, to so many bytes; a raw handle to a head and as many ints as the head says.

// The C entry. The names are the interface's.
#![allow(unsafe_code, non_snake_case, non_upper_case_globals)]

mod access;
mod buffers;
mod edge;
mod metadata;

use crate::abi::*;
use crate::logging;
use access::{flushLockedBuffer, lock, rereadLockedBuffer, unlock};
use buffers::{freeBuffer, getReservedRegion, getTransportSize, importBuffer};
use metadata::{
    dumpAllBuffers, dumpBuffer, getMetadata, getStandardMetadata, listSupportedMetadataTypes, setMetadata,
    setStandardMetadata,
};

/// What VTS looks up (`VersionChecks`).
#[no_mangle]
pub static ANDROID_HAL_MAPPER_VERSION: u32 = AIMAPPER_VERSION_5;

/// What the interface's README names.
#[no_mangle]
pub static ANDROID_HAL_STABLEC_VERSION: u32 = AIMAPPER_VERSION_5;

static INTERFACE: AIMapper = AIMapper {
    version: AIMAPPER_VERSION_5,
    v5: AIMapperV5 {
        importBuffer,
        freeBuffer,
        getTransportSize,
        lock,
        unlock,
        flushLockedBuffer,
        rereadLockedBuffer,
        getMetadata,
        getStandardMetadata,
        setMetadata,
        setStandardMetadata,
        listSupportedMetadataTypes,
        dumpBuffer,
        dumpAllBuffers,
        getReservedRegion,
    },
};

/// Hands out the interface, the same one every time.
///
/// # Safety
/// `outImplementation` is null or points to a pointer.
#[no_mangle]
pub unsafe extern "C" fn AIMapper_loadIMapper(outImplementation: *mut *mut AIMapper) -> AIMapper_Error {
    logging::start();
    logging::start_trace();
    if outImplementation.is_null() {
        return AIMAPPER_ERROR_BAD_VALUE;
    }
    // SAFETY: not null, so it points to a pointer. Clients only read through what they get (IMapper.h: fields up to
    // those of `version`), so a shared static may stand behind it.
    unsafe { outImplementation.write(std::ptr::from_ref(&INTERFACE).cast_mut()) };
    AIMAPPER_ERROR_NONE
}
