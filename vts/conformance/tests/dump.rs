//! `gralloc-conformance --dump` against this project's own service and mapper.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

// The keeper restarts services for the other tests.
#[allow(dead_code)]
mod common;

use common::keeper::own_service;
use gralloc_buffer::metadata::{explain, StandardMetadata};
use std::process::Command;

/// The bytes of the one line that says this type.
fn bytes_of(text: &str, name: &str) -> Vec<u8> {
    let of_it = |line: &&str| line.split(' ').next().is_some_and(|first| first.eq_ignore_ascii_case(name));
    let lines: Vec<&str> = text.lines().filter(of_it).collect();
    assert_eq!(lines.len(), 1, "{name} in\n{text}");
    let digits = lines[0].split_once(' ').unwrap().1;
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn dump_prints_each_standard_type_once_with_bytes_that_decode() {
    let service = own_service();
    let output = Command::new(env!("CARGO_BIN_EXE_gralloc-conformance"))
        .args(["--dump", "--allocator", &service.transport(), "--mapper"])
        .arg(common::mapper())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    for kind in StandardMetadata::ALL {
        let bytes = bytes_of(&text, kind.name());
        assert!(explain(*kind, &bytes).is_some(), "{}: {bytes:?}", kind.name());
    }
    assert_eq!(text.lines().count(), StandardMetadata::ALL.len(), "nothing else is printed:\n{text}");
    let size = bytes_of(&text, StandardMetadata::AllocationSize.name());
    assert_ne!(explain(StandardMetadata::AllocationSize, &size).unwrap(), "0", "a buffer has bytes");
}

#[test]
fn dump_without_an_allocator_is_an_error_and_prints_nothing() {
    let output = Command::new(env!("CARGO_BIN_EXE_gralloc-conformance"))
        .args(["--dump", "--allocator", "unix:/nonexistent/socket", "--mapper"])
        .arg(common::mapper())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/socket"));
}
