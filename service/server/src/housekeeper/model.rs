//! Every order in which work and the housekeeper may meet, tried by loom: `cargo xtask loom`. A wake-up that is lost is a
//! deadlock there.

use super::*;
use loom::sync::Mutex;

/// Pieces of work, from as many threads.
const PIECES: u32 = 2;

struct Work {
    waiting: Mutex<u32>,
    waker: Waker,
}

fn try_all(looks: bool) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let work = Arc::new(Work { waiting: Mutex::new(0), waker: Waker::new().unwrap() });
        let others: Vec<_> = (0..PIECES)
            .map(|_| {
                let work = Arc::clone(&work);
                loom::thread::spawn(move || {
                    *work.waiting.lock().unwrap() += 1;
                    work.waker.wake();
                })
            })
            .collect();
        let done = std::cell::Cell::new(0);
        let run = || done.set(done.get() + std::mem::take(&mut *work.waiting.lock().unwrap()));
        while done.get() < PIECES {
            run();
            let look = || {
                if looks {
                    run()
                }
            };
            work.waker.sleep(look, |timer| timer.wait((done.get() == PIECES).then_some(Duration::ZERO)).unwrap());
        }
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn model_housekeeper_all_work_is_seen() {
    try_all(true);
}

#[test]
#[should_panic(expected = "deadlock")]
fn model_housekeeper_that_does_not_look_again_before_it_sleeps_work_is_lost() {
    try_all(false);
}
