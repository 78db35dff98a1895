//! The kernel's side: the only crate that makes ioctls, and one of two that hold unsafe code.
//!
//! From the ABI outwards:
//! - [`uapi`]: ioctl numbers and argument structs, by hand, each citing its header; the tests of `uapi_bindgen` hold them against
//!   the system's own headers.
//! - [`ioctl`]: one function an ioctl, borrowed fds in, owned fds out.
//! - [`dmabuf`]: what one dma-buf is: its size, its inode, its name, CPU access brackets.
//! - [`mmap`]: a mapping that ends with its value.
//! - [`heap`]: the policy's heaps on `/dev/dma_heap`; [`standin`]: udmabuf or memfd for a machine without; [`backend`]:
//!   the one that was chosen; [`report`]: what a dump says about either.
//! - [`memory`]: what the machine has left; [`pressure`]: when that is too little.
//! - [`watch`]: when a buffer's last reference went, in whichever process.
//! - [`sched`]: the scheduling of the service's threads.
//!
//! Unsafe code is in [`ioctl`], [`mmap`] and [`sched`], one operation a block. Nothing here knows binder or AIDL.

#![deny(unsafe_code)]

pub mod backend;
pub mod dmabuf;
pub mod error;
pub mod heap;
pub mod ioctl;
pub mod memory;
pub mod mmap;
pub mod pressure;
pub mod report;
pub mod sched;
pub mod standin;
pub mod uapi;
pub mod watch;

pub use backend::{Backend, BackendKind};
pub use error::Error;
pub use heap::KernelHeaps;
pub use memory::MemInfo;
pub use pressure::MemoryPressure;
pub use report::{HeapReport, HeapState, NodeState};
pub use standin::StandIn;
pub use watch::ReleaseWatch;
