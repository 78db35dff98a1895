//! What is remembered of each live buffer: 44 bytes, and its name once for all buffers of a request.
//!
//! A service that sees thousands of buffers must not need megabytes for it, so records lie in chunks, sizes are counted in
//! pages, and what the release watch remembers of a buffer is a [`Ticket`] of 32 bits.

use super::slab::Slab;
use super::{BufferKey, Entry};
use gralloc_buffer::name::NAME_BYTES;
use gralloc_buffer::usage::Usage;
use gralloc_buffer::BufferName;
use heaps_config::policy::HeapId;

/// A held buffer: what [`super::Ledger::release`] is told. Half of it is the slot, half says whose turn the slot was: the
/// ticket of a buffer that has gone is no ticket of the next one there. Turns repeat after 65,536 buffers, so nobody may
/// keep a ticket beyond its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u32);

impl Ticket {
    /// As a number, for whoever has nothing but numbers to remember it by.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The ticket of a number. One that was never given releases nothing.
    pub const fn from_number(number: u32) -> Ticket {
        Ticket(number)
    }

    fn new(slot: u16, turn: u16) -> Ticket {
        Ticket(u32::from(turn) << 16 | u32::from(slot))
    }

    fn slot(self) -> u16 {
        // The lower half, by its mask.
        u16::try_from(self.0 & 0xffff).unwrap_or_default()
    }

    fn turn(self) -> u16 {
        u16::try_from(self.0 >> 16).unwrap_or_default()
    }
}

/// One live buffer. Packed: with the alignment of its 64-bit fields it would be four bytes more.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(4))]
struct Record {
    id: BufferKey,
    usage: u64,
    /// Milliseconds: 48 bits are 8,900 years.
    born_low: u32,
    heap_pages: u32,
    pages: u32,
    uid: u32,
    pid: i32,
    born_high: u16,
    name: u16,
    turn: u16,
    heap: u8,
    /// Releases to be told before the buffer counts as gone.
    parts: u8,
}

/// When a buffer was given out, and its id: what buffers are ordered by.
pub(super) type Age = (u64, BufferKey);

impl Record {
    fn age(&self) -> Age {
        (u64::from(self.born_high) << 32 | u64::from(self.born_low), self.id)
    }
}

/// A name, and how many buffers beyond the first have it.
#[derive(Clone, Copy, Debug)]
struct Named {
    name: BufferName,
    others: u16,
}

impl Default for Named {
    fn default() -> Named {
        Named { name: BufferName::from_wire(&[0; NAME_BYTES]), others: 0 }
    }
}

/// A name that is remembered, to be shared by the buffers of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NameSlot(u16);

/// Most buffers that are looked at in one go: a few microseconds.
pub(super) const FEW: u16 = 256;

/// All live buffers.
#[derive(Debug)]
pub(super) struct Records {
    page_bytes: u64,
    records: Slab<Record>,
    names: Slab<Named>,
    turn: u16,
    /// Slots from here on have not been taken since there was no buffer at all.
    slots: u32,
}

impl Records {
    pub(super) const fn new(page_bytes: u64) -> Records {
        Records { page_bytes, records: Slab::new(), names: Slab::new(), turn: 0, slots: 0 }
    }

    /// The largest size that a record can say.
    pub(super) fn largest_bytes(&self) -> u64 {
        u64::from(u32::MAX).saturating_mul(self.page_bytes)
    }

    /// Remembers a buffer, of which `parts` releases will be told. `name` is that of the request's earlier buffers. `None`
    /// when 65,536 are remembered.
    pub(super) fn insert(&mut self, entry: &Entry, parts: u8, name: &mut Option<NameSlot>) -> Option<Ticket> {
        let slot = match *name {
            Some(slot) => slot,
            None => NameSlot(self.names.insert(Named { name: entry.name, others: 0 })?),
        };
        self.turn = self.turn.wrapping_add(1);
        let record = self.record(entry, parts, slot);
        let Some(at) = self.records.insert(record) else {
            if name.is_none() {
                self.names.remove(slot.0);
            }
            return None;
        };
        if name.is_some() {
            let named = self.names.get_mut(slot.0)?;
            named.others = named.others.saturating_add(1);
        }
        *name = Some(slot);
        self.slots = self.slots.max(u32::from(at).saturating_add(1));
        Some(Ticket::new(at, self.turn))
    }

    /// One of a buffer's parts has gone; the buffer, when it was the last or `whole`. Unknown tickets have no buffer.
    pub(super) fn release(&mut self, ticket: Ticket, whole: bool) -> Option<Entry> {
        let record = self.records.get_mut(ticket.slot()).filter(|record| record.turn == ticket.turn())?;
        record.parts = record.parts.saturating_sub(1);
        if record.parts > 0 && !whole {
            return None;
        }
        let record = self.records.remove(ticket.slot())?;
        let entry = self.entry(&record);
        match self.names.get_mut(record.name) {
            Some(named) if named.others > 0 => named.others = named.others.saturating_sub(1),
            _ => drop(self.names.remove(record.name)),
        }
        if self.records.len() == 0 {
            self.slots = 0;
        }
        Some(entry)
    }

    /// Looks at [`FEW`] slots from this one on and copies the buffers that are wanted, by their age, in no order. Answers
    /// where to go on; `None` after the last. A buffer keeps its slot: one that lives through a walk is seen once.
    pub(super) fn next_few(&self, from: u32, wanted: impl Fn(Age) -> bool, into: &mut Vec<Entry>) -> Option<u32> {
        let end = from.saturating_add(u32::from(FEW));
        let slots = (from..end.min(self.slots)).filter_map(|slot| u16::try_from(slot).ok());
        let records = slots.filter_map(|slot| self.records.get(slot));
        into.extend(records.filter(|record| wanted(record.age())).map(|record| self.entry(record)));
        Some(end).filter(|end| *end < self.slots)
    }

    fn record(&self, entry: &Entry, parts: u8, name: NameSlot) -> Record {
        Record {
            id: entry.id,
            usage: entry.usage.0,
            born_low: u32::try_from(entry.born_ms & 0xffff_ffff).unwrap_or_default(),
            heap_pages: self.pages(entry.heap_bytes),
            pages: self.pages(entry.bytes),
            uid: entry.uid,
            pid: entry.pid,
            born_high: u16::try_from(entry.born_ms >> 32).unwrap_or(u16::MAX),
            name: name.0,
            turn: self.turn,
            heap: entry.heap.0,
            parts,
        }
    }

    fn entry(&self, record: &Record) -> Entry {
        let bytes = |pages: u32| u64::from(pages).saturating_mul(self.page_bytes);
        Entry {
            id: record.id,
            heap: HeapId(record.heap),
            heap_bytes: bytes(record.heap_pages),
            bytes: bytes(record.pages),
            uid: record.uid,
            pid: record.pid,
            usage: Usage(record.usage),
            born_ms: record.age().0,
            name: self.names.get(record.name).map_or_else(|| Named::default().name, |named| named.name),
        }
    }

    /// Sizes are whole pages and were admitted only up to [`Records::largest_bytes`].
    fn pages(&self, bytes: u64) -> u32 {
        u32::try_from(bytes / self.page_bytes).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::mem::size_of;

    fn entry(id: u64, name: &str) -> Entry {
        Entry {
            id,
            heap: HeapId(3),
            heap_bytes: 4096 * id,
            bytes: 4096 * (id + 1),
            uid: u32::MAX,
            pid: i32::MIN,
            usage: Usage(1 << 63 | 1),
            born_ms: 5_000_000_000_000,
            name: BufferName::from_text(name),
        }
    }

    #[test]
    fn record_has_44_bytes_and_a_name_two_beyond_itself() {
        assert_eq!(size_of::<Record>(), 44);
        assert_eq!(size_of::<Named>(), NAME_BYTES + 2);
    }

    #[test]
    fn entry_comes_back_as_it_was() {
        let mut records = Records::new(4096);
        let (mut name, mut other) = (None, None);
        let first = records.insert(&entry(7, "a"), 1, &mut name).unwrap();
        let second = records.insert(&entry(8, "a"), 1, &mut name).unwrap();
        let third = records.insert(&entry(u64::from(u32::MAX) - 1, "b"), 1, &mut other).unwrap();
        assert_eq!(records.names.len(), 2, "one for both buffers of a request");
        let mut all = Vec::new();
        assert_eq!(records.next_few(0, |_| true, &mut all), None);
        assert_eq!(all, [entry(7, "a"), entry(8, "a"), entry(u64::from(u32::MAX) - 1, "b")]);
        assert_eq!(records.release(first, false), Some(entry(7, "a")));
        assert_eq!(records.release(second, false), Some(entry(8, "a")), "the name stays until its last buffer");
        assert_eq!((records.names.len(), records.records.len()), (1, 1));
        assert_eq!(records.release(third, false).unwrap().name, BufferName::from_text("b"));
        assert_eq!((records.names.len(), records.records.len()), (0, 0));
    }

    #[test]
    fn walk_looks_at_few_at_a_time_copies_what_is_wanted_and_ends_with_the_last() {
        let mut records = Records::new(4096);
        let ids = 0..u64::from(FEW) * 2 + 1;
        let tickets: Vec<Ticket> =
            ids.clone().map(|id| records.insert(&entry(id, "a"), 1, &mut None).unwrap()).collect();
        let looks = Cell::new(0);
        let walk = |records: &Records, wanted: u64| {
            let (mut next, mut found) = (Some(0), Vec::new());
            while let Some(from) = next {
                looks.set(0);
                let wanted = |age: Age| {
                    looks.set(looks.get() + 1);
                    age.1 % wanted == 0
                };
                next = records.next_few(from, wanted, &mut found);
                assert!(looks.get() <= u32::from(FEW), "{} looks under one lock", looks.get());
            }
            found.iter().map(|entry| entry.id).collect::<Vec<_>>()
        };
        assert_eq!(walk(&records, 1), ids.clone().collect::<Vec<_>>());
        assert_eq!(walk(&records, 100), [0, 100, 200, 300, 400, 500]);
        assert_eq!(tickets.iter().take(500).filter_map(|ticket| records.release(*ticket, true)).count(), 500);
        assert_eq!(walk(&records, 1), ids.skip(500).collect::<Vec<_>>());
        assert_eq!(tickets.iter().filter_map(|ticket| records.release(*ticket, true)).count(), 13);
        looks.set(u32::MAX);
        assert_eq!(records.next_few(0, |_| true, &mut Vec::new()), None, "nothing is left to look through");
    }

    #[test]
    fn ticket_of_a_buffer_that_has_gone_releases_no_other() {
        let mut records = Records::new(4096);
        let first = records.insert(&entry(1, "a"), 1, &mut None).unwrap();
        assert!(records.release(first, false).is_some());
        let next = records.insert(&entry(2, "b"), 1, &mut None).unwrap();
        assert_eq!(first.slot(), next.slot(), "the place is used again");
        assert_eq!(records.release(first, true), None);
        assert_eq!(records.release(Ticket::from_number(u32::MAX), true), None);
        assert_eq!(records.release(Ticket::from_number(next.number()), false).unwrap().id, 2);
    }

    #[test]
    fn buffer_of_two_parts_goes_with_the_second() {
        let mut records = Records::new(4096);
        let ticket = records.insert(&entry(1, "a"), 2, &mut None).unwrap();
        assert_eq!(records.release(ticket, false), None);
        assert!(records.release(ticket, false).is_some());
        let ticket = records.insert(&entry(1, "a"), 2, &mut None).unwrap();
        assert!(records.release(ticket, true).is_some(), "all at once, for one that cannot be watched");
    }
}
