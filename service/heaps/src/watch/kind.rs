//! One source behind a common face.

use super::{epoll, inotify, Released, Source, Tag};
use crate::error::Error;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// How often a source without events is worth a look, at most.
const SCAN_INTERVAL: Duration = Duration::from_millis(200);

/// The share of a processor that looking may take, as its inverse. The list of 900 buffers takes 14 ms to read under
/// emulation, so it is then looked at every 0.7 s.
const SCAN_SHARE: u32 = 50;

#[derive(Debug)]
pub(super) enum Kind {
    Inotify(inotify::Events),
    Epoll(epoll::List),
}

impl Kind {
    pub(super) fn of(source: Source) -> Result<Kind, Error> {
        Ok(match source {
            Source::Inotify => Kind::Inotify(inotify::Events::new()?),
            Source::Epoll => Kind::Epoll(epoll::List::new()?),
        })
    }

    pub(super) const fn source(&self) -> Source {
        match self {
            Kind::Inotify(_) => Source::Inotify,
            Kind::Epoll(_) => Source::Epoll,
        }
    }

    pub(super) fn add(&self, buffer: BorrowedFd<'_>, tag: Tag) -> Result<(), Error> {
        match self {
            Kind::Inotify(events) => events.add(buffer, tag),
            Kind::Epoll(list) => list.add(buffer, tag),
        }
    }

    pub(super) fn read(&self, released: &mut Released) -> Result<(), Error> {
        match self {
            Kind::Inotify(events) => events.read(released),
            Kind::Epoll(list) => list.read(released),
        }
    }

    pub(super) fn watched(&self) -> usize {
        match self {
            Kind::Inotify(events) => events.watched(),
            Kind::Epoll(list) => list.watched(),
        }
    }

    /// Leaves to others of the user what they need, from here on: there is another source for the rest.
    pub(super) fn bound(&mut self) {
        if let Kind::Inotify(events) = self {
            events.bound();
        }
    }

    pub(super) fn has_its_share(&self) -> bool {
        match self {
            Kind::Inotify(events) => events.has_its_share(),
            Kind::Epoll(_) => false,
        }
    }

    /// `None` where nothing has to be looked at.
    pub(super) fn scan_interval(&self) -> Option<Duration> {
        match self {
            Kind::Epoll(list) if list.watched() > 0 => {
                let took = list.scanned().map_or(Duration::ZERO, |(_, took)| took);
                Some(SCAN_INTERVAL.max(took.saturating_mul(SCAN_SHARE)))
            }
            _ => None,
        }
    }

    pub(super) fn is_due(&self) -> bool {
        match self {
            Kind::Inotify(_) => true,
            Kind::Epoll(list) => match (self.scan_interval(), list.scanned()) {
                (Some(interval), Some((at, _))) => at.elapsed() >= interval,
                (interval, _) => interval.is_some(),
            },
        }
    }
}
