//! One thread for what no client should wait for: it watches new buffers, books releases, fills the metadata stock.
//!
//! It sleeps until there is something to do; while it is at work nobody pays for waking it.

use log::error;
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long work gathers after the first piece, so that a burst costs one wake-up.
const GATHER: Duration = Duration::from_millis(1);

/// Wakes the housekeeper.
pub struct Waker {
    event: EventFd,
    /// True from when the thread has found nothing to do until somebody has woken it.
    asleep: AtomicBool,
}

impl Waker {
    /// A waker that nobody waits on yet.
    ///
    /// # Errors
    /// No file descriptor left.
    pub fn new() -> nix::Result<Waker> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Waker { event, asleep: AtomicBool::new(false) })
    }

    /// There is work. One system call when the thread sleeps, none otherwise.
    pub fn wake(&self) {
        // Either this sees `asleep` and wakes, or the thread, which sets it before it looks once more, sees the work.
        if self.asleep.swap(false, Ordering::SeqCst) {
            // Fails only when 2^64 - 1 wake-ups are outstanding: the thread is awake then.
            let _ = self.event.write(1);
        }
    }
}

/// What the housekeeper does.
pub trait Chores: Send + Sync {
    /// Fds that are readable when there is something to do besides what `wake` announces.
    fn ready_fds(&self) -> Vec<BorrowedFd<'_>>;

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
        waker.asleep.store(true, Ordering::SeqCst);
        chores.run();
        wait(&waker, &chores.ready_fds(), chores.interval());
        waker.asleep.store(false, Ordering::SeqCst);
        // Takes the wake-up back; there is none after an fd or the interval.
        let _ = waker.event.read();
        thread::sleep(GATHER);
    })?;
    Ok(())
}

fn wait(waker: &Waker, ready: &[BorrowedFd<'_>], interval: Option<Duration>) {
    let timeout = interval.and_then(|interval| PollTimeout::try_from(interval).ok()).unwrap_or(PollTimeout::NONE);
    let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
    let mut fds: Vec<PollFd<'_>> = ready.iter().copied().chain([waker.event.as_fd()]).map(readable).collect();
    match poll(&mut fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => {
            error!("housekeeper: poll: {errno}");
            thread::sleep(Duration::from_secs(1));
        }
    }
}

/// True when an fd is readable now.
pub fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
