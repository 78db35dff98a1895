//! The real-time class that a graphics allocator's threads run in.
//!
//! AOSP's allocator services put their main thread into SCHED_FIFO at priority 2 with SCHED_RESET_ON_FORK: a camera or a
//! compositor waits for the answer. It needs CAP_SYS_NICE or an RLIMIT_RTPRIO; without, the service is slower under
//! load and otherwise the same, so a failure is for the log.

#![allow(unsafe_code)] // nix has neither sched_setscheduler nor setpriority.

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

/// Moves the calling thread to the lowest rank of the normal class. Not SCHED_IDLE: on a busy machine a thread of that
/// class may not run at all, and what it was to prepare would come too late; this one has a small share for certain.
///
/// # Errors
/// `Call` with what setpriority(2) says; lowering one's own rank needs no privilege.
pub fn set_background() -> Result<(), Error> {
    const LOWEST: libc::c_int = 19;
    // SAFETY: setpriority(2) takes three numbers; 0 is the calling thread (sched(7): a nice value is a thread's own).
    let answer = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOWEST) };
    Errno::result(answer).map(drop).map_err(Error::call("setpriority"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_fifo_priority_out_of_range_einval() {
        assert_eq!(set_fifo(1000).unwrap_err().errno(), Errno::EINVAL);
    }

    #[test]
    fn set_fifo_with_the_right_to_changes_this_thread_alone() {
        // Fields 40 and 41 of proc(5)'s stat, counted after the command's closing bracket (field 2).
        fn priority_and_policy() -> (String, String) {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let mut fields = stat.rsplit(") ").next().unwrap().split(' ').skip(37).map(str::to_owned);
            (fields.next().unwrap(), fields.next().unwrap())
        }
        let other = ("0".to_owned(), "0".to_owned());
        let in_thread = std::thread::spawn(move || match set_fifo(2) {
            Ok(()) => {
                assert_eq!(priority_and_policy(), ("2".to_owned(), "1".to_owned()));
                let child = std::thread::spawn(priority_and_policy).join().unwrap();
                assert_eq!(child, other, "threads that it starts are normal");
            }
            Err(error) => {
                assert_eq!(error.errno(), Errno::EPERM);
                println!("SKIP: this user may not use SCHED_FIFO");
            }
        });
        in_thread.join().unwrap();
        assert_eq!(priority_and_policy().1, "0");
    }

    #[test]
    fn set_background_changes_this_thread_alone() {
        // Field 19 of proc(5)'s stat: the nice value.
        fn nice() -> String {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().to_owned()
        }
        let before = nice();
        let in_thread = std::thread::spawn(|| {
            set_background().unwrap();
            nice()
        });
        assert_eq!(in_thread.join().unwrap(), "19");
        assert_eq!(nice(), before);
    }
}
