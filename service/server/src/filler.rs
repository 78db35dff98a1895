//! The thread that makes the pool's ioctls, and does nothing else.
//!
//! The kernel zeroes a buffer of tens of megabytes in tens of milliseconds, and at nice 19, which this work has, in
//! far more on a busy machine. Were it the maintenance thread that waits for it, releases would be seen so much later, and a
//! thread cannot raise its nice value for one call: to lower it again needs CAP_SYS_NICE. So the maintenance thread decides and
//! keeps the account and finds the heap's open node, and this one makes the call with it: it takes no lock that a request
//! could wait for.

use gralloc_allocator::pool::PoolKey;
use gralloc_allocator::ports::HeapFailure;
use gralloc_heaps::sched;
use gralloc_heaps::wakeup::Wakeup;
use log::warn;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Arc;
use std::{io, thread};

type Make = Box<dyn FnOnce() -> Result<OwnedFd, HeapFailure> + Send>;
type Given = (PoolKey, Result<OwnedFd, HeapFailure>);

/// The maintenance thread's end of it.
pub struct Filler {
    work: Sender<(PoolKey, Make)>,
    given: Receiver<Given>,
    busy: bool,
}

impl Filler {
    /// Starts the thread, from a thread of the normal class. After each buffer it wakes the maintenance thread.
    ///
    /// # Errors
    /// No thread to be had.
    pub fn spawn(wakeup: Arc<Wakeup>) -> io::Result<Filler> {
        let (work, queue) = channel::<(PoolKey, Make)>();
        let (results, given) = channel();
        thread::Builder::new().name("pool-fill".to_owned()).spawn(move || {
            if let Err(error) = sched::set_background() {
                warn!("the pool is filled at the nice value of everybody else: {error}");
            }
            for (key, make) in queue {
                if results.send((key, make())).is_err() {
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

    /// Has a buffer made, by a call that takes no lock that a request could wait for. True when the thread will.
    pub fn start(
        &mut self,
        key: PoolKey,
        make: impl FnOnce() -> Result<OwnedFd, HeapFailure> + Send + 'static,
    ) -> bool {
        self.busy = self.work.send((key, Box::new(make))).is_ok();
        self.busy
    }

    /// The buffer that was made, if it is.
    pub fn finished(&mut self) -> Option<Given> {
        let given = self.given.try_recv().ok()?;
        self.busy = false;
        Some(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{failure, thread_stat};
    use heaps_config::policy::HeapId;
    use nix::libc::ENOMEM;

    fn nice() -> i32 {
        thread_stat(19)
    }

    #[test]
    fn start_makes_it_at_nice_19_and_wakes_a_thread_that_keeps_its_own() {
        let wakeup = Arc::new(Wakeup::new().unwrap());
        let before = nice();
        let mut filler = Filler::spawn(Arc::clone(&wakeup)).unwrap();
        let key = PoolKey { heap: HeapId(0), bytes: 4096 };
        // A refusal, with the nice value of whoever asks in the place of its errno.
        assert!(filler.start(key, || Err(HeapFailure { errno: nice(), ..failure(ENOMEM) })));
        assert!(!filler.is_idle());
        let mut given = filler.finished();
        while given.is_none() {
            wakeup.sleep(|timer| {
                given = filler.finished();
                if given.is_none() {
                    timer.wait(None).unwrap();
                }
            });
            given = given.or_else(|| filler.finished());
        }
        let (made, refused) = given.unwrap();
        assert_eq!((made, refused.unwrap_err().errno), (key, 19));
        assert!(filler.is_idle());
        assert_eq!(nice(), before);
    }
}
