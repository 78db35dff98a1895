//! Buffers that are ready before they are asked for: which to fill, which to give, which to drop.
//!
//! Pure, like the rest of the core: buffers are any `B`, times are milliseconds that the caller passes in. The owner
//! of a [`Shelf`] ([`charged::ChargedShelf`]) takes what it wants dropped out of it and closes it after its lock is gone;
//! who fills asks [`Shelf::next`], makes the ioctl without a lock, and comes back with [`Shelf::filled`] or
//! [`Shelf::failed`].
//!
//! Two buffers of one heap and one size are alike as long as nobody has had either: zeroed by the kernel, without a
//! format. So a [`Kind`] is heap and bytes, and a buffer that a client has had is never put back.
//!
//! A stream is recognised by its first buffer: BufferQueue asks for one at a time, so the next of the kind are likely.
//! The first request has one filled ahead, the second two, then [`MOST_AHEAD`]. Guesses that nobody takes make it more
//! careful: after [`TRUST`] streams whose first buffer stayed the only one it waits for a second request of a kind.

pub mod charged;
mod kinds;

use heaps_config::policy::{HeapId, PoolPolicy, MOST_READY};
use kinds::{Kinds, Known};

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
pub struct Kind {
    /// The heap.
    pub heap: HeapId,
    /// Bytes in whole pages.
    pub bytes: u64,
}

/// Counters since the start, and what is there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Buffers that are ready.
    pub ready_buffers: u32,
    /// Their bytes.
    pub ready_bytes: u64,
    /// The most that `ready_bytes` has been.
    pub high_water_bytes: u64,
    /// Requests served from the shelf.
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

/// What to fill next, and what must go first.
#[derive(Debug, PartialEq, Eq)]
pub struct Fill<B> {
    /// The kind; it counts as being filled from now on.
    pub kind: Kind,
    /// Buffers of streams that went quiet: close them before.
    pub evicted: Vec<(Kind, B)>,
}

/// The buffers that are ready.
#[derive(Debug)]
pub struct Shelf<B> {
    policy: PoolPolicy,
    kinds: Kinds<B>,
    figures: Figures,
    /// Bytes that are being filled right now.
    filling_bytes: u64,
    filling_buffers: u32,
    /// The last request of any kind; `None` before the first and after everything was dropped as idle.
    active_ms: Option<u64>,
    /// Nothing is filled before.
    held_until_ms: u64,
    /// Guesses at a first request since the last that was taken.
    untaken: u32,
}

impl<B> Shelf<B> {
    /// An empty shelf. What `ready` entries ask for comes through [`Shelf::keep_ready`].
    pub fn new(policy: PoolPolicy, now_ms: u64) -> Shelf<B> {
        Shelf {
            policy,
            kinds: Kinds::default(),
            figures: Figures::default(),
            filling_bytes: 0,
            filling_buffers: 0,
            active_ms: Some(now_ms),
            held_until_ms: 0,
            untaken: 0,
        }
    }

    /// Sets what is kept ready whatever is asked for, in the policy's order. Replaces what was set before.
    pub fn keep_ready(&mut self, entries: &[(Kind, u32)], now_ms: u64) {
        for known in self.kinds.all_mut() {
            known.kept = 0;
        }
        for (kind, count) in entries.iter().filter(|(kind, _)| self.worth_keeping(*kind)).copied().collect::<Vec<_>>() {
            let known = self.kinds.entry(kind, now_ms);
            known.kept = known.kept.saturating_add(count);
        }
    }

    /// A request for one buffer of a kind: a ready one if there is one. Either way it is evidence of a stream.
    pub fn take(&mut self, kind: Kind, now_ms: u64) -> Option<B> {
        self.active_ms = Some(now_ms);
        if !self.worth_keeping(kind) {
            return None;
        }
        let idle_ms = self.policy.idle_ms;
        let known = self.kinds.entry(kind, now_ms);
        // After a pause it is a new stream: the evidence of the last one has gone.
        let again = now_ms.saturating_sub(known.asked_ms) <= idle_ms;
        known.asked = if again { known.asked.saturating_add(1) } else { 1 };
        known.asked_ms = now_ms;
        let taken = known.ready.pop();
        if taken.is_some() {
            self.untaken = 0;
            self.figures.hits = self.figures.hits.saturating_add(1);
            self.removed(kind.bytes);
        } else {
            self.figures.misses = self.figures.misses.saturating_add(1);
        }
        taken
    }

    /// True when there is something to fill.
    pub fn wants(&self, now_ms: u64) -> bool {
        self.candidate(now_ms).is_some()
    }

    /// What to fill next: streams before kept entries, the latest asked for first. It counts as being filled until
    /// [`Shelf::filled`] or [`Shelf::failed`].
    pub fn next(&mut self, now_ms: u64) -> Option<Fill<B>> {
        let kind = self.candidate(now_ms)?;
        let evicted = self.make_room_for(kind, now_ms);
        let known = self.kinds.find_mut(kind)?;
        if known.asked == 1 && known.supply() >= known.kept {
            self.untaken = self.untaken.saturating_add(1);
        }
        known.filling = known.filling.saturating_add(1);
        self.filling_bytes = self.filling_bytes.saturating_add(kind.bytes);
        self.filling_buffers = self.filling_buffers.saturating_add(1);
        Some(Fill { kind, evicted })
    }

    /// A fill succeeded. Gives the buffer back when it is no longer wanted: memory ran short meanwhile.
    pub fn filled(&mut self, kind: Kind, buffer: B, now_ms: u64) -> Option<B> {
        self.filling_done(kind);
        self.figures.fills = self.figures.fills.saturating_add(1);
        if now_ms < self.held_until_ms {
            self.figures.dropped_pressure = self.figures.dropped_pressure.saturating_add(1);
            return Some(buffer);
        }
        let Some(known) = self.kinds.find_mut(kind) else { return Some(buffer) };
        known.ready.push(buffer);
        self.figures.ready_buffers = self.figures.ready_buffers.saturating_add(1);
        self.figures.ready_bytes = self.figures.ready_bytes.saturating_add(kind.bytes);
        self.figures.high_water_bytes = self.figures.high_water_bytes.max(self.figures.ready_bytes);
        None
    }

    /// A fill got nothing: admission or the kernel refused. Nothing is filled for a while.
    pub fn failed(&mut self, kind: Kind, now_ms: u64) {
        self.filling_done(kind);
        self.held_until_ms = now_ms.saturating_add(QUIET_MS);
    }

    /// Everything that is ready, taken out.
    pub fn drain(&mut self, cause: Cause, now_ms: u64) -> Vec<(Kind, B)> {
        if cause == Cause::Pressure {
            self.held_until_ms = now_ms.saturating_add(HOLD_OFF_MS);
        }
        let mut all = Vec::new();
        for known in self.kinds.all_mut() {
            let kind = known.kind;
            all.extend(known.ready.drain(..).map(|buffer| (kind, buffer)));
        }
        let count = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let counter = match cause {
            Cause::Pressure => &mut self.figures.dropped_pressure,
            Cause::Room => &mut self.figures.dropped_room,
        };
        *counter = counter.saturating_add(count);
        all.iter().for_each(|(kind, _)| self.removed(kind.bytes));
        all
    }

    /// Takes out at least `bytes`, of one heap or of any, the longest not asked for first; less when there is less.
    pub fn give_way(&mut self, heap: Option<HeapId>, bytes: u64) -> Vec<(Kind, B)> {
        let mut out = Vec::new();
        let mut freed = 0u64;
        while freed < bytes {
            let candidates = self.kinds.all().filter(|known| heap.map_or(true, |heap| known.kind.heap == heap));
            let oldest = candidates.filter(|known| !known.ready.is_empty()).min_by_key(|known| known.asked_ms);
            let Some(kind) = oldest.map(|known| known.kind) else { break };
            let Some(buffer) = self.evict(kind) else { break };
            freed = freed.saturating_add(kind.bytes);
            out.push((kind, buffer));
        }
        out
    }

    /// Takes out what nobody asked for within the policy's idle time: a stream's when the stream has ended, kept entries
    /// when nobody asks for anything at all. They come back with the next request of any kind.
    pub fn drop_idle(&mut self, now_ms: u64) -> Vec<(Kind, B)> {
        let idle_ms = self.policy.idle_ms;
        let all_idle = self.active_ms.map_or(true, |active| now_ms.saturating_sub(active) >= idle_ms);
        if all_idle {
            self.active_ms = None;
        }
        let mut out = Vec::new();
        for known in self.kinds.all_mut() {
            let over = now_ms.saturating_sub(known.asked_ms) >= idle_ms;
            let stays = match (all_idle, over) {
                (true, _) => 0,
                (false, true) => usize::try_from(known.kept).unwrap_or(usize::MAX),
                (false, false) => usize::MAX,
            };
            if over {
                known.asked = 0;
            }
            let kind = known.kind;
            let from = known.ready.len().min(stays);
            out.extend(known.ready.drain(from..).map(|buffer| (kind, buffer)));
        }
        let count = u32::try_from(out.len()).unwrap_or(u32::MAX);
        self.figures.dropped_idle = self.figures.dropped_idle.saturating_add(u64::from(count));
        out.iter().for_each(|(kind, _)| self.removed(kind.bytes));
        self.kinds.forget_unused();
        out
    }

    /// Milliseconds until [`Shelf::drop_idle`] or a fill that was held off may have something to do; `None` for never.
    pub fn due_in_ms(&self, now_ms: u64) -> Option<u64> {
        let held = self.held_until_ms.checked_sub(now_ms).filter(|left| *left > 0);
        if self.figures.ready_buffers == 0 {
            return held;
        }
        let with_buffers = self.kinds.all().filter(|known| !known.ready.is_empty());
        let ages =
            with_buffers.map(|known| now_ms.saturating_sub(known.asked_ms)).filter(|age| *age < self.policy.idle_ms);
        let all = self.active_ms.map_or(0, |active| now_ms.saturating_sub(active));
        let idle = ages.chain([all]).map(|age| self.policy.idle_ms.saturating_sub(age)).min();
        held.into_iter().chain(idle).min()
    }

    /// Counters and what is there.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// Each kind that has buffers ready, and how many.
    pub fn contents(&self) -> impl Iterator<Item = (Kind, usize)> + '_ {
        let with_buffers = self.kinds.all().filter(|known| !known.ready.is_empty());
        with_buffers.map(|known| (known.kind, known.ready.len()))
    }

    fn worth_keeping(&self, kind: Kind) -> bool {
        let most = self.policy.heap_bytes(kind.heap).min(self.policy.total_bytes);
        kind.bytes >= SMALLEST_BYTES && kind.bytes <= most
    }

    fn candidate(&self, now_ms: u64) -> Option<Kind> {
        if now_ms < self.held_until_ms || self.active_ms.is_none() {
            return None;
        }
        let short = |known: &&Known<B>| self.target(known, now_ms) > known.supply();
        let mut wanted: Vec<&Known<B>> = self.kinds.all().filter(short).collect();
        wanted.sort_by_key(|known| std::cmp::Reverse((known.asked > 0, known.asked_ms)));
        wanted.iter().map(|known| known.kind).find(|kind| self.has_room_for(*kind, now_ms))
    }

    /// How many of a kind should be ready.
    fn target(&self, known: &Known<B>, now_ms: u64) -> u32 {
        let runs = self.policy.streams && now_ms.saturating_sub(known.asked_ms) < self.policy.idle_ms;
        let believed = if self.untaken >= TRUST { known.asked.saturating_sub(1) } else { known.asked };
        let ahead = if runs { believed.min(MOST_AHEAD) } else { 0 };
        ahead.max(known.kept)
    }

    /// True when the bounds hold one more, perhaps after streams that went quiet have given way.
    fn has_room_for(&self, kind: Kind, now_ms: u64) -> bool {
        let Some(taker) = self.kinds.find(kind) else { return false };
        let evictable = |heap: Option<HeapId>| {
            let quiet = self.kinds.all().filter(|known| gives_way(known, taker, now_ms));
            let quiet = quiet.filter(|known| heap.map_or(true, |heap| known.kind.heap == heap));
            quiet.map(Known::ready_bytes).fold(0, u64::saturating_add)
        };
        let (over_all, over_heap) = self.overrun(kind);
        let count = self.figures.ready_buffers.saturating_add(self.filling_buffers);
        count < MOST_READY && over_all <= evictable(None) && over_heap <= evictable(Some(kind.heap))
    }

    /// Bytes by which one more of the kind would pass the bounds: of all, and of its heap.
    fn overrun(&self, kind: Kind) -> (u64, u64) {
        let all = self.figures.ready_bytes.saturating_add(self.filling_bytes).saturating_add(kind.bytes);
        let of_heap = self.kinds.all().filter(|known| known.kind.heap == kind.heap);
        let heap = of_heap.map(Known::supply_bytes).fold(kind.bytes, u64::saturating_add);
        let heap_bytes = self.policy.heap_bytes(kind.heap);
        (all.saturating_sub(self.policy.total_bytes), heap.saturating_sub(heap_bytes))
    }

    fn make_room_for(&mut self, kind: Kind, now_ms: u64) -> Vec<(Kind, B)> {
        let mut out = Vec::new();
        loop {
            let (over_all, over_heap) = self.overrun(kind);
            if over_all == 0 && over_heap == 0 {
                return out;
            }
            let Some(taker) = self.kinds.find(kind) else { return out };
            let quiet = self.kinds.all().filter(|known| gives_way(known, taker, now_ms) && !known.ready.is_empty());
            let quiet = quiet.filter(|known| over_heap == 0 || known.kind.heap == kind.heap);
            let oldest = quiet.min_by_key(|known| known.asked_ms).map(|known| known.kind);
            let Some((oldest, buffer)) = oldest.and_then(|oldest| Some((oldest, self.evict(oldest)?))) else {
                return out;
            };
            out.push((oldest, buffer));
        }
    }

    fn evict(&mut self, kind: Kind) -> Option<B> {
        let buffer = self.kinds.find_mut(kind)?.ready.pop()?;
        self.figures.dropped_room = self.figures.dropped_room.saturating_add(1);
        self.removed(kind.bytes);
        Some(buffer)
    }

    fn removed(&mut self, bytes: u64) {
        self.figures.ready_buffers = self.figures.ready_buffers.saturating_sub(1);
        self.figures.ready_bytes = self.figures.ready_bytes.saturating_sub(bytes);
    }

    fn filling_done(&mut self, kind: Kind) {
        if let Some(known) = self.kinds.find_mut(kind) {
            known.filling = known.filling.saturating_sub(1);
        }
        self.filling_bytes = self.filling_bytes.saturating_sub(kind.bytes);
        self.filling_buffers = self.filling_buffers.saturating_sub(1);
    }
}

/// A stream's buffers give way to one that was asked for clearly later; kept entries to none.
fn gives_way<B>(known: &Known<B>, taker: &Known<B>, now_ms: u64) -> bool {
    let quiet = now_ms.saturating_sub(known.asked_ms) >= QUIET_MS;
    known.kind != taker.kind && known.kept == 0 && taker.asked > 0 && quiet && known.asked_ms < taker.asked_ms
}

#[cfg(test)]
mod tests;
