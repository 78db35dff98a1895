//! Release events from inotify.
//!
//! Watches are IN_ONESHOT: the kernel takes a watch down with its first event, so the buffer's inode does not outlive its
//! memory. It does so also when the event queue is full and the event is dropped; that is why a comparison with fdinfo
//! after an overflow finds exactly the buffers that are gone (`inotify_handle_inode_event`, v6.12).

use super::{fdinfo, FileKey, Released, WatchId};
use crate::dmabuf;
use crate::error::Error;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One inotify instance for all buffers.
#[derive(Debug)]
pub(super) struct Events {
    inotify: Inotify,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    last_id: u64,
    watches: HashMap<WatchDescriptor, Watch>,
}

#[derive(Clone, Copy, Debug)]
struct Watch {
    id: WatchId,
    key: FileKey,
}

impl Events {
    pub(super) fn new() -> Result<Events, Error> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let inotify = Inotify::init(flags).map_err(Error::call("inotify_init1"))?;
        Ok(Events { inotify, table: Mutex::default() })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, buffer: BorrowedFd<'_>) -> Result<WatchId, Error> {
        // A memfd can be opened again through /proc, so its IN_CLOSE may come early; a dma-buf cannot.
        let end = match dmabuf::is_dma_buf(buffer)? {
            true => AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_CLOSE_NOWRITE,
            false => AddWatchFlags::IN_DELETE_SELF,
        };
        let key = FileKey::of(buffer)?;
        // nix 0.28 does not name IN_MASK_CREATE (Linux 4.18): fail instead of changing a watch that exists.
        let mask = end | AddWatchFlags::IN_ONESHOT | AddWatchFlags::from_bits_retain(libc::IN_MASK_CREATE);
        let path = format!("/proc/self/fd/{}", buffer.as_raw_fd());
        // Locked from before the watch exists until the table knows it, so that a comparison never sees the one without
        // the other. No event can be missed: the caller's fd keeps the buffer alive meanwhile.
        let mut table = self.table();
        let descriptor = match self.inotify.add_watch(path.as_str(), mask) {
            Ok(descriptor) => descriptor,
            Err(Errno::EEXIST) => return Err(Error::AlreadyWatched),
            Err(errno) => return Err(Error::Call { name: "inotify_add_watch", errno }),
        };
        table.last_id = table.last_id.wrapping_add(1);
        let id = WatchId(table.last_id);
        table.watches.insert(descriptor, Watch { id, key });
        Ok(id)
    }

    pub(super) fn remove(&self, id: WatchId) -> bool {
        let mut table = self.table();
        let found = table.watches.iter().find(|(_, watch)| watch.id == id).map(|(descriptor, _)| *descriptor);
        let Some(descriptor) = found else { return false };
        table.watches.remove(&descriptor);
        // EINVAL when the event is in the queue already, which then finds nothing in the table.
        let _ = self.inotify.rm_watch(descriptor);
        true
    }

    pub(super) fn watched(&self) -> usize {
        self.table().watches.len()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    pub(super) fn read(&self) -> Result<Released, Error> {
        let mut released = Released::default();
        let mut dropped = false;
        loop {
            let events = match self.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(Error::Call { name: "read of inotify", errno }),
            };
            dropped |= events.iter().any(|event| event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW));
            self.table().take(&events, &mut released.ids);
        }
        if dropped {
            released.resynced = true;
            self.compare(&mut released.ids)?;
        }
        Ok(released)
    }

    /// Finds what is gone by what the kernel still watches.
    fn compare(&self, ids: &mut Vec<WatchId>) -> Result<(), Error> {
        let mut table = self.table();
        let text = fdinfo(self.fd())?;
        let lines = text.lines().filter(|line| line.starts_with("inotify "));
        let alive: HashSet<FileKey> = lines.filter_map(FileKey::of_line).collect();
        table.watches.retain(|_, watch| {
            let stays = alive.contains(&watch.key);
            if !stays {
                ids.push(watch.id);
            }
            stays
        });
        Ok(())
    }

    /// Waits for events.
    pub(super) fn sleep(&self, time: Duration) -> Result<(), Error> {
        // Rounded up, so that the last millisecond is not spent spinning.
        let millis = time.as_millis().saturating_add(1);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(Error::Call { name: "poll", errno }),
        }
    }
}

impl Table {
    /// Takes the buffers of these events out. A watch ends with two events, its own and IN_IGNORED; the second finds
    /// nothing.
    fn take(&mut self, events: &[InotifyEvent], ids: &mut Vec<WatchId>) {
        ids.extend(events.iter().filter_map(|event| self.watches.remove(&event.wd)).map(|watch| watch.id));
    }
}

#[cfg(test)]
impl Events {
    /// Fills the queue with other events: two files in turn, because the kernel merges an event with an equal last one.
    pub(super) fn fill_queue(&self, directory: &std::path::Path, events: usize) {
        self.inotify.add_watch(directory, AddWatchFlags::IN_OPEN).unwrap();
        let paths = [directory.join("a"), directory.join("b")];
        for path in paths.iter().cycle().take(events + 2) {
            std::fs::File::create(path).unwrap();
        }
    }
}
