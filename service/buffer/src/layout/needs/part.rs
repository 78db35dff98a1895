//! Amounts that follow from another: a part of a plane, bytes for each block of it.

/// A part of something: never of zero parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fraction {
    /// How many parts.
    pub parts: u32,
    /// Of how many.
    pub of: u32,
}

impl Fraction {
    /// Nothing.
    pub const ZERO: Fraction = Fraction { parts: 0, of: 1 };

    /// That part of a number, rounded up.
    pub fn of(self, whole: u64) -> Option<u64> {
        Some(whole.checked_mul(self.parts.into())?.div_ceil(u64::from(self.of).max(1)))
    }

    pub(super) fn plus(self, more: Fraction) -> Option<Fraction> {
        if self.parts == 0 {
            return Some(more);
        }
        let parts = self.parts.checked_mul(more.of)?.checked_add(more.parts.checked_mul(self.of)?)?;
        Some(Fraction { parts, of: self.of.checked_mul(more.of)? })
    }

    pub(super) fn max(self, other: Fraction) -> Fraction {
        let (own, others) = (u64::from(self.parts) * u64::from(other.of), u64::from(other.parts) * u64::from(self.of));
        if own >= others {
            self
        } else {
            other
        }
    }
}

/// Most sizes of block of which there are bytes behind the planes of one buffer.
pub const MAX_TAIL_BLOCKS: usize = 4;

/// Bytes for each block of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PerBlock {
    /// Pixels across.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Bytes.
    pub bytes: u32,
}
