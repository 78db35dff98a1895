//! Every order in which threads with work and the maintenance thread may meet, tried by loom: `cargo xtask loom`. A wake-up
//! that is lost is a deadlock there.

use super::*;
use loom::sync::Mutex;
use std::sync::Arc;

/// Pieces of work, from as many threads: one that is for after the reply, one that somebody waits for.
const PIECES: u32 = 2;

struct Work {
    waiting: Mutex<u32>,
    wakeup: Wakeup,
}

impl Work {
    fn take(&self, done: &mut u32) {
        *done += std::mem::take(&mut *self.waiting.lock().unwrap());
    }

    fn add(&self) {
        *self.waiting.lock().unwrap() += 1;
    }

    fn wake(&self, now: bool) {
        if now {
            self.wakeup.wake_now();
        } else {
            self.wakeup.wake_soon();
        }
    }
}

/// The maintenance thread's loop, until all is done. With `looks` false it does not look once more before it sleeps.
fn maintain(work: &Work, looks: bool) {
    let mut done = 0;
    while done < PIECES {
        work.take(&mut done);
        work.wakeup.sleep(|timer| {
            if looks {
                work.take(&mut done);
            }
            // When all is done nobody will wake it, and it need not wait for that.
            timer.wait((done == PIECES).then_some(Duration::ZERO)).unwrap();
        });
    }
}

fn try_all(hand_over: fn(&Work, bool), looks: bool) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let work = Arc::new(Work { waiting: Mutex::new(0), wakeup: Wakeup::new().unwrap() });
        let others = [false, true].map(|now| {
            let work = Arc::clone(&work);
            loom::thread::spawn(move || hand_over(&work, now))
        });
        maintain(&work, looks);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

fn add_then_wake(work: &Work, now: bool) {
    work.add();
    work.wake(now);
}

#[test]
fn model_wakeup_all_work_is_seen() {
    try_all(add_then_wake, true);
}

#[test]
#[should_panic(expected = "deadlock")]
fn model_wakeup_of_one_that_does_not_look_again_before_it_sleeps_work_is_lost() {
    try_all(add_then_wake, false);
}

#[test]
#[should_panic(expected = "deadlock")]
fn model_wakeup_before_there_is_something_to_do_work_is_lost() {
    let too_early = |work: &Work, now| {
        work.wake(now);
        work.add();
    };
    try_all(too_early, true);
}
