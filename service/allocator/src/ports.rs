//! What the allocator asks of the world: heaps to allocate from and a figure of the memory left.
//!
//! Kernel nodes, stand-ins and test doubles implement these.

use gralloc_buffer::BufferName;
use heaps_config::policy::HeapId;

/// Allocates from heaps.
pub trait HeapBackend {
    /// What a buffer is: an `OwnedFd` outside tests. Dropping it frees it.
    type Buffer;

    /// Allocates `bytes` (any positive number; the kernel rounds up to pages), zeroed, from one heap.
    ///
    /// # Errors
    /// What the kernel said.
    fn allocate(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<Self::Buffer, HeapFailure>;

    /// The same with `around` about the kernel's call alone, in which no lock of this process is taken. As it stands here it is for
    /// backends that have none.
    ///
    /// # Errors
    /// As [`HeapBackend::allocate`].
    fn allocate_around(
        &self,
        heap: HeapId,
        bytes: u64,
        name: &BufferName,
        around: impl FnOnce(&dyn Fn() -> Result<Self::Buffer, HeapFailure>) -> Result<Self::Buffer, HeapFailure>,
    ) -> Result<Self::Buffer, HeapFailure> {
        around(&|| self.allocate(heap, bytes, name))
    }

    /// Allocates a buffer's shared metadata. A backend may keep some ready: all of one page are alike, zeroed.
    ///
    /// # Errors
    /// As [`HeapBackend::allocate`].
    fn allocate_metadata(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<Self::Buffer, HeapFailure> {
        self.allocate(heap, bytes, name)
    }

    /// Gives a buffer that was filled ahead its client's name. A name is for people: where there is none to give, nothing.
    fn rename(&self, _buffer: &Self::Buffer, _name: &BufferName) {}
}

/// Why a heap gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapFailure {
    /// The kernel's errno.
    pub errno: i32,
    /// What it means here, in words.
    pub cause: &'static str,
    /// What the heap or the service ran out of, if it ran out of anything.
    pub kind: FailureKind,
}

/// What an allocation failed for: who can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The heap has no memory left: what is kept ready of the same heap, given back, may help.
    Memory,
    /// The service or the machine has no file descriptor left: no other heap does better; buffers that are kept ready
    /// hold descriptors.
    Descriptors,
    /// The size is beyond what this machine addresses: no heap and no later try does better.
    Size,
    /// The heap is absent, or does not take this size or this caller: no memory that is given back changes that.
    Other,
}

impl HeapFailure {
    /// True when another heap may do better.
    pub fn try_next(&self) -> bool {
        !matches!(self.kind, FailureKind::Descriptors | FailureKind::Size)
    }
}

/// Tells how much memory the machine has left.
pub trait MemoryGauge {
    /// Bytes that can be had without swapping (`MemAvailable`), as of now or a moment ago.
    /// `None` when the machine does not say.
    fn available_bytes(&self) -> Option<u64>;

    /// Bytes of all the memory that the machine has (`MemTotal`), as of the start. `None` when the machine does not say.
    fn total_bytes(&self) -> Option<u64> {
        None
    }
}
