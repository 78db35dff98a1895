//! Numbers, sizes and offsets of the system's uapi headers, for the tests beside it to hold
//! `gralloc_kernel::uapi` against.
//!
//! Every constant comes from `wrapper.h` through bindgen: `value_NAME` is a macro, `size_STRUCT` a struct's size,
//! `offset_STRUCT_FIELD` and `size_STRUCT_FIELD` a field's place and size, in bytes.

/// As a 64-bit process sees the headers.
#[allow(missing_docs, non_upper_case_globals)] // Generated; the names are the headers' own.
pub mod headers64 {
    include!(concat!(env!("OUT_DIR"), "/headers64.rs"));
}

/// As a 32-bit process sees the headers.
#[allow(missing_docs, non_upper_case_globals)] // Generated; the names are the headers' own.
pub mod headers32 {
    include!(concat!(env!("OUT_DIR"), "/headers32.rs"));
}
