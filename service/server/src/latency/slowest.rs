//! The requests that took longest, with what was asked.

use super::recent::Recent;
use super::{micros, Times};
use gralloc_allocator::ledger::Client;
use gralloc_buffer::BufferName;
use heaps_config::policy::HeapId;
use std::time::Duration;

/// How many are kept of all, and of each ten seconds of the last minute.
pub const MOST: usize = 8;

/// A request that was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    /// What its parts took.
    pub times: Times,
    /// Of the admission: the wait for releases.
    pub release_wait: Duration,
    /// Buffers that were ready.
    pub pool_hits: u32,
    /// The heap of the first buffer.
    pub heap: HeapId,
    /// Bytes of one buffer.
    pub bytes: u64,
    /// Buffers.
    pub count: i32,
    /// What was asked, without the options.
    pub name: BufferName,
    /// Pixels.
    pub width: i32,
    /// Lines.
    pub height: i32,
    /// Layers.
    pub layers: i32,
    /// Format, as asked.
    pub format: i32,
    /// Usage, as asked.
    pub usage: i64,
    /// The shared region.
    pub reserved_bytes: i64,
    /// Who asked.
    pub client: Client,
    /// Milliseconds of the service's clock when it was answered.
    pub answered_ms: u64,
}

/// Those that took longest.
#[derive(Debug, Default)]
pub struct Slowest {
    ever: Vec<Slow>,
    recent: Recent<Vec<Slow>>,
}

impl Slowest {
    /// A request was served.
    pub fn record(&mut self, request: &Slow) {
        keep(&mut self.ever, request);
        keep(self.recent.now(request.answered_ms), request);
    }

    /// Since the start, and of the last minute: longest first.
    pub fn read(&self, now_ms: u64) -> (Vec<Slow>, Vec<Slow>) {
        let mut minute = Vec::new();
        for request in self.recent.minute(now_ms).flatten() {
            keep(&mut minute, request);
        }
        (self.ever.clone(), minute)
    }
}

/// Into a list that is sorted and has at most [`MOST`].
fn keep(list: &mut Vec<Slow>, request: &Slow) {
    let took = |slow: &Slow| micros(slow.times.total);
    let place = list.partition_point(|slow| took(slow) >= took(request));
    if place < MOST {
        list.truncate(MOST.saturating_sub(1));
        list.insert(place, *request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(micros: u64, answered_ms: u64) -> Slow {
        Slow {
            times: Times { total: Duration::from_micros(micros), ..Times::default() },
            release_wait: Duration::ZERO,
            pool_hits: 0,
            heap: HeapId(0),
            bytes: 4096,
            count: 1,
            name: BufferName::from_text("frame"),
            width: 1,
            height: 1,
            layers: 1,
            format: 1,
            usage: 0,
            reserved_bytes: 0,
            client: Client { uid: 1, pid: 2 },
            answered_ms,
        }
    }

    fn took(list: &[Slow]) -> Vec<u64> {
        list.iter().map(|slow| micros(slow.times.total)).collect()
    }

    #[test]
    fn longest_are_kept_whatever_the_order_and_those_of_the_last_minute_apart() {
        let mut slowest = Slowest::default();
        for micros in [5, 90, 7, 60, 3, 80, 1, 70, 2, 50, 4, 40] {
            slowest.record(&request(micros, 0));
        }
        slowest.record(&request(6, 100_000));
        slowest.record(&request(9, 111_000));
        let (ever, minute) = slowest.read(112_000);
        assert_eq!((took(&ever), took(&minute)), (vec![90, 80, 70, 60, 50, 40, 9, 7], vec![9, 6]));
        assert_eq!(took(&slowest.read(300_000).1), [0; 0]);
    }
}
