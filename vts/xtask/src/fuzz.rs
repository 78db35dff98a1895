//! `cargo xtask fuzz`: the fuzz targets under libFuzzer, with what they need installed and said.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{bail, ensure, Context as _, Result};
use clap::Args as ClapArgs;
use vm_harness::progress::{run_captured, run_visible};

use crate::context::Context;

/// The targets of `fuzz_targets`.
const TARGETS: [&str; 7] = ["plan", "policy", "handle", "metadata", "import", "parcel", "calls"];
/// What libFuzzer's instrumentation takes.
const TOOLCHAIN: &str = "nightly";
/// Longest input. Metadata, the longest that is real, stays below.
const MAX_BYTES: u32 = 4096;

/// Fuzz what takes hostile bytes: coverage-guided, under AddressSanitizer
///
/// Takes a nightly compiler, and installs one with rustup where there is none. Begins with the corpus that is kept in
/// vts/fuzz/corpus and leaves what it finds in target/fuzz. `cargo test -p fuzz_targets` runs the kept corpus and mutations
/// of it on any compiler.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Which: plan, policy, handle, metadata, import, parcel, calls [default: all, one after the other]
    #[arg(value_name = "TARGET", value_parser = TARGETS)]
    targets: Vec<String>,
    /// Seconds for each target
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// Afterwards replace the target's kept corpus by the smallest one of the same coverage
    #[arg(long)]
    minimise: bool,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    toolchain(&context)?;
    let folder = context.workspace.join("vts/fuzz");
    context.progress.step("building the fuzz targets");
    let built = context.target.join("fuzz/build");
    run_visible(
        Command::new("cargo")
            // The folder's own configuration has the instrumentation, and its Cargo.lock the versions.
            .current_dir(folder.join("libfuzzer"))
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .args([&format!("+{TOOLCHAIN}"), "build", "--release", "--locked", "--target-dir"])
            .arg(&built),
    )?;
    let programs = built.join(format!("{}-unknown-linux-gnu/release", std::env::consts::ARCH));
    let all: Vec<String> = TARGETS.map(str::to_owned).to_vec();
    let mut failed = Vec::new();
    for target in if args.targets.is_empty() { &all } else { &args.targets } {
        let program = programs.join(format!("fuzz-{target}"));
        if !fuzz(&context, target, &program, &folder.join("corpus"), args)? {
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: {}; the input that did it belongs into vts/fuzz/corpus/found/TARGET", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn toolchain(context: &Context) -> Result<()> {
    let Ok(installed) = run_captured(Command::new("rustup").args(["toolchain", "list"])) else {
        bail!("libFuzzer takes a {TOOLCHAIN} compiler, and there is no rustup to install one with (https://rustup.rs)");
    };
    if String::from_utf8_lossy(&installed).lines().any(|line| line.starts_with(TOOLCHAIN)) {
        return Ok(());
    }
    context.progress.step(format_args!("missing: the {TOOLCHAIN} compiler; installing it with rustup"));
    Ok(run_visible(Command::new("rustup").args(["toolchain", "install", TOOLCHAIN, "--profile", "minimal"]))?)
}

/// One target for its time; false when a promise was broken.
fn fuzz(context: &Context, target: &str, program: &Path, corpus: &Path, args: &Args) -> Result<bool> {
    let work = context.target.join("fuzz/corpus").join(target);
    let artifacts = context.target.join("fuzz/artifacts").join(target);
    for folder in [&work, &artifacts] {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let kept = corpus.join(target);
    ensure!(kept.is_dir(), "{}: no corpus", kept.display());
    let seconds = args.seconds;
    context.progress.step(format_args!("fuzzing {target} for {seconds} s"));
    let status = Command::new(program)
        .args([format!("-max_total_time={seconds}"), format!("-max_len={MAX_BYTES}")])
        // The service and the mapper log what they refuse; libFuzzer's own words still come out.
        .args(["-close_fd_mask=2", "-print_final_stats=1", "-rss_limit_mb=3000"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([&work, &kept])
        .status()
        .with_context(|| program.display().to_string())?;
    if !status.success() {
        println!("{target}: FAILED: {status}; the input is in {}", artifacts.display());
        return Ok(false);
    }
    if args.minimise {
        let small = context.target.join("fuzz/small").join(target);
        let _may_be_absent = std::fs::remove_dir_all(&small);
        std::fs::create_dir_all(&small).with_context(|| small.display().to_string())?;
        run_visible(Command::new(program).args(["-merge=1", "-close_fd_mask=2"]).args([&small, &work, &kept]))?;
        std::fs::remove_dir_all(&kept).with_context(|| kept.display().to_string())?;
        std::fs::create_dir_all(&kept).with_context(|| kept.display().to_string())?;
        for entry in std::fs::read_dir(&small)? {
            let entry = entry?;
            std::fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
    }
    Ok(true)
}
