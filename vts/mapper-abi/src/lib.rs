//! The mapper's C header, for the tests beside it to hold `gralloc_mapper::abi` against: `value_NAME` is a number,
//! `size_TYPE`, `align_TYPE` and `offset_TYPE_FIELD` a layout, and `AIMapperV5` has the header's callbacks with the mapper's
//! own types as their arguments. In an Android tree this crate is what bindgen writes of the platform's header.

// Generated; documented in the header.
#![allow(missing_docs, non_camel_case_types, non_snake_case, non_upper_case_globals, unused_imports)]

include!(concat!(env!("OUT_DIR"), "/header.rs"));
