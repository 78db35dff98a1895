//! Tests on this machine: every test program of the workspace, and the examples in its documentation.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use vm_harness::binaries::{build_tests, TestProgram};
use vm_harness::protocol::Status;
use vm_harness::toolchain::cargo;

use super::guest::SAMPLE;
use super::program::Program;
use super::Choice;
use crate::context::Context;
use crate::report::{Outcome, Report};
use crate::service;

const PLACE: &str = "native";
/// The package of which a run takes a sample, as a guest does of all: mutated inputs, one as good as another. Kept corpora are run whole.
const SAMPLED: &str = "fuzz_targets";

/// Builds and runs them; the filter goes to each program.
pub(crate) fn run(context: &Context, choice: &Choice, report: &mut Report) -> Result<()> {
    context.progress.step("building the native tests");
    let built = build_tests(&context.workspace, &choice.packages, &context.progress)?;
    // Without it the service's tests build it by themselves, and with it all that it needs, in another way than the workspace's.
    let service = service::program(&built).ok();
    for TestProgram { package, target, folder, path } in &built.tests {
        let mut command = Command::new(path);
        // As `cargo test` does.
        command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder).env("CARGO", cargo());
        command.envs(service.map(|path| (service::PROGRAM_VARIABLE, path)));
        if package == SAMPLED && !choice.whole {
            command.env(SAMPLE.0, SAMPLE.1);
        }
        command.args(&choice.filter).arg("--show-output");
        let name = format!("{package}::{target}");
        report.add(run_one(context, command, Program::new(&context.progress, &name, PLACE))?);
    }
    let mut command = Command::new(cargo());
    command.current_dir(&context.workspace).args(["test", "--quiet", "--doc", "--no-fail-fast"]);
    command.args(match choice.packages.as_slice() {
        [] => vec!["--workspace"],
        packages => packages.iter().flat_map(|package| ["--package", package]).collect(),
    });
    command.arg("--");
    command.args(&choice.filter).args(["--format", "pretty"]);
    report.add(run_one(context, command, Program::several(&context.progress, "documentation", PLACE))?);
    Ok(())
}

fn run_one(context: &Context, mut command: Command, mut program: Program<'_>) -> Result<Vec<Outcome>> {
    let shown = Path::new(command.get_program()).display().to_string();
    // Apart: what a test's children write may stand between any two letters of its own output.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(context.progress.chatter()?);
    let mut child = command.spawn().context(shown)?;
    for_lines(child.stdout.take().context("the test's output")?, |line| program.output(line))?;
    let status = child.wait()?;
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    let status = status.code().map_or_else(|| Status::Signalled(signal.unwrap_or(0)), Status::Exited);
    Ok(program.finish(&status))
}

/// Hands lines over as they come.
fn for_lines(output: impl Read, mut take: impl FnMut(&str)) -> Result<()> {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        take(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        line.clear();
    }
    Ok(())
}
