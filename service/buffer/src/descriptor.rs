//! `BufferDescriptorInfo` as it arrived: the fields of the AIDL parcelable with its own types, nothing checked.
//!
//! Source: AOSP `hardware/interfaces/graphics/allocator/aidl/.../BufferDescriptorInfo.aidl` (V2).

use crate::{BufferName, PixelFormat, Usage};

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

impl Descriptor {
    /// One layer of `width` by `height` pixels, without a reserved region or options; the name is cut at 127 bytes.
    pub fn new(name: &str, width: i32, height: i32, format: PixelFormat, usage: Usage) -> Descriptor {
        Descriptor {
            name: BufferName::from_text(name),
            width,
            height,
            layer_count: 1,
            format: format.to_wire(),
            usage: i64::from_ne_bytes(usage.0.to_ne_bytes()),
            reserved_size: 0,
            options: Vec::new(),
        }
    }
}
