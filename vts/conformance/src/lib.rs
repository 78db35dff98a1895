//! Holds any allocator and any IMapper 5 library to their contract, through that contract alone: the allocator over
//! binder or its socket, the mapper through dlopen and its C interface. Handles are fds and ints of unknown meaning.
//!
//! - [`mod@tests`]: what is demanded: one test for each of the VTS's, under its name, and what the VTS leaves out.
//! - [`case`]: one of them. [`suite`]: runs them, each in a process of its own, so that a mapper that crashes or hangs fails one test and not the
//!   run. [`options`]: the command line. [`subject`]: who is under test.
//! - [`allocator`], [`handle`], [`mapper`]: calls; [`abi`]: the C interface. [`metadata`], [`mod@format`], [`image`]: what
//!   the contract says of values, formats and layouts. [`fence`]: sync files. [`peer`]: another process; [`packet`]: what
//!   goes between the two.
//!
//! # Invariants
//! Nothing here knows how this project's allocator or mapper are made. Where the VTS accepts that a format is called
//! unsupported, a test here fails. A test that cannot run says why, and is counted as skipped.
//!
//! What must be unsafe is the foreign library: `mapper::library` calls it, `image::memory` reads the memory that it gives,
//! and three places take over fds that it or the kernel gives.

// Tests: a failed unwrap is a failed test, and an index that is not there, too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod abi;
pub mod allocator;
pub mod case;
pub mod descriptor;
pub mod fence;
pub mod format;
pub mod handle;
pub mod image;
pub mod mapper;
pub mod metadata;
pub mod options;
pub mod packet;
pub mod peer;
pub mod process;
pub mod subject;
pub mod suite;
pub mod tests;

use options::Options;
use std::process::ExitCode;

/// The whole program: what is under test is named by the command line and the environment.
pub fn main() -> ExitCode {
    if let Some(code) = peer::main_if_peer() {
        return code;
    }
    suite::run(&<Options as clap::Parser>::parse())
}
