//! `cargo xtask ci`: the one gate, at a desk and in CI; `cargo xtask nightly`: the same with the whole of what it samples.

mod cycles;
mod layers;
mod steps;

use std::process::ExitCode;

use anyhow::{bail, Result};
use clap::Args as ClapArgs;
use vm_harness::archive;
use vm_harness::prerequisites::ensure;

use crate::context::Context;
use crate::guest_options::{MachineArgs, Other, Pages};
use crate::schedule::{self, Finding, Step, Uses};
use crate::test;

/// Run every check: format, layers, lints, docs, licences, what Android reads, models, SELinux in a guest, and all tests
///
/// All steps run even when one fails, two at a time where they share nothing. What a step says is in target/logs/STEP.log;
/// of one that fails the end is shown. The run ends with a table of the steps' times and one line `N passed, N failed, N
/// skipped`. The exit code is 0 only when no step and no test failed.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Only this step; may be given again
    #[arg(long = "step", value_name = "STEP", value_parser = clap::builder::PossibleValuesParser::new(names()))]
    steps: Vec<String>,
    #[command(flatten)]
    machine: MachineArgs,
}

/// How a step is run.
#[derive(Clone, Copy)]
enum Run {
    /// On the host.
    Here(fn(&Context) -> Result<Finding>),
    /// With a guest.
    InGuest(fn(&Context, &MachineArgs) -> Result<Finding>),
    /// As another command of this program.
    Command(&'static [&'static str]),
    /// A part of the tests.
    Tests(test::Place),
}

use Run::{Command, Here, InGuest, Tests};

/// Which of the two runs takes a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// The gate alone: a sample, of which `nightly` takes the whole.
    Gate,
    /// `nightly` alone.
    Nightly,
}

use When::{Always, Gate, Nightly};

/// The machines that guests run on beside the first.
const ARM64_4K: Other = Other::Arm64(Pages::Small);
const ARM64_16K: Other = Other::Arm64(Pages::Large);
/// What Android 17's kernels are made of.
const NEWER: Other = Other::Newer("6.18");

/// The newest there is.
const NEWEST: Other = Other::Newer(archive::NEWEST);

/// The newest kernel charges heap memory to the service where it is told to, which it is not by itself.
const CHARGED: test::Place = test::Place::Named(NEWEST, "dma_heap.mem_accounting=Y", "charged");

/// Name, when, what it uses that others use too, and what runs. The longest begin: what is short fills the gaps.
type Entry = (&'static str, When, Uses, Run);

const STEPS: [Entry; 38] = [
    ("lock", Always, Uses::Nothing, Here(steps::lock)),
    ("format", Always, Uses::Nothing, Here(steps::format)),
    ("layers", Always, Uses::Nothing, Here(layers::check)),
    ("guest", Always, Uses::Guest, Tests(test::Place::Guest)),
    ("native", Always, Uses::Build, Tests(test::Place::Native)),
    ("kernel", Always, Uses::Nothing, Here(steps::kernel)),
    ("guest-arm64-16k", Gate, Uses::Guest, Tests(test::Place::CoreOn(ARM64_16K))),
    ("guest-newer", Gate, Uses::Guest, Tests(test::Place::CoreOn(NEWER))),
    ("guest-32-bit", Always, Uses::Guest, Tests(test::Place::Guest32Bit)),
    ("guest-v3", Nightly, Uses::Guest, Tests(test::Place::NewerVersions)),
    ("guest-arm64-16k-all", Nightly, Uses::Guest, Tests(test::Place::AllOn(ARM64_16K))),
    ("guest-arm64-4k-all", Nightly, Uses::Guest, Tests(test::Place::AllOn(ARM64_4K))),
    ("guest-newer-all", Nightly, Uses::Guest, Tests(test::Place::AllOn(NEWER))),
    ("guest-newest-all", Nightly, Uses::Guest, Tests(test::Place::AllOn(NEWEST))),
    ("guest-newest-charged", Nightly, Uses::Guest, Tests(CHARGED)),
    ("guest-full-all", Nightly, Uses::Guest, Tests(test::Place::AllOn(Other::Full))),
    ("demo-newer", Nightly, Uses::Guest, Command(&["demo", "--kernel", "archive:6.18"])),
    ("demo-newest", Nightly, Uses::Guest, Command(&["demo", "--kernel", "archive:newest"])),
    ("demo-arm64-4k", Nightly, Uses::Guest, Command(&["demo", "--arch", "arm64", "--pages", "4k"])),
    ("demo-arm64-16k", Nightly, Uses::Guest, Command(&["demo", "--arch", "arm64", "--pages", "16k"])),
    ("lints", Always, Uses::Build, Here(steps::lints)),
    ("selinux", Always, Uses::Guest, InGuest(steps::selinux)),
    ("features", Always, Uses::Build, Here(steps::features)),
    ("documentation", Always, Uses::Build, Here(steps::documentation)),
    ("soong", Gate, Uses::Build, Here(steps::soong)),
    ("soong-all", Nightly, Uses::Build, Command(&["soong-check", "--every-compiler"])),
    ("sepolicy", Always, Uses::Build, Here(steps::sepolicy)),
    ("android", Gate, Uses::Nothing, Here(steps::android)),
    ("android-all", Nightly, Uses::Nothing, Command(&["android-check"])),
    ("miri", Gate, Uses::Nothing, Here(steps::miri)),
    ("models", Always, Uses::Nothing, Here(steps::models)),
    ("licences", Always, Uses::Nothing, Here(steps::licences)),
    ("advisories", Always, Uses::Nothing, Here(steps::advisories)),
    ("mutants", Nightly, Uses::Nothing, Command(&["mutants"])),
    ("fuzz", Nightly, Uses::Nothing, Command(&["fuzz", "--seconds", "600"])),
    ("miri-all", Nightly, Uses::Nothing, Command(&["miri"])),
    ("asan", Nightly, Uses::Nothing, Command(&["asan"])),
    ("soak", Nightly, Uses::Guest, Command(&["soak", "--minutes", "20"])),
];

fn names() -> Vec<&'static str> {
    STEPS.map(|(name, ..)| name).to_vec()
}

/// Runs the gate.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    run_steps(&args.machine, false, |name, when| match args.steps.as_slice() {
        [] => when != Nightly,
        steps => steps.iter().any(|step| step == name),
    })
}

/// Run everything there is: `ci`, and the whole of what it only samples
///
/// All tests on every kernel and processor, the mutants of every group, miri over all of its packages, ten minutes for each fuzz target,
/// AddressSanitizer, and twenty minutes of load. Takes hours.
#[derive(ClapArgs)]
pub(crate) struct NightlyArgs {
    #[command(flatten)]
    machine: MachineArgs,
}

/// Runs all of it.
pub(crate) fn run_nightly(args: &NightlyArgs) -> Result<ExitCode> {
    run_steps(&args.machine, true, |_, when| when != Gate)
}

fn run_steps(machine: &MachineArgs, whole: bool, chosen: impl Fn(&str, When) -> bool) -> Result<ExitCode> {
    let mut arguments = machine.arguments();
    arguments.extend(whole.then(|| "--whole".to_owned()));
    let context = Context::new(false)?;
    let steps: Vec<Entry> = STEPS.into_iter().filter(|(name, when, ..)| chosen(name, *when)).collect();
    // Another machine's step sees to what that takes.
    let given = steps.iter().any(|(.., run)| match run {
        InGuest(_) => true,
        Tests(place) => place.is_on_the_given(),
        Here(_) | Command(_) => false,
    });
    let guest = if given { machine.needs() } else { &[] };
    ensure(&[&test::NEEDS, guest].concat(), &context.cache(), &context.progress)?;
    let step = |(name, _, uses, run): Entry| {
        let live = matches!(run, Tests(_));
        Step { name, uses, arguments: arguments.clone(), live }
    };
    let steps = steps.into_iter().map(step).collect();
    test::finish(&context, &schedule::run(&context, steps))
}

/// One step in this process: what `cargo xtask step NAME` runs.
pub(crate) fn run_step(args: &StepArgs) -> Result<ExitCode> {
    let context = Context::new(false)?;
    let Some((name, _, uses, run)) = STEPS.into_iter().find(|(name, ..)| *name == args.name) else {
        bail!("no step {}", args.name);
    };
    schedule::lower_priority(uses)?;
    let mut outcomes = Vec::new();
    let finding = match run {
        Here(step) => step(&context),
        InGuest(step) => step(&context, &args.tests.machine),
        Command(arguments) => steps::command(&context, arguments),
        Tests(place) => test::run_place(&context, place, &args.tests, &mut outcomes),
    };
    schedule::leave(&context, name, finding, outcomes)?;
    Ok(ExitCode::SUCCESS)
}

/// One step of `test`, `ci` or `nightly`, in a process of its own.
#[derive(ClapArgs)]
pub(crate) struct StepArgs {
    name: String,
    #[command(flatten)]
    tests: test::Choice,
}
