//! Tests on this machine: every test program of the workspace, and the examples in its documentation.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use cargo_metadata::{Message, Metadata};
use vm_harness::binaries::cargo;
use vm_harness::protocol::Status;

use super::program::Program;
use super::report::{Outcome, Report};
use super::Choice;
use crate::context::Context;

const PLACE: &str = "native";
/// How much of a failed build is shown.
const SHOWN_LINES: usize = 60;

/// Builds and runs them; the filter goes to each program.
pub(crate) fn run(context: &Context, choice: &Choice, report: &mut Report) -> Result<()> {
    context.progress.step("building the native tests");
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
    for (program, folder, path) in build(context, &metadata, choice)? {
        let mut command = Command::new(path);
        // As `cargo test` does.
        command.current_dir(&folder).env("CARGO_MANIFEST_DIR", &folder).env("CARGO", cargo());
        command.args(&choice.filter).arg("--show-output");
        report.add(run_one(context, command, Program::new(&context.progress, &program, PLACE))?);
    }
    let mut command = Command::new(cargo());
    command.current_dir(&context.workspace).args(["test", "--quiet", "--doc", "--no-fail-fast"]);
    command.args(packages(choice)).arg("--");
    command.args(&choice.filter).args(["--format", "pretty"]);
    report.add(run_one(context, command, Program::several(&context.progress, "documentation", PLACE))?);
    Ok(())
}

/// Builds; answers name, folder of the package and path of each program.
fn build(context: &Context, metadata: &Metadata, choice: &Choice) -> Result<Vec<(String, String, String)>> {
    let from = context.progress.log_length();
    let mut child = Command::new(cargo())
        .current_dir(&context.workspace)
        .args(["test", "--no-run", "--message-format", "json-render-diagnostics"])
        .args(packages(choice))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(context.progress.chatter()?)
        .spawn()
        .context("cargo test")?;
    let mut programs = Vec::new();
    for message in Message::parse_stream(BufReader::new(child.stdout.take().context("cargo's output")?)) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        let (true, Some(path)) = (artifact.profile.test, artifact.executable) else { continue };
        let package = metadata.packages.iter().find(|package| package.id == artifact.package_id);
        let package = package.with_context(|| format!("no package {}", artifact.package_id))?;
        let folder = package.manifest_path.parent().map(|folder| folder.to_string()).unwrap_or_default();
        programs.push((format!("{}::{}", package.name, artifact.target.name), folder, path.to_string()));
    }
    anyhow::ensure!(
        child.wait()?.success(),
        "the native tests do not build{}",
        context.progress.said_since(from, SHOWN_LINES)
    );
    programs.sort();
    Ok(programs)
}

fn packages(choice: &Choice) -> Vec<&str> {
    if choice.packages.is_empty() {
        return vec!["--workspace"];
    }
    choice.packages.iter().flat_map(|package| ["--package", package]).collect()
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
