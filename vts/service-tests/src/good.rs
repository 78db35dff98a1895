//! A client that behaves, beside whatever else goes on.

use crate::client::rgba;
use crate::service::Subject;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Fewest calls that a 99th percentile is told of.
const FEWEST: usize = 100;

/// How the client that behaves was served.
pub struct Served {
    /// Calls, every one of them answered with a buffer.
    pub calls: usize,
    /// What one in a hundred took longer than.
    pub p99: Duration,
}

/// Runs `body` while a client that behaves allocates without a pause; fails the test when that is not served once.
pub fn beside<T>(subject: &Subject, body: impl FnOnce() -> T) -> (T, Served) {
    let client = subject.connect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let times = scope.spawn(|| {
            let mut times = Vec::new();
            while !done.load(Ordering::Relaxed) || times.len() < FEWEST {
                let start = Instant::now();
                client.one(&rgba("good", 64, 64));
                times.push(start.elapsed());
            }
            times.sort();
            times
        });
        let end = SetAtEnd(&done);
        let result = body();
        drop(end);
        let times = times.join().unwrap();
        let served = Served { calls: times.len(), p99: times[times.len() * 99 / 100] };
        println!("{} good calls beside it, p99 {:?}", served.calls, served.p99);
        (result, served)
    })
}

/// Sets it when it goes out of scope: also when a check has failed, so that whoever polls it ends.
pub struct SetAtEnd<'a>(pub &'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
