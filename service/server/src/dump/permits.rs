//! How many dumps are written, and statistics answered, at once. A reader that does not drain its pipe holds the thread
//! that writes to it, for as long as it likes: binder gives the service's code a writer and no fd, so there is no deadline
//! to set. What can be seen to is that such readers never hold every thread of the pool.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Half of the pool's four threads: one stuck reader keeps nobody else from a dump, and any number keep nobody from buffers.
pub(super) const AT_ONCE: usize = 2;

/// Counts the dumps that are being written and the statistics that are being answered.
#[derive(Debug)]
pub(super) struct Permits {
    taken: AtomicUsize,
    most: usize,
}

/// One of them; given back when dropped.
pub(crate) struct Permit<'s>(&'s Permits);

impl Permits {
    pub(super) const fn new(most: usize) -> Permits {
        Permits { taken: AtomicUsize::new(0), most }
    }

    /// A permit, if one is free.
    pub(super) fn take(&self) -> io::Result<Permit<'_>> {
        let one_more = |taken: usize| taken.checked_add(1).filter(|taken| *taken <= self.most);
        match self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more) {
            Ok(_) => Ok(Permit(self)),
            Err(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn third_is_refused(permits: &Permits) {
        let first = permits.take();
        let second = permits.take();
        assert!(first.is_ok() && second.is_ok());
        assert!(permits.take().is_err(), "a third is let in");
        assert!(permits.take().is_err(), "a refusal takes no permit and gives none back");
        drop(first);
        assert!(permits.take().is_ok());
    }

    #[test]
    fn third_dump_is_refused_until_one_ends() {
        third_is_refused(&Permits::new(AT_ONCE));
    }

    #[test]
    #[should_panic(expected = "a third is let in")]
    fn permits_without_a_bound_are_seen() {
        third_is_refused(&Permits::new(usize::MAX));
    }
}
