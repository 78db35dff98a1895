//! How long requests took: counts by powers of two of a microsecond, since the start and over the last minute, by heap and
//! part; and the requests that took longest.

mod slowest;

pub use slowest::{Slow, Slowest, MOST};

use std::time::Duration;

/// Buckets: below 1 µs, then [2^(n−1), 2^n) µs, the last for 2^22 µs (4 s) and all that is longer.
pub const BUCKETS: usize = 24;

/// Counts by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Requests by bucket.
    pub buckets: [u64; BUCKETS],
    /// Their time in all, microseconds.
    pub sum_us: u64,
    /// The longest, microseconds.
    pub max_us: u64,
}

/// What a request's parts took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// All of it.
    pub total: Duration,
    /// The pure plan.
    pub plan: Duration,
    /// Budgets and memory; all that lies between plan and reply and is not a heap's.
    pub admission: Duration,
    /// Heaps, or what was ready of them.
    pub ioctl: Duration,
    /// Handles, account, release watch.
    pub reply: Duration,
}

/// A part's name, and what it took.
pub type Part = (&'static str, fn(&Times) -> Duration);

/// The parts that have a histogram of their own.
pub const PARTS: [Part; 3] =
    [("admission", |times| times.admission), ("ioctl", |times| times.ioctl), ("reply", |times| times.reply)];

/// A histogram of whole requests, and one for each of [`PARTS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Whole requests.
    pub total: Histogram,
    /// In the order of [`PARTS`].
    pub parts: [Histogram; PARTS.len()],
}

/// The latency of one heap's requests.
#[derive(Debug, Default)]
pub struct HeapLatency {
    ever: Latency,
    recent: Recent<Latency>,
}

impl Histogram {
    /// One request took so long.
    pub fn record(&mut self, took: Duration) {
        let micros = micros(took);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(micros)) {
            *bucket = bucket.saturating_add(1);
        }
        self.sum_us = self.sum_us.saturating_add(micros);
        self.max_us = self.max_us.max(micros);
    }

    /// Counts another's requests too.
    pub fn add(&mut self, other: &Histogram) {
        for (count, more) in self.buckets.iter_mut().zip(other.buckets) {
            *count = count.saturating_add(more);
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// Requests in all.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// So many of a thousand requests took at most this many microseconds: the upper edge of the bucket that holds
    /// the one in question, and never more than the longest. 0 without requests.
    pub fn per_mille_us(&self, per_mille: u64) -> u64 {
        let wanted = self.count().saturating_mul(per_mille).div_ceil(1000);
        let mut seen: u64 = 0;
        let mut edge: u64 = 1;
        for count in self.buckets {
            seen = seen.saturating_add(count);
            if wanted > 0 && seen >= wanted {
                return edge.min(self.max_us);
            }
            edge = edge.saturating_mul(2);
        }
        self.max_us
    }
}

impl Latency {
    fn record(&mut self, times: &Times) {
        self.total.record(times.total);
        for (histogram, (_, part)) in self.parts.iter_mut().zip(PARTS) {
            histogram.record(part(times));
        }
    }

    fn add(&mut self, other: &Latency) {
        self.total.add(&other.total);
        for (histogram, more) in self.parts.iter_mut().zip(&other.parts) {
            histogram.add(more);
        }
    }
}

impl HeapLatency {
    /// One request took so long.
    pub fn record(&mut self, times: &Times, now_ms: u64) {
        self.ever.record(times);
        self.recent.now(now_ms).record(times);
    }

    /// Since the start, and over the last minute.
    pub fn read(&self, now_ms: u64) -> (Latency, Latency) {
        let mut minute = Latency::default();
        self.recent.minute(now_ms).for_each(|slot| minute.add(slot));
        (self.ever, minute)
    }
}

/// Whole microseconds.
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn bucket_of(micros: u64) -> usize {
    let bits = u64::BITS.saturating_sub(micros.leading_zeros());
    usize::try_from(bits).unwrap_or(BUCKETS).min(BUCKETS.saturating_sub(1))
}

/// Milliseconds of a slot.
const SLOT_MS: u64 = 10_000;
/// The one of now, and six that are full.
const SLOTS: usize = 7;

/// What was counted over the last minute: seven slots of ten seconds each, the one of now among them.
#[derive(Debug, Default)]
pub struct Recent<T> {
    slots: [Slot<T>; SLOTS],
}

#[derive(Debug, Default)]
struct Slot<T> {
    /// Which ten seconds it is of, counted from the clock's start; 0 before it is used.
    number: u64,
    counted: T,
}

impl<T: Default> Recent<T> {
    /// The slot of now, empty at its first use.
    pub fn now(&mut self, now_ms: u64) -> &mut T {
        let number = number_at(now_ms);
        let [first, rest @ ..] = &mut self.slots;
        // The one of now, else the oldest.
        let mut chosen = first;
        for slot in rest {
            if chosen.number != number && (slot.number == number || slot.number < chosen.number) {
                chosen = slot;
            }
        }
        if chosen.number != number {
            *chosen = Slot { number, counted: T::default() };
        }
        &mut chosen.counted
    }

    /// The slots of the last 60 to 70 seconds.
    pub fn minute(&self, now_ms: u64) -> impl Iterator<Item = &T> {
        let now = number_at(now_ms);
        let oldest = now.saturating_sub(6).max(1);
        self.slots.iter().filter(move |slot| (oldest..=now).contains(&slot.number)).map(|slot| &slot.counted)
    }
}

/// Which ten seconds a moment is of, from 1 on.
fn number_at(now_ms: u64) -> u64 {
    (now_ms / SLOT_MS).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        micros.iter().for_each(|micros| histogram.record(Duration::from_micros(*micros)));
        histogram
    }

    #[test]
    fn buckets_have_their_edges_at_powers_of_two() {
        for (micros, bucket) in [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (1023, 10), (1024, 11), (u64::MAX, 23)] {
            assert_eq!(bucket_of(micros), bucket, "{micros}");
        }
    }

    #[test]
    fn percentiles_are_the_edges_that_hold_them_and_at_most_the_longest() {
        let mut times = vec![100; 99];
        times.push(5000);
        let latency = of(&times);
        assert_eq!((latency.count(), latency.sum_us, latency.max_us), (100, 14_900, 5000));
        assert_eq!([500, 900, 990].map(|part| latency.per_mille_us(part)), [128, 128, 128]);
        assert_eq!([999, 1000].map(|part| latency.per_mille_us(part)), [5000, 5000]);
        assert_eq!(of(&[100]).per_mille_us(500), 100);
    }

    #[test]
    fn percentile_of_nothing_is_zero() {
        assert_eq!(of(&[]).per_mille_us(990), 0);
    }

    #[test]
    fn added_histograms_count_as_one() {
        let mut all = of(&[1, 2, 3000]);
        all.add(&of(&[7, 4000]));
        assert_eq!(all, of(&[7, 4000, 3000, 2, 1]));
    }

    #[test]
    fn request_of_an_hour_ago_counts_since_the_start_and_not_in_the_last_minute() {
        let millis = |total, admission, ioctl, reply| {
            let of = Duration::from_millis;
            Times { total: of(total), plan: of(0), admission: of(admission), ioctl: of(ioctl), reply: of(reply) }
        };
        let mut latency = HeapLatency::default();
        latency.record(&millis(100, 10, 80, 10), 5_000);
        latency.record(&millis(20, 1, 18, 1), 3_600_000);
        let (ever, minute) = latency.read(3_600_001);
        assert_eq!(
            (ever.total.count(), ever.total.max_us, minute.total.count(), minute.total.max_us),
            (2, 100_000, 1, 20_000)
        );
        assert_eq!(ever.parts.map(|part| part.max_us), [10_000, 80_000, 10_000]);
        assert_eq!(minute.parts.map(|part| part.sum_us), [1_000, 18_000, 1_000]);
        assert_eq!(latency.read(3_800_000).1, Latency::default());
    }

    fn sum(recent: &Recent<u32>, now_ms: u64) -> u32 {
        recent.minute(now_ms).sum()
    }

    #[test]
    fn what_is_older_than_seventy_seconds_is_forgotten_and_what_is_younger_than_sixty_is_not() {
        let mut recent = Recent::<u32>::default();
        for second in 0..200_u64 {
            *recent.now(second * 1000) += 1;
            let counted = u64::from(sum(&recent, second * 1000));
            assert!((60..=70).contains(&counted) || counted == second + 1, "{counted} at {second} s");
        }
        assert_eq!((sum(&recent, 199_999), sum(&recent, 259_000)), (70, 10));
        assert_eq!(sum(&recent, 270_000), 0);
    }

    #[test]
    fn pause_leaves_nothing_of_what_was_before() {
        let mut recent = Recent::<u32>::default();
        *recent.now(0) = 5;
        *recent.now(1_000_000) += 1;
        assert_eq!((sum(&recent, 1_000_000), sum(&recent, u64::MAX)), (1, 0));
    }
}
