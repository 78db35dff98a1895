//! The pool's bounds: what a policy may say, and what that comes to on a machine.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use heaps_config::policy::{Bound, HeapId, Memory, PoolBounds, LEAST_OF_MACHINE};
use heaps_config::{from_json, to_json, validate, ConfigError};

const MIB: u64 = 1 << 20;
const PAGE: u64 = 4096;
const SYSTEM: HeapId = HeapId(0);
const CAMERA: HeapId = HeapId(1);
const CARVE_OUT: HeapId = HeapId(2);
const SECURE: HeapId = HeapId(3);

/// A policy with this `[pool] total` and further keys of three heaps.
fn policy(total: &str, [camera, carve_out, secure]: [&str; 3]) -> String {
    format!(
        r#"{{
          "schema": 1, "name": "test",
          "limits": {{ "request": "256MiB", "reserve": 0, "buffers_per_request": 8 }},
          "metadata": {{ "heap": "system" }},
          "pool": {{ "total": {total} }},
          "heap": [
            {{ "name": "system" }},
            {{ "name": "camera", "contiguous": true {camera} }},
            {{ "name": "carve-out", "system_memory": false {carve_out} }},
            {{ "name": "secure", "protected": true {secure} }}
          ],
          "rule": [{{ "name": "all", "heaps": ["system"] }}]
        }}"#
    )
}

fn bounds(text: &str, total_bytes: Option<u64>, region: impl Fn(HeapId) -> Option<u64>) -> PoolBounds {
    let memory = Memory { total_bytes, page_bytes: PAGE, region_bytes: &region };
    from_json(text).unwrap().pool_bounds(&memory).unwrap()
}

fn refused(text: &str) -> String {
    let error = from_json(text).unwrap_err();
    assert!(matches!(error, ConfigError::Refused(_)), "{error}");
    error.to_string()
}

#[test]
fn part_is_of_the_machines_memory_in_whole_pages() {
    let text = policy("\"6%\"", [""; 3]);
    for (mib, bytes) in [(512, 32_210_944), (2048, 128_847_872), (8192, 515_395_584)] {
        let bounds = bounds(&text, Some(mib * MIB), |_| None);
        assert_eq!((bounds.total_bytes, bounds.heap_bytes(SYSTEM)), (bytes, bytes), "{mib} MiB");
        assert!(bytes % PAGE == 0 && bytes <= mib * MIB * 6 / 100 && bytes > mib * MIB * 6 / 100 - PAGE);
    }
    let whole = bounds(&policy("\"100%\"", [""; 3]), Some(u64::MAX), |_| None);
    assert!(whole.total_bytes <= u64::MAX / 100, "what does not fit 64 bits is less, not more");
}

#[test]
fn part_of_a_small_machine_has_a_least_and_of_an_unknown_one_is_nothing() {
    let text = policy("\"1%\"", [""; 3]);
    assert_eq!(bounds(&text, Some(512 * MIB), |_| None).total_bytes, LEAST_OF_MACHINE);
    assert_eq!(bounds(&text, Some(4 * MIB), |_| None).total_bytes, 4 * MIB, "no more than there is");
    assert_eq!(bounds(&text, None, |_| None).total_bytes, 0);
    let bytes = policy("\"3MiB\"", [""; 3]);
    assert_eq!(bounds(&bytes, None, |_| None).total_bytes, 3 * MIB, "what is said in bytes is as said");
}

#[test]
fn region_of_its_own_is_the_measure_of_its_heap() {
    let of = |keys, region: Option<u64>| {
        let bounds = bounds(&policy("\"10%\"", keys), Some(2048 * MIB), |_| region);
        [CAMERA, CARVE_OUT, SECURE].map(|heap| bounds.heap_bytes(heap))
    };
    assert_eq!(of([""; 3], None), [0, 0, 0], "a region of which nothing is told");
    assert_eq!(of([""; 3], Some(80 * MIB)), [8 * MIB, 8 * MIB, 0], "what the kernel tells");
    let budget = r#", "budget": "40MiB""#;
    assert_eq!(of([budget; 3], Some(80 * MIB)), [4 * MIB, 4 * MIB, 0], "what graphics may have of it");
    let part = r#", "budget": "40MiB", "pool": "50%""#;
    assert_eq!(of([part; 3], None), [20 * MIB; 3], "protected memory only by the policy's own word");
    assert_eq!(of([r#", "pool": "5MiB""#; 3], None), [5 * MIB; 3]);
    assert_eq!(of([r#", "pool": 0"#; 3], Some(80 * MIB)), [0; 3]);
    assert_eq!(of([r#", "budget": "8GiB", "pool": "100%""#; 3], None), [214_745_088; 3], "no more than of all");
}

#[test]
fn bound_in_bytes_is_every_ordinary_heaps_as_before() {
    let bounds = bounds(&policy("\"64MiB\"", [""; 3]), Some(2048 * MIB), |_| None);
    assert_eq!(bounds.heap_bytes, [64 * MIB, 64 * MIB, 64 * MIB, 0]);
}

#[test]
fn value_that_is_no_bound_is_refused_with_key_and_what_is_allowed() {
    let bad = [
        "\"0%\"",
        "\"101%\"",
        "\"5 %\"",
        "\"-5%\"",
        "\"NaN%\"",
        "\"2.5%\"",
        "\"99999999999999999999%\"",
        "\"%\"",
        "\"0\"",
        "-1",
        "\"99999999999GiB\"",
        "\"5 MB\"",
    ];
    for value in bad {
        let says = refused(&policy(value, [""; 3]));
        assert!(says.starts_with("error[bad-value] pool.total: "), "{value}: {says}");
        if !matches!(value, "\"0\"") {
            assert!(says.contains("\"64KiB\"") && says.contains("\"1%\" to \"100%\""), "{value}: {says}");
        }
        let of_heap =
            refused(&policy("\"6%\"", [&format!(", \"pool\": {}", value.replace("\"0\"", "\"0%\"")), "", ""]));
        assert!(of_heap.starts_with("error[bad-value] heap[1].pool: "), "{value}: {of_heap}");
    }
    for value in ["0.05", "true", "null", "[\"5%\"]"] {
        let says = refused(&policy(value, [""; 3]));
        assert!(says.starts_with("error[wrong-type] pool.total: this takes a size or a part of the memory"), "{says}");
    }
    let says = refused(&policy("\"6%\"", [""; 3]).replace("\"256MiB\"", "\"6%\""));
    assert!(says.contains("limits.request: \"6%\" is not a size"), "{says}");
}

#[test]
fn part_stays_a_part_in_the_canonical_json() {
    let text = policy("\"6%\"", [r#", "budget": "40MiB", "pool": "50%""#, "", ""]);
    let validated = validate(&heaps_config::parse_json(&text).unwrap());
    assert_eq!(validated.document.pool.as_ref().unwrap().total, Bound::Percent(6));
    let canonical = to_json(&validated.document).unwrap();
    assert!(canonical.contains("\"total\": \"6%\"") && canonical.contains("\"pool\": \"50%\""), "{canonical}");
    assert_eq!(from_json(&canonical).unwrap(), validated.policy);
}
