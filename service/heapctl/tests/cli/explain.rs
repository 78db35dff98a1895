//! `heapctl explain`.

use crate::{file, BAD};
use crate::{run, run_json, Run};
use serde_json::{json, Value};
use std::fs;
use std::process::Command;
use tempfile::tempdir;

/// A policy in which a buffer's pixels and its metadata come from one heap with little room.
const BUDGET_OF_64_KIB: &str = r#"
schema = 1
name = "small"
[limits]
request = "1MiB"
reserve = "1MiB"
buffers_per_request = 32
[metadata]
heap = "system"
[[heap]]
name = "system"
nodes = ["system"]
budget = "64KiB"
[[rule]]
name = "all"
heaps = ["system"]
"#;

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

/// The option that AOSP's AHardwareBufferTest asks with: no policy names it, and it is the buffer's from its first import on.
#[test]
fn explain_says_which_dataspace_an_option_gives_and_which_there_are() {
    let explained = |option: &str| {
        let request = ["explain", "--policy", "generic", "--all-heaps", "--format", "RGBA_8888", "--size", "64x64"];
        let with = [&request[..], &["--usage", "CPU_READ_OFTEN", "--option", option]].concat();
        (run(&with), run_json(&[&["--json"][..], &with].concat()))
    };
    let name = "android.hardware.graphics.common.Dataspace";
    // SRGB: decimal, as explain prints it, and by the AIDL's names.
    for said in ["142671872", "0x8810000", "SRGB", "STANDARD_BT709|TRANSFER_SRGB|RANGE_FULL"] {
        let (text, (status, value)) = explained(&format!("{name}={said}"));
        assert_eq!((text.status, status), (0, 0), "{}", text.err);
        let line = text.out.lines().find(|line| line.trim_start().starts_with("dataspace")).unwrap();
        assert!(line.contains("0x8810000 (BT709 SRGB FULL), the buffer's from its first import on"), "{line}");
        assert_eq!(value["request"]["dataspace"], json!(142_671_872));
    }
    let request = ["explain", "--policy", "generic", "--format", "RGBA_8888", "--size", "64x64"];
    let refused = run(&[&request[..], &["--option", &format!("{name}=sRGB")]].concat());
    assert!(
        refused.status == 2 && refused.err.contains("UNKNOWN, ARBITRARY") && refused.err.contains("SRGB,"),
        "{}",
        refused.err
    );

    let (text, (_, value)) = explained(&format!("{name}=2"));
    assert_eq!(text.status, 1, "{}", text.out);
    for words in [&text.out, &value.to_string()] {
        assert!(words.contains(name) && words.contains("the value 0x2"), "{words}");
        assert!(words.contains("STANDARD to 11, TRANSFER to 8 and RANGE to 3"), "{words}");
    }
}

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
    // A page of the shared metadata, and one of the vendor's types.
    assert_eq!(value["total_bytes"], json!(4 * (3116160 + 2 * 4096)));
    assert_eq!(value["rules"].as_array().unwrap().last().unwrap()["takes"], json!(true));
}

#[test]
fn explain_tells_what_is_charged_with_pages_of_each_size() {
    // 64 x 32 RGBA is 8192 bytes: whole pages of 4 KiB, half of one of 16 KiB. The metadata takes a page each time.
    let request =
        ["explain", "--policy", "generic", "--all-heaps", "--format", "RGBA_8888", "--size", "64x32", "--count", "3"];
    for (size, page, pixels, metadata) in
        [("4k", 4096, 8192, 4096), ("16384", 16384, 16384, 16384), ("64k", 65536, 65536, 65536)]
    {
        let (status, value) = run_json(&[&request[..], &["--page-size", size, "--json"]].concat());
        assert_eq!((status, &value["page_bytes"], &value["picture"]["bytes"]), (0, &json!(page), &json!(8192)));
        let charged = json!({ "pixels": 3 * pixels, "metadata": 3 * metadata, "both": 3 * (pixels + metadata) });
        assert_eq!(value["charged_bytes"], charged);
        let text = run(&[&request[..], &["--page-size", size]].concat()).out;
        let line = format!("in pages of {page} bytes: {} of pixels, {} of metadata", 3 * pixels, 3 * metadata);
        assert!(text.contains(&line) && text.contains("8192 (8.00 KiB)"), "{text}");
    }
    let Run { status, err, .. } = run(&[&request[..], &["--page-size", "8192"]].concat());
    assert!(status == 2 && err.contains("16384"), "{err}");
    // Not said, they are this machine's.
    let here = Command::new("getconf").arg("PAGE_SIZE").output().unwrap();
    let here: u64 = String::from_utf8(here.stdout).unwrap().trim().parse().unwrap();
    assert_eq!(run_json(&[&request[..], &["--json"]].concat()).1["page_bytes"], json!(here));
}

/// The service charges whole pages of its kernel, and so does the answer that is foretold.
#[test]
fn explain_of_a_count_refuses_by_the_pages_that_it_is_told_of() {
    let (_folder, policy) = file(BUDGET_OF_64_KIB, "small.toml");
    let request = ["explain", "--policy", &policy, "--all-heaps", "--format", "BLOB", "--size", "100x1"];
    for (size, count, status) in [("4k", "8", 0), ("4k", "9", 1), ("16k", "2", 0), ("16k", "3", 1), ("64k", "1", 1)] {
        let more = ["--usage", "CPU_READ_OFTEN", "--count", count, "--page-size", size];
        let Run { status: said, out, .. } = run(&[&request[..], &more].concat());
        assert_eq!(said, status, "{count} in pages of {size}: {out}");
    }
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

/// Each kind of area is drawn, and stands in the JSON: from the first byte to the last, no gap and nothing twice.
#[test]
fn explain_draws_headers_bodies_padding_and_tails() {
    let dir = tempdir().unwrap();
    let peers = concat!(env!("CARGO_MANIFEST_DIR"), "/../../heaps-config/vendors");
    for (policy, format, usage, size, kinds) in [
        ("arm", "RGBA_8888", "GPU_TEXTURE", "1080x2400", &["header", "body"][..]),
        ("arm", "YCBCR_420_888", "GPU_TEXTURE|TILED", "1920x1080", &["header", "body", "header", "body"]),
        ("arm", "RGBA_8888", "GPU_TEXTURE|AFRC_16_SCAN", "1080x2400", &["body"]),
        ("samsung", "EXYNOS_YCbCr_420_SPN_SBWC", "VIDEO_DECODER", "1920x1080", &["body", "header", "body", "header"]),
        (
            "samsung",
            "EXYNOS_YCbCr_420_SPN",
            "VIDEO_DECODER|COMPOSER_OVERLAY",
            "1920x1080",
            &["lines", "padding", "lines", "padding", "tail"],
        ),
        (
            "qualcomm",
            "YCbCr_420_SP_VENUS_UBWC",
            "VIDEO_DECODER",
            "1920x1080",
            &["header", "body", "header", "body", "padding"],
        ),
        ("rockchip", "YCrCb_NV12", "VIDEO_DECODER|STRIDE_ALIGN_16", "1920x1080", &["lines", "lines", "padding"]),
        (
            "minigbm-msm",
            "YCBCR_420_888",
            "VIDEO_DECODER|UBWC",
            "1920x1080",
            &["body", "header", "body", "header", "tail", "padding"],
        ),
        ("raspberrypi", "YCBCR_420_888", "VIDEO_DECODER", "1920x1080", &["columns"]),
    ] {
        let (policy, drawing) = (format!("{peers}/{policy}.toml"), dir.path().join("a.svg"));
        let request = ["--policy", &policy, "--all-heaps", "--format", format, "--usage", usage, "--size", size];
        let (status, value) =
            run_json(&[&["explain", "--json", "--svg", drawing.to_str().unwrap()][..], &request].concat());
        assert_eq!(status, 0, "{value}");
        let areas = value["picture"]["areas"].as_array().unwrap();
        let found: Vec<&str> = areas.iter().map(|area| area["kind"].as_str().unwrap()).collect();
        assert_eq!(found, kinds, "{policy} {format} {usage}");
        let mut end = 0;
        for area in areas {
            assert_eq!(area["offset_bytes"], json!(end), "{areas:?}");
            end += area["bytes"].as_u64().unwrap();
        }
        assert_eq!(value["picture"]["layer_bytes"], json!(end));
        let drawing = fs::read_to_string(&drawing).unwrap();
        for (kind, class) in [("header", "header"), ("tail", "tail"), ("padding", "padding")] {
            let drawn = drawing.contains(&format!("<rect class='{class}'"));
            assert!(drawn || !kinds.contains(&kind), "{kind} of {format}");
        }
    }
}

#[test]
fn explain_shows_each_step_with_its_cause() {
    let Run { out, .. } = run(CAMERA);
    for part in [
        "stride: stride bytes 1900 -> 1920, stride bytes of plane 1 1900 -> 1920, offset of plane 1 2053900 -> 2075520",
        "by \"camera-yuv\" stride_bytes",
        "lines: lines 1081 -> 1082",
        "by \"camera-yuv\" height_lines",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let peer = concat!(env!("CARGO_MANIFEST_DIR"), "/../../heaps-config/vendors/arm.toml");
    let Run { out, .. } = run(&[
        "explain",
        "--policy",
        peer,
        "--all-heaps",
        "--format",
        "RGBA_8888",
        "--usage",
        "GPU_TEXTURE",
        "--size",
        "1080x2400",
    ]);
    for part in [
        "blocks: plane 0: 68 x 150 blocks of 16 x 16, 1088 x 2400 samples, by \"rgba\" grid",
        "header: plane 0: 150 rows of 1088 bytes, 163840 with what is added and rounded",
        "body: plane 0: 1024 bytes a block, 10444800 with what is added and rounded",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
}

/// Qualcomm's exception: two fields of 540 lines are more than one picture of 1080 (`msm_media_info.h`, VENUS_BUFFER_SIZE).
#[test]
fn explain_shows_the_room_for_two_fields_and_what_importers_are_told() {
    let peer = concat!(env!("CARGO_MANIFEST_DIR"), "/../../heaps-config/vendors/qualcomm.toml");
    let of = |size| {
        let request = ["--format", "YCbCr_420_SP_VENUS_UBWC", "--usage", "VIDEO_DECODER", "--size", size];
        [&["explain", "--policy", peer, "--all-heaps"][..], &request].concat()
    };
    let out = run(&of("1920x1080")).out;
    for part in [
        "fields: room for two fields of 540 lines, 1609728 bytes each: 3153920 -> 3219456, by \"",
        "drm          NV12, modifier 0x0500000000000001",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let out = run(&of("3840x2160")).out;
    assert!(out.contains("fields: one picture: more than 1920 x 1920, or than 8160 times 256 pixels"), "{out}");
    let (_, value) = run_json(&[&of("1920x1080")[..], &["--json"]].concat());
    let picture = &value["picture"];
    assert_eq!((&picture["fourcc"], &picture["modifier"]), (&json!("NV12"), &json!(0x0500_0000_0000_0001_u64)));
    let steps: Vec<&Value> = value["steps"].as_array().unwrap().iter().map(|step| &step["step"]).collect();
    assert!(steps.contains(&&json!("fields")), "{steps:?}");
}

/// Which types a buffer has, in the policy's order; of one type and value the first that matches; none where there is no buffer.
#[test]
fn explain_lists_the_vendors_types_of_metadata() {
    let entry = |keys: &str| format!("\n[[vendor_metadata]]\ntype = \"vendor.acme.Metadata\"\n{keys}\n");
    let types = [
        "name = \"kind-of-rgba\"\nvalue = 1\nencoding = \"i32\"\nlayouts = [\"RGBA_8888\"]\nconstant = -2",
        "name = \"kind\"\nvalue = 1\nencoding = \"i32\"\nconstant = 7",
        "name = \"board\"\nvalue = 2\nencoding = \"string\"\ntext = \"acme\"",
        "name = \"fds\"\nvalue = 3\nencoding = \"i64\"\nheader = false\ncomputed = \"plane_fds\"",
        "name = \"heap\"\nvalue = 4\nencoding = \"string\"\ncounted = false\ncomputed = \"heap_name\"",
        "name = \"format\"\nvalue = 5\nencoding = \"u32\"\ncomputed = \"format\"",
        "name = \"rate\"\nvalue = 6\nencoding = \"f32\"\nstored = true",
        "name = \"blob\"\nvalue = 7\nencoding = \"bytes\"\nstored = true\nmax_bytes = 12",
        "name = \"of-video\"\nvalue = 8\nencoding = \"i64\"\nany_of = [\"VIDEO_DECODER\"]\nconstant = 1",
    ];
    let generic = include_str!("../../../../heaps-config/profiles/generic.toml");
    let (_dir, policy) = file(format!("{generic}{}", types.map(entry).concat()), "types.toml");
    let of = |format, usage| {
        ["explain", "--policy", &policy, "--all-heaps", "--format", format, "--usage", usage, "--size", "64x64"]
            .map(str::to_owned)
    };
    let text = |format, usage| run(&of(format, usage).each_ref().map(String::as_str)).out;
    let rgba = text("RGBA_8888", "CPU_READ_OFTEN");
    let lines: Vec<&str> = rgba.lines().filter(|line| line.contains("vendor.acme.Metadata")).map(str::trim).collect();
    let said = |name: &str, value: i64, says: &str| format!("\"{name}\": vendor.acme.Metadata {value} is {says}");
    let expected = [
        said("kind-of-rgba", 1, "always -2"),
        said("board", 2, "always \"acme\""),
        said("fds", 3, "its plane_fds"),
        said("heap", 4, "the name of its heap"),
        said("format", 5, "the format that it became"),
        said("rate", 6, "what clients set, f32"),
        said("blob", 7, "what clients set, at most 12 bytes"),
    ];
    assert_eq!(lines.len(), expected.len(), "{rgba}");
    assert!(lines[0].starts_with("metadata"), "{rgba}");
    assert!(lines.iter().zip(&expected).all(|(line, expected)| line.ends_with(expected.as_str())), "{rgba}");
    let video = text("YCBCR_420_888", "VIDEO_DECODER");
    assert!(
        video.contains(&said("kind", 1, "always 7")) && video.contains(&said("of-video", 8, "always 1")),
        "{video}"
    );
    assert!(!text("RGBA_8888", "PROTECTED").contains("vendor.acme.Metadata"), "no buffer has no types");

    let json = |usage| {
        let mut arguments = of("RGBA_8888", usage).to_vec();
        arguments.insert(1, "--json".to_owned());
        run_json(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).1
    };
    let of_rgba = json("CPU_READ_OFTEN");
    let listed = of_rgba["vendor_metadata"].as_array().unwrap();
    let all = |key: &str| listed.iter().map(|entry| entry[key].clone()).collect::<Vec<_>>();
    assert_eq!(all("value"), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(all("encoding"), ["i32", "string", "i64", "string", "u32", "f32", "bytes"]);
    assert_eq!(all("header"), [true, true, false, true, true, true, true]);
    assert_eq!(all("counted"), [true, true, true, false, true, true, true]);
    assert_eq!(listed[0]["says"], "always -2");
    assert_eq!(json("PROTECTED")["vendor_metadata"], Value::Null);
}

/// The README says with which request.
#[test]
fn picture_of_the_readme_is_what_explain_draws() {
    let request = ["--format", "YCBCR_420_888", "--usage", "VIDEO_DECODER|GPU_TEXTURE", "--size", "1000x562"];
    let written = request.join(" ").replace("VIDEO_DECODER|GPU_TEXTURE", "'VIDEO_DECODER|GPU_TEXTURE'");
    assert!(include_str!("../../../../README.md").contains(&written), "{written}");
    let dir = tempdir().unwrap();
    let drawing = dir.path().join("planes.svg");
    let head = ["explain", "--policy", "reference-soc", "--all-heaps", "--svg", drawing.to_str().unwrap()];
    assert_eq!(run(&[&head[..], &request].concat()).status, 0);
    assert!(
        fs::read_to_string(&drawing).unwrap() == include_str!("../../../../docs/planes.svg"),
        "docs/planes.svg is another"
    );
}
