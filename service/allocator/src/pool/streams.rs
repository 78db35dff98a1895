//! The pool's decisions: what is ready of each kind of buffer (heap and size), which stream will ask for it, and so what to
//! fill, give and drop.
//!
//! Buffers are any `B`, times are milliseconds that the caller passes in; nothing here is charged to an account.
//!
//! A stream is recognised by its first buffer: BufferQueue asks for one at a time, so the next of the key are likely.
//! The first request has one filled ahead, the second two, then [`MOST_AHEAD`]. Guesses that nobody takes make it more
//! careful: after [`TRUST`] streams whose first buffer stayed the only one it waits for a second request of a key.

mod keys;

use super::{Cause, PoolKey, PoolStatistics, HOLD_OFF_MS, MOST_AHEAD, QUIET_MS, SMALLEST_BYTES, TRUST};
use heaps_config::policy::{HeapId, PoolBounds, MOST_READY};
use keys::{Keys, Known};

/// What to fill next, and what must go first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fill<B> {
    /// The key; it counts as being filled from now on.
    pub(super) key: PoolKey,
    /// Buffers of streams that went quiet: close them before.
    pub(super) evicted: Vec<(PoolKey, B)>,
}

/// The buffers that are ready.
#[derive(Debug)]
pub(super) struct Streams<B> {
    bounds: PoolBounds,
    keys: Keys<B>,
    statistics: PoolStatistics,
    /// Bytes that are being filled right now.
    filling_bytes: u64,
    filling_buffers: u32,
    /// The last request of any key; `None` before the first and after everything was dropped as idle.
    active_ms: Option<u64>,
    /// Nothing is filled before.
    held_until_ms: u64,
    /// Guesses at a first request since the last that was taken.
    untaken: u32,
}

impl<B> Streams<B> {
    /// An empty pool. What `ready` entries ask for comes through [`Streams::keep_ready`].
    pub(super) fn new(bounds: PoolBounds, now_ms: u64) -> Streams<B> {
        Streams {
            bounds,
            keys: Keys::default(),
            statistics: PoolStatistics::default(),
            filling_bytes: 0,
            filling_buffers: 0,
            active_ms: Some(now_ms),
            held_until_ms: 0,
            untaken: 0,
        }
    }

    /// Sets what is kept ready whatever is asked for, in the policy's order. Replaces what was set before.
    pub(super) fn keep_ready(&mut self, entries: &[(PoolKey, u32)], now_ms: u64) {
        for known in self.keys.all_mut() {
            known.kept = 0;
        }
        for (key, count) in entries.iter().filter(|(key, _)| self.worth_keeping(*key)).copied().collect::<Vec<_>>() {
            let known = self.keys.entry(key, now_ms);
            known.kept = known.kept.saturating_add(count);
        }
    }

    /// A request for one buffer of a key: a ready one if there is one. Either way it is evidence of a stream.
    pub(super) fn take(&mut self, key: PoolKey, now_ms: u64) -> Option<B> {
        self.active_ms = Some(now_ms);
        if !self.worth_keeping(key) {
            return None;
        }
        let idle_ms = self.bounds.idle_ms;
        let known = self.keys.entry(key, now_ms);
        // After a pause it is a new stream: the evidence of the last one has gone.
        let again = now_ms.saturating_sub(known.asked_ms) <= idle_ms;
        known.asked = if again { known.asked.saturating_add(1) } else { 1 };
        known.asked_ms = now_ms;
        let taken = known.ready.pop();
        if taken.is_some() {
            self.untaken = 0;
            self.statistics.hits = self.statistics.hits.saturating_add(1);
            self.removed(key.bytes);
        } else {
            self.statistics.misses = self.statistics.misses.saturating_add(1);
        }
        taken
    }

    /// True when there is something to fill.
    pub(super) fn wants(&self, now_ms: u64) -> bool {
        self.candidate(now_ms).is_some()
    }

    /// What to fill next: streams before kept entries, the latest asked for first. It counts as being filled until
    /// [`Streams::filled`] or [`Streams::failed`].
    pub(super) fn next(&mut self, now_ms: u64) -> Option<Fill<B>> {
        let key = self.candidate(now_ms)?;
        let evicted = self.make_room_for(key, now_ms);
        let known = self.keys.find_mut(key)?;
        if known.asked == 1 && known.supply() >= known.kept {
            self.untaken = self.untaken.saturating_add(1);
        }
        known.filling = known.filling.saturating_add(1);
        self.filling_bytes = self.filling_bytes.saturating_add(key.bytes);
        self.filling_buffers = self.filling_buffers.saturating_add(1);
        Some(Fill { key, evicted })
    }

    /// A fill succeeded. Gives the buffer back when it is no longer wanted: memory ran short meanwhile.
    pub(super) fn filled(&mut self, key: PoolKey, buffer: B, now_ms: u64) -> Option<B> {
        self.filling_done(key);
        self.statistics.fills = self.statistics.fills.saturating_add(1);
        if now_ms < self.held_until_ms {
            self.statistics.dropped_pressure = self.statistics.dropped_pressure.saturating_add(1);
            return Some(buffer);
        }
        let Some(known) = self.keys.find_mut(key) else { return Some(buffer) };
        known.ready.push(buffer);
        self.statistics.ready_buffers = self.statistics.ready_buffers.saturating_add(1);
        self.statistics.ready_bytes = self.statistics.ready_bytes.saturating_add(key.bytes);
        self.statistics.high_water_bytes = self.statistics.high_water_bytes.max(self.statistics.ready_bytes);
        None
    }

    /// A fill got nothing: admission or the kernel refused. Nothing is filled for a while; a longer pause that has begun goes on.
    pub(super) fn failed(&mut self, key: PoolKey, now_ms: u64) {
        self.filling_done(key);
        self.held_until_ms = self.held_until_ms.max(now_ms.saturating_add(QUIET_MS));
    }

    /// All that is ready of these heaps, taken out.
    pub(super) fn drain(&mut self, cause: Cause, of: impl Fn(HeapId) -> bool, now_ms: u64) -> Vec<(PoolKey, B)> {
        if cause == Cause::Pressure {
            self.held_until_ms = now_ms.saturating_add(HOLD_OFF_MS);
        }
        let mut all = Vec::new();
        for known in self.keys.all_mut().filter(|known| of(known.key.heap)) {
            let key = known.key;
            all.extend(known.ready.drain(..).map(|buffer| (key, buffer)));
        }
        let count = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let counter = match cause {
            Cause::Pressure => &mut self.statistics.dropped_pressure,
            Cause::Room => &mut self.statistics.dropped_room,
        };
        *counter = counter.saturating_add(count);
        all.iter().for_each(|(key, _)| self.removed(key.bytes));
        all
    }

    /// Takes out at least `bytes`, of one heap or of any, the longest not asked for first; less when there is less.
    pub(super) fn give_way(&mut self, heap: Option<HeapId>, bytes: u64) -> Vec<(PoolKey, B)> {
        let mut out = Vec::new();
        let mut freed = 0u64;
        while freed < bytes {
            let candidates = self.keys.all().filter(|known| heap.map_or(true, |heap| known.key.heap == heap));
            let oldest = candidates.filter(|known| !known.ready.is_empty()).min_by_key(|known| known.asked_ms);
            let Some(key) = oldest.map(|known| known.key) else { break };
            let Some(buffer) = self.evict(key) else { break };
            freed = freed.saturating_add(key.bytes);
            out.push((key, buffer));
        }
        out
    }

    /// Takes out what nobody asked for within the policy's idle time: a stream's when the stream has ended, kept entries
    /// when nobody asks for anything at all. They come back with the next request of any key.
    pub(super) fn drop_idle(&mut self, now_ms: u64) -> Vec<(PoolKey, B)> {
        let idle_ms = self.bounds.idle_ms;
        let all_idle = self.active_ms.map_or(true, |active| now_ms.saturating_sub(active) >= idle_ms);
        if all_idle {
            self.active_ms = None;
        }
        let mut out = Vec::new();
        for known in self.keys.all_mut() {
            let over = now_ms.saturating_sub(known.asked_ms) >= idle_ms;
            let stays = match (all_idle, over) {
                (true, _) => 0,
                (false, true) => usize::try_from(known.kept).unwrap_or(usize::MAX),
                (false, false) => usize::MAX,
            };
            if over {
                known.asked = 0;
            }
            let key = known.key;
            let from = known.ready.len().min(stays);
            out.extend(known.ready.drain(from..).map(|buffer| (key, buffer)));
        }
        let count = u32::try_from(out.len()).unwrap_or(u32::MAX);
        self.statistics.dropped_idle = self.statistics.dropped_idle.saturating_add(u64::from(count));
        out.iter().for_each(|(key, _)| self.removed(key.bytes));
        self.keys.forget_unused();
        out
    }

    /// Milliseconds until [`Streams::drop_idle`] or a fill that was held off may have something to do; `None` for never.
    pub(super) fn due_in_ms(&self, now_ms: u64) -> Option<u64> {
        let held = self.held_until_ms.checked_sub(now_ms).filter(|left| *left > 0);
        if self.statistics.ready_buffers == 0 {
            return held;
        }
        let with_buffers = self.keys.all().filter(|known| !known.ready.is_empty());
        let ages =
            with_buffers.map(|known| now_ms.saturating_sub(known.asked_ms)).filter(|age| *age < self.bounds.idle_ms);
        let all = self.active_ms.map_or(0, |active| now_ms.saturating_sub(active));
        let idle = ages.chain([all]).map(|age| self.bounds.idle_ms.saturating_sub(age)).min();
        held.into_iter().chain(idle).min()
    }

    /// Counters and what is there.
    pub(super) fn statistics(&self) -> PoolStatistics {
        self.statistics
    }

    /// Each key that has buffers ready, and how many.
    #[cfg(test)]
    pub(super) fn contents(&self) -> impl Iterator<Item = (PoolKey, usize)> + '_ {
        let with_buffers = self.keys.all().filter(|known| !known.ready.is_empty());
        with_buffers.map(|known| (known.key, known.ready.len()))
    }

    fn worth_keeping(&self, key: PoolKey) -> bool {
        let most = self.bounds.heap_bytes(key.heap).min(self.bounds.total_bytes);
        key.bytes >= SMALLEST_BYTES && key.bytes <= most
    }

    fn candidate(&self, now_ms: u64) -> Option<PoolKey> {
        if now_ms < self.held_until_ms || self.active_ms.is_none() {
            return None;
        }
        let short = |known: &&Known<B>| self.target(known, now_ms) > known.supply();
        let mut wanted: Vec<&Known<B>> = self.keys.all().filter(short).collect();
        wanted.sort_by_key(|known| std::cmp::Reverse((known.asked > 0, known.asked_ms)));
        wanted.iter().map(|known| known.key).find(|key| self.has_room_for(*key, now_ms))
    }

    /// How many of a key should be ready.
    fn target(&self, known: &Known<B>, now_ms: u64) -> u32 {
        let runs = self.bounds.streams && now_ms.saturating_sub(known.asked_ms) < self.bounds.idle_ms;
        let believed = if self.untaken >= TRUST { known.asked.saturating_sub(1) } else { known.asked };
        let ahead = if runs { believed.min(MOST_AHEAD) } else { 0 };
        ahead.max(known.kept)
    }

    /// True when the bounds hold one more, perhaps after streams that went quiet have given way.
    fn has_room_for(&self, key: PoolKey, now_ms: u64) -> bool {
        let Some(taker) = self.keys.find(key) else { return false };
        let evictable = |heap: Option<HeapId>| {
            let quiet = self.keys.all().filter(|known| gives_way(known, taker, now_ms));
            let quiet = quiet.filter(|known| heap.map_or(true, |heap| known.key.heap == heap));
            quiet.map(Known::ready_bytes).fold(0, u64::saturating_add)
        };
        let (over_all, over_heap) = self.overrun(key);
        let count = self.statistics.ready_buffers.saturating_add(self.filling_buffers);
        count < MOST_READY && over_all <= evictable(None) && over_heap <= evictable(Some(key.heap))
    }

    /// Bytes by which one more of the key would pass the bounds: of all, and of its heap.
    fn overrun(&self, key: PoolKey) -> (u64, u64) {
        let all = self.statistics.ready_bytes.saturating_add(self.filling_bytes).saturating_add(key.bytes);
        let of_heap = self.keys.all().filter(|known| known.key.heap == key.heap);
        let heap = of_heap.map(Known::supply_bytes).fold(key.bytes, u64::saturating_add);
        let heap_bytes = self.bounds.heap_bytes(key.heap);
        (all.saturating_sub(self.bounds.total_bytes), heap.saturating_sub(heap_bytes))
    }

    fn make_room_for(&mut self, key: PoolKey, now_ms: u64) -> Vec<(PoolKey, B)> {
        let mut out = Vec::new();
        loop {
            let (over_all, over_heap) = self.overrun(key);
            if over_all == 0 && over_heap == 0 {
                return out;
            }
            let Some(taker) = self.keys.find(key) else { return out };
            let quiet = self.keys.all().filter(|known| gives_way(known, taker, now_ms) && !known.ready.is_empty());
            let quiet = quiet.filter(|known| over_heap == 0 || known.key.heap == key.heap);
            let oldest = quiet.min_by_key(|known| known.asked_ms).map(|known| known.key);
            let Some((oldest, buffer)) = oldest.and_then(|oldest| Some((oldest, self.evict(oldest)?))) else {
                return out;
            };
            out.push((oldest, buffer));
        }
    }

    fn evict(&mut self, key: PoolKey) -> Option<B> {
        let buffer = self.keys.find_mut(key)?.ready.pop()?;
        self.statistics.dropped_room = self.statistics.dropped_room.saturating_add(1);
        self.removed(key.bytes);
        Some(buffer)
    }

    fn removed(&mut self, bytes: u64) {
        self.statistics.ready_buffers = self.statistics.ready_buffers.saturating_sub(1);
        self.statistics.ready_bytes = self.statistics.ready_bytes.saturating_sub(bytes);
    }

    fn filling_done(&mut self, key: PoolKey) {
        if let Some(known) = self.keys.find_mut(key) {
            known.filling = known.filling.saturating_sub(1);
        }
        self.filling_bytes = self.filling_bytes.saturating_sub(key.bytes);
        self.filling_buffers = self.filling_buffers.saturating_sub(1);
    }
}

/// A stream's buffers give way to one that was asked for clearly later; kept entries to none.
fn gives_way<B>(known: &Known<B>, taker: &Known<B>, now_ms: u64) -> bool {
    let quiet = now_ms.saturating_sub(known.asked_ms) >= QUIET_MS;
    known.key != taker.key && known.kept == 0 && taker.asked > 0 && quiet && known.asked_ms < taker.asked_ms
}

#[cfg(test)]
mod tests;
