//! Every kind of finding, each with a small policy that has it: the code, the key, and the very line, which the policy
//! itself marks with `#!`.
// Longer than others because each kind of finding stands beside the policy that has it.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/clean.rs"]
mod clean;

use clean::CLEAN;
use gralloc_buffer::Layout;
use heaps_config::policy::MAX_FORMATS;
use heaps_config::Code;
use heaps_host::{lint, Format, Linted, Located, Source};

fn with(more: &str) -> String {
    format!("{CLEAN}\n{more}")
}

/// The clean policy with its rules replaced.
fn with_rules(rules: &str) -> String {
    let (head, tail) = CLEAN.split_once("[[rule]]").unwrap();
    let (_, tail) = tail.split_once("[[resolve]]").unwrap();
    format!("{head}{rules}\n[[resolve]]{tail}")
}

fn instead(old: &str, new: &str) -> String {
    assert!(CLEAN.contains(old), "{old}");
    CLEAN.replacen(old, new, 1)
}

fn lint_text(text: &str) -> Linted {
    lint(Source::text("p.toml", text, Format::Toml))
}

/// Asserts that the policy has exactly this finding, on the line that is marked, and gives it back.
#[track_caller]
fn only(text: &str, code: Code, key: &str) -> Located {
    let linted = lint_text(text);
    assert_eq!(linted.findings.len(), 1, "{}", linted.render(false));
    check(&linted, text, code, key)
}

/// Asserts that the policy has this finding, on the line that is marked, perhaps among others.
#[track_caller]
fn among(text: &str, code: Code, key: &str) -> Located {
    check(&lint_text(text), text, code, key)
}

#[track_caller]
fn check(linted: &Linted, text: &str, code: Code, key: &str) -> Located {
    let is = |located: &&Located| located.finding.code == code && located.finding.path.to_string() == key;
    let Some(found) = linted.findings.iter().find(is) else { panic!("no {code} at {key}:\n{}", linted.render(false)) };
    let marked = text.lines().position(|line| line.contains("#!")).map_or(1, |line| line + 1);
    assert_eq!(found.line, marked, "{}", linted.render(false));
    assert!(linted.render(false).contains(&format!("p.toml:{marked}:{}", found.column)), "{}", linted.render(false));
    found.clone()
}

#[test]
fn clean_policy_has_no_finding() {
    let linted = lint_text(CLEAN);
    assert!(linted.findings.is_empty(), "{}", linted.render(false));
    assert!(linted.compile().is_some());
}

#[test]
fn syntax_names_the_line() {
    let text = instead("heaps = [\"system\"]", "heaps = [\"system\" #!");
    let linted = lint_text(&text);
    assert!(linted.findings.iter().all(|located| located.finding.code == Code::Syntax));
    assert!(linted.compile().is_none());
    let bad = lint_text("schema = 1\nname = \n");
    assert_eq!(bad.findings.first().map(|located| located.line), Some(2));
}

/// TOML does not know a word processor's quotation mark. Places are those of the character, from 1.
#[test]
fn syntax_names_the_character_where_none_may_be() {
    for (text, line, column) in [
        ("schema = 1\nname = \u{201c}test\u{201d}", 2, 8),
        ("schema = 1\nname = \"\u{e4}\" \u{20ac}", 2, 12),
        ("schema = 1\n\u{e4} = 1", 2, 1),
        ("schema = 1\nname = \u{1f600}", 2, 8),
    ] {
        let linted = lint_text(text);
        let found = linted.findings.first().unwrap();
        assert_eq!((found.finding.code, found.line, found.column), (Code::Syntax, line, column), "{text}");
        let place = format!("p.toml:{line}:{column}");
        assert!(linted.render(false).contains(&place), "{}", linted.render(false));
        assert_eq!(linted.to_json()["findings"][0]["column"], column);
    }
    let json = lint(Source::text("p.json", "{\"schema\": \u{201c}1\u{201d}}", Format::Json));
    assert!(json.render(false).contains("p.json:1:12"), "{}", json.render(false));
}

#[test]
fn a_key_written_twice_is_a_syntax_error() {
    let linted = lint_text(&instead("name = \"test\"", "name = \"test\"\nname = \"again\""));
    let found = linted.findings.first().unwrap();
    assert_eq!((found.finding.code, found.line), (Code::Syntax, 4));
}

#[test]
fn schema_version_unknown() {
    let found = only(&instead("schema = 1", "schema = 2 #!"), Code::SchemaVersion, "schema");
    assert_eq!(found.finding.help.as_deref(), Some("allowed: 1"));
}

#[test]
fn unknown_key_has_the_nearest() {
    let text = instead("heaps = [\"system\"]", "heaps = [\"system\"]\nformat = [\"BLOB\"] #!");
    let found = only(&text, Code::UnknownKey, "rule[1].format");
    assert_eq!(found.nearest.as_deref(), Some("formats"));
    assert_eq!(found.column, 1);
}

#[test]
fn unknown_section() {
    let found = only(&with("[[heaps]] #!\nname = \"x\""), Code::UnknownKey, "heaps");
    assert_eq!(found.nearest.as_deref(), Some("heap"));
}

#[test]
fn size_is_no_condition_of_an_alignment() {
    only(&with("[[align]]\nname = \"a\"\nstride_bytes = 64\nmin_size = 1 #!"), Code::UnknownKey, "align[0].min_size");
}

#[test]
fn missing_keys() {
    only(&instead("schema = 1", ""), Code::MissingKey, "");
    only(&instead("[limits]\nrequest = \"256MiB\"", "[limits] #!"), Code::MissingKey, "limits");
    only(&with("[[option]] #!\nvalues = [1]"), Code::MissingKey, "option[0]");
}

#[test]
fn missing_sections() {
    let linted = lint_text("schema = 1\nname = \"x\"");
    let missing: Vec<String> = linted.findings.iter().map(|located| located.finding.message.clone()).collect();
    assert_eq!(missing.len(), 4, "{missing:?}");
    for section in ["[limits]", "[metadata]", "[[heap]]", "[[rule]]"] {
        assert!(missing.iter().any(|message| message.contains(section)), "{section}: {missing:?}");
    }
}

#[test]
fn wrong_types() {
    only(&instead("heaps = [\"system\"]", "heaps = \"system\" #!"), Code::WrongType, "rule[1].heaps");
    only(&with("[[option]]\nname = \"x\"\nvalues = [1, \"2\"] #!"), Code::WrongType, "option[0].values[1]");
    only(&instead("[limits]", "[limits]\nclient = 1.5 #!"), Code::WrongType, "limits.client");
    only(&instead("[limits]", "[limits]\nclient = 1979-05-27 #!"), Code::WrongType, "limits.client");
    only(&instead("name = \"system\"", "name = \"system\"\ncached = \"yes\" #!"), Code::WrongType, "heap[0].cached");
}

#[test]
fn bad_values() {
    only(&instead("\"256MiB\"", "\"256MB\" #!"), Code::BadValue, "limits.request");
    only(&instead("\"256MiB\"", "-1 #!"), Code::BadValue, "limits.request");
    only(&instead("\"256MiB\"", "0 #!"), Code::BadValue, "limits.request");
    only(&instead("= 32", "= 0 #!"), Code::BadValue, "limits.buffers_per_request");
    only(&instead("= 32", "= 99999999999 #!"), Code::BadValue, "limits.buffers_per_request");
    let long = "n".repeat(256);
    for name in ["", " test", "te\\\"st", "te\\u0007st", &long] {
        only(&instead("name = \"test\"", &format!("name = \"{name}\" #!")), Code::BadValue, "name");
    }
    only(&instead("heaps = [\"system\"]", "heaps = [] #!"), Code::BadValue, "rule[1].heaps");
    only(&instead("deny = \"no protected heap\"", "deny = \" \" #!"), Code::BadValue, "rule[0].deny");
    only(&instead("deny = \"no protected heap\"", "deny = \"\\u001b[2K\" #!"), Code::BadValue, "rule[0].deny");
    only(&with("[[heap]]\nname = \"x\"\nnodes = [] #!"), Code::BadValue, "heap[1].nodes");
    only(&with("[[heap]]\nname = \"x\"\nbudget = 0 #!"), Code::BadValue, "heap[1].budget");
}

/// The values are those of Dataspace.aidl: 2 is a bit of no field, 142671872 is SRGB.
#[test]
fn a_value_that_is_no_dataspace_is_refused_in_the_option_of_that_name() {
    let option = |name: &str| format!("[[option]]\nname = \"{name}\"\nvalues = [142671872, 2] #!");
    let found =
        only(&with(&option("android.hardware.graphics.common.Dataspace")), Code::BadValue, "option[0].values[1]");
    assert!(found.finding.message.contains('2'), "{found:?}");
    let other = lint_text(&with(&option("com.example.Dataspace")));
    assert!(other.findings.is_empty(), "{:?}", other.findings);
}

#[test]
fn an_empty_name_in_a_list_is_refused_not_left_out() {
    for key in ["all_of", "any_of", "none_of", "formats", "not_formats", "cached_when"] {
        let text = instead("heaps = [\"system\"]", &format!("heaps = [\"system\"]\n{key} = [\"\"] #!"));
        among(&text, Code::BadValue, &format!("rule[1].{key}[0]"));
    }
    only(&instead("heaps = [\"system\"]", "heaps = [\"\", \"system\"] #!"), Code::BadValue, "rule[1].heaps[0]");
    only(&instead("name = \"system\"", "name = \"system\"\nnodes = [\"\"] #!"), Code::BadValue, "heap[0].nodes[0]");
    let twin = instead("name = \"system\"", "name = \"system\"\nuncached_twin = \"\" #!");
    only(&twin, Code::BadValue, "heap[0].uncached_twin");
    only(&with("[format_group]\nG = [\"BLOB\", \"\"] #!"), Code::BadValue, "format_group.G[1]");
}

#[test]
fn an_option_with_an_empty_list_of_values_does_not_accept_any() {
    only(&with("[[option]]\nname = \"x\"\nvalues = [] #!"), Code::BadValue, "option[0].values");
}

#[test]
fn a_node_name_does_not_lead_out_of_its_folder() {
    for node in ["../binder", "/dev/dma_heap/system", "..", "a/b"] {
        let text = instead("name = \"system\"", &format!("name = \"system\"\nnodes = [\"{node}\"] #!"));
        only(&text, Code::BadValue, "heap[0].nodes[0]");
    }
}

#[test]
fn duplicate_names() {
    let found = among(&with("[[heap]]\nname = \"system\" #!"), Code::DuplicateName, "heap[1].name");
    assert_eq!(found.finding.related.first().unwrap().0.to_string(), "heap[0].name");
    among(&with("[[rule]]\nname = \"rest\" #!\nheaps = [\"system\"]"), Code::DuplicateName, "rule[2].name");
    let twice = "[[align]]\nname = \"a\"\nstride_bytes = 64\n[[align]]\nname = \"a\" #!\nstride_bytes = 64";
    only(&with(twice), Code::DuplicateName, "align[1].name");
    only(&with("[[option]]\nname = \"o\"\n[[option]]\nname = \"o\" #!"), Code::DuplicateName, "option[1].name");
    only(&with("[vendor_usage]\nPROTECTED = 28 #!"), Code::DuplicateName, "vendor_usage.PROTECTED");
    only(
        &with("[format_group]\nBLOB = [\"BLOB\"] #!\n[[align]]\nname=\"a\"\nsize_bytes=64\nformats=[\"BLOB\"]"),
        Code::DuplicateName,
        "format_group.BLOB",
    );
}

#[test]
fn unknown_usage_has_the_nearest() {
    let text = instead("[\"PROTECTED\"]", "[\"GPU_TEXTURE\", \"PROTECED\"] #!");
    let found = only(&text, Code::UnknownUsage, "rule[0].all_of[1]");
    assert_eq!(found.nearest.as_deref(), Some("PROTECTED"));
    assert_eq!(found.column, 26);
}

#[test]
fn unknown_usage_may_be_a_vendor_name() {
    let text =
        with("[vendor_usage]\nSOC_NPU = 49\n[[align]]\nname = \"a\"\nany_of = [\"SOC_NPUS\"] #!\nstride_bytes = 64");
    assert_eq!(only(&text, Code::UnknownUsage, "align[0].any_of[0]").nearest.as_deref(), Some("SOC_NPU"));
}

#[test]
fn unknown_format_may_be_a_group() {
    let text = with("[format_group]\nRGB_ALL = [\"RGBA_8888\"]\n[[align]]\nname = \"a\"\nnot_formats = [\"RGB_ALL\"]\nformats = [\"RGBALL\"] #!\nstride_bytes = 64");
    assert_eq!(only(&text, Code::UnknownFormat, "align[0].formats[0]").nearest.as_deref(), Some("RGB_ALL"));
    let text = with(
        "[format_group]\nRGB = [\"RGBA_888\"] #!\n[[align]]\nname = \"a\"\nformats = [\"RGB\"]\nstride_bytes = 64",
    );
    assert_eq!(only(&text, Code::UnknownFormat, "format_group.RGB[0]").nearest.as_deref(), Some("RGBA_8888"));
}

#[test]
fn unknown_layout() {
    let found = only(&instead("to = \"NV12\"", "to = \"NV13\" #!"), Code::UnknownLayout, "resolve[0].to");
    assert_eq!(found.finding.allowed, ["NV12", "NV21", "YV12", "I420"]);
}

#[test]
fn resolutions_keep_to_the_formats_contract() {
    only(&instead("to = \"NV12\"", "to = \"P010\" #!"), Code::BadValue, "resolve[0].to");
    only(&instead("to = \"RAW16\"", "to = \"NV12\" #!"), Code::BadValue, "resolve[2].to");
    among(&with("[[resolve]]\nformat = \"RGBA_8888\" #!\nto = \"RGBX_8888\""), Code::BadValue, "resolve[3].format");
}

#[test]
fn unknown_heap_has_the_nearest() {
    let found = only(&instead("heaps = [\"system\"]", "heaps = [\"sytem\"] #!"), Code::UnknownHeap, "rule[1].heaps[0]");
    assert_eq!(found.nearest.as_deref(), Some("system"));
    only(&instead("heap = \"system\"", "heap = \"syste\" #!"), Code::UnknownHeap, "metadata.heap");
    only(
        &instead("name = \"system\"", "name = \"system\"\nuncached_twin = \"sys\" #!"),
        Code::UnknownHeap,
        "heap[0].uncached_twin",
    );
}

#[test]
fn at_most_64_heaps() {
    // Beside `system`.
    let heaps = |count: usize| -> String {
        (0..count).map(|n| format!("[[heap]] {}\nname = \"h{n}\"\n", if n == 63 { "#!" } else { "" })).collect()
    };
    only(&with(&heaps(64)), Code::TooManyHeaps, "heap[64]");
    let most = lint_text(&with(&heaps(63)));
    assert!(most.loadable().is_some(), "{}", most.render(false));
}

#[test]
fn at_most_256_formats() {
    let formats = |count: usize| -> String {
        let one = |at: usize| {
            let mark = if at == 256 { "#!" } else { "" };
            format!(
                "[[format]] {mark}\nname = \"F{at}\"\nvalue = {}\nlike = \"NV12\"\nfourcc = \"NV12\"\n",
                0x1000 + at
            )
        };
        (0..count).map(one).collect()
    };
    only(&with(&formats(257)), Code::VendorFormat, "format[256]");
    let most = lint_text(&with(&formats(256)));
    assert!(most.loadable().is_some(), "{}", most.render(false));
}

#[test]
fn vendor_bits() {
    let found = only(&with("[vendor_usage]\nMINE = 27 #!"), Code::VendorBit, "vendor_usage.MINE");
    assert_eq!(found.finding.help.as_deref(), Some("allowed: 28 to 31 and 48 to 63"));
    for bit in ["32", "64", "-1", "47"] {
        only(&with(&format!("[vendor_usage]\nMINE = {bit} #!")), Code::VendorBit, "vendor_usage.MINE");
    }
    let found = only(&with("[vendor_usage]\nA = 28\nB = 28 #!"), Code::VendorBit, "vendor_usage.B");
    assert_eq!(found.finding.related.first().unwrap().0.to_string(), "vendor_usage.A");
    only(&with("[vendor_usage]\nmine = 28 #!"), Code::BadValue, "vendor_usage.mine");
}

#[test]
fn rule_needs_one_action() {
    only(
        &instead("[[rule]]\nname = \"rest\"\nheaps = [\"system\"]", "[[rule]] #!\nname = \"rest\""),
        Code::RuleAction,
        "rule[1]",
    );
    only(&instead("heaps = [\"system\"]", "heaps = [\"system\"]\ndeny = \"no\" #!"), Code::RuleAction, "rule[1].deny");
    only(
        &instead("deny = \"no protected heap\"", "deny = \"no\"\ncached_when = [] #!"),
        Code::RuleAction,
        "rule[0].cached_when",
    );
}

#[test]
fn inconsistent_twins() {
    let twin = |line: &str, more: &str| {
        let text = instead("[[heap]]\nname = \"system\"", "[[heap]]\nname = \"system\"\nuncached_twin = \"u\" #!");
        let text = text.replace("heaps = [\"system\"]", "heaps = [\"system\"]\ncached_when = []");
        format!("{text}\n[[heap]]\nname = \"u\"\n{line}\n{more}")
    };
    assert!(lint_text(&twin("cached = false", "")).findings.is_empty());
    let key = "heap[0].uncached_twin";
    for (line, more) in [
        ("", ""),
        ("cached = false", "contiguous = true"),
        ("cached = false", "uncached_twin = \"v\"\n[[heap]]\nname = \"v\"\ncached = false"),
    ] {
        among(&twin(line, more), Code::InconsistentTwin, key);
    }
    among(&twin("cached = false", "protected = true"), Code::InconsistentTwin, key);
    let own = instead("name = \"system\"", "name = \"system\"\nuncached_twin = \"system\" #!");
    only(&own, Code::InconsistentTwin, key);
}

const SECURE: &str = "[[heap]]\nname = \"secure\"\nprotected = true\n";

#[test]
fn protected_falls_back_to_ordinary() {
    let rules = "[[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\nheaps = [\"secure\", \"system\"] #!\n\
                 [[rule]]\nname = \"rest\"\nheaps = [\"system\"]";
    let found = only(&with_rules(&format!("{SECURE}{rules}")), Code::ProtectedMixed, "rule[0].heaps[1]");
    assert!(found.finding.message.contains("\"secure\" is protected, and falls back to \"system\""), "{found:?}");
    let text = with_rules(&format!("{SECURE}{}", rules.replace("\"secure\", \"system\"", "\"system\", \"secure\"")));
    only(&text, Code::ProtectedMixed, "rule[0].heaps[1]");
}

#[test]
fn protected_heap_has_no_node_of_ordinary_memory() {
    let rules = "[[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\nheaps = [\"secure\"]\n\
                 [[rule]]\nname = \"rest\"\nheaps = [\"system\"]";
    let with_nodes = |nodes: &str| with_rules(&format!("{SECURE}nodes = {nodes} #!\n{rules}"));
    for (nodes, index) in [("[\"secure\", \"system\"]", 1), ("[\"reserved\"]", 0), ("[\"s\", \"linux,cma\"]", 1)] {
        only(&with_nodes(nodes), Code::ProtectedNode, &format!("heap[1].nodes[{index}]"));
    }
    let camera = "[[heap]]\nname = \"camera\"\nnodes = [\"camera\", \"carveout\"]\n";
    let shared =
        with_nodes("[\"secure\", \"carveout\"]").replace("heaps = [\"system\"]", "heaps = [\"camera\", \"system\"]");
    let found =
        only(&shared.replacen(SECURE, &format!("{camera}{SECURE}"), 1), Code::ProtectedNode, "heap[2].nodes[1]");
    assert!(found.finding.message.contains("\"camera\" gives ordinary memory"), "{found:?}");
    assert_eq!(found.finding.related.first().unwrap().0.to_string(), "heap[1].nodes");
    // Without `nodes` the node has the heap's name; the finding points at the heap.
    let named = SECURE.replace("[[heap]]", "[[heap]] #!").replace("\"secure\"", "\"linux,cma\"");
    let by_name = with_rules(&format!("{named}{}", rules.replace("[\"secure\"]", "[\"linux,cma\"]")));
    among(&by_name, Code::ProtectedNode, "heap[1].nodes[0]");
    assert!(lint_text(&with_nodes("[\"secure\", \"vframe-secure\"]")).findings.is_empty());
}

/// Names that vendors' kernels have, each the same as draft knows it.
#[test]
fn protected_heap_has_no_node_that_is_known_to_be_ordinary() {
    let rules = "[[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\nheaps = [\"secure\"]\n\
                 [[rule]]\nname = \"rest\"\nheaps = [\"system\"]";
    for node in [
        "qcom,system",
        "qcom,system-uncached",
        "qcom,display",
        "cma",
        "mtk_mm",
        "mtk_mm-uncached",
        "system-dma32",
        "system-uncached-dma32",
        "gcma_camera",
        "gcma_camera-uncached",
        "reserved-uncached",
        "sensor_direct_heap",
        "heap-codecmm",
    ] {
        let text = with_rules(&format!("{SECURE}nodes = [\"qcom,secure-pixel\", \"{node}\"] #!\n{rules}"));
        let found = only(&text, Code::ProtectedNode, "heap[1].nodes[1]");
        let why = if node == "qcom,display" { "until a driver is told to lend a buffer" } else { "ordinary memory (" };
        assert!(found.finding.message.contains(why), "{node}: {}", found.finding.message);
    }
    for node in ["mtk_svp_page-uncached", "protected,secure-video", "system-secure-vframe-secure", "of-nobody"] {
        assert!(
            lint_text(&with_rules(&format!("{SECURE}nodes = [\"{node}\"]\n{rules}"))).findings.is_empty(),
            "{node}"
        );
    }
}

#[test]
fn ordinary_heap_has_a_node_that_is_known_to_be_protected() {
    let heap = "[[heap]]\nname = \"video\"\nnodes = [\"v\", \"NODE\"] #!\n";
    let rules = "[[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\ndeny = \"no\"\n\
                 [[rule]]\nname = \"rest\"\nheaps = [\"video\", \"system\"]";
    for node in
        ["vframe-secure", "qcom,secure-non-pixel", "mtk_svp_region-aligned", "system-secure-x", "protected,trusted-ui"]
    {
        let text = with_rules(&format!("{}{rules}", heap.replace("NODE", node)));
        only(&text, Code::OrdinaryNode, "heap[1].nodes[1]");
    }
}

#[test]
fn caches_are_called_otherwise_than_the_node_s_name_says() {
    let rules = "[[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\ndeny = \"no\"\n\
                 [[rule]]\nname = \"rest\"\nheaps = [\"h\", \"system\"]";
    let heap = |node: &str, keys: &str| {
        with_rules(&format!("[[heap]]\nname = \"h\"\nnodes = [\"{node}\"] #!\n{keys}\n{rules}"))
    };
    let uncached =
        ["reserved-uncached", "mtk_mm-uncached", "system-uncached-dma32", "mtk_dip_capture_uncached", "heap-codecmm"];
    for node in uncached {
        only(&heap(node, ""), Code::UncachedNode, "heap[1].nodes[0]");
        assert!(lint_text(&heap(node, "cached = false")).findings.is_empty(), "{node}");
    }
    for node in ["linux,cma", "reserved", "qcom,system"] {
        only(&heap(node, "cached = false"), Code::UncachedNode, "heap[1].nodes[0]");
        assert!(lint_text(&heap(node, "")).findings.is_empty(), "{node}");
    }
    assert!(lint_text(&heap("of-nobody", "cached = false")).findings.is_empty());
}

/// Linux 7.3, and before it CONFIG_DMABUF_HEAPS_CMA_LEGACY, shows the default region twice.
#[test]
fn one_region_under_two_names_has_two_budgets() {
    let rules = "[[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\ndeny = \"no\"\n\
                 [[rule]]\nname = \"rest\"\nheaps = [\"a\", \"b\", \"system\"]";
    let heaps = |one: &str, other: &str, keys: &str| {
        let heap = |name: &str, node: &str, mark: &str| {
            format!("[[heap]]\nname = \"{name}\"\nnodes = [\"{node}\"]\n{keys}\nbudget = \"64MiB\"{mark}\n")
        };
        with_rules(&format!("{}{}{rules}", heap("a", one, ""), heap("b", other, " #!")))
    };
    for (one, other) in [
        ("linux,cma", "default_cma_region"),
        ("reserved", "linux,cma"),
        ("default_cma_region", "default-pool"),
        ("cma", "reserved"),
        ("qcom,camera", "qcom,camera"),
    ] {
        let found = only(&heaps(one, other, ""), Code::LimitsContradict, "heap[2].budget");
        assert!(found.finding.message.contains(one), "{found:?}");
    }
    let secure = heaps("vframe-secure", "system-secure-vframe-secure", "protected = true").replace("\"system\"]", "]");
    among(&secure, Code::LimitsContradict, "heap[2].budget");
    for (one, other) in [
        ("linux,cma", "gcma_camera"),
        ("linux,cma", "linux,cma@10000000"),
        ("linux,cma@20000000", "linux,cma@10000000"),
    ] {
        assert!(lint_text(&heaps(one, other, "")).findings.is_empty(), "{one} {other}");
    }
}

#[test]
fn protected_request_reaches_ordinary_heap() {
    let rules = "[[rule]]\nname = \"video\"\nany_of = [\"VIDEO_DECODER\"]\nheaps = [\"system\"] #!\n\
                 [[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\nheaps = [\"secure\"]\n\
                 [[rule]]\nname = \"rest\"\nheaps = [\"system\"]";
    let found = only(&with_rules(&format!("{SECURE}{rules}")), Code::ProtectedLeak, "rule[0].heaps");
    assert!(found.finding.message.contains("PROTECTED|VIDEO_DECODER"), "{found:?}");
    let fixed =
        rules.replace("any_of = [\"VIDEO_DECODER\"]", "any_of = [\"VIDEO_DECODER\"]\nnone_of = [\"PROTECTED\"]");
    assert!(lint_text(&with_rules(&format!("{SECURE}{fixed}"))).findings.is_empty());
}

#[test]
fn protected_with_cpu_is_refused_anyway_and_no_leak() {
    let rules = "[[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\nnone_of = [\"CPU_READ_MASK\", \"CPU_WRITE_MASK\"]\nheaps = [\"secure\"]\n\
                 [[rule]]\nname = \"rest\"\nheaps = [\"system\"]";
    let linted = lint_text(&with_rules(&format!("{SECURE}{rules}")));
    assert!(linted.findings.is_empty(), "{}", linted.render(false));
}

#[test]
fn ordinary_request_reaches_protected_heap() {
    let rules = "[[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\nheaps = [\"secure\"]\n\
                 [[rule]]\nname = \"video\"\nall_of = [\"VIDEO_DECODER\"]\nformats = [\"YCBCR_P010\"]\nheaps = [\"secure\"] #!\n\
                 [[rule]]\nname = \"rest\"\nheaps = [\"system\"]";
    let found = only(&with_rules(&format!("{SECURE}{rules}")), Code::ProtectedWaste, "rule[1].heaps");
    assert!(found.finding.message.contains("YCBCR_P010 with usage VIDEO_DECODER"), "{found:?}");
}

#[test]
fn metadata_heap_is_for_everybody() {
    let text = instead("heap = \"system\"", "heap = \"m\" #!");
    only(&format!("{text}\n[[heap]]\nname = \"m\"\nprotected = true"), Code::MetadataHeap, "metadata.heap");
    only(&format!("{text}\n[[heap]]\nname = \"m\"\ncached = false"), Code::MetadataHeap, "metadata.heap");
}

#[test]
fn a_reply_carries_64_fds() {
    let found = only(&instead("= 32", "= 33 #!"), Code::ReplyFds, "limits.buffers_per_request");
    assert_eq!(found.finding.help.as_deref(), Some("allowed: 1 to 32"));
}

#[test]
fn alignments_are_multiples_of_any_number_but_0() {
    let align = |line: &str| with(&format!("[[align]]\nname = \"a\"\nsize_bytes = 4096\n{line} #!"));
    assert!(lint_text(&align("stride_bytes = 48")).findings.is_empty());
    for key in ["height_lines", "stride_bytes", "odd_stride_pixels", "odd_stride_bytes", "width_pixels", "plane_start"]
    {
        let found = only(&align(&format!("{key} = 0")), Code::BadValue, &format!("align[0].{key}"));
        assert!(found.finding.message.contains("nothing is a multiple of 0"), "{found:?}");
    }
    only(&align("plane_size = [4096, 0]"), Code::BadValue, "align[0].plane_size");
    only(&align("odd_stride_bytes = [256, 0]"), Code::BadValue, "align[0].odd_stride_bytes");
    only(&align("stride_bytes = []"), Code::BadValue, "align[0].stride_bytes");
    only(&align("stride_bytes = [1, 2, 3, 4, 5]"), Code::BadValue, "align[0].stride_bytes");
}

#[test]
fn parts_and_blocks_of_an_alignment_are_ones() {
    let align = |line: &str| with(&format!("[[align]]\nname = \"a\"\nsize_bytes = 4096\n{line} #!"));
    for fraction in ["[5, 4]", "[1, 0]", "[0, 4]", "[1]"] {
        let found = only(&align(&format!("tail_of_luma = {fraction}")), Code::BadValue, "align[0].tail_of_luma");
        assert_eq!(found.finding.help.as_deref(), Some("allowed: [parts, of], at most the whole: [1, 4]"));
    }
    assert!(lint_text(&align("least_of_luma = [3, 2]")).findings.is_empty());
    only(&align("least_of_luma = [5, 0]"), Code::BadValue, "align[0].least_of_luma");
    for blocks in ["[0, 16, 128]", "[16, 0, 128]", "[16, 16]"] {
        only(&align(&format!("tail_blocks = {blocks}")), Code::BadValue, "align[0].tail_blocks");
    }
    let found = only(&align("combine = \"max\""), Code::BadValue, "align[0].combine");
    assert_eq!(found.finding.allowed, ["lcm", "maximum", "replace"]);
    only(&align("chroma_stride = \"third\""), Code::BadValue, "align[0].chroma_stride");
}

/// A policy with a vendor's format, one line of it marked.
fn format(lines: &str) -> String {
    with(&format!("[[format]]\nname = \"NV15\"\n{lines}"))
}

#[test]
fn vendor_formats_say_what_they_are() {
    let planes = "planes = [{ components = [\"Y\"], samples = 4, bytes = 5 }]";
    let good = format(&format!("value = 0x102\nfourcc = \"NV15\"\n{planes}"));
    assert!(lint_text(&good).findings.is_empty(), "{:?}", lint_text(&good).findings);
    let value = |value: &str| format(&format!("value = {value} #!\nfourcc = \"NV15\"\nlike = \"NV12\""));
    let found = only(&value("0x16"), Code::VendorFormat, "format[0].value");
    assert!(found.finding.message.contains("RGBA_FP16"), "{found:?}");
    only(&value("0x100000000"), Code::BadValue, "format[0].value");
    assert!(lint_text(&value("0xFFFF0002")).findings.is_empty());
    let fourcc = |fourcc: &str| format(&format!("value = 0x102\nlike = \"NV12\"\nfourcc = \"{fourcc}\" #!"));
    only(&fourcc("NV123"), Code::BadValue, "format[0].fourcc");
    assert!(lint_text(&fourcc("none")).findings.is_empty());
    let text = format("value = 0x102\nlike = \"NV12\"\nfourcc = \"none\"\nmodifier = 1 #!");
    only(&text, Code::VendorFormat, "format[0].modifier");
    only(
        &format("value = 0x102\nfourcc = \"NV12\"").replace("[[format]]", "[[format]] #!"),
        Code::VendorFormat,
        "format[0]",
    );
    let like = "value = 0x102\nfourcc = \"NV12\"\nlike = \"NV13\" #!";
    only(&format(like), Code::UnknownLayout, "format[0].like");
    let twice = "value = 0x102\nfourcc = \"NV12\"\nlike = \"NV12\"\n";
    let two = with(&format!(
        "[[format]]\nname = \"A\"\n{twice}[[format]]\nname = \"B\"\n{}",
        twice.replacen('\n', " #!\n", 1)
    ));
    only(&two, Code::VendorFormat, "format[1].value");
    let name = format(twice).replace("name = \"NV15\"", "name = \"NV12\" #!");
    only(&name, Code::DuplicateName, "format[0].name");
}

/// `drm_fourcc.h`: ARM's type 0 is AFBC and 2 AFRC. A format is laid out in lines, which no reader of either finds blocks in; the service
/// refuses it as well.
#[test]
fn formats_of_lines_are_not_called_blocks_of_arm() {
    let of = |modifier: &str| format!("value = 0x150\nlike = \"RGBA_8888\"\nfourcc = \"AB24\"\nmodifier = {modifier}");
    for modifier in ["0x0800000000000041", "0x0800000000000351", "0x0820000000000101"] {
        for cpu in ["", "\ncpu = true", "\ncpu = false"] {
            let text = format(&format!("{} #!{cpu}", of(modifier)));
            only(&text, Code::VendorFormat, "format[0].modifier");
            assert!(lint_text(&text).loadable().is_none(), "{modifier}");
        }
    }
    // MISC: blocks that are not compressed.
    assert!(lint_text(&format(&of("0x0810000000000001"))).findings.is_empty());
}

/// What `drm_fourcc.h` has as blocks the CPU would read as lines. Qualcomm's kernels call P010 in lines NV12 with a bit for ten bits.
#[test]
fn formats_of_blocks_are_not_for_the_cpu() {
    let of = |modifier: &str| {
        let lines = "value = 0x150\nlike = \"NV12\"\nfourcc = \"NV12\"\ncpu = true #!";
        format(&format!("{lines}\nmodifier = {modifier}"))
    };
    let compressed = ["0x0500000000000001", "0x0500000000000007", "0x0100000000000004"];
    let tiled = ["0x0500000000000003", "0x0400000000000002", "0x0700000000000004", "0x0810000000000001"];
    for modifier in compressed.into_iter().chain(tiled) {
        only(&of(modifier), Code::CompressUnmapped, "format[0].cpu");
        assert!(lint_text(&of(modifier).replace("cpu = true", "cpu = false")).findings.is_empty(), "{modifier}");
    }
    for modifier in ["0", "0x0500000000000002", "0x7f00000000000001"] {
        assert!(lint_text(&of(modifier)).findings.is_empty(), "{modifier}");
    }
}

#[test]
fn planes_of_vendor_formats_hold_their_components() {
    let plane = |plane: &str| format(&format!("value = 0x102\nfourcc = \"NV15\"\nplanes = [{{ {plane} }}] #!"));
    for good in ["components = [\"Y:10@6\"]", "components = [\"CB:10\", \"CR:10\"], bytes = 4, subsampling = [2, 1]"] {
        assert!(lint_text(&plane(good)).findings.is_empty(), "{good}");
    }
    only(&plane("components = []"), Code::VendorFormat, "format[0].planes[0]");
    only(&plane("components = [\"Y:10@6\"], bytes = 1"), Code::VendorFormat, "format[0].planes[0]");
    only(&plane("components = [\"Y\"], samples = 4, bytes = 0"), Code::VendorFormat, "format[0].planes[0]");
    // RAW10's four samples in five bytes; a sample without a bit is none.
    for good in [
        "[\"RAW\"], samples = 4, bytes = 5",
        "[\"Y\"], samples = 8, bytes = 1",
        "[\"CB\", \"CR\"], samples = 2, bytes = 5",
    ] {
        let found = lint_text(&plane(&format!("components = {good}")));
        assert!(found.findings.is_empty(), "{}", found.render(false));
    }
    for none in [
        "[\"Y\"], samples = 100, bytes = 1",
        "[\"Y\"], samples = 9, bytes = 1",
        "[\"CB\", \"CR\"], samples = 5, bytes = 1",
    ] {
        only(&plane(&format!("components = {none}")), Code::VendorFormat, "format[0].planes[0].samples");
    }
    only(&plane("components = [\"Y:8\"], subsampling = [3, 1]"), Code::VendorFormat, "format[0].planes[0]");
    only(&plane("components = [\"Y:8\"], subsampling = [2]"), Code::VendorFormat, "format[0].planes[0].subsampling");
    only(&plane("components = [\"Q:8\"]"), Code::VendorFormat, "format[0].planes[0].components[0]");
}

/// What `drm_fourcc.h` calls a layout of the table.
fn fourcc(layout: &str) -> String {
    let code = Layout::from_name(layout).unwrap().fourcc();
    String::from_utf8(code.to_le_bytes().to_vec()).unwrap()
}

/// An importer believes the fourcc: neither RGB nor fewer samples are what a name of others says.
#[test]
fn a_fourcc_is_of_planes_like_these() {
    let of = |like: &str, fourcc: &str| format(&format!("value = 0x151\nlike = \"{like}\"\nfourcc = \"{fourcc}\" #!"));
    for (like, fourcc) in [("NV12", "AB24"), ("RGBA_8888", "NV12"), ("NV16", "NV12"), ("NV12", "YUYV")] {
        only(&of(like, fourcc), Code::VendorFormat, "format[0].fourcc");
    }
    // Qualcomm's P010 is NV12 with a modifier; a code that no layout here has is the vendor's to know.
    for (like, fourcc) in [("P010", "NV12"), ("NV12", "YU08"), ("NV21", "NV12"), ("BGRA_8888", "AB24"), ("Y8", "R8  ")]
    {
        assert!(
            lint_text(&of(like, fourcc)).findings.is_empty(),
            "{like}: {}",
            lint_text(&of(like, fourcc)).render(false)
        );
    }
    let text = compress("grid = [{}]").replace("RGBA_8888", "NV12").replace("\"AB24\"", "\"AB24\" #!");
    only(&text, Code::Compression, "compress[0].fourcc");
}

/// A policy with a compression of RGBA, one line of it marked.
fn compress(lines: &str) -> String {
    let modifier = if lines.contains("modifier = ") { "" } else { "modifier = 0x0100000000000002\n" };
    with(&format!("[[compress]]\nname = \"c\"\nlayouts = [\"RGBA_8888\"]\nfourcc = \"AB24\"\n{modifier}{lines}"))
}

/// To a reader of the modifier, 0 is a picture in lines.
#[test]
fn compression_without_a_modifier_is_told_from_lines_by_nobody() {
    let found = only(&compress("modifier = 0 #!\ngrid = [{}]"), Code::Compression, "compress[0].modifier");
    assert!(found.finding.help.as_deref().unwrap_or_default().contains("0x00ffffffffffffff"), "{found:?}");
    // The service that loads it refuses it too.
    assert!(lint_text(&compress("modifier = 0\ngrid = [{}]")).loadable().is_none());
    // drm_hwcomposer adds a framebuffer without modifiers for it, and with a fourcc that would be one of lines.
    let none = compress("modifier = 0x00ffffffffffffff #!\ngrid = [{}]");
    only(&none, Code::Compression, "compress[0].modifier");
    let none = none.replace("\"AB24\"", "\"none\"");
    assert!(lint_text(&none).findings.is_empty());
    let columns = none.replace("RGBA_8888", "NV12").replace("AB24", "NV12").replace(" #!", "");
    let columns = format!("{columns}\ncolumn_bytes = 128\nmodifier_lines_at = 8 #!");
    only(&columns, Code::Compression, "compress[0].modifier_lines_at");
    let vendor = "value = 0x102\nlike = \"NV12\"\nfourcc = \"NV12\"\nmodifier = 0x00ffffffffffffff #!";
    only(&format(vendor), Code::VendorFormat, "format[0].modifier");
    assert!(lint_text(&format(&vendor.replace("\"NV12\"\nmod", "\"none\"\nmod"))).findings.is_empty());
}

#[test]
fn compressions_are_what_their_modifier_says() {
    let afbc = |modifier: &str, grid: &str| {
        // As Arm's gralloc rounds the headers: to 4096 bytes where they are tiled.
        let align = if grid.contains("tile") { 4096 } else { 1024 };
        let lines = format!("modifier = {modifier}\ngrid = [{{ {grid}, header_bytes = 16, header_align = {align} }}]");
        let found = lint_text(&compress(&lines)).findings;
        assert!(found.iter().all(|located| located.finding.code == Code::Compression), "{found:?}");
        found.len()
    };
    assert_eq!(afbc("0x0800000000000071", "block = [16, 16]"), 0);
    assert_eq!(afbc("0x0800000000000072", "block = [16, 16]"), 1, "32x8 is another block");
    assert_eq!(afbc("0x0800000000000171", "block = [16, 16]"), 1, "tiled headers without tiles");
    assert_eq!(afbc("0x0800000000000071", "block = [16, 16], tile = [8, 8]"), 1);
    assert_eq!(afbc("0x0800000000000471", "block = [16, 16]"), 1, "a double body that is there once");
    assert_eq!(afbc("0x0800000000000053", "block = [64, 4]"), 1, "64x4 is tiled");
    assert_eq!(afbc("0x0800000000000052", "block = [32, 8], round = [1, 16]"), 1, "32x8 of 32 bits is split");
    assert_eq!(afbc("0x0800000000000072", "block = [32, 8], round = [1, 16]"), 0);
    assert_eq!(afbc("0x0800000000000072", "block = [32, 8]"), 1, "32x8 is read in 32x16");
    assert_eq!(afbc("0x0800000000000172", "block = [32, 8], tile = [8, 8]"), 0, "a tile has 64 lines");
    assert_eq!(
        afbc("0x0800000000000472", "block = [32, 8], round = [1, 16], body_copies = 2"),
        1,
        "a double body of 32x8"
    );
    assert_eq!(afbc("0x0800000000000351", "block = [16, 16], tile = [4, 4]"), 1, "32 bits are in tiles of 8");
    assert_eq!(
        afbc("0x0800000000000044", "block = [32, 8], round = [1, 16]"),
        3,
        "mixed, not tiled, not split, of one plane"
    );
    assert_eq!(afbc("0x0800000000002051", "block = [16, 16]"), 1, "a bit that means nothing");
    assert_eq!(afbc("0x0800000000000451", "block = [16, 16], body_copies = 2"), 0);
    assert_eq!(afbc("0x0800000000000251", "block = [16, 16]"), 1, "solid colours in headers that are not tiled");
    assert_eq!(afbc("0x0800000000000351", "block = [16, 16], tile = [8, 8]"), 0);
    let of = |layout: &str, modifier: &str, more: &str| {
        let plane = |keys: &str| format!("{{ {keys}, header_bytes = 16, header_align = 4096 }}");
        let grid = match more.is_empty() {
            true => ["block = [32, 8], tile = [8, 8]", "block = [64, 4], tile = [8, 8]"].map(plane).join(", "),
            false => plane(more),
        };
        let text = compress(&format!("modifier = {modifier} #!\ngrid = [{grid}]"));
        let fourcc = if layout == "RGB_565" { "BG16".to_owned() } else { fourcc(layout) };
        text.replace("layouts = [\"RGBA_8888\"]", &format!("layouts = [\"{layout}\"]")).replace("AB24", &fourcc)
    };
    assert!(lint_text(&of("NV12", "0x0800000000000144", "")).findings.is_empty());
    for (layout, modifier, more) in [
        ("NV12", "0x0800000000000154", ""),
        ("NV12", "0x0800000000000344", ""),
        ("NV12", "0x0800000000000041", "block = [16, 16]"),
        ("YUY2", "0x0800000000000062", "block = [32, 8], round = [1, 16]"),
        ("NV12", "0x0800000000000164", ""),
        ("RGB_565", "0x0800000000000061", "block = [16, 16]"),
    ] {
        only(&of(layout, modifier, more), Code::Compression, "compress[0].modifier");
    }
    let text = |align: &str| {
        let grid = format!("grid = [{{ block = [16, 16], header_bytes = 16{align} }}]");
        compress(&format!("modifier = 0x0800000000000051\n{grid} #!"))
    };
    // Without it the bodies begin at any multiple of 16, which no reader takes: Mesa's asks for 128.
    only(&text(""), Code::Compression, "compress[0].grid");
    let text = text(", header_align = 128").replace(" #!", "").replace("51\n", "51 #!\n");
    assert!(lint_text(&text).findings.is_empty(), "{}", lint_text(&text).render(false));
    only(&text.replace("RGBA_8888\"]\nfourcc", "BGRA_8888\"]\nfourcc"), Code::Compression, "compress[0].modifier");
}

/// Where the headers and the bodies of AFBC are, and how long, readers compute for themselves: 16 bytes a superblock, then whole 128
/// bytes of each one's pixels, as Arm's gralloc, Rockchip's MPP and Exynos' MFC reserve them.
#[test]
fn afbc_lies_where_its_readers_look() {
    let text = |layout: &str, modifier: &str, more: &str, grids: &[&str]| {
        let grids: Vec<String> = grids.iter().map(|keys| format!("{{ header_bytes = 16, {keys} }}")).collect();
        let grids = format!("grid = [{}] #!", grids.join(", "));
        let text = compress(&format!("modifier = {modifier}\n{more}\n{grids}"));
        text.replace("[\"RGBA_8888\"]", &format!("[\"{layout}\"]")).replace("AB24", &fourcc(layout))
    };
    let plain = "block = [16, 16], header_align = 1024";
    let rgba = |keys: &str| text("RGBA_8888", "0x0800000000000041", "", &[&format!("{plain}, {keys}")]);
    let wide = "block = [64, 4], tile = [8, 8]";
    for wrong in [
        rgba("block_bytes = 16"),
        rgba("block_bytes = 896"),
        rgba("header_blocks = 2"),
        rgba("stride_bytes = 64, lines = 16"),
        rgba("body_copies = 3, copy_align = 1024"),
        text("RGBA_8888", "0x0800000000000441", "", &[&format!("{plain}, body_copies = 3, copy_align = 1024")]),
        text("P010", "0x0800000000000041", "merged = true", &[&format!("{plain}, bits = 1, block_align = 128")]),
        // 15 bits of a pixel are 480 bytes, which SPARSE blocks have 512 for.
        text("P010", "0x0800000000000041", "merged = true", &[&format!("{plain}, bits = 15")]),
        text("RGBA_8888", "0x0800000000000143", "", &[&format!("{wide}, header_align = 1024")]),
        text(
            "NV12",
            "0x0800000000000143",
            "",
            &[&format!("{wide}, header_align = 4096, body_extra = 128"), &format!("{wide}, header_align = 4096")],
        ),
    ] {
        only(&wrong, Code::Compression, "compress[0].grid");
    }
    for key in ["body_first", "header_planes"] {
        let own = format!("type_name = \"arm\"\nheader_type = 1\n{key} = true");
        let own = if key == "body_first" { own.replace("header_type = 1\n", "") } else { own };
        let text = text("RGBA_8888", "0x0800000000000041", &format!("{own} #!"), &[plain]);
        only(&text.replacen("] #!", "]", 1), Code::Compression, &format!("compress[0].{key}"));
    }
    let planes = format!("{wide}, header_align = 4096");
    for good in [
        rgba("block_bytes = 1024"),
        rgba("body_align = 1024"),
        text("RGBA_8888", "0x0800000000000441", "", &[&format!("{plain}, body_copies = 2, copy_align = 1024")]),
        text("P010", "0x0800000000000041", "merged = true", &[&format!("{plain}, bits = 15, block_align = 128")]),
        // Exynos' MFC: headers in whole 128 bytes, 384 of 8 bits and 512 of 10.
        text(
            "NV12",
            "0x0800000000000042",
            "merged = true",
            &["block = [32, 8], round = [1, 16], header_align = 128, block_bytes = 384"],
        ),
        // `AFBC_FORMAT_MOD_BLOCK_SIZE_64x4` of both planes.
        text("NV12", "0x0800000000000143", "", &[&planes, &planes]),
    ] {
        let linted = lint_text(&good);
        assert!(linted.findings.is_empty(), "{good}\n{}", linted.render(false));
    }
}

/// `drm_fourcc.h`: AFRC's coding unit of the first plane in bits 0 to 3, of the others in 4 to 7, its layout in bit 8; SAND's columns.
#[test]
fn coding_units_and_columns_are_those_of_the_modifier() {
    let afrc = |modifier: &str, grid: &str| compress(&format!("modifier = {modifier}\ngrid = [{grid}] #!"));
    let unit = "{ block = [4, 4], tile = [16, 4], block_bytes = 16, body_align = 1024 }";
    let luma = "{ block = [16, 4], tile = [16, 4], block_bytes = 16, body_align = 1024 }";
    let chroma = "{ block = [8, 4], tile = [16, 4], block_bytes = 24, body_align = 512 }";
    let planes = |modifier: &str| {
        afrc(modifier, &format!("{luma}, {chroma}")).replace("RGBA_8888", "NV12").replace("AB24", "NV12")
    };
    for wrong in [
        afrc("0x0820000000000103", unit),
        afrc("0x0820000000000100", unit),
        afrc("0x0820000000000001", unit),
        afrc("0x0820000000000101", &unit.replace("block_bytes = 16", "block_bytes = 16, header_bytes = 16")),
        planes("0x0820000000000111"),
        planes("0x0820000000000101"),
    ] {
        only(&wrong, Code::Compression, "compress[0].grid");
    }
    let rotated = unit.replace("tile = [16, 4]", "tile = [8, 8]");
    for good in [afrc("0x0820000000000101", unit), afrc("0x0820000000000001", &rotated), planes("0x0820000000000121")] {
        assert!(lint_text(&good).findings.is_empty(), "{}", lint_text(&good).render(false));
    }
    let sand = |n: u32, lines: &str| {
        compress(&format!("modifier = 0x070000000000000{n}\n{lines}"))
            .replace("RGBA_8888", "NV12")
            .replace("AB24", "NV12")
    };
    let columns =
        |bytes: u32| format!("column_bytes = {bytes} #!\nmodifier_lines_at = 8\ngrid = [{{ round = [1, 8] }}]");
    for (n, bytes) in [(2, 32), (3, 64), (4, 128), (5, 256)] {
        assert!(lint_text(&sand(n, &columns(bytes))).findings.is_empty(), "{n}");
        only(&sand(n, &columns(512)), Code::Compression, "compress[0].column_bytes");
    }
    only(
        &sand(4, &columns(128).replace(" #!", "").replace("8\ngrid", "16 #!\ngrid")),
        Code::Compression,
        "compress[0].modifier_lines_at",
    );
    only(&sand(4, "grid = [{}]").replace("4\ngrid", "4 #!\ngrid"), Code::Compression, "compress[0].modifier");
}

/// What a vendor's format is like, and what formats become, is what a modifier speaks of.
#[test]
fn modifiers_of_arm_speak_of_what_formats_are() {
    let text = |format: &str, when: &str, modifier: &str, grid: &str| {
        let entry = "[[compress]]\nname = \"c\"\nfourcc = \"AB24\"";
        let grid = format!("grid = [{{ {grid}, header_bytes = 16, header_align = 1024 }}]");
        with(&format!("{format}{entry}\n{when}\nmodifier = {modifier} #!\n{grid}"))
    };
    let vendor = |planes: &str| format!("[[format]]\nname = \"V\"\nvalue = 0x102\nfourcc = \"AB24\"\n{planes}\n");
    let none = "none_of = [\"CPU_READ_MASK\"]";
    let ytr =
        |format: &str, when: &str| text(format, &format!("{when}\n{none}"), "0x0800000000000051", "block = [16, 16]");
    let layouts = "layouts = [\"V\"]";
    for planes in ["like = \"RGBA_8888\"", "planes = [{ components = [\"R:8\", \"G:8\", \"B:8\", \"A:8\"] }]"] {
        let linted = lint_text(&ytr(&vendor(planes), layouts));
        assert!(linted.findings.is_empty(), "{planes}: {}", linted.render(false));
    }
    for planes in ["like = \"BGRA_8888\"", "planes = [{ components = [\"B:8\", \"G:8\", \"R:8\", \"A:8\"] }]"] {
        only(&ytr(&vendor(planes), layouts), Code::Compression, "compress[0].modifier");
    }
    // `formats` name layouts too, those that flexible ones become among them.
    assert!(lint_text(&ytr("", "formats = [\"RGBA_8888\", \"IMPLEMENTATION_DEFINED\"]")).findings.is_empty());
    among(&ytr("", "formats = [\"YCBCR_420_888\"]"), Code::Compression, "compress[0].modifier");
    let split = |planes: &str| text(&vendor(planes), layouts, "0x0800000000000061", "block = [16, 16]");
    for planes in ["like = \"RGB_565\"", "planes = [{ components = [\"R:5\", \"G:6\", \"B:5\"] }]"] {
        only(&split(planes), Code::Compression, "compress[0].modifier");
    }
    // All planes as one: of 8 bits 12 a pixel, which is not more than 16; as two, luma has 8.
    let merged =
        text("", "layouts = [\"NV12\"]\nmerged = true", "0x0800000000000042", "block = [32, 8], round = [1, 16]");
    let merged = merged.replace("AB24", "YU08");
    assert!(lint_text(&merged).findings.is_empty(), "{}", lint_text(&merged).render(false));
    only(&merged.replace("layouts = [\"NV12\"]", "layouts = [\"P010\"]"), Code::Compression, "compress[0].modifier");
}

/// `GPU_DATA_BUFFER` is for shaders that count in lines, as the CPU does.
#[test]
fn rules_for_compressed_buffers_are_not_for_those_who_count_in_lines() {
    let rule = "[[rule]] #!\nname = \"c\"\ncompressed = true\nall_of = [\"GPU_DATA_BUFFER\"]\nheaps = [\"system\"]\n";
    let entry = "[[compress]]\nname = \"c\"\nfourcc = \"none\"\nmodifier = 0x00ffffffffffffff\ngrid = [{}]\n";
    let text = instead("[[rule]]\nname = \"rest\"", &format!("{entry}{rule}[[rule]]\nname = \"rest\""));
    only(&text, Code::Contradiction, "rule[1]");
}

/// As with rules: the first that takes a buffer has it.
#[test]
fn compressions_that_earlier_ones_leave_nothing_for() {
    let entry = |name: &str, when: &str| {
        format!("[[compress]] \nname = \"{name}\"\nfourcc = \"none\"\nmodifier = 0x00ffffffffffffff\n{when}\ngrid = [{{}}]\n")
    };
    let marked = |name: &str, when: &str| entry(name, when).replacen("]] ", "]] #!", 1);
    let text = with(&format!("{}{}", entry("all", ""), marked("rgba", "layouts = [\"RGBA_8888\"]")));
    let found = only(&text, Code::Unreachable, "compress[1]");
    assert!(found.finding.message.contains("compress \"all\" before it"), "{found:?}");
    let two = format!(
        "{}{}{}",
        entry("video", "any_of = [\"VIDEO_DECODER\"]"),
        entry("other", "none_of = [\"VIDEO_DECODER\"]"),
        marked("late", "any_of = [\"GPU_TEXTURE\"]")
    );
    assert_eq!(only(&with(&two), Code::Unreachable, "compress[2]").finding.related.len(), 2);
    // What the CPU or a BLOB would be left with is nothing.
    let rest = format!("{}{}", entry("pixels", "not_formats = [\"BLOB\"]"), marked("rest", ""));
    only(&with(&rest), Code::Unreachable, "compress[1]");
    assert!(lint_text(&with(&format!("{}{}", entry("rgba", "layouts = [\"RGBA_8888\"]"), entry("all", ""))))
        .findings
        .is_empty());
}

/// A client of a flexible format cannot know that it becomes one which no CPU maps.
#[test]
fn flexible_formats_of_the_cpu_do_not_become_what_it_cannot_map() {
    let format = "[[format]]\nname = \"V\"\nvalue = 0x102\nlike = \"NV12\"\nfourcc = \"NV12\"\nKEY\n\
                  [[compress]]\nname = \"c\"\nlayouts = [\"V\"]\nfourcc = \"NV12\"\nmodifier = 1\ngrid = [{}]\n";
    for (flexible, at) in [("IMPLEMENTATION_DEFINED", 0), ("YCBCR_420_888", 0)] {
        for key in ["linear = false", "cpu = false"] {
            let text = |when: &str| {
                let own = format!("[[resolve]]\nformat = \"{flexible}\"\n{when}\nto = \"V\" #!\n[[resolve]]");
                format!("{}{}", instead("[[resolve]]", &own), format.replace("KEY", key))
            };
            let video = "all_of = [\"VIDEO_DECODER\"]";
            let found = only(&text(video), Code::CompressUnmapped, &format!("resolve[{at}].to"));
            assert!(found.finding.message.contains(flexible) && found.finding.message.contains("CPU_"), "{found:?}");
            for good in [
                "all_of = [\"VIDEO_DECODER\"]\nnone_of = [\"CPU_READ_MASK\", \"CPU_WRITE_MASK\"]",
                "all_of = [\"VIDEO_DECODER\", \"CPU_READ_NEVER\", \"CPU_WRITE_NEVER\"]",
                "all_of = [\"VIDEO_DECODER\", \"PROTECTED\"]",
            ] {
                let linted = lint_text(&text(good));
                assert!(linted.findings.is_empty(), "{good}: {}", linted.render(false));
            }
        }
    }
}

/// A lines' figure that is ors into the modifier stands where the modifier has nothing.
#[test]
fn lines_of_a_column_have_bits_of_the_modifier_to_themselves() {
    let text = |modifier: &str| {
        let lines = format!(
            "modifier = {modifier}\ncolumn_bytes = 128\nmodifier_lines_at = 8 #!\ngrid = [{{ round = [1, 8] }}]"
        );
        compress(&lines).replace("RGBA_8888", "NV12").replace("AB24", "NV12")
    };
    assert!(lint_text(&text("0x0700000000000004")).findings.is_empty());
    // A column's lines already, one bit of them, and the last bit below the vendor's byte.
    for modifier in ["0x0700000000065404", "0x0700000000000104", "0x0780000000000004"] {
        only(&text(modifier), Code::Compression, "compress[0].modifier_lines_at");
    }
}

/// A flag that clients or into a format's number makes a number that another format may have.
#[test]
fn format_flags_make_no_other_format_s_number() {
    let text = |flag: &str, value: &str, more: &str| {
        let format = |name: &str, value: &str| {
            format!("[[format]]\nname = \"{name}\"\nlike = \"NV12\"\nfourcc = \"NV12\"\nvalue = {value}\n")
        };
        with(&format!(
            "[format_flags]\nINTERLACED = {flag}\n{}{}{more}",
            format("NV12_OWN", "0x109"),
            format("OTHER", value)
        ))
    };
    assert!(lint_text(&text("0x180", "0x10a", "")).findings.is_empty());
    let found = only(&text("0x180", "0x189 #!", ""), Code::VendorFormat, "format[1].value");
    assert!(found.finding.message.contains("\"INTERLACED\" (0x180) into NV12_OWN"), "{found:?}");
    let found = only(&text("0x180", "0x1a3 #!", ""), Code::VendorFormat, "format[1].value");
    assert!(found.finding.message.contains("into Y8") || found.finding.message.contains("into "), "{found:?}");
    assert!(lint_text(&text("0x180", "0x189", "flags = [\"INTERLACED\"]")).findings.is_empty(), "it is meant");
    only(&text("0x180", "0x109f", "flags = [\"INTERLACED\"] #!"), Code::VendorFormat, "format[1].flags[0]");
    let found = only(&text("0x180", "0x189", "flags = [\"INTERLACE\"] #!"), Code::VendorFormat, "format[1].flags[0]");
    assert_eq!(found.nearest.as_deref(), Some("INTERLACED"));
    for flag in ["0 #!", "0x100000000 #!"] {
        only(&text(flag, "0x10a", ""), Code::BadValue, "format_flags.INTERLACED");
    }
    only(&text("0x109 #!", "0x10a", ""), Code::VendorFormat, "format_flags.INTERLACED");
}

#[test]
fn keys_that_say_nothing_are_named() {
    let grid = |keys: &str| compress(&format!("grid = [{{ block = [16, 16], {keys} }}] #!"));
    for (keys, key) in [
        ("header_align = 4096", "header_align"),
        ("header_blocks = 2", "header_blocks"),
        ("header_grid = [64, 16]", "header_grid"),
        ("header_extra = 64", "header_extra"),
        ("copy_align = 4096", "copy_align"),
        ("body_copies = 1, copy_align = 4096", "copy_align"),
        ("block_bytes = 1024, bits = 32", "bits"),
        ("header_bytes = 1, stride_bytes = 256, row_stride = true", "row_stride"),
        ("stride_bytes = 256", "block"),
    ] {
        only(&grid(keys), Code::IgnoredKey, &format!("compress[0].grid[0].{key}"));
    }
    for good in ["header_bytes = 16, header_align = 4096", "body_copies = 2, copy_align = 4096", "row_stride = true"] {
        assert!(lint_text(&grid(good)).findings.is_empty(), "{good}");
    }
    let own = "type_name = \"QTI\"\n";
    for (keys, key) in [
        ("body_first = true #!\ngrid = [{}]", "body_first"),
        ("header_planes = true #!\nheader_type = 1\ngrid = [{}]", "header_planes"),
        ("header_type = 1 #!\ngrid = [{ header_bytes = 1 }]", "header_type"),
        ("header_planes = true #!\ngrid = [{ header_bytes = 1 }]", "header_planes"),
        ("merged = true\ngrid = [{}, {}] #!", "grid[1]"),
    ] {
        only(&compress(&format!("{own}{keys}")), Code::IgnoredKey, &format!("compress[0].{key}"));
    }
    let columns = "column_bytes = 128\nmodifier_lines_at = 8\ngrid = [{ round = [1, 8], body_align = 64 }] #!";
    only(
        &compress(columns).replace("RGBA_8888", "NV12").replace("AB24", "NV12"),
        Code::IgnoredKey,
        "compress[0].grid[0].body_align",
    );
    let align = |keys: &str| format!("{}\n[[align]]\nname = \"a\"\ncompressed = true\n{keys}", compress("grid = [{}]"));
    only(&align("stride_bytes = 64 #!"), Code::IgnoredKey, "align[0].stride_bytes");
    assert!(lint_text(&align("tail_bytes = 256")).findings.is_empty());
}

#[test]
fn what_is_for_compressed_buffers_is_not_for_the_cpu() {
    let text = |section: &str| {
        let when = "compressed = true\nall_of = [\"CPU_READ_OFTEN\"] #!\n";
        format!("{}\n{section}\n{when}", compress("grid = [{}]"))
    };
    only(&text("[[align]]\nname = \"a\"\ntail_bytes = 256"), Code::CompressUnmapped, "align[0].all_of");
    let entry = "[[vendor_metadata]]\nname = \"a\"\ntype = \"QTI\"\nvalue = 1\nencoding = \"i32\"\nconstant = 1";
    only(&text(entry), Code::CompressUnmapped, "vendor_metadata[0].all_of");
}

#[test]
fn blocks_of_compressions_are_ones() {
    let grid = |grid: &str| compress(&format!("grid = [{{ {grid} }}] #!"));
    assert!(lint_text(&grid("block = [4, 4]")).findings.is_empty());
    only(&grid("block = [0, 4]"), Code::Compression, "compress[0].grid[0].block");
    only(&grid("block = [4294967295, 4]"), Code::Compression, "compress[0].grid[0].block");
    only(&grid("block = [4]"), Code::Compression, "compress[0].grid[0].block");
    // Of a sample: Arm's AFRC of 16 bytes for 16 x 4 and Samsung's of 32 bytes for 32 x 4 have two bits, ASTC's largest block 8/9 of one.
    for good in
        ["block = [16, 4], block_bytes = 16", "block = [32, 4], block_bytes = 32", "block = [12, 12], block_bytes = 16"]
    {
        assert!(lint_text(&grid(good)).findings.is_empty(), "{good}");
    }
    for few in ["block = [1048576, 1048576], block_bytes = 1", "block = [64, 64], block_bytes = 16", "block_bytes = 0"]
    {
        only(&grid(few), Code::Compression, "compress[0].grid[0].block_bytes");
    }
    only(&grid("bits = 0"), Code::Compression, "compress[0].grid[0].bits");
    only(&grid("header_bytes = 1, header_blocks = 0"), Code::Compression, "compress[0].grid[0].header_blocks");
    only(&grid("block_bytes = 64, stride_bytes = 64"), Code::Compression, "compress[0].grid[0]");
    only(&compress("grid = [] #!"), Code::Compression, "compress[0].grid");
    only(&compress("grid = [{}]\nmodifier_lines_at = 8 #!"), Code::Compression, "compress[0].modifier_lines_at");
    only(&compress("grid = [{}]\ntwo_fields = [1] #!"), Code::BadValue, "compress[0].two_fields");
    for zeros in ["[0, 0, 0]", "[0, 1, 1]", "[1, 0, 1]", "[1, 1, 0]"] {
        let text = compress(&format!("grid = [{{}}]\ntwo_fields = {zeros} #!"));
        only(&text, Code::BadValue, "compress[0].two_fields");
    }
    only(&compress("grid = [{}]\nlayer_align = 0 #!"), Code::BadValue, "compress[0].layer_align");
    let columns = compress("grid = [{}]\nmodifier_lines_at = 8\ncolumn_bytes = 0 #!")
        .replace("RGBA_8888", "NV12")
        .replace("AB24", "NV12");
    only(&columns, Code::BadValue, "compress[0].column_bytes");
    for key in ["type_value", "header_type"] {
        let header = "header_type = 1\nheader_planes = true\n".replace(&format!("{key} = 1\n"), "");
        let grid = format!("{header}grid = [{{ header_bytes = 1 }}]");
        let of = |value: u32| compress(&format!("{grid}\ntype_name = \"QTI\"\n{key} = {value} #!"));
        assert!(lint_text(&of(0x7fff_ffff)).findings.is_empty());
        let found = only(&of(0x8000_0000), Code::BadValue, &format!("compress[0].{key}"));
        assert_eq!(found.finding.help.as_deref(), Some("allowed: 0 to 2147483647"));
    }
    only(&compress("grid = [{}]\ntype_name = \"a b\" #!"), Code::BadValue, "compress[0].type_name");
    let text = compress("modifier = 1 #!\ngrid = [{}]").replace("\"AB24\"", "\"none\"");
    only(&text, Code::Compression, "compress[0].modifier");
    let text = compress("grid = [{}]\ntype_value = 3").replace("[[compress]]", "[[compress]] #!");
    only(&text, Code::Compression, "compress[0]");
}

#[test]
fn areas_of_compressions_lie_apart() {
    let columns = "column_bytes = 128 #!\nmodifier_lines_at = 8\ngrid = [{ round = [1, 8] }]";
    let of = |layout: &str, lines: &str| {
        compress(lines).replace("\"RGBA_8888\"", &format!("\"{layout}\"")).replace("AB24", &fourcc(layout))
    };
    assert!(lint_text(&of("NV12", columns)).findings.is_empty());
    only(&of("I420", columns), Code::Compression, "compress[0].column_bytes");
    only(
        &of("NV12", &columns.replace("[1, 8]", "[1, 8], header_bytes = 1")),
        Code::Compression,
        "compress[0].column_bytes",
    );
    let everything = compress(&columns.replace(" #!", "")).replace("layouts = [\"RGBA_8888\"]\n", "");
    only(&everything.replace("[[compress]]", "[[compress]] #!"), Code::Compression, "compress[0]");
    let headers = "type_name = \"QTI\"\nheader_type = 1\nheader_planes = true #!\ngrid = [{ block = [16, 16], header_bytes = 1 }]";
    assert!(lint_text(&of("NV12", headers)).findings.is_empty());
    among(&of("I420", headers), Code::Compression, "compress[0].header_planes");
    let huge = "grid = [{ block = [1048576, 1048576], tile = [1048576, 1048576], bits = 1048576 }] #!";
    among(&compress(huge), Code::Compression, "compress[0].grid");
}

/// What is stated of a buffer has to be so for every format that the entry takes, and the service refuses what lies as well.
#[test]
fn a_compression_states_the_fourcc_of_what_it_takes() {
    let of = |layouts: &str, fourcc: &str, lines: &str| {
        let modifier = if fourcc == "none" { "0x00ffffffffffffff" } else { "0x0100000000000002" };
        let text = compress(&format!("modifier = {modifier}\n{lines}grid = [{{}}]"));
        text.replace("layouts = [\"RGBA_8888\"]", layouts).replace("\"AB24\"", &format!("\"{fourcc}\""))
    };
    let everything = of("", "AB24", "").replace("[[compress]]", "[[compress]] #!");
    let found = only(&everything, Code::Compression, "compress[0]");
    assert!(found.finding.message.contains("every format"), "{found:?}");
    assert!(lint_text(&everything).loadable().is_none());
    only(&of("layouts = [\"RGBA_8888\", \"RGB_565\"] #!", "AB24", ""), Code::Compression, "compress[0].layouts");
    only(&of("layouts = [\"NV12\", \"NV21\"] #!", "NV12", ""), Code::Compression, "compress[0].layouts");
    only(&of("layouts = [\"NV12\", \"P010\"] #!", "YU08", "merged = true\n"), Code::Compression, "compress[0].layouts");
    only(&of("formats = [\"RGBA_8888\", \"BGRA_8888\"] #!", "AB24", ""), Code::Compression, "compress[0].formats");
    let flexible = of("formats = [\"RGBA_8888\", \"YCBCR_420_888\"] #!", "AB24", "");
    only(&flexible, Code::Compression, "compress[0].formats");
    // Stated of none; an alpha that is not there; planes whose order is gone.
    for (layouts, fourcc, lines) in [
        ("", "none", ""),
        ("layouts = [\"RGBA_8888\", \"RGBX_8888\"]", "AB24", ""),
        ("layouts = [\"NV12\", \"NV21\", \"YV12\"]", "YU08", "merged = true\n"),
        ("formats = [\"RGBA_8888\", \"IMPLEMENTATION_DEFINED\"]", "AB24", ""),
    ] {
        let linted = lint_text(&of(layouts, fourcc, lines));
        assert!(linted.findings.is_empty(), "{layouts}: {}", linted.render(false));
    }
}

#[test]
fn components_of_a_sample_lie_apart() {
    let planes = |components: &str| {
        format(&format!("value = 0x102\nfourcc = \"NV12\"\nplanes = [{{ components = [{components}] }}] #!"))
    };
    assert!(lint_text(&planes("\"Y:8\", \"CB:8\"")).findings.is_empty());
    only(&planes("\"Y:8\", \"CB:8@4\""), Code::VendorFormat, "format[0].planes[0]");
}

#[test]
fn a_layout_among_formats_is_told_where_it_belongs() {
    let align = "[[align]]\nname = \"a\"\nstride_bytes = 64\nformats = [\"NV12\"] #!";
    let group = "[format_group]\nYUV = [\"NV12\"] #!";
    for (text, key) in [(align, "align[0].formats[0]"), (group, "format_group.YUV[0]")] {
        let found = among(&with(text), Code::UnknownFormat, key);
        assert!(found.nearest.is_none(), "{found:?}");
        assert!(found.finding.help.as_deref().unwrap_or_default().contains("`layouts`"), "{found:?}");
    }
}

/// Each alone is fine, and every request that has them together would be refused.
#[test]
fn alignments_that_no_number_is_together() {
    let align = |name: &str, lines: &str| format!("[[align]]\nname = \"{name}\"\nlayouts = [\"NV15\"]\n{lines}\n");
    let marked = |name: &str, lines: &str| align(name, lines).replacen("]]", "]] #!", 1);
    let text = |aligns: &str| format(&format!("value = 0x150\nlike = \"NV12\"\nfourcc = \"NV12\"\n{aligns}"));
    let odd = align("a", "odd_stride_bytes = 256");
    let camera = "all_of = [\"CAMERA_OUTPUT\"]\n";
    let found = only(&text(&format!("{odd}{}", marked("b", "stride_bytes = 512"))), Code::AlignImpossible, "align[1]");
    assert_eq!(found.finding.related.first().map(|(path, _)| path.to_string()).as_deref(), Some("align[0]"));
    assert!(found.finding.message.contains("\"a\"") && found.finding.message.contains("NV15"), "{found:?}");
    // Some other usage is enough, and what has nothing to do with it is not named.
    let between = align("c", "stride_bytes = 64");
    let lines = format!("{camera}stride_bytes = 512");
    let found = only(&text(&format!("{odd}{between}{}", marked("b", &lines))), Code::AlignImpossible, "align[2]");
    assert_eq!(found.finding.related.len(), 1);
    // AIDL's formats have alignments as well, whether they are named or not.
    for of in ["layouts = [\"RGBA_8888\"]", "formats = [\"RGBA_8888\"]", ""] {
        let text = text(&format!("{odd}{}", marked("b", "stride_bytes = 512"))).replace("layouts = [\"NV15\"]", of);
        let found = among(&text, Code::AlignImpossible, "align[1]");
        assert!(of.is_empty() || found.finding.message.contains("RGBA_8888"), "{found:?}");
    }
    let large = |name: &str, bytes: u32| align(name, &format!("stride_bytes = {bytes}"));
    let three = [large("a", 4_294_967_295), large("b", 4_294_967_294), large("c", 4_294_967_293)].concat();
    assert!(lint_text(&text(&three)).findings.iter().any(|found| found.finding.code == Code::AlignImpossible));
    for good in [
        format!("{odd}{}", align("b", "stride_bytes = 768")),
        format!("{odd}{}", align("b", "stride_bytes = 512\ncombine = \"replace\"")),
        // No request has both.
        format!("{}{}", align("a", "none_of = [\"CAMERA_OUTPUT\"]\nodd_stride_bytes = 256"), align("b", &lines)),
        format!("{odd}{}", align("b", "stride_bytes = 512").replace("NV15", "NV12")),
    ] {
        let found = lint_text(&text(&good)).findings;
        assert!(found.iter().all(|found| found.finding.code != Code::AlignImpossible), "{good}: {found:?}");
    }
}

#[test]
fn alignments_that_no_number_is() {
    let align = |lines: &str| with(&format!("[[align]]\nname = \"a\"\n{lines}"));
    let found = "stride_bytes = 128\nodd_stride_bytes = 64 #!";
    among(
        &align(&found.replace("stride_bytes = 128\n", "stride_bytes = 128 #!\n").replace("64 #!", "64")),
        Code::AlignImpossible,
        "align[0].stride_bytes",
    );
    let beyond = "width_pixels = 4294967291\nstride_bytes = 4294967279\nstride_pixels = 4294967231 #!";
    among(&align(beyond), Code::AlignImpossible, "align[0].stride_pixels");
    // Odd multiples of both are even ones of 256, where 256 pixels are 1024 bytes; of Y8 they are the same.
    let odd = "odd_stride_bytes = 256\nodd_stride_pixels = 256 #!";
    among(&align(&format!("layouts = [\"RGBA_8888\"]\n{odd}")), Code::AlignImpossible, "align[0].odd_stride_pixels");
    let replaced = format!("layouts = [\"RGBA_8888\"]\ncombine = \"replace\"\n{odd}");
    among(&align(&replaced), Code::AlignImpossible, "align[0].odd_stride_pixels");
    assert!(lint_text(&align(&format!("layouts = [\"Y8\"]\n{odd}"))).findings.is_empty());
    let luma = "layouts = [\"NV12\"]\nodd_stride_bytes = [256]\nodd_stride_pixels = 512 #!";
    among(&align(luma), Code::AlignImpossible, "align[0].odd_stride_pixels");
    // A number there is, though not one that YV12 could have.
    let odd = lint_text(&align("stride_bytes = 64\nodd_stride_bytes = 64"));
    assert!(odd.findings.iter().all(|found| found.finding.code == Code::MustAllocate), "{}", odd.render(false));
}

/// What is said of a format by name is not heard by a flexible one that becomes the same.
#[test]
fn alignments_that_a_resolution_slips_past() {
    let align = |lines: &str| with(&format!("[[align]]\nname = \"a\"\nstride_bytes = 64\n{lines}"));
    let found = only(&align("formats = [\"RGBA_8888\"] #!"), Code::AlignSlipped, "align[0].formats");
    assert!(found.finding.message.contains("IMPLEMENTATION_DEFINED"), "{found:?}");
    assert_eq!(found.finding.related.first().unwrap().0.to_string(), "resolve[1].to");
    for good in [
        "layouts = [\"RGBA_8888\"]",
        "formats = [\"RGBA_8888\", \"IMPLEMENTATION_DEFINED\"]",
        "formats = [\"RGBX_8888\"]",
        "formats = [\"RGBA_8888\"]\nnot_formats = [\"IMPLEMENTATION_DEFINED\"]",
    ] {
        assert!(lint_text(&align(good)).findings.is_empty(), "{good}");
    }
}

/// A format that is `like` a layout is one of its own to conditions: whoever has an alignment for the layout alone is told.
#[test]
fn alignments_that_a_vendors_format_slips_past() {
    let with = |align: &str| {
        let text = format("value = 0x102\nfourcc = \"NV12\"\nlike = \"NV12\" #!");
        format!("{text}\n[[align]]\nname = \"yuv\"\nstride_bytes = 64\n{align}\n")
    };
    let found = only(&with("layouts = [\"NV12\"]"), Code::AlignSlipped, "format[0].like");
    assert!(found.finding.message.contains("align \"yuv\""), "{found:?}");
    assert_eq!(found.finding.related.first().unwrap().0.to_string(), "align[0]");
    for good in [
        "layouts = [\"NV12\", \"NV15\"]",
        "layouts = [\"NV21\"]",
        "compressed = false",
        "layouts = [\"NV12\"]\nnot_formats = [\"NV15\"]",
        "layouts = [\"NV12\"]\n[[align]]\nname = \"own\"\nformats = [\"NV15\"]\nstride_pixels = 128",
    ] {
        let linted = lint_text(&with(good));
        assert!(linted.findings.is_empty(), "{good}: {}", linted.render(false));
    }
    // A multiple for AIDL's format is one for the layout.
    let with = with("formats = [\"YCRCB_420_SP\"]").replace("like = \"NV12\"", "like = \"NV21\"");
    only(&with, Code::AlignSlipped, "format[0].like");
}

#[test]
fn compressions_that_never_apply() {
    only(&compress("all_of = [\"CPU_READ_OFTEN\"] #!\ngrid = [{}]"), Code::CompressUnmapped, "compress[0].all_of");
    let one = compress("any_of = [\"GPU_TEXTURE\", \"CPU_WRITE_MASK\"] #!\ngrid = [{}]");
    only(&one, Code::CompressUnmapped, "compress[0].any_of");
    let exactly = compress("exactly = [\"GPU_TEXTURE\", \"CPU_READ_RARELY\"] #!\ngrid = [{}]");
    only(&exactly, Code::CompressUnmapped, "compress[0].exactly");
    let rule = "[[rule]]\nname = \"c\"\ncompressed = true\nany_of = [\"CPU_READ_OFTEN\"] #!\nheaps = [\"system\"]\n";
    let rule = instead("[[rule]]\nname = \"rest\"", &format!("{rule}[[rule]]\nname = \"rest\""));
    only(&rule, Code::CompressUnmapped, "rule[1].any_of");
    let rule = "[[rule]] #!\nname = \"c\"\ncompressed = true\nheaps = [\"system\"]\n";
    let rule = instead("[[rule]]\nname = \"rest\"", &format!("{rule}[[rule]]\nname = \"rest\""));
    let found = only(&rule, Code::Contradiction, "rule[1]");
    assert!(found.finding.message.contains("no [[compress]] makes a buffer"), "{found:?}");
    let mapped = "value = 0x102\nfourcc = \"NV12\"\nlike = \"NV12\"\nlinear = false\ncpu = true #!\n";
    let mapped = format!(
        "{}\n[[compress]]\nname = \"c\"\nlayouts = [\"NV15\"]\nfourcc = \"NV12\"\nmodifier = 1\ngrid = [{{}}]",
        format(mapped)
    );
    only(&mapped, Code::CompressUnmapped, "format[0].cpu");
    let text = format("value = 0x102\nfourcc = \"NV12\"\nlike = \"NV12\"\nlinear = false #!");
    only(&text, Code::CompressUnmapped, "format[0].linear");
    // An entry for others, by format, is none for it; one for what becomes it is.
    let entry = |when: &str| {
        format!("{text}\n[[compress]]\nname = \"c\"\n{when}\nfourcc = \"none\"\nmodifier = 0x00ffffffffffffff\ngrid = [{{}}]\n")
    };
    for when in ["formats = [\"RGBA_8888\"]", "not_formats = [\"NV15\"]", "layouts = [\"RGBA_8888\"]"] {
        only(&entry(when), Code::CompressUnmapped, "format[0].linear");
    }
    for when in ["", "formats = [\"NV15\"]", "layouts = [\"NV15\"]", "not_formats = [\"RGBA_8888\"]"] {
        assert!(lint_text(&entry(when)).findings.is_empty(), "{when}: {}", lint_text(&entry(when)).render(false));
    }
    let video = "all_of = [\"VIDEO_DECODER\", \"CPU_READ_NEVER\", \"CPU_WRITE_NEVER\"]";
    let becomes = format!("[[resolve]]\nformat = \"IMPLEMENTATION_DEFINED\"\n{video}\nto = \"NV15\"\n[[resolve]]");
    let becomes = entry("formats = [\"IMPLEMENTATION_DEFINED\"]").replacen("[[resolve]]", &becomes, 1);
    assert!(lint_text(&becomes).findings.is_empty(), "{}", lint_text(&becomes).render(false));
    // Every PROTECTED request is denied, so that nobody ever has the format.
    only(&entry("all_of = [\"PROTECTED\"]"), Code::Contradiction, "format[0].linear");
    let others = lint_text(&entry("none_of = [\"PROTECTED\"]"));
    assert!(others.findings.is_empty(), "{}", others.render(false));
    // No format of AIDL's lies as I420, and nothing becomes it.
    let found = only(
        &compress("grid = [{}]")
            .replace("layouts = [\"RGBA_8888\"]", "layouts = [\"I420\"] #!")
            .replace("AB24", "YU12"),
        Code::Contradiction,
        "compress[0].layouts",
    );
    assert!(found.finding.message.contains("no format is I420"), "{found:?}");
}

/// `Documentation/gpu/afbc.rst`: its formats are those whose components come in the order R, G, B from the lowest bit on.
#[test]
fn rgb_565_in_blocks_is_bgr565() {
    let text = |fourcc: &str| {
        let grid = "{ block = [16, 16], block_align = 128, header_bytes = 16, header_align = 1024 }";
        compress(&format!("modifier = 0x0800000000000041\ngrid = [{grid}]"))
            .replace("RGBA_8888", "RGB_565")
            .replace("\"AB24\"", &format!("\"{fourcc}\" #!"))
    };
    only(&text("RG16"), Code::Compression, "compress[0].fourcc");
    let right = lint_text(&text("BG16"));
    assert!(right.findings.is_empty(), "{}", right.render(false));
}

/// Of 4:2:2 in one plane no headers are known, and the allocator refuses what it cannot write.
#[test]
fn headers_that_nobody_knows_are_not_written() {
    let of = |layout: &str, initialise: &str| {
        let grid = "grid = [{ block = [16, 16], block_align = 128, header_bytes = 16, header_align = 1024 }]";
        let text = compress(&format!("modifier = 0x0800000000000041\nmerged = true\n{initialise}\n{grid}"));
        text.replace("[\"RGBA_8888\"]", &format!("[\"{layout}\"]")).replace("AB24", &fourcc(layout))
    };
    only(&of("NV16", "initialise = \"afbc\" #!"), Code::Compression, "compress[0].initialise");
    for (layout, initialise) in
        [("NV16", ""), ("NV12", "initialise = \"afbc\""), ("RGBA_8888", "initialise = \"afbc\"")]
    {
        assert!(lint_text(&of(layout, initialise)).findings.is_empty(), "{layout}");
    }
}

/// A condition that is exactly a usage, and one that asks what the format became.
#[test]
fn conditions_of_exact_usage_and_of_layouts_name_what_there_is() {
    let align = |line: &str| with(&format!("[[align]]\nname = \"a\"\nsize_bytes = 4096\n{line} #!"));
    assert!(lint_text(&align("exactly = [\"GPU_TEXTURE\", \"CPU_READ_OFTEN\"]")).findings.is_empty());
    only(&align("exactly = [\"GPU_TEXTUR\"]"), Code::UnknownUsage, "align[0].exactly[0]");
    assert!(lint_text(&align("layouts = [\"RGBA_8888\", \"NV12\", \"YCRCB_420_SP\"]")).findings.is_empty());
    only(&align("layouts = [\"NV13\"]"), Code::UnknownLayout, "align[0].layouts[0]");
    let found = only(&align("layouts = [\"YCBCR_420_888\"]"), Code::UnknownLayout, "align[0].layouts[0]");
    assert!(found.finding.message.contains("a flexible format becomes one"), "{found:?}");
}

#[test]
fn alignments_keep_to_the_formats_definition() {
    let align =
        |formats: &str, line: &str| with(&format!("[[align]]\nname = \"a\"\nformats = [\"{formats}\"]\n{line} #!"));
    only(&align("YV12", "height_lines = 2"), Code::AlignBreaksFormat, "align[0].height_lines");
    only(&align("RAW16", "height_lines = 2"), Code::AlignBreaksFormat, "align[0].height_lines");
    only(&align("BLOB", "stride_bytes = 64"), Code::AlignBreaksFormat, "align[0].stride_bytes");
    for (name, line, key) in [
        ("BLOB", "odd_stride_pixels = 64", "odd_stride_pixels"),
        ("BLOB", "width_pixels = 64", "width_pixels"),
        ("RAW10", "added_lines = 2", "added_lines"),
        ("Y8", "height_lines = [16]", "height_lines"),
        ("YV12", "chroma_stride = \"same\"", "chroma_stride"),
        ("YV12", "stride_bytes = [32, 32]", "stride_bytes"),
        ("YV12", "padding_bytes = 256", "padding_bytes"),
        ("YV12", "plane_start = 4096", "plane_start"),
        ("BLOB", "plane_size = 4096", "plane_size"),
        ("BLOB", "padding_bytes = 256", "padding_bytes"),
        ("BLOB", "padding_lines = [1]", "padding_lines"),
    ] {
        only(&align(name, line), Code::AlignBreaksFormat, &format!("align[0].{key}"));
        // What it became is the same.
        let layouts = align(name, line).replace("formats = ", "layouts = ");
        only(&layouts, Code::AlignBreaksFormat, &format!("align[0].{key}"));
    }
    let fixed = "[[format]]\nname = \"V\"\nvalue = 0x102\nlike = \"NV12\"\nfourcc = \"NV12\"\nfixed_height = true\n";
    let own = with(&format!("{fixed}[[align]]\nname = \"a\"\nlayouts = [\"V\"]\nheight_lines = 16 #!"));
    only(&own, Code::AlignBreaksFormat, "align[0].height_lines");
    let found = only(&align("YV12", "stride_bytes = 32"), Code::AlignWidens, "align[0].stride_bytes");
    assert!(found.finding.message.contains("luma lines of 64"), "{found:?}");
    assert!(lint_text(&align("YV12", "stride_bytes = 16")).findings.is_empty());
    assert!(lint_text(&align("YV12", "stride_pixels = 32")).findings.is_empty());
    let found = only(&align("RGB_888", "stride_bytes = 64"), Code::AlignWidens, "align[0].stride_bytes");
    assert!(found.finding.message.contains("a multiple of 192 bytes"), "{found:?}");
    assert!(lint_text(&align("RGB_888", "stride_pixels = 64")).findings.is_empty());
}

#[test]
fn an_alignment_that_makes_small_buffers_too_large_for_vts() {
    // Twice a buffer's 16,384 bytes of pixels is too many, a page less is not.
    only(&with("[[align]] #!\nname = \"a\"\nsize_bytes = 32768"), Code::AlignBreaksFormat, "align[0]");
    let fits = lint_text(&with("[[align]]\nname = \"a\"\nsize_bytes = 28672"));
    assert!(fits.findings.is_empty(), "{}", fits.render(false));
    let found = only(&with("[[align]] #!\nname = \"a\"\nsize_bytes = 65536"), Code::AlignBreaksFormat, "align[0]");
    assert!(found.finding.message.contains("65536 bytes, and VTS wants fewer than 32768"), "{found:?}");
}

#[test]
fn an_alignment_that_no_request_has_room_for_is_named_and_not_the_limit() {
    let text = with("[[align]]\nname = \"a\"\nheight_lines = 2\nstride_bytes = 1073741824 #!");
    let found = only(&text, Code::MustAllocate, "align[0].stride_bytes");
    assert!(found.finding.message.contains("the limit is"), "{found:?}");
    let text = with("[[align]]\nname = \"a\"\nsize_bytes = 2147483648 #!");
    only(&text, Code::MustAllocate, "align[0].size_bytes");
}

/// Of layouts that no device must have, so that nobody else speaks of it.
#[test]
fn an_alignment_that_leaves_no_room_for_a_pixel_is_named() {
    for (key, value) in
        [("padding_lines", "4294967295"), ("least_of_luma", "[4294967295, 1]"), ("tail_bytes", "268435456")]
    {
        let align = |value: &str| with(&format!("[[align]]\nname = \"a\"\nlayouts = [\"P010\"]\n{key} = {value} #!"));
        only(&align(value), Code::AlignImpossible, &format!("align[0].{key}"));
    }
    // One byte fewer than what `[limits]` has for a request, less a pixel and its chroma.
    let fits = lint_text(&with("[[align]]\nname = \"a\"\nlayouts = [\"P010\"]\ntail_bytes = 268435392"));
    assert!(fits.findings.is_empty(), "{}", fits.render(false));
}

#[test]
fn alignments_that_ask_for_nothing_or_never_apply() {
    only(&with("[[align]] #!\nname = \"a\"\nstride_bytes = 1"), Code::AlignUnused, "align[0]");
    only(&with("[[align]] #!\nname = \"a\""), Code::AlignUnused, "align[0]");
    // To drop what was asked before is something to ask for.
    let drop = "[[align]]\nname = \"a\"\ncombine = \"replace\"\nstride_bytes = 1";
    assert!(lint_text(&with(drop)).findings.is_empty());
    let never = "[[align]] #!\nname = \"a\"\nall_of = [\"CPU_READ_RARELY\", \"CPU_READ_OFTEN\"]\nstride_bytes = 64";
    let found = only(&with(never), Code::Contradiction, "align[0]");
    assert!(found.finding.message.contains("CPU_READ_RARELY and CPU_READ_OFTEN cannot both hold"), "{found:?}");
}

#[test]
fn what_every_device_must_allocate() {
    let text = instead(
        "[[rule]]\nname = \"rest\"\n",
        "[[rule]]\nname = \"yv12\"\nformats = [\"YV12\"]\ndeny = \"no\" #!\n[[rule]]\nname = \"rest\"\n",
    );
    let found = only(&text, Code::MustAllocate, "rule[1].deny");
    assert!(found.finding.message.contains("YV12 64x64 with CPU_READ_OFTEN|CPU_WRITE_OFTEN (VTS)"), "{found:?}");
    assert!(found.finding.message.contains("one more such request"), "{found:?}");
    let text = instead("[[rule]]\nname = \"rest\"", "[[rule]] #!\nname = \"rest\"\nnone_of = [\"CAMERA_OUTPUT\"]");
    let found = only(&text, Code::MustAllocate, "rule[1]");
    assert!(found.finding.message.contains("CAMERA_OUTPUT"), "{found:?}");
    let found = only(&instead("\"256MiB\"", "\"4MiB\" #!"), Code::MustAllocate, "limits.request");
    assert!(found.finding.message.contains("1920x1080"), "{found:?}");
    // An alignment is blamed for what it does alone.
    let aligned = format!("{text}\n[[align]]\nname = \"a\"\nstride_bytes = 64\n");
    only(&aligned, Code::MustAllocate, "rule[1]");
    // Two rules that refuse are two findings.
    let deny = |format: &str| format!("[[rule]]\nname = \"{format}\"\nformats = [\"{format}\"]\ndeny = \"no\"\n");
    let rest = "[[rule]]\nname = \"rest\"\n";
    let two = lint_text(&instead(rest, &format!("{}{}{rest}", deny("YV12"), deny("BLOB"))));
    let found: Vec<_> = two.findings.iter().map(|found| (found.finding.code, found.finding.path.to_string())).collect();
    let expected = ["rule[1].deny", "rule[2].deny"].map(|path| (Code::MustAllocate, path.to_owned()));
    assert_eq!(found, expected, "{}", two.render(false));
}

#[test]
fn flexible_formats_need_a_resolution() {
    let gone = |what: &str, mark: &str| {
        let text = instead(&format!("[[resolve]]\nformat = \"{what}\"\n"), "[[resolve]]\nformat = \"RAW_OPAQUE\"\n");
        let text = text.replacen("to = \"NV12\"", "all_of = [\"CAMERA_INPUT\"]\nto = \"RAW16\"", 1);
        text.replace("[[rule]]\nname = \"rest\"", &format!("[[rule]] {mark}\nname = \"rest\""))
    };
    only(&gone("YCBCR_420_888", "#!"), Code::UnresolvedFormat, "rule[1]");
    let text = instead("to = \"RGBA_8888\"", "any_of = [\"CAMERA_OUTPUT\"]\nto = \"RGBA_8888\"");
    let text = text.replace("[[rule]]\nname = \"rest\"", "[[rule]] #!\nname = \"rest\"");
    only(&text, Code::UnresolvedFormat, "rule[1]");
    let (text, _) = CLEAN.split_once("[[resolve]]\nformat = \"RAW_OPAQUE\"").unwrap();
    let text = text.replace("[[rule]]\nname = \"rest\"", "[[rule]] #!\nname = \"rest\"");
    only(&text, Code::UnresolvedRaw, "rule[1]");
    let denied = text
        .replace("[[rule]] #!", "[[rule]]\nname = \"raw\"\nformats = [\"RAW_OPAQUE\"]\ndeny = \"no camera\"\n[[rule]]");
    assert!(lint_text(&denied).findings.is_empty());
}

#[test]
fn resolution_that_an_earlier_one_takes() {
    let text = with("[[resolve]] #!\nformat = \"YCBCR_420_888\"\nall_of = [\"CAMERA_OUTPUT\"]\nto = \"NV21\"");
    let found = only(&text, Code::Unreachable, "resolve[3]");
    assert_eq!(found.finding.related.first().unwrap().0.to_string(), "resolve[0]");
}

#[test]
fn contradictions() {
    let rule = |lines: &str| {
        instead(
            "[[rule]]\nname = \"rest\"",
            &format!("[[rule]] #!\nname = \"never\"\n{lines}\nheaps = [\"system\"]\n[[rule]]\nname = \"rest\""),
        )
    };
    for (lines, says) in [
        ("all_of = [\"CAMERA_OUTPUT\"]\nnone_of = [\"CAMERA_OUTPUT\"]", "in `all_of` and in `none_of`"),
        ("all_of = [\"CPU_READ_OFTEN\", \"CPU_READ_NEVER\"]", "CPU_READ_OFTEN and CPU_READ_NEVER cannot both hold"),
        ("all_of = [\"CPU_READ_NEVER\", \"CPU_READ_MASK\"]", "cannot both hold"),
        ("any_of = [\"CAMERA_INPUT\"]\nnone_of = [\"CAMERA_INPUT\"]", "`any_of` is in `none_of`"),
        ("formats = [\"BLOB\"]\nnot_formats = [\"BLOB\"]", "in `not_formats` too"),
        ("min_size = 8192\nmax_size = 4096", "min_size 8 KiB is more than max_size 4 KiB"),
        ("max_size = 0", "max_size is 0"),
        ("exactly = [\"GPU_TEXTURE\"]\nall_of = [\"CAMERA_OUTPUT\"]", "`all_of` wants CAMERA_OUTPUT"),
        ("exactly = [\"CPU_READ_RARELY\"]\nall_of = [\"CPU_READ_OFTEN\"]", "`all_of` wants CPU_READ_OFTEN"),
        ("exactly = [\"GPU_TEXTURE\"]\nnone_of = [\"GPU_TEXTURE\"]", "`none_of` excludes GPU_TEXTURE"),
        ("exactly = [\"GPU_TEXTURE\"]\nany_of = [\"CAMERA_OUTPUT\", \"CAMERA_INPUT\"]", "none of `any_of` is in it"),
        ("all_of = [\"CPU_READ_MASK\"]\nnone_of = [\"CPU_READ_RARELY\", \"CPU_READ_OFTEN\"]", "exclude one another"),
    ] {
        let found = only(&rule(lines), Code::Contradiction, "rule[1]");
        assert!(found.finding.message.contains(says), "{lines}: {}", found.finding.message);
    }
    let large = instead(
        "[[rule]]\nname = \"rest\"",
        "[[rule]]\nname = \"never\"\nmin_size = \"1GiB\" #!\nheaps = [\"system\"]\n[[rule]]\nname = \"rest\"",
    );
    only(&large, Code::Contradiction, "rule[1].min_size");
}

#[test]
fn rule_that_one_earlier_rule_takes() {
    let found = only(
        &with("[[rule]] #!\nname = \"camera\"\nall_of = [\"CAMERA_OUTPUT\"]\nheaps = [\"system\"]"),
        Code::Unreachable,
        "rule[2]",
    );
    assert!(found.finding.message.contains("rule \"rest\" before it takes everything"), "{found:?}");
    let related: Vec<String> = found.finding.related.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(related, ["rule[1]"]);
}

#[test]
fn rule_that_several_earlier_rules_take_together() {
    let rules = |last: &str| {
        let rules = format!(
            "[[rule]]\nname = \"protected\"\nall_of = [\"PROTECTED\"]\ndeny = \"no\"\n\
             [[rule]]\nname = \"off\"\nall_of = [\"SENSOR_DIRECT_DATA\"]\nheaps = [\"system\"]\n\
             [[rule]]\nname = \"never-reads\"\nall_of = [\"CPU_READ_NEVER\"]\nheaps = [\"system\"]\n\
             [[rule]]\nname = \"rarely-reads\"\nall_of = [\"CPU_READ_RARELY\"]\nmax_size = \"1MiB\"\nheaps = [\"system\"]\n\
             [[rule]]\nname = \"large\"\nmin_size = 1048577\nheaps = [\"system\"]\n\
             [[rule]]{last}\nheaps = [\"system\"]\n\
             [[rule]]\nname = \"rest\"\nheaps = [\"system\"]"
        );
        with_rules(&rules)
    };
    let text = rules(" #!\nname = \"not-often\"\nnone_of = [\"CPU_READ_OFTEN\"]");
    let found = only(&text, Code::Unreachable, "rule[5]");
    let related: Vec<String> = found.finding.related.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(related, ["rule[2]", "rule[3]", "rule[4]"], "{}", found.finding.message);
    // One byte less, and something is left for the rule.
    let open = text.replace("min_size = 1048577", "min_size = 1048578");
    assert!(lint_text(&open).findings.is_empty());
}

#[test]
fn a_policy_that_cannot_be_decided_is_told_so() {
    let rule = |size: usize| format!("[[rule]]\nname = \"r{size}\"\nmax_size = {size}\nheaps = [\"system\"]\n");
    let protected = "[[rule]] #!\nname = \"protected\"\nall_of = [\"PROTECTED\"]\ndeny = \"no\"\n";
    let rest = "[[rule]]\nname = \"rest\"\nheaps = [\"system\"]";
    let rules = |count: usize| (1..=count).map(|n| rule(n * 4096)).collect::<String>();
    only(&with_rules(&format!("{protected}{}{rest}", rules(128))), Code::TooIntricate, "rule");
    assert!(lint_text(&with_rules(&format!("{protected}{}{rest}", rules(127)))).findings.is_empty());
}

#[test]
fn a_policy_with_protected_heaps_that_cannot_be_decided_is_refused() {
    let rule = |size: usize| format!("[[rule]]\nname = \"r{size}\"\nmax_size = {size}\nheaps = [\"system\"]\n");
    let rules: String = (1..=128).map(|n| rule(n * 4096)).collect();
    let text = format!(
        "{}\n[[heap]]\nname = \"secure\"\nprotected = true\n",
        with_rules(&format!(
            "[[rule]]\nname = \"protected\"\nall_of = [\"PROTECTED\"]\nheaps = [\"secure\"]\n{rules}\
             [[rule]]\nname = \"rest\"\nheaps = [\"system\"]"
        ))
    );
    let codes: Vec<Code> = lint_text(&text).findings.iter().map(|located| located.finding.code).collect();
    assert!(codes.contains(&Code::ProtectedUndecided), "{codes:?}");
}

#[test]
fn budgets_of_two_heaps_on_one_node_bound_nothing_together() {
    let camera = |nodes: &str, budget: &str| {
        format!(
            "[[heap]]\nname = \"camera\"\nnodes = [{nodes}]\nbudget = \"64MiB\"\n\
             [[heap]]\nname = \"video\"\nnodes = [\"reserved\"]\n{budget}\n\
             [[rule]]\nname = \"late\"\nheaps = [\"camera\", \"video\"]"
        )
    };
    let found = |nodes: &str, budget: &str| {
        let linted = lint_text(&with(&camera(nodes, budget)));
        let limits = linted.findings.iter().filter(|located| located.finding.code == Code::LimitsContradict);
        limits.map(|located| located.finding.path.to_string()).collect::<Vec<_>>()
    };
    let both = "budget = \"32MiB\"";
    assert_eq!(found("\"linux,cma\", \"reserved\"", both), ["heap[2].budget"]);
    // Two names of one region, of which newer kernels have both.
    assert_eq!(found("\"linux,cma\"", both), ["heap[2].budget"]);
    assert_eq!(found("\"gcma_camera\"", both), [""; 0]);
    assert_eq!(found("\"linux,cma\", \"reserved\"", ""), [""; 0]);
}

#[test]
fn an_ordinary_heap_of_system_memory_is_part_of_what_the_reserve_keeps() {
    let heap = |lines: &str| instead("name = \"system\"", &format!("name = \"system\"\n{lines}"));
    let found = only(&heap("system_memory = false #!"), Code::SystemMemory, "heap[0].system_memory");
    assert!(found.finding.message.contains("node \"system\" gives pages of system memory"), "{found:?}");
    // A warning: the service loads it.
    assert!(lint_text(&heap("system_memory = false")).loadable().is_some());
    only(
        &heap("nodes = [\"carve-out\", \"system\"]\nsystem_memory = false #!"),
        Code::SystemMemory,
        "heap[0].system_memory",
    );
    assert!(lint_text(&heap("nodes = [\"carve-out\"]\nsystem_memory = false")).findings.is_empty());
    assert!(lint_text(&heap("system_memory = true")).findings.is_empty());
}

#[test]
fn a_heap_whose_nodes_are_called_carve_outs_says_whether_it_is_system_memory() {
    let rest = "[[rule]]\nname = \"rest\"\nheaps = [\"system\"]";
    let protected = |what: &str| format!("[[rule]]\nname = \"p\"\nall_of = [\"PROTECTED\"]\n{what}\n");
    let camera = |lines: &str| {
        let heap = format!("[[heap]]\nname = \"camera\"\n{lines}\n{}", protected("deny = \"no\""));
        let rule = "[[rule]]\nname = \"camera\"\nall_of = [\"CAMERA_OUTPUT\"]\nheaps = [\"camera\"]\n";
        with_rules(&format!("{heap}{rule}{rest}"))
    };
    for node in ["carveout_camera@a7000000", "camera-carve-out", "carve_out"] {
        let unsaid = camera(&format!("nodes = [\"{node}\"] #!"));
        let found = only(&unsaid, Code::SystemMemory, "heap[1].nodes");
        assert!(found.finding.message.contains("is a carve-out by its node's name"), "{found:?}");
        for said in ["false", "true"] {
            assert!(lint_text(&camera(&format!("nodes = [\"{node}\"]\nsystem_memory = {said}"))).findings.is_empty());
        }
    }
    // Where one of its nodes may be CMA, nothing is known.
    assert!(lint_text(&camera("nodes = [\"carveout\", \"camera\"]")).findings.is_empty());
    let secure = format!("{SECURE}nodes = [\"carveout\"]\n{}{rest}", protected("heaps = [\"secure\"]"));
    assert!(lint_text(&with_rules(&secure)).findings.is_empty());
}

#[test]
fn unused_heap() {
    only(&with("[[heap]]\nname = \"camera\" #!"), Code::UnusedHeap, "heap[1].name");
    let text = with("[[heap]]\nname = \"camera\" #!\n[[rule]]\nname = \"late\"\nheaps = [\"camera\"]");
    let linted = lint_text(&text);
    let found = linted.findings.iter().find(|located| located.finding.code == Code::UnusedHeap).unwrap();
    assert!(found.finding.message.contains("the rules that name it can never match"), "{found:?}");
}

#[test]
fn unused_group_and_twins() {
    only(&with("[format_group]\nRGB = [\"RGBA_8888\"] #!"), Code::UnusedGroup, "format_group.RGB");
    let text = instead("heaps = [\"system\"]", "heaps = [\"system\"]\ncached_when = [\"CPU_READ_OFTEN\"] #!");
    only(&text, Code::UnusedTwins, "rule[1].cached_when");
}

#[test]
fn repeated_items() {
    only(
        &instead("heaps = [\"system\"]", "heaps = [\"system\", \"system\"] #!"),
        Code::RepeatedItem,
        "rule[1].heaps[1]",
    );
    only(&instead("[\"PROTECTED\"]", "[\"PROTECTED\", \"PROTECTED\"] #!"), Code::RepeatedItem, "rule[0].all_of[1]");
    only(
        &instead("name = \"system\"", "name = \"system\"\nnodes = [\"a\", \"a\"] #!"),
        Code::RepeatedItem,
        "heap[0].nodes[1]",
    );
}

#[test]
fn limits_that_contradict_each_other() {
    let limits = |lines: &str| instead("[limits]", &format!("[limits]\n{lines}"));
    only(&limits("client = \"3GiB\" #!\ntotal = \"2GiB\""), Code::LimitsContradict, "limits.client");
    let text = CLEAN.replace("\"256MiB\"", "\"256MiB\" #!").replace("[limits]", "[limits]\nclient = \"128MiB\"");
    only(&text, Code::LimitsContradict, "limits.request");
    let heap = |lines: &str| instead("name = \"system\"", &format!("name = \"system\"\n{lines}"));
    only(&heap("max_buffer = \"128MiB\" #!\nbudget = \"64MiB\""), Code::LimitsContradict, "heap[0].max_buffer");
    only(&heap("max_buffer = \"512MiB\" #!"), Code::LimitsContradict, "heap[0].max_buffer");
    let text = heap("budget = \"4GiB\" #!").replace("[limits]", "[limits]\ntotal = \"2GiB\"");
    only(&text, Code::LimitsContradict, "heap[0].budget");
    let text = heap("budget = \"1GiB\"").replace("[limits]", "[limits]\ntotal = \"2GiB\" #!");
    only(&text, Code::LimitsContradict, "limits.total");
    let text = with_rules(
        "[[heap]]\nname = \"small\"\nmax_buffer = \"1MiB\"\n\
         [[rule]]\nname = \"protected\"\nall_of = [\"PROTECTED\"]\ndeny = \"no\"\n\
         [[rule]]\nname = \"large\"\nmin_size = \"2MiB\"\nheaps = [\"small\", \"system\"] #!\n\
         [[rule]]\nname = \"rest\"\nheaps = [\"system\"]",
    );
    only(&text, Code::LimitsContradict, "rule[1].heaps[0]");
}

#[test]
fn pool_s_keys_say_what_they_take() {
    let pool = |lines: &str| with(&format!("[pool]\n{lines}"));
    only(&pool("total = \"0\" #!"), Code::BadValue, "pool.total");
    only(&pool("total = \"0%\" #!"), Code::BadValue, "pool.total");
    only(&pool("total = \"101%\" #!"), Code::BadValue, "pool.total");
    only(&pool("total = \"5 %\" #!"), Code::BadValue, "pool.total");
    for float in ["0.05", "nan", "-inf"] {
        only(&pool(&format!("total = {float} #!")), Code::WrongType, "pool.total");
    }
    assert!(lint_text(&pool("total = \"6%\"")).findings.is_empty());
    only(&pool("total = \"64MiB\"\nidle_seconds = 0 #!"), Code::BadValue, "pool.idle_seconds");
    only(&pool("total = \"64MiB\"\nidle_seconds = 3601 #!"), Code::BadValue, "pool.idle_seconds");
    only(&pool("total = \"64MiB\"\nenabled = \"no\" #!"), Code::WrongType, "pool.enabled");
    only(&pool("total = \"64MiB\"\nstreams = 1 #!"), Code::WrongType, "pool.streams");
    let found = only(&pool("total = \"64MiB\"\nidle_secs = 3 #!"), Code::UnknownKey, "pool.idle_secs");
    assert_eq!(found.nearest.as_deref(), Some("idle_seconds"));
    let without = lint_text(&with("[pool]\nenabled = true"));
    assert!(without.findings.iter().all(|found| found.finding.code == Code::MissingKey), "{}", without.render(false));
    assert_eq!(without.findings.len(), 1);
}

#[test]
fn part_of_a_region_of_which_nothing_is_said_may_be_none() {
    let heap = |lines: &str| {
        instead("name = \"system\"", &format!("name = \"system\"\ncontiguous = true\n{lines}"))
            + "\n[pool]\ntotal = \"6%\""
    };
    only(&heap("pool = \"6%\" #!"), Code::PoolUnused, "heap[0].pool");
    assert!(lint_text(&heap("budget = \"64MiB\"\npool = \"6%\"")).findings.is_empty());
    assert!(lint_text(&heap("pool = \"6MiB\"")).findings.is_empty());
}

#[test]
fn ready_entries_must_be_had_and_fit_into_the_pool() {
    let entry = |lines: &str| {
        with(&format!("[pool]\ntotal = \"16MiB\"\n[[ready]] #!\nname = \"frame\"\nheight = 1080\n{lines}"))
    };
    let frames = |count: u32| entry(&format!("format = \"RGBA_8888\"\nwidth = 1920\ncount = {count}"));
    assert!(lint_text(&frames(2)).findings.is_empty(), "{}", lint_text(&frames(2)).render(false));
    only(&frames(3), Code::PoolUnused, "ready[0]");
    only(&entry("format = \"RGBA_8888\"\nwidth = 1\ncount = 1"), Code::PoolUnused, "ready[0]");
    only(&entry("format = \"BLOB\"\nwidth = 1920\ncount = 1"), Code::BadValue, "ready[0]");
    let text =
        frames(1).replace("format = \"RGBA_8888\"", "format = \"RGBA_888\" #!").replace("[[ready]] #!", "[[ready]]");
    among(&text, Code::UnknownFormat, "ready[0].format");
}

#[test]
fn what_is_to_be_kept_ready_without_a_pool_never_is() {
    let ready = "[[ready]] #!\nname = \"frame\"\nformat = \"RGBA_8888\"\nwidth = 1920\nheight = 1080\n\
                 usage = [\"GPU_TEXTURE\"]\ncount = 2";
    only(&with(ready), Code::PoolUnused, "ready[0]");
    assert!(lint_text(&with(&format!("{ready}\n[pool]\nenabled = true\ntotal = \"64MiB\""))).findings.is_empty());
}

/// More of them, and what does not hold, in `expect.rs`.
#[test]
fn expectations_name_what_there_is_and_can_hold() {
    let expect = |more: &str| {
        with(&format!(
            "[[expect]]\nname = \"it\"\nformat = \"RGBA_8888\"\nwidth = 64\nheight = 64\nusage = [\"PROTECTED\"]\n{more}"
        ))
    };
    assert!(lint_text(&expect("refused = \"denied\"\nrule = \"protected\"")).findings.is_empty());
    only(&expect("rule = \"protect\" #!"), Code::UnknownRule, "expect[0].rule");
    only(&expect("heap = \"system\" #!"), Code::ExpectNever, "expect[0].heap");
}

#[test]
fn every_code_has_a_test_here() {
    let tests = include_str!("findings.rs");
    for code in Code::ALL {
        assert!(tests.contains(&format!("Code::{code:?}")), "no test for {code}");
    }
}

#[test]
fn findings_come_in_the_order_of_the_file() {
    let text = CLEAN
        .replace("name = \"test\"", "name = \"\"")
        .replace("heaps = [\"system\"]", "heaps = [\"s\"]")
        .replace("schema = 1", "schema = 9");
    let lines: Vec<usize> = lint_text(&text).findings.iter().map(|located| located.line).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.is_sorted(), "{lines:?}");
}

/// What a vendor's format is like is what its handles say: a flexible format becomes nothing that they refuse.
#[test]
fn resolution_to_a_vendors_format_that_is_like_a_layout_no_handle_has_is_refused() {
    for (flexible, like) in [("RAW_OPAQUE", "NV12"), ("YCBCR_420_888", "P010"), ("YCBCR_420_888", "NV16")] {
        let format = format!("[[format]]\nname = \"OWN\"\nvalue = 0x7001\nlike = \"{like}\"\nfourcc = \"none\"\n");
        let (head, tail) = CLEAN.split_once(&format!("format = \"{flexible}\"\n")).unwrap();
        let (_, tail) = tail.split_once('\n').unwrap();
        let text = format!("{head}format = \"{flexible}\"\nto = \"OWN\" #!\n{tail}\n{format}");
        let at = CLEAN.matches("[[resolve]]").count() - 1 - tail.matches("[[resolve]]").count();
        let finding = among(&text, Code::BadValue, &format!("resolve[{at}].to"));
        assert_eq!(finding.finding.message, format!("{flexible} cannot become OWN"));
    }
}

/// More of both is in `vendor_metadata.rs`.
#[test]
fn vendors_metadata_without_a_value_and_with_a_second_one() {
    let entry = "[[vendor_metadata]]\nname = \"NAME\"\ntype = \"vendor.acme.Metadata\"\nencoding = \"i64\"\n";
    let silent = entry.replace("[[vendor_metadata]]", "[[vendor_metadata]] #!").replace("NAME", "it") + "value = 1\n";
    only(&with(&silent), Code::VendorMetadata, "vendor_metadata[0]");
    let first = entry.replace("NAME", "it") + "value = 1\nconstant = 1\n";
    let second = entry.replace("NAME", "again") + "value = 1 #!\nconstant = 2\n";
    only(&with(&(first + &second)), Code::MetadataUnused, "vendor_metadata[1].value");
}

#[test]
fn names_of_files_and_of_what_is_known_are_no_orders_to_a_terminal() {
    let text = with("[[heap]]\nname = \"\\u001b[2Jx\"\n[[rule]]\nname = \"r\"\nheaps = [\"nobody\"]");
    let linted = lint(Source::text("p\u{1b}[2J.toml", text, Format::Toml));
    for said in [linted.render(false), linted.lines(), linted.source.name.clone()] {
        assert!(!said.contains(|c: char| c.is_control() && !"\n\t".contains(c)), "{said:?}");
    }
}

/// A condition's `layouts` would take the layout, and its `formats` the group.
#[test]
fn group_with_the_name_of_a_layout_is_refused() {
    let group = "[format_group]\nNV12 = [\"YCRCB_420_SP\"] #!";
    among(&with(group), Code::DuplicateName, "format_group.NV12");
}

#[test]
fn as_many_formats_as_a_policy_may_have_are_decided() {
    for count in [86, MAX_FORMATS] {
        let format = |at: usize| {
            let value = 0x1000 + at;
            format!("[[format]]\nname = \"F{at}\"\nvalue = {value}\nlike = \"NV12\"\nfourcc = \"NV12\"\n")
        };
        let linted = lint_text(&with(&(0..count).map(format).collect::<String>()));
        let undecided =
            |located: &Located| matches!(located.finding.code, Code::TooIntricate | Code::ProtectedUndecided);
        assert!(!linted.findings.iter().any(undecided), "{count}: {}", linted.render(false));
        let policy = linted.loadable().unwrap();
        assert_eq!(heaps_host::diff::diff(policy, policy), []);
    }
}
