//! Tells when a buffer's last reference went, in whichever process it was: fds, mappings, device imports.
//!
//! A watch holds no memory: the buffer is freed as if nobody watched. Two sources, chosen by trying
//! ([`ReleaseWatch::choose`]):
//! - inotify: an event, at once. dma-bufs send IN_CLOSE at their last reference until Linux 6.13; from 6.14 on, files of
//!   pseudo file systems send nothing (`alloc_file_pseudo`, `fs/file_table.c`). memfds send IN_DELETE_SELF everywhere.
//! - epoll: no event, but its fdinfo lists what is still there: an epoll item goes with its file and holds no reference to
//!   it (`eventpoll_release`, `fs/eventpoll.c`). Has to be looked at now and again; works on every kernel, for what can be
//!   polled: dma-bufs, not memfds.
//!
//! The caller holds an fd of the buffer over [`ReleaseWatch::add`]; closing it may be what ends the buffer, and that is
//! reported. An id is never given twice. All methods take `&self` and may run in several threads.

mod epoll;
mod inotify;

use crate::error::Error;
use nix::sys::stat::fstat;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A watched buffer, never the same twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchId(u64);

impl WatchId {
    /// The number, for logs.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// How the kernel is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Events.
    Inotify,
    /// A list that is read at intervals.
    Epoll,
}

impl Source {
    /// Its name, for a dump.
    pub const fn name(self) -> &'static str {
        match self {
            Source::Inotify => "inotify",
            Source::Epoll => "epoll",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one read found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Released {
    /// Buffers that are gone, each reported once.
    pub ids: Vec<WatchId>,
    /// The kernel dropped events and the list was made by comparing; nothing is lost by it. For statistics.
    pub resynced: bool,
}

/// Watches buffers.
#[derive(Debug)]
pub struct ReleaseWatch(Kind);

#[derive(Debug)]
enum Kind {
    Inotify(inotify::Events),
    Epoll(epoll::List),
}

/// How long a test buffer's end may take to be told.
const PROBE_TIME: Duration = Duration::from_millis(200);

/// How often a source without events is worth a look, at most.
const SCAN_INTERVAL: Duration = Duration::from_millis(200);

/// The share of a processor that looking may take, as its inverse. The list of 900 buffers takes 14 ms to read under
/// emulation, so it is then looked at every 0.7 s.
const SCAN_SHARE: u32 = 50;

impl ReleaseWatch {
    /// Watches through one source without trying it.
    ///
    /// # Errors
    /// `Call` when there are no descriptors or inotify instances left.
    pub fn with(source: Source) -> Result<ReleaseWatch, Error> {
        Ok(ReleaseWatch(match source {
            Source::Inotify => Kind::Inotify(inotify::Events::new()?),
            Source::Epoll => Kind::Epoll(epoll::List::new()?),
        }))
    }

    /// Finds a source that works for buffers such as `sample` makes: fresh, small, referenced from nowhere else.
    /// Takes up to half a second when the kernel sends no events.
    ///
    /// # Errors
    /// `NoReleaseEvents` when none works; what `sample` says.
    pub fn choose<E: From<Error>>(mut sample: impl FnMut() -> Result<OwnedFd, E>) -> Result<ReleaseWatch, E> {
        for source in [Source::Inotify, Source::Epoll] {
            let buffer = sample()?;
            match ReleaseWatch::with(source).and_then(|watch| watch.works_for(buffer).map(|works| (watch, works))) {
                Ok((watch, true)) => return Ok(watch),
                Ok((_, false)) => log::info!("{source} does not tell when a buffer's last reference goes"),
                Err(error) => log::info!("{source} cannot watch buffers: {error}"),
            }
        }
        Err(Error::NoReleaseEvents.into())
    }

    fn works_for(&self, buffer: OwnedFd) -> Result<bool, Error> {
        let id = self.add(buffer.as_fd())?;
        if !self.read()?.ids.is_empty() {
            // It tells the end of what still lives.
            return Ok(false);
        }
        drop(buffer);
        Ok(self.wait(PROBE_TIME)?.ids == [id])
    }

    /// Which source is in use.
    pub fn source(&self) -> Source {
        match &self.0 {
            Kind::Inotify(_) => Source::Inotify,
            Kind::Epoll(_) => Source::Epoll,
        }
    }

    /// Begins to watch a buffer.
    ///
    /// # Errors
    /// `AlreadyWatched`, also through another fd of the same buffer. `Call` with ENOSPC when the user's watches are used up
    /// (`fs.inotify.max_user_watches`, `fs.epoll.max_user_watches`); with EPERM for what epoll cannot watch.
    pub fn add(&self, buffer: BorrowedFd<'_>) -> Result<WatchId, Error> {
        match &self.0 {
            Kind::Inotify(events) => events.add(buffer),
            Kind::Epoll(list) => list.add(buffer),
        }
    }

    /// Ends a watch. False when there is none such: the buffer's end has been reported.
    pub fn remove(&self, id: WatchId) -> bool {
        match &self.0 {
            Kind::Inotify(events) => events.remove(id),
            Kind::Epoll(list) => list.remove(id),
        }
    }

    /// How many buffers are watched and not yet reported.
    pub fn watched(&self) -> usize {
        match &self.0 {
            Kind::Inotify(events) => events.watched(),
            Kind::Epoll(list) => list.watched(),
        }
    }

    /// Readable when [`ReleaseWatch::read`] has something to report. `None` for a source without events.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            Kind::Inotify(events) => Some(events.fd()),
            Kind::Epoll(_) => None,
        }
    }

    /// How long to leave between reads of a source without events; grows with its list. `None` for one with.
    pub fn scan_interval(&self) -> Option<Duration> {
        match &self.0 {
            Kind::Inotify(_) => None,
            Kind::Epoll(list) => Some(SCAN_INTERVAL.max(list.last_scan().saturating_mul(SCAN_SHARE))),
        }
    }

    /// What has ended since the last read. Never blocks.
    ///
    /// # Errors
    /// `File` when `/proc/self/fdinfo` cannot be read, `Call` when the events cannot.
    pub fn read(&self) -> Result<Released, Error> {
        match &self.0 {
            Kind::Inotify(events) => events.read(),
            Kind::Epoll(list) => list.read(),
        }
    }

    /// Waits until something has ended, or for `timeout`; then the list is empty.
    ///
    /// # Errors
    /// As [`ReleaseWatch::read`].
    pub fn wait(&self, timeout: Duration) -> Result<Released, Error> {
        let start = Instant::now();
        loop {
            let released = self.read()?;
            let left = timeout.saturating_sub(start.elapsed());
            if !released.ids.is_empty() || left.is_zero() {
                return Ok(released);
            }
            match &self.0 {
                Kind::Inotify(events) => events.sleep(left)?,
                Kind::Epoll(_) => std::thread::sleep(left.min(self.scan_interval().unwrap_or(SCAN_INTERVAL))),
            }
        }
    }
}

/// A file's identity in the form that `/proc/self/fdinfo` writes: inode, major and minor device number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FileKey {
    inode: u64,
    device: (u64, u64),
}

impl FileKey {
    fn of(file: BorrowedFd<'_>) -> Result<FileKey, Error> {
        let stat = fstat(file.as_raw_fd()).map_err(Error::call("fstat"))?;
        // Both have 32 bits on some targets, where the conversions are not useless.
        #[allow(clippy::useless_conversion)]
        let (inode, device) = (u64::from(stat.st_ino), u64::from(stat.st_dev));
        Ok(FileKey { inode, device: device_parts(device) })
    }

    /// Finds `ino:` and `sdev:` in a line of fdinfo (`fs/notify/fdinfo.c`, `fs/eventpoll.c`; v6.12). `sdev` has the
    /// kernel's own form, 20 bits of minor number (`MINORBITS`, `include/linux/kdev_t.h`).
    fn of_line(line: &str) -> Option<FileKey> {
        let device = hex_field(line, "sdev:")?;
        Some(FileKey { inode: hex_field(line, "ino:")?, device: (device >> 20, device & 0xf_ffff) })
    }
}

/// Major and minor number as stat(2) packs them (`huge_encode_dev` and `new_encode_dev`, `include/linux/kdev_t.h`, v6.12:
/// 8 low bits of the minor, 12 of the major, the rest above).
const fn device_parts(device: u64) -> (u64, u64) {
    (device >> 8 & 0xfff | device >> 32 & !0xfff, device & 0xff | device >> 12 & 0xfff_ff00)
}

/// A hexadecimal field of a line of fdinfo; its value may stand apart from its name.
fn hex_field(line: &str, name: &str) -> Option<u64> {
    let mut words = line.split_ascii_whitespace();
    let word = words.find_map(|word| word.strip_prefix(name))?;
    let digits = if word.is_empty() { words.next()? } else { word };
    u64::from_str_radix(digits, 16).ok()
}

/// The text of `/proc/self/fdinfo` for one of our own fds.
fn fdinfo(fd: BorrowedFd<'_>) -> Result<String, Error> {
    let path = format!("/proc/self/fdinfo/{}", fd.as_raw_fd());
    std::fs::read_to_string(&path).map_err(Error::file(path))
}

#[cfg(test)]
mod tests;
