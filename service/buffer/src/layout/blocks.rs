//! Lays compressed and tiled planes out: grids of blocks, each with a header, a body, or both.
//!
//! The order of the steps, for each plane:
//! 1. its samples across and down, rounded ([`Grid::round`]), then to whole tiles of blocks;
//! 2. the header: bytes of a row of blocks, rounded, times the rows, rounded; bytes more; rounded;
//! 3. the body: bytes of a block, rounded, times the blocks; or a stride and lines, each rounded; bytes more; rounded; copies, each
//!    rounded;
//! 4. header and body one behind the other, plane after plane.
//!
//! Behind them the tail, the minimum and the rounding of [`Needs`], as for lines of pixels.
//!
//! Planes in columns (Broadcom's SAND) have no blocks: each has a part of every column.

use super::arrange::{close, Measured, Span, LAYER_ALIGN_BYTES};
use super::needs::Needs;
use super::shape::{packed, Components};
use super::{Component, ComponentKind, Form, PlaneShape, Shapes, MAX_PLANES};

/// One plane's blocks. A multiple is 1 where nothing is asked, an amount 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Samples of a block, across and down.
    pub block: [u32; 2],
    /// Blocks of which there are whole multiples, across and down.
    pub tile: [u32; 2],
    /// Samples of which there are whole multiples before all else, across and down.
    pub round: [u32; 2],
    /// What the blocks take.
    pub body: Body,
    /// Bytes of the body are a multiple.
    pub body_align: u32,
    /// Bytes more than that.
    pub body_extra: u32,
    /// How often the body is there.
    pub body_copies: u32,
    /// Bytes of which each copy after the first is a multiple.
    pub copy_align: u32,
    /// Bytes of header for [`Grid::header_blocks`] blocks.
    pub header_bytes: u32,
    /// Blocks that these bytes are for.
    pub header_blocks: u32,
    /// Bytes of which a row of the header, and rows of which the header, is a multiple.
    pub header_grid: [u32; 2],
    /// Bytes of the header are a multiple.
    pub header_align: u32,
    /// Bytes more, before that.
    pub header_extra: u32,
    /// The stride that is reported is a whole row of blocks.
    pub row_stride: bool,
}

/// How the bytes of a body are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// As many bytes for every block.
    Blocks {
        /// Bytes of a block; 0 for those of its pixels.
        bytes: u32,
        /// Bits of a pixel; 0 for the layout's own.
        bits: u32,
        /// Bytes of a block are a multiple.
        align: u32,
    },
    /// A stride and lines, whatever the blocks.
    Lines {
        /// Samples of which a line is a multiple, before its bytes are counted.
        pixels: u32,
        /// Bytes of which the stride is a multiple.
        bytes: u32,
        /// Lines of which there is a multiple.
        lines: u32,
    },
}

/// Below which sizes a buffer has room for two fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoFields {
    /// Most pixels across.
    pub width: u32,
    /// Most lines.
    pub height: u32,
    /// Most blocks of 256 pixels.
    pub blocks: u32,
}

/// All that is said of a compressed or tiled layer.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Blocks {
    /// By plane; the last goes for those behind it.
    pub grids: Vec<Grid>,
    /// All planes are one.
    pub merged: bool,
    /// Headers are listed as planes of their own, behind the others.
    pub header_planes: bool,
    /// In each plane the body comes before the header.
    pub body_first: bool,
    /// Bytes of a column, of planes that lie in columns; 0 for none.
    pub column_bytes: u32,
    /// Room for two fields.
    pub two_fields: Option<TwoFields>,
    /// Bytes at which the layers of an array start.
    pub layer_align: u32,
}

/// One plane, measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct GridSizes {
    /// Samples across, whole tiles.
    pub width: u64,
    /// Samples down, whole tiles.
    pub height: u64,
    /// Blocks across.
    pub columns: u64,
    /// Blocks down.
    pub rows: u64,
    /// Bytes of a block; 0 where the body is lines.
    pub block_bytes: u64,
    /// Bytes of a line, or of a row of blocks.
    pub stride: u64,
    /// Lines of the body.
    pub lines: u64,
    /// Pixels of the stride.
    pub pixels: u64,
    /// Bytes of the body.
    pub body: u64,
    /// Bytes of the header.
    pub header: u64,
    /// Bytes of a row of the header.
    pub header_row: u64,
    /// Rows of the header.
    pub header_rows: u64,
}

impl<'a> Form<'a> {
    /// Measures a compressed layer. `None` when some figure does not fit 64 bits, or there is no grid for a plane.
    pub fn measure_blocks(
        &self,
        blocks: &Blocks,
        width: u32,
        height: u32,
        layers: u32,
        needs: &Needs,
    ) -> Option<Measured<'a>> {
        let mut spans = [Span::default(); MAX_PLANES];
        let mut areas = [(0, 0); MAX_PLANES];
        let planes = self.grid_sizes(blocks, width, height)?;
        let count = self.count(blocks);
        let mut end = 0u64;
        let mut listed = count;
        for (index, plane) in planes.iter().take(count).enumerate() {
            let (header, body) = match blocks.body_first {
                false => (end, end.checked_add(plane.header)?),
                true => (end.checked_add(plane.body)?, end),
            };
            let start = if blocks.header_planes { body } else { end };
            *spans.get_mut(index)? = Span { offset: start, stride: plane.stride, lines: plane.lines };
            let own = if blocks.header_planes && plane.header > 0 {
                *spans.get_mut(listed)? = Span { offset: header, stride: plane.header_row, lines: plane.header_rows };
                *areas.get_mut(listed)? = (plane.header, 0);
                listed = listed.checked_add(1)?;
                0
            } else {
                plane.header
            };
            *areas.get_mut(index)? = (own, plane.body);
            end = end.checked_add(plane.header)?.checked_add(plane.body)?;
        }
        let mut line = None;
        if blocks.column_bytes > 0 {
            end = self.columns(blocks, width, height, &mut spans, &mut areas)?;
            line = spans.first().map(|span| span.stride);
        }
        if let Some(fields) = self.two_fields(blocks, width, height)? {
            end = end.max(fields);
        }
        let first = planes.first()?;
        let pixels = line.map_or(Some(first.pixels), |line| self.pixels(line))?;
        let first = match line {
            Some(_) => *spans.first()?,
            None => Span { offset: 0, stride: first.stride, lines: first.lines },
        };
        let align = u64::from(blocks.layer_align).max(LAYER_ALIGN_BYTES);
        let (tail_bytes, layer_bytes) = close(&first, pixels, end, layers, align, needs)?;
        Some(Measured {
            form: *self,
            spans,
            count: listed,
            areas,
            pixels: Some(pixels),
            end_bytes: end,
            tail_bytes,
            layer_bytes,
        })
    }

    /// How many planes have blocks.
    fn count(&self, blocks: &Blocks) -> usize {
        match blocks.merged {
            true => 1,
            false => self.shapes.len(),
        }
    }

    /// What the planes of a merged compression are made of, for handles and clients: components in bits without an order.
    pub fn merged_shapes(&self, blocks: &Blocks) -> Shapes {
        if !blocks.merged || self.shapes.len() < 2 {
            return Shapes::NONE;
        }
        let bits = match blocks.grids.first().map(|grid| grid.body) {
            Some(Body::Blocks { bits, .. }) if bits > 0 => u64::from(bits),
            _ => self.merged_bits(),
        };
        let mut parts = [Component { kind: ComponentKind::Y, offset_bits: 0, size_bits: -1 }; 4];
        let mut count = 0;
        for part in self.shapes.iter().flat_map(|shape| shape.components.iter()).take(4) {
            if let Some(place) = parts.get_mut(count) {
                place.kind = part.kind;
                count += 1;
            }
        }
        let bytes = u8::try_from(bits.min(255)).unwrap_or(u8::MAX);
        let mut shape = packed(&[], 8, bytes, 1, 1);
        shape.components = Components::new(parts.get(..count).unwrap_or(&parts));
        Shapes::from_slice(&[shape]).unwrap_or(Shapes::NONE)
    }

    /// Bits of a pixel over all planes.
    pub fn merged_bits(&self) -> u64 {
        let of = |shape: &PlaneShape| {
            let (bits, pixels) = shape.rate();
            bits.div_ceil(pixels.saturating_mul(shape.vertical_subsampling.into()))
        };
        self.shapes.iter().map(of).sum()
    }

    /// The grids of a layer; those of planes that it does not have are empty. `None` as of [`Form::measure_blocks`].
    pub fn grid_sizes(&self, blocks: &Blocks, width: u32, height: u32) -> Option<[GridSizes; MAX_PLANES]> {
        let mut planes = [GridSizes::default(); MAX_PLANES];
        let count = self.count(blocks);
        let last = blocks.grids.last()?;
        for (index, (plane, shape)) in planes.iter_mut().zip(self.shapes).take(count).enumerate() {
            let grid = blocks.grids.get(index).unwrap_or(last);
            let (across, down, bits, pixels) = match blocks.merged {
                true => (width, height, self.merged_bits(), 1),
                false => {
                    let (bits, _) = shape.rate();
                    (shape.samples_across(width), shape.samples_down(height), bits, u64::from(shape.group_samples))
                }
            };
            *plane = grid.measure(across.into(), down.into(), (bits, pixels))?;
            plane.pixels =
                plane.pixels.checked_mul(if blocks.merged { 1 } else { shape.horizontal_subsampling.into() })?;
        }
        Some(planes)
    }

    /// Bytes for two fields, each with half of the lines, where the size is below the bounds. `None` as of
    /// [`Form::measure_blocks`].
    pub fn two_fields(&self, blocks: &Blocks, width: u32, height: u32) -> Option<Option<u64>> {
        let Some(most) = blocks.two_fields else { return Some(None) };
        let of_256 = u64::from(width).checked_mul(height.into())? / 256;
        if width > most.width || height > most.height || of_256 > most.blocks.into() {
            return Some(None);
        }
        let field = self.grid_sizes(blocks, width, height.div_ceil(2))?;
        let mut bytes = 0u64;
        for plane in &field {
            bytes = bytes.checked_add(plane.header)?.checked_add(plane.body)?;
        }
        Some(Some(bytes.checked_mul(2)?))
    }

    /// Planes in one another's columns; answers the bytes of all. The stride that is told is that of a line through all columns, not
    /// a column's: DRM's core refuses an AddFB whose pitch is below the width's bytes, and the modifier says what a column is
    /// (`drm_fourcc.h`, of Broadcom's SAND).
    fn columns(
        &self,
        blocks: &Blocks,
        width: u32,
        height: u32,
        spans: &mut [Span; MAX_PLANES],
        areas: &mut [(u64, u64); MAX_PLANES],
    ) -> Option<u64> {
        let column = u64::from(blocks.column_bytes);
        let height = column_height(blocks, height)?;
        let line = self.shapes.first()?.line_bytes(width.into())?.checked_next_multiple_of(column)?;
        let mut lines_above = 0u64;
        for ((span, area), shape) in spans.iter_mut().zip(areas.iter_mut()).zip(self.shapes) {
            let lines = height.div_ceil(shape.vertical_subsampling.into());
            *span = Span { offset: column.checked_mul(lines_above)?, stride: line, lines };
            *area = (0, line.checked_mul(lines)?);
            lines_above = lines_above.checked_add(lines)?;
        }
        line.checked_mul(lines_above)
    }

    /// Lines of a column of all planes: a parameter of Broadcom's modifiers.
    pub fn column_lines(&self, blocks: &Blocks, height: u32) -> Option<u64> {
        let height = column_height(blocks, height)?;
        let lines = |shape: &PlaneShape| height.div_ceil(shape.vertical_subsampling.into());
        Some(self.shapes.iter().map(lines).sum())
    }
}

/// Lines of a column of the first plane.
fn column_height(blocks: &Blocks, height: u32) -> Option<u64> {
    let [_, round] = blocks.grids.first()?.round;
    u64::from(height).checked_next_multiple_of(round.max(1).into())
}

impl Grid {
    /// Blocks of one sample, with the bytes of its pixels and no header.
    pub const ONE: Grid = Grid {
        block: [1, 1],
        tile: [1, 1],
        round: [1, 1],
        body: Body::Blocks { bytes: 0, bits: 0, align: 1 },
        body_align: 1,
        body_extra: 0,
        body_copies: 1,
        copy_align: 1,
        header_bytes: 0,
        header_blocks: 1,
        header_grid: [1, 1],
        header_align: 1,
        header_extra: 0,
        row_stride: false,
    };

    /// Samples across and down, rounded and then filled up to whole tiles of blocks.
    pub(super) fn padded(&self, across: u64, down: u64) -> Option<[u64; 2]> {
        let whole = |samples: u64, at: usize| {
            let of = |list: &[u32; 2]| list.get(at).map_or(1, |multiple| u64::from(*multiple).max(1));
            let rounded = samples.checked_next_multiple_of(of(&self.round))?;
            rounded.checked_next_multiple_of(of(&self.block).checked_mul(of(&self.tile))?)
        };
        Some([whole(across, 0)?, whole(down, 1)?])
    }

    /// One plane of so many samples, each so many bits over so many samples.
    fn measure(&self, across: u64, down: u64, (bits, samples): (u64, u64)) -> Option<GridSizes> {
        let [block_w, block_h] = self.block.map(|block| u64::from(block).max(1));
        let [width, height] = self.padded(across, down)?;
        let (columns, rows) = (width / block_w, height / block_h);
        let [row_align, rows_align] = self.header_grid.map(|grid| u64::from(grid).max(1));
        let (mut header, mut header_row, mut header_rows) = (0, 0, 0);
        if self.header_bytes > 0 {
            let row = columns.checked_mul(self.header_bytes.into())?.div_ceil(u64::from(self.header_blocks).max(1));
            header_row = row.checked_next_multiple_of(row_align)?;
            header_rows = rows.checked_next_multiple_of(rows_align)?;
            header = header_row.checked_mul(header_rows)?.checked_add(self.header_extra.into())?;
            header = header.checked_next_multiple_of(u64::from(self.header_align).max(1))?;
        }
        let (block_bytes, stride, lines, pixels, body) = match self.body {
            Body::Blocks { bytes, bits: own, align } => {
                let (bits, samples) = if own > 0 { (u64::from(own), 1) } else { (bits, samples.max(1)) };
                let of_block = block_w.checked_mul(block_h)?.checked_mul(bits)?.div_ceil(samples.checked_mul(8)?);
                let of_block = if bytes > 0 { bytes.into() } else { of_block };
                let of_block = of_block.checked_next_multiple_of(u64::from(align).max(1))?;
                let row = columns.checked_mul(of_block)?;
                let stride = match (self.row_stride, bytes) {
                    (true, _) => row,
                    (false, 0) => width.checked_mul(bits)?.div_ceil(samples.checked_mul(8)?),
                    // Of a block with fewer bytes than lines a line has none, and a stride of 0 is no stride.
                    (false, _) => (row / block_h).max(1),
                };
                (of_block, stride, height, width, row.checked_mul(rows)?)
            }
            Body::Lines { pixels, bytes, lines } => {
                let line = across.checked_next_multiple_of(u64::from(pixels).max(1))?;
                let line = line.checked_mul(bits)?.div_ceil(samples.max(1).checked_mul(8)?);
                let stride = line.checked_next_multiple_of(u64::from(bytes).max(1))?;
                let lines = down.checked_next_multiple_of(u64::from(lines).max(1))?;
                let pixels = stride.checked_mul(8)?.checked_mul(samples)?.checked_div(bits)?;
                (0, stride, lines, pixels, stride.checked_mul(lines)?)
            }
        };
        let body =
            body.checked_add(self.body_extra.into())?.checked_next_multiple_of(u64::from(self.body_align).max(1))?;
        let copy = body.checked_next_multiple_of(u64::from(self.copy_align).max(1))?;
        let copies = copy.checked_mul(u64::from(self.body_copies).saturating_sub(1))?;
        let body = body.checked_add(copies)?;
        Some(GridSizes {
            width,
            height,
            columns,
            rows,
            block_bytes,
            stride,
            lines,
            pixels,
            body,
            header,
            header_row,
            header_rows,
        })
    }
}
