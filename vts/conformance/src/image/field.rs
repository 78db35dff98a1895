//! One component of one sample: some bits of the buffer.

use super::memory::Memory;

/// Which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) plane: usize,
    pub(super) part: usize,
    pub(super) x: i64,
    pub(super) y: i64,
}

impl Key {
    /// A number that differs from neighbour to neighbour and from seed to seed, every bit of it.
    pub(super) fn value(&self, seed: u64) -> u64 {
        let place = |index: usize| u64::try_from(index).unwrap_or(u64::MAX);
        let line = self.x.unsigned_abs() << 20 | self.y.unsigned_abs();
        let mut mixed =
            seed ^ line.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ place(self.plane) << 60 ^ place(self.part) << 56;
        // Steele, Lea, Flood: the finalizer of SplitMix64.
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// Where a field lies in its sample.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// At these bits.
    Plain { offset: i64, bits: i64 },
    /// The upper eight bits of a RAW10 sample: four bytes for four pixels.
    Raw10High,
    /// The lower two: all four in a fifth byte.
    Raw10Low,
    /// The upper eight bits of a RAW12 sample: two bytes for two pixels.
    Raw12High,
    /// The lower four: both in a third byte.
    Raw12Low,
    /// The upper eight bits of a RAW14 sample: four bytes for four pixels.
    Raw14High,
    /// The lower six: all four in three bytes more.
    Raw14Low,
}

impl Part {
    /// Bits from the line's start to the field of sample `x`.
    pub(super) fn start(self, x: i64, increment: i64) -> i64 {
        match self {
            Part::Plain { offset, .. } => x * increment + offset,
            Part::Raw10High => (x / 4 * 5 + x % 4) * 8,
            Part::Raw10Low => (x / 4 * 5 + 4) * 8 + x % 4 * 2,
            Part::Raw12High => (x / 2 * 3 + x % 2) * 8,
            Part::Raw12Low => (x / 2 * 3 + 2) * 8 + x % 2 * 4,
            Part::Raw14High => (x / 4 * 7 + x % 4) * 8,
            Part::Raw14Low => (x / 4 * 7 + 4) * 8 + x % 4 * 6,
        }
    }

    pub(super) fn bits(self) -> u32 {
        match self {
            Part::Plain { bits, .. } => u32::try_from(bits).unwrap_or(0),
            Part::Raw10High | Part::Raw12High | Part::Raw14High => 8,
            Part::Raw10Low => 2,
            Part::Raw12Low => 4,
            Part::Raw14Low => 6,
        }
    }
}

/// Some bits of the buffer, little-endian.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// From the start of the buffer.
    pub(super) bit: u64,
    /// 1 to 64.
    pub(super) bits: u32,
    pub(super) key: Key,
}

impl Field {
    /// As much of a number as goes in.
    pub(super) fn mask(&self, value: u64) -> u64 {
        value & u64::MAX.checked_shr(64 - self.bits.min(64)).unwrap_or(0)
    }

    /// The bytes that it touches: address, bits inside the byte, and how far they are shifted in the value.
    fn pieces(&self) -> impl Iterator<Item = (u64, u32, u32, u32)> {
        let (start, end) = (self.bit, self.bit + u64::from(self.bits));
        (start / 8..end.div_ceil(8)).map(move |byte| {
            let from = start.max(byte * 8);
            let until = end.min(byte * 8 + 8);
            let small = |bits: u64| u32::try_from(bits).unwrap_or(0);
            (byte, small(from - byte * 8), small(until - from), small(from - start))
        })
    }

    pub(super) fn read(&self, memory: &Memory) -> u64 {
        let mut value = 0;
        for (byte, at, bits, shift) in self.pieces() {
            let piece = u64::from(memory.read(byte)) >> at & ((1 << bits) - 1);
            value |= piece << shift;
        }
        value
    }

    pub(super) fn write(&self, memory: &Memory, value: u64) {
        for (byte, at, bits, shift) in self.pieces() {
            let mask = ((1u32 << bits) - 1) << at;
            let piece = u32::try_from(value >> shift & 0xff).unwrap_or(0) << at & mask;
            let rest = if bits == 8 { 0 } else { u32::from(memory.read(byte)) & !mask };
            memory.write(byte, u8::try_from(rest | piece).unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { plane: 0, part: 0, x: 0, y: 0 };

    #[test]
    fn fields_of_any_width_come_back_and_leave_their_neighbours_alone() {
        for bits in [1u32, 2, 5, 6, 8, 10, 16, 24, 32, 64] {
            for bit in 0..24 {
                let mut bytes = [0xffu8; 16];
                let memory = Memory::of_slice(&mut bytes);
                let field = Field { bit, bits, key: KEY };
                for value in [0, 0x0123_4567_89ab_cdef, u64::MAX] {
                    field.write(&memory, value);
                    assert_eq!(field.read(&memory), field.mask(value), "{bits} bits at {bit}");
                }
                field.write(&memory, 0);
                let zeros: u32 = bytes.iter().map(|byte| byte.count_zeros()).sum();
                assert_eq!(zeros, bits);
            }
        }
    }

    #[test]
    fn raw_samples_are_packed_as_the_contract_draws_them() {
        // Pixel 3 of RAW10: byte 3 above, bits 6 and 7 of byte 4 below. Pixel 5: byte 6, bits 2 and 3 of byte 9.
        assert_eq!((Part::Raw10High.start(3, 0), Part::Raw10Low.start(3, 0)), (24, 38));
        assert_eq!((Part::Raw10High.start(5, 0), Part::Raw10Low.start(5, 0)), (48, 74));
        // Pixel 1 of RAW12: byte 1, upper half of byte 2. Pixel 2: byte 3, lower half of byte 5.
        assert_eq!((Part::Raw12High.start(1, 0), Part::Raw12Low.start(1, 0)), (8, 20));
        assert_eq!((Part::Raw12High.start(2, 0), Part::Raw12Low.start(2, 0)), (24, 40));
    }

    #[test]
    fn patterns_of_two_seeds_differ_in_most_samples() {
        let differ = (0..256).filter(|x| {
            let key = Key { x: *x, ..KEY };
            key.value(1) & 0xff != key.value(2) & 0xff
        });
        assert!(differ.count() > 240);
    }
}
