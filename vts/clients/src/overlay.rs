//! What a display draws over a camera's frame, in the camera's own buffer, through the device's mapper: import, lock,
//! draw where PLANE_LAYOUTS says that the pixels are, unlock, free.
//!
//! The mapper is called through the conformance suite's client side, which knows the C interface and nothing of whose
//! library it is.

use crate::buffer::Buffer;
use conformance::abi::{Error as MapperError, Rect};
use conformance::format::Kind;
use conformance::handle::RawHandle;
use conformance::image::Memory;
use conformance::mapper::{usage, Imported, Mapper};
use conformance::metadata::{decode, PlaneLayout, Standard};
use serde::Serialize;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// Room for one metadata value.
const VALUE_BYTES: usize = 4096;

/// Why nothing is drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The library is no mapper.
    #[error("the mapper: {0}")]
    Load(String),
    /// A call of the mapper's.
    #[error("the mapper's {call}: {error:?}")]
    Call {
        /// Which.
        call: &'static str,
        /// Its answer.
        error: MapperError,
    },
    /// The handle cannot be copied.
    #[error("a copy of the handle: {0}")]
    Handle(#[from] io::Error),
    /// The mapper describes no picture in which this can be drawn.
    #[error("the mapper says of the buffer: {0}")]
    Layout(String),
}

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
    /// `Load`.
    pub fn load(path: &Path) -> Result<Painter, Error> {
        Mapper::load(path).map(Painter).map_err(|error| Error::Load(error.to_string()))
    }

    /// Imports a buffer and asks where its pixels lie.
    ///
    /// # Errors
    /// `Handle`; `Call`; `Layout` for what is no picture of 8 bits a colour in one plane.
    pub fn import(&self, buffer: &Buffer) -> Result<Canvas, Error> {
        let fds = buffer.fds().iter().map(BorrowedFd::try_clone_to_owned).collect::<io::Result<_>>()?;
        let raw = RawHandle::new(fds, buffer.ints().to_vec());
        let handle = self.0.import_buffer(raw.pointer()).map_err(call("importBuffer"))?;
        let imported = Imported::adopt(self.0, handle);
        let get = |kind: Standard| self.value(&imported, kind);
        let layouts: Vec<PlaneLayout> = read(Standard::PLANE_LAYOUTS, &get(Standard::PLANE_LAYOUTS)?)?;
        let bytes = read(Standard::ALLOCATION_SIZE, &get(Standard::ALLOCATION_SIZE)?)?;
        let (width, height) = (buffer.image().width(), buffer.image().height());
        let size: [u64; 2] =
            [read(Standard::WIDTH, &get(Standard::WIDTH)?)?, read(Standard::HEIGHT, &get(Standard::HEIGHT)?)?];
        if size != [u64::from(width), u64::from(height)] {
            return Err(Error::Layout(format!("{}x{} pixels, and it has {width}x{height}", size[0], size[1])));
        }
        let [plane] = &layouts[..] else { return Err(Error::Layout(format!("{} planes", layouts.len()))) };
        let place = Place::of(plane).ok_or_else(|| Error::Layout(format!("{plane:?}")))?;
        Ok(Canvas { imported, place, bytes, size: (width, height) })
    }

    fn value(&self, imported: &Imported, kind: Standard) -> Result<Vec<u8>, Error> {
        let mut room = vec![0; VALUE_BYTES];
        let needed = self.0.get_standard(imported.handle(), kind.0, &mut room);
        match usize::try_from(needed) {
            Ok(needed) if needed <= room.len() => {
                room.truncate(needed);
                Ok(room)
            }
            Ok(needed) => Err(Error::Layout(format!("{needed} bytes for metadata type {}", kind.0))),
            Err(_) => Err(Error::Call { call: "getStandardMetadata", error: MapperError(needed.wrapping_neg()) }),
        }
    }
}

fn read<T: conformance::metadata::Decode>(kind: Standard, bytes: &[u8]) -> Result<T, Error> {
    decode(kind, bytes).map_err(|error| Error::Layout(format!("metadata type {}: {error:?}", kind.0)))
}

fn call(call: &'static str) -> impl Fn(MapperError) -> Error {
    move |error| Error::Call { call, error }
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
    /// `Call`; `Layout` for a patch that is not inside.
    pub fn draw(&self, patches: &[Patch]) -> Result<(), Error> {
        let (mapper, handle) = (self.imported.mapper(), self.imported.handle());
        let data = mapper.lock(handle, usage::CPU_WRITE_OFTEN, Rect::default(), -1).map_err(call("lock"))?;
        let memory = Memory::new(data, self.bytes);
        let drawn = patches.iter().try_for_each(|patch| self.fill(&memory, *patch));
        match self.imported.unlock() {
            MapperError::NONE => drawn,
            error => Err(Error::Call { call: "unlock", error }),
        }
    }

    fn fill(&self, memory: &Memory<'_>, patch: Patch) -> Result<(), Error> {
        let outside = || Error::Layout(format!("{patch:?} is not inside"));
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
