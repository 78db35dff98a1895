//! The release watch over the service's life: started when the service starts, or later.
//!
//! Without it live bytes are unknown and budgets bound nothing, so a start that fails is tried again: after a second, then
//! twice as long each time to a minute, and when heaps change. Until then buffers that are given out are counted as untracked,
//! dump and log say why, and the policy says whether any are given out (`limits.without_release_watch`).

use crate::clock::Clock;
use crate::threads::Threads;
use crate::tracker::{Asker, Tracker};
use gralloc_allocator::ledger::Ledger;
use gralloc_allocator::ports::HeapBackend;
use gralloc_allocator::Shortage;
use gralloc_heaps::wakeup::Wakeup;
use gralloc_heaps::watch::Source;
use heaps_config::policy::{HeapId, WithoutReleaseWatch};
use log::{info, warn};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// After the first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A try takes half a second where the kernel tells nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The release watch, or why there is none yet.
pub struct Releases {
    sources: Vec<Source>,
    ledger: Arc<Ledger>,
    wakeup: Arc<Wakeup>,
    clock: Clock,
    threads: Arc<Threads>,
    tracker: OnceLock<Tracker>,
    /// Of the last start that failed.
    failure: Mutex<Option<Failure>>,
    /// Buffers given out before there was a tracker.
    unwatched: AtomicU64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    why: String,
    pause: Duration,
    /// On the service's clock.
    again_at: Duration,
}

impl Releases {
    /// Not started. Without a source it never will be.
    pub fn new(sources: Vec<Source>, ledger: Arc<Ledger>, wakeup: Arc<Wakeup>, clock: Clock) -> Releases {
        let (tracker, failure, unwatched) = (OnceLock::new(), Mutex::default(), AtomicU64::new(0));
        Releases { sources, ledger, wakeup, clock, threads: Arc::default(), tracker, failure, unwatched }
    }

    /// Tries to start it, with a buffer of this heap, when that is due. Called by one thread.
    pub fn start<H: HeapBackend<Buffer = OwnedFd>>(&self, heaps: &H, heap: HeapId, now: Duration) {
        if self.due_in(now) != Some(Duration::ZERO) {
            return;
        }
        let (ledger, wakeup, threads) = (Arc::clone(&self.ledger), Arc::clone(&self.wakeup), Arc::clone(&self.threads));
        match Tracker::choose(&self.sources, heaps, heap, ledger, wakeup, self.clock, threads) {
            Ok(tracker) => {
                for (place, (source, _)) in tracker.sources().enumerate() {
                    info!("releases are seen through {source}{}", if place > 0 { " beyond that" } else { "" });
                }
                *self.failure() = None;
                let _set_by_this_thread_alone = self.tracker.set(tracker);
            }
            Err(why) => self.failed(why.to_string(), now),
        }
    }

    fn failed(&self, why: String, now: Duration) {
        let mut failure = self.failure();
        let before = failure.take();
        let pause = before.as_ref().map_or(FIRST_PAUSE, |before| before.pause.saturating_mul(2).min(LONGEST_PAUSE));
        if before.map_or(true, |before| before.why != why) {
            warn!(
                "live bytes are unknown, and budgets of clients and heaps bound nothing: {why}; {}",
                self.what_next()
            );
        }
        *failure = Some(Failure { why, pause, again_at: now.saturating_add(pause) });
    }

    fn what_next(&self) -> &'static str {
        if self.sources.is_empty() {
            "no source of releases is configured"
        } else {
            "the release watch is tried again"
        }
    }

    /// Heaps have appeared or changed: the next try need not wait.
    pub fn heaps_changed(&self) {
        *self.failure() = None;
    }

    /// When to try again; `None` when it runs, or never will.
    pub fn due_in(&self, now: Duration) -> Option<Duration> {
        if self.tracker.get().is_some() {
            return None;
        }
        match &*self.failure() {
            Some(_) if self.sources.is_empty() => None,
            Some(failure) => Some(failure.again_at.saturating_sub(now)),
            None => Some(Duration::ZERO),
        }
    }

    /// What the policy says of requests while it does not run.
    ///
    /// # Errors
    /// `NoReleaseWatch` where they are to be refused.
    pub fn admit(&self, without: WithoutReleaseWatch) -> Result<(), Shortage> {
        match (self.tracker.get(), without) {
            (Some(_), _) | (None, WithoutReleaseWatch::Serve) => Ok(()),
            (None, WithoutReleaseWatch::Refuse) => Err(Shortage::NoReleaseWatch),
        }
    }

    /// The threads that are held up by clients that wait for a scan, and by dumps.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// The tracker, once it runs.
    pub fn tracker(&self) -> Option<&Tracker> {
        self.tracker.get()
    }

    /// Books releases that have happened: see [`Tracker::settle`]. Nothing is booked, or missing, before it runs.
    pub fn settle(&self, asker: Asker) -> bool {
        self.tracker.get().map_or(true, |tracker| tracker.settle(asker))
    }

    /// So many buffers were given out without a watch.
    pub fn count_unwatched(&self, buffers: usize) {
        self.unwatched.fetch_add(u64::try_from(buffers).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Buffers of which nobody will learn when they go, since the start: those that could not be watched, and those given out
    /// before there was a watch. They are in no live figure.
    pub fn untracked(&self) -> u64 {
        let beside = self.tracker.get().map_or(0, Tracker::untracked);
        self.unwatched.load(Ordering::Relaxed).saturating_add(beside)
    }

    /// Why it does not run, and when it is tried again.
    pub fn problem(&self) -> Option<String> {
        let failure = self.failure().clone()?;
        let why = format!("the release watch does not run, live bytes are unknown: {}", failure.why);
        let left = failure.again_at.saturating_sub(self.clock.now()).as_secs();
        Some(if self.sources.is_empty() { why } else { format!("{why}; tried again in {left} s") })
    }

    fn failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
