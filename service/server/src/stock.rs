//! A few metadata buffers kept ready, so that no client waits for the second, one-page allocation of each buffer.
//!
//! All of them are alike: one page, zeroed by the kernel, never given out before. Pixels that are ready come from the
//! [`Pool`], where the policy has one.

use crate::housekeeper::Waker;
use crate::pool::Pool;
use gralloc_allocator::pool::Cause;
use gralloc_allocator::ports::{HeapBackend, HeapFailure};
use gralloc_buffer::BufferName;
use gralloc_buffer::METADATA_BYTES;
use heaps_config::policy::{HeapId, HeapSet};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many are kept: what one request may ask for at most.
const CAPACITY: usize = 32;

/// Heaps with a stock of metadata buffers before them.
pub struct Stocked<H> {
    heaps: H,
    metadata_heap: HeapId,
    name: BufferName,
    ready: Mutex<Vec<OwnedFd>>,
    waker: Arc<Waker>,
    pool: Option<Pool>,
}

impl<H: HeapBackend<Buffer = OwnedFd>> Stocked<H> {
    /// An empty stock; `waker` wakes whoever calls [`Stocked::refill`].
    pub fn new(heaps: H, metadata_heap: HeapId, waker: Arc<Waker>, pool: Option<Pool>) -> Stocked<H> {
        let name = BufferName::from_text("gralloc-metadata");
        Stocked { heaps, metadata_heap, name, ready: Mutex::default(), waker, pool }
    }

    /// The heaps themselves.
    pub fn heaps(&self) -> &H {
        &self.heaps
    }

    /// The pool of pixels, if there is one.
    pub fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }

    /// Fills the stock. A heap that gives nothing now is asked again when the next buffer is taken.
    pub fn refill(&self) {
        while self.lock().len() < CAPACITY {
            match self.heaps.allocate(self.metadata_heap, METADATA_BYTES, &self.name) {
                Ok(buffer) => self.lock().push(buffer),
                Err(_) => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: HeapBackend<Buffer = OwnedFd>> HeapBackend for Stocked<H> {
    type Buffer = OwnedFd;

    fn present(&self) -> HeapSet {
        self.heaps.present()
    }

    fn allocate(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        let Some(pool) = &self.pool else { return self.heaps.allocate(heap, bytes, name) };
        if let Some(buffer) = pool.take(heap, bytes) {
            self.heaps.rename(&buffer, name);
            return Ok(buffer);
        }
        pool.make_room(heap);
        match self.heaps.allocate(heap, bytes, name) {
            // Memory or fds: what is ready has both.
            Err(_) if self.give_way() => self.heaps.allocate(heap, bytes, name),
            result => result,
        }
    }

    fn allocate_metadata(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        if heap == self.metadata_heap && bytes == METADATA_BYTES {
            let ready = self.lock().pop();
            self.waker.wake();
            if let Some(buffer) = ready {
                return Ok(buffer);
            }
        }
        self.heaps.allocate(heap, bytes, name)
    }

    fn rename(&self, buffer: &OwnedFd, name: &BufferName) {
        self.heaps.rename(buffer, name);
    }

    fn give_way(&self) -> bool {
        self.pool.as_ref().is_some_and(|pool| pool.drain(Cause::Room))
    }
}
