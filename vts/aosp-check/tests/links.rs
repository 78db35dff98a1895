//! What stops a build in a tree where a module is linked: it lacks the variant that is asked for, with both places, the one that
//! links and the one that is linked; or Cargo's manifests ask of a crate what no release's gives. And what the manifests that are
//! written for a release let pass.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::platform::RELEASES;
use aosp_check::{soong, tree, Place};
use common::{each_is_found, fault, root, Fault};
use std::fs;

const MAPPER: &str = "service/mapper/Android.bp";
const BUFFER: &str = "service/buffer/Android.bp";

const FAULTS: &[Fault<'_>] = &[
    // A 32-bit mapper takes a 32-bit static library, and that one 32-bit crates.
    fault(
        MAPPER,
        "    name: \"libgralloc_mapper_static\",\n",
        "    name: \"libgralloc_mapper_static\",\n    compile_multilib: \"64\",\n",
        "mapper.dmaheap.apex: links libgralloc_mapper_static, which is not built for 32 bits",
    )
    .against(MAPPER),
    fault(
        BUFFER,
        "    crate_name: \"gralloc_buffer\",\n",
        "    crate_name: \"gralloc_buffer\",\n    compile_multilib: \"64\",\n",
        "libgralloc_mapper_static: links libgralloc_buffer, which is not built for 32 bits",
    )
    .at("service/mapper/Android.bp:")
    .against(BUFFER),
    fault(
        BUFFER,
        "    crate_name: \"gralloc_buffer\",\n",
        "    crate_name: \"gralloc_buffer\",\n    compile_multilib: \"32\",\n",
        "heapctl: links libgralloc_buffer, which is not built for 64 bits",
    )
    .at("service/heapctl/Android.bp:")
    .against(BUFFER),
    fault(
        MAPPER,
        "    installable: false,\n",
        "    installable: false,\n    compile_multilib: \"first\",\n",
        "com.android.hardware.graphics.dmaheap: links mapper.dmaheap.apex, which is not built for 32 bits",
    )
    .at("service/apex/Android.bp:")
    .against(MAPPER),
    // What the vendor's modules link is built for the vendor.
    fault(
        "Android.bp",
        "    vendor_available: true,\n",
        "",
        "libgralloc_server: links libgralloc_buffer, which is not built for the vendor",
    )
    .at("service/server/Android.bp:")
    .against(BUFFER),
    fault(
        "aidl/soong/Android.bp",
        "    vendor_available: true,\n",
        "",
        "libgralloc_server: links liballocator_aidl, which is not built for the vendor",
    )
    .at("service/server/Android.bp:")
    .against("aidl/soong/Android.bp"),
    fault(
        "aidl/Android.bp",
        "    vendor_available: true,\n",
        "",
        "liballocator_aidl: links vendor.dmaheap.graphics.allocator-V1-rust, which is not built for the vendor",
    )
    .at("aidl/soong/Android.bp:")
    .against("aidl/Android.bp"),
    fault(
        MAPPER,
        "    vendor_available: true,\n",
        "",
        "mapper.dmaheap: links libgralloc_mapper_static, which is not built for the vendor",
    )
    .against(MAPPER),
    // And the other two.
    fault(
        "service/client/Android.bp",
        "    vendor_available: true,\n",
        "    vendor: true,\n",
        "libconformance: links libgralloc_client, which is not built for the system",
    )
    .at("vts/conformance/Android.bp:")
    .against("service/client/Android.bp"),
    fault(
        "Android.bp",
        "    host_supported: true,\n",
        "",
        "heaps_compile: links libheaps_config, which is not built for the host",
    )
    .at("heaps-config/host/Android.bp:")
    .against("heaps-config/Android.bp"),
];

#[test]
fn what_lacks_the_variant_that_it_is_linked_in_is_found_with_both_places() {
    each_is_found(FAULTS, soong::check);
}

/// What Soong builds of a crate is the release's alone. Each: a manifest, what is there, what is put in its place; the module's
/// place, and words.
#[test]
fn what_no_release_s_crate_gives_is_found_with_the_module_and_the_manifest_s_line() {
    let faults = [
    fault(
        "service/dmabuf/Cargo.toml",
        "features = [",
        "features = [\"resource\", ",
        "Android 16: libgralloc_dmabuf: Cargo asks the crate nix for the feature resource, and its libnix has event,",
    )
    .at("service/dmabuf/Android.bp:"),
    fault(
        "service/heaps/Cargo.toml",
        "features = [",
        "features = [\"ptrace\", ",
        "Android 17: libgralloc_heaps: Cargo asks the crate nix for the feature ptrace",
    )
    .at("service/heaps/Android.bp:"),
        // The workspace's words, for all who take the crate from it.
    fault(
        "Cargo.toml",
        "features = [\"derive\", \"wrap_help\"]",
        "features = [\"derive\", \"wrap_help\", \"string\"]",
        "Android 15-qpr1: heapctl: Cargo asks the crate clap for the feature string",
    )
    .at("service/heapctl/Android.bp:"),
    fault(
        "Cargo.toml",
        "nix = { version = \"0.28\"",
        "nix = { version = \"0.31\"",
        "Android 15-qpr1: libgralloc_client: Cargo asks the crate nix for ^0.31, and the release has 0.28.0",
    )
    .at("service/client/Android.bp:"),
    fault(
        "Cargo.toml",
        "anyhow = \"1.0.79\"",
        "anyhow = \"1.0.100\"",
        "Android 16: libgralloc_server: Cargo asks the crate anyhow for ^1.0.100, and the release has 1.0.97",
    )
    .at("service/server/Android.bp:"),
    fault(
        "heaps-config/host/Cargo.toml",
        "toml = { version = \"0.8.10\"",
        "toml = { version = \"0.9\"",
        "Android 15-qpr2: libheaps_host: Cargo asks the crate toml for ^0.9, and the release has 0.8.10",
    )
    .at("heaps-config/host/Android.bp:"),
    ];
    for (fault, found) in faults.iter().zip(each_is_found(&faults, soong::check)) {
        let line = 1 + fs::read_to_string(root().join(fault.file))
            .unwrap()
            .lines()
            .position(|line| line.contains(fault.from))
            .unwrap();
        assert_eq!(found.other, Some(Place::line(fault.file, line)), "{found}");
    }
}

/// `rust/config/lints.go`: `empty_line_after_doc_comments` came with 16, the other two with 16 QPR2.
#[test]
fn each_release_lets_pass_what_its_soong_lets_pass() {
    let folder = tempfile::tempdir().unwrap();
    for release in RELEASES {
        tree::write(&root(), release, folder.path()).unwrap();
        let manifest = fs::read_to_string(folder.path().join("libgralloc_buffer/Cargo.toml")).unwrap();
        let lets_pass = |lint: &str| manifest.lines().any(|line| line == format!("{lint} = \"allow\""));
        for lint in ["deprecated", "unknown_lints", "disallowed_names", "unnecessary_fallible_conversions"] {
            assert!(lets_pass(lint), "{}: {lint}", release.name);
        }
        let later = ["empty_line_after_doc_comments", "mismatched_lifetime_syntaxes", "uninlined_format_args"];
        let expected = match release.name {
            "15-qpr1" | "15-qpr2" => [false, false, false],
            "16" => [true, false, false],
            _ => [true, true, true],
        };
        assert_eq!(later.map(lets_pass), expected, "{}", release.name);
    }
}
