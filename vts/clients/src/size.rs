//! `1280x720` on a command line.

use std::fmt;
use std::str::FromStr;

/// Largest width or height that is taken: what V4L2 and DRM drivers of today can name.
const MAX_SIDE: u32 = 16_384;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Pixels.
    pub width: u32,
    /// Lines.
    pub height: u32,
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
    fn from_str_takes_sizes_and_refuses_the_rest() {
        assert_eq!("1280x720".parse(), Ok(Size { width: 1280, height: 720 }));
        for bad in ["", "x", "1280", "1280x", "0x720", "1280X720", "1280x720x3", "-1x5", "99999x1", " 1x1"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}
