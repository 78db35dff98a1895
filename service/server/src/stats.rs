//! Counters for the dump: requests, rules that took them, refusals by cause.

use gralloc_core::{Policy, Refusal};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counts since the service started.
pub struct Stats {
    requests: AtomicU64,
    /// One counter a rule, in the policy's order.
    rules: Vec<AtomicU64>,
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
    /// Refused requests by cause.
    pub refusals: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// All zero.
    pub fn new(policy: &Policy) -> Stats {
        let rules = policy.rules.iter().map(|_| AtomicU64::new(0)).collect();
        Stats { requests: AtomicU64::new(0), rules, refusals: Mutex::default() }
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
            refusals: self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
