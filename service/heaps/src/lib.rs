//! The kernel's side of the allocator, as `gralloc_allocator::ports` asks for it: `/dev/dma_heap` and what else the service
//! needs of the kernel.
//!
//! - [`heap`]: the policy's heaps on `/dev/dma_heap`; [`standin`]: udmabuf or memfd for a machine without; [`backend`]:
//!   the one that was chosen; [`kind`]: their names; [`report`]: what a dump says about either.
//! - [`accounting`]: whom the kernel charges; [`region`]: what a contiguous heap has left.
//! - [`memory`]: what the machine has left; [`pressure`]: when that is too little.
//! - [`content`]: what a buffer and its metadata begin with, where that is not zero.
//! - [`watch`]: when a buffer's last reference went, in whichever process.
//! - [`sched`]: the scheduling of the service's threads; [`wakeup`]: how they wake the one that sleeps, on a [`timer`].
//! - [`trace`]: marks in the kernel's trace.
//!
//! Unsafe code is in [`sched`] alone. Nothing here knows binder or AIDL.

#![deny(unsafe_code)]

pub mod accounting;
pub mod backend;
pub mod content;
pub mod error;
mod failure;
pub mod heap;
pub mod kind;
pub mod memory;
pub mod pressure;
pub mod region;
pub mod report;
pub mod sched;
pub mod standin;
pub mod timer;
pub mod wakeup;
pub mod watch;

pub use accounting::Accounting;
pub use backend::Backend;
pub use error::Error;
pub use gralloc_dmabuf::{identity, trace};
pub use heap::{KernelHeaps, OpenHeap};
pub use kind::BackendKind;
pub use memory::MemInfo;
pub use pressure::MemoryPressure;
pub use report::{HeapReport, HeapState, NodeState};
pub use standin::StandIn;
pub use watch::ReleaseWatch;
