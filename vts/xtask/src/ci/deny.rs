//! cargo-deny: what the dependencies may be. Built once into Cargo's target folder.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use vm_harness::binaries::cargo;
use vm_harness::prerequisites::on_path;
use vm_harness::progress::{run_captured, run_visible};

use super::Finding;
use crate::context::Context;

const VERSION: &str = "0.20.2";

/// Licences, duplicates and sources: needs no network once the dependencies are here.
pub(super) fn policy(context: &Context) -> Result<Finding> {
    let mut command = Command::new(program(context)?);
    command.current_dir(&context.workspace).args(["--workspace", "check", "bans", "licenses", "sources"]);
    run_visible(&mut command)?;
    Ok(Finding::Well(String::new()))
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
    Ok(Finding::Well(String::new()))
}

fn program(context: &Context) -> Result<PathBuf> {
    if on_path("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let root = context.target.join("tools").join(format!("cargo-deny-{VERSION}"));
    let program = root.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    context.progress.step(format_args!("building cargo-deny {VERSION} (once)"));
    let build = root.join("build");
    // Unoptimised: it runs for seconds and would build for minutes longer.
    run_visible(
        Command::new(cargo())
            .args(["install", "cargo-deny", "--locked", "--debug", "--version", VERSION, "--root"])
            .arg(&root)
            .arg("--target-dir")
            .arg(&build)
            .env("CARGO_PROFILE_DEV_DEBUG", "false"),
    )?;
    let _only_space = std::fs::remove_dir_all(build);
    Ok(program)
}
