//! What the core asks of the world: heaps to allocate from and a figure of the memory left.
//!
//! Kernel nodes, stand-ins and test doubles implement these.

use gralloc_buffer::BufferName;
use heaps_config::policy::{HeapId, HeapSet};

/// Allocates from heaps.
pub trait HeapBackend {
    /// What a buffer is: an `OwnedFd` outside tests. Dropping it frees it.
    type Buffer;

    /// The policy's heaps that exist now and can be opened.
    fn present(&self) -> HeapSet;

    /// Allocates `bytes` (any positive number; the kernel rounds up to pages), zeroed, from one heap.
    ///
    /// # Errors
    /// What the kernel said.
    fn allocate(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<Self::Buffer, HeapFailure>;

    /// Allocates a buffer's shared metadata. A backend may keep some ready: all of one page are alike, zeroed.
    ///
    /// # Errors
    /// As [`HeapBackend::allocate`].
    fn allocate_metadata(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<Self::Buffer, HeapFailure> {
        self.allocate(heap, bytes, name)
    }

    /// Gives a buffer that was filled ahead its client's name. A name is for people: where there is none to give, nothing.
    fn rename(&self, _buffer: &Self::Buffer, _name: &BufferName) {}

    /// Gives back all memory that is only kept ready. True when there was some: what was refused may succeed now.
    fn give_way(&self) -> bool {
        false
    }
}

/// Why a heap gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapFailure {
    /// The kernel's errno.
    pub errno: i32,
    /// What it means here, in words.
    pub cause: &'static str,
    /// True when another heap may do better; false when the service itself is out of something (file descriptors).
    pub try_next: bool,
}

/// Tells how much memory the machine has left.
pub trait MemoryGauge {
    /// Bytes that can be had without swapping (`MemAvailable`), as of now or a moment ago.
    /// `None` when the machine does not say.
    fn available_bytes(&self) -> Option<u64>;
}
