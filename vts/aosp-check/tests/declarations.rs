//! What init, VINTF, SELinux and the linker read follows from the code's constants: a file that was edited by hand is named
//! with its line, and can be written again.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::declarations;
use common::{each_is_found, fault, root, Copy, Fault};

#[test]
fn project_has_nothing_to_declare_anew() {
    let report = declarations::check(&root()).unwrap();
    assert!(report.is_clean(), "{report}");
}

const FAULTS: &[Fault<'_>] = &[
    fault("service/mapper/mapper.dmaheap.xml", "<instance>dmaheap<", "<instance>minigbm<", "<instance>dmaheap<"),
    fault("service/mapper/mapper.dmaheap.xml", "<version>5.0<", "<version>4.0<", "<version>5.0<"),
    fault("service/server/allocator-service.dmaheap.xml", "<version>2<", "<version>1<", "<version>2<"),
    fault(
        "service/server/allocator-service.dmaheap.xml",
        "IAllocator/default",
        "IAllocator/dmaheap",
        "IAllocator/default",
    ),
    fault(
        "service/server/allocator-service.dmaheap.rc",
        "allocator-service.dmaheap\n",
        "allocator-service.heaps\n",
        "/vendor/bin/hw/",
    ),
    fault("service/apex/allocator-service.dmaheap.apex.rc", "user system", "user root", "user system"),
    fault("service/apex/manifest.json", "graphics.dmaheap", "graphics.heaps", "com.android.hardware.graphics.dmaheap"),
    fault(
        "service/mapper/mapper.dmaheap.map",
        "    ANDROID_HAL_STABLEC_VERSION;\n",
        "",
        "ANDROID_HAL_STABLEC_VERSION;",
    ),
    fault(
        "service/mapper/mapper.dmaheap.map",
        "  local:",
        "    gralloc_debug;\n  local:",
        "has \"    gralloc_debug;\"",
    ),
    fault("sepolicy/vendor/service_contexts", "mapper/dmaheap", "mapper/heaps", "mapper/dmaheap"),
    fault("sepolicy/vendor/file_contexts", "hw/mapper", "hw/gralloc", "hw/mapper"),
    fault(
        "service/mapper/Android.bp",
        "name: \"mapper.dmaheap\"",
        "name: \"mapper.heaps\"",
        "is called mapper.dmaheap",
    )
    .at("service"),
    fault(
        "service/server/Android.bp",
        "name: \"android.hardware.graphics.allocator-service.dmaheap\"",
        "name: \"android.hardware.graphics.allocator-service.heaps\"",
        "is called android.hardware.graphics.allocator-service.dmaheap",
    )
    .at("service"),
    fault("service/product/device.mk", "    mapper.dmaheap\n", "\n", "PRODUCT_PACKAGES lacks mapper.dmaheap")
        .at("service/product/device.mk"),
    fault(
        "heaps-config/Android.bp",
        "sub_dir: \"gralloc\"",
        "sub_dir: \"heaps\"",
        "no prebuilt_etc installs /vendor/etc/gralloc/heaps.json",
    )
    .at("heaps-config/Android.bp"),
    fault(
        "heaps-config/Android.bp",
        "        \"reference_soc\",\n",
        "",
        "the variable profile has no value reference_soc",
    )
    .at("heaps-config/Android.bp"),
];

#[test]
fn every_edit_is_found_with_what_is_right() {
    each_is_found(FAULTS, declarations::check);
}

#[test]
fn write_mends_what_was_edited_and_touches_nothing_else() {
    let copy = Copy::new();
    assert!(declarations::write(copy.root()).unwrap().is_empty());
    copy.replace("service/mapper/mapper.dmaheap.xml", "dmaheap", "minigbm");
    assert_eq!(declarations::write(copy.root()).unwrap(), [std::path::Path::new("service/mapper/mapper.dmaheap.xml")]);
    assert!(declarations::check(copy.root()).unwrap().is_clean());
}
