//! A drawing in SVG as PNG, for documents and viewers that take no SVG.

use resvg::{tiny_skia, usvg};
use std::fmt;
use std::sync::Arc;

/// Pixels for each unit of the drawing.
const SCALE: f32 = 2.0;

/// Why there is no picture.
#[derive(Debug)]
pub enum PngError {
    /// The text is no SVG.
    Svg(usvg::Error),
    /// There is no memory for so many pixels, or there are none.
    Size,
    /// The encoder's words.
    Encode(String),
}

impl std::error::Error for PngError {}

impl fmt::Display for PngError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PngError::Svg(error) => write!(f, "no drawing in SVG: {error}"),
            PngError::Size => write!(f, "too large for a picture"),
            PngError::Encode(error) => write!(f, "cannot be encoded as PNG: {error}"),
        }
    }
}

/// The drawing's pixels as PNG, two a unit. The font comes with the program, so the bytes are the same on every machine.
///
/// # Errors
/// The drawing is no SVG, or too large.
pub fn png(svg: &str) -> Result<Vec<u8>, PngError> {
    let mut options = usvg::Options { font_family: "Noto Sans".to_owned(), ..usvg::Options::default() };
    Arc::make_mut(&mut options.fontdb).load_font_data(notosans::REGULAR_TTF.to_vec());
    let tree = usvg::Tree::from_str(svg, &options).map_err(PngError::Svg)?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or(PngError::Size)?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).ok_or(PngError::Size)?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PngError::Encode(error.to_string()))
}
