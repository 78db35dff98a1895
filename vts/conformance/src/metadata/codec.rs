//! Encoding and decoding, value by value, in native byte order.

use super::values::{Component, Cta861_3, Extendable, PlaneLayout, Smpte2086};
use super::Standard;
use crate::abi::{Rect, STANDARD_NAME};
use std::mem::size_of;

/// Longest list that a client should reserve memory for.
const MAX_LIST: i64 = 64;

/// Why bytes are no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They end too early.
    Short,
    /// This many are left over.
    Trailing(usize),
    /// Another name than the standard one.
    Name(String),
    /// Another type, or one that nobody knows.
    Type(i64),
    /// A length or a count that cannot be.
    Length(i64),
    /// No UTF-8.
    Text,
}

/// Takes bytes from the front.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        if count > self.rest.len() {
            return Err(DecodeError::Short);
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = i64::decode(self)?;
        let length = usize::try_from(length).map_err(|_| DecodeError::Length(length))?;
        self.take(length)
    }

    fn list<T: Decode>(&mut self) -> Result<Vec<T>, DecodeError> {
        let count = i64::decode(self)?;
        if !(0..=MAX_LIST).contains(&count) {
            return Err(DecodeError::Length(count));
        }
        (0..count).map(|_| T::decode(self)).collect()
    }
}

/// What can be read.
pub trait Decode: Sized {
    /// Reads one.
    ///
    /// # Errors
    /// The bytes are no such value.
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// What no bytes at all mean.
    ///
    /// # Errors
    /// `Short`, for all but an optional value.
    fn of_nothing() -> Result<Self, DecodeError> {
        Err(DecodeError::Short)
    }
}

/// What can be written.
pub trait Encode {
    /// Writes it.
    fn encode(&self, to: &mut Vec<u8>);
}

/// Reads a whole value with its header.
///
/// # Errors
/// The bytes are no such value, or more than one.
pub fn decode<T: Decode>(kind: Standard, bytes: &[u8]) -> Result<T, DecodeError> {
    if bytes.is_empty() {
        return T::of_nothing();
    }
    let mut from = Reader { rest: bytes };
    let name = from.bytes()?;
    if name != STANDARD_NAME.as_bytes() {
        return Err(DecodeError::Name(String::from_utf8_lossy(name).into_owned()));
    }
    let found = i64::decode(&mut from)?;
    if found != kind.0 {
        return Err(DecodeError::Type(found));
    }
    let value = T::decode(&mut from)?;
    match from.rest.len() {
        0 => Ok(value),
        left => Err(DecodeError::Trailing(left)),
    }
}

/// Writes a whole value with its header.
pub fn encode<T: Encode + ?Sized>(kind: Standard, value: &T) -> Vec<u8> {
    let mut to = Vec::new();
    STANDARD_NAME.encode(&mut to);
    kind.0.encode(&mut to);
    value.encode(&mut to);
    to
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Decode for $number {
            fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let bytes = from.take(size_of::<$number>())?;
                bytes.try_into().map(<$number>::from_ne_bytes).map_err(|_| DecodeError::Short)
            }
        }

        impl Encode for $number {
            fn encode(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_ne_bytes());
            }
        }
    )*};
}

numbers!(i32, u32, i64, u64, f32);

impl Encode for str {
    fn encode(&self, to: &mut Vec<u8>) {
        self.as_bytes().to_vec().encode(to);
    }
}

impl Encode for Vec<u8> {
    fn encode(&self, to: &mut Vec<u8>) {
        i64::try_from(self.len()).unwrap_or(i64::MAX).encode(to);
        to.extend_from_slice(self);
    }
}

impl Decode for String {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        String::from_utf8(from.bytes()?.to_vec()).map_err(|_| DecodeError::Text)
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::decode(from).map(Some)
    }

    fn of_nothing() -> Result<Self, DecodeError> {
        Ok(None)
    }
}

impl Decode for Vec<u8> {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.bytes().map(<[u8]>::to_vec)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by hand: the name's length, the name, type 3, width 64.
    fn width_64() -> Vec<u8> {
        let mut bytes = vec![53, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(b"android.hardware.graphics.common.StandardMetadataType");
        bytes.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[64, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_value_written_by_hand_decodes_and_encodes() {
        assert_eq!(decode::<u64>(Standard::WIDTH, &width_64()), Ok(64));
        assert_eq!(encode(Standard::WIDTH, &64u64), width_64());
    }

    #[test]
    fn what_is_not_exactly_one_value_is_refused() {
        let good = width_64();
        assert_eq!(decode::<u64>(Standard::HEIGHT, &good), Err(DecodeError::Type(3)));
        assert_eq!(decode::<u32>(Standard::WIDTH, &good), Err(DecodeError::Trailing(4)));
        for length in 1..good.len() {
            assert!(decode::<u64>(Standard::WIDTH, &good[..length]).is_err(), "{length}");
        }
        let mut other = good.clone();
        other[10] = b'x';
        assert!(matches!(decode::<u64>(Standard::WIDTH, &other), Err(DecodeError::Name(_))));
        other[..8].copy_from_slice(&(-1i64).to_ne_bytes());
        assert_eq!(decode::<u64>(Standard::WIDTH, &other), Err(DecodeError::Length(-1)));
        let endless = encode(Standard::CROP, &i64::MAX);
        assert_eq!(decode::<Vec<Rect>>(Standard::CROP, &endless), Err(DecodeError::Length(i64::MAX)));
    }

    #[test]
    fn nothing_is_a_value_only_where_it_may_be() {
        assert_eq!(decode::<Option<Smpte2086>>(Standard::SMPTE2086, &[]), Ok(None));
        assert_eq!(decode::<i32>(Standard::DATASPACE, &[]), Err(DecodeError::Short));
    }

    #[test]
    fn plane_layouts_come_back_as_they_were_written() {
        let kind = Extendable { name: crate::metadata::COMPONENT_NAME.to_owned(), value: 1 << 20 };
        let plane = PlaneLayout {
            components: vec![Component { kind, offset_bits: 0, size_bits: -1 }],
            offset_bytes: 1,
            sample_increment_bits: 2,
            stride_bytes: 3,
            width_samples: 4,
            height_samples: 5,
            total_bytes: 6,
            horizontal_subsampling: 7,
            vertical_subsampling: 8,
        };
        let bytes = encode(Standard::PLANE_LAYOUTS, &vec![plane.clone()]);
        assert_eq!(decode::<Vec<PlaneLayout>>(Standard::PLANE_LAYOUTS, &bytes), Ok(vec![plane]));
    }
}
