//! Scheduling classes of the service's threads.
//!
//! AOSP's allocator services put their main thread into SCHED_FIFO at priority 2 with SCHED_RESET_ON_FORK: a camera or a
//! compositor waits for the answer. It needs CAP_SYS_NICE or an RLIMIT_RTPRIO; without, the service is slower under
//! load and otherwise the same, so a failure is only logged.

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
    set_scheduler(libc::SCHED_FIFO, priority)
}

/// Runs this in the normal class when the calling thread is in a real-time one, and puts it back after.
///
/// For long work of the kernel: a real-time thread that zeroes tens of megabytes keeps a processor from everybody for as
/// long as that takes, other allocations and a compositor of the same priority among them.
///
/// The kernel is asked which class that is, by two short calls: a binder driver of Android's lends a thread the class and
/// priority of its caller for the length of a call (`drivers/android/binder.c`, android16-6.12), and the thread never knows.
/// What is put back is what was lent; the driver takes it away after the reply, whatever it is then.
///
/// # Errors
/// `Call` when the thread does not get back, with what `run` gave: it stays in the normal class.
pub fn in_normal_class<T>(run: impl FnOnce() -> T) -> (T, Result<(), Error>) {
    // If the class cannot be left, the work is done in it.
    let Some((class, priority)) = real_time().filter(|_| set_scheduler(SCHED_NORMAL, 0).is_ok()) else {
        return (run(), Ok(()));
    };
    let done = run();
    (done, set_scheduler(class, priority))
}

/// The calling thread's real-time class and its priority; `None` in another class.
fn real_time() -> Option<(libc::c_int, i32)> {
    // SAFETY: sched_getscheduler(2) takes one number; 0 is the calling thread.
    let class = unsafe { libc::sched_getscheduler(0) } & !libc::SCHED_RESET_ON_FORK;
    if class != libc::SCHED_FIFO && class != libc::SCHED_RR {
        return None;
    }
    let mut parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: sched_getparam(2) writes one sched_param, which lives for the call; 0 is the calling thread.
    let answer = unsafe { libc::sched_getparam(0, &mut parameters) };
    Errno::result(answer).ok().map(|_| (class, parameters.sched_priority))
}

/// The normal class (`include/uapi/linux/sched.h`, v6.12). libc calls it SCHED_OTHER on Linux and SCHED_NORMAL on Android.
const SCHED_NORMAL: libc::c_int = 0;

fn set_scheduler(policy: libc::c_int, priority: i32) -> Result<(), Error> {
    let parameters = libc::sched_param { sched_priority: priority };
    // The flag stays with the normal class too: to take it away needs a privilege.
    let policy = policy | libc::SCHED_RESET_ON_FORK;
    // SAFETY: sched_setscheduler(2) reads one sched_param, which lives for the call; 0 is the calling thread.
    let answer = unsafe { libc::sched_setscheduler(0, policy, &parameters) };
    Errno::result(answer).map(drop).map_err(Error::call("sched_setscheduler"))
}

/// Gives the calling thread the highest nice value, the lowest priority of the normal class. Not SCHED_IDLE: on a busy machine a thread of that
/// class may not run at all, and what it was to prepare would come too late; this one has a small share for certain.
///
/// # Errors
/// `Call` with what setpriority(2) says; raising one's own nice value needs no privilege.
pub fn set_background() -> Result<(), Error> {
    const LOWEST: libc::c_int = 19;
    // SAFETY: setpriority(2) takes three numbers; 0 is the calling thread (sched(7): a nice value is a thread's own).
    let answer = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOWEST) };
    Errno::result(answer).map(drop).map_err(Error::call("setpriority"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of this thread's stat, by its number in proc(5), from 3 on.
    fn stat(field: usize) -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // Counted after the command's closing bracket (field 2).
        stat.rsplit(") ").next().unwrap().split(' ').nth(field - 3).unwrap().to_owned()
    }

    #[test]
    fn set_fifo_priority_out_of_range_einval() {
        assert_eq!(set_fifo(1000).unwrap_err().errno(), Errno::EINVAL);
    }

    #[test]
    fn set_fifo_with_the_right_to_changes_this_thread_alone() {
        let priority_and_policy = || (stat(40), stat(41));
        let other = ("0".to_owned(), "0".to_owned());
        let in_thread = std::thread::spawn(move || match set_fifo(2) {
            Ok(()) => {
                assert_eq!(priority_and_policy(), ("2".to_owned(), "1".to_owned()));
                let child = std::thread::spawn(priority_and_policy).join().unwrap();
                assert_eq!(child, other, "threads that it starts are normal");
                assert_eq!(in_normal_class(|| priority_and_policy().1), ("0".to_owned(), Ok(())));
                assert_eq!(priority_and_policy(), ("2".to_owned(), "1".to_owned()), "back where it was");
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
    fn in_normal_class_a_lent_class_is_left_and_put_back_and_one_that_was_taken_away_is_not() {
        let in_thread = std::thread::spawn(|| {
            // What binder does to a thread: this module is not asked.
            if let Err(error) = set_scheduler(libc::SCHED_RR, 3) {
                assert_eq!(error.errno(), Errno::EPERM);
                return println!("SKIP: this user may not use SCHED_RR");
            }
            assert_eq!(in_normal_class(real_time), (None, Ok(())));
            assert_eq!(real_time(), Some((libc::SCHED_RR, 3)));
            set_fifo(2).unwrap();
            set_scheduler(SCHED_NORMAL, 0).unwrap();
            assert_eq!(in_normal_class(real_time), (None, Ok(())));
            assert_eq!(real_time(), None, "not raised by what was the case once");
        });
        in_thread.join().unwrap();
    }

    #[test]
    fn in_normal_class_without_the_other_just_runs() {
        assert_eq!(in_normal_class(|| 7), (7, Ok(())));
    }

    #[test]
    fn set_background_changes_this_thread_alone() {
        const NICE: usize = 19;
        let before = stat(NICE);
        let in_thread = std::thread::spawn(|| {
            set_background().unwrap();
            stat(NICE)
        });
        assert_eq!(in_thread.join().unwrap(), "19");
        assert_eq!(stat(NICE), before);
    }
}
