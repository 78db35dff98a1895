//! Two pictures, pixel by pixel.

use std::fmt;
use std::path::Path;

use vm_harness::error::Result;
use vm_harness::screen::Picture;

/// How alike they are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// They have different sizes, in pixels.
    Sizes((u32, u32), (u32, u32)),
    /// So many pixels of so many differ.
    Differ(usize, usize),
}

impl Likeness {
    /// Whether every pixel is the same.
    pub(super) fn same(&self) -> bool {
        matches!(self, Self::Differ(0, 1..))
    }
}

impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sizes((w, h), (x, y)) => write!(f, "the screen has {w}x{h} pixels, the frame {x}x{y}"),
            Self::Differ(different, all) => write!(f, "{different} of {all} pixels differ"),
        }
    }
}

/// Compares the screen's PNG with a frame's PPM.
pub(super) fn compare(screen: &Path, frame: &Path) -> Result<Likeness> {
    Ok(likeness(&Picture::read_png(screen)?, &Picture::read_ppm(frame)?))
}

fn likeness(screen: &Picture, frame: &Picture) -> Likeness {
    let (left, right) = ((screen.width, screen.height), (frame.width, frame.height));
    if left != right {
        return Likeness::Sizes(left, right);
    }
    let pixels = screen.rgb.chunks_exact(3).zip(frame.rgb.chunks_exact(3));
    Likeness::Differ(pixels.clone().filter(|(a, b)| a != b).count(), pixels.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_other_pixel_or_another_size_is_seen() {
        let frame = Picture { width: 2, height: 1, rgb: vec![1, 2, 3, 4, 5, 6] };
        assert!(likeness(&frame, &frame).same());
        let other = Picture { rgb: vec![1, 2, 3, 4, 5, 7], ..frame.clone() };
        assert_eq!(likeness(&other, &frame), Likeness::Differ(1, 2));
        assert!(!likeness(&other, &frame).same());
        let wide = Picture { width: 1, height: 2, ..frame.clone() };
        assert_eq!(likeness(&wide, &frame), Likeness::Sizes((1, 2), (2, 1)));
        let empty = Picture { width: 0, height: 0, rgb: Vec::new() };
        assert!(!likeness(&empty, &empty).same());
    }
}
