//! Judges planes that came from outside, such as those in a buffer handle that any process can forge.
//!
//! Policies pad and align in many ways, so that planes are not laid out again here: what is held is what a client relies on.
//! Planes lie in their order, inside the layer, without a byte in common; each holds every sample of the picture, in lines of
//! whole samples; and where a format's definition fixes strides or lines, they are those.

use super::arrange::{sample_bytes, YV12_CHROMA_STRIDE_BYTES};
use super::{Form, Layout, Needs, Plane, PlaneShape, Planes};
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
    /// A plane that does not begin behind the one before, is too small for its samples, or not what the format fixes.
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
        check_size(width, height)?;
        self.accepts(width, height).map_err(LayoutError::Size)?;
        self.form().check(planes, layer_bytes, width, height)
    }
}

/// Whether the wire has such a size.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), LayoutError> {
    if width == 0 || height == 0 || i32::try_from(width).is_err() || i32::try_from(height).is_err() {
        return Err(LayoutError::Size("a width and a height from 1 to 2147483647"));
    }
    Ok(())
}

impl Form<'_> {
    /// As [`Layout::check`], of a size that the layout accepts.
    ///
    /// # Errors
    /// What is wrong with them. Never panics, whatever the numbers.
    pub fn check(&self, planes: &Planes, layer_bytes: u64, width: u32, height: u32) -> Result<(), LayoutError> {
        check_size(width, height)?;
        let planes = planes.as_slice();
        let count = LayoutError::PlaneCount { found: planes.len(), expected: self.shapes.len() };
        if planes.len() != self.shapes.len() {
            return Err(count);
        }
        let (first, rest) = planes.split_first().ok_or(count)?;
        self.check_first(first, width, height)?;
        let mut end = first.bytes();
        for (index, plane) in (1..).zip(rest) {
            let bad = LayoutError::Plane { index, found: *plane };
            if !self.holds(index, plane, first, end, width, height) {
                return Err(bad);
            }
            end = plane.offset_bytes.checked_add(plane.bytes()).ok_or(bad)?;
        }
        if end > layer_bytes {
            return Err(LayoutError::Outside { end: Some(end), layer_bytes });
        }
        Ok(())
    }

    /// Whether a plane after the first is one: `end` is where the one before ends.
    fn holds(&self, index: usize, plane: &Plane, first: &Plane, end: u64, width: u32, height: u32) -> bool {
        let Some(shape) = self.shapes.get(index) else { return false };
        let (Some(line), lines) = (shape.line_bytes(width.into()), shape.samples_down(height)) else { return false };
        let stride = u64::from(plane.stride_bytes);
        let fixed = match self.contract.yv12 {
            true => {
                let chroma = (u64::from(first.stride_bytes) / 2).next_multiple_of(YV12_CHROMA_STRIDE_BYTES);
                stride == chroma && plane.offset_bytes == end
            }
            false => true,
        };
        fixed
            && plane.offset_bytes >= end
            && stride >= line
            && stride % sample_bytes(shape) == 0
            && plane.lines >= lines
            && (!self.contract.fixed_height || plane.lines == lines)
            && i32::try_from(plane.stride_bytes).is_ok()
            && i32::try_from(plane.lines).is_ok()
    }

    /// The first plane: at the layer's start, for a client that is not told of an offset takes none.
    fn check_first(&self, first: &Plane, width: u32, height: u32) -> Result<(), LayoutError> {
        let stride = u64::from(first.stride_bytes);
        let least = self.line_bytes(0, width).unwrap_or(u64::MAX);
        let wrong = stride < least
            || !(self.contract.fixed_stride || self.is_whole(first.stride_bytes))
            || (self.contract.fixed_stride && stride != least)
            || i32::try_from(first.stride_bytes).is_err();
        if wrong {
            let multiple_of = match self.contract.fixed_stride {
                true => 1,
                false => self.stride_unit(&Needs::NONE).unwrap_or(u64::MAX),
            };
            return Err(LayoutError::Stride { found: first.stride_bytes, least, multiple_of });
        }
        let least = self.shapes.first().map_or(height, |shape| shape.samples_down(height));
        let wrong = first.lines < least
            || (self.contract.fixed_height && first.lines != least)
            || i32::try_from(first.lines).is_err();
        if wrong {
            return Err(LayoutError::Lines { found: first.lines, height });
        }
        if first.offset_bytes != 0 {
            return Err(LayoutError::Plane { index: 0, found: *first });
        }
        Ok(())
    }

    /// Whether a stride of the first plane is a multiple of its unit, which need not be worked out for that: every import asks.
    fn is_whole(&self, stride: u32) -> bool {
        let (first_bits, first_pixels) = self.rate();
        let whole = |shape: &PlaneShape| {
            let (bits, pixels) = shape.rate();
            // The same pixels in this plane are whole samples. Bits and pixels of a group are bytes: nothing comes near 64 bits.
            let (part, of) = (u64::from(stride) * bits * first_pixels, first_bits * pixels * sample_bytes(shape));
            part % of.max(1) == 0
        };
        let contract = match self.contract.stride_pixels {
            0 | 1 => true,
            pixels => self.bytes_of(pixels.into()).is_some_and(|bytes| u64::from(stride) % bytes == 0),
        };
        contract && (self.contract.yv12 || self.shapes.iter().all(whole))
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
                "plane {index} at {} with {} lines of {} bytes: not behind the one before, or not one of its format",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stride_is_whole_where_it_is_a_multiple_of_the_unit_that_is_worked_out() {
        // Chroma of another size than luma's samples, and of groups that are packed: units that no table of AIDL's has.
        let shapes = [(1, 3, 1), (4, 5, 2), (3, 7, 1), (96, 16, 4), (1, 2, 2)];
        let shape = |(group_samples, group_bytes, across)| PlaneShape {
            group_samples,
            group_bytes,
            horizontal_subsampling: across,
            ..Layout::Rgba8888.shapes()[0]
        };
        let shapes = shapes.map(shape);
        let pairs: Vec<_> = shapes.iter().flat_map(|first| shapes.map(|second| [*first, second])).collect();
        let own = pairs.iter().map(|pair| Form { shapes: pair, contract: Layout::Rgba8888.form().contract });
        for form in Layout::ALL.iter().map(|layout| layout.form()).chain(own).filter(|form| !form.shapes.is_empty()) {
            let unit = form.stride_unit(&Needs::NONE).unwrap();
            for stride in (1..2000).chain([0x7fff_ffff]) {
                assert_eq!(form.is_whole(stride), u64::from(stride) % unit == 0, "{form:?}: {stride}, unit {unit}");
            }
        }
    }

    /// `YV12` of PixelFormat.aidl: chroma has half of luma's stride in whole 16 bytes, and no gap before it.
    #[test]
    fn yv12_s_chroma_has_the_stride_and_the_place_that_the_format_fixes() {
        let check = |chroma: [(u64, u32); 2]| {
            let plane = |(offset_bytes, stride_bytes)| Plane { offset_bytes, stride_bytes, lines: 3 };
            let luma = Plane { offset_bytes: 0, stride_bytes: 32, lines: 6 };
            let planes = Planes::from_slice(&[luma, plane(chroma[0]), plane(chroma[1])]).unwrap();
            Layout::Yv12.check(&planes, 4096, 30, 6)
        };
        assert_eq!(check([(192, 16), (240, 16)]), Ok(()));
        for wrong in [[(192, 32), (288, 16)], [(192, 16), (240, 32)], [(208, 16), (256, 16)], [(192, 16), (256, 16)]] {
            assert!(matches!(check(wrong), Err(LayoutError::Plane { .. })), "{wrong:?}");
        }
    }

    /// Each bound of the first plane alone: what it refuses, no other does.
    #[test]
    fn first_plane_is_refused_for_each_of_its_bounds_alone() {
        const HUGE: u32 = 1 << 31;
        let check = |layout: Layout, stride_bytes, lines, width, height| {
            let planes = Planes::from_slice(&[Plane { offset_bytes: 0, stride_bytes, lines }]).unwrap();
            layout.check(&planes, u64::MAX, width, height)
        };
        let rgba = |stride_bytes, lines| check(Layout::Rgba8888, stride_bytes, lines, 64, 48);
        assert_eq!((rgba(256, 48), rgba(260, 49)), (Ok(()), Ok(())));
        for stride in [252, 258, HUGE] {
            let refused = rgba(stride, 48).unwrap_err();
            assert!(matches!(refused, LayoutError::Stride { .. }), "{stride}");
            assert!(refused.to_string().contains(&stride.to_string()), "{refused}");
        }
        for lines in [47, HUGE] {
            assert!(matches!(rgba(256, lines), Err(LayoutError::Lines { .. })), "{lines}");
        }
        let blob = |stride_bytes, lines| check(Layout::Blob, stride_bytes, lines, 1000, 1);
        assert_eq!(blob(1000, 1), Ok(()));
        assert!(matches!(blob(1001, 1), Err(LayoutError::Stride { .. })), "a contract's stride");
        assert!(matches!(blob(1000, 2), Err(LayoutError::Lines { .. })), "a contract's lines");
    }
}
