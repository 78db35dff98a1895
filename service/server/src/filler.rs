//! The thread that fills the pool, of the lowest rank: it uses what nobody else wants of the processors.
//!
//! It sleeps on a timer, as the housekeeper does, so that a client's wait holds no wake-up that it could do without.

use crate::pool::Pool;
use gralloc_kernel::sched;
use log::{error, warn};
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// After a reply: it is out by then. A client that asks for the next one earlier finds the filler on its way.
const AFTER_REPLY: Duration = Duration::from_millis(1);
/// A timer of zero would be none.
const AT_ONCE: Duration = Duration::from_nanos(1);

/// The filler looks by itself.
const AWAKE: u8 = 0;
/// It sleeps, and no timer is set.
const ASLEEP: u8 = 1;
/// It sleeps until [`AFTER_REPLY`] is over.
const SOON: u8 = 2;

/// Wakes the filler.
pub struct FillTimer {
    timer: TimerFd,
    state: AtomicU8,
}

impl FillTimer {
    /// A timer that nobody waits on yet.
    ///
    /// # Errors
    /// No file descriptor left.
    pub fn new() -> nix::Result<FillTimer> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        Ok(FillTimer { timer, state: AtomicU8::new(AWAKE) })
    }

    /// Has the filler look after the reply.
    pub fn fill_soon(&self) {
        if self.state.compare_exchange(ASLEEP, SOON, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.set(AFTER_REPLY);
        }
    }

    /// Has the filler look at once.
    pub fn fill_now(&self) {
        if self.state.swap(AWAKE, Ordering::SeqCst) != AWAKE {
            self.set(AT_ONCE);
        }
    }

    fn set(&self, after: Duration) {
        if let Err(errno) = self.timer.set(Expiration::OneShot(TimeSpec::from(after)), TimerSetTimeFlags::empty()) {
            // Cannot be: the timer is ours and the time is valid. The next request tries again.
            self.state.store(ASLEEP, Ordering::SeqCst);
            error!("filler: timer: {errno}");
        }
    }

    fn wait(&self, timeout: Option<Duration>) {
        // Rounded up: a look that comes too early finds nothing and would come again at once.
        let timeout = timeout.map(|timeout| timeout.saturating_add(Duration::from_millis(1)));
        let timeout = timeout.and_then(|timeout| PollTimeout::try_from(timeout).ok()).unwrap_or(PollTimeout::NONE);
        match poll(&mut [PollFd::new(self.timer.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => {
                error!("filler: poll: {errno}");
                thread::sleep(Duration::from_secs(1));
            }
        }
        self.state.store(AWAKE, Ordering::SeqCst);
        let _ = self.timer.unset();
    }
}

/// What the filler works on.
pub trait Fills: Send + Sync {
    /// The pool; `None` when it is off, and then no thread is started.
    fn pool(&self) -> Option<&Pool>;

    /// Fills one buffer; false when none is wanted.
    fn fill(&self) -> bool;

    /// Where the kernel tells of no pressure: looks whether memory is short, and says when to look again.
    fn look_at_memory(&self) -> Option<Duration>;
}

/// Starts the thread, from a thread of the normal class.
///
/// # Errors
/// No thread to be had.
pub fn spawn(fills: Arc<dyn Fills>) -> std::io::Result<()> {
    thread::Builder::new().name("filler".to_owned()).spawn(move || {
        let Some(pool) = fills.pool() else { return };
        if let Err(error) = sched::set_background() {
            warn!("the pool is filled at the rank of everybody else: {error}");
        }
        loop {
            while fills.fill() {}
            pool.drop_idle();
            pool.timer().state.store(ASLEEP, Ordering::SeqCst);
            // Whoever asked before the line above saw a filler that was awake.
            while fills.fill() {}
            let look = fills.look_at_memory();
            pool.timer().wait(pool.due_in().into_iter().chain(look).min());
        }
    })?;
    Ok(())
}
