//! Holds the kernel crate's constants against the system's uapi headers.
