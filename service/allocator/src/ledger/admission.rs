//! Admission by the machine's available memory: MemAvailable, less what was admitted since it was read.

use crate::error::Shortage;
use crate::ports::MemoryGauge;
#[cfg(all(test, loom))]
use loom::sync::{Mutex, MutexGuard};
use std::sync::PoisonError;
#[cfg(not(all(test, loom)))]
use std::sync::{Mutex, MutexGuard};

/// How old a reading may be, in milliseconds, to still answer for a small request.
const FRESH_MS: u64 = 100;
/// An old reading answers only for requests that take at most one part in so many of what it shows free.
const SMALL_PART: u64 = 8;

/// Tracks MemAvailable without reading it for each small buffer.
#[derive(Default)]
pub(super) struct Memory {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last reading, and when it was taken.
    reading: Option<(u64, u64)>,
    /// Bytes granted since the start, and as of when the reading was begun: it may not show what was granted since.
    granted: u64,
    granted_before: u64,
    /// Bytes admitted whose allocation has not ended: a reading shows some of them, all or none.
    in_flight: u64,
}

impl State {
    /// What is surely free by the last reading: everything that it may not show yet is taken off.
    fn headroom(&self, available: u64) -> u64 {
        available.saturating_sub(self.granted.saturating_sub(self.granted_before)).saturating_sub(self.in_flight)
    }

    fn admit(&mut self, bytes: u64, part: u64, available: u64, reserve: u64) -> Result<(), u64> {
        let headroom = self.headroom(available);
        match bytes.checked_mul(part).and_then(|needed| needed.checked_add(reserve)) {
            Some(needed) if needed <= headroom => {
                self.in_flight = self.in_flight.saturating_add(bytes);
                Ok(())
            }
            _ => Err(headroom),
        }
    }
}

impl Memory {
    /// Admits `bytes` or refuses them. What is admitted must come back through `granted` or `given_back`.
    pub(super) fn admit(
        &self,
        bytes: u64,
        reserve: u64,
        now_ms: u64,
        gauge: &impl MemoryGauge,
    ) -> Result<(), Shortage> {
        let granted_before = {
            let mut state = self.lock();
            if let Some((available, read_ms)) = state.reading {
                let fresh = now_ms.saturating_sub(read_ms) <= FRESH_MS;
                if fresh && state.admit(bytes, SMALL_PART, available, reserve).is_ok() {
                    return Ok(());
                }
            }
            state.granted
        };
        // Read without the lock: others go on meanwhile. What they have in flight is taken off in full below, whether
        // or not the reading shows it already, and so is what they were granted since it was begun: too careful for a
        // moment, never too bold.
        let reading = gauge.available_bytes();
        let mut state = self.lock();
        let Some(available) = reading else {
            // A machine that does not say what it has is bounded by the budgets alone.
            state.in_flight = state.in_flight.saturating_add(bytes);
            return Ok(());
        };
        state.reading = Some((available, now_ms));
        state.granted_before = granted_before;
        state.admit(bytes, 1, available, reserve).map_err(|available| Shortage::Memory { bytes, available, reserve })
    }

    /// The allocation succeeded.
    pub(super) fn granted(&self, bytes: u64) {
        let mut state = self.lock();
        state.in_flight = state.in_flight.saturating_sub(bytes);
        state.granted = state.granted.saturating_add(bytes);
    }

    /// The allocation failed.
    pub(super) fn given_back(&self, bytes: u64) {
        let mut state = self.lock();
        state.in_flight = state.in_flight.saturating_sub(bytes);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
