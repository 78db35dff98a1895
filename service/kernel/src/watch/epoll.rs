//! Releases found by reading an epoll instance's list of what it watches.
//!
//! No events are asked for: the instance is never waited on. An item costs the kernel about 160 bytes and no reference.

use super::{fdinfo, hex_field, FileKey, Released, WatchId};
use crate::error::Error;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One epoll instance for all buffers.
#[derive(Debug)]
pub(super) struct List {
    epoll: Epoll,
    table: Mutex<Table>,
    last_scan_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    last_id: u64,
    watches: HashMap<FileKey, WatchId>,
}

impl List {
    pub(super) fn new() -> Result<List, Error> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(Error::call("epoll_create1"))?;
        Ok(List { epoll, table: Mutex::default(), last_scan_ns: AtomicU64::new(0) })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, buffer: BorrowedFd<'_>) -> Result<WatchId, Error> {
        let key = FileKey::of(buffer)?;
        // Locked over both, so that a read never sees a buffer in the table and not yet in the kernel.
        let mut table = self.table();
        let id = WatchId(table.last_id.wrapping_add(1));
        table.last_id = id.0;
        let Entry::Vacant(entry) = table.watches.entry(key) else { return Err(Error::AlreadyWatched) };
        let event = EpollEvent::new(EpollFlags::empty(), id.0);
        match self.epoll.add(buffer, event) {
            Ok(()) => {}
            Err(Errno::EEXIST) => return Err(Error::AlreadyWatched),
            Err(errno) => return Err(Error::Call { name: "epoll_ctl", errno }),
        }
        entry.insert(id);
        Ok(id)
    }

    /// The kernel's item stays until the buffer's end: taking it out needs the buffer's fd.
    pub(super) fn remove(&self, id: WatchId) -> bool {
        let mut table = self.table();
        let before = table.watches.len();
        table.watches.retain(|_, watch| *watch != id);
        table.watches.len() < before
    }

    pub(super) fn watched(&self) -> usize {
        self.table().watches.len()
    }

    pub(super) fn read(&self) -> Result<Released, Error> {
        let mut table = self.table();
        if table.watches.is_empty() {
            return Ok(Released::default());
        }
        let start = Instant::now();
        let text = fdinfo(self.epoll.0.as_fd())?;
        let lines = text.lines().filter(|line| line.starts_with("tfd:"));
        let alive: HashSet<WatchId> = lines.filter_map(|line| hex_field(line, "data:")).map(WatchId).collect();
        let mut released = Released::default();
        table.watches.retain(|_, id| {
            let stays = alive.contains(id);
            if !stays {
                released.ids.push(*id);
            }
            stays
        });
        let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last_scan_ns.store(took, Ordering::Relaxed);
        Ok(released)
    }

    /// How long the last read took.
    pub(super) fn last_scan(&self) -> Duration {
        Duration::from_nanos(self.last_scan_ns.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
impl List {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}
