//! Tests on this machine: every test program of the workspace, and the examples in its documentation.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use cargo_metadata::{Message, Metadata};
use vm_harness::binaries::cargo;
use vm_harness::protocol::Status;

use super::libtest::Parser;
use super::report::{Outcome, Report};
use super::Choice;
use crate::context::Context;

const PLACE: &str = "native";

/// Builds and runs them; the filter goes to each program.
pub(crate) fn run(context: &Context, choice: Choice<'_>, report: &mut Report) -> Result<()> {
    context.progress.step("building the native tests");
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
    for (program, folder, path) in build(context, &metadata, choice)? {
        context.progress.step(format_args!("{PLACE}: {program}"));
        let mut command = Command::new(path);
        // As `cargo test` does.
        command.current_dir(&folder).env("CARGO_MANIFEST_DIR", &folder).env("CARGO", cargo());
        command.args(choice.filter).arg("--show-output");
        report.add(run_one(command, Parser::new(&program, PLACE))?);
    }
    context.progress.step(format_args!("{PLACE}: examples in the documentation"));
    let mut command = Command::new(cargo());
    command.current_dir(&context.workspace).args(["test", "--quiet", "--doc", "--no-fail-fast"]);
    command.args(packages(choice)).arg("--");
    command.args(choice.filter).args(["--format", "pretty"]);
    report.add(run_one(command, Parser::of_several("documentation", PLACE))?);
    Ok(())
}

/// Builds; answers name, folder of the package and path of each program.
fn build(context: &Context, metadata: &Metadata, choice: Choice<'_>) -> Result<Vec<(String, String, String)>> {
    let mut child = Command::new(cargo())
        .current_dir(&context.workspace)
        .args(["test", "--no-run", "--message-format", "json-render-diagnostics"])
        .args(packages(choice))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
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
    anyhow::ensure!(child.wait()?.success(), "the native tests do not build");
    programs.sort();
    Ok(programs)
}

fn packages(choice: Choice<'_>) -> Vec<&str> {
    if choice.packages.is_empty() {
        return vec!["--workspace"];
    }
    choice.packages.iter().flat_map(|package| ["--package", package]).collect()
}

fn run_one(mut command: Command, mut parser: Parser) -> Result<Vec<Outcome>> {
    let shown = Path::new(command.get_program()).display().to_string();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context(shown)?;
    echo(child.stdout.take().context("the test's output")?, &mut parser)?;
    let status = child.wait()?;
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    let status = status.code().map_or_else(|| Status::Signalled(signal.unwrap_or(0)), Status::Exited);
    Ok(parser.finish(&status))
}

/// Prints lines as they come, and has them read.
fn echo(output: impl Read, parser: &mut Parser) -> Result<()> {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        parser.line(&text);
        line.clear();
    }
    Ok(())
}
