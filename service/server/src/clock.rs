//! The service's clock: one for the account, the pool and the release watch.

use std::time::{Duration, Instant};

/// Time since the start of the service.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts at zero.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// What has passed.
    pub fn now(self) -> Duration {
        self.0.elapsed()
    }

    /// The same in milliseconds.
    pub fn now_ms(self) -> u64 {
        millis(self.now())
    }
}

/// A time of this clock in milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
