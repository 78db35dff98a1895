//! One thread for all that no request should wait for.
//!
//! It adds watches after the reply, books releases and scans for them ([`Tracker::tend`](crate::tracker::Tracker::tend)),
//! tries a release watch again that could not start, makes pages of metadata and has the pool filled, gives back what is ready
//! when memory runs short or nobody asks, and opens heaps that appear. It runs in the normal class, sleeps until one of its
//! fds or [`Wakeup`] wakes it or something is due, and does then all that there is to do, in the order of urgency.
//!
//! The one thing that it leaves to another thread is the pool's ioctl, for the reason in [`crate::filler`].

use crate::engine::Engine;
use crate::filler::Filler;
use gralloc_allocator::plan;
use gralloc_allocator::ports::{FailureKind, HeapFailure, MemoryGauge};
use gralloc_allocator::statistics::size;
use gralloc_buffer::BufferName;
use gralloc_heaps::wakeup::{Wakeup, GATHER};
use gralloc_heaps::MemoryPressure;
use heaps_config::policy::HeapId;
use log::{error, info, warn};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

/// How often the memory figure is read where the kernel tells of no pressure, while something is ready.
const MEMORY_CHECK: Duration = Duration::from_secs(1);

/// What the thread works on.
pub struct Maintenance {
    engine: Arc<Engine>,
    wakeup: Arc<Wakeup>,
    /// Set where there is a pool and the kernel tells when memory runs short.
    pressure: Option<MemoryPressure>,
    /// Set where there is a pool.
    filler: Option<Filler>,
    /// When the memory figure is read again, on the service's clock.
    memory_check_at: Duration,
}

/// What ended a sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Woken {
    by_timer: bool,
    by_pressure: bool,
}

impl Maintenance {
    /// Starts the thread, from a thread of the normal class.
    ///
    /// # Errors
    /// No thread to be had.
    pub fn spawn(engine: Arc<Engine>, wakeup: Arc<Wakeup>, pressure: Option<MemoryPressure>) -> io::Result<()> {
        let filler = match engine.pool().bounds() {
            Some(_) => Some(Filler::spawn(Arc::clone(&wakeup))?),
            None => None,
        };
        let mut maintenance = Maintenance { engine, wakeup, pressure, filler, memory_check_at: Duration::ZERO };
        maintenance.keep_ready();
        thread::Builder::new().name("maintenance".to_owned()).spawn(move || maintenance.run())?;
        Ok(())
    }

    fn run(&mut self) {
        let wakeup = Arc::clone(&self.wakeup);
        loop {
            self.work();
            wakeup.sleep(|timer| {
                self.work();
                let woken = self.wait(timer.as_fd());
                if woken.by_pressure {
                    self.relieve();
                }
                if !woken.by_timer {
                    // By something that has just begun: buffers are released in groups too. Who waits for us ends the pause.
                    if let Err(errno) = timer.wait(Some(GATHER)) {
                        error!("maintenance: timer: {errno}");
                    }
                }
            });
        }
    }

    /// Does all that there is to do now.
    fn work(&mut self) {
        self.engine.follow_trace();
        self.look_for_heaps();
        self.engine.start_release_watch();
        if let Some(tracker) = self.engine.releases().tracker() {
            tracker.tend();
        }
        self.engine.pool().refill_metadata();
        self.fill();
        self.engine.pool().drop_idle();
        self.check_memory();
    }

    /// Takes what the filler has made and gives it the next.
    fn fill(&mut self) {
        let (Some(filler), pool) = (&mut self.filler, self.engine.pool()) else { return };
        if let Some((key, given)) = filler.finished() {
            pool.end_fill(key, given);
        }
        if !filler.is_idle() {
            return;
        }
        let Some(key) = pool.begin_fill(self.engine.gauge()) else { return };
        // Found here, under a lock that requests take too: the filler, at nice 19, would hold it for long.
        let (heaps, heap) = (Arc::clone(pool.heaps()), pool.heaps().open_heap(key.heap));
        if !filler.start(key, move || heaps.allocate_from(&heap, key.bytes, &BufferName::from_text("gralloc-ready"))) {
            pool.end_fill(key, Err(no_filler()));
        }
    }

    /// Opens heaps that are available now and closes those that were removed, when the kernel says that nodes changed. Where it
    /// cannot say, all nodes are looked at each time.
    fn look_for_heaps(&mut self) {
        let heaps = self.engine.heaps();
        if !heaps.change_fd().map_or(true, is_readable) {
            return;
        }
        let change = heaps.refresh();
        if change.is_empty() {
            return;
        }
        for (id, heap) in self.engine.policy().heap_ids() {
            if change.appeared.contains(id) {
                info!("heap {} is available", heap.name);
            }
            if change.vanished.contains(id) {
                warn!("heap {} was removed", heap.name);
            }
        }
        self.engine.releases().heaps_changed();
        self.keep_ready();
    }

    /// Has the pool keep ready what the policy lists, from the heaps that there are now.
    fn keep_ready(&self) {
        let policy = self.engine.policy();
        let Some(pool) = &policy.pool else { return };
        let mut entries: Vec<(HeapId, u64, u32)> = Vec::new();
        for entry in &pool.ready {
            match plan(&entry.descriptor, policy, self.engine.heaps().present()) {
                Ok(plan) => {
                    let heap = plan.candidates_in_order().next();
                    entries.extend(heap.map(|heap| (heap, plan.bytes, entry.count)));
                }
                Err(refusal) => warn!("\"{}\" is not kept ready: {refusal}", entry.name),
            }
        }
        self.engine.pool().keep_ready(&entries);
        // With bounds in bytes lint says it; what a part of the memory comes to is known here alone.
        let of_entry = |(_, bytes, count): &(HeapId, u64, u32)| bytes.saturating_mul(u64::from(*count));
        let listed = entries.iter().map(of_entry).fold(0, u64::saturating_add);
        if let Some(most) = self.engine.pool().bounds().map(|bounds| bounds.total_bytes).filter(|most| *most < listed) {
            warn!("[[ready]] lists {}, and at most {} are kept ready", size(listed), size(most));
        }
    }

    /// The kernel told of pressure.
    fn relieve(&self) {
        if self.pressure.as_ref().is_some_and(MemoryPressure::is_real) {
            self.give_back();
        }
    }

    fn give_back(&self) {
        if self.engine.pool().relieve() {
            info!("memory runs short: nothing is kept ready for a while");
        }
    }

    /// Where the kernel tells of no pressure: the pool is filled only while twice the reserve stays free; with less than that
    /// and a half what is ready is given back.
    fn check_memory(&mut self) {
        let now = self.engine.clock().now();
        if !self.has_to_check_memory() || now < self.memory_check_at {
            return;
        }
        self.memory_check_at = now.saturating_add(MEMORY_CHECK);
        let reserve = self.engine.policy().limits.reserve_bytes;
        let bound = reserve.saturating_add(reserve / 2);
        if self.engine.gauge().available_bytes().is_some_and(|available| available < bound) {
            self.give_back();
        }
    }

    fn has_to_check_memory(&self) -> bool {
        let ready = || self.engine.pool().statistics().is_some_and(|pool| pool.ready_buffers > 0);
        self.pressure.is_none() && ready()
    }

    /// How long to sleep at most; `None` for as long as nothing happens.
    fn timeout(&self) -> Option<Duration> {
        let now = self.engine.clock().now();
        let releases = self.engine.releases();
        let check = self.has_to_check_memory().then(|| self.memory_check_at.saturating_sub(now));
        let due = [
            releases.tracker().and_then(|tracker| tracker.due_in()),
            releases.due_in(now),
            self.engine.pool().due_in(),
            check,
        ];
        due.into_iter().flatten().min()
    }

    fn wait(&self, timer: BorrowedFd<'_>) -> Woken {
        let timeout = match self.timeout() {
            None => PollTimeout::NONE,
            Some(Duration::ZERO) => PollTimeout::ZERO,
            // Rounded up: who wakes too early finds nothing and would wake again at once.
            Some(timeout) => {
                PollTimeout::try_from(timeout.saturating_add(Duration::from_millis(1))).unwrap_or(PollTimeout::MAX)
            }
        };
        let releases = self.engine.releases().tracker().and_then(|tracker| tracker.fd());
        let pressure = self.pressure.as_ref().map(MemoryPressure::fd);
        let readable = [Some(timer), releases, self.engine.heaps().change_fd()].into_iter().flatten();
        let mut fds: Vec<PollFd<'_>> = readable.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        fds.extend(pressure.map(|fd| PollFd::new(fd, PollFlags::POLLPRI)));
        match poll(&mut fds, timeout) {
            Ok(_) => Woken {
                by_timer: fds.first().is_some_and(|fd| has(fd, PollFlags::POLLIN)),
                by_pressure: fds.last().is_some_and(|fd| has(fd, PollFlags::POLLPRI)),
            },
            Err(Errno::EINTR) => Woken::default(),
            Err(errno) => {
                error!("maintenance: poll: {errno}");
                thread::sleep(Duration::from_secs(1));
                Woken::default()
            }
        }
    }
}

/// What a fill comes to when the thread that fills has ended.
fn no_filler() -> HeapFailure {
    HeapFailure { errno: libc::ESRCH, cause: "no thread fills the pool", kind: FailureKind::Other }
}

fn has(fd: &PollFd<'_>, event: PollFlags) -> bool {
    fd.revents().is_some_and(|events| events.contains(event))
}

/// True when an fd is readable now.
fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
