//! What a layout's arithmetic has to know: the planes' shapes, and what the format's definition fixes besides.
//!
//! A layout of the table and one that a policy spells out are the same here.

use super::needs::ChromaStride;
use super::{Ask, Layout, PlaneShape};

/// What a format's definition fixes, beyond the shapes of its planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Contract {
    /// "A vertical stride equal to the height": no padding lines.
    pub fixed_height: bool,
    /// The stride is the width, whatever is asked.
    pub fixed_stride: bool,
    /// Pixels of which the first plane's stride is a multiple; 0 for any.
    pub stride_pixels: u32,
    /// YV12: chroma strides are half of luma's rounded to 16, and planes follow one another without a gap.
    pub yv12: bool,
}

impl Contract {
    /// Why a format of this contract cannot have what is asked: the definition's words. `None` where it can.
    pub fn forbids(&self, ask: Ask) -> Option<&'static str> {
        match ask {
            Ask::Width(2..)
            | Ask::StrideBytes(2..)
            | Ask::StridePixels(2..)
            | Ask::OddStrideBytes(_)
            | Ask::OddStridePixels(_)
            | Ask::PlaneStride(0, 2..)
            | Ask::PlaneOddStride(0, _)
                if self.fixed_stride =>
            {
                Some("its stride is its width, by its definition")
            }
            Ask::Lines(2..) | Ask::PlaneLines(_, 2..) | Ask::AddedLines(1..) if self.fixed_height => {
                Some("it has exactly as many lines as its height, by its definition")
            }
            Ask::PlaneStride(1.., 2..)
            | Ask::PlaneOddStride(1.., _)
            | Ask::Chroma(ChromaStride::Same | ChromaStride::Own)
                if self.yv12 =>
            {
                Some("its chroma lines are half of luma's, rounded to 16 bytes, by its definition")
            }
            Ask::PlaneStart(1.., 2..)
            | Ask::PlaneSize(0..=1, 2..)
            | Ask::PaddingBytes(_, 1..)
            | Ask::PaddingLines(_, 1..)
                if self.yv12 =>
            {
                Some("its planes follow one another without a gap, by its definition")
            }
            Ask::PlaneSize(_, 2..) | Ask::PaddingBytes(_, 1..) | Ask::PaddingLines(_, 1..) if self.fixed_stride => {
                Some("its width is its size in bytes, by its definition: what is behind them is a tail")
            }
            _ => None,
        }
    }
}

/// A layout as the arithmetic sees it.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// What the planes are made of, in the order in which they lie in memory.
    pub shapes: &'a [PlaneShape],
    /// What is fixed besides.
    pub contract: Contract,
}

/// Pixels of YV12's, RAW16's, Y8's and Y16's stride (`PixelFormat.aidl`: "a horizontal stride multiple of 16 pixels").
const CONTRACT_STRIDE_PIXELS: u32 = 16;

impl Layout {
    /// The same as the arithmetic takes it. `Vendor` has no planes here: they are the policy's.
    pub const fn form(self) -> Form<'static> {
        Form { shapes: self.shapes(), contract: self.contract() }
    }

    /// What its definition fixes.
    pub const fn contract(self) -> Contract {
        let stride_pixels = match self {
            Layout::Yv12 | Layout::Raw16 | Layout::Y8 | Layout::Y16 => CONTRACT_STRIDE_PIXELS,
            _ => 0,
        };
        Contract {
            fixed_height: self.has_fixed_height(),
            fixed_stride: self.has_fixed_stride(),
            stride_pixels,
            yv12: matches!(self, Layout::Yv12),
        }
    }

    /// Bits of the first plane that a pixel takes on average.
    pub fn bits_per_pixel(self) -> u32 {
        self.form().bits_per_pixel()
    }

    /// Bytes that `width` pixels take in a line of plane `index`, padding left out; `None` for a plane that the layout
    /// does not have. RAW10 and RAW12 widths that are no multiple of 4 round up.
    pub fn line_bytes(self, index: usize, width: u32) -> Option<u64> {
        self.form().line_bytes(index, width)
    }

    /// The stride as `AllocationResult` gives it, for a first plane of `stride_bytes`.
    pub fn stride_of(self, stride_bytes: u32) -> u32 {
        self.form().stride_of(stride_bytes)
    }

    /// True where `AllocationResult.stride` counts bytes, not pixels.
    pub fn stride_is_bytes(self) -> bool {
        self.form().stride_is_bytes()
    }
}

impl Form<'_> {
    /// Bits of the first plane that a pixel takes on average, rounded up.
    pub fn bits_per_pixel(&self) -> u32 {
        let (bits, pixels) = self.rate();
        u32::try_from(bits.div_ceil(pixels)).unwrap_or(u32::MAX)
    }

    /// Bits of the first plane for so many pixels.
    pub(super) fn rate(&self) -> (u64, u64) {
        self.shapes.first().map_or((0, 1), PlaneShape::rate)
    }

    /// As [`Layout::line_bytes`].
    pub fn line_bytes(&self, index: usize, width: u32) -> Option<u64> {
        self.shapes.get(index)?.line_bytes(width.into())
    }

    /// As [`Layout::stride_is_bytes`]: where samples are packed across bytes, and for BLOB.
    pub fn stride_is_bytes(&self) -> bool {
        self.contract.fixed_stride || self.shapes.first().is_some_and(|first| first.group_samples > 1)
    }

    /// As [`Layout::stride_of`].
    pub fn stride_of(&self, stride_bytes: u32) -> u32 {
        if self.stride_is_bytes() {
            return stride_bytes;
        }
        let pixels = self.pixels(stride_bytes.into()).and_then(|pixels| u32::try_from(pixels).ok());
        pixels.unwrap_or(stride_bytes)
    }

    /// Whole pixels of the first plane in so many bytes.
    pub(super) fn pixels(&self, bytes: u64) -> Option<u64> {
        let (bits, pixels) = self.rate();
        bytes.checked_mul(8)?.checked_mul(pixels)?.checked_div(bits)
    }

    /// How the bytes of a pixel in plane `index` stand to those in the first, in lowest terms.
    pub(super) fn ratio(&self, shape: &PlaneShape) -> (u64, u64) {
        let ((bits, pixels), (first_bits, first_pixels)) = (shape.rate(), self.rate());
        // Bytes are 8 bits wide: no product here comes near 64 bits.
        let (part, of) = (bits * first_pixels, (first_bits * pixels).max(1));
        let divisor = super::needs::common_divisor(part.max(1), of);
        (part / divisor, of / divisor)
    }
}
