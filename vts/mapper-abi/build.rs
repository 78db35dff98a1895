//! Runs bindgen over the mapper's header, with the mapper's own types in the place of the header's, so that the compiler
//! compares the callbacks' signatures. In an Android tree, where there are no build scripts, Android.bp has a module that
//! does it with the platform's header.

// A build script has nobody to return an error to but the person who reads its message.
#![allow(clippy::panic)]

use std::env;
use std::path::PathBuf;

const WRAPPER: &str = "wrapper.hpp";
const INCLUDE: &str = "../aosp-check/stubs/include";
const HEADER: &str = "../../service/mapper/include/dmaheap_mapper.h";
/// Types that `gralloc_mapper::abi` has.
const REPLACED: &str =
    "native_handle|native_handle_t|ARect|AIMapper_MetadataType|AIMapper_MetadataTypeDescription|AIMapper_Error";

fn main() {
    for file in [WRAPPER, INCLUDE, HEADER] {
        println!("cargo::rerun-if-changed={file}");
    }
    if let Err(why) = clang_sys::load() {
        panic!("libclang is missing (Debian package libclang-dev, or set LIBCLANG_PATH): {why}");
    }
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { panic!("cargo sets OUT_DIR") };
    // The flags of Android.bp.
    let bindings = bindgen::Builder::default()
        .header(WRAPPER)
        .layout_tests(false)
        .allowlist_var("(value|size|align|offset)_.*")
        .allowlist_type("AIMapperV5")
        .blocklist_type(REPLACED)
        .raw_line("use gralloc_mapper::abi::*;")
        .clang_args(["-I", INCLUDE])
        .generate();
    let bindings = match bindings {
        Ok(bindings) => bindings,
        Err(why) => panic!("{WRAPPER} does not compile: {why}"),
    };
    if let Err(why) = bindings.write_to_file(out.join("header.rs")) {
        panic!("header.rs: {why}");
    }
}
