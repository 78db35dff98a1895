//! What a GPU does on a phone: pixels of any of the formats into bytes B, G, R, X, by the CPU.
//!
//! Integer arithmetic with 16 fractional bits, so that every machine gets the same bytes.
//! Source of the matrices: ITU-R BT.601 and BT.709 (luma weights of red and blue).

use crate::format::{ColorEncoding, Format};

/// YCbCr to RGB for one encoding.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    luma_black: i32,
    luma_gain: i32,
    red_cr: i32,
    green_cb: i32,
    green_cr: i32,
    blue_cb: i32,
}

const ONE: f64 = 65_536.0;

impl Matrix {
    /// The matrix of an encoding.
    pub fn new(color: ColorEncoding) -> Matrix {
        let (red, blue) = if color.bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let green = 1.0 - red - blue;
        let (luma_range, chroma_range) = if color.full_range { (255.0, 255.0) } else { (219.0, 224.0) };
        let chroma = 255.0 / chroma_range;
        Matrix {
            luma_black: if color.full_range { 0 } else { 16 },
            luma_gain: fixed(255.0 / luma_range),
            red_cr: fixed(2.0 * (1.0 - red) * chroma),
            green_cb: fixed(2.0 * (1.0 - blue) * blue / green * chroma),
            green_cr: fixed(2.0 * (1.0 - red) * red / green * chroma),
            blue_cb: fixed(2.0 * (1.0 - blue) * chroma),
        }
    }

    /// Pixels that share their chroma, as B, G, R, X each.
    fn write_bgrx(&self, luma: &[u8], cb: u8, cr: u8, out: &mut [u8]) {
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        let (blue, green, red) = (self.blue_cb * cb, self.green_cb * cb + self.green_cr * cr, self.red_cr * cr);
        for (to, y) in out.chunks_exact_mut(4).zip(luma) {
            let luma = (i32::from(*y) - self.luma_black) * self.luma_gain;
            to.copy_from_slice(&[byte(luma + blue), byte(luma - green), byte(luma + red), 0xff]);
        }
    }
}

fn fixed(value: f64) -> i32 {
    #[expect(clippy::as_conversions, reason = "matrix coefficients are below 3: they fit")]
    let fixed = (value * ONE).round() as i32;
    fixed
}

/// The nearest byte of a value with 16 fractional bits.
fn byte(value: i32) -> u8 {
    u8::try_from(((value + 0x8000) >> 16).clamp(0, 255)).unwrap_or(u8::MAX)
}

/// Converts one line. `first` is the line of the first plane; `second` the line of the second one that belongs to it,
/// empty where the format has none. Writes as many pixels as `out` has room for and the input gives.
pub fn line_to_bgrx(format: Format, matrix: &Matrix, first: &[u8], second: &[u8], out: &mut [u8]) {
    match format {
        Format::Xr24 => {
            for (to, from) in out.chunks_exact_mut(4).zip(first.chunks_exact(4)) {
                to.copy_from_slice(from);
            }
        }
        Format::Xb24 => {
            for (to, from) in out.chunks_exact_mut(4).zip(first.chunks_exact(4)) {
                if let [r, g, b, x] = *from {
                    to.copy_from_slice(&[b, g, r, x]);
                }
            }
        }
        Format::Nv12 | Format::Nv21 => {
            for ((to, luma), chroma) in out.chunks_mut(8).zip(first.chunks(2)).zip(second.chunks_exact(2)) {
                match *chroma {
                    [cb, cr] if format == Format::Nv12 => matrix.write_bgrx(luma, cb, cr, to),
                    [cr, cb] => matrix.write_bgrx(luma, cb, cr, to),
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITED_601: ColorEncoding = ColorEncoding { bt709: false, full_range: false };
    const LIMITED_709: ColorEncoding = ColorEncoding { bt709: true, full_range: false };
    const FULL_601: ColorEncoding = ColorEncoding { bt709: false, full_range: true };

    /// B, G, R of a pixel.
    fn bgr(color: ColorEncoding, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let mut out = [0; 4];
        Matrix::new(color).write_bgrx(&[y], cb, cr, &mut out);
        let [b, g, r, _] = out;
        [b, g, r]
    }

    #[test]
    fn write_bgrx_of_black_white_and_grey_is_exact() {
        for color in [LIMITED_601, LIMITED_709] {
            assert_eq!(bgr(color, 16, 128, 128), [0, 0, 0]);
            assert_eq!(bgr(color, 235, 128, 128), [255, 255, 255]);
            assert_eq!(bgr(color, 126, 128, 128), [128, 128, 128]);
        }
        assert_eq!(bgr(FULL_601, 77, 128, 128), [77, 77, 77]);
    }

    #[test]
    fn write_bgrx_of_the_primaries_is_that_of_the_standards() {
        // BT.601 and BT.709 tables of 100 % colour bars, 8 bits, limited range: Y, Cb, Cr.
        let near = |got: [u8; 3], want: [u8; 3]| {
            assert!(got.iter().zip(want).all(|(got, want)| got.abs_diff(want) <= 2), "{got:?} is not {want:?}");
        };
        near(bgr(LIMITED_601, 81, 90, 240), [0, 0, 255]);
        near(bgr(LIMITED_601, 145, 54, 34), [0, 255, 0]);
        near(bgr(LIMITED_601, 41, 240, 110), [255, 0, 0]);
        near(bgr(LIMITED_709, 63, 102, 240), [0, 0, 255]);
        near(bgr(LIMITED_709, 173, 42, 26), [0, 255, 0]);
        near(bgr(LIMITED_709, 32, 240, 118), [255, 0, 0]);
        near(bgr(FULL_601, 76, 85, 255), [0, 0, 254]);
    }

    #[test]
    fn write_bgrx_of_impossible_values_is_clamped() {
        assert_eq!(bgr(LIMITED_601, 0, 128, 128), [0, 0, 0]);
        assert_eq!(bgr(LIMITED_601, 255, 255, 255), [255, 125, 255]);
    }

    #[test]
    fn line_of_rgb_keeps_or_swaps_bytes() {
        let matrix = Matrix::new(LIMITED_601);
        let mut out = [0; 8];
        line_to_bgrx(Format::Xr24, &matrix, &[1, 2, 3, 4, 5, 6, 7, 8], &[], &mut out);
        assert_eq!(out, [1, 2, 3, 4, 5, 6, 7, 8]);
        line_to_bgrx(Format::Xb24, &matrix, &[1, 2, 3, 4, 5, 6, 7, 8], &[], &mut out);
        assert_eq!(out, [3, 2, 1, 4, 7, 6, 5, 8]);
    }

    #[test]
    fn line_of_nv12_shares_chroma_between_two_pixels() {
        let matrix = Matrix::new(LIMITED_601);
        let mut out = [0; 12];
        line_to_bgrx(Format::Nv12, &matrix, &[81, 81, 41], &[90, 240, 240, 110], &mut out);
        let [b0, _, r0, _, b1, _, r1, _, b2, _, r2, _] = out;
        assert!(r0 > 250 && b0 < 5 && r1 == r0 && b1 == b0, "{out:?}");
        assert!(b2 > 250 && r2 < 5, "{out:?}");
        let mut swapped = [0; 12];
        line_to_bgrx(Format::Nv21, &matrix, &[81, 81, 41], &[240, 90, 110, 240], &mut swapped);
        assert_eq!(swapped, out);
    }

    #[test]
    fn line_shorter_than_its_room_leaves_the_rest() {
        let mut out = [9; 8];
        line_to_bgrx(Format::Xr24, &Matrix::new(LIMITED_601), &[1, 2, 3, 4], &[], &mut out);
        assert_eq!(out, [1, 2, 3, 4, 9, 9, 9, 9]);
    }
}
