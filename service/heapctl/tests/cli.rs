//! The program itself: what it prints, for people and for scripts, and how it exits.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "cli/draft.rs"]
mod draft;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/pasted.rs"]
mod pasted;
#[path = "cli/policies.rs"]
mod policies;
#[path = "cli/recorded.rs"]
mod recorded;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/service.rs"]
mod service;

use serde_json::{json, Value};
use std::fs;
use std::process::{Command, Stdio};
use tempfile::tempdir;

const BAD: &str =
    "schema = 1\nname = \"bad\"\n\n[limits]\nrequest = \"256MiB\"\nreserve = 0\nbuffers_per_request = 8\n\n\
[metadata]\nheap = \"sytem\"\n\n[[heap]]\nname = \"system\"\n\n[[rule]]\nname = \"all\"\nheaps = [\"system\"]\n";

/// Its only finding is a warning.
fn warned() -> String {
    let generic = heaps_host::profile("generic").unwrap().text;
    format!("{generic}\n[[rule]]\nname = \"late\"\nheaps = [\"system\"]\n")
}

fn file(text: impl AsRef<[u8]>, name: &str) -> (tempfile::TempDir, String) {
    let dir = tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

#[test]
fn lint_points_at_line_and_column_and_offers_the_nearest_name() {
    let (_dir, path) = file(BAD, "bad.toml");
    let Run { status, out, .. } = run(&["lint", &path]);
    assert_eq!(status, 1);
    assert!(out.contains("error[unknown-heap]: heap \"sytem\" is not known"), "{out}");
    assert!(out.contains(&format!("{path}:10:8")), "{out}");
    assert!(out.contains("10 | heap = \"sytem\"") && out.contains("metadata.heap"), "{out}");
    assert!(out.contains("did you mean \"system\"?") && out.contains("allowed: system"), "{out}");
    assert!(out.ends_with(&format!("{path}: 1 error, 0 warnings\n")), "{out}");
}

#[test]
fn lint_json_says_the_same() {
    let (_dir, path) = file(BAD, "bad.toml");
    let (status, value) = run_json(&["lint", &path, "generic", "--json"]);
    assert_eq!((status, &value["ok"]), (1, &json!(false)));
    let found = &value["files"][0]["findings"][0];
    assert_eq!(found["file"], json!(path));
    assert_eq!((&found["line"], &found["column"], &found["key"]), (&json!(10), &json!(8), &json!("metadata.heap")));
    assert_eq!((&found["code"], &found["severity"]), (&json!("unknown-heap"), &json!("error")));
    assert_eq!((&found["nearest"], &found["allowed"]), (&json!("system"), &json!(["system"])));
    assert_eq!(
        value["files"][1],
        json!({ "file": "generic.toml (shipped)", "errors": 0, "warnings": 0, "findings": [] })
    );
}

#[test]
fn lint_of_shipped_profiles_finds_nothing() {
    let Run { status, out, .. } = run(&["lint", "generic", "cuttlefish", "reference-soc", "--deny-warnings"]);
    assert_eq!(status, 0, "{out}");
    assert_eq!(out.matches("nothing found").count(), 3);
}

#[test]
fn lint_warnings_are_refused_only_when_asked() {
    let (_dir, path) = file(warned(), "warned.toml");
    let Run { status, out, .. } = run(&["lint", &path]);
    assert_eq!(status, 0);
    assert!(out.contains("warning[unreachable]") && out.contains("0 errors, 1 warning"), "{out}");
    assert_eq!(run(&["lint", &path, "--deny-warnings"]).status, 1);
}

#[test]
fn lint_lists_its_codes() {
    let (status, value) = run_json(&["lint", "--codes", "--json"]);
    assert_eq!(status, 0);
    assert_eq!(value["codes"].as_array().unwrap().len(), heaps_config::Code::ALL.len());
    assert!(run(&["lint", "--codes"]).out.contains("protected-leak"));
}

#[test]
fn lint_colours_only_when_asked() {
    let (_dir, path) = file(BAD, "bad.toml");
    assert!(!run(&["lint", &path]).out.contains('\x1b'));
    assert!(run(&["lint", &path, "--color", "always"]).out.contains('\x1b'));
}

#[test]
fn files_that_cannot_be_read_are_status_2_and_named() {
    let dir = tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("empty.toml"), " \n").unwrap();
    fs::write(path("huge.toml"), vec![b'#'; heaps_config::MAX_TEXT_BYTES + 1]).unwrap();
    fs::write(path("binary.toml"), b"schema = 1\nname = \"\xff\"\n").unwrap();
    fs::write(path("notes.txt"), "x").unwrap();
    fs::create_dir(path("folder.toml")).unwrap();
    for (name, says) in [
        ("missing.toml", "No such file"),
        ("empty.toml", "empty; a policy starts with `schema = 1`"),
        ("huge.toml", "longer than the 1048576 bytes"),
        ("binary.toml", ":2: not UTF-8"),
        ("notes.txt", "ends in .toml (for people) or .json (compiled)"),
        ("folder.toml", "not a file"),
    ] {
        let file = path(name);
        for arguments in [vec!["lint", &file], vec!["compile", &file, "-o", "-"]] {
            let Run { status, out, err } = run(&arguments);
            assert_eq!((status, out.as_str()), (2, ""), "{name}");
            assert!(err.contains(&file) && err.contains(says), "{name}: {err}");
        }
    }
    let err = run(&["lint", "genric"]).err;
    assert!(err.contains("nor is it a shipped profile: generic, cuttlefish, reference-soc"), "{err}");
}

#[test]
fn broken_syntax_is_a_finding_with_its_line() {
    let (_dir, path) = file("schema = 1\nname = [\n", "broken.toml");
    let Run { status, out, .. } = run(&["lint", &path]);
    assert_eq!(status, 1);
    assert!(out.contains("error[syntax]"), "{out}");
    let (_dir, path) = file("{\n  \"schema\": 1,,\n}", "broken.json");
    let (status, value) = run_json(&["lint", &path, "--json"]);
    assert_eq!((status, &value["files"][0]["findings"][0]["line"]), (1, &json!(2)));
}

#[test]
fn compile_writes_what_the_service_loads_and_the_same_each_time() {
    let dir = tempdir().unwrap();
    let output = dir.path().join("heaps.json");
    let path = output.to_str().unwrap();
    let Run { status, out, err } = run(&["compile", "reference-soc", "-o", path]);
    assert_eq!((status, out.as_str()), (0, ""), "{err}");
    let text = fs::read_to_string(&output).unwrap();
    assert_eq!(heaps_config::from_json(&text).unwrap().name, "reference-soc");
    assert_eq!(run(&["compile", "reference-soc", "-o", "-"]).out, text);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    // What was compiled compiles to itself.
    assert_eq!(run(&["compile", path, "-o", "-"]).out, text);
}

#[test]
fn compile_refuses_errors_and_leaves_what_was_there() {
    let (dir, path) = file(BAD, "bad.toml");
    let output = dir.path().join("out.json");
    fs::write(&output, "before").unwrap();
    let Run { status, err, .. } = run(&["compile", &path, "-o", output.to_str().unwrap()]);
    assert_eq!(status, 1);
    assert!(err.contains("error[unknown-heap]") && err.contains("not compiled"), "{err}");
    assert_eq!(fs::read_to_string(&output).unwrap(), "before");
}

#[test]
fn compile_takes_warnings_unless_told_not_to() {
    let (_dir, path) = file(warned(), "warned.toml");
    assert_eq!(run(&["compile", &path, "-o", "-"]).status, 0);
    let (status, value) = run_json(&["compile", &path, "-o", "-", "--deny-warnings", "--json"]);
    assert_eq!((status, &value["ok"], &value["lint"]["warnings"]), (1, &json!(false), &json!(1)));
}

#[test]
fn compile_into_a_folder_that_is_not_there() {
    let Run { status, err, .. } = run(&["compile", "generic", "-o", "/nonexistent/x.json"]);
    assert_eq!(status, 2);
    assert!(err.contains("cannot write /nonexistent/x.json"), "{err}");
}

#[test]
fn help_says_what_the_exit_status_means_and_wrong_usage_is_2() {
    let Run { status, out, .. } = run(&["--help"]);
    assert_eq!(status, 0);
    for part in ["lint", "compile", "explain", "heaps", "alloc", "dump", "Exit status: 0 done; 1 findings"] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert_eq!(run(&[]).status, 2);
    assert_eq!(run(&["frobnicate"]).status, 2);
    assert_eq!(run(&["lint"]).status, 2);
}

#[test]
fn wrong_usage_is_json_too_when_json_is_asked_for() {
    for (arguments, words) in [
        (&["frobnicate", "--json"][..], "unrecognized subcommand 'frobnicate'"),
        (&["--json", "explain", "--size", "1x1"], "--format"),
        (&["lint", "--json"], "required arguments were not provided"),
        (&["heaps", "--json", "--no-such"], "unexpected argument '--no-such'"),
    ] {
        let (status, value) = run_json(arguments);
        assert_eq!((status, &value["ok"]), (2, &json!(false)), "{arguments:?}");
        let error = value["error"].as_str().unwrap();
        assert!(error.contains(words) && !error.starts_with("error"), "{arguments:?}: {error}");
    }
    // Help stays help.
    let Run { status, out, .. } = run(&["lint", "--json", "--help"]);
    assert!(status == 0 && out.contains("Usage: heapctl lint"), "{out}");
    // What follows -- is a file's name.
    assert_eq!(run(&["lint", "--no-such", "--", "--json"]).out, "");
}

#[test]
fn heaps_tells_what_is_there_and_what_is_in_the_way() {
    let dir = tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    // A character device that anybody may open, and a file that is none.
    std::os::unix::fs::symlink("/dev/null", path("system")).unwrap();
    std::os::unix::fs::symlink("/dev/null", path("mystery")).unwrap();
    let nodes = path("");
    let (status, value) = run_json(&["heaps", "--policy", "reference-soc", "--heap-dir", &nodes, "--json"]);
    assert_eq!((status, &value["ok"], &value["trouble"]), (0, &json!(true), &json!([])), "{value}");
    let heap = |value: &Value, name: &str| {
        value["heaps"].as_array().unwrap().iter().find(|heap| heap["heap"] == json!(name)).unwrap().clone()
    };
    assert_eq!(heap(&value, "system")["state"], json!("open"));
    assert_eq!(heap(&value, "camera")["state"], json!("absent"));
    assert_eq!(heap(&value, "camera-uncached")["used_by"], json!(["camera"]));
    assert_eq!(value["unclaimed_nodes"], json!(["mystery"]));
    // Only a contiguous region has a size of its own.
    assert_eq!(heap(&value, "system")["region_bytes"], Value::Null);
    assert!(value["accounting_means"].as_str().unwrap().contains("memory.max"), "{value}");

    fs::write(path("cma"), "").unwrap();
    let Run { status, out, .. } = run(&["heaps", "--policy", "reference-soc", "--heap-dir", &nodes]);
    assert_eq!(status, 1);
    assert!(out.contains("heap \"camera\": node cma: not a character device"), "{out}");
    assert!(out.contains("nodes that the policy does not name: mystery"), "{out}");

    fs::remove_file(path("system")).unwrap();
    fs::remove_file(path("cma")).unwrap();
    let Run { status, out, .. } = run(&["heaps", "--policy", "generic", "--heap-dir", &nodes]);
    assert_eq!(status, 1);
    assert!(out.contains("nothing can be allocated"), "{out}");
}

/// What it did.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs heapctl with these arguments and nothing from the environment that could change its answer.
pub(crate) fn run(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_heapctl"))
        .args(arguments)
        .env_remove("GRALLOC_ALLOCATOR")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Run {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The same with `--json` among the arguments: one value, whatever happens.
pub(crate) fn run_json(arguments: &[&str]) -> (i32, Value) {
    let Run { status, out, err } = run(arguments);
    match serde_json::from_str(&out) {
        Ok(value) => (status, value),
        Err(error) => panic!("{arguments:?}: {error}: {out}{err}"),
    }
}
