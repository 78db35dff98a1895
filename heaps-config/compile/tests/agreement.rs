//! The tree's compiler and the desk's find the same, at the same lines, and write the same bytes.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used)]

use heaps_compile::compile;
use heaps_host::{lint, Format, Source, PROFILES};
use std::process::Command;

/// `line code key` of every finding.
fn desk(text: &str) -> Vec<String> {
    let linted = lint(Source::text("p.toml", text, Format::Toml));
    let mut lines: Vec<String> = linted
        .findings
        .iter()
        .map(|located| format!("{} {} {}", located.line, located.finding.code.word(), located.finding.message))
        .collect();
    lines.sort();
    lines
}

fn tree(text: &str) -> Vec<String> {
    let report = compile("p.toml", text).report;
    let mut lines: Vec<String> = report
        .lines()
        .map(|line| {
            let rest = line.strip_prefix("p.toml:").unwrap();
            let (number, rest) = rest.split_once(": ").unwrap();
            let (_, rest) = rest.split_once('[').unwrap();
            let (code, message) = rest.split_once("] ").unwrap();
            format!("{number} {code} {message}")
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn every_profile_compiles_to_the_same_bytes() {
    assert!(!PROFILES.is_empty());
    for (name, text) in PROFILES {
        let desk = lint(Source::text(*name, *text, Format::Toml)).compile().unwrap();
        let compiled = compile(name, text);
        assert_eq!(compiled.json.as_deref(), Some(desk.as_str()), "{name}: {}", compiled.report);
    }
}

/// One fault each, planted in the generic profile.
#[test]
fn a_fault_is_found_at_the_same_line_with_the_same_code() {
    let (_, good) = PROFILES.iter().find(|(name, _)| *name == "generic").unwrap();
    let faults = [
        ("nodes = [\"system\"]", "nodes = [\"system\"]\ncashed = true"),
        ("nodes = [\"system\"]", "nodes = []"),
        ("nodes = [\"system\"]", "nodes = [7]"),
        ("nodes = [\"system\"]", "nodes = [1.5]"),
        ("heap = \"system\"", "heap = \"sytem\""),
        ("schema = 1", "schema = 9"),
    ];
    for (from, to) in faults {
        assert!(good.contains(from), "the profile no longer has {from}");
        let bad = good.replacen(from, to, 1);
        let (desk, tree) = (desk(&bad), tree(&bad));
        assert!(!desk.is_empty(), "{to} is no fault");
        assert_eq!(desk.len(), tree.len(), "{to}\n{desk:#?}\n{tree:#?}");
        for (desk, tree) in desk.iter().zip(&tree) {
            let head = |text: &str| text.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
            assert_eq!(head(desk), head(tree), "{to}");
        }
    }
}

#[test]
fn the_program_writes_nothing_after_an_error_and_names_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let (policy, output) = (dir.path().join("bad.toml"), dir.path().join("heaps.json"));
    std::fs::write(&policy, "schema = 1\nname = \"x\"\ncolour = 1\n").unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_heaps_compile")).arg(&policy).arg("--output").arg(&output).output();
    let run = run.unwrap();
    assert!(!run.status.success());
    assert!(String::from_utf8_lossy(&run.stderr).contains("bad.toml:3: error["), "{run:?}");
    assert!(!output.exists());
}

#[test]
fn the_program_writes_what_the_service_loads() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("heaps.json");
    for (name, text) in PROFILES {
        let policy = dir.path().join(format!("{name}.toml"));
        std::fs::write(&policy, text).unwrap();
        let run = Command::new(env!("CARGO_BIN_EXE_heaps_compile")).arg("--output").arg(&output).arg(&policy).output();
        assert!(run.unwrap().status.success(), "{name}");
        let policy = heaps_config::from_json(&std::fs::read_to_string(&output).unwrap()).unwrap();
        assert_eq!(policy.name, *name);
    }
}
