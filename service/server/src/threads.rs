//! Which of the threads that serve binder calls may be held up at once: all but one, so that one of them always serves.
//!
//! Two things hold a thread for longer than its work takes. A dump: a reader that does not drain its pipe holds the thread
//! that writes to it, for as long as it likes; binder gives the service's code a writer and no fd, so there is no deadline to
//! set. And a client at a budget, that waits for a scan of the watched buffers (`tracker/scans.rs`). Both are counted here,
//! together.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Threads that serve binder calls, the main thread included: what AOSP's allocators use.
pub const SERVING: u32 = 4;

/// How many may be held up at once.
#[derive(Clone, Copy, Debug)]
struct Most {
    /// Of all threads.
    held: usize,
    /// Dumps that are written, and statistics that are answered: one stuck reader keeps nobody else from a dump.
    dumps: usize,
    /// Clients of which one thread may wait.
    clients: usize,
}

/// Counts the threads that are held up now.
#[derive(Debug)]
pub struct Threads {
    held: Mutex<Vec<Holder>>,
    most: Most,
}

impl Default for Threads {
    fn default() -> Threads {
        Threads { held: Mutex::default(), most: Most { held: 3, dumps: 2, clients: 2 } }
    }
}

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
            Holder::Dump => dumps < self.most.dumps,
            Holder::Client(_) => clients < self.most.clients && !held.contains(&holder),
        };
        (few && held.len() < self.most.held).then(|| {
            held.push(holder);
            Held(self, holder)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Without limits: what the tests have to notice.
    fn unlimited() -> Threads {
        let most = usize::MAX;
        Threads { most: Most { held: most, dumps: most, clients: most }, ..Threads::default() }
    }

    fn one_serves(new: fn() -> Threads) {
        let all = [Dump, Client(1), Client(2), Client(3), Dump, Client(4), Dump];
        for first in 0..all.len() {
            let threads = new();
            let order = all.iter().cycle().skip(first).take(all.len());
            let held: Vec<Held<'_>> = order.filter_map(|holder| threads.hold(*holder)).collect();
            assert!(held.len() < usize::try_from(SERVING).unwrap(), "{first}: nobody serves");
            assert_eq!((held.len(), threads.held()), (3, 3), "{first}");
        }
    }

    #[test]
    fn one_thread_always_serves_whoever_holds_the_others() {
        one_serves(Threads::default);
    }

    #[test]
    #[should_panic(expected = "nobody serves")]
    fn threads_without_a_bound_are_seen() {
        one_serves(unlimited);
    }

    fn third_dump_is_refused(threads: &Threads) {
        let first = threads.hold(Dump);
        let second = threads.hold(Dump);
        assert!(first.is_some() && second.is_some());
        assert!(threads.hold(Dump).is_none(), "a third is let in");
        assert!(threads.hold(Dump).is_none(), "a refusal takes no permit and gives none back");
        drop(first);
        assert!(threads.hold(Dump).is_some());
    }

    #[test]
    fn third_dump_is_refused_until_one_ends() {
        third_dump_is_refused(&Threads::default());
    }

    #[test]
    #[should_panic(expected = "a third is let in")]
    fn dumps_without_a_bound_are_seen() {
        third_dump_is_refused(&unlimited());
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
