//! What a request asks of the heaps: in which scheduling class, how long they took, how often the pool had it ready, marked in
//! the kernel's trace.

use crate::clock::{millis, Clock};
use crate::pool::{Class, PooledHeaps};
use gralloc_allocator::ports::{HeapBackend, HeapFailure};
use gralloc_buffer::BufferName;
use gralloc_heaps::trace::{self, Slice};
use heaps_config::policy::HeapId;
use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// From so many bytes of a request on the kernel zeroes for 0.1 to 1 ms or longer: worth four system calls a buffer to change
/// class.
const LONG_BYTES: u64 = 1 << 20;

/// One request's. At its end it has made again what it took of what was ready.
pub(crate) struct HeapCalls<'p, H> {
    pool: &'p PooledHeaps<H>,
    clock: Clock,
    /// Open until the first heap is asked.
    admission: Cell<Option<Slice>>,
    /// When the first heap was asked, later by what was waited for releases since.
    asked_at: Cell<Option<Duration>>,
    release_wait: Cell<Duration>,
    pool_hits: Cell<u32>,
    /// Of all its buffers.
    bytes: u64,
    /// Requests that are with the heaps now.
    requests: &'p AtomicUsize,
}

impl<H: HeapBackend<Buffer = OwnedFd>> HeapCalls<'_, H> {
    /// Admission begins, of a request for so many bytes in all.
    pub(crate) fn begin<'p>(
        pool: &'p PooledHeaps<H>,
        requests: &'p AtomicUsize,
        clock: Clock,
        bytes: u64,
    ) -> HeapCalls<'p, H> {
        requests.fetch_add(1, Ordering::Relaxed);
        let admission = Cell::new(Some(trace::slice("admission")));
        let (asked_at, release_wait, pool_hits) = (Cell::default(), Cell::default(), Cell::default());
        HeapCalls { pool, clock, admission, asked_at, release_wait, pool_hits, bytes, requests }
    }

    /// Waits until releases are booked.
    pub(crate) fn wait_for_releases(&self, wait: impl FnOnce() -> bool) {
        let _slice = trace::slice("wait for releases");
        let begun = self.clock.now();
        wait();
        let waited = self.clock.now().saturating_sub(begun);
        self.release_wait.set(self.release_wait.get().saturating_add(waited));
        self.asked_at.set(self.asked_at.get().map(|at| at.saturating_add(waited)));
    }

    /// What heaps took, from the first that was asked to this time, at which the last had answered; with what is done between
    /// two of them.
    pub(crate) fn ioctl(&self, answered: Duration) -> Duration {
        self.asked_at.get().map_or(Duration::ZERO, |asked| answered.saturating_sub(asked))
    }

    /// The wait for releases so far.
    pub(crate) fn release_wait(&self) -> Duration {
        self.release_wait.get()
    }

    /// Buffers that were ready.
    pub(crate) fn pool_hits(&self) -> u32 {
        self.pool_hits.get()
    }

    /// In which class the kernel zeroes. A long request leaves the real-time class for its ioctls while others are being served:
    /// in it, this thread would keep a processor from theirs until all is zeroed. For them alone: a real-time thread may wait
    /// for the locks that are taken around them.
    fn class(&self) -> Class {
        if self.requests.load(Ordering::Relaxed) > 1 && self.bytes >= LONG_BYTES {
            Class::Normal
        } else {
            Class::Own
        }
    }

    /// Asks a heap, which is told the time. A read of the clock is a system call where the processor's counter is of no use.
    fn ask<T>(&self, ask: impl FnOnce(u64) -> T) -> T {
        drop(self.admission.take());
        let _slice = trace::slice("ioctl");
        let now = self.clock.now();
        self.asked_at.set(self.asked_at.get().or(Some(now)));
        ask(millis(now))
    }
}

impl<H> Drop for HeapCalls<'_, H> {
    /// Also of a request that was refused after it took something. One that was refused before asks nobody to wake.
    fn drop(&mut self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
        if self.asked_at.get().is_some() {
            self.pool.refill_soon();
        }
    }
}

impl<H: HeapBackend<Buffer = OwnedFd>> HeapBackend for HeapCalls<'_, H> {
    type Buffer = OwnedFd;

    fn allocate(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        let (buffer, ready) = self.ask(|now_ms| self.pool.obtain(heap, bytes, name, now_ms, self.class()))?;
        self.pool_hits.set(self.pool_hits.get().saturating_add(u32::from(ready)));
        Ok(buffer)
    }

    fn allocate_metadata(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        let _slice = trace::slice("ioctl");
        self.pool.obtain_metadata(heap, bytes, name, self.class())
    }

    fn rename(&self, buffer: &OwnedFd, name: &BufferName) {
        self.pool.heaps().rename(buffer, name);
    }
}
