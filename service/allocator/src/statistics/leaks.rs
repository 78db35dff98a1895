//! The leak view: old buffers by client and name, and how its users say a time.

use super::BufferStatistics;
use serde::{Deserialize, Serialize};
use std::collections::btree_map::{BTreeMap, Entry};

/// Most clients and names that it tells apart; a dump has no more processes.
pub const MAX_GROUPS: usize = 1024;

/// What [`milliseconds`] takes, for who said something else.
pub const TIMES: &str = "a whole number with ms, s, m or h, such as 60s";

/// Buffers that are older than they should be, by who asked for them and under which name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Leaks {
    /// How old they are at least.
    pub older_than_ms: u64,
    /// Most bytes first.
    pub groups: Vec<LeakGroup>,
    /// Buffers of further clients and names: the oldest make the groups.
    pub further_buffers: u64,
}

/// Old buffers of one client and one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeakGroup {
    /// Who asked.
    pub uid: u32,
    /// Its name for them.
    pub name: String,
    /// How many.
    pub buffers: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The age of the oldest.
    pub oldest_ms: u64,
}

impl Leaks {
    /// Of those that are at least so old.
    pub fn of(buffers: impl Iterator<Item = BufferStatistics>, older_than_ms: u64) -> Leaks {
        let mut groups: BTreeMap<(u32, String), LeakGroup> = BTreeMap::new();
        let mut further_buffers: u64 = 0;
        for buffer in buffers.filter(|buffer| buffer.age_ms >= older_than_ms) {
            let key = (buffer.uid, buffer.name);
            let full = groups.len() >= MAX_GROUPS;
            let group = match groups.entry(key) {
                Entry::Occupied(group) => group.into_mut(),
                Entry::Vacant(_) if full => {
                    further_buffers = further_buffers.saturating_add(1);
                    continue;
                }
                Entry::Vacant(free) => {
                    let (uid, name) = free.key().clone();
                    free.insert(LeakGroup { uid, name, ..LeakGroup::default() })
                }
            };
            group.buffers = group.buffers.saturating_add(1);
            group.bytes = group.bytes.saturating_add(buffer.bytes);
            group.oldest_ms = buffer.age_ms.max(group.oldest_ms);
        }
        let mut groups: Vec<LeakGroup> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.bytes));
        Leaks { older_than_ms, groups, further_buffers }
    }
}

/// A time such as `500ms`, `60s`, `5m`, `1h`, in milliseconds; a bare number is seconds. The service and its tools read it
/// here: what one took and the other did not would be a check that passes without having looked.
pub fn milliseconds(text: &str) -> Option<u64> {
    let split = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

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
        let found = Leaks::of(lines.into_iter(), 100);
        assert_eq!((found.groups, found.further_buffers), (vec![group(2, 1, 50, 200), group(1, 2, 20, 300)], 0));
    }

    #[test]
    fn names_beyond_a_bound_are_counted_only() {
        let lines = (0..2000).map(|number| line(1, &number.to_string(), 1, 1)).chain([line(1, "7", 10, 1)]);
        let found = Leaks::of(lines, 0);
        assert_eq!((found.groups.len(), found.further_buffers), (MAX_GROUPS, 2000 - 1024));
        assert_eq!(found.groups.first().map(|group| (group.name.as_str(), group.bytes)), Some(("7", 11)));
    }

    #[test]
    fn times_have_their_units_and_nothing_else() {
        for (text, wanted) in [("60", 60_000), ("5ms", 5), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0)] {
            assert_eq!(milliseconds(text), Some(wanted), "{text}");
        }
        for text in ["", "s", "soon", "+0s", "-1s", "1.5s", "1 s", "1S", "18446744073709551615h"] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
