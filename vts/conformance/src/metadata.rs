//! Standard metadata: the types by number, and their encoding, both ways. Shares no code with any mapper.
//!
//! A value travels as an i64 length and the text [`STANDARD_NAME`](crate::abi::STANDARD_NAME), an i64 type, then the
//! value; an optional value that is not set travels as no bytes at all. Decoding is strict: what does not decode makes libui abort its process, so a
//! wrong name, a wrong type, a length beyond the end and bytes behind the end are all errors here.
//!
//! Source: AOSP `hardware/interfaces/graphics/mapper/stable-c/implutils/.../IMapperMetadataTypes.h`,
//! `hardware/interfaces/graphics/common/aidl/.../StandardMetadataType.aidl` (main, March 2025).

mod codec;
mod standard;
mod values;

pub use codec::{decode, encode, Decode, DecodeError, Encode, Reader};
pub use standard::Standard;
pub use values::{Component, Cta861_3, Extendable, PlaneLayout, Smpte2086};

use crate::abi::Rect;

/// The name of `PlaneLayoutComponentType` in a component's type.
pub const COMPONENT_NAME: &str = "android.hardware.graphics.common.PlaneLayoutComponentType";
/// The name of `Compression`.
pub const COMPRESSION_NAME: &str = "android.hardware.graphics.common.Compression";
/// The name of `Interlaced`.
pub const INTERLACED_NAME: &str = "android.hardware.graphics.common.Interlaced";
/// The name of `Dataspace`: of an option that has its values, too.
pub const DATASPACE_NAME: &str = "android.hardware.graphics.common.Dataspace";
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

impl Standard {
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
        let kind = Extendable { name: COMPONENT_NAME.to_owned(), value: 1 << 20 };
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
