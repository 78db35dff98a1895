//! The thread that makes the pool's ioctls, and does nothing else.
//!
//! The kernel zeroes a buffer of tens of megabytes in tens of milliseconds, and at the lowest rank, which this work has, in
//! far more on a busy machine. Were it the maintenance thread that waits for it, releases would be seen so much later, and a
//! thread cannot lower its rank for one call: to raise it again needs CAP_SYS_NICE. So the maintenance thread decides and
//! keeps the account, and this one holds no lock that a request could wait for.

use crate::pool::Pool;
use crate::wakeup::Wakeup;
use gralloc_allocator::pool::PoolKey;
use gralloc_allocator::ports::{HeapBackend, HeapFailure};
use gralloc_buffer::BufferName;
use gralloc_heaps::sched;
use log::warn;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Arc;
use std::{io, thread};

type Given = (PoolKey, Result<OwnedFd, HeapFailure>);

/// The maintenance thread's end of it.
pub struct Filler {
    work: Sender<PoolKey>,
    given: Receiver<Given>,
    busy: bool,
}

impl Filler {
    /// Starts the thread, from a thread of the normal class. After each buffer it wakes the maintenance thread.
    ///
    /// # Errors
    /// No thread to be had.
    pub fn spawn<H>(pool: Arc<Pool<H>>, wakeup: Arc<Wakeup>) -> io::Result<Filler>
    where
        H: HeapBackend<Buffer = OwnedFd> + Send + Sync + 'static,
    {
        let (work, keys) = channel::<PoolKey>();
        let (results, given) = channel();
        thread::Builder::new().name("pool-fill".to_owned()).spawn(move || {
            if let Err(error) = sched::set_background() {
                warn!("the pool is filled at the rank of everybody else: {error}");
            }
            let name = BufferName::from_text("gralloc-ready");
            for key in keys {
                // Of the heaps themselves: what is ready is not to be had here.
                let buffer = pool.heaps().allocate(key.heap, key.bytes, &name);
                if results.send((key, buffer)).is_err() {
                    return;
                }
                wakeup.wake_now();
            }
        })?;
        Ok(Filler { work, given, busy: false })
    }

    /// True when there is no buffer on its way.
    pub fn is_idle(&self) -> bool {
        !self.busy
    }

    /// Has a buffer made. True when the thread will.
    pub fn start(&mut self, key: PoolKey) -> bool {
        self.busy = self.work.send(key).is_ok();
        self.busy
    }

    /// The buffer that was made, if it is.
    pub fn finished(&mut self) -> Option<Given> {
        let given = self.given.try_recv().ok()?;
        self.busy = false;
        Some(given)
    }
}
