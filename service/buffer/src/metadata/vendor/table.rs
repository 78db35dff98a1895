//! A table of the vendor's types, decoded from bytes that anybody may have written.

use super::sha256::sha256;
use super::{Computed, Encoding, Framing, MAX_ENTRIES, MAX_TYPE_BYTES, MAX_VALUE_BYTES};
use crate::handle::{Digest, MAX_AREA_BYTES};
use crate::metadata::cell::Cell;
use crate::metadata::wire::Reader;
use crate::sync::{AtomicU32, Ordering};
use std::ffi::CString;

/// The vendor's types of a buffer: a copy of its own, which nobody else can change.
#[derive(Clone, Debug)]
pub struct Table {
    digest: Digest,
    names: Vec<CString>,
    entries: Vec<Entry>,
}

/// One type.
#[derive(Clone, Debug)]
pub struct Entry {
    name: usize,
    /// The type's number.
    pub value: i64,
    pub(super) framing: Framing,
    pub(super) encoding: Encoding,
    pub(super) content: Content,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// From the table.
    Constant(Box<[u8]>),
    /// From the handle.
    Computed(Computed),
    /// From a cell, of at most so many bytes.
    Stored { cell: Cell, most: usize },
}

/// The numbers of [`Content`] in a table.
pub(super) const CONSTANT: u8 = 1;
pub(super) const COMPUTED: u8 = 2;
pub(super) const STORED: u8 = 3;

impl Entry {
    /// Clients set it.
    pub fn is_settable(&self) -> bool {
        matches!(self.content, Content::Stored { .. })
    }
}

impl Table {
    /// The table in an area, if it is the one of this digest.
    pub fn read(area: &[AtomicU32], expected: Digest) -> Option<Table> {
        let (length, words) = area.split_first()?;
        let length = usize::try_from(length.load(Ordering::Acquire)).ok()?;
        // Judged before anything is copied.
        if length > words.len().checked_mul(4)? || u64::try_from(length).ok()? > MAX_AREA_BYTES {
            return None;
        }
        let copied = words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).take(length);
        let bytes: Vec<u8> = copied.collect();
        if digest(&bytes) != expected {
            return None;
        }
        Table::decode(&bytes, expected, area.len())
    }

    /// `area_words` is how many words there are for the table and its cells.
    fn decode(bytes: &[u8], digest: Digest, area_words: usize) -> Option<Table> {
        let mut from = Reader::new(bytes);
        let mut names = Vec::new();
        for _ in 0..from.u8()? {
            let length = usize::from(from.u8()?);
            if length == 0 || length > MAX_TYPE_BYTES {
                return None;
            }
            let name = CString::new(from.bytes(length)?).ok()?;
            names.push(name);
        }
        let mut next_word = 1 + bytes.len().div_ceil(4);
        let count = usize::from(from.u8()?);
        if count > MAX_ENTRIES {
            return None;
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(read_entry(&mut from, names.len(), &mut next_word)?);
        }
        (from.rest().is_empty() && next_word <= area_words).then_some(Table { digest, names, entries })
    }

    /// What the handles of its buffers hold.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The types with their names, in the order of the policy.
    pub fn entries(&self) -> impl Iterator<Item = (&CString, &Entry)> {
        self.entries.iter().filter_map(|entry| Some((self.names.get(entry.name)?, entry)))
    }

    /// A type of the table.
    pub fn find(&self, name: &[u8], value: i64) -> Option<(&CString, &Entry)> {
        self.entries().find(|(own, entry)| entry.value == value && own.as_bytes() == name)
    }
}

fn read_entry(from: &mut Reader<'_>, names: usize, next_word: &mut usize) -> Option<Entry> {
    let name = usize::from(from.u8()?);
    let value = from.i64()?;
    let [header, counted] = [from.flag()?, from.flag()?];
    let encoding = Encoding::from_id(from.u8()?)?;
    let kind = from.u8()?;
    let content = match kind {
        CONSTANT => {
            let length = usize::from(from.u16()?);
            let right = encoding.number_bytes().map_or(length <= MAX_VALUE_BYTES, |bytes| bytes == length);
            Content::Constant(from.bytes(length).filter(|_| right)?.into())
        }
        COMPUTED => Content::Computed(Computed::from_id(from.u8()?).filter(|what| what.takes(encoding))?),
        STORED => {
            let most = usize::from(from.u16()?);
            let right = encoding.number_bytes().map_or((1..=MAX_VALUE_BYTES).contains(&most), |bytes| bytes == most);
            let cell = cell_at(*next_word, most);
            *next_word = cell.slots.checked_add(cell.slot_words())?;
            Some(Content::Stored { cell, most }).filter(|_| right)?
        }
        _ => return None,
    };
    (name < names).then_some(Entry { name, value, framing: Framing { header, counted }, encoding, content })
}

/// The cell of a value of at most so many bytes: a count of bytes, and the bytes.
pub(super) const fn cell_at(word: usize, most: usize) -> Cell {
    Cell { control: word, slots: word + 1, data_words: 1 + most.div_ceil(4) }
}

/// What the handle of a buffer with this table holds: the first 128 bits of its SHA-256.
pub fn digest(table: &[u8]) -> Digest {
    let [a, b, c, d, ..] = sha256(table);
    [a, b, c, d]
}
