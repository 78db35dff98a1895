//! Two pictures, pixel by pixel.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use vm_harness::error::Result;
use vm_harness::screen::Picture;

/// How alike they are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PictureComparison {
    /// They have different sizes, in pixels.
    Sizes((u32, u32), (u32, u32)),
    /// So many pixels of so many differ; so many of the frame's were drawn over.
    Differ { different: usize, all: usize, drawn: usize },
}

impl PictureComparison {
    /// Whether every pixel is the same, and something was drawn over the frame.
    pub(super) fn same(&self) -> bool {
        matches!(self, Self::Differ { different: 0, all: 1.., drawn: 1.. })
    }
}

impl fmt::Display for PictureComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sizes((w, h), (x, y)) => write!(f, "the screen has {w}x{h} pixels, the frame {x}x{y}"),
            Self::Differ { different, all, drawn } => {
                write!(f, "{different} of {all} pixels differ; {drawn} are the overlay's")
            }
        }
    }
}

/// A rectangle of one colour that the display drew, as it reports it. Pixels.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Patch {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    rgb: [u8; 3],
}

impl Patch {
    fn covers(&self, x: u32, y: u32) -> bool {
        let inside = |at: u32, start: u32, length: u32| at.checked_sub(start).is_some_and(|at| at < length);
        inside(x, self.x, self.width) && inside(y, self.y, self.height)
    }
}

/// Compares the screen's PNG with a frame's PPM that `overlay` is drawn over.
pub(super) fn compare(screen: &Path, frame: &Path, overlay: Vec<Patch>) -> Result<PictureComparison> {
    let mut frame = Picture::read_ppm(frame)?;
    let drawn = draw(&mut frame, &overlay);
    Ok(compared(&Picture::read_png(screen)?, &frame, drawn))
}

/// Draws one after the other; answers how many pixels got another colour than they had.
fn draw(frame: &mut Picture, overlay: &[Patch]) -> usize {
    let columns = (0..frame.height).flat_map(|y| (0..frame.width).map(move |x| (x, y)));
    let mut changed = 0;
    for ((x, y), pixel) in columns.zip(frame.rgb.chunks_exact_mut(3)) {
        if let Some(patch) = overlay.iter().rev().find(|patch| patch.covers(x, y)) {
            changed += usize::from(pixel != patch.rgb);
            pixel.copy_from_slice(&patch.rgb);
        }
    }
    changed
}

fn compared(screen: &Picture, frame: &Picture, drawn: usize) -> PictureComparison {
    let (left, right) = ((screen.width, screen.height), (frame.width, frame.height));
    if left != right {
        return PictureComparison::Sizes(left, right);
    }
    let pixels = screen.rgb.chunks_exact(3).zip(frame.rgb.chunks_exact(3));
    PictureComparison::Differ { different: pixels.clone().filter(|(a, b)| a != b).count(), all: pixels.count(), drawn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_other_pixel_or_another_size_is_seen() {
        let frame = Picture { width: 2, height: 1, rgb: vec![1, 2, 3, 4, 5, 6] };
        assert!(compared(&frame, &frame, 1).same());
        assert!(!compared(&frame, &frame, 0).same(), "nothing was drawn");
        let other = Picture { rgb: vec![1, 2, 3, 4, 5, 7], ..frame.clone() };
        assert_eq!(compared(&other, &frame, 1), PictureComparison::Differ { different: 1, all: 2, drawn: 1 });
        assert!(!compared(&other, &frame, 1).same());
        let wide = Picture { width: 1, height: 2, ..frame.clone() };
        assert_eq!(compared(&wide, &frame, 1), PictureComparison::Sizes((1, 2), (2, 1)));
        let empty = Picture { width: 0, height: 0, rgb: Vec::new() };
        assert!(!compared(&empty, &empty, 1).same());
    }

    #[test]
    fn patches_are_drawn_in_order_and_only_changes_are_counted() {
        let mut frame = Picture { width: 2, height: 2, rgb: vec![9; 12] };
        let patch = |x, width, rgb| Patch { x, y: 1, width, height: 1, rgb };
        assert_eq!(draw(&mut frame, &[patch(0, 2, [1; 3]), patch(1, 9, [2; 3])]), 2);
        assert_eq!(frame.rgb, [9, 9, 9, 9, 9, 9, 1, 1, 1, 2, 2, 2]);
        assert_eq!(draw(&mut frame, &[patch(1, 1, [2; 3])]), 0);
    }
}
