//! Pictures of the guest's screen: QEMU writes PPM in every version, people open PNG.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use crate::error::{At, Error, Result};

/// Pixels as R, G, B bytes, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 3 × width × height bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Reads a binary PPM (P6, 8 bits).
    ///
    /// # Errors
    /// The file cannot be read or is something else.
    pub fn read_ppm(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).at(path.display())?;
        parse_ppm(&bytes)
            .ok_or_else(|| Error::BadFile { path: path.to_owned(), problem: "not a binary PPM with 8 bits".to_owned() })
    }

    /// Reads a PNG of 8-bit RGB or RGBA; alpha is dropped.
    ///
    /// # Errors
    /// The file cannot be read or is something else.
    pub fn read_png(path: &Path) -> Result<Self> {
        let bad = |problem: String| Error::BadFile { path: path.to_owned(), problem };
        let file = std::io::BufReader::new(File::open(path).at(path.display())?);
        let mut reader = png::Decoder::new(file).read_info().map_err(|error| bad(error.to_string()))?;
        let size = reader.output_buffer_size().ok_or_else(|| bad("too large".to_owned()))?;
        let mut bytes = vec![0; size];
        let info = reader.next_frame(&mut bytes).map_err(|error| bad(error.to_string()))?;
        bytes.truncate(info.buffer_size());
        let rgb = match (info.color_type, info.bit_depth) {
            (png::ColorType::Rgb, png::BitDepth::Eight) => bytes,
            (png::ColorType::Rgba, png::BitDepth::Eight) => {
                bytes.chunks_exact(4).flat_map(|pixel| pixel.iter().take(3).copied()).collect()
            }
            other => return Err(bad(format!("{other:?} is not read"))),
        };
        Ok(Self { width: info.width, height: info.height, rgb })
    }

    /// Writes it as PNG.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_png(&self, path: &Path) -> Result<()> {
        let file = File::create(path).at(path.display())?;
        let mut encoder = png::Encoder::new(BufWriter::new(file), self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&self.rgb)?;
            writer.finish()
        });
        written.map_err(std::io::Error::other).at(path.display())
    }
}

fn parse_ppm(bytes: &[u8]) -> Option<Picture> {
    let mut rest = bytes.strip_prefix(b"P6")?;
    let mut numbers = [0_u32; 3];
    for number in &mut numbers {
        rest = rest.trim_ascii_start();
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *number = std::str::from_utf8(rest.get(..length)?).ok()?.parse().ok()?;
        rest = rest.get(length..)?;
    }
    let [width, height, 255] = numbers else { return None };
    let size = usize::try_from(u64::from(width).checked_mul(u64::from(height))?.checked_mul(3)?).ok()?;
    // One white-space byte ends the header.
    let rgb = rest.get(1..)?.get(..size)?.to_vec();
    Some(Picture { width, height, rgb })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ppm_becomes_a_png_with_the_same_pixels() {
        let picture = parse_ppm(b"P6\n2 2\n255\n\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c").unwrap();
        assert_eq!(picture.rgb, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.png");
        picture.write_png(&path).unwrap();
        assert_eq!(Picture::read_png(&path).unwrap(), picture);
    }

    #[test]
    fn ppm_that_is_short_or_deep_is_refused() {
        assert_eq!(parse_ppm(b"P6 2 2 255 \x01\x02"), None);
        assert_eq!(parse_ppm(b"P6 1 1 65535 \x01\x02\x03\x01\x02\x03"), None);
        assert_eq!(parse_ppm(b"P3 1 1 255 1 2 3"), None);
    }
}
