//! What a policy's alignments ask of a layer, combined.
//!
//! Alignments are applied in the policy's order, each in its own way ([`Combine`]). What they add up to is one [`Needs`], which
//! `arrange` then follows in an order of its own, whatever the order of the alignments.

mod amounts;

use super::MAX_PLANES;
pub(super) use amounts::{common_divisor, common_multiple, common_odd};
pub use amounts::{Fraction, PerBlock, Step, MAX_TAIL_BLOCKS};

/// How what an alignment asks meets what was asked before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Combine {
    /// Multiples become their least common multiple (odd ones only where that is an odd one of each), bytes and lines are added up, of minima the largest counts.
    #[default]
    Lcm,
    /// Of everything the largest counts.
    Maximum,
    /// What it says of strides, lines, planes, tail, minimum or size stands alone: all that was asked of the same is dropped.
    Replace,
}

impl Combine {
    /// All, in the order of the documentation.
    pub const ALL: [Combine; 3] = [Combine::Lcm, Combine::Maximum, Combine::Replace];

    /// The word in a policy.
    pub const fn word(self) -> &'static str {
        match self {
            Combine::Lcm => "lcm",
            Combine::Maximum => "maximum",
            Combine::Replace => "replace",
        }
    }
}

/// How the planes after the first get their stride, before a rounding of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ChromaStride {
    /// The first plane's, in proportion to the bytes of a pixel: the same for NV12, half for I420, double for NV24.
    #[default]
    Proportional,
    /// The first plane's.
    Same,
    /// Half of the first plane's, rounded up.
    Half,
    /// The bytes of the plane's own samples.
    Own,
}

impl ChromaStride {
    /// All, in the order of the documentation.
    pub const ALL: [ChromaStride; 4] =
        [ChromaStride::Proportional, ChromaStride::Same, ChromaStride::Half, ChromaStride::Own];

    /// The word in a policy.
    pub const fn word(self) -> &'static str {
        match self {
            ChromaStride::Proportional => "proportional",
            ChromaStride::Same => "same",
            ChromaStride::Half => "half",
            ChromaStride::Own => "own",
        }
    }
}

/// One thing that an alignment asks for. A plane is counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// The width is a multiple, before anything is computed from it.
    Width(u32),
    /// Every plane's stride is a multiple of bytes.
    StrideBytes(u32),
    /// The first plane's stride is a multiple of pixels.
    StridePixels(u32),
    /// The first plane's stride is an odd multiple of bytes.
    OddStrideBytes(u32),
    /// The first plane's stride is an odd multiple of pixels.
    OddStridePixels(u32),
    /// A plane's stride is a multiple of bytes, whatever the other planes'.
    PlaneStride(u8, u32),
    /// A plane's stride is an odd multiple of bytes, whatever the other planes'.
    PlaneOddStride(u8, u32),
    /// How the planes after the first get their stride.
    Chroma(ChromaStride),
    /// The first plane's lines are a multiple; subsampled planes have their share.
    Lines(u32),
    /// A plane's lines are a multiple, counted from its own samples.
    PlaneLines(u8, u32),
    /// Lines behind the first plane's; subsampled planes have their share.
    AddedLines(u32),
    /// A plane starts at a multiple of bytes.
    PlaneStart(u8, u32),
    /// A plane with its padding is a multiple of bytes.
    PlaneSize(u8, u32),
    /// Bytes behind a plane.
    PaddingBytes(u8, u32),
    /// Lines behind a plane, counted in lines of the first.
    PaddingLines(u8, u32),
    /// Bytes behind all planes.
    TailBytes(u32),
    /// Lines of the first plane's stride behind all planes.
    TailLines(u32),
    /// Bytes behind all planes for each block of the padded picture.
    TailBlocks(PerBlock),
    /// A part of the first plane's bytes behind all planes.
    TailOfLuma(Fraction),
    /// The least bytes of the tail.
    TailLeast(u32),
    /// The least bytes of a layer.
    LeastBytes(u64),
    /// The least bytes of a layer, as a part of the first plane's.
    LeastOfLuma(Fraction),
    /// A layer is a multiple of bytes.
    LayerBytes(u32),
}

/// What is replaced together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Strides,
    Lines,
    Planes,
    Tail,
    Least,
    Layer,
}

impl Ask {
    /// The key of a policy that asks it.
    pub const fn key(self) -> &'static str {
        match self {
            Ask::Width(_) => "width_pixels",
            Ask::StrideBytes(_) | Ask::PlaneStride(..) => "stride_bytes",
            Ask::StridePixels(_) => "stride_pixels",
            Ask::OddStrideBytes(_) | Ask::PlaneOddStride(..) => "odd_stride_bytes",
            Ask::OddStridePixels(_) => "odd_stride_pixels",
            Ask::Chroma(_) => "chroma_stride",
            Ask::Lines(_) | Ask::PlaneLines(..) => "height_lines",
            Ask::AddedLines(_) => "added_lines",
            Ask::PlaneStart(..) => "plane_start",
            Ask::PlaneSize(..) => "plane_size",
            Ask::PaddingBytes(..) => "padding_bytes",
            Ask::PaddingLines(..) => "padding_lines",
            Ask::TailBytes(_) => "tail_bytes",
            Ask::TailLines(_) => "tail_lines",
            Ask::TailBlocks(_) => "tail_blocks",
            Ask::TailOfLuma(_) => "tail_of_luma",
            Ask::TailLeast(_) => "tail_least",
            Ask::LeastBytes(_) => "least_bytes",
            Ask::LeastOfLuma(_) => "least_of_luma",
            Ask::LayerBytes(_) => "size_bytes",
        }
    }

    /// When it is done.
    pub const fn step(self) -> Step {
        match self {
            Ask::Width(_) => Step::Width,
            Ask::StrideBytes(_)
            | Ask::StridePixels(_)
            | Ask::OddStrideBytes(_)
            | Ask::OddStridePixels(_)
            | Ask::PlaneStride(0, _)
            | Ask::PlaneOddStride(0, _) => Step::Stride,
            Ask::Lines(_) | Ask::PlaneLines(0, _) | Ask::AddedLines(_) => Step::Lines,
            Ask::PlaneStride(..) | Ask::PlaneOddStride(..) | Ask::PlaneLines(..) | Ask::Chroma(_) => Step::OtherPlanes,
            Ask::PlaneStart(..) | Ask::PlaneSize(..) | Ask::PaddingBytes(..) | Ask::PaddingLines(..) => Step::Places,
            Ask::TailBytes(_) | Ask::TailLines(_) | Ask::TailBlocks(_) | Ask::TailOfLuma(_) | Ask::TailLeast(_) => {
                Step::Tail
            }
            Ask::LeastBytes(_) | Ask::LeastOfLuma(_) => Step::Minimum,
            Ask::LayerBytes(_) => Step::Size,
        }
    }

    /// The largest number in it; 0 where it has none.
    pub fn number(self) -> u64 {
        match self {
            Ask::Chroma(_) => 0,
            Ask::LeastBytes(bytes) => bytes,
            Ask::TailBlocks(PerBlock { bytes, .. }) => bytes.into(),
            Ask::TailOfLuma(Fraction { parts, .. }) | Ask::LeastOfLuma(Fraction { parts, .. }) => parts.into(),
            Ask::Width(number)
            | Ask::StrideBytes(number)
            | Ask::StridePixels(number)
            | Ask::OddStrideBytes(number)
            | Ask::OddStridePixels(number)
            | Ask::PlaneStride(_, number)
            | Ask::PlaneOddStride(_, number)
            | Ask::Lines(number)
            | Ask::PlaneLines(_, number)
            | Ask::AddedLines(number)
            | Ask::PlaneStart(_, number)
            | Ask::PlaneSize(_, number)
            | Ask::PaddingBytes(_, number)
            | Ask::PaddingLines(_, number)
            | Ask::TailBytes(number)
            | Ask::TailLines(number)
            | Ask::TailLeast(number)
            | Ask::LayerBytes(number) => number.into(),
        }
    }

    /// Whether it is an odd multiple, which others can exclude.
    pub const fn is_odd(self) -> bool {
        matches!(self, Ask::OddStrideBytes(_) | Ask::OddStridePixels(_) | Ask::PlaneOddStride(..))
    }

    /// Whether this, in an alignment that replaces, takes the place of what was asked before.
    pub fn replaces(self, earlier: Ask) -> bool {
        self.group() == earlier.group()
    }

    const fn group(self) -> Group {
        match self {
            Ask::Width(_)
            | Ask::StrideBytes(_)
            | Ask::StridePixels(_)
            | Ask::OddStrideBytes(_)
            | Ask::OddStridePixels(_)
            | Ask::PlaneStride(..)
            | Ask::PlaneOddStride(..)
            | Ask::Chroma(_) => Group::Strides,
            Ask::Lines(_) | Ask::PlaneLines(..) | Ask::AddedLines(_) => Group::Lines,
            Ask::PlaneStart(..) | Ask::PlaneSize(..) | Ask::PaddingBytes(..) | Ask::PaddingLines(..) => Group::Planes,
            Ask::TailBytes(_) | Ask::TailLines(_) | Ask::TailBlocks(_) | Ask::TailOfLuma(_) | Ask::TailLeast(_) => {
                Group::Tail
            }
            Ask::LeastBytes(_) | Ask::LeastOfLuma(_) => Group::Least,
            Ask::LayerBytes(_) => Group::Layer,
        }
    }
}

/// What is asked of one plane alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneNeeds {
    /// Bytes: its stride is a multiple.
    pub stride_bytes: u64,
    /// Bytes: its stride is an odd multiple; 0 for any.
    pub odd_stride_bytes: u64,
    /// Lines: a multiple of these, from its own samples; 0 where its lines follow from the first plane's.
    pub lines: u64,
    /// Bytes: it starts at a multiple.
    pub start_bytes: u64,
    /// Bytes: with its padding it is a multiple.
    pub size_bytes: u64,
    /// Bytes behind it.
    pub padding_bytes: u64,
    /// Lines behind it, in lines of the first plane.
    pub padding_lines: u64,
}

/// What a policy's alignments ask for, combined. A multiple is 1 where nothing is asked, an amount 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Pixels: the width is a multiple before all else.
    pub width_pixels: u64,
    /// Bytes: the stride of every plane is a multiple.
    pub stride_bytes: u64,
    /// Pixels: the stride of the first plane is a multiple.
    pub stride_pixels: u64,
    /// Bytes: the stride of the first plane is an odd multiple; 0 for any.
    pub odd_stride_bytes: u64,
    /// Pixels: the stride of the first plane is an odd multiple; 0 for any.
    pub odd_stride_pixels: u64,
    /// How the other planes get their stride.
    pub chroma: ChromaStride,
    /// Lines: the first plane has a multiple, subsampled planes their share of it.
    pub height_lines: u64,
    /// Lines more than that.
    pub added_lines: u64,
    /// By plane.
    pub planes: [PlaneNeeds; MAX_PLANES],
    /// Bytes behind all planes.
    pub tail_bytes: u64,
    /// Lines behind all planes.
    pub tail_lines: u64,
    /// Bytes for each block, behind all planes: each size of block is a figure of its own. Those without bytes are free.
    pub tail_blocks: [PerBlock; MAX_TAIL_BLOCKS],
    /// A part of the first plane, behind all planes.
    pub tail_of_luma: Fraction,
    /// The least bytes of the tail.
    pub tail_least: u64,
    /// The least bytes of a layer.
    pub least_bytes: u64,
    /// The least bytes of a layer as a part of the first plane.
    pub least_of_luma: Fraction,
    /// Bytes: a layer is a multiple.
    pub size_bytes: u64,
}

impl Needs {
    /// Nothing is asked.
    pub const NONE: Needs = Needs {
        width_pixels: 1,
        stride_bytes: 1,
        stride_pixels: 1,
        odd_stride_bytes: 0,
        odd_stride_pixels: 0,
        chroma: ChromaStride::Proportional,
        height_lines: 1,
        added_lines: 0,
        planes: [PlaneNeeds {
            stride_bytes: 1,
            odd_stride_bytes: 0,
            lines: 0,
            start_bytes: 1,
            size_bytes: 1,
            padding_bytes: 0,
            padding_lines: 0,
        }; MAX_PLANES],
        tail_bytes: 0,
        tail_lines: 0,
        tail_blocks: [PerBlock { width: 1, height: 1, bytes: 0 }; MAX_TAIL_BLOCKS],
        tail_of_luma: Fraction::ZERO,
        tail_least: 0,
        least_bytes: 0,
        least_of_luma: Fraction::ZERO,
        size_bytes: 1,
    };

    /// Adds what one alignment asks; `None` when no 64-bit number satisfies it and what was asked before.
    #[must_use]
    pub fn apply(&mut self, asks: &[Ask], how: Combine) -> Option<()> {
        if how == Combine::Replace {
            asks.iter().for_each(|ask| self.drop_group(ask.group()));
        }
        asks.iter().try_for_each(|ask| self.ask(*ask, how))
    }

    /// Forgets what was asked of one group.
    fn drop_group(&mut self, group: Group) {
        let none = Needs::NONE;
        match group {
            Group::Strides => {
                *self = Needs {
                    width_pixels: 1,
                    stride_bytes: 1,
                    stride_pixels: 1,
                    odd_stride_bytes: 0,
                    odd_stride_pixels: 0,
                    chroma: none.chroma,
                    ..*self
                };
                self.planes.iter_mut().for_each(|plane| (plane.stride_bytes, plane.odd_stride_bytes) = (1, 0));
            }
            Group::Lines => {
                (self.height_lines, self.added_lines) = (1, 0);
                self.planes.iter_mut().for_each(|plane| plane.lines = 0);
            }
            Group::Planes => {
                for (plane, none) in self.planes.iter_mut().zip(none.planes) {
                    let PlaneNeeds { stride_bytes, odd_stride_bytes, lines, .. } = *plane;
                    *plane = PlaneNeeds { stride_bytes, odd_stride_bytes, lines, ..none };
                }
            }
            Group::Tail => {
                *self = Needs {
                    tail_bytes: 0,
                    tail_lines: 0,
                    tail_blocks: none.tail_blocks,
                    tail_of_luma: none.tail_of_luma,
                    tail_least: 0,
                    ..*self
                };
            }
            Group::Least => (self.least_bytes, self.least_of_luma) = (0, Fraction::ZERO),
            Group::Layer => self.size_bytes = 1,
        }
    }

    fn plane(&mut self, plane: u8) -> Option<&mut PlaneNeeds> {
        self.planes.get_mut(usize::from(plane))
    }

    fn ask(&mut self, ask: Ask, how: Combine) -> Option<()> {
        let multiple = |figure: &mut u64, asked: u32| {
            let asked = u64::from(asked.max(1));
            *figure = if how == Combine::Maximum { asked.max(*figure) } else { common_multiple(*figure, asked)? };
            Some(())
        };
        let odd = |figure: &mut u64, asked: u32| {
            let asked = u64::from(asked.max(1));
            *figure = if how == Combine::Maximum { asked.max(*figure) } else { common_odd(*figure, asked)? };
            Some(())
        };
        let amount = |figure: &mut u64, asked: u32| {
            let asked = u64::from(asked);
            *figure = if how == Combine::Maximum { asked.max(*figure) } else { figure.checked_add(asked)? };
            Some(())
        };
        let least = |figure: &mut u64, asked: u64| {
            *figure = asked.max(*figure);
            Some(())
        };
        match ask {
            Ask::Width(pixels) => multiple(&mut self.width_pixels, pixels),
            Ask::StrideBytes(bytes) => multiple(&mut self.stride_bytes, bytes),
            Ask::StridePixels(pixels) => multiple(&mut self.stride_pixels, pixels),
            Ask::OddStrideBytes(bytes) => odd(&mut self.odd_stride_bytes, bytes),
            Ask::OddStridePixels(pixels) => odd(&mut self.odd_stride_pixels, pixels),
            Ask::PlaneStride(plane, bytes) => multiple(&mut self.plane(plane)?.stride_bytes, bytes),
            Ask::PlaneOddStride(plane, bytes) => odd(&mut self.plane(plane)?.odd_stride_bytes, bytes),
            Ask::Chroma(chroma) => {
                self.chroma = chroma;
                Some(())
            }
            Ask::Lines(lines) => multiple(&mut self.height_lines, lines),
            Ask::PlaneLines(plane, lines) => multiple(&mut self.plane(plane)?.lines, lines),
            Ask::AddedLines(lines) => amount(&mut self.added_lines, lines),
            Ask::PlaneStart(plane, bytes) => multiple(&mut self.plane(plane)?.start_bytes, bytes),
            Ask::PlaneSize(plane, bytes) => multiple(&mut self.plane(plane)?.size_bytes, bytes),
            Ask::PaddingBytes(plane, bytes) => amount(&mut self.plane(plane)?.padding_bytes, bytes),
            Ask::PaddingLines(plane, lines) => amount(&mut self.plane(plane)?.padding_lines, lines),
            Ask::TailBytes(bytes) => amount(&mut self.tail_bytes, bytes),
            Ask::TailLines(lines) => amount(&mut self.tail_lines, lines),
            Ask::TailBlocks(blocks) => {
                let same = |known: &&mut PerBlock| (known.width, known.height) == (blocks.width, blocks.height);
                let free = |known: &&mut PerBlock| known.bytes == 0;
                let known = match self.tail_blocks.iter_mut().find(same) {
                    None => self.tail_blocks.iter_mut().find(free)?,
                    Some(known) => known,
                };
                let mut bytes = known.bytes.into();
                amount(&mut bytes, blocks.bytes)?;
                *known = PerBlock { bytes: u32::try_from(bytes).ok()?, ..blocks };
                Some(())
            }
            Ask::TailOfLuma(part) if how == Combine::Maximum => {
                self.tail_of_luma = self.tail_of_luma.max(part);
                Some(())
            }
            Ask::TailOfLuma(part) => {
                self.tail_of_luma = self.tail_of_luma.plus(part)?;
                Some(())
            }
            Ask::TailLeast(bytes) => least(&mut self.tail_least, bytes.into()),
            Ask::LeastBytes(bytes) => least(&mut self.least_bytes, bytes),
            Ask::LeastOfLuma(part) => {
                self.least_of_luma = self.least_of_luma.max(part);
                Some(())
            }
            Ask::LayerBytes(bytes) => multiple(&mut self.size_bytes, bytes),
        }
    }
}

impl Default for Needs {
    fn default() -> Needs {
        Needs::NONE
    }
}
