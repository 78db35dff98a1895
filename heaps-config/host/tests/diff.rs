//! What a change does to requests: each difference is found, by its cause, with a request that shows it; a change that changes
//! nothing is none.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{plan, Asked};
use heaps_config::Policy;
use heaps_host::diff::{diff, Cause, Difference};
use heaps_host::{lint, profile, Format, Source, PROFILES};
use std::fmt::Write;

fn policy(text: &str) -> Policy {
    let linted = lint(Source::text("p.toml", text, Format::Toml));
    linted.loadable().cloned().unwrap_or_else(|| panic!("{}", linted.render(false)))
}

fn reference() -> String {
    profile("reference-soc").unwrap().text
}

#[track_caller]
fn changed(from: &str, to: &str) -> Vec<Difference> {
    let text = reference();
    assert!(text.contains(from), "{from}");
    diff(&policy(&text), &policy(&text.replacen(from, to, 1)))
}

#[track_caller]
fn only(from: &str, to: &str, cause: Cause, what: &str) -> Difference {
    let found = changed(from, to);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].cause, cause, "{found:#?}");
    assert!(found[0].what.contains(what), "{found:#?}");
    found[0].clone()
}

#[test]
fn a_policy_is_like_itself() {
    for (name, _) in PROFILES {
        let policy = policy(&profile(name).unwrap().text);
        assert_eq!(diff(&policy, &policy), [], "{name}");
    }
}

#[test]
fn names_words_and_expectations_are_no_differences() {
    let text = reference();
    let (policy_part, _) = text.split_once("[[expect]]").unwrap();
    let renamed = policy_part
        .replace("name = \"everything-else\"", "name = \"rest\"")
        .replace("name = \"gpu-rgb\"", "name = \"gpu\"");
    assert_eq!(diff(&policy(&text), &policy(&renamed)), []);
}

#[test]
fn heaps_of_a_rule() {
    let found = only(
        "heaps = [\"secure-preview\", \"secure-video\"]",
        "heaps = [\"secure-video\"]",
        Cause::Rule,
        "rule \"protected-preview\"",
    );
    let example = found.example.unwrap();
    assert!(
        example.before.starts_with("secure-preview, then secure-video by")
            && example.after.starts_with("secure-video by"),
        "{example:?}"
    );
    assert!(example.explain_after.contains("PROTECTED"), "{example:?}");
}

/// Boundaries are the conditions' own, to the byte and to the value of a field.
#[test]
fn a_condition_s_own_boundary() {
    let found = only("min_size = \"16MiB\"", "min_size = \"17MiB\"", Cause::Rule, "took what");
    assert_eq!(
        (found.before_at.unwrap().to_string(), found.after_at.unwrap().to_string()),
        ("rule[6]".to_owned(), "rule[7]".to_owned())
    );
    let found = changed("all_of = [\"CPU_READ_OFTEN\"]", "any_of = [\"CPU_READ_OFTEN\", \"CPU_READ_RARELY\"]");
    assert_eq!((found.len(), found[0].cause), (1, Cause::Resolution), "{found:#?}");
    assert!(found[0].example.as_ref().unwrap().explain_after.contains("CPU_READ_RARELY"), "{found:#?}");
    assert_eq!(found[0].what, "YCBCR_420_888 became NV12 and becomes NV21");
}

#[test]
fn rules_in_another_order() {
    let text = reference();
    let block = |name: &str| {
        let start = text.find(&format!("[[rule]]\nname = \"{name}\"")).unwrap();
        let end = text[start + 1..].find("[[rule]]").unwrap() + start + 1;
        text[start..end].to_owned()
    };
    let (raw, video) = (block("protected-raw"), block("protected-video"));
    // Everything protected is taken by the general rule, now the first.
    let swapped = text.replacen(&video, "", 1).replacen(&raw, &format!("{video}{raw}"), 1);
    let found = diff(&policy(&text), &policy(&swapped));
    let rules: Vec<_> = found.iter().filter(|difference| difference.cause == Cause::Rule).collect();
    assert_eq!((rules.len(), found.len()), (3, 3), "{found:#?}");
    // Rules that take nothing in common may change places.
    let (sensor, still) = (block("sensor"), block("camera-still"));
    let harmless = text.replacen(&still, "", 1).replacen(&sensor, &format!("{still}{sensor}"), 1);
    let found = diff(&policy(&text), &policy(&harmless));
    // A camera's still that is a sensor's ring buffer too is one; it is shown, not passed over.
    assert!(
        found.iter().all(|difference| difference
            .example
            .as_ref()
            .unwrap()
            .explain_after
            .contains("SENSOR_DIRECT_DATA")),
        "{found:#?}"
    );
}

#[test]
fn alignments() {
    let found = only(
        "stride_bytes = 256\nheight_lines = 4",
        "stride_bytes = 512\nheight_lines = 4",
        Cause::Alignment,
        "\"display-rgb\" asks for another thing",
    );
    let example = found.example.unwrap();
    assert!(example.explain_after.contains("COMPOSER"), "{example:?}");
    let found = changed(
        "[[align]]\nname = \"neural-processor\"",
        "[[align]]\nname = \"more\"\nformats = [\"Y8\"]\nstride_bytes = 32\n\n[[align]]\nname = \"neural-processor\"",
    );
    assert_eq!((found.len(), found[0].what.as_str()), (1, "align \"more\" is new"), "{found:#?}");
    // One that asks for less than others of the same requests shows in no request.
    let masked = "[[align]]\nname = \"less\"\nany_of = [\"COMPOSER_OVERLAY\"]\nformats = [\"RGB\"]\nstride_bytes = 64\n\n[[align]]\nname = \"neural-processor\"";
    assert_eq!(changed("[[align]]\nname = \"neural-processor\"", masked), []);
}

/// Two vendors' formats, and a format that is like a table's layout, are layouts of their own, by the policy's names.
#[test]
fn vendors_formats_are_told_apart() {
    let formats = "
        [[format]]\nname = \"FIRST_565\"\nvalue = 0x115\nfourcc = \"BG16\"
        planes = [{ components = [\"R:5\", \"G:6\", \"B:5\"] }]
        [[format]]\nname = \"OTHER_8\"\nvalue = 0x123\nfourcc = \"R8  \"
        planes = [{ components = [\"R:8\"] }]
        [[format]]\nname = \"LIKE_RGBX\"\nvalue = 0x124\nfourcc = \"XB24\"\nlike = \"RGBX_8888\"
    ";
    let of = |to: &str| {
        let text = format!("{}\n{formats}", reference());
        policy(&text.replacen("to = \"RGBX_8888\"", &format!("to = \"{to}\""), 1))
    };
    for [before, after] in [["FIRST_565", "OTHER_8"], ["RGBX_8888", "LIKE_RGBX"]] {
        let (one, other) = (of(before), of(after));
        let found = diff(&one, &other);
        assert_eq!(found.len(), 1, "{found:#?}");
        let what = format!("IMPLEMENTATION_DEFINED became {before} and becomes {after}");
        assert_eq!((found[0].cause, &found[0].what), (Cause::Resolution, &what));
        let example = found[0].example.as_ref().unwrap();
        assert!(example.before.contains(before) && example.after.contains(after), "{example:#?}");
        for (policy, name) in [(&one, before), (&other, after)] {
            let map = heaps_host::map::of(policy);
            let row = map.formats.iter().position(|format| format.name() == "IMPLEMENTATION_DEFINED").unwrap();
            assert!(map.cells[row].iter().any(|cell| cell.becomes.as_deref() == Some(name)), "{name}");
        }
    }
}

#[test]
fn limits_heaps_and_vocabulary() {
    let found = changed("request = \"512MiB\"", "request = \"256MiB\"");
    let limit = found.iter().find(|difference| difference.cause == Cause::Limit).unwrap();
    assert!(limit.what.contains("was 512 MiB and is 256 MiB") || limit.what.contains("limits.request"), "{limit:?}");
    assert!(limit.example.as_ref().unwrap().after.contains("request-limit"), "{limit:?}");
    only("budget = \"384MiB\"", "budget = \"383MiB\"", Cause::Heap, "heap \"camera\": budget was");
    only(
        "nodes = [\"farawimg-secure\"]",
        "nodes = [\"farawimg-secure\", \"raw-secure\"]",
        Cause::Heap,
        "its nodes were",
    );
    let text = reference();
    let found = diff(&policy(&text), &policy(&text.replace("SOC_NPU", "NPU")));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].what.contains("is \"SOC_NPU\" in the one and \"NPU\" in the other"), "{found:#?}");
}

#[test]
fn between_any_two_profiles_every_example_is_true() {
    for (one, _) in PROFILES {
        for (other, _) in PROFILES.iter().filter(|(other, _)| other != one) {
            let found = diff(&policy(&profile(one).unwrap().text), &policy(&profile(other).unwrap().text));
            assert!(
                !found.is_empty() && found.iter().all(|difference| difference.cause != Cause::Undecided),
                "{one} {other}"
            );
            let examples: Vec<_> = found.iter().filter_map(|difference| difference.example.as_ref()).collect();
            assert!(
                examples.len() >= 2 && examples.iter().all(|example| example.before != example.after),
                "{one} {other}"
            );
        }
    }
}

/// A heap for each of 63 and 200 rules; one rule's heap is another. Found, and in time for whoever waits for it.
#[test]
fn a_large_policy_is_compared() {
    let mut text = String::from(
        "schema = 1\nname = \"large\"\n[limits]\nrequest = \"256MiB\"\nreserve = 0\nbuffers_per_request = 8\n[metadata]\nheap = \"system\"\n[vendor_usage]\n",
    );
    for bit in (28..32).chain(48..64) {
        let _ = writeln!(text, "V{bit} = {bit}");
    }
    text.push_str("[[heap]]\nname = \"system\"\n");
    (1..64).for_each(|at| write!(text, "[[heap]]\nname = \"heap{at}\"\n").unwrap());
    text.push_str("[[rule]]\nname = \"protected\"\nall_of = [\"PROTECTED\"]\ndeny = \"no\"\n");
    let formats = ["RGBA_8888", "RGB_565", "YV12", "BLOB", "RAW16", "YCBCR_P010", "Y8", "RGBA_FP16", "R_8", "RGB_888"];
    for at in 1..199usize {
        let bit = if at % 20 < 4 { 28 + at % 20 } else { 44 + at % 20 };
        let format = formats[at / 20];
        let _ = write!(text, "[[rule]]\nname = \"rule{at}\"\nall_of = [\"V{bit}\"]\nformats = [\"{format}\"]\nheaps = [\"heap{}\", \"system\"]\n", at % 63 + 1);
    }
    text.push_str("[[rule]]\nname = \"rest\"\nheaps = [\"system\"]\n[[resolve]]\nformat = \"YCBCR_420_888\"\nto = \"NV12\"\n[[resolve]]\nformat = \"IMPLEMENTATION_DEFINED\"\nto = \"RGBA_8888\"\n[[resolve]]\nformat = \"RAW_OPAQUE\"\nto = \"RAW16\"\n");
    let (before, after) = (
        policy(&text),
        policy(&text.replacen("heaps = [\"heap41\", \"system\"]", "heaps = [\"heap42\", \"system\"]", 1)),
    );
    let found = diff(&before, &after);
    assert_eq!((found.len(), found[0].cause), (1, Cause::Rule), "{found:#?}");
    assert!(found[0].example.as_ref().unwrap().before.starts_with("heap41"), "{found:#?}");
    let asked = plan(&before, Asked { format: "RGB_565", usage: "V48", ..Asked::default() }).unwrap();
    assert_eq!(asked.heaps, ["heap25", "system"]);
    assert_eq!((asked.layout.name(), asked.stride, asked.planes.len()), ("RGB_565", 64, 1));
}
