//! `cargo xtask test`: the workspace's tests on this machine, and those that need a real kernel in a guest.

mod guest;
mod harness;
mod libtest;
mod native;
mod newer_versions;
mod program;
mod thirty_two_bit;

use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use clap::Args as ClapArgs;
use vm_harness::prerequisites::{ensure, Need};
use vm_harness::progress::run_captured;

use crate::context::Context;
use crate::guest_options::{MachineArgs, Other};
use crate::report::{kernels, Outcome, Report};
use crate::schedule::{self, Done, Finding, Step, Uses};

/// What the tests run, on both sides, beside what the guest's machine takes.
pub(crate) const NEEDS: [Need; 6] =
    [Need::Linker, Need::Libclang, Need::Checkpolicy, Need::Secilc, Need::M4, Need::SelinuxUtils];
/// How many busy loops `--stress` starts.
const BUSY_LOOPS: usize = 2;

/// Run the tests: natively, and in a guest with a real kernel and the service up
///
/// Both at the same time. Each test program is told with its counts; the whole output is in target/logs, and that of a
/// program with a failure is shown. The run ends with what failed, what was skipped everywhere and why, and one line `N
/// passed, N failed, N skipped`. A test that was skipped on this machine and ran in the guest is not skipped.
#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Only on this machine
    #[arg(long, conflicts_with = "guest")]
    native: bool,
    /// Only in the guest
    #[arg(long)]
    guest: bool,
    /// Keep two processors busy beside the run: no test may depend on the time that it gets
    #[arg(long)]
    stress: bool,
}

/// Which tests are to run, and the guest's machine.
#[derive(ClapArgs)]
pub(crate) struct Choice {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Only tests of this package; may be given again
    #[arg(long = "package", short, value_name = "PACKAGE")]
    packages: Vec<String>,
    /// Only what depends on the kernel.
    #[arg(skip)]
    core: bool,
    /// The whole of the longest sweeps, of which a guest is given a quarter, and of the inputs mutated for the fuzz targets
    #[arg(long)]
    pub(crate) whole: bool,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

impl Choice {
    fn has(&self, package: &str) -> bool {
        self.packages.is_empty() || self.packages.iter().any(|name| name == package)
    }

    /// As arguments of a step's process.
    fn arguments(&self) -> Vec<String> {
        let packages = self.packages.iter().map(|package| format!("--package={package}"));
        let whole = self.whole.then(|| "--whole".to_owned());
        self.filter.iter().cloned().chain(packages).chain(whole).chain(self.machine.arguments()).collect()
    }
}

/// Where tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this machine.
    Native,
    /// In the guest that was asked for.
    Guest,
    /// On another machine, what depends on kernel and page size.
    CoreOn(Other),
    /// On another machine, all.
    AllOn(Other),
    /// In the guest that was asked for, 32-bit clients.
    Guest32Bit,
    /// In the guest that was asked for, IAllocator V3 and common V7.
    NewerVersions,
    /// On another machine, with this word on the kernel's command line: the tests whose names contain this.
    Named(Other, &'static str, &'static str),
}

impl Place {
    /// Whether it is on the machine that was asked for.
    pub(crate) fn is_on_the_given(self) -> bool {
        match self {
            Self::Guest | Self::Guest32Bit | Self::NewerVersions => true,
            Self::Native | Self::CoreOn(_) | Self::AllOn(_) | Self::Named(..) => false,
        }
    }
}

/// Runs them; the exit code is 1 when any failed.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    let guest: &[Need] = if args.native { &[] } else { args.choice.machine.needs() };
    ensure(&[&NEEDS, guest].concat(), &context.cache(), &context.progress)?;
    let step = |name, uses| Step { name, uses, arguments: args.choice.arguments(), live: true };
    let mut steps = Vec::new();
    if !args.native {
        steps.push(step("guest", Uses::Guest));
    }
    if !args.guest {
        steps.push(step("native", Uses::Build));
    }
    let _busy = args.stress.then(|| Busy::start(&context)).transpose()?;
    finish(&context, &schedule::run(&context, steps))
}

/// The tests of one place, in this process.
pub(crate) fn run_place(
    context: &Context,
    place: Place,
    choice: &Choice,
    outcomes: &mut Vec<Outcome>,
) -> Result<Finding> {
    let mut report = Report::default();
    if place == Place::Guest32Bit && !choice.machine.runs_i686() {
        return Ok(Finding::Skipped("this kernel runs no programs of 32-bit PCs".to_owned()));
    }
    let ran = match place {
        Place::Native => native::run(context, choice, &mut report),
        Place::Guest => guest::run(context, &choice.machine, choice, &mut report),
        Place::CoreOn(other) => guest::run_core(context, &choice.machine.on(other), &mut report),
        Place::AllOn(other) => guest::run(context, &choice.machine.on(other), choice, &mut report),
        Place::Named(other, word, name) => {
            guest::run_named(context, &choice.machine.on(other).with_word(word), name, &mut report)
        }
        Place::NewerVersions => newer_versions::run(context, &choice.machine, &mut report),
        Place::Guest32Bit => thirty_two_bit::run(context, &choice.machine, choice.whole, &mut report),
    };
    let (word, failed) = (report.counts(), report.has_failures());
    // What was run is told even when the rest could not be.
    *outcomes = report.into_outcomes();
    ran?;
    Ok(if failed { Finding::Failed(word) } else { Finding::Passed(format!(": {word}")) })
}

/// Ends a run: what failed or was skipped, the table of the steps, and the counts on the last line.
pub(crate) fn finish(context: &Context, done: &[Done]) -> Result<ExitCode> {
    let mut report = Report::default();
    done.iter().for_each(|done| report.add(done.outcomes.clone()));
    println!();
    for done in done {
        match &done.finding {
            Finding::Failed(_) => println!("failed: step {}", done.name),
            Finding::Skipped(why) => println!("skipped: step {}: {why}", done.name),
            Finding::Passed(_) => {}
        }
    }
    report.failed_and_skipped().iter().for_each(|line| println!("{line}"));
    if let Some(rows) = kernels(done.iter().map(|done| (done.name, done.outcomes.as_slice()))) {
        let path = context.target.join("logs/kernels.md");
        let kernels = format!("{}\n\n{rows}", this_run()?);
        std::fs::write(&path, &kernels).with_context(|| path.display().to_string())?;
        println!("\n{kernels}\nwritten to {}", path.display());
    }
    println!("\n{}", schedule::table(done, context.progress.seconds()));
    println!("{}", report.counts());
    let failed = report.has_failures() || done.iter().any(Done::failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What was asked for and when: a table of a part of the tests does not pass for one of all.
fn this_run() -> Result<String> {
    let date = run_captured(Command::new("date").args(["--utc", "+%F"]))?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    Ok(format!("`cargo xtask {}`, {}", words.join(" "), String::from_utf8_lossy(&date).trim()))
}

/// Busy loops, stopped at the end.
struct Busy(Vec<Child>);

impl Busy {
    fn start(context: &Context) -> Result<Self> {
        context.progress.step(format_args!("{BUSY_LOOPS} busy loops run beside"));
        let mut started = Self(Vec::new());
        for _ in 0..BUSY_LOOPS {
            let mut command = Command::new("sh");
            command.args(["-c", "while :; do :; done"]).stdin(Stdio::null());
            started.0.push(command.spawn().context("a busy loop")?);
        }
        Ok(started)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // They end with us in any case when this fails: there is nobody left to tell.
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}
