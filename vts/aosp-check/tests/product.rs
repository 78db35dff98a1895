//! What a product sets, what it installs by that, and what is packed into the APEX: with a fault planted in it, both places
//! are named.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::bp::{self, Blueprints};
use aosp_check::{apex, declarations, variables, vendor, Report};
use common::{finding, Copy};
use std::path::Path;

/// One fault: the file, what is there, what is put in its place; the place of the finding and words of it.
struct Fault(&'static str, &'static str, &'static str, &'static str, &'static str);

/// What is packed into the APEX, and what is looked for there.
const OF_THE_APEX: &[Fault] = &[
    Fault(
        "service/apex/manifest.json",
        ",\n  \"vendorBootstrap\": true",
        "",
        "service/apex/manifest.json",
        "neither bootstrap nor vendorBootstrap is true",
    ),
    Fault(
        "service/apex/manifest.json",
        "vendorBootstrap",
        "vendorBootStrap",
        "service/apex/manifest.json",
        "neither bootstrap nor vendorBootstrap is true",
    ),
    Fault(
        "service/mapper/Android.bp",
        "    stl: \"libc++_static\",\n",
        "",
        "service/apex/Android.bp:",
        "pack libc++.so into",
    ),
    Fault(
        "service/mapper/Android.bp",
        "    compile_multilib: \"both\",\n",
        "",
        "service/mapper/Android.bp:",
        "without it no mapper.dmaheap.apex for 32-bit apps",
    ),
    Fault(
        "service/apex/Android.bp",
        "    native_shared_libs: [\"mapper.dmaheap.apex\"],\n",
        "",
        "service/apex/Android.bp:",
        "has no library that is called mapper.dmaheap.so",
    ),
    Fault(
        "service/mapper/Android.bp",
        "    stem: \"mapper.dmaheap\",\n",
        "",
        "service/apex/Android.bp:",
        "has no library that is called mapper.dmaheap.so",
    ),
    Fault(
        "service/apex/Android.bp",
        "    binaries: [\"android.hardware.graphics.allocator-service.dmaheap\"],\n",
        "",
        "service/apex/Android.bp:",
        "installs bin/hw/android.hardware.graphics.allocator-service.dmaheap",
    ),
    Fault(
        "service/server/Android.bp",
        "    relative_install_path: \"hw\",\n",
        "",
        "service/apex/Android.bp:",
        "installs bin/hw/android.hardware.graphics.allocator-service.dmaheap",
    ),
    Fault(
        "service/apex/Android.bp",
        "        \"gralloc_dmaheap_heaps.json.apex\",\n",
        "",
        "service/apex/Android.bp:",
        "installs etc/gralloc/heaps.json",
    ),
    Fault(
        "service/apex/Android.bp",
        "    sub_dir: \"gralloc\",\n",
        "",
        "service/apex/Android.bp:",
        "installs etc/gralloc/heaps.json",
    ),
    Fault(
        "service/apex/Android.bp",
        "        \"allocator-service.dmaheap.apex.rc\",\n",
        "",
        "service/apex/Android.bp:",
        "no script of init in the APEX starts",
    ),
    Fault(
        "service/apex/Android.bp",
        "        \"mapper.dmaheap.apex.xml\",\n",
        "",
        "service/apex/Android.bp:",
        "no VINTF fragment in the APEX declares the mapper",
    ),
    Fault(
        "service/apex/Android.bp",
        "        \"gralloc_dmaheap_linker_config\",\n",
        "",
        "service/apex/Android.bp:",
        "no linker_config",
    ),
    Fault(
        "service/apex/linker.config.json",
        "true",
        "false",
        "service/apex/linker.config.json:2",
        "visible is not true",
    ),
    Fault(
        "service/apex/manifest.json",
        "\"version\": 1",
        "\"version\": 1,\n  \"versionNumber\": 2",
        "service/apex/manifest.json",
        "the key versionNumber: apex_manifest.proto has name, version, versionName, bootstrap",
    ),
    Fault(
        "service/apex/Android.bp",
        "    certificate: \":com.android.hardware.certificate\",\n    vendor: true,\n",
        "    certificate: \":com.android.hardware.certificate\",\n",
        "service/apex/Android.bp:",
        "vendor is not true",
    ),
    Fault(
        "service/apex/Android.bp",
        "        \"com.google.cf.gralloc\",\n",
        "",
        "service/apex/Android.bp:",
        "overrides lacks com.google.cf.gralloc: a product would have both (see docs/cuttlefish.md",
    ),
];

/// What is installed into /vendor module by module, and how the mapper is linked.
const OF_THE_VENDOR: &[Fault] = &[
    Fault(
        "service/mapper/Android.bp",
        "    vintf_fragments: [\":gralloc_dmaheap_mapper_vintf\"],\n",
        "",
        "service/mapper/Android.bp:",
        "no vintf_fragments declare the mapper, so nobody would find it (see service/mapper/Android.bp:",
    ),
    Fault(
        "service/server/Android.bp",
        "    init_rc: [\"allocator-service.dmaheap.rc\"],\n",
        "",
        "service/server/Android.bp:",
        "no init_rc starts /vendor/bin/hw/android.hardware.graphics.allocator-service.dmaheap (see sepolicy/vendor/file_contexts:",
    ),
    Fault(
        "service/server/Android.bp",
        "    relative_install_path: \"hw\",\n",
        "",
        "service/server/Android.bp:",
        "no init_rc starts /vendor/bin/android.hardware.graphics.allocator-service.dmaheap (see service/server/allocator-service",
    ),
    Fault(
        "service/mapper/Android.bp",
        "    relative_install_path: \"hw\",\n",
        "",
        "service/mapper/Android.bp:",
        "relative_install_path is not \"hw\", where libui looks (see sepolicy/vendor/file_contexts:",
    ),
    Fault(
        "service/mapper/Android.bp",
        "    relative_install_path: \"hw\",\n",
        "    relative_install_path: \"hw\",\n    compile_multilib: \"first\",\n",
        "service/mapper/Android.bp:",
        "mapper.dmaheap: compile_multilib is not \"both\": apps of one width have no mapper in /vendor (see sepolicy/vendor/file_contexts:",
    ),
    Fault(
        "service/mapper/Android.bp",
        "    installable: false,\n",
        "    installable: false,\n    relative_install_path: \"hw\",\n",
        "service/mapper/Android.bp:",
        "relative_install_path hw: in an APEX nobody looks there (see service/apex/Android.bp:",
    ),
    Fault(
        "service/mapper/Android.bp",
        "    version_script: \"mapper.dmaheap.map\",\n",
        "",
        "service/mapper/Android.bp:",
        "no version_script",
    ),
    Fault(
        "service/mapper/Android.bp",
        "    whole_static_libs:",
        "    static_libs:",
        "service/mapper/Android.bp:",
        "whole_static_libs has no rust_ffi_static: the library would be empty (see service/mapper/Android.bp:",
    ),
];

/// As `soong::check` does among others, without reading all the sources.
fn of_the_blueprints(copy: &Copy, check: impl Fn(&Path, &Blueprints, &mut Report) -> anyhow::Result<()>) -> Report {
    let mut report = Report::default();
    check(copy.root(), &bp::read(copy.root()).unwrap(), &mut report).unwrap();
    report
}

#[test]
fn every_fault_of_the_apex_is_found_and_its_file_named() {
    found_at_their_places(OF_THE_APEX, apex::check);
}

#[test]
fn every_fault_of_what_is_installed_without_the_apex_is_found_and_its_file_named() {
    found_at_their_places(OF_THE_VENDOR, vendor::check);
}

fn found_at_their_places(faults: &[Fault], check: impl Fn(&Path, &Blueprints, &mut Report) -> anyhow::Result<()>) {
    assert!(of_the_blueprints(&Copy::new(), &check).is_clean());
    for Fault(file, from, to, place, words) in faults {
        let copy = Copy::new();
        copy.replace(file, from, to);
        let report = of_the_blueprints(&copy, &check);
        let found = finding(&report, words);
        assert!(
            found.place.to_string().starts_with(place) && found.place.line.is_some() | place.ends_with(".json"),
            "{found}"
        );
    }
}

/// The name of newer trees; and keys that a vendor's manifest need not have.
#[test]
fn a_manifest_may_have_every_key_of_the_proto_and_either_bootstrap() {
    let copy = Copy::new();
    let more = "\"bootstrap\": true,\n  \"versionName\": \"1\",\n  \"noCode\": false,\n  \"supportsRebootlessUpdate\": false,\n  \
                \"vndkVersion\": \"\"";
    copy.replace("service/apex/manifest.json", "\"vendorBootstrap\": true", more);
    let report = of_the_blueprints(&copy, apex::check);
    assert!(report.is_clean(), "{report}");
}

/// What a V3 tree would be given, and a V2 one.
#[test]
fn an_interface_and_a_vintf_fragment_of_two_versions_are_found_with_both_places() {
    for (from, to, words) in [
        (":gralloc_dmaheap_allocator_vintf_v3", ":gralloc_dmaheap_allocator_vintf_v2", "v3 links"),
        (
            "rustlibs: [\"android.hardware.graphics.allocator-V2-rust\"]",
            "rustlibs: [\"android.hardware.graphics.allocator-V3-rust\"]",
            "links android.hardware.graphics.allocator-V3-rust",
        ),
    ] {
        let copy = Copy::new();
        copy.replace("aidl/soong/Android.bp", from, to);
        let report = declarations::check(copy.root()).unwrap();
        let found = finding(&report, words);
        assert!(found.place.file == "aidl/soong/Android.bp", "{found}");
        assert!(found.other.as_ref().unwrap().file.ends_with("allocator-service.dmaheap.xml"), "{found}");
    }
}

/// The same of the two that install a fragment, the service's module and the APEX: of another version, or of none.
#[test]
fn who_installs_another_version_s_fragment_or_none_is_found_with_both_places() {
    let (service, apex) = ("service/server/Android.bp", "service/apex/Android.bp");
    let (v2, v3) = ("service/server/allocator-service.dmaheap.xml", "service/server/v3/allocator-service.dmaheap.xml");
    let links = "aidl/soong/Android.bp";
    let group = ":gralloc_dmaheap_allocator_vintf\"";
    for (file, from, to, words, other) in [
        (apex, group, ":gralloc_dmaheap_allocator_vintf_v2\"", "allocator v3 links", v2),
        (apex, group, ":gralloc_dmaheap_allocator_vintf_v3\"", "allocator v2 links", v3),
        (apex, "        \"allocator-service.dmaheap.apex.xml\",\n", "", "0 VINTF fragments declare it", links),
        (apex, "    sub_dir: \"vintf\",\n", "", "0 VINTF fragments declare it", links),
        (service, group, ":gralloc_dmaheap_allocator_vintf_v2\"", "allocator v3 links", v2),
        (
            service,
            "    vintf_fragments: [\":gralloc_dmaheap_allocator_vintf\"],\n",
            "",
            "0 VINTF fragments declare it",
            links,
        ),
    ] {
        let copy = Copy::new();
        copy.replace(file, from, to);
        let report = declarations::check(copy.root()).unwrap();
        let found = finding(&report, words);
        assert!(found.place.file == file && found.place.line.is_some(), "{found}");
        let place = found.other.as_ref().unwrap();
        assert!(place.file == other && place.line.is_some(), "{found}");
    }
}

/// A feature says what a generated crate has: in a release that links an older one it is refused, and asked for in one that
/// links the newer.
#[test]
fn a_feature_of_a_newer_interface_than_the_release_has_is_found_with_both_places() {
    let [v3, v6, v7] =
        ["v3", "common_v6", "common_v7"].map(|feature| format!("                features: [\"{feature}\"],\n"));
    let [v3, v6, v7] = [&v3, &v6, &v7].map(String::as_str);
    for (from, to, words) in [
        (
            "            conditions_default: {\n                rustlibs: [\"android.hardware.graphics.allocator-V2-rust\"]",
            "            conditions_default: {\n                features: [\"v3\"],\n                rustlibs: [\"android.hardware.graphics.allocator-V2-rust\"]",
            "Android 15-qpr1: liballocator_aidl has the feature v3, and android.hardware.graphics.allocator-V2-rust",
        ),
        (v3, "", "Android 17-v3: liballocator_aidl lacks the feature v3"),
        (
            "            conditions_default: {\n                features: [\"common_v6\"]",
            "            conditions_default: {\n                features: [\"common_v7\"]",
            "Android 16: libgralloc_allocator has the feature common_v7, and android.hardware.graphics.common-V6-rust",
        ),
        (
            "            v5: {\n                features: []",
            "            v5: {\n                features: [\"common_v7\"]",
            "Android 15-qpr1: libgralloc_allocator has the feature common_v7, and android.hardware.graphics.common-V5-rust",
        ),
        (v7, "", "Android 16-qpr2: libgralloc_allocator lacks the feature common_v7"),
        (v6, "", "Android 15-qpr2: libgralloc_allocator lacks the feature common_v6"),
        (v6, "", "Android 16: libgralloc_allocator lacks the feature common_v6"),
        (
            "            v5: {\n                features: [],\n            },\n",
            "",
            "Android 15-qpr1: libgralloc_allocator has the feature common_v6, and android.hardware.graphics.common-V5-rust",
        ),
    ] {
        let copy = Copy::new();
        copy.replace("aidl/soong/Android.bp", from, to);
        let report = declarations::check(copy.root()).unwrap();
        let found = finding(&report, words);
        assert!(found.place.line.is_some() && found.other.as_ref().unwrap().line.is_some(), "{found}");
        assert!(found.other.as_ref().unwrap().file == "aidl/soong/Android.bp", "{found}");
    }
}

/// Make takes any name, and Soong reads none that it does not know: nothing would say that a product has the default.
#[test]
fn a_name_that_nobody_reads_is_found_with_what_there_is() {
    let (bp, make) = ("aidl/soong/Android.bp", "service/product/cuttlefish.mk");
    for (file, from, to, words) in [
        (
            make,
            "gralloc_dmaheap,profile",
            "gralloc_dmaheap,profil",
            "sets profil, and gralloc_dmaheap has allocator, graphics_common, profile",
        ),
        (make, "gralloc_dmaheap,profile", "gralloc,profile", "the namespace gralloc, and there is gralloc_dmaheap"),
        (
            "docs/porting.md",
            "gralloc_dmaheap,allocator",
            "gralloc_dmaheap,alocator",
            "sets alocator, and gralloc_dmaheap has allocator",
        ),
        ("docs/porting.md", "gralloc_dmaheap,allocator", "dmaheap,allocator", "the namespace dmaheap, and there is"),
        (
            bp,
            "        graphics_common: {",
            "        common: {",
            "has no variable common; it has allocator, graphics_common",
        ),
        (bp, "    properties: [\"srcs\"]", "    properties: [\"src\"]", "has no property srcs in a case; it has src"),
    ] {
        let copy = Copy::new();
        copy.replace(file, from, to);
        let report = of_the_blueprints(&copy, variables::check);
        let found = finding(&report, words);
        assert!(found.place.file == file && found.place.line.is_some(), "{found}");
        assert!(found.other.as_ref().unwrap().line.is_some(), "{found}");
    }
    let copy = Copy::new();
    copy.replace(make, "gralloc_dmaheap,profile,cuttlefish", "gralloc_dmaheap,profile");
    finding(&of_the_blueprints(&copy, variables::check), "it takes a namespace, a variable and a value");
    let copy = Copy::new();
    copy.replace(bp, "    name: \"graphics_common\"", "    name: \"common\"");
    finding(
        &of_the_blueprints(&copy, variables::check),
        "nobody declares the variable graphics_common; there are allocator, common",
    );
}

/// What a build would not match, wherever it is written: the value, its case, the makefile, the guide.
#[test]
fn a_value_that_no_variable_has_is_found_with_both_places() {
    let bp = "aidl/soong/Android.bp";
    for (file, from, to, words) in [
        (bp, "        \"v5\",\n", "        \"V5\",\n", "the value V5 begins with a capital"),
        (bp, "            v5: {", "            V5: {", "the value V5 begins with a capital"),
        (bp, "            v5: {", "            v4: {", "the variable graphics_common has no value v4"),
        (
            "docs/porting.md",
            "graphics_common,v5)",
            "graphics_common,V5)",
            "sets graphics_common to V5, and it has v5, v6, v7",
        ),
        ("docs/cuttlefish.md", "allocator,v3)", "allocator,V3)", "sets allocator to V3, and it has v2, v3"),
        ("service/product/cuttlefish.mk", "profile,cuttlefish)", "profile,Cuttlefish)", "sets profile to Cuttlefish"),
    ] {
        let copy = Copy::new();
        copy.replace(file, from, to);
        let report = of_the_blueprints(&copy, variables::check);
        let found = finding(&report, words);
        let other = found.other.as_ref().unwrap();
        assert!(found.place.file == file && found.place.line.is_some() && other.line.is_some(), "{found}");
        assert!(other.file.ends_with("Android.bp") && *other != found.place, "{found}");
    }
}
