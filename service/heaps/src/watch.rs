//! The release watch: tells when the last reference to a buffer is dropped, in whichever process it was (an fd, a
//! mapping, a device's import).
//!
//! A watch holds no reference: the buffer is freed as if nobody watched. There are two sources in the kernel, and which of
//! them work is found out by trying ([`ReleaseWatch::choose`]):
//! - inotify: an event. dma-bufs send IN_CLOSE at their last reference until Linux 6.13; from 6.14 on, files of pseudo file
//!   systems send nothing (`alloc_file_pseudo`, `fs/file_table.c`). memfds send IN_DELETE_SELF everywhere.
//!   [`ReleaseWatch::read_events`] reads the events that are there, and costs next to nothing when there are none.
//! - epoll: no event, but its fdinfo lists what is still there: an epoll item goes with its file and holds no reference to
//!   it (`eventpoll_release`, `fs/eventpoll.c`). [`ReleaseWatch::scan`] reads the whole list, so it costs time in
//!   proportion to what lives. Works on every kernel, for what can be polled: dma-bufs, not memfds. When to scan is the
//!   caller's decision: this module has no clock.
//!
//! Both are kept where both work: inotify watches are few (`fs.inotify.max_user_watches`, 8,192 where there is a gibibyte of
//! memory) and all of one user, whose other processes need theirs. So inotify takes at most half of them and the list the
//! rest. What the list does not take is watched beyond that half, to the limit: a buffer that nobody tracks is worse.
//!
//! The caller holds an fd of the buffer over [`ReleaseWatch::add`]; closing it may be what ends the buffer, and that is
//! reported. All methods take `&self` and may run in several threads; a scan does not keep others from adding. A watch ends
//! with its buffer and in no other way.

mod epoll;
mod inotify;
mod kind;

use crate::error::Error;
use kind::Kind;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// What the caller knows a buffer by. Its own affair: tags may repeat, and each is reported as often as it was given.
pub type Tag = u32;

/// How the kernel is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Events.
    Inotify,
    /// A list that is scanned.
    Epoll,
}

impl Source {
    /// All of them, the better first.
    pub const ALL: [Source; 2] = [Source::Inotify, Source::Epoll];

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
    /// Tags of buffers that are gone.
    pub tags: Vec<Tag>,
    /// The kernel dropped events and the list was made by comparing; nothing is lost by it.
    pub resynced: bool,
    /// Some source could not be read: what it would have told comes with a later read.
    pub failed: bool,
}

/// Watches buffers, through the first of its sources that takes one.
#[derive(Debug)]
pub struct ReleaseWatch(Vec<Kind>);

/// How long a test buffer's end may take to be told.
const PROBE_TIME: Duration = Duration::from_millis(200);

/// Between two scans of somebody who waits for one buffer.
const NAP: Duration = Duration::from_millis(10);

impl ReleaseWatch {
    /// Watches through one source without trying it.
    ///
    /// # Errors
    /// `Call` when there are no descriptors or inotify instances left.
    pub fn with(source: Source) -> Result<ReleaseWatch, Error> {
        Ok(ReleaseWatch(vec![Kind::of(source)?]))
    }

    /// Finds those of the sources that work for buffers such as `sample` makes: fresh, small, referenced from nowhere else.
    /// Takes up to half a second when the kernel sends no events.
    ///
    /// # Errors
    /// `NoReleaseEvents` when none works; what `sample` says.
    pub fn choose<E: From<Error>>(
        sources: &[Source],
        mut sample: impl FnMut() -> Result<OwnedFd, E>,
    ) -> Result<ReleaseWatch, E> {
        let mut kinds = Vec::new();
        for source in sources {
            let buffer = match sample() {
                Ok(buffer) => buffer,
                // What works already is not given up for want of a buffer to try the next with.
                Err(_) if !kinds.is_empty() => {
                    log::warn!("{source} is not tried: there is no buffer to try it with");
                    continue;
                }
                Err(error) => return Err(error),
            };
            match ReleaseWatch::with(*source).and_then(|watch| watch.works_for(buffer).map(|works| (watch, works))) {
                Ok((watch, true)) => kinds.extend(watch.0),
                Ok((_, false)) => log::info!("{source} does not tell when a buffer's last reference goes"),
                Err(error) => log::info!("{source} cannot watch buffers: {error}"),
            }
        }
        if kinds.len() > 1 {
            kinds.iter_mut().for_each(Kind::bound);
        }
        match kinds.is_empty() {
            true => Err(Error::NoReleaseEvents.into()),
            false => Ok(ReleaseWatch(kinds)),
        }
    }

    fn works_for(&self, buffer: OwnedFd) -> Result<bool, Error> {
        const TAG: Tag = 7;
        self.add(buffer.as_fd(), TAG)?;
        if !self.read()?.tags.is_empty() {
            // It tells the end of what still lives.
            return Ok(false);
        }
        drop(buffer);
        Ok(self.wait(PROBE_TIME)?.tags == [TAG])
    }

    /// The source that is asked first.
    pub fn source(&self) -> Option<Source> {
        self.0.first().map(Kind::source)
    }

    /// All sources, in the order in which they are asked, and how many buffers each watches.
    pub fn sources(&self) -> impl Iterator<Item = (Source, usize)> + '_ {
        self.0.iter().map(|kind| (kind.source(), kind.watched()))
    }

    /// Begins to watch a buffer, through the first source that has not used up its share; when those do not take it,
    /// through the others. Threads that add at the same time may pass a share by a watch each.
    ///
    /// # Errors
    /// `AlreadyWatched`, as far as the source sees it: inotify also through another fd of the same buffer, epoll through the
    /// same fd. `Call` with ENOSPC when the user's watches are used up (`fs.inotify.max_user_watches`,
    /// `fs.epoll.max_user_watches`); with EPERM for what epoll cannot watch.
    pub fn add(&self, buffer: BorrowedFd<'_>, tag: Tag) -> Result<(), Error> {
        let first = self.0.iter().position(|kind| !kind.has_its_share()).unwrap_or(0);
        let (beyond, within) = self.0.split_at(first);
        let mut last = Err(Error::NoReleaseEvents);
        for kind in within.iter().chain(beyond) {
            last = kind.add(buffer, tag);
            // What one source has no room for (ENOSPC, ENOMEM) or no way to watch (EPERM), the next may take.
            if matches!(last, Ok(()) | Err(Error::AlreadyWatched)) {
                break;
            }
        }
        last
    }

    /// How many buffers are watched and not yet reported.
    pub fn watched(&self) -> usize {
        self.0.iter().map(Kind::watched).fold(0, usize::saturating_add)
    }

    /// Readable when [`ReleaseWatch::read_events`] has something to report. `None` without such a source.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.iter().find_map(|kind| match kind {
            Kind::Inotify(events) => Some(events.fd()),
            Kind::Epoll(_) => None,
        })
    }

    /// How many buffers are watched by a source that has to be scanned.
    pub fn to_scan(&self) -> usize {
        self.0.iter().filter(|kind| !kind.has_events()).map(Kind::watched).fold(0, usize::saturating_add)
    }

    /// The ends that the kernel has sent as events since the last read. Never blocks.
    ///
    /// # Errors
    /// `Call` when they cannot be read, `File` when events were dropped and `/proc/self/fdinfo` cannot be read.
    pub fn read_events(&self) -> Result<Released, Error> {
        self.read_if(Kind::has_events)
    }

    /// The ends that a scan of the others finds.
    ///
    /// # Errors
    /// `File` when `/proc/self/fdinfo` cannot be read.
    pub fn scan(&self) -> Result<Released, Error> {
        self.read_if(|kind| !kind.has_events())
    }

    /// Both. What a source could not tell now comes with a later read.
    ///
    /// # Errors
    /// As for each, when no source had anything to tell.
    pub fn read(&self) -> Result<Released, Error> {
        self.read_if(|_| true)
    }

    fn read_if(&self, wanted: impl Fn(&Kind) -> bool) -> Result<Released, Error> {
        let (mut released, mut failed) = (Released::default(), None);
        for kind in self.0.iter().filter(|kind| wanted(kind)) {
            failed = kind.read(&mut released).err().or(failed);
        }
        match failed {
            Some(error) if released.tags.is_empty() => Err(error),
            Some(error) => {
                // What was read is told by nobody a second time; what was not comes with the next read.
                log::warn!("some releases are seen later: {error}");
                Ok(Released { failed: true, ..released })
            }
            None => Ok(released),
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
            if !released.tags.is_empty() || left.is_zero() {
                return Ok(released);
            }
            let nap = if self.to_scan() > 0 { left.min(NAP) } else { left };
            match self.0.first() {
                Some(Kind::Inotify(events)) => events.sleep(nap)?,
                _ => std::thread::sleep(nap),
            }
        }
    }
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

/// Gives memory back when a map has far more room than it needs: buffers come by the thousand and go.
fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    let needed = map.len().saturating_mul(2).saturating_add(64);
    if map.capacity() > needed.saturating_mul(2) {
        map.shrink_to(needed);
    }
}

#[cfg(test)]
mod tests;
