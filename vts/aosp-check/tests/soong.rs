//! The project passes; with a fault planted in it, it does not, and the message names the places.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::platform::{Release, OLDEST_RUSTC, RELEASES};
use aosp_check::{soong, tree, Report};
use common::{each_is_found, fault, finding, root, Copy, Fault};
use std::fs;
use std::path::Path;

#[test]
fn the_project_is_clean() {
    let report = soong::check(&root()).unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(report.notes.iter().any(|note| note.contains("modules in")), "{report}");
}

const FAULTS: &[Fault<'_>] = &[
    // Lints.
    fault(
        "Android.bp",
        "    lints: \"android\"",
        "    lints: \"none\"",
        "libgralloc_mapper_static: lints is none, and has to be \"android\" (see Android.bp",
    )
    .at("service/mapper/Android.bp:"),
    fault(
        "service/buffer/Android.bp",
        "    crate_name: \"gralloc_buffer\",\n",
        "    crate_name: \"gralloc_buffer\",\n    clippy_lints: \"none\",\n",
        "libgralloc_buffer: clippy_lints is none",
    ),
    // Files.
    fault(
        "heaps-config/host/Android.bp",
        "    srcs: [\"src/**/*.rs\"]",
        "    srcs: [\"src/*.rs\"]",
        "srcs lacks heaps-config/host/src/draft/write.rs",
    ),
    fault(
        "heaps-config/host/Android.bp",
        "    srcs: [\"src/bin/heaps_compile.rs\"]",
        "    srcs: [\"src/bin/heaps_compile.rs\", \"src/gone.rs\"]",
        "there is no such file",
    ),
    fault(
        "heaps-config/host/Android.bp",
        "    srcs: [\"src/bin/heaps_compile.rs\"]",
        "    srcs: [\"src/bin/heaps_compile.rs\", \"src/report.rs\"]",
        "is no part of the crate",
    ),
    // Of the modules of a feature, only when it is on.
    fault(
        "heaps-config/host/Android.bp",
        "    srcs: [\"src/**/*.rs\"],\n",
        "    srcs: [\"src/**/*.rs\"],\n    features: [\"profiles\"],\n",
        "srcs lacks heaps-config/profiles/generic.toml, and sources are sandboxed",
    ),
    fault("service/server/Android.bp", "allocator-service.dmaheap.rc", "allocator.rc", "init_rc names allocator.rc"),
    fault(
        "vts/abi/Android.bp",
        "wrapper_src: \"wrapper.hpp\"",
        "wrapper_src: \"gone.hpp\"",
        "wrapper_src names gone.hpp, and there is no such file",
    ),
    fault("vts/abi/Android.bp", "    wrapper_src: \"wrapper.hpp\",\n", "", "libabi_bindgen: no wrapper_src"),
    fault(
        "vts/abi/Android.bp",
        "    rustlibs: [\"libgralloc_mapper\"],\n",
        "",
        "rustlibs lacks libgralloc_mapper; Cargo links gralloc_mapper",
    ),
    // Cargo.
    fault("Android.bp", "edition: \"2021\"", "edition: \"2018\"", "edition 2018, and Cargo says 2021").at(""),
    fault("service/heaps/Android.bp", "        \"libnix\",\n", "", "rustlibs lacks libnix; Cargo links nix"),
    fault(
        "service/dmabuf/Android.bp",
        "\"libnix\",",
        "\"libnix\", \"libanyhow\",",
        "rustlibs has libanyhow, which Cargo does not link",
    ),
    fault(
        "service/allocator/Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\ntempfile.workspace = true\n",
        "the crate tempfile is not available in a tree",
    )
    .at("service/allocator/Android.bp:"),
    fault(
        "service/heapctl/Android.bp",
        "cargo_pkg_version: \"0.1.0\"",
        "cargo_pkg_version: \"7.0.0\"",
        "cargo_pkg_version 7.0.0, and Cargo says",
    ),
    fault(
        "service/heapctl/Android.bp",
        "    rustlibs: [",
        "    features: [\"colour\"],\n    rustlibs: [",
        "Cargo knows no feature colour",
    ),
    fault(
        "service/allocator/Android.bp",
        "crate_name: \"gralloc_allocator\"",
        "crate_name: \"core\"",
        "crate_name has to be gralloc_allocator",
    ),
    // Modules.
    fault(
        "service/allocator/Android.bp",
        "\"libgralloc_buffer\"",
        "\"libgralloc_bufer\"",
        "names the module libgralloc_bufer, which nobody defines",
    ),
    fault(
        "heaps-config/Android.bp",
        "src: \":gralloc_dmaheap_policy\"",
        "src: \":gralloc_dmaheap_polity\"",
        "names the module gralloc_dmaheap_polity",
    ),
    fault(
        "service/allocator/Android.bp",
        "name: \"libgralloc_allocator\"",
        "name: \"libgralloc_buffer\"",
        "the module libgralloc_buffer is defined twice",
    )
    .at(""),
    // The APEX.
    fault("service/apex/Android.bp", "    compile_multilib: \"both\",\n", "", "compile_multilib is not \"both\""),
    // What a product sets.
    fault("service/product/cuttlefish.mk", "profile,cuttlefish)", "profile,Cuttlefish)", "sets profile to Cuttlefish"),
    // Keys: misspelt, another type's, nested, and of what only defaults have.
    fault(
        "service/heapctl/Android.bp",
        "    rustlibs: [",
        "    featurs: [\"colour\"],\n    rustlibs: [",
        "heapctl: rust_binary has no property featurs",
    ),
    fault(
        "service/buffer/Android.bp",
        "    crate_name: \"gralloc_buffer\",\n",
        "    crate_name: \"gralloc_buffer\",\n    test_suites: [\"vts\"],\n",
        "libgralloc_buffer: rust_library has no property test_suites",
    ),
    fault(
        "service/mapper/Android.bp",
        "    stem: \"mapper.dmaheap\",\n",
        "    stem: \"mapper.dmaheap\",\n    rustlibs: [\"libgralloc_buffer\"],\n",
        "mapper.dmaheap.apex: cc_library_shared has no property rustlibs",
    ),
    fault(
        "heaps-config/Android.bp",
        "    sub_dir: \"gralloc\",",
        "    subdir: \"gralloc\",",
        "prebuilt_etc has no property subdir",
    ),
    fault(
        "aidl/Android.bp",
        "        rust: {\n            enabled: true",
        "        rust: {\n            enable: true",
        "aidl_interface has no property backend.rust.enable, ",
    ),
    fault(
        "aidl/soong/Android.bp",
        "    name: \"gralloc_dmaheap_formats_defaults\",\n",
        "    name: \"gralloc_dmaheap_formats_defaults\",\n    wrapper: \"a\",\n",
        "gralloc_dmaheap_formats_defaults: rust_defaults has no property wrapper",
    ),
    fault(
        "aidl/soong/Android.bp",
        "    properties: [\"srcs\"],",
        "    properties: [\"srcs\", \"rustlibs\"],",
        "gralloc_dmaheap_aidl_filegroup: filegroup has no property rustlibs",
    ),
    // What bpfmt would tear apart.
    fault(
        "vts/abi/Android.bp",
        "\"--allowlist-var=(value|size|align|offset)_.*\",",
        "\"--allowlist-var\",\n        \"(value|size|align|offset)_.*\",",
        "so write --flag=value",
    ),
    // What a tree offers.
    fault(
        "heaps-config/Android.bp",
        "        \"libserde_json\",\n",
        "        \"libserde_json\",\n        \"libtoml\",\n",
        "libheaps_config: libtoml is not available for the system and the vendor",
    ),
    fault(
        "heaps-config/host/Android.bp",
        "\"libtoml\",",
        "\"libtoml\",\n        \"libandroid_logger\",",
        "libheaps_host: libandroid_logger is not available for the host",
    ),
    fault(
        "service/heaps/Android.bp",
        "\"liblog_rust\",",
        "\"liblog_rust\",\n        \"libheaps_host\",",
        "libgralloc_heaps: links libheaps_host, which is not built for the system and the vendor",
    ),
    fault(
        "aidl/soong/Android.bp",
        "rustlibs: [\"android.hardware.graphics.common-V5-rust\"]",
        "rustlibs: [\"android.hardware.graphics.common-V6-rust\"]",
        "the allocator's interface imports android.hardware.graphics.common-V5-rust",
    ),
];

#[test]
fn every_fault_is_found_and_its_file_named() {
    each_is_found(FAULTS, soong::check);
}

#[test]
fn an_included_file_has_to_be_listed() {
    let copy = Copy::new();
    let lib = copy.root().join("service/buffer/src/lib.rs");
    let text = fs::read_to_string(&lib).unwrap();
    fs::write(&lib, format!("{text}\nconst MANIFEST: &str = include_str!(\"../Cargo.toml\");\n")).unwrap();
    let report = soong::check(copy.root()).unwrap();
    finding(&report, "srcs lacks service/buffer/Cargo.toml, and sources are sandboxed");
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
    assert!(found.place.file.ends_with("vts/abi/tests/abi/main.rs"), "{found}");
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
        rustc: OLDEST_RUSTC,
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
    let planted = [
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
    ];
    for (file, code, words) in planted {
        let copy = Copy::shared();
        append(&copy, file, code);
        let found = finding(&compiled_in(&copy, of("16")), words).clone();
        assert!(found.place.file.ends_with(file), "{found}");
    }
    let copy = Copy::shared();
    for (file, code, _) in planted {
        append(&copy, file, code);
    }
    let later = compiled_in(&copy, of("17"));
    assert!(later.is_clean(), "{later}");
}

/// The lowest release's tree with code behind what a file has, by the oldest compiler that is held and its clippy.
fn with_code_by_the_oldest_compiler(file: &str, code: &str) -> Option<Report> {
    let copy = Copy::shared();
    append(&copy, file, code);
    let build = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../android");
    let report = tree::check_by_compiler(copy.root(), &RELEASES[0], OLDEST_RUSTC, &build).unwrap();
    if let [skipped] = &report.skipped[..] {
        println!("SKIP: {skipped}");
        assert!(skipped.contains(&format!("rustup toolchain install {OLDEST_RUSTC}")), "{skipped}");
        return None;
    }
    Some(report)
}

/// What the language got after the oldest compiler, which no lint of a later one sees.
#[test]
fn a_construct_that_the_oldest_compiler_lacks_is_found() {
    let file = "service/dmabuf/src/fd.rs";
    let code = "/// Anything.\npub fn wide<T: TryInto<u64, Error: std::fmt::Debug>>(value: T) -> u64 {\n    value.try_into().unwrap_or(0)\n}\n";
    let Some(report) = with_code_by_the_oldest_compiler(file, code) else { return };
    let found = finding(&report, "associated type bounds are unstable");
    assert!(
        found.place.file.ends_with(file)
            && found.message.starts_with(&format!("Android 15-qpr1 by rustc {OLDEST_RUSTC}: ")),
        "{found}"
    );
}

/// Soong runs clippy over every module; what it names `android` denies unsafe blocks that say nothing of themselves, and each warning.
/// To an old compiler what only an assertion of a constant names is dead code.
#[test]
fn what_soong_s_clippy_and_the_oldest_compiler_deny_is_found() {
    let file = "service/dmabuf/src/fd.rs";
    let code = "const ASSERTED: usize = 8;
const _: () = assert!(ASSERTED == 8);

/// The first.
pub fn first(of: &[u8]) -> u8 {
    if of.len() == 0 {
        return 0;
    }
    unsafe { *of.as_ptr() }
}
";
    let Some(report) = with_code_by_the_oldest_compiler(file, code) else { return };
    for words in
        ["unsafe block missing a safety comment", "length comparison to zero", "constant `ASSERTED` is never used"]
    {
        let found = finding(&report, words);
        assert!(found.place.file.ends_with(file), "{found}");
        assert_eq!(found.other.as_ref().unwrap().file, "service/dmabuf/Android.bp", "{found}");
    }
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
