//! `cargo xtask asan`, `miri` and `loom`: tests under a checker of memory, or of the orders in which threads may meet.
//!
//! The first two take a nightly compiler. Where there is none and none can be installed they say so and are skipped.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{ensure, Context as _, Result};
use clap::Args as ClapArgs;
use vm_harness::progress::run_visible;

use crate::context::Context;
use crate::toolchain;

/// Whose unsafe code and whose threads AddressSanitizer watches: the mapper's, with hostile handles and eight threads.
const ASAN_PACKAGE: &str = "gralloc_mapper";
/// Without unsafe code, but not without threads on one page and in one account, which miri checks for data races. The policy,
/// which has neither, is left out: its lint looks at every request there is.
const MIRI_PACKAGES: [&str; 2] = ["gralloc_buffer", "gralloc_allocator"];
/// The mapper's tests that make no system call of which miri knows nothing.
const MIRI_MAPPER: &str = "counted";
/// What miri takes.
pub(crate) const MIRI_COMPONENTS: [&str; 2] = ["miri", "rust-src"];

/// Which have models for loom, as unit tests whose names begin with [`MODEL`].
const LOOM_PACKAGES: [&str; 4] = ["gralloc_allocator", "gralloc_buffer", "gralloc_heaps", "gralloc_mapper"];
pub(crate) const MODEL: &str = "model_";

/// Arguments of all.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Only tests whose name contains this
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
}

/// The mapper's tests under AddressSanitizer.
pub(crate) fn asan(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    if let Err(why) = toolchain::ensure(&context, toolchain::NIGHTLY, &[]) {
        return skipped("asan", &why);
    }
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    // The sanitizer's runtime is linked into Rust's programs alone, so a C program cannot load an instrumented library: the
    // tests that load one get it without, and the rest call the same code instrumented, in their own process.
    context.progress.step("the mapper's library, not instrumented: for the tests that load it as a C program does");
    run_visible(cargo(&context, "asan").args(["build", "--locked", "-p", ASAN_PACKAGE]))?;
    let library = context.target.join("asan/debug/libgralloc_mapper.so");
    context.progress.step(format_args!("the tests of {ASAN_PACKAGE} under AddressSanitizer"));
    let mut command = cargo(&context, "asan");
    command
        // With a target the flags are for the tests alone, not for build scripts and macros.
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("GRALLOC_MAPPER", library)
        .env("ASAN_OPTIONS", "detect_stack_use_after_return=1:strict_string_checks=1")
        .args(["test", "--locked", "--no-fail-fast", "--target", &triple, "-p", ASAN_PACKAGE]);
    run_visible(command.args(&args.filter))?;
    println!("asan: passed");
    Ok(ExitCode::SUCCESS)
}

/// The tests of the pure crates under miri.
pub(crate) fn miri(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    if let Err(why) = toolchain::ensure(&context, toolchain::NIGHTLY, &MIRI_COMPONENTS) {
        return skipped("miri", &why);
    }
    for package in MIRI_PACKAGES {
        context.progress.step(format_args!("the tests of {package} under miri"));
        let mut command = cargo(&context, "miri");
        // Property tests ask the system for a seed.
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation");
        run_visible(command.args(["miri", "test", "--locked", "-p", package]).args(&args.filter))?;
    }
    println!("miri: passed");
    Ok(ExitCode::SUCCESS)
}

/// The models of the shared page, the account, the pool and its maintenance, in all orders of their threads' steps.
pub(crate) fn loom(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    println!("loom: passed: {} models", models(&context, args.filter.as_deref().unwrap_or(MODEL))?);
    Ok(ExitCode::SUCCESS)
}

/// Tries the models whose names contain this; how many there are.
pub(crate) fn models(context: &Context, filter: &str) -> Result<usize> {
    context.progress.step(format_args!("the models of {} under loom", LOOM_PACKAGES.join(", ")));
    let mut command = Command::new(vm_harness::toolchain::cargo());
    command
        .current_dir(&context.workspace)
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", context.target.join("loom"))
        .args(["test", "--locked", "--lib", "--no-fail-fast"])
        .args(LOOM_PACKAGES.iter().flat_map(|package| ["-p", package]))
        .args(["--", filter]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    ensure!(output.status.success(), "cargo test: {}", output.status);
    let tried = text.lines().filter(|line| line.starts_with("test ") && line.ends_with(" ... ok")).count();
    ensure!(tried > 0, "no model is called {filter}");
    Ok(tried)
}

/// The shared page's threads under miri, what the handle takes from strangers, and the mapper's unsafe code that makes no system
/// call: what fits into the gate.
pub(crate) fn miri_short(context: &Context) -> Result<()> {
    for tests in [&["gralloc_buffer", "--lib"][..], &["gralloc_mapper", "--lib", MIRI_MAPPER]] {
        let mut command = cargo(context, "miri");
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation");
        run_visible(command.args(["miri", "test", "--locked", "-p"]).args(tests))?;
    }
    Ok(())
}

/// Cargo of the nightly compiler, with a target folder of its own.
fn cargo(context: &Context, folder: &str) -> Command {
    let mut command = toolchain::cargo();
    command.current_dir(&context.workspace).env("CARGO_TARGET_DIR", context.target.join(folder));
    command
}

fn skipped(command: &str, why: &str) -> Result<ExitCode> {
    println!("{command}: SKIPPED: {why}");
    Ok(ExitCode::SUCCESS)
}
