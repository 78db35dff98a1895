//! `heapctl draft`.

use crate::{run, run_json, Run};
use serde_json::json;
use std::fs;
use tempfile::tempdir;

#[test]
fn draft_of_names_is_a_policy_that_lint_and_explain_take() {
    let dir = tempdir().unwrap();
    let list = dir.path().join("list");
    fs::write(&list, "system\r\nsystem-uncached\r\nlinux,cma\r\n\r\nvframe-secure\r\nfoo\r\n").unwrap();
    let board = dir.path().join("board.toml");
    let (list, board) = (list.to_str().unwrap(), board.to_str().unwrap());
    let Run { status, err, .. } = run(&["draft", "--nodes-from", list, "-o", board]);
    assert_eq!(status, 0, "{err}");
    assert!(err.contains(&format!("{board}: nothing found: 5 heaps from {list}")), "{err}");
    assert_eq!(run(&["lint", board, "--deny-warnings"]).status, 0);
    let heap = |usage| {
        let request = ["--format", "RGBA_8888", "--size", "64x64", "--usage", usage];
        let (status, plan) =
            run_json(&[&["explain", "--json", "--policy", board, "--all-heaps"][..], &request].concat());
        assert_eq!(status, 0, "{plan}");
        plan["heaps"].as_array().unwrap().iter().map(|heap| heap["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(heap("PROTECTED|VIDEO_DECODER"), ["protected"]);
    assert_eq!(heap("CAMERA_OUTPUT"), ["cma", "system-uncached", "system"]);
    // The same as arguments, on standard output.
    let names = ["system", "system-uncached", "linux,cma", "vframe-secure", "foo"];
    let Run { out, .. } = run(&[&["draft", "--nodes"][..], &names].concat());
    assert_eq!(out, fs::read_to_string(board).unwrap());
}

#[test]
fn draft_of_a_folder_names_its_files() {
    let dir = tempdir().unwrap();
    ["system", "reserved"].iter().for_each(|name| fs::write(dir.path().join(name), "").unwrap());
    let (status, value) = run_json(&["draft", "--heap-dir", dir.path().to_str().unwrap(), "--json"]);
    assert_eq!((status, &value["ok"], &value["nodes"]), (0, &json!(true), &json!(["reserved", "system"])));
    assert_eq!((&value["output"], &value["lint"]["errors"]), (&json!(null), &json!(0)));
    assert!(value["policy"].as_str().unwrap().contains("nodes = [\"reserved\", "));
}

#[test]
fn draft_overwrites_only_when_told_to() {
    let dir = tempdir().unwrap();
    let board = dir.path().join("board.toml");
    fs::write(&board, "edited").unwrap();
    let path = board.to_str().unwrap();
    let Run { status, err, .. } = run(&["draft", "-o", path, "--nodes", "system"]);
    assert_eq!(status, 2);
    assert!(err.contains(path) && err.contains("--force"), "{err}");
    assert_eq!(fs::read_to_string(&board).unwrap(), "edited");
    assert_eq!(run(&["draft", "-o", path, "--force", "--nodes", "system"]).status, 0);
    assert!(fs::read_to_string(&board).unwrap().contains("schema = 1"));
}

#[test]
fn draft_errors_name_what_is_wrong() {
    let refused = |arguments: &[&str]| {
        let Run { status, err, .. } = run(&[&["draft"][..], arguments].concat());
        assert_eq!(status, 2, "{err}");
        err
    };
    assert!(refused(&["--nodes-from", "/nonexistent/list"]).contains("/nonexistent/list: No such file"));
    assert!(refused(&["--heap-dir", "/nonexistent"]).contains("/nonexistent: "));
    assert!(refused(&["--nodes", "linux,cma"]).contains("`system`"));
    assert!(refused(&["--nodes", "system", "crw-rw---- 1"]).contains("\"crw-rw---- 1\" is no name of a heap"));
    assert!(refused(&["--name", "a\"b", "--nodes", "system"]).contains("--name"));
    assert!(refused(&["-o", "/nonexistent/x.toml", "--nodes", "system"]).contains("cannot write /nonexistent/x.toml"));
    assert!(refused(&["--nodes-from", "/dev/zero"]).contains("/dev/zero: longer than"));
    assert!(refused(&["--nodes-from", "/dev/null"]).contains("no names"));
}

#[test]
fn draft_of_a_board_s_files_says_what_is_to_be_seen_to() {
    let dir = tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let listing = path(
        "heaps.txt",
        "crw-r--r-- 1 system graphics 250,  0 2026-01-09 08:30 system\r\n\
         crw------- 1 root   root     250,  1 2026-01-09 08:30 reserved\r\n\
         crw-r--r-- 1 system drmrpc   250,  2 2026-01-09 08:30 vframe-secure\r\n",
    );
    let ueventd = path("ueventd.rc", "/dev/dma_heap/vframe-secure 0440 system drmrpc\n");
    let (status, value) = run_json(&["--json", "draft", &listing, &ueventd]);
    assert_eq!((status, &value["lint"]["errors"]), (0, &json!(0)), "{value}");
    assert_eq!(value["nodes"], json!(["reserved", "system", "vframe-secure"]));
    assert_eq!(value["files"][1], json!({ "file": ueventd, "kind": "lines for ueventd" }));
    let note = |words: &str| {
        value["notes"].as_array().unwrap().iter().find(|note| note["message"].as_str().unwrap().contains(words))
    };
    assert_eq!(note("reserved is closed to the service").unwrap()["place"], json!({ "file": listing, "line": 2 }));
    assert_eq!(note("ueventd's line says 0440").unwrap()["other"], json!({ "file": ueventd, "line": 1 }));

    let bad = path("cut.rc", "/dev/dma_heap/x 0444 system system\n/dev/dma_heap/y 04");
    let Run { status, err, .. } = run(&["draft", &listing, &bad]);
    assert_eq!(status, 2);
    assert!(err.contains(&format!("{bad}:2: /dev/dma_heap/y has no mode, owner and group")), "{err}");
    let (status, value) = run_json(&["--json", "draft", "/dev/zero"]);
    assert_eq!((status, &value["ok"]), (2, &json!(false)));
    assert!(value["error"].as_str().unwrap().contains("/dev/zero:1: longer than 4 MiB"), "{value}");
}
