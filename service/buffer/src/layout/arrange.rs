//! Lays a layer's planes out: the layout's own rules, then what a policy asks on top.
//!
//! Invariants: planes follow one another without a gap, the first at 0; every plane's stride is a multiple of
//! [`Needs::stride_bytes`]; the first plane decides, the others' strides and lines follow from it
//! (`Layout::spans`), so that a whole layer is known from one stride and one count of lines. [`super::check`] uses
//! exactly that.
//!
//! Odd sizes of subsampled formats are padded up, not refused: chroma has `ceil(width / 2)` samples and, for 4:2:0,
//! `ceil(height / 2)` lines. `PixelFormat.aidl` assumes even sizes for YV12, Y8 and Y16; decoders and cameras ask for
//! odd ones all the same, and the planes tell a client the truth. RAW10, RAW12 and RAW16 are refused where their contract
//! is not met: half a group of packed samples, or half a Bayer cell, means nothing.
//!
//! All arithmetic is in 64 bits and checked.

use super::{Layout, Plane, Planes, MAX_PLANES};

/// What a policy's alignments ask for, combined. Each is 1 where nothing is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Bytes: the stride of every plane is a multiple.
    pub stride_bytes: u64,
    /// Pixels: the stride of the first plane is a multiple.
    pub stride_pixels: u64,
    /// Lines: the first plane has a multiple, subsampled planes their share of it.
    pub height_lines: u64,
    /// Bytes: a layer is a multiple.
    pub size_bytes: u64,
}

impl Default for Needs {
    fn default() -> Needs {
        Needs { stride_bytes: 1, stride_pixels: 1, height_lines: 1, size_bytes: 1 }
    }
}

impl Needs {
    /// Both what was needed and what `more` asks; `None` when no 64-bit number satisfies both.
    pub fn and(self, more: Needs) -> Option<Needs> {
        Some(Needs {
            stride_bytes: common_multiple(self.stride_bytes, more.stride_bytes)?,
            stride_pixels: common_multiple(self.stride_pixels, more.stride_pixels)?,
            height_lines: common_multiple(self.height_lines, more.height_lines)?,
            size_bytes: common_multiple(self.size_bytes, more.size_bytes)?,
        })
    }
}

/// A layer, laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// The planes.
    pub planes: Planes,
    /// As `AllocationResult.stride` gives it: pixels; bytes for RAW10 and RAW12; the width for BLOB.
    pub stride: u32,
    /// Bytes from one layer to the next.
    pub layer_bytes: u64,
}

/// A layer in 64 bits, before it is known to fit the wire.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    layout: Layout,
    spans: [Span; MAX_PLANES],
    /// Bytes from one layer to the next.
    pub layer_bytes: u64,
}

/// A plane in 64 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) stride: u64,
    pub(super) lines: u64,
}

/// Layers of an array start at multiples of this: a cache line of every machine that Android runs on, and enough for
/// every pixel.
const LAYER_ALIGN_BYTES: u64 = 64;

/// Pixels of YV12's, RAW16's, Y8's and Y16's stride (`PixelFormat.aidl`: "a horizontal stride multiple of 16 pixels").
const CONTRACT_STRIDE_PIXELS: u64 = 16;

/// Bytes of YV12's chroma stride (`PixelFormat.aidl`: `c_stride = ALIGN(stride/2, 16)`).
const YV12_CHROMA_STRIDE_BYTES: u64 = 16;

impl Layout {
    /// Whether a size is one that the layout can have; if not, what it needs, in words.
    ///
    /// # Errors
    /// The contract's words for RAW10, RAW12, RAW16 and BLOB; every other layout takes every size.
    pub const fn accepts(self, width: u32, height: u32) -> Result<(), &'static str> {
        match self {
            Layout::Raw10 | Layout::Raw12 if width % 4 != 0 || height % 2 != 0 => {
                Err("a width that is a multiple of 4 and an even height")
            }
            Layout::Raw16 if width % 2 != 0 || height % 2 != 0 => Err("an even width and an even height"),
            Layout::Blob if height != 1 => Err("a height of 1: the width is its size in bytes"),
            _ => Ok(()),
        }
    }

    /// True where the contract says "a vertical stride equal to the height": padding lines are not allowed, so
    /// [`Needs::height_lines`] does nothing.
    pub const fn has_fixed_height(self) -> bool {
        matches!(
            self,
            Layout::Yv12 | Layout::Y8 | Layout::Y16 | Layout::Raw10 | Layout::Raw12 | Layout::Raw16 | Layout::Blob
        )
    }

    /// True where the stride is the width, whatever is asked: [`Needs::stride_bytes`] and [`Needs::stride_pixels`] do
    /// nothing.
    pub const fn has_fixed_stride(self) -> bool {
        matches!(self, Layout::Blob)
    }

    /// True where `AllocationResult.stride` counts bytes, not pixels.
    pub const fn stride_is_bytes(self) -> bool {
        matches!(self, Layout::Raw10 | Layout::Raw12 | Layout::Blob)
    }

    /// Bits of the first plane that a pixel takes on average.
    pub const fn bits_per_pixel(self) -> u32 {
        match self {
            Layout::Raw10 => 10,
            Layout::Raw12 => 12,
            _ => match self.shapes() {
                [first, ..] => first.sample_increment_bits / first.horizontal_subsampling,
                [] => 0,
            },
        }
    }

    /// Bytes that `width` pixels take in a line of plane `index`, padding left out; `None` for a plane that the layout
    /// does not have. RAW10 and RAW12 widths that are no multiple of 4 round up.
    pub fn line_bytes(self, index: usize, width: u32) -> Option<u64> {
        let shape = self.shapes().get(index)?;
        let bits = match shape.sample_increment_bits {
            0 => u64::from(width) * u64::from(self.bits_per_pixel()),
            increment => u64::from(shape.samples_across(width)) * u64::from(increment),
        };
        Some(bits.div_ceil(8))
    }

    /// The stride as `AllocationResult` gives it, for a first plane of `stride_bytes`.
    pub fn stride_of(self, stride_bytes: u32) -> u32 {
        match (self.stride_is_bytes(), self.bits_per_pixel() / 8) {
            (true, _) | (_, 0) => stride_bytes,
            (false, bytes_per_pixel) => stride_bytes / bytes_per_pixel,
        }
    }

    /// Measures a layer of `width` by `height` pixels, one of `layers`.
    ///
    /// The size must be one that the layout [accepts](Layout::accepts). `None` when some figure does not fit 64 bits.
    pub fn measure(self, width: u32, height: u32, layers: u32, needs: &Needs) -> Option<Measured> {
        let unit = self.stride_unit(needs)?;
        let stride = self.line_bytes(0, width)?.checked_next_multiple_of(unit)?;
        let lines = match self.has_fixed_height() {
            true => u64::from(height),
            false => u64::from(height).checked_next_multiple_of(needs.height_lines)?,
        };
        let spans = self.spans(stride, lines)?;
        let mut layer_bytes = end(&spans)?.checked_next_multiple_of(needs.size_bytes)?;
        if layers > 1 {
            let both = common_multiple(LAYER_ALIGN_BYTES, needs.size_bytes)?;
            layer_bytes = layer_bytes.checked_next_multiple_of(both)?;
        }
        Some(Measured { layout: self, spans, layer_bytes })
    }

    /// The stride of the first plane is a multiple of this many bytes: whole samples in every plane, the layout's own
    /// rule, and what is needed on top.
    pub(super) fn stride_unit(self, needs: &Needs) -> Option<u64> {
        if self.has_fixed_stride() {
            return Some(1);
        }
        let pixel_bits = u64::from(self.bits_per_pixel());
        let stride_bytes = needs.stride_bytes.max(1);
        let mut unit = stride_bytes.checked_mul(8)?;
        if needs.stride_pixels > 1 {
            unit = common_multiple(unit, needs.stride_pixels.checked_mul(pixel_bits)?)?;
        }
        for shape in self.shapes() {
            unit = common_multiple(unit, u64::from(shape.sample_increment_bits))?;
        }
        let unit = unit / 8;
        match self {
            Layout::Yv12 if YV12_CHROMA_STRIDE_BYTES % stride_bytes == 0 => {
                common_multiple(unit, CONTRACT_STRIDE_PIXELS)
            }
            // Only a half that is aligned already stays a multiple when it is rounded up to 16.
            Layout::Yv12 => {
                let chroma = common_multiple(stride_bytes, YV12_CHROMA_STRIDE_BYTES)?;
                common_multiple(unit, chroma.checked_mul(2)?)
            }
            Layout::I420 => common_multiple(unit, stride_bytes.checked_mul(2)?),
            Layout::Raw16 | Layout::Y8 | Layout::Y16 => {
                common_multiple(unit, CONTRACT_STRIDE_PIXELS.checked_mul(pixel_bits)? / 8)
            }
            _ => Some(unit),
        }
    }

    /// All planes, from the first one's stride and lines. Those beyond the layout's are empty.
    pub(super) fn spans(self, stride: u64, lines: u64) -> Option<[Span; MAX_PLANES]> {
        let chroma_stride = match self {
            Layout::Yv12 => (stride / 2).checked_next_multiple_of(YV12_CHROMA_STRIDE_BYTES)?,
            Layout::I420 => stride / 2,
            _ => stride,
        };
        let mut spans = [Span::default(); MAX_PLANES];
        let mut offset = 0u64;
        let mut plane_stride = stride;
        for (span, shape) in spans.iter_mut().zip(self.shapes()) {
            let plane_lines = lines.div_ceil(u64::from(shape.vertical_subsampling));
            *span = Span { offset, stride: plane_stride, lines: plane_lines };
            offset = offset.checked_add(plane_stride.checked_mul(plane_lines)?)?;
            plane_stride = chroma_stride;
        }
        Some(spans)
    }
}

impl Measured {
    /// The same in the types of the wire; `None` when a stride does not fit 31 bits (`AllocationResult.stride` is an
    /// int, and clients compute with it) or a plane's lines do not.
    pub fn narrow(&self) -> Option<Arrangement> {
        let mut planes = Planes::default();
        for span in self.spans.iter().take(self.layout.shapes().len()) {
            planes.push(Plane {
                offset_bytes: span.offset,
                stride_bytes: int(span.stride)?,
                lines: int(span.lines)?,
            })?;
        }
        let stride = self.layout.stride_of(planes.as_slice().first()?.stride_bytes);
        Some(Arrangement { planes, stride, layer_bytes: self.layer_bytes })
    }
}

/// Where the last plane ends.
pub(super) fn end(spans: &[Span]) -> Option<u64> {
    let mut end = 0u64;
    for span in spans {
        end = end.max(span.offset.checked_add(span.stride.checked_mul(span.lines)?)?);
    }
    Some(end)
}

/// A value that a signed 32-bit integer holds too.
fn int(value: u64) -> Option<u32> {
    i32::try_from(value).ok().and_then(|value| u32::try_from(value).ok())
}

/// The least common multiple. 0 requires nothing, as 1 does.
fn common_multiple(a: u64, b: u64) -> Option<u64> {
    if b <= 1 {
        return Some(a.max(1));
    }
    let (mut divisor, mut rest) = (a.max(1), b);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (a.max(1) / divisor).checked_mul(b)
}
