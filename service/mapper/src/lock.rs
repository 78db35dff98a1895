//! How many locks a buffer has, and for what.

use crate::error::Error;
use gralloc_dmabuf::Access;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of the word: a count in the lower half, above it what the locks are for, together.
const COUNT: u64 = 0xffff_ffff;
const READ: u64 = 1 << 32;
const WRITE: u64 = 1 << 33;
const BOTH: u64 = READ | WRITE;

/// The locks of one import. They nest, and an unlock does not say which lock it ends: so what they are for is kept for
/// all together, until the last one ends.
#[derive(Debug, Default)]
pub struct Locks(AtomicU64);

impl Locks {
    /// Counts one more lock.
    ///
    /// # Errors
    /// `TooManyLocks` at 2³²−1 of them.
    pub fn add(&self, access: Access) -> Result<(), Error> {
        let bits = match access {
            Access::Read => READ,
            Access::Write => WRITE,
            Access::ReadWrite => BOTH,
        };
        let more = |now: u64| (now & COUNT != COUNT).then_some((now | bits).wrapping_add(1));
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).map(drop).map_err(|_| Error::TooManyLocks)
    }

    /// Ends one lock, and says what all of them were for.
    ///
    /// # Errors
    /// `NotLocked` when there is none.
    pub fn remove(&self) -> Result<Access, Error> {
        let less = |now: u64| match now & COUNT {
            0 => None,
            1 => Some(0),
            _ => Some(now.wrapping_sub(1)),
        };
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        before.ok().and_then(access).ok_or(Error::NotLocked)
    }

    /// What the locks are for; `None` when there is none.
    pub fn held(&self) -> Option<Access> {
        access(self.0.load(Ordering::Acquire))
    }
}

fn access(word: u64) -> Option<Access> {
    match (word & READ != 0, word & WRITE != 0) {
        (true, true) => Some(Access::ReadWrite),
        (true, false) => Some(Access::Read),
        (false, true) => Some(Access::Write),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_nest_and_the_last_unlock_forgets_what_they_were_for() {
        let locks = Locks::default();
        assert_eq!(locks.remove(), Err(Error::NotLocked));
        locks.add(Access::Read).unwrap();
        locks.add(Access::Write).unwrap();
        assert_eq!(locks.held(), Some(Access::ReadWrite));
        // What is locked for already stays so.
        locks.add(Access::Read).unwrap();
        assert_eq!(locks.held(), Some(Access::ReadWrite));
        for _ in 0..3 {
            assert_eq!(locks.remove(), Ok(Access::ReadWrite));
        }
        assert_eq!(locks.remove(), Err(Error::NotLocked));
        locks.add(Access::Read).unwrap();
        assert_eq!(locks.held(), Some(Access::Read));
    }

    #[test]
    fn locks_beyond_what_can_be_counted_refused() {
        let locks = Locks(AtomicU64::new(COUNT | READ));
        assert_eq!(locks.add(Access::Write), Err(Error::TooManyLocks));
        assert_eq!(locks.remove(), Ok(Access::Read));
        locks.add(Access::Write).unwrap();
    }
}
