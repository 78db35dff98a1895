//! The system's uapi headers and the mapper's C header, for the tests beside it to hold `gralloc_dmabuf::uapi` and
//! `gralloc_mapper::abi` against.
//!
//! Every constant comes from `wrapper.hpp` through bindgen: `value_NAME` is a macro or a number, `size_TYPE` and `align_TYPE` a
//! type's size and alignment, `offset_TYPE_FIELD` and `size_TYPE_FIELD` a field's place and size, in bytes. `AIMapperV5` has the
//! header's callbacks with the mapper's own types as their arguments. In an Android tree this crate is what bindgen writes and
//! nothing else: the constants at its root, as the tree's headers and the target have them.

// Generated; the names are the headers' own.
#![allow(missing_docs, non_camel_case_types, non_snake_case, non_upper_case_globals, unused_imports)]

include!(concat!(env!("OUT_DIR"), "/headers.rs"));

/// As a 32-bit process sees the headers. A tree compiles the tests for 32 bits instead.
pub mod as_32_bit {
    include!(concat!(env!("OUT_DIR"), "/headers32.rs"));
}
