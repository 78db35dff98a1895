//! `cargo xtask mutants`: each defence is taken out in turn, and a test has to fail.
//!
//! cargo-mutants changes one thing at a time (an operator, a condition, a function's body) in the files of
//! [`groups::GROUPS`] and runs the quick native tests of that file's package. It works on a copy of the sources below
//! Cargo's target folder, so that the tree is left alone and dependencies are built once.

mod groups;
mod outcome;
mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{ensure, Context as _, Result};
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::context::Context;
use crate::tools;
use groups::{Group, Selected, GROUPS};
use outcome::{Figures, Outcome};

const VERSION: &str = "27.1.0";
/// What cargo-mutants ends with when it got through: every mutant caught, some missed, some without an end.
const GOT_THROUGH: [i32; 3] = [0, 2, 3];

/// Take the defences out, one change at a time, and see that a test fails each time
///
/// Prints a table: mutants of each file, those that a test caught, those that ran into the time limit (caught, too), those
/// that no test minded, those that do not compile. The exit code is 0 only when none was missed. What is no defence, and
/// mutants that change nothing, are left out by .cargo/mutants.toml, with the reason. Installs cargo-mutants where it is
/// missing, and says so.
#[derive(ClapArgs)]
#[command(after_help = groups::help())]
pub(crate) struct Args {
    /// Which groups, or which of their files (the end of the path is enough) [default: all, one after the other]
    #[arg(value_name = "GROUP or FILE")]
    which: Vec<String>,
    /// Write the table to this file, too, with the names of those that were missed
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What came of a group.
#[derive(Serialize)]
struct Ran {
    group: &'static str,
    package: &'static str,
    seconds: f64,
    files: Vec<Figures>,
    missed: Vec<String>,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    let selected = groups::select(&args.which)?;
    let program = program(&context)?;
    let ran = run_groups(&context, &program, &selected)?;
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&ran)?;
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    println!("\n{}", table(&ran));
    let missed: Vec<&String> = ran.iter().flat_map(|ran| &ran.missed).collect();
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nno test minds:");
    missed.iter().for_each(|name| println!("  {name}"));
    Ok(ExitCode::FAILURE)
}

/// cargo-mutants.
pub(crate) fn program(context: &Context) -> Result<PathBuf> {
    tools::program(context, "cargo-mutants", VERSION)
}

/// What fits into the gate; an error when a mutant was missed.
pub(crate) fn short(context: &Context, program: &Path) -> Result<String> {
    let selected: Vec<Selected> = GROUPS.iter().filter(|group| group.in_gate).map(Group::whole).collect();
    let ran = run_groups(context, program, &selected)?;
    let (table, missed) = (table(&ran), ran.iter().flat_map(|ran| ran.missed.clone()).collect::<Vec<_>>());
    ensure!(missed.is_empty(), "no test minds:\n  {}\n{table}", missed.join("\n  "));
    println!("{table}");
    let figures = ran.iter().flat_map(|ran| &ran.files);
    let (mutants, unviable) = figures.fold((0, 0), |(all, not), file| (all + file.mutants, not + file.unviable));
    Ok(format!(
        "{} mutants of {} files caught",
        mutants - unviable,
        ran.iter().map(|ran| ran.files.len()).sum::<usize>()
    ))
}

fn run_groups(context: &Context, program: &Path, selected: &[Selected]) -> Result<Vec<Ran>> {
    let root = context.target.join("mutants");
    let copy = root.join("tree");
    tree::copy(&context.workspace, &copy)?;
    selected.iter().map(|selected| run_group(context, program, &root, &copy, selected)).collect()
}

fn run_group(context: &Context, program: &Path, root: &Path, copy: &Path, selected: &Selected) -> Result<Ran> {
    let Selected { group, files } = selected;
    context.progress.step(format_args!("mutants of {}: {}", group.name, files.join(", ")));
    let start = Instant::now();
    let output = root.join("output").join(group.name);
    // What a former run found does not pass for this one's.
    let _may_be_absent = std::fs::remove_dir_all(&output);
    std::fs::create_dir_all(&output).with_context(|| output.display().to_string())?;
    let mut command = Command::new(program);
    command
        .current_dir(copy)
        .args(["mutants", "--in-place", "--package", group.package, "--test-package", group.package])
        .args(files.iter().flat_map(|file| ["--file", file]))
        // For the build as well, so that other tests are not built.
        .args(["--locked"].iter().chain(group.tests).map(|argument| format!("--cargo-arg={argument}")))
        .arg("--output")
        .arg(&output)
        .env("CARGO_TARGET_DIR", root.join("build"))
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    let status = command.status().context("cargo-mutants")?;
    let got_through = status.code().is_some_and(|code| GOT_THROUGH.contains(&code));
    ensure!(got_through, "cargo-mutants: {status}; its logs are in {}", output.display());
    let outcomes = output.join("mutants.out/outcomes.json");
    let text = std::fs::read_to_string(&outcomes).with_context(|| outcomes.display().to_string())?;
    let outcome = Outcome::read(&text).with_context(|| outcomes.display().to_string())?;
    Ok(Ran {
        group: group.name,
        package: group.package,
        seconds: start.elapsed().as_secs_f64(),
        files: outcome.figures(files),
        missed: outcome.missed(),
    })
}

fn table(ran: &[Ran]) -> String {
    let head = "| file | mutants | caught | timeouts | missed | unviable |\n|---|---|---|---|---|---|";
    ran.iter().flat_map(|ran| &ran.files).fold(head.to_owned(), |text, figures| format!("{text}\n{figures}"))
}
