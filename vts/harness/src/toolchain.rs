//! What compiles: Cargo, cross builds, and a compiler with the standard library's sources, put together from Debian's
//! archive in a folder of its own, for targets whose standard library the archive has not (Android's), or not always in the
//! compiler's own version (i686). Nothing is installed; the folder is kept.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{flock, FlockOperation};

use crate::apt;
use crate::arch::Target;
use crate::error::{At, Error, Result};
use crate::progress::{on_path, run_captured, Progress};

/// The oldest compiler that the device's code has to be content with: base Android 15's (`android-15.0.0_r1` to `_r5`), older than any
/// that the releases have for which it is built.
pub const OLDEST_RUSTC: &str = "1.78.0";
/// The same as manifests say it.
pub const RUST_VERSION: &str = "1.78";

/// Debian packages the compiler of its browsers apart from its own: the newest Rust that the archive has.
const COMPILER: &str = "rustc-web";
const SOURCES: &str = "rust-web-src";
const HOST_LIBRARY: &str = "libstd-rust-web-dev";
/// The linker, by the package that depends on the one with the version in its name.
const LINKER: &str = "lld";

/// The unpacked toolchain.
#[derive(Clone, Debug)]
pub struct Toolchain {
    folder: PathBuf,
}

impl Toolchain {
    /// The toolchain in a folder; fetched when it is not there.
    ///
    /// # Errors
    /// No apt, no such packages, no network.
    pub fn get(folder: &Path, progress: &Progress) -> Result<Toolchain> {
        let toolchain = Toolchain { folder: folder.to_owned() };
        if folder.exists() {
            return Ok(toolchain);
        }
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).at(parent.display())?;
        }
        // Two steps at the same time fetch it once.
        let lock = folder.with_extension("lock");
        let lock = File::create(&lock).at(lock.display())?;
        flock(&lock, FlockOperation::LockExclusive).map_err(std::io::Error::from).at(folder.display())?;
        if folder.exists() {
            return Ok(toolchain);
        }
        apt::refresh(progress);
        apt::whole(folder, |part| {
            for package in packages()? {
                let unpacked = part.join(&package);
                apt::unpack(&package, &unpacked, progress)?;
                if package == SOURCES {
                    only_the_library(&unpacked)?;
                }
                merge(&unpacked, part)?;
            }
            Ok(())
        })
        .map_err(|error| apt::broken(COMPILER, folder, error))?;
        Ok(toolchain)
    }

    /// Cargo with this compiler in a workspace, for a target, with these crates of the standard library built for it.
    pub fn cargo(&self, verb: &str, workspace: &Path, triple: &str, standard: &str, build: &Path) -> Command {
        let mut command = Command::new(cargo());
        command
            .args([verb, "-Z", &format!("build-std={standard}"), "--target", triple, "--target-dir"])
            .arg(build)
            .current_dir(workspace)
            .env("RUSTC", self.folder.join("usr/bin/rustc"))
            // `-Z` on a released compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("LD_LIBRARY_PATH", self.libraries())
            .env_remove("RUSTFLAGS")
            .env_remove("RUSTUP_TOOLCHAIN");
        command
    }

    /// The linker that Android's build has, too.
    pub fn linker(&self) -> Command {
        let versioned = fs::read_dir(self.folder.join("usr/lib")).into_iter().flatten().flatten();
        let found = versioned.map(|entry| entry.path().join("bin/ld.lld")).find(|path| path.exists());
        let mut command = Command::new(found.unwrap_or_else(|| "ld.lld".into()));
        command.env("LD_LIBRARY_PATH", self.libraries());
        command
    }

    /// Where the compiler's own shared libraries are.
    fn libraries(&self) -> OsString {
        let folders = fs::read_dir(self.folder.join("usr/lib")).into_iter().flatten().flatten();
        let paths = folders.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
        std::env::join_paths(paths).unwrap_or_default()
    }
}

/// The packages, those with a version in their names found along the dependencies.
fn packages() -> Result<Vec<String>> {
    let compiler = dependency(HOST_LIBRARY, "libstd-rust-web-")?;
    let code = dependency(&compiler, "libllvm")?;
    let linker = dependency(LINKER, "lld-")?;
    let linker_code = dependency(&linker, "libllvm")?;
    let mut packages: Vec<String> = [COMPILER, SOURCES, HOST_LIBRARY].map(str::to_owned).into();
    packages.extend([compiler, code, linker, linker_code]);
    packages.dedup();
    Ok(packages)
}

/// The dependency of a package whose name begins so.
fn dependency(package: &str, prefix: &str) -> Result<String> {
    let output = run_captured(Command::new("apt-cache").args(["depends", "--important", package]))?;
    let text = String::from_utf8_lossy(&output).into_owned();
    let mut names = text.lines().filter_map(|line| line.split_once("Depends: ")).map(|(_, name)| name.trim());
    let found = names.find(|name| name.starts_with(prefix)).map(str::to_owned);
    found.ok_or_else(|| Error::Protocol(format!("the package {package} depends on no {prefix}…")))
}

/// Moves what was unpacked over what was before, as dpkg would.
fn merge(unpacked: &Path, into: &Path) -> Result<()> {
    run_captured(Command::new("cp").env("LC_ALL", "C").arg("-a").arg(unpacked.join("usr")).arg(into))?;
    fs::remove_dir_all(unpacked).at(unpacked.display())
}

/// Drops what is not the standard library: most of the package.
fn only_the_library(unpacked: &Path) -> Result<()> {
    let sources = unpacked.join("usr/src");
    for version in fs::read_dir(&sources).at(sources.display())?.flatten() {
        for entry in fs::read_dir(version.path()).at(version.path().display())?.flatten() {
            let keep = ["library", "Cargo.lock", "Cargo.toml"].iter().any(|name| entry.file_name() == *name);
            if !keep && entry.path().is_dir() {
                fs::remove_dir_all(entry.path()).at(entry.path().display())?;
            }
        }
    }
    Ok(())
}

/// A cross build: what for, and with which compiler.
#[derive(Debug, Clone)]
pub struct Cross {
    /// What for.
    pub target: &'static Target,
    pub(crate) compiler: Compiler,
}

/// What a cross build is compiled with.
#[derive(Debug, Clone)]
pub(crate) enum Compiler {
    /// The machine's own, for which rustup has the target's standard library, into the workspace's target folder: what runs
    /// while compiling (macros, build scripts) lies there already.
    Own(PathBuf),
    /// Debian's, where the machine's has no such library, into this folder: it is built first.
    Debian(Toolchain, PathBuf),
}

impl Cross {
    /// Cross builds for a target below `folder`, the workspace's target folder. Where rustup cannot add its standard
    /// library, they are done with Debian's compiler, which is kept in `toolchain`.
    ///
    /// # Errors
    /// Neither is to be had.
    pub fn get(target: &'static Target, toolchain: &Path, folder: &Path, progress: &Progress) -> Result<Self> {
        let compiler = if has_library(target.triple) || add_library(target.triple, progress) {
            Compiler::Own(folder.to_owned())
        } else {
            Compiler::Debian(Toolchain::get(toolchain, progress)?, folder.join("cross"))
        };
        Ok(Self { target, compiler })
    }
}

/// Whether the machine's compiler has this target's standard library.
fn has_library(triple: &str) -> bool {
    let root = run_captured(Command::new("rustc").args(["--print", "sysroot"]));
    root.is_ok_and(|root| {
        let root = PathBuf::from(String::from_utf8_lossy(&root).trim());
        root.join("lib/rustlib").join(triple).join("lib").is_dir()
    })
}

/// Adds it with rustup, where there is one and a network.
fn add_library(triple: &str, progress: &Progress) -> bool {
    if !on_path("rustup") {
        return false;
    }
    progress.step(format_args!("missing: the standard library for {triple}; adding it with rustup target add"));
    let added = progress.run_logged(Command::new("rustup").args(["target", "add", triple]));
    if let Err(error) = &added {
        progress.step(format_args!("{error}; Debian's compiler builds one"));
    }
    added.is_ok() && has_library(triple)
}

/// The Cargo that runs us, or the one on the PATH.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_and_the_oldest_compiler_say_the_same_version() {
        assert_eq!(OLDEST_RUSTC.rsplit_once('.'), Some((RUST_VERSION, "0")));
    }

    #[test]
    fn packages_are_merged_over_each_other() {
        let root = tempfile::tempdir().unwrap();
        for (package, file) in [("a", "usr/lib/x"), ("b", "usr/lib/y")] {
            let path = root.path().join(package).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, package).unwrap();
            merge(&root.path().join(package), root.path()).unwrap();
            assert!(!root.path().join(package).exists());
        }
        for (file, text) in [("usr/lib/x", "a"), ("usr/lib/y", "b")] {
            assert_eq!(fs::read_to_string(root.path().join(file)).unwrap(), text);
        }
    }
}
