//! Whether anything is left of a set after many others were taken away: a search that stops at its first examples.

use super::{is_empty, meet, Cube, Region, Space, CPU_READ, CPU_VALUES, CPU_WRITE, FIRST_FLAG};
use gralloc_buffer::{PixelFormat, Usage};
use std::rc::Rc;

/// Where one search gives up: so many comparisons of a cube with a cut. A search over the shipped profiles takes a few thousand.
const MOST_STEPS: u64 = 10_000_000;
/// Where all searches of a space together do.
const MOST_STEPS_IN_ALL: u64 = 400_000_000;
/// Examples of one search, of which the simplest come first.
const EXAMPLES: usize = 32;

/// A request that is in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Witness {
    pub(crate) usage: Usage,
    pub(crate) format: PixelFormat,
    /// The least size in bytes.
    pub(crate) bytes: u64,
}

/// The outcome of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing is left, surely.
    Nothing,
    /// This is left, perhaps among others.
    Some(Witness),
    /// The search was given up.
    Undecided,
}

impl Space {
    /// Whether something of `start` is left after all the cuts, and if so, a simple example of it.
    pub(crate) fn left<'r>(&self, start: &[Cube], cuts: impl Iterator<Item = &'r Region>) -> Left {
        let (examples, whole) = self.examples(start, cuts);
        match examples.first() {
            Some(witness) => Left::Some(*witness),
            None if whole => Left::Nothing,
            None => Left::Undecided,
        }
    }

    /// Examples of what is left of `start` after all the cuts, simple ones first; and whether the search came to its end, so that
    /// none means that nothing is left.
    ///
    /// Goes into the depth and stops early: what is left after many rules has too many cubes to be written down, and a few of
    /// them are enough. Each cube is taken apart by the cut that leaves the fewest pieces, and its pieces look at those cuts alone
    /// that it met.
    pub(crate) fn examples<'r>(&self, start: &[Cube], cuts: impl Iterator<Item = &'r Region>) -> (Vec<Witness>, bool) {
        let cuts: Rc<[Cube]> = cuts.flatten().copied().collect();
        let mut open: Vec<(Cube, Rc<[Cube]>)> = start.iter().map(|cube| (*cube, Rc::clone(&cuts))).collect();
        let mut found = Vec::new();
        let mut steps = 0;
        while let Some((cube, cuts)) = open.pop() {
            steps += 1;
            if found.len() >= EXAMPLES || steps > MOST_STEPS || self.steps.get() > MOST_STEPS_IN_ALL {
                open.push((cube, cuts));
                break;
            }
            steps = steps.saturating_add(u64::try_from(cuts.len()).unwrap_or(u64::MAX));
            let met: Rc<[Cube]> = cuts.iter().filter(|cut| !is_empty(&meet(&cube, cut), self)).copied().collect();
            match met.iter().min_by_key(|cut| self.pieces(&cube, cut)) {
                None => found.extend(self.witness_of(&cube)),
                Some(cut) => {
                    let mut pieces = Region::new();
                    self.sharp(cube, cut, &mut pieces);
                    open.extend(pieces.into_iter().map(|piece| (piece, Rc::clone(&met))));
                }
            }
        }
        self.steps.set(self.steps.get().saturating_add(steps));
        found.sort_by_key(|witness| witness.usage.0.count_ones());
        (found, open.is_empty())
    }

    /// How many cubes [`Space::sharp`] leaves of `cube`: one for each variable in which the cut has not all of its values.
    fn pieces(&self, cube: &Cube, cut: &Cube) -> u32 {
        let uncut = cube.usage & !cut.usage;
        let flags = ((uncut | uncut >> 1) & self.flags_mask).count_ones();
        let others = [
            uncut & CPU_READ != 0,
            uncut & CPU_WRITE != 0,
            !(cube.formats & !cut.formats).is_empty(),
            cube.sizes & !cut.sizes != 0,
        ];
        others.into_iter().fold(flags, |count, other| count + u32::from(other))
    }

    fn witness_of(&self, cube: &Cube) -> Option<Witness> {
        let mut usage = 0;
        for (at, value) in CPU_VALUES.iter().enumerate().rev() {
            if cube.usage & (1 << at) != 0 {
                usage = usage & !Usage::CPU_READ_MASK.0 | value;
            }
        }
        for (at, value) in CPU_VALUES.iter().enumerate().rev() {
            if cube.usage & (0b1000 << at) != 0 {
                usage = usage & !Usage::CPU_WRITE_MASK.0 | value << 4;
            }
        }
        for (at, flag) in (0u32..).zip(&self.flags) {
            if cube.usage & (1 << (FIRST_FLAG + 2 * at)) == 0 {
                usage |= flag.0;
            }
        }
        let listed = self.formats.iter().enumerate().filter(|(at, _)| cube.formats.contains(*at));
        let formats: Vec<PixelFormat> = listed.map(|(_, format)| *format).collect();
        let bytes =
            self.starts.iter().enumerate().find(|(at, _)| cube.sizes & (1 << at) != 0).map(|(_, start)| *start)?;
        Some(Witness { usage: Usage(usage), format: *formats.first()?, bytes })
    }
}
