//! The pool's moving part: the shelf of the core, the account, and who fills.
//!
//! No lock is held over an ioctl or the close of a buffer: what goes is taken off the shelf first. Pixels that a client has had
//! never come back here; the only way in is [`Pool::fill`], right after the kernel zeroed them.

use crate::filler::FillTimer;
use gralloc_core::ledger::Ledger;
use gralloc_core::policy::{HeapId, PoolPolicy};
use gralloc_core::pool::{Cause, Figures, Kind, Shelf};
use gralloc_core::ports::{HeapBackend, MemoryGauge};
use gralloc_core::BufferName;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Buffers that are ready, and what they are worth.
pub struct Pool {
    shelf: Mutex<Shelf<OwnedFd>>,
    ledger: Arc<Ledger>,
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
            shelf: Mutex::new(Shelf::new(policy, 0)),
            ledger,
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
        self.lock().keep_ready(&kinds, self.now_ms());
        self.timer.fill_soon();
    }

    /// A ready buffer for a request, and evidence of a stream. The filler is called at once for one that has to wait, as
    /// its client is busy for as long as the kernel zeroes; after the reply for one that does not.
    pub fn take(&self, heap: HeapId, bytes: u64) -> Option<OwnedFd> {
        let kind = self.kind(heap, bytes)?;
        let now_ms = self.now_ms();
        let mut shelf = self.lock();
        let taken = shelf.take(kind, now_ms);
        let wants = shelf.wants(now_ms);
        drop(shelf);
        if taken.is_some() {
            self.ledger.unpool(kind.heap, kind.bytes);
        }
        if wants {
            match taken {
                Some(_) => self.timer.fill_soon(),
                None => self.timer.fill_now(),
            }
        }
        taken
    }

    /// Before a heap is asked for more: what is ready goes as far as it and what clients hold pass a budget.
    pub fn make_room(&self, heap: HeapId) {
        let beyond = self.ledger.pooled_beyond(heap);
        if beyond.all_bytes == 0 && beyond.heap_bytes == 0 {
            return;
        }
        let mut shelf = self.lock();
        let mut out = shelf.give_way(Some(heap), beyond.heap_bytes);
        let freed = out.iter().map(|(kind, _)| kind.bytes).fold(0, u64::saturating_add);
        out.extend(shelf.give_way(None, beyond.all_bytes.saturating_sub(freed)));
        drop(shelf);
        self.close(out);
    }

    /// Gives everything back. True when there was something.
    pub fn drain(&self, cause: Cause) -> bool {
        let out = self.lock().drain(cause, self.now_ms());
        let some = !out.is_empty();
        self.close(out);
        some
    }

    /// Gives back what nobody asked for.
    pub fn drop_idle(&self) {
        let out = self.lock().drop_idle(self.now_ms());
        self.close(out);
    }

    /// Fills one buffer, if one is wanted. False when there is nothing to do.
    pub fn fill<H, G>(&self, heaps: &H, gauge: &G) -> bool
    where
        H: HeapBackend<Buffer = OwnedFd>,
        G: MemoryGauge,
    {
        let Some(fill) = self.lock().next(self.now_ms()) else { return false };
        self.close(fill.evicted);
        let kind = fill.kind;
        if !self.ledger.pool(kind.heap, kind.bytes, self.now_ms(), gauge) {
            self.lock().failed(kind, self.now_ms());
            return true;
        }
        match heaps.allocate(kind.heap, kind.bytes, &self.name) {
            Ok(buffer) => {
                self.ledger.pool_asked(kind.heap, kind.bytes, true);
                let late = self.lock().filled(kind, buffer, self.now_ms());
                self.close(late.into_iter().map(|buffer| (kind, buffer)).collect());
            }
            Err(_) => {
                self.ledger.pool_asked(kind.heap, kind.bytes, false);
                self.lock().failed(kind, self.now_ms());
            }
        }
        true
    }

    /// When [`Pool::drop_idle`] or [`Pool::fill`] may have something to do again.
    pub fn due_in(&self) -> Option<Duration> {
        self.lock().due_in_ms(self.now_ms()).map(Duration::from_millis)
    }

    /// Counters, and what is there.
    pub fn figures(&self) -> Figures {
        self.lock().figures()
    }

    /// What wakes the filler.
    pub fn timer(&self) -> &FillTimer {
        &self.timer
    }

    fn close(&self, out: Vec<(Kind, OwnedFd)>) {
        for (kind, buffer) in out {
            // The memory first: who is admitted in between must find it free.
            drop(buffer);
            self.ledger.unpool(kind.heap, kind.bytes);
        }
    }

    /// Requests that differ within a page are alike for a heap.
    fn kind(&self, heap: HeapId, bytes: u64) -> Option<Kind> {
        Some(Kind { heap, bytes: bytes.checked_next_multiple_of(self.page_bytes)? })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Shelf<OwnedFd>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
