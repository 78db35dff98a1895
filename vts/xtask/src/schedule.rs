//! Runs the steps of `test` and `ci`, beside each other where they share nothing.
//!
//! Each step is a process of its own (`cargo xtask step NAME`, which leaves its report as JSON): a step that fails or dies
//! hides no other, what it says goes to `target/logs/NAME.log`, and the processor's time of each is its own.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::sys::resource::{getrusage, UsageWho};
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};
use vm_harness::progress::tail;

use crate::context::{Context, VERBOSE};
use crate::report::Outcome;

/// This program as it was started: at its path there may be a newer one by now, or none.
pub(crate) const OURSELVES: &str = "/proc/self/exe";
/// How many steps run at the same time at most. Compilers use all processors by themselves; an emulated machine and most
/// tests use one.
const JOBS: usize = 2;
/// How many of a failed step's last lines are shown.
const SHOWN_LINES: usize = 60;

/// What only one step may use at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uses {
    /// Nothing that others use.
    Nothing,
    /// The workspace's target folder, which Cargo locks.
    Build,
    /// An emulated machine: two of them would starve each other.
    Guest,
}

/// What a step found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Finding {
    /// It holds, with a word to it.
    Passed(String),
    /// It could not be looked at, and why.
    Skipped(String),
    /// It does not hold, and why.
    Failed(String),
}

/// What a step's process leaves.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StepReport {
    finding: Finding,
    /// Of the step's process and all that it started.
    cpu_seconds: f64,
    /// Of the tests that it ran.
    outcomes: Vec<Outcome>,
}

/// A step that is to run.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) uses: Uses,
    /// What stands behind `cargo xtask step NAME`.
    pub(crate) arguments: Vec<String>,
    /// Whether its progress is shown as it runs.
    pub(crate) live: bool,
}

/// A step that has run.
pub(crate) struct Done {
    pub(crate) name: &'static str,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) finding: Finding,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Done {
    pub(crate) fn failed(&self) -> bool {
        matches!(self.finding, Finding::Failed(_))
    }
}

/// Steps that wait, and what those that run use.
struct Queue {
    waiting: Vec<Step>,
    busy: Vec<Uses>,
}

impl Queue {
    /// The first step whose thing is free.
    fn next(&mut self) -> Option<Step> {
        let free = |step: &Step| step.uses == Uses::Nothing || !self.busy.contains(&step.uses);
        let index = self.waiting.iter().position(free)?;
        let step = self.waiting.remove(index);
        self.busy.push(step.uses);
        Some(step)
    }

    fn ended(&mut self, uses: Uses) {
        if let Some(index) = self.busy.iter().position(|busy| *busy == uses) {
            self.busy.remove(index);
        }
    }
}

/// Runs all steps, in the order given as far as what they use allows.
pub(crate) fn run(context: &Context, steps: Vec<Step>) -> Vec<Done> {
    let queue = Mutex::new(Queue { waiting: steps, busy: Vec::new() });
    let changed = Condvar::new();
    let done = Mutex::new(Vec::new());
    let job = || loop {
        let mut guard = queue.lock().unwrap_or_else(PoisonError::into_inner);
        let step = loop {
            match guard.next() {
                Some(step) => break step,
                None if guard.waiting.is_empty() => return,
                None => guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(guard);
        let uses = step.uses;
        let ran = run_one(context, step);
        tell(&ran);
        done.lock().unwrap_or_else(PoisonError::into_inner).push(ran);
        queue.lock().unwrap_or_else(PoisonError::into_inner).ended(uses);
        changed.notify_all();
    };
    thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(job);
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn run_one(context: &Context, step: Step) -> Done {
    let start = Instant::now();
    context.progress.step(format_args!("{}: started", step.name));
    let report = child(context, &step).unwrap_or_else(|error| StepReport {
        finding: Finding::Failed(format!("{error:#}")),
        cpu_seconds: 0.0,
        outcomes: Vec::new(),
    });
    let StepReport { mut finding, cpu_seconds, outcomes } = report;
    if let Finding::Failed(why) = &mut finding {
        let log = log(context, step.name);
        // What a failed test's program said has been shown already.
        if outcomes.is_empty() {
            let said = std::fs::read(&log).unwrap_or_default();
            why.push_str(&tail(&String::from_utf8_lossy(&said), SHOWN_LINES));
        }
        why.push_str(&format!("\n  log: {}", log.display()));
    }
    Done { name: step.name, seconds: start.elapsed().as_secs_f64(), cpu_seconds, finding, outcomes }
}

fn log(context: &Context, name: &str) -> PathBuf {
    context.target.join("logs").join(name).with_extension("log")
}

fn report_path(context: &Context, name: &str) -> PathBuf {
    log(context, name).with_extension("json")
}

/// Runs a step's process and reads what it leaves.
fn child(context: &Context, step: &Step) -> Result<StepReport> {
    let report = report_path(context, step.name);
    // An earlier run's must not pass for this one's.
    let _may_be_absent = std::fs::remove_file(&report);
    let mut command = Command::new(OURSELVES);
    command.args(["step", step.name]).args(&step.arguments).stdin(Stdio::null());
    if VERBOSE.load(std::sync::atomic::Ordering::Relaxed) {
        command.arg("--verbose").stdout(std::io::stderr());
    } else {
        let path = log(context, step.name);
        File::create(&path).with_context(|| path.display().to_string())?;
        let file = File::options().append(true).open(&path).with_context(|| path.display().to_string())?;
        if !step.live {
            command.stderr(file.try_clone()?);
        }
        command.stdout(file);
    }
    let status = command.status().context("the step's process")?;
    let text = std::fs::read(&report).with_context(|| format!("the step ended early ({status})"))?;
    serde_json::from_slice(&text).with_context(|| report.display().to_string())
}

/// The step's side: a run usually ends waiting for a guest, so steps without one yield to it. For this process and all that it
/// starts.
pub(crate) fn lower_priority(uses: Uses) -> Result<()> {
    /// A third of the share that a guest has of a processor that both want.
    const NICE: i32 = 5;
    if uses != Uses::Guest {
        rustix::process::nice(NICE).context("nice")?;
    }
    Ok(())
}

/// The step's side: leaves the report where the parent looks for it.
pub(crate) fn leave(context: &Context, name: &str, finding: Result<Finding>, outcomes: Vec<Outcome>) -> Result<()> {
    let finding = finding.unwrap_or_else(|error| Finding::Failed(format!("{error:#}")));
    let report = StepReport { finding, cpu_seconds: cpu_seconds()?, outcomes };
    let path = report_path(context, name);
    std::fs::write(&path, serde_json::to_vec(&report)?).with_context(|| path.display().to_string())
}

/// What the processor gave to this process and to its children that have ended.
fn cpu_seconds() -> Result<f64> {
    let mut milliseconds = 0;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who)?;
        milliseconds += (usage.user_time() + usage.system_time()).num_milliseconds();
    }
    Ok(std::time::Duration::from_millis(milliseconds.try_into()?).as_secs_f64())
}

fn tell(done: &Done) {
    let Done { name, seconds, cpu_seconds, .. } = done;
    let times = format!("{seconds:.1} s, of the processor {cpu_seconds:.1} s");
    match &done.finding {
        Finding::Passed(word) => println!("{name}: passed{word} ({times})"),
        Finding::Skipped(why) => println!("{name}: SKIPPED: {why} ({times})"),
        Finding::Failed(why) => println!("{name}: FAILED ({times}): {why}"),
    }
}

/// All steps with their times, for the end of a run.
pub(crate) fn table(done: &[Done], seconds: f64) -> String {
    let line = |name: &str, verdict: &str, seconds: f64, cpu: f64| {
        format!("{name:<16}{verdict:<9}{seconds:>9.1}{cpu:>11.1}\n")
    };
    let mut text = format!("{:<16}{:<9}{:>9}{:>11}\n", "step", "", "seconds", "processor");
    for Done { name, seconds, cpu_seconds, finding, .. } in done {
        let verdict = match finding {
            Finding::Passed(_) => "passed",
            Finding::Skipped(_) => "skipped",
            Finding::Failed(_) => "FAILED",
        };
        text.push_str(&line(name, verdict, *seconds, *cpu_seconds));
    }
    text + &line("all", "", seconds, done.iter().map(|done| done.cpu_seconds).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, uses: Uses) -> Step {
        Step { name, uses, arguments: Vec::new(), live: false }
    }

    #[test]
    fn steps_that_use_the_same_thing_run_one_after_the_other_and_let_others_pass() {
        let waiting = vec![
            step("lints", Uses::Build),
            step("documentation", Uses::Build),
            step("guest", Uses::Guest),
            step("models", Uses::Nothing),
            step("miri", Uses::Nothing),
        ];
        let mut queue = Queue { waiting, busy: Vec::new() };
        let mut next = || queue.next().map(|step| step.name);
        assert_eq!(
            [next(), next(), next(), next(), next()].map(Option::unwrap_or_default),
            ["lints", "guest", "models", "miri", ""]
        );
        queue.ended(Uses::Guest);
        assert!(queue.next().is_none(), "the target folder is still in use");
        queue.ended(Uses::Build);
        assert_eq!(queue.next().map(|step| step.name), Some("documentation"));
    }

    #[test]
    fn table_names_each_step_with_both_times_and_the_sum() {
        let finding = Finding::Skipped("no nightly compiler".to_owned());
        let done = Done { name: "miri", seconds: 1.5, cpu_seconds: 2.5, finding, outcomes: Vec::new() };
        let table = table(&[done], 1.5);
        let words: Vec<&str> = table.split_whitespace().collect();
        assert_eq!(words, ["step", "seconds", "processor", "miri", "skipped", "1.5", "2.5", "all", "1.5", "2.5"]);
    }
}
