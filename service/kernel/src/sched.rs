//! The real-time class that a graphics allocator's threads run in.
//!
//! AOSP's allocator services put their main thread into SCHED_FIFO at priority 2 with SCHED_RESET_ON_FORK: a camera or a
//! compositor waits for the answer. It needs CAP_SYS_NICE or an RLIMIT_RTPRIO; without, the service is slower under
//! load and otherwise the same, so a failure is for the log.

#![allow(unsafe_code)] // nix has no sched_setscheduler.

use crate::error::Error;
use nix::errno::Errno;
use nix::libc;

/// Moves the calling thread to SCHED_FIFO at the given priority, 1 (lowest) to 99. Its children and the threads that it
/// starts fall back to the normal class.
///
/// # Errors
/// `Call` with EPERM without the right to, EINVAL for a priority out of range.
pub fn set_fifo(priority: i32) -> Result<(), Error> {
    let parameters = libc::sched_param { sched_priority: priority };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: sched_setscheduler(2) reads one sched_param, which lives for the call; 0 is the calling thread.
    let answer = unsafe { libc::sched_setscheduler(0, policy, &parameters) };
    Errno::result(answer).map(drop).map_err(Error::call("sched_setscheduler"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_fifo_priority_out_of_range_einval() {
        assert_eq!(set_fifo(1000).unwrap_err().errno(), Errno::EINVAL);
    }
}
