//! How long requests took: counts by powers of two of a microsecond, cheap enough for every request (three relaxed
//! additions, no lock).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets: below 1 µs, then [2^(n−1), 2^n) µs, the last for 2^22 µs (4 s) and all that is longer.
pub const BUCKETS: usize = 24;

/// Counts by time.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
    max_us: AtomicU64,
}

/// The counts of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Requests by bucket.
    pub buckets: [u64; BUCKETS],
    /// Their time in all, microseconds.
    pub sum_us: u64,
    /// The longest, microseconds.
    pub max_us: u64,
}

impl Histogram {
    /// One request took so long.
    pub fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket_of(micros)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(micros, Ordering::Relaxed);
        if micros > self.max_us.load(Ordering::Relaxed) {
            self.max_us.fetch_max(micros, Ordering::Relaxed);
        }
    }

    /// What was counted so far.
    pub fn read(&self) -> Latency {
        let mut buckets = [0; BUCKETS];
        for (count, bucket) in buckets.iter_mut().zip(&self.buckets) {
            *count = bucket.load(Ordering::Relaxed);
        }
        Latency { buckets, sum_us: self.sum_us.load(Ordering::Relaxed), max_us: self.max_us.load(Ordering::Relaxed) }
    }
}

impl Latency {
    /// Requests in all.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// So many per cent of the requests took at most this many microseconds: the upper edge of the bucket that holds
    /// the one in question, and never more than the longest. 0 without requests.
    pub fn percentile_us(&self, per_cent: u64) -> u64 {
        let wanted = self.count().saturating_mul(per_cent).div_ceil(100);
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

fn bucket_of(micros: u64) -> usize {
    let bits = u64::BITS.saturating_sub(micros.leading_zeros());
    usize::try_from(bits).unwrap_or(BUCKETS).min(BUCKETS.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: &[u64]) -> Latency {
        let histogram = Histogram::default();
        micros.iter().for_each(|micros| histogram.record(Duration::from_micros(*micros)));
        histogram.read()
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
        assert_eq!((latency.percentile_us(50), latency.percentile_us(99)), (128, 128));
        assert_eq!(latency.percentile_us(100), 5000);
        assert_eq!(of(&[100]).percentile_us(50), 100);
    }

    #[test]
    fn percentile_of_nothing_is_zero() {
        assert_eq!(of(&[]).percentile_us(99), 0);
    }
}
