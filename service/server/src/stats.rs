//! Counters for the dump: requests, rules that took them, how long they took, refusals by cause.

use crate::latency::{HeapLatency, Latency, Slow, Slowest};
use gralloc_allocator::Refusal;
use heaps_config::Policy;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts since the service started.
pub struct Stats {
    requests: AtomicU64,
    /// One counter a rule, in the policy's order.
    rules: Vec<AtomicU64>,
    /// How long requests took, by heap, in the policy's order; made with a heap's first request, as a policy names many heaps that
    /// no machine has all of, and one's histograms take 7 KiB. Their locks are held for arithmetic.
    latencies: Vec<Mutex<Option<Box<HeapLatency>>>>,
    slowest: Slowest,
    /// Few and rare: a lock is good enough.
    refusals: Mutex<BTreeMap<&'static str, u64>>,
}

/// All counts of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// `allocate2` calls.
    pub requests: u64,
    /// Requests served by each rule, in the policy's order.
    pub rules: Vec<u64>,
    /// How long served requests took, by the heap of their first buffer, in the policy's order: since the start, and over
    /// the last minute.
    pub latencies: Vec<(Latency, Latency)>,
    /// Those that took longest, longest first: since the start, and of the last minute.
    pub slowest: (Vec<Slow>, Vec<Slow>),
    /// Refused requests by cause.
    pub refusals: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// All zero.
    pub fn new(policy: &Policy) -> Stats {
        let rules = policy.rules.iter().map(|_| AtomicU64::new(0)).collect();
        let latencies = policy.heaps.iter().map(|_| Mutex::default()).collect();
        let (slowest, refusals) = (Slowest::default(), Mutex::default());
        Stats { requests: AtomicU64::new(0), rules, latencies, slowest, refusals }
    }

    /// A request arrived.
    pub fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was served by this rule.
    pub fn count_rule(&self, rule: usize) {
        if let Some(counter) = self.rules.get(rule) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request was served.
    pub fn count_served(&self, request: &Slow) {
        if let Some(latency) = self.latencies.get(usize::from(request.heap.0)) {
            lock(latency).get_or_insert_with(Box::default).record(&request.times, request.answered_ms);
        }
        self.slowest.record(request);
    }

    /// A request was refused.
    pub fn count_refusal(&self, refusal: &Refusal) {
        let mut refusals = lock(&self.refusals);
        let count = refusals.entry(refusal.cause()).or_default();
        *count = count.saturating_add(1);
    }

    /// What was counted so far.
    pub fn counts(&self, now_ms: u64) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            rules: self.rules.iter().map(|counter| counter.load(Ordering::Relaxed)).collect(),
            latencies: self.latencies.iter().map(|latency| read(latency, now_ms)).collect(),
            slowest: self.slowest.read(now_ms),
            refusals: lock(&self.refusals).clone(),
        }
    }
}

/// A heap's latency since the start, and over the last minute: nothing where it was not asked for.
fn read(latency: &Mutex<Option<Box<HeapLatency>>>, now_ms: u64) -> (Latency, Latency) {
    lock(latency).as_ref().map_or_else(Default::default, |latency| latency.read(now_ms))
}

/// What a lock guards is whole whoever held it last: nothing that can panic runs under it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
