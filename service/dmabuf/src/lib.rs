//! The kernel's dma-buf ABI: dma-heap and dma-buf ioctls, mappings, and what tells one buffer from another. It depends
//! on no crate of this project.
//!
//! From the ABI outwards:
//! - [`uapi`]: ioctl numbers and argument structs, by hand, each citing its header; the tests of `abi_bindgen` hold them
//!   against the system's own headers.
//! - [`ioctl`]: one function an ioctl, borrowed fds in, owned fds out.
//! - [`identity`], [`size`], [`begin_access`] …: one dma-buf: its inode, its size, its name, CPU access brackets.
//! - [`mmap`](mod@mmap): a mapping that ends with its value.
//! - [`fd`]: system calls whose names in nix change from version to version.
//! - [`trace`]: marks in the kernel's trace.
//!
//! Unsafe code is in [`ioctl`], [`mmap`](mod@mmap), [`fd`] and, on Android, in what asks libc for atrace's switch, one operation
//! a block.

#![deny(unsafe_code)]

mod buffer;
mod error;
pub mod fd;
pub mod ioctl;
pub mod mmap;
pub mod trace;
pub mod uapi;

pub use buffer::{begin_access, end_access, identity, is_dma_buf, set_name, size, Access, DebugName, Identity};
pub use error::Error;
