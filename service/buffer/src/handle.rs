//! The native handle: what its two file descriptors and its ints say.
//!
//! A handle travels from the allocator to whoever imports the buffer, through processes that may change it on the way.
//! It has exactly two fds, the buffer's dma-buf and its metadata's ([`BUFFER_FD`], [`METADATA_FD`]), and [`INTS`] ints
//! that say everything about the buffer that never changes. What may change (dataspace, crop, HDR) lives in the metadata
//! buffer, which arrives zeroed from the kernel: the service maps it for a dataspace that a client asked for, else never.
//!
//! # Invariants
//! - [`decode`] trusts nothing: counts before fields, every enum value, sizes with checked arithmetic, planes against
//!   the layout's own rules. What it accepts describes memory inside the buffer, if [`BufferInfo::check_sizes`] passes
//!   against the dma-bufs' real sizes, too.
//! - There is one encoding of an info: `encode(decode(x)) == x` for every handle that is accepted. Unused ints are zero.
//! - A version never changes. Version 1 had no planes, fourcc and areas of a vendor's, version 2 no types of metadata of a
//!   vendor's; their handles are refused by their number, for none outlives the service that made it.
//! - What the handle cannot hold, and must not change either, it holds the hash of ([`crate::metadata::vendor`]).
//!
//! A handle's fds are counted here and used elsewhere.

mod decode;
mod encode;
mod error;
mod fields;
mod info;

pub use decode::{can_be, decode, RawHandle};
pub use encode::encode;
pub use error::HandleError;
pub use fields::{fields, Field};
pub use info::BufferInfo;

/// How many fds a handle has.
pub const FDS: usize = 2;
/// Which of them is the buffer's dma-buf.
pub const BUFFER_FD: usize = 0;
/// Which of them is the dma-buf of the shared metadata and the reserved region.
pub const METADATA_FD: usize = 1;
/// How many ints a handle has. (`NATIVE_HANDLE_MAX_INTS` of AOSP's `native_handle.h` is 1024.)
pub const INTS: usize = 108;
/// The first int: `dmah`, the lowest byte first.
pub const MAGIC: i32 = i32::from_le_bytes(*b"dmah");
/// The second int.
pub const VERSION: i32 = 3;

/// The area of the vendor's types of metadata ([`crate::metadata::vendor`]) is a multiple of this, in bytes: the reserved region
/// behind it starts on a page of the smallest kind.
pub const AREA_ALIGN_BYTES: u64 = 4096;
/// Largest area, in bytes.
pub const MAX_AREA_BYTES: u64 = 4 * AREA_ALIGN_BYTES;

/// What a handle holds of the table in that area: the first 128 bits of its SHA-256; zero for none.
pub type Digest = [u32; 4];
