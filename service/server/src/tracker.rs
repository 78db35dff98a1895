//! Learns when a buffer's last reference goes, in whichever process, and tells the ledger.
//!
//! Adding a watch takes longer than a client should wait, so the housekeeper does it after the reply: until then a
//! duplicate of the fd is kept. If the client lets go before the watch stands, the duplicate is the last reference and
//! its close is the event. [`Tracker::settle`] does the same work at once, for a request that a budget would refuse.
//!
//! Where the kernel sends no events that is a look at all that lives, and a client at its budget could have it with every
//! request. So one look serves all who asked before it began, and looks take `LOOK_SHARE` of a processor at most: who asks
//! sooner waits for the next. Nobody is refused by an account of before the question.

use crate::engine::Handle;
use crate::housekeeper::Waker;
use gralloc_allocator::ledger::{Ledger, Ticket};
use gralloc_allocator::ports::{HeapBackend, HeapFailure};
use gralloc_allocator::Shortage;
use gralloc_buffer::BufferName;
use gralloc_buffer::METADATA_BYTES;
use gralloc_heaps::watch::{Released, Source};
use gralloc_heaps::{Error, ReleaseWatch};
use heaps_config::policy::HeapId;
use log::{error, warn};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Most buffers that may wait for their watch: each holds an fd, and a flood of requests outruns the housekeeper. The
/// request that finds more does the work itself.
const MOST_PENDING: usize = 64;

/// The share of a processor that looks for requests may take, as its inverse. A request waits for five times as long as a
/// look takes, at worst: for the one that had begun, the pause of three, and its own.
const LOOK_SHARE: u32 = 4;
/// No pause is longer: a look that was kept from its processor for a while is no measure of what looks cost.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Watches buffers on behalf of a ledger.
pub struct Tracker {
    ledger: Arc<Ledger>,
    waker: Arc<Waker>,
    watch: ReleaseWatch,
    pending: Mutex<Vec<Pending>>,
    /// Held while watches are added and releases booked: who has had it has all booked that had happened before.
    settling: Mutex<Option<Look>>,
    untracked: AtomicU64,
}

/// The last time that [`Tracker::settle`] looked.
struct Look {
    /// Before anything was done: what was let go until then is booked.
    began: Instant,
    ended: Instant,
    took: Duration,
}

/// What is kept of a buffer until it is watched.
pub struct Duplicates {
    buffer: OwnedFd,
    /// The metadata, when it carries a reserved region.
    reserved: Option<OwnedFd>,
}

/// A buffer that waits for its watch.
struct Pending {
    ticket: Ticket,
    duplicates: Duplicates,
}

/// How many parts of a buffer are watched. A reserved region may be as large as the pixels, so that such a buffer counts as
/// held until both parts are gone; one page of metadata without the pixels is not worth a second watch.
pub const fn parts(reserved_bytes: u64) -> u8 {
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
        waker: Arc<Waker>,
    ) -> Result<Tracker, NoTracker>
    where
        H: HeapBackend<Buffer = OwnedFd>,
    {
        let name = BufferName::from_text("gralloc-probe");
        let sample = || heaps.allocate(heap, METADATA_BYTES, &name).map_err(NoTracker::Heap);
        Ok(Tracker::new(ReleaseWatch::choose(sources, sample)?, ledger, waker))
    }

    fn new(watch: ReleaseWatch, ledger: Arc<Ledger>, waker: Arc<Waker>) -> Tracker {
        let (pending, settling) = (Mutex::default(), Mutex::default());
        Tracker { ledger, waker, watch, pending, settling, untracked: AtomicU64::new(0) }
    }

    /// Duplicates what must be watched, before the handles leave.
    ///
    /// # Errors
    /// `Bookkeeping` when the process has no descriptor left.
    pub fn prepare(&self, handles: &[Handle]) -> Result<Vec<Duplicates>, Shortage> {
        let no_fd = |_| Shortage::Bookkeeping("file descriptors");
        let duplicate = |handle: &Handle| {
            let two = parts(handle.info.reserved_bytes) > 1;
            let reserved = two.then(|| handle.metadata.try_clone()).transpose();
            Ok(Duplicates { buffer: handle.buffer.try_clone().map_err(no_fd)?, reserved: reserved.map_err(no_fd)? })
        };
        handles.iter().map(duplicate).collect()
    }

    /// Has the buffers watched soon. They are in the ledger already, under these tickets.
    pub fn watch(&self, buffers: Vec<Duplicates>, tickets: Vec<Ticket>) {
        let mut pending = lock(&self.pending);
        let buffers = buffers.into_iter().zip(tickets);
        pending.extend(buffers.map(|(duplicates, ticket)| Pending { ticket, duplicates }));
        let crowded = pending.len() > MOST_PENDING;
        drop(pending);
        if crowded {
            self.tend();
        } else {
            self.waker.wake();
        }
    }

    /// How the kernel tells, in the order in which the sources are asked, and how many watches each has.
    pub fn sources(&self) -> impl Iterator<Item = (Source, usize)> + '_ {
        self.watch.sources()
    }

    /// Readable when a buffer was released; `None` when the kernel sends no events and must be asked.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.fd()
    }

    /// How often to ask a kernel that sends no events; `None` when there is nothing to ask for.
    pub fn interval(&self) -> Option<Duration> {
        self.watch.scan_interval()
    }

    /// Buffers that could not be watched, since the start. They are in no live figure; of those whose reserved region alone
    /// could not be, that region is not when the pixels have gone.
    pub fn untracked(&self) -> u64 {
        self.untracked.load(Ordering::Relaxed)
    }

    /// Adds the watches that wait and books every release that happened before the call.
    pub fn settle(&self) {
        self.settle_by(ReleaseWatch::read);
    }

    fn settle_by(&self, read: impl Fn(&ReleaseWatch) -> Result<Released, Error>) {
        let asked = Instant::now();
        loop {
            let mut last = lock(&self.settling);
            if last.as_ref().is_some_and(|look| look.began > asked) {
                return;
            }
            // At most once: whoever looks meanwhile begins after we asked.
            let pause = last.as_ref().map_or(Duration::ZERO, Look::pause);
            if !pause.is_zero() {
                drop(last);
                thread::sleep(pause);
                continue;
            }
            let began = Instant::now();
            let took = self.book(&read);
            *last = Some(Look { began, ended: Instant::now(), took });
            return;
        }
    }

    /// Does the same for whoever comes by without a question: what has to be looked at is looked at only now and then.
    pub fn tend(&self) {
        let _settling = lock(&self.settling);
        self.book(&ReleaseWatch::read_due);
    }

    /// Answers with the time that the look took.
    fn book(&self, read: &impl Fn(&ReleaseWatch) -> Result<Released, Error>) -> Duration {
        let pending = std::mem::take(&mut *lock(&self.pending));
        for Pending { ticket, duplicates } in pending {
            self.add(ticket, &duplicates);
        }
        let start = Instant::now();
        let read = read(&self.watch);
        let took = start.elapsed();
        match read {
            Ok(released) => {
                released.tags.into_iter().map(Ticket::from_number).for_each(|ticket| self.ledger.release(ticket))
            }
            Err(error) => error!("releases are not seen: {error}"),
        }
        took
    }

    /// A buffer that cannot be watched must not stay charged for ever: it leaves the account, and is counted.
    fn add(&self, ticket: Ticket, Duplicates { buffer, reserved }: &Duplicates) {
        if let Err(error) = self.watch.add(buffer.as_fd(), ticket.number()) {
            self.ledger.forget(ticket);
            return self.count_untracked(&error);
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
            warn!("a buffer is not tracked, live figures are too low from here on: {error}");
        }
    }
}

impl Look {
    /// How long from now until the next may begin.
    fn pause(&self) -> Duration {
        self.took.saturating_mul(LOOK_SHARE - 1).min(LONGEST_PAUSE).saturating_sub(self.ended.elapsed())
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
