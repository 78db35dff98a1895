//! From a [`BufferInfo`] to ints. The order here is the order of `fields::TABLE`.

use crate::handle::BufferInfo;
use crate::handle::{INTS, MAGIC, VERSION};
use crate::layout::{Plane, MAX_PLANES};

/// Bit 0 of the flags.
pub(crate) const PROTECTED: u32 = 1;
/// Bit 1 of the flags.
pub(crate) const CACHED: u32 = 1 << 1;
/// Bit 2 of the flags.
pub(crate) const CONTIGUOUS: u32 = 1 << 2;

/// The ints of a handle. Everything is taken as it is: what does not describe a buffer is refused by `decode`.
pub fn encode(info: &BufferInfo) -> [i32; INTS] {
    let mut ints = [0; INTS];
    let mut out = Writer { rest: ints.iter_mut() };
    out.int(MAGIC);
    out.int(VERSION);
    out.count(INTS);
    out.long(info.id);
    out.word(info.width);
    out.word(info.height);
    out.word(info.layers);
    out.int(info.format.to_wire());
    out.long(info.usage.0);
    out.word(info.layout.id());
    out.long(info.modifier);
    out.word(info.stride);
    out.word(flags(info));
    out.long(info.buffer_bytes);
    out.long(info.layer_bytes);
    out.long(info.metadata_bytes);
    out.long(info.reserved_bytes);
    let planes = info.planes.as_slice();
    out.count(planes.len());
    let none = Plane::default();
    for index in 0..MAX_PLANES {
        let plane = planes.get(index).unwrap_or(&none);
        out.long(plane.offset_bytes);
        out.word(plane.stride_bytes);
        out.word(plane.lines);
    }
    for four in info.name.to_wire().chunks_exact(4) {
        if let &[a, b, c, d] = four {
            out.int(i32::from_le_bytes([a, b, c, d]));
        }
    }
    ints
}

fn flags(info: &BufferInfo) -> u32 {
    let bit = |yes, bit| if yes { bit } else { 0 };
    bit(info.protected, PROTECTED) | bit(info.cached, CACHED) | bit(info.contiguous, CONTIGUOUS)
}

/// Fills ints from the front; the rest stays zero.
struct Writer<'a> {
    rest: std::slice::IterMut<'a, i32>,
}

impl Writer<'_> {
    fn int(&mut self, value: i32) {
        if let Some(int) = self.rest.next() {
            *int = value;
        }
    }

    fn word(&mut self, value: u32) {
        self.int(i32::from_ne_bytes(value.to_ne_bytes()));
    }

    /// A small number: 72 ints, 3 planes.
    fn count(&mut self, value: usize) {
        self.int(i32::try_from(value).unwrap_or(i32::MAX));
    }

    /// The lower half first.
    fn long(&mut self, value: u64) {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        self.int(i32::from_le_bytes([a, b, c, d]));
        self.int(i32::from_le_bytes([e, f, g, h]));
    }
}
