//! Runs bindgen over the system's uapi headers and the mapper's header, once as the target and once as a 32-bit compiler sees them. The
//! mapper's own types are in the place of the header's, so that the compiler compares the callbacks' signatures. In an Android
//! tree, where there are no build scripts, Android.bp has a module that does it with the tree's headers.

// A build script has nobody to return an error to but the person who reads its message.
#![allow(clippy::panic)]

use std::env;
use std::path::{Path, PathBuf};

const WRAPPER: &str = "wrapper.hpp";
const INCLUDE: &str = "../aosp-check/stubs/include";
const MAPPER_HEADER: &str = "../../service/mapper/include/dmaheap_mapper.h";
/// One header of each Debian package that the wrapper needs.
const UAPI_HEADERS: &[&str] = &["linux/dma-buf.h", "linux/dma-heap.h", "linux/udmabuf.h", "linux/magic.h"];
/// Types that `gralloc_mapper::abi` has.
const REPLACED: &str =
    "native_handle|native_handle_t|ARect|AIMapper_MetadataType|AIMapper_MetadataTypeDescription|AIMapper_Error";

fn main() {
    for file in [WRAPPER, INCLUDE, MAPPER_HEADER] {
        println!("cargo::rerun-if-changed={file}");
    }
    if let Err(why) = clang_sys::load() {
        panic!("libclang is missing (Debian package libclang-dev, or set LIBCLANG_PATH): {why}");
    }
    for header in UAPI_HEADERS {
        let path = PathBuf::from("/usr/include").join(header);
        // With a sysroot of their own, people point clang at it.
        if !path.exists() && env::var_os("BINDGEN_EXTRA_CLANG_ARGS").is_none() {
            panic!(
                "{} is missing (Debian package linux-libc-dev; for headers elsewhere, set BINDGEN_EXTRA_CLANG_ARGS=-I...)",
                path.display()
            );
        }
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { panic!("cargo sets OUT_DIR") };
    // The flags of Android.bp.
    let native =
        builder().allowlist_type("AIMapperV5").blocklist_type(REPLACED).raw_line("use gralloc_mapper::abi::*;");
    write(native, &out.join("headers.rs"));
    // 32-bit Arm: the 32-bit processes that Android has, and u64 is aligned to 8 there, unlike on i386. Without a C library, of
    // which the machine has none for it.
    let narrow = builder().clang_args(["--target=armv7-linux-gnueabihf", "-ffreestanding"]);
    write(narrow, &out.join("headers32.rs"));
}

fn builder() -> bindgen::Builder {
    let host = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    bindgen::Builder::default()
        .header(WRAPPER)
        .layout_tests(false)
        .allowlist_var("(value|size|align|offset)_.*")
        .clang_args(["-I", INCLUDE])
        // Debian keeps asm/ under the architecture's name. The parts that are used here are asm-generic's.
        .clang_arg(format!("-I/usr/include/{host}-linux-gnu"))
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
}

fn write(builder: bindgen::Builder, file: &Path) {
    let bindings = match builder.generate() {
        Ok(bindings) => bindings,
        Err(why) => panic!("{WRAPPER} does not compile for {} (Debian package linux-libc-dev): {why}", file.display()),
    };
    if let Err(why) = bindings.write_to_file(file) {
        panic!("{}: {why}", file.display());
    }
}
