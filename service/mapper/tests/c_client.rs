//! The library as C sees it: the header's layout through the C compiler, a C program that loads the shared library, and
//! what the library exports.
//!
//! GRALLOC_MAPPER names another build of the library to test.

// Tests: a failed unwrap is a failed test; the interface is C's.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::multiple_unsafe_ops_per_block,
    clippy::panic,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used
)]

mod common;

use common::*;
use gralloc_buffer::handle::{encode, BufferInfo};
use gralloc_mapper::abi::*;
use nix::fcntl::{fcntl, FcntlArg, FdFlag};
use object::{Object, ObjectSymbol};
use std::collections::BTreeMap;
use std::mem::{align_of, offset_of, size_of};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The shared library that Cargo builds together with this test's own copy.
fn library() -> PathBuf {
    if let Some(named) = std::env::var_os("GRALLOC_MAPPER") {
        return named.into();
    }
    let beside = std::env::current_exe().unwrap().with_file_name("libgralloc_mapper.so");
    assert!(beside.exists(), "{} is missing; GRALLOC_MAPPER can name the library", beside.display());
    beside
}

/// Compiles a program of tests/c with every warning an error, as the oldest C that has alignas.
fn compile(folder: &Path, name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = folder.join(name);
    let compiler = std::env::var_os("CC").unwrap_or("cc".into());
    let status = Command::new(&compiler)
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(here.join("include"))
        .arg(here.join("tests/c").join(name).with_extension("c"))
        .arg("-o")
        .arg(&program)
        .arg("-ldl")
        .status();
    assert!(status.unwrap_or_else(|why| panic!("{compiler:?}: {why}; a C compiler is needed")).success());
    program
}

macro_rules! offsets {
    ($into:ident, $type:ty: $($field:ident)*) => {$(
        $into.insert(format!("offset {}.{}", stringify!($type), stringify!($field)), offset_of!($type, $field));
    )*};
}

#[test]
fn layout_of_the_c_header_is_that_of_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let out = Command::new(compile(folder.path(), "layout")).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let c: BTreeMap<String, usize> = text
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, number)| (name.to_owned(), number.parse().unwrap()))
        .collect();
    let mut rust = BTreeMap::new();
    let sizes = [
        ("size native_handle_t", size_of::<native_handle_t>()),
        ("align native_handle_t", align_of::<native_handle_t>()),
        ("size ARect", size_of::<ARect>()),
        ("size AIMapper_MetadataType", size_of::<AIMapper_MetadataType>()),
        ("size AIMapper_MetadataTypeDescription", size_of::<AIMapper_MetadataTypeDescription>()),
        ("size AIMapper", size_of::<AIMapper>()),
        ("align AIMapper", align_of::<AIMapper>()),
        ("size AIMapperV5", size_of::<AIMapperV5>()),
    ];
    rust.extend(sizes.map(|(name, size)| (name.to_owned(), size)));
    offsets!(rust, native_handle_t: version numFds numInts data);
    offsets!(rust, ARect: left top right bottom);
    offsets!(rust, AIMapper_MetadataType: name value);
    offsets!(rust, AIMapper_MetadataTypeDescription: metadataType description isGettable isSettable reserved);
    offsets!(rust, AIMapper: version v5);
    offsets!(rust, AIMapperV5: importBuffer freeBuffer getTransportSize lock unlock flushLockedBuffer rereadLockedBuffer
        getMetadata getStandardMetadata setMetadata setStandardMetadata listSupportedMetadataTypes dumpBuffer dumpAllBuffers
        getReservedRegion);
    assert_eq!(c, rust);
}

#[test]
fn c_program_loads_the_library_and_uses_a_buffer() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), "client");
    let info = BufferInfo { metadata_bytes: 4196, reserved_bytes: 100, ..rgba() };
    for source in Source::here() {
        let raw = Raw::new(source, &info);
        let mut arguments = vec![];
        for fd in &raw.fds {
            fcntl(fd.as_raw_fd(), FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
            arguments.push(fd.as_raw_fd().to_string());
        }
        arguments.extend(encode(&info).iter().map(ToString::to_string));
        let out = Command::new(&program).arg(library()).args(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{source:?}: {}\n{said}", out.status);
        assert_eq!(out.stdout, b"done\n");
    }
}

#[test]
fn library_exports_the_three_names_and_nothing_else() {
    let bytes = std::fs::read(library()).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let mut names: Vec<&str> = file
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition() && symbol.is_global())
        .map(|symbol| symbol.name().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["AIMapper_loadIMapper", "ANDROID_HAL_MAPPER_VERSION", "ANDROID_HAL_STABLEC_VERSION"]);
}

#[test]
fn library_loaded_twice_is_one() {
    let (one, other) =
        unsafe { (libloading::Library::new(library()).unwrap(), libloading::Library::new(library()).unwrap()) };
    let load = |library: &libloading::Library| {
        type Load = unsafe extern "C" fn(*mut *mut AIMapper) -> AIMapper_Error;
        let mut interface = std::ptr::null_mut();
        let load = unsafe { library.get::<Load>(b"AIMapper_loadIMapper\0") }.unwrap();
        assert_eq!(unsafe { load(&mut interface) }, AIMAPPER_ERROR_NONE);
        interface
    };
    assert_eq!(load(&one), load(&other));
}
