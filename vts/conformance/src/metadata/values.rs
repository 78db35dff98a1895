//! The values that are more than a number, and how each travels.

use super::codec::{Decode, DecodeError, Encode, Reader};
use crate::abi::Rect;

/// `ExtendableType`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extendable {
    /// Whose number it is.
    pub name: String,
    /// The number.
    pub value: i64,
}

/// `PlaneLayoutComponent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What it holds.
    pub kind: Extendable,
    /// From the start of the sample, in bits.
    pub offset_bits: i64,
    /// In bits; −1 for packed raw.
    pub size_bits: i64,
}

/// `PlaneLayout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaneLayout {
    /// The components of a sample.
    pub components: Vec<Component>,
    /// From the start of the buffer.
    pub offset_bytes: i64,
    /// From one sample to the next; 0 for packed raw.
    pub sample_increment_bits: i64,
    /// From one line to the next.
    pub stride_bytes: i64,
    /// Samples in a line.
    pub width_samples: i64,
    /// Lines of samples.
    pub height_samples: i64,
    /// Of the plane.
    pub total_bytes: i64,
    /// Pixels across that share a sample.
    pub horizontal_subsampling: i64,
    /// Pixels down that share a sample.
    pub vertical_subsampling: i64,
}

/// `Smpte2086`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smpte2086 {
    /// Red, green, blue, white: x and y each.
    pub primaries: [[f32; 2]; 4],
    /// Candela per square metre.
    pub max_luminance: f32,
    /// Candela per square metre.
    pub min_luminance: f32,
}

impl Smpte2086 {
    /// A value whose every number tells the seed, so that a mixture of two is seen.
    pub fn of_seed(seed: f32) -> Smpte2086 {
        Smpte2086 {
            primaries: [[seed; 2], [seed + 0.1; 2], [seed + 0.2; 2], [seed + 0.3; 2]],
            max_luminance: seed * 1000.0,
            min_luminance: seed / 1000.0,
        }
    }
}

/// `Cta861_3`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cta861_3 {
    /// Candela per square metre.
    pub max_content_light_level: f32,
    /// Candela per square metre.
    pub max_frame_average_light_level: f32,
}

impl Cta861_3 {
    /// A value whose both numbers tell the seed.
    pub fn of_seed(seed: f32) -> Cta861_3 {
        Cta861_3 { max_content_light_level: seed * 1000.0, max_frame_average_light_level: seed * 100.0 }
    }
}

impl Decode for Extendable {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Extendable { name: String::decode(from)?, value: i64::decode(from)? })
    }
}

impl Encode for Extendable {
    fn encode(&self, to: &mut Vec<u8>) {
        self.name.as_str().encode(to);
        self.value.encode(to);
    }
}

impl Decode for Component {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = Extendable::decode(from)?;
        Ok(Component { kind, offset_bits: i64::decode(from)?, size_bits: i64::decode(from)? })
    }
}

impl Encode for Component {
    fn encode(&self, to: &mut Vec<u8>) {
        self.kind.encode(to);
        self.offset_bits.encode(to);
        self.size_bits.encode(to);
    }
}

impl Decode for PlaneLayout {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let components = from.list()?;
        let mut next = || i64::decode(from);
        Ok(PlaneLayout {
            components,
            offset_bytes: next()?,
            sample_increment_bits: next()?,
            stride_bytes: next()?,
            width_samples: next()?,
            height_samples: next()?,
            total_bytes: next()?,
            horizontal_subsampling: next()?,
            vertical_subsampling: next()?,
        })
    }
}

impl Encode for PlaneLayout {
    fn encode(&self, to: &mut Vec<u8>) {
        i64::try_from(self.components.len()).unwrap_or(i64::MAX).encode(to);
        self.components.iter().for_each(|component| component.encode(to));
        for number in [
            self.offset_bytes,
            self.sample_increment_bits,
            self.stride_bytes,
            self.width_samples,
            self.height_samples,
            self.total_bytes,
            self.horizontal_subsampling,
            self.vertical_subsampling,
        ] {
            number.encode(to);
        }
    }
}

impl Decode for Vec<PlaneLayout> {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.list()
    }
}

impl Encode for Vec<PlaneLayout> {
    fn encode(&self, to: &mut Vec<u8>) {
        i64::try_from(self.len()).unwrap_or(i64::MAX).encode(to);
        self.iter().for_each(|plane| plane.encode(to));
    }
}

impl Decode for Rect {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut next = || i32::decode(from);
        Ok(Rect { left: next()?, top: next()?, right: next()?, bottom: next()? })
    }
}

impl Encode for Rect {
    fn encode(&self, to: &mut Vec<u8>) {
        [self.left, self.top, self.right, self.bottom].iter().for_each(|number| number.encode(to));
    }
}

impl Decode for Vec<Rect> {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.list()
    }
}

impl Encode for Vec<Rect> {
    fn encode(&self, to: &mut Vec<u8>) {
        i64::try_from(self.len()).unwrap_or(i64::MAX).encode(to);
        self.iter().for_each(|rect| rect.encode(to));
    }
}

impl Decode for Smpte2086 {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut next = || f32::decode(from);
        let mut primaries = [[0.0; 2]; 4];
        for primary in &mut primaries {
            *primary = [next()?, next()?];
        }
        Ok(Smpte2086 { primaries, max_luminance: next()?, min_luminance: next()? })
    }
}

impl Encode for Smpte2086 {
    fn encode(&self, to: &mut Vec<u8>) {
        self.primaries.iter().flatten().for_each(|number| number.encode(to));
        self.max_luminance.encode(to);
        self.min_luminance.encode(to);
    }
}

impl Decode for Cta861_3 {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut next = || f32::decode(from);
        Ok(Cta861_3 { max_content_light_level: next()?, max_frame_average_light_level: next()? })
    }
}

impl Encode for Cta861_3 {
    fn encode(&self, to: &mut Vec<u8>) {
        self.max_content_light_level.encode(to);
        self.max_frame_average_light_level.encode(to);
    }
}
