//! A mapper that is broken on purpose: another library's table with some callbacks replaced by ones that do wrong. For
//! `tests/mutants.rs`, which says which tests each fault has to fail.
//!
//! `BROKEN_MAPPER_OF` is the library behind it, `BROKEN_MAPPER` the fault's name.

// Test code: a failed unwrap ends the test. What is handed to the callbacks is the suite's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::not_unsafe_ptr_arg_deref, non_snake_case)]
// No tree builds it, so it need not keep to the oldest compiler.
#![allow(clippy::incompatible_msrv)]

mod buffers;
mod fences;
mod getters;
mod lies;
mod locking;
mod regions;
mod setters;
mod tables;

use conformance::abi::{Error, Handle, Mapper as Table, V5, VERSION_5};
use conformance::mapper::Mapper;
use conformance::metadata::Standard;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

/// As VTS looks it up.
#[no_mangle]
pub static ANDROID_HAL_MAPPER_VERSION: AtomicU32 = AtomicU32::new(VERSION_5);
/// As the interface's README names it.
#[no_mangle]
pub static ANDROID_HAL_STABLEC_VERSION: AtomicU32 = AtomicU32::new(VERSION_5);

/// The loader.
///
/// # Safety
/// `out` is where the table goes.
#[no_mangle]
pub unsafe extern "C" fn AIMapper_loadIMapper(out: *mut *const Table) -> Error {
    let table = tables::next(fault());
    // SAFETY: the caller's promise.
    unsafe { out.write(table) };
    if fault() == "wrong-version" {
        ANDROID_HAL_MAPPER_VERSION.store(4, Ordering::SeqCst);
    }
    if fault() == "no-stablec-version" {
        ANDROID_HAL_STABLEC_VERSION.store(0, Ordering::SeqCst);
    }
    Error::NONE
}

/// The fault's name.
fn fault() -> &'static str {
    static FAULT: OnceLock<String> = OnceLock::new();
    FAULT.get_or_init(|| std::env::var("BROKEN_MAPPER").expect("BROKEN_MAPPER names a fault"))
}

/// The library behind.
fn inner() -> Mapper {
    static INNER: OnceLock<Mapper> = OnceLock::new();
    *INNER.get_or_init(|| {
        let path = std::env::var_os("BROKEN_MAPPER_OF").expect("BROKEN_MAPPER_OF names a library");
        Mapper::load(Path::new(&path)).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// A value that it has, as bytes, or its error.
fn bytes(handle: Handle, kind: Standard) -> Result<Vec<u8>, i32> {
    let mut memory = vec![0; 4096];
    let answer = inner().get_standard(handle, kind.0, &mut memory);
    memory.truncate(usize::try_from(answer).map_err(|_| answer)?);
    Ok(memory)
}

/// The callbacks with the fault in them. A name that nobody knows ends the process: a fault that is none would pass.
fn broken() -> V5 {
    let mut v5 = inner().v5();
    let name = fault();
    let known =
        [tables::apply, buffers::apply, locking::apply, fences::apply, getters::apply, setters::apply, regions::apply];
    if !known.iter().any(|apply| apply(name, &mut v5)) {
        eprintln!("no fault is called {name}");
        std::process::abort();
    }
    v5
}

/// A handle as a key.
fn key(handle: Handle) -> usize {
    handle.expose_provenance()
}
