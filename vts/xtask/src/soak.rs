//! `cargo xtask soak`: random load in a guest for minutes, what it did to the service, and whether anything grew.

mod picture;
mod verdict;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};
use clap::Args as ClapArgs;
use serde::Deserialize;
use vm_harness::job::GuestCommand;
use vm_harness::protocol::OUT_DIR;

use crate::context::Context;
use crate::demo::TRACE_VARIABLE;
use crate::guest_options::RunArgs;

/// The package of the load.
const PACKAGE: &str = "service_tests";
/// What it writes, in the guest's /out.
const LINES: &str = "soak.jsonl";

/// Load the service in a guest for minutes, kill clients and the service, and see whether anything grows
///
/// The load is windows that open and close, a camera, a player, screenshots, and a program whose requests are
/// refused, over kernel binder. Each second's statistics go to soak.jsonl, plots to soak.svg, both with the verdict to
/// report.html. The exit code is 1 when memory, file descriptors or dma-bufs differ from the start, or buffers are left.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// How long the load runs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// What the load is drawn from
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The service and the mappers mark their work, and the kernel's trace is on and off by turns, a minute each
    #[arg(long)]
    trace: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// One second, as the load writes it.
#[derive(Debug, Clone, Default, Deserialize)]
struct Second {
    phase: String,
    /// Since the start.
    second: f64,
    /// The service's process.
    pid: u32,
    rss_kib: u64,
    fds: u64,
    /// All of the kernel's; none where debugfs has no list.
    dma_bufs: Option<u64>,
    /// By the service's ledger.
    live_bytes: u64,
    calls: u64,
    p99_us: Option<u64>,
    refused: u64,
    lost: u64,
    clients_killed: u64,
    service_killed: u64,
    /// The kernel's trace was on.
    traced: bool,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    let out = args.run.out(&context, "soak");
    let run = if args.trace { args.run.with_word(&format!("{TRACE_VARIABLE}=1")) } else { args.run.clone() };
    let guest = run.boot(&context, &out, &[PACKAGE])?;
    let (seconds, seed) = ((args.minutes * 60).to_string(), args.seed.to_string());
    let mut argv = ["soak", "--seconds", &seconds, "--seed", &seed].map(str::to_owned).to_vec();
    argv.extend(args.trace.then(|| "--trace".to_owned()));
    // A slow machine's seconds are longer than seconds.
    let limit = Duration::from_secs(args.minutes * 120 + 300);
    let status = guest.run(&GuestCommand::new(argv).limit(limit), false)?;
    guest.fetch(OUT_DIR, &out)?;
    let lost = guest.lost();
    if !status.success() || !lost.is_empty() {
        context.progress.step(format_args!("{status}; guest's logs: {}", guest.keep_logs().display()));
    }
    guest.power_off()?;
    ensure!(status.success(), "the load ended early: {status}");
    ensure!(lost.is_empty(), "the service ended by itself: {lost:?}");
    let path = out.join(LINES);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let seconds: Vec<Second> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>().context(LINES)?;
    let checks = verdict::checks(&seconds)?;
    let summary = verdict::summary(&seconds);
    println!("seed {}: {summary}", args.seed);
    for check in &checks {
        println!("{check}");
    }
    let picture = picture::svg(&seconds);
    let report = picture::html(&format!("{} minutes, seed {}: {summary}", args.minutes, args.seed), &checks, &picture);
    for (name, text) in [("soak.svg", &picture), ("report.html", &report)] {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    context.progress.step(format_args!("lines, plots and report are in {}", out.display()));
    Ok(if checks.iter().all(|check| check.holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
