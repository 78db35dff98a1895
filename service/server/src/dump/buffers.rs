//! The single buffers as statistics. The ledger copies a few at a time under its lock, and what is made of them is made
//! without it: the memory that this takes does not grow with the number of buffers.

use gralloc_allocator::ledger::{Entry, Ledger};
use gralloc_allocator::statistics::{BufferStatistics, LeakGroup, Leaks, ProcessStatistics};
use gralloc_buffer::Usage;
use heaps_config::Policy;
use serde::ser::{Serialize, SerializeSeq, Serializer};
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

/// Most clients and names that the leak view tells apart, and processes.
const MAX_GROUPS: usize = 1024;

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
        leaks(self.entries().map(|entry| self.line(&entry)), older_than_ms)
    }

    /// Who asked for them.
    pub fn processes(self) -> Vec<ProcessStatistics> {
        let mut processes: BTreeMap<(u32, i32), ProcessStatistics> = BTreeMap::new();
        for entry in self.entries() {
            let key = (entry.uid, entry.pid);
            if processes.len() >= MAX_GROUPS && !processes.contains_key(&key) {
                continue;
            }
            let (uid, pid) = key;
            let process =
                processes.entry(key).or_insert(ProcessStatistics { uid, pid, ..ProcessStatistics::default() });
            process.buffers = process.buffers.saturating_add(1);
            process.bytes = process.bytes.saturating_add(entry.bytes);
            process.oldest_ms = self.age_ms(&entry).max(process.oldest_ms);
        }
        let mut processes: Vec<ProcessStatistics> = processes.into_values().collect();
        processes.sort_by_key(|process| std::cmp::Reverse(process.bytes));
        processes
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

fn leaks(buffers: impl Iterator<Item = BufferStatistics>, older_than_ms: u64) -> Leaks {
    let mut groups: BTreeMap<(u32, String), LeakGroup> = BTreeMap::new();
    let mut further_buffers: u64 = 0;
    for buffer in buffers.filter(|buffer| buffer.age_ms >= older_than_ms) {
        let key = (buffer.uid, buffer.name);
        if groups.len() >= MAX_GROUPS && !groups.contains_key(&key) {
            further_buffers = further_buffers.saturating_add(1);
            continue;
        }
        let (uid, name) = key.clone();
        let group = groups.entry(key).or_insert(LeakGroup { uid, name, ..LeakGroup::default() });
        group.buffers = group.buffers.saturating_add(1);
        group.bytes = group.bytes.saturating_add(buffer.bytes);
        group.oldest_ms = buffer.age_ms.max(group.oldest_ms);
    }
    let mut groups: Vec<LeakGroup> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.bytes));
    Leaks { older_than_ms, groups, further_buffers }
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

    fn line(uid: u32, name: &str, bytes: u64, age_ms: u64) -> BufferStatistics {
        BufferStatistics { name: name.to_owned(), bytes, uid, age_ms, ..BufferStatistics::default() }
    }

    #[test]
    fn old_buffers_are_summed_by_client_and_name() {
        let lines = [line(1, "a", 10, 100), line(1, "a", 10, 300), line(2, "a", 50, 200), line(1, "a", 10, 99)];
        let group = |uid, buffers, bytes, oldest_ms| LeakGroup { uid, name: "a".to_owned(), buffers, bytes, oldest_ms };
        let found = leaks(lines.into_iter(), 100);
        assert_eq!((found.groups, found.further_buffers), (vec![group(2, 1, 50, 200), group(1, 2, 20, 300)], 0));
    }

    #[test]
    fn names_beyond_a_bound_are_counted_only() {
        let lines = (0..2000).map(|number| line(1, &number.to_string(), 1, 1)).chain([line(1, "7", 10, 1)]);
        let found = leaks(lines, 0);
        assert_eq!((found.groups.len(), found.further_buffers), (MAX_GROUPS, 2000 - 1024));
        assert_eq!(found.groups.first().map(|group| (group.name.as_str(), group.bytes)), Some(("7", 11)));
    }
}
