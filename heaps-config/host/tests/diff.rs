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
use std::time::Instant;

fn policy(text: &str) -> Policy {
    let linted = lint(Source::text("p.toml", text, Format::Toml));
    linted.loadable().cloned().unwrap_or_else(|| panic!("{}", linted.render(false)))
}

fn reference() -> String {
    profile("reference-soc").unwrap().text
}

/// The profile without its own compressions: the tests have theirs.
fn linear() -> String {
    let text = reference();
    let (before, rest) = text.split_once("\n[[compress]]").unwrap();
    let (_, after) = rest.split_once("\n# ---- Flexible").unwrap();
    format!("{before}\n# ---- Flexible{after}")
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
fn order_of_heaps_and_names_of_ready_entries_are_no_differences() {
    let text = reference();
    let heap =
        |name: &str| text.split("[[heap]]").find(|heap| heap.starts_with(&format!("\nname = \"{name}\""))).unwrap();
    let pair = |one: &str, other: &str| format!("[[heap]]{}[[heap]]{}", heap(one), heap(other));
    // What a protected heap may keep ready is nothing.
    let swapped = text.replacen(&pair("sensor", "secure-raw"), &pair("secure-raw", "sensor"), 1);
    assert!(swapped != text && diff(&policy(&text), &policy(&swapped)).is_empty());
    let ready = |name: &str| policy(&text.replace("[[ready]]\nname = \"", &format!("[[ready]]\nname = \"{name}")));
    assert_eq!(diff(&policy(&text), &ready("other")), []);
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

/// Multiples are the same in any order; what replaces what stands before it is not.
#[test]
fn alignments_in_another_order() {
    let one = |name: &str, more: &str| format!("[[align]]\nname = \"{name}\"\nformats = [\"Y8\"]\n{more}\n");
    let (a, b) = (one("a", "stride_bytes = 48"), one("b", "stride_bytes = 64"));
    let replaces = one("b", "stride_bytes = 64\ncombine = \"replace\"");
    let of = |first: &str, second: &str| policy(&format!("{}\n{first}{second}", reference()));
    assert_eq!(diff(&of(&a, &b), &of(&b, &a)), []);
    let found = diff(&of(&a, &replaces), &of(&replaces, &a));
    assert_eq!((found.len(), found[0].cause), (1, Cause::Alignment), "{found:#?}");
    let example = found[0].example.as_ref().unwrap();
    assert!(example.before.contains("stride 64") && example.after.contains("stride 192"), "{example:#?}");
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
            let row = map.formats.iter().position(|row| row.name == "IMPLEMENTATION_DEFINED").unwrap();
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
    let found = only("budget = \"384MiB\"", "budget = \"383MiB\"", Cause::Heap, "heap \"camera\": budget was");
    // Another heap takes its place, so no single answer shows it; a request that the heap serves does for a look.
    assert!(found.example.is_none() && found.concerns.unwrap().contains("CAMERA_"), "a camera's request");
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

/// What no rule says shows in a request too, or in a sentence why it does not.
#[test]
fn changes_of_heaps_and_limits_have_a_request_or_say_why_not() {
    let shown = |from: &str, to: &str, what: &str| {
        let found = changed(from, to);
        let one = found.iter().find(|difference| difference.what.contains(what));
        let one = one.unwrap_or_else(|| panic!("no \"{what}\" in {found:#?}")).clone();
        (one.example.map(|example| (example.explain_after, example.before, example.after)), one.concerns)
    };
    // One byte more than what the one takes.
    let video = "nodes = [\"vframe-secure\", \"system-secure\", \"secure\"]\nprotected = true\n";
    assert!(reference().contains(video), "{}", reference());
    let (example, _) = shown(video, &format!("{video}max_buffer = \"1MiB\"\n"), "\"secure-video\": max_buffer was");
    let (explain, before, after) = example.unwrap();
    assert!(explain.contains("PROTECTED") && before.contains("secure-video"), "{explain} {before}");
    assert!(explain.contains("1048577x1") && !after.contains("secure-video"), "{explain} {after}");
    // The only heap of its rule: what is beyond the budget is refused.
    let (example, _) = shown(video, &format!("{video}budget = \"1MiB\"\n"), "\"secure-video\": budget was");
    let (explain, before, after) = example.unwrap();
    assert!(explain.contains("PROTECTED") && !after.contains("secure-video"), "{explain} {before} {after}");
    // Which node a heap has shows in no answer.
    let (example, concerns) = shown("\"system-secure\", \"secure\"]", "\"system-secure\"]", "its nodes were");
    assert!(example.is_none() && concerns.unwrap().contains("PROTECTED"));
    let (example, _) =
        shown("buffers_per_request = 32", "buffers_per_request = 8", "buffers_per_request was 32 and is 8");
    let (explain, before, after) = example.unwrap();
    assert!(
        explain.ends_with(" --count 9") && before == "allocated" && after.starts_with("refused"),
        "{explain} {after}"
    );
    let (example, _) = shown("client = \"2GiB\"", "client = \"64MiB\"", "limits.client was 2 GiB and is 64 MiB");
    assert!(example.unwrap().2.starts_with("refused"), "below what one call may have");
    for (from, to, why) in [
        ("client = \"2GiB\"", "client = \"1GiB\"", "is 1 GiB: no single call reaches it"),
        ("reserve = \"256MiB\"", "reserve = \"128MiB\"", "is 128 MiB: what that refuses depends on the memory"),
        ("= \"serve\"", "= \"refuse\"", "is refuse: it matters where the kernel does not tell of releases"),
        ("\n[limits]", "\nstrict_cpu_usage = true\n[limits]", "strict_cpu_usage was false and is true"),
        ("\n[limits]", "\ngraphics_common = 6\n[limits]", "graphics_common was the build's own and is 6"),
    ] {
        let (example, _) = shown(from, to, why);
        assert_eq!(example.is_some(), why.contains("graphics_common"), "{why}: {example:?}");
    }
    // The profile takes no option.
    let option = |values: &str| format!("{}[[option]]\nname = \"of.acme\"\nvalues = {values}\n", reference());
    let found = diff(&policy(&option("[0]")), &policy(&option("[0, 1]")));
    let shown = |it: &Difference| it.what.contains("of.acme was accepted as 0 and is accepted as 0, 1");
    assert!(found.iter().any(|it| shown(it) && it.example.is_some()), "{found:#?}");
}

const AFBC: &str = "
    [[compress]]
    name = \"afbc\"
    layouts = [\"RGBA_8888\", \"RGBX_8888\"]
    fourcc = \"AB24\"
    modifier = 0x0800000000000051
    grid = [{ block = [16, 16], header_bytes = 16, header_align = 1024, body_align = 1024 }]
";

/// A change of what is compressed, and how, is found; a name is none.
#[test]
fn compressions() {
    let with = |more: &str| policy(&format!("{}{more}", linear()));
    let (none, afbc) = (with(""), with(AFBC));
    let found = diff(&none, &afbc);
    assert_eq!(found.iter().map(|it| it.cause).collect::<Vec<_>>(), [Cause::Compression], "{found:#?}");
    assert_eq!(found[0].what, "nothing compressed what \"afbc\" compresses now");
    let example = found[0].example.as_ref().unwrap();
    assert!(example.after.contains("compressed by \"afbc\"") && example.after.ends_with("modifier 0x800000000000051"));
    assert!(!example.before.contains("modifier"), "{example:?}");
    // The same bytes under another modifier.
    let found = diff(&afbc, &with(&AFBC.replace("000051", "000071")));
    assert_eq!((found.len(), found[0].what.as_str()), (1, "compression \"afbc\" lies otherwise"), "{found:#?}");
    assert_eq!(diff(&afbc, &with(&AFBC.replace("\"afbc\"", "\"superblocks\""))), []);
    // One format fewer: what is left out of the list alone.
    let found = diff(&afbc, &with(&AFBC.replace(", \"RGBX_8888\"", "")));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].example.as_ref().unwrap().before.contains("RGBX_8888 compressed"), "{found:#?}");
}

/// What a buffer's handle and its first bytes say of blocks, with the same planes and bytes.
#[test]
fn compressions_that_are_told_or_begin_otherwise() {
    let with = |more: &str| policy(&format!("{}{more}", linear()));
    let one = |before: &str, after: &str| {
        let found = diff(&with(before), &with(after));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].example.is_some(), "{found:#?}");
        (found[0].cause, found[0].what.clone())
    };
    let written = format!("{AFBC}    initialise = \"afbc\"\n");
    let headers = "compression \"afbc\" has other headers written into new buffers";
    assert_eq!(one(AFBC, &written), (Cause::Compression, headers.to_owned()));
    assert_eq!(one(&written, AFBC), (Cause::Compression, headers.to_owned()));
    // UBWC: the headers' own type, and which comes first.
    let of = |more: &str| format!("{}    {more}\n", AFBC.replace("0x0800000000000051", "0x0500000000000001"));
    let lies = (Cause::Compression, "compression \"afbc\" lies otherwise".to_owned());
    let typed = |number: u32| of(&format!("type_name = \"QTI\"\n    header_planes = true\n    header_type = {number}"));
    assert_eq!(one(&typed(20004), &typed(20005)), lies);
    assert_eq!(one(&of(""), &of("body_first = true")), lies);
}

#[test]
fn types_of_metadata_are_told_by_their_names() {
    let entry = |name: &str, value: i64, more: &str| {
        format!("[[vendor_metadata]]\nname = \"{name}\"\ntype = \"QTI\"\nvalue = {value}\n{more}\n")
    };
    let rate = entry("rate", 10006, "encoding = \"f32\"\nstored = true");
    let heap = entry("heap", 10032, "encoding = \"string\"\ncomputed = \"heap_name\"");
    let found = |before: &[&str], after: &[&str]| {
        let of = |types: &[&str]| policy(&format!("{}\n{}", reference(), types.concat()));
        let found = diff(&of(before), &of(after));
        assert!(found.iter().all(|it| it.cause == Cause::Vocabulary), "{found:#?}");
        found.into_iter().map(|it| (it.what, it.before_at, it.after_at)).collect::<Vec<_>>()
    };
    // Behind the profile's own.
    let own = policy(&reference()).vendor_metadata.len();
    let at = |at: usize| Some(heaps_config::KeyPath::item("vendor_metadata", own + at));
    let alike = "told by the mapper, and allocated alike";
    let says = |what: &str, before, after| vec![(what.to_owned(), before, after)];
    let new = format!("vendor_metadata \"heap\", QTI 10032, is new: {alike}");
    assert_eq!(found(&[&rate], &[&rate, &heap]), says(&new, None, at(1)));
    let gone = format!("vendor_metadata \"rate\", QTI 10006, is gone: {alike}");
    assert_eq!(found(&[&rate, &heap], &[&heap]), says(&gone, at(0), None));
    let other = format!("vendor_metadata \"rate\", QTI 10006, says another thing, or of others: {alike}");
    assert_eq!(found(&[&rate], &[&rate.replace("f32", "u32")]), says(&other, at(0), at(0)));
    assert_eq!(found(&[&rate], &[&rate.replace("\"rate\"", "\"hertz\"")]), []);
    let order = "types of vendor_metadata are in another order: of one type the first that holds is told";
    let all = Some(heaps_config::KeyPath::ROOT.key("vendor_metadata"));
    assert_eq!(found(&[&rate, &heap], &[&heap, &rate]), says(order, all.clone(), all));
}

/// A rule may ask what the format became, or whether it is compressed: what it does not take is left to the rules behind it.
#[test]
fn rules_that_ask_what_the_format_became() {
    let with = |rule: &str, rest: &str| {
        let rule = format!("[[rule]]\nname = \"own\"\n{rule}\n\n[[rule]]\nname = \"camera\"");
        let text = linear().replacen("[[rule]]\nname = \"camera\"", &rule, 1);
        assert!(text.contains("\"own\""));
        policy(&format!("{}{AFBC}", text.replacen("name = \"everything-else\"\nheaps = [\"system\"]", rest, 1)))
    };
    let rest = "name = \"everything-else\"\nheaps = [\"system\"]";
    let nv12 = "layouts = [\"NV12\"]\nnone_of = [\"PROTECTED\"]\n";
    let compressed = "compressed = true\nnone_of = [\"PROTECTED\"]\n";
    for (when, asked) in [(nv12, "NV12"), (compressed, "compressed by \"afbc\"")] {
        let of = |heaps: &str| with(&format!("{when}heaps = [{heaps}]"), rest);
        let found = diff(&of("\"system\""), &of("\"camera\", \"system\""));
        assert_eq!((found.len(), found[0].cause), (1, Cause::Rule), "{found:#?}");
        let example = found[0].example.as_ref().unwrap();
        assert!(example.after.starts_with("camera") && example.after.contains(asked), "{example:#?}");
        // The last rule behind it.
        let other = with(&format!("{when}heaps = [\"system\"]"), "name = \"everything-else\"\ndeny = \"no\"");
        let found = diff(&of("\"system\""), &other);
        assert_eq!((found.len(), found[0].cause), (1, Cause::Rule), "{found:#?}");
        assert!(found[0].example.as_ref().unwrap().after.contains("denied"), "{found:#?}");
    }
}

#[test]
fn vendors_formats_that_are_otherwise() {
    let tiled = "[[format]]\nname = \"TILED\"\nvalue = 0x102\nlike = \"NV12\"\nfourcc = \"NV12\"\nmodifier = 1\n";
    let with = |more: &str| policy(&format!("{}\n{more}", reference()));
    let one = |before: &str, after: &str| {
        let found = diff(&with(before), &with(after));
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].clone()
    };
    let other = one(tiled, &tiled.replace("modifier = 1", "modifier = 2"));
    assert_eq!((other.cause, other.what.as_str()), (Cause::Format, "format 0x102, \"TILED\", is otherwise"));
    let example = other.example.unwrap();
    assert!(example.before.ends_with("modifier 0x1") && example.after.ends_with("modifier 0x2"), "{example:#?}");
    assert!(example.explain_after.contains("--format TILED "), "{example:#?}");
    let new = one("", tiled);
    assert_eq!(new.cause, Cause::Vocabulary);
    assert!(new.what.contains("format 0x102 has a name now, \"TILED\"") && new.example.is_some(), "{new:#?}");
    let renamed = one(tiled, &tiled.replace("TILED", "TILES"));
    assert!(renamed.what.contains("\"TILED\" in the one and \"TILES\" in the other"), "{renamed:#?}");
}

/// 64 heaps and 200 rules, each with these conditions.
fn large(conditions: impl Fn(usize) -> String) -> String {
    let mut text = String::from(
        "schema = 1\nname = \"large\"\n[limits]\nrequest = \"256MiB\"\nreserve = 0\nbuffers_per_request = 8\n[metadata]\nheap = \"system\"\n[vendor_usage]\n",
    );
    for bit in (28..32).chain(48..64) {
        let _ = writeln!(text, "V{bit} = {bit}");
    }
    text.push_str("[[heap]]\nname = \"system\"\n");
    (1..64).for_each(|at| write!(text, "[[heap]]\nname = \"heap{at}\"\n").unwrap());
    text.push_str("[[rule]]\nname = \"protected\"\nall_of = [\"PROTECTED\"]\ndeny = \"no\"\n");
    for at in 1..199usize {
        let _ = write!(
            text,
            "[[rule]]\nname = \"rule{at}\"\n{}heaps = [\"heap{}\", \"system\"]\n",
            conditions(at),
            at % 63 + 1
        );
    }
    text.push_str("[[rule]]\nname = \"rest\"\nheaps = [\"system\"]\n[[resolve]]\nformat = \"YCBCR_420_888\"\nto = \"NV12\"\n[[resolve]]\nformat = \"IMPLEMENTATION_DEFINED\"\nto = \"RGBA_8888\"\n[[resolve]]\nformat = \"RAW_OPAQUE\"\nto = \"RAW16\"\n");
    text
}

/// One of twenty vendor bits.
fn bit(at: usize) -> usize {
    if at % 20 < 4 {
        28 + at % 20
    } else {
        44 + at % 20
    }
}

/// A rule's heap is another: found. How long that took is printed, and nothing is judged by it.
#[track_caller]
fn found_and_timed(text: &str, kind: &str) -> Difference {
    let start = Instant::now();
    let before = policy(text);
    let linted = start.elapsed();
    let after = policy(&text.replacen("heaps = [\"heap41\", \"system\"]", "heaps = [\"heap42\", \"system\"]", 1));
    let start = Instant::now();
    let found = diff(&before, &after);
    let compared = start.elapsed();
    let start = Instant::now();
    let map = heaps_host::map::of(&before);
    println!(
        "64 heaps and 200 rules {kind}: linted in {linted:?}, compared in {compared:?}, {} cells of a map in {:?}",
        map.cells.len() * map.uses.len(),
        start.elapsed()
    );
    assert_eq!((found.len(), found[0].cause), (1, Cause::Rule), "{found:#?}");
    assert!(found[0].example.as_ref().unwrap().before.starts_with("heap41"), "{found:#?}");
    found[0].clone()
}

#[test]
fn a_large_policy_is_compared() {
    let formats = ["RGBA_8888", "RGB_565", "YV12", "BLOB", "RAW16", "YCBCR_P010", "Y8", "RGBA_FP16", "R_8", "RGB_888"];
    let text = large(|at| format!("all_of = [\"V{}\"]\nformats = [\"{}\"]\n", bit(at), formats[at / 20]));
    found_and_timed(&text, "of usages and formats");
    let asked = plan(&policy(&text), Asked { format: "RGB_565", usage: "V48", ..Asked::default() }).unwrap();
    assert_eq!(asked.heaps, ["heap25", "system"]);
    assert_eq!((asked.layout.name(), asked.stride, asked.planes.len()), ("RGB_565", 64, 1));
}

/// Rules that overlap in many ways: each takes what two bits have in common, and what the rules before it left.
#[test]
fn a_large_policy_of_rules_that_overlap_is_compared() {
    let text = large(|at| {
        let mut conditions = format!("all_of = [\"V{}\", \"V{}\"]\n", bit(at), bit(at + 1 + at / 20));
        if at % 2 == 0 {
            let _ = writeln!(conditions, "any_of = [\"GPU_TEXTURE\", \"V{}\", \"CPU_READ_RARELY\"]", bit(at + 5));
        }
        if at % 3 == 0 {
            let _ = writeln!(conditions, "min_size = \"{}KiB\"", at * 4);
        }
        conditions
    });
    let found = found_and_timed(&text, "that overlap");
    assert_eq!(found.what, "rule \"rule40\" does another thing");
}
