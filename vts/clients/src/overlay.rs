//! What a display draws over a camera's frame, in the camera's own buffer, through the device's mapper: import, lock,
//! draw where PLANE_LAYOUTS says that the pixels are, unlock, free.
//!
//! The mapper is called through the conformance suite's client side, which knows the C interface and nothing of whose
//! library it is.

use crate::buffer::Buffer;
use anyhow::{anyhow, bail, ensure, Context, Result};
use conformance::abi::{Error, Rect};
use conformance::format::Kind;
use conformance::handle::RawHandle;
use conformance::image::Memory;
use conformance::mapper::{usage, Imported, Mapper};
use conformance::metadata::{decode, Decode, PlaneLayout, Standard};
use serde::Serialize;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// A rectangle of one colour. Pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Patch {
    /// First column.
    pub x: u32,
    /// First line.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Red, green, blue.
    pub rgb: [u8; 3],
}

/// A bar near the bottom with the frame's number in it: eight lamps, the lowest bit on the right. Nothing for a picture
/// that is too small for it.
pub fn patches(width: u32, height: u32, sequence: u32) -> Vec<Patch> {
    const BAR: [u8; 3] = [16, 32, 64];
    const LIT: [u8; 3] = [255, 224, 32];
    const DARK: [u8; 3] = [48, 64, 96];
    let lamp = (height / 24).min(width / 24);
    if lamp < 2 {
        return Vec::new();
    }
    let (x, y) = (lamp, height - 3 * lamp);
    let bar = Patch { x, y, width: 17 * lamp, height: 2 * lamp, rgb: BAR };
    let lamps = (0..8).map(|place| {
        let rgb = if sequence >> (7 - place) & 1 == 1 { LIT } else { DARK };
        Patch { x: x + lamp * (2 * place + 1), y: y + lamp / 2, width: lamp, height: lamp, rgb }
    });
    std::iter::once(bar).chain(lamps).collect()
}

/// A loaded mapper.
#[derive(Clone, Copy)]
pub struct Painter(Mapper);

impl std::fmt::Debug for Painter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Painter").field(&self.0.table()).finish()
    }
}

impl Painter {
    /// Loads a mapper's library.
    ///
    /// # Errors
    /// The loader's, with the path.
    pub fn load(path: &Path) -> Result<Painter> {
        Mapper::load(path).map(Painter).map_err(|error| anyhow!("the mapper: {error}"))
    }

    /// Imports a buffer and reads where its pixels lie.
    ///
    /// # Errors
    /// The mapper's, or a layout that is no picture of 8 bits a colour in one plane.
    pub fn import(&self, buffer: &Buffer) -> Result<Canvas> {
        let fds = buffer.fds().iter().map(BorrowedFd::try_clone_to_owned).collect::<std::io::Result<_>>()?;
        let raw = RawHandle::new(fds, buffer.ints().to_vec());
        let handle = self.0.import_buffer(raw.pointer()).map_err(call("importBuffer"))?;
        let imported = Imported::adopt(self.0, handle);
        let layouts: Vec<PlaneLayout> = read(&imported, Standard::PLANE_LAYOUTS)?;
        let bytes = read(&imported, Standard::ALLOCATION_SIZE)?;
        let found: [u64; 2] = [read(&imported, Standard::WIDTH)?, read(&imported, Standard::HEIGHT)?];
        let (width, height) = buffer.size();
        ensure!(found == [width, height].map(u64::from), "the mapper says {found:?} pixels of {width}x{height}");
        let [plane] = &layouts[..] else { bail!("the mapper describes {} planes", layouts.len()) };
        let place = Place::of(plane).with_context(|| format!("the mapper describes {plane:?}"))?;
        Ok(Canvas { imported, place, bytes, size: (width, height) })
    }
}

fn read<T: Decode>(imported: &Imported, kind: Standard) -> Result<T> {
    let bytes = imported.get_bytes(kind).map_err(call("getStandardMetadata"))?;
    decode(kind, &bytes).map_err(|error| anyhow!("the mapper's {kind:?}: {error:?}"))
}

fn call(name: &'static str) -> impl Fn(Error) -> anyhow::Error {
    move |error| anyhow!("the mapper's {name}: {error:?}")
}

/// Where the bytes of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    offset: u64,
    stride: u64,
    pixel: u64,
    /// Of red, green and blue within the pixel.
    rgb: [u64; 3],
}

impl Place {
    /// Of a plane with three components of 8 bits on whole bytes.
    fn of(plane: &PlaneLayout) -> Option<Place> {
        let bytes = |bits: i64| u64::try_from(bits).ok().filter(|bits| bits % 8 == 0).map(|bits| bits / 8);
        let component = |kind: Kind| {
            let found = plane.components.iter().find(|part| part.kind.value == kind.value())?;
            (found.size_bits == 8).then(|| bytes(found.offset_bits)).flatten()
        };
        Some(Place {
            offset: u64::try_from(plane.offset_bytes).ok()?,
            stride: u64::try_from(plane.stride_bytes).ok()?,
            pixel: bytes(plane.sample_increment_bits)?,
            rgb: [component(Kind::R)?, component(Kind::G)?, component(Kind::B)?],
        })
    }
}

/// A camera's buffer to draw in. Dropping it frees the import.
pub struct Canvas {
    imported: Imported,
    place: Place,
    bytes: u64,
    size: (u32, u32),
}

impl std::fmt::Debug for Canvas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canvas").field("place", &self.place).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Canvas {
    /// Locks the buffer for the CPU's writes, draws, unlocks it.
    ///
    /// # Errors
    /// The mapper's, or a patch that is not inside.
    pub fn draw(&self, patches: &[Patch]) -> Result<()> {
        let (mapper, handle) = (self.imported.mapper(), self.imported.handle());
        let data = mapper.lock(handle, usage::CPU_WRITE_OFTEN, Rect::default(), -1).map_err(call("lock"))?;
        let memory = Memory::new(data, self.bytes);
        let drawn = patches.iter().try_for_each(|patch| self.fill(&memory, *patch));
        match self.imported.unlock() {
            Error::NONE => drawn,
            error => Err(call("unlock")(error)),
        }
    }

    fn fill(&self, memory: &Memory<'_>, patch: Patch) -> Result<()> {
        let outside = || anyhow!("{patch:?} is not inside");
        let right = patch.x.checked_add(patch.width).filter(|right| *right <= self.size.0).ok_or_else(outside)?;
        let bottom = patch.y.checked_add(patch.height).filter(|bottom| *bottom <= self.size.1).ok_or_else(outside)?;
        let Place { offset, stride, pixel, rgb } = self.place;
        for y in patch.y..bottom {
            for x in patch.x..right {
                let start = u64::from(y).checked_mul(stride).zip(u64::from(x).checked_mul(pixel));
                let start = start.and_then(|(line, column)| offset.checked_add(line)?.checked_add(column));
                for (part, value) in rgb.into_iter().zip(patch.rgb) {
                    let byte = start.and_then(|start| start.checked_add(part)).filter(|byte| *byte < self.bytes);
                    memory.write(byte.ok_or_else(outside)?, value);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_of_any_picture_lie_inside_it() {
        for (width, height) in [(1, 1), (47, 47), (48, 48), (64, 2000), (640, 360), (1280, 720), (1920, 1080)] {
            for patch in patches(width, height, 0b1010_0101) {
                assert!(
                    patch.x + patch.width <= width && patch.y + patch.height <= height,
                    "{width}x{height}: {patch:?}"
                );
            }
        }
        assert!(patches(40, 40, 1).is_empty());
    }

    #[test]
    fn patches_of_different_frames_differ() {
        assert_eq!(patches(1280, 720, 1).len(), 9);
        assert_ne!(patches(1280, 720, 1), patches(1280, 720, 2));
        assert_eq!(patches(1280, 720, 1), patches(1280, 720, 257));
    }

    #[test]
    fn library_that_is_none_is_named() {
        let error = Painter::load(Path::new("/nonexistent/mapper.so")).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/mapper.so"), "{error}");
    }
}
