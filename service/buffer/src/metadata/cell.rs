//! A value of several words that any process may set at any time, and that no reader ever sees half of.
//!
//! A cell has one control word and three slots. The control word says which slot holds the value (none: unset) and
//! counts the sets. A writer takes a slot that is *not* the published one, by putting its token into the slot's claim;
//! it fills the slot, then publishes it by one atomic change of the control word, then gives up the claim. So:
//!
//! - **No torn value.** A slot is changed only while it is claimed and not published. A reader takes the control word,
//!   copies the slot that it names, and takes the control word again: unchanged, the slot was the published one all the
//!   while. (Orders: a writer reads the control word, fences, then changes the slot; a reader that saw such a change
//!   fences and so sees that control word, or a later one, which is not the one it began with.)
//! - **No waiting on the dead.** A process that dies inside a set leaves a claim, never a broken value: the published slot
//!   is untouched, and with three slots a second writer has one to take. Should all be claimed, a writer that has tried
//!   for long takes one over. Its former owner, if it was only frozen, notices before it publishes; the words that it
//!   still wrote in between are caught by the slot's checksum, and its own repeated set puts an end to it.
//! - **Nothing hostile gets further than the value.** Every index comes from the code, not from the page, lengths are
//!   bounded, and all loops end: who scribbles here spoils values.

use crate::sync::{fence, AtomicU32, Ordering};

/// Slots of a cell: one is published, two writers can be at work, or one of them dead.
const SLOTS: u32 = 3;
/// Words of a slot before its data: claim, length, checksum.
const HEAD_WORDS: usize = 3;
/// How often a reader starts again before it gives up: only a hostile writer keeps it from reading so long.
const READ_TRIES: u32 = 100;
/// How often a writer looks for a free slot, giving way to others, before it takes one over.
const TRIES_BEFORE_TAKEOVER: u32 = 200;
/// How often it tries in all.
const WRITE_TRIES: u32 = 400;

/// Where a cell lies in the page, in words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// The control word.
    pub(super) control: usize,
    /// The first slot.
    pub(super) slots: usize,
    /// Words of a value.
    pub(super) data_words: usize,
}

/// A slot in the page.
struct Slot<'a> {
    claim: &'a AtomicU32,
    length: &'a AtomicU32,
    checksum: &'a AtomicU32,
    data: &'a [AtomicU32],
}

/// What a reader found.
enum Attempt {
    /// A value of so many words.
    Whole(usize),
    /// None.
    Unset,
    /// It was set meanwhile.
    Changed,
    /// Words that are no value, and no set since: those of an owner whose slot was taken over, or a hostile writer's.
    Torn,
}

impl Cell {
    /// Words of all slots.
    // Compilers before 1.80 do not count a use by assertions alone. `as` widens; `usize::try_from` is no const fn.
    #[allow(dead_code, clippy::as_conversions)]
    pub(super) const fn slot_words(self) -> usize {
        SLOTS as usize * (HEAD_WORDS + self.data_words)
    }

    fn slot<'a>(&self, page: &'a [AtomicU32], number: u32) -> Option<Slot<'a>> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let words = HEAD_WORDS + self.data_words;
        let start = self.slots + index * words;
        match page.get(start..start + words)? {
            [claim, length, checksum, data @ ..] => Some(Slot { claim, length, checksum, data }),
            _ => None,
        }
    }

    /// Copies the value into `into`, whose rest stays as it is, and says how many words it has; `None` when it is unset,
    /// or when a hostile writer lets nobody read.
    pub(super) fn read(&self, page: &[AtomicU32], into: &mut [u32]) -> Option<usize> {
        for _ in 0..READ_TRIES {
            match self.attempt(page, into) {
                Attempt::Whole(count) => return Some(count),
                Attempt::Unset => return None,
                Attempt::Changed | Attempt::Torn => std::hint::spin_loop(),
            }
        }
        None
    }

    /// Copies the value as it is now.
    #[inline]
    fn attempt(&self, page: &[AtomicU32], into: &mut [u32]) -> Attempt {
        let Some(control) = page.get(self.control) else { return Attempt::Unset };
        let before = control.load(Ordering::Acquire);
        let Some(slot) = published(before).and_then(|number| self.slot(page, number)) else { return Attempt::Unset };
        let length = slot.length.load(Ordering::Relaxed);
        let count = usize::try_from(length).unwrap_or(usize::MAX).min(slot.data.len()).min(into.len());
        let mut sum = Checksum::of(length);
        for (to, from) in into.iter_mut().zip(slot.data).take(count) {
            *to = from.load(Ordering::Relaxed);
            sum.add(*to);
        }
        let right = slot.checksum.load(Ordering::Relaxed) == sum.0;
        fence(Ordering::Acquire);
        match (control.load(Ordering::Relaxed) == before, right) {
            (true, true) => Attempt::Whole(count),
            (true, false) => Attempt::Torn,
            (false, _) => Attempt::Changed,
        }
    }

    /// Unsets the value.
    pub(super) fn clear(&self, page: &[AtomicU32]) {
        if let Some(control) = page.get(self.control) {
            publish(control, 0);
        }
    }

    /// Sets the value to `data`, of which at most `data_words` are taken. `token` is not 0 and differs between writers.
    /// False when a hostile writer lets nobody write.
    pub(super) fn write(&self, page: &[AtomicU32], token: u32, data: &[u32]) -> bool {
        let Some(control) = page.get(self.control) else {
            return false;
        };
        for attempt in 0..WRITE_TRIES {
            for number in 1..=SLOTS {
                let Some(slot) = self.slot(page, number) else { return false };
                if published(control.load(Ordering::Acquire)) == Some(number) || !take(&slot, token, attempt) {
                    continue;
                }
                // Whoever had the claim before may have published the slot. From here on, nobody else can.
                if published(control.load(Ordering::Acquire)) != Some(number) && fill(&slot, token, data) {
                    publish(control, number);
                    release(&slot, token);
                    return true;
                }
                release(&slot, token);
            }
            std::thread::yield_now();
        }
        false
    }
}

/// The published slot's number, from 1; `None` when the cell is unset.
fn published(control: u32) -> Option<u32> {
    Some(control & 3).filter(|number| *number != 0)
}

/// Makes the slot the published one, 0 for none, and counts the set.
fn publish(control: &AtomicU32, number: u32) {
    let next = |now: u32| (now >> 2).wrapping_add(1) << 2 | number;
    let mut now = control.load(Ordering::Relaxed);
    for _ in 0..WRITE_TRIES {
        match control.compare_exchange_weak(now, next(now), Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(other) => now = other,
        }
    }
    control.store(next(now), Ordering::Release);
}

/// Claims the slot if nobody has it, or if it has been tried for long.
fn take(slot: &Slot<'_>, token: u32, attempt: u32) -> bool {
    if attempt >= TRIES_BEFORE_TAKEOVER {
        slot.claim.swap(token, Ordering::Acquire);
        return true;
    }
    slot.claim.compare_exchange(0, token, Ordering::Acquire, Ordering::Relaxed).is_ok()
}

/// Gives the claim up, unless it was taken over.
fn release(slot: &Slot<'_>, token: u32) {
    // A failure means that it was taken over, and then there is nothing to give up.
    let _ = slot.claim.compare_exchange(token, 0, Ordering::Release, Ordering::Relaxed);
}

/// Fills a claimed slot; false when the claim was taken over meanwhile.
fn fill(slot: &Slot<'_>, token: u32, data: &[u32]) -> bool {
    // Before the first change, so that a reader who sees one sees the control word that was read before it.
    fence(Ordering::Release);
    let count = data.len().min(slot.data.len());
    let length = u32::try_from(count).unwrap_or(0);
    let mut sum = Checksum::of(length);
    slot.length.store(length, Ordering::Relaxed);
    for (to, from) in slot.data.iter().zip(data) {
        to.store(*from, Ordering::Relaxed);
        sum.add(*from);
    }
    slot.checksum.store(sum.0, Ordering::Relaxed);
    slot.claim.load(Ordering::Relaxed) == token
}

/// FNV-1a over words: tells words of two values apart, not an attacker from a writer.
struct Checksum(u32);

impl Checksum {
    fn of(length: u32) -> Checksum {
        let mut sum = Checksum(0x811c_9dc5);
        sum.add(length);
        sum
    }

    fn add(&mut self, word: u32) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0100_0193);
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(test)]
mod tests;
