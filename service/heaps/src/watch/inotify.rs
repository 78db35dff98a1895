//! Release events from inotify.
//!
//! Watches are IN_ONESHOT: the kernel takes a watch down with its first event, so the buffer's inode does not outlive its
//! memory. It does so also when the event queue is full and the event is dropped; that is why a comparison with fdinfo
//! after an overflow finds exactly the buffers that are gone (`inotify_handle_inode_event`, v6.12). One thing it does not find:
//! where the kernel has no memory for the event itself, it says that events were dropped and leaves the watch, so that such a
//! buffer stays on the account until the service ends. It takes some hundred bytes, which kernels find unless told to fail.

use super::{fdinfo, hex_field, shrink, Released, Tag};
use crate::error::Error;
use gralloc_dmabuf as dmabuf;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many watches all processes of a user may have together.
const USERS_WATCHES: &str = "/proc/sys/fs/inotify/max_user_watches";

/// What is taken for that where it cannot be read: the least that a kernel sets by itself (`inotify_user_setup`,
/// `fs/notify/inotify/inotify_user.c`; all that there was before v5.11).
const LEAST_USERS_WATCHES: usize = 8_192;

/// One inotify instance for all buffers.
#[derive(Debug)]
pub(super) struct Events {
    inotify: Inotify,
    /// By watch descriptor.
    table: Mutex<HashMap<u32, Tag>>,
    /// The kernel has dropped events, and no comparison since has come to its end.
    dropped: AtomicBool,
    /// How many buffers are watched before another source is asked.
    share: usize,
}

impl Events {
    pub(super) fn new() -> Result<Events, Error> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let inotify = Inotify::init(flags).map_err(Error::call("inotify_init1"))?;
        Ok(Events { inotify, table: Mutex::default(), dropped: AtomicBool::new(false), share: usize::MAX })
    }

    /// From here on half of the user's watches are its share.
    pub(super) fn bound(&mut self) {
        let read = std::fs::read_to_string(USERS_WATCHES);
        if let Err(error) = &read {
            log::info!("{USERS_WATCHES}: {error}; taken to be {LEAST_USERS_WATCHES}");
        }
        self.share = half_of(read.ok().as_deref());
    }

    pub(super) fn has_its_share(&self) -> bool {
        self.watched() >= self.share
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u32, Tag>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, buffer: BorrowedFd<'_>, tag: Tag) -> Result<(), Error> {
        // A memfd can be opened again through /proc, so its IN_CLOSE may come early; a dma-buf cannot.
        let end = match dmabuf::is_dma_buf(buffer)? {
            true => AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_CLOSE_NOWRITE,
            false => AddWatchFlags::IN_DELETE_SELF,
        };
        // nix 0.28 does not name IN_MASK_CREATE (Linux 4.18): fail instead of changing a watch that exists.
        let mask = end | AddWatchFlags::IN_ONESHOT | AddWatchFlags::from_bits_retain(libc::IN_MASK_CREATE);
        let path = format!("/proc/self/fd/{}", buffer.as_raw_fd());
        // Locked from before the watch exists until the table knows it, so that a comparison never sees the one without
        // the other. No event can be missed: the caller's fd keeps the buffer alive meanwhile.
        let mut table = self.table();
        let descriptor = match self.inotify.add_watch(path.as_str(), mask) {
            Ok(descriptor) => descriptor,
            Err(Errno::EEXIST) => return Err(Error::AlreadyWatched),
            Err(errno) => return Err(Error::call("inotify_add_watch")(errno)),
        };
        match table.entry(number(descriptor)) {
            Entry::Vacant(place) => {
                place.insert(tag);
                Ok(())
            }
            Entry::Occupied(_) => Err(Error::AlreadyWatched),
        }
    }

    pub(super) fn watched(&self) -> usize {
        self.table().len()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    pub(super) fn read(&self, released: &mut Released) -> Result<(), Error> {
        loop {
            let events = match self.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(Error::call("read of inotify")(errno)),
            };
            if events.iter().any(|event| event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW)) {
                self.dropped.store(true, Ordering::SeqCst);
            }
            // A watch ends with two events, its own and IN_IGNORED; the second finds nothing.
            let mut table = self.table();
            released.tags.extend(events.iter().filter_map(|event| table.remove(&number(event.wd))));
            shrink(&mut table);
        }
        if self.dropped.swap(false, Ordering::SeqCst) {
            released.resynced = true;
            self.compare(&mut released.tags).inspect_err(|_| self.dropped.store(true, Ordering::SeqCst))?;
        }
        Ok(())
    }

    /// Finds what is gone by what the kernel still watches (`inotify wd:` and a hexadecimal number, `fs/notify/fdinfo.c`).
    fn compare(&self, gone: &mut Vec<Tag>) -> Result<(), Error> {
        let mut table = self.table();
        let text = fdinfo(self.fd())?;
        let lines = text.lines().filter(|line| line.starts_with("inotify "));
        let alive: HashSet<u64> = lines.filter_map(|line| hex_field(line, "wd:")).collect();
        table.retain(|number, tag| {
            let lives = alive.contains(&u64::from(*number));
            if !lives {
                gone.push(*tag);
            }
            lives
        });
        shrink(&mut table);
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
            Err(errno) => Err(Error::call("poll")(errno)),
        }
    }
}

/// Half of a kernel's figure, or of the least that it can be expected to be.
fn half_of(figure: Option<&str>) -> usize {
    figure.and_then(|text| text.trim().parse().ok()).unwrap_or(LEAST_USERS_WATCHES) / 2
}

/// A watch descriptor's number, a positive int. nix 0.28 gives it away to a hasher only.
fn number(descriptor: WatchDescriptor) -> u32 {
    #[derive(Default)]
    struct Number(u32);
    impl Hasher for Number {
        fn write(&mut self, bytes: &[u8]) {
            self.0 = bytes.try_into().map_or(0, u32::from_ne_bytes);
        }
        fn finish(&self) -> u64 {
            self.0.into()
        }
    }
    let mut number = Number::default();
    descriptor.hash(&mut number);
    number.0
}

#[cfg(test)]
impl Events {
    pub(super) fn set_share(&mut self, share: usize) {
        self.share = share;
    }

    pub(super) const fn share(&self) -> usize {
        self.share
    }

    /// Fills the queue with other events: two files in turn, because the kernel merges an event with an equal last one.
    pub(super) fn fill_queue(&self, directory: &std::path::Path, events: usize) {
        self.inotify.add_watch(directory, AddWatchFlags::IN_OPEN).unwrap();
        let paths = [directory.join("a"), directory.join("b")];
        for path in paths.iter().cycle().take(events + 2) {
            std::fs::File::create(path).unwrap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::half_of;

    #[test]
    fn share_is_half_of_what_can_be_read_and_of_the_least_otherwise() {
        assert_eq!((half_of(Some("65536\n")), half_of(Some("41\n")), half_of(Some("1\n"))), (32_768, 20, 0));
        assert_eq!((half_of(None), half_of(Some("")), half_of(Some("-1\n"))), (4_096, 4_096, 4_096));
    }
}
