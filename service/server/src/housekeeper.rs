//! One thread for what no client should wait for: it watches new buffers, books releases, fills the metadata stock.
//!
//! It sleeps until there is something to do. Whoever makes work for it sets a timer instead of waking it: a wake-up costs
//! the client that waits for its reply more than the work (on an idle second processor an interrupt and a switch), a timer
//! costs one short system call, and while one is set nobody pays at all.

use crate::timer::Timer;
use log::error;
#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicBool, Ordering};
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(not(all(test, loom)))]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long work gathers: the reply is out by then, and a burst costs one wake-up.
const GATHER: Duration = Duration::from_millis(4);

/// Has the housekeeper look soon.
pub struct Waker {
    timer: Timer,
    /// True from when the thread has found nothing to do until somebody has set the timer.
    asleep: AtomicBool,
}

impl Waker {
    /// A waker that nobody waits on yet.
    ///
    /// # Errors
    /// No file descriptor left.
    pub fn new() -> nix::Result<Waker> {
        Ok(Waker { timer: Timer::new()?, asleep: AtomicBool::new(false) })
    }

    /// There is work. One system call when the thread sleeps, none otherwise.
    pub fn wake(&self) {
        // Either this sees `asleep` and sets the timer, or the thread, which sets it before it looks once more, sees the work.
        if self.asleep.swap(false, Ordering::SeqCst) {
            if let Err(errno) = self.timer.set(GATHER) {
                // Cannot be: the timer is ours and the time is valid. The next piece of work tries again.
                self.asleep.store(true, Ordering::SeqCst);
                error!("housekeeper: timer: {errno}");
            }
        }
    }

    /// Lets the thread sleep, in `wait`, until there is work. `look` does once more what there is to do: whoever had work
    /// before the thread said that it sleeps saw one that was awake.
    fn sleep(&self, look: impl FnOnce(), wait: impl FnOnce(&Timer)) {
        // Swaps, not stores: each reads the change before it, so all changes stand in one order (as `model.rs` needs it).
        self.asleep.swap(true, Ordering::SeqCst);
        look();
        wait(&self.timer);
        self.asleep.swap(false, Ordering::SeqCst);
        // What is set or has run out; there is none after an fd or the interval.
        self.timer.take_back();
    }
}

/// What the housekeeper does.
pub trait Chores: Send + Sync {
    /// Fds that are readable when there is something to do besides what `wake` announces.
    fn ready_fds(&self) -> Vec<BorrowedFd<'_>>;

    /// Polls as POLLPRI, once, when memory runs short; `None` where the kernel does not tell.
    fn pressure_fd(&self) -> Option<BorrowedFd<'_>>;

    /// Memory runs short: gives back what can be spared.
    fn relieve(&self);

    /// How long to sleep at most; `None` for as long as nothing happens.
    fn interval(&self) -> Option<Duration>;

    /// Does all that there is to do now.
    fn run(&self);
}

/// Starts the thread.
///
/// # Errors
/// No thread to be had.
pub fn spawn(waker: Arc<Waker>, chores: Arc<dyn Chores>) -> std::io::Result<()> {
    let name = "housekeeper".to_owned();
    thread::Builder::new().name(name).spawn(move || loop {
        chores.run();
        waker.sleep(
            || chores.run(),
            |timer| {
                if wait(timer, &chores.ready_fds(), chores.pressure_fd(), chores.interval()) {
                    chores.relieve();
                }
                if !is_readable(timer.as_fd()) {
                    // Woken by something that has just begun: buffers are released in groups too.
                    thread::sleep(GATHER);
                }
            },
        );
    })?;
    Ok(())
}

/// True when memory runs short.
fn wait(timer: &Timer, ready: &[BorrowedFd<'_>], pressure: Option<BorrowedFd<'_>>, interval: Option<Duration>) -> bool {
    let timeout = interval.and_then(|interval| PollTimeout::try_from(interval).ok()).unwrap_or(PollTimeout::NONE);
    let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
    let pressing = pressure.map(|fd| PollFd::new(fd, PollFlags::POLLPRI));
    let ready = ready.iter().copied().chain([timer.as_fd()]).map(readable);
    let mut fds: Vec<PollFd<'_>> = pressing.into_iter().chain(ready).collect();
    match poll(&mut fds, timeout) {
        Ok(_) => {
            let first = fds.first().and_then(|fd| fd.revents());
            pressure.is_some() && first.is_some_and(|events| events.contains(PollFlags::POLLPRI))
        }
        Err(Errno::EINTR) => false,
        Err(errno) => {
            error!("housekeeper: poll: {errno}");
            thread::sleep(Duration::from_secs(1));
            false
        }
    }
}

/// True when an fd is readable now.
pub fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

#[cfg(all(test, loom))]
mod model;
