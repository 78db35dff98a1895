//! `1280x720` on a command line.

use std::fmt;
use std::str::FromStr;

/// Largest width or height that is taken: what V4L2 and DRM drivers of today can name.
const MAX_SIDE: u32 = 16_384;

/// What cameras make: the sizes of vivid's webcam (Linux, drivers/media/test-drivers/vivid/vivid-vid-cap.c, webcam_sizes)
/// that a display may have too.
const CAMERAS: [(u32, u32); 4] = [(640, 360), (640, 480), (1280, 720), (1920, 1080)];

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Pixels.
    pub width: u32,
    /// Lines.
    pub height: u32,
}

impl Size {
    /// Of a display's modes the one to take where `self` is the most that is wanted: itself; else the largest that
    /// cameras have too, since only a frame of the mode's own size is scanned out where it lies; else the largest.
    pub fn best_of(self, modes: impl IntoIterator<Item = Size>) -> Option<Size> {
        let fits = |mode: &Size| mode.width <= self.width && mode.height <= self.height;
        let area = |mode: &Size| u64::from(mode.width) * u64::from(mode.height);
        let of_cameras = |mode: &Size| CAMERAS.contains(&(mode.width, mode.height));
        modes.into_iter().filter(fits).max_by_key(|mode| (*mode == self, of_cameras(mode), area(mode)))
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let number = |text: &str| text.parse().ok().filter(|number| (1..=MAX_SIDE).contains(number));
        text.split_once('x')
            .and_then(|(width, height)| Some(Size { width: number(width)?, height: number(height)? }))
            .ok_or_else(|| format!("write WIDTHxHEIGHT, each from 1 to {MAX_SIDE}, for example 1280x720"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_of_prefers_the_wanted_then_a_cameras_then_the_largest_and_never_more() {
        let best = |wanted: &str, modes: &[&str]| {
            let modes = modes.iter().map(|mode| mode.parse::<Size>().unwrap());
            wanted.parse::<Size>().unwrap().best_of(modes).map(|size| size.to_string())
        };
        let bochs = ["1920x1080", "1024x768", "1280x800", "1280x720", "800x600", "640x480"];
        assert_eq!(best("1280x720", &bochs).as_deref(), Some("1280x720"));
        assert_eq!(best("800x600", &bochs).as_deref(), Some("800x600"));
        let cirrus = ["800x600", "848x480", "640x480"];
        assert_eq!(best("1280x720", &cirrus).as_deref(), Some("640x480"));
        assert_eq!(best("1280x720", &["800x600", "848x480"]).as_deref(), Some("800x600"));
        assert_eq!(best("123x45", &bochs), None);
        assert_eq!(best("1280x720", &[]), None);
    }

    #[test]
    fn from_str_takes_sizes_and_refuses_the_rest() {
        assert_eq!("1280x720".parse(), Ok(Size { width: 1280, height: 720 }));
        for bad in ["", "x", "1280", "1280x", "0x720", "1280X720", "1280x720x3", "-1x5", "99999x1", " 1x1"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}
