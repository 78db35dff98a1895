//! Which of the threads that serve binder calls may be held up at once: all but one, so that one of them always serves.
//!
//! Two things hold a thread for longer than its work takes. A dump: a reader that does not drain its pipe holds the thread
//! that writes to it, for as long as it likes; binder gives the service's code a writer and no fd, so there is no deadline to
//! set. And a client at a budget, that waits for a scan of the watched buffers (`tracker/scans.rs`). Both are counted here,
//! together.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Threads that serve binder calls, the main thread included: what AOSP's allocators use.
pub const SERVING: u32 = 4;
/// Of them, those that may be held up at once.
const MOST_HELD: usize = 3;
/// Dumps that are written, and statistics that are answered, at once: one stuck reader keeps nobody else from a dump.
const DUMPS: usize = 2;
/// Clients of which one thread may wait.
const CLIENTS: usize = 2;

/// Counts the threads that are held up now.
#[derive(Debug, Default)]
pub struct Threads(Mutex<Vec<Holder>>);

/// What holds a thread up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A dump or statistics, from the wait for a scan to the last byte.
    Dump,
    /// A client of this uid that waits for a scan.
    Client(u32),
}

/// A thread that may be held up; given back when dropped.
#[must_use]
pub struct Held<'t>(&'t Threads, Holder);

impl Threads {
    /// Lets a thread be held up, if few are.
    pub fn hold(&self, holder: Holder) -> Option<Held<'_>> {
        let mut held = self.lock();
        let dumps = held.iter().filter(|other| **other == Holder::Dump).count();
        let clients = held.len().saturating_sub(dumps);
        let few = match holder {
            Holder::Dump => dumps < DUMPS,
            Holder::Client(_) => clients < CLIENTS && !held.contains(&holder),
        };
        (few && held.len() < MOST_HELD).then(|| {
            held.push(holder);
            Held(self, holder)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.lock().len()
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = self.0.lock();
        if let Some(at) = held.iter().position(|holder| *holder == self.1) {
            held.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Holder::{Client, Dump};
    use super::*;

    #[test]
    fn one_thread_always_serves_whoever_holds_the_others() {
        let all = [Dump, Client(1), Client(2), Client(3), Dump, Client(4), Dump];
        for first in 0..all.len() {
            let threads = Threads::default();
            let order = all.iter().cycle().skip(first).take(all.len());
            let held: Vec<Held<'_>> = order.filter_map(|holder| threads.hold(*holder)).collect();
            assert!(held.len() < usize::try_from(SERVING).unwrap(), "{first}: nobody serves");
            assert_eq!((held.len(), threads.held()), (3, 3), "{first}");
        }
    }

    #[test]
    fn third_dump_is_refused_until_one_ends() {
        let threads = Threads::default();
        let first = threads.hold(Dump);
        let second = threads.hold(Dump);
        assert!(first.is_some() && second.is_some());
        assert!(threads.hold(Dump).is_none() && threads.hold(Dump).is_none(), "a refusal gives nothing back");
        drop(first);
        assert!(threads.hold(Dump).is_some());
    }

    #[test]
    fn two_clients_wait_with_a_thread_each_and_one_beside_two_stuck_dumps() {
        let threads = Threads::default();
        let first = threads.hold(Client(1)).unwrap();
        assert!(threads.hold(Client(1)).is_none(), "one thread of each client");
        let second = threads.hold(Client(2)).unwrap();
        assert!(threads.hold(Client(3)).is_none(), "two clients");
        let stuck = threads.hold(Dump).unwrap();
        assert!(threads.hold(Dump).is_none(), "three in all");
        drop(second);
        let also_stuck = threads.hold(Dump).unwrap();
        assert!(threads.hold(Client(2)).is_none(), "three in all");
        drop(first);
        assert!(threads.hold(Client(2)).is_some());
        drop((stuck, also_stuck));
        assert_eq!(threads.held(), 0);
    }
}
