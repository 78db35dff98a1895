//! `BufferUsage`: what a client says it will do with a buffer.
//!
//! Source: AOSP `hardware/interfaces/graphics/common/aidl/.../BufferUsage.aidl` (common V4 to V6 agree).
//! Bits 28–31 and 48–63 belong to the vendor; a policy names them.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

/// A set of usage bits, as they travel in `BufferDescriptorInfo.usage`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Usage(pub u64);

impl Usage {
    /// No usage at all; also `CPU_READ_NEVER` and `CPU_WRITE_NEVER`.
    pub const NONE: Usage = Usage(0);
    /// The two-bit-valued field that says how often the CPU reads.
    pub const CPU_READ_MASK: Usage = Usage(0xf);
    /// The CPU reads now and then.
    pub const CPU_READ_RARELY: Usage = Usage(2);
    /// The CPU reads often: such a buffer belongs in a cached heap.
    pub const CPU_READ_OFTEN: Usage = Usage(3);
    /// The field that says how often the CPU writes.
    pub const CPU_WRITE_MASK: Usage = Usage(0xf0);
    /// The CPU writes now and then.
    pub const CPU_WRITE_RARELY: Usage = Usage(0x20);
    /// The CPU writes often.
    pub const CPU_WRITE_OFTEN: Usage = Usage(0x30);
    /// Sampled by the GPU.
    pub const GPU_TEXTURE: Usage = Usage(1 << 8);
    /// Rendered into by the GPU.
    pub const GPU_RENDER_TARGET: Usage = Usage(1 << 9);
    /// Scanned out as an overlay plane.
    pub const COMPOSER_OVERLAY: Usage = Usage(1 << 11);
    /// The composer's own target.
    pub const COMPOSER_CLIENT_TARGET: Usage = Usage(1 << 12);
    /// Content that the CPU and untrusted devices must never see.
    pub const PROTECTED: Usage = Usage(1 << 14);
    /// A hardware cursor.
    pub const COMPOSER_CURSOR: Usage = Usage(1 << 15);
    /// Read by a video encoder.
    pub const VIDEO_ENCODER: Usage = Usage(1 << 16);
    /// Written by a camera.
    pub const CAMERA_OUTPUT: Usage = Usage(1 << 17);
    /// Read by a camera (reprocessing).
    pub const CAMERA_INPUT: Usage = Usage(1 << 18);
    /// RenderScript allocations.
    pub const RENDERSCRIPT: Usage = Usage(1 << 20);
    /// Written by a video decoder.
    pub const VIDEO_DECODER: Usage = Usage(1 << 22);
    /// Written by a sensor hub as a direct channel.
    pub const SENSOR_DIRECT_DATA: Usage = Usage(1 << 23);
    /// A GPU data buffer (SSBO, UBO).
    pub const GPU_DATA_BUFFER: Usage = Usage(1 << 24);
    /// A cube map.
    pub const GPU_CUBE_MAP: Usage = Usage(1 << 25);
    /// A full mipmap pyramid.
    pub const GPU_MIPMAP_COMPLETE: Usage = Usage(1 << 26);
    /// Read by a hardware image encoder (HEIC).
    pub const HW_IMAGE_ENCODER: Usage = Usage(1 << 27);
    /// Written while it is scanned out.
    pub const FRONT_BUFFER: Usage = Usage(1 << 32);
    /// Bits that vendors may define: 28–31 and 48–63.
    pub const VENDOR: Usage = Usage(0xffff_0000_f000_0000);
    /// Bits 10 and 13: left over from gralloc 0 and 1. libui lets them through, so they are ignored, not refused.
    pub const IGNORED: Usage = Usage(1 << 10 | 1 << 13);

    /// Every name of the AIDL enum that is a plain flag, with its bit.
    pub const FLAGS: &'static [(&'static str, Usage)] = &[
        ("GPU_TEXTURE", Usage::GPU_TEXTURE),
        ("GPU_RENDER_TARGET", Usage::GPU_RENDER_TARGET),
        ("COMPOSER_OVERLAY", Usage::COMPOSER_OVERLAY),
        ("COMPOSER_CLIENT_TARGET", Usage::COMPOSER_CLIENT_TARGET),
        ("PROTECTED", Usage::PROTECTED),
        ("COMPOSER_CURSOR", Usage::COMPOSER_CURSOR),
        ("VIDEO_ENCODER", Usage::VIDEO_ENCODER),
        ("CAMERA_OUTPUT", Usage::CAMERA_OUTPUT),
        ("CAMERA_INPUT", Usage::CAMERA_INPUT),
        ("RENDERSCRIPT", Usage::RENDERSCRIPT),
        ("VIDEO_DECODER", Usage::VIDEO_DECODER),
        ("SENSOR_DIRECT_DATA", Usage::SENSOR_DIRECT_DATA),
        ("GPU_DATA_BUFFER", Usage::GPU_DATA_BUFFER),
        ("GPU_CUBE_MAP", Usage::GPU_CUBE_MAP),
        ("GPU_MIPMAP_COMPLETE", Usage::GPU_MIPMAP_COMPLETE),
        ("HW_IMAGE_ENCODER", Usage::HW_IMAGE_ENCODER),
        ("FRONT_BUFFER", Usage::FRONT_BUFFER),
    ];

    /// The values of the two CPU fields. The zero values (NEVER) have names too, but are not flags.
    pub const CPU_VALUES: &'static [(&'static str, Usage)] = &[
        ("CPU_READ_RARELY", Usage::CPU_READ_RARELY),
        ("CPU_READ_OFTEN", Usage::CPU_READ_OFTEN),
        ("CPU_WRITE_RARELY", Usage::CPU_WRITE_RARELY),
        ("CPU_WRITE_OFTEN", Usage::CPU_WRITE_OFTEN),
    ];

    /// True when every bit of `other` is in `self`.
    pub const fn contains(self, other: Usage) -> bool {
        self.0 & other.0 == other.0
    }

    /// True when some bit of `other` is in `self`.
    pub const fn intersects(self, other: Usage) -> bool {
        self.0 & other.0 != 0
    }

    /// True when no bit is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The value of the CPU read field: 0 never, 2 rarely, 3 often; others are undefined.
    pub const fn cpu_read(self) -> Usage {
        Usage(self.0 & Self::CPU_READ_MASK.0)
    }

    /// The value of the CPU write field: 0 never, 0x20 rarely, 0x30 often; others are undefined.
    pub const fn cpu_write(self) -> Usage {
        Usage(self.0 & Self::CPU_WRITE_MASK.0)
    }

    /// True when the CPU reads or writes, however seldom.
    pub const fn cpu(self) -> bool {
        self.0 & (Self::CPU_READ_MASK.0 | Self::CPU_WRITE_MASK.0) != 0
    }

    /// True when somebody addresses the pixels by their lines: the CPU, or a shader as its data. No buffer of blocks serves that.
    pub const fn lines(self) -> bool {
        self.cpu() || self.0 & Self::GPU_DATA_BUFFER.0 != 0
    }

    /// Bits that neither AIDL defines, nor libui lets through, nor `vendor` names; also undefined CPU field values.
    /// A request with any of them is refused (VTS asks with bit 33).
    pub fn undefined(self, vendor: Usage) -> Usage {
        let mut known = vendor.0 & Self::VENDOR.0 | Self::IGNORED.0;
        for (_, flag) in Self::FLAGS {
            known |= flag.0;
        }
        if matches!(self.cpu_read(), Self::NONE | Self::CPU_READ_RARELY | Self::CPU_READ_OFTEN) {
            known |= Self::CPU_READ_MASK.0;
        }
        if matches!(self.cpu_write(), Self::NONE | Self::CPU_WRITE_RARELY | Self::CPU_WRITE_OFTEN) {
            known |= Self::CPU_WRITE_MASK.0;
        }
        Usage(self.0 & !known)
    }

    /// What [`Usage`] is written as, a word each.
    pub fn names(self) -> Vec<String> {
        if self.is_empty() {
            return Vec::new();
        }
        self.to_string().split('|').map(str::to_owned).collect()
    }

    /// The AIDL names of the bits that are set, each with its bits.
    fn named(self) -> impl Iterator<Item = (&'static str, Usage)> {
        let values =
            Self::CPU_VALUES.iter().filter(move |(_, value)| self.cpu_read() == *value || self.cpu_write() == *value);
        values.chain(Self::FLAGS.iter().filter(move |(_, flag)| self.contains(*flag))).copied()
    }

    /// The usage of one AIDL name; `None` when AIDL has no such name. Vendor names are the policy's.
    pub fn from_name(name: &str) -> Option<Usage> {
        match name {
            "CPU_READ_NEVER" | "CPU_WRITE_NEVER" => return Some(Usage::NONE),
            "CPU_READ_MASK" => return Some(Usage::CPU_READ_MASK),
            "CPU_WRITE_MASK" => return Some(Usage::CPU_WRITE_MASK),
            _ => {}
        }
        Self::FLAGS.iter().chain(Self::CPU_VALUES).find(|(known, _)| *known == name).map(|(_, usage)| *usage)
    }
}

impl BitOr for Usage {
    type Output = Usage;
    fn bitor(self, other: Usage) -> Usage {
        Usage(self.0 | other.0)
    }
}

impl BitAnd for Usage {
    type Output = Usage;
    fn bitand(self, other: Usage) -> Usage {
        Usage(self.0 & other.0)
    }
}

impl Not for Usage {
    type Output = Usage;
    fn not(self) -> Usage {
        Usage(!self.0)
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The AIDL names of the bits that are set, with `|` between them; what has no name is a hexadecimal remainder.
impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("NONE");
        }
        let (mut rest, mut between) = (*self, "");
        for (name, bits) in self.named() {
            f.write_str(between)?;
            f.write_str(name)?;
            rest = rest & !bits;
            between = "|";
        }
        if rest.is_empty() {
            return Ok(());
        }
        write!(f, "{between}{:#x}", rest.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_written_in_names_and_what_has_none_as_a_number() {
        let cases = [
            (0x33, "CPU_READ_OFTEN|CPU_WRITE_OFTEN"),
            (0x1_0000_0122, "CPU_READ_RARELY|CPU_WRITE_RARELY|GPU_TEXTURE|FRONT_BUFFER"),
            (0x8000_0000_0000_4001, "PROTECTED|0x8000000000000001"),
            (0x14, "0x14"),
        ];
        for (bits, text) in cases {
            assert_eq!((Usage(bits).to_string().as_str(), Usage(bits).names().join("|").as_str()), (text, text));
        }
        assert_eq!((Usage::NONE.to_string().as_str(), Usage::NONE.names().len()), ("NONE", 0));
    }
}
