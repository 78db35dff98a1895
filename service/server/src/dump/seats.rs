//! How many dumps are written, and statistics answered, at once. A reader that does not drain its pipe holds the thread that writes to it, for as long
//! as it likes: binder gives the service's code a writer and no fd, so there is no deadline to set. What can be seen to is
//! that such readers never hold every thread of the pool.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Half of the pool's four threads: one stuck reader keeps nobody else from a dump, and any number keep nobody from buffers.
const AT_ONCE: usize = 2;

/// Counts the dumps that are being written and the statistics that are being answered.
#[derive(Debug, Default)]
pub(super) struct Seats(AtomicUsize);

/// One of them; given back when dropped.
pub(crate) struct Seat<'s>(&'s Seats);

impl Seats {
    pub(super) const fn new() -> Seats {
        Seats(AtomicUsize::new(0))
    }

    /// A seat, if one is free.
    pub(super) fn take(&self) -> io::Result<Seat<'_>> {
        let taken = |seats: usize| seats.checked_add(1).filter(|seats| *seats <= AT_ONCE);
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken) {
            Ok(_) => Ok(Seat(self)),
            Err(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0 .0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn third_dump_is_refused_until_one_ends() {
        let seats = Seats::new();
        let first = seats.take();
        let second = seats.take();
        assert!(first.is_ok() && second.is_ok());
        assert!(seats.take().is_err());
        assert!(seats.take().is_err(), "a refusal takes no seat and gives none back");
        drop(first);
        assert!(seats.take().is_ok());
    }
}
