//! Times the parts of a request (admission, ioctls) and marks them in the kernel's trace.

use crate::pool::Pool;
use gralloc_allocator::ports::{HeapBackend, HeapFailure};
use gralloc_buffer::BufferName;
use gralloc_heaps::trace::{self, Slice};
use heaps_config::policy::{HeapId, HeapSet};
use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// One request's.
pub(crate) struct Parts<'p, H> {
    pool: &'p Pool<H>,
    /// Open until the first heap is asked.
    admission: Cell<Option<Slice>>,
    ioctl: Cell<Duration>,
    release_wait: Cell<Duration>,
    pool_hits: Cell<u32>,
}

impl<H: HeapBackend<Buffer = OwnedFd>> Parts<'_, H> {
    /// Admission begins.
    pub(crate) fn begin(pool: &Pool<H>) -> Parts<'_, H> {
        let (ioctl, release_wait, pool_hits) = (Cell::default(), Cell::default(), Cell::default());
        Parts { pool, admission: Cell::new(Some(trace::slice("admission"))), ioctl, release_wait, pool_hits }
    }

    /// Waits until releases are booked.
    pub(crate) fn wait_for_releases(&self, wait: impl FnOnce()) {
        let _slice = trace::slice("wait for releases");
        measured(&self.release_wait, wait);
    }

    /// What heaps took so far.
    pub(crate) fn ioctl(&self) -> Duration {
        self.ioctl.get()
    }

    /// The wait for releases so far.
    pub(crate) fn release_wait(&self) -> Duration {
        self.release_wait.get()
    }

    /// Buffers that were ready.
    pub(crate) fn pool_hits(&self) -> u32 {
        self.pool_hits.get()
    }

    fn ask<T>(&self, ask: impl FnOnce() -> T) -> T {
        drop(self.admission.take());
        let _slice = trace::slice("ioctl");
        measured(&self.ioctl, ask)
    }
}

impl<H: HeapBackend<Buffer = OwnedFd>> HeapBackend for Parts<'_, H> {
    type Buffer = OwnedFd;

    fn present(&self) -> HeapSet {
        self.pool.present()
    }

    fn allocate(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        let (buffer, ready) = self.ask(|| self.pool.obtain(heap, bytes, name))?;
        self.pool_hits.set(self.pool_hits.get().saturating_add(u32::from(ready)));
        Ok(buffer)
    }

    fn allocate_metadata(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        self.ask(|| self.pool.allocate_metadata(heap, bytes, name))
    }

    fn rename(&self, buffer: &OwnedFd, name: &BufferName) {
        self.pool.rename(buffer, name);
    }
}

fn measured<T>(sum: &Cell<Duration>, run: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = run();
    sum.set(sum.get().saturating_add(begun.elapsed()));
    result
}
