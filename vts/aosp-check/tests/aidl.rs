//! The dumps of an interface and their hash: AOSP's own frozen versions come out of this project's files to the bit, and a
//! dump that is not what the source says is named with both places.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::aidl::{self, dump};
use common::{each_is_found, fault, finding, root, Copy};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// The comment at the head of AOSP's files: it is hashed with the rest.
const AOSP: &str = "/*
 * Copyright 2022 The Android Open Source Project
 *
 * Licensed under the Apache License, Version 2.0 (the \"License\");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at
 *
 *      http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an \"AS IS\" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */
";

/// The note on `allocate` as AOSP words it (`graphics/allocator/aidl`, V2): the one piece of documentation that is hashed.
const NOTE: &str = "As of android.hardware.graphics.allocator-V2 in combination with AIMAPPER_VERSION_5 this is \
                    deprecated & replaced with allocate2. If android.hardware.graphics.mapper@4 is still in use, \
                    however, this is still required to be implemented.";

/// This project's files of the allocator, with AOSP's comments where those are hashed.
fn allocator(interface: &str) -> BTreeMap<PathBuf, String> {
    let folder = root().join("aidl/android/hardware/graphics/allocator");
    let names = ["AllocationError", "AllocationResult", "BufferDescriptorInfo", "IAllocator"];
    let dumps = names.iter().map(|name| {
        let file = if *name == "IAllocator" { root().join(interface) } else { folder.join(format!("{name}.aidl")) };
        let text = fs::read_to_string(file).unwrap();
        let (_, rest) = text.split_once("\npackage ").unwrap();
        let mut text = format!("{AOSP}package {rest}");
        if *name == "IAllocator" {
            let at = text.find("@deprecated").unwrap();
            let end = at + text[at..].find("*/").unwrap();
            text.replace_range(at..end, &format!("@deprecated {NOTE}\n"));
        }
        let dump = dump::of(&text, &names).unwrap();
        (dump.path.clone(), dump.text())
    });
    dumps.collect()
}

/// `graphics/allocator/aidl/aidl_api/android.hardware.graphics.allocator/2/.hash`, android-15.
#[test]
fn allocator_v2_comes_to_aosps_frozen_hash() {
    let hash = aidl::hash(&allocator("aidl/android/hardware/graphics/allocator/IAllocator.aidl"), "1");
    assert_eq!(hash, "9499fec09c544e9de5be3c87125721600f8ade66");
    assert_eq!((allocator_aidl::VERSION, allocator_aidl::HASH), (2, hash.as_str()));
}

/// The same of version 3, in the trees after 17.
#[test]
fn allocator_v3_comes_to_aosps_frozen_hash() {
    let hash = aidl::hash(&allocator("aidl/v3/android/hardware/graphics/allocator/IAllocator.aidl"), "2");
    assert_eq!(hash, "b061131f0ee5260aa8f779bf3569dfc861a1b89c");
    // A build has one version, and this one's is 2. What one of V3 answers is what its build script gives the compiler.
    let script = fs::read_to_string(root().join("aidl/rsbinder/build.rs")).unwrap();
    let (_, v3) = script.split_once("const V3: Interface").unwrap();
    let (v3, _) = v3.split_once(';').unwrap();
    assert!(v3.contains(&format!("IAllocator.aidl\", 3, \"{hash}\")")), "{v3}");
}

#[test]
fn project_has_no_findings_and_nothing_to_write() {
    let report = aidl::check(&root()).unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.notes, ["vendor.dmaheap.graphics.allocator 1 is frozen as its sources say"]);
    assert_eq!(aidl::write(Copy::new().root()).unwrap(), Vec::<PathBuf>::new());
}

const FROZEN: &str = "aidl/aidl_api/vendor.dmaheap.graphics.allocator/1/vendor/dmaheap/graphics/allocator";
const SOURCES: &str = "aidl/vendor/dmaheap/graphics/allocator";

#[test]
fn a_dump_that_differs_from_its_source_is_refused_with_both_places() {
    let copy = Copy::new();
    copy.replace(&format!("{SOURCES}/RefusalStatistics.aidl"), "long count;", "int count;");
    let report = aidl::check(copy.root()).unwrap();
    let found = finding(&report, "has \"  long count;\", and the source says \"  int count;\"");
    assert!(found.place.file.ends_with("allocator/RefusalStatistics.aidl"), "{found}");
    assert_eq!(found.place.line, Some(24), "{found}");
    let other = found.other.as_ref().unwrap();
    assert_eq!((other.file.as_str(), other.line), (&*format!("{SOURCES}/RefusalStatistics.aidl"), Some(10)), "{found}");
}

#[test]
fn a_frozen_version_that_was_edited_is_found_by_its_hash_and_is_not_written_again() {
    let copy = Copy::new();
    let both = |from: &str, to: &str| {
        copy.replace(&format!("{FROZEN}/RefusalStatistics.aidl"), from, to);
        copy.replace(&format!("{SOURCES}/RefusalStatistics.aidl"), from, to);
    };
    both("long count;", "long count = 0;");
    aidl::write(copy.root()).unwrap();
    let report = aidl::check(copy.root()).unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    let found = finding(&report, "and the files come to");
    assert!(found.place.file.ends_with("allocator/1/.hash"), "{found}");
}

#[test]
fn what_a_build_of_a_tree_would_miss_is_found() {
    let copy = Copy::new();
    let api = copy.root().join("aidl/aidl_api/vendor.dmaheap.graphics.allocator");
    fs::remove_dir_all(api.join("current")).unwrap();
    finding(&aidl::check(copy.root()).unwrap(), "/current: `aosp_check aidl --write` writes it");
    fs::remove_file(api.join("1/.hash")).unwrap();
    finding(&aidl::check(copy.root()).unwrap(), "says nothing, and the files come to");
    fs::remove_dir_all(api.join("1")).unwrap();
    finding(&aidl::check(copy.root()).unwrap(), "lists version 1, and there is no");
    assert!(!aidl::write(copy.root()).unwrap().is_empty());
    assert!(aidl::check(copy.root()).unwrap().is_clean());
    copy.replace("aidl/Android.bp", "frozen: true", "frozen: false");
    finding(&aidl::check(copy.root()).unwrap(), "not frozen");
}

#[test]
fn an_interface_that_no_tree_would_take_is_found_with_both_places() {
    let bp = "aidl/Android.bp";
    let pool = "aidl/vendor/dmaheap/graphics/allocator/PoolStatistics.aidl";
    let (stable, import) = ("    stability: \"vintf\",\n", "imports: [\"android.hardware.gone-V1\"],");
    let imported = format!("{stable}    {import}\n");
    let rust = ["true", "false"].map(|enabled| format!("        rust: {{\n            enabled: {enabled}"));
    let gone = "imports android.hardware.gone-V1, and nobody has that interface";
    let faults = [
        fault(bp, stable, "", "stability is not \"vintf\", and a type has @VintfStability")
            .against("aidl/vendor/dmaheap/graphics/allocator/"),
        fault(pool, "@VintfStability\n", "", "stability is \"vintf\", and a type is without @VintfStability")
            .at("aidl/Android.bp:")
            .against("aidl/vendor/dmaheap/graphics/allocator/"),
        fault(
            bp,
            &rust[0],
            &rust[1],
            "the backend rust is not enabled, and gralloc_dmaheap_aidl_defaults links its crate",
        )
        .against("aidl/soong/Android.bp"),
        fault(bp, "imports: [],", import, gone),
        fault(bp, stable, &imported, gone),
    ];
    each_is_found(&faults, aidl::check);
    let copy = Copy::new();
    copy.replace("aidl/Android.bp", "imports: []", "imports: [\"android.hardware.common-V2\"]");
    assert!(aidl::check(copy.root()).unwrap().is_clean());
}

#[test]
fn what_is_not_understood_is_an_error_with_its_line() {
    for (text, words) in [
        ("package a;\nunion U {\n  int a;\n}\n", "a union is not known here"),
        ("package a;\nparcelable P {\n  Other o;\n}\n", "line 3: no type Other"),
        ("package a;\nparcelable P {\n  int a = 1 << 2;\n}\n", "line 3: \"<\" is not understood"),
        ("package a;\nparcelable P {\n  int a\n}\n", "line 4: \"}\" where \";\" is expected"),
        ("package a;\nparcelable P {}\nparcelable Q {}\n", "behind the type"),
        ("package a;\n/* never\n", "a comment that does not end"),
    ] {
        let error = dump::of(text, &[]).unwrap_err();
        assert!(format!("{error:#}").contains(words), "{error:#}");
    }
}
