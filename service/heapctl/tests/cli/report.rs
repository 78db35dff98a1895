//! report: recordings, good and bad, and a service that goes away.

use crate::service::start;
use crate::{run, run_json, Run};
use gralloc_heaps::watch::Source;
use serde_json::{json, Value};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn dump(uptime_ms: u64) -> Value {
    json!({ "uptime_ms": uptime_ms, "heaps": [{ "name": "system", "live_bytes": 4096 }] })
}

#[test]
fn report_of_a_bad_recording_names_file_line_and_key() {
    let folder = Folder::new();
    let page = folder.path("a.html");
    for (text, says) in [
        ("{\"heaps\":[]}\n{\n", ":2: not a dump: EOF"),
        ("[]\n", ":1: not a dump: allowed is an object"),
        ("\n", ": no samples in it"),
        ("{\"heaps\":[]}\n{\"heaps\":5}\n", ":2: not a dump: heaps: invalid type: integer `5`, expected a sequence"),
    ] {
        let path = folder.write("samples.jsonl", text);
        let Run { status, err, .. } = run(&["report", "--from", &path, "-o", &page]);
        assert!(status == 2 && err.contains(&format!("{path}{says}")), "{err}");
        assert!(!Path::new(&page).exists());
    }
    let Run { status, err, .. } = run(&["report", "--from", "/dev/zero", "-o", &page]);
    assert!(status == 2 && err.contains("/dev/zero:1: not a dump"), "{err}");
}

#[test]
fn report_draws_what_dump_prints_and_standard_input() {
    let folder = Folder::new();
    let (pretty, page) = (format!("{:#}\n{:#}\n", dump(1000), dump(3000)), folder.path("a.html"));
    let path = folder.write("samples.json", &pretty);
    let (status, said) = run_json(&["report", "--from", &path, "-o", &page, "--json"]);
    assert_eq!((status, &said["samples"], &said["interrupted"]), (0, &json!(2), &Value::Null));

    let output = Command::new(env!("CARGO_BIN_EXE_heapctl"))
        .args(["report", "--from", "-", "-o", &folder.path("b.html")])
        .stdin(fs::File::open(&path).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read(folder.path("b.html")).unwrap(), fs::read(page).unwrap());
}

#[test]
fn report_of_a_recording_over_a_restart_is_one_line_of_time() {
    let folder = Folder::new();
    let lines: String = [60_000, 61_000, 500, 1500].map(|uptime| format!("{}\n", dump(uptime))).concat();
    let (path, page) = (folder.write("samples.jsonl", &lines), folder.path("a.html"));
    let (status, said) = run_json(&["report", "--from", &path, "-o", &page, "--json"]);
    assert_eq!((status, &said["restarts"]), (0, &json!(1)));
    let text = fs::read_to_string(page).unwrap();
    assert!(text.contains("4 samples over 2 s") && text.contains("another service</text>"), "{text}");
}

#[test]
fn report_refuses_two_options_that_name_one_file() {
    let folder = Folder::new();
    let lines = format!("{}\n", dump(1000));
    let (path, there) = (folder.write("samples.jsonl", &lines), folder.path("."));
    let again = format!("{there}/samples.jsonl");
    let link = folder.path("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let page = folder.path("a.html");
    for (arguments, names) in [
        (["--from", &path, "-o", &again], "--from and --output"),
        (["--from", &path, "-o", &link], "--from and --output"),
        (["--from", &path, "--perfetto", &path], "--from and --perfetto"),
        (["--perfetto", &page, "-o", &page], "--perfetto and --output"),
        (["--record", &page, "--perfetto", &page], "--record and --perfetto"),
    ] {
        // Before it looks for a service.
        let Run { status, err, .. } = run(&[&["report", "--socket", "/nonexistent"], &arguments[..]].concat());
        assert!(status == 2 && err.contains(&format!("{names} name the same file")), "{err}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), lines);
    assert_eq!(folder.names(), ["link", "samples.jsonl"]);
}

#[test]
fn report_with_perfetto_alone_writes_no_page() {
    let folder = Folder::new();
    folder.write("samples.jsonl", &format!("{}\n", dump(1000)));
    let report = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heapctl"));
        let output =
            command.arg("report").args(["--from", "samples.jsonl"]).args(arguments).current_dir(folder.0.path());
        assert!(output.stdout(Stdio::null()).status().unwrap().success());
        folder.names()
    };
    assert_eq!(report(&["--perfetto", "t.pftrace"]), ["samples.jsonl", "t.pftrace"]);
    assert_eq!(report(&["--perfetto", "t.pftrace", "-o", "a.html"]), ["a.html", "samples.jsonl", "t.pftrace"]);
    assert_eq!(report(&[]), ["a.html", "report.html", "samples.jsonl", "t.pftrace"]);
    let Run { status, out, err } = run(&["report", "--from", &folder.path("samples.jsonl"), "-o", "/dev/stdout"]);
    assert!(status == 0 && out.starts_with("<!doctype html>"), "{err}");
}

#[test]
fn report_takes_a_day_at_most_and_no_moment() {
    for seconds in ["0", "86401", "18446744073709551615"] {
        let Run { status, err, .. } = run(&["report", "--socket", "/nonexistent", "--seconds", seconds]);
        assert!(status == 2 && err.contains("1..=86400"), "{err}");
    }
}

#[test]
fn errors_pass_no_control_characters_to_a_terminal() {
    for arguments in [["report", "--from", "no\x1b[31msuch\u{9b}"], ["report", "--seconds", "\x1b[31m\u{7}"]] {
        let Run { status, err, .. } = run(&arguments);
        assert!(status == 2 && !err.contains(|c: char| c.is_control() && c != '\n'), "{err:?}");
    }
    let (_, said) = run_json(&["report", "--from", "no\x1b[31msuch", "--json"]);
    assert!(said["error"].as_str().unwrap().starts_with("no\x1b[31msuch: "), "{said}");
}

/// The service of a process of its own, which is this test again.
const FOLDER: &str = "HEAPCTL_TEST_SERVICE";

#[test]
#[ignore = "run by another test, as a process of its own"]
fn service_of_its_own() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        start(&PathBuf::from(folder), Source::ALL.to_vec());
        loop {
            std::thread::park();
        }
    }
}

/// Ends with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}");
}

/// A report while whose sampling the service is killed: what it printed, and how many samples are in the record.
fn interrupted(folder: &Folder, more: &[&str]) -> (String, String, usize) {
    let mut service = Command::new(std::env::current_exe().unwrap());
    service.args(["--exact", "report::service_of_its_own", "--ignored"]).env(FOLDER, folder.0.path());
    let service = Killed(service.stdout(Stdio::null()).spawn().unwrap());
    let (socket, samples) = (folder.path("socket"), folder.path("samples.jsonl"));
    until("no service", || run(&["top", "--once", "--socket", &socket]).status == 0);
    let mut report = Command::new(env!("CARGO_BIN_EXE_heapctl"));
    report.args(["report", "--socket", &socket, "--seconds", "3600", "--interval", "20", "--record", &samples]);
    let report = report.args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The record grows while it is watched.
    let lines = || fs::read_to_string(&samples).map_or(0, |text| text.lines().count());
    until("no samples", || lines() > 2);
    drop(service);
    let output = report.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap(), lines())
}

#[test]
fn report_of_a_service_that_dies_meanwhile_is_of_what_there_was() {
    let folder = Folder::new();
    let [page, trace] = ["a.html", "t.pftrace"].map(|name| folder.path(name));
    let (out, err, count) = interrupted(&folder, &["-o", &page, "--perfetto", &trace]);
    assert!(err.contains("sampling ended early: "), "{err}");
    assert!(out.contains(&format!("{page}: {count} samples\n")), "{out}");
    assert!(fs::read_to_string(&page).unwrap().contains(&format!("{count} samples over")));
    assert!(!fs::read(&trace).unwrap().is_empty());

    let folder = Folder::new();
    let (out, _, count) = interrupted(&folder, &["-o", &folder.path("a.html"), "--json"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&said["ok"], &said["samples"]), (&json!(false), &json!(count)), "{said}");
    assert!(!said["interrupted"].as_str().unwrap().is_empty(), "{said}");
}
