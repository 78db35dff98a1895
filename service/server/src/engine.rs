//! Serves requests: a descriptor in, handles out. Without binder, and without what is done beside requests
//! ([`crate::maintenance`]).

use crate::clock::{millis, Clock};
use crate::heap_calls::HeapCalls;
use crate::ids::BufferIds;
use crate::latency::{micros, Slow, Times};
use crate::marks;
use crate::pool::PooledHeaps;
use crate::releases::Releases;
use crate::stats::Stats;
use crate::tracker::{self, Asker, Duplicates, Tracker};
use gralloc_allocator::allocate::{allocate, machine_holds, refused, Allocated, Batch, Resources};
use gralloc_allocator::ledger::{About, Client, Ledger, Reservation};
use gralloc_allocator::{plan, Internal, Plan, Refusal};
use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::layout::afbc::Headers;
use gralloc_buffer::Descriptor;
use gralloc_heaps::wakeup::Wakeup;
use gralloc_heaps::watch::Source;
use gralloc_heaps::{content, trace, Backend, MemInfo};
use heaps_config::policy::{HeapId, PoolBounds};
use heaps_config::Policy;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicUsize;
use std::sync::Arc;

/// One buffer, ready to travel.
pub struct Handle {
    /// The pixels.
    pub buffer: OwnedFd,
    /// Shared metadata and the reserved region.
    pub metadata: OwnedFd,
    /// What the ints say.
    pub info: BufferInfo,
}

/// What the buffers of one call from one heap have in common.
struct Content {
    heap: HeapId,
    /// But for the id.
    info: BufferInfo,
    /// The vendor's types of metadata.
    table: Option<Vec<u8>>,
    headers: Option<Headers>,
}

/// What `allocate2` answers.
pub struct Grant {
    /// Pixels from line to line.
    pub stride: i32,
    /// Exactly as many as asked.
    pub handles: Vec<Handle>,
}

/// What serves requests.
pub struct Engine {
    policy: Arc<Policy>,
    pool: Arc<PooledHeaps<Backend>>,
    gauge: MemInfo,
    ledger: Arc<Ledger>,
    releases: Releases,
    stats: Stats,
    ids: BufferIds,
    clock: Clock,
    /// That are with the heaps now.
    requests: AtomicUsize,
    pressure_events: bool,
}

/// How an engine is set up, beside its policy and heaps.
pub struct Setup {
    /// Wakes the maintenance thread.
    pub wakeup: Arc<Wakeup>,
    /// The ways to see releases that may be tried.
    pub release_sources: Vec<Source>,
    /// The kernel tells of memory pressure. For the dump.
    pub pressure_events: bool,
    /// The kernel's page size.
    pub page_bytes: u64,
    /// What the policy's pool comes to on this machine; `None` for no pool.
    pub pool: Option<PoolBounds>,
}

impl Engine {
    /// Puts the parts together. [`Engine::start_release_watch`] is still to be called.
    pub fn new(policy: Arc<Policy>, heaps: Backend, gauge: MemInfo, setup: Setup) -> Engine {
        let Setup { wakeup, release_sources, pressure_events, page_bytes, pool } = setup;
        let clock = Clock::start();
        let ledger = Arc::new(Ledger::new(Arc::clone(&policy), page_bytes));
        let shared = (Arc::clone(&policy), Arc::clone(&ledger), Arc::clone(&wakeup));
        Engine {
            pool: Arc::new(PooledHeaps::new(heaps, shared.0, pool, shared.1, shared.2, clock, page_bytes)),
            releases: Releases::new(release_sources, Arc::clone(&ledger), wakeup, clock),
            stats: Stats::new(&policy),
            ids: BufferIds::default(),
            policy,
            gauge,
            ledger,
            clock,
            requests: AtomicUsize::new(0),
            pressure_events,
        }
    }

    /// Begins to see releases, when there is a try due: by one thread.
    pub fn start_release_watch(&self) {
        self.releases.start(self.heaps(), self.policy.metadata_heap, self.clock.now());
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The heaps behind it.
    pub fn heaps(&self) -> &Backend {
        self.pool.heaps()
    }

    /// What is kept ready of them.
    pub fn pool(&self) -> &Arc<PooledHeaps<Backend>> {
        &self.pool
    }

    /// Where memory pressure is seen, for the dump; `None` without a pool.
    pub fn pressure_source(&self) -> Option<&'static str> {
        self.pool.bounds()?;
        Some(if self.pressure_events { "psi" } else { "MemAvailable" })
    }

    /// The account.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The memory figure.
    pub fn gauge(&self) -> &MemInfo {
        &self.gauge
    }

    /// The service's clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Milliseconds since the start.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// How releases are seen.
    pub fn releases(&self) -> &Releases {
        &self.releases
    }

    /// The release watch, if it runs.
    pub fn tracker(&self) -> Option<&Tracker> {
        self.releases.tracker()
    }

    /// Books releases that have happened, before statistics are read: see [`Tracker::settle`].
    pub fn settle(&self) -> bool {
        self.releases.settle(Asker::Statistics)
    }

    /// `isSupported`: true exactly when the plan stands, given the heaps that exist now, and the machine has the memory.
    pub fn is_supported(&self, descriptor: &Descriptor) -> bool {
        plan(descriptor, &self.policy, self.heaps().present())
            .is_ok_and(|plan| machine_holds(&plan, 1, &self.ledger, &self.gauge).is_ok())
    }

    /// `allocate2`.
    ///
    /// # Errors
    /// Every refusal, counted by cause; nothing is left behind.
    pub fn allocate(&self, descriptor: &Descriptor, count: i32, client: Client) -> Result<Grant, Refusal> {
        self.follow_trace();
        let _slice = trace::slice("allocate2");
        self.stats.count_request();
        self.try_allocate(descriptor, count, client).inspect_err(|refusal| {
            marks::refused(refusal, &descriptor.name, count, client);
            self.stats.count_refusal(refusal);
            self.ledger.count_refusal(client.uid);
        })
    }

    /// Marks what follows in the kernel's trace, or does so no longer, as Android's switch says now; and every counter's value
    /// where it has just been turned on.
    pub fn follow_trace(&self) {
        if trace::follow() {
            marks::all_live_bytes(&self.ledger);
            self.pool.mark_bytes();
        }
    }

    fn try_allocate(&self, descriptor: &Descriptor, count: i32, client: Client) -> Result<Grant, Refusal> {
        let asked = self.clock.now();
        let plan = self.plan(descriptor)?;
        let planned = self.clock.now();
        self.releases.admit(self.policy.limits.without_release_watch)?;
        let buffers = u64::try_from(count).unwrap_or(0);
        let bytes = plan.bytes.saturating_add(plan.metadata_bytes).saturating_mul(buffers);
        let calls = HeapCalls::begin(&self.pool, &self.requests, self.clock, bytes);
        let Batch { buffers, reservation } =
            self.allocate_planned(&plan, descriptor, count, client, millis(planned), &calls)?;
        let given = self.clock.now();
        let first_heap = buffers.first().map(|first| first.heap);
        let grant = self.reply(&plan, descriptor, buffers, reservation, millis(given))?;
        self.stats.count_rule(plan.rule);
        if let Some(heap) = first_heap {
            let answered = self.clock.now();
            let ioctl = calls.ioctl(given);
            let times = Times {
                total: answered.saturating_sub(asked),
                plan: planned.saturating_sub(asked),
                admission: given.saturating_sub(planned).saturating_sub(ioctl),
                ioctl,
                reply: answered.saturating_sub(given),
            };
            let &Descriptor { name, width, height, layer_count: layers, format, usage, reserved_size, .. } = descriptor;
            self.count_served(&Slow {
                times,
                release_wait: calls.release_wait(),
                pool_hits: calls.pool_hits(),
                heap,
                bytes: plan.bytes,
                count,
                name,
                width,
                height,
                layers,
                format,
                usage,
                reserved_bytes: reserved_size,
                client,
                answered_ms: millis(answered),
            });
        }
        Ok(grant)
    }

    fn plan(&self, descriptor: &Descriptor) -> Result<Plan<'_>, Refusal> {
        let _slice = trace::slice("plan");
        plan(descriptor, &self.policy, self.heaps().present())
    }

    /// Handles, the account and the release watch.
    fn reply(
        &self,
        plan: &Plan<'_>,
        descriptor: &Descriptor,
        buffers: Vec<Allocated<OwnedFd>>,
        reservation: Reservation<'_>,
        born_ms: u64,
    ) -> Result<Grant, Refusal> {
        let _slice = trace::slice("reply");
        let stride = i32::try_from(plan.stride).map_err(|_| Internal::Stride(plan.stride))?;
        let mut heaps: Vec<HeapId> =
            if trace::is_on() { buffers.iter().map(|buffer| buffer.heap).collect() } else { Vec::new() };
        heaps.dedup();
        let handles = self.handles(plan, descriptor, buffers)?;
        self.hold(plan, descriptor, &handles, reservation, born_ms)?;
        heaps.into_iter().for_each(|heap| marks::live_bytes(&self.ledger, heap));
        Ok(Grant { stride, handles })
    }

    fn count_served(&self, request: &Slow) {
        if trace::is_on() {
            let Slow { times, release_wait, pool_hits, heap, bytes, count, name, client, .. } = request;
            let (heap, wait) = (self.policy.heap_name(*heap), micros(*release_wait));
            trace::instant(format_args!(
                "served heap={heap} bytes={bytes} count={count} release_wait_us={wait} pool_hits={pool_hits} \
                 took_us={} uid={} name={name}",
                micros(times.total),
                client.uid
            ));
        }
        self.stats.count_served(request);
    }

    /// Allocates what was planned.
    fn allocate_planned<'e>(
        &'e self,
        plan: &Plan<'_>,
        descriptor: &Descriptor,
        count: i32,
        client: Client,
        now_ms: u64,
        calls: &HeapCalls<'_, Backend>,
    ) -> Result<Batch<'e, OwnedFd>, Refusal> {
        let resources = Resources {
            policy: &self.policy,
            ledger: &self.ledger,
            heaps: calls,
            gauge: &self.gauge,
            // In time or not: what is booked by then decides.
            settle: &|| calls.wait_for_releases(|| self.releases.settle(Asker::Client(client.uid))),
            make_room: &|| self.pool.make_room_in_system_memory(),
            now_ms,
        };
        allocate(plan, count, &descriptor.name, client, &resources)
    }

    fn handles(
        &self,
        plan: &Plan<'_>,
        descriptor: &Descriptor,
        buffers: Vec<Allocated<OwnedFd>>,
    ) -> Result<Vec<Handle>, Refusal> {
        let mut handles = Vec::with_capacity(buffers.len());
        let mut last: Option<Content> = None;
        for Allocated { heap, buffer, metadata } in buffers {
            let content = match last.take() {
                Some(content) if content.heap == heap => content,
                _ => self.content(plan, descriptor, heap)?,
            };
            self.write(plan, &content, &buffer, &metadata)?;
            handles.push(Handle { buffer, metadata, info: BufferInfo { id: self.ids.next_id(), ..content.info } });
            last = Some(content);
        }
        Ok(handles)
    }

    fn content(&self, plan: &Plan<'_>, descriptor: &Descriptor, id: HeapId) -> Result<Content, Internal> {
        let heap = self.policy.heap(id).ok_or(Internal::UnknownHeap(id))?;
        let (info, table) = plan.described(&self.policy, heap, 0, descriptor.name);
        Ok(Content { heap: id, info, table, headers: plan.initial_headers(heap) })
    }

    /// Writes what a new buffer and its metadata begin with, where that is not the kernel's zeros.
    fn write(&self, plan: &Plan<'_>, with: &Content, buffer: &OwnedFd, metadata: &OwnedFd) -> Result<(), Refusal> {
        let refusal = |heap, bytes| move |failure| refused(&self.policy, heap, bytes, failure);
        if let Some(headers) = &with.headers {
            let BufferInfo { layers, layer_bytes, .. } = with.info;
            content::write_headers(buffer.as_fd(), layers, layer_bytes, headers)
                .map_err(refusal(with.heap, plan.bytes))?;
        }
        let (dataspace, table) = (plan.request.dataspace, with.table.as_deref());
        content::write_metadata(metadata.as_fd(), dataspace, table, self.policy.vendor_metadata_bytes)
            .map_err(refusal(self.policy.metadata_heap, plan.metadata_bytes))
    }

    /// Books the buffers as the client's and has them watched.
    fn hold(
        &self,
        plan: &Plan<'_>,
        descriptor: &Descriptor,
        handles: &[Handle],
        reservation: Reservation<'_>,
        born_ms: u64,
    ) -> Result<(), Refusal> {
        let watched_fds = tracker::watched_fds(plan.request.reserved_bytes);
        let (name, format) = (descriptor.name, descriptor.format);
        let about = About { name, usage: plan.request.usage, format, born_ms, watched_fds };
        let ids = handles.iter().map(|handle| handle.info.id);
        let Some(tracker) = self.releases.tracker() else {
            reservation.commit(&About { watched_fds: 0, ..about }, ids);
            self.releases.count_unwatched(handles.len());
            return Ok(());
        };
        let duplicates = handles.iter().map(|handle| {
            let reserved = (watched_fds > 1).then(|| handle.metadata.as_fd());
            Duplicates::of(handle.buffer.as_fd(), reserved)
        });
        let duplicates = duplicates.collect::<Result<Vec<_>, _>>()?;
        tracker.watch(duplicates, reservation.commit(&about, ids));
        Ok(())
    }
}
