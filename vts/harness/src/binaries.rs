//! Builds programs and test programs of the workspace for the guest. They are linked as on the host; what they load goes
//! into the guest with them ([`crate::libraries`]).

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Artifact, CrateType, Message, TargetKind};
use object::{Architecture, Object as _};

use crate::arch::ARM64;
use crate::error::{At, Error, Result};
use crate::progress::Progress;
use crate::toolchain::{cargo, Compiler, Cross};

/// The profile of what runs in a guest: built often, quick enough.
pub const GUEST_PROFILE: &str = "guest";
/// The profile of what ships: optimised as a whole, which takes minutes. For measurements.
pub const SHIPPED_PROFILE: &str = "release";

/// How much of a failed build is shown.
const SHOWN_LINES: usize = 60;

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
    /// All shared libraries, examples among them.
    pub libraries: Vec<PathBuf>,
    /// All test programs, in order of their names.
    pub tests: Vec<TestProgram>,
    /// Whether this machine runs them.
    pub is_for_host: bool,
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

    /// A shared library by its file's name.
    ///
    /// # Errors
    /// There is none.
    pub fn library(&self, name: &str) -> Result<&Path> {
        let found = self.libraries.iter().find(|path| path.ends_with(name));
        found.map(PathBuf::as_path).ok_or_else(|| Error::Protocol(format!("no {name} was built")))
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
            _ if artifact.target.crate_types.contains(&CrateType::CDyLib) && !artifact.profile.test => {
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

/// Builds a program for this machine as a build of the workspace's tests does. What all other programs share with it then has
/// the same features, and is not built once more; the examples are there for that alone, and need what tests need.
///
/// # Errors
/// The build fails.
pub fn build_as_tests_do(workspace: &Path, program: &str, progress: &Progress) -> Result<Built> {
    run(cargo_in(workspace, &["build", "--workspace", "--examples", "--bin", program]), progress)
}

/// Builds the tests of the workspace or of some packages as `cargo test` does, and with them the programs and shared
/// libraries of every package that has integration tests.
///
/// # Errors
/// The build fails.
pub fn build_tests(workspace: &Path, packages: &[String], progress: &Progress) -> Result<Built> {
    build_tests_with(workspace, packages, &[], progress)
}

/// The same with features of the packages.
///
/// # Errors
/// The build fails.
pub fn build_tests_with(
    workspace: &Path,
    packages: &[String],
    features: &[&str],
    progress: &Progress,
) -> Result<Built> {
    let mut command = cargo_in(workspace, &["test", "--no-run"]);
    match packages {
        [] => command.arg("--workspace"),
        packages => command.args(packages.iter().flat_map(|package| ["-p", package])),
    };
    command.args(features.iter().flat_map(|feature| ["--features", feature]));
    run(command, progress)
}

impl Cross {
    /// Cargo with the cross compiler.
    pub(crate) fn cargo(&self, workspace: &Path, verb: &str) -> Command {
        let Self { target, compiler } = self;
        let mut command = match compiler {
            Compiler::Own(folder) => {
                let mut command = Command::new(cargo());
                command.current_dir(workspace).args([verb, "--target", target.triple, "--target-dir"]).arg(folder);
                command
            }
            Compiler::Debian(toolchain, folder) => {
                toolchain.cargo(verb, workspace, target.triple, "std,panic_unwind,test", folder)
            }
        };
        command.env(target.linker_variable, target.linker);
        // They are stripped for the guest in any case. As the service manager is built, with which they share dependencies.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_DEV_STRIP", "debuginfo");
        command
    }

    /// Builds the tests of some packages, and with them the programs and shared libraries of every one that has integration
    /// tests. All at once: what programs and tests share then has the same features, and is built once.
    ///
    /// # Errors
    /// The build fails.
    pub fn build_tests(&self, workspace: &Path, packages: &[&str], progress: &Progress) -> Result<Built> {
        let mut command = self.cargo(workspace, "test");
        command.args(MESSAGES).arg("--no-run").args(packages.iter().flat_map(|package| ["-p", package]));
        run(command, progress)
    }

    /// Builds programs and shared libraries of some packages with further arguments for Cargo.
    ///
    /// # Errors
    /// The build fails.
    pub fn build_programs(
        &self,
        workspace: &Path,
        packages: &[&str],
        arguments: &[&str],
        progress: &Progress,
    ) -> Result<Built> {
        let mut command = self.cargo(workspace, "build");
        command.args(MESSAGES).args(packages.iter().flat_map(|package| ["-p", package])).args(arguments);
        run(command, progress)
    }
}

/// Builds the guest's own program, `vmctl`.
///
/// # Errors
/// The build fails.
pub fn build_vmctl(workspace: &Path, cross: Option<&Cross>, progress: &Progress) -> Result<PathBuf> {
    const ARGUMENTS: [&str; 3] = ["--bin", "vmctl", "--no-default-features"];
    progress.step("building vmctl, the guest's own program");
    let built = match cross {
        // In the profile of all that is cross-built, for which the standard library is there.
        Some(cross) => cross.build_programs(workspace, &["vm_harness"], &ARGUMENTS, progress)?,
        None => {
            let mut command = cargo_in(workspace, &["build", "--profile", GUEST_PROFILE, "-p", "vm_harness"]);
            command.args(ARGUMENTS);
            run(command, progress)?
        }
    };
    Ok(built.program("vm_harness", "vmctl")?.to_owned())
}

/// A copy of a program in `folder` without what only a debugger reads: a guest's files lie in its memory.
///
/// # Errors
/// `strip` says why.
pub fn stripped(program: &Path, folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).at(folder.display())?;
    let copy = folder.join(program.file_name().unwrap_or_default());
    let bytes = std::fs::read(program).at(program.display())?;
    let arm64 = object::File::parse(&*bytes).is_ok_and(|file| file.architecture() == Architecture::Aarch64);
    let strip = if arm64 { ARM64.strip } else { "strip" };
    crate::progress::run_captured(Command::new(strip).arg("--strip-debug").arg("-o").arg(&copy).arg(program))?;
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
    let is_for_host = !command.get_args().any(|word| word == "--target");
    let mut built = Built { is_for_host, ..Built::default() };
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
