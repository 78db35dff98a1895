//! Drafts from the lists of heaps that devices in the field have: lint finds nothing, and protected requests never get
//! ordinary memory.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{plan, Asked};
use gralloc_buffer::Layout;
use heaps_config::Policy;
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
    assert_eq!(heaps_of(&newest, "PROTECTED"), ["protected"]);
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
    // One alone is taken, and said to be a guess.
    let (text, mediatek) = drafted(MEDIATEK);
    assert_eq!(heaps_of(&mediatek, "PROTECTED"), ["protected"]);
    assert!(text.contains("# The only heap whose name says that it is protected"), "{text}");
}

#[test]
fn draft_does_not_depend_on_order_or_repetition() {
    let (text, _) = drafted(PIXEL);
    let twice = PIXEL.iter().rev().chain(PIXEL).copied();
    assert_eq!(draft("board", twice).unwrap(), text);
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
