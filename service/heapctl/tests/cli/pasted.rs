//! `heapctl explain` of what people have: lines of logs and dumps, files of requests.

use crate::file;
use crate::{run, run_json, Run};
use serde_json::json;

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
    let (_dir, bad) = file("nonsense\n", "bad.txt");
    let Run { status, err, .. } = run(&["explain", "--policy", "generic", "--all", &bad]);
    assert_eq!(status, 2);
    assert!(err.contains(&format!("{bad}:1: neither FORMAT WIDTHxHEIGHT USAGE")), "{err}");
    let (_dir, none) = file("# nothing\n", "none.txt");
    assert!(run(&["explain", "--policy", "generic", "--all", &none]).err.contains("no request in it"));
}

/// What `dumpsys SurfaceFlinger | grep KiB` of an Android 16 gives: both tables, their totals, and the short form (libui
/// `Gralloc5.cpp`).
#[test]
fn explain_all_takes_a_dump_with_its_totals_and_says_what_it_did_not_read() {
    let dump = "\
        0xb40000785b3a9440 | 9945.00 KiB | 1080 (1088) x 2340 |      1 |        1 | 0x    1b00 | FramebufferSurface\n\
        Total allocated by GraphicBufferAllocator (estimate): 9945.00 KiB\n\
        + name:FramebufferSurface, id:437, size:9945.00KiB, w/h:1080x2340, usage: 0x1b00, req fmt:1, fourcc/mod:875708993/0\n\
        * name:FramebufferSurface, totalSize:30216KiB, count:4\n\
        Total imported by gralloc: 9945.00KiB\n";
    let explain = |text: &str| {
        let (_dir, path) = file(text, "buffers.txt");
        (run(&["explain", "--policy", "generic", "--all-heaps", "--all", &path]), path)
    };
    let (Run { status, out, err }, _) = explain(dump);
    assert_eq!((status, out.lines().count(), err.as_str()), (0, 3, ""), "{out}");

    let (Run { status, out, err }, path) =
        explain(&format!("{dump}Cache: 12.00 KiB\nRGBA_888 1x1\nBLOB 99999999999x1\n"));
    assert_eq!((status, out.lines().count()), (1, 3), "{out}");
    for words in [
        format!("{path}:6 was not read: neither FORMAT WIDTHxHEIGHT USAGE nor"),
        format!("{path}:7 was not read: --format: format \"RGBA_888\" is not known"),
        format!("{path}:8 was not read: size 99999999999x1 is beyond what a request can hold"),
    ] {
        assert!(err.contains(&words), "{words}\n{err}");
    }
    let (_dir, path) = file(format!("{dump}Cache: 12.00 KiB\n"), "buffers.txt");
    let (status, value) = run_json(&["--json", "explain", "--policy", "generic", "--all-heaps", "--all", &path]);
    assert_eq!((status, &value["ok"], &value["not_read"][0]["line"]), (1, &json!(false), &json!(6)));
    assert_eq!(value["requests"].as_array().unwrap().len(), 2);
}

#[test]
fn explain_log_takes_several_lines_and_says_which_it_did_not_read() {
    let line = |width: &str| {
        format!("E GraphicBufferAllocator: Failed to allocate ({width} x 1080) layerCount 1 format 34 usage 20100: 3")
    };
    let explain = |lines: &str| run(&["explain", "--policy", "reference-soc", "--all-heaps", "--log", lines]);
    let Run { status, out, .. } = explain(&format!("{}\n{}\n", line("1920"), line("640")));
    assert!(status == 0 && out.contains("1920x1080") && out.contains("640x1080"), "{out}");
    let Run { status, out, err } = explain(&format!("{}\nI Other: hello\n", line("1920")));
    assert!(status == 1 && out.contains("1920x1080") && err.contains("--log:2 was not read"), "{out}{err}");
    let err = explain(&line("99999999999")).err;
    assert!(err.contains("99999999999 is beyond what a request can hold"), "{err}");
}

#[test]
fn explain_reads_minigbm_s_usages_as_the_decimal_numbers_that_they_are() {
    let line = "Unsupported combination -- HAL format: 34, HAL usage: 20100, drv_format: 9997, use_flags: 7";
    let arguments = ["--json", "explain", "--policy", "generic", "--size", "64x64", "--log", line];
    assert_eq!(run_json(&arguments).1["request"]["usage_bits"], json!(20100));
}

#[test]
fn explain_log_gives_way_to_arguments_that_say_what_is_the_default_too() {
    let line =
        "refused \"cam\" of uid 10 pid 20: x; asked: 3 of 1920x1080, layers 2, format 0x22, usage 0x20100, reserved 64";
    let explained = |arguments: &[&str]| {
        let all = [&["--json", "explain", "--policy", "generic", "--all-heaps", "--log", line][..], arguments].concat();
        run_json(&all).1["request"].clone()
    };
    let asked = |request: &serde_json::Value| {
        ["count", "layers", "reserved_bytes", "name", "usage_bits"].map(|key| request[key].clone())
    };
    assert_eq!(asked(&explained(&[])), [json!(3), json!(2), json!(64), json!("cam"), json!(0x20100)]);
    let given = ["--count", "1", "--layers", "1", "--reserved", "0", "--name", "mine", "--usage", ""];
    assert_eq!(asked(&explained(&given)), [json!(1), json!(1), json!(0), json!("mine"), json!(0)]);
}

/// Names as a stranger's policy may have them, and one as kernels have them.
#[test]
fn line_to_paste_is_what_it_says_whatever_the_names() {
    let policy = "schema = 1\nname = \"odd\"\n[limits]\nrequest = \"256MiB\"\nreserve = 0\nbuffers_per_request = 8\n\
        [metadata]\nheap = \"linux,cma\"\n[[option]]\nname = \"it's\"\nvalues = [1]\n[[heap]]\nname = \"linux,cma\"\n\
        [[heap]]\nname = \"b'c\"\n[[format]]\nname = \"a b;touch x\"\nvalue = 4096\nlike = \"NV12\"\nfourcc = \"NV12\"\n\
        [[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\ndeny = \"no\"\n\
        [[rule]]\nname = \"all\"\nheaps = [\"linux,cma\", \"b'c\"]\n\
        [[resolve]]\nformat = \"IMPLEMENTATION_DEFINED\"\nto = \"NV12\"\n\
        [[resolve]]\nformat = \"YCBCR_420_888\"\nto = \"NV12\"\n\
        [[expect]]\nname = \"e\"\nformat = \"a b;touch x\"\nwidth = 64\nheight = 64\nusage = [\"CPU_READ_OFTEN\", \"CPU_WRITE_OFTEN\"]\n\
        options = [\"it's=1\"]\npresent = [\"linux,cma\"]\nrule = \"p\"\n";
    let (dir, path) = file(policy, "p.toml");
    let Run { status, out, err } = run(&["test", &path]);
    assert_eq!(status, 1, "{out}{err}");
    let line = out.lines().find_map(|line| line.find("heapctl explain").map(|at| &line[at..])).unwrap();
    let line = line.replacen("heapctl", env!("CARGO_BIN_EXE_heapctl"), 1);
    let shell = std::process::Command::new("sh").args(["-c", &line]).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&shell.stdout).into_owned() + &String::from_utf8_lossy(&shell.stderr);
    assert!(shell.status.success() && said.contains("linux,cma"), "{line}\n{said}");
    assert!(!dir.path().join("x").exists());
}
