//! The project's commands: `cargo xtask --help`.

mod aosp;
mod bench;
mod checked;
mod ci;
mod context;
mod demo;
mod fuzz;
mod guest_options;
mod mutants;
mod report;
mod schedule;
mod selinux;
mod serve;
mod service;
mod soak;
mod test;
mod toolchain;
mod trace;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The project's commands. Everything that is downloaded or built stays under Cargo's target folder.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 110)]
struct Cli {
    /// Show what package managers and Cargo say; else it goes to target/logs, and its end is shown when they fail
    #[arg(long, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    Demo(demo::Args),
    Test(test::Args),
    Ci(ci::Args),
    Nightly(ci::NightlyArgs),
    #[command(hide = true)]
    Step(ci::StepArgs),
    Bench(bench::Args),
    Fuzz(fuzz::Args),
    /// Run the mapper's tests under AddressSanitizer, hostile handles and eight threads among them
    ///
    /// Takes a nightly compiler, and installs one with rustup where there is none; is skipped, with a word why, where that
    /// cannot be. What C programs load is the library without the sanitizer, whose runtime Rust's programs alone have.
    Asan(checked::Args),
    /// Run the tests of the wire format and the allocator under miri: data races on the shared page, undefined behaviour
    ///
    /// Takes a nightly compiler with miri and rust-src, and installs what is missing with rustup; is skipped, with a word
    /// why, where that cannot be.
    Miri(checked::Args),
    /// Try every order in which threads may meet at the shared page, at the account, the pool and its maintenance
    ///
    /// The models are unit tests beside the code, built with `--cfg loom`; some plant a fault and see it found.
    Loom(checked::Args),
    Mutants(mutants::Args),
    Vm(vm::Args),
    Selinux(selinux::Args),
    Serve(serve::Args),
    Soak(soak::Args),
    Trace(trace::Args),
    /// Hold Android.bp, VINTF, init and all names against the sources, and compile the modules as 15 and 16 would
    SoongCheck(aosp::SoongArgs),
    /// Type-check the device's crates for Android's targets, link the mapper and look at its exports
    ///
    /// Fetches a compiler from Debian's archive at first (about 150 MB), which stays in Cargo's target folder.
    AndroidCheck(aosp::Args),
    /// Hold the SELinux rules against the policies, compile them, resolve their labels
    SepolicyCheck(aosp::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    context::VERBOSE.store(cli.verbose, std::sync::atomic::Ordering::Relaxed);
    let result: Result<ExitCode> = match cli.command {
        Task::AndroidCheck(args) => aosp::run(aosp::ANDROID, &args),
        Task::SepolicyCheck(args) => aosp::run(aosp::SEPOLICY, &args),
        Task::SoongCheck(args) => aosp::run_soong(&args),
        Task::Asan(args) => checked::asan(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Ci(args) => ci::run(&args),
        Task::Demo(args) => demo::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Loom(args) => checked::loom(&args),
        Task::Miri(args) => checked::miri(&args),
        Task::Nightly(args) => ci::run_nightly(&args),
        Task::Step(args) => ci::run_step(&args),
        Task::Mutants(args) => mutants::run(&args),
        Task::Selinux(args) => selinux::run(&args),
        Task::Serve(args) => serve::run(&args),
        Task::Soak(args) => soak::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Trace(args) => trace::run(&args),
        Task::Vm(args) => vm::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
