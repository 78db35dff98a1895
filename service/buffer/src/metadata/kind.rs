//! Which standard types there are.

/// The name under which `AIMapper_MetadataType` carries the standard types.
pub const STANDARD_NAME: &str = "android.hardware.graphics.common.StandardMetadataType";

macro_rules! standard_metadata {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// A value of `StandardMetadataType`, `INVALID` left out.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i64)]
        pub enum StandardMetadata { $($(#[$doc])* $variant = $number,)* }

        impl StandardMetadata {
            /// Every type, in the order of the numbers, which start at 1 and have no gap.
            pub const ALL: &'static [StandardMetadata] = &[$(StandardMetadata::$variant,)*];

            /// The type of a number; `None` for `INVALID` and for what AIDL does not define.
            pub const fn from_number(number: i64) -> Option<StandardMetadata> {
                match number { $($number => Some(StandardMetadata::$variant),)* _ => None }
            }

            /// The number.
            pub const fn number(self) -> i64 {
                match self { $(StandardMetadata::$variant => $number,)* }
            }

            /// The AIDL name.
            pub const fn name(self) -> &'static str {
                match self { $(StandardMetadata::$variant => $name,)* }
            }
        }
    };
}

standard_metadata! {
    /// `u64`: tells buffers apart, for debugging.
    BufferId = 1, "BUFFER_ID";
    /// Text, as the client gave it.
    Name = 2, "NAME";
    /// `u64`, pixels.
    Width = 3, "WIDTH";
    /// `u64`, lines.
    Height = 4, "HEIGHT";
    /// `u64`.
    LayerCount = 5, "LAYER_COUNT";
    /// `i32`, a `PixelFormat`.
    PixelFormatRequested = 6, "PIXEL_FORMAT_REQUESTED";
    /// `u32`, a `DRM_FORMAT_*`.
    PixelFormatFourcc = 7, "PIXEL_FORMAT_FOURCC";
    /// `u64`, a `DRM_FORMAT_MOD_*`.
    PixelFormatModifier = 8, "PIXEL_FORMAT_MODIFIER";
    /// `i64`, `BufferUsage`.
    Usage = 9, "USAGE";
    /// `u64`, bytes.
    AllocationSize = 10, "ALLOCATION_SIZE";
    /// `u64`, 0 or 1.
    ProtectedContent = 11, "PROTECTED_CONTENT";
    /// `ExtendableType`.
    Compression = 12, "COMPRESSION";
    /// `ExtendableType`.
    Interlaced = 13, "INTERLACED";
    /// `ExtendableType`.
    ChromaSiting = 14, "CHROMA_SITING";
    /// `PlaneLayout[]`.
    PlaneLayouts = 15, "PLANE_LAYOUTS";
    /// `Rect[]`, one a plane, in samples.
    Crop = 16, "CROP";
    /// `i32`, a `Dataspace`.
    Dataspace = 17, "DATASPACE";
    /// `i32`, a `BlendMode`.
    BlendMode = 18, "BLEND_MODE";
    /// `Smpte2086`, or unset.
    Smpte2086 = 19, "SMPTE2086";
    /// `Cta861_3`, or unset.
    Cta861_3 = 20, "CTA861_3";
    /// Bytes, or unset.
    Smpte2094_40 = 21, "SMPTE2094_40";
    /// Bytes, or unset.
    Smpte2094_10 = 22, "SMPTE2094_10";
    /// `u32`, as `AllocationResult.stride`.
    Stride = 23, "STRIDE";
}

impl StandardMetadata {
    /// True for what clients set and every process sees: it comes from the page, all else from the handle.
    pub const fn is_shared(self) -> bool {
        matches!(
            self,
            StandardMetadata::Crop
                | StandardMetadata::Dataspace
                | StandardMetadata::BlendMode
                | StandardMetadata::Smpte2086
                | StandardMetadata::Cta861_3
                | StandardMetadata::Smpte2094_40
                | StandardMetadata::Smpte2094_10
        )
    }

    /// True for what is fixed at allocation by the contract itself (`IMapper.h`, `setMetadata`: "constant and can never
    /// be set"); what is not shared and not this either is fixed because this allocator has only one value.
    pub const fn is_constant(self) -> bool {
        matches!(
            self,
            StandardMetadata::BufferId
                | StandardMetadata::Name
                | StandardMetadata::Width
                | StandardMetadata::Height
                | StandardMetadata::LayerCount
                | StandardMetadata::PixelFormatRequested
                | StandardMetadata::Usage
        )
    }
}
