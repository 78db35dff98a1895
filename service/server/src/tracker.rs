//! Learns when a buffer's last reference goes, in whichever process, and tells the ledger.
//!
//! Adding a watch takes longer than a client should wait, so the housekeeper does it after the reply: until then a
//! duplicate of the fd is kept. If the client lets go before the watch stands, the duplicate is the last reference and
//! its close is the event. [`Tracker::settle`] does the same work at once, for a request that a budget would refuse.

use crate::engine::Handle;
use crate::housekeeper::Waker;
use gralloc_core::ledger::{BufferKey, Ledger};
use gralloc_core::Shortage;
use gralloc_kernel::watch::{Source, WatchId};
use gralloc_kernel::{Error, ReleaseWatch};
use log::{error, warn};
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Watches buffers on behalf of a ledger.
pub struct Tracker {
    ledger: Arc<Ledger>,
    waker: Arc<Waker>,
    watch: ReleaseWatch,
    pending: Mutex<Vec<Pending>>,
    /// Which buffer a watch stands for. Held while watches are added and events read, so that no event comes before
    /// its key is known.
    keys: Mutex<HashMap<WatchId, BufferKey>>,
    untracked: AtomicU64,
}

/// A buffer that waits for its watch.
pub struct Pending {
    key: BufferKey,
    fd: OwnedFd,
}

impl Tracker {
    /// A tracker that watches nothing yet.
    pub fn new(ledger: Arc<Ledger>, watch: ReleaseWatch, waker: Arc<Waker>) -> Tracker {
        Tracker {
            ledger,
            waker,
            watch,
            pending: Mutex::default(),
            keys: Mutex::default(),
            untracked: AtomicU64::new(0),
        }
    }

    /// Duplicates what must be watched, before the handles leave.
    ///
    /// # Errors
    /// `Bookkeeping` when the process has no descriptor left.
    pub fn prepare(&self, handles: &[Handle]) -> Result<Vec<Pending>, Shortage> {
        let duplicate = |handle: &Handle| {
            let fd = handle.buffer.try_clone().map_err(|_| Shortage::Bookkeeping("file descriptors"))?;
            Ok(Pending { key: handle.info.id, fd })
        };
        handles.iter().map(duplicate).collect()
    }

    /// Has the buffers watched soon. They are in the ledger already.
    pub fn watch(&self, buffers: Vec<Pending>) {
        lock(&self.pending).extend(buffers);
        self.waker.wake();
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
        let mut keys = lock(&self.keys);
        let pending = std::mem::take(&mut *lock(&self.pending));
        for Pending { key, fd } in pending {
            match self.watch.add(fd.as_fd()) {
                Ok(id) => drop(keys.insert(id, key)),
                Err(error) => self.forget(key, &error),
            }
        }
        match self.watch.read() {
            Ok(released) => {
                for key in released.ids.iter().filter_map(|id| keys.remove(id)) {
                    self.ledger.release(key);
                }
            }
            Err(error) => error!("releases are not seen: {error}"),
        }
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
