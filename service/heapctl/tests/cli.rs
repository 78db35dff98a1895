//! The program itself: what it prints, for people and for scripts, and how it exits.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "cli/draft.rs"]
mod draft;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/service.rs"]
mod service;

use run::{run, run_json, Run};
use serde_json::{json, Value};
use std::fs;
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
fn test_says_what_fails_and_writes_junit() {
    let generic = heaps_host::profile("generic").unwrap().text;
    let (dir, path) = file(generic.replacen("stride = 1088", "stride = 1080", 1), "board.toml");
    let junit = dir.path().join("junit.xml");
    let Run { status, out, .. } = run(&["test", &path, "--junit", junit.to_str().unwrap()]);
    assert_eq!(status, 1);
    assert!(out.contains("FAIL screen: system by rule \"everything-else\", RGBA_8888, stride 1088"), "{out}");
    assert!(out.contains("stride: 1080 was expected, and it is 1088"), "{out}");
    assert!(out.contains(&format!("{path}: 13 of 14 expectations hold")), "{out}");
    assert!(fs::read_to_string(&junit).unwrap().contains("tests=\"14\" failures=\"1\""));
    // The line to paste is one that works.
    let line = out.lines().find_map(|line| line.trim().strip_prefix("heapctl explain")).unwrap().replace('\'', "");
    let arguments: Vec<&str> = ["explain"].into_iter().chain(line.split_whitespace()).collect();
    assert_eq!(run(&arguments).status, 0, "{line}");

    let (status, value) = run_json(&["--json", "test", &path, "reference-soc"]);
    assert_eq!((status, &value["ok"], &value["files"][0]["failed"]), (1, &json!(false), &json!(1)));
    assert_eq!(value["files"][1]["failed"], json!(0));
    assert_eq!(run(&["test", "generic", "cuttlefish", "reference-soc"]).status, 0);
    // A policy without expectations is not one that passes.
    let (_dir, path) = file(generic.split_once("[[expect]]").unwrap().0, "none.toml");
    let Run { status, out, .. } = run(&["test", &path]);
    assert_eq!(status, 1);
    assert!(out.contains("no [[expect]]"), "{out}");
    let (_dir, path) = file(BAD, "bad.toml");
    assert_eq!(run(&["test", &path]).status, 2);
}

#[test]
fn explain_takes_what_people_have() {
    let explained = |arguments: &[&str]| {
        run_json(&[&["--json", "explain", "--policy", "reference-soc", "--all-heaps"][..], arguments].concat())
    };
    // Usage as libui prints it, in hexadecimal without 0x.
    let (status, value) = explained(&["--format", "34", "--usage", "20100", "--size", "1920x1080"]);
    assert_eq!((status, &value["request"]["usage_bits"]), (0, &json!(0x20100)));
    assert!(value["notes"][0].as_str().unwrap().contains("read as hexadecimal, 0x20100"), "{value}");
    let said = run(&["explain", "--policy", "generic", "--format", "34", "--usage", "20100", "--size", "64x64"]).err;
    assert!(said.contains("note: usage 20100 is read as hexadecimal"), "{said}");

    let line = "E GraphicBufferAllocator: Failed to allocate (1920 x 1080) layerCount 1 format 34 usage 20100: 3";
    let (status, of_line) = explained(&["--log", line]);
    assert_eq!(
        (status, &of_line["request"]["format"], &of_line["heaps"]),
        (0, &json!("IMPLEMENTATION_DEFINED"), &value["heaps"])
    );
    let (_, of_names) = explained(&[
        "--format",
        "HAL_PIXEL_FORMAT_IMPLEMENTATION_DEFINED",
        "--usage",
        "GRALLOC_USAGE_HW_CAMERA_WRITE|AHARDWAREBUFFER_USAGE_GPU_SAMPLED_IMAGE",
        "--size",
        "1920x1080",
    ]);
    assert_eq!(of_names["request"]["usage_bits"], json!(0x20100));
    assert_eq!(of_names["picture"], of_line["picture"]);

    let minigbm = "Unsupported combination -- HAL format: 34, HAL usage: 131328, drv_format: 9997";
    let (status, value) = explained(&["--log", minigbm]);
    assert_eq!(status, 2);
    assert!(value["error"].as_str().unwrap().contains("give it with --size"), "{value}");
    assert_eq!(explained(&["--log", minigbm, "--size", "1920x1080"]).1["picture"], of_line["picture"]);

    let (status, value) = explained(&["--format", "NV12", "--size", "64x64"]);
    assert_eq!(status, 2);
    assert!(value["error"].as_str().unwrap().contains("NV12 is a layout, not a format"), "{value}");
    for arguments in [&["--format", "RGBA_8888"][..], &["--size", "64x64"], &["--log", "hello"]] {
        assert_eq!(explained(arguments).0, 2, "{arguments:?}");
    }
}

#[test]
fn explain_all_says_a_line_for_each_request() {
    let text = "# three\r\nRGBA_8888 1080x2400 GPU_RENDER_TARGET|COMPOSER_OVERLAY\r\n\r\n\
        0xb40000785b3a9440 | 9945.00 KiB | 1080 (1088) x 2340 |      1 |        1 | 0x    1b00 | FramebufferSurface\r\n\
        RGBA_8888 64x64 PROTECTED\r\n";
    let (_dir, path) = file(text, "buffers.txt");
    let Run { status, out, .. } = run(&["explain", "--policy", "generic", "--all-heaps", "--all", &path]);
    assert_eq!(status, 1, "{out}");
    let rows: Vec<&str> = out.lines().collect();
    assert!(
        rows.len() == 4 && rows[1].starts_with("2 ") && rows[1].contains("system") && rows[2].starts_with("4 "),
        "{out}"
    );
    assert!(rows[3].contains("refused (denied): refused by rule \"protected\""), "{out}");
    let (status, value) = run_json(&["--json", "explain", "--policy", "generic", "--all-heaps", "--all", &path]);
    assert_eq!((status, &value["requests"][1]["line"]), (1, &json!(4)));
    assert_eq!(value["requests"][1]["explanation"]["request"]["usage_bits"], json!(0x1b00));
    let (_dir, bad) = file("RGBA_8888 64x64 GPU_TEXTURE\nnonsense\n", "bad.txt");
    let Run { status, err, .. } = run(&["explain", "--policy", "generic", "--all", &bad]);
    assert_eq!(status, 2);
    assert!(err.contains(&format!("{bad}:2: neither FORMAT WIDTHxHEIGHT USAGE")), "{err}");
    let (_dir, none) = file("# nothing\n", "none.txt");
    assert!(run(&["explain", "--policy", "generic", "--all", &none]).err.contains("no request in it"));
}

#[test]
fn diff_says_what_changed_for_whom() {
    let text = heaps_host::profile("reference-soc").unwrap().text;
    let changed = text.replacen("heaps = [\"secure-preview\", \"secure-video\"]", "heaps = [\"secure-video\"]", 1);
    let (dir, path) = file(&changed, "board.toml");
    let Run { status, out, .. } = run(&["diff", "reference-soc", &path]);
    assert_eq!(status, 0);
    assert!(out.contains("rule \"protected-preview\" does another thing (reference-soc.toml (shipped):"), "{out}");
    let before = "before  secure-preview, then secure-video by rule \"protected-preview\"";
    assert!(out.contains(before) && out.contains("after   secure-video by rule"), "{out}");
    // The line to paste is one that works.
    let line = out.lines().find_map(|line| line.trim().strip_prefix("heapctl explain")).unwrap().replace('\'', "");
    let arguments: Vec<&str> = ["explain"].into_iter().chain(line.split_whitespace()).collect();
    assert_eq!(run(&arguments).status, 0, "{line}");
    assert_eq!(run(&["diff", "reference-soc", &path, "--exit-code"]).status, 1);
    assert_eq!(run(&["diff", "generic", "generic", "--exit-code"]).status, 0);
    let (_, value) = run_json(&["--json", "diff", "reference-soc", &path]);
    let first = &value["differences"][0];
    assert_eq!(
        (&value["same"], &first["cause"], &first["before"]["key"]),
        (&json!(false), &json!("rule"), &json!("rule[2]"))
    );
    let Run { out, .. } = run(&["diff", "reference-soc", &path, "--markdown"]);
    assert!(
        out.starts_with("### 1 difference between") && out.contains("| what | before | after | explain |"),
        "{out}"
    );

    // Two revisions of a file.
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git")
            .current_dir(dir.path())
            .args(["-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .output();
        done.is_ok_and(|output| output.status.success())
    };
    if !(git(&["init", "-q"]) && git(&["add", "board.toml"]) && git(&["commit", "-qm", "one"])) {
        println!("SKIP revisions: git is missing");
        return;
    }
    fs::write(&path, &text).unwrap();
    let diff = std::process::Command::new(env!("CARGO_BIN_EXE_heapctl"))
        .current_dir(dir.path())
        .args(["diff", "HEAD:board.toml", "board.toml", "--exit-code"])
        .output()
        .unwrap();
    assert_eq!(diff.status.code(), Some(1), "{diff:?}");
    assert!(String::from_utf8_lossy(&diff.stdout).contains("HEAD:board.toml:"), "{diff:?}");
    let Run { status, err, .. } = run(&["diff", "nonsense:board.toml", &path]);
    assert!(status == 2 && err.contains("nonsense:board.toml: git: "), "{err}");
    assert_eq!(run(&["diff", &path, "/nonexistent.toml"]).status, 2);
    let (_dir, bad) = file(BAD, "bad.toml");
    assert!(run(&["diff", &path, &bad]).err.contains("error[unknown-heap]"));
}

#[test]
fn schema_is_one_json_value() {
    let (status, schema) = run_json(&["schema"]);
    assert_eq!((status, &schema["type"]), (0, &json!("object")));
    let dir = tempdir().unwrap();
    let path = dir.path().join("heaps.schema.json");
    assert_eq!(run(&["schema", "-o", path.to_str().unwrap()]).status, 0);
    assert_eq!(serde_json::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap(), schema);
    assert_eq!(run(&["schema", "-o", "/nonexistent/x.json"]).status, 2);
}

#[test]
fn map_draws_what_explain_says() {
    let dir = tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (status, value) = run_json(&["--json", "map", "reference-soc", "-o", &path("map.html")]);
    assert_eq!(status, 0, "{value}");
    let cells = value["cells"].as_array().unwrap();
    assert_eq!(
        cells.len(),
        usize::try_from(value["formats"].as_u64().unwrap() * value["uses"].as_u64().unwrap()).unwrap()
    );
    let cell = |format: &str, used: &str| {
        cells.iter().find(|cell| cell["format"] == json!(format) && cell["use"] == json!(used)).unwrap().clone()
    };
    let video = cell("IMPLEMENTATION_DEFINED", "protected video");
    assert_eq!((&video["heaps"], &video["becomes"]), (&json!(["secure-video"]), &json!("NV12")));
    // Each cell's line to paste gives what the cell says.
    for (format, used) in [("RGBA_8888", "display"), ("YCBCR_420_888", "camera to CPU"), ("BLOB", "sensor")] {
        let cell = cell(format, used);
        let line = cell["explain"].as_str().unwrap().replace('\'', "");
        let arguments = ["--json", "explain", "--policy", "reference-soc"].into_iter().chain(line.split_whitespace());
        let (_, plan) = run_json(&arguments.collect::<Vec<_>>());
        let heaps: Vec<&Value> = plan["heaps"].as_array().unwrap().iter().map(|heap| &heap["name"]).collect();
        assert_eq!(json!(heaps), cell["heaps"], "{format} {used}");
    }
    let page = fs::read_to_string(path("map.html")).unwrap();
    assert!(
        page.starts_with("<!doctype html>") && !page.contains("http://") && !page.contains("https://"),
        "self-contained"
    );
    assert!(page.contains("prefers-color-scheme:dark"));

    let dump = json!({ "policy": "p", "heaps": [], "buffers": [
        { "usage_bits": 0xb00, "heap": "system" }, { "usage_bits": 0xb00, "heap": "<odd>" }, { "usage_bits": 0, "heap": "system" },
    ] });
    fs::write(path("day.json"), dump.to_string()).unwrap();
    assert_eq!(run(&["map", "generic", "-o", &path("map.svg"), "--dump", &path("day.json")]).status, 0);
    let picture = fs::read_to_string(path("map.svg")).unwrap();
    assert!(
        picture.contains("live buffers (+1 in no use)") && picture.contains("1 from &lt;odd&gt;, 1 from system"),
        "{picture}"
    );
    let refused = |arguments: &[&str], words: &str| {
        let Run { status, err, .. } = run(&[&["map", "generic"][..], arguments].concat());
        assert!(status == 2 && err.contains(words), "{err}");
    };
    refused(&["-o", &path("map.png")], "a page (.html) or a picture (.svg)");
    fs::write(path("cut.json"), "{\"buffers\":\n[").unwrap();
    refused(&["-o", &path("x.svg"), "--dump", &path("cut.json")], "cut.json:2: not a dump in JSON");
    fs::write(path("other.json"), "{}").unwrap();
    refused(&["-o", &path("x.svg"), "--dump", &path("other.json")], "it has no \"buffers\"");
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

const CAMERA: &[&str] = &[
    "explain",
    "--policy",
    "reference-soc",
    "--all-heaps",
    "--format",
    "YCBCR_420_888",
    "--usage",
    "CAMERA_OUTPUT|CPU_READ_OFTEN",
    "--size",
    "1900x1081",
    "--count",
    "4",
];

#[test]
fn explain_tells_rule_heaps_planes_and_bytes() {
    let Run { status, out, .. } = run(CAMERA);
    assert_eq!(status, 0, "{out}");
    for part in [
        "4 x YCBCR_420_888 1900x1081, usage CPU_READ_OFTEN|CAMERA_OUTPUT (0x20003)",
        "YCBCR_420_888 becomes NV21, says resolve[0]",
        "not \"protected-raw\": all_of requires PROTECTED; not set",
        "\"camera\" takes it",
        "\"camera\" is tried first",
        "\"system\" is tried when the ones before give nothing",
        "\"camera-yuv\" applies: stride bytes 1900 -> 1920, lines 1081 -> 1082",
        "0      Y      0        1920    1900        1082   1081          2077440",
        "1920 pixels",
        "3116160 (2.97 MiB), of them 34360 padding (1.1 %)",
        "isSupported: true",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
}

#[test]
fn explain_json_has_the_same_figures() {
    let mut arguments = CAMERA.to_vec();
    arguments.push("--json");
    let (status, value) = run_json(&arguments);
    assert_eq!((status, &value["ok"], &value["is_supported"]), (0, &json!(true), &json!(true)));
    assert_eq!((&value["rule"], &value["layout"], &value["resolution"]), (&json!("camera"), &json!("NV21"), &json!(0)));
    let parts: Vec<(&Value, &Value)> =
        value["heaps"].as_array().unwrap().iter().map(|heap| (&heap["name"], &heap["part"])).collect();
    assert_eq!(parts, [(&json!("camera"), &json!("first")), (&json!("system"), &json!("fallback"))]);
    let picture = &value["picture"];
    assert_eq!(
        (&picture["stride"], &picture["bytes"], &picture["padding_bytes"]),
        (&json!(1920), &json!(3116160), &json!(34360))
    );
    assert_eq!(picture["planes"][1]["offset_bytes"], json!(2077440));
    assert_eq!(value["total_bytes"], json!(4 * (3116160 + 4096)));
    assert_eq!(value["rules"].as_array().unwrap().last().unwrap()["takes"], json!(true));
}

#[test]
fn explain_refusals_exit_1_with_error_and_reason() {
    let explain = |more: &[&str]| {
        let head = ["explain", "--policy", "generic", "--all-heaps", "--json"];
        let (status, value) = run_json(&[&head[..], more].concat());
        assert_eq!((status, &value["ok"]), (1, &json!(false)), "{more:?}: {value}");
        (value["refused"]["error"].clone(), value["refused"]["cause"].clone(), value["is_supported"].clone())
    };
    let rgba = ["--format", "RGBA_8888", "--size"];
    let case = |size: &'static str, more: &[&'static str]| [&rgba[..], &[size], more].concat();
    for (arguments, error, cause, supported) in [
        (case("-1x64", &[]), "BAD_DESCRIPTOR", "size", false),
        (case("0x64", &[]), "BAD_DESCRIPTOR", "size", false),
        (case("64x64", &["--layers", "0"]), "BAD_DESCRIPTOR", "layer-count", false),
        (case("64x64", &["--reserved", "-1"]), "BAD_DESCRIPTOR", "reserved-size", false),
        (case("64x64", &["--usage", "0x200000000"]), "UNSUPPORTED", "usage-bits", false),
        (case("64x64", &["--usage", "PROTECTED"]), "UNSUPPORTED", "denied", false),
        (case("64x64", &["--option", "no.such=1"]), "UNSUPPORTED", "option", false),
        (case("64x64", &["--count", "-1"]), "UNSUPPORTED", "count", true),
        (case("64x64", &["--count", "33"]), "UNSUPPORTED", "count-limit", true),
        (case("4096x4096", &["--count", "5"]), "UNSUPPORTED", "request-limit", true),
        (case("2147483647x2147483647", &[]), "UNSUPPORTED", "request-limit", false),
        (vec!["--format", "0x7fff", "--size", "64x64"], "UNSUPPORTED", "format", false),
        (vec!["--format", "BLOB", "--size", "64x64"], "BAD_DESCRIPTOR", "blob-height", false),
    ] {
        assert_eq!(explain(&arguments), (json!(error), json!(cause), json!(supported)), "{arguments:?}");
    }
}

#[test]
fn explain_knows_heaps_that_are_absent() {
    let ask = |heaps: &str| {
        let request = ["--format", "YCBCR_P010", "--usage", "PROTECTED|VIDEO_DECODER", "--size", "64x64", "--json"];
        run_json(&[&["explain", "--policy", "reference-soc", "--heaps", heaps][..], &request].concat())
    };
    assert_eq!(ask("secure-video,system").0, 0);
    let (status, value) = ask("system");
    assert_eq!((status, &value["refused"]["cause"]), (1, &json!("heaps-absent")));
    assert_eq!(value["heaps_present"], json!(["system"]));
    let Run { status, err, .. } =
        run(&["explain", "--policy", "generic", "--heaps", "cma", "--format", "BLOB", "--size", "1x1"]);
    assert_eq!(status, 2);
    assert!(err.contains("the policy has no heap \"cma\"; it has system"), "{err}");
    let dir = tempdir().unwrap();
    let nowhere = dir.path().to_str().unwrap();
    let (status, value) = run_json(&[
        "explain",
        "--policy",
        "generic",
        "--heap-dir",
        nowhere,
        "--format",
        "BLOB",
        "--size",
        "1x1",
        "--json",
    ]);
    assert_eq!((status, &value["heaps_present"]), (1, &json!([])));
}

#[test]
fn explain_of_wrong_words_is_status_2() {
    let request = |format: &str, usage: &str, size: &str| {
        let Run { status, err, .. } = run(&["explain", "--format", format, "--usage", usage, "--size", size]);
        assert_eq!(status, 2, "{format} {usage} {size}");
        err
    };
    assert!(request("RGBA8888", "", "1x1").contains("did you mean RGBA_8888?"));
    assert!(request("BLOB", "GPU_TEXTUR", "1x1").contains("did you mean GPU_TEXTURE?"));
    assert!(request("BLOB", "", "1").contains("such as 1920x1080"));
    let (_dir, path) = file(BAD, "bad.toml");
    let Run { status, err, .. } = run(&["explain", "--policy", &path, "--format", "BLOB", "--size", "1x1"]);
    assert_eq!(status, 2);
    assert!(err.contains("error[unknown-heap]") && err.contains(":10:8"), "{err}");
}

#[test]
fn explain_takes_a_policy_that_loads_although_lint_has_errors() {
    let (_dir, path) = file(BAD.replace("sytem", "system"), "leaky.toml");
    assert_eq!(run(&["lint", &path]).status, 1);
    let Run { status, out, err } =
        run(&["explain", "--policy", &path, "--all-heaps", "--format", "YCBCR_420_888", "--size", "64x64"]);
    assert_eq!(status, 1);
    assert!(err.contains(&format!("heapctl lint {path} has findings")), "{err}");
    assert!(out.contains("no resolution of the policy takes this usage"), "{out}");
}

#[test]
fn explain_draws() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a.svg");
    let mut arguments = CAMERA.to_vec();
    arguments.extend(["--svg", path.to_str().unwrap()]);
    assert_eq!(run(&arguments).status, 0);
    let drawing = fs::read_to_string(&path).unwrap();
    assert!(drawing.starts_with("<svg ") && drawing.ends_with("</svg>\n"));
    for part in [
        "YCBCR_420_888 as NV21, 1900 x 1081",
        "stride 1920 bytes, 20 padding",
        "plane 1: CR CB",
        "byte 2077440",
        "34360 of 3116160 bytes",
    ] {
        assert!(drawing.contains(part), "{part}");
    }
    for element in ["<text ", "<rect "] {
        assert!(drawing.matches(element).count() > 8, "{element}");
    }
    assert_eq!(drawing.matches("<text ").count(), drawing.matches("</text>").count());
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
