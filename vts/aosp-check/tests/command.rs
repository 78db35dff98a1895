//! The command, as `cargo xtask ci` runs it: what is wrong is its exit status, and both places are in its output.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::sepolicy;
use common::{root, Copy};
use std::path::Path;
use std::process::{Command, Output};

fn run(root: &Path, check: &str) -> (Option<i32>, String) {
    let output: Output =
        Command::new(env!("CARGO_BIN_EXE_aosp_check")).arg("--root").arg(root).arg(check).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A check, a file with a text and what it becomes, and the two places that have to be named.
const FAULTS: [(&str, &str, &str, &str, [&str; 2]); 5] = [
    (
        "sepolicy",
        "sepolicy/heaps/reference-soc/heaps.te",
        "type dmabuf_sensor_heap_device,",
        "type dmabuf_other_heap_device,",
        ["heaps-config/profiles/reference-soc.toml:", "sepolicy/heaps/reference-soc/heaps.te"],
    ),
    (
        "soong",
        "service/allocator/Android.bp",
        "src/lib.rs",
        "src/gone.rs",
        ["service/allocator/Android.bp:", "src/gone.rs"],
    ),
    (
        "aidl",
        "aidl/vendor/dmaheap/graphics/allocator/PoolStatistics.aidl",
        "long hits;",
        "int hits;",
        [
            "1/vendor/dmaheap/graphics/allocator/PoolStatistics.aidl:",
            "aidl/vendor/dmaheap/graphics/allocator/PoolStatistics.aidl:",
        ],
    ),
    (
        "declarations",
        "sepolicy/vendor/service_contexts",
        "mapper/dmaheap",
        "mapper/other",
        ["sepolicy/vendor/service_contexts", "dmaheap"],
    ),
    (
        "declarations",
        "service/server/allocator-service.dmaheap.xml",
        "<version>2</version>",
        "<version>3</version>",
        ["service/server/allocator-service.dmaheap.xml", "<version>2</version>"],
    ),
];

#[test]
fn a_planted_fault_fails_the_command_and_both_places_are_said() {
    for (check, file, from, to, places) in FAULTS {
        if check == "sepolicy" && !sepolicy::missing_tools().is_empty() {
            println!("SKIP {file}: {} missing", sepolicy::missing_tools().join(", "));
            continue;
        }
        let copy = Copy::new();
        copy.replace(file, from, to);
        let (status, output) = run(copy.root(), check);
        assert_eq!(status, Some(1), "{file}: {to}\n{output}");
        for place in places {
            assert!(output.contains(place), "{file}: {to}: no word of {place} in\n{output}");
        }
    }
}

#[test]
fn the_project_passes_the_command() {
    for check in ["soong", "aidl", "declarations"] {
        let (status, output) = run(&root(), check);
        assert_eq!(status, Some(0), "{output}");
    }
}
