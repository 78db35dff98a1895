//! Fences: waited for, for a time.
//!
//! Explicit ones are acquire fences. Such a fence is a sync file, readable once it has signalled (linux v6.12,
//! `drivers/dma-buf/sync_file.c`, `sync_file_poll`). It comes from a client, so it may be anything that has an fd, and it
//! is closed whatever happens. One kind can outlast the limit: a file of a file system in user space, whose daemon poll(2)
//! itself asks and waits for (linux v6.12, `fs/fuse/file.c`, `fuse_file_poll`). So would every other question about it, and
//! whoever waits for fences by poll, as AOSP's libsync does (`system/core/libsync/sync.c`, `sync_wait`), waits as long. It
//! holds up the one lock that was given it.
//!
//! Implicit ones are those that drivers attach to a dma-buf. It is readable once nobody writes it any more, and writable
//! once nobody reads it either (linux v6.12, `drivers/dma-buf/dma-buf.c`, `dma_buf_poll`): the same fences that
//! DMA_BUF_IOCTL_SYNC waits for (`dma_resv_usage_rw`).
//!
//! No call waits for a call that waits here: see [`crate::table`].

use crate::error::Error;
use gralloc_dmabuf::{trace, Access};
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// When a wait is mentioned in the log: whoever is so late is in trouble.
pub const MENTION_AFTER: Duration = Duration::from_secs(1);
/// When it is given up. The kernel's GPU drivers call a job hung, and signal its fence, after a few seconds; and `lock`
/// must not block its client for ever.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Waits until the acquire fence has signalled, and closes it.
///
/// # Errors
/// `FenceTimeout` after `give_up` (a line in the log says so, as one does after `mention`); `NotAFence` for an fd that
/// cannot be waited for.
pub fn wait(fence: OwnedFd, mention: Duration, give_up: Duration) -> Result<(), Error> {
    let answer = limited("the acquire fence has", mention, give_up, |deadline| {
        poll_until(fence.as_fd(), PollFlags::POLLIN, deadline).map_err(Error::NotAFence)
    })?;
    // A pipe whose other end is closed, for instance, has an event, but not this one.
    if answer.contains(PollFlags::POLLIN) {
        Ok(())
    } else {
        Err(Error::NotAFence(Errno::EINVAL))
    }
}

/// Waits until the devices that use a dma-buf are done, as far as `access` conflicts with what they do.
///
/// # Errors
/// `FenceTimeout`, as [`wait`].
#[inline]
pub fn wait_for_devices(
    buffer: BorrowedFd<'_>,
    access: Access,
    mention: Duration,
    give_up: Duration,
) -> Result<(), Error> {
    let event = match access {
        Access::Read => PollFlags::POLLIN,
        Access::Write | Access::ReadWrite => PollFlags::POLLOUT,
    };
    // The common case: they are done, and the clock need not be read.
    match poll(&mut [PollFd::new(buffer, event)], PollTimeout::ZERO) {
        Ok(0) | Err(Errno::EINTR) => wait_for_event(buffer, event, mention, give_up),
        // What poll(2) cannot answer is left to the kernel's judgement of the access itself.
        _ => Ok(()),
    }
}

#[cold]
fn wait_for_event(buffer: BorrowedFd<'_>, event: PollFlags, mention: Duration, give_up: Duration) -> Result<(), Error> {
    let _slice = trace::slice("fence wait");
    let poll = |deadline| Ok(poll_until(buffer, event, deadline).unwrap_or(Some(event)));
    limited("the buffer's fences have", mention, give_up, poll).map(drop)
}

/// Calls `poll` with a deadline after `mention` and one after `give_up`, until there is an event.
fn limited(
    what: &str,
    mention: Duration,
    give_up: Duration,
    poll: impl Fn(Instant) -> Result<Option<PollFlags>, Error>,
) -> Result<PollFlags, Error> {
    let start = Instant::now();
    for (limit, says) in [(mention.min(give_up), "still waiting"), (give_up, "given up")] {
        if let Some(events) = poll(start + limit)? {
            return Ok(events);
        }
        log::warn!("lock: {what} not signalled in {} ms: {says}", limit.as_millis());
    }
    Err(Error::FenceTimeout)
}

/// The events before the deadline; `None` when there were none.
fn poll_until(fd: BorrowedFd<'_>, events: PollFlags, deadline: Instant) -> nix::Result<Option<PollFlags>> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Whole milliseconds, rounded up: the last poll must not end just before the deadline.
        let timeout = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut polled = [PollFd::new(fd, events)];
        match poll(&mut polled, timeout) {
            Ok(0) if left.is_zero() => return Ok(None),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => {
                let [polled] = polled;
                return Ok(Some(polled.revents().unwrap_or(PollFlags::empty())));
            }
            Err(errno) => return Err(errno),
        }
    }
}
