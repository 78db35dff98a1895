//! What is watched, eight bytes each: the kernel's number for a watch, and the caller's tag.
//!
//! Kernel and counter give numbers in ascending order, so a sorted list is appended to nearly always. What goes is marked and
//! swept out when an eighth is marked; it grows by an eighth. A map would take twice the memory.

use std::cmp::max;

/// Set in the number of an entry that has gone. Numbers have 31 bits: a watch descriptor is a positive int.
const GONE: u32 = 1 << 31;
/// The largest number.
pub(super) const MAX_NUMBER: u32 = GONE - 1;
/// Entries that are kept spare and swept out together, at least; and the share of all.
const FEW: usize = 64;
const PART: usize = 8;

/// Tags by number.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Sorted by number, those that have gone included.
    entries: Vec<(u32, u32)>,
    gone: usize,
}

impl Table {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len().saturating_sub(self.gone)
    }

    /// Adds a number of at most [`MAX_NUMBER`]; false when it is there already.
    pub(super) fn insert(&mut self, number: u32, tag: u32) -> bool {
        match self.find(number) {
            Ok(at) => {
                let Some(entry) = self.entries.get_mut(at).filter(|(number, _)| number & GONE != 0) else {
                    return false;
                };
                *entry = (number, tag);
                self.gone = self.gone.saturating_sub(1);
            }
            Err(at) => {
                if self.entries.len() == self.entries.capacity() {
                    self.entries.reserve_exact(max(FEW, self.entries.len() / PART));
                }
                self.entries.insert(at, (number, tag));
            }
        }
        true
    }

    /// Takes a number out, and answers with its tag.
    pub(super) fn remove(&mut self, number: u32) -> Option<u32> {
        let at = self.find(number).ok()?;
        let (number, tag) = self.entries.get_mut(at).filter(|(number, _)| number & GONE == 0)?;
        *number |= GONE;
        let tag = *tag;
        self.gone = self.gone.saturating_add(1);
        if self.gone > max(FEW, self.entries.len() / PART) {
            self.sweep();
        }
        Some(tag)
    }

    /// Takes out what does not stay, and puts the tags into `gone`.
    pub(super) fn retain(&mut self, stays: impl Fn(u32) -> bool, gone: &mut Vec<u32>) {
        for (number, tag) in &mut self.entries {
            if *number & GONE == 0 && !stays(*number) {
                *number |= GONE;
                self.gone = self.gone.saturating_add(1);
                gone.push(*tag);
            }
        }
        self.sweep();
    }

    fn sweep(&mut self) {
        self.entries.retain(|(number, _)| number & GONE == 0);
        self.gone = 0;
        let len = self.entries.len();
        self.entries.shrink_to(len.saturating_add(max(FEW, len / PART)));
    }

    fn find(&self, number: u32) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&number, |(number, _)| number & !GONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn table_agrees_with_a_map_over_many_changes() {
        let (mut table, mut model) = (Table::default(), BTreeMap::new());
        let mut state = 7_u32;
        for step in 0..30_000_u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let old = model.range(state >> 17..).next().map(|(number, _)| *number);
            match (state >> 8) % 8 {
                // In ascending order, and at last from the beginning again.
                0..=4 => {
                    let number = if step < 25_000 { step } else { step - 25_000 };
                    assert_eq!(table.insert(number, state), !model.contains_key(&number));
                    model.entry(number).or_insert(state);
                }
                5 | 6 => {
                    let Some(number) = old else { continue };
                    assert_eq!(table.remove(number), model.remove(&number));
                    assert_eq!(table.remove(number), None);
                }
                _ => assert_eq!(table.remove(MAX_NUMBER), None),
            }
            assert_eq!(table.len(), model.len());
        }
        let (mut odd, mut wanted) = (Vec::new(), Vec::new());
        table.retain(|number| number % 2 == 0, &mut odd);
        model.retain(|number, tag| {
            if number % 2 != 0 {
                wanted.push(*tag);
            }
            number % 2 == 0
        });
        assert_eq!(odd, wanted);
        for (number, tag) in model {
            assert_eq!(table.remove(number), Some(tag));
        }
        assert_eq!((table.len(), table.entries.len() <= FEW, table.entries.capacity() <= 2 * FEW), (0, true, true));
    }

    #[test]
    fn entry_costs_eight_bytes_and_a_quarter_more_at_worst() {
        let mut table = Table::default();
        for number in 0..40_000 {
            assert!(table.insert(number, number));
            let spare = table.entries.capacity() - table.len();
            assert!(spare <= FEW + table.len() / PART, "{spare} spare of {}", table.len());
        }
        for number in (0..40_000).rev().step_by(2) {
            assert_eq!(table.remove(number), Some(number));
            let spare = table.entries.capacity() - table.len();
            assert!(spare <= 4 * FEW + table.len() * 3 / 10, "{spare} spare of {}", table.len());
        }
    }
}
