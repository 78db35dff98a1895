//! What a client asked for: first as it claims it ([`Descriptor`]), then validated ([`Request`]).

use crate::error::{Malformed, Refusal, Unsupported};
use crate::format::PixelFormat;
use crate::policy::Policy;
use crate::usage::Usage;
use std::fmt;

/// Bytes in `BufferDescriptorInfo.name`, the terminator included.
pub const NAME_BYTES: usize = 128;

/// A buffer's name as the client gave it: hostile bytes, perhaps without a terminator, perhaps not UTF-8.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BufferName([u8; NAME_BYTES]);

impl BufferName {
    /// Takes the bytes up to the first NUL, at most 127; the rest becomes zero so that nothing else travels along.
    pub fn from_wire(wire: &[u8; NAME_BYTES]) -> BufferName {
        let mut name = [0; NAME_BYTES];
        for (to, from) in name.iter_mut().zip(wire.iter().take(NAME_BYTES - 1).take_while(|byte| **byte != 0)) {
            *to = *from;
        }
        BufferName(name)
    }

    /// The name of a text, cut at 127 bytes.
    pub fn from_text(text: &str) -> BufferName {
        let mut wire = [0; NAME_BYTES];
        for (to, from) in wire.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        BufferName::from_wire(&wire)
    }

    /// The name's own bytes, without the terminator.
    pub fn bytes(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or(&[])
    }

    /// All 128 bytes, terminated, as they travel.
    pub const fn to_wire(&self) -> &[u8; NAME_BYTES] {
        &self.0
    }
}

/// Escaped: printable ASCII as it is, everything else as `\xNN`, so that a name cannot forge a line of a log.
impl fmt::Display for BufferName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.bytes() {
            fmt::Display::fmt(&std::ascii::escape_default(*byte), f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for BufferName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

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

/// A descriptor that holds what the contract asks; sizes are not yet known to fit anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Pixels, at least 1.
    pub width: u32,
    /// Lines, at least 1.
    pub height: u32,
    /// At least 1.
    pub layers: u32,
    /// As asked, flexible formats unresolved.
    pub format: PixelFormat,
    /// Every bit is defined, by AIDL or by the policy.
    pub usage: Usage,
    /// Bytes.
    pub reserved_bytes: u64,
}

impl Request {
    /// Checks a descriptor against the contract and against what the policy accepts.
    ///
    /// # Errors
    /// `Malformed` for a descriptor that contradicts itself; `Unsupported` for a format, usage or option that this
    /// device does not take. VTS wants a code other than 0 for refused usages and options.
    pub fn validate(descriptor: &Descriptor, policy: &Policy) -> Result<Request, Refusal> {
        let Descriptor { width, height, layer_count, format, reserved_size, .. } = *descriptor;
        let (Some(w), Some(h)) = (positive(width), positive(height)) else {
            return Err(Malformed::Size { width, height }.into());
        };
        let layers = positive(layer_count).ok_or(Malformed::LayerCount(layer_count))?;
        let reserved_bytes = u64::try_from(reserved_size).map_err(|_| Malformed::ReservedSize(reserved_size))?;
        let reason = "not a PixelFormat value of the AIDL";
        let format = PixelFormat::from_wire(format).ok_or(Unsupported::Format { value: format, reason })?;
        if format == PixelFormat::Blob && h != 1 {
            return Err(Malformed::BlobHeight(h).into());
        }
        let usage = Usage(u64::from_ne_bytes(descriptor.usage.to_ne_bytes()));
        let undefined = usage.undefined(policy.vendor_bits());
        if !undefined.is_empty() {
            return Err(Unsupported::UsageBits(undefined).into());
        }
        for option in &descriptor.options {
            policy.accepts_option(option)?;
        }
        Ok(Request { width: w, height: h, layers, format, usage, reserved_bytes })
    }
}

fn positive(value: i32) -> Option<u32> {
    u32::try_from(value).ok().filter(|value| *value > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_ends_at_the_first_zero_or_after_127_bytes_and_nothing_travels_behind_it() {
        let mut wire = [b'x'; NAME_BYTES];
        let longest = BufferName::from_wire(&wire);
        assert_eq!(longest.bytes(), [b'x'; 127]);
        assert_eq!(longest.to_wire()[127], 0);
        assert_eq!(BufferName::from_text(&"x".repeat(200)), longest);
        assert_eq!(BufferName::from_text(&"x".repeat(127)), longest);
        wire[2] = 0;
        assert_eq!(BufferName::from_wire(&wire), BufferName::from_text("xx"));
        assert_eq!(BufferName::from_text("xx\0secret").to_wire()[2..], [0; 126]);
        assert_eq!(BufferName::from_text("xx").bytes(), b"xx");
    }

    #[test]
    fn name_is_shown_escaped() {
        let name = BufferName::from_text("a\"\n\u{e9}");
        assert_eq!(name.to_string(), r#"a\"\n\xc3\xa9"#);
        assert_eq!(format!("{name:?}"), r#""a\"\n\xc3\xa9""#);
    }
}
