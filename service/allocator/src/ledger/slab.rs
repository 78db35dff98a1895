//! Records in chunks: a slot's number fits 16 bits, nothing is copied when there are more, and a chunk that is empty again
//! gives its memory back.

/// Records of a chunk.
const CHUNK: usize = 256;
const WORD_BITS: usize = 64;

/// At most 65,536 records.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    used: usize,
    /// No chunk before this one has room.
    first_with_room: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    /// One bit a record.
    taken: [u64; CHUNK / WORD_BITS],
    used: usize,
    /// All of them, or none while no record is taken.
    records: Vec<T>,
}

impl<T: Copy + Default> Slab<T> {
    pub(super) const fn new() -> Slab<T> {
        Slab { chunks: Vec::new(), used: 0, first_with_room: 0 }
    }

    /// Records that are taken.
    pub(super) const fn len(&self) -> usize {
        self.used
    }

    /// Takes a slot; `None` when 65,536 are taken.
    pub(super) fn insert(&mut self, record: T) -> Option<u16> {
        let with_room = self.chunks.iter().enumerate().skip(self.first_with_room).find(|(_, chunk)| chunk.has_room());
        let at = with_room.map_or(self.chunks.len(), |(at, _)| at);
        let base = u16::try_from(at.checked_mul(CHUNK)?).ok()?;
        if at == self.chunks.len() {
            self.chunks.push(Chunk { taken: [0; CHUNK / WORD_BITS], used: 0, records: Vec::new() });
        }
        let within = self.chunks.get_mut(at)?.insert(record)?;
        self.first_with_room = at;
        self.used = self.used.saturating_add(1);
        base.checked_add(u16::try_from(within).ok()?)
    }

    pub(super) fn get(&self, slot: u16) -> Option<&T> {
        let (at, within) = place(slot);
        let chunk = self.chunks.get(at).filter(|chunk| chunk.is_taken(within))?;
        chunk.records.get(within)
    }

    pub(super) fn get_mut(&mut self, slot: u16) -> Option<&mut T> {
        let (at, within) = place(slot);
        let chunk = self.chunks.get_mut(at).filter(|chunk| chunk.is_taken(within))?;
        chunk.records.get_mut(within)
    }

    /// Frees a slot.
    pub(super) fn remove(&mut self, slot: u16) -> Option<T> {
        let record = *self.get(slot)?;
        let (at, within) = place(slot);
        let chunk = self.chunks.get_mut(at)?;
        if let Some(word) = chunk.taken.get_mut(within / WORD_BITS) {
            *word &= !bit(within);
        }
        chunk.used = chunk.used.saturating_sub(1);
        // The first chunk stays: a service that goes from one buffer to none and back does not ask for it each time.
        if chunk.used == 0 && at > 0 {
            chunk.records = Vec::new();
        }
        self.used = self.used.saturating_sub(1);
        self.first_with_room = self.first_with_room.min(at);
        Some(record)
    }

    /// All records that are taken.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| {
            let records = chunk.records.iter().enumerate();
            records.filter(|(within, _)| chunk.is_taken(*within)).map(|(_, record)| record)
        })
    }
}

impl<T: Copy + Default> Chunk<T> {
    const fn has_room(&self) -> bool {
        self.used < CHUNK
    }

    fn is_taken(&self, within: usize) -> bool {
        self.taken.get(within / WORD_BITS).is_some_and(|word| word & bit(within) != 0)
    }

    fn insert(&mut self, record: T) -> Option<usize> {
        if self.records.is_empty() {
            self.records = vec![T::default(); CHUNK];
        }
        let (at, word) = self.taken.iter_mut().enumerate().find(|(_, word)| **word != u64::MAX)?;
        let free = usize::try_from(word.trailing_ones()).ok()?;
        let within = at.checked_mul(WORD_BITS)?.checked_add(free)?;
        *self.records.get_mut(within)? = record;
        *word |= bit(within);
        self.used = self.used.saturating_add(1);
        Some(within)
    }
}

fn place(slot: u16) -> (usize, usize) {
    let slot = usize::from(slot);
    (slot / CHUNK, slot % CHUNK)
}

const fn bit(within: usize) -> u64 {
    1 << (within % WORD_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    #[cfg_attr(miri, ignore = "tens of thousands of steps take miri an hour")]
    fn slots_are_distinct_and_bounded_by_16_bits() {
        let mut slab = Slab::new();
        let slots: BTreeSet<u16> = (0..=u32::from(u16::MAX)).map(|number| slab.insert(number).unwrap()).collect();
        assert_eq!((slots.len(), slab.len()), (65_536, 65_536));
        assert_eq!(slab.insert(0), None, "full");
        assert_eq!(slab.len(), 65_536);
        assert_eq!(slab.remove(40_000).unwrap(), *slab.get(40_001).unwrap() - 1);
        assert_eq!(slab.insert(7), Some(40_000), "the one that is free");
        assert_eq!(slab.iter().count(), 65_536);
    }

    #[test]
    fn slab_agrees_with_a_map_over_many_changes() {
        let (mut slab, mut model) = (Slab::new(), BTreeMap::new());
        let mut state = 12_345_u32;
        let steps = if cfg!(miri) { 400 } else { 40_000 };
        for step in 0..steps {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // More come than go for a while, then the other way round.
            let comes = (state >> 16) % 10 < if step < steps / 2 { 7 } else { 3 };
            let any = u16::try_from(state >> 16).unwrap();
            match model.range(any..).next().map(|(slot, _)| *slot) {
                Some(slot) if !comes => assert_eq!(slab.remove(slot), model.remove(&slot)),
                _ => assert_eq!(model.insert(slab.insert(step).unwrap(), step), None, "a slot twice"),
            }
        }
        assert_eq!(slab.len(), model.len());
        assert!(model.iter().all(|(slot, number)| slab.get(*slot) == Some(number)));
        assert_eq!(slab.iter().copied().collect::<BTreeSet<_>>(), model.values().copied().collect());
        let slots: Vec<u16> = model.into_keys().collect();
        assert!(slots.into_iter().all(|slot| slab.remove(slot).is_some() && slab.remove(slot).is_none()));
        assert_eq!((slab.len(), slab.iter().count()), (0, 0));
        let kept: usize = slab.chunks.iter().map(|chunk| chunk.records.capacity()).sum();
        assert_eq!(kept, CHUNK, "all memory but the first chunk's is given back");
    }
}
