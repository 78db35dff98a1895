//! What the service loads: good JSON, and every way for it to be bad.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::any_tree;
use gralloc_buffer::layout::Ask;
use heaps_config::policy::WithoutReleaseWatch;
use heaps_config::{from_json, validate, Code, ConfigError};
use proptest::prelude::*;

const GOOD: &str = r#"{
  "schema": 1,
  "name": "test",
  "limits": { "request": "256MiB", "client": "1GiB", "total": 4294967296, "reserve": 0, "buffers_per_request": 8 },
  "metadata": { "heap": "system" },
  "vendor_usage": { "NPU": 49, "FACE": 28 },
  "format_group": { "RGB": ["RGBA_8888", "RGB_565"] },
  "option": [{ "name": "a.b", "values": [-1, 2] }],
  "heap": [
    { "name": "system", "uncached_twin": "uncached" },
    { "name": "uncached", "nodes": ["system-uncached"], "cached": false },
    { "name": "cma", "nodes": ["cma", "reserved"], "contiguous": true, "max_buffer": "8MiB", "budget": "64MiB" }
  ],
  "rule": [
    { "name": "no", "all_of": ["PROTECTED"], "deny": "none here" },
    { "name": "camera", "any_of": ["CAMERA_OUTPUT", "NPU"], "none_of": ["CPU_WRITE_MASK"], "not_formats": ["BLOB"],
      "min_size": "4KiB", "max_size": "8MiB", "heaps": ["cma", "system"], "cached_when": ["CPU_READ_OFTEN"] },
    { "name": "rest", "heaps": ["system"] }
  ],
  "align": [{ "name": "rgb", "formats": ["RGB"], "stride_bytes": 64, "height_lines": 4 }],
  "resolve": [{ "format": "YCBCR_420_888", "all_of": ["CPU_READ_NEVER"], "to": "NV12" }]
}"#;

#[test]
fn good_json_becomes_what_it_says() {
    use gralloc_buffer::{Layout, PixelFormat, Usage};
    use heaps_config::policy::{Action, HeapId, Term};
    let policy = from_json(GOOD).unwrap();
    assert_eq!(policy.limits.request_bytes, 256 << 20);
    assert_eq!(policy.limits.client_bytes, Some(1 << 30));
    assert_eq!(policy.limits.total_bytes, Some(4 << 30));
    assert_eq!(policy.vendor_bits(), Usage(1 << 49 | 1 << 28));
    assert_eq!(policy.options[0].values, [-1, 2]);
    assert_eq!(policy.heap(HeapId(0)).unwrap().nodes, ["system"], "a heap's node has its name by default");
    assert!(policy.heap(HeapId(0)).unwrap().cached && !policy.heap(HeapId(1)).unwrap().cached);
    assert_eq!(policy.heap(HeapId(2)).unwrap().budget_bytes, Some(64 << 20));
    assert_eq!(policy.rules[0].action, Action::Deny("none here".to_owned()));
    let often = Term::Equals { mask: Usage::CPU_READ_MASK, value: Usage::CPU_READ_OFTEN };
    assert_eq!(
        policy.rules[1].action,
        Action::Heaps {
            heaps: vec![HeapId(2), HeapId(0)],
            uncached: vec![HeapId(2), HeapId(1), HeapId(0)],
            cached_when: vec![often],
        },
        "each heap's uncached twin comes before it"
    );
    let when = &policy.rules[1].when;
    assert_eq!(*when.any_of, [Term::Any(Usage::CAMERA_OUTPUT), Term::Any(Usage(1 << 49))]);
    assert_eq!(*when.none_of, [Term::Any(Usage::CPU_WRITE_MASK)]);
    assert_eq!((when.min_bytes, when.max_bytes), (Some(4096), Some(8 << 20)));
    assert_eq!(policy.alignments[0].when.formats, [PixelFormat::Rgba8888, PixelFormat::Rgb565], "groups are expanded");
    assert_eq!(policy.alignments[0].asks, [Ask::StrideBytes(64), Ask::Lines(4)]);
    let never = Term::Equals { mask: Usage::CPU_READ_MASK, value: Usage::NONE };
    assert_eq!((policy.resolutions[0].layout, policy.resolutions[0].when.all_of[0]), (Layout::Nv12.into(), never));
}

fn refused(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    let error = from_json(&GOOD.replacen(old, new, 1)).unwrap_err();
    assert!(matches!(error, ConfigError::Refused(_)), "{error}");
    error.to_string()
}

#[test]
fn errors_name_the_key_and_what_is_allowed() {
    let says = refused("\"cma\", \"system\"]", "\"cma\", \"sytem\"]");
    assert_eq!(
        says,
        "error[unknown-heap] rule[1].heaps[1]: heap \"sytem\" is not known; allowed: system, uncached, cma"
    );
    let says = refused("\"deny\"", "\"denied\"");
    assert!(says.contains("error[unknown-key] rule[0].denied: key \"denied\" is not known; allowed: name,"), "{says}");
    let says = refused("\"schema\": 1", "\"schema\": 7");
    assert_eq!(says, "error[schema-version] schema: schema 7 is not one that this version reads; allowed: 1");
    let says = refused("\"256MiB\"", "\"lots\"");
    assert!(says.contains("limits.request: \"lots\" is not a size; allowed: bytes as a number, or a string"), "{says}");
    let says = refused("\"cached\": false", "\"cached\": null");
    assert!(says.contains("heap[1].cached: this takes true or false, not null"), "{says}");
}

#[test]
fn every_error_is_named_not_only_the_first() {
    let text = GOOD.replacen("\"schema\": 1", "\"schema\": 2", 1).replacen("\"NPU\": 49", "\"NPU\": 47", 1);
    let says = from_json(&text).unwrap_err().to_string();
    assert!(says.contains("schema") && says.contains("vendor_usage.NPU"), "{says}");
}

#[test]
fn warnings_do_not_keep_a_policy_from_being_loaded() {
    assert!(from_json(&GOOD.replacen("[\"cma\", \"reserved\"]", "[\"cma\", \"cma\"]", 1)).is_ok());
}

#[test]
fn protected_and_ordinary_in_one_rule_are_never_loaded() {
    let says = refused("\"contiguous\": true", "\"protected\": true");
    assert!(says.contains("error[protected-mixed] rule[1].heaps[1]"), "{says}");
}

#[test]
fn a_protected_heap_with_an_ordinary_node_is_never_loaded() {
    let secure = "\"heap\": [{ \"name\": \"secure\", \"nodes\": [\"secure\", \"system\"], \"protected\": true },";
    let says = refused("\"heap\": [", secure);
    assert!(says.contains("error[protected-node] heap[0].nodes[1]"), "{says}");
}

#[test]
fn an_empty_name_is_refused_and_does_not_widen_its_rule() {
    let says = refused("[\"PROTECTED\"]", "[\"\"]");
    assert!(says.contains("error[bad-value] rule[0].all_of[0]: an empty name"), "{says}");
}

#[test]
fn broken_json_names_line_and_column() {
    for (text, line, column) in [("", 1, 0), ("{\n  \"schema\": 1,\n}", 3, 1), ("[1, 2", 1, 5)] {
        let Err(ConfigError::Syntax { line: at, column: col, message }) = from_json(text) else {
            unreachable!("{text}")
        };
        assert_eq!((at, col), (line, column), "{text}: {message}");
        assert!(!message.contains(" at line "), "{message}");
    }
}

#[test]
fn a_key_written_twice_is_refused() {
    let error =
        from_json(&GOOD.replacen("\"name\": \"test\",", "\"name\": \"test\", \"name\": \"b\",", 1)).unwrap_err();
    let ConfigError::Syntax { line, column, message } = error else { unreachable!("{error}") };
    assert_eq!((line, column), (3, 24), "{message}");
    assert!(message.contains("\"name\""), "{message}");
}

#[test]
fn too_long_and_too_deep_are_refused() {
    let long = " ".repeat(heaps_config::MAX_TEXT_BYTES + 1);
    assert_eq!(from_json(&long), Err(ConfigError::TooLong(long.len())));
    assert!(matches!(from_json(&"[".repeat(100_000)), Err(ConfigError::Syntax { .. })));
}

#[test]
fn numbers_beyond_63_bits_and_fractions_are_refused() {
    for number in ["18446744073709551615", "1e3", "1.0", "-1"] {
        let says = refused("\"total\": 4294967296", &format!("\"total\": {number}"));
        assert!(says.contains("limits.total"), "{number}: {says}");
    }
}

#[test]
fn other_values_than_a_table_are_refused() {
    for text in ["null", "[]", "1", "\"x\""] {
        let Err(ConfigError::Refused(findings)) = from_json(text) else { unreachable!("{text}") };
        assert_eq!(findings[0].code, Code::WrongType, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_tree_makes_it_panic(tree in any_tree()) {
        let _ = validate(&tree);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = from_json(&text);
    }

    /// One byte of a good policy changed: it loads or it is refused with words, and it never panics.
    #[test]
    fn a_flipped_byte_is_survived(at in 0..GOOD.len(), byte in any::<u8>()) {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            if let Err(error) = from_json(&text) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}

/// By kind: pages of the system heap and of CMA are part of MemAvailable, a protected carve-out is not.
#[test]
fn memory_is_the_systems_unless_it_is_protected_or_the_policy_says_otherwise() {
    let policy = from_json(GOOD).unwrap();
    assert!(policy.heaps.iter().all(|heap| heap.system_memory && !heap.protected));
    let protected = ", { \"name\": \"secure\", \"protected\": true } ]";
    let carve_out = GOOD.replace("\"budget\": \"64MiB\" }", "\"budget\": \"64MiB\", \"system_memory\": false }");
    let read = |text: &str| {
        let policy = from_json(text).unwrap();
        policy.heaps.iter().map(|heap| heap.system_memory).collect::<Vec<_>>()
    };
    assert_eq!(read(&carve_out), [true, true, false]);
    let with_secure = GOOD.replace("\"budget\": \"64MiB\" }\n  ]", &format!("\"budget\": \"64MiB\" }}\n  {protected}"));
    assert_eq!(read(&with_secure), [true, true, true, false]);
}

#[test]
fn without_release_watch_serves_unless_the_policy_refuses() {
    let policy = |value: &str| GOOD.replacen("\"limits\": {", &format!("\"limits\": {{ {value}"), 1);
    let read = |value: &str| from_json(&policy(value)).map(|policy| policy.limits.without_release_watch);
    assert_eq!(read("").unwrap(), WithoutReleaseWatch::Serve);
    assert_eq!(read("\"without_release_watch\": \"serve\",").unwrap(), WithoutReleaseWatch::Serve);
    assert_eq!(read("\"without_release_watch\": \"refuse\",").unwrap(), WithoutReleaseWatch::Refuse);
    let error = read("\"without_release_watch\": \"stop\",").unwrap_err().to_string();
    assert!(error.contains("limits.without_release_watch") && error.contains("serve, refuse"), "{error}");
}

/// Some hundred kilobytes of text must not become gigabytes of what would have been allowed.
#[test]
fn policy_of_many_unknown_names_names_what_is_known_a_few_times() {
    let heaps: Vec<String> = (0..2000).map(|at| format!(r#"{{ "name": "heap{at}" }}"#)).collect();
    let text = GOOD.replace(r#""heap": ["#, &format!(r#""heap": [{},"#, heaps.join(",")));
    let text = text.replace(r#""heaps": ["system"]"#, &format!(r#""heaps": [{}"system"]"#, r#""x","#.repeat(20_000)));
    let ConfigError::Refused(findings) = from_json(&text).unwrap_err() else { panic!("it loads, or is no JSON") };
    let unknown: Vec<usize> = findings.iter().filter(|of| of.unknown.is_some()).map(|of| of.allowed.len()).collect();
    assert_eq!((unknown.len(), unknown[0]), (20_000, 512));
    assert!(unknown.iter().sum::<usize>() <= 256 * 512);
}
