//! A buffer's name, as it travels in descriptors, handles and dumps.

use std::fmt;

/// Bytes in `BufferDescriptorInfo.name`, the terminator included.
pub const NAME_BYTES: usize = 128;

/// A buffer's name as the client gave it: hostile bytes, perhaps without a terminator, perhaps not UTF-8.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BufferName([u8; NAME_BYTES]);

impl Default for BufferName {
    /// No name.
    fn default() -> BufferName {
        BufferName([0; NAME_BYTES])
    }
}

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
        // Runs of what needs no escape are written at once.
        fmt::Display::fmt(&self.bytes().escape_ascii(), f)
    }
}

impl fmt::Debug for BufferName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
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
