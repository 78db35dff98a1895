//! Fences: sync files from what the kernel has, and fds that are none.
//!
//! `sw_sync` is for kernels that are built to be tested. A stock kernel has two other ways: an idle dma-buf exports a sync
//! file that is signalled already (`DMA_BUF_IOCTL_EXPORT_SYNC_FILE`), and the virtual GEM device attaches a fence to a
//! buffer of its own, which signals when it is told to or after ten seconds (`DRM_IOCTL_VGEM_FENCE_ATTACH`).

mod sync_file;
mod vgem;

pub use sync_file::{attach, signalled};
pub use vgem::Pending;

use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// An fd for `lock` to take over, and a way to see that it is closed: a pipe, whose writing end learns that nobody has the
/// reading end any more. There is something to read in it, as a fence that is signalled is readable.
pub struct Watched {
    write: OwnedFd,
}

impl Watched {
    /// Makes one; the fd is for the mapper.
    pub fn ready() -> (Watched, OwnedFd) {
        let (read, write) = nix::unistd::pipe().expect("a pipe");
        nix::unistd::write(&write, b"signalled").expect("room in a pipe");
        (Watched { write }, read)
    }

    /// Whether all copies of the fd are closed.
    pub fn is_closed(&self) -> bool {
        let mut fds = [PollFd::new(self.write.as_fd(), PollFlags::empty())];
        poll(&mut fds, PollTimeout::ZERO).expect("poll");
        fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR))
    }
}

/// Whether a fence signals within a time.
pub fn signals_within(fence: &OwnedFd, time: Duration) -> bool {
    let mut fds = [PollFd::new(fence.as_fd(), PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(time).expect("a short time");
    poll(&mut fds, limit).expect("poll") > 0
}
