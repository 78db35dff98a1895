//! demo, test, ci, vm, bench: the project's commands.

mod context;
mod guest_options;
mod service;
mod test;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The project's commands. Everything that is downloaded or built stays under Cargo's target folder.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    Test(test::Args),
    Vm(vm::Args),
}

fn main() -> ExitCode {
    let result: Result<ExitCode> = match Cli::parse().command {
        Task::Test(args) => test::run(&args),
        Task::Vm(args) => vm::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
