//! `cargo xtask mutants`: each defence is taken out in turn, and a test has to fail.
//!
//! A thin wrapper of cargo-mutants, which changes one thing at a time (an operator, a condition, a function's body) in a copy
//! of the sources: it knows the groups of files ([`groups::GROUPS`]) and the quick native tests that guard them. What is left
//! out, and limits of time, are in `.cargo/mutants.toml`.

mod groups;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{ensure, Context as _, Result};
use clap::Args as ClapArgs;
use serde::Deserialize;

use crate::context::Context;
use crate::toolchain;
use groups::Selected;

const VERSION: &str = "27.1.0";
/// What cargo-mutants ends with when it got through: every mutant caught, some missed, some that ran into the time limit.
const GOT_THROUGH: [i32; 3] = [0, 2, 3];

/// Take the defences out, one change at a time, and see that a test fails each time
///
/// Prints a table: mutants of each group, those that a test caught, those that ran into the time limit (caught, too), those
/// that no test noticed, those that do not compile. The exit code is 0 only when none was missed. What is no defence, and
/// mutants that change nothing, are left out by .cargo/mutants.toml, with the reason. cargo-mutants' own files are in
/// target/mutants/output/GROUP. Installs cargo-mutants where it is missing, and says so.
#[derive(ClapArgs)]
#[command(after_help = groups::help())]
pub(crate) struct Args {
    /// Which groups, or which of their files (the end of the path is enough) [default: all, one after the other]
    #[arg(value_name = "GROUP or FILE")]
    which: Vec<String>,
}

/// The totals of cargo-mutants' `outcomes.json`.
#[derive(Deserialize)]
struct Totals {
    total_mutants: usize,
    caught: usize,
    timeout: usize,
    missed: usize,
    unviable: usize,
}

/// What came of a group.
struct Ran {
    group: &'static str,
    totals: Totals,
    /// One a line.
    missed: String,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    let selected = groups::select(&args.which)?;
    let ran = run_groups(&context, &program(&context)?, &selected)?;
    println!("\n{}", table(&ran));
    let missed = missed(&ran);
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nno test notices:\n{missed}");
    Ok(ExitCode::FAILURE)
}

/// cargo-mutants.
fn program(context: &Context) -> Result<PathBuf> {
    toolchain::plugin(context, "cargo-mutants", VERSION)
}

fn run_groups(context: &Context, program: &Path, selected: &[Selected]) -> Result<Vec<Ran>> {
    groups::check(&context.workspace, selected)?;
    selected.iter().map(|selected| run_group(context, program, selected)).collect()
}

fn run_group(context: &Context, program: &Path, selected: &Selected) -> Result<Ran> {
    let Selected { group, files } = selected;
    context.progress.step(format_args!("mutants of {}: {}", group.name, files.join(", ")));
    let root = context.target.join("mutants");
    let output = root.join("output").join(group.name);
    // What a former run found does not pass for this one's.
    let _may_be_absent = std::fs::remove_dir_all(&output);
    std::fs::create_dir_all(&output).with_context(|| output.display().to_string())?;
    let status = Command::new(program)
        .current_dir(&context.workspace)
        .arg("mutants")
        .args(files.iter().flat_map(|file| ["--file", file]))
        // A mutant is built with its own package's tests, so that one that does not compile is told from one that a test catches;
        // the others, which may be of another package, are built when they are run.
        .args(["--locked", "--lib"].map(|argument| format!("--cargo-arg={argument}")))
        .args(group.packages.iter().map(|package| format!("--cargo-test-arg=--package={package}")))
        .args(group.tests.iter().map(|test| format!("--cargo-test-arg=--test={test}")))
        .arg("--output")
        .arg(&output)
        // Dependencies are built once for all copies.
        .env("CARGO_TARGET_DIR", root.join("build"))
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .context("cargo-mutants")?;
    let got_through = status.code().is_some_and(|code| GOT_THROUGH.contains(&code));
    ensure!(got_through, "cargo-mutants: {status}; its logs are in {}", output.display());
    let read = |name: &str| {
        let path = output.join("mutants.out").join(name);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let totals: Totals = serde_json::from_str(&read("outcomes.json")?).context("outcomes.json")?;
    ensure!(totals.total_mutants > 0, "{}: no mutant was made of {}", group.name, files.join(", "));
    Ok(Ran { group: group.name, totals, missed: read("missed.txt")? })
}

fn missed(ran: &[Ran]) -> String {
    ran.iter().map(|ran| ran.missed.as_str()).collect()
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals { total_mutants, caught, timeout, missed, unviable } = self.totals;
        write!(f, "| `{}` | {total_mutants} | {caught} | {timeout} | {missed} | {unviable} |", self.group)
    }
}

fn table(ran: &[Ran]) -> String {
    let head = "| group | mutants | caught | timeouts | missed | unviable |\n|---|---|---|---|---|---|";
    ran.iter().fold(head.to_owned(), |text, ran| format!("{text}\n{ran}"))
}
