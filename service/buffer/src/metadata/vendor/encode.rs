//! What the service writes: a table, and the area that it begins.

use super::table::{cell_at, COMPUTED, CONSTANT, STORED};
use super::{Computed, Encoding, Framing};
use crate::handle::AREA_ALIGN_BYTES;
use crate::sync::{AtomicU32, Ordering};

/// A type as the service hands it out.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// The type's name.
    pub name: &'a str,
    /// Its number.
    pub value: i64,
    /// What stands around it.
    pub framing: Framing,
    /// How it is written.
    pub encoding: Encoding,
    /// Where it comes from.
    pub content: NewContent<'a>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug)]
pub enum NewContent<'a> {
    /// Always these bytes, as the encoding has them.
    Constant(&'a [u8]),
    /// From the handle.
    Computed(Computed),
    /// Clients set it, to at most so many bytes.
    Stored(u16),
}

/// The table of these types, or of a policy that is checked: what is beyond a table's bounds makes one that no reader takes.
pub fn table_bytes<'a>(entries: impl Iterator<Item = NewEntry<'a>> + Clone) -> Vec<u8> {
    let mut names: Vec<&str> = Vec::new();
    for entry in entries.clone() {
        if !names.contains(&entry.name) {
            names.push(entry.name);
        }
    }
    let mut table = vec![count(names.len())];
    for name in &names {
        table.push(count(name.len()));
        table.extend(name.as_bytes());
    }
    table.push(count(entries.clone().count()));
    for entry in entries {
        table.push(count(names.iter().position(|name| *name == entry.name).unwrap_or(usize::MAX)));
        table.extend(entry.value.to_le_bytes());
        table.extend([entry.framing.header.into(), entry.framing.counted.into(), entry.encoding.id()]);
        match entry.content {
            NewContent::Constant(bytes) => {
                table.push(CONSTANT);
                table.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes());
                table.extend(bytes);
            }
            NewContent::Computed(what) => table.extend([COMPUTED, what.id()]),
            NewContent::Stored(most) => {
                table.push(STORED);
                table.extend(most.to_le_bytes());
            }
        }
    }
    table
}

fn count(value: usize) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// Bytes of an area that holds a table of so many bytes and cells of these sizes, in bytes.
pub fn area_bytes(table: usize, stored: impl Iterator<Item = usize>) -> u64 {
    let head = 1 + table.div_ceil(4);
    let words = stored.fold(head, |words, most| {
        let cell = cell_at(words, most);
        cell.slots.saturating_add(cell.slot_words())
    });
    u64::try_from(words).unwrap_or(u64::MAX / 8).saturating_mul(4).next_multiple_of(AREA_ALIGN_BYTES)
}

/// Writes the table into an area of zeros that nobody else has yet; false when it does not fit.
pub fn write_area(area: &[AtomicU32], table: &[u8]) -> bool {
    let Some((length, words)) = area.split_first() else { return false };
    let (Ok(bytes), true) = (u32::try_from(table.len()), table.len().div_ceil(4) <= words.len()) else { return false };
    for (word, four) in words.iter().zip(table.chunks(4)) {
        let mut own = [0; 4];
        own.iter_mut().zip(four).for_each(|(to, from)| *to = *from);
        word.store(u32::from_le_bytes(own), Ordering::Relaxed);
    }
    length.store(bytes, Ordering::Release);
    true
}
