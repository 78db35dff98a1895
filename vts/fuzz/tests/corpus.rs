//! Each target over the corpus that is kept: what reaches far into it, and what once made it fail.

// A broken promise is a panic.
#![allow(clippy::unwrap_used)]

use fuzz_targets::TARGETS;
use std::fs;
use std::path::Path;

fn run_folder(folder: &Path, target: fn(&[u8])) -> usize {
    let mut files: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in &files {
        // The last line tells which one it was when the test fails.
        println!("{}", file.display());
        target(&fs::read(file).unwrap());
    }
    files.len()
}

#[test]
fn every_target_keeps_its_promises_over_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in TARGETS {
        let kept = run_folder(&corpus.join(name), target);
        let found = run_folder(&corpus.join("found").join(name), target);
        assert!(kept > 0, "{name} has no corpus in {}", corpus.display());
        println!("{name}: {kept} inputs, {found} that once failed");
    }
}
