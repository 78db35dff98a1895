//! Exact sets of requests: which usages, formats and sizes a condition takes, and what is left of them after others.
//!
//! A set is a list of cubes. A cube says for every variable which of its values are in: the two CPU fields (never,
//! rarely, often), every usage flag (clear, set), the format, and the interval of sizes between two bounds that the policy
//! names. Whether anything is left of a set after many others were taken away is searched for, cube by cube
//! ([`Space::left`]). What would take too long is given up and said to be undecided, rather than answered wrongly.

mod became;
mod search;

pub(crate) use search::{Left, Witness};

use gralloc_buffer::{PixelFormat, Usage};
use heaps_config::policy::{Condition, Policy, Term};
use std::cell::Cell;
use std::ops::{BitAnd, BitAndAssign, Not};

/// Where a condition's own cubes become too many. Real conditions stay below a hundred.
const MOST_CUBES: usize = 20_000;

/// Values of a CPU field: never, rarely, often; as multiples of the field's lowest bit.
const CPU_VALUES: [u64; 3] = [0, 2, 3];
/// Bits that the two CPU fields take in [`Cube::usage`].
const CPU_READ: u128 = 0b111;
const CPU_WRITE: u128 = 0b111_000;
const FIRST_FLAG: u32 = 6;

/// A product of sets of values, one a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cube {
    /// Three bits for each CPU field, then two for each flag: bit 0 "may be clear", bit 1 "may be set".
    usage: u128,
    /// Those of [`Space::formats`] that are in.
    formats: Formats,
    /// A bit for each interval of sizes.
    sizes: u128,
}

/// A bit for each of [`Space::formats`]: AIDL's and as many of a policy's as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Formats([u128; 3]);

impl Formats {
    /// How many formats it has a bit for.
    const MOST: usize = 384;

    fn with(mut self, at: usize) -> Formats {
        if let Some(bits) = self.0.get_mut(at / 128) {
            *bits |= 1 << (at % 128);
        }
        self
    }

    fn contains(&self, at: usize) -> bool {
        !(*self & Formats::default().with(at)).is_empty()
    }

    fn is_empty(&self) -> bool {
        self.0 == [0; 3]
    }
}

impl BitAnd for Formats {
    type Output = Formats;

    fn bitand(self, other: Formats) -> Formats {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Formats([a & x, b & y, c & z])
    }
}

impl BitAndAssign for Formats {
    fn bitand_assign(&mut self, other: Formats) {
        *self = *self & other;
    }
}

impl Not for Formats {
    type Output = Formats;

    fn not(self) -> Formats {
        Formats(self.0.map(|bits| !bits))
    }
}

/// A list of cubes; empty means that nothing is in.
pub(crate) type Region = Vec<Cube>;

/// The variables of one policy.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    /// AIDL's formats and the policy's.
    formats: Vec<PixelFormat>,
    flags: Vec<Usage>,
    /// The first bit of every flag in [`Cube::usage`].
    flags_mask: u128,
    /// Where each interval of sizes starts; the last one ends at the largest request.
    starts: Vec<u64>,
    /// What its searches have cost so far.
    steps: Cell<u64>,
}

impl Space {
    /// The variables that a policy's conditions can tell apart; `None` when it names too many sizes.
    pub(crate) fn of(policy: &Policy) -> Option<Space> {
        let mut flags: Vec<Usage> = Usage::FLAGS.iter().map(|(_, flag)| *flag).collect();
        flags.extend(policy.vendor_usage.iter().map(|vendor| vendor.bit));
        let mut starts = vec![1];
        for rule in &policy.rules {
            starts.extend(rule.when.min_bytes);
            starts.extend(rule.when.max_bytes.map(|most| most.saturating_add(1)));
        }
        let most = if policy.limits.request_bytes == 0 { u64::MAX } else { policy.limits.request_bytes };
        starts.retain(|start| (1..=most).contains(start));
        starts.sort_unstable();
        starts.dedup();
        let mut formats: Vec<PixelFormat> = PixelFormat::ALL.to_vec();
        formats.extend(policy.formats.iter().map(|format| PixelFormat::Vendor(format.value)));
        let fits = flags.len() <= 61 && starts.len() <= 128 && formats.len() <= Formats::MOST;
        if !fits {
            return None;
        }
        let flags_mask = (0u32..).zip(&flags).fold(0, |mask, (at, _)| mask | 1 << (FIRST_FLAG + 2 * at));
        Some(Space { formats, flags, flags_mask, starts, steps: Cell::new(0) })
    }

    /// Every request.
    pub(crate) fn all(&self) -> Cube {
        let all = self.formats.iter().enumerate().filter(|(_, format)| **format != PixelFormat::Unspecified);
        let formats = all.fold(Formats::default(), |all, (at, _)| all.with(at));
        Cube { usage: low_bits(self.usage_bits()), formats, sizes: low_bits(self.starts.len()) }
    }

    /// Every request that the allocator does not refuse for its usage alone, whatever the policy: `PROTECTED` never goes
    /// with the CPU, and there are no mipmaps (`plan::shape`).
    pub(crate) fn sensible(&self) -> Option<Region> {
        let protected = Term::Any(Usage::PROTECTED);
        let cpu = Term::Any(Usage::CPU_READ_MASK | Usage::CPU_WRITE_MASK);
        let refused = self.intersect(&self.term(protected), &self.term(cpu))?;
        let mipmaps = self.term(Term::Any(Usage::GPU_MIPMAP_COMPLETE));
        self.subtract(&self.subtract(&[self.all()], &refused)?, &mipmaps)
    }

    fn usage_bits(&self) -> usize {
        self.flags.len().saturating_mul(2).saturating_add(6)
    }

    /// What a condition takes, as far as it asks about the request itself: see [`Space::taken`] for what the format becomes.
    pub(crate) fn condition(&self, when: &Condition) -> Option<Region> {
        let mut start = self.all();
        start.sizes &= self.sizes(when.min_bytes, when.max_bytes);
        if !when.formats.is_empty() {
            start.formats &= self.format_bits(&when.formats);
        }
        start.formats &= !self.format_bits(&when.not_formats);
        let mut region = self.intersect(&[self.all()], &[start])?;
        for term in &when.all_of {
            region = self.intersect(&region, &self.term(*term))?;
        }
        if !when.any_of.is_empty() {
            // Made disjoint first: cubes that overlap are taken apart once for each of them later on.
            let mut any = Region::new();
            for cube in when.any_of.iter().flat_map(|term| self.term(*term)) {
                let mut new = self.subtract(&[cube], &any)?;
                any.append(&mut new);
            }
            region = self.intersect(&region, &any)?;
        }
        for term in &when.none_of {
            region = self.subtract(&region, &self.term(*term))?;
        }
        Some(region)
    }

    /// What a term takes.
    pub(crate) fn term(&self, term: Term) -> Region {
        let all = self.all();
        match term {
            Term::Equals { mask, value } => {
                let mut cube = all;
                for (bits, field) in [(CPU_READ, Usage::CPU_READ_MASK), (CPU_WRITE, Usage::CPU_WRITE_MASK)] {
                    cube.usage &= cpu_values_of(bits, |cpu| Usage(cpu) & mask == value & mask & field);
                }
                for (at, flag) in (0u32..).zip(&self.flags).filter(|(_, flag)| mask.contains(**flag)) {
                    cube.usage &= flag_is(at, value.contains(*flag));
                }
                // A bit that nobody named is always clear.
                let named = self.flags.iter().fold(CPU_FIELDS, |all, flag| all | *flag);
                let possible = (value & mask & !named).is_empty() && !is_empty(&cube, self);
                possible.then_some(cube).into_iter().collect()
            }
            Term::Any(mask) => {
                let with = |usage: u128| Cube { usage: all.usage & usage, ..all };
                let read = with(cpu_values_of(CPU_READ, |cpu| Usage(cpu).intersects(mask & Usage::CPU_READ_MASK)));
                let write = with(cpu_values_of(CPU_WRITE, |cpu| Usage(cpu).intersects(mask & Usage::CPU_WRITE_MASK)));
                let flags = (0u32..).zip(&self.flags).filter(|(_, flag)| mask.intersects(**flag));
                let cubes = [read, write].into_iter().chain(flags.map(|(at, _)| with(flag_is(at, true))));
                cubes.filter(|cube| !is_empty(cube, self)).collect()
            }
        }
    }

    /// AIDL's formats and the policy's.
    pub(crate) fn formats(&self) -> &[PixelFormat] {
        &self.formats
    }

    /// The region of one format, as a factor.
    pub(crate) fn only_format(&self, mut region: Region, format: PixelFormat) -> Region {
        for cube in &mut region {
            cube.formats &= self.format_bits(&[format]);
        }
        region.retain(|cube| !cube.formats.is_empty());
        region
    }

    fn format_bits(&self, formats: &[PixelFormat]) -> Formats {
        let listed = self.formats.iter().enumerate().filter(|(_, format)| formats.contains(format));
        listed.fold(Formats::default(), |bits, (at, _)| bits.with(at))
    }

    fn sizes(&self, least: Option<u64>, most: Option<u64>) -> u128 {
        let mut bits = 0;
        for (at, start) in self.starts.iter().enumerate() {
            // An interval lies wholly on one side of every bound, so its start speaks for all of it.
            if least.map_or(true, |least| *start >= least) && most.map_or(true, |most| *start <= most) {
                bits |= 1u128 << at;
            }
        }
        bits
    }

    /// What is in both; `None` when it takes too many cubes.
    pub(crate) fn intersect(&self, a: &[Cube], b: &[Cube]) -> Option<Region> {
        let mut both = Region::new();
        for one in a {
            for other in b {
                let cube = meet(one, other);
                if !is_empty(&cube, self) {
                    both.push(cube);
                }
                if both.len() > MOST_CUBES {
                    return None;
                }
            }
        }
        Some(both)
    }

    /// What is in `a` and not in `b`; `None` when it takes too many cubes.
    pub(crate) fn subtract(&self, a: &[Cube], b: &[Cube]) -> Option<Region> {
        let mut left: Region = a.to_vec();
        for cut in b {
            let mut next = Region::new();
            for cube in &left {
                self.sharp(*cube, cut, &mut next);
                if next.len() > MOST_CUBES {
                    return None;
                }
            }
            left = next;
        }
        Some(left)
    }

    /// `cube` without `cut`, as cubes that do not overlap: one for each variable in which some value is not cut off.
    fn sharp(&self, cube: Cube, cut: &Cube, out: &mut Region) {
        if is_empty(&meet(&cube, cut), self) {
            out.push(cube);
            return;
        }
        let mut rest = cube;
        let mut uncut = cube.usage & !cut.usage;
        while uncut != 0 {
            let variable = variable_of(uncut.trailing_zeros());
            out.push(Cube { usage: rest.usage & !variable | uncut & variable, ..rest });
            rest.usage &= !variable | cut.usage;
            uncut &= !variable;
        }
        let kept = rest.formats & !cut.formats;
        if !kept.is_empty() {
            out.push(Cube { formats: kept, ..rest });
        }
        rest.formats &= cut.formats;
        let kept = rest.sizes & !cut.sizes;
        if kept != 0 {
            out.push(Cube { sizes: kept, ..rest });
        }
    }
}

const CPU_FIELDS: Usage = Usage(Usage::CPU_READ_MASK.0 | Usage::CPU_WRITE_MASK.0);

fn low_bits(count: usize) -> u128 {
    (0..count.min(128)).fold(0, |bits, at| bits | 1 << at)
}

/// A factor that leaves all but the given flag free.
fn flag_is(at: u32, set: bool) -> u128 {
    let lowest = FIRST_FLAG + 2 * at;
    !(0b11 << lowest) | if set { 0b10 << lowest } else { 0b01 << lowest }
}

/// A factor that leaves all but one CPU field free.
fn cpu_values_of(field: u128, test: impl Fn(u64) -> bool) -> u128 {
    let mut bits = !field;
    let (lowest, scale) = if field == CPU_READ { (1, 0) } else { (0b1000, 4) };
    for (at, value) in CPU_VALUES.iter().enumerate() {
        if test(value << scale) {
            bits |= lowest << at;
        }
    }
    bits
}

fn meet(a: &Cube, b: &Cube) -> Cube {
    Cube { usage: a.usage & b.usage, formats: a.formats & b.formats, sizes: a.sizes & b.sizes }
}

fn is_empty(cube: &Cube, space: &Space) -> bool {
    let usage = cube.usage;
    let flags = (usage | usage >> 1) & space.flags_mask;
    cube.formats.is_empty()
        || cube.sizes == 0
        || usage & CPU_READ == 0
        || usage & CPU_WRITE == 0
        || flags != space.flags_mask
}

/// The mask of the variable that a bit of [`Cube::usage`] belongs to.
fn variable_of(bit: u32) -> u128 {
    match bit {
        0..=2 => CPU_READ,
        3..=5 => CPU_WRITE,
        // Flags have two bits each, the first one even.
        _ => 0b11 << (bit & !1),
    }
}

#[cfg(test)]
mod tests;
