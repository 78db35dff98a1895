//! Unsafe code in what is shipped, counted: a use more or less is seen in review. And that sums are checked in releases.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{ensure, Context as _, Result};
use vm_harness::progress::run_captured;

use super::Finding;
use crate::context::Context;

/// Where shipped code lies.
const FOLDERS: [&str; 3] = ["service", "aidl", "heaps-config"];

/// The files that may hold the word, and how often each does (comments, tests and benches apart).
const PINNED: &[(&str, usize)] = &[
    ("service/dmabuf/src/ioctl.rs", 12),
    ("service/dmabuf/src/mmap.rs", 7),
    ("service/heaps/src/sched.rs", 4),
    ("service/mapper/src/abi.rs", 17),
    ("service/mapper/src/entry.rs", 56),
];

/// Where the numbers are written down.
const HERE: &str = "vts/xtask/src/ci/unsafety.rs";

/// Counts, compares, and looks at the release profile.
pub(super) fn check(context: &Context) -> Result<Finding> {
    let arguments = [&["ls-files", "--"], FOLDERS.as_slice()].concat();
    let files = run_captured(Command::new("git").current_dir(&context.workspace).args(arguments))?;
    let files = String::from_utf8(files).context("file names")?;
    let mut counts = BTreeMap::new();
    for name in files.lines().filter(|name| is_shipped(name)) {
        // Deleted and not yet committed.
        let Ok(text) = fs::read_to_string(context.workspace.join(name)) else { continue };
        counts.insert(name.to_owned(), count(&text));
    }
    let problems = compare(&counts, PINNED);
    for problem in &problems {
        println!("{problem}");
    }
    ensure!(problems.is_empty(), "{} files differ from what is pinned", problems.len());
    let manifest = fs::read_to_string(context.workspace.join("Cargo.toml")).context("Cargo.toml")?;
    ensure!(
        release_checks_overflow(&manifest),
        "Cargo.toml: [profile.release] has to say overflow-checks = true: a sum that wraps becomes a buffer that is too small"
    );
    let uses: usize = PINNED.iter().map(|(_, uses)| uses).sum();
    Ok(Finding::Well(format!(": {uses} uses in {} files; overflow checks are on in releases", PINNED.len())))
}

fn is_shipped(name: &str) -> bool {
    let apart = |part: &str| ["tests", "benches", "tests.rs"].contains(&part);
    name.ends_with(".rs") && !name.split('/').any(apart)
}

/// The word in code, comments apart.
fn count(text: &str) -> usize {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    code.map(|line| line.split(|character| !is_word(character)).filter(|word| *word == "unsafe").count()).sum()
}

fn compare(counts: &BTreeMap<String, usize>, pinned: &[(&str, usize)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, found) in counts {
        let allowed = pinned.iter().find(|(file, _)| file == name).map_or(0, |(_, uses)| *uses);
        if *found != allowed {
            problems.push(format!("{name}: \"unsafe\" stands {found} times here, and {HERE} pins {allowed} for it"));
        }
    }
    let gone = pinned.iter().filter(|(file, _)| !counts.contains_key(*file));
    problems.extend(gone.map(|(file, _)| format!("{file}: {HERE} pins a number for it, and there is no such file")));
    problems
}

fn release_checks_overflow(manifest: &str) -> bool {
    let mut lines = manifest.lines().skip_while(|line| line.trim() != "[profile.release]").skip(1);
    lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line.trim() == "overflow-checks = true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_use_more_less_or_elsewhere_is_told_with_both_places() {
        let found = |name: &str, uses| compare(&BTreeMap::from([(name.to_owned(), uses)]), &[("a.rs", 2)]);
        assert!(found("a.rs", 2).is_empty());
        for (name, uses) in [("a.rs", 3), ("a.rs", 1), ("b.rs", 1)] {
            let problems = found(name, uses);
            assert!(problems.iter().any(|problem| problem.contains(name) && problem.contains(HERE)), "{problems:?}");
        }
    }

    #[test]
    fn the_word_counts_in_code_alone() {
        assert_eq!(count("unsafe { f() } // unsafe\n/// unsafe\nunsafe_op(); unsafe fn g() {}"), 2);
        assert!(is_shipped("service/dmabuf/src/ioctl.rs"));
        assert!(!is_shipped("service/heaps/src/heap/tests.rs") && !is_shipped("service/mapper/tests/hostile.rs"));
    }

    #[test]
    fn release_profile_without_overflow_checks_is_seen() {
        assert!(release_checks_overflow("[profile.release]\nlto = true\noverflow-checks = true\n"));
        assert!(!release_checks_overflow("[profile.release]\nlto = true\n[profile.dev]\noverflow-checks = true\n"));
    }
}
