//! Standard metadata: the types by number, and their encoding, both ways. Shares no code with any mapper.
//!
//! A value travels as an i64 length and the text [`STANDARD_NAME`](crate::abi::STANDARD_NAME), an i64 type, then the
//! value; an optional value that is not set travels as no bytes at all. Decoding is strict: what does not decode makes libui abort its process, so a
//! wrong name, a wrong type, a length beyond the end and bytes behind the end are all errors here.
//!
//! Source: AOSP `hardware/interfaces/graphics/mapper/stable-c/implutils/.../IMapperMetadataTypes.h`,
//! `hardware/interfaces/graphics/common/aidl/.../StandardMetadataType.aidl` (main, March 2025).

mod codec;
mod values;

pub use codec::{decode, encode, Decode, DecodeError, Encode, Reader};
pub use values::{Component, Cta861_3, Extendable, PlaneLayout, Smpte2086};

use crate::abi::Rect;
use std::fmt;

/// The name of `PlaneLayoutComponentType` in a component's type.
pub const COMPONENT_NAME: &str = "android.hardware.graphics.common.PlaneLayoutComponentType";
/// The name of `Compression`.
pub const COMPRESSION_NAME: &str = "android.hardware.graphics.common.Compression";
/// The name of `Interlaced`.
pub const INTERLACED_NAME: &str = "android.hardware.graphics.common.Interlaced";
/// The name of `ChromaSiting`.
pub const CHROMA_SITING_NAME: &str = "android.hardware.graphics.common.ChromaSiting";

/// `Dataspace::UNKNOWN`.
pub const DATASPACE_UNKNOWN: i32 = 0;
/// `Dataspace::DISPLAY_P3`: STANDARD_DCI_P3 | TRANSFER_SRGB | RANGE_FULL.
pub const DATASPACE_DISPLAY_P3: i32 = 10 << 16 | 2 << 22 | 1 << 27;
/// `Dataspace::BT2020_PQ`: STANDARD_BT2020 | TRANSFER_ST2084 | RANGE_FULL.
pub const DATASPACE_BT2020_PQ: i32 = 6 << 16 | 7 << 22 | 1 << 27;
/// `BlendMode::INVALID`.
pub const BLEND_INVALID: i32 = 0;
/// `BlendMode::PREMULTIPLIED`.
pub const BLEND_PREMULTIPLIED: i32 = 2;
/// `BlendMode::COVERAGE`.
pub const BLEND_COVERAGE: i32 = 3;

/// A `StandardMetadataType`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Standard(pub i64);

macro_rules! standard_types {
    ($($name:ident = $value:literal),* $(,)?) => {
        #[allow(missing_docs)] // The names are the contract's.
        impl Standard {
            $(pub const $name: Standard = Standard($value);)*
            /// Every type but INVALID.
            pub const ALL: &'static [Standard] = &[$(Standard::$name,)*];
        }

        impl fmt::Debug for Standard {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($value => f.write_str(stringify!($name)),)*
                    other => write!(f, "StandardMetadataType({other})"),
                }
            }
        }
    };
}

standard_types! {
    BUFFER_ID = 1,
    NAME = 2,
    WIDTH = 3,
    HEIGHT = 4,
    LAYER_COUNT = 5,
    PIXEL_FORMAT_REQUESTED = 6,
    PIXEL_FORMAT_FOURCC = 7,
    PIXEL_FORMAT_MODIFIER = 8,
    USAGE = 9,
    ALLOCATION_SIZE = 10,
    PROTECTED_CONTENT = 11,
    COMPRESSION = 12,
    INTERLACED = 13,
    CHROMA_SITING = 14,
    PLANE_LAYOUTS = 15,
    CROP = 16,
    DATASPACE = 17,
    BLEND_MODE = 18,
    SMPTE2086 = 19,
    CTA861_3 = 20,
    SMPTE2094_40 = 21,
    SMPTE2094_10 = 22,
    STRIDE = 23,
}

impl Standard {
    /// `StandardMetadataType::INVALID`.
    pub const INVALID: Standard = Standard(0);
    /// The first number that the contract does not know.
    pub const UNKNOWN: Standard = Standard(24);

    /// Types that every mapper must be able to get.
    pub fn required_getters() -> impl Iterator<Item = Standard> {
        Self::ALL.iter().copied().filter(|kind| !matches!(*kind, Self::SMPTE2094_40 | Self::SMPTE2094_10))
    }

    /// Types that every mapper must be able to set.
    pub const REQUIRED_SETTERS: [Standard; 4] =
        [Standard::DATASPACE, Standard::BLEND_MODE, Standard::SMPTE2086, Standard::CTA861_3];

    /// Types whose value is fixed at allocation and can never be set (IMapper.h, `setMetadata`).
    pub const CONSTANT: [Standard; 7] = [
        Standard::BUFFER_ID,
        Standard::NAME,
        Standard::WIDTH,
        Standard::HEIGHT,
        Standard::LAYER_COUNT,
        Standard::PIXEL_FORMAT_REQUESTED,
        Standard::USAGE,
    ];

    /// Types whose value may be absent.
    pub const OPTIONAL: [Standard; 4] =
        [Standard::SMPTE2086, Standard::CTA861_3, Standard::SMPTE2094_40, Standard::SMPTE2094_10];

    /// Decodes a value of this type as a client would, and throws it away.
    ///
    /// # Errors
    /// It does not decode.
    pub fn check(self, bytes: &[u8]) -> Result<(), DecodeError> {
        match self {
            Self::BUFFER_ID | Self::WIDTH | Self::HEIGHT | Self::LAYER_COUNT | Self::PIXEL_FORMAT_MODIFIER => {
                decode::<u64>(self, bytes).map(drop)
            }
            Self::ALLOCATION_SIZE | Self::PROTECTED_CONTENT => decode::<u64>(self, bytes).map(drop),
            Self::USAGE => decode::<i64>(self, bytes).map(drop),
            Self::PIXEL_FORMAT_FOURCC | Self::STRIDE => decode::<u32>(self, bytes).map(drop),
            Self::PIXEL_FORMAT_REQUESTED | Self::DATASPACE | Self::BLEND_MODE => decode::<i32>(self, bytes).map(drop),
            // Whatever bytes the client gave it: nobody demands UTF-8 of them.
            Self::NAME => decode::<Vec<u8>>(self, bytes).map(drop),
            Self::COMPRESSION | Self::INTERLACED | Self::CHROMA_SITING => decode::<Extendable>(self, bytes).map(drop),
            Self::PLANE_LAYOUTS => decode::<Vec<PlaneLayout>>(self, bytes).map(drop),
            Self::CROP => decode::<Vec<Rect>>(self, bytes).map(drop),
            Self::SMPTE2086 => decode::<Option<Smpte2086>>(self, bytes).map(drop),
            Self::CTA861_3 => decode::<Option<Cta861_3>>(self, bytes).map(drop),
            Self::SMPTE2094_40 | Self::SMPTE2094_10 => decode::<Option<Vec<u8>>>(self, bytes).map(drop),
            _ => Err(DecodeError::Type(self.0)),
        }
    }

    /// Two values of this type that differ, encoded; `None` for a type that no client sets.
    pub fn two_values(self) -> Option<[Vec<u8>; 2]> {
        let both = |a: &dyn Fn() -> Vec<u8>, b: &dyn Fn() -> Vec<u8>| Some([a(), b()]);
        match self {
            Self::DATASPACE => both(&|| encode(self, &DATASPACE_DISPLAY_P3), &|| encode(self, &DATASPACE_BT2020_PQ)),
            Self::BLEND_MODE => both(&|| encode(self, &BLEND_COVERAGE), &|| encode(self, &BLEND_PREMULTIPLIED)),
            Self::SMPTE2086 => {
                both(&|| encode(self, &Smpte2086::of_seed(1.0)), &|| encode(self, &Smpte2086::of_seed(2.0)))
            }
            Self::CTA861_3 => {
                both(&|| encode(self, &Cta861_3::of_seed(1.0)), &|| encode(self, &Cta861_3::of_seed(2.0)))
            }
            // 200 bytes: more than any word or cache line.
            Self::SMPTE2094_40 | Self::SMPTE2094_10 => {
                both(&|| encode(self, &vec![0x11u8; 200]), &|| encode(self, &vec![0x22u8; 200]))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dataspaces_are_the_contracts() {
        // Dataspace.aidl writes these three out as sums.
        assert_eq!(DATASPACE_DISPLAY_P3, 143_261_696);
        assert_eq!(DATASPACE_BT2020_PQ, 163_971_072);
    }

    #[test]
    fn every_value_to_set_decodes_as_its_type() {
        let settable: Vec<_> = Standard::ALL.iter().filter_map(|kind| Some((*kind, kind.two_values()?))).collect();
        assert_eq!(settable.len(), 6);
        for (kind, [a, b]) in settable {
            assert_ne!(a, b);
            assert_eq!((kind.check(&a), kind.check(&b)), (Ok(()), Ok(())), "{kind:?}");
        }
    }
}
