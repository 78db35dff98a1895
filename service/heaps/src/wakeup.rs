//! The wake-up protocol between threads that serve requests and the maintenance thread.
//!
//! A thread that has made work sets a timer instead of waking the other at once: a wake-up costs the client that waits for
//! its reply more than the work does (an interrupt and a switch on an idle second processor), a timer costs one short
//! system call, and while one is set nobody pays at all. [`Wakeup::wake_now`] is for work that somebody waits for already.
//!
//! No wake-up is lost: whoever has work makes it known first and then looks at the state; the maintenance thread first says
//! that it sleeps and then looks for work once more. `model.rs` tries every order.

use crate::timer::Timer;
use log::error;
#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicU8, Ordering};
#[cfg(not(all(test, loom)))]
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// How long work gathers: the reply is out by then, and a burst costs one wake-up.
pub const GATHER: Duration = Duration::from_millis(1);
/// A timer of zero would be none.
const AT_ONCE: Duration = Duration::from_nanos(1);

/// The thread runs, and looks for work before it sleeps; or a timer is set that will wake it at once.
const AWAKE: u8 = 0;
/// It sleeps, and no timer is set.
const ASLEEP: u8 = 1;
/// It sleeps until [`GATHER`] is over.
const SOON: u8 = 2;

/// Wakes the maintenance thread.
pub struct Wakeup {
    timer: Timer,
    state: AtomicU8,
}

impl Wakeup {
    /// One that nobody sleeps on yet.
    ///
    /// # Errors
    /// No file descriptor left.
    pub fn new() -> nix::Result<Wakeup> {
        Ok(Wakeup { timer: Timer::new()?, state: AtomicU8::new(AWAKE) })
    }

    /// There is work, for after the reply. One system call when the thread sleeps, none otherwise.
    pub fn wake_soon(&self) {
        if self.state.compare_exchange(ASLEEP, SOON, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.set(GATHER);
        }
    }

    /// There is work that somebody waits for.
    pub fn wake_now(&self) {
        if self.state.swap(AWAKE, Ordering::SeqCst) != AWAKE {
            self.set(AT_ONCE);
        }
    }

    fn set(&self, after: Duration) {
        if let Err(errno) = self.timer.set(after) {
            // Cannot be: the timer is ours and the time is valid. The next piece of work tries again.
            self.state.store(ASLEEP, Ordering::SeqCst);
            error!("maintenance: timer: {errno}");
        }
    }

    /// Lets the thread sleep until there is work. `look_and_wait` does once more what there is to do, since whoever had work
    /// before the thread said that it sleeps saw one that was awake; then it waits on the timer.
    pub fn sleep(&self, look_and_wait: impl FnOnce(&Timer)) {
        // Swaps, not stores: each reads the change before it, so all changes stand in one order (as `model.rs` needs it).
        self.state.swap(ASLEEP, Ordering::SeqCst);
        look_and_wait(&self.timer);
        self.state.swap(AWAKE, Ordering::SeqCst);
        // What is set or has run out; there is none after an fd or a timeout.
        self.timer.take_back();
    }
}

#[cfg(all(test, loom))]
mod model;
