//! Numbers from a seed: the same each time.

/// xorshift64.
pub(crate) struct Random(u64);

impl Random {
    /// Draws from this seed.
    pub(crate) fn of(seed: u64) -> Random {
        // Zero would give zeros for ever, and small seeds begin alike.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }
}
