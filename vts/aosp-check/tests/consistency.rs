//! What is written in two places agrees; where it does not, both are named.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::consistency;
use common::{finding, root, Copy};

#[test]
fn the_project_is_clean() {
    let report = consistency::check(&root()).unwrap();
    assert!(report.is_clean(), "{report}");
}

/// The file, what is there, what is put in its place; words of the finding, and its two files.
struct Fault(&'static str, &'static str, &'static str, &'static str, [&'static str; 2]);

const ADAPTER: &str = "service/server/src/adapter.rs";
const ALLOCATOR_XML: &str = "service/server/allocator-service.dmaheap.xml";
const MAPPER_XML: &str = "service/mapper/mapper.dmaheap.xml";
const BUILD: &str = "aidl/rsbinder/build.rs";

const FAULTS: &[Fault] = &[
    Fault(
        ADAPTER,
        "MAPPER_SUFFIX: &str = \"dmaheap\"",
        "MAPPER_SUFFIX: &str = \"heaps\"",
        "the mapper's suffix is \"dmaheap\" here and \"heaps\" there",
        [MAPPER_XML, ADAPTER],
    ),
    Fault(
        ADAPTER,
        "MAPPER_SUFFIX: &str = \"dmaheap\"",
        "MAPPER_SUFFIX: &str = \"heaps\"",
        "the mapper's label",
        ["sepolicy/vendor/file_contexts", ADAPTER],
    ),
    Fault(
        MAPPER_XML,
        "<instance>dmaheap<",
        "<instance>minigbm<",
        "the mapper's suffix is \"minigbm\" here and \"dmaheap\" there",
        [MAPPER_XML, ADAPTER],
    ),
    Fault(
        "service/mapper/Android.bp",
        "name: \"mapper.dmaheap\"",
        "name: \"mapper.heaps\"",
        "has to be mapper.dmaheap",
        ["service/mapper/Android.bp", ADAPTER],
    ),
    Fault(
        "service/server/Android.bp",
        "name: \"android.hardware.graphics.allocator-service.dmaheap\"",
        "name: \"android.hardware.graphics.allocator-service.heaps\"",
        "has to be android.hardware.graphics.allocator-service.dmaheap",
        ["service/server/Android.bp", ADAPTER],
    ),
    Fault(
        "service/server/allocator-service.dmaheap.rc",
        "allocator-service.dmaheap\n",
        "allocator-service.heaps\n",
        "the service's binary",
        ["service/server/allocator-service.dmaheap.rc", ADAPTER],
    ),
    Fault(
        "sepolicy/vendor/service_contexts",
        "mapper/dmaheap",
        "mapper/heaps",
        "the mapper's declaration",
        ["sepolicy/vendor/service_contexts", ADAPTER],
    ),
    Fault(
        ALLOCATOR_XML,
        "<version>2<",
        "<version>1<",
        "the interface's version is \"1\" here and \"2\" there",
        [ALLOCATOR_XML, BUILD],
    ),
    Fault(
        ALLOCATOR_XML,
        "IAllocator/default",
        "IAllocator/dmaheap",
        "the declared instance",
        [ALLOCATOR_XML, "aidl/rsbinder/src/lib.rs"],
    ),
    Fault(
        "aidl/soong/Android.bp",
        "android.hardware.graphics.allocator-V2-rust",
        "android.hardware.graphics.allocator-V3-rust",
        "has to link android.hardware.graphics.allocator-V2-rust",
        ["aidl/soong/Android.bp", BUILD],
    ),
    Fault(
        MAPPER_XML,
        "<version>5.0<",
        "<version>4.0<",
        "the mapper's version is \"4\" here and \"5\" there",
        [MAPPER_XML, "service/mapper/src/abi.rs"],
    ),
    Fault(
        "service/mapper/mapper.dmaheap.map",
        "    ANDROID_HAL_STABLEC_VERSION;\n",
        "",
        "ANDROID_HAL_STABLEC_VERSION is not let out",
        ["service/mapper/src/entry.rs", "service/mapper/mapper.dmaheap.map"],
    ),
    Fault(
        "service/mapper/mapper.dmaheap.map",
        "    ANDROID_HAL_STABLEC_VERSION;\n",
        "    ANDROID_HAL_STABLEC_VERSION;\n    gralloc_debug;\n",
        "lets out gralloc_debug, which nobody defines",
        ["service/mapper/mapper.dmaheap.map", "service/mapper/src/entry.rs"],
    ),
    Fault(
        "heaps-config/Android.bp",
        "sub_dir: \"gralloc\"",
        "sub_dir: \"heaps\"",
        "no prebuilt_etc installs /vendor/etc/gralloc/heaps.json",
        ["heaps-config/Android.bp", "service/server/src/args.rs"],
    ),
    Fault(
        "service/apex/allocator-service.dmaheap.apex.rc",
        "user system",
        "user root",
        "other properties",
        ["service/apex/allocator-service.dmaheap.apex.rc", "service/server/allocator-service.dmaheap.rc"],
    ),
    Fault(
        "service/apex/manifest.json",
        "graphics.dmaheap",
        "graphics.heaps",
        "is not in the APEX com.android.hardware.graphics.heaps",
        ["service/apex/allocator-service.dmaheap.apex.rc", "service/apex/manifest.json"],
    ),
    Fault(
        "heaps-config/Android.bp",
        "        \"reference_soc\",\n",
        "",
        "the variable profile has no value reference_soc",
        ["heaps-config/Android.bp", "heaps-config/profiles/reference-soc.toml"],
    ),
];

#[test]
fn every_contradiction_names_both_places() {
    for Fault(file, from, to, words, places) in FAULTS {
        let copy = Copy::new();
        copy.replace(file, from, to);
        let report = consistency::check(copy.root()).unwrap();
        let found = finding(&report, words);
        assert_eq!([found.place.file.as_str(), found.other.as_ref().unwrap().file.as_str()], *places, "{found}");
    }
}
