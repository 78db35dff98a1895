//! The suite for `cargo test`: against the allocator and the mapper that are named (`GRALLOC_ALLOCATOR`, `GRALLOC_MAPPER`,
//! `--allocator`, `--mapper`), else the allocator behind binder where there is one, else this project's own, started
//! here behind a socket, with the `generic` profile, and built by Cargo where it is not named (`ALLOCATOR_SERVICE`).

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use clap::Parser;
use common::keeper::own_service;
use conformance::options::Options;
use conformance::{peer, suite};
use gralloc_client::{Connection, TRANSPORT_VARIABLE};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    if let Some(code) = peer::main_if_peer() {
        return code;
    }
    let mut options = Options::parse();
    if options.run_one.is_some() || options.table || options.run.list {
        return suite::run(&options);
    }
    let mut own = None;
    let is_named = options.allocator.is_some()
        || std::env::var_os(TRANSPORT_VARIABLE).is_some_and(|transport| !transport.is_empty());
    if !is_named && Connection::binder_within(Duration::ZERO).is_err() {
        let keeper = own_service();
        options.allocator = Some(keeper.transport().parse().expect("a transport"));
        options.restart = Some(options.restart.unwrap_or_else(|| keeper.restart_command()));
        if options.named_mapper().is_none() {
            options.mapper = Some(common::mapper());
        }
        own = Some(keeper);
    }
    let code = suite::run(&options);
    drop(own);
    code
}
