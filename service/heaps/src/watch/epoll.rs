//! Releases found by scanning an epoll instance's list of what it watches.
//!
//! No events are asked for: the instance is never waited on. An item costs the kernel about 160 bytes and no reference.
//!
//! No lock of ours is held while the list is read, which takes milliseconds with hundreds of buffers: who adds a buffer
//! meanwhile waits for nobody but the kernel (`ep_show_fdinfo` holds the instance's mutex while it writes). Watches have
//! ascending numbers, and a scan judges those alone that stood before it began.

use super::{fdinfo, hex_field, shrink, Released, Tag};
use crate::error::Error;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One epoll instance for all buffers.
#[derive(Debug)]
pub(super) struct List {
    epoll: Epoll,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last watch, which the kernel remembers as its data. Never used twice.
    last: u64,
    tags: HashMap<u64, Tag>,
}

impl List {
    pub(super) fn new() -> Result<List, Error> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(Error::call("epoll_create1"))?;
        Ok(List { epoll, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, buffer: BorrowedFd<'_>, tag: Tag) -> Result<(), Error> {
        // Locked over both, so that what a scan judges is known to the kernel already.
        let mut state = self.state();
        let number = state.last.wrapping_add(1);
        self.epoll.add(buffer, EpollEvent::new(EpollFlags::empty(), number)).map_err(|errno| match errno {
            Errno::EEXIST => Error::AlreadyWatched,
            errno => Error::call("epoll_ctl")(errno),
        })?;
        state.last = number;
        state.tags.insert(number, tag);
        Ok(())
    }

    pub(super) fn watched(&self) -> usize {
        self.state().tags.len()
    }

    pub(super) fn scan(&self, released: &mut Released) -> Result<(), Error> {
        self.scan_with(released, || fdinfo(self.epoll.0.as_fd()))
    }

    fn scan_with(&self, released: &mut Released, read: impl FnOnce() -> Result<String, Error>) -> Result<(), Error> {
        let state = self.state();
        let (last, nothing) = (state.last, state.tags.is_empty());
        drop(state);
        if nothing {
            return Ok(());
        }
        let text = read()?;
        let lines = text.lines().filter(|line| line.starts_with("tfd:"));
        let alive: HashSet<u64> = lines.filter_map(|line| hex_field(line, "data:")).collect();
        let mut state = self.state();
        state.tags.retain(|number, tag| {
            let lives = *number > last || alive.contains(number);
            if !lives {
                released.tags.push(*tag);
            }
            lives
        });
        shrink(&mut state.tags);
        Ok(())
    }
}

#[cfg(test)]
impl List {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;

    /// The reading end of a pipe, whose writing end is closed.
    fn pipe() -> OwnedFd {
        nix::unistd::pipe().unwrap().0
    }

    #[test]
    fn buffer_added_while_the_list_is_read_waits_for_nobody_and_is_not_taken_for_gone() {
        let list = List::new().unwrap();
        let (first, second) = (pipe(), pipe());
        list.add(first.as_fd(), 1).unwrap();
        let mut released = Released::default();
        // With a lock held over the read this would wait for itself for ever.
        list.scan_with(&mut released, || {
            let before = fdinfo(list.fd());
            list.add(second.as_fd(), 2).unwrap();
            before
        })
        .unwrap();
        assert_eq!((released.tags.len(), list.watched()), (0, 2));
        drop((first, second));
        list.scan(&mut released).unwrap();
        released.tags.sort();
        assert_eq!((released.tags, list.watched()), (vec![1, 2], 0));
    }
}
