//! A policy's own expectations: what holds, what does not and why, and what can never hold.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use heaps_config::Code;
use heaps_host::expect::{self, Outcome};
use heaps_host::{lint, profile, Format, Linted, Source, PROFILES};

/// The profile with the heaps of a phone, without its own expectations, and one more.
fn with(expect: &str) -> Linted {
    let text = profile("reference-soc").unwrap().text;
    let (policy, _) = text.split_once("[[expect]]").unwrap();
    lint(Source::text("p.toml", format!("{policy}\n[[expect]]\nname = \"it\"\n{expect}\n"), Format::Toml))
}

#[track_caller]
fn outcome(expect: &str) -> Outcome {
    let linted = with(expect);
    assert!(linted.findings.is_empty(), "{}", linted.render(false));
    expect::run(&linted).unwrap().remove(0)
}

#[track_caller]
fn fails(expect: &str, why: &str) {
    let outcome = outcome(expect);
    assert!(outcome.failures.iter().any(|failure| failure.contains(why)), "{expect}: {outcome:?}");
}

const VIEWFINDER: &str =
    "format = \"YCBCR_420_888\"\nwidth = 1920\nheight = 1080\nusage = [\"CAMERA_OUTPUT\", \"GPU_TEXTURE\"]\n";
const PROTECTED: &str =
    "format = \"YCBCR_420_888\"\nwidth = 64\nheight = 64\nusage = [\"PROTECTED\", \"VIDEO_DECODER\"]\n";

#[test]
fn every_profile_holds_what_it_says_of_itself() {
    for (name, _) in PROFILES {
        let outcomes = expect::run(&lint(profile(name).unwrap())).unwrap();
        assert!(outcomes.len() >= 10, "{name}");
        assert!(outcomes.iter().any(|outcome| outcome.name.starts_with("protected")), "{name}");
        let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.holds()).collect();
        assert!(failed.is_empty(), "{name}: {failed:#?}");
    }
}

#[test]
fn what_holds_says_the_plan_and_how_to_explain_it() {
    let outcome =
        outcome(&format!("{VIEWFINDER}heap = \"camera-uncached\"\nstride = 1920\nlayout = \"NV12\"\nbytes = 3110400"));
    assert!(outcome.holds(), "{outcome:?}");
    assert!(outcome
        .plan
        .starts_with("camera-uncached, then camera, then system-uncached, then system by rule \"camera\""));
    assert_eq!(
        outcome.explain,
        "--format YCBCR_420_888 --size 1920x1080 --usage 'GPU_TEXTURE|CAMERA_OUTPUT' --all-heaps"
    );
}

#[test]
fn what_does_not_hold_says_what_is_otherwise() {
    fails(&format!("{VIEWFINDER}heap = \"system\""), "heap: system was expected, and it is camera-uncached");
    fails(
        &format!("{VIEWFINDER}heaps = [\"camera\"]"),
        "heaps: camera was expected, and it is camera-uncached, camera, ",
    );
    fails(&format!("{VIEWFINDER}rule = \"video\""), "rule: video was expected, and it is camera");
    fails(&format!("{VIEWFINDER}layout = \"NV21\""), "layout: NV21 was expected, and it is NV12");
    fails(&format!("{VIEWFINDER}bytes = \"3MiB\""), "bytes: 3145728 was expected, and it is 3110400");
    fails(&format!("{VIEWFINDER}modifier = 1"), "modifier: 0x1 was expected, and it is 0x0");
    fails(&format!("{VIEWFINDER}refused = \"denied\""), "it is allocated, and a refusal was expected");
    fails(&format!("{VIEWFINDER}present = [\"sensor\"]\nrule = \"camera\""), "it is refused (heaps-absent)");
    fails(
        &format!("{PROTECTED}present = [\"system\"]\nrefused = \"denied\""),
        "\"denied\" was expected, and it is heaps-absent",
    );
}

#[test]
fn a_refusal_is_expected_by_its_word_or_by_words_of_its_message() {
    for why in ["heaps-absent", "none of its heaps"] {
        let outcome =
            outcome(&format!("{PROTECTED}present = [\"system\"]\nrefused = \"{why}\"\nrule = \"protected-video\""));
        assert!(outcome.holds(), "{outcome:?}");
        assert!(outcome.explain.ends_with("--heaps system"), "{outcome:?}");
    }
}

#[test]
fn options_and_the_reserved_region_are_part_of_the_request() {
    let option = "options = [\"com.example.acme=1\"]\nreserved = 64\nheap = \"camera-uncached\"";
    let accepted = "[[option]]\nname = \"com.example.acme\"\nvalues = [1]";
    let outcome = outcome(&format!("{VIEWFINDER}{option}\n{accepted}"));
    assert!(outcome.holds(), "{outcome:?}");
    assert!(outcome.explain.contains("--reserved 64 --option com.example.acme=1"));
    // Not accepted and then ignored: it would promise lines of pixels, and the screen is AFBC.
    let lines = "options = [\"com.example.soc.compression=0\"]\nheap = \"camera\"";
    fails(&format!("{VIEWFINDER}{lines}"), "it is refused (option)");
    fails(&format!("{VIEWFINDER}options = [\"of.nobody=1\"]\nheap = \"camera\""), "it is refused (option)");
}

/// What the GPU draws for the display is in AFBC's superblocks (`drm_fourcc.h`: ARM, AFBC, 16 x 16, YTR and sparse), one with it is linear.
#[test]
fn a_modifier_is_the_buffer_s() {
    let texture =
        "format = \"RGBA_8888\"\nwidth = 64\nheight = 64\nusage = [\"GPU_RENDER_TARGET\", \"COMPOSER_OVERLAY\"]";
    let drawn = "format = \"RGBA_8888\"\nwidth = 64\nheight = 64\nusage = [\"GPU_TEXTURE\", \"CPU_WRITE_OFTEN\"]";
    let linted = with(&format!(
        "{texture}\nmodifier = 0x0800000000000051\n[[expect]]\nname = \"drawn\"\n{drawn}\nmodifier = 0\n[[expect]]\nname = \"no\"\n{drawn}\nlayers = 2\nmodifier = 0x0800000000000051"
    ));
    let outcomes = expect::run(&linted).unwrap_or_else(|| panic!("{}", linted.render(false)));
    let failures: Vec<&[String]> = outcomes.iter().map(|outcome| outcome.failures.as_slice()).collect();
    let differs = "modifier: 0x800000000000051 was expected, and it is 0x0".to_owned();
    assert_eq!(failures, [&[][..], &[], &[differs]], "{outcomes:#?}");
}

#[test]
fn what_can_never_hold_is_a_finding() {
    let never = |expect: &str, key: &str| {
        let linted = with(expect);
        let found = linted.findings.iter().find(|found| found.finding.code == Code::ExpectNever);
        assert_eq!(found.unwrap().finding.path.to_string(), key, "{}", linted.render(false));
    };
    never(&format!("{VIEWFINDER}refused = \"denied\"\nstride = 1920"), "expect[0].stride");
    never(&format!("{VIEWFINDER}refused = \"denied\"\nmodifier = 0"), "expect[0].modifier");
    never(&format!("{VIEWFINDER}heap = \"system\"\nheaps = [\"camera\", \"system\"]"), "expect[0].heap");
    never(&format!("{VIEWFINDER}heap = \"secure-video\""), "expect[0].heap");
    never(&format!("{PROTECTED}heaps = [\"system\"]"), "expect[0].heaps");
    never(&format!("{VIEWFINDER}present = [\"system\"]\nheap = \"camera\""), "expect[0].heap");
    never(&format!("{VIEWFINDER}heaps = []"), "expect[0].heaps");
    let screen = |size: &str| format!("format = \"RGBA_8888\"\n{size}\nusage = [\"GPU_TEXTURE\"]\n");
    never(&format!("{}layout = \"NV12\"", screen("width = 64\nheight = 64")), "expect[0].layout");
    never(&format!("{}stride = 63", screen("width = 64\nheight = 64")), "expect[0].stride");
    never(&format!("{}modifier = 0\nbytes = 16383", screen("width = 64\nheight = 64")), "expect[0].bytes");
    let two = format!("{VIEWFINDER}stride = 1920\n[[expect]]\nname = \"again\"\n{VIEWFINDER}stride = 2048");
    never(&two, "expect[1].name");
    let two = format!("{VIEWFINDER}modifier = 1\n[[expect]]\nname = \"again\"\n{VIEWFINDER}modifier = 2");
    never(&two, "expect[1].name");
    let two = format!("{VIEWFINDER}stride = 1920\n[[expect]]\nname = \"again\"\n{VIEWFINDER}refused = \"denied\"");
    never(&two, "expect[1].name");
}

/// What the pixels alone have is no finding, nor what a compression could make smaller.
#[test]
fn the_least_that_can_hold_is_no_finding() {
    for expect in [
        "format = \"RGBA_8888\"\nwidth = 64\nheight = 64\nusage = [\"GPU_TEXTURE\"]\nstride = 64\nmodifier = 0\nbytes = 16384",
        "format = \"RGBA_8888\"\nwidth = 64\nheight = 64\nusage = [\"GPU_TEXTURE\"]\nbytes = 4096",
        "format = \"YCBCR_420_888\"\nwidth = 5\nheight = 5\nusage = [\"CPU_READ_OFTEN\"]\nmodifier = 0\nbytes = 43",
        "format = \"BLOB\"\nwidth = 100\nheight = 1\nusage = [\"CPU_READ_OFTEN\"]\nstride = 100\nbytes = 100",
        "format = \"RAW10\"\nwidth = 8\nheight = 2\nusage = [\"CPU_READ_OFTEN\"]\nstride = 10\nbytes = 20",
    ] {
        let linted = with(expect);
        assert!(linted.findings.iter().all(|found| found.finding.code != Code::ExpectNever), "{}", linted.render(false));
    }
}

#[test]
fn names_that_nobody_knows_are_errors_with_the_nearest() {
    for (expect, code, near) in [
        ("heap = \"sytem\"", Code::UnknownHeap, "system"),
        ("rule = \"camra\"", Code::UnknownRule, "camera"),
        ("layout = \"NV13\"", Code::UnknownLayout, "NV12"),
        ("present = [\"sensr\"]\nrefused = \"x\"", Code::UnknownHeap, "sensor"),
    ] {
        let linted = with(&format!("{VIEWFINDER}{expect}"));
        assert_eq!(
            (linted.findings[0].finding.code, linted.findings[0].nearest.as_deref()),
            (code, Some(near)),
            "{expect}"
        );
        assert!(expect::run(&linted).is_none());
    }
    assert_eq!(
        with(&format!("{VIEWFINDER}modifier = -1")).findings[0].finding.code,
        Code::BadValue,
        "a modifier is not negative"
    );
    assert_eq!(with(VIEWFINDER).findings[0].finding.code, Code::MissingKey, "it expects nothing");
    assert_eq!(
        with(&format!("{VIEWFINDER}heap = \"camera\"\noptions = [\"x\"]")).findings[0].finding.code,
        Code::BadValue
    );
}

#[test]
fn the_service_s_json_has_no_expectations() {
    for (name, _) in PROFILES {
        assert!(!lint(profile(name).unwrap()).compile().unwrap().contains("expect"), "{name}");
    }
}
