//! `BufferDescriptorInfo` as it arrived: the fields of the AIDL parcelable with its own types, nothing checked.
//!
//! Source: AOSP `hardware/interfaces/graphics/allocator/aidl/.../BufferDescriptorInfo.aidl` (V2).

use crate::BufferName;

/// One of `additionalOptions` (`ExtendableType`), unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptorOption {
    /// The option's name, hostile text.
    pub name: String,
    /// Its value.
    pub value: i64,
}

/// A descriptor as it arrived, nothing checked: the fields of `BufferDescriptorInfo` with its own types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The name, already cut and terminated.
    pub name: BufferName,
    /// Pixels.
    pub width: i32,
    /// Lines.
    pub height: i32,
    /// Layers of an array or cube map; 1 for all others.
    pub layer_count: i32,
    /// A `PixelFormat` value, perhaps.
    pub format: i32,
    /// Usage bits, as the sign-carrying AIDL long.
    pub usage: i64,
    /// Bytes of the region that clients share beside the pixels.
    pub reserved_size: i64,
    /// Extensions.
    pub options: Vec<DescriptorOption>,
}
