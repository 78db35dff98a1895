//! Lays a layer's planes out: the layout's own rules, then what a policy asks on top.
//!
//! The steps and their order are [`Step`](super::needs::Step)'s.
//!
//! Invariants: planes lie in their order and do not overlap, the first at 0; every plane's stride is a multiple of
//! [`Needs::stride_bytes`] and of whole samples.
//!
//! Odd sizes of subsampled formats are padded up, not refused: chroma has `ceil(width / 2)` samples and, for 4:2:0,
//! `ceil(height / 2)` lines. `PixelFormat.aidl` assumes even sizes for YV12, Y8 and Y16; decoders and cameras ask for
//! odd ones all the same, and the planes tell a client the truth. RAW10, RAW12, RAW14 and RAW16 are refused where their contract
//! is not met: half a group of packed samples, or half a Bayer cell, means nothing.
//!
//! All arithmetic is in 64 bits and checked.

use super::needs::{common_divisor, common_multiple, common_odd, ChromaStride, Needs};
use super::{Area, Form, Layout, Plane, PlaneShape, Planes, MAX_PLANES};

/// A layer, laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// The planes.
    pub planes: Planes,
    /// As `AllocationResult.stride` gives it: pixels; bytes for RAW10, RAW12 and RAW14; the width for BLOB.
    pub stride: u32,
    /// Bytes from one layer to the next.
    pub layer_bytes: u64,
    /// Header and body of each plane, where it is compressed or tiled.
    pub areas: [Area; MAX_PLANES],
}

/// A layer in 64 bits, before it is known to fit the wire.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    pub(super) form: Form<'a>,
    pub(super) spans: [Span; MAX_PLANES],
    /// How many planes there are.
    pub(super) count: usize,
    /// Of a compressed layer: header and body of each plane.
    pub(super) areas: [(u64, u64); MAX_PLANES],
    /// Of a compressed layer: pixels of the first plane's stride.
    pub(super) pixels: Option<u64>,
    /// Where the planes end, with what is padded behind the last.
    pub end_bytes: u64,
    /// Bytes behind the planes, before the minimum and the rounding of the layer.
    pub tail_bytes: u64,
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
pub(super) const LAYER_ALIGN_BYTES: u64 = 64;

/// Bytes of YV12's chroma stride (`PixelFormat.aidl`: `c_stride = ALIGN(stride/2, 16)`).
pub(super) const YV12_CHROMA_STRIDE_BYTES: u64 = 16;

impl Layout {
    /// Whether a size is one that the layout can have; if not, what it needs, in words.
    ///
    /// # Errors
    /// The contract's words for RAW10, RAW12, RAW14, RAW16 and BLOB; every other layout takes every size.
    pub const fn accepts(self, width: u32, height: u32) -> Result<(), &'static str> {
        match self {
            Layout::Raw10 | Layout::Raw12 | Layout::Raw14 if width % 4 != 0 || height % 2 != 0 => {
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
            Layout::Yv12
                | Layout::Y8
                | Layout::Y16
                | Layout::Raw10
                | Layout::Raw12
                | Layout::Raw14
                | Layout::Raw16
                | Layout::Blob
        )
    }

    /// True where the stride is the width, whatever is asked: [`Needs::stride_bytes`] and [`Needs::stride_pixels`] do
    /// nothing.
    pub const fn has_fixed_stride(self) -> bool {
        matches!(self, Layout::Blob)
    }

    /// As [`Form::measure`].
    pub fn measure(self, width: u32, height: u32, layers: u32, needs: &Needs) -> Option<Measured<'static>> {
        self.form().measure(width, height, layers, needs)
    }
}

impl<'a> Form<'a> {
    /// Measures a layer of `width` by `height` pixels, one of `layers`.
    ///
    /// The size must be one that the layout accepts. `None` when some figure does not fit 64 bits, or no number is the odd
    /// multiple that is asked for.
    pub fn measure(&self, width: u32, height: u32, layers: u32, needs: &Needs) -> Option<Measured<'a>> {
        let (spans, end) = self.spans(width, height, needs)?;
        let first = spans.first()?;
        let pixels = self.pixels(first.stride)?;
        let (tail_bytes, layer_bytes) = close(first, pixels, end, layers, LAYER_ALIGN_BYTES, needs)?;
        let areas = [(0, 0); MAX_PLANES];
        Some(Measured {
            form: *self,
            spans,
            count: self.shapes.len(),
            areas,
            pixels: None,
            end_bytes: end,
            tail_bytes,
            layer_bytes,
        })
    }

    /// The planes, those beyond the layout's empty, and where the last one ends, its padding included.
    fn spans(&self, width: u32, height: u32, needs: &Needs) -> Option<([Span; MAX_PLANES], u64)> {
        let rounded = match self.contract.fixed_stride {
            true => width.into(),
            false => u64::from(width).checked_next_multiple_of(needs.width_pixels.max(1))?,
        };
        let stride = self.first_stride(rounded, needs)?;
        let mut spans = [Span::default(); MAX_PLANES];
        let mut offset = 0u64;
        for (index, ((span, shape), own)) in spans.iter_mut().zip(self.shapes).zip(&needs.planes).enumerate() {
            let plane_stride =
                if index == 0 { stride } else { self.chroma_stride(shape, stride, rounded, needs, own)? };
            let lines = self.lines(shape, height, needs, own.lines)?;
            if !self.contract.yv12 {
                let start = common_multiple(own.start_bytes, sample_bytes(shape))?;
                offset = offset.checked_next_multiple_of(start)?;
            }
            *span = Span { offset, stride: plane_stride, lines };
            let is_last = index.checked_add(1) == Some(self.shapes.len());
            offset = offset.checked_add(self.extent(span, shape, own, is_last)?)?;
        }
        Some((spans, offset))
    }

    /// The first plane's stride.
    fn first_stride(&self, width: u64, needs: &Needs) -> Option<u64> {
        let line = self.shapes.first()?.line_bytes(width)?;
        if self.contract.fixed_stride {
            return Some(line);
        }
        let unit = self.stride_unit(needs)?;
        let mut odd = common_odd(needs.odd_stride_bytes, needs.planes.first()?.odd_stride_bytes)?;
        if needs.odd_stride_pixels > 0 {
            odd = common_odd(odd, self.bytes_of(needs.odd_stride_pixels)?)?;
        }
        odd_multiple(line, unit, odd)
    }

    /// The stride of the first plane is a multiple of this many bytes: whole samples in every plane, the layout's own
    /// rule, and what is needed on top.
    pub(super) fn stride_unit(&self, needs: &Needs) -> Option<u64> {
        let stride_bytes = needs.stride_bytes.max(1);
        let mut unit = common_multiple(stride_bytes, needs.planes.first()?.stride_bytes)?;
        if needs.stride_pixels > 1 {
            unit = common_multiple(unit, self.bytes_of(needs.stride_pixels)?)?;
        }
        if self.contract.stride_pixels > 1 {
            unit = common_multiple(unit, self.bytes_of(self.contract.stride_pixels.into())?)?;
        }
        if self.contract.yv12 && YV12_CHROMA_STRIDE_BYTES % stride_bytes != 0 {
            // Only a half that is aligned already stays a multiple when it is rounded up to 16.
            let chroma = common_multiple(stride_bytes, YV12_CHROMA_STRIDE_BYTES)?;
            return common_multiple(unit, chroma.checked_mul(2)?);
        }
        if self.contract.yv12 {
            return Some(unit);
        }
        for shape in self.shapes {
            let (part, of) = self.ratio(shape);
            // `stride · part / of` is to be whole samples, and a multiple of what every stride is.
            let own = common_multiple(stride_bytes, sample_bytes(shape))?;
            let step = own.checked_mul(of)?;
            unit = common_multiple(unit, step / common_divisor(step, part.max(1)))?;
        }
        Some(unit)
    }

    /// Bytes of the first plane that so many pixels take, or the least whole number of times so many that comes out even.
    pub(super) fn bytes_of(&self, pixels: u64) -> Option<u64> {
        let (bits, per) = self.rate();
        // A pixel's bits over a byte's: pixels · bits / (8 · per), in lowest terms.
        let (bits, per) = (bits.max(1), per.checked_mul(8)?);
        let bits_of_all = pixels.checked_mul(bits)?;
        Some(bits_of_all / common_divisor(bits_of_all, per)).filter(|bytes| *bytes > 0)
    }

    fn chroma_stride(
        &self,
        shape: &PlaneShape,
        first: u64,
        width: u64,
        needs: &Needs,
        own: &super::needs::PlaneNeeds,
    ) -> Option<u64> {
        if self.contract.yv12 {
            return (first / 2).checked_next_multiple_of(YV12_CHROMA_STRIDE_BYTES);
        }
        let line = shape.line_bytes(width)?;
        let stride = match needs.chroma {
            ChromaStride::Proportional => {
                let (part, of) = self.ratio(shape);
                first.checked_mul(part)?.div_ceil(of)
            }
            ChromaStride::Same => first,
            ChromaStride::Half => first.div_ceil(2),
            ChromaStride::Own => line,
        };
        let unit = common_multiple(own.stride_bytes, needs.stride_bytes)?;
        odd_multiple(stride.max(line), common_multiple(unit, sample_bytes(shape))?, own.odd_stride_bytes)
    }

    fn lines(&self, shape: &PlaneShape, height: u32, needs: &Needs, own: u64) -> Option<u64> {
        let samples = u64::from(shape.samples_down(height));
        if self.contract.fixed_height {
            return Some(samples);
        }
        let all = u64::from(height).checked_next_multiple_of(needs.height_lines.max(1))?;
        let share = all.checked_add(needs.added_lines)?.div_ceil(shape.vertical_subsampling.into());
        match own {
            0 => Some(share),
            own if shape.vertical_subsampling == 1 => share.checked_next_multiple_of(own),
            own => {
                let added = needs.added_lines.div_ceil(shape.vertical_subsampling.into());
                samples.checked_next_multiple_of(own)?.checked_add(added)
            }
        }
    }

    /// Bytes of a plane with what stands behind it. Behind YV12's last plane there may be something, between its planes not.
    fn extent(&self, span: &Span, shape: &PlaneShape, own: &super::needs::PlaneNeeds, is_last: bool) -> Option<u64> {
        let bytes = span.stride.checked_mul(span.lines)?;
        if self.contract.fixed_stride {
            return Some(bytes);
        }
        if self.contract.yv12 {
            let size = if is_last { own.size_bytes.max(1) } else { 1 };
            return bytes.checked_next_multiple_of(size);
        }
        let lines = own.padding_lines.div_ceil(shape.vertical_subsampling.into());
        let padding = span.stride.checked_mul(lines)?.checked_add(own.padding_bytes)?;
        bytes.checked_add(padding)?.checked_next_multiple_of(own.size_bytes.max(1))
    }
}

/// The next multiple of `unit` that is an odd one of `odd`; of a zero, any.
fn odd_multiple(line: u64, unit: u64, odd: u64) -> Option<u64> {
    if odd == 0 {
        return line.checked_next_multiple_of(unit);
    }
    // Odd multiples of `odd` that are multiples of `unit` too are the odd multiples of both's common one, if that is
    // itself an odd multiple.
    let both = common_multiple(unit, odd)?;
    if (both / odd) % 2 == 0 {
        return None;
    }
    let stride = line.checked_next_multiple_of(both)?;
    match (stride / both) % 2 {
        0 => stride.checked_add(both),
        _ => Some(stride),
    }
}

/// What stands behind planes that end at `end`: bytes of the tail, and of the layer with its minimum and its rounding, where
/// the first plane's stride is so many pixels and one of several layers starts at a multiple of `layer_align` bytes.
pub(super) fn close(
    first: &Span,
    pixels: u64,
    end: u64,
    layers: u32,
    layer_align: u64,
    needs: &Needs,
) -> Option<(u64, u64)> {
    let luma = first.stride.checked_mul(first.lines)?;
    let tail_bytes = tail(first, pixels, luma, needs)?;
    let least = needs.least_bytes.max(needs.least_of_luma.of(luma)?);
    let size = needs.size_bytes.max(1);
    let mut layer_bytes = end.checked_add(tail_bytes)?.max(least).checked_next_multiple_of(size)?;
    if layers > 1 {
        layer_bytes = layer_bytes.checked_next_multiple_of(common_multiple(layer_align, size)?)?;
    }
    Some((tail_bytes, layer_bytes))
}

/// Bytes behind all planes, for a first plane of so many pixels a line, and so many bytes.
fn tail(first: &Span, pixels: u64, luma: u64, needs: &Needs) -> Option<u64> {
    let mut tail = needs
        .tail_bytes
        .checked_add(needs.tail_lines.checked_mul(first.stride)?)?
        .checked_add(needs.tail_of_luma.of(luma)?)?;
    for block in needs.tail_blocks.iter().filter(|block| block.bytes > 0) {
        let across = pixels.div_ceil(u64::from(block.width).max(1));
        let down = first.lines.div_ceil(u64::from(block.height).max(1));
        tail = tail.checked_add(across.checked_mul(down)?.checked_mul(block.bytes.into())?)?;
    }
    Some(tail.max(needs.tail_least))
}

impl Measured<'_> {
    /// The same in the types of the wire; `None` when a stride does not fit 31 bits (`AllocationResult.stride` is an
    /// int, and clients compute with it) or a plane's lines do not.
    pub fn narrow(&self) -> Option<Arrangement> {
        let mut planes = Planes::default();
        for span in self.spans.iter().take(self.count) {
            planes.push(Plane {
                offset_bytes: span.offset,
                stride_bytes: int(span.stride)?,
                lines: int(span.lines)?,
            })?;
        }
        let stride = match self.pixels {
            Some(pixels) => int(pixels)?,
            None => self.form.stride_of(planes.as_slice().first()?.stride_bytes),
        };
        let mut areas = [Area::default(); MAX_PLANES];
        for (area, (header, body)) in areas.iter_mut().zip(self.areas) {
            *area = Area { header_bytes: int(header)?, body_bytes: int(body)? };
        }
        Some(Arrangement { planes, stride, layer_bytes: self.layer_bytes, areas })
    }
}

/// Bytes from one sample to the next; 1 where samples are packed across bytes.
pub(super) fn sample_bytes(shape: &PlaneShape) -> u64 {
    match shape.group_samples {
        1 => u64::from(shape.group_bytes).max(1),
        _ => 1,
    }
}

/// A value that a signed 32-bit integer holds too.
pub(super) fn int(value: u64) -> Option<u32> {
    i32::try_from(value).ok().and_then(|value| u32::try_from(value).ok())
}
