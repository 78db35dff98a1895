//! The requests that took longest, with what was asked.

use super::{micros, Times};
use super::{number_at, Recent};
use gralloc_allocator::ledger::Client;
use gralloc_buffer::BufferName;
use heaps_config::policy::HeapId;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// Those that took longest. All requests come by here, and nearly none stays: the lock is for those that do.
#[derive(Debug, Default)]
pub struct Slowest {
    kept: Mutex<Kept>,
    /// What a request of these ten seconds must take to stay, by [`bar`]. It only rises within them, so that who reads an old one
    /// takes the lock once too often.
    bar: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    ever: Vec<Slow>,
    recent: Recent<Vec<Slow>>,
}

impl Slowest {
    /// A request was served.
    pub fn record(&self, request: &Slow) {
        if !self.may_stay(request) {
            return;
        }
        let mut kept = self.lock();
        keep(&mut kept.ever, request);
        let recent = kept.recent.now(request.answered_ms);
        keep(recent, request);
        self.bar.store(bar(request.answered_ms, recent), Ordering::Relaxed);
    }

    /// Whether it is among the longest of its ten seconds. Who is not is not among the longest of all either.
    fn may_stay(&self, request: &Slow) -> bool {
        let bar = self.bar.load(Ordering::Relaxed);
        bar >> 32 != tens(request.answered_ms) || micros(request.times.total) >= bar & MOST_BAR
    }

    /// Since the start, and of the last minute: longest first.
    pub fn read(&self, now_ms: u64) -> (Vec<Slow>, Vec<Slow>) {
        let kept = self.lock();
        let mut minute = Vec::new();
        for request in kept.recent.minute(now_ms).flatten() {
            keep(&mut minute, request);
        }
        (kept.ever.clone(), minute)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Whole whoever held it last: nothing that can panic runs under it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The largest bar, microseconds: 71 minutes. What takes longer is looked at.
const MOST_BAR: u64 = 0xffff_ffff;

/// The bar of a moment's ten seconds: their number in the upper half, microseconds in the lower, 0 while there is room.
fn bar(at_ms: u64, list: &[Slow]) -> u64 {
    let last = list.get(MOST.saturating_sub(1)).map_or(0, |last| micros(last.times.total).saturating_add(1));
    tens(at_ms) << 32 | last.min(MOST_BAR)
}

/// The number of a moment's ten seconds, as far as it has room: it comes again after 1,300 years.
fn tens(at_ms: u64) -> u64 {
    number_at(at_ms) & MOST_BAR
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
        let slowest = Slowest::default();
        for micros in [5, 90, 7, 60, 3, 80, 1, 70, 2, 50, 4, 40] {
            slowest.record(&request(micros, 0));
        }
        slowest.record(&request(6, 100_000));
        slowest.record(&request(9, 111_000));
        let (ever, minute) = slowest.read(112_000);
        assert_eq!((took(&ever), took(&minute)), (vec![90, 80, 70, 60, 50, 40, 9, 7], vec![9, 6]));
        assert_eq!(took(&slowest.read(300_000).1), [0; 0]);
    }

    /// The lists are those of a service that looks at every request under the lock.
    #[test]
    fn lock_is_taken_for_those_that_stay_and_for_nobody_else() {
        let (slowest, mut all, mut locked) = (Slowest::default(), Kept::default(), 0);
        let mut state: u64 = 1;
        for at in 0..20_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let request = request(state >> 54, at * 4);
            keep(&mut all.ever, &request);
            let recent = all.recent.now(request.answered_ms);
            keep(recent, &request);
            let stays = recent.contains(&request);
            assert_eq!(slowest.may_stay(&request), stays, "{at}");
            locked += u32::from(stays);
            slowest.record(&request);
            if at % 997 == 0 {
                let minute = Slowest { kept: Mutex::new(all), bar: AtomicU64::default() };
                assert_eq!(slowest.read(at * 4), minute.read(at * 4), "{at}");
                all = minute.kept.into_inner().unwrap();
            }
        }
        // Of 2,500 in each ten seconds.
        assert!((8 * 8..8 * 100).contains(&locked), "{locked}");
        let longer_than_any_bar = request(u64::MAX / 1000, 80_000);
        (0..9).for_each(|_| slowest.record(&longer_than_any_bar));
        assert_eq!(took(&slowest.read(80_000).0), [micros(longer_than_any_bar.times.total); 8]);
    }
}
