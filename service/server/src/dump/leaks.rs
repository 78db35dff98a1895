//! Buffers that are older than they should be, by who asked for them and under which name.

use super::BufferLine;
use serde::Serialize;
use std::collections::BTreeMap;

/// The leak view.
#[derive(Debug, Serialize)]
pub(crate) struct Leaks {
    pub(crate) older_than_ms: u64,
    /// Most bytes first.
    pub(crate) groups: Vec<Group>,
}

/// Buffers of one client and one name.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Group {
    pub(crate) uid: u32,
    pub(crate) name: String,
    pub(crate) buffers: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest_ms: u64,
}

impl Leaks {
    /// Of those buffers that are at least so old.
    pub(crate) fn of(buffers: &[BufferLine], older_than_ms: u64) -> Leaks {
        let mut groups = BTreeMap::new();
        for line in buffers.iter().filter(|line| line.age_ms >= older_than_ms) {
            let (buffers, bytes, oldest_ms) =
                groups.entry((line.uid, line.name.as_str())).or_insert((0_u64, 0_u64, 0_u64));
            *buffers = buffers.saturating_add(1);
            *bytes = bytes.saturating_add(line.bytes);
            *oldest_ms = line.age_ms.max(*oldest_ms);
        }
        let group = |((uid, name), (buffers, bytes, oldest_ms)): ((u32, &str), (u64, u64, u64))| Group {
            uid,
            name: name.to_owned(),
            buffers,
            bytes,
            oldest_ms,
        };
        let mut groups: Vec<Group> = groups.into_iter().map(group).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.bytes));
        Leaks { older_than_ms, groups }
    }
}

/// A time such as `500ms`, `60s`, `5m`, `1h`, in milliseconds; a bare number is seconds.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
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

    fn line(uid: u32, name: &str, bytes: u64, age_ms: u64) -> BufferLine {
        let (heap, usage) = (String::new(), String::new());
        BufferLine { id: 0, name: name.to_owned(), heap, bytes, usage, usage_bits: 0, uid, pid: 0, age_ms }
    }

    #[test]
    fn old_buffers_are_summed_by_client_and_name() {
        let lines = [line(1, "a", 10, 100), line(1, "a", 10, 300), line(2, "a", 50, 200), line(1, "a", 10, 99)];
        let group = |uid, buffers, bytes, oldest_ms| Group { uid, name: "a".to_owned(), buffers, bytes, oldest_ms };
        assert_eq!(Leaks::of(&lines, 100).groups, [group(2, 1, 50, 200), group(1, 2, 20, 300)]);
    }

    #[test]
    fn times_have_their_units() {
        let cases =
            [("60", Some(60_000)), ("5ms", Some(5)), ("2m", Some(120_000)), ("1h", Some(3_600_000)), ("s", None)];
        for (text, wanted) in cases {
            assert_eq!(milliseconds(text), wanted, "{text}");
        }
        assert_eq!(milliseconds("18446744073709551615h"), None);
    }
}
