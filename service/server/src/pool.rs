//! What is kept ready, around the heaps: pixels by the policy's `[pool]`, and pages of metadata always.
//!
//! Stands before the heaps: requests take a ready buffer where there is one and ask the heap where there is none.
//! Which pixels to keep is decided in [`gralloc_allocator::pool`]; here are the fds and the clock. Pixels that a client has
//! had never come back: the only way in is [`PooledHeaps::end_fill`], right after the kernel zeroed them.
//!
//! Every buffer has a page of shared metadata from one heap, and no client should wait for that second allocation. These
//! pages are no entry of the pool of pixels: they are there without `[pool]` in the policy, are no guess at a stream that may
//! end, and are in nobody's account: as many as one request may need, 128 KiB with pages of 4 KiB, 512 KiB with 16 KiB, and up to
//! five times that where the policy has a vendor's types of metadata.
//!
//! What is ready gives way: all that a heap has when that heap runs out of memory, everything when the service runs out of
//! file descriptors, and all in heaps of system memory when `MemAvailable` runs low or the kernel tells of pressure. A heap that
//! refuses for another reason (a size that it does not take) takes nothing from anybody.

use crate::clock::Clock;
use crate::marks;
use gralloc_allocator::ledger::Ledger;
use gralloc_allocator::pool::{self, Cause, PoolKey, PoolStatistics, HOLD_OFF_MS};
use gralloc_allocator::ports::{FailureKind, HeapBackend, HeapFailure, MemoryGauge};
use gralloc_allocator::statistics::size;
use gralloc_buffer::BufferName;
use gralloc_heaps::sched;
use gralloc_heaps::wakeup::Wakeup;
use heaps_config::policy::{Bound, HeapId, Policy, PoolBounds};
use log::warn;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Pages of metadata that are kept: what one request may need at most.
const METADATA_PAGES: usize = 32;

/// Heaps with what is kept ready before them.
pub struct PooledHeaps<H> {
    heaps: Arc<H>,
    policy: Arc<Policy>,
    bounds: Option<PoolBounds>,
    pixels: Option<pool::Pool<OwnedFd>>,
    metadata: Mutex<Metadata>,
    metadata_name: BufferName,
    wakeup: Arc<Wakeup>,
    clock: Clock,
    page_bytes: u64,
}

/// The scheduling class of a thread while the kernel zeroes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Its own.
    Own,
    /// The normal one.
    Normal,
}

#[derive(Default)]
struct Metadata {
    ready: Vec<OwnedFd>,
    /// Memory runs short: no page is made before.
    held_until_ms: u64,
}

impl<H> PooledHeaps<H> {
    /// A request took what is to be made again. Called at its end: a timer that is set on its way runs out before a slow
    /// machine has replied, and the thread that fills then takes the processor from the reply.
    pub fn refill_soon(&self) {
        self.wakeup.wake_soon();
    }
}

impl<H: HeapBackend<Buffer = OwnedFd>> PooledHeaps<H> {
    /// An empty one, for pixels within these bounds; without them for none. `wakeup` wakes whoever fills it.
    pub fn new(
        heaps: H,
        policy: Arc<Policy>,
        bounds: Option<PoolBounds>,
        ledger: Arc<Ledger>,
        wakeup: Arc<Wakeup>,
        clock: Clock,
        page_bytes: u64,
    ) -> PooledHeaps<H> {
        let pixels = bounds.clone().map(|bounds| pool::Pool::new(bounds, ledger, clock.now_ms()));
        let metadata_name = BufferName::from_text("gralloc-metadata");
        let heaps = Arc::new(heaps);
        PooledHeaps {
            heaps,
            policy,
            bounds,
            pixels,
            metadata: Mutex::default(),
            metadata_name,
            wakeup,
            clock,
            page_bytes,
        }
    }

    /// The heaps themselves.
    pub fn heaps(&self) -> &Arc<H> {
        &self.heaps
    }

    /// What bounds the pixels; `None` without a pool.
    pub fn bounds(&self) -> Option<&PoolBounds> {
        self.bounds.as_ref()
    }

    /// Sets what pixels are kept ready: heap and bytes of one, and how many.
    pub fn keep_ready(&self, entries: &[(HeapId, u64, u32)]) {
        let Some(pixels) = &self.pixels else { return };
        let keys = entries.iter().filter_map(|(heap, bytes, count)| Some((self.key(*heap, *bytes)?, *count)));
        pixels.keep_ready(&keys.collect::<Vec<_>>(), self.clock.now_ms());
    }

    /// Makes pages of metadata. A heap that gives nothing now is asked again when the next page is taken.
    pub fn refill_metadata(&self) {
        let now_ms = self.clock.now_ms();
        while self.metadata().wants(now_ms) {
            match self.heaps.allocate(self.policy.metadata_heap, self.policy.metadata_bytes(), &self.metadata_name) {
                Ok(buffer) => self.metadata().ready.push(buffer),
                Err(_) => return,
            }
        }
    }

    /// What pixels to make now; [`PooledHeaps::end_fill`] has to follow.
    pub fn begin_fill(&self, gauge: &impl MemoryGauge) -> Option<PoolKey> {
        self.pixels.as_ref()?.begin_fill(self.clock.now_ms(), gauge)
    }

    /// What the heap gave.
    pub fn end_fill(&self, key: PoolKey, given: Result<OwnedFd, HeapFailure>) {
        if let Some(pixels) = &self.pixels {
            pixels.end_fill(key, given, self.clock.now_ms());
            marks::pool_bytes(pixels);
        }
    }

    /// Gives pixels back that nobody asked for in a while.
    pub fn drop_idle(&self) {
        if let Some(pixels) = &self.pixels {
            pixels.drop_idle(self.clock.now_ms());
            marks::pool_bytes(pixels);
        }
    }

    /// When there may be something to fill or to drop again, without a request.
    pub fn due_in(&self) -> Option<Duration> {
        self.pixels.as_ref()?.due_in_ms(self.clock.now_ms()).map(Duration::from_millis)
    }

    /// Memory runs short: gives back what is ready in system memory, and makes no more for a while. True when there was some.
    pub fn relieve(&self) -> bool {
        self.give_back(Cause::Pressure, |heap| self.policy.is_system_memory(heap))
    }

    /// Admission found too little of `MemAvailable`: gives back what is ready in system memory. True when there was some.
    pub fn make_room_in_system_memory(&self) -> bool {
        self.give_back(Cause::Room, |heap| self.policy.is_system_memory(heap))
    }

    /// Counters of the pixels, and what is there; `None` without `[pool]`.
    pub fn statistics(&self) -> Option<PoolStatistics> {
        self.pixels.as_ref().map(pool::Pool::statistics)
    }

    /// Pixels at this time of the service's clock, and whether they were ready. A heap is asked in this class.
    ///
    /// # Errors
    /// As [`HeapBackend::allocate`].
    pub fn obtain(
        &self,
        heap: HeapId,
        bytes: u64,
        name: &BufferName,
        now_ms: u64,
        class: Class,
    ) -> Result<(OwnedFd, bool), HeapFailure> {
        if let Some(buffer) = self.take(heap, bytes, now_ms) {
            self.heaps.rename(&buffer, name);
            return Ok((buffer, true));
        }
        if let Some(pixels) = &self.pixels {
            pixels.make_room(heap);
            marks::pool_bytes(pixels);
        }
        self.ask(heap, bytes, name, class).map(|buffer| (buffer, false))
    }

    /// A buffer's shared metadata, from what is ready where it is of one page. A heap is asked in this class.
    ///
    /// # Errors
    /// As [`HeapBackend::allocate`].
    pub fn obtain_metadata(
        &self,
        heap: HeapId,
        bytes: u64,
        name: &BufferName,
        class: Class,
    ) -> Result<OwnedFd, HeapFailure> {
        if heap == self.policy.metadata_heap && bytes == self.policy.metadata_bytes() {
            let ready = self.metadata().ready.pop();
            if let Some(buffer) = ready {
                return Ok(buffer);
            }
        }
        self.ask(heap, bytes, name, class)
    }

    /// Marks what is ready in the kernel's trace.
    pub(crate) fn mark_bytes(&self) {
        if let Some(pixels) = &self.pixels {
            marks::pool_bytes(pixels);
        }
    }

    /// A ready buffer for a request, and evidence of a stream. The next is made at once for a request that has to wait, as its
    /// client is busy for as long as the kernel zeroes; after the reply for one that does not, by [`PooledHeaps::refill_soon`].
    fn take(&self, heap: HeapId, bytes: u64, now_ms: u64) -> Option<OwnedFd> {
        let taken = self.pixels.as_ref()?.take(self.key(heap, bytes)?, now_ms);
        self.mark_bytes();
        if taken.wants && taken.buffer.is_none() {
            self.wakeup.wake_now();
        }
        taken.buffer
    }

    /// Asks a heap; when it lacks what is ready has, once more after that was given back.
    fn ask(&self, heap: HeapId, bytes: u64, name: &BufferName, class: Class) -> Result<OwnedFd, HeapFailure> {
        let allocate = || self.heaps.allocate_around(heap, bytes, name, |call| class.run(call));
        match allocate() {
            Err(failure) if self.gives_way_to(heap, &failure) => allocate(),
            result => result,
        }
    }

    fn gives_way_to(&self, heap: HeapId, failure: &HeapFailure) -> bool {
        match failure.kind {
            FailureKind::Memory => self.give_back(Cause::Room, |ready| ready == heap),
            FailureKind::Descriptors => self.give_back(Cause::Room, |_| true),
            FailureKind::Size | FailureKind::Other => false,
        }
    }

    fn give_back(&self, cause: Cause, of: impl Fn(HeapId) -> bool) -> bool {
        let now_ms = self.clock.now_ms();
        let pages = match of(self.policy.metadata_heap) {
            true => self.metadata().drain(cause, now_ms),
            false => Vec::new(),
        };
        let some = !pages.is_empty();
        // Closed without the lock.
        drop(pages);
        if some && cause == Cause::Room {
            // The next request needs pages again, whether or not this one is served. After pressure they wait.
            self.wakeup.wake_soon();
        }
        let drained = self.pixels.as_ref().is_some_and(|pixels| pixels.drain(cause, of, now_ms));
        self.mark_bytes();
        drained || some
    }

    /// Requests that differ within a page are alike for a heap.
    fn key(&self, heap: HeapId, bytes: u64) -> Option<PoolKey> {
        Some(PoolKey { heap, bytes: bytes.checked_next_multiple_of(self.page_bytes)? })
    }

    fn metadata(&self) -> MutexGuard<'_, Metadata> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Class {
    fn run<T>(self, allocate: impl FnOnce() -> T) -> T {
        if self == Class::Own {
            return allocate();
        }
        let (result, back) = sched::in_normal_class(allocate);
        if let Err(error) = back {
            warn!("this thread stays in the normal scheduling class from here on: {error}");
        }
        result
    }
}

impl Metadata {
    fn wants(&self, now_ms: u64) -> bool {
        self.ready.len() < METADATA_PAGES && now_ms >= self.held_until_ms
    }

    fn drain(&mut self, cause: Cause, now_ms: u64) -> Vec<OwnedFd> {
        if cause == Cause::Pressure {
            self.held_until_ms = now_ms.saturating_add(HOLD_OFF_MS);
        }
        std::mem::take(&mut self.ready)
    }
}

/// What a part of the machine's memory is of, for people; `None` for a bound in bytes.
pub(crate) fn part_of(bound: Bound, memory_bytes: Option<u64>) -> Option<String> {
    match bound {
        Bound::Bytes(_) => None,
        Bound::Percent(_) => Some(format!("{bound} of {}", memory_bytes.map_or("unknown memory".to_owned(), size))),
    }
}

#[cfg(test)]
mod tests;
