//! The thread that fills the pool, of the lowest rank: it uses what nobody else wants of the processors.
//!
//! It sleeps on a timer, as the housekeeper does, so that a client's wait holds no wake-up that it could do without.

use crate::pool::Pool;
use crate::timer::Timer;
use gralloc_heaps::sched;
use log::{error, warn};
#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicU8, Ordering};
#[cfg(not(all(test, loom)))]
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
    timer: Timer,
    state: AtomicU8,
}

impl FillTimer {
    /// A timer that nobody waits on yet.
    ///
    /// # Errors
    /// No file descriptor left.
    pub fn new() -> nix::Result<FillTimer> {
        Ok(FillTimer { timer: Timer::new()?, state: AtomicU8::new(AWAKE) })
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
        if let Err(errno) = self.timer.set(after) {
            // Cannot be: the timer is ours and the time is valid. The next request tries again.
            self.state.store(ASLEEP, Ordering::SeqCst);
            error!("filler: timer: {errno}");
        }
    }

    /// Sleeps until somebody asks or the time is over that `timeout` gives. `look` does once more what there is to do:
    /// whoever asked before the filler said that it sleeps saw one that was awake.
    fn sleep(&self, look: impl FnOnce(), timeout: impl FnOnce() -> Option<Duration>) {
        // Swaps, not stores: each reads the change before it, so all changes stand in one order (as `model.rs` needs it).
        self.state.swap(ASLEEP, Ordering::SeqCst);
        look();
        // Rounded up: a look that comes too early finds nothing and would come again at once.
        if let Err(errno) = self.timer.wait(timeout().map(|timeout| timeout.saturating_add(Duration::from_millis(1)))) {
            error!("filler: poll: {errno}");
            thread::sleep(Duration::from_secs(1));
        }
        self.state.swap(AWAKE, Ordering::SeqCst);
        self.timer.take_back();
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
            pool.timer().sleep(
                || while fills.fill() {},
                || {
                    let look = fills.look_at_memory();
                    pool.due_in().into_iter().chain(look).min()
                },
            );
        }
    })?;
    Ok(())
}

#[cfg(all(test, loom))]
mod model;
