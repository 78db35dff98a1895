//! With a clock that stands still unless a test moves it.

use super::*;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;

const MS: Duration = Duration::from_millis(1);
/// No test waits so long: what is waited for comes.
const LONG: Duration = Duration::from_secs(3600);

/// Runs a scan at `now` that takes so long.
fn scan(scans: &Scans, now: Duration, took: Duration, exist: bool) -> bool {
    let clock = Cell::new(now);
    let scan = || {
        clock.set(now + took);
        true
    };
    scans.run(|| clock.get(), exist, scan)
}

fn scans() -> Scans {
    Scans::new(Arc::default())
}

/// As somebody who asks and does not wait.
fn want(scans: &Scans) {
    scans.lock().wanted = true;
}

#[test]
fn scans_that_are_waited_for_take_a_quarter_of_a_processor_and_others_a_fiftieth() {
    let scans = scans();
    assert_eq!(scans.due_in(Duration::ZERO, false), None, "nothing to scan and nobody asks");
    assert!(scan(&scans, 100 * MS, 20 * MS, true), "never done before");
    // Over at 120 ms.
    assert_eq!(scans.due_in(130 * MS, true), Some(970 * MS));
    assert!(!scan(&scans, 130 * MS, MS, true));
    want(&scans);
    assert_eq!(scans.due_in(130 * MS, true), Some(50 * MS));
    assert!(!scan(&scans, 179 * MS, MS, true));
    assert!(scan(&scans, 180 * MS, MS, true));
    assert_eq!(scans.due_in(181 * MS, true), Some(200 * MS), "nobody asks any more");
}

#[test]
fn scan_that_was_kept_from_its_processor_is_not_paid_for_by_those_who_wait() {
    let scans = scans();
    assert!(scan(&scans, Duration::ZERO, 10_000 * MS, true));
    want(&scans);
    assert_eq!(scans.due_in(10_000 * MS, true), Some(LONGEST_PAUSE));
}

#[test]
fn few_wait_and_the_others_are_answered_at_once() {
    let scans = scans();
    let woken = AtomicU32::new(0);
    let wait = |asker| {
        scans.wait(asker, LONG, || {
            woken.fetch_add(1, Ordering::SeqCst);
        })
    };
    let until = |waiting| {
        while scans.threads.held() < waiting {
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        let first = scope.spawn(|| wait(Asker::Client(1)));
        until(1);
        assert!(!wait(Asker::Client(1)), "one thread of each client");
        let stuck = scans.threads.hold(Holder::Dump).unwrap();
        let stuck = (stuck, scans.threads.hold(Holder::Dump).unwrap());
        assert!(!wait(Asker::Client(2)), "two readers of dumps hold a thread each, so that one is left");
        drop(stuck);
        let second = scope.spawn(|| wait(Asker::Client(2)));
        until(2);
        assert!(!wait(Asker::Client(3)), "two clients");
        assert!(scan(&scans, Duration::ZERO, MS, true));
        assert_eq!([first, second].map(|asker| asker.join().unwrap()), [true; 2], "by one scan");
    });
    assert_eq!((scans.threads.held(), woken.into_inner()), (0, 2));
    assert_eq!(scans.lock().begun, 1);
}

#[test]
fn who_asks_during_a_scan_waits_for_the_next() {
    let scans = scans();
    let (asked, answers) = mpsc::channel();
    thread::scope(|scope| {
        scans.run(
            || Duration::ZERO,
            true,
            || {
                scope.spawn(|| asked.send(scans.wait(Asker::Client(1), LONG, || ())).unwrap());
                while scans.threads.held() < 1 {
                    thread::yield_now();
                }
                true
            },
        );
        // Not answered by the scan that had begun.
        assert_eq!((scans.threads.held(), answers.try_recv()), (1, Err(mpsc::TryRecvError::Empty)));
        assert!(scan(&scans, Duration::ZERO, MS, true));
        assert!(answers.recv().unwrap());
    });
}

#[test]
fn asker_without_an_answer_gives_its_place_back() {
    let scans = scans();
    assert!(!scans.wait(Asker::Client(1), Duration::ZERO, || ()), "nobody scans");
    assert_eq!(scans.threads.held(), 0);
    assert!(scan(&scans, Duration::ZERO, MS, false), "what was asked for is done all the same");
}

#[test]
fn scan_that_fails_answers_those_who_wait_at_once_and_says_so() {
    let scans = scans();
    for saw_all in [false, true, false] {
        thread::scope(|scope| {
            let asker = scope.spawn(|| scans.wait(Asker::Client(1), LONG, || ()));
            while scans.threads.held() < 1 {
                thread::yield_now();
            }
            assert!(scans.run(|| LONG, true, || saw_all));
            assert_eq!(asker.join().unwrap(), saw_all);
        });
    }
}
