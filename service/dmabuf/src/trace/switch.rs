//! What atrace's switch says, and when to look at it again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, TryLockError};

/// `ATRACE_TAG_GRAPHICS` (AOSP `system/core/libcutils/include/cutils/trace.h`, main of March 2025); `gfx` to atrace and Perfetto.
const GRAPHICS: u64 = 1 << 1;
/// No property has this version.
const NEVER: u64 = u64::MAX;

/// The property that says which tags are on; the tests have their own.
pub(super) trait Tags {
    /// Another number after each change. It is asked for at each request, and costs as little.
    fn version(&self) -> u64;
    /// The tags of that version or of a later one.
    fn tags(&self) -> u64;
}

/// The version that was looked at last.
#[derive(Debug)]
pub(super) struct Switch {
    seen: AtomicU64,
    turning: Mutex<()>,
}

impl Switch {
    pub(super) const fn new() -> Switch {
        Switch { seen: AtomicU64::new(NEVER), turning: Mutex::new(()) }
    }

    /// Where the property changed, has marks turned on or off, and answers what `turn` says; false otherwise.
    #[inline]
    pub(super) fn follow(&self, property: &impl Tags, turn: impl FnOnce(bool) -> bool) -> bool {
        self.seen.load(Ordering::Relaxed) != property.version() && self.look(property, turn)
    }

    #[cold]
    fn look(&self, property: &impl Tags, turn: impl FnOnce(bool) -> bool) -> bool {
        // One at a time, so that the last to turn is not one that read an older value. Nobody waits for it.
        let _alone = match self.turning.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(alone)) => alone.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        // First the version: a change in between is another one at the next call.
        let version = property.version();
        let turned = turn(property.tags() & GRAPHICS != 0);
        self.seen.store(version, Ordering::Relaxed);
        turned
    }
}

/// The tags in the property's value, a number as strtoull(3) reads it: atrace writes `0x…`, people do not always. A value
/// that is no number turns no tag on, as for libcutils (AOSP `system/core/libcutils/trace-dev.inc`, `atrace_get_property`).
pub(super) fn read(value: &[u8]) -> u64 {
    let (digits, radix) = match value {
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        [b'0', digits @ ..] if !digits.is_empty() => (digits, 8),
        digits => (digits, 10),
    };
    let number = std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, radix).ok());
    number.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A property that counts how often it is read, and may change while it is.
    #[derive(Default)]
    struct Fake {
        version: Cell<u64>,
        tags: Cell<u64>,
        reads: Cell<u32>,
        changes_to: Cell<Option<u64>>,
    }

    impl Fake {
        fn set(&self, tags: u64) {
            self.version.set(self.version.get() + 2);
            self.tags.set(tags);
        }
    }

    impl Tags for Fake {
        fn version(&self) -> u64 {
            self.version.get()
        }

        fn tags(&self) -> u64 {
            self.reads.set(self.reads.get() + 1);
            let tags = self.tags.get();
            self.changes_to.take().into_iter().for_each(|next| self.set(next));
            tags
        }
    }

    /// What a call turns, if it turns something.
    fn followed(switch: &Switch, property: &Fake) -> Option<bool> {
        let turned = Cell::new(None);
        let turn = |on| {
            turned.set(Some(on));
            on
        };
        assert_eq!(switch.follow(property, turn), turned.get() == Some(true));
        turned.get()
    }

    #[test]
    fn value_is_read_once_a_change_and_the_tag_of_graphics_alone_turns_marks() {
        let (switch, property) = (Switch::new(), Fake::default());
        assert_eq!([followed(&switch, &property), followed(&switch, &property)], [Some(false), None]);
        for (tags, on) in [(0x2, true), (0x402, true), (0x400, false), (u64::MAX, true), (0, false)] {
            property.set(tags);
            assert_eq!([followed(&switch, &property), followed(&switch, &property)], [Some(on), None], "{tags:#x}");
        }
        assert_eq!(property.reads.get(), 6);
    }

    #[test]
    fn change_while_the_value_is_read_is_seen_at_the_next_call() {
        let (switch, property) = (Switch::new(), Fake::default());
        property.changes_to.set(Some(GRAPHICS));
        assert_eq!(followed(&switch, &property), Some(false));
        assert_eq!([followed(&switch, &property), followed(&switch, &property)], [Some(true), None]);
    }

    #[test]
    fn call_during_another_s_look_turns_nothing_and_a_later_one_does() {
        let (switch, property) = (Switch::new(), Fake::default());
        property.set(GRAPHICS);
        let other = switch.turning.lock().unwrap();
        assert_eq!(followed(&switch, &property), None);
        drop(other);
        assert_eq!(followed(&switch, &property), Some(true));
    }

    #[test]
    fn value_is_a_number_as_strtoull_has_it_and_anything_else_is_no_tag() {
        for (value, tags) in [
            ("0", 0),
            ("0x2", 2),
            ("0X402", 0x402),
            ("2", 2),
            ("16410", 16410),
            ("012", 10),
            ("0xffffffffffffffff", u64::MAX),
            ("", 0),
            ("0x", 0),
            ("gfx", 0),
            ("2 ", 0),
            ("99999999999999999999", 0),
        ] {
            assert_eq!(read(value.as_bytes()), tags, "{value:?}");
        }
        assert_eq!(read(&[b'2', 0xff]), 0);
    }
}
