//! Packages of the distribution for a machine that is somebody's: none of theirs is removed for ours.
//!
//! Tried in this order: `apt-get install --no-remove`; the same from the release that the packages in the way come from
//! (beside a backported qemu-utils, the backported QEMU); the packages unpacked into the cache, as a guest's kernel is,
//! with their programs put on this process' PATH. The only place that installs anything into the system.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::apt;
use crate::arch::multiarch;
use crate::error::{At, Error, Result};
use crate::progress::{run_captured, Progress};

/// How packages come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Installed, from this release when another than the usual one has to be taken.
    Install { release: Option<String> },
    /// Unpacked beside, with what they need, since installing would remove these.
    Beside { packages: Vec<String>, removes: Vec<String> },
}

/// Decides for all of these packages, each with the way it comes: together where nothing stands against that, else each by itself,
/// so that one which stands in the way of the user's takes no other beside.
///
/// # Errors
/// As [`way`].
fn ways<'p>(apt: &mut impl Apt, packages: &[&'p str]) -> Result<Vec<(Vec<&'p str>, Way)>> {
    let usual = Way::Install { release: None };
    if apt.simulate(&["--no-remove"], packages).is_ok() {
        return Ok(vec![(packages.to_vec(), usual)]);
    }
    let mut decided: Vec<(Vec<&str>, Way)> = Vec::new();
    for package in packages {
        let way = way(apt, &[package])?;
        match decided.iter_mut().find(|(_, other)| *other == way && matches!(way, Way::Install { .. })) {
            Some((together, _)) => together.push(package),
            None => decided.push((vec![package], way)),
        }
    }
    Ok(decided)
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Install { release: None } => write!(f, "apt-get installed it"),
            Self::Install { release: Some(release) } => write!(f, "apt-get installed it from {release}"),
            Self::Beside { packages, removes } => {
                let (packages, removes) = (packages.join(", "), removes.join(", "));
                write!(f, "installing would remove {removes}; unpacked beside: {packages}")
            }
        }
    }
}

/// What is asked of apt; the tests have their own.
pub(crate) trait Apt {
    /// What `apt-get -s install` with these options would do, in its words.
    fn simulate(&mut self, options: &[&str], packages: &[&str]) -> Result<String>;
    /// What `apt-cache policy` says of a package.
    fn policy(&mut self, package: &str) -> Result<String>;
}

/// Decides how these packages come without any of the user's going.
///
/// # Errors
/// apt knows one of them not, or cannot resolve what it needs.
pub(crate) fn way(apt: &mut impl Apt, packages: &[&str]) -> Result<Way> {
    let Err(refusal) = apt.simulate(&["--no-remove"], packages) else { return Ok(Way::Install { release: None }) };
    let plan = apt.simulate(&[], packages)?;
    let removes = names(&plan, "Remv");
    if removes.is_empty() {
        return Err(refusal);
    }
    let mut releases = BTreeSet::new();
    for package in &removes {
        releases.extend(release_of_installed(&apt.policy(package)?));
    }
    for release in releases {
        if apt.simulate(&["--no-remove", "-t", &release], packages).is_ok() {
            return Ok(Way::Install { release: Some(release) });
        }
    }
    Ok(Way::Beside { packages: names(&plan, "Inst"), removes })
}

/// The packages that a simulation names with this verb: `Remv qemu-utils [1:9.2.0+ds-2~bpo12+1]`.
fn names(plan: &str, verb: &str) -> Vec<String> {
    let words = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some(verb)).then(|| words.next().map(str::to_owned)).flatten()
    };
    plan.lines().filter_map(words).collect()
}

/// The release that offers what is installed: `500 http://deb.debian.org/debian bookworm-backports/main amd64 Packages`,
/// among the lines below the version with `***`.
fn release_of_installed(policy: &str) -> Option<String> {
    let mut lines = policy.lines().skip_while(|line| !line.trim_start().starts_with("***")).skip(1);
    // Sources are indented further than versions, and dpkg's own list is none.
    let sources = lines.by_ref().take_while(|line| line.starts_with("        "));
    let release = |line: &str| Some(line.split_whitespace().nth(2)?.split_once('/')?.0.to_owned());
    sources.filter(|line| line.contains("://")).find_map(release)
}

/// Brings the packages; answers how, in words.
///
/// # Errors
/// There is no way, or apt-get fails on it.
pub(crate) fn bring(packages: &[&str], cache: &Path, progress: &Progress) -> Result<String> {
    if let Ok(ways) = bring_once(packages, cache, progress) {
        return Ok(ways);
    }
    // The package lists may be stale or absent.
    apt::refresh(progress);
    bring_once(packages, cache, progress)
}

fn bring_once(packages: &[&str], cache: &Path, progress: &Progress) -> Result<String> {
    let ways = ways(&mut System, packages)?;
    ways.iter().try_for_each(|(packages, way)| go(packages, way, cache, progress))?;
    Ok(ways.iter().map(|(_, way)| way.to_string()).collect::<Vec<_>>().join("; "))
}

fn go(asked: &[&str], way: &Way, cache: &Path, progress: &Progress) -> Result<()> {
    match way {
        Way::Install { release } => {
            let from = release.as_ref().map_or(String::new(), |release| format!(" from {release}"));
            progress.step(format_args!("installing {}{from} with apt-get", asked.join(", ")));
            let mut command = Command::new("apt-get");
            // Another step of ours, or the user, may be installing something.
            command.args(["-q", "-y", "--no-remove", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600"]);
            command.args(release.iter().flat_map(|release| ["-t", release]));
            command.arg("install").args(asked).env("DEBIAN_FRONTEND", "noninteractive");
            progress.run_logged(&mut command)
        }
        Way::Beside { packages, removes } => {
            let removes = removes.join(", ");
            progress.step(format_args!("installing would remove {removes}: unpacking {} beside", packages.join(", ")));
            // Each with all that it needs, so that a later one replaces none.
            let root = cache.join("packages").join(asked.join("-"));
            apt::unpack_all(packages, &root, progress)?;
            wrap_programs(&root, &cache.join("packages/bin"))?;
            use_unpacked(cache)
        }
    }
}

/// apt itself.
struct System;

impl Apt for System {
    fn simulate(&mut self, options: &[&str], packages: &[&str]) -> Result<String> {
        let mut command = Command::new("apt-get");
        command.args(["-s", "-y", "--no-install-recommends"]).args(options).arg("install").args(packages);
        Ok(String::from_utf8_lossy(&run_captured(command.env("LC_ALL", "C"))?).into_owned())
    }

    fn policy(&mut self, package: &str) -> Result<String> {
        let mut command = Command::new("apt-cache");
        Ok(String::from_utf8_lossy(&run_captured(command.args(["policy", package]).env("LC_ALL", "C"))?).into_owned())
    }
}

/// Makes a script for each program of what was unpacked, which finds the libraries beside it. Its data it finds itself:
/// QEMU looks relative to where it lies.
fn wrap_programs(root: &Path, into: &Path) -> Result<()> {
    fs::create_dir_all(into).at(into.display())?;
    let libraries = ["usr/lib", "lib"].map(|folder| root.join(folder).join(multiarch()));
    let libraries = libraries.map(|folder| folder.display().to_string()).join(":");
    for folder in ["bin", "sbin", "usr/bin", "usr/sbin"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        for program in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()) {
            let Some(name) = program.file_name() else { continue };
            let script = into.join(name);
            let text = format!("#!/bin/sh\nLD_LIBRARY_PATH='{libraries}' exec '{}' \"$@\"\n", program.display());
            fs::write(&script, text).at(script.display())?;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).at(script.display())?;
        }
    }
    Ok(())
}

/// Puts what an earlier run unpacked on this process' PATH, behind what the system has.
pub(crate) fn use_unpacked(cache: &Path) -> Result<()> {
    let programs = cache.join("packages/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    if programs.is_dir() && !std::env::split_paths(&path).any(|folder| folder == programs) {
        let folders = std::env::split_paths(&path).chain([programs]);
        let path = std::env::join_paths(folders).map_err(|error| Error::Protocol(error.to_string()))?;
        std::env::set_var("PATH", path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An apt for which installing succeeds with these options alone, and otherwise removes a package.
    struct Fake {
        works: &'static [&'static str],
        plan: &'static str,
        installed_from: &'static str,
    }

    impl Apt for Fake {
        fn simulate(&mut self, options: &[&str], _: &[&str]) -> Result<String> {
            if options == self.works || options.is_empty() {
                return Ok(self.plan.to_owned());
            }
            Err(Error::Protocol("E: Packages need to be removed but remove is disabled.".to_owned()))
        }

        fn policy(&mut self, package: &str) -> Result<String> {
            Ok(format!(
                "{package}:\n  Installed: 1:9.2\n  Candidate: 1:9.2\n  Version table:\n *** 1:9.2 100\n\
                 {}        100 /var/lib/dpkg/status\n     1:7.2 500\n\
                 \x20       500 http://deb.debian.org/debian bookworm/main amd64 Packages\n",
                self.installed_from
            ))
        }
    }

    const BACKPORTS: &str = "        100 http://deb.debian.org/debian bookworm-backports/main amd64 Packages\n";
    const REMOVING: &str = "Reading package lists...\nRemv qemu-utils [1:9.2]\n\
        Inst qemu-system-common (1:7.2 Debian:12/oldstable [amd64])\n\
        Inst qemu-system-x86 (1:7.2 Debian:12/oldstable [amd64])\nConf qemu-system-x86 (1:7.2)\n";

    fn decided(works: &'static [&'static str], plan: &'static str, installed_from: &'static str) -> Result<Way> {
        way(&mut Fake { works, plan, installed_from }, &["qemu-system-x86"])
    }

    #[test]
    fn what_removes_nothing_is_installed_as_usual() {
        let plan = "Inst qemu-system-x86 (1:7.2 Debian:12/oldstable [amd64])\n";
        assert_eq!(decided(&["--no-remove"], plan, "").unwrap(), Way::Install { release: None });
    }

    #[test]
    fn beside_a_backported_sibling_its_release_is_taken() {
        let works = &["--no-remove", "-t", "bookworm-backports"];
        let release = Some("bookworm-backports".to_owned());
        assert_eq!(decided(works, REMOVING, BACKPORTS).unwrap(), Way::Install { release });
    }

    #[test]
    fn where_every_release_removes_something_it_is_unpacked_beside() {
        let packages = vec!["qemu-system-common".to_owned(), "qemu-system-x86".to_owned()];
        let beside = Way::Beside { packages, removes: vec!["qemu-utils".to_owned()] };
        // Its release does not help; or it is of no release, installed from a file.
        assert_eq!(decided(&["never"], REMOVING, BACKPORTS).unwrap(), beside);
        assert_eq!(decided(&["never"], REMOVING, "").unwrap(), beside);
    }

    #[test]
    fn package_that_stands_in_the_way_takes_no_other_beside() {
        /// Removes something for QEMU alone.
        struct Mixed;
        impl Apt for Mixed {
            fn simulate(&mut self, options: &[&str], packages: &[&str]) -> Result<String> {
                if packages.contains(&"qemu-system-x86") && options.contains(&"--no-remove") {
                    return Err(Error::Protocol("E: Packages need to be removed but remove is disabled.".to_owned()));
                }
                Ok(REMOVING.to_owned())
            }
            fn policy(&mut self, _: &str) -> Result<String> {
                Ok(String::new())
            }
        }
        let ways = ways(&mut Mixed, &["m4", "qemu-system-x86", "libclang-dev"]).unwrap();
        let (installed, beside) = (&ways[0], &ways[1]);
        assert_eq!(*installed, (vec!["m4", "libclang-dev"], Way::Install { release: None }));
        assert_eq!(beside.0, ["qemu-system-x86"]);
        assert!(matches!(&beside.1, Way::Beside { removes, .. } if removes == &["qemu-utils"]), "{beside:?}");
        assert_eq!(ways.len(), 2);
    }

    #[test]
    fn refusal_for_another_reason_stays_one() {
        assert!(decided(&["never"], "Reading package lists...\n", "").is_err());
    }

    #[test]
    fn programs_beside_find_their_libraries_and_take_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let (root, bin) = (folder.path().join("root"), folder.path().join("bin"));
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        fs::write(root.join("usr/bin/tool"), "#!/bin/sh\necho \"$LD_LIBRARY_PATH $1\"\n").unwrap();
        fs::set_permissions(root.join("usr/bin/tool"), fs::Permissions::from_mode(0o755)).unwrap();
        wrap_programs(&root, &bin).unwrap();
        let said = run_captured(Command::new(bin.join("tool")).arg("a b")).unwrap();
        let said = String::from_utf8(said).unwrap();
        let libraries = format!("root/usr/lib/{}:", multiarch());
        assert!(said.contains(&libraries) && said.ends_with(" a b\n"), "{said}");
    }
}
