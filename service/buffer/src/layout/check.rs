//! Judges planes that came from outside, such as those in a buffer handle that any process can forge.
//!
//! A layer follows from its first plane's stride and lines alone (see [`super::arrange`]). So the check lays the layer out again
//! from these two and accepts nothing else: it takes exactly what some policy's alignments could have made, and no
//! arithmetic is trusted that was not redone here.

use super::arrange::{end, Needs};
use super::{Layout, Plane, Planes};
use std::fmt;

/// Why planes are not ones of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// No layer has this size, or none of this layout; what it needs, in words.
    Size(&'static str),
    /// The layout has another number of planes.
    PlaneCount {
        /// As given.
        found: usize,
        /// The layout's.
        expected: usize,
    },
    /// The first plane's stride is too short for a line, or no multiple of the layout's unit.
    Stride {
        /// As given, in bytes.
        found: u32,
        /// The least, in bytes.
        least: u64,
        /// A multiple of this, in bytes.
        multiple_of: u64,
    },
    /// The first plane's lines are too few, or padded where the layout allows no padding.
    Lines {
        /// As given.
        found: u32,
        /// The height in pixels.
        height: u32,
    },
    /// A plane is not where the first plane's stride and lines put it.
    Plane {
        /// Which, from 0.
        index: usize,
        /// As given.
        found: Plane,
    },
    /// The planes end behind the layer.
    Outside {
        /// Where they end, in bytes; `None` beyond 64 bits.
        end: Option<u64>,
        /// The layer, in bytes.
        layer_bytes: u64,
    },
}

impl Layout {
    /// Checks that `planes` are a layer of `width` by `height` pixels in this layout, within `layer_bytes`.
    ///
    /// # Errors
    /// What is wrong with them. Never panics, whatever the numbers.
    pub fn check(self, planes: &Planes, layer_bytes: u64, width: u32, height: u32) -> Result<(), LayoutError> {
        if width == 0 || height == 0 || i32::try_from(width).is_err() || i32::try_from(height).is_err() {
            return Err(LayoutError::Size("a width and a height from 1 to 2147483647"));
        }
        self.accepts(width, height).map_err(LayoutError::Size)?;
        let planes = planes.as_slice();
        let count = LayoutError::PlaneCount { found: planes.len(), expected: self.shapes().len() };
        if planes.len() != self.shapes().len() {
            return Err(count);
        }
        let first = planes.first().ok_or(count)?;
        self.check_first(first, width, height)?;
        let outside = |end| LayoutError::Outside { end, layer_bytes };
        let spans = self.spans(first.stride_bytes.into(), first.lines.into()).ok_or(outside(None))?;
        for (index, (plane, span)) in planes.iter().zip(&spans).enumerate() {
            let found = (plane.offset_bytes, u64::from(plane.stride_bytes), u64::from(plane.lines));
            if found != (span.offset, span.stride, span.lines) {
                return Err(LayoutError::Plane { index, found: *plane });
            }
        }
        match end(&spans) {
            Some(end) if end <= layer_bytes => Ok(()),
            end => Err(outside(end)),
        }
    }

    /// The stride and the lines that decide all others.
    fn check_first(self, first: &Plane, width: u32, height: u32) -> Result<(), LayoutError> {
        let stride = u64::from(first.stride_bytes);
        let least = self.line_bytes(0, width).unwrap_or(u64::MAX);
        let multiple_of = self.stride_unit(&Needs::default()).unwrap_or(u64::MAX);
        let wrong = stride < least
            || stride % multiple_of != 0
            || (self.has_fixed_stride() && stride != least)
            || i32::try_from(first.stride_bytes).is_err();
        if wrong {
            return Err(LayoutError::Stride { found: first.stride_bytes, least, multiple_of });
        }
        let wrong = first.lines < height
            || (self.has_fixed_height() && first.lines != height)
            || i32::try_from(first.lines).is_err();
        if wrong {
            return Err(LayoutError::Lines { found: first.lines, height });
        }
        Ok(())
    }
}

impl std::error::Error for LayoutError {}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutError::Size(needs) => write!(f, "the layout needs {needs}"),
            LayoutError::PlaneCount { found, expected } => write!(f, "{found} planes: the layout has {expected}"),
            LayoutError::Stride { found, least, multiple_of } => {
                write!(f, "a stride of {found} bytes: must be a multiple of {multiple_of} from {least} to 2147483647")
            }
            LayoutError::Lines { found, height } => write!(f, "{found} lines for a height of {height}"),
            LayoutError::Plane { index, found } => write!(
                f,
                "plane {index} at {} with {} lines of {} bytes: not where the first plane puts it",
                found.offset_bytes, found.lines, found.stride_bytes
            ),
            LayoutError::Outside { end: Some(end), layer_bytes } => {
                write!(f, "the planes end at byte {end} of a layer of {layer_bytes}")
            }
            LayoutError::Outside { end: None, layer_bytes } => {
                write!(f, "the planes end beyond 64 bits, the layer has {layer_bytes} bytes")
            }
        }
    }
}
