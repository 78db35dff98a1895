//! Who waits for a scan of the watched buffers, and when there is one.
//!
//! Where the kernel sends no event of a buffer's end (from Linux 6.14 on), that it was released is found by reading a list of all
//! that live. The maintenance thread alone does so. A thread that serves a request neither scans nor sleeps for the next scan:
//! it waits for one that begins after the question, if few others do, and for a bounded time; else it answers with what the
//! account says. How many may wait is counted together with the dumps that may be stuck at their readers: [`crate::threads`].
//! One scan answers all who asked before it began.
//!
//! Scans that somebody waits for take a [`REQUEST_SHARE`]th of a processor at most, those that nobody waits for an
//! [`IDLE_SHARE`]th; the time for adding watches before a scan counts too.

use crate::threads::{Holder, Threads};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The share of a processor that scans may take while somebody waits for them, as its inverse.
const REQUEST_SHARE: u32 = 4;
/// No pause is longer: a scan that was kept from its processor for a while is no measure of what scans cost.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// The share while nobody waits. The list of 900 buffers takes 14 ms to read under emulation, so it is then read every 0.7 s.
const IDLE_SHARE: u32 = 50;
/// The pause while nobody waits, at least.
const IDLE_PAUSE: Duration = Duration::from_millis(200);

/// Who asks for an account in which all releases are booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A client of this uid, at a budget.
    Client(u32),
    /// A dump or statistics, whose thread is counted from its beginning to its end.
    Statistics,
}

impl Asker {
    /// How long its thread waits: a scan that runs, a pause and its own scan, of thousands of buffers on a slow machine.
    pub(super) const fn timeout(self) -> Duration {
        match self {
            Asker::Client(_) => Duration::from_millis(500),
            Asker::Statistics => Duration::from_secs(2),
        }
    }
}

/// The scans of one watch.
pub(super) struct Scans {
    threads: Arc<Threads>,
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Default)]
struct State {
    /// How many have begun; the last that saw all, and the last that did not.
    begun: u64,
    over: u64,
    failed: u64,
    /// Somebody waits for one that has not begun.
    wanted: bool,
    pace: Pace,
}

impl Scans {
    pub(super) fn new(threads: Arc<Threads>) -> Scans {
        Scans { threads, state: Mutex::default(), over: Condvar::new() }
    }

    /// Waits for a scan that begins after the call; `wake` wakes the thread that scans. False when there are enough who wait
    /// already, when it takes longer than `timeout`, and when it fails.
    pub(super) fn wait(&self, asker: Asker, timeout: Duration, wake: impl FnOnce()) -> bool {
        let _held = match asker {
            Asker::Client(uid) => match self.threads.hold(Holder::Client(uid)) {
                None => return false,
                held => held,
            },
            Asker::Statistics => None,
        };
        let mut state = self.lock();
        state.wanted = true;
        // One that runs may have passed by what the asker has let go.
        let mine = state.begun.wrapping_add(1);
        drop(state);
        wake();
        let not_yet = |state: &mut State| state.over.max(state.failed) < mine;
        let waited = self.over.wait_timeout_while(self.lock(), timeout, not_yet);
        waited.unwrap_or_else(PoisonError::into_inner).0.over >= mine
    }

    /// Scans, when that is due. `exist` tells whether there is something to scan, and `scan` whether it saw all.
    pub(super) fn run(&self, clock: impl Fn() -> Duration, exist: bool, scan: impl FnOnce() -> bool) -> bool {
        let began = clock();
        let mut state = self.lock();
        if state.due_in(began, exist) != Some(Duration::ZERO) {
            return false;
        }
        state.begun = state.begun.wrapping_add(1);
        state.wanted = false;
        drop(state);
        let saw_all = scan();
        let ended = clock();
        let mut state = self.lock();
        let begun = state.begun;
        *(if saw_all { &mut state.over } else { &mut state.failed }) = begun;
        state.pace = Pace(Some((ended, ended.saturating_sub(began))));
        drop(state);
        self.over.notify_all();
        true
    }

    /// When the next is due; `None` for not before somebody asks.
    pub(super) fn due_in(&self, now: Duration, exist: bool) -> Option<Duration> {
        self.lock().due_in(now, exist)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn due_in(&self, now: Duration, exist: bool) -> Option<Duration> {
        match (self.wanted, exist) {
            (true, _) => Some(self.pace.for_request(now)),
            (false, true) => Some(self.pace.for_nobody(now)),
            (false, false) => None,
        }
    }
}

/// When the last scan ended, and how long it took.
#[derive(Default)]
struct Pace(Option<(Duration, Duration)>);

impl Pace {
    fn for_request(&self, now: Duration) -> Duration {
        self.pause(now, |took| took.saturating_mul(REQUEST_SHARE.saturating_sub(1)).min(LONGEST_PAUSE))
    }

    fn for_nobody(&self, now: Duration) -> Duration {
        self.pause(now, |took| took.saturating_mul(IDLE_SHARE.saturating_sub(1)).max(IDLE_PAUSE))
    }

    fn pause(&self, now: Duration, pause: impl FnOnce(Duration) -> Duration) -> Duration {
        let Some((ended, took)) = self.0 else { return Duration::ZERO };
        ended.saturating_add(pause(took)).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests;
