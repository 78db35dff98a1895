//! Each target over the corpus that is kept: what reaches far into it, and what once made it fail.

// A broken promise is a panic.
#![allow(clippy::unwrap_used)]

use fuzz_targets::corpus::{archive, files, unpack, Input};
use fuzz_targets::TARGETS;
use std::path::Path;

fn run(inputs: &[Input], target: fn(&[u8])) {
    for (name, bytes) in inputs {
        // The last line tells which one it was when the test fails.
        println!("{name}");
        target(bytes);
    }
}

#[test]
fn every_target_keeps_its_promises_over_its_corpus() {
    for (name, target) in TARGETS {
        let kept = unpack(&archive(name)).unwrap();
        let found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("found").join(name)).unwrap();
        assert!(!kept.is_empty(), "{} is empty", archive(name).display());
        println!("{name}: {} inputs, {} that once failed", kept.len(), found.len());
        run(&kept, target);
        run(&found, target);
    }
}
