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

/// An int of the wire as people write it: with its sign, or its bits without one, as headers write a vendor's format and a debugger
/// shows a handle. `None` for what 32 bits do not hold.
pub fn wire_int(written: i64) -> Option<i32> {
    let bits = |value: u32| i32::from_ne_bytes(value.to_ne_bytes());
    i32::try_from(written).ok().or_else(|| u32::try_from(written).ok().map(bits))
}
