//! What the service does, without binder: a descriptor in, handles out.

use crate::filler::Fills;
use crate::housekeeper::{is_readable, Chores, Waker};
use crate::ids::BufferIds;
use crate::pool::Pool;
use crate::stats::Stats;
use crate::stock::Stocked;
use crate::tracker::{self, Tracker};
use gralloc_allocator::allocate::{allocate, Allocated, Batch, Resources};
use gralloc_allocator::ledger::{About, Client, Ledger, Reservation};
use gralloc_allocator::pool::Cause;
use gralloc_allocator::ports::{HeapBackend, MemoryGauge};
use gralloc_allocator::{plan, Plan, Refusal, Shortage};
use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::Descriptor;
use gralloc_heaps::watch::Source;
use gralloc_heaps::{sched, Backend, MemoryPressure};
use heaps_config::Policy;
use log::{info, warn};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// One buffer, ready to travel.
pub struct Handle {
    /// The pixels.
    pub buffer: OwnedFd,
    /// Shared metadata and the reserved region.
    pub metadata: OwnedFd,
    /// What the ints say.
    pub info: BufferInfo,
}

/// What `allocate2` answers.
pub struct Grant {
    /// Pixels from line to line.
    pub stride: i32,
    /// Exactly as many as asked.
    pub handles: Vec<Handle>,
}

/// The service's parts, put together.
pub struct Engine<H, G> {
    policy: Arc<Policy>,
    heaps: H,
    gauge: G,
    ledger: Arc<Ledger>,
    /// Empty where the kernel does not say when a buffer dies, and while there is no buffer to try it with.
    tracker: OnceLock<Tracker>,
    waker: Arc<Waker>,
    stats: Stats,
    ids: BufferIds,
    started: Instant,
    /// Requests that are with the heaps now.
    allocating: AtomicUsize,
    /// Set where there is a pool and the kernel tells when memory runs short.
    pressure: Option<MemoryPressure>,
    release_sources: Vec<Source>,
}

impl<H: HeapBackend<Buffer = OwnedFd>, G: MemoryGauge> Engine<H, G> {
    /// Puts the parts together.
    pub fn new(
        policy: Arc<Policy>,
        heaps: H,
        gauge: G,
        ledger: Arc<Ledger>,
        waker: Arc<Waker>,
        pressure: Option<MemoryPressure>,
        release_sources: Vec<Source>,
    ) -> Self {
        let stats = Stats::new(&policy);
        let (tracker, ids, started) = (OnceLock::new(), BufferIds::default(), Instant::now());
        let allocating = AtomicUsize::new(0);
        Engine {
            policy,
            heaps,
            gauge,
            ledger,
            tracker,
            waker,
            stats,
            ids,
            started,
            allocating,
            pressure,
            release_sources,
        }
    }

    /// Begins to see releases, if there is a way and the heap to try it with.
    pub fn watch_releases(&self) {
        let heap = self.policy.metadata_heap;
        if self.tracker.get().is_some() || !self.heaps.present().contains(heap) {
            return;
        }
        let (ledger, waker) = (Arc::clone(&self.ledger), Arc::clone(&self.waker));
        match Tracker::choose(&self.release_sources, &self.heaps, heap, ledger, waker) {
            Ok(tracker) => {
                for (place, (source, _)) in tracker.sources().enumerate() {
                    info!("releases are seen through {source}{}", if place > 0 { " beyond that" } else { "" });
                }
                // Lost only to another thread that has just set one as good.
                let _ = self.tracker.set(tracker);
            }
            Err(why) => warn!("live bytes are unknown, and budgets of clients and heaps bound nothing: {why}"),
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The heaps behind it.
    pub fn heaps(&self) -> &H {
        &self.heaps
    }

    /// The account.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The memory figure, for the dump.
    pub fn gauge(&self) -> &G {
        &self.gauge
    }

    /// Milliseconds since the start.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// How releases are seen, if they are.
    pub fn tracker(&self) -> Option<&Tracker> {
        self.tracker.get()
    }

    /// Books all releases that have happened.
    pub fn settle(&self) {
        if let Some(tracker) = self.tracker.get() {
            tracker.settle();
        }
    }

    /// `isSupported`: true exactly when the plan stands, given the heaps that exist now.
    pub fn is_supported(&self, descriptor: &Descriptor) -> bool {
        plan(descriptor, &self.policy, self.heaps.present()).is_ok()
    }

    /// `allocate2`.
    ///
    /// # Errors
    /// Every refusal, counted by cause; nothing is left behind.
    pub fn allocate(&self, descriptor: &Descriptor, count: i32, client: Client) -> Result<Grant, Refusal> {
        self.stats.count_request();
        self.try_allocate(descriptor, count, client).inspect_err(|refusal| {
            self.stats.count_refusal(refusal);
            self.ledger.count_refusal(client.uid);
        })
    }

    fn try_allocate(&self, descriptor: &Descriptor, count: i32, client: Client) -> Result<Grant, Refusal> {
        let asked = Instant::now();
        let plan = plan(descriptor, &self.policy, self.heaps.present())?;
        let Batch { buffers, reservation } = self.allocate_planned(&plan, descriptor, count, client)?;
        let first_heap = buffers.first().map(|first| first.heap);
        let stride = i32::try_from(plan.stride).map_err(|_| Shortage::Bookkeeping("stride"))?;
        let handles: Option<Vec<Handle>> =
            buffers.into_iter().map(|buffer| self.handle(&plan, descriptor, buffer)).collect();
        // A plan names heaps of its own policy only.
        let handles = handles.ok_or(Shortage::Bookkeeping("such heap"))?;
        self.hold(&plan, descriptor, &handles, reservation)?;
        self.stats.count_rule(plan.rule);
        if let Some(heap) = first_heap {
            self.stats.count_latency(heap, asked.elapsed());
        }
        Ok(Grant { stride, handles })
    }

    /// Allocates; a refusal for lack of memory is looked at once more after what is ready was given back.
    fn allocate_planned(
        &self,
        plan: &Plan<'_>,
        descriptor: &Descriptor,
        count: i32,
        client: Client,
    ) -> Result<Batch<'_, OwnedFd>, Refusal> {
        let resources = Resources {
            policy: &self.policy,
            ledger: &self.ledger,
            heaps: &self.heaps,
            gauge: &self.gauge,
            settle: &|| self.settle(),
            now_ms: self.now_ms(),
        };
        let allocate = || allocate(plan, count, &descriptor.name, client, &resources);
        let allocate = || self.beside_others(plan, count, allocate);
        match allocate() {
            Err(Refusal::Shortage(Shortage::Memory { .. })) if self.heaps.give_way() => allocate(),
            result => result,
        }
    }

    fn handle(&self, plan: &Plan<'_>, descriptor: &Descriptor, allocated: Allocated<OwnedFd>) -> Option<Handle> {
        let heap = self.policy.heap(allocated.heap)?;
        let info = plan.buffer_info(heap, self.ids.next_id(), descriptor.name);
        Some(Handle { buffer: allocated.buffer, metadata: allocated.metadata, info })
    }

    /// Books the buffers as the client's and has them watched.
    fn hold(
        &self,
        plan: &Plan<'_>,
        descriptor: &Descriptor,
        handles: &[Handle],
        reservation: Reservation<'_>,
    ) -> Result<(), Refusal> {
        let watches = match self.tracker.get() {
            Some(tracker) => Some((tracker, tracker.prepare(handles)?)),
            None => None,
        };
        let parts = if watches.is_some() { tracker::parts(plan.request.reserved_bytes) } else { 0 };
        let about = About { name: descriptor.name, usage: plan.request.usage, born_ms: self.now_ms(), parts };
        let tickets = reservation.commit(&about, handles.iter().map(|handle| handle.info.id));
        if let Some((tracker, duplicates)) = watches {
            tracker.watch(duplicates, tickets);
        }
        Ok(())
    }
}

/// From so many bytes on the kernel zeroes for 0.1 to 1 ms or longer: worth two system calls to change class.
const LONG_BYTES: u64 = 1 << 20;

impl<H, G> Engine<H, G> {
    /// Runs an allocation. A long one that begins while other requests are being served leaves the real-time class: in it,
    /// this thread would keep a processor from theirs until all is zeroed.
    fn beside_others<T>(&self, plan: &Plan<'_>, count: i32, allocate: impl FnOnce() -> T) -> T {
        let others = self.allocating.fetch_add(1, Ordering::Relaxed);
        let buffers = u64::try_from(count).unwrap_or(0);
        let bytes = plan.bytes.saturating_add(plan.metadata_bytes).saturating_mul(buffers);
        let result = if others == 0 || bytes < LONG_BYTES {
            allocate()
        } else {
            let (result, back) = sched::in_normal_class(allocate);
            if let Err(error) = back {
                warn!("this thread stays in the normal scheduling class from here on: {error}");
            }
            result
        };
        self.allocating.fetch_sub(1, Ordering::Relaxed);
        result
    }
}

/// What the service does beside requests, for the heaps that the kernel crate has.
impl<G: MemoryGauge + Send + Sync> Chores for Engine<Stocked<Backend>, G> {
    fn ready_fds(&self) -> Vec<BorrowedFd<'_>> {
        let releases = self.tracker.get().and_then(|tracker| tracker.fd());
        releases.into_iter().chain(self.heaps.heaps().change_fd()).collect()
    }

    fn pressure_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pressure.as_ref().map(MemoryPressure::fd)
    }

    fn relieve(&self) {
        if self.pressure.as_ref().is_some_and(|pressure| !pressure.is_real()) {
            return;
        }
        if let Some(pool) = self.heaps.pool() {
            if pool.drain(Cause::Pressure) {
                info!("memory runs short: nothing is kept ready for a while");
            }
        }
    }

    fn interval(&self) -> Option<Duration> {
        self.tracker.get().and_then(|tracker| tracker.interval())
    }

    fn run(&self) {
        self.look_for_heaps();
        if let Some(tracker) = self.tracker.get() {
            tracker.tend();
        }
        self.heaps.refill();
    }
}

/// How often the memory figure is looked at where the kernel tells of no pressure, while something is ready.
const MEMORY_CHECK: Duration = Duration::from_secs(1);

/// Fills from the heaps themselves: the pool's own way out would be a circle.
impl<G: MemoryGauge + Send + Sync> Fills for Engine<Stocked<Backend>, G> {
    fn pool(&self) -> Option<&Pool> {
        self.heaps.pool()
    }

    fn fill(&self) -> bool {
        self.heaps.pool().is_some_and(|pool| pool.fill(self.heaps.heaps(), &self.gauge))
    }

    fn look_at_memory(&self) -> Option<Duration> {
        let looks = |pool: &Pool| self.pressure.is_none() && pool.figures().ready_buffers > 0;
        if !self.heaps.pool().is_some_and(looks) {
            return None;
        }
        if self.memory_is_short() {
            self.relieve();
            return None;
        }
        Some(MEMORY_CHECK)
    }
}

impl<G: MemoryGauge> Engine<Stocked<Backend>, G> {
    /// Where memory pressure is seen, for the dump; `None` without a pool.
    pub fn pressure_source(&self) -> Option<&'static str> {
        self.heaps.pool()?;
        Some(if self.pressure.is_some() { "psi" } else { "MemAvailable" })
    }

    /// Has the pool keep ready what the policy lists, from the heaps that there are now.
    pub fn keep_ready(&self) {
        let (Some(pool), Some(policy)) = (self.heaps.pool(), &self.policy.pool) else { return };
        let mut entries = Vec::new();
        for entry in &policy.ready {
            match plan(&entry.descriptor, &self.policy, self.heaps.present()) {
                Ok(plan) => {
                    let heap = plan.candidates_in_order().next();
                    entries.extend(heap.map(|heap| (heap, plan.bytes, entry.count)));
                }
                Err(refusal) => warn!("\"{}\" is not kept ready: {refusal}", entry.name),
            }
        }
        pool.keep_ready(&entries);
    }

    /// The pool is filled only while twice the reserve stays free; with less than that and a half it goes.
    fn memory_is_short(&self) -> bool {
        let reserve = self.policy.limits.reserve_bytes;
        let bound = reserve.saturating_add(reserve / 2);
        self.gauge.available_bytes().is_some_and(|available| available < bound)
    }

    /// Opens heaps that have come and closes those that have gone, when the kernel says that nodes changed. Where it
    /// cannot say, every look is for real.
    fn look_for_heaps(&self) {
        let heaps = self.heaps.heaps();
        if !heaps.change_fd().map_or(true, is_readable) {
            return;
        }
        let change = heaps.refresh();
        self.watch_releases();
        self.keep_ready();
        for (id, heap) in self.policy.heap_ids() {
            if change.appeared.contains(id) {
                info!("heap {} has come", heap.name);
            }
            if change.vanished.contains(id) {
                warn!("heap {} has gone", heap.name);
            }
        }
    }
}
