//! Import and free.

#![allow(non_snake_case)] // The VTS's names.

use crate::abi::Error;
use crate::case::{Test, Verdict};
use crate::descriptor::Descriptor;
use crate::handle::RawHandle;
use crate::subject::Subject;
use crate::tests;

pub(super) fn tests() -> Vec<Test> {
    tests!["mapper":
        CanAllocate = "64 × 64 RGBA_8888 for the CPU is allocated, its stride at least 64",
        ImportFreeBuffer = "two imports of one handle are two handles, each freed on its own",
        ImportFreeBufferSingleton = "a buffer that was imported through one table is freed through that of a second load",
        ImportBufferNegative = "null and an empty handle: BAD_BUFFER",
        FreeBufferNegative = "null, an empty handle and one that was not imported: BAD_BUFFER",
    ]
}

fn CanAllocate(subject: &Subject) -> Verdict {
    let buffer = subject.allocator.one(&Descriptor::generic());
    assert!(buffer.stride >= 64, "stride {}", buffer.stride);
    Ok(())
}

fn ImportFreeBuffer(subject: &Subject) -> Verdict {
    let buffer = subject.allocator.generic();
    let (first, second) = (buffer.import(subject.mapper), buffer.import(subject.mapper));
    assert_ne!(first.handle(), second.handle());
    assert_eq!((first.free(), second.free()), (Error::NONE, Error::NONE));
    Ok(())
}

fn ImportFreeBufferSingleton(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let second = subject.mapper.load_again().expect("AIMapper_loadIMapper");
    let handle = imported.handle();
    // Freed through the other table.
    std::mem::forget(imported);
    assert_eq!(subject.mapper.with_table(second).free_buffer(handle), Error::NONE);
    Ok(())
}

fn ImportBufferNegative(subject: &Subject) -> Verdict {
    assert_eq!(subject.mapper.import_buffer(std::ptr::null()), Err(Error::BAD_BUFFER), "null");
    assert_eq!(subject.mapper.import_buffer(RawHandle::empty().pointer()), Err(Error::BAD_BUFFER), "empty");
    Ok(())
}

fn FreeBufferNegative(subject: &Subject) -> Verdict {
    let mapper = subject.mapper;
    assert_eq!(mapper.free_buffer(std::ptr::null()), Error::BAD_BUFFER, "null");
    assert_eq!(mapper.free_buffer(RawHandle::empty().pointer()), Error::BAD_BUFFER, "empty");
    let buffer = subject.allocator.generic();
    assert_eq!(mapper.free_buffer(buffer.raw.pointer()), Error::BAD_BUFFER, "not imported");
    Ok(())
}
