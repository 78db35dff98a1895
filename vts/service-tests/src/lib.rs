//! What the tests of the service stand on. The tests are in `tests/service/`.
//!
//! The service is seen from outside alone: a process that is started, called through its transports, observed through
//! /proc, and ended. Nothing of `gralloc_server` is linked, but into the program that the feature `v3` makes: the service that
//! speaks V3, which the tests then start in the place of V2's.
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
//! - [`place`]: what this machine has, and the reason to skip a test for what it has not.
//! - [`suite`]: names, order, skips.
//!
//! | variable | means |
//! |---|---|
//! | `ALLOCATOR_SERVICE` | path of the service's program; without it Cargo builds it |
//! | `SERVICE_TESTS_NO_SKIP=1` | a skip is a failure, with its reason |
//! | `SERVICE_TESTS_CHAOS_SECONDS` | how long clients and service are killed at random points; 12 without it |
//! | `SERVICE_TESTS_CHAOS_SEED` | what that is drawn from; the clock without it |
//! | `TESTS_SAMPLE` | of the longest sweeps every so many-th step; every one without it |

// Support for tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod client;
pub mod dmabufs;
pub mod dump;
pub mod faults;
pub mod good;
pub mod harm;
pub mod helper;
pub mod mutant;
pub mod own_binder;
pub mod place;
pub mod policy;
pub mod pressure;
pub mod process;
pub mod service;
pub mod still;
pub mod suite;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Watchdog of every wait for an event: a service that starts, a count that settles. What takes longer hangs; no test is
/// judged by it.
pub const SOON: Duration = Duration::from_secs(60);

/// Of the longest sweeps every so many-th step is taken: an emulated machine is given a sample of what runs whole elsewhere.
pub fn sample() -> usize {
    std::env::var("TESTS_SAMPLE").map_or(1, |steps| steps.parse().unwrap())
}

/// How long clients and service are killed at random points.
pub fn chaos_time() -> Duration {
    let seconds = std::env::var("SERVICE_TESTS_CHAOS_SECONDS").map_or(12, |seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds)
}

/// No wait asks more often.
static MOST_ASKS: AtomicU64 = AtomicU64::new(u64::MAX);

/// Runs `body`, which waits for an event that will not come, with waits that give up after so many asks: steps, not time,
/// so that a slow machine gives the events that do come as many chances.
pub fn with_few_asks<T>(asks: u64, body: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            MOST_ASKS.store(u64::MAX, Ordering::Relaxed);
        }
    }
    let _reset = Reset;
    MOST_ASKS.store(asks, Ordering::Relaxed);
    body()
}

/// Asks again and again until there is an answer; `None` after `limit`.
pub fn wait_for<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    for _ in 0..MOST_ASKS.load(Ordering::Relaxed) {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() > limit {
            return None;
        }
        sleep(Duration::from_millis(5));
    }
    None
}

/// Makes tests out of functions `fn() -> Verdict`, named as `group::function`.
#[macro_export]
macro_rules! tests {
    ($group:literal: $($function:ident),* $(,)?) => {
        vec![$($crate::suite::Test::new(concat!($group, "::", stringify!($function)), $function)),*]
    };
}

/// Makes tests out of functions `fn(&Subject)`, each run twice: against a service of its own behind a socket, and against
/// the guest's service behind binder.
#[macro_export]
macro_rules! tests_of_both {
    ($group:literal: $($function:ident),* $(,)?) => {
        vec![$(
            $crate::suite::Test::new(concat!($group, "::socket::", stringify!($function)), || {
                $function(&$crate::service::Service::plain());
                Ok(())
            }),
            $crate::suite::Test::new(concat!($group, "::binder::", stringify!($function)), || {
                $function(&$crate::service::Subject::running()?);
                Ok(())
            }),
        )*]
    };
}
