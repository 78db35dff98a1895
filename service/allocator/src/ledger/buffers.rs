//! The live buffers, oldest first, each under its [`Ticket`].

use super::MAX_TRACKED;
use gralloc_buffer::usage::Usage;
use heaps_config::policy::HeapId;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

/// A held buffer: what [`super::Ledger::release`] is told. Tickets are counted up, so that the ticket of a buffer that was
/// released belongs to no other: the count begins again after 2^32 buffers, and then passes over those that still live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
}

/// A buffer that left the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The buffer's id.
    pub id: u64,
    /// The heap that gave it.
    pub heap: HeapId,
    /// Bytes in that heap.
    pub heap_bytes: u64,
    /// Bytes charged to the client: buffer and metadata, in whole pages.
    pub bytes: u64,
    /// Who asked.
    pub uid: u32,
    /// Who asked.
    pub pid: i32,
    /// What for.
    pub usage: Usage,
    /// Milliseconds of the service's clock when it was given out.
    pub born_ms: u64,
    /// The client's name for it: hostile bytes, without their terminator. As long as they are: most are far shorter than they
    /// may be. Shared, so that a reader's copy asks for no memory while the ledger is locked.
    pub name: Arc<[u8]>,
    /// The requested format: `Policy::format_at`.
    pub format: u16,
    /// Fds whose release is still to come before it counts as gone.
    pub watched_fds: u8,
    /// The lower half of its inode's number, which names it in /proc; 0 until it is known.
    pub inode: u32,
}

/// What [`Entry::inode`] keeps of an inode's number: the lower half. The kernel counts dma-bufs up from boot (linux v6.12,
/// `drivers/dma-buf/dma-buf.c`, `dma_buf_export`).
pub fn short_inode(inode: u64) -> u32 {
    u32::try_from(inode & u64::from(u32::MAX)).unwrap_or(0)
}

impl Entry {
    /// Bytes in the metadata heap: the shared metadata with the reserved region.
    pub fn metadata_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.heap_bytes)
    }

    /// The name escaped, as [`gralloc_buffer::BufferName`] is shown.
    pub fn shown_name(&self) -> impl fmt::Display + '_ {
        self.name.escape_ascii()
    }
}

/// At most [`MAX_TRACKED`] entries, boxed: a node of the map has room for eleven, and is half empty as a rule.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    entries: BTreeMap<Ticket, Box<Entry>>,
    last: Ticket,
}

impl Buffers {
    /// Remembers a buffer. `None` when as many as possible are remembered.
    pub(super) fn insert(&mut self, entry: Entry) -> Option<Ticket> {
        if self.len() >= MAX_TRACKED {
            return None;
        }
        // Ends: far fewer are remembered than there are tickets.
        loop {
            self.last = Ticket(self.last.0.checked_add(1).unwrap_or(0));
            if !self.entries.contains_key(&self.last) {
                break;
            }
        }
        self.entries.insert(self.last, Box::new(entry));
        Some(self.last)
    }

    /// Notes what the kernel calls a buffer.
    pub(super) fn note_inode(&mut self, ticket: Ticket, inode: u32) {
        if let Some(entry) = self.entries.get_mut(&ticket) {
            entry.inode = inode;
        }
    }

    /// One of a buffer's watched fds was released; answers with the buffer when it was the last, or when `whole`. A ticket
    /// that is not in use has no buffer.
    pub(super) fn release(&mut self, ticket: Ticket, whole: bool) -> Option<Box<Entry>> {
        let entry = self.entries.get_mut(&ticket)?;
        entry.watched_fds = entry.watched_fds.saturating_sub(1);
        if entry.watched_fds > 0 && !whole {
            return None;
        }
        self.entries.remove(&ticket)
    }

    /// Copies at most `most` buffers, those that follow `after`.
    pub(super) fn copy_after(&self, after: Option<Ticket>, most: usize, into: &mut Vec<(Ticket, Entry)>) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries.range((from, Bound::Unbounded)).take(most);
        into.extend(entries.map(|(ticket, entry)| (*ticket, Entry::clone(entry))));
    }

    /// The youngest buffer.
    pub(super) fn last(&self) -> Option<Ticket> {
        self.entries.last_key_value().map(|(ticket, _)| *ticket)
    }

    fn len(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, watched_fds: u8) -> Entry {
        Entry {
            id,
            heap: HeapId(3),
            heap_bytes: 4096 * id,
            bytes: 4096 * (id + 1),
            uid: u32::MAX,
            pid: i32::MIN,
            usage: Usage(1 << 63 | 1),
            born_ms: u64::MAX,
            name: (*b"frame").into(),
            format: u16::MAX,
            watched_fds,
            inode: 0,
        }
    }

    fn ids(buffers: &Buffers, after: Option<Ticket>, most: usize) -> Vec<u64> {
        let mut found = Vec::new();
        buffers.copy_after(after, most, &mut found);
        found.into_iter().map(|(_, entry)| entry.id).collect()
    }

    #[test]
    fn entry_comes_back_as_it_was_and_once() {
        let mut buffers = Buffers::default();
        let ticket = buffers.insert(entry(7, 1)).unwrap();
        let mut found = Vec::new();
        buffers.copy_after(None, 9, &mut found);
        assert_eq!((found, buffers.len()), (vec![(ticket, entry(7, 1))], 1));
        buffers.note_inode(Ticket::from_number(u32::MAX), 8);
        buffers.note_inode(ticket, 9);
        assert_eq!(buffers.release(ticket, false), Some(Box::new(Entry { inode: 9, ..entry(7, 0) })));
        assert_eq!((buffers.release(ticket, true), buffers.len()), (None, 0));
        assert_eq!(buffers.release(Ticket::from_number(u32::MAX), true), None);
    }

    #[test]
    fn ticket_of_a_released_buffer_releases_no_other() {
        let mut buffers = Buffers::default();
        let first = buffers.insert(entry(1, 1)).unwrap();
        assert!(buffers.release(first, false).is_some());
        for id in 2..1_000 {
            let next = buffers.insert(entry(id, 1)).unwrap();
            assert_eq!(buffers.release(first, true), None);
            assert_eq!(buffers.release(Ticket::from_number(next.number()), false).unwrap().id, id);
        }
    }

    #[test]
    fn count_of_tickets_that_begins_again_passes_over_the_living() {
        let mut buffers = Buffers { last: Ticket(u32::MAX - 1), ..Buffers::default() };
        let tickets: Vec<u32> = (0..3).map(|id| buffers.insert(entry(id, 1)).unwrap().number()).collect();
        assert_eq!(tickets, [u32::MAX, 0, 1]);
        buffers.last = Ticket(u32::MAX - 1);
        assert_eq!(buffers.insert(entry(3, 1)), Some(Ticket(2)));
    }

    #[test]
    fn buffer_of_two_watched_fds_goes_with_the_second() {
        let mut buffers = Buffers::default();
        let ticket = buffers.insert(entry(1, 2)).unwrap();
        assert_eq!(buffers.release(ticket, false), None);
        assert!(buffers.release(ticket, false).is_some());
        let ticket = buffers.insert(entry(1, 2)).unwrap();
        assert!(buffers.release(ticket, true).is_some(), "all at once, for one that cannot be watched");
    }

    #[test]
    fn pages_follow_each_other_though_buffers_between_them_go() {
        let mut buffers = Buffers::default();
        let tickets: Vec<Ticket> = (0..10).map(|id| buffers.insert(entry(id, 1)).unwrap()).collect();
        assert_eq!((ids(&buffers, None, 4), buffers.last()), (vec![0, 1, 2, 3], Some(tickets[9])));
        for at in [3, 5] {
            buffers.release(tickets[at], false);
        }
        assert_eq!(ids(&buffers, Some(tickets[3]), 4), [4, 6, 7, 8]);
        assert_eq!(ids(&buffers, Some(tickets[8]), 4), [9]);
        assert_eq!(ids(&buffers, Some(tickets[9]), 4), [0; 0]);
    }
}
