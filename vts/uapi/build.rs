//! Runs bindgen over the system's uapi headers, once as the target and once as a 32-bit compiler sees them. In an Android
//! tree, where there are no build scripts, Android.bp has a module that does it.

// A build script has nobody to return an error to but the person who reads its message.
#![allow(clippy::panic)]

use std::env;
use std::path::PathBuf;

/// One header of each Debian package that the wrapper needs.
const HEADERS: &[&str] = &["linux/dma-buf.h", "linux/dma-heap.h", "linux/udmabuf.h", "linux/magic.h"];

fn main() {
    println!("cargo::rerun-if-changed=wrapper.h");
    if let Err(why) = clang_sys::load() {
        panic!("libclang is missing (Debian package libclang-dev, or set LIBCLANG_PATH): {why}");
    }
    for header in HEADERS {
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
    let host = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    // 32-bit Arm: the 32-bit processes that Android has, and u64 is aligned to 8 there, unlike on i386.
    for (file, target) in [("headers.rs", None), ("headers32.rs", Some("--target=armv7-linux-gnueabihf"))] {
        let bindings = bindgen::Builder::default()
            .header("wrapper.h")
            .clang_args(target)
            // Debian keeps asm/ under the architecture's name. The parts that are used here are asm-generic's.
            .clang_arg(format!("-I/usr/include/{host}-linux-gnu"))
            .allowlist_var("(value|size|offset)_.*")
            .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
            .generate();
        let bindings = match bindings {
            Ok(bindings) => bindings,
            Err(why) => panic!("wrapper.h does not compile for {file} (Debian package linux-libc-dev): {why}"),
        };
        if let Err(why) = bindings.write_to_file(out.join(file)) {
            panic!("{file}: {why}");
        }
    }
}
