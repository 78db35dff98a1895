//! Every order in which requests and the filler may meet, tried by loom: `cargo xtask loom`. A wake-up that is lost is a
//! deadlock there.

use super::*;
use loom::sync::Mutex;

/// What is to be filled, and how many fillings there will have been.
const REQUESTS: u32 = 2;

struct Work {
    wanted: Mutex<u32>,
    timer: FillTimer,
}

impl Work {
    fn take(&self, done: &mut u32) {
        *done += std::mem::take(&mut *self.wanted.lock().unwrap());
    }

    fn ask(&self, now: bool) {
        *self.wanted.lock().unwrap() += 1;
        self.wake(now);
    }

    fn wake(&self, now: bool) {
        if now {
            self.timer.fill_now();
        } else {
            self.timer.fill_soon();
        }
    }
}

/// The filler's loop, until all is filled. With `looks` false it does not look once more before it sleeps.
fn fill_all(work: &Work, looks: bool) {
    let mut done = 0;
    loop {
        work.take(&mut done);
        let so_far = std::cell::Cell::new(done);
        work.timer.sleep(
            || {
                if looks {
                    work.take(&mut done);
                }
                so_far.set(done);
            },
            // When all is done nobody will ask, and it need not be waited for that.
            || (so_far.get() == REQUESTS).then_some(Duration::ZERO),
        );
        if so_far.get() == REQUESTS {
            return;
        }
    }
}

fn try_all(ask: fn(&Work, bool), looks: bool) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let work = Arc::new(Work { wanted: Mutex::new(0), timer: FillTimer::new().unwrap() });
        // One that asks for its next buffer after the reply, one that has to wait already.
        let clients = [false, true].map(|now| {
            let work = Arc::clone(&work);
            loom::thread::spawn(move || ask(&work, now))
        });
        fill_all(&work, looks);
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
}

#[test]
fn model_filler_every_request_is_seen() {
    try_all(Work::ask, true);
}

#[test]
#[should_panic(expected = "deadlock")]
fn model_filler_that_does_not_look_again_before_it_sleeps_a_request_is_lost() {
    try_all(Work::ask, false);
}

#[test]
#[should_panic(expected = "deadlock")]
fn model_filler_woken_before_there_is_something_to_do_a_request_is_lost() {
    let too_early = |work: &Work, now| {
        work.wake(now);
        *work.wanted.lock().unwrap() += 1;
    };
    try_all(too_early, true);
}
