//! A copy of the sources to spoil. It is kept between runs, and a file that is the same is not written again, so that
//! Cargo builds only what changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use vm_harness::progress::run_captured;

/// Makes `to` what Git would take of `from`, changes that are not committed included.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    let listed = run_captured(Command::new("git").arg("-C").arg(from).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let listed = String::from_utf8(listed).context("a file's name is no UTF-8")?;
    // What is listed and gone is a file that was removed and not committed yet.
    let wanted: BTreeSet<PathBuf> =
        listed.split('\0').filter(|name| from.join(name).is_file()).map(PathBuf::from).collect();
    remove_others(to, Path::new(""), &wanted)?;
    for name in &wanted {
        let (source, copy) = (from.join(name), to.join(name));
        let bytes = fs::read(&source).with_context(|| source.display().to_string())?;
        if fs::read(&copy).is_ok_and(|old| old == bytes) {
            continue;
        }
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::write(&copy, bytes).with_context(|| copy.display().to_string())?;
    }
    Ok(())
}

/// Removes files that are not wanted: of an interrupted run, or of a tree that has changed.
fn remove_others(root: &Path, folder: &Path, wanted: &BTreeSet<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            remove_others(root, &name, wanted)?;
        } else if !wanted.contains(&name) {
            fs::remove_file(entry.path()).with_context(|| entry.path().display().to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_takes_what_changed_leaves_the_same_and_removes_the_rest() {
        let root = std::env::temp_dir().join(format!("xtask-tree-{}", std::process::id()));
        let (from, to) = (root.join("from"), root.join("to"));
        fs::create_dir_all(from.join("a")).unwrap();
        run_captured(Command::new("git").args(["init", "-q"]).arg(&from)).unwrap();
        fs::write(from.join(".gitignore"), "built\n").unwrap();
        fs::write(from.join("a/same"), "1").unwrap();
        fs::write(from.join("a/other"), "1").unwrap();
        fs::write(from.join("built"), "1").unwrap();
        copy(&from, &to).unwrap();
        let written = |name: &str| fs::metadata(to.join(name)).unwrap().modified().unwrap();
        let before = written("a/same");
        fs::write(to.join("a/other"), "spoilt").unwrap();
        fs::write(to.join("a/left"), "behind").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(written("a/same"), before);
        assert_eq!(fs::read_to_string(to.join("a/other")).unwrap(), "1");
        assert!(!to.join("a/left").exists() && !to.join("built").exists());
        fs::remove_dir_all(root).unwrap();
    }
}
