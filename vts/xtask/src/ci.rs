//! `cargo xtask ci`: the one gate, at a desk and in CI.

mod deny;
mod layers;
mod steps;
mod unsafety;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Args as ClapArgs;
use vm_harness::prerequisites::{ensure, Need, SELINUX};

use crate::context::Context;
use crate::guest_options::MachineArgs;
use crate::test;

/// Run every check: format, layers, lints, docs, licences, what Android reads, models, SELinux in a guest, then all tests
///
/// All steps run even when one fails; each is told with its time. The tests come last, so that their summary ends the
/// output. The exit code is 0 only when every step and every test is well.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Only this step, without the tests; may be given again
    #[arg(long = "step", value_name = "STEP", value_parser = STEPS.map(|(name, _)| name))]
    steps: Vec<String>,
    #[command(flatten)]
    machine: MachineArgs,
}

/// What a step found.
enum Finding {
    /// All well, with a word to it.
    Well(String),
    /// It could not be looked at, and why.
    Skipped(String),
}

/// How a step is run.
#[derive(Clone, Copy)]
enum Run {
    /// On the host.
    Here(fn(&Context) -> Result<Finding>),
    /// With a guest.
    InGuest(fn(&Context, &MachineArgs) -> Result<Finding>),
}

use Run::{Here, InGuest};

type Step = (&'static str, Run);

const STEPS: [Step; 18] = [
    ("lock", Here(steps::lock)),
    ("format", Here(steps::format)),
    ("layers", Here(layers::check)),
    ("unsafety", Here(unsafety::check)),
    ("lints", Here(steps::lints)),
    ("features", Here(steps::features)),
    ("soong", Here(steps::soong)),
    ("sepolicy", Here(steps::sepolicy)),
    ("selinux", InGuest(steps::selinux)),
    ("android", Here(steps::android)),
    ("documentation", Here(steps::documentation)),
    ("licences", Here(deny::policy)),
    ("advisories", Here(deny::advisories)),
    ("models", Here(steps::models)),
    ("miri", Here(steps::miri)),
    ("fuzz", Here(steps::fuzz)),
    ("mutants", Here(steps::mutants)),
    ("kernel", Here(steps::kernel)),
];

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    let needs = [&[Need::Linker, Need::StaticLibc, Need::Libclang, Need::Qemu][..], &SELINUX].concat();
    ensure(&needs, &context.cache(), &context.progress)?;
    let mut failed = Vec::new();
    for (name, step) in
        STEPS.into_iter().filter(|(name, _)| args.steps.is_empty() || args.steps.iter().any(|s| s == name))
    {
        context.progress.step(format_args!("== {name}"));
        let start = Instant::now();
        let found = match step {
            Here(step) => step(&context),
            InGuest(step) => step(&context, &args.machine),
        };
        let seconds = start.elapsed().as_secs_f64();
        match found {
            Ok(Finding::Well(word)) => println!("{name}: well{word} ({seconds:.1} s)"),
            Ok(Finding::Skipped(why)) => println!("{name}: SKIPPED: {why} ({seconds:.1} s)"),
            Err(error) => {
                println!("{name}: FAILED: {error:#} ({seconds:.1} s)");
                failed.push(name);
            }
        }
    }
    if args.steps.is_empty() {
        context.progress.step("== tests");
        return test::run_in(&context, &test::Args::all(args.machine.clone()), &failed);
    }
    if !failed.is_empty() {
        println!("steps that failed: {}", failed.join(", "));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
