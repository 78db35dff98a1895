//! Learns when a buffer's last reference goes, in whichever process, and tells the ledger.
//!
//! ```text
//!  binder thread        allocated ── commit ──► held ── the reply ──► the client's, and whoever's it is passed to
//!                                                 │ a duplicate of the fd waits here (`pending`)
//!  maintenance thread                             └─► watched; the duplicate is closed
//!                                                         │ last fd, mapping and import gone: the kernel frees it
//!                                 inotify: an event ◄─────┴─────► epoll: it is missing from the list
//!                                      │ read by whoever comes by        │ found by the maintenance thread's next scan
//!                                      └───────► Ledger::release ◄───────┘
//! ```
//!
//! Adding a watch takes longer than a client should wait, so the maintenance thread does it after the reply. If the client
//! lets go before the watch stands, the duplicate is the last reference and its close is the event.
//!
//! [`Tracker::settle`] is for a request that a budget would refuse, and for statistics. Events are cheap: the asking thread
//! reads them itself. Where there are none it scans nothing: see `scans`.

mod scans;

pub use scans::Asker;

use crate::clock::Clock;
use crate::marks;
use crate::threads::Threads;
use gralloc_allocator::ledger::{Ledger, Ticket};
use gralloc_allocator::ports::{HeapBackend, HeapFailure};
use gralloc_allocator::Shortage;
use gralloc_buffer::BufferName;
use gralloc_buffer::METADATA_BYTES;
use gralloc_heaps::wakeup::Wakeup;
use gralloc_heaps::watch::{Released, Source};
use gralloc_heaps::{Error, ReleaseWatch};
use heaps_config::policy::HeapId;
use log::{error, warn};
use scans::Scans;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most buffers that may wait for their watch: each holds an fd, and a flood of requests outruns the maintenance thread. The
/// request that finds more does that work itself.
const MOST_PENDING: usize = 64;

/// Watches buffers on behalf of a ledger.
pub struct Tracker {
    ledger: Arc<Ledger>,
    wakeup: Arc<Wakeup>,
    clock: Clock,
    watch: ReleaseWatch,
    pending: Mutex<Vec<Pending>>,
    /// Held while watches are added and events booked, not while the list is scanned: who has had it has all booked that was
    /// told by events before.
    booking: Mutex<()>,
    scans: Scans,
    /// How long a thread of each waits for a scan.
    timeout: fn(Asker) -> Duration,
    untracked: AtomicU64,
}

/// What is kept of a buffer until it is watched.
pub struct Duplicates {
    buffer: OwnedFd,
    /// The metadata, when it carries a reserved region.
    reserved: Option<OwnedFd>,
}

impl Duplicates {
    /// Of a buffer that is about to leave: its pixels, and the metadata when they carry a reserved region.
    ///
    /// # Errors
    /// `FileDescriptors` when the process has no descriptor left.
    pub fn of(pixels: BorrowedFd<'_>, reserved: Option<BorrowedFd<'_>>) -> Result<Duplicates, Shortage> {
        let duplicate = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map_err(|_| Shortage::FileDescriptors);
        Ok(Duplicates { buffer: duplicate(pixels)?, reserved: reserved.map(duplicate).transpose()? })
    }
}

/// A buffer that waits for its watch.
struct Pending {
    ticket: Ticket,
    duplicates: Duplicates,
}

/// How many of a buffer's fds are watched. A reserved region may be as large as the pixels, so that such a buffer counts as
/// held until both are released; one page of metadata without the pixels is not worth a second watch.
pub const fn watched_fds(reserved_bytes: u64) -> u8 {
    if reserved_bytes > 0 {
        2
    } else {
        1
    }
}

impl Tracker {
    /// Finds out which of the sources tell of releases on this kernel, by a buffer such as will be watched.
    ///
    /// # Errors
    /// The heap gives no such buffer, or nothing tells.
    pub fn choose<H>(
        sources: &[Source],
        heaps: &H,
        heap: HeapId,
        ledger: Arc<Ledger>,
        wakeup: Arc<Wakeup>,
        clock: Clock,
        threads: Arc<Threads>,
    ) -> Result<Tracker, NoTracker>
    where
        H: HeapBackend<Buffer = OwnedFd>,
    {
        let name = BufferName::from_text("gralloc-probe");
        let sample = || heaps.allocate(heap, METADATA_BYTES, &name).map_err(NoTracker::Heap);
        Ok(Tracker::new(ReleaseWatch::choose(sources, sample)?, ledger, wakeup, clock, threads))
    }

    fn new(
        watch: ReleaseWatch,
        ledger: Arc<Ledger>,
        wakeup: Arc<Wakeup>,
        clock: Clock,
        threads: Arc<Threads>,
    ) -> Tracker {
        let (pending, booking, scans) = (Mutex::default(), Mutex::default(), Scans::new(threads));
        let (timeout, untracked) = (Asker::timeout, AtomicU64::new(0));
        Tracker { ledger, wakeup, clock, watch, pending, booking, scans, timeout, untracked }
    }

    /// Has the buffers watched soon. They are in the ledger already, under these tickets.
    pub fn watch(&self, buffers: Vec<Duplicates>, tickets: Vec<Ticket>) {
        let mut pending = lock(&self.pending);
        let buffers = buffers.into_iter().zip(tickets);
        pending.extend(buffers.map(|(duplicates, ticket)| Pending { ticket, duplicates }));
        let crowded = pending.len() > MOST_PENDING;
        drop(pending);
        if crowded {
            self.book_events();
        } else {
            self.wakeup.wake_soon();
        }
    }

    /// How the kernel tells, in the order in which the sources are asked, and how many watches each has.
    pub fn sources(&self) -> impl Iterator<Item = (Source, usize)> + '_ {
        self.watch.sources()
    }

    /// Readable when a buffer was released; `None` when the kernel sends no events.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.fd()
    }

    /// When [`Tracker::tend`] has to scan again; `None` for not before somebody asks.
    pub fn due_in(&self) -> Option<Duration> {
        self.scans.due_in(self.clock.now(), self.watch.to_scan() > 0)
    }

    /// Buffers that could not be watched, since the start. They are in no live figure; of those whose reserved region alone
    /// could not be, that region is not when the pixels are released.
    pub fn untracked(&self) -> u64 {
        self.untracked.load(Ordering::Relaxed)
    }

    /// Books every release that happened before the call, as far as events tell of them; of the rest those that a scan finds,
    /// if this thread may wait for one. False when there was none in time, or the kernel could not be asked.
    pub fn settle(&self, asker: Asker) -> bool {
        if self.watch.fd().is_some() {
            let booked = self.book_events();
            if self.watch.to_scan() == 0 || !booked {
                return booked;
            }
        }
        self.scans.wait(asker, (self.timeout)(asker), || self.wakeup.wake_now())
    }

    /// What the maintenance thread does: adds the watches that wait, reads events, scans when that is due.
    pub fn tend(&self) {
        let scan = || {
            let events = self.book_events();
            self.book(self.watch.scan()) && events
        };
        if !self.scans.run(|| self.clock.now(), self.watch.to_scan() > 0, scan) {
            self.book_events();
        }
    }

    /// False when the events could not be read.
    fn book_events(&self) -> bool {
        let _booking = lock(&self.booking);
        let pending = std::mem::take(&mut *lock(&self.pending));
        for Pending { ticket, duplicates } in pending {
            self.add(ticket, &duplicates);
        }
        self.book(self.watch.read_events())
    }

    /// False when not all could be read.
    fn book(&self, read: Result<Released, Error>) -> bool {
        match read {
            Ok(released) => {
                let gone = released.tags.into_iter().filter_map(|tag| self.ledger.release(Ticket::from_number(tag)));
                gone.for_each(|entry| marks::gone("released", &self.ledger, &entry));
                !released.failed
            }
            Err(error) => {
                error!("releases are not seen: {error}");
                false
            }
        }
    }

    /// A buffer whose release cannot be observed must not stay charged for ever: it is tracked no more, and counted.
    fn add(&self, ticket: Ticket, Duplicates { buffer, reserved }: &Duplicates) {
        if let Err(error) = self.watch.add(buffer.as_fd(), ticket.number()) {
            if let Some(entry) = self.ledger.forget(ticket) {
                marks::gone("untracked", &self.ledger, &entry);
            }
            return self.count_untracked(&error);
        }
        if let Ok(identity) = gralloc_heaps::identity(buffer.as_fd()) {
            self.ledger.note_inode(ticket, identity.inode);
        }
        let Some(reserved) = reserved else { return };
        if let Err(error) = self.watch.add(reserved.as_fd(), ticket.number()) {
            // The watch that stands will tell of this ticket, which must not be another buffer's by then: the buffer stays
            // on the account until its pixels go.
            self.ledger.release(ticket);
            self.count_untracked(&error);
        }
    }

    fn count_untracked(&self, error: &Error) {
        if self.untracked.fetch_add(1, Ordering::Relaxed) == 0 {
            warn!("a buffer is not tracked, live statistics are too low from here on: {error}");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why releases are not seen.
#[derive(Debug)]
pub enum NoTracker {
    /// There is no buffer to try with.
    Heap(HeapFailure),
    /// The kernel tells nothing.
    Watch(Error),
}

impl From<Error> for NoTracker {
    fn from(error: Error) -> NoTracker {
        NoTracker::Watch(error)
    }
}

impl std::error::Error for NoTracker {}

impl fmt::Display for NoTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoTracker::Heap(failure) => write!(f, "the metadata heap gives no buffer to try with: {}", failure.cause),
            NoTracker::Watch(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
