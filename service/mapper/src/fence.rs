//! Acquire fences: waited for, for a time, and closed whatever happens.
//!
//! A fence is a sync file, readable once it has signalled (linux v6.12, `drivers/dma-buf/sync_file.c`,
//! `sync_file_poll`). It comes from a client, so it may be anything that has an fd.
//!
//! One kind can outlast the limit: a file of a file system in user space, whose daemon poll(2) itself asks and waits for
//! (linux v6.12, `fs/fuse/file.c`, `fuse_file_poll`). So would every other question about it, and whoever waits for fences
//! by poll, as AOSP's libsync does (`system/core/libsync/sync.c`, `sync_wait`), waits as long. It holds up the one lock
//! that was given it: no lock of ours is held meanwhile.

use crate::error::Error;
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// When a wait is mentioned in the log: whoever is so late is in trouble.
pub const MENTION_AFTER: Duration = Duration::from_secs(1);
/// When it is given up. The kernel's GPU drivers call a job hung, and signal its fence, after a few seconds; and `lock`
/// must not block its client for ever.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Waits until the fence has signalled, and closes it.
///
/// # Errors
/// `FenceTimeout` after `give_up` (a line in the log says so, as one does after `mention`); `NotAFence` for an fd that
/// cannot be waited for.
pub fn wait(fence: OwnedFd, mention: Duration, give_up: Duration) -> Result<(), Error> {
    let start = Instant::now();
    for (limit, says) in [(mention.min(give_up), "waiting still"), (give_up, "given up")] {
        if signals_before(&fence, start + limit)? {
            return Ok(());
        }
        log::warn!("lock: the acquire fence has not signalled in {} ms: {says}", limit.as_millis());
    }
    Err(Error::FenceTimeout)
}

fn signals_before(fence: &OwnedFd, deadline: Instant) -> Result<bool, Error> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Whole milliseconds, rounded up: the last poll must not end just before the deadline.
        let timeout = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut polled = [PollFd::new(fence.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, timeout) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => {
                let signalled =
                    polled.iter().any(|fd| fd.revents().is_some_and(|what| what.contains(PollFlags::POLLIN)));
                return if signalled { Ok(true) } else { Err(Error::NotAFence(Errno::EINVAL)) };
            }
            Err(errno) => return Err(Error::NotAFence(errno)),
        }
    }
}
