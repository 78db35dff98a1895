//! Numbers from a seed: the same each time.

/// xorshift64.
pub struct Random(u64);

impl Random {
    /// Draws from this seed.
    pub fn of(seed: u64) -> Random {
        // Zero would give zeros for ever, and small seeds would begin alike.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    #[allow(clippy::should_implement_trait, reason = "an iterator without an end helps nobody here")]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }
}
