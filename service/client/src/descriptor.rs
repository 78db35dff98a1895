//! Descriptors as they travel.

use allocator_aidl::{BufferDescriptorInfo, BufferUsage, ExtendableType, PixelFormat as WireFormat};
use gralloc_buffer::{Descriptor, DescriptorOption, PixelFormat, Usage};

/// Writes a descriptor as it travels. Nothing is checked: that is the service's work.
pub fn to_wire(descriptor: &Descriptor) -> BufferDescriptorInfo {
    let option = |option: &DescriptorOption| ExtendableType { name: option.name.clone(), value: option.value };
    BufferDescriptorInfo {
        name: *descriptor.name.to_wire(),
        width: descriptor.width,
        height: descriptor.height,
        layerCount: descriptor.layer_count,
        format: WireFormat(descriptor.format),
        usage: BufferUsage(descriptor.usage),
        reservedSize: descriptor.reserved_size,
        additionalOptions: descriptor.options.iter().map(option).collect(),
    }
}

/// Builds a descriptor: one layer, no reserved region, no options, unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptorBuilder(Descriptor);

impl DescriptorBuilder {
    /// Names the buffer (cut at 127 bytes) and says what must be said. Width and height in pixels.
    pub fn new(name: &str, width: i32, height: i32, format: PixelFormat, usage: Usage) -> DescriptorBuilder {
        DescriptorBuilder(Descriptor::new(name, width, height, format, usage))
    }

    /// Images in the buffer.
    #[must_use]
    pub fn layers(mut self, layers: i32) -> DescriptorBuilder {
        self.0.layer_count = layers;
        self
    }

    /// Bytes that clients share beside the pixels.
    #[must_use]
    pub fn reserved(mut self, bytes: i64) -> DescriptorBuilder {
        self.0.reserved_size = bytes;
        self
    }

    /// One more of `additionalOptions`.
    #[must_use]
    pub fn option(mut self, name: &str, value: i64) -> DescriptorBuilder {
        self.0.options.push(DescriptorOption { name: name.to_owned(), value });
        self
    }

    /// The descriptor, as the service knows it.
    pub fn descriptor(self) -> Descriptor {
        self.0
    }

    /// The descriptor, as it travels.
    pub fn build(&self) -> BufferDescriptorInfo {
        to_wire(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_was_said_travels() {
        let built = DescriptorBuilder::new("Hi", 64, 32, PixelFormat::Yv12, Usage(1 << 63 | 0x33))
            .layers(2)
            .reserved(512)
            .option("x.y.Z", -1)
            .build();
        assert_eq!(built.name.get(..4), Some(&b"Hi\0\0"[..]));
        assert_eq!((built.width, built.height, built.layerCount), (64, 32, 2));
        assert_eq!((built.format, built.usage.0, built.reservedSize), (WireFormat::YV12, i64::MIN | 0x33, 512));
        assert_eq!(built.additionalOptions.len(), 1);
        assert_eq!((built.additionalOptions[0].name.as_str(), built.additionalOptions[0].value), ("x.y.Z", -1));
    }

    #[test]
    fn every_format_travels_as_the_aidl_has_it() {
        for format in PixelFormat::ALL {
            let wire = WireFormat(format.to_wire());
            assert!(WireFormat::enum_values().contains(&wire), "{}: {wire:?}", format.name());
        }
        assert_eq!(PixelFormat::ALL.len(), WireFormat::enum_values().len());
    }
}
