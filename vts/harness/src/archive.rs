//! Kernels of Debian's archive by series: `--kernel archive:6.18`, `archive:newest`.
//!
//! Which packages hold a kernel: until 6.18 `linux-image-X` has image, modules and configuration. Since 6.19 it is an
//! empty package that depends on `linux-binary-X` (the image), `linux-modules-X` and `linux-base-X` (configuration and
//! the list of what is built in). The lists keep packages whose companions have left the archive: such a kernel is none.

use std::collections::BTreeSet;
use std::path::Path;

use crate::apt::Apt;
use crate::arch::Arch;
use crate::error::{Error, Result};
use crate::prerequisites::{ensure, Need};
use crate::progress::Progress;

/// What `--kernel` says before a series.
pub const WORD: &str = "archive:";
/// The series of whatever is newest.
pub const NEWEST: &str = "newest";
/// Where Debian's kernels for 64-bit PCs are, whatever the machine's own apt lists.
const SUITES: [&str; 6] = [
    "http://deb.debian.org/debian-security bookworm-security main",
    "http://deb.debian.org/debian bookworm-backports main",
    "http://deb.debian.org/debian trixie main",
    "http://deb.debian.org/debian-security trixie-security main",
    "http://deb.debian.org/debian trixie-backports main",
    "http://deb.debian.org/debian sid main",
];
pub(crate) const PREFIX: &str = "linux-image-";
/// What a split kernel's package depends on, with the version after the prefix.
const PARTS: [&str; 3] = ["linux-binary-", "linux-modules-", "linux-base-"];

/// A kernel of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The package that names it: `linux-image-6.18.15+deb13-amd64`.
    pub(crate) name: String,
    /// What is to be unpacked over each other, each as `package=version`.
    pub(crate) packages: Vec<String>,
}

/// Finds the newest kernel of a series, and an apt that can fetch it.
///
/// # Errors
/// No such series: the error names those that are there. No apt, no list.
pub(crate) fn find(series: &str, cache: &Path, progress: &Progress) -> Result<(Apt, Found)> {
    ensure(&[Need::DebianKeys], cache, progress)?;
    let apt = Apt::isolated(cache, "kernel/apt", &SUITES, Arch::X86_64, progress)?;
    let found = choose(series, &records(&apt)?, apt.failed.as_deref())?;
    Ok((apt, found))
}

/// All kernels that an apt can fetch, newest first.
///
/// # Errors
/// apt-cache's.
pub(crate) fn newest_first(apt: &Apt) -> Result<Vec<Found>> {
    Ok(kernels(&records(apt)?))
}

/// What an apt's lists say of kernels and of what they are split into.
fn records(apt: &Apt) -> Result<String> {
    let names = candidates(apt.names(PREFIX));
    let cores = names.iter().map(|name| name.trim_start_matches(PREFIX));
    let parts: BTreeSet<String> = PARTS.iter().flat_map(|prefix| apt.names(prefix)).collect();
    let parts =
        cores.flat_map(|core| PARTS.map(|prefix| format!("{prefix}{core}"))).filter(|name| parts.contains(name));
    let wanted: Vec<String> = parts.chain(names.iter().cloned()).collect();
    apt.records(&wanted)
}

/// A series that can be asked for: `newest`, or numbers with dots.
///
/// # Errors
/// Anything else.
pub(crate) fn check(series: &str) -> Result<()> {
    // `parse` takes a sign.
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u32>().is_ok();
    let numbers = series.split('.').all(number);
    if numbers || series == NEWEST {
        return Ok(());
    }
    let problem = format!("write {WORD}{NEWEST} or a series in numbers, for example {WORD}6.18");
    Err(Error::Kernel { kernel: format!("{WORD}{series}"), problem })
}

#[derive(Debug, Default)]
struct Record<'a> {
    package: &'a str,
    version: &'a str,
    depends: &'a str,
    /// Known to dpkg alone: nothing has it to be fetched.
    only_installed: bool,
}

/// The kernels in the words of a `Packages` file, newest first.
fn kernels(packages: &str) -> Vec<Found> {
    let records: Vec<Record<'_>> = packages.split("\n\n").map(record).filter(|record| !record.only_installed).collect();
    let images = candidates(records.iter().map(|record| record.package.to_owned()).collect());
    images.into_iter().filter_map(|name| found(name, &records)).collect()
}

/// Chooses from the words of a `Packages` file; `failed` says why not all of them came.
fn choose(series: &str, packages: &str, failed: Option<&str>) -> Result<Found> {
    check(series)?;
    let whole = kernels(packages);
    let asked: Vec<u64> = series.split('.').filter_map(|part| part.parse().ok()).collect();
    // They come newest first.
    let answer = whole.iter().find(|found| version(&found.name).starts_with(&asked));
    answer.cloned().ok_or_else(|| {
        let mut known: Vec<String> = Vec::new();
        for found in &whole {
            let series = version(&found.name).iter().take(2).map(u64::to_string).collect::<Vec<_>>().join(".");
            if !known.contains(&series) {
                known.push(series);
            }
        }
        let problem = if known.is_empty() {
            "no kernel is in the lists that came".to_owned()
        } else {
            format!("Debian's archive has none of that series, but of {}", known.join(", "))
        };
        let kernel = format!("{WORD}{series}");
        match failed {
            None => Error::Kernel { kernel, problem },
            Some(why) => Error::Package {
                names: format!("kernel {kernel}"),
                problem: format!("{problem}; not all of its lists came: {why}"),
            },
        }
    })
}

fn record(stanza: &str) -> Record<'_> {
    let mut record = Record::default();
    for line in stanza.lines() {
        let Some((key, value)) = line.split_once(": ") else { continue };
        match key {
            "Package" => record.package = value,
            "Version" => record.version = value,
            "Depends" => record.depends = value,
            // A line of dpkg's, which stands in no archive's list.
            "Status" => record.only_installed = true,
            _ => {}
        }
    }
    record
}

/// The packages of this kernel, when all of them are in the lists.
fn found(name: String, records: &[Record<'_>]) -> Option<Found> {
    let exact = |name: &str| {
        let record = records.iter().find(|record| record.package == name)?;
        Some(format!("{name}={}", record.version))
    };
    let image = records.iter().find(|record| record.package == name)?;
    let depends = image.depends.split([',', '|']).filter_map(|depends| depends.split_whitespace().next());
    let depends: Vec<&str> = depends.collect();
    let split = depends.iter().any(|name| name.starts_with("linux-binary-"));
    let packages = if split {
        PARTS
            .iter()
            .map(|prefix| exact(depends.iter().find(|name| name.starts_with(prefix))?))
            .collect::<Option<_>>()?
    } else {
        vec![exact(&name)?]
    };
    Some(Found { name, packages })
}

/// The numbers of a release or of a package's name, most significant first. Linux has three: `7.4+deb14` is 7.4.0.
pub(crate) fn version(name: &str) -> Vec<u64> {
    let name = name.trim_start_matches(PREFIX);
    let (linux, debian) = name.split_at(name.find(['+', '-']).unwrap_or(name.len()));
    let numbers = |text: &str| -> Vec<u64> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    let mut version = numbers(linux);
    version.resize(version.len().max(3), 0);
    version.extend(numbers(debian));
    version
}

/// Full-flavour packages, newest first; a signed one before its unsigned twin, which holds the same code.
fn candidates(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| {
        let Some(core) = name.strip_prefix(PREFIX) else { return false };
        let core = core.trim_end_matches("-unsigned");
        let flavour = core.trim_start_matches(|c: char| c != '-');
        let major = version(name).first().copied().unwrap_or(0);
        let flavour = flavour.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
        // `6.12-amd64` is a meta package: it holds no kernel. `7.4+deb14-amd64` is none.
        let release = core.split('-').next().unwrap_or_default();
        let whole = release.contains('+') || release.matches('.').count() >= 2;
        major >= 6 && whole && flavour == "amd64"
    });
    names.sort_by(|a, b| version(b).cmp(&version(a)).then(a.len().cmp(&b.len())));
    let mut seen: Vec<String> = Vec::new();
    names.retain(|name| {
        let core = name.trim_end_matches("-unsigned").to_owned();
        let new = !seen.contains(&core);
        seen.push(core);
        new
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_full_flavours_newest_first() {
        let names = [
            "linux-image-6.1.0-56-amd64",
            "linux-image-6.12-amd64",
            "linux-image-amd64",
            "linux-image-6.12.117+deb12-amd64-unsigned",
            "linux-image-6.12.117+deb12-amd64",
            "linux-image-6.12.117+deb12-cloud-amd64",
            "linux-image-6.12.117+deb12-rt-amd64",
            "linux-image-6.12.117+deb12-amd64-dbg",
            "linux-image-6.12.99+deb12-amd64",
            "linux-image-6.16.3+deb13-amd64-unsigned",
            "linux-image-5.10.0-9-amd64",
            "linux-image-7.4+deb14-amd64",
            "linux-image-7.4.1+deb14-amd64",
        ];
        let got = candidates(names.map(str::to_owned).to_vec());
        assert_eq!(
            got,
            [
                "linux-image-7.4.1+deb14-amd64",
                "linux-image-7.4+deb14-amd64",
                "linux-image-6.16.3+deb13-amd64-unsigned",
                "linux-image-6.12.117+deb12-amd64",
                "linux-image-6.12.99+deb12-amd64",
                "linux-image-6.1.0-56-amd64",
            ]
        );
    }

    /// One-piece kernels, a split one, a split one whose modules have gone, and what is no kernel for us.
    const PACKAGES: &str = "\
Package: linux-image-6.12.9+deb13-amd64
Version: 6.12.9-1
Depends: kmod, linux-base (>= 4.3~)

Package: linux-image-6.18.5+deb13-amd64
Version: 6.18.5-1~bpo13+1
Depends: kmod, initramfs-tools | dracut, linux-base-6.18.5+deb13-amd64 (= 6.18.5-1~bpo13+1)

Package: linux-image-6.18.15+deb13-amd64
Version: 6.18.15-1~bpo13+1
Depends: kmod, linux-base-6.18.15+deb13-amd64 (= 6.18.15-1~bpo13+1)

Package: linux-image-6.18.15+deb13-cloud-amd64
Version: 6.18.15-1~bpo13+1

Package: linux-image-7.2.1+deb13-amd64
Version: 7.2.1-1
Depends: linux-base-7.2.1+deb13-amd64 (= 7.2.1-1), linux-binary-7.2.1+deb13-amd64 (= 7.2.1-1), \
linux-modules-7.2.1+deb13-amd64 (= 7.2.1-1)

Package: linux-binary-7.2.1+deb13-amd64
Version: 7.2.1-1
Depends: linux-base-7.2.1+deb13-amd64 (= 7.2.1-1)

Package: linux-modules-7.2.1+deb13-amd64
Version: 7.2.1-1

Package: linux-base-7.2.1+deb13-amd64
Version: 7.2.1-1

Package: linux-image-7.10.0+deb14-amd64
Version: 7.10.0-1
Depends: linux-base-7.10.0+deb14-amd64 (= 7.10.0-1), linux-binary-7.10.0+deb14-amd64 (= 7.10.0-1), \
linux-modules-7.10.0+deb14-amd64 (= 7.10.0-1)

Package: linux-binary-7.10.0+deb14-amd64
Version: 7.10.0-1
";

    #[test]
    fn one_piece_package_is_taken_alone_the_newest_of_its_series_by_number() {
        let found = choose("6.18", PACKAGES, None).unwrap();
        assert_eq!(found.name, "linux-image-6.18.15+deb13-amd64");
        assert_eq!(found.packages, ["linux-image-6.18.15+deb13-amd64=6.18.15-1~bpo13+1"]);
        assert_eq!(choose("6.18.5", PACKAGES, None).unwrap().name, "linux-image-6.18.5+deb13-amd64");
        assert_eq!(choose("6", PACKAGES, None).unwrap().name, "linux-image-6.18.15+deb13-amd64");
    }

    #[test]
    fn split_package_is_its_three_parts_and_newest_is_the_newest_that_is_whole() {
        let found = choose("newest", PACKAGES, None).unwrap();
        assert_eq!(found.name, "linux-image-7.2.1+deb13-amd64");
        let parts =
            ["linux-binary", "linux-modules", "linux-base"].map(|part| format!("{part}-7.2.1+deb13-amd64=7.2.1-1"));
        assert_eq!(found.packages, parts);
        assert_eq!(choose("7.2", PACKAGES, None).unwrap(), found);
    }

    #[test]
    fn series_that_is_not_there_or_not_whole_is_answered_with_those_that_are() {
        for series in ["6.1", "7.10", "8"] {
            let error = choose(series, PACKAGES, None).unwrap_err().to_string();
            let expected =
                format!("kernel archive:{series}: Debian's archive has none of that series, but of 7.2, 6.18, 6.12");
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn empty_lists_are_told_from_a_missing_series() {
        for nothing in ["", "\n\n", "Package: bash\nVersion: 5\n"] {
            let error = choose("6.18", nothing, None).unwrap_err().to_string();
            assert_eq!(error, "kernel archive:6.18: no kernel is in the lists that came");
        }
    }

    #[test]
    fn lists_that_did_not_come_are_said_with_apts_reason() {
        for (packages, problem) in [
            ("", "no kernel is in the lists that came"),
            (PACKAGES, "Debian's archive has none of that series, but of 7.2, 6.18, 6.12"),
        ] {
            let error = choose("6.1", packages, Some("Failed to fetch http://x")).unwrap_err();
            assert!(matches!(error, Error::Package { .. }), "{error:?}");
            let expected =
                format!("kernel archive:6.1: {problem}; not all of its lists came: Failed to fetch http://x");
            assert_eq!(error.to_string(), expected);
        }
        assert!(choose("6.18", PACKAGES, Some("Failed to fetch http://x")).is_ok());
    }

    #[test]
    fn kernel_that_only_dpkg_knows_is_none() {
        let installed = "Package: linux-image-7.9.1+deb14-amd64\nStatus: install ok installed\nVersion: 7.9.1-1\n\n";
        let names: Vec<String> =
            kernels(&format!("{installed}{PACKAGES}")).into_iter().map(|found| found.name).collect();
        assert_eq!(names, kernels(PACKAGES).into_iter().map(|found| found.name).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_series_is_refused_with_what_would_do() {
        for bad in
            ["", "six", "6.", ".6", "6..18", "6.18-rc1", "../x", "6/18", "Newest", " 6", "+6", "99999999999999999999"]
        {
            let error = choose(bad, PACKAGES, None).unwrap_err().to_string();
            assert!(
                error.ends_with("write archive:newest or a series in numbers, for example archive:6.18"),
                "{error}"
            );
        }
    }
}
