//! What a product sets, what it installs by that, and what is packed into the APEX: with a fault planted in it, both places
//! are named.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::bp::{self, Blueprints};
use aosp_check::{apex, declarations, variables, vendor, Report};
use common::{each_is_found, fault, Copy, Fault};
use std::path::Path;

const BP: &str = "aidl/soong/Android.bp";
const MAKE: &str = "service/product/cuttlefish.mk";
const GUIDE: &str = "docs/porting.md";
/// The VINTF fragments.
const V2: &str = "service/server/allocator-service.dmaheap.xml:";
const V3: &str = "service/server/v3/allocator-service.dmaheap.xml:";

/// What is packed into the APEX, and what is looked for there.
const OF_THE_APEX: &[Fault<'_>] = &[
    fault(
        "service/apex/manifest.json",
        ",\n  \"vendorBootstrap\": true",
        "",
        "neither bootstrap nor vendorBootstrap is true",
    )
    .at("service/apex/manifest.json"),
    fault(
        "service/apex/manifest.json",
        "vendorBootstrap",
        "vendorBootStrap",
        "neither bootstrap nor vendorBootstrap is true",
    )
    .at("service/apex/manifest.json"),
    fault("service/mapper/Android.bp", "    stl: \"libc++_static\",\n", "", "pack libc++.so into")
        .at("service/apex/Android.bp:"),
    fault(
        "service/mapper/Android.bp",
        "    compile_multilib: \"both\",\n",
        "",
        "without it no mapper.dmaheap.apex for 32-bit apps",
    ),
    fault(
        "service/apex/Android.bp",
        "    native_shared_libs: [\"mapper.dmaheap.apex\"],\n",
        "",
        "has no library that is called mapper.dmaheap.so",
    ),
    fault(
        "service/mapper/Android.bp",
        "    stem: \"mapper.dmaheap\",\n",
        "",
        "has no library that is called mapper.dmaheap.so",
    )
    .at("service/apex/Android.bp:"),
    fault(
        "service/apex/Android.bp",
        "    binaries: [\"android.hardware.graphics.allocator-service.dmaheap\"],\n",
        "",
        "installs bin/hw/android.hardware.graphics.allocator-service.dmaheap",
    ),
    fault(
        "service/server/Android.bp",
        "    relative_install_path: \"hw\",\n",
        "",
        "installs bin/hw/android.hardware.graphics.allocator-service.dmaheap",
    )
    .at("service/apex/Android.bp:"),
    fault(
        "service/apex/Android.bp",
        "        \"gralloc_dmaheap_heaps.json.apex\",\n",
        "",
        "installs etc/gralloc/heaps.json",
    ),
    fault("service/apex/Android.bp", "    sub_dir: \"gralloc\",\n", "", "installs etc/gralloc/heaps.json"),
    fault(
        "service/apex/Android.bp",
        "        \"allocator-service.dmaheap.apex.rc\",\n",
        "",
        "no script of init in the APEX starts",
    ),
    fault(
        "service/apex/Android.bp",
        "        \"mapper.dmaheap.apex.xml\",\n",
        "",
        "no VINTF fragment in the APEX declares the mapper",
    ),
    fault("service/apex/Android.bp", "        \"gralloc_dmaheap_linker_config\",\n", "", "no linker_config"),
    fault("service/apex/linker.config.json", "true", "false", "visible is not true")
        .at("service/apex/linker.config.json:2"),
    fault(
        "service/apex/manifest.json",
        "\"version\": 1",
        "\"version\": 1,\n  \"versionNumber\": 2",
        "the key versionNumber: apex_manifest.proto has name, version, versionName, bootstrap",
    )
    .at("service/apex/manifest.json"),
    fault(
        "service/apex/Android.bp",
        "    certificate: \":com.android.hardware.certificate\",\n    vendor: true,\n",
        "    certificate: \":com.android.hardware.certificate\",\n",
        "vendor is not true",
    ),
    fault(
        "service/apex/Android.bp",
        "        \"com.google.cf.gralloc\",\n",
        "",
        "overrides lacks com.google.cf.gralloc: a product would have both (see docs/cuttlefish.md",
    ),
];

/// What is installed into /vendor module by module, and how the mapper is linked.
const OF_THE_VENDOR: &[Fault<'_>] = &[
    fault(
        "service/mapper/Android.bp",
        "    vintf_fragments: [\":gralloc_dmaheap_mapper_vintf\"],\n",
        "",
        "no vintf_fragments declare the mapper, so nobody would find it (see service/mapper/Android.bp:",
    ),
    fault(
        "service/server/Android.bp",
        "    init_rc: [\"allocator-service.dmaheap.rc\"],\n",
        "",
        "no init_rc starts /vendor/bin/hw/android.hardware.graphics.allocator-service.dmaheap (see sepolicy/vendor/file_contexts:",
    ),
    fault(
        "service/server/Android.bp",
        "    relative_install_path: \"hw\",\n",
        "",
        "no init_rc starts /vendor/bin/android.hardware.graphics.allocator-service.dmaheap (see service/server/allocator-service",
    ),
    fault(
        "service/mapper/Android.bp",
        "    relative_install_path: \"hw\",\n",
        "",
        "relative_install_path is not \"hw\", where libui looks (see sepolicy/vendor/file_contexts:",
    ),
    fault(
        "service/mapper/Android.bp",
        "    relative_install_path: \"hw\",\n",
        "    relative_install_path: \"hw\",\n    compile_multilib: \"first\",\n",
        "mapper.dmaheap: compile_multilib is not \"both\": apps of one width have no mapper in /vendor (see sepolicy/vendor/file_contexts:",
    ),
    fault(
        "service/mapper/Android.bp",
        "    installable: false,\n",
        "    installable: false,\n    relative_install_path: \"hw\",\n",
        "relative_install_path hw: in an APEX nobody looks there (see service/apex/Android.bp:",
    ),
    fault("service/mapper/Android.bp", "    version_script: \"mapper.dmaheap.map\",\n", "", "no version_script"),
    fault(
        "service/mapper/Android.bp",
        "    whole_static_libs:",
        "    static_libs:",
        "whole_static_libs has no rust_ffi_static: the library would be empty (see service/mapper/Android.bp:",
    ),
];

/// As `soong::check` does among others, without reading all the sources.
fn of_the_blueprints(
    check: impl Fn(&Path, &Blueprints, &mut Report) -> anyhow::Result<()>,
) -> impl Fn(&Path) -> anyhow::Result<Report> {
    move |root| {
        let mut report = Report::default();
        check(root, &bp::read(root)?, &mut report)?;
        Ok(report)
    }
}

#[test]
fn every_fault_of_the_apex_is_found_and_its_file_named() {
    each_is_found(OF_THE_APEX, of_the_blueprints(apex::check));
}

#[test]
fn every_fault_of_what_is_installed_without_the_apex_is_found_and_its_file_named() {
    each_is_found(OF_THE_VENDOR, of_the_blueprints(vendor::check));
}

/// The name of newer trees; and keys that a vendor's manifest need not have.
#[test]
fn a_manifest_may_have_every_key_of_the_proto_and_either_bootstrap() {
    let copy = Copy::new();
    let more = "\"bootstrap\": true,\n  \"versionName\": \"1\",\n  \"noCode\": false,\n  \"supportsRebootlessUpdate\": false,\n  \
                \"vndkVersion\": \"\"";
    copy.replace("service/apex/manifest.json", "\"vendorBootstrap\": true", more);
    let report = of_the_blueprints(apex::check)(copy.root()).unwrap();
    assert!(report.is_clean(), "{report}");
}

/// What a V3 tree would be given, and a V2 one.
#[test]
fn an_interface_and_a_vintf_fragment_of_two_versions_are_found_with_both_places() {
    let [v2, v3] = [2, 3].map(|version| format!("rustlibs: [\"android.hardware.graphics.allocator-V{version}-rust\"]"));
    let group = ":gralloc_dmaheap_allocator_vintf_v";
    let [group_v2, group_v3] = [2, 3].map(|version| format!("{group}{version}"));
    let faults = [
        fault(BP, &group_v3, &group_v2, "v3 links").against(V2),
        fault(BP, &v2, &v3, "links android.hardware.graphics.allocator-V3-rust").against("service/server/"),
    ];
    each_is_found(&faults, declarations::check);
}

/// The same of the two that install a fragment, the service's module and the APEX: of another version, or of none.
#[test]
fn who_installs_another_version_s_fragment_or_none_is_found_with_both_places() {
    let (service, apex) = ("service/server/Android.bp", "service/apex/Android.bp");
    let group = ":gralloc_dmaheap_allocator_vintf\"";
    let (v2, v3) = (":gralloc_dmaheap_allocator_vintf_v2\"", ":gralloc_dmaheap_allocator_vintf_v3\"");
    let listed = "    vintf_fragments: [\":gralloc_dmaheap_allocator_vintf\"],\n";
    let none = "0 VINTF fragments declare it";
    let faults = [
        fault(apex, group, v2, "allocator v3 links").against(V2),
        fault(apex, group, v3, "allocator v2 links").against(V3),
        fault(apex, "        \"allocator-service.dmaheap.apex.xml\",\n", "", none).against(BP),
        fault(apex, "    sub_dir: \"vintf\",\n", "", none).against(BP),
        fault(service, group, v2, "allocator v3 links").against(V2),
        fault(service, listed, "", none).against(BP),
    ];
    each_is_found(&faults, declarations::check);
}

/// A feature says what a generated crate has: in a release that links an older one it is refused, and asked for in one that
/// links the newer.
#[test]
fn a_feature_of_a_newer_interface_than_the_release_has_is_found_with_both_places() {
    let [v3, v6, v7] =
        ["v3", "common_v6", "common_v7"].map(|feature| format!("                features: [\"{feature}\"],\n"));
    let others = "            conditions_default: {\n";
    let v2 = "                rustlibs: [\"android.hardware.graphics.allocator-V2-rust\"]";
    let v5 = "            v5: {\n                features: [],\n";
    let [linked, linked_wrong] = [format!("{others}{v2}"), format!("{others}{v3}{v2}")];
    let [has_v6, has_v7] = [&v6, &v7].map(|feature| format!("{others}{feature}"));
    let (v5_wrong, v5_case) = (format!("            v5: {{\n{v7}"), format!("{v5}            }},\n"));
    let faults = [
        (
            &*linked,
            &*linked_wrong,
            "15-qpr1: liballocator_aidl has the feature v3, and android.hardware.graphics.allocator-V2-rust",
        ),
        (&v3, "", "17-v3: liballocator_aidl lacks the feature v3"),
        (
            &has_v6,
            &has_v7,
            "16: libgralloc_allocator has the feature common_v7, and android.hardware.graphics.common-V6-rust",
        ),
        (
            v5,
            &v5_wrong,
            "15-qpr1: libgralloc_allocator has the feature common_v7, and android.hardware.graphics.common-V5-rust",
        ),
        (&v7, "", "16-qpr2: libgralloc_allocator lacks the feature common_v7"),
        (&v6, "", "15-qpr2: libgralloc_allocator lacks the feature common_v6"),
        (&v6, "", "16: libgralloc_allocator lacks the feature common_v6"),
        (
            &v5_case,
            "",
            "15-qpr1: libgralloc_allocator has the feature common_v6, and android.hardware.graphics.common-V5-rust",
        ),
    ];
    // A feature that is nowhere has no line but its module's, in another file.
    let faults = faults.map(|(from, to, words)| fault(BP, from, to, words).at("").against(BP));
    let found = each_is_found(&faults, declarations::check);
    assert!(found.iter().all(|found| found.place.line.is_some() && found.message.starts_with("Android ")), "{found:?}");
}

/// Make takes any name, and Soong reads none that it does not know: nothing would say that a product has the default.
#[test]
fn a_name_that_nobody_reads_is_found_with_what_there_is() {
    let faults = [
        fault(
            MAKE,
            "gralloc_dmaheap,profile",
            "gralloc_dmaheap,profil",
            "sets profil, and gralloc_dmaheap has allocator, graphics_common, profile",
        )
        .against(""),
        fault(
            MAKE,
            "gralloc_dmaheap,profile",
            "gralloc,profile",
            "the namespace gralloc, and there is gralloc_dmaheap",
        )
        .against(""),
        fault(
            GUIDE,
            "gralloc_dmaheap,allocator",
            "gralloc_dmaheap,alocator",
            "sets alocator, and gralloc_dmaheap has allocator",
        )
        .against(""),
        fault(GUIDE, "gralloc_dmaheap,allocator", "dmaheap,allocator", "the namespace dmaheap, and there is")
            .against(""),
        fault(
            BP,
            "        graphics_common: {",
            "        common: {",
            "has no variable common; it has allocator, graphics_common",
        )
        .against(""),
        fault(
            BP,
            "    properties: [\"srcs\"]",
            "    properties: [\"src\"]",
            "has no property srcs in a case; it has src",
        )
        .against(""),
        fault(
            MAKE,
            "gralloc_dmaheap,profile,cuttlefish",
            "gralloc_dmaheap,profile",
            "it takes a namespace, a variable and a value",
        ),
        fault(
            BP,
            "    name: \"graphics_common\"",
            "    name: \"common\"",
            "nobody declares the variable graphics_common; there are allocator, common",
        ),
    ];
    each_is_found(&faults, of_the_blueprints(variables::check));
}

/// What a build would not match, wherever it is written: the value, its case, the makefile, the guide.
#[test]
fn a_value_that_no_variable_has_is_found_with_both_places() {
    let capital = "the value V5 begins with a capital";
    let faults = [
        fault(BP, "        \"v5\",\n", "        \"V5\",\n", capital).against(BP),
        fault(BP, "            v5: {", "            V5: {", capital).against(BP),
        fault(BP, "            v5: {", "            v4: {", "the variable graphics_common has no value v4").against(BP),
        fault(GUIDE, "graphics_common,v5)", "graphics_common,V5)", "sets graphics_common to V5, and it has v5, v6, v7")
            .against(BP),
        fault("docs/cuttlefish.md", "allocator,v3)", "allocator,V3)", "sets allocator to V3, and it has v2, v3")
            .against(BP),
        fault(MAKE, "profile,cuttlefish)", "profile,Cuttlefish)", "sets profile to Cuttlefish")
            .against("heaps-config/Android.bp"),
    ];
    each_is_found(&faults, of_the_blueprints(variables::check));
}
