//! A place for a value that many threads use and any of them may end: calls inside are counted, and whoever is last drops it.
//!
//! One word says all: whether the value is live, whether there is one in the place, and how many are inside. Nobody waits.
//! - A call counts itself in, and so learns whether the value is live; without that bit it goes away again.
//! - [`Counted::end`] clears the bit. From then on nobody comes in any more.
//! - Whoever sees a value that is not live with nobody inside counts itself in by a compare-exchange from exactly that word,
//!   so that one alone succeeds, drops the value, and declares the place empty. Somebody sees it: the last to leave.
//! - Who fills an empty place counts as inside, too: until the value is live, nobody takes it for one that ended.
//!
//! # Orderings
//! Every change of the word is a read-modify-write, so each of them continues the release sequences of those before it: who
//! acquires at any later change sees what came before every release.
//! - Filling releases, coming in acquires: the value is whole for whoever uses it.
//! - Leaving releases, the change that wins the drop acquires: all uses are over before it.
//! - Declaring empty releases, the claim of an empty place acquires: the drop is over before the next value is written.

// A value behind a shared reference that is written: what the word above guards.
#![allow(unsafe_code)]

use std::fmt;
use sync::{AtomicU32, Ordering, UnsafeCell};

/// The value may be used. Only with [`FULL`].
const LIVE: u32 = 1 << 31;
/// There is a value, or one is being written or dropped. The bits below count who is inside: threads, so fewer than 2³⁰.
const FULL: u32 = 1 << 30;

/// The place.
pub(crate) struct Counted<T> {
    word: AtomicU32,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value is used by several threads at once (`Sync`) and dropped by another than put it there (`Send`); it is
// written only by a thread that the word gives it alone, as the SAFETY comments below say.
unsafe impl<T: Send + Sync> Sync for Counted<T> {}

impl<T> Counted<T> {
    /// An empty one.
    pub(crate) fn new() -> Counted<T> {
        Counted { word: AtomicU32::new(0), value: UnsafeCell::new(None) }
    }

    /// Puts the value that `make` makes into an empty place; false, and nothing is made, when it is not empty.
    ///
    /// Made once its place is known: it is not small, and each step on the way there would copy it.
    #[must_use]
    pub(crate) fn put(&self, make: impl FnOnce() -> T) -> bool {
        let claim = |now: u32| (now & (LIVE | FULL) == 0).then_some((now | FULL).wrapping_add(1));
        if self.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, claim).is_err() {
            return false;
        }
        // SAFETY: this thread alone took the word from empty to full. Nobody reads before it is live, nobody else writes
        // while it is full and this one is counted.
        self.value.with_mut(|place| unsafe { place.write(Some(make())) });
        // Live, and counted no more.
        self.word.fetch_add(LIVE.wrapping_sub(1), Ordering::Release);
        true
    }

    /// Calls `call` on the value if it is live; the answer is `ended` if it is not, or was ended meanwhile. `last` gets the value
    /// when this was the last call inside one that was ended.
    #[inline]
    pub(crate) fn with<R>(
        &self,
        call: impl FnOnce(&T) -> R,
        ended: impl Fn() -> R,
        last: impl FnOnce(Ended<'_, T>),
    ) -> R {
        let answer = if self.word.fetch_add(1, Ordering::Acquire) & LIVE != 0 {
            // SAFETY: it was live when this thread was counted. Until it leaves, the count keeps everybody from dropping the
            // value, and the full place everybody from writing another.
            self.value.with(|place| unsafe { &*place }.as_ref().map_or_else(&ended, call))
        } else {
            ended()
        };
        let left = self.word.fetch_sub(1, Ordering::Release).wrapping_sub(1);
        if left & LIVE != 0 {
            return answer;
        }
        if left == FULL {
            self.take_if_nobody(last);
        }
        ended()
    }

    /// Ends the value: nobody gets at it from now on, and whoever is last drops it. False when none is live. `last` gets it
    /// when that is here and now.
    pub(crate) fn end(&self, last: impl FnOnce(Ended<'_, T>)) -> bool {
        let end = |now: u32| match now {
            // Nobody is inside, and nobody comes between.
            _ if now == LIVE | FULL => Some(FULL.wrapping_add(1)),
            _ => (now & LIVE != 0).then_some(now & !LIVE),
        };
        match self.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, end) {
            Ok(before) if before == LIVE | FULL => last(Ended(self)),
            Ok(_) => {}
            Err(_) => return false,
        }
        true
    }

    /// Whether there is a value that may be used, now.
    pub(crate) fn is_live(&self) -> bool {
        self.word.load(Ordering::Relaxed) & LIVE != 0
    }

    #[cold]
    fn take_if_nobody(&self, last: impl FnOnce(Ended<'_, T>)) {
        let (ended, taken) = (FULL, FULL.wrapping_add(1));
        if self.word.compare_exchange(ended, taken, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            last(Ended(self));
        }
    }
}

/// A value that was ended, in the hands of the last to leave: dropping this drops it, and empties its place.
///
/// Made only by who took the word from a full place without anybody inside to one that is full, not live, and in which that
/// thread is counted.
pub(crate) struct Ended<'c, T>(&'c Counted<T>);

impl<T> Drop for Ended<'_, T> {
    fn drop(&mut self) {
        // SAFETY: nobody was inside when this thread was counted, and nobody reads what is not live. It is full, and this
        // thread counted, so nobody else drops it or writes another. Dropped in its place: it is not small.
        self.0.value.with_mut(|place| unsafe { *place = None });
        self.0.word.fetch_sub(FULL.wrapping_add(1), Ordering::Release);
    }
}

impl<T> fmt::Debug for Counted<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Counted").field("is_live", &self.is_live()).finish_non_exhaustive()
    }
}

#[cfg(not(all(test, loom)))]
mod sync {
    pub(super) use std::sync::atomic::{AtomicU32, Ordering};

    /// The standard library's, with the model's methods.
    pub(super) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(super) const fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(super) fn with<R>(&self, with: impl FnOnce(*const T) -> R) -> R {
            with(self.0.get())
        }

        #[inline]
        pub(super) fn with_mut<R>(&self, with: impl FnOnce(*mut T) -> R) -> R {
            with(self.0.get())
        }
    }
}

#[cfg(all(test, loom))]
use model::sync;

#[cfg(all(test, loom))]
mod model;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::Arc;

    /// Counts its drops.
    struct Value(u8, Arc<AtomicUsize>);

    impl Drop for Value {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn value_is_used_until_it_is_ended_and_dropped_by_whoever_is_last() {
        let (drops, place) = (Arc::new(AtomicUsize::new(0)), Counted::new());
        let dropped = || drops.load(Ordering::Relaxed);
        assert!(!place.is_live() && !place.end(|_| unreachable!()));
        assert_eq!(place.with(|_: &Value| unreachable!("empty"), || 0, |_| unreachable!()), 0);
        assert!(place.put(|| Value(1, Arc::clone(&drops))) && place.is_live());
        assert_eq!(place.with(|value| value.0, || 0, |_| unreachable!()), 1);
        assert!(!place.put(|| unreachable!("it is full")));
        assert_eq!(dropped(), 0);
        let mut emptied = 0;
        let inside = place.with(
            |value| {
                assert!(place.end(|_| unreachable!("somebody is inside")));
                assert!(!place.is_live() && !place.end(|_| unreachable!()));
                assert_eq!(place.with(|_| unreachable!("nobody comes in any more"), || 0, |_| unreachable!()), 0);
                assert!(!place.put(|| unreachable!("it is not empty yet")));
                assert_eq!((value.0, dropped()), (1, 0), "dropped under a call");
                1
            },
            || 0,
            |ended| {
                assert_eq!(dropped(), 0, "dropped before the last to leave has a word");
                drop(ended);
                emptied = dropped();
            },
        );
        assert_eq!((inside, emptied, dropped()), (0, 1, 1));
        assert!(place.put(|| Value(4, Arc::clone(&drops))));
        assert!(place.end(|ended| drop(ended)));
        assert_eq!((emptied, dropped()), (1, 2));
    }

    #[test]
    fn value_of_threads_that_come_and_go_is_dropped_once() {
        let (drops, emptied, place) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0), Counted::new());
        let empty = |_: Ended<'_, Value>| {
            emptied.fetch_add(1, Ordering::Relaxed);
        };
        for round in 1..=if cfg!(miri) { 3 } else { 20 } {
            assert!(place.put(|| Value(7, Arc::clone(&drops))));
            let ended: usize = std::thread::scope(|scope| {
                let thread = |_| {
                    scope.spawn(|| {
                        let seen = place.with(|value| value.0, || 0, empty);
                        assert!(matches!(seen, 0 | 7));
                        usize::from(place.end(empty))
                    })
                };
                [0, 1, 2].map(thread).into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!(ended, 1);
            assert_eq!((drops.load(Ordering::Relaxed), emptied.load(Ordering::Relaxed)), (round, round));
        }
    }
}
