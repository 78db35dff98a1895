//! Builds programs and test programs of the workspace for the guest: linked statically, so that they need no file
//! system around them.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Artifact, Message, TargetKind};

use crate::error::{At, Error, Result};
use crate::progress::Progress;

/// The guest's target. Given explicitly even though the host has the same: flags for a named target reach no build
/// script and no procedural macro, which cannot be static.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Where Cargo takes the flags of [`TARGET`] from.
pub const STATIC_FLAGS_VARIABLE: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS";
/// Links the C library in.
pub const STATIC_FLAGS: &str = "-C target-feature=+crt-static";

/// The profile of what runs in a guest: built often, quick enough.
pub const GUEST_PROFILE: &str = "guest";
/// The profile of what ships: optimised as a whole, which takes minutes. For measurements.
pub const SHIPPED_PROFILE: &str = "release";

/// How much of a failed build is shown.
const SHOWN_LINES: usize = 60;

/// The Cargo that runs us, or the one on the PATH.
pub fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A program that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its package.
    pub package: String,
    /// Its `[[bin]]` name.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
}

/// A test program that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestProgram {
    /// Its package.
    pub package: String,
    /// The test target: the library's name for unit tests, the file's for integration tests.
    pub target: String,
    /// The executable.
    pub path: PathBuf,
}

/// Builds all programs of some packages for the guest, in a profile of this module's.
///
/// # Errors
/// The build fails.
pub fn build(workspace: &Path, packages: &[&str], profile: &str, progress: &Progress) -> Result<Vec<Program>> {
    programs(static_cargo(workspace, &["build", "--bins", "--profile", profile]), packages, progress)
}

/// The same for programs that load libraries, which a static program cannot.
///
/// # Errors
/// The build fails.
pub fn build_shared(workspace: &Path, packages: &[&str], progress: &Progress) -> Result<Vec<Program>> {
    programs(plain_cargo(workspace, &["build", "--bins", "--profile", GUEST_PROFILE]), packages, progress)
}

fn programs(mut command: Command, packages: &[&str], progress: &Progress) -> Result<Vec<Program>> {
    for package in packages {
        command.args(["-p", package]);
    }
    let artifacts = run(command, progress)?.into_iter().filter(|artifact| artifact.target.is_kind(TargetKind::Bin));
    Ok(artifacts
        .filter_map(|artifact| {
            let package = package_name(&artifact);
            Some(Program { package, path: artifact.executable?.into_std_path_buf(), name: artifact.target.name })
        })
        .collect())
}

/// Builds the guest's own program, `vmctl`.
///
/// # Errors
/// The build fails.
pub fn build_vmctl(workspace: &Path, progress: &Progress) -> Result<PathBuf> {
    progress.step("building vmctl, the guest's own program");
    let mut command = static_cargo(workspace, &["build", "--profile", GUEST_PROFILE]);
    command.args(["-p", "vm_harness", "--bin", "vmctl", "--no-default-features"]);
    let artifacts = run(command, progress)?;
    let built = artifacts.iter().find(|a| a.target.name == "vmctl").and_then(|a| a.executable.as_ref());
    built.map(|path| path.clone().into_std_path_buf()).ok_or_else(|| Error::Protocol("cargo built no vmctl".to_owned()))
}

/// Builds the shared library of a package, for programs in the guest that load it: not static, since a static program
/// cannot load libraries.
///
/// # Errors
/// The build fails, or the package has no `cdylib`.
pub fn build_library(workspace: &Path, package: &str, progress: &Progress) -> Result<PathBuf> {
    let mut command = plain_cargo(workspace, &["build", "--lib", "--profile", GUEST_PROFILE]);
    command.args(["-p", package]);
    let files = run(command, progress)?.into_iter().filter(|a| package_name(a) == package).flat_map(|a| a.filenames);
    files
        .map(|file| file.into_std_path_buf())
        .find(|file| file.extension().is_some_and(|extension| extension == "so"))
        .ok_or_else(|| Error::Protocol(format!("cargo built no shared library of {package}")))
}

/// Builds the test programs of some packages as `cargo test` does, linked dynamically.
///
/// # Errors
/// The build fails.
pub fn build_shared_tests(workspace: &Path, packages: &[&str], progress: &Progress) -> Result<Vec<TestProgram>> {
    let mut command = plain_cargo(workspace, &["test", "--no-run", "--lib", "--bins", "--tests"]);
    for package in packages {
        command.args(["-p", package]);
    }
    test_programs(command, progress)
}

/// Builds the test programs of some packages for the guest, statically; `profile` decides how fast they run and build.
///
/// # Errors
/// The build fails.
pub fn build_tests(
    workspace: &Path,
    packages: &[&str],
    profile: &str,
    progress: &Progress,
) -> Result<Vec<TestProgram>> {
    let mut command =
        static_cargo(workspace, &["test", "--no-run", "--lib", "--bins", "--tests", "--profile", profile]);
    for package in packages {
        command.args(["-p", package]);
    }
    test_programs(command, progress)
}

fn test_programs(command: Command, progress: &Progress) -> Result<Vec<TestProgram>> {
    let tests = run(command, progress)?.into_iter().filter(|artifact| artifact.profile.test);
    Ok(tests
        .filter_map(|artifact| {
            let package = package_name(&artifact);
            Some(TestProgram { package, path: artifact.executable?.into_std_path_buf(), target: artifact.target.name })
        })
        .collect())
}

/// The name in `path+file:///…/service/heaps#gralloc_heaps@0.1.0`; Cargo leaves it out, `…/bench#0.1.0`, where the
/// folder has it.
fn package_name(artifact: &Artifact) -> String {
    let mut parts = artifact.package_id.repr.rsplit(['#', '/']);
    parts.find_map(|part| part.split('@').next().filter(|name| !is_version(name))).unwrap_or_default().to_owned()
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn static_cargo(workspace: &Path, arguments: &[&str]) -> Command {
    let mut command = plain_cargo(workspace, arguments);
    command.args(["--target", TARGET]).env(STATIC_FLAGS_VARIABLE, STATIC_FLAGS);
    command
}

fn plain_cargo(workspace: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(workspace).args(arguments).args(["--message-format", "json-render-diagnostics"]);
    command
}

/// Runs Cargo with its progress in the log and collects what it built.
fn run(mut command: Command, progress: &Progress) -> Result<Vec<Artifact>> {
    let from = progress.log_length();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(progress.chatter()?);
    let mut child = command.spawn().at("cargo")?;
    let stdout = child.stdout.take().ok_or_else(|| Error::Protocol("cargo has no output".to_owned()))?;
    let mut artifacts = Vec::new();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) = message.at("cargo's messages")? {
            artifacts.push(artifact);
        }
    }
    let status = child.wait().at("cargo")?;
    if status.success() {
        return Ok(artifacts);
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let command = format!("`cargo {}`", words.join(" "));
    Err(Error::Command { command, status: status.to_string(), output: progress.said_since(from, SHOWN_LINES) })
}
