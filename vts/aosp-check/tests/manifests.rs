//! What Cargo's manifests ask of a crate and no tree gives.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::{soong, Place};
use common::{finding, Copy};
use std::fs;

/// What Soong builds of a crate is the release's alone. Each: a manifest, what is there, what is put in its place; the module's
/// place, and words.
#[test]
fn what_no_release_s_crate_gives_is_found_with_the_module_and_the_manifest_s_line() {
    for (manifest, from, to, place, words) in [
        (
            "service/dmabuf/Cargo.toml",
            "features = [",
            "features = [\"resource\", ",
            "service/dmabuf/Android.bp",
            "Android 16: libgralloc_dmabuf: Cargo asks the crate nix for the feature resource, and its libnix has event,",
        ),
        (
            "service/heaps/Cargo.toml",
            "features = [",
            "features = [\"ptrace\", ",
            "service/heaps/Android.bp",
            "Android 17: libgralloc_heaps: Cargo asks the crate nix for the feature ptrace",
        ),
        // The workspace's words, for all who take the crate from it.
        (
            "Cargo.toml",
            "features = [\"derive\", \"wrap_help\"]",
            "features = [\"derive\", \"wrap_help\", \"string\"]",
            "service/heapctl/Android.bp",
            "Android 15-qpr1: heapctl: Cargo asks the crate clap for the feature string",
        ),
        (
            "Cargo.toml",
            "nix = { version = \"0.28\"",
            "nix = { version = \"0.31\"",
            "service/client/Android.bp",
            "Android 15-qpr1: libgralloc_client: Cargo asks the crate nix for ^0.31, and the release has 0.28.0",
        ),
        (
            "Cargo.toml",
            "anyhow = \"1.0.79\"",
            "anyhow = \"1.0.100\"",
            "service/server/Android.bp",
            "Android 16: libgralloc_server: Cargo asks the crate anyhow for ^1.0.100, and the release has 1.0.97",
        ),
        (
            "heaps-config/host/Cargo.toml",
            "toml = { version = \"0.8.10\"",
            "toml = { version = \"0.9\"",
            "heaps-config/host/Android.bp",
            "Android 15-qpr2: libheaps_host: Cargo asks the crate toml for ^0.9, and the release has 0.8.10",
        ),
    ] {
        let copy = Copy::new();
        copy.replace(manifest, from, to);
        let report = soong::check(copy.root()).unwrap();
        let found = finding(&report, words);
        assert!(found.place.file == place && found.place.line.is_some(), "{found}");
        let text = fs::read_to_string(copy.root().join(manifest)).unwrap();
        let line = text.lines().position(|line| line.contains(to)).unwrap() + 1;
        assert_eq!(found.other, Some(Place::line(manifest, line)), "{found}");
    }
}
