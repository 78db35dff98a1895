//! The one source of buffers that was chosen at start: the kernel's heaps or a stand-in, never one silently for the other.

use crate::error::Error;
use crate::heap::{KernelHeaps, OpenHeap};
use crate::kind::BackendKind;
use crate::report::{Change, HeapReport};
use crate::standin::StandIn;
use gralloc_allocator::ports::{HeapBackend, HeapFailure};
use gralloc_buffer::BufferName;
use heaps_config::policy::{HeapId, HeapSet};
use heaps_config::Policy;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// The source in use.
#[derive(Debug)]
pub enum Backend {
    /// The kernel's heaps.
    Kernel(KernelHeaps),
    /// A stand-in.
    StandIn(StandIn),
}

impl Backend {
    /// Opens a source for a policy's heaps; the kernel's are in `directory`.
    ///
    /// # Errors
    /// `File` when udmabuf is asked for and its device cannot be opened. Heaps that are absent are not an error: they may
    /// appear later, and [`Backend::describe`] says so.
    pub fn open(kind: BackendKind, policy: &Policy, directory: &Path) -> Result<Backend, Error> {
        match kind {
            BackendKind::Kernel => Ok(Backend::Kernel(KernelHeaps::open_in(policy, directory))),
            BackendKind::Udmabuf => StandIn::udmabuf(policy).map(Backend::StandIn),
            BackendKind::Memfd => Ok(Backend::StandIn(StandIn::memfd(policy))),
        }
    }

    /// The state of every heap of the policy.
    pub fn describe(&self) -> HeapReport {
        match self {
            Backend::Kernel(heaps) => heaps.describe(),
            Backend::StandIn(stand_in) => stand_in.describe(),
        }
    }

    /// Looks for heaps that became available or were removed; a stand-in's never do.
    pub fn refresh(&self) -> Change {
        match self {
            Backend::Kernel(heaps) => heaps.refresh(),
            Backend::StandIn(_) => Change::default(),
        }
    }

    /// The heap as it is open now, for [`Backend::allocate_from`].
    pub fn open_heap(&self, heap: HeapId) -> OpenHeap {
        match self {
            Backend::Kernel(heaps) => heaps.open_heap(heap),
            Backend::StandIn(_) => OpenHeap::without_node(heap),
        }
    }

    /// Allocates from a heap that was found ahead: takes no lock.
    ///
    /// # Errors
    /// As [`HeapBackend::allocate`].
    pub fn allocate_from(&self, heap: &OpenHeap, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        match self {
            Backend::Kernel(heaps) => heaps.allocate_from(heap, bytes, name),
            Backend::StandIn(stand_in) => stand_in.allocate(heap.heap, bytes, name),
        }
    }

    /// Readable when [`Backend::refresh`] has something to do; `None` when nothing will ever say so.
    pub fn change_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Backend::Kernel(heaps) => heaps.change_fd(),
            Backend::StandIn(_) => None,
        }
    }

    /// The policy's heaps that exist now and can be opened.
    pub fn present(&self) -> HeapSet {
        match self {
            Backend::Kernel(heaps) => heaps.present(),
            Backend::StandIn(stand_in) => stand_in.present(),
        }
    }
}

impl HeapBackend for Backend {
    type Buffer = OwnedFd;

    fn allocate(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        self.allocate_around(heap, bytes, name, |call| call())
    }

    fn allocate_around(
        &self,
        heap: HeapId,
        bytes: u64,
        name: &BufferName,
        around: impl FnOnce(&dyn Fn() -> Result<OwnedFd, HeapFailure>) -> Result<OwnedFd, HeapFailure>,
    ) -> Result<OwnedFd, HeapFailure> {
        match self {
            Backend::Kernel(heaps) => heaps.allocate_around(heap, bytes, name, around),
            Backend::StandIn(stand_in) => stand_in.allocate_around(heap, bytes, name, around),
        }
    }

    fn rename(&self, buffer: &OwnedFd, name: &BufferName) {
        match self {
            Backend::Kernel(heaps) => heaps.rename(buffer, name),
            Backend::StandIn(stand_in) => stand_in.rename(buffer, name),
        }
    }
}
