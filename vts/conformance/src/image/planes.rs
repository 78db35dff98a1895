//! An image's planes: whether they can be true, and every sample of them.

use super::field::{self, Field, Key};
use super::memory::Memory;
use crate::format::{Contract, Format};
use crate::mapper::Imported;
use crate::metadata::{PlaneLayout, Standard};

/// An image's planes.
#[derive(Clone, Debug)]
pub struct Image {
    /// As the mapper describes them.
    pub planes: Vec<PlaneLayout>,
    /// From the buffer's start to the end of the plane that ends last. `ALLOCATION_SIZE` counts metadata, too, and so is
    /// no measure of what a lock maps.
    pub bytes: u64,
    contract: Contract,
}

impl Image {
    /// Asks the mapper; fails the test when it does not say.
    pub fn of(buffer: &Imported, format: Format) -> Image {
        let planes: Vec<PlaneLayout> = buffer.get(Standard::PLANE_LAYOUTS);
        let ends = planes.iter().map(|plane| plane.offset_bytes.saturating_add(plane.total_bytes));
        let end = ends.max().expect("PLANE_LAYOUTS is empty");
        let bytes = u64::try_from(end).unwrap_or_else(|_| panic!("planes that end at {end}: {planes:?}"));
        Image { planes, bytes, contract: format.contract() }
    }

    /// Whether the planes lie inside `bytes`, lines inside strides, and no two samples share a bit.
    ///
    /// # Errors
    /// The first thing that cannot be, in words.
    pub fn check(&self, bytes: u64) -> Result<(), String> {
        for (index, plane) in self.planes.iter().enumerate() {
            let wrong = |what: &str| Err(format!("plane {index}: {what}: {plane:?}"));
            let numbers = [plane.offset_bytes, plane.sample_increment_bits, plane.stride_bytes, plane.total_bytes];
            if numbers.iter().any(|number| !(0..1 << 40).contains(number)) {
                return wrong("a size that cannot be");
            }
            if u64::try_from(plane.offset_bytes + plane.total_bytes).map_or(true, |end| end > bytes) {
                return wrong(&format!("ends behind the buffer's {bytes} bytes"));
            }
            if plane.width_samples < 1 || plane.height_samples < 1 {
                return wrong("no samples");
            }
            if plane.horizontal_subsampling < 1 || plane.vertical_subsampling < 1 {
                return wrong("a subsampling below 1");
            }
            let line_bits = self.line_bits(plane);
            if line_bits > plane.stride_bytes * 8 {
                return wrong("a line is longer than the stride");
            }
            let end = (plane.height_samples - 1) * plane.stride_bytes + (line_bits + 7) / 8;
            if end > plane.total_bytes {
                return wrong("its samples end behind totalSizeInBytes");
            }
            for component in &plane.components {
                let end = component.offset_bits + component.size_bits;
                let packed = component.size_bits == -1 && plane.sample_increment_bits == 0;
                if !packed && (component.offset_bits < 0 || !(1..=64).contains(&component.size_bits)) {
                    return wrong("a component that cannot be");
                }
                if !packed && end > plane.sample_increment_bits {
                    return wrong("a component leaves its sample");
                }
            }
        }
        self.check_apart(bytes)
    }

    /// Bits from a line's first sample to its last one's end.
    fn line_bits(&self, plane: &PlaneLayout) -> i64 {
        match (plane.sample_increment_bits, self.contract) {
            (0, Contract::PackedRaw(bits)) => plane.width_samples * bits,
            (increment, _) => plane.width_samples * increment,
        }
    }

    /// Every plane is known to lie inside.
    fn check_apart(&self, bytes: u64) -> Result<(), String> {
        let mut used = vec![0u8; usize::try_from(bytes).map_err(|_| "a buffer that cannot be".to_owned())?];
        for field in self.fields() {
            for bit in field.bit..field.bit + u64::from(field.bits) {
                let place = usize::try_from(bit / 8).ok().and_then(|byte| used.get_mut(byte));
                let mask = 1 << (bit % 8);
                match place {
                    Some(byte) if *byte & mask == 0 => *byte |= mask,
                    _ => return Err(format!("two samples share bit {bit}, one of them is {:?}", field.key)),
                }
            }
        }
        Ok(())
    }

    /// Every field of every sample.
    fn fields(&self) -> impl Iterator<Item = Field> + '_ {
        self.planes.iter().enumerate().flat_map(move |(index, plane)| {
            let parts = self.parts(plane);
            (0..plane.height_samples).flat_map(move |y| {
                let parts = parts.clone();
                (0..plane.width_samples).flat_map(move |x| {
                    let line = (plane.offset_bytes + y * plane.stride_bytes) * 8;
                    let parts = parts.clone().into_iter().enumerate();
                    parts.filter_map(move |(part, at)| {
                        let bit = line + at.start(x, plane.sample_increment_bits);
                        let key = Key { plane: index, part, x, y };
                        Some(Field { bit: u64::try_from(bit).ok()?, bits: at.bits(), key })
                    })
                })
            })
        })
    }

    /// What a sample of a plane is made of.
    fn parts(&self, plane: &PlaneLayout) -> Vec<field::Part> {
        match (self.contract, plane.sample_increment_bits) {
            (Contract::PackedRaw(10), 0) => vec![field::Part::Raw10High, field::Part::Raw10Low],
            (Contract::PackedRaw(14), 0) => vec![field::Part::Raw14High, field::Part::Raw14Low],
            (Contract::PackedRaw(12), 0) => vec![field::Part::Raw12High, field::Part::Raw12Low],
            (_, increment) if plane.components.is_empty() => vec![field::Part::Plain { offset: 0, bits: increment }],
            _ => {
                let plain = |part: &crate::metadata::Component| field::Part::Plain {
                    offset: part.offset_bits,
                    bits: part.size_bits,
                };
                plane.components.iter().map(plain).collect()
            }
        }
    }

    /// Writes the pattern of a seed.
    pub fn fill(&self, memory: &Memory, seed: u64) {
        for field in self.fields() {
            field.write(memory, field.key.value(seed));
        }
    }

    /// Compares with the pattern of a seed.
    ///
    /// # Errors
    /// The first sample that differs.
    pub fn verify(&self, memory: &Memory, seed: u64) -> Result<(), String> {
        for field in self.fields() {
            let (expected, found) = (field.mask(field.key.value(seed)), field.read(memory));
            if found != expected {
                return Err(format!("{:?} reads {found:#x} instead of {expected:#x}", field.key));
            }
        }
        Ok(())
    }

    /// The planes' components by what they hold: plane, index, number.
    pub fn components(&self, plane: usize) -> Vec<(i64, i64, i64)> {
        let Some(plane) = self.planes.get(plane) else { return Vec::new() };
        let part = |part: &crate::metadata::Component| (part.kind.value, part.offset_bits, part.size_bits);
        plane.components.iter().map(part).collect()
    }
}
