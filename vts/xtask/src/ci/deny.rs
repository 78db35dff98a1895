//! cargo-deny: what the dependencies may be.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use vm_harness::progress::{run_captured, run_visible};

use crate::context::Context;
use crate::schedule::Finding;
use crate::tools;

const VERSION: &str = "0.20.2";

/// Licences, duplicates and sources: needs no network once the dependencies are here.
pub(super) fn policy(context: &Context) -> Result<Finding> {
    let mut command = Command::new(program(context)?);
    command.current_dir(&context.workspace).args(["--workspace", "check", "bans", "licenses", "sources"]);
    run_visible(&mut command)?;
    Ok(Finding::Passed(String::new()))
}

/// Known vulnerabilities, when the database can be reached.
pub(super) fn advisories(context: &Context) -> Result<Finding> {
    let program = program(context)?;
    if run_captured(Command::new(&program).current_dir(&context.workspace).args(["fetch", "db"])).is_err() {
        return Ok(Finding::Skipped(
            "the advisory database (github.com/RustSec/advisory-db) cannot be fetched".to_owned(),
        ));
    }
    let mut command = Command::new(&program);
    command.current_dir(&context.workspace).args(["--workspace", "check", "--disable-fetch", "advisories"]);
    run_visible(&mut command)?;
    Ok(Finding::Passed(String::new()))
}

fn program(context: &Context) -> Result<PathBuf> {
    tools::program(context, "cargo-deny", VERSION)
}
