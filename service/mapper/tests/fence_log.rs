//! What is logged of a fence that does not signal. A process has one logger, so this test has one of its own.

// Tests: a failed unwrap is a failed test.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used
)]

mod common;

use gralloc_mapper::{fence, Error};
use nix::fcntl::{fcntl, FcntlArg};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

#[test]
fn fence_that_never_signals_logged_given_up_and_closed() {
    let lines = common::log_lines();
    let (waits, _signals) = nix::unistd::pipe().unwrap();
    let fd = waits.as_raw_fd();
    let start = Instant::now();
    let answer = fence::wait(waits, Duration::from_millis(20), Duration::from_millis(60));
    assert_eq!(answer, Err(Error::FenceTimeout));
    assert_eq!(answer.unwrap_err().code(), gralloc_mapper::abi::AIMAPPER_ERROR_NO_RESOURCES);
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert!(fcntl(fd, FcntlArg::F_GETFD).is_err(), "the fence is open still");
    assert_eq!(
        *lines.lock().unwrap(),
        [
            "WARN: lock: the acquire fence has not signalled in 20 ms: waiting still",
            "WARN: lock: the acquire fence has not signalled in 60 ms: given up"
        ]
    );
}
