//! What needs are made of: multiples, parts of a plane, bytes for each block, and the steps in which a layer of lines is laid out.

/// The order in which a layer of lines is laid out, whatever the order in which a policy asks. This is where it is written;
/// `explain` shows it with what asked for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// See [`Step::words`], as for all.
    Width,
    /// The first plane's stride.
    Stride,
    /// The first plane's lines.
    Lines,
    /// What the other planes have of these.
    OtherPlanes,
    /// Where planes begin and end.
    Places,
    /// What is behind them.
    Tail,
    /// What a layer has at least.
    Minimum,
    /// What it is a multiple of.
    Size,
}

impl Step {
    /// All, first to last.
    pub const ALL: [Step; 8] = [
        Step::Width,
        Step::Stride,
        Step::Lines,
        Step::OtherPlanes,
        Step::Places,
        Step::Tail,
        Step::Minimum,
        Step::Size,
    ];

    /// A word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Step::Width => "width",
            Step::Stride => "stride",
            Step::Lines => "lines",
            Step::OtherPlanes => "other planes",
            Step::Places => "offsets",
            Step::Tail => "tail",
            Step::Minimum => "minimum",
            Step::Size => "layers",
        }
    }

    /// What is done, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Step::Width => "the width is rounded",
            Step::Stride => {
                "the first plane's stride: its samples' bytes, rounded to whole samples of every plane, to what the format's definition \
                 fixes, to `stride_bytes` and `stride_pixels`, then up to an odd multiple"
            }
            Step::Lines => "the first plane's lines: the height rounded, `added_lines` behind it",
            Step::OtherPlanes => {
                "the other planes' strides and lines from the first's, each rounded on its own where a list says so"
            }
            Step::Places => {
                "plane after plane: `plane_start`, stride times lines, `padding_lines`, `padding_bytes`, `plane_size`"
            }
            Step::Tail => {
                "the tail: `tail_bytes`, `tail_lines`, `tail_blocks`, `tail_of_luma`, together at least `tail_least`"
            }
            Step::Minimum => "the layer's minimum: `least_bytes`, `least_of_luma`",
            Step::Size => "`size_bytes`; layers of an array start at multiples of 64 too",
        }
    }
}

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

/// The least common multiple. 0 requires nothing, as 1 does.
pub(in crate::layout) fn common_multiple(a: u64, b: u64) -> Option<u64> {
    if b <= 1 || a % b == 0 && a > 0 {
        return Some(a.max(1));
    }
    (a.max(1) / common_divisor(a.max(1), b)).checked_mul(b)
}

/// What numbers that are odd multiples of both are an odd multiple of; 0 for any. `None` where there are none: the two do not
/// have the same power of two in them.
pub(in crate::layout) fn common_odd(a: u64, b: u64) -> Option<u64> {
    match (a, b) {
        (0, other) | (other, 0) => Some(other),
        (a, b) if a.trailing_zeros() == b.trailing_zeros() => common_multiple(a, b),
        _ => None,
    }
}

/// The greatest common divisor of two numbers that are not zero.
pub(in crate::layout) fn common_divisor(a: u64, b: u64) -> u64 {
    let (mut divisor, mut rest) = (a, b);
    while rest != 0 {
        (divisor, rest) = (rest, divisor.checked_rem(rest).unwrap_or(0));
    }
    divisor.max(1)
}
