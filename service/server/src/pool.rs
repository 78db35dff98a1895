//! The pool's surroundings: its clock, its heaps, and who fills it.
//!
//! Pixels that a client has had never come back here; the only way in is [`Pool::fill`], right after the kernel zeroed them.

use crate::filler::FillTimer;
use gralloc_allocator::ledger::Ledger;
use gralloc_allocator::pool::charged::ChargedShelf;
use gralloc_allocator::pool::{Cause, Figures, Kind};
use gralloc_allocator::ports::{HeapBackend, MemoryGauge};
use gralloc_buffer::BufferName;
use heaps_config::policy::{HeapId, PoolPolicy};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Buffers that are ready.
pub struct Pool {
    shelf: ChargedShelf<OwnedFd>,
    timer: FillTimer,
    page_bytes: u64,
    started: Instant,
    name: BufferName,
}

impl Pool {
    /// An empty one.
    ///
    /// # Errors
    /// No file descriptor left.
    pub fn new(policy: PoolPolicy, ledger: Arc<Ledger>, page_bytes: u64) -> nix::Result<Pool> {
        Ok(Pool {
            shelf: ChargedShelf::new(policy, ledger, 0),
            timer: FillTimer::new()?,
            page_bytes,
            started: Instant::now(),
            name: BufferName::from_text("gralloc-ready"),
        })
    }

    /// Sets what is kept ready: heap and bytes of one, and how many.
    pub fn keep_ready(&self, entries: &[(HeapId, u64, u32)]) {
        let kinds: Vec<(Kind, u32)> =
            entries.iter().filter_map(|(heap, bytes, count)| Some((self.kind(*heap, *bytes)?, *count))).collect();
        self.shelf.keep_ready(&kinds, self.now_ms());
        self.timer.fill_soon();
    }

    /// A ready buffer for a request, and evidence of a stream. The filler is called at once for one that has to wait, as
    /// its client is busy for as long as the kernel zeroes; after the reply for one that does not.
    pub fn take(&self, heap: HeapId, bytes: u64) -> Option<OwnedFd> {
        let taken = self.shelf.take(self.kind(heap, bytes)?, self.now_ms());
        if taken.wants {
            match taken.buffer {
                Some(_) => self.timer.fill_soon(),
                None => self.timer.fill_now(),
            }
        }
        taken.buffer
    }

    /// Before a heap is asked for more: what is ready goes as far as it and what clients hold pass a budget.
    pub fn make_room(&self, heap: HeapId) {
        self.shelf.make_room(heap);
    }

    /// Gives everything back. True when there was something.
    pub fn drain(&self, cause: Cause) -> bool {
        self.shelf.drain(cause, self.now_ms())
    }

    /// Gives back what nobody asked for.
    pub fn drop_idle(&self) {
        self.shelf.drop_idle(self.now_ms());
    }

    /// Fills one buffer, if one is wanted. False when there is nothing to do.
    pub fn fill<H, G>(&self, heaps: &H, gauge: &G) -> bool
    where
        H: HeapBackend<Buffer = OwnedFd>,
        G: MemoryGauge,
    {
        self.shelf.fill(|| self.now_ms(), gauge, |kind| heaps.allocate(kind.heap, kind.bytes, &self.name))
    }

    /// When [`Pool::drop_idle`] or [`Pool::fill`] may have something to do again.
    pub fn due_in(&self) -> Option<Duration> {
        self.shelf.due_in_ms(self.now_ms()).map(Duration::from_millis)
    }

    /// Counters, and what is there.
    pub fn figures(&self) -> Figures {
        self.shelf.figures()
    }

    /// What wakes the filler.
    pub fn timer(&self) -> &FillTimer {
        &self.timer
    }

    /// Requests that differ within a page are alike for a heap.
    fn kind(&self, heap: HeapId, bytes: u64) -> Option<Kind> {
        Some(Kind { heap, bytes: bytes.checked_next_multiple_of(self.page_bytes)? })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
