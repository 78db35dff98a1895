//! `heaps_compile`, the program: findings with their lines, and the JSON that the service loads.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used)]

use heaps_host::{lint, profile, PROFILES};
use std::path::Path;
use std::process::{Command, Output};

fn compile(policy: &Path, output: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heaps_compile"))
        .arg("--output")
        .arg(output)
        .args(more)
        .arg(policy)
        .output()
        .unwrap()
}

/// A fault each, planted in the generic profile, and what the program says of it.
#[test]
fn a_fault_is_named_with_its_line_its_key_and_what_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let (file, output) = (dir.path().join("bad.toml"), dir.path().join("heaps.json"));
    let good = profile("generic").unwrap().text;
    for (from, to, says) in [
        ("nodes = [\"system\"]", "cashed = true", "unknown-key] heap[0].cashed: "),
        ("nodes = [\"system\"]", "nodes = []", "] heap[0].nodes: "),
        ("nodes = [\"system\"]", "nodes = [7]", "wrong-type] heap[0].nodes[0]: this takes a string, not a number"),
        ("nodes = [\"system\"]", "nodes = [1.5]", "not a number with a fraction or exponent"),
        ("nodes = [\"system\"]", "nodes = [1979-05-27]", "not a date or time"),
        ("heap = \"system\"", "heap = \"sytem\"", "did you mean \"system\"?"),
        ("schema = 1", "schema = 9", "] schema: "),
    ] {
        let at = good.find(from).unwrap();
        let line = good.get(..at).unwrap().lines().count() + usize::from(good.get(..at).unwrap().ends_with('\n'));
        std::fs::write(&file, good.replacen(from, to, 1)).unwrap();
        let run = compile(&file, &output, &[]);
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        let start = format!("{}:{line}: error[", file.display());
        assert!(said.lines().any(|words| words.starts_with(&start) && words.contains(says)), "{to}: {line}\n{said}");
        assert!(!run.status.success() && !output.exists(), "{to}");
    }
}

#[test]
fn the_program_writes_nothing_after_an_error_and_names_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let (policy, output) = (dir.path().join("bad.toml"), dir.path().join("heaps.json"));
    std::fs::write(&policy, "schema = 1\nname = \"x\"\ncolour = 1\n").unwrap();
    let run = compile(&policy, &output, &[]);
    assert!(!run.status.success());
    assert!(String::from_utf8_lossy(&run.stderr).contains("bad.toml:3: error["), "{run:?}");
    assert!(!output.exists());
}

#[test]
fn the_program_does_not_write_onto_the_policy_itself() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("good.toml");
    let text = profile("generic").unwrap().text;
    std::fs::write(&policy, &text).unwrap();
    let run = compile(&policy, &policy, &[]);
    assert!(!run.status.success() && String::from_utf8_lossy(&run.stderr).contains("the policy itself"), "{run:?}");
    assert_eq!(std::fs::read_to_string(&policy).unwrap(), text);
}

#[test]
fn the_program_writes_what_the_service_loads() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("heaps.json");
    for (name, text) in PROFILES {
        let policy = dir.path().join(format!("{name}.toml"));
        std::fs::write(&policy, text).unwrap();
        let run = compile(&policy, &output, &["--deny-warnings"]);
        assert!(run.status.success() && run.stderr.is_empty(), "{name}: {run:?}");
        let written = std::fs::read_to_string(&output).unwrap();
        assert_eq!(Some(&written), lint(profile(name).unwrap()).compile().as_ref(), "{name}");
        assert_eq!(heaps_config::from_json(&written).unwrap().name, *name);
    }
}

#[test]
fn an_expectation_that_does_not_hold_stops_the_build_at_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let (policy, output) = (dir.path().join("bad.toml"), dir.path().join("heaps.json"));
    let good = profile("generic").unwrap().text;
    assert!(good.contains("stride = 1088"));
    std::fs::write(&policy, good.replacen("stride = 1088", "stride = 1080", 1)).unwrap();
    let run = compile(&policy, &output, &[]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    let line = good.lines().take_while(|line| *line != "[[expect]]").count() + 1;
    let wanted = format!("bad.toml:{line}: error: expect \"screen\": stride: 1080 was expected, and it is 1088");
    assert!(said.contains(&wanted), "{wanted}\n{said}");
    assert!(!run.status.success() && !output.exists());
}
