//! The single buffers as statistics. The ledger copies a few at a time under its lock, and what is made of them is made
//! without it: the memory that this takes does not grow with the number of buffers.

use gralloc_allocator::ledger::{Entry, Ledger};
use gralloc_allocator::statistics::{BufferStatistics, FurtherProcesses, Leaks, ProcessStatistics, MAX_GROUPS};
use gralloc_buffer::Usage;
use heaps_config::Policy;
use serde::ser::{Serialize, SerializeSeq, Serializer};
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

/// Where the buffers are read.
#[derive(Clone, Copy)]
pub struct Buffers<'a> {
    /// The account.
    pub ledger: &'a Ledger,
    /// Whose heaps have the names.
    pub policy: &'a Policy,
    /// The service's clock.
    pub now_ms: u64,
}

/// As a sequence, made while it is written.
impl Serialize for Buffers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut lines = serializer.serialize_seq(None)?;
        for entry in self.entries() {
            lines.serialize_element(&self.line::<Text<'_>>(&entry))?;
        }
        lines.end()
    }
}

/// A text of a line, made while it is written: no buffer's line takes memory of its own.
pub(super) enum Text<'a> {
    /// A heap's or a format's.
    Name(&'a str),
    /// The client's name for a buffer.
    Buffer(&'a Entry),
    /// In words.
    Usage(Usage),
    /// The number of a format that has no name.
    Format(i32),
}

/// Ordered by id, for the bounded heap of a page.
struct ById(Entry);

impl<'a> Buffers<'a> {
    /// At most `most` of those that are at least so old and whose id is above `after_id`, by id: the lowest, so that the last
    /// one's id asks for what follows. Ids rise, and no two buffers have the same.
    pub fn page(self, older_than_ms: u64, after_id: u64, most: usize) -> Vec<BufferStatistics> {
        let mut lowest = BinaryHeap::new();
        for entry in self.entries().filter(|entry| self.age_ms(entry) >= older_than_ms && entry.id > after_id) {
            lowest.push(ById(entry));
            if lowest.len() > most {
                lowest.pop();
            }
        }
        lowest.into_sorted_vec().iter().map(|ById(entry)| self.line(entry)).collect()
    }

    /// The leak view of those that are at least so old.
    pub fn leaks(self, older_than_ms: u64) -> Leaks {
        let old = self.entries().filter(|entry| self.age_ms(entry) >= older_than_ms);
        Leaks::of(old.map(|entry| self.line(&entry)), older_than_ms)
    }

    /// Who asked for them, most bytes first, and the sum of those beyond [`MAX_GROUPS`]. All are summed first, for the last one may
    /// hold the most: there are no more of them than the ledger has buffers.
    pub fn processes(self) -> (Vec<ProcessStatistics>, FurtherProcesses) {
        processes(self.entries().map(|entry| (entry.uid, entry.pid, entry.bytes, self.age_ms(&entry))))
    }

    /// All that are alive, oldest first.
    pub(super) fn entries(self) -> impl Iterator<Item = Entry> + 'a {
        self.ledger.buffers()
    }

    fn age_ms(self, entry: &Entry) -> u64 {
        self.now_ms.saturating_sub(entry.born_ms)
    }

    /// What is told of a buffer.
    pub(super) fn line<'e, T: From<Text<'e>>>(self, entry: &'e Entry) -> BufferStatistics<T>
    where
        'a: 'e,
    {
        let format = self.policy.format_at(entry.format).unwrap_or(0);
        let format_name = self.policy.format_of_value(format);
        BufferStatistics {
            id: entry.id,
            name: Text::Buffer(entry).into(),
            heap: Text::Name(self.policy.heap_name(entry.heap)).into(),
            bytes: entry.bytes,
            usage: Text::Usage(entry.usage).into(),
            usage_bits: entry.usage.0,
            format: format_name.map_or(Text::Format(format), Text::Name).into(),
            format_value: format,
            uid: entry.uid,
            pid: entry.pid,
            age_ms: self.age_ms(entry),
            inode: entry.inode,
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text::Name(name) => fmt::Display::fmt(name, f),
            Text::Buffer(entry) => fmt::Display::fmt(&entry.shown_name(), f),
            Text::Usage(usage) => fmt::Display::fmt(usage, f),
            Text::Format(value) => write!(f, "{value:#x}"),
        }
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Text::Name(name) => serializer.serialize_str(name),
            text => serializer.collect_str(text),
        }
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> String {
        text.to_string()
    }
}

/// Of uid, pid, bytes and age of each buffer.
fn processes(buffers: impl Iterator<Item = (u32, i32, u64, u64)>) -> (Vec<ProcessStatistics>, FurtherProcesses) {
    let mut processes: BTreeMap<(u32, i32), ProcessStatistics> = BTreeMap::new();
    for (uid, pid, bytes, age_ms) in buffers {
        let new = || ProcessStatistics { uid, pid, ..ProcessStatistics::default() };
        let process = processes.entry((uid, pid)).or_insert_with(new);
        process.buffers = process.buffers.saturating_add(1);
        process.bytes = process.bytes.saturating_add(bytes);
        process.oldest_ms = age_ms.max(process.oldest_ms);
    }
    let mut processes: Vec<ProcessStatistics> = processes.into_values().collect();
    processes.sort_by_key(|process| std::cmp::Reverse(process.bytes));
    let mut further = FurtherProcesses::default();
    for process in processes.drain(processes.len().min(MAX_GROUPS)..) {
        further.processes = further.processes.saturating_add(1);
        further.buffers = further.buffers.saturating_add(process.buffers);
        further.bytes = further.bytes.saturating_add(process.bytes);
    }
    (processes, further)
}

impl Ord for ById {
    fn cmp(&self, other: &ById) -> std::cmp::Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

impl PartialOrd for ById {
    fn partial_cmp(&self, other: &ById) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &ById) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many as are listed, each with a page, then one with more.
    #[test]
    fn processes_beyond_what_is_listed_are_summed_and_the_largest_are_listed_whenever_they_came() {
        let small = (0..i32::try_from(MAX_GROUPS).unwrap()).map(|pid| (7, pid, 4096, 10));
        let large = [(7, i32::MAX, 8192, 1), (7, i32::MAX, 4096, 2)];
        let (listed, further) = processes(small.chain(large));
        let most = listed.first().map(|most| (most.pid, most.buffers, most.bytes, most.oldest_ms));
        assert_eq!((listed.len(), most), (MAX_GROUPS, Some((i32::MAX, 2, 12_288, 2))));
        assert_eq!(further, FurtherProcesses { processes: 1, buffers: 1, bytes: 4096 });
    }
}
