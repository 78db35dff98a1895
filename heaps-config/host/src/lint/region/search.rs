//! Whether anything is left of a set after many others were taken away: a search that stops at its first examples.

use super::{is_empty, meet, Cube, Region, Space, CPU_VALUES, FIRST_FLAG};
use gralloc_buffer::{PixelFormat, Usage};

/// Where a search gives up.
const MOST_STEPS: u32 = 300_000;
/// Among so many examples the simplest one is taken.
const EXAMPLES: u32 = 32;

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
    ///
    /// Goes into the depth and stops early: what is left after many rules has too many cubes to be written down, and
    /// one of them is enough.
    pub(crate) fn left<'r>(&self, start: &[Cube], cuts: impl Iterator<Item = &'r Region>) -> Left {
        let cuts: Vec<&Cube> = cuts.flatten().collect();
        let mut open: Vec<(Cube, usize)> = start.iter().map(|cube| (*cube, 0)).collect();
        let mut found: Option<Witness> = None;
        let (mut steps, mut examples) = (0u32, 0u32);
        while let Some((cube, done)) = open.pop() {
            steps += 1;
            if found.is_some() && examples >= EXAMPLES || steps > MOST_STEPS {
                break;
            }
            let rest = cuts.iter().enumerate().skip(done);
            let next = rest.map(|(at, cut)| (at, *cut)).find(|(_, cut)| !is_empty(&meet(&cube, cut), self));
            if let Some((at, cut)) = next {
                let mut pieces = Region::new();
                self.sharp(cube, cut, &mut pieces);
                open.extend(pieces.into_iter().map(|piece| (piece, at + 1)));
                continue;
            }
            let example = self.witness_of(&cube);
            examples += 1;
            found = [found, example].into_iter().flatten().min_by_key(|witness| witness.usage.0.count_ones());
        }
        match found {
            Some(witness) => Left::Some(witness),
            None if steps > MOST_STEPS => Left::Undecided,
            None => Left::Nothing,
        }
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
        let listed = self.formats.iter().enumerate().filter(|(at, _)| cube.formats & (1 << at) != 0);
        let formats: Vec<PixelFormat> = listed.map(|(_, format)| *format).collect();
        let bytes =
            self.starts.iter().enumerate().find(|(at, _)| cube.sizes & (1 << at) != 0).map(|(_, start)| *start)?;
        Some(Witness { usage: Usage(usage), format: *formats.first()?, bytes })
    }
}
