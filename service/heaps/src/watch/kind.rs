//! One source of releases: what inotify and the epoll list have in common.

use super::{epoll, inotify, Released, Source, Tag};
use crate::error::Error;
use std::os::fd::BorrowedFd;

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
            Kind::Epoll(list) => list.scan(released),
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

    /// True when the kernel tells by itself; false when [`Kind::read`] is a scan.
    pub(super) const fn has_events(&self) -> bool {
        matches!(self, Kind::Inotify(_))
    }
}
