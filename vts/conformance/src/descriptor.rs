//! What an allocator is asked for.

use crate::mapper::usage;
use allocator_aidl::{BufferDescriptorInfo, BufferUsage, ExtendableType, PixelFormat};

/// A descriptor in the making.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// As it travels; 127 bytes and a terminator for a client that keeps to the contract.
    pub name: [u8; 128],
    /// Pixels.
    pub width: i32,
    /// Lines.
    pub height: i32,
    /// Images.
    pub layers: i32,
    /// `PixelFormat`.
    pub format: i32,
    /// `BufferUsage`.
    pub usage: u64,
    /// Bytes for the clients' own use.
    pub reserved: i64,
    /// `additionalOptions`.
    pub options: Vec<(String, i64)>,
}

impl Descriptor {
    /// One layer of a `PixelFormat` for the CPU to read and write.
    pub fn of(format: i32, width: i32, height: i32) -> Descriptor {
        Descriptor {
            name: name("conformance"),
            width,
            height,
            layers: 1,
            format,
            usage: usage::CPU,
            reserved: 0,
            options: Vec::new(),
        }
    }

    /// What VTS allocates where nothing else is said: 64 × 64, `RGBA_8888`, written and read by the CPU.
    pub fn generic() -> Descriptor {
        Descriptor { name: name("VTS_TEMP"), ..Descriptor::of(PixelFormat::RGBA_8888.0, 64, 64) }
    }

    /// Another usage.
    #[must_use]
    pub fn usage(self, usage: u64) -> Descriptor {
        Descriptor { usage, ..self }
    }

    /// Another name.
    #[must_use]
    pub fn named(self, text: &str) -> Descriptor {
        Descriptor { name: name(text), ..self }
    }

    /// As it travels.
    pub fn wire(&self) -> BufferDescriptorInfo {
        let option = |(name, value): &(String, i64)| ExtendableType { name: name.clone(), value: *value };
        BufferDescriptorInfo {
            name: self.name,
            width: self.width,
            height: self.height,
            layerCount: self.layers,
            format: PixelFormat(self.format),
            usage: BufferUsage(i64::from_ne_bytes(self.usage.to_ne_bytes())),
            reservedSize: self.reserved,
            additionalOptions: self.options.iter().map(option).collect(),
        }
    }
}

/// A text as a terminated name.
fn name(text: &str) -> [u8; 128] {
    let mut wire = [0; 128];
    for (to, from) in wire.iter_mut().take(127).zip(text.bytes()) {
        *to = from;
    }
    wire
}
