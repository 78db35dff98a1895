//! Runs bindgen over the mapper's C header: once for the types themselves, once with the mapper's own types in their
//! place, so that the compiler compares the callbacks' signatures.

// A build script has nobody to return an error to but the person who reads its message.
#![allow(clippy::panic)]

use std::env;
use std::path::PathBuf;

const HEADER: &str = "../../service/mapper/include/dmaheap_mapper.h";

fn main() {
    println!("cargo::rerun-if-changed={HEADER}");
    if let Err(why) = clang_sys::load() {
        panic!("libclang is missing (Debian package libclang-dev, or set LIBCLANG_PATH): {why}");
    }
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { panic!("cargo sets OUT_DIR") };
    let plain = bindgen::Builder::default().header(HEADER).layout_tests(false).allowlist_var("AIMAPPER_.*");
    let types = "AIMapper.*|ARect|native_handle";
    let replaced =
        ["native_handle", "native_handle_t", "ARect", "AIMapper_MetadataType", "AIMapper_MetadataTypeDescription"];
    let plain = plain.allowlist_type(types);
    let mut callbacks = plain.clone().allowlist_type("AIMapperV5").raw_line("use gralloc_mapper::abi::*;");
    for name in replaced {
        callbacks = callbacks.blocklist_type(name);
    }
    for (file, bindings) in [("header.rs", plain), ("callbacks.rs", callbacks)] {
        let bindings = match bindings.generate() {
            Ok(bindings) => bindings,
            Err(why) => panic!("{HEADER} does not compile: {why}"),
        };
        if let Err(why) = bindings.write_to_file(out.join(file)) {
            panic!("{file}: {why}");
        }
    }
}
