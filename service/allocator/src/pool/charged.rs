//! A shelf whose buffers are in the account: what several threads do to both at once.
//!
//! No lock is held while a buffer is made or closed: what goes is taken off the shelf first. Memory is charged before it is
//! asked for, and the charge ends after it is given back, so that at no time is there more of it than the account says.
//! `model.rs` tries every order.

use super::{Cause, Figures, Kind, Shelf};
use crate::ledger::Ledger;
use crate::ports::{HeapFailure, MemoryGauge};
use heaps_config::policy::{HeapId, PoolPolicy};
#[cfg(all(test, loom))]
use loom::sync::{Mutex, MutexGuard};
use std::sync::{Arc, PoisonError};
#[cfg(not(all(test, loom)))]
use std::sync::{Mutex, MutexGuard};

/// Buffers that are ready, and what they are worth.
pub struct ChargedShelf<B> {
    shelf: Mutex<Shelf<B>>,
    ledger: Arc<Ledger>,
}

/// What a request found.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken<B> {
    /// The buffer; it is charged to nobody now.
    pub buffer: Option<B>,
    /// There is something to fill.
    pub wants: bool,
}

impl<B> ChargedShelf<B> {
    /// An empty one.
    pub fn new(policy: PoolPolicy, ledger: Arc<Ledger>, now_ms: u64) -> ChargedShelf<B> {
        ChargedShelf { shelf: Mutex::new(Shelf::new(policy, now_ms)), ledger }
    }

    /// As [`Shelf::keep_ready`].
    pub fn keep_ready(&self, entries: &[(Kind, u32)], now_ms: u64) {
        self.lock().keep_ready(entries, now_ms);
    }

    /// A ready buffer for a request, and evidence of a stream.
    pub fn take(&self, kind: Kind, now_ms: u64) -> Taken<B> {
        let mut shelf = self.lock();
        let taken = Taken { buffer: shelf.take(kind, now_ms), wants: shelf.wants(now_ms) };
        drop(shelf);
        if taken.buffer.is_some() {
            self.ledger.unpool(kind.heap, kind.bytes);
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
    pub fn drain(&self, cause: Cause, now_ms: u64) -> bool {
        let out = self.lock().drain(cause, now_ms);
        let some = !out.is_empty();
        self.close(out);
        some
    }

    /// Gives back what nobody asked for.
    pub fn drop_idle(&self, now_ms: u64) {
        let out = self.lock().drop_idle(now_ms);
        self.close(out);
    }

    /// Fills one buffer, if one is wanted. False when there is nothing to do.
    pub fn fill(
        &self,
        now_ms: impl Fn() -> u64,
        gauge: &impl MemoryGauge,
        allocate: impl FnOnce(Kind) -> Result<B, HeapFailure>,
    ) -> bool {
        let Some(fill) = self.lock().next(now_ms()) else { return false };
        self.close(fill.evicted);
        let kind = fill.kind;
        if !self.ledger.pool(kind.heap, kind.bytes, now_ms(), gauge) {
            self.lock().failed(kind, now_ms());
            return true;
        }
        match allocate(kind) {
            Ok(buffer) => {
                self.ledger.pool_asked(kind.heap, kind.bytes, true);
                let late = self.lock().filled(kind, buffer, now_ms());
                self.close(late.into_iter().map(|buffer| (kind, buffer)).collect());
                // A request that was admitted meanwhile looked for this room, and found nothing on the shelf yet.
                self.make_room(kind.heap);
            }
            Err(_) => {
                self.ledger.pool_asked(kind.heap, kind.bytes, false);
                self.lock().failed(kind, now_ms());
            }
        }
        true
    }

    /// As [`Shelf::due_in_ms`].
    pub fn due_in_ms(&self, now_ms: u64) -> Option<u64> {
        self.lock().due_in_ms(now_ms)
    }

    /// Counters, and what is there.
    pub fn figures(&self) -> Figures {
        self.lock().figures()
    }

    fn close(&self, out: Vec<(Kind, B)>) {
        for (kind, buffer) in out {
            // The memory first: who is admitted in between must find it free.
            drop(buffer);
            self.ledger.unpool(kind.heap, kind.bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shelf<B>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
