//! `heapctl test`, `diff`, `map` and `schema`.

use crate::{file, BAD};
use crate::{run, run_json, Run};
use serde_json::{json, Value};
use std::fs;
use std::process::{Command, Stdio};
use tempfile::tempdir;

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
    let board = path;
    let (_dir, path) = file(generic.split_once("[[expect]]").unwrap().0, "none.toml");
    let Run { status, out, .. } = run(&["test", &path]);
    assert_eq!(status, 1);
    assert!(out.contains("no [[expect]]"), "{out}");
    let explain = value["files"][0]["expectations"][0]["explain"].as_str().unwrap();
    assert!(explain.starts_with(&format!("heapctl explain --policy {board} --format")), "{explain}");
    let xml = fs::read_to_string(&junit).unwrap();
    assert!(xml.contains(&format!("heapctl explain --policy {board} --format")), "{xml}");
    // What could not be tried is in the report too: an older one would look like a success.
    let (_dir, path) = file(BAD, "bad.toml");
    assert_eq!(run(&["test", "generic", &path, "--junit", junit.to_str().unwrap()]).status, 2);
    let xml = fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("tests=\"14\" failures=\"0\"") && xml.contains("errors=\"1\""), "{xml}");
    assert!(xml.contains("error[unknown-heap]"), "{xml}");
}

#[test]
fn compile_refuses_a_policy_that_breaks_its_own_expectations() {
    let generic = heaps_host::profile("generic").unwrap().text;
    let (dir, path) = file(generic.replacen("stride = 1088", "stride = 1080", 1), "board.toml");
    let output = dir.path().join("heaps.json");
    let Run { status, err, .. } = run(&["compile", &path, "-o", output.to_str().unwrap()]);
    assert_eq!(status, 1);
    assert!(err.contains("error: expect \"screen\": stride: 1080 was expected, and it is 1088"), "{err}");
    assert!(err.contains("not compiled: 1 of 14 expectations do not hold") && !output.exists(), "{err}");
    let (status, value) = run_json(&["--json", "compile", &path, "-o", output.to_str().unwrap()]);
    assert_eq!((status, &value["ok"], &value["expectations"]["failed"]), (1, &json!(false), &json!(1)));
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
    // So is that of a change that no answer shows.
    let (_dir, budget) = file(text.replacen("budget = \"384MiB\"", "budget = \"383MiB\"", 1), "it's.toml");
    let Run { out, .. } = run(&["diff", "reference-soc", &budget]);
    let line = out.lines().find_map(|line| line.trim().strip_prefix("such as heapctl explain")).unwrap();
    assert!(line.contains("it'\\''s.toml' --format"), "{line}");
    let line = line.replace("'\\''", "\u{1}").replace('\'', "").replace('\u{1}', "'");
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
    assert!(out.contains(&format!("| `heapctl explain --policy {path} --format ")), "{out}");

    // Two revisions of a file.
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
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
    let diff = Command::new(env!("CARGO_BIN_EXE_heapctl"))
        .current_dir(dir.path())
        .args(["diff", "HEAD:board.toml", "board.toml", "--exit-code"])
        .output()
        .unwrap();
    assert_eq!(diff.status.code(), Some(1), "{diff:?}");
    assert!(String::from_utf8_lossy(&diff.stdout).contains("HEAD:board.toml:"), "{diff:?}");
    // A revision is read wherever a policy is.
    let tested = Command::new(env!("CARGO_BIN_EXE_heapctl"))
        .current_dir(dir.path())
        .args(["test", "HEAD:board.toml"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&tested.stdout).contains("HEAD:board.toml: "), "{tested:?}");
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

/// The README's picture is of the profile as it is.
#[test]
fn map_in_the_readme_is_current() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("map.svg");
    assert_eq!(run(&["map", "reference-soc", "-o", path.to_str().unwrap()]).status, 0);
    let shown = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/map.svg");
    let (now, shown) = (fs::read_to_string(path).unwrap(), fs::read_to_string(shown).unwrap());
    assert!(now == shown, "write it anew: cargo run -p heapctl -- map reference-soc -o docs/map.svg");
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

    // What a service says of its buffers stands in their cells.
    let buffer = |format: i32, usage: u32, heap: &str, bytes: u32| json!({ "format_value": format, "usage_bits": usage, "heap": heap, "bytes": bytes });
    let dump = json!({ "policy": "p", "rules": [{ "name": "everything-else", "hits": 41 }], "buffers": [
        buffer(1, 0xb00, "system", 16), buffer(1, 0xb00, "system", 16), buffer(1, 0xb00, "<odd>", 32),
        buffer(1, 0, "system", 16), buffer(0x7777, 0xb00, "system", 16),
    ] });
    fs::write(path("day.json"), dump.to_string()).unwrap();
    let of_a_day = ["map", "generic", "--dump", &path("day.json"), "-o"];
    let (status, value) = run_json(&[&["--json"][..], &of_a_day, &[&path("live.html")]].concat());
    assert_eq!((status, &value["live_elsewhere"]), (0, &json!(2)), "{value}");
    let cells = value["cells"].as_array().unwrap();
    let live: Vec<&Value> = cells.iter().filter(|cell| cell["live"] != json!([])).collect();
    assert_eq!(live.len(), 1, "{live:?}");
    assert_eq!(
        (&live[0]["format"], &live[0]["use"], &live[0]["rule_hits"]),
        (&json!("RGBA_8888"), &json!("display"), &json!(41))
    );
    let of = |heap: &str, bytes: u32, buffers: u64| json!({ "heap": heap, "bytes": bytes, "buffers": buffers });
    assert_eq!(live[0]["live"], json!([of("<odd>", 32, 1), of("system", 16, 2)]));
    let notes = value["notes"].to_string();
    assert!(notes.contains("policy is \\\"p\\\"") && notes.contains("2 buffers have a format or a use"), "{notes}");
    let Run { status, err, .. } = run(&[&of_a_day[..], &[&path("live.svg")]].concat());
    assert!(status == 0 && err.contains("2 buffers have a format or a use that is not on the map"), "{err}");
    let picture = fs::read_to_string(path("live.svg")).unwrap();
    assert!(picture.contains(">2 system, 1 &lt;o…</text>"), "{picture}");
    // A picture for documents has colours that programs without a browser know.
    assert!(!picture.contains("var(--") && picture.contains("prefers-color-scheme:dark"), "{picture}");
    assert_eq!(run(&["map", "reference-soc", "-o", &path("map.png")]).status, 0);
    let png = fs::read(path("map.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG") && png.len() > 50_000, "{} bytes", png.len());
    let refused = |arguments: &[&str], words: &str| {
        let Run { status, err, .. } = run(&[&["map", "generic"][..], arguments].concat());
        assert!(status == 2 && err.contains(words), "{err}");
    };
    refused(&["-o", &path("map.pdf")], "a page (.html) or a picture (.svg, .png)");
    fs::write(path("cut.json"), "{\"buffers\":\n[").unwrap();
    refused(&["-o", &path("x.svg"), "--dump", &path("cut.json")], "cut.json:2: not a dump in JSON");
    fs::write(path("binary.json"), b"{\n\xff").unwrap();
    refused(&["-o", &path("x.svg"), "--dump", &path("binary.json")], "binary.json: not UTF-8, from line 2 on");
    fs::write(path("other.json"), "{}").unwrap();
    refused(&["-o", &path("x.svg"), "--dump", &path("other.json")], "it has no \"buffers\"");
}

/// What a browser makes of the page's script, from a link to a cell; `None` without a browser that runs here.
fn shown(page: &str, link: &str) -> Option<String> {
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]);
    let output = browser.arg(format!("file://{page}{link}")).stderr(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let document = String::from_utf8(output.stdout).unwrap();
    let (_, panel) = document.split_once("<dl id=\"panel\">").unwrap_or_else(|| panic!("{document}"));
    Some(panel.split_once("</dl>").unwrap().0.to_owned())
}

/// The page in a browser: it opens with its first cell's plan, and a link opens it with another's.
#[test]
fn map_page_shows_a_cell_in_a_browser() {
    let dir = tempdir().unwrap();
    let page = dir.path().join("map.html").to_str().unwrap().to_owned();
    let (_, value) = run_json(&["--json", "map", "reference-soc", "-o", &page]);
    let cells = value["cells"].as_array().unwrap();
    let cell = |format: &str, used: &str| {
        cells.iter().find(|cell| cell["format"] == json!(format) && cell["use"] == json!(used)).unwrap()
    };
    let links = ["", "#YCBCR_420_888%2C%20protected%20video", "#RGBA_8888%2C%20rule%20protected-face", "#no%20such"];
    let first = &cells[0];
    let expected = [first, cell("YCBCR_420_888", "protected video"), cell("RGBA_8888", "rule protected-face"), first];
    for (link, cell) in links.into_iter().zip(expected) {
        let Some(panel) = shown(&page, link) else {
            println!("SKIP: no chromium on the PATH that runs here");
            return;
        };
        let text = |value: &Value| format!("<dd>{}</dd>", value.as_str().unwrap());
        let title = format!("<dd>{} for {}</dd>", cell["format"].as_str().unwrap(), cell["use"].as_str().unwrap());
        let heaps: Vec<&str> = cell["heaps"].as_array().unwrap().iter().map(|heap| heap.as_str().unwrap()).collect();
        let heaps = format!("<dt>heaps</dt><dd>{}</dd>", heaps.join(", then "));
        for wanted in [title, heaps, text(&cell["rule"]), text(&cell["planes"][0])] {
            assert!(panel.contains(&wanted), "{link}: {wanted} is not in {panel}");
        }
    }
}

#[test]
fn what_standard_output_does_not_take_is_exit_status_2() {
    for arguments in [&["compile", "generic", "-o", "-"][..], &["schema"], &["--json", "lint", "generic"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_heapctl"));
        let output = command.args(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"), "{arguments:?}");
    }
}

#[test]
fn policy_is_not_compiled_onto_itself_nor_lost_by_a_draft_that_cannot_be_written() {
    let (dir, path) = file(crate::warned(), "p.toml");
    let before = fs::read(&path).unwrap();
    let Run { status, err, .. } = run(&["compile", &path, "-o", &path]);
    assert!(status == 2 && err.contains("the policy itself"), "{err}");
    assert_eq!(fs::read(&path).unwrap(), before);
    // A block of 512 bytes is all that may be written to a file.
    let line =
        format!("trap '' XFSZ; ulimit -f 1; {} draft --nodes system --force -o p.toml", env!("CARGO_BIN_EXE_heapctl"));
    let mut shell = Command::new("sh");
    let status = shell.args(["-c", &line]).current_dir(dir.path()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(2));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing lies beside it");
}
