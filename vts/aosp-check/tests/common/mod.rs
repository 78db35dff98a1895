//! A copy of the project to plant faults in.

use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use walkdir::WalkDir;

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A copy of the project's files, without what is built or fetched.
pub(crate) struct Copy {
    folder: TempDir,
}

impl Copy {
    pub(crate) fn new() -> Copy {
        let folder = tempfile::tempdir().unwrap();
        let root = root();
        let wanted = |entry: &walkdir::DirEntry| !matches!(entry.file_name().to_str(), Some("target" | ".git"));
        for entry in WalkDir::new(&root).into_iter().filter_entry(wanted) {
            let entry = entry.unwrap();
            let to = folder.path().join(entry.path().strip_prefix(&root).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir_all(to).unwrap();
            } else if entry.file_type().is_file() {
                fs::copy(entry.path(), to).unwrap();
            }
        }
        Copy { folder }
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
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

/// The one finding that has this text in it.
#[allow(dead_code, reason = "each test file takes what it needs")]
pub(crate) fn finding<'a>(report: &'a aosp_check::Report, text: &str) -> &'a aosp_check::Finding {
    let found: Vec<_> = report.findings.iter().filter(|finding| finding.to_string().contains(text)).collect();
    assert!(!found.is_empty(), "nothing about \"{text}\" in:\n{report}");
    found[0]
}
