//! What the tests of the service stand on. The tests are in `tests/service/`.
//!
//! The service is seen from outside alone: a process that is started, called through its transports, looked at through
//! /proc, and ended. Nothing of `gralloc_server` is linked.
//!
//! - [`service`]: one started service, with a policy of the test's own; or the guest's, over binder.
//! - [`client`]: one caller: descriptors, answers, buffers.
//! - [`own_binder`]: the guest's binder service as a child of this process, so that it may end.
//! - [`still`]: that nothing is left behind: fds and memory of the service, fds of the client, dma-bufs of the kernel.
//! - [`good`]: a client that behaves, beside whatever else goes on.
//! - [`process`], [`dmabufs`], [`dump`]: what /proc, debugfs and the service itself say.
//! - [`faults`]: that a thread's next attempts at the kernel fail, one after the other.
//! - [`pressure`]: memory pressure made on purpose, and a kernel that does not tell of it.
//! - [`policy`]: policies to start from.
//! - [`helper`]: this program again, as another process: another user, a holder of buffers, a crowd.
//! - [`mutant`]: a service with one defence taken out, for the tests that have to notice.
//! - [`random`]: numbers from a seed.
//! - [`place`]: what this machine has, and the reason to skip a test for what it has not.
//! - [`suite`]: names, order, skips.
//!
//! | variable | means |
//! |---|---|
//! | `ALLOCATOR_SERVICE` | path of the service's program; without it Cargo builds it |
//! | `SERVICE_TESTS_NO_SKIP=1` | a skip is a failure, with its reason |
//! | `SERVICE_TESTS_CHAOS_SECONDS` | how long clients and service are killed at random points; 12 without it |
//! | `SERVICE_TESTS_CHAOS_SEED` | what that is drawn from; the clock without it |

// Support for tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod client;
pub mod dmabufs;
pub mod dump;
pub mod faults;
pub mod good;
pub mod helper;
pub mod mutant;
pub mod own_binder;
pub mod place;
pub mod policy;
pub mod pressure;
pub mod process;
pub mod random;
pub mod service;
pub mod still;
pub mod suite;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longest wait for what happens soon: a service that starts, a figure that settles. Generous, for an emulated machine.
pub const SOON: Duration = Duration::from_secs(20);

/// How long clients and service are killed at random points.
pub fn chaos_time() -> Duration {
    let seconds = std::env::var("SERVICE_TESTS_CHAOS_SECONDS").map_or(12, |seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds)
}

/// No wait takes longer than so many milliseconds.
static PATIENCE: AtomicU64 = AtomicU64::new(u64::MAX);

/// Runs `body` with short waits: it waits for what will not come.
pub fn impatient<T>(patience: Duration, body: impl FnOnce() -> T) -> T {
    struct Patient;
    impl Drop for Patient {
        fn drop(&mut self) {
            PATIENCE.store(u64::MAX, Ordering::Relaxed);
        }
    }
    let _patient_again = Patient;
    PATIENCE.store(u64::try_from(patience.as_millis()).unwrap(), Ordering::Relaxed);
    body()
}

/// Asks again and again until there is an answer; `None` after `limit`.
pub fn wait_for<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let limit = limit.min(Duration::from_millis(PATIENCE.load(Ordering::Relaxed)));
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() > limit {
            return None;
        }
        sleep(Duration::from_millis(5));
    }
}
