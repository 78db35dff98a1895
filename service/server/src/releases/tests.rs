//! A heap that gives nothing, until it does; the clock is the test's.

// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

use super::*;
use gralloc_allocator::ports::HeapFailure;
use gralloc_buffer::BufferName;
use nix::libc::ENOMEM;
use nix::sys::memfd::{memfd_create, MemFdCreateFlag};
use std::cell::Cell;

struct Heaps {
    gives: Cell<bool>,
    asked: Cell<u32>,
}

impl HeapBackend for Heaps {
    type Buffer = OwnedFd;

    fn allocate(&self, _heap: HeapId, _bytes: u64, _name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        self.asked.set(self.asked.get() + 1);
        match self.gives.get() {
            true => Ok(memfd_create(c"buffer", MemFdCreateFlag::MFD_CLOEXEC).unwrap()),
            false => Err(crate::tests::failure(ENOMEM)),
        }
    }
}

fn releases(sources: &[Source]) -> (Releases, Heaps) {
    let ledger = Arc::new(Ledger::new(Arc::new(crate::tests::policy()), 4096));
    let releases = Releases::new(sources.to_vec(), ledger, Arc::new(Wakeup::new().unwrap()), Clock::start());
    (releases, Heaps { gives: Cell::new(false), asked: Cell::new(0) })
}

const S: Duration = Duration::from_secs(1);

#[test]
fn start_that_fails_is_tried_again_after_one_second_then_twice_as_long_to_a_minute() {
    let (releases, heaps) = releases(&[Source::Inotify]);
    let mut now = Duration::ZERO;
    for (tries, pause) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        releases.start(&heaps, HeapId(0), now);
        assert_eq!(heaps.asked.get(), u32::try_from(tries).unwrap() + 1);
        assert_eq!(releases.due_in(now), Some(pause * S));
        now += pause * S - Duration::from_millis(1);
        releases.start(&heaps, HeapId(0), now);
        assert_eq!(heaps.asked.get(), u32::try_from(tries).unwrap() + 1, "not yet due");
        now += Duration::from_millis(1);
    }
    let problem = releases.problem().unwrap();
    assert!(problem.contains("refused by the test") && problem.contains("tried again in"), "{problem}");
    heaps.gives.set(true);
    releases.start(&heaps, HeapId(0), now);
    assert!(releases.tracker().is_some());
    assert_eq!((releases.due_in(now), releases.problem()), (None, None));
}

#[test]
fn heaps_that_change_have_it_tried_at_once() {
    let (releases, heaps) = releases(&[Source::Inotify]);
    releases.start(&heaps, HeapId(0), Duration::ZERO);
    releases.heaps_changed();
    assert_eq!(releases.due_in(Duration::ZERO), Some(Duration::ZERO));
}

#[test]
fn without_a_source_it_is_not_tried_again_and_says_so() {
    let (releases, heaps) = releases(&[]);
    releases.start(&heaps, HeapId(0), Duration::ZERO);
    assert_eq!((releases.due_in(1000 * S), heaps.asked.get()), (None, 0));
    assert!(!releases.problem().unwrap().contains("tried again"));
}

#[test]
fn buffers_given_out_meanwhile_are_counted_as_untracked() {
    let (releases, _) = releases(&[Source::Inotify]);
    releases.count_unwatched(3);
    assert_eq!(releases.untracked(), 3);
}

#[test]
fn policy_chooses_between_serving_without_budgets_and_refusing() {
    let (releases, heaps) = releases(&[Source::Inotify]);
    assert_eq!(releases.admit(WithoutReleaseWatch::Serve), Ok(()));
    assert_eq!(releases.admit(WithoutReleaseWatch::Refuse), Err(Shortage::NoReleaseWatch));
    heaps.gives.set(true);
    releases.start(&heaps, HeapId(0), Duration::ZERO);
    assert_eq!(releases.admit(WithoutReleaseWatch::Refuse), Ok(()));
}
