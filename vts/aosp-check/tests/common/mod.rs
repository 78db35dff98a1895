//! Faults, and a copy of the project to plant them in.

#![allow(dead_code, reason = "each test file takes what it needs")]

use aosp_check::{Finding, Report};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use walkdir::WalkDir;

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A copy of the project's files, without what is built or fetched.
pub(crate) struct Copy {
    root: PathBuf,
    /// Removes it at the end.
    _temporary: Option<TempDir>,
    /// Held as long as the one copy that is shared is in use.
    _turn: Option<File>,
}

impl Copy {
    pub(crate) fn new() -> Copy {
        let folder = tempfile::tempdir().unwrap();
        mirror(folder.path());
        Copy { root: folder.path().to_owned(), _temporary: Some(folder), _turn: None }
    }

    /// The copy that is always in the same place, with the last test's fault taken out of it. What is compiled of it is
    /// compiled once, but for what a fault changes.
    pub(crate) fn shared() -> Copy {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted");
        // Among threads and among processes: cargo-nextest has one for each test.
        let turn = File::create(root.with_extension("lock")).unwrap();
        turn.lock().unwrap();
        mirror(&root);
        Copy { root: root.canonicalize().unwrap(), _temporary: None, _turn: Some(turn) }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Replaces a text in a file; the text has to be there.
    pub(crate) fn replace(&self, file: &str, from: &str, to: &str) -> &Copy {
        let path = self.root().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} no longer has: {from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
        self
    }
}

/// The files of a project, as relative paths.
fn files(root: &Path) -> BTreeSet<PathBuf> {
    let wanted = |entry: &walkdir::DirEntry| !matches!(entry.file_name().to_str(), Some("target" | ".git"));
    let entries = WalkDir::new(root).into_iter().filter_entry(wanted).map(Result::unwrap);
    entries
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(root).unwrap().to_owned())
        .collect()
}

/// Makes a folder the project's image. A file that is right already keeps its date, by which Cargo goes.
fn mirror(to: &Path) {
    fs::create_dir_all(to).unwrap();
    let (from, wanted) = (root(), files(&root()));
    for gone in files(to).difference(&wanted) {
        fs::remove_file(to.join(gone)).unwrap();
    }
    for file in wanted {
        let (bytes, place) = (fs::read(from.join(&file)).unwrap(), to.join(&file));
        if !fs::read(&place).is_ok_and(|there| there == bytes) {
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, bytes).unwrap();
        }
    }
}

/// One fault, and the finding that it has to be.
pub(crate) struct Fault<'a> {
    pub(crate) file: &'a str,
    pub(crate) from: &'a str,
    to: &'a str,
    words: &'a str,
    /// The beginning of the finding's place; the planted file, with a line, when there is none.
    at: Option<&'a str>,
    /// The same of the place that it contradicts: a line, or a file in a folder.
    against: Option<&'a str>,
}

/// The file, what is there, what is put in its place, and words of the finding.
pub(crate) const fn fault<'a>(file: &'a str, from: &'a str, to: &'a str, words: &'a str) -> Fault<'a> {
    Fault { file, from, to, words, at: None, against: None }
}

impl<'a> Fault<'a> {
    pub(crate) const fn at(self, at: &'a str) -> Self {
        Fault { at: Some(at), ..self }
    }

    pub(crate) const fn against(self, against: &'a str) -> Self {
        Fault { against: Some(against), ..self }
    }
}

/// Plants one fault after the other in one copy, in which nothing is found before: each is found where it has to be.
pub(crate) fn each_is_found(faults: &[Fault<'_>], check: impl Fn(&Path) -> anyhow::Result<Report>) -> Vec<Finding> {
    let copy = Copy::new();
    let report = check(copy.root()).unwrap();
    assert!(report.is_clean(), "{report}");
    let planted = |fault: &Fault<'_>| {
        let sound = fs::read(copy.root().join(fault.file)).unwrap();
        copy.replace(fault.file, fault.from, fault.to);
        let found = finding(&check(copy.root()).unwrap(), fault.words).clone();
        let (at, place) = (fault.at.map_or_else(|| format!("{}:", fault.file), str::to_owned), found.place.to_string());
        assert!(place.starts_with(&at), "not at {at}: {found}");
        if let Some(against) = fault.against {
            let other = found.other.as_ref().unwrap();
            let line = other.line.is_some() || against.ends_with('/');
            let there = other.to_string().starts_with(against) && line && *other != found.place;
            assert!(there, "not against {against}: {found}");
        }
        fs::write(copy.root().join(fault.file), sound).unwrap();
        found
    };
    faults.iter().map(planted).collect()
}

/// The one finding that has this text in it.
pub(crate) fn finding<'a>(report: &'a Report, text: &str) -> &'a Finding {
    let found: Vec<_> = report.findings.iter().filter(|finding| finding.to_string().contains(text)).collect();
    assert!(!found.is_empty(), "nothing about \"{text}\" in:\n{report}");
    found[0]
}
