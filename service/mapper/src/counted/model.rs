//! Every order in which calls, an end and the next value may meet, tried by loom: `cargo xtask loom`. It finds a value that
//! is written or dropped while somebody reads it.

use super::*;
use loom::sync::atomic::AtomicU32 as Counter;
use loom::sync::Arc;
use loom::thread;

pub(super) mod sync {
    use std::cell::Cell;

    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::atomic::Ordering;

    thread_local! {
        /// What is not ordered as it should be: a planted fault. A model runs all its threads on one.
        pub(crate) static WITHOUT: Cell<Option<Ordering>> = const { Cell::new(None) };
    }

    /// `order`, unless it is the one that is planted.
    fn ordered(order: Ordering) -> Ordering {
        if WITHOUT.get() == Some(order) {
            Ordering::Relaxed
        } else {
            order
        }
    }

    pub(crate) struct AtomicU32(loom::sync::atomic::AtomicU32);

    impl AtomicU32 {
        pub(crate) fn new(value: u32) -> AtomicU32 {
            AtomicU32(loom::sync::atomic::AtomicU32::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> u32 {
            self.0.load(ordered(order))
        }

        pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
            self.0.fetch_add(value, ordered(order))
        }

        pub(crate) fn fetch_sub(&self, value: u32, order: Ordering) -> u32 {
            self.0.fetch_sub(value, ordered(order))
        }

        pub(crate) fn fetch_update(
            &self,
            set: Ordering,
            fetch: Ordering,
            update: impl FnMut(u32) -> Option<u32>,
        ) -> Result<u32, u32> {
            self.0.fetch_update(ordered(set), fetch, update)
        }

        pub(crate) fn compare_exchange(&self, from: u32, to: u32, set: Ordering, fetch: Ordering) -> Result<u32, u32> {
            self.0.compare_exchange(from, to, ordered(set), fetch)
        }
    }
}

/// A value that counts its drops.
struct Value(u32, Arc<Counter>);

impl Drop for Value {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// Drops what was ended and puts the next value into its place.
fn next(place: &Counted<Value>, ended: Ended<'_, Value>, drops: &Arc<Counter>) {
    drop(ended);
    assert!(place.put(|| Value(2, Arc::clone(drops))), "emptied, and not empty");
}

/// Two calls beside an end; whoever emptied the place puts the next value there, which one of the calls may find.
fn calls_beside_an_end() {
    let (place, drops) = (Arc::new(Counted::new()), Arc::new(Counter::new(0)));
    assert!(place.put(|| Value(1, Arc::clone(&drops))));
    let call = |place: &Counted<Value>, drops: &Arc<Counter>| {
        let seen = place.with(|value| value.0, || 0, |ended| next(place, ended, drops));
        assert!(seen <= 2, "{seen}");
    };
    let other = thread::spawn({
        let (place, drops) = (Arc::clone(&place), Arc::clone(&drops));
        move || call(&place, &drops)
    });
    let ender = thread::spawn({
        let (place, drops) = (Arc::clone(&place), Arc::clone(&drops));
        move || assert!(place.end(|ended| next(&place, ended, &drops)))
    });
    call(&place, &drops);
    other.join().unwrap();
    ender.join().unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 1, "dropped once");
    assert_eq!(place.with(|value| value.0, || 0, |_| unreachable!()), 2, "somebody emptied the place");
}

fn try_all() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(calls_beside_an_end);
}

#[test]
fn model_counted_value_is_dropped_once_and_under_nobody() {
    try_all();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn model_counted_of_who_leaves_without_release_is_dropped_under_a_call() {
    sync::WITHOUT.set(Some(Ordering::Release));
    try_all();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn model_counted_of_who_drops_without_acquire_is_dropped_under_a_call() {
    sync::WITHOUT.set(Some(Ordering::Acquire));
    try_all();
}

#[test]
fn model_counted_ended_by_two_one_of_them_is_told_no() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let (place, drops) = (Arc::new(Counted::new()), Arc::new(Counter::new(0)));
        assert!(place.put(|| Value(1, Arc::clone(&drops))));
        let other = thread::spawn({
            let place = Arc::clone(&place);
            move || place.end(|ended| drop(ended))
        });
        let ended = [place.end(|ended| drop(ended)), other.join().unwrap()];
        assert!(ended[0] != ended[1], "{ended:?}");
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}
