//! What camera and display say to each other over a SOCK_SEQPACKET unix socket, one message a packet.
//!
//! A buffer travels as a native handle does between Android's processes: its fds by SCM_RIGHTS, its ints as they are.
//! Each slot of the camera's ring is owned by one side at a time: the camera gives it away with [`Message::Frame`] and
//! has it back with [`Message::Released`]. There are no fences: the camera sends a frame when the device has finished
//! it (acquire), the display releases it when something else is on the screen (release).
//!
//! Layout: little-endian 32-bit words; magic, kind, then the fields in the order of the enum; a list is its count and
//! its items. Whatever arrives is hostile: counts are limited before anything is reserved, and every byte must be used.

/// First word of every message: "GFH" and the protocol's version.
const MAGIC: u32 = u32::from_le_bytes(*b"GFH1");
/// Most ints of a handle that are taken. The service's handles have far fewer; AOSP's own limit is 1,024 and more.
pub const MAX_INTS: usize = 512;
/// Most fds of a handle that are taken.
pub const MAX_FDS: usize = 8;
/// Most slots of a camera's ring.
pub const MAX_SLOTS: u32 = 32;
/// Longest text, in bytes.
const MAX_TEXT: usize = 512;
/// Longest message, in bytes.
pub const MAX_MESSAGE: usize = 4 * (8 + MAX_INTS);

/// How a slot's frames reach the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// The display controller reads the camera's buffer itself.
    Scanout,
    /// The display copies and converts into a buffer of its own.
    Composed,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Display → camera, first: what the screen shows.
    Welcome {
        /// Pixels.
        width: u32,
        /// Lines.
        height: u32,
    },
    /// Camera → display: a slot's buffer. As many fds come along with the packet as `fds` says.
    Buffer {
        /// Number of the slot, from 0.
        slot: u32,
        /// AIDL `Dataspace` of its pixels.
        dataspace: i32,
        /// The handle's `numFds`.
        fds: u32,
        /// The handle's ints.
        ints: Vec<i32>,
    },
    /// Display → camera: the buffer was taken.
    Attached {
        /// Number of the slot.
        slot: u32,
        /// How its frames will be shown.
        path: Path,
    },
    /// Camera → display: a finished frame; the slot now belongs to the display.
    Frame {
        /// Number of the slot.
        slot: u32,
        /// The device's frame counter.
        sequence: u32,
    },
    /// Display → camera: the frame is on the screen.
    Presented {
        /// Number of the slot.
        slot: u32,
        /// The frame's counter.
        sequence: u32,
    },
    /// Display → camera: the slot belongs to the camera again.
    Released {
        /// Number of the slot.
        slot: u32,
    },
    /// Camera → display: no more frames; answer when the last one is on the screen.
    Finish,
    /// Display → camera: the last frame is on the screen and stays there.
    Held {
        /// The frame's counter.
        sequence: u32,
    },
    /// Display → camera: this cannot be; the connection ends.
    Refused {
        /// Why, for people.
        reason: String,
    },
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Ends too soon.
    #[error("the message ends in the middle of {0}")]
    Short(&'static str),
    /// Bytes are left over.
    #[error("{0} bytes too many in the message")]
    Trailing(usize),
    /// Another program's, or another version's.
    #[error("the message begins with {0:#010x}, not with the protocol's mark")]
    Magic(u32),
    /// No such kind.
    #[error("there is no message of kind {0}")]
    Kind(u32),
    /// A number beyond what is taken.
    #[error("{what} is {got}, at most {limit} is taken")]
    Limit {
        /// Of what.
        what: &'static str,
        /// The number in the message.
        got: u32,
        /// The most that is taken.
        limit: u32,
    },
    /// Text that is no UTF-8.
    #[error("the text is not UTF-8")]
    Text,
}

impl Message {
    /// The message's bytes. Text is cut at 512 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer(Vec::new());
        to.word(MAGIC);
        match self {
            Message::Welcome { width, height } => to.words(&[1, *width, *height]),
            Message::Buffer { slot, dataspace, fds, ints } => {
                to.words(&[2, *slot, dataspace.cast_unsigned(), *fds, u32::try_from(ints.len()).unwrap_or(u32::MAX)]);
                ints.iter().for_each(|int| to.word(int.cast_unsigned()));
            }
            Message::Attached { slot, path } => to.words(&[3, *slot, u32::from(*path == Path::Scanout)]),
            Message::Frame { slot, sequence } => to.words(&[4, *slot, *sequence]),
            Message::Presented { slot, sequence } => to.words(&[5, *slot, *sequence]),
            Message::Released { slot } => to.words(&[6, *slot]),
            Message::Finish => to.word(7),
            Message::Held { sequence } => to.words(&[8, *sequence]),
            Message::Refused { reason } => {
                let text = reason.get(..reason.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
                to.words(&[9, u32::try_from(text.len()).unwrap_or(0)]);
                to.0.extend_from_slice(text.as_bytes());
            }
        }
        to.0
    }

    /// The message of some bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn decode(bytes: &[u8]) -> Result<Message, WireError> {
        let mut from = Reader(bytes);
        let magic = from.word("the mark")?;
        if magic != MAGIC {
            return Err(WireError::Magic(magic));
        }
        let message = match from.word("the kind")? {
            1 => Message::Welcome { width: from.word("the width")?, height: from.word("the height")? },
            2 => {
                let slot = from.slot()?;
                let dataspace = from.word("the dataspace")?.cast_signed();
                let fds = from.limited("the number of fds", MAX_FDS)?;
                let count = from.limited("the number of ints", MAX_INTS)?;
                let ints = (0..count).map(|_| from.word("the ints").map(u32::cast_signed)).collect::<Result<_, _>>()?;
                Message::Buffer { slot, dataspace, fds, ints }
            }
            3 => Message::Attached {
                slot: from.slot()?,
                path: if from.limited("the path", 1)? == 1 { Path::Scanout } else { Path::Composed },
            },
            4 => Message::Frame { slot: from.slot()?, sequence: from.word("the frame counter")? },
            5 => Message::Presented { slot: from.slot()?, sequence: from.word("the frame counter")? },
            6 => Message::Released { slot: from.slot()? },
            7 => Message::Finish,
            8 => Message::Held { sequence: from.word("the frame counter")? },
            9 => {
                let length = from.limited("the length of the text", MAX_TEXT)?;
                let text = from.bytes(usize::try_from(length).unwrap_or(usize::MAX), "the text")?;
                let reason = std::str::from_utf8(text).map_err(|_| WireError::Text)?.to_owned();
                Message::Refused { reason }
            }
            kind => return Err(WireError::Kind(kind)),
        };
        match from.0.len() {
            0 => Ok(message),
            left => Err(WireError::Trailing(left)),
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn word(&mut self, word: u32) {
        self.0.extend_from_slice(&word.to_le_bytes());
    }

    fn words(&mut self, words: &[u32]) {
        words.iter().for_each(|word| self.word(*word));
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn bytes(&mut self, count: usize, what: &'static str) -> Result<&'b [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WireError::Short(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn word(&mut self, what: &'static str) -> Result<u32, WireError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(WireError::Short(what))?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*taken))
    }

    fn limited(&mut self, what: &'static str, limit: usize) -> Result<u32, WireError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let got = self.word(what)?;
        if got > limit {
            return Err(WireError::Limit { what, got, limit });
        }
        Ok(got)
    }

    fn slot(&mut self) -> Result<u32, WireError> {
        let got = self.word("the slot")?;
        if got >= MAX_SLOTS {
            return Err(WireError::Limit { what: "the slot", got, limit: MAX_SLOTS - 1 });
        }
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn messages() -> Vec<Message> {
        vec![
            Message::Welcome { width: 1280, height: 720 },
            Message::Buffer { slot: 3, dataspace: -5, fds: 2, ints: vec![1, -2, i32::MAX, i32::MIN] },
            Message::Buffer { slot: 0, dataspace: 0, fds: 0, ints: vec![] },
            Message::Attached { slot: 31, path: Path::Scanout },
            Message::Attached { slot: 1, path: Path::Composed },
            Message::Frame { slot: 2, sequence: u32::MAX },
            Message::Presented { slot: 2, sequence: 7 },
            Message::Released { slot: 0 },
            Message::Finish,
            Message::Held { sequence: 119 },
            Message::Refused { reason: "zu groß".to_owned() },
        ]
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn encode_of_a_frame_is_the_documented_bytes() {
        let bytes = Message::Frame { slot: 2, sequence: 0x0102_0304 }.encode();
        assert_eq!(bytes, *b"GFH1\x04\0\0\0\x02\0\0\0\x04\x03\x02\x01");
    }

    #[test]
    fn decode_of_every_message_is_the_message() {
        for message in messages() {
            let bytes = message.encode();
            assert!(bytes.len() <= MAX_MESSAGE);
            assert_eq!(Message::decode(&bytes), Ok(message));
        }
    }

    #[test]
    fn decode_of_every_shorter_or_longer_message_is_refused() {
        for message in messages() {
            let mut bytes = message.encode();
            for end in 0..bytes.len() {
                assert!(Message::decode(&bytes[..end]).is_err(), "{message:?} cut at {end}");
            }
            bytes.push(0);
            assert_eq!(Message::decode(&bytes), Err(WireError::Trailing(1)), "{message:?}");
        }
    }

    #[test]
    fn decode_of_numbers_out_of_range_is_refused() {
        let limit = |bytes: &[u8]| matches!(Message::decode(bytes), Err(WireError::Limit { .. }));
        assert!(limit(&words(&[MAGIC, 4, 32, 0])), "slot");
        assert!(limit(&words(&[MAGIC, 2, 0, 0, 9, 0])), "fds");
        assert!(limit(&words(&[MAGIC, 2, 0, 0, 1, u32::MAX])), "ints");
        assert!(limit(&words(&[MAGIC, 3, 0, 2])), "path");
        assert!(limit(&words(&[MAGIC, 9, 100_000])), "text");
        assert_eq!(Message::decode(&words(&[MAGIC, 0])), Err(WireError::Kind(0)));
        assert_eq!(Message::decode(&words(&[0x1234, 7])), Err(WireError::Magic(0x1234)));
        let mut bytes = words(&[MAGIC, 9, 1]);
        bytes.push(0xff);
        assert_eq!(Message::decode(&bytes), Err(WireError::Text));
    }

    #[test]
    fn encode_of_a_long_reason_cuts_it_at_a_character() {
        let Ok(Message::Refused { reason }) = Message::decode(&Message::Refused { reason: "ö".repeat(999) }.encode())
        else {
            panic!("not a refusal")
        };
        assert_eq!(reason, "ö".repeat(256));
    }

    proptest! {
        #[test]
        fn decode_of_anything_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..200), marked in any::<bool>(),
                                           kind in 0u32..12) {
            if marked {
                bytes.splice(0..0, words(&[MAGIC, kind]));
            }
            if let Ok(message) = Message::decode(&bytes) {
                prop_assert_eq!(message.encode(), bytes);
            }
        }
    }
}
