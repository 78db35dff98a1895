//! The pool: buffers that are zeroed before a client asks for them.
//!
//! Two buffers of one heap and one size are alike as long as nobody has had either: zeroed by the kernel, without a format.
//! So a [`PoolKey`] is heap and bytes, and a buffer that a client has had is never put back.
//!
//! ```text
//!                 begin_fill                 end_fill               take
//!   (streams want one) ──► charged, being filled ──► ready ─────────────────────► a client's, by its reservation
//!                             │ the heap gave none      │ idle, pressure, room
//!                             ▼                         ▼
//!                        charge ends               closed, then the charge ends
//! ```
//!
//! Here is what several threads do to what is ready and to its charge in the ledger at once; which buffers to fill, give and
//! drop is decided in `streams`. Pure, like the rest of this crate: buffers are any `B`, times are milliseconds that the
//! caller passes in, and the ioctl between [`Pool::begin_fill`] and [`Pool::end_fill`] is the caller's.
//!
//! No lock is held while a buffer is made or closed: what goes is taken out first. Memory is charged before it is asked for,
//! and the charge ends after it is given back, so that at no time is there more of it than the account says. `model.rs`
//! tries every order.

mod streams;

use crate::ledger::Ledger;
use crate::ports::{HeapFailure, MemoryGauge};
use heaps_config::policy::{HeapId, PoolBounds};
#[cfg(all(test, loom))]
use loom::sync::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError};
#[cfg(not(all(test, loom)))]
use std::sync::{Mutex, MutexGuard};
use streams::Streams;

/// Most that are filled ahead of a stream.
pub const MOST_AHEAD: u32 = 3;
/// Smaller ones are not worth it: the kernel zeroes this much in the time of a binder call.
pub const SMALLEST_BYTES: u64 = 256 << 10;
/// How long nothing is filled after memory ran short, in milliseconds.
pub const HOLD_OFF_MS: u64 = 10_000;
/// First buffers that were filled for and nothing taken, in a row, until a stream is believed only at its second one.
pub const TRUST: u32 = 4;
/// A stream may take room from another that was not asked for so long, in milliseconds.
const QUIET_MS: u64 = 1_000;

/// Buffers that are alike: one heap, one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolKey {
    /// The heap.
    pub heap: HeapId,
    /// Bytes in whole pages.
    pub bytes: u64,
}

/// Counters since the start, and what is there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolStatistics {
    /// Buffers that are ready.
    pub ready_buffers: u32,
    /// Their bytes.
    pub ready_bytes: u64,
    /// The most that `ready_bytes` has been.
    pub high_water_bytes: u64,
    /// Requests served with a ready buffer.
    pub hits: u64,
    /// Requests of a size worth keeping that were not.
    pub misses: u64,
    /// Buffers filled.
    pub fills: u64,
    /// Buffers dropped because nobody asked for a while.
    pub dropped_idle: u64,
    /// Buffers dropped because memory ran short.
    pub dropped_pressure: u64,
    /// Buffers dropped to let a request or another stream have the room.
    pub dropped_room: u64,
}

/// Why buffers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Memory runs short: nothing is filled for [`HOLD_OFF_MS`].
    Pressure,
    /// An allocation needs the room.
    Room,
}

/// Buffers that are ready, and their charge in the ledger.
pub struct Pool<B> {
    streams: Mutex<Streams<B>>,
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

impl<B> Pool<B> {
    /// An empty one.
    pub fn new(bounds: PoolBounds, ledger: Arc<Ledger>, now_ms: u64) -> Pool<B> {
        Pool { streams: Mutex::new(Streams::new(bounds, now_ms)), ledger }
    }

    /// Sets what is kept ready whatever is asked for, in the policy's order. Replaces what was set before.
    pub fn keep_ready(&self, entries: &[(PoolKey, u32)], now_ms: u64) {
        self.lock().keep_ready(entries, now_ms);
    }

    /// A ready buffer for a request, if there is one. Either way it is evidence of a stream.
    pub fn take(&self, key: PoolKey, now_ms: u64) -> Taken<B> {
        let mut streams = self.lock();
        let taken = Taken { buffer: streams.take(key, now_ms), wants: streams.wants(now_ms) };
        drop(streams);
        if taken.buffer.is_some() {
            self.ledger.unpool(key.heap, key.bytes);
        }
        taken
    }

    /// Before a heap is asked for more: what is ready goes as far as it and what clients hold pass a budget.
    pub fn make_room(&self, heap: HeapId) {
        let beyond = self.ledger.pooled_beyond(heap);
        if beyond.all_bytes == 0 && beyond.heap_bytes == 0 {
            return;
        }
        let mut streams = self.lock();
        let mut out = streams.give_way(Some(heap), beyond.heap_bytes);
        let freed = out.iter().map(|(key, _)| key.bytes).fold(0, u64::saturating_add);
        out.extend(streams.give_way(None, beyond.all_bytes.saturating_sub(freed)));
        drop(streams);
        self.close(out);
    }

    /// Gives back what is ready of these heaps. True when there was something.
    pub fn drain(&self, cause: Cause, of: impl Fn(HeapId) -> bool, now_ms: u64) -> bool {
        let out = self.lock().drain(cause, of, now_ms);
        let some = !out.is_empty();
        self.close(out);
        some
    }

    /// Gives back what nobody asked for.
    pub fn drop_idle(&self, now_ms: u64) {
        let out = self.lock().drop_idle(now_ms);
        self.close(out);
    }

    /// What to fill now, admitted and charged; [`Pool::end_fill`] has to follow. `None` when nothing is wanted or admitted.
    pub fn begin_fill(&self, now_ms: u64, gauge: &impl MemoryGauge) -> Option<PoolKey> {
        let fill = self.lock().next(now_ms)?;
        self.close(fill.evicted);
        let key = fill.key;
        if !self.ledger.pool(key.heap, key.bytes, now_ms, gauge) {
            self.lock().failed(key, now_ms);
            return None;
        }
        Some(key)
    }

    /// What the heap gave for a key.
    pub fn end_fill(&self, key: PoolKey, given: Result<B, HeapFailure>, now_ms: u64) {
        self.ledger.pool_asked(key.heap, key.bytes, given.is_ok());
        let Ok(buffer) = given else { return self.lock().failed(key, now_ms) };
        let late = self.lock().filled(key, buffer, now_ms);
        self.close(late.into_iter().map(|buffer| (key, buffer)).collect());
        // A request that was admitted meanwhile looked for this room, and found nothing ready yet.
        self.make_room(key.heap);
    }

    /// Milliseconds until [`Pool::drop_idle`] or a fill that was held off may have something to do; `None` for never.
    pub fn due_in_ms(&self, now_ms: u64) -> Option<u64> {
        self.lock().due_in_ms(now_ms)
    }

    /// Counters, and what is there.
    pub fn statistics(&self) -> PoolStatistics {
        self.lock().statistics()
    }

    fn close(&self, out: Vec<(PoolKey, B)>) {
        for (key, buffer) in out {
            // The memory first: who is admitted in between must find it free.
            drop(buffer);
            self.ledger.unpool(key.heap, key.bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Streams<B>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
