//! Counters for the dump: requests, rules that took them, refusals by cause.

use crate::latency::{Histogram, Latency};
use gralloc_allocator::Refusal;
use heaps_config::policy::HeapId;
use heaps_config::Policy;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counts since the service started.
pub struct Stats {
    requests: AtomicU64,
    /// One counter a rule, in the policy's order.
    rules: Vec<AtomicU64>,
    /// How long requests took, by heap, in the policy's order.
    latencies: Vec<Histogram>,
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
    /// How long served requests took, by the heap of their first buffer, in the policy's order.
    pub latencies: Vec<Latency>,
    /// Refused requests by cause.
    pub refusals: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// All zero.
    pub fn new(policy: &Policy) -> Stats {
        let rules = policy.rules.iter().map(|_| AtomicU64::new(0)).collect();
        let latencies = policy.heaps.iter().map(|_| Histogram::default()).collect();
        Stats { requests: AtomicU64::new(0), rules, latencies, refusals: Mutex::default() }
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

    /// A request whose first buffer came from this heap took so long.
    pub fn count_latency(&self, heap: HeapId, took: Duration) {
        if let Some(histogram) = self.latencies.get(usize::from(heap.0)) {
            histogram.record(took);
        }
    }

    /// A request was refused.
    pub fn count_refusal(&self, refusal: &Refusal) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let count = refusals.entry(refusal.cause()).or_default();
        *count = count.saturating_add(1);
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            rules: self.rules.iter().map(|counter| counter.load(Ordering::Relaxed)).collect(),
            latencies: self.latencies.iter().map(Histogram::read).collect(),
            refusals: self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
