//! From a [`BufferInfo`] to ints. The order here is the order of `fields::TABLE`.

use crate::handle::BufferInfo;
use crate::handle::{INTS, MAGIC, VERSION};
use crate::layout::{ComponentKind, Compression, Plane, PlaneShape, MAX_PLANES};
use crate::PixelFormat;

/// Bit 0 of the flags.
pub(crate) const PROTECTED: u32 = 1;
/// Bit 1 of the flags.
pub(crate) const CACHED: u32 = 1 << 1;
/// Bit 2 of the flags.
pub(crate) const CONTIGUOUS: u32 = 1 << 2;

/// Bit 3 of the flags: the CPU cannot make sense of the pixels.
pub(crate) const NOT_MAPPABLE: u32 = 1 << 3;
/// Bit 4 of the flags: the planes are grids of blocks, and the ints of areas and compression say how large.
pub(crate) const COMPRESSED: u32 = 1 << 4;
/// Bit 5 of the flags: bodies come before headers.
pub(crate) const BODY_FIRST: u32 = 1 << 5;
/// Bit 6 of the flags: planes lie in one another's columns.
pub(crate) const COLUMNS: u32 = 1 << 6;
/// Bit 7 of the flags: the format is a vendor's.
pub(crate) const VENDOR_FORMAT: u32 = 1 << 7;
/// Bit 8 of the flags: locks are for what the buffer was allocated for, no more.
pub(crate) const STRICT_CPU_USAGE: u32 = 1 << 8;
/// All of them.
pub(crate) const FLAGS: u32 = (1 << 9) - 1;

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
    out.word(info.fourcc);
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
    let compression = info.compression.unwrap_or_default();
    for area in &compression.areas {
        out.word(area.header_bytes);
        out.word(area.body_bytes);
    }
    out.int(compression.value);
    out.int(compression.header_type);
    out.bytes(&compression.name.to_wire());
    for index in 0..MAX_PLANES {
        shape(info.own.as_slice().get(index)).into_iter().for_each(|word| out.word(word));
    }
    out.bytes(info.name.to_wire());
    info.vendor_metadata.iter().for_each(|word| out.word(*word));
    ints
}

/// Subsampling across and down, samples and bytes of a group, a byte each; then two components an int: four bits of kind, seven
/// of offset, five of size less one.
fn shape(shape: Option<&PlaneShape>) -> [u32; 3] {
    let Some(shape) = shape else { return [0; 3] };
    let byte = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
    let across = [byte(shape.horizontal_subsampling), byte(shape.vertical_subsampling)];
    let [across, down] = across;
    let mut halves = [0u32; 4];
    for (half, part) in halves.iter_mut().zip(shape.components.iter()) {
        let kind = ComponentKind::ALL.iter().position(|kind| *kind == part.kind).unwrap_or(0);
        let kind = u32::try_from(kind).unwrap_or(0) + 1;
        let bits = |value: i16| u32::try_from(value).unwrap_or(0);
        // A packed component has no size: its group says so.
        *half = kind | bits(part.offset_bits) << 4 | bits(part.size_bits.saturating_sub(1).max(0)) << 11;
    }
    let [a, b, c, d] = halves;
    [u32::from_le_bytes([across, down, shape.group_samples, shape.group_bytes]), a | b << 16, c | d << 16]
}

fn flags(info: &BufferInfo) -> u32 {
    let bit = |yes, bit| if yes { bit } else { 0 };
    let is = |of: fn(&Compression) -> bool| info.compression.as_ref().is_some_and(of);
    bit(info.protected, PROTECTED)
        | bit(info.cached, CACHED)
        | bit(info.contiguous, CONTIGUOUS)
        | bit(!info.mappable, NOT_MAPPABLE)
        | bit(info.compression.is_some(), COMPRESSED)
        | bit(is(|compression| compression.body_first), BODY_FIRST)
        | bit(is(|compression| compression.columns), COLUMNS)
        | bit(matches!(info.format, PixelFormat::Vendor(_)), VENDOR_FORMAT)
        | bit(info.strict_cpu_usage, STRICT_CPU_USAGE)
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

    /// A small number: 108 ints, 4 planes.
    fn count(&mut self, value: usize) {
        self.int(i32::try_from(value).unwrap_or(i32::MAX));
    }

    /// The lower half first.
    fn long(&mut self, value: u64) {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        self.int(i32::from_le_bytes([a, b, c, d]));
        self.int(i32::from_le_bytes([e, f, g, h]));
    }

    /// The lowest of each int first; a multiple of four.
    fn bytes(&mut self, bytes: &[u8]) {
        for four in bytes.chunks_exact(4) {
            if let &[a, b, c, d] = four {
                self.int(i32::from_le_bytes([a, b, c, d]));
            }
        }
    }
}
