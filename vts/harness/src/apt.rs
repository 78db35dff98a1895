//! Takes single packages from the distribution's archive and unpacks them into the cache; nothing is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use crate::error::{At, Error, Result};
use crate::progress::{on_path, run_captured, Progress};

/// The file beside an unpacked package's own that holds its version.
const VERSION: &str = "package-version";

/// Names of all packages that apt knows with this prefix; empty where there is no apt.
pub fn names(prefix: &str) -> Vec<String> {
    let Ok(output) = run_captured(Command::new("apt-cache").args(["pkgnames", prefix])) else { return Vec::new() };
    String::from_utf8_lossy(&output).lines().map(str::to_owned).collect()
}

/// Fetches the package lists anew, once a run and only as root. A machine's lists are as old as its image: what they
/// name may be gone from the archive, and what is newest there they do not name. Without a network the old ones serve.
pub fn refresh(progress: &Progress) {
    static ONCE: Once = Once::new();
    if !on_path("apt-get") || !rustix::process::geteuid().is_root() {
        return;
    }
    ONCE.call_once(|| {
        progress.step("fetching the package lists");
        if let Err(error) = progress.run_logged(Command::new("apt-get").args(["-q", "update"])) {
            progress.step(format_args!("going on with the package lists that are here: {error}"));
        }
    });
}

/// Downloads a package and unpacks it to `into`, which appears only when whole.
///
/// # Errors
/// No apt, no such package, no network; or the folder cannot be written.
pub fn unpack(package: &str, into: &Path, progress: &Progress) -> Result<()> {
    unpack_all(&[package.to_owned()], into, progress)
}

/// The same for packages that belong together, over each other as dpkg would. The version kept is the first one's.
///
/// # Errors
/// As [`unpack`].
pub(crate) fn unpack_all(packages: &[String], into: &Path, progress: &Progress) -> Result<()> {
    let names = packages.join(", ");
    if !on_path("apt-get") || !on_path("dpkg-deb") {
        return Err(Error::Missing {
            what: format!("apt-get and dpkg-deb, with which {names} is fetched and unpacked"),
            remedy: "use a Debian-like machine; elsewhere give --kernel PATH and put a static busybox on the PATH"
                .to_owned(),
        });
    }
    let work = into.with_extension("part");
    let _nothing_left_over = fs::remove_dir_all(&work);
    let files = work.join("files");
    fs::create_dir_all(&files).at(files.display())?;
    progress.step(format_args!("downloading {names}"));
    let mut versions = Vec::new();
    for package in packages {
        // As root apt would drop to the user _apt, who cannot write here.
        let download = || {
            let arguments = ["-q", "-o", "APT::Sandbox::User=root", "download", package];
            progress.run_logged(Command::new("apt-get").args(arguments).current_dir(&work))
        };
        if download().is_err() {
            refresh(progress);
            download()?;
        }
        let archive = only_deb(&work)?;
        run_captured(Command::new("dpkg-deb").arg("-x").args([&archive, &files]))?;
        versions.push(run_captured(Command::new("dpkg-deb").arg("-f").arg(&archive).arg("Version"))?);
        fs::remove_file(&archive).at(archive.display())?;
    }
    fs::write(files.join(VERSION), versions.first().map_or(&[][..], Vec::as_slice)).at(files.display())?;
    let _replaced = fs::remove_dir_all(into);
    fs::rename(&files, into).at(into.display())?;
    fs::remove_dir_all(&work).at(work.display())
}

/// The version of a package that [`unpack`] has unpacked.
///
/// # Errors
/// It has not.
pub fn version(unpacked: &Path) -> Result<String> {
    let path = unpacked.join(VERSION);
    Ok(fs::read_to_string(&path).at(path.display())?.trim().to_owned())
}

fn only_deb(folder: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).at(folder.display())?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| Error::BadFile { path: folder.to_owned(), problem: "apt-get left no package here".to_owned() })
}
