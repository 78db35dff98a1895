//! Compilers beside the machine's own: the nightly one that sanitizers, miri and libFuzzer take, and those of the Android
//! releases. Found, or installed with rustup and said. And Cargo's plugins that the commands call.

use std::path::PathBuf;
use std::process::Command;

use vm_harness::progress::{on_path, run_captured};

use crate::context::Context;

/// As rustup calls it.
pub(crate) const NIGHTLY: &str = "nightly";
/// What Soong runs beside one.
pub(crate) const LINTS: [&str; 1] = ["clippy"];

/// Sees to it that there is one, with these components.
///
/// # Errors
/// Why there is none, in words: for a check that is skipped then.
pub(crate) fn ensure(context: &Context, toolchain: &str, components: &[&str]) -> Result<(), String> {
    let _turn = context.turn("rustup").map_err(|error| format!("{error:#}"))?;
    let list = |what: &[&str]| {
        let words = run_captured(Command::new("rustup").args(what));
        words.map(|words| String::from_utf8_lossy(&words).into_owned())
    };
    let toolchains = list(&["toolchain", "list"]).map_err(|_| {
        format!("it takes the {toolchain} compiler, and there is no rustup to install one with (https://rustup.rs)")
    })?;
    if !toolchains.lines().any(|line| line.starts_with(toolchain)) {
        install(context, &["toolchain", "install", toolchain, "--profile", "minimal"])?;
    }
    let installed = list(&["component", "list", "--installed", "--toolchain", toolchain])
        .map_err(|error| format!("rustup does not list {toolchain}'s components: {error}"))?;
    let missing = |component: &&&str| !installed.lines().any(|line| line.starts_with(**component));
    let missing: Vec<&str> = components.iter().filter(missing).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(context, &[&["component", "add", "--toolchain", toolchain], missing.as_slice()].concat())
}

fn install(context: &Context, arguments: &[&str]) -> Result<(), String> {
    let command = format!("rustup {}", arguments.join(" "));
    context.progress.step(format_args!("missing: installing with {command}"));
    context.progress.run_logged(Command::new("rustup").args(arguments)).map_err(|error| format!("{command}: {error}"))
}

/// Cargo of that compiler.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("cargo");
    // Cargo sets them for what it runs, and they would outrank the toolchain that is asked for.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").arg(format!("+{NIGHTLY}"));
    command
}

/// Cargo's plugin of this name, from the PATH or built once into Cargo's target folder, and that is said.
pub(crate) fn plugin(context: &Context, name: &str, version: &str) -> anyhow::Result<PathBuf> {
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
        Command::new(vm_harness::toolchain::cargo())
            .args(["install", name, "--locked", "--debug", "--version", version, "--root"])
            .arg(&root)
            .arg("--target-dir")
            .arg(&build)
            .env("CARGO_PROFILE_DEV_DEBUG", "false"),
    )?;
    let _only_space = std::fs::remove_dir_all(build);
    Ok(program)
}
