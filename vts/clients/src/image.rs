//! Where a picture's planes lie in a buffer, checked: what both clients need to know of a decoded handle.

use crate::format::Format;

/// Largest width or height that is taken: what V4L2 and DRM drivers of today can name.
pub const MAX_SIDE: u32 = 16_384;

/// Where one plane lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Plane {
    /// Bytes from the start of the buffer.
    pub offset_bytes: u64,
    /// Bytes from one line to the next.
    pub stride_bytes: u32,
}

/// A picture in a buffer. Invariant: every line of every plane lies inside `bytes`, and the planes do not overlap.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Image {
    format: Format,
    width: u32,
    height: u32,
    planes: Vec<Plane>,
    bytes: u64,
}

/// Why a description is no picture in that buffer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Zero or absurd.
    #[error("a picture of {0}x{1} pixels (1 to {MAX_SIDE} are possible)")]
    Size(u32, u32),
    /// Too few or too many planes.
    #[error("{got} planes for a format that has {expected}")]
    PlaneCount {
        /// Planes of the format.
        expected: usize,
        /// Planes described.
        got: usize,
    },
    /// Lines would run into each other.
    #[error("plane {plane}: lines of {line} bytes with a stride of {stride}")]
    Stride {
        /// Number of the plane.
        plane: usize,
        /// Bytes of pixels a line.
        line: u64,
        /// Bytes from line to line.
        stride: u32,
    },
    /// The plane leaves the buffer.
    #[error("plane {plane} ends at byte {end} of a buffer of {bytes}")]
    Beyond {
        /// Number of the plane.
        plane: usize,
        /// Where it would end; the largest number when that cannot be counted.
        end: u64,
        /// Bytes of the buffer.
        bytes: u64,
    },
    /// Planes lie on one another.
    #[error("plane {plane} begins at byte {offset}, before the one ahead of it ends at {end}")]
    Overlap {
        /// Number of the plane.
        plane: usize,
        /// Where it begins.
        offset: u64,
        /// Where the one ahead ends.
        end: u64,
    },
}

impl Image {
    /// Checks a description. `bytes` is what the buffer really has.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(format: Format, width: u32, height: u32, planes: &[Plane], bytes: u64) -> Result<Image, ImageError> {
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            return Err(ImageError::Size(width, height));
        }
        if planes.len() != format.planes() {
            return Err(ImageError::PlaneCount { expected: format.planes(), got: planes.len() });
        }
        let mut free_from = 0;
        for (number, plane) in planes.iter().enumerate() {
            let (line, lines) = format.plane_extent(number, width, height);
            if u64::from(plane.stride_bytes) < line {
                return Err(ImageError::Stride { plane: number, line, stride: plane.stride_bytes });
            }
            // Sizes are at most 2^14 lines of 2^32 bytes: only adding the offset can overflow.
            let extent = u64::from(plane.stride_bytes) * u64::from(lines - 1) + line;
            let end = plane.offset_bytes.saturating_add(extent);
            if end > bytes {
                return Err(ImageError::Beyond { plane: number, end, bytes });
            }
            if plane.offset_bytes < free_from {
                return Err(ImageError::Overlap { plane: number, offset: plane.offset_bytes, end: free_from });
            }
            free_from = end;
        }
        Ok(Image { format, width, height, planes: planes.to_vec(), bytes })
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Lines.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The planes, as many as the format has.
    pub fn planes(&self) -> &[Plane] {
        &self.planes
    }

    /// Bytes from one line of the first plane to the next.
    pub fn stride_bytes(&self) -> u32 {
        self.planes.first().map_or(0, |plane| plane.stride_bytes)
    }

    /// Bytes of the whole buffer.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// For every line of a plane, top to bottom: where its pixels begin in the buffer, and how many bytes they are.
    pub fn lines(&self, plane: usize) -> impl Iterator<Item = (u64, u64)> + '_ {
        let (line, lines) = self.format.plane_extent(plane, self.width, self.height);
        self.planes.get(plane).into_iter().flat_map(move |at| {
            (0..u64::from(lines)).map(move |number| (at.offset_bytes + number * u64::from(at.stride_bytes), line))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plane(offset_bytes: u64, stride_bytes: u32) -> Plane {
        Plane { offset_bytes, stride_bytes }
    }

    #[test]
    fn new_takes_a_tight_picture_and_gives_its_lines() {
        let image = Image::new(Format::Nv12, 4, 4, &[plane(0, 16), plane(64, 16)], 96).unwrap();
        assert_eq!(image.lines(0).collect::<Vec<_>>(), [(0, 4), (16, 4), (32, 4), (48, 4)]);
        assert_eq!(image.lines(1).collect::<Vec<_>>(), [(64, 4), (80, 4)]);
        assert_eq!(image.lines(2).count(), 0);
    }

    #[test]
    fn new_of_bad_descriptions_says_what_is_wrong() {
        let err = |format, w, h, planes: &[Plane], bytes| Image::new(format, w, h, planes, bytes).unwrap_err();
        assert_eq!(err(Format::Xr24, 0, 4, &[plane(0, 16)], 64), ImageError::Size(0, 4));
        assert_eq!(err(Format::Xr24, 4, 70_000, &[plane(0, 16)], 64), ImageError::Size(4, 70_000));
        assert_eq!(err(Format::Nv12, 4, 4, &[plane(0, 16)], 64), ImageError::PlaneCount { expected: 2, got: 1 });
        assert_eq!(err(Format::Xr24, 4, 4, &[plane(0, 15)], 64), ImageError::Stride { plane: 0, line: 16, stride: 15 });
        assert_eq!(err(Format::Xr24, 4, 4, &[plane(0, 16)], 63), ImageError::Beyond { plane: 0, end: 64, bytes: 63 });
        assert_eq!(
            err(Format::Xr24, 4, 4, &[plane(u64::MAX, 16)], 64),
            ImageError::Beyond { plane: 0, end: u64::MAX, bytes: 64 }
        );
        assert_eq!(
            err(Format::Nv12, 4, 4, &[plane(0, 4), plane(8, 4)], 64),
            ImageError::Overlap { plane: 1, offset: 8, end: 16 }
        );
    }

    proptest! {
        #[test]
        fn lines_of_whatever_is_taken_stay_inside(
            width in 0u32..20_000, height in 0u32..300, offset in any::<u64>(), stride in any::<u32>(),
            second in 0u64..1 << 34, bytes in 0u64..1 << 34, nv12 in any::<bool>(), near in any::<bool>(),
        ) {
            let format = if nv12 { Format::Nv12 } else { Format::Xr24 };
            let (offset, stride) = if near { (offset % 8_192, stride % 100_000) } else { (offset, stride) };
            let planes = if nv12 { vec![plane(offset, stride), plane(second, stride)] } else { vec![plane(offset, stride)] };
            if let Ok(image) = Image::new(format, width, height, &planes, bytes) {
                for number in 0..format.planes() {
                    for (start, length) in image.lines(number) {
                        prop_assert!(start + length <= bytes);
                    }
                }
            }
        }
    }
}
