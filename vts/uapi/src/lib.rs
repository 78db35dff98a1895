//! Numbers, sizes and offsets of the system's uapi headers, for the tests beside it to hold
//! `gralloc_dmabuf::uapi` against.
//!
//! Every constant comes from `wrapper.h` through bindgen: `value_NAME` is a macro, `size_STRUCT` a struct's size,
//! `offset_STRUCT_FIELD` and `size_STRUCT_FIELD` a field's place and size, in bytes. In an Android tree this crate is
//! what bindgen writes and nothing else: the constants at its root, as the tree's headers and the target have them.

// Generated; the names are the headers' own.
#![allow(missing_docs, non_upper_case_globals)]

include!(concat!(env!("OUT_DIR"), "/headers.rs"));

/// As a 32-bit process sees the headers. A tree compiles the tests for 32 bits instead.
pub mod as_32_bit {
    include!(concat!(env!("OUT_DIR"), "/headers32.rs"));
}
