//! Builds programs and test programs of the workspace for the guest. They are linked as on the host; what they load goes
//! into the guest with them ([`crate::libraries`]).

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Artifact, Message, TargetKind};

use crate::error::{At, Error, Result};
use crate::progress::Progress;
use crate::toolchain::Toolchain;

/// The profile of what runs in a guest: built often, quick enough.
pub const GUEST_PROFILE: &str = "guest";
/// The profile of what ships: optimised as a whole, which takes minutes. For measurements.
pub const SHIPPED_PROFILE: &str = "release";

/// What 32-bit programs are built for: a PC's 64-bit kernel runs them, as an arm64 one runs a phone's.
const I686: &str = "i686-unknown-linux-gnu";
/// What links them, by the name that Debian's cross compiler has.
pub(crate) const I686_LINKER: &str = "i686-linux-gnu-gcc";

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

/// What a build gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// All programs.
    pub programs: Vec<Program>,
    /// All shared libraries.
    pub libraries: Vec<PathBuf>,
    /// All test programs, in order of their names.
    pub tests: Vec<TestProgram>,
}

impl Built {
    /// A package's program of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn program(&self, package: &str, name: &str) -> Result<&Path> {
        let found = self.programs.iter().find(|program| program.package == package && program.name == name);
        found.map(|program| program.path.as_path()).ok_or_else(|| Error::Protocol(format!("no {name} of {package}")))
    }

    fn take(&mut self, artifact: Artifact) {
        let package = package_name(&artifact);
        let name = artifact.target.name;
        match artifact.executable.map(cargo_metadata::camino::Utf8PathBuf::into_std_path_buf) {
            Some(path) if artifact.profile.test => {
                let folder = artifact.manifest_path.parent().map(|folder| folder.as_std_path().to_owned());
                self.tests.push(TestProgram { package, target: name, folder: folder.unwrap_or_default(), path });
            }
            Some(path) if artifact.target.kind.contains(&TargetKind::Bin) => {
                self.programs.push(Program { package, name, path });
            }
            _ if artifact.target.kind.contains(&TargetKind::CDyLib) && !artifact.profile.test => {
                let files = artifact.filenames.into_iter().map(cargo_metadata::camino::Utf8PathBuf::into_std_path_buf);
                self.libraries.extend(files.filter(|file| file.extension().is_some_and(|extension| extension == "so")));
            }
            _ => {}
        }
    }
}

/// A test program that was built.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TestProgram {
    /// Its package.
    pub package: String,
    /// The test target: the library's name for unit tests, the file's for integration tests.
    pub target: String,
    /// The package's folder.
    pub folder: PathBuf,
    /// The executable.
    pub path: PathBuf,
}

/// Builds all programs and shared libraries of some packages, in a profile of this module's.
///
/// # Errors
/// The build fails.
pub fn build(workspace: &Path, packages: &[&str], profile: &str, progress: &Progress) -> Result<Built> {
    let mut command = cargo_in(workspace, &["build", "--profile", profile]);
    command.args(packages.iter().flat_map(|package| ["-p", package]));
    run(command, progress)
}

/// Builds the tests of the workspace or of some packages as `cargo test` does, and with them the programs and shared
/// libraries of every package that has integration tests.
///
/// # Errors
/// The build fails.
pub fn build_tests(workspace: &Path, packages: &[String], progress: &Progress) -> Result<Built> {
    let mut command = cargo_in(workspace, &["test", "--no-run"]);
    match packages {
        [] => command.arg("--workspace"),
        packages => command.args(packages.iter().flat_map(|package| ["-p", package])),
    };
    run(command, progress)
}

/// Builds 32-bit programs and shared libraries of some packages, and the tests of others, into the folder `build`.
///
/// # Errors
/// The build fails.
pub fn build_narrow(
    workspace: &Path,
    toolchain: &Toolchain,
    build: &Path,
    packages: &[&str],
    tested: &[&str],
    progress: &Progress,
) -> Result<Built> {
    let cargo = |verb: &str, packages: &[&str]| {
        let mut command = toolchain.cargo(verb, workspace, I686, "std,panic_unwind,test", build);
        command.args(MESSAGES).env("CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER", I686_LINKER);
        // They are stripped for the guest in any case.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        command.args(packages.iter().flat_map(|package| ["-p", package]));
        command
    };
    let built = run(cargo("build", packages), progress)?;
    let mut command = cargo("test", tested);
    command.arg("--no-run");
    Ok(Built { tests: run(command, progress)?.tests, ..built })
}

/// Builds the guest's own program, `vmctl`.
///
/// # Errors
/// The build fails.
pub fn build_vmctl(workspace: &Path, progress: &Progress) -> Result<PathBuf> {
    progress.step("building vmctl, the guest's own program");
    let mut command = cargo_in(workspace, &["build", "--profile", GUEST_PROFILE]);
    command.args(["-p", "vm_harness", "--bin", "vmctl", "--no-default-features"]);
    Ok(run(command, progress)?.program("vm_harness", "vmctl")?.to_owned())
}

/// A copy of a program in `folder` without what only a debugger reads: a guest's files lie in its memory.
///
/// # Errors
/// `strip` says why.
pub fn stripped(program: &Path, folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).at(folder.display())?;
    let copy = folder.join(program.file_name().unwrap_or_default());
    crate::progress::run_captured(Command::new("strip").arg("--strip-debug").arg("-o").arg(&copy).arg(program))?;
    Ok(copy)
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

/// What a build is read by.
const MESSAGES: [&str; 2] = ["--message-format", "json-render-diagnostics"];

fn cargo_in(workspace: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(workspace).args(arguments).args(MESSAGES);
    command
}

/// Runs Cargo with its progress in the log and collects what it built.
fn run(mut command: Command, progress: &Progress) -> Result<Built> {
    let from = progress.log_length();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(progress.chatter()?);
    let mut child = command.spawn().at("cargo")?;
    let stdout = child.stdout.take().ok_or_else(|| Error::Protocol("cargo has no output".to_owned()))?;
    let mut built = Built::default();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) = message.at("cargo's messages")? {
            built.take(artifact);
        }
    }
    let status = child.wait().at("cargo")?;
    if status.success() {
        built.tests.sort();
        return Ok(built);
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let command = format!("`cargo {}`", words.join(" "));
    Err(Error::Command { command, status: status.to_string(), output: progress.said_since(from, SHOWN_LINES) })
}
