//! The wire format: what a graphics buffer is called, how its pixels lie, and what travels between the processes that
//! share it. It depends on nothing.
//!
//! - [`usage`], [`format`](mod@format), [`name`], [`dataspace`], [`descriptor`]: the words of AIDL's `BufferDescriptorInfo`.
//! - [`layout`]: planes, components and their arithmetic.
//! - [`handle`]: the ints and fds of a native handle, encoded and decoded.
//! - [`metadata`]: the bytes of the standard metadata types, and the page in which those that change are shared.
//!
//! Nothing here does I/O, holds an fd or knows a policy. All of it runs under miri, the threads of the shared page too:
//! `MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p gralloc_buffer`.

#![forbid(unsafe_code)]

pub mod dataspace;
pub mod descriptor;
pub mod format;
pub mod handle;
pub mod layout;
pub mod metadata;
pub mod name;
mod sync;
pub mod usage;

pub use dataspace::Dataspace;
pub use descriptor::{Descriptor, DescriptorOption};
pub use format::PixelFormat;
pub use layout::Layout;
pub use name::BufferName;
pub use usage::Usage;

/// Bytes of shared metadata beside a buffer, before the reserved region: one page of the smallest kind, so that the
/// reserved region starts on a page.
pub const METADATA_BYTES: u64 = 4096;
