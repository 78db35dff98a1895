//! `cargo xtask fuzz`: the fuzz targets under libFuzzer, with what they need installed and said.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{anyhow, Context as _, Result};
use clap::Args as ClapArgs;
use nix::sys::resource::{getrusage, UsageWho};
use nix::sys::time::TimeValLike as _;
use vm_harness::progress::run_visible;
use vm_harness::toolchain::cargo;

use crate::context::Context;
use crate::toolchain;

/// The targets of `fuzz_targets`.
const TARGETS: [&str; 7] = ["plan", "policy", "handle", "metadata", "import", "parcel", "calls"];
/// Which of them the program in vts/fuzz/libfuzzer runs.
const TARGET: &str = "FUZZ_TARGET";
/// How the targets are built: a profile of vts/fuzz/libfuzzer/Cargo.toml.
const PROFILE: &str = "release";
/// Longest input. Metadata, the longest that is real, stays below.
const MAX_BYTES: u32 = 4096;

/// Fuzz what takes hostile bytes: coverage-guided, under AddressSanitizer
///
/// Takes a nightly compiler, and installs one with rustup where there is none. Begins with good inputs and the corpus that
/// is kept in vts/fuzz/corpora, and leaves what it finds in target/fuzz. `cargo test -p fuzz_targets` runs the kept corpus
/// and mutations of good inputs on any compiler.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Which: plan, policy, handle, metadata, import, parcel, calls [default: all, one after the other]
    #[arg(value_name = "TARGET", value_parser = TARGETS)]
    targets: Vec<String>,
    /// Seconds for each target
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// Afterwards keep what was found: the smallest corpus of the same coverage replaces the target's archive
    #[arg(long)]
    pack: bool,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    toolchain::ensure(&context, toolchain::NIGHTLY, &[]).map_err(|why| anyhow!(why))?;
    let all: Vec<String> = TARGETS.map(str::to_owned).to_vec();
    let targets = if args.targets.is_empty() { &all } else { &args.targets };
    let runs = fuzz_all(&context, targets, args.seconds, args.pack)?;
    println!("\n{}", table(&runs));
    let failed: Vec<&str> = runs.iter().filter(|run| !run.passed).map(|run| run.target.as_str()).collect();
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: {}; the input that did it belongs into vts/fuzz/found/TARGET", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// What one target's time came to.
#[derive(Default)]
struct Run {
    target: String,
    /// No promise was broken.
    passed: bool,
    inputs: u64,
    edges: u64,
    features: u64,
    /// Seconds that the processor gave it.
    cpu_seconds: f64,
}

impl Run {
    /// Takes what a line of libFuzzer says: `#12 NEW cov: 3 ft: 4 …`, `stat::number_of_executed_units: 5`.
    fn read(&mut self, line: &str) {
        let after = |word: &str| line.split_once(word)?.1.split_whitespace().next()?.parse().ok();
        self.edges = after(" cov: ").unwrap_or(self.edges);
        self.features = after(" ft: ").unwrap_or(self.features);
        self.inputs = after("stat::number_of_executed_units:").unwrap_or(self.inputs);
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.passed { "" } else { " FAILED |" };
        let Run { target, inputs, edges, features, cpu_seconds, .. } = self;
        write!(f, "| `{target}` | {inputs} | {edges} | {features} | {cpu_seconds:.0} |{word}")
    }
}

/// As vts/fuzz/README.md has it.
fn table(runs: &[Run]) -> String {
    let head = "| target | inputs run | edges covered | features | processor's seconds |\n|---|---|---|---|---|";
    runs.iter().fold(head.to_owned(), |text, run| format!("{text}\n{run}"))
}

fn fuzz_all(context: &Context, targets: &[String], seconds: u64, pack: bool) -> Result<Vec<Run>> {
    let folder = context.workspace.join("vts/fuzz");
    context.progress.step("building the fuzz targets");
    let built = context.target.join("fuzz/build");
    run_visible(
        toolchain::cargo()
            // The folder's own configuration has the instrumentation, and its Cargo.lock the versions.
            .current_dir(folder.join("libfuzzer"))
            .args(["build", "--profile", PROFILE, "--locked", "--target-dir"])
            .arg(&built),
    )?;
    let inputs = context.target.join("fuzz/inputs");
    fuzz_inputs(context, &["unpack".as_ref(), inputs.as_os_str()])?;
    let program = built.join(format!("{}-unknown-linux-gnu/{PROFILE}/fuzz_libfuzzer", std::env::consts::ARCH));
    let one = |target: &String| {
        let folders = Folders {
            work: context.target.join("fuzz/corpus").join(target),
            artifacts: context.target.join("fuzz/artifacts").join(target),
            kept: inputs.join("kept").join(target),
            seeds: inputs.join("seeds"),
        };
        let run = fuzz(context, target, &program, &folders, seconds)?;
        if pack && run.passed {
            let small = context.target.join("fuzz/small").join(target);
            smallest(target, &program, &folders, &small)?;
            fuzz_inputs(context, &["pack".as_ref(), target.as_ref(), small.as_os_str()])?;
        }
        Ok(run)
    };
    targets.iter().map(one).collect()
}

/// Runs the program that reads and writes the archives.
fn fuzz_inputs(context: &Context, arguments: &[&OsStr]) -> Result<()> {
    let run = ["run", "--quiet", "--locked", "-p", "fuzz_targets", "--bin", "fuzz_inputs", "--"];
    Ok(run_visible(Command::new(cargo()).current_dir(&context.workspace).args(run).args(arguments))?)
}

/// Where a target's inputs lie.
struct Folders {
    /// What this machine found.
    work: PathBuf,
    /// What broke a promise.
    artifacts: PathBuf,
    /// What the project keeps, unpacked.
    kept: PathBuf,
    /// Good inputs, made anew: some are longer than what is kept.
    seeds: PathBuf,
}

/// One target for its time.
fn fuzz(context: &Context, target: &str, program: &Path, folders: &Folders, seconds: u64) -> Result<Run> {
    let Folders { work, artifacts, kept, seeds } = folders;
    for folder in [work, artifacts] {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    context.progress.step(format_args!("fuzzing {target} for {seconds} s"));
    let before = children_seconds()?;
    let mut child = Command::new(program)
        .env(TARGET, target)
        .args([format!("-max_total_time={seconds}"), format!("-max_len={MAX_BYTES}")])
        // The service and the mapper log what they refuse; libFuzzer's own words still come out.
        .args(["-close_fd_mask=2", "-print_final_stats=1", "-rss_limit_mb=3000"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([work, kept, seeds])
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| program.display().to_string())?;
    let mut run = Run { target: target.to_owned(), ..Run::default() };
    for line in BufReader::new(child.stderr.take().context("no output")?).lines() {
        let line = line?;
        run.read(&line);
        eprintln!("{line}");
    }
    let status = child.wait()?;
    run.passed = status.success();
    run.cpu_seconds = children_seconds()? - before;
    if !run.passed {
        println!("{target}: FAILED: {status}; the input is in {}", artifacts.display());
    }
    Ok(run)
}

/// What the processor gave to children that have ended.
fn children_seconds() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let milliseconds = (usage.user_time() + usage.system_time()).num_milliseconds();
    Ok(std::time::Duration::from_millis(milliseconds.try_into()?).as_secs_f64())
}

/// Leaves the smallest set with the same coverage in `small`.
fn smallest(target: &str, program: &Path, folders: &Folders, small: &Path) -> Result<()> {
    let Folders { work, kept, seeds, .. } = folders;
    let _may_be_absent = std::fs::remove_dir_all(small);
    std::fs::create_dir_all(small).with_context(|| small.display().to_string())?;
    run_visible(
        Command::new(program)
            .env(TARGET, target)
            .args(["-merge=1", "-max_len=1024", "-close_fd_mask=2"])
            .arg(small)
            .args([work, kept, seeds]),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_the_last_that_libfuzzer_tells() {
        let mut run = Run::default();
        for line in [
            "INFO: Running with entropic power schedule (0xFF, 100).",
            "#2\tINITED cov: 10 ft: 20 corp: 1/1b exec/s: 0 rss: 50Mb",
            "#9\tDONE   cov: 12 ft: 34 corp: 2/3b lim: 929 exec/s: 9 rss: 92Mb",
            "Done 9 runs in 2 second(s)",
            "stat::number_of_executed_units: 9",
        ] {
            run.read(line);
        }
        assert_eq!((run.inputs, run.edges, run.features), (9, 12, 34));
    }
}
