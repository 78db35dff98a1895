//! Descriptors as they travel.

use allocator_aidl::{BufferDescriptorInfo, BufferUsage, ExtendableType, PixelFormat as WireFormat};
use gralloc_buffer::{Descriptor, DescriptorOption};

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

#[cfg(test)]
mod tests {
    use super::*;
    use gralloc_buffer::{PixelFormat, Usage};

    #[test]
    fn everything_that_was_said_travels() {
        let options = vec![DescriptorOption { name: "x.y.Z".to_owned(), value: -1 }];
        let asked = Descriptor::new("Hi", 64, 32, PixelFormat::Yv12, Usage(1 << 63 | 0x33));
        let built = to_wire(&Descriptor { layer_count: 2, reserved_size: 512, options, ..asked });
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
