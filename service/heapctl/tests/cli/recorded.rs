//! top and leaks of dumps that were recorded, as a device's are.

use crate::{file, run, run_json, Run};
use serde_json::{json, Value};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A dump with these buffers of uid 10007: name, bytes, age in milliseconds.
fn dump(uptime_ms: u64, buffers: &[(&str, u64, u64)]) -> Value {
    let buffer = |(name, bytes, age_ms): &(&str, u64, u64)| json!({ "id": 1, "name": name, "heap": "system", "bytes": bytes, "uid": 10_007, "pid": 1, "age_ms": age_ms });
    let buffers: Vec<Value> = buffers.iter().map(buffer).collect();
    json!({
        "policy": "generic",
        "uptime_ms": uptime_ms,
        "releases_seen_through": "inotify",
        "untracked_buffers": 0,
        "scan_pending": false,
        "heaps": [{ "name": "system" }],
        "processes": [{ "uid": 10_007, "pid": 1, "buffers": 1, "bytes": 4096, "oldest_ms": 5 }],
        "buffers": buffers,
    })
}

/// A second apart, each laid out for people or on a line.
fn recording(dumps: impl IntoIterator<Item = Value>) -> (tempfile::TempDir, String) {
    let mut text = String::new();
    for (number, dump) in dumps.into_iter().enumerate() {
        match number % 3 {
            0 => write!(text, "{dump:#}\r\n").unwrap(),
            1 => write!(text, "{dump}").unwrap(),
            _ => write!(text, "\n\n{dump:#}").unwrap(),
        }
    }
    file(text, "dumps.json")
}

/// A layer more each second, each under a number of its own.
fn growing() -> Vec<Value> {
    let names: Vec<String> = (1..=14).map(|number| format!("layer#{number}")).collect();
    let held: Vec<(&str, u64, u64)> = names.iter().map(|name| (name.as_str(), 1_200_128, 1000)).collect();
    (1..=14).zip(0..).map(|(many, at)| dump(at * 1000, &held[..many])).collect()
}

#[test]
fn top_shows_the_last_of_recorded_dumps() {
    let (_dir, path) = recording([dump(1000, &[("first", 4096, 5)]), dump(2000, &[("last", 8192, 300_000)])]);
    let Run { status, out, err } = run(&["top", "--from", &path]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("policy generic") && out.contains("up 2 s") && out.contains("last"), "{out}");
    assert!(!out.contains("first") && !out.contains("old buffers") && !out.contains('\x1b'), "{out}");
    // What runs here under a process's number has nothing to do with it.
    let process = out.lines().skip_while(|line| *line != "processes").nth(2).unwrap();
    assert!(process.starts_with("10007  1 ") && process.ends_with('-'), "{out}");
    assert!(run(&["top", "--from", &path, "--older-than", "5m"]).out.contains("old buffers"));
    let (status, value) = run_json(&["top", "--from", &path, "--older-than", "5m", "--json"]);
    assert_eq!((status, &value["uptime_ms"], &value["leaks"]["groups"][0]["name"]), (0, &json!(2000), &json!("last")));
    let Run { status, err, .. } = run(&["top", "--from", &path, "--socket", "/nonexistent"]);
    assert!(status == 2 && err.contains("--socket"), "{err}");
}

#[test]
fn leaks_are_told_from_the_ages_of_the_last_recorded_dump() {
    let old = [("a", 4096, 300_000), ("b", 1 << 20, 299_999), ("a", 4096, 400_000)];
    let (_dir, path) = recording([dump(1, &[("gone", 1, 900_000)]), dump(500_000, &old)]);
    let (status, found) = run_json(&["leaks", "--from", &path, "--older-than", "5m", "--json"]);
    let group = json!({ "uid": 10_007, "name": "a", "buffers": 2, "bytes": 8192, "oldest_ms": 400_000 });
    let wanted = json!({ "older_than_ms": 300_000, "groups": [group], "further_buffers": 0, "scan_pending": false, "untracked_buffers": 0 });
    assert_eq!((status, &found), (1, &wanted));
    let Run { status, out, .. } = run(&["leaks", "--from", &path, "--older-than", "1h"]);
    assert_eq!((status, out.as_str()), (0, "no buffer is older than 3600s\n"));
    // As adb's pipe hands it over.
    let mut leaks = Command::new(env!("CARGO_BIN_EXE_heapctl"));
    leaks.args(["leaks", "--from", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut leaks = leaks.spawn().unwrap();
    leaks.stdin.take().unwrap().write_all(&std::fs::read(&path).unwrap()).unwrap();
    let output = leaks.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && out.contains("1.0 MiB") && !out.contains("gone"), "{out}");
}

#[test]
fn what_a_dump_does_not_know_is_said_beside_the_answer_and_no_releases_are_an_error() {
    let mut dumps = growing();
    for dump in &mut dumps {
        dump["scan_pending"] = json!(true);
        dump["untracked_buffers"] = json!(3);
    }
    let (_dir, path) = recording(dumps.clone());
    for how in [&["--older-than", "1h"][..], &["--watch"]] {
        let leaks = [&["leaks", "--from", &path], how].concat();
        let Run { err, .. } = run(&leaks);
        assert!(err.contains("note: no scan") && err.contains("note: 3 buffers could not be watched"), "{err}");
        let (_, said) = run_json(&[&leaks[..], &["--json"]].concat());
        assert_eq!((&said["scan_pending"], &said["untracked_buffers"]), (&json!(true), &json!(3)));
    }
    for dump in &mut dumps {
        dump.as_object_mut().unwrap().remove("releases_seen_through");
    }
    let (_dir, path) = recording(dumps);
    for how in [&["--older-than", "0s"][..], &["--watch"]] {
        let Run { status, err, .. } = run(&[&["leaks", "--from", &path], how].concat());
        assert!(status == 2 && err.contains(&path) && err.contains("does not see releases"), "{err}");
    }
}

#[test]
fn watch_of_recorded_dumps_finds_what_grows() {
    let (_dir, path) = recording(growing());
    let (status, found) = run_json(&["leaks", "--watch", "--from", &path, "--json"]);
    assert_eq!((status, &found["seconds"], &found["samples"]), (1, &json!(13), &json!(14)), "{found}");
    let leak = &found["growing"][0];
    assert_eq!((&leak["name"], &leak["of"], &leak["buffers"]), (&json!("layer#*"), &json!("names"), &json!(14)));
    assert_eq!(found["growing"].as_array().unwrap().len(), 1);
    let still = (0..9).map(|at| dump(at * 1000, &[("still", 4096, 1000)]));
    let (_dir, path) = recording(still);
    let Run { status, out, .. } = run(&["leaks", "--watch", "--from", &path]);
    assert_eq!((status, out.as_str()), (0, "nothing grows: 9 samples over 8 s\n"));
    let Run { status, err, .. } = run(&["leaks", "--watch", "--from", &path, "--seconds", "5"]);
    assert!(status == 2 && err.contains("--seconds"), "{err}");
}

#[test]
fn watch_of_few_dumps_or_over_a_restart_is_an_error_that_says_so() {
    let few = [0, 1, 2, 3, 4, 5, 6, 7, 8, 100].map(|at| dump(at * 1000, &[]));
    let (_dir, path) = recording(few);
    let Run { status, out, err } = run(&["leaks", "--watch", "--from", &path]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.contains("10 samples came, 9, 0 and 1 of them"), "{err}");

    let anew = growing().into_iter().chain(growing()).map(|dump| format!("{dump}\n"));
    let (_dir, path) = file(anew.collect::<String>(), "dumps.jsonl");
    let Run { status, err, .. } = run(&["leaks", "--watch", "--from", &path]);
    assert!(status == 2 && err.contains(&format!("{path}:15: the service was started anew")), "{err}");
}

#[test]
fn bad_recordings_are_named_with_the_line() {
    let whole = dump(1, &[]);
    for (text, says) in [
        (format!("{whole}\n{{\n"), ":2: not a dump: EOF while parsing an object"),
        (format!("{whole}\n\n{whole}\n[]\n"), ":4: not a dump: allowed is an object"),
        (format!("{whole:#}\n{}", json!({ "heaps": [], "buffers": 7, "uptime_ms": 1 })), ":23: not a dump: "),
        ("\n".to_owned(), ": no samples in it"),
        ("Can't find service: x\n".to_owned(), ":1: not a dump: expected value"),
    ] {
        let (_dir, path) = file(text, "dumps.json");
        for command in [&["top"][..], &["leaks"], &["leaks", "--watch"]] {
            let Run { status, out, err } = run(&[command, &["--from", &path]].concat());
            assert_eq!((status, out.as_str()), (2, ""));
            assert!(err.contains(&format!("{path}{says}")), "{command:?}: {err}");
        }
    }
    assert_eq!(run(&["leaks", "--from", "/nonexistent"]).status, 2);
}
