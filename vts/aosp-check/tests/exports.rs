//! A library that exports what a mapper has to passes; one that lacks something, or has too much, does not.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used)]

use aosp_check::{android, Report};
use object::elf::{EM_386, EM_AARCH64, EM_X86_64};
use std::fs;
use std::process::Command;

/// What a mapper exports, in C.
const GOOD: &str = "
const unsigned ANDROID_HAL_MAPPER_VERSION = 5;
const unsigned ANDROID_HAL_STABLEC_VERSION = 5;
int AIMapper_loadIMapper(void **out) { return out == 0; }
";

fn machine() -> u16 {
    match std::env::consts::ARCH {
        "x86_64" => EM_X86_64,
        "aarch64" => EM_AARCH64,
        _ => EM_386,
    }
}

fn looked_at(source: &str, machine: u16) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let (code, library) = (folder.path().join("mapper.c"), folder.path().join("mapper.so"));
    fs::write(&code, source).unwrap();
    let mut compiler = Command::new("cc");
    let built = compiler.args(["-shared", "-fPIC", "-nostdlib", "-o"]).arg(&library).arg(&code).output().unwrap();
    assert!(built.status.success(), "{built:?}");
    let mut report = Report::default();
    android::exports(&fs::read(library).unwrap(), machine, &mut report).unwrap();
    report
}

#[test]
fn what_a_mapper_exports_is_enough() {
    let report = looked_at(GOOD, machine());
    assert!(report.is_clean(), "{report}");
}

#[test]
fn every_fault_is_found() {
    let faults = [
        ("AIMapper_loadIMapper", "AIMapper_load", "does not export AIMapper_loadIMapper"),
        ("MAPPER_VERSION = 5", "MAPPER_VERSION = 4", "ANDROID_HAL_MAPPER_VERSION is Some(4) and has to be 5"),
        ("const unsigned ANDROID_HAL_STABLEC_VERSION = 5;", "", "does not export ANDROID_HAL_STABLEC_VERSION"),
        ("\nint", "\nint rust_eh_personality;\nint", "exports rust_eh_personality, which nobody looks up"),
        ("return out == 0;", "extern int AIBinder_ping(void); return AIBinder_ping();", "asks for AIBinder_ping"),
    ];
    for (from, to, words) in faults {
        assert!(GOOD.contains(from));
        let report = looked_at(&GOOD.replacen(from, to, 1), machine());
        assert!(report.to_string().contains(words), "{words} is not in:\n{report}");
    }
}

#[test]
fn another_machine_s_library_is_found() {
    let report = looked_at(GOOD, EM_386);
    assert!(report.to_string().contains("not 3"), "{report}");
}
