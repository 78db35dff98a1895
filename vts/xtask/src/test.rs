//! `cargo xtask test`: the workspace's tests on this machine, and those that need a real kernel in a guest.

mod guest;
mod harness;
mod libtest;
mod native;
mod report;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;
use vm_harness::prerequisites::{ensure, Need, SELINUX};

use crate::context::Context;
use crate::guest_options::MachineArgs;
use report::Report;

/// Run the tests: natively, and in a guest with a real kernel and the service up
///
/// Test programs print their own output; the run ends with what failed, what was skipped everywhere and why, and one
/// line `N passed, N failed, N skipped`. A test that was skipped on this machine and ran in the guest is not skipped.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Only tests of this package; may be given again
    #[arg(long = "package", short, value_name = "PACKAGE")]
    packages: Vec<String>,
    /// Only on this machine
    #[arg(long, conflicts_with = "guest")]
    native: bool,
    /// Only in the guest
    #[arg(long)]
    guest: bool,
    #[command(flatten)]
    machine: MachineArgs,
    /// Whether the core of the suite runs on the second kernel too.
    #[arg(skip)]
    on_both_kernels: bool,
}

impl Args {
    /// All tests, the guest's in such a machine, and the core of them on the second kernel.
    pub(crate) fn all(machine: MachineArgs) -> Self {
        let on_both_kernels = !machine.is_on_full_kernel();
        Self { filter: None, packages: Vec::new(), native: false, guest: false, machine, on_both_kernels }
    }
}

/// Which tests are asked for.
#[derive(Clone, Copy)]
struct Choice<'a> {
    /// Of these packages; of all when empty.
    packages: &'a [String],
    /// With this in their names.
    filter: Option<&'a str>,
}

impl Choice<'_> {
    fn has(&self, package: &str) -> bool {
        self.packages.is_empty() || self.packages.iter().any(|name| name == package)
    }
}

/// Runs them; the exit code is 1 when any failed.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    run_in(&context, args, &[])
}

/// The same as the end of a longer run, whose failed steps stand in the summary too.
pub(crate) fn run_in(context: &Context, args: &Args, failed_steps: &[&str]) -> Result<ExitCode> {
    let guests: &[Need] = if args.native { &[] } else { &[Need::Qemu, Need::StaticLibc] };
    ensure(&[&[Need::Linker, Need::Libclang], &SELINUX[..], guests].concat(), &context.cache(), &context.progress)?;
    let mut report = Report::default();
    let choice = Choice { packages: &args.packages, filter: args.filter.as_deref() };
    let mut outcome = if args.guest { Ok(()) } else { native::run(context, choice, &mut report) };
    if outcome.is_ok() && !args.native {
        outcome = guest::run(context, &args.machine, choice, &mut report);
        if args.on_both_kernels {
            outcome = outcome.and(guest::run_core_on_full(context, &args.machine, &mut report));
        }
    }
    println!();
    // What was run is told even when the rest could not be.
    if let Err(error) = &outcome {
        println!("the run ended early: {error:#}");
    }
    for step in failed_steps {
        println!("failed: step {step}");
    }
    for line in report.summary() {
        println!("{line}");
    }
    Ok(if outcome.is_err() || report.has_failures() || !failed_steps.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
