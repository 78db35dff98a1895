//! Learns when a buffer's last reference goes, in whichever process, and tells the ledger.
//!
//! Adding a watch takes longer than a client should wait, so the housekeeper does it after the reply: until then a
//! duplicate of the fd is kept. If the client lets go before the watch stands, the duplicate is the last reference and
//! its close is the event. [`Tracker::settle`] does the same work at once, for a request that a budget would refuse.

use crate::engine::Handle;
use crate::housekeeper::Waker;
use gralloc_core::ledger::{BufferKey, Ledger};
use gralloc_core::plan::METADATA_BYTES;
use gralloc_core::policy::HeapId;
use gralloc_core::ports::{HeapBackend, HeapFailure};
use gralloc_core::{BufferName, Shortage};
use gralloc_kernel::watch::{Source, WatchId};
use gralloc_kernel::{Error, ReleaseWatch};
use log::{error, warn};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most buffers that may wait for their watch: each holds an fd, and a flood of requests outruns the housekeeper. The
/// request that finds more does the work itself.
const MOST_PENDING: usize = 64;

/// Watches buffers on behalf of a ledger.
pub struct Tracker {
    ledger: Arc<Ledger>,
    waker: Arc<Waker>,
    watch: ReleaseWatch,
    pending: Mutex<Vec<Pending>>,
    /// Held while watches are added and events read, so that no event comes before its key is known.
    watched: Mutex<Watched>,
    untracked: AtomicU64,
}

#[derive(Default)]
struct Watched {
    /// Which buffer a watch stands for.
    keys: HashMap<WatchId, BufferKey>,
    /// Buffers whose two parts both still live. A reserved region may be as large as the pixels, so that such a buffer
    /// counts as held until both parts are gone; one page of metadata without the pixels is not worth a second watch.
    both_live: HashSet<BufferKey>,
}

/// A buffer that waits for its watch.
pub struct Pending {
    key: BufferKey,
    buffer: OwnedFd,
    /// The metadata, when it carries a reserved region.
    reserved: Option<OwnedFd>,
}

impl Tracker {
    /// Finds out how this kernel tells of releases, by a buffer such as will be watched.
    ///
    /// # Errors
    /// The heap gives no such buffer, or nothing tells.
    pub fn choose<H>(heaps: &H, heap: HeapId, ledger: Arc<Ledger>, waker: Arc<Waker>) -> Result<Tracker, NoTracker>
    where
        H: HeapBackend<Buffer = OwnedFd>,
    {
        let name = BufferName::from_text("gralloc-probe");
        let watch = ReleaseWatch::choose(|| heaps.allocate(heap, METADATA_BYTES, &name).map_err(NoTracker::Heap))?;
        Ok(Tracker {
            ledger,
            waker,
            watch,
            pending: Mutex::default(),
            watched: Mutex::default(),
            untracked: AtomicU64::new(0),
        })
    }

    /// Duplicates what must be watched, before the handles leave.
    ///
    /// # Errors
    /// `Bookkeeping` when the process has no descriptor left.
    pub fn prepare(&self, handles: &[Handle]) -> Result<Vec<Pending>, Shortage> {
        let no_fd = |_| Shortage::Bookkeeping("file descriptors");
        let duplicate = |handle: &Handle| {
            let reserved = (handle.info.reserved_bytes > 0).then(|| handle.metadata.try_clone()).transpose();
            Ok(Pending {
                key: handle.info.id,
                buffer: handle.buffer.try_clone().map_err(no_fd)?,
                reserved: reserved.map_err(no_fd)?,
            })
        };
        handles.iter().map(duplicate).collect()
    }

    /// Has the buffers watched soon. They are in the ledger already.
    pub fn watch(&self, buffers: Vec<Pending>) {
        let mut pending = lock(&self.pending);
        pending.extend(buffers);
        let crowded = pending.len() > MOST_PENDING;
        drop(pending);
        if crowded {
            self.settle();
        } else {
            self.waker.wake();
        }
    }

    /// How the kernel tells, for the dump.
    pub fn source(&self) -> Source {
        self.watch.source()
    }

    /// Readable when a buffer was released; `None` when the kernel sends no events and must be asked.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.fd()
    }

    /// How often to ask a kernel that sends no events; `None` when there is nothing to ask for.
    pub fn interval(&self) -> Option<Duration> {
        self.watch.scan_interval().filter(|_| self.watch.watched() > 0)
    }

    /// Buffers that could not be watched, since the start: they are in no live figure.
    pub fn untracked(&self) -> u64 {
        self.untracked.load(Ordering::Relaxed)
    }

    /// Adds the watches that wait and books every release that has happened.
    pub fn settle(&self) {
        let mut watched = lock(&self.watched);
        let pending = std::mem::take(&mut *lock(&self.pending));
        for buffer in pending {
            if let Err(error) = self.add(&buffer, &mut watched) {
                self.forget(buffer.key, &error);
            }
        }
        match self.watch.read() {
            Ok(released) => {
                for id in released.ids {
                    let Some(key) = watched.keys.remove(&id) else { continue };
                    // The first of two parts to go leaves the buffer held.
                    if !watched.both_live.remove(&key) {
                        self.ledger.release(key);
                    }
                }
            }
            Err(error) => error!("releases are not seen: {error}"),
        }
    }

    fn add(&self, Pending { key, buffer, reserved }: &Pending, watched: &mut Watched) -> Result<(), Error> {
        let id = self.watch.add(buffer.as_fd())?;
        watched.keys.insert(id, *key);
        if let Some(reserved) = reserved {
            let id = self.watch.add(reserved.as_fd())?;
            watched.keys.insert(id, *key);
            watched.both_live.insert(*key);
        }
        Ok(())
    }

    /// A buffer that cannot be watched must not stay charged for ever: it leaves the account, and is counted.
    fn forget(&self, key: BufferKey, error: &Error) {
        self.ledger.release(key);
        if self.untracked.fetch_add(1, Ordering::Relaxed) == 0 {
            warn!("a buffer is not tracked, live figures are too low from here on: {error}");
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
