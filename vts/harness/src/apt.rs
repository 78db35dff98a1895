//! Takes single packages from the distribution's archive and unpacks them into the cache; nothing is installed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use rustix::fs::{flock, FlockOperation};

use crate::arch::Arch;
use crate::error::{At, Error, Result};
use crate::progress::{on_path, run_captured, Progress};

/// The file beside an unpacked package's own that holds its version.
const VERSION: &str = "package-version";
/// The suite that programs for a guest come from: any will do.
const OLDEST: &str = "http://deb.debian.org/debian bookworm main";
/// How apt-get, dpkg-deb and tar say that the disk is full (strerror of ENOSPC; apt's own check before a download).
const FULL: [&str; 2] = ["No space left on device", "enough free space"];
/// Debian's own keys, as its releases name the file.
const KEYRINGS: [&str; 2] =
    ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/// Fetches lists; a list that does not come is an error, which apt-get by itself only warns of.
const UPDATE: [&str; 4] = ["-q", "-o", "APT::Update::Error-Mode=any", "update"];
/// What helps where there is no apt, for a PC's guest.
const ELSEWHERE: &str = "give --kernel PATH and put a static busybox on the PATH";

/// Which apt is asked: the machine's, or one of its own that reads other suites and shares nothing with it but how it
/// fetches (its proxy).
#[derive(Debug, Default)]
pub(crate) struct Apt {
    options: Vec<String>,
    /// The file that stands for the machine's configuration.
    configuration: Option<PathBuf>,
    /// Why not all of its lists came.
    pub(crate) failed: Option<String>,
}

impl Apt {
    /// An apt with its own sources, lists, cache and status in the folder `name` of the cache, for these lines of a
    /// `sources.list` after `deb [...]`; its lists are fetched. What it downloads is signed by Debian's keys.
    ///
    /// # Errors
    /// No apt, no keys of Debian's, or the folder cannot be written.
    pub(crate) fn isolated(cache: &Path, name: &str, suites: &[&str], arch: Arch, progress: &Progress) -> Result<Self> {
        has_apt("the archive's list of packages", ELSEWHERE)?;
        let no_keys = || Error::Missing {
            what: "Debian's keys".to_owned(),
            remedy: "apt-get install debian-archive-keyring".to_owned(),
        };
        let keys = keys().ok_or_else(no_keys)?;
        let folder = cache.join(name);
        for below in ["lists/partial", "cache/archives/partial"] {
            let path = folder.join(below);
            fs::create_dir_all(&path).at(path.display())?;
        }
        let folder = folder.canonicalize().at(folder.display())?;
        let line =
            |suite: &&str| format!("deb [arch={} target=Packages lang=none signed-by={keys}] {suite}\n", arch.debian());
        let sources: String = suites.iter().map(line).collect();
        let fetching = run_captured(Command::new("apt-config").args(["dump", "Acquire"]).env("LC_ALL", "C"))?;
        let configuration = configuration(&String::from_utf8_lossy(&fetching));
        for (name, text) in [("sources.list", &*sources), ("status", ""), ("apt.conf", &*configuration)] {
            let path = folder.join(name);
            fs::write(&path, text).at(path.display())?;
        }
        let below = |key: &str, name: &str| format!("{key}={}", folder.join(name).display());
        let options = [
            below("Dir::Etc::sourcelist", "sources.list"),
            below("Dir::State::status", "status"),
            below("Dir::State::lists", "lists"),
            below("Dir::Cache", "cache"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            "Dir::Etc::preferences=/dev/null".to_owned(),
            "Dir::Etc::preferencesparts=/dev/null".to_owned(),
            // Images for containers turn it off, and each question would read all lists anew.
            "Dir::Cache::pkgcache=pkgcache.bin".to_owned(),
            format!("APT::Architecture={}", arch.debian()),
            format!("APT::Architectures={}", arch.debian()),
            "APT::Sandbox::User=root".to_owned(),
        ];
        let mut apt = Self {
            options: options.into_iter().flat_map(|option| ["-o".to_owned(), option]).collect(),
            configuration: Some(folder.join("apt.conf")),
            failed: None,
        };
        progress.step(format_args!("fetching Debian's package lists for {arch}"));
        apt.failed = apt.update(progress).err();
        Ok(apt)
    }

    /// Fetches the lists. An error is in apt-get's words, and was said: the old lists serve.
    fn update(&self, progress: &Progress) -> std::result::Result<(), String> {
        progress.run_logged(self.command("apt-get").args(UPDATE)).map_err(|error| {
            let why = said(&error);
            progress.step(format_args!("going on with the package lists that are here: {why}"));
            why
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options).env("LC_ALL", "C");
        if let Some(path) = &self.configuration {
            command.env("APT_CONFIG", path);
        }
        command
    }

    /// Names of all packages that it knows with this prefix; empty where there is no apt.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let Ok(output) = run_captured(self.command("apt-cache").args(["pkgnames", prefix])) else { return Vec::new() };
        String::from_utf8_lossy(&output).lines().map(str::to_owned).collect()
    }

    /// What its lists say of these packages, in the words of a `Packages` file.
    ///
    /// # Errors
    /// apt-cache's.
    pub(crate) fn records(&self, names: &[String]) -> Result<String> {
        if names.is_empty() {
            return Ok(String::new());
        }
        let output = run_captured(self.command("apt-cache").args(["show", "--no-all-versions"]).args(names))?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }
}

/// A configuration without the machine's own files, and so without its hooks and its choice of a release, but for what
/// `apt-config dump Acquire` says of fetching.
fn configuration(fetching: &str) -> String {
    format!("Dir::Etc::parts \"/dev/null\";\nDir::Etc::main \"/dev/null\";\n{fetching}")
}

/// Debian's own keys, where the machine has them.
pub(crate) fn keys() -> Option<&'static str> {
    KEYRINGS.into_iter().find(|keys| Path::new(keys).is_file())
}

/// Keeps other runs out of a folder of the cache until what is answered is dropped.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn lock(folder: &Path) -> Result<File> {
    let lock = File::create(folder.join("lock")).at(folder.display())?;
    flock(&lock, FlockOperation::LockExclusive).map_err(std::io::Error::from).at(folder.display())?;
    Ok(lock)
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
        let _said = Apt::default().update(progress);
    });
}

/// Fills a folder that appears only when whole, in the place of an older one. On an error nothing is left.
///
/// # Errors
/// `fill`'s; or the folder cannot be written.
pub(crate) fn whole(into: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let mut part = into.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let _nothing_left_over = fs::remove_dir_all(&part);
    let done = fs::create_dir_all(&part).at(part.display()).and_then(|()| fill(&part)).and_then(|()| {
        let _replaced = fs::remove_dir_all(into);
        fs::rename(&part, into).at(into.display())
    });
    if done.is_err() {
        let _only_space = fs::remove_dir_all(&part);
    }
    done
}

/// Downloads a package and unpacks it to `into`, which appears only when whole.
///
/// # Errors
/// No apt, no such package, no network; or the folder cannot be written.
pub fn unpack(package: &str, into: &Path, progress: &Progress) -> Result<()> {
    unpack_all(&[package.to_owned()], into, progress)
}

/// The same of another processor's archive, by an apt of its own.
///
/// # Errors
/// As [`unpack`].
pub(crate) fn unpack_foreign(package: &str, arch: Arch, into: &Path, progress: &Progress) -> Result<()> {
    has_apt(package, &foreign(package, arch, into))?;
    let cache = into.parent().unwrap_or(into);
    let name = format!("apt-{}", arch.debian());
    Apt::isolated(cache, &name, &[OLDEST], arch, progress)?.unpack(&[package.to_owned()], into, progress)
}

/// What helps where there is no apt: nothing of the machine's own is for another processor.
fn foreign(package: &str, arch: Arch, into: &Path) -> String {
    format!("unpack Debian's {package} for {arch} to {}", into.display())
}

/// The same for packages that belong together, over each other as dpkg would. The version kept is the first one's.
///
/// # Errors
/// As [`unpack`].
pub(crate) fn unpack_all(packages: &[String], into: &Path, progress: &Progress) -> Result<()> {
    Apt::default().unpack(packages, into, progress)
}

impl Apt {
    /// [`unpack_all`], from this apt. What is not whole is removed at once: the next run begins anew.
    ///
    /// # Errors
    /// As [`unpack`]; a broken download and a full disk in one sentence.
    pub(crate) fn unpack(&self, packages: &[String], into: &Path, progress: &Progress) -> Result<()> {
        let names = packages.join(", ");
        has_apt(&names, ELSEWHERE)?;
        progress.step(format_args!("downloading {names}"));
        whole(into, |part| self.unpack_part(packages, part, progress)).map_err(|error| broken(&names, into, error))
    }

    fn unpack_part(&self, packages: &[String], part: &Path, progress: &Progress) -> Result<()> {
        let mut versions = Vec::new();
        for package in packages {
            // As root apt would drop to the user _apt, who cannot write here.
            let download = || {
                let arguments = ["-q", "-o", "APT::Sandbox::User=root", "download", package];
                progress.run_logged(self.command("apt-get").args(arguments).current_dir(part))
            };
            if let Err(error) = download() {
                if is_full(&error) {
                    return Err(error);
                }
                // A stale list of the machine's, or a bad moment of the network's.
                if self.options.is_empty() {
                    refresh(progress);
                }
                download()?;
            }
            let archive = only_deb(part)?;
            run_captured(Command::new("dpkg-deb").env("LC_ALL", "C").arg("-x").args([&*archive, part]))?;
            versions.push(run_captured(Command::new("dpkg-deb").arg("-f").arg(&archive).arg("Version"))?);
            fs::remove_file(&archive).at(archive.display())?;
        }
        fs::write(part.join(VERSION), versions.first().map_or(&[][..], Vec::as_slice)).at(part.display())
    }
}

fn has_apt(what: &str, elsewhere: &str) -> Result<()> {
    if on_path("apt-get") && on_path("dpkg-deb") {
        return Ok(());
    }
    Err(Error::Missing {
        what: format!("apt-get and dpkg-deb, with which {what} is fetched and unpacked"),
        remedy: format!("use a Debian-like machine; elsewhere {elsewhere}"),
    })
}

fn is_full(error: &Error) -> bool {
    let text = error.to_string();
    FULL.iter().any(|words| text.contains(words))
}

/// The one line of apt-get's that says why, else how it ended.
fn said(error: &Error) -> String {
    let text = error.to_string();
    let why = text.lines().find_map(|line| line.trim().strip_prefix("E: "));
    match (why, error) {
        (Some(line), _) => line.to_owned(),
        (None, Error::Command { status, .. }) => status.clone(),
        (None, _) => text,
    }
}

/// A failed download, unpacking or building in one sentence, where the network or the disk is to blame.
pub(crate) fn broken(names: &str, into: &Path, error: Error) -> Error {
    let disk = || into.parent().unwrap_or(into).display().to_string();
    let problem = match &error {
        error if is_full(error) => {
            format!("the disk that holds {} is full; nothing of it was kept: make room and run this again", disk())
        }
        Error::Command { command, .. } if command.contains("apt-get") => {
            format!("the download did not end well ({}); nothing of it was kept: run this again", said(&error))
        }
        _ => return error,
    };
    Error::Package { names: names.to_owned(), problem }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(command: &str, output: &str) -> Error {
        Error::Command {
            command: format!("`{command}`"),
            status: "exit status: 100".to_owned(),
            output: output.to_owned(),
        }
    }

    #[test]
    fn download_cut_half_way_is_one_sentence_with_apts_reason() {
        let output = "\n    Get:1 http://deb.example trixie/main amd64 x 1 [9 kB]\n    Err:1 http://deb.example\n    \
                      E: Failed to fetch http://deb.example/x.deb  Connection reset by peer\n  log: l";
        let error = broken("x=1", Path::new("/c/kernel/x"), failed("apt-get -q download x=1", output)).to_string();
        assert!(error.starts_with("x=1: the download did not end well (Failed to fetch"), "{error}");
        assert!(error.ends_with("Connection reset by peer); nothing of it was kept: run this again"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        // Killed before it said anything.
        let error = broken("x=1", Path::new("/c/kernel/x"), failed("apt-get -q download x=1", "")).to_string();
        assert_eq!(
            error,
            "x=1: the download did not end well (exit status: 100); nothing of it was kept: run this again"
        );
    }

    #[test]
    fn full_disk_is_named_whoever_meets_it() {
        let full = std::io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error());
        for error in [
            failed("apt-get -q download x", "\n    E: You don't have enough free space in /c/."),
            failed("dpkg-deb -x x.deb files", "\n    tar: ./boot: Cannot write: No space left on device"),
            failed("tar -x -J", "\n    tar: tree/mm/slub.c: Cannot write: No space left on device"),
            failed(
                "building the kernel",
                "\n    /tmp/x.s: Fatal error: can't close mm/slub.o: No space left on device",
            ),
            Error::Io { what: "/c/kernel/x.part".to_owned(), source: full },
        ] {
            let said = broken("x", Path::new("/c/kernel/x"), error).to_string();
            assert!(said.starts_with("x: the disk that holds /c/kernel is full"), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        let error = broken("x", Path::new("/c/x"), failed("dpkg-deb -x x.deb files", "\n    not a Debian archive"));
        assert!(error.to_string().contains("not a Debian archive"), "{error}");
    }

    #[test]
    fn folder_that_is_not_whole_leaves_what_was_there_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let names = || {
            let entries = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name());
            entries.map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
        };
        let into = root.path().join("x-1.2");
        whole(&into, |part| fs::write(part.join("old"), "").at("old")).unwrap();
        let error = whole(&into, |part| {
            fs::write(part.join("half"), "").at("half")?;
            Err(failed("cp", ""))
        });
        assert!(error.unwrap_err().to_string().starts_with("`cp` failed"));
        assert!(into.join("old").is_file());
        assert_eq!(names(), ["x-1.2"]);
        whole(&into, |part| fs::write(part.join("new"), "").at("new")).unwrap();
        assert!(into.join("new").is_file() && !into.join("old").exists());
        assert_eq!(names(), ["x-1.2"]);
    }

    #[test]
    fn apt_of_its_own_runs_no_hooks_of_the_machine_and_says_which_list_did_not_come() {
        if !on_path("apt-get") || !on_path("dpkg-deb") || keys().is_none() {
            println!("SKIP: no apt, or no keys of Debian's");
            return;
        }
        let cache = tempfile::tempdir().unwrap();
        let progress = Progress::new(true).logged(cache.path().join("log")).unwrap();
        let suites = ["file:/nowhere sid main"];
        let apt = Apt::isolated(cache.path(), "apt", &suites, Arch::Arm64, &progress).unwrap();
        assert!(apt.failed.as_ref().unwrap().contains("file:/nowhere sid"), "{apt:?}");
        let dump = run_captured(apt.command("apt-config").arg("dump")).unwrap();
        let dump = String::from_utf8_lossy(&dump);
        assert!(dump.contains("APT::Architecture \"arm64\"") && dump.contains("Dir::Etc::parts \"/dev/null\""));
        assert!(!dump.contains("Invoke") && !dump.contains("Default-Release"), "{dump}");
        // What the machine says of fetching is there as it is.
        let fetching = |apt: &Apt| run_captured(apt.command("apt-config").args(["dump", "Acquire"])).unwrap();
        assert_eq!(fetching(&apt), fetching(&Apt::default()));
        // By itself apt-get only warns of a server that does not answer.
        let line = format!("deb [signed-by={}] http://127.0.0.1:9/debian sid main\n", keys().unwrap());
        fs::write(cache.path().join("apt/sources.list"), line).unwrap();
        let mut apt = apt;
        apt.options.extend(["-o", "Acquire::Retries=0"].map(str::to_owned));
        let error = apt.update(&progress).unwrap_err();
        assert!(error.starts_with("Failed to fetch http://127.0.0.1:9/debian"), "{error}");
    }

    #[test]
    fn without_apt_a_foreign_package_is_not_looked_for_on_the_path() {
        let said = foreign("busybox-static", Arch::Arm64, Path::new("/c/busybox-static-arm64"));
        assert_eq!(said, "unpack Debian's busybox-static for arm64 to /c/busybox-static-arm64");
    }
}
