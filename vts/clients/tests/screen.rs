//! The two programs on a real kernel: vivid, a display controller, and the allocator service around them.
//!
//! Needs root, a vivid camera, a DRM display that imports dma-bufs, and the allocator's binder; says what is missing where
//! it skips. The programs are those that Cargo built, or `camera` and `display` on the PATH.

// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "screen/importer.rs"]
mod importer;
#[path = "screen/place.rs"]
mod place;
#[path = "screen/program.rs"]
mod program;

use gralloc_buffer::handle::encode;
use gralloc_buffer::layout::Compression;
use gralloc_buffer::PixelFormat;
use place::Place;
use program::Program;
use serde_json::Value;
use service_tests::place::{contiguous_heap, CONTIGUOUS_NAMES};
use service_tests::policy::{heap, rule, PolicyText};
use service_tests::service::Options;
use service_tests::suite::Skip;
use service_tests::SOON;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path as FilePath;
use vts_clients::buffer::Buffer;
use vts_clients::link::{Connection, Message, Path};
use vts_clients::service::Request;

#[test]
fn camera_alone_captures_every_format() {
    let Some(place) = Place::find() else { return };
    // What the flexible format behind nv12 becomes is the policy's choice.
    let formats: [(&str, &[&str]); 4] =
        [("xr24", &["BGRA_8888"]), ("xb24", &["RGBX_8888"]), ("nv12", &["NV12", "NV21"]), ("nv21", &["NV21"])];
    for (format, layouts) in formats {
        let (code, report) = place.camera(&["--format", format, "--frames", "5"]);
        assert_eq!(code, Some(0), "{report:#}");
        assert_eq!(report["frames"]["captured"], 5);
        assert!(layouts.contains(&report["buffers"][3]["layout"].as_str().unwrap()), "{report:#}");
        assert!(report["buffers"][3]["heap"].is_string(), "the kernel names the heap: {report:#}");
    }
    place.nothing_is_left();
}

#[test]
fn frames_reach_the_screen_scanned_out_or_composed() {
    let Some(place) = Place::find() else { return };
    let display = place.display(&["--cameras", "3", "--save", &place.path("screen.ppm")]);
    let socket = place.path("display.sock");
    let small = ["--connect", &socket, "--format", "nv12", "--size", "640x360", "--frames", "5"];
    assert_eq!(place.camera(&small).0, Some(0));
    let (code, report) = place.camera(&["--connect", &socket, "--format", "nv12", "--frames", "8", "--fps", "30"]);
    assert_eq!((code, &report["buffers"][0]["path"]), (Some(0), &Value::from("composed")), "{report:#}");
    let saved = place.path("camera.ppm");
    let (code, report) = place.camera(&["--connect", &socket, "--require-scanout", "--frames", "30", "--save", &saved]);
    assert_eq!((code, &report["buffers"][0]["path"]), (Some(0), &Value::from("scanout")), "{report:#}");
    display.terminate();
    let (code, display) = display.end();
    assert_eq!(code, Some(0), "{display:#}");
    assert_eq!(display["cameras"][0]["composed"], 5);
    assert_eq!(display["cameras"][1]["composed"], 8);
    assert_eq!(display["cameras"][2]["scanned_out"], 30);
    assert_eq!(display["held"]["sequence"], report["frames"]["last_sequence"]);
    // The camera has gone; its last frame was read from the screen's buffer afterwards.
    assert!(std::fs::read(&saved).unwrap() == std::fs::read(place.path("screen.ppm")).unwrap(), "other pixels");
    place.nothing_is_left();
}

/// What a hostile camera does once it has been greeted.
type Attack = fn(&Place, &Connection);

#[test]
fn hostile_cameras_are_refused_and_the_next_one_is_served() {
    let Some(place) = Place::find() else { return };
    let attacks: [(&str, Attack); 8] = [
        ("no lines of pixels", |place, display| {
            let buffer = place.buffer();
            let mut info = *buffer.info();
            let mut compression = Compression::default();
            compression.areas[0].body_bytes = u32::try_from(info.layer_bytes).unwrap();
            (info.modifier, info.compression, info.mappable) = (importer::TILED, Some(compression), false);
            send(display, &buffer.fds(), encode(&info).to_vec());
        }),
        ("the handle is refused", |place, display| {
            let buffer = place.buffer();
            let mut ints = buffer.ints().to_vec();
            ints[5] = -1;
            send(display, &buffer.fds(), ints);
        }),
        ("no dma-buf", |place, display| {
            let file: OwnedFd = std::fs::File::open("/proc/self/exe").unwrap().into();
            send(display, &[file.as_fd(), file.as_fd()], place.buffer().ints().to_vec());
        }),
        ("has a buffer already", |place, display| {
            let buffer = place.buffer();
            send(display, &buffer.fds(), buffer.ints().to_vec());
            assert_eq!(next(display), Message::Attached { slot: 0, path: Path::Scanout });
            send(display, &buffer.fds(), buffer.ints().to_vec());
        }),
        ("there is no slot 4294967295", |place, display| {
            let buffer = place.buffer();
            let message = Message::Buffer { slot: u32::MAX, dataspace: 0, ints: buffer.ints().to_vec() };
            display.send(&message, &buffer.fds()).unwrap();
        }),
        ("slot 7 has no buffer", |_, display| {
            display.send(&Message::Frame { slot: 7, sequence: 0 }, &[]).unwrap();
        }),
        ("not a camera's to say", |_, display| display.send(&Message::Released { slot: 0 }, &[]).unwrap()),
        ("finished without a frame", |_, display| display.send(&Message::Finish, &[]).unwrap()),
    ];
    let cameras = (attacks.len() + 1).to_string();
    let display = place.display(&["--cameras", &cameras]);
    let socket = place.path("display.sock");
    for (reason, attack) in attacks {
        let connection = Connection::open(FilePath::new(&socket), SOON).unwrap();
        assert_eq!(next(&connection), Message::Welcome { width: 1280, height: 720 });
        attack(&place, &connection);
        match next(&connection) {
            Message::Refused { reason: said } => assert!(said.contains(reason), "{said} for {reason}"),
            other => panic!("{other:?} for {reason}"),
        }
    }
    assert_eq!(place.camera(&["--connect", &socket, "--frames", "5"]).0, Some(0));
    display.terminate();
    let (code, report) = display.end();
    assert_eq!(code, Some(1), "attacks are failures: {report:#}");
    assert_eq!(report["held"]["camera"], 8);
    assert_eq!(check(&report, "every fd is closed again"), Some(true));
    place.nothing_is_left();
}

#[test]
fn camera_killed_amid_frames_leaves_a_display_that_serves_the_next() {
    let Some(place) = Place::find() else { return };
    let display = place.display(&["--cameras", "2"]);
    let socket = place.path("display.sock");
    let camera = Program::start("camera", &["--connect", &socket, "--frames", "100000"], place.folder());
    camera.wait_for("progress");
    camera.kill();
    assert_eq!(place.camera(&["--connect", &socket, "--frames", "5"]).0, Some(0));
    display.terminate();
    let (code, report) = display.end();
    assert_eq!(code, Some(1));
    assert!(report["cameras"][0]["error"].as_str().unwrap().contains("closed"), "{report:#}");
    assert_eq!(report["cameras"][1]["error"], Value::Null);
    place.nothing_is_left();
}

#[test]
fn display_killed_amid_frames_ends_the_camera_with_a_reason() {
    let Some(place) = Place::find() else { return };
    let display = place.display(&[]);
    let socket = place.path("display.sock");
    let camera = Program::start("camera", &["--connect", &socket, "--frames", "100000"], place.folder());
    camera.wait_for("progress");
    display.kill();
    let (code, report) = camera.end();
    assert_eq!(code, Some(1));
    assert!(report["error"].as_str().unwrap().contains("closed"), "{report:#}");
    assert_eq!(check(&report, "every fd is closed again"), Some(true));
    place.nothing_is_left();
}

#[test]
fn what_is_missing_or_impossible_is_said_and_fails() {
    let Some(place) = Place::find() else { return };
    let socket = place.path("nobody.sock");
    let cases: [(&[&str], &str); 6] = [
        (&["--service", "unix:/nonexistent.sock"], "/nonexistent.sock"),
        (&["--camera", "no-such-camera"], "vivid-000-vid-cap"),
        (&["--input", "periscope"], "Webcam"),
        (&["--size", "1000x700"], "the driver changed the frame size: asked for 1000x700"),
        (&["--usage", "PROTECTED"], "the allocator supports no"),
        (&["--connect", &socket], "Is the display running?"),
    ];
    for (args, reason) in cases {
        let (code, report) = place.camera(args);
        assert_eq!(code, Some(1), "{args:?}");
        assert!(report["error"].as_str().unwrap().contains(reason), "{args:?}: {report:#}");
    }
    let display = Program::start("display", &["--listen", &socket, "--mode", "123x45"], place.folder());
    let (code, report) = display.end();
    assert_eq!(code, Some(1));
    assert!(report["error"].as_str().unwrap().contains("1280x720"), "names the modes there are: {report:#}");
    place.nothing_is_left();
}

#[test]
fn contiguous_camera_with_scattered_memory_says_so() {
    let Some(place) = Place::find() else { return };
    if !place::has_camera("vivid-001-vid-cap") {
        println!("SKIP: no second vivid camera (n_devs=2 allocators=0,1)");
        return;
    }
    let (code, report) = place.camera(&["--camera", "vivid-001-vid-cap", "--frames", "5"]);
    assert_eq!(code, Some(1));
    assert!(report["error"].as_str().unwrap().contains("needs contiguous memory"), "{report:#}");
    place.nothing_is_left();
}

/// The same camera, with a service whose policy gives cameras contiguous memory.
#[test]
fn contiguous_camera_captures_into_the_contiguous_heap_that_the_policy_chose() {
    let Some(place) = Place::find() else { return };
    if let Err(Skip(why)) = contiguous_heap() {
        println!("SKIP: {why}");
        return;
    }
    let policy = PolicyText {
        heaps: heap("camera", &CONTIGUOUS_NAMES, "contiguous = true") + &heap("system", &["system"], ""),
        rules: rule("camera", "all_of = [\"CAMERA_OUTPUT\"]\nheaps = [\"camera\"]")
            + &rule("everything-else", "heaps = [\"system\"]"),
        ..PolicyText::default()
    };
    let service = service_tests::service::Service::start(&policy, &Options::default());
    let transport = format!("unix:{}", service.socket().display());
    for format in ["xr24", "nv12"] {
        let args = ["--service", &transport, "--camera", "vivid-001-vid-cap", "--format", format, "--frames", "10"];
        let (code, report) = place.camera(&args);
        assert_eq!((code, &report["frames"]["captured"]), (Some(0), &Value::from(10)), "{report:#}");
        let heap = report["buffers"][0]["heap"].as_str().unwrap();
        assert!(CONTIGUOUS_NAMES.contains(&heap), "{report:#}");
    }
    let dump = service.dump();
    assert_eq!((&dump.heap("camera")["total_buffers"], dump.number("/all/live_buffers")), (&Value::from(8), 0));
}

/// A composer knows the vendor's format by what the handle says alone: its fourcc, its modifier, its planes.
#[test]
fn display_takes_a_vendors_linear_format_and_refuses_a_modifier_that_it_lacks() {
    let Some(place) = Place::find() else { return };
    let screen = importer::Screen::open();
    let format = |name: &str, value: i32, more: &str| {
        let planes = "planes = [{ components = [\"B:8\", \"G:8\", \"R:8\"], bytes = 4 }]";
        format!("[[format]]\nname = \"{name}\"\nvalue = {value}\nfourcc = \"XR24\"\n{planes}\n{more}\n")
    };
    let tiled = format!("modifier = {}", importer::TILED);
    let policy =
        PolicyText { more: format("LINES", 0x10a, "") + &format("TILES", 0x10b, &tiled), ..PolicyText::default() };
    let service = service_tests::service::Service::start(&policy, &Options::default());
    let client = service.connect();
    let allocate = |value| {
        let usage = gralloc_buffer::Usage::COMPOSER_OVERLAY;
        client.one(&service_tests::client::descriptor("vendor's", 640, 480, PixelFormat::Vendor(value), usage))
    };
    let (lines, tiles) = (allocate(0x10a), allocate(0x10b));
    assert_eq!((lines.info.modifier, tiles.info.modifier), (0, importer::TILED));
    assert_eq!(screen.add(&lines), Ok(()), "{}", screen.driver());
    let refused = screen.add(&tiles);
    assert_eq!(refused, Err(Some(nix::libc::EINVAL)), "{} has no such tiles", screen.driver());
    // Nor is it the size or the memory: the same lines once more.
    assert_eq!(screen.add(&lines), Ok(()));
    drop((lines, tiles));
    place.nothing_is_left();
}

fn next(connection: &Connection) -> Message {
    connection.receive().unwrap().expect("a message").0
}

fn send(display: &Connection, fds: &[std::os::fd::BorrowedFd<'_>], ints: Vec<i32>) {
    let message = Message::Buffer { slot: 0, dataspace: 0, ints };
    display.send(&message, fds).unwrap();
}

fn check(report: &Value, name: &str) -> Option<bool> {
    report["checks"].as_array()?.iter().find(|check| check["name"] == name)?["ok"].as_bool()
}

impl Place {
    /// A buffer that a camera could have.
    fn buffer(&self) -> Buffer {
        let request = Request {
            name: "camera of a stranger".to_owned(),
            width: 1280,
            height: 720,
            format: PixelFormat::Bgra8888,
            usage: gralloc_buffer::Usage::CAMERA_OUTPUT | gralloc_buffer::Usage::COMPOSER_OVERLAY,
        };
        self.service.allocate(&request, false).unwrap()
    }
}
