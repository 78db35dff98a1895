//! alloc and dump, against the service itself over its socket, with memfd stand-ins for heaps.

use crate::{run, run_json, Run};
use allocator_aidl::{SocketOptions, SocketServer};
use gralloc_heaps::watch::Source;
use gralloc_heaps::BackendKind;
use gralloc_server::args::{Args, Transport};
use gralloc_server::{adapter, startup};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Starts a service on a thread of this process; the folder holds its socket.
fn service() -> (tempfile::TempDir, String) {
    service_that_sees_releases_by(Source::ALL.to_vec())
}

fn service_that_sees_releases_by(release_sources: Vec<Source>) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let socket = start(dir.path(), release_sources);
    (dir, socket)
}

/// The same with its files in this folder.
pub(crate) fn start(dir: &Path, release_sources: Vec<Source>) -> String {
    let policy = dir.join("heaps.json");
    let profile = heaps_host::lint(heaps_host::profile("generic").unwrap());
    fs::write(&policy, profile.compile().unwrap()).unwrap();
    let socket = dir.join("socket");
    let engine = startup::engine(&Args {
        policy,
        transport: Transport::Socket(socket.clone()),
        heaps: BackendKind::Memfd,
        heap_dir: "/nonexistent".into(),
        release_sources,
        check: false,
        verbose: false,
    });
    let server = SocketServer::bind(&socket, SocketOptions::default()).unwrap();
    let allocator = adapter::binder(&engine.unwrap()).unwrap();
    std::thread::spawn(move || server.serve(&allocator));
    socket.to_str().unwrap().to_owned()
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
    assert_eq!((status, &value["ok"], &value["refused"]["code"]), (1, &json!(false), &json!(2)));
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
fn statistics_answer_their_interfaces_version() {
    let (_dir, socket) = service();
    let connection = gralloc_client::Connection::socket(socket.as_ref()).unwrap();
    let statistics = connection.statistics().unwrap().unwrap();
    let frozen = include_str!("../../../../aidl/aidl_api/vendor.dmaheap.graphics.allocator/1/.hash");
    assert_eq!(
        (statistics.getInterfaceVersion().unwrap(), statistics.getInterfaceHash().unwrap()),
        (1, frozen.trim_end().to_owned())
    );
    let told = statistics.getStatistics().unwrap();
    assert_eq!((told.policy.as_str(), told.requests), ("generic", 0));
    assert!(statistics.getBuffers(0, 0, 0).unwrap().is_empty());
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

#[test]
fn decode_explains_a_buffers_dump_and_names_what_is_broken() {
    use gralloc_buffer::metadata::{encode_constant, encode_shared, SharedPage, StandardMetadata, Writer, PAGE_WORDS};
    let (dir, socket) = service();
    let request = ["--raw", "--format", "RGBA_8888", "--size", "64x48", "--name", "Hi", "--json"];
    let (_, value) = run_json(&[&["alloc", "--socket", &socket][..], &request].concat());
    let ints = value["handles"][0]["ints"].as_array().unwrap();
    let ints: Vec<i32> = ints.iter().map(|int| i32::try_from(int.as_i64().unwrap()).unwrap()).collect();
    let info = gralloc_buffer::handle::decode(gralloc_buffer::handle::RawHandle { num_fds: 2, ints: &ints }).unwrap();
    let page: Vec<_> = (0..PAGE_WORDS).map(|_| std::sync::atomic::AtomicU32::new(0)).collect();
    let line = |kind: &StandardMetadata| {
        let mut room = [0; 1024];
        let mut out = Writer::new(&mut room);
        encode_constant(*kind, &info, 16384, &mut out);
        encode_shared(*kind, &info, SharedPage::new(&page), &mut out);
        let needed = out.needed();
        let bytes: String = room[..needed].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} {bytes}\n", kind.name())
    };
    let dump: String = StandardMetadata::ALL.iter().map(line).collect();
    let file = dir.path().join("dump");
    let path = file.to_str().unwrap();
    fs::write(&file, &dump).unwrap();
    let Run { status, out, .. } = run(&["decode", "--dump", path]);
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("23 values\n") && out.contains("NAME                   \"Hi\""), "{out}");
    assert!(out.contains("SMPTE2086              unset") && out.contains("R at bit 0 (8), G at bit 8 (8)"), "{out}");

    fs::write(&file, format!("{dump}com.example.Tint 0102\nWIDTH 0a0b\n")).unwrap();
    let (status, said) = run_json(&["decode", "--dump", path, "--json"]);
    assert_eq!((status, &said["ok"], &said["metadata"][2]["value"]), (1, &json!(false), &json!("64")));
    let [tint, width] = [&said["metadata"][23], &said["metadata"][24]];
    assert_eq!((&tint["type"], &tint["number"], &tint["bytes"]), (&json!("com.example.Tint"), &json!(null), &json!(2)));
    assert_eq!((&width["value"], &width["problem"]), (&json!(null), &json!("these 2 bytes are no WIDTH")));

    for bad in ["", "WIDTH 0x40"] {
        fs::write(&file, bad).unwrap();
        let Run { status, err, .. } = run(&["decode", "--dump", path]);
        assert_eq!(status, 2);
        assert!(err.contains(path) && err.contains("hexadecimal"), "{err}");
    }
}

/// Holds buffers on a thread of another process for as long as it is not killed.
struct Holder(std::process::Child);

impl Holder {
    fn start(socket: &str, name: &str) -> Holder {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_heapctl"));
        command.args(["alloc", "--socket", socket, "--format", "RGBA_8888", "--size", "64x64", "--count", "2"]);
        command.args(["--name", name, "--hold", "120"]).stdout(std::process::Stdio::null());
        let holder = Holder(command.spawn().unwrap());
        for _ in 0..600 {
            if run_json(&["top", "--once", "--socket", socket, "--json"]).1["all"]["live_buffers"] == json!(2) {
                return holder;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the holder got no buffers");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn top_leaks_and_report_show_what_is_held() {
    let (dir, socket) = service();
    let holder = Holder::start(&socket, "<held>");
    let Run { status, out, err } = run(&["top", "--socket", &socket]);
    assert_eq!(status, 0, "{err}");
    for part in [
        "policy generic",
        "system",
        "p99 us",
        "40.0 KiB",
        "largest buffers",
        "oldest buffers",
        "<held>",
        "heapctl",
        "  admission",
        "  ioctl",
        "  reply",
        "slowest of the last minute",
        "asked: 2 of 64x64",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert!(!out.contains('\x1b'), "{out}");

    let Run { status, out, .. } = run(&["leaks", "--socket", &socket, "--older-than", "0s"]);
    assert!(status == 1 && out.contains("<held>"), "{out}");
    let (status, value) = run_json(&["leaks", "--socket", &socket, "--older-than", "1h", "--json"]);
    assert_eq!((status, &value["groups"]), (0, &json!([])));
    assert_eq!((&value["scan_pending"], &value["untracked_buffers"]), (&json!(false), &json!(0)));

    let (_, dump) = run_json(&["top", "--once", "--socket", &socket, "--json"]);
    parts_add_up(&dump);
    let buffer = &dump["buffers"][0];
    let (id, pid) = (format!("{:#x}", buffer["id"].as_u64().unwrap()), i64::from(holder.0.id()));
    assert_eq!((&dump["processes"][0]["pid"], &dump["processes"][0]["buffers"]), (&json!(pid), &json!(2)));
    let (status, owners) = run_json(&["owners", &id, "--socket", &socket, "--json"]);
    assert_eq!((status, &owners["buffer"]["inode"]), (0, &buffer["inode"]));
    let of = |owner: &&serde_json::Value| owner["pid"] == json!(pid) && owner["command"] == json!("heapctl");
    let owner = owners["owners"].as_array().unwrap().iter().find(of).unwrap();
    assert_eq!(owner["fds"].as_array().unwrap().len(), 1, "{owners}");
    let Run { status, out, err } = run(&["owners", &id, "--socket", &socket]);
    assert!(status == 0 && out.contains("heapctl") && out.contains("<held>"), "{out}{err}");
    assert_eq!(run(&["owners", "7", "--socket", &socket]).status, 1);
    assert_eq!(run(&["owners", "seven", "--socket", &socket]).status, 2);

    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (page, samples) = (path("a.html"), path("samples.jsonl"));
    let trace = path("a.pftrace");
    let report =
        ["report", "--socket", &socket, "--seconds", "1", "--interval", "100", "-o", &page, "--record", &samples];
    let Run { status, err, .. } = run(&[&report[..], &["--perfetto", &trace]].concat());
    assert_eq!(status, 0, "{err}");
    let written = fs::read(&trace).unwrap();
    for name in ["heap system, 2", "live bytes of heap system", "<held>"] {
        assert!(written.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
    }
    let text = fs::read_to_string(&page).unwrap();
    for part in
        ["<!doctype html>", "Live bytes by heap", "Live bytes by client", "&lt;held&gt;", "Stayed throughout: 2"]
    {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("http"), "it needs the network");
    assert_eq!(text.matches("<svg").count(), text.matches("</svg>").count());
    let again = path("b.html");
    assert_eq!(run(&["report", "--from", &samples, "-o", &again]).status, 0);
    assert_eq!(fs::read_to_string(&again).unwrap(), text);

    drop(holder);
    let (_, value) = run_json(&["top", "--once", "--socket", &socket, "--json"]);
    assert_eq!((&value["all"]["live_buffers"], &value["buffers"]), (&json!(0), &json!([])));
}

#[test]
fn tool_and_service_understand_the_same_ages_and_say_what_they_do_not() {
    let (_dir, socket) = service();
    let _holder = Holder::start(&socket, "held");
    for age in ["soon", "+0s", "", "-1s", "18446744073709551615h"] {
        let argument = format!("--older-than={age}");
        for command in ["leaks", "top"] {
            let Run { status, err, .. } = run(&[command, "--socket", &socket, &argument]);
            assert!(status == 2 && err.contains("--older-than"), "{command} {age}: {status}: {err}");
        }
        let connection = gralloc_client::Connection::socket(socket.as_ref()).unwrap();
        let text = connection.dump(&["-a", "--older-than", age]).unwrap();
        let first = text.lines().next().unwrap();
        assert!(first.contains(&format!("--older-than {age:?} was not understood")), "{first}");
        let dump: serde_json::Value =
            serde_json::from_str(&connection.dump(&["--json", "--older-than", age]).unwrap()).unwrap();
        assert_eq!((&dump["not_understood"], dump.get("leaks")), (&json!(["--older-than", age]), None));
    }
    for age in ["0", "0s", "0ms", "0m", "0h"] {
        let (status, found) = run_json(&["leaks", "--socket", &socket, "--older-than", age, "--json"]);
        assert_eq!((status, &found["groups"][0]["buffers"]), (1, &json!(2)), "{age}");
    }
    let (_, dump) = run_json(&["top", "--once", "--socket", &socket, "--json"]);
    assert_eq!(dump.get("not_understood"), None);
}

/// What is asked for and kept.
fn leak() -> gralloc_client::BufferDescriptorInfo {
    let (format, usage) = (gralloc_buffer::PixelFormat::Rgba8888, gralloc_buffer::Usage::CPU_READ_OFTEN);
    gralloc_client::to_wire(&gralloc_buffer::Descriptor::new("leak", 64, 64, format, usage))
}

#[test]
fn leaks_of_a_service_that_sees_no_releases_are_an_error_and_not_all_clear() {
    let (_dir, socket) = service_that_sees_releases_by(Vec::new());
    let connection = gralloc_client::Connection::socket(socket.as_ref()).unwrap();
    let asked = leak();
    let _held = connection.allocate(&asked, 1).unwrap();
    for how in [&["--older-than", "0s"][..], &["--watch", "--seconds", "1", "--interval", "20"]] {
        let Run { status, out, err } = run(&[&["leaks", "--socket", &socket], how].concat());
        assert_eq!((status, out.as_str()), (2, ""), "{err}");
        assert!(err.contains("does not see releases") && err.contains("nobody can tell"), "{err}");
    }
    let (status, said) = run_json(&["leaks", "--socket", &socket, "--older-than", "0s", "--json"]);
    assert_eq!((status, &said["ok"]), (2, &json!(false)), "{said}");
}

/// Of each heap, the parts of its requests: as many as there were, and together no longer than the whole.
fn parts_add_up(dump: &serde_json::Value) {
    let number = |value: &serde_json::Value, key: &str| value[key].as_u64().unwrap();
    let mut served = 0;
    for heap in dump["heaps"].as_array().unwrap() {
        for of in ["latency", "latency_last_minute"] {
            let whole = &heap[of];
            let parts = heap["parts"].as_array().unwrap();
            assert_eq!(
                parts.iter().map(|part| part["part"].as_str().unwrap()).collect::<Vec<_>>(),
                ["admission", "ioctl", "reply"]
            );
            assert!(parts.iter().all(|part| part[of]["count"] == whole["count"]), "{heap}");
            let sum: u64 = parts.iter().map(|part| number(&part[of], "sum_us")).sum();
            assert!(sum <= number(whole, "sum_us"), "{heap}");
            let percentiles = ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"].map(|key| number(whole, key));
            assert!(percentiles.is_sorted(), "{heap}");
        }
        served += number(&heap["latency"], "count");
    }
    let slowest = dump["slowest"].as_array().unwrap();
    assert_eq!(u64::try_from(slowest.len()).unwrap(), served.min(8));
    let held = &slowest[0];
    assert_eq!(
        (&held["count"], &held["width"], &held["name"], &held["heap"]),
        (&json!(2), &json!(64), &json!("<held>"), &json!("system"))
    );
    assert_eq!(dump["slowest_last_minute"], dump["slowest"]);
}

#[test]
fn leaks_watch_finds_what_grows_and_says_so_by_its_exit_status() {
    let (_dir, socket) = service();
    let watch = ["leaks", "--watch", "--socket", &socket, "--seconds", "2", "--interval", "20", "--json"];
    let (status, still) = run_json(&watch);
    assert_eq!((status, &still["ok"], &still["growing"]), (0, &json!(true), &json!([])));
    let few = run(&["leaks", "--watch", "--socket", &socket, "--seconds", "1", "--interval", "500"]);
    assert!(
        few.status == 2 && ["--seconds", "--interval", "2 samples", "9 are"].iter().all(|word| few.err.contains(word)),
        "{}",
        few.err
    );
    // One more buffer each time that somebody looks at the service: the watch looks more often than that.
    let connection = gralloc_client::Connection::socket(Path::new(&socket)).unwrap();
    let asked = leak();
    let ended = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut held = Vec::new();
            while !ended.load(std::sync::atomic::Ordering::SeqCst) {
                held.push(connection.allocate(&asked, 1).unwrap());
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        });
        let (status, found) = run_json(&watch);
        ended.store(true, std::sync::atomic::Ordering::SeqCst);
        let leak = &found["growing"][0];
        assert_eq!((status, &found["ok"], &leak["name"]), (1, &json!(false), &json!("leak")), "{found}");
        assert!(leak["bytes_per_second"].as_f64().unwrap() > 0.0, "{found}");
        assert_eq!(found["growing"].as_array().unwrap().len(), 1);
    });
}
