//! Holds the mapper's types against its C header, through bindgen. The checks are this crate's tests; the C compiler's
//! own view of the header is checked by the mapper's.
