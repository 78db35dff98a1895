//! Cargo's plugins that the commands call. Each is built once into Cargo's target folder, unless it is on the PATH.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use vm_harness::binaries::cargo;
use vm_harness::progress::on_path;

use crate::context::Context;

/// The program of this name; it is built, and that is said, where there is none.
pub(crate) fn program(context: &Context, name: &str, version: &str) -> Result<PathBuf> {
    if on_path(name) {
        return Ok(name.into());
    }
    let _turn = context.turn(name)?;
    let root = context.target.join("tools").join(format!("{name}-{version}"));
    let program = root.join("bin").join(name);
    if program.is_file() {
        return Ok(program);
    }
    context.progress.step(format_args!("missing: {name}; building its version {version} (once)"));
    let build = root.join("build");
    // Unoptimised: it works for seconds and would build for minutes longer.
    context.progress.run_logged(
        Command::new(cargo())
            .args(["install", name, "--locked", "--debug", "--version", version, "--root"])
            .arg(&root)
            .arg("--target-dir")
            .arg(&build)
            .env("CARGO_PROFILE_DEV_DEBUG", "false"),
    )?;
    let _only_space = std::fs::remove_dir_all(build);
    Ok(program)
}
