//! `cargo xtask bench`: the benchmarks, run in a guest.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};
use clap::Args as ClapArgs;
use vm_harness::arch::Arch;
use vm_harness::binaries::SHIPPED_PROFILE;
use vm_harness::job::GuestCommand;
use vm_harness::protocol::OUT_DIR;
use vm_harness::toolchain::cargo;

use crate::context::Context;
use crate::guest_options::RunArgs;
use crate::service;

/// The benchmark's package.
const PACKAGE: &str = "vts_bench";
/// Its program.
const PROGRAM: &str = "bench";
/// The package of the library that the mapper's loading is compared with, its file, and where that lies in the guest.
const EMPTY: &str = "bench_empty";
const EMPTY_LIBRARY: &str = "libbench_empty.so";
const EMPTY_PATH: &str = "/vendor/lib64/hw/empty.so";
/// Longest run.
const LIMIT: Duration = Duration::from_secs(1800);
/// What the benchmark writes its samples to, in the guest's /out.
const SAMPLES: &str = "samples.json";
/// What the report writes its rows to.
const ROWS: &str = "bench.json";

/// Measure the service in a guest: a table, a plot, and the rows as JSON
///
/// Each sample of ours is interleaved with the raw ioctl, a binder ping and a bare service in the same process. Absolute
/// times are the emulator's; ratios hold better. Rows that need no service are taken natively.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Write the rows as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
    /// Arguments for the benchmark itself (`-- --help` lists them)
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let arch = args.run.arch();
    ensure!(
        arch == Arch::X86_64,
        "--arch {arch}: ratios compare a guest's rows with native ones, so both have to be of this machine's processor; allowed: {}",
        Arch::X86_64
    );
    let context = Context::new(false)?;
    let out = args.run.out(&context, "bench");
    let built = service::build(&context, None, SHIPPED_PROFILE, &[PACKAGE, EMPTY])?;
    let compiled = service::compile(&context, &built, args.run.policy())?;
    let policy = without_pool(&compiled, &out)?;
    let empty = service::slim(&context, built.library(EMPTY_LIBRARY)?)?;
    let guest = args.run.boot_with(&policy, &built, &context, &out, &[PACKAGE], &[(EMPTY_PATH, &empty)])?;
    let mut argv = ["bench", "--quiet", "--part", "service", "--out", OUT_DIR].map(str::to_owned).to_vec();
    argv.extend(args.arguments.iter().cloned());
    let status = guest.run(&GuestCommand::new(argv).limit(LIMIT), false)?;
    let files = guest.fetch(OUT_DIR, &out)?;
    // Also where a row failed: the others are there.
    if files.iter().any(|name| name == SAMPLES) {
        let alone = measure_alone(&context, built.program(PACKAGE, PROGRAM)?, &compiled, &out, &args.arguments)?;
        report(&context, &out, &[out.join(SAMPLES), alone])?;
        if let Some(json) = &args.json {
            std::fs::copy(out.join(ROWS), json).with_context(|| json.display().to_string())?;
        }
        context.progress.step(format_args!("table, picture and rows are in {}", out.display()));
    }
    if !status.success() {
        context.progress.step(format_args!("{status}; guest's logs: {}", guest.keep_logs().display()));
    }
    guest.power_off()?;
    Ok(ExitCode::from(u8::try_from(status.code()).unwrap_or(1)))
}

/// The policy with its pool off: rows that allocate must. Those of the pool start services of their own, with it on.
fn without_pool(policy: &Path, out: &Path) -> Result<String> {
    let text = std::fs::read_to_string(policy).with_context(|| policy.display().to_string())?;
    let mut value: serde_json::Value = serde_json::from_str(&text).with_context(|| policy.display().to_string())?;
    if let Some(enabled) = value.pointer_mut("/pool/enabled") {
        *enabled = false.into();
    }
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let path = out.join("policy.json");
    std::fs::write(&path, value.to_string()).with_context(|| path.display().to_string())?;
    Ok(path.display().to_string())
}

/// The rows that need no service, on this machine: pure code says nothing in an emulator. Gives their samples' file.
fn measure_alone(context: &Context, bench: &Path, policy: &Path, out: &Path, arguments: &[String]) -> Result<PathBuf> {
    context.progress.step("measuring what needs no guest");
    let folder = out.join("alone");
    let status = Command::new(bench)
        .args(["--quiet", "--part", "alone", "--out"])
        .arg(&folder)
        .arg("--policy")
        .arg(policy)
        .args(arguments)
        .status()
        .context("bench")?;
    ensure!(status.success(), "bench, natively: {status}");
    Ok(folder.join(SAMPLES))
}

/// Table, rows and picture of samples.
fn report(context: &Context, out: &Path, samples: &[PathBuf]) -> Result<()> {
    context.progress.step("making table and picture");
    let samples = samples.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
    let status = Command::new(cargo())
        .current_dir(&context.workspace)
        .args(["run", "--quiet", "-p", "xtask", "--features", "plot", "--bin", "bench_report", "--"])
        .arg(std::path::absolute(out)?)
        .args(samples)
        .status()
        .context("bench_report")?;
    ensure!(status.success(), "bench_report: {status}");
    Ok(())
}
