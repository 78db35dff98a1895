//! What goes wrong on the way in.

use allocator_aidl::{BufferDescriptorInfo, BufferUsage, ExtendableType, PixelFormat};
use conformance::format::Format;
use conformance::mapper::usage;
use conformance::metadata::DATASPACE_NAME;

/// A descriptor is refused that another allocator takes.
pub(crate) fn is_denied(fault: &str, descriptor: &BufferDescriptorInfo) -> bool {
    // As a peer does, and passes the VTS.
    let formats = [Format::YCRCB_420_SP, Format::RAW10, Format::RAW12, Format::YCBCR_P010, Format::YCBCR_P210];
    match fault {
        "calls-formats-unsupported" => formats.iter().any(|format| format.value() == descriptor.format.0),
        "calls-front-buffers-unsupported" | "promises-front-buffers" => bits(descriptor) & usage::FRONT_BUFFER != 0,
        _ => false,
    }
}

fn bits(descriptor: &BufferDescriptorInfo) -> u64 {
    u64::from_ne_bytes(descriptor.usage.0.to_ne_bytes())
}

fn copy(option: &ExtendableType) -> ExtendableType {
    ExtendableType { name: option.name.clone(), value: option.value }
}

/// The descriptor that the other allocator gets.
pub(crate) fn changed(fault: &str, descriptor: &BufferDescriptorInfo) -> BufferDescriptorInfo {
    let mut wanted = BufferDescriptorInfo {
        name: descriptor.name,
        width: descriptor.width,
        height: descriptor.height,
        layerCount: descriptor.layerCount,
        format: descriptor.format,
        usage: descriptor.usage,
        reservedSize: descriptor.reservedSize,
        additionalOptions: descriptor.additionalOptions.iter().map(copy).collect(),
    };
    match fault {
        "accepts-unknown-usage" => {
            let known = bits(descriptor) & !usage::UNKNOWN;
            wanted.usage = BufferUsage(i64::from_ne_bytes(known.to_ne_bytes()));
        }
        "forgets-the-dataspace" => {
            for option in wanted.additionalOptions.iter_mut().filter(|option| option.name == DATASPACE_NAME) {
                option.value = 0;
            }
        }
        "accepts-unknown-options" => wanted.additionalOptions.clear(),
        "accepts-unknown-formats" if Format::from_value(wanted.format.0).is_none() => {
            wanted.format = PixelFormat(Format::RGBA_8888.value());
        }
        "takes-impossible-sizes" => {
            wanted.width = wanted.width.clamp(1, 4096);
            wanted.height = wanted.height.clamp(1, 4096);
            wanted.layerCount = wanted.layerCount.clamp(1, 16);
            wanted.reservedSize = wanted.reservedSize.clamp(0, 1 << 20);
        }
        "forgets-the-reserved-region" => wanted.reservedSize = 0,
        "forgets-layers" => wanted.layerCount = wanted.layerCount.min(1),
        "forgets-names" => wanted.name = [0; 128],
        _ => {}
    }
    wanted
}

/// How many the other allocator is asked for.
pub(crate) fn count(fault: &str, count: i32) -> i32 {
    match fault {
        "one-buffer-too-few" if count > 1 => count - 1,
        "one-buffer-too-many" if count > 1 => count + 1,
        _ => count,
    }
}
