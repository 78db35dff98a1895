//! The project passes; with a fault planted in it, it does not, and the message names the places.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::platform::{Release, RELEASES};
use aosp_check::{soong, tree, Report};
use common::{finding, root, Copy};
use std::fs;
use std::path::Path;

#[test]
fn the_project_is_clean() {
    let report = soong::check(&root()).unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(report.notes.iter().any(|note| note.contains("modules in")), "{report}");
}

/// One fault: the file, what is there, what is put in its place; the place of the finding and words of it.
struct Fault(&'static str, &'static str, &'static str, &'static str, &'static str);

const FAULTS: &[Fault] = &[
    // Lints.
    Fault(
        "Android.bp",
        "    lints: \"android\"",
        "    lints: \"none\"",
        "service/mapper/Android.bp:",
        "libgralloc_mapper_static: lints is none, and has to be \"android\" (see Android.bp",
    ),
    Fault(
        "service/buffer/Android.bp",
        "    crate_name: \"gralloc_buffer\",\n",
        "    crate_name: \"gralloc_buffer\",\n    clippy_lints: \"none\",\n",
        "service/buffer/Android.bp:",
        "libgralloc_buffer: clippy_lints is none",
    ),
    // Files.
    Fault(
        "heaps-config/host/Android.bp",
        "    srcs: [\"src/**/*.rs\"]",
        "    srcs: [\"src/*.rs\"]",
        "heaps-config/host/Android.bp:",
        "srcs lacks heaps-config/host/src/draft/write.rs",
    ),
    Fault(
        "heaps-config/host/Android.bp",
        "    srcs: [\"src/bin/heaps_compile.rs\"]",
        "    srcs: [\"src/bin/heaps_compile.rs\", \"src/gone.rs\"]",
        "heaps-config/host/Android.bp:",
        "there is no such file",
    ),
    Fault(
        "heaps-config/host/Android.bp",
        "    srcs: [\"src/bin/heaps_compile.rs\"]",
        "    srcs: [\"src/bin/heaps_compile.rs\", \"src/report.rs\"]",
        "heaps-config/host/Android.bp:",
        "is no part of the crate",
    ),
    // Of the modules of a feature, only when it is on.
    Fault(
        "heaps-config/host/Android.bp",
        "    srcs: [\"src/**/*.rs\"],\n",
        "    srcs: [\"src/**/*.rs\"],\n    features: [\"profiles\"],\n",
        "heaps-config/host/Android.bp:",
        "compile_data lacks heaps-config/profiles/generic.toml, which the code includes",
    ),
    Fault(
        "service/server/Android.bp",
        "allocator-service.dmaheap.rc",
        "allocator.rc",
        "service/server/Android.bp:",
        "init_rc names allocator.rc",
    ),
    Fault(
        "vts/uapi/Android.bp",
        "wrapper_src: \"wrapper.h\"",
        "wrapper_src: \"gone.h\"",
        "vts/uapi/Android.bp:",
        "wrapper_src names gone.h, and there is no such file",
    ),
    Fault(
        "vts/uapi/Android.bp",
        "    wrapper_src: \"wrapper.h\",\n",
        "",
        "vts/uapi/Android.bp:",
        "libuapi_bindgen: no wrapper_src",
    ),
    Fault(
        "vts/mapper-abi/Android.bp",
        "    rustlibs: [\"libgralloc_mapper\"],\n",
        "",
        "vts/mapper-abi/Android.bp:",
        "rustlibs lacks libgralloc_mapper; Cargo links gralloc_mapper",
    ),
    // Cargo.
    Fault("Android.bp", "edition: \"2021\"", "edition: \"2018\"", "", "edition 2018, and Cargo says 2021"),
    Fault(
        "service/heaps/Android.bp",
        "        \"libnix\",\n",
        "",
        "service/heaps/Android.bp:",
        "rustlibs lacks libnix; Cargo links nix",
    ),
    Fault(
        "service/dmabuf/Android.bp",
        "\"libnix\",",
        "\"libnix\", \"libanyhow\",",
        "service/dmabuf/Android.bp:",
        "rustlibs has libanyhow, which Cargo does not link",
    ),
    Fault(
        "service/allocator/Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\ntempfile.workspace = true\n",
        "service/allocator/Android.bp:",
        "the crate tempfile is not available in a tree",
    ),
    Fault(
        "service/heapctl/Android.bp",
        "cargo_pkg_version: \"0.1.0\"",
        "cargo_pkg_version: \"7.0.0\"",
        "service/heapctl/Android.bp:",
        "cargo_pkg_version 7.0.0, and Cargo says",
    ),
    Fault(
        "service/heapctl/Android.bp",
        "    rustlibs: [",
        "    features: [\"colour\"],\n    rustlibs: [",
        "service/heapctl/Android.bp:",
        "Cargo knows no feature colour",
    ),
    Fault(
        "service/allocator/Android.bp",
        "crate_name: \"gralloc_allocator\"",
        "crate_name: \"core\"",
        "service/allocator/Android.bp:",
        "crate_name has to be gralloc_allocator",
    ),
    // Modules.
    Fault(
        "service/allocator/Android.bp",
        "\"libgralloc_buffer\"",
        "\"libgralloc_bufer\"",
        "service/allocator/Android.bp:",
        "names the module libgralloc_bufer, which nobody defines",
    ),
    Fault(
        "heaps-config/Android.bp",
        "src: \":gralloc_dmaheap_policy\"",
        "src: \":gralloc_dmaheap_polity\"",
        "heaps-config/Android.bp:",
        "names the module gralloc_dmaheap_polity",
    ),
    Fault(
        "service/allocator/Android.bp",
        "name: \"libgralloc_allocator\"",
        "name: \"libgralloc_buffer\"",
        "",
        "the module libgralloc_buffer is defined twice",
    ),
    // The APEX.
    Fault(
        "service/apex/Android.bp",
        "    compile_multilib: \"both\",\n",
        "",
        "service/apex/Android.bp:",
        "compile_multilib is not \"both\"",
    ),
    // What a product sets.
    Fault(
        "service/product/cuttlefish.mk",
        "profile,cuttlefish)",
        "profile,Cuttlefish)",
        "service/product/cuttlefish.mk:",
        "sets profile to Cuttlefish",
    ),
    // What bpfmt would tear apart.
    Fault(
        "vts/uapi/Android.bp",
        "\"--allowlist-var=(value|size|offset)_.*\",",
        "\"--allowlist-var\",\n        \"(value|size|offset)_.*\",",
        "vts/uapi/Android.bp:",
        "so write --flag=value",
    ),
    // What a tree offers.
    Fault(
        "heaps-config/Android.bp",
        "        \"libserde_json\",\n",
        "        \"libserde_json\",\n        \"libtoml\",\n",
        "heaps-config/Android.bp:",
        "libheaps_config: libtoml is not available for the system and the vendor",
    ),
    Fault(
        "heaps-config/host/Android.bp",
        "\"libtoml\",",
        "\"libtoml\",\n        \"libandroid_logger\",",
        "heaps-config/host/Android.bp:",
        "libheaps_host: libandroid_logger is not available for the host",
    ),
    Fault(
        "service/heaps/Android.bp",
        "\"liblog_rust\",",
        "\"liblog_rust\",\n        \"libheaps_host\",",
        "service/heaps/Android.bp:",
        "libgralloc_heaps: links libheaps_host, which is not built for the system and the vendor",
    ),
    Fault(
        "aidl/soong/Android.bp",
        "rustlibs: [\"android.hardware.graphics.common-V5-rust\"]",
        "rustlibs: [\"android.hardware.graphics.common-V6-rust\"]",
        "aidl/soong/Android.bp:",
        "the allocator's interface imports android.hardware.graphics.common-V5-rust",
    ),
];

#[test]
fn every_fault_is_found_and_its_file_named() {
    for Fault(file, from, to, place, words) in FAULTS {
        let copy = Copy::new();
        copy.replace(file, from, to);
        let report = soong::check(copy.root()).unwrap();
        let found = finding(&report, words);
        assert!(found.place.to_string().starts_with(place), "{found}");
    }
}

#[test]
fn an_included_file_has_to_be_listed() {
    let copy = Copy::new();
    let lib = copy.root().join("service/buffer/src/lib.rs");
    let text = fs::read_to_string(&lib).unwrap();
    fs::write(&lib, format!("{text}\nconst MANIFEST: &str = include_str!(\"../Cargo.toml\");\n")).unwrap();
    let report = soong::check(copy.root()).unwrap();
    finding(&report, "compile_data lacks service/buffer/Cargo.toml");
}

#[test]
fn a_crate_that_ships_without_a_module_is_found() {
    let copy = Copy::new();
    fs::remove_file(copy.root().join("service/buffer/Android.bp")).unwrap();
    let report = soong::check(copy.root()).unwrap();
    finding(&report, "gralloc_buffer ships, and service/buffer/Android.bp makes nothing of it");
}

#[test]
fn a_file_that_is_no_blueprint_is_named() {
    let copy = Copy::new();
    copy.replace("service/allocator/Android.bp", "rust_library {", "rust_library [");
    let error = soong::check(copy.root()).unwrap_err();
    assert!(format!("{error:#}").contains("service/allocator/Android.bp"), "{error:#}");
}

/// The oldest release's tree, compiled.
fn compiled(copy: &Copy) -> Report {
    compiled_in(copy, &RELEASES[0])
}

fn compiled_in(copy: &Copy, release: &Release) -> Report {
    // Where `cargo xtask soong-check` builds: the tree's crates are compiled once.
    let build = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../android");
    tree::check(copy.root(), release, &build).unwrap()
}

/// What one binder library has and the other has not, and what a release's crate has not yet.
#[test]
fn code_that_only_compiles_outside_a_tree_is_found() {
    let copy = Copy::shared();
    let fault = "/// Enumerators joined: rsbinder's have `|`, Soong's have not.
pub fn both(one: allocator_aidl::BufferUsage, other: allocator_aidl::BufferUsage) -> allocator_aidl::BufferUsage {
    one | other
}
";
    append(&copy, "service/server/src/convert.rs", fault);
    let report = compiled(&copy);
    let found = finding(&report, "no implementation for `BufferUsage | BufferUsage`");
    assert!(found.place.file.ends_with("service/server/src/convert.rs"), "{found}");
}

/// The generated crate is what the test is compiled with, so a header that changed fails the check.
#[test]
fn a_callback_of_another_signature_than_the_header_s_is_found() {
    let copy = Copy::shared();
    copy.replace(
        "service/mapper/include/dmaheap_mapper.h",
        "(*freeBuffer)(buffer_handle_t buffer)",
        "(*freeBuffer)(buffer_handle_t buffer, int fence)",
    );
    let report = compiled(&copy);
    let found = finding(&report, "mismatched types");
    assert!(found.place.file.ends_with("vts/mapper-abi/tests/abi.rs"), "{found}");
}

/// Base 15 builds nix without inotify: the lowest release is the one after it.
#[test]
fn the_release_below_the_lowest_lacks_what_the_release_watch_needs() {
    let base = Release {
        name: "15",
        age: 0,
        column: 0,
        config: &[("gralloc_dmaheap", "graphics_common", "v5")],
        graphics_common: "V5",
        instead: &[],
    };
    let report = compiled_in(&Copy::shared(), &base);
    finding(&report, "inotify");
}

/// clap's `string` came with 15-qpr2: a conversion that it brings compiles there and not in the release before.
#[test]
fn a_feature_that_the_release_lacks_is_found_with_the_code_and_the_module() {
    let copy = Copy::shared();
    append(
        &copy,
        "vts/conformance/src/options.rs",
        "/// A text of any length.\npub fn text(text: String) -> clap::builder::Str {\n    text.into()\n}\n",
    );
    let found = finding(&compiled(&copy), "`clap::builder::Str: From<std::string::String>` is not").clone();
    assert!(found.place.file.ends_with("vts/conformance/src/options.rs"), "{found}");
    assert!(found.message.starts_with("Android 15-qpr1: "), "{found}");
    let other = found.other.as_ref().unwrap();
    assert!(other.file == "vts/conformance/Android.bp" && other.line.is_some(), "{found}");
}

/// nix's `resource` came with 0.31 and toml's `parse` with 0.9, so both to the trees of 17.
#[test]
fn what_only_later_releases_crates_have_is_found_in_16_and_not_in_17() {
    let of = |name: &str| RELEASES.iter().find(|release| release.name == name).unwrap();
    for (file, code, words) in [
        (
            "service/dmabuf/src/fd.rs",
            "/// How many files there may be.\npub fn files() -> nix::Result<u64> {\n    Ok(nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?.0)\n}\n",
            "`resource` in `sys`",
        ),
        (
            "heaps-config/host/src/diff.rs",
            "/// Whether it is TOML.\npub fn is_toml(text: &str) -> bool {\n    toml::Deserializer::parse(text).is_ok()\n}\n",
            "named `parse` found",
        ),
    ] {
        let copy = Copy::shared();
        append(&copy, file, code);
        let found = finding(&compiled_in(&copy, of("16")), words).clone();
        assert!(found.place.file.ends_with(file), "{found}");
        let later = compiled_in(&copy, of("17"));
        assert!(later.is_clean(), "{later}");
    }
}

/// What the language got after the lowest release's compiler, which no lint of a later one sees.
#[test]
fn a_construct_that_the_lowest_release_s_compiler_lacks_is_found() {
    let copy = Copy::shared();
    let file = "service/dmabuf/src/fd.rs";
    append(&copy, file, "/// Anything.\npub fn wide<T: TryInto<u64, Error: std::fmt::Debug>>(value: T) -> u64 {\n    value.try_into().unwrap_or(0)\n}\n");
    let build = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../android");
    let report = tree::check_with_oldest_compiler(copy.root(), &RELEASES[0], &build).unwrap();
    if let [skipped] = &report.skipped[..] {
        println!("SKIP: {skipped}");
        assert!(skipped.contains("rustup toolchain install 1.78.0"), "{skipped}");
        return;
    }
    let found = finding(&report, "associated type bounds are unstable");
    assert!(
        found.place.file.ends_with(file) && found.message.starts_with("Android 15-qpr1 by rustc 1.78.0: "),
        "{found}"
    );
}

/// nix takes numbers of fds up to 0.29, and from 0.30 on, which the trees after 16 have, whatever holds a descriptor.
#[test]
fn a_call_that_only_the_older_nix_has_is_found_in_the_trees_after_16() {
    let copy = Copy::shared();
    append(
        &copy,
        "service/dmabuf/src/fd.rs",
        "/// Whether it can be asked.\npub fn is_file(fd: BorrowedFd<'_>) -> bool {\n    nix::sys::stat::fstat(fd.as_raw_fd()).is_ok()\n}\n",
    );
    let release = RELEASES.iter().find(|release| release.name == "16-qpr2").unwrap();
    let found = finding(&compiled_in(&copy, release), "`i32: AsFd` is not satisfied").clone();
    assert!(found.place.file.ends_with("service/dmabuf/src/fd.rs"), "{found}");
    assert_eq!(found.other.as_ref().unwrap().file, "service/dmabuf/Android.bp", "{found}");
}

/// Puts code behind what a file has.
fn append(copy: &Copy, file: &str, code: &str) {
    let path = copy.root().join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n{code}")).unwrap();
}

/// Soong denies all warnings in this project's modules, and what `androidRustcLints` names beside them.
#[test]
fn what_soong_s_lints_deny_is_found() {
    let copy = Copy::shared();
    let file = "service/server/src/access.rs";
    copy.replace(file, "use ", "use std::collections::BTreeMap as _Unused;\nuse ");
    append(
        &copy,
        file,
        "fn nobody_calls() {}

pub fn undocumented() {
    let mut never_changed = 1;
    let _ = never_changed;
}

/// Nothing.
///
/// # Safety
/// None.
pub unsafe fn outer(at: *const u8) -> u8 {
    *at
}
",
    );
    let report = compiled(&copy);
    for words in [
        "unused import",
        "`nobody_calls` is never used",
        "missing documentation for a function",
        "does not need to be mutable",
        "unsafe and requires unsafe block",
    ] {
        let found = finding(&report, words);
        assert!(found.place.file.ends_with(file), "{found}");
        assert_eq!(found.other.as_ref().unwrap().file, "service/server/Android.bp", "{found}");
    }
}

#[test]
fn a_library_that_is_used_and_not_linked_is_found_by_the_compiler() {
    let copy = Copy::shared();
    copy.replace(
        "service/server/Android.bp",
        "        \"libanyhow\",\n        \"libgralloc_server\",",
        "        \"libgralloc_server\",",
    );
    let report = compiled(&copy);
    let found = finding(&report, "anyhow");
    assert!(found.place.file.ends_with("service/server/src/main.rs"), "{found}");
}
