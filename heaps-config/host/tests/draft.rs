//! Drafts from the lists of heaps that devices in the field have: lint finds nothing, and protected requests never get
//! ordinary memory.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{plan, Asked};
use gralloc_buffer::Layout;
use heaps_config::{Code, Policy};
use heaps_host::{draft, lint, DraftError, Format, Source};

const PIXEL: &[&str] = &[
    "system",
    "system-uncached",
    "gcma_camera",
    "gcma_camera-uncached",
    "sensor_direct_heap",
    "vframe-secure",
    "vscaler-secure",
    "framebuffer-secure",
    "faceauth_tpu-secure",
    "faimg-secure",
    "farawimg-secure",
    "faprev-secure",
    "famodel-secure",
];
const QUALCOMM: &[&str] = &[
    "qcom,system",
    "qcom,system-uncached",
    "qcom,display",
    "qcom,secure-cdsp",
    "qcom,secure-pixel",
    "qcom,demura",
    "qcom,adsp",
];
const MEDIATEK: &[&str] = &["system", "system-uncached", "restricted_mtk_cma"];
const ROCKCHIP: &[&str] = &["system", "system-uncached", "system-dma32", "system-uncached-dma32", "cma", "reserved"];
const RASPBERRY: &[&str] = &["linux,cma", "system"];
const NEWEST: &[&str] = &["default_cma_region", "reserved", "system", "protected"];
const CUTTLEFISH: &[&str] = &["system"];
const ODD: &[&str] = &["system", "foo", "insecure", "one-secure", "two-secure", "gcma_camera-uncached", "my_sensor"];

#[track_caller]
fn drafted(names: &[&str]) -> (String, Policy) {
    let text = draft("board", names.iter().copied()).unwrap();
    let linted = lint(Source::text("board.toml", &text, Format::Toml));
    assert!(linted.findings.is_empty(), "{}\n{text}", linted.render(false));
    common::holds(&linted);
    let policy = linted.policy().unwrap().clone();
    (text, policy)
}

fn heaps_of(policy: &Policy, usage: &'static str) -> Vec<String> {
    plan(policy, Asked { format: "RGBA_8888", usage, ..Asked::default() })
        .unwrap()
        .heaps
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn nodes_of(policy: &Policy, heap: &str) -> Vec<String> {
    policy.heaps.iter().find(|known| known.name == heap).map(|heap| heap.nodes.clone()).unwrap_or_default()
}

#[test]
fn draft_of_every_known_list_has_no_findings_and_keeps_protected_content_protected() {
    for names in [PIXEL, QUALCOMM, MEDIATEK, ROCKCHIP, RASPBERRY, NEWEST, CUTTLEFISH, ODD] {
        let (text, policy) = drafted(names);
        for name in names {
            assert!(text.contains(&format!("\"{name}\"")), "{name} is in the policy or asked about:\n{text}");
        }
        for usage in [
            "PROTECTED",
            "PROTECTED|CAMERA_OUTPUT",
            "PROTECTED|CAMERA_OUTPUT|CAMERA_INPUT",
            "PROTECTED|CAMERA_OUTPUT|GPU_TEXTURE",
            "PROTECTED|VIDEO_DECODER|COMPOSER_OVERLAY",
            "PROTECTED|SENSOR_DIRECT_DATA",
        ] {
            let Ok(plan) = plan(&policy, Asked { format: "RGBA_8888", usage, ..Asked::default() }) else { continue };
            let plain: Vec<_> = plan.heaps.iter().filter(|heap| !heap.starts_with("protected")).collect();
            assert!(plain.is_empty(), "{usage} of {names:?} gets {plain:?}");
        }
        assert_eq!(heaps_of(&policy, "GPU_RENDER_TARGET|COMPOSER_OVERLAY"), ["system"]);
    }
}

/// A draft passes each snapshot of the VTS as the shipped profiles do: what they disagree on is refused to the CPU alone.
#[test]
fn draft_refuses_the_cpu_what_no_layout_can_give_to_every_vts() {
    let (_, policy) = drafted(PIXEL);
    for format in ["RGBA_10101010", "R_12_UINT", "RGBA_14141414_UINT"] {
        // Formats of common V7 are taken by builds for that, or where the policy says so.
        let policy = Policy { graphics_common: Some(7), ..policy.clone() };
        let of = |usage| plan(&policy, Asked { format, usage, ..Asked::default() }).map(|plan| plan.heaps);
        assert_eq!(of("CPU_READ_OFTEN"), Err("denied"), "{format}");
        assert!(of("GPU_TEXTURE").is_ok(), "{format}: {:?}", of("GPU_TEXTURE"));
    }
}

#[test]
fn draft_knows_what_names_are_for() {
    let (text, pixel) = drafted(PIXEL);
    assert_eq!(heaps_of(&pixel, "PROTECTED|CAMERA_OUTPUT|CAMERA_INPUT"), ["protected-raw"]);
    assert_eq!(heaps_of(&pixel, "PROTECTED|CAMERA_OUTPUT|GPU_TEXTURE"), ["protected-preview"]);
    assert_eq!(heaps_of(&pixel, "PROTECTED|VIDEO_DECODER"), ["protected"]);
    assert_eq!(heaps_of(&pixel, "CAMERA_OUTPUT"), ["camera-uncached", "camera", "system-uncached", "system"]);
    assert_eq!(heaps_of(&pixel, "CAMERA_OUTPUT|CPU_READ_OFTEN"), ["camera", "system"]);
    assert!(text.contains("# nodes = [\"famodel-secure\"]\n# protected = true\n"), "{text}");

    let texture = Asked { usage: "GPU_TEXTURE", width: 65, ..Asked::default() };
    let texture = plan(&pixel, texture).unwrap();
    assert_eq!((texture.stride, texture.planes[0].1), (80, 320));
    let flexible = plan(&pixel, Asked { format: "YCBCR_420_888", ..Asked::default() }).unwrap();
    assert_eq!(flexible.layout, Layout::Nv12);

    let (_, newest) = drafted(NEWEST);
    assert_eq!(heaps_of(&newest, "CAMERA_OUTPUT"), ["cma", "system"]);
    // The word alone does not say which content: nobody knows the name.
    assert!(plan(&newest, Asked { usage: "PROTECTED", ..Asked::default() }).is_err());
}

#[test]
fn draft_with_protected_heaps_that_names_do_not_place_refuses_protected_requests() {
    let (text, odd) = drafted(ODD);
    assert!(plan(&odd, Asked { format: "RGBA_8888", usage: "PROTECTED", ..Asked::default() }).is_err());
    assert!(text.contains("# nodes = [\"insecure\"]\n") && !text.contains("[\"insecure\"]\n# protected"), "{text}");
    // A name that says the opposite is no protected heap, though it is the only one with the word.
    for name in ["insecure", "non-secure", "unprotected", "system-nonsecure", "not_secure", "UNSECURE"] {
        let (text, policy) = drafted(&["system", name]);
        assert!(plan(&policy, Asked { usage: "PROTECTED", ..Asked::default() }).is_err(), "{text}");
        assert!(!text.contains("protected = true"), "{text}");
    }
    // One alone whose name nobody knows is no answer either; one that is known is.
    let (text, policy) = drafted(&["system", "only-secure"]);
    assert!(plan(&policy, Asked { usage: "PROTECTED", ..Asked::default() }).is_err(), "{text}");
    assert!(text.contains("# nodes = [\"only-secure\"]\n# protected = true\n"), "{text}");
    let (_, mediatek) = drafted(MEDIATEK);
    assert_eq!(heaps_of(&mediatek, "PROTECTED"), ["protected"]);
}

/// The list of Qualcomm's driver: `non-pixel` is no opposite of `secure`.
#[test]
fn draft_of_qualcomm_s_list_knows_both_protected_heaps() {
    let names =
        ["linux,cma", "qcom,secure-non-pixel", "qcom,secure-pixel", "qcom,system", "qcom,system-uncached", "system"];
    let (text, policy) = drafted(&names);
    assert!(text.contains("# nodes = [\"qcom,secure-non-pixel\"]\n# protected = true\n"), "{text}");
    assert_eq!(nodes_of(&policy, "protected"), ["qcom,secure-pixel"]);
    assert_eq!(nodes_of(&policy, "system"), ["system", "qcom,system"]);
    // Ordinary until it is lent: never the heap of protected content.
    let (text, policy) = drafted(&["qcom,system", "qcom,display"]);
    assert!(plan(&policy, Asked { usage: "PROTECTED", ..Asked::default() }).is_err(), "{text}");
    assert!(text.contains("[\"qcom,display\"]\n") && !text.contains("[\"qcom,display\"]\n# protected"), "{text}");
}

/// Mainline's heaps of a trusted environment: one is for video, the others have one purpose each.
#[test]
fn draft_of_mainline_s_tee_heaps_takes_the_one_for_video_alone() {
    let all = ["system", "protected,secure-video", "protected,trusted-ui", "protected,secure-video-record"];
    assert_eq!(nodes_of(&drafted(&all).1, "protected"), ["protected,secure-video"]);
    for alone in ["protected,trusted-ui", "protected,secure-video-record", "qcom,secure-non-pixel", "vstream-secure"] {
        let (text, policy) = drafted(&["system", alone]);
        assert!(plan(&policy, Asked { usage: "PROTECTED", ..Asked::default() }).is_err(), "{text}");
        assert!(text.contains(&format!("# nodes = [\"{alone}\"]\n# protected = true\n")), "{text}");
    }
}

#[test]
fn draft_of_mediatek_s_list_knows_what_is_protected_and_claims_nothing_of_other_names() {
    for name in [
        "mtk_svp_region",
        "mtk_svp_region-uncached",
        "mtk_svp_region-aligned",
        "mtk_svp_page-uncached",
        "mtk_prot_region",
        "mtk_prot_page-uncached",
        "mtk_wfd_region",
        "mtk_wfd_page-uncached",
        "mtk_sapu_data_shm_region-aligned",
        "mtk_2d_fr_region",
    ] {
        let (text, policy) = drafted(&["system", "mtk_mm", "mtk_mm-uncached", name]);
        let placed = policy.heaps.iter().any(|heap| heap.protected && heap.nodes == [name]);
        let asked = text.contains(&format!("# nodes = [\"{name}\"]\n# protected = true\n"));
        assert!(placed || asked, "{name}:\n{text}");
        assert!(!text.contains("protected. A refusal"), "{name}:\n{text}");
    }
    let claim = "None of these heaps is protected.";
    let (text, _) = drafted(&["system", "xyz_region"]);
    assert!(!text.contains(claim) && text.contains("nobody here knows what they are: xyz_region?"), "{text}");
    assert!(drafted(&["system", "linux,cma"]).0.contains(claim));
}

/// An uncached name is the twin of its cached sibling, in each spelling; without one it is uncached itself.
#[test]
fn draft_places_uncached_twins_of_every_spelling() {
    let (_, policy) = drafted(&["system", "system-uncached", "reserved", "reserved-uncached"]);
    assert_eq!(heaps_of(&policy, "CAMERA_OUTPUT"), ["cma-uncached", "cma", "system-uncached", "system"]);
    assert_eq!(nodes_of(&policy, "cma-uncached"), ["reserved-uncached"]);
    assert_eq!(nodes_of(&drafted(&["system", "cma", "cma-uncached"]).1, "cma-uncached"), ["cma-uncached"]);
    let (text, _) = drafted(&["system", "system-dma32", "system-uncached-dma32", "mtk_mm", "mtk_mm-uncached"]);
    for (cached, twin) in [("system-dma32", "system-uncached-dma32"), ("mtk_mm", "mtk_mm-uncached")] {
        assert!(
            text.contains(&format!("# nodes = [\"{cached}\"]\n# uncached_twin = \"{}\"\n", twin.replace('_', "-"))),
            "{text}"
        );
        assert!(text.contains(&format!("# nodes = [\"{twin}\"]\n# cached = false\n")), "{text}");
        assert!(text.contains(&format!("The uncached twin of \"{cached}\"")), "{text}");
    }
    for (name, base) in [("mtk_dip_capture_uncached", "mtk_dip_capture"), ("reserved-uncached", "reserved")] {
        let (text, _) = drafted(&["system", name]);
        assert!(text.contains(&format!("# nodes = [\"{name}\"]\n# cached = false\n")), "{text}");
        assert!(text.contains("no cached sibling") && !text.contains(&format!("[\"{base}\"")), "{text}");
    }
}

/// What is commented out is ready for use: with the comments gone, lint has nothing to say but that no rule uses it.
#[test]
fn draft_s_snippets_pass_lint_once_they_are_used() {
    let all = [PIXEL, QUALCOMM, MEDIATEK, ROCKCHIP, NEWEST, ODD].concat();
    let more = ["mtk_mm", "mtk_mm-uncached", "mtk_svp_region", "heap-codecmm", "heap-cached-codecmm", "linux,cma@1000"];
    let (text, _) = drafted(&[&all[..], &more].concat());
    let keys = ["[[heap]]", "name = ", "nodes = ", "protected = ", "cached = ", "uncached_twin = "];
    let used = |line: &str| {
        let bare = line.strip_prefix("# ").filter(|bare| keys.iter().any(|key| bare.starts_with(key)));
        format!("{}\n", bare.unwrap_or(line))
    };
    let linted = lint(Source::text("board.toml", text.lines().map(used).collect::<String>(), Format::Toml));
    let found: Vec<_> = linted.findings.iter().filter(|found| found.finding.code != Code::UnusedHeap).collect();
    assert!(found.is_empty() && linted.findings.len() > 20, "{}", linted.render(false));
}

#[test]
fn draft_does_not_depend_on_order_or_repetition() {
    let (text, _) = drafted(PIXEL);
    let twice = PIXEL.iter().rev().chain(PIXEL).copied();
    assert_eq!(draft("board", twice).unwrap(), text);
}

/// A name with an address is no name that is known: it gets a question, and no rule.
#[test]
fn draft_makes_nothing_of_a_known_name_at_an_address() {
    let names = ["system", "system@1", "vframe-secure@2", "linux,cma@10000000", "linux,cma@20000000"];
    let (text, policy) = drafted(&names);
    for name in &names[1..] {
        assert!(policy.heaps.iter().all(|heap| !heap.nodes.iter().any(|node| node == name)), "{text}");
        assert!(text.contains(&format!("# nodes = [\"{name}\"]\n")), "{text}");
    }
    assert!(text.contains("# nodes = [\"vframe-secure@2\"]\n# protected = true\n"), "{text}");
    assert!(text.contains("Called as \"linux,cma\", with an address"), "{text}");
    assert!(plan(&policy, Asked { usage: "PROTECTED", ..Asked::default() }).is_err(), "{text}");
}

#[test]
fn draft_of_bad_names_is_refused_by_name() {
    let refused = |names: &[&str]| draft("board", names.iter().copied()).unwrap_err();
    assert_eq!(refused(&[]), DraftError::NoNames);
    for name in ["", "a b", "../x", "a\nb", "a\"b", "a\\b", "..", "ü", &"x".repeat(256)] {
        let error = refused(&["system", name]);
        assert!(matches!(error, DraftError::BadName(_)), "{name:?}: {error}");
    }
    assert!(refused(&["linux,cma", "secure"]).to_string().contains("linux,cma secure"));
    let many: Vec<String> = (0..129).map(|number| format!("heap{number}")).collect();
    assert_eq!(draft("board", many.iter().map(String::as_str)).unwrap_err(), DraftError::TooManyNames(129));
    assert_eq!(draft("a\"b", ["system"]).unwrap_err(), DraftError::BadName("a\"b".to_owned()));
}
