//! A timer that one thread sleeps on and others set: a timerfd, or in a model (`cargo xtask loom`) a stand-in for one.

#[cfg(not(all(test, loom)))]
pub use real::Timer;

#[cfg(all(test, loom))]
pub(crate) use model::Timer;

#[cfg(not(all(test, loom)))]
mod real {
    use nix::errno::Errno;
    use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use std::os::fd::{AsFd, BorrowedFd};
    use std::time::Duration;

    /// A timer.
    pub struct Timer(TimerFd);

    impl Timer {
        /// One that is not set.
        ///
        /// # Errors
        /// No file descriptor left.
        pub fn new() -> nix::Result<Timer> {
            let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
            Ok(Timer(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?))
        }

        /// Sets it; whatever it was set to before is forgotten. Zero would not set it.
        ///
        /// # Errors
        /// What the kernel says; it does not, for a valid time.
        pub fn set(&self, after: Duration) -> nix::Result<()> {
            self.0.set(Expiration::OneShot(TimeSpec::from(after)), TimerSetTimeFlags::empty())
        }

        /// Takes back what is set or has run out.
        pub fn take_back(&self) {
            let _ = self.0.unset();
        }

        /// Sleeps until it has run out, for at most `timeout`.
        ///
        /// # Errors
        /// What poll says, but for a signal.
        pub fn wait(&self, timeout: Option<Duration>) -> nix::Result<()> {
            let timeout = timeout.and_then(|timeout| PollTimeout::try_from(timeout).ok()).unwrap_or(PollTimeout::NONE);
            match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(_) | Err(Errno::EINTR) => Ok(()),
                Err(errno) => Err(errno),
            }
        }
    }

    impl AsFd for Timer {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(all(test, loom))]
mod model {
    use loom::sync::{Condvar, Mutex};
    use std::os::fd::{AsFd, BorrowedFd};
    use std::time::Duration;

    /// A timer that has run out as soon as it is set: the earliest that may happen.
    pub(crate) struct Timer {
        over: Mutex<bool>,
        sleeper: Condvar,
    }

    impl Timer {
        pub(crate) fn new() -> nix::Result<Timer> {
            Ok(Timer { over: Mutex::new(false), sleeper: Condvar::new() })
        }

        pub(crate) fn set(&self, _after: Duration) -> nix::Result<()> {
            *self.over.lock().unwrap() = true;
            self.sleeper.notify_one();
            Ok(())
        }

        pub(crate) fn take_back(&self) {
            *self.over.lock().unwrap() = false;
        }

        /// Without a timeout for ever: a wake-up that is lost is a deadlock.
        pub(crate) fn wait(&self, timeout: Option<Duration>) -> nix::Result<()> {
            let mut over = self.over.lock().unwrap();
            while !*over && timeout.is_none() {
                over = self.sleeper.wait(over).unwrap();
            }
            Ok(())
        }
    }

    impl AsFd for Timer {
        fn as_fd(&self) -> BorrowedFd<'_> {
            unimplemented!("a model sleeps on the timer alone")
        }
    }
}
