//! alloc and dump, against the service itself over its socket, with memfd stand-ins for heaps.

use crate::run::{run, run_json, Run};
use allocator_aidl::{SocketDoor, SocketOptions};
use gralloc_kernel::BackendKind;
use gralloc_server::args::{Args, Door};
use gralloc_server::{adapter, startup};
use serde_json::json;
use std::fs;

/// Starts a service on a thread of this process; the folder holds its socket.
fn service() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("heaps.json");
    let profile = heaps_lint::lint(heaps_lint::profile("generic").unwrap());
    fs::write(&policy, profile.compile().unwrap()).unwrap();
    let socket = dir.path().join("socket");
    let engine = startup::engine(&Args {
        policy,
        door: Door::Socket(socket.clone()),
        heaps: BackendKind::Memfd,
        heap_dir: "/nonexistent".into(),
        check: false,
        verbose: false,
    });
    let door = SocketDoor::bind(&socket, SocketOptions::default()).unwrap();
    let allocator = adapter::binder(&engine.unwrap()).unwrap();
    std::thread::spawn(move || door.serve(&allocator));
    let socket = socket.to_str().unwrap().to_owned();
    (dir, socket)
}

#[test]
fn alloc_prints_the_decoded_handles() {
    let (_dir, socket) = service();
    let request = ["--format", "YCBCR_420_888", "--usage", "CPU_READ_OFTEN|CAMERA_OUTPUT", "--size", "640x480"];
    let head = ["alloc", "--socket", &socket];
    let alloc = |more: &[&'static str]| [&head[..], &request, more].concat();
    let Run { status, out, err } = run(&alloc(&["--count", "2", "--name", "Hi\u{1b}"]));
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("640x480 YCBCR_420_888, laid out as NV12") && out.contains("\"Hi\\x1b\""), "{out}");
    assert!(out.contains("2 buffers through unix:") && out.contains("isSupported: true"), "{out}");

    let (status, value) = run_json(&alloc(&["--json", "--reserved", "100"]));
    assert_eq!((status, &value["ok"], &value["stride"]), (0, &json!(true), &json!(640)));
    let buffer = &value["buffers"][0];
    assert_eq!(
        (&buffer["layout"], &buffer["bytes"], &buffer["reserved_bytes"]),
        (&json!("NV12"), &json!(460800), &json!(100))
    );
    assert_eq!(buffer["planes"][1], json!({ "offset_bytes": 307200, "stride_bytes": 640, "lines": 240 }));

    let Run { status, out, .. } = run(&alloc(&["--raw"]));
    assert_eq!(status, 0);
    assert!(out.contains("magic") && out.contains("plane_1"), "{out}");

    let (status, value) = run_json(&alloc(&["--json", "--count", "0"]));
    assert_eq!((status, &value["buffers"]), (0, &json!([])));
}

#[test]
fn alloc_refused_is_status_1_with_the_services_reason() {
    let (_dir, socket) = service();
    let alloc = ["alloc", "--socket", &socket, "--format", "RGBA_8888", "--size", "64x64"];
    let Run { status, out, .. } = run(&[&alloc[..], &["--usage", "PROTECTED"]].concat());
    assert_eq!(status, 1);
    assert!(out.contains("UNSUPPORTED (2)") && out.contains("this device has no protected heap"), "{out}");
    assert!(out.contains("isSupported: false"), "{out}");
    let (status, value) = run_json(&[&alloc[..], &["--count", "1000", "--json"]].concat());
    assert_eq!((status, &value["ok"], &value["refused"]["code"]), (1, &json!(false), &json!(1)));
    assert_eq!(value["is_supported"], json!(true));
}

#[test]
fn alloc_and_explain_agree() {
    let (_dir, socket) = service();
    for (format, usage, size) in [
        ("RGBA_8888", "GPU_TEXTURE|COMPOSER_OVERLAY", "1079x33"),
        ("YV12", "CPU_READ_OFTEN|CPU_WRITE_OFTEN", "65x33"),
        ("RAW10", "CAMERA_OUTPUT", "64x32"),
        ("BLOB", "CPU_READ_OFTEN", "1000x1"),
    ] {
        let request = ["--format", format, "--usage", usage, "--size", size, "--json"];
        let (_, said) = run_json(&[&["explain", "--policy", "generic", "--all-heaps"][..], &request].concat());
        let (_, got) = run_json(&[&["alloc", "--socket", &socket][..], &request].concat());
        assert_eq!(got["stride"], said["picture"]["stride"], "{format}");
        assert_eq!(got["buffers"][0]["bytes"], said["picture"]["bytes"], "{format}");
        assert_eq!(got["buffers"][0]["layout"], said["layout"], "{format}");
        let lines = |planes: &serde_json::Value| {
            let planes = planes.as_array().unwrap().clone();
            planes.into_iter().map(|plane| (plane["offset_bytes"].clone(), plane["lines"].clone())).collect::<Vec<_>>()
        };
        assert_eq!(lines(&got["buffers"][0]["planes"]), lines(&said["picture"]["planes"]), "{format}");
    }
}

#[test]
fn dump_is_the_services_own_words() {
    let (_dir, socket) = service();
    let Run { status, out, err } = run(&["dump", "--socket", &socket]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("generic") && out.contains("system"), "{out}");
    let (status, value) = run_json(&["dump", "--service", &format!("unix:{socket}"), "--json"]);
    assert_eq!((status, &value["policy"]), (0, &json!("generic")));
}

#[test]
fn without_a_service_the_answer_says_where_it_was_looked_for() {
    for command in [vec!["dump"], vec!["alloc", "--format", "BLOB", "--size", "1x1"]] {
        let Run { status, err, .. } = run(&[&command[..], &["--socket", "/nonexistent/socket"]].concat());
        assert_eq!(status, 2);
        assert!(err.contains("the allocator service was not found: /nonexistent/socket"), "{err}");
    }
    let Run { status, err, .. } = run(&["dump", "--service", "tcp:1"]);
    assert_eq!(status, 2);
    assert!(err.contains("allowed: binder, unix:PATH"), "{err}");
}

#[test]
fn decode_explains_what_alloc_printed_and_refuses_what_was_changed() {
    let (dir, socket) = service();
    let (_, value) =
        run_json(&["alloc", "--socket", &socket, "--raw", "--format", "YV12", "--size", "66x34", "--json"]);
    let mut ints = value["handles"][0]["ints"].as_array().unwrap().clone();
    let file = dir.path().join("ints");
    let write = |ints: &[serde_json::Value]| fs::write(&file, serde_json::to_string(ints).unwrap()).unwrap();
    let path = file.to_str().unwrap();

    write(&ints);
    let (status, said) = run_json(&["decode", path, "--json"]);
    assert_eq!((status, &said["buffer"]["layout"], &said["buffer"]["width"]), (0, &json!("YV12"), &json!(66)));
    assert_eq!(run(&["decode", path, "--fds", "1"]).status, 1);

    ints[0] = json!(0);
    write(&ints);
    let Run { status, out, .. } = run(&["decode", path]);
    assert_eq!(status, 1);
    assert!(out.contains("a mapper refuses this handle") && out.contains("magic"), "{out}");

    fs::write(&file, "1, two").unwrap();
    let Run { status, err, .. } = run(&["decode", path]);
    assert_eq!(status, 2);
    assert!(err.contains("\"two\"") && err.contains("32 bits"), "{err}");
}
