//! Releases found by reading an epoll instance's list of what it watches.
//!
//! No events are asked for: the instance is never waited on. An item costs the kernel about 160 bytes and no reference.

use super::table::{Table, MAX_NUMBER};
use super::{fdinfo, hex_field, Released, Tag};
use crate::error::Error;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One epoll instance for all buffers.
#[derive(Debug)]
pub(super) struct List {
    epoll: Epoll,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last watch: what the kernel remembers as its data.
    last: u32,
    table: Table,
    /// When the list was last read, and how long that took.
    scanned: Option<(Instant, Duration)>,
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
        // Locked over both, so that a read never sees a buffer in the table and not yet in the kernel.
        let mut state = self.state();
        let number = state.next_number(tag);
        let event = EpollEvent::new(EpollFlags::empty(), number.into());
        self.epoll.add(buffer, event).map_err(|errno| {
            state.table.remove(number);
            match errno {
                Errno::EEXIST => Error::AlreadyWatched,
                errno => Error::call("epoll_ctl")(errno),
            }
        })
    }

    pub(super) fn watched(&self) -> usize {
        self.state().table.len()
    }

    pub(super) fn read(&self, released: &mut Released) -> Result<(), Error> {
        let mut state = self.state();
        if state.table.len() == 0 {
            return Ok(());
        }
        let start = Instant::now();
        let text = fdinfo(self.epoll.0.as_fd())?;
        let lines = text.lines().filter(|line| line.starts_with("tfd:"));
        let alive: HashSet<u64> = lines.filter_map(|line| hex_field(line, "data:")).collect();
        state.table.retain(|number| alive.contains(&u64::from(number)), &mut released.tags);
        state.scanned = Some((start, start.elapsed()));
        Ok(())
    }

    /// When the list was last read, and how long that took.
    pub(super) fn scanned(&self) -> Option<(Instant, Duration)> {
        self.state().scanned
    }
}

impl State {
    /// Takes the next number: after the largest from the first again, those left out that still live.
    fn next_number(&mut self, tag: Tag) -> u32 {
        loop {
            self.last = if self.last == MAX_NUMBER { 1 } else { self.last.saturating_add(1) };
            if self.table.insert(self.last, tag) {
                return self.last;
            }
        }
    }
}

#[cfg(test)]
impl List {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}
