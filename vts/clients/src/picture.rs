//! A picture in ordinary memory: taken out of a buffer, written as a file, judged.

use crate::buffer::Access;
use crate::convert::{line_to_bgrx, Matrix};
use crate::format::ColorEncoding;
use anyhow::{Context, Result};
use std::fmt;
use std::io::{self, Write};

/// Red, green and blue bytes, line by line, without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

/// The eight bars, left to right: which of red, green and blue are lit.
/// vivid's first test pattern, "75% Colorbar" (`v4l2-tpg-core.c`, `TPG_PAT_75_COLORBAR`).
const BARS: [(&str, [bool; 3]); 8] = [
    ("white", [true, true, true]),
    ("yellow", [true, true, false]),
    ("cyan", [false, true, true]),
    ("green", [false, true, false]),
    ("magenta", [true, false, true]),
    ("red", [true, false, false]),
    ("blue", [false, false, true]),
    ("black", [false, false, false]),
];

/// A component is lit above this: half way between the black and the 75 % level of any range.
const LIT: u8 = 104;

impl Picture {
    /// A picture of RGB bytes; `None` when their number is not that of the size.
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Option<Picture> {
        let bytes = usize::try_from((u64::from(width) * u64::from(height)).checked_mul(3)?).ok()?;
        (bytes > 0 && rgb.len() == bytes).then_some(Picture { width, height, rgb })
    }

    /// Copies a picture out of a buffer and converts it.
    ///
    /// # Errors
    /// When the buffer does not hold the picture.
    pub fn copy(access: &Access<'_>, color: ColorEncoding) -> Result<Picture> {
        let mut rgb = Vec::new();
        copy_bgrx(access, color, |_, line| {
            rgb.extend(line.chunks_exact(4).flat_map(|pixel| pixel.iter().rev().skip(1)));
            Ok(())
        })?;
        let (width, height) = access.buffer().size();
        Picture::from_rgb(width, height, rgb).context("no picture")
    }

    /// Pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Lines.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Red, green and blue of a pixel; `None` outside.
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = usize::try_from((u64::from(y) * u64::from(self.width) + u64::from(x)) * 3).ok()?;
        self.rgb.get(at..at + 3)?.try_into().ok()
    }

    /// Writes a binary PPM (P6), the form of QEMU's `screendump`.
    ///
    /// # Errors
    /// The writer's.
    pub fn write_ppm(&self, mut to: impl Write) -> io::Result<()> {
        write!(to, "P6\n{} {}\n255\n", self.width, self.height)?;
        to.write_all(&self.rgb)
    }

    /// Looks for the test bars in the lower part of the picture (the upper carries text).
    ///
    /// # Errors
    /// Names the first bar that is not as it must be, with the colour found there. Swapped bytes show as another order.
    pub fn check_bars(&self) -> Result<(), String> {
        let y = self.height - self.height / 8 - 1;
        for (number, (name, lit)) in (0u32..).zip(BARS) {
            let x = (2 * number + 1) * self.width / 16;
            let Some(rgb) = self.pixel(x, y) else { return Err(format!("no pixel at {x},{y}")) };
            if rgb.map(|component| component > LIT) != lit {
                let [r, g, b] = rgb;
                return Err(format!("bar {} must be {name}, the pixel at {x},{y} is R {r} G {g} B {b}", number + 1));
            }
        }
        Ok(())
    }
}

/// Copies every line of a picture out of a buffer as B, G, R, X and gives it away with its number.
///
/// # Errors
/// The taker's, or, after what came before, that the buffer does not hold the picture.
pub fn copy_bgrx(
    access: &Access<'_>,
    color: ColorEncoding,
    mut give: impl FnMut(u32, &[u8]) -> Result<()>,
) -> Result<()> {
    let (buffer, matrix) = (access.buffer(), Matrix::new(color));
    let mut chroma = buffer.lines(1);
    let (mut first, mut second, mut out) = (Vec::new(), Vec::new(), Vec::new());
    out.resize(usize::try_from(buffer.size().0)? * 4, 0);
    for (number, line) in (0..).zip(buffer.lines(0)) {
        copy_line(access, line, &mut first)?;
        // Chroma lines serve two lines of luma.
        if number % 2 == 0 {
            chroma.next().map_or(Ok(()), |line| copy_line(access, line, &mut second))?;
        }
        line_to_bgrx(buffer.format(), &matrix, &first, &second, &mut out);
        give(number, &out)?;
    }
    Ok(())
}

/// Copies the pixels of every plane as they are, without the padding between lines.
///
/// # Errors
/// When the buffer does not hold them.
pub fn copy_raw(access: &Access<'_>) -> Result<Vec<u8>> {
    let (mut raw, mut bytes) = (Vec::new(), Vec::new());
    let buffer = access.buffer();
    for line in (0..buffer.planes().len()).flat_map(|plane| buffer.lines(plane)) {
        copy_line(access, line, &mut bytes)?;
        raw.extend_from_slice(&bytes);
    }
    Ok(raw)
}

/// A number that changes when pixels do, from every `step`th line of the first plane (FNV-1a over 64-bit words).
///
/// # Errors
/// When the buffer does not hold them.
pub fn fingerprint(access: &Access<'_>, step: usize) -> Result<u64> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut bytes = Vec::new();
    for line in access.buffer().lines(0).step_by(step.max(1)) {
        copy_line(access, line, &mut bytes)?;
        for word in bytes.chunks(8) {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(word).for_each(|(to, from)| *to = *from);
            hash = (hash ^ u64::from_le_bytes(bytes)).wrapping_mul(0x100_0000_01b3);
        }
    }
    Ok(hash)
}

fn copy_line(access: &Access<'_>, (offset, length): (u64, u64), into: &mut Vec<u8>) -> Result<()> {
    into.resize(usize::try_from(length)?, 0);
    access.copy_out(offset, into)
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}x{})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(width: u32, height: u32) -> Picture {
        let line: Vec<u8> = (0..width)
            .flat_map(|x| {
                let (_, lit) = BARS[usize::try_from(x * 8 / width).unwrap()];
                lit.map(|lit| if lit { 191 } else { 0 })
            })
            .collect();
        Picture::from_rgb(width, height, line.repeat(usize::try_from(height).unwrap())).unwrap()
    }

    #[test]
    fn check_bars_of_bars_passes_and_of_others_names_the_bar() {
        let good = bars(1280, 720);
        assert_eq!(good.check_bars(), Ok(()));
        assert_eq!(bars(64, 8).check_bars(), Ok(()));
        let blank = Picture::from_rgb(64, 8, vec![0; 64 * 8 * 3]).unwrap();
        assert!(blank.check_bars().unwrap_err().contains("bar 1 must be white"));
        let swapped: Vec<u8> = good.rgb.chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]]).collect();
        let error = Picture::from_rgb(1280, 720, swapped).unwrap().check_bars().unwrap_err();
        assert!(error.contains("bar 2 must be yellow"), "{error}");
    }

    #[test]
    fn write_ppm_is_header_and_bytes() {
        let mut file = Vec::new();
        Picture::from_rgb(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap().write_ppm(&mut file).unwrap();
        assert_eq!(file, b"P6\n2 1\n255\n\x01\x02\x03\x04\x05\x06");
    }

    #[test]
    fn from_rgb_of_another_number_of_bytes_is_none() {
        assert_eq!(Picture::from_rgb(2, 1, vec![0; 5]), None);
        assert_eq!(Picture::from_rgb(0, 1, vec![]), None);
        assert_eq!(Picture::from_rgb(u32::MAX, u32::MAX, vec![]), None);
        let picture = Picture::from_rgb(1, 2, vec![0, 0, 0, 7, 8, 9]).unwrap();
        assert_eq!(picture.pixel(0, 1), Some([7, 8, 9]));
        assert_eq!(picture.pixel(1, 0), None);
    }
}
