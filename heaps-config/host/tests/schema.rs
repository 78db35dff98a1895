//! The schema takes every policy that there is, knows every key that is documented, and refuses what lint refuses.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use heaps_host::{profile, schema, PROFILES};
use serde_json::{json, Value};

/// What is wrong with a value: the part of JSON Schema that the schema uses.
fn wrong(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(choices) = schema["anyOf"].as_array() {
        if choices.iter().all(|choice| !wrong(choice, value, path).is_empty()) {
            found.push(format!("{path}: none of the choices"));
        }
        return found;
    }
    if let Some(names) = schema["enum"].as_array() {
        if !names.contains(value) {
            found.push(format!("{path}: not in the list"));
        }
        return found;
    }
    let is = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !is {
        return vec![format!("{path}: no {}", schema["type"])];
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(wrong(&schema["items"], item, &format!("{path}[{at}]")));
    }
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(key).is_none() {
            found.push(format!("{path}: {key} is missing"));
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => found.push(format!("{path}: unknown")),
            (Value::Null, more) => found.extend(wrong(more, inner, &path)),
            (known, _) => found.extend(wrong(known, inner, &path)),
        }
    }
    found
}

fn parsed(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

#[test]
fn every_profile_and_every_draft_fits() {
    let schema = schema();
    for (name, text) in PROFILES {
        assert_eq!(wrong(&schema, &parsed(text), name), [""; 0]);
    }
    for text in [
        include_str!("../../vendors/pixel.toml"),
        include_str!("../../vendors/qualcomm.toml"),
        include_str!("../../vendors/rockchip.toml"),
    ] {
        assert_eq!(wrong(&schema, &parsed(text), "peer"), [""; 0]);
    }
    let draft = heaps_host::draft("board", ["system", "linux,cma", "vframe-secure"]).unwrap();
    assert_eq!(wrong(&schema, &parsed(&draft), "draft"), [""; 0]);
}

#[test]
fn faults_do_not_fit() {
    let schema = schema();
    let good = profile("reference-soc").unwrap().text;
    for (from, to, says) in [
        ("schema = 1\n", "", "schema is missing"),
        ("nodes = [\"system\"]", "node = [\"system\"]", "node: unknown"),
        ("nodes = [\"system\"]", "nodes = \"system\"", "nodes: no"),
        ("cached = false", "cached = \"no\"", "cached: no"),
        ("buffers_per_request = 32", "buffers_per_request = \"32\"", "buffers_per_request: no"),
        ("SOC_NPU = 49", "SOC_NPU = \"49\"", "SOC_NPU: no"),
        ("name = \"camera\"\n", "", "name is missing"),
    ] {
        assert!(good.contains(from), "{from}");
        let found = wrong(&schema, &parsed(&good.replacen(from, to, 1)), "");
        assert!(found.iter().any(|found| found.contains(says)), "{to}: {found:?}");
    }
}

#[test]
fn names_are_there_to_be_completed() {
    let schema = schema();
    let offered = |section: &str, key: &str| schema["properties"][section]["items"]["properties"][key].to_string();
    assert!(offered("rule", "all_of").contains("CAMERA_OUTPUT") && offered("rule", "formats").contains("RGBA_8888"));
    assert!(offered("resolve", "to").contains("NV12") && offered("expect", "usage").contains("PROTECTED"));
    assert_eq!(schema["properties"]["vendor_usage"]["additionalProperties"], json!({ "type": "integer" }));
    assert!(schema["properties"]["heap"]["items"]["properties"]["budget"]["anyOf"].is_array());
    assert!(schema["properties"]["limits"]["properties"]["without_release_watch"].to_string().contains("refuse"));
}
