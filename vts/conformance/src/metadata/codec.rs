//! Encoding and decoding, value by value, in native byte order.

use super::standard::Standard;
use crate::abi::STANDARD_NAME;
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

    pub(super) fn list<T: Decode>(&mut self) -> Result<Vec<T>, DecodeError> {
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
