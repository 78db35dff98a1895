//! The standard types by number.

use crate::options::Vts;
use std::fmt;

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
    /// Since common V7; before, no number of the contract's.
    pub const SMPTE2094_50: Standard = Standard(24);

    /// The first number that the contract of a snapshot does not know.
    pub fn unknown(vts: Vts) -> Standard {
        Standard(if vts == Vts::SixteenQpr2 { Self::SMPTE2094_50.0 } else { 25 })
    }

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
}
