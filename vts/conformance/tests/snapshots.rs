//! Where the snapshots of AOSP's VTS differ: what this project's service and mapper pass with each `--vts`. No layout of values
//! in the top of words of 16 bits passes all of them; a refusal of those formats to the CPU does, which is why the shipped
//! profiles have that rule.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

// The keeper restarts services for the other tests.
#[allow(dead_code)]
mod common;

use common::keeper::{own_service, service_of, Keeper};
use std::collections::BTreeSet;
use std::process::Command;

/// As the command line names them, oldest first.
const SNAPSHOTS: [&str; 3] = ["16-qpr2", "17", "newest"];
/// The formats on which they differ.
const IN_WORDS: [&str; 7] = [
    "RGBA_10101010",
    "RGBA_12121212_UINT",
    "RGBA_14141414_UINT",
    "RG_1212_UINT",
    "RG_1414_UINT",
    "R_12_UINT",
    "R_14_UINT",
];
const GROUP: &str = "mapper::Lock_RGB_Format_";

/// The formats of the tests that failed, and of those that were skipped.
fn run(service: &Keeper, vts: &str) -> [BTreeSet<String>; 2] {
    run_group(service, vts, GROUP)
}

/// What follows the group's name in those tests of it that failed, and that were skipped.
fn run_group(service: &Keeper, vts: &str, group: &str) -> [BTreeSet<String>; 2] {
    let mut suite = Command::new(env!("CARGO_BIN_EXE_gralloc-conformance"));
    suite.env_remove("GRALLOC_NO_SKIP").args(["--color", "never", "--in-process", "--vts", vts]);
    suite.arg("--allocator").arg(service.transport()).arg("--mapper").arg(common::mapper()).arg(group);
    let output = suite.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("test result: "), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    ["FAILED", "ignored"].map(|word| {
        let lines =
            text.lines().filter_map(|line| line.strip_prefix("test ")?.strip_prefix(group)?.split_once(" ... "));
        lines.filter(|(_, end)| end.starts_with(word)).map(|(name, _)| name.trim().to_owned()).collect()
    })
}

fn formats<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn true_layouts_pass_the_newest_alone_and_what_differs_is_in_words() {
    // The formats of common V7, and no rule that denies any.
    let service = own_service();
    for vts in SNAPSHOTS {
        let [failed, _] = run(&service, vts);
        let wrong = if vts == "newest" { formats([]) } else { formats(IN_WORDS) };
        assert_eq!(failed, wrong, "{vts}");
    }
}

#[test]
fn shipped_rule_passes_every_snapshot_and_skips_no_other_format() {
    let service = service_of(|policy| policy["graphics_common"] = 7.into());
    for vts in SNAPSHOTS {
        let [failed, skipped] = run(&service, vts);
        // Only the newest has a run for this one.
        let older = (vts != "newest").then_some("BGRX_1010102");
        assert_eq!((failed, skipped), (formats([]), formats(IN_WORDS.into_iter().chain(older))), "{vts}");
    }
}

/// The allocator's tests of 16 QPR2 lack the one of no layers, and the mapper's have RAW14 in the newest alone.
#[test]
fn tests_that_a_snapshot_lacks_are_skipped_with_it() {
    let service = own_service();
    for vts in SNAPSHOTS {
        let rows =
            [("allocator::Rejects", "ZeroLayerCount", vts != "16-qpr2"), ("mapper::Lock_RAW", "14", vts == "newest")];
        for (group, name, has) in rows {
            let skipped = if has { formats([]) } else { formats([name]) };
            assert_eq!(run_group(&service, vts, group), [formats([]), skipped], "{group}{name} of {vts}");
        }
    }
}
