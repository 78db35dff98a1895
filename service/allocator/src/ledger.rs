//! Who holds how much: the account that admission checks before any ioctl and that the dump prints.
//!
//! A request passes through three states: *reserved* (admitted, the kernel not yet asked), *held* (it left the
//! service) and released. Nothing is charged twice and nothing stays charged: a [`Reservation`] that is dropped gives
//! back what it took.
//!
//! A heap is charged with all that is in it: pixels, and in the policy's metadata heap the shared metadata and reserved
//! regions of every buffer. The machine's memory (`MemAvailable`) is asked only for heaps that are part of it: a carve-out
//! is bounded by its budget alone.
//!
//! The kernel has no upper bound of its own: a dma-heap ioctl that asks for more than there is ends in the OOM
//! killer (drivers/dma-buf/heaps/system_heap.c, v6.12). So a request beyond a budget, or beyond what memory is left,
//! must be refused here. Locks are held for arithmetic only, never over a system call.

mod account;
mod admission;
mod buffers;

pub use account::{Account, Beyond, ClientAccount, Snapshot};
pub use buffers::{short_inode, Entry, Ticket};

use crate::error::{Refusal, Shortage, Unsupported};
use crate::plan::size;
use crate::ports::MemoryGauge;
use account::State;
use admission::Memory;
use gralloc_buffer::usage::Usage;
use gralloc_buffer::BufferName;
use heaps_config::policy::{HeapId, Policy};
#[cfg(all(test, loom))]
use loom::sync::{Mutex, MutexGuard};
use std::sync::{Arc, PoisonError};
#[cfg(not(all(test, loom)))]
use std::sync::{Mutex, MutexGuard};

/// Most buffers that are remembered at once; a request beyond it is refused rather than forgotten.
pub const MAX_TRACKED: u64 = 65_536;

/// Most of them for one client, so that one that leaks small buffers leaves the others room.
pub const MAX_TRACKED_OF_ONE: u64 = MAX_TRACKED / 2;

/// Most buffers that are read under one taking of the lock.
pub const BUFFERS_AT_ONCE: usize = 256;

/// The account of one service.
pub struct Ledger {
    policy: Arc<Policy>,
    page_bytes: u64,
    state: Mutex<State>,
    memory: Memory,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The caller's uid: budgets are by uid.
    pub uid: u32,
    /// The caller's pid, for people.
    pub pid: i32,
}

impl Ledger {
    /// An empty account. `page_bytes` is the kernel's page size: what a heap gives is a multiple of it.
    pub fn new(policy: Arc<Policy>, page_bytes: u64) -> Ledger {
        Ledger {
            page_bytes: page_bytes.max(1),
            state: Mutex::new(State::new(policy.heaps.len(), policy.metadata_heap)),
            memory: Memory::default(),
            policy,
        }
    }

    /// Admits `count` buffers of `bytes` each, with `metadata_bytes` beside each, or says what there is too little of. The
    /// metadata is charged to its heap at once; the pixels' heaps by [`Reservation::charge_heap`], when it is known which one
    /// gives the memory.
    ///
    /// The machine's memory is asked for what will be part of it: the metadata, and the pixels where `assumed`, the heap that is
    /// taken to give them all, takes them from there. `now_ms` is any monotonic clock in milliseconds; `gauge` is read only when the
    /// last figure is old or the request comes near it.
    ///
    /// # Errors
    /// `Unsupported::RequestTooLarge` where no state of the account could hold it; else `ClientBudget`, `TotalBudget`,
    /// `HeapBudget` for the metadata's heap, `Memory` or `Tracked`.
    pub fn reserve(
        &self,
        client: Client,
        sizes: Sizes,
        assumed: HeapId,
        now_ms: u64,
        gauge: &impl MemoryGauge,
    ) -> Result<Reservation<'_>, Refusal> {
        let limits = &self.policy.limits;
        let limit = size::least(limits);
        let Some((pixels, metadata, bytes)) = sizes.charged(self.page_bytes).filter(|(.., bytes)| *bytes <= limit)
        else {
            let bytes = sizes.charged(self.page_bytes).map(|(.., bytes)| bytes);
            return Err(Unsupported::RequestTooLarge { bytes, limit }.into());
        };
        let metadata_heap = self.policy.metadata_heap;
        let mut state = self.lock();
        state.admit_budgets(client.uid, bytes, sizes.count, limits)?;
        if let Err(held) = state.charge_heap(metadata_heap, metadata, self.heap_budget(metadata_heap)) {
            return Err(self.heap_full(metadata_heap, metadata, held).into());
        }
        // From here on others see the bytes as taken: two large requests at once cannot both be let in.
        state.reserve(client.uid, bytes, sizes.count);
        drop(state);
        let mut reservation =
            Reservation { ledger: self, client, sizes, bytes, metadata, heaps: Vec::new(), in_flight: 0, unused: 0 };
        let pixels = self.of_system_memory(assumed, pixels);
        // Refused, the reservation is dropped, and gives back what it took.
        let bytes = pixels.saturating_add(self.of_system_memory(metadata_heap, metadata));
        reservation.admit_memory(bytes, now_ms, gauge)?;
        reservation.unused = pixels;
        Ok(reservation)
    }

    /// A held buffer's last reference was dropped, or that of one of its fds where more than one is watched. Tickets of
    /// buffers that were released are ignored. Answers with the buffer when that was the last.
    pub fn release(&self, ticket: Ticket) -> Option<Box<Entry>> {
        self.lock().release(ticket, false)
    }

    /// Notes the inode of a held buffer's pixels, for people: [`short_inode`] of its number, which is what an [`Entry`] has room for.
    pub fn note_inode(&self, ticket: Ticket, inode: u64) {
        self.lock().note_inode(ticket, short_inode(inode));
    }

    /// Stops tracking a buffer whose release cannot be observed, and answers with it.
    pub fn forget(&self, ticket: Ticket) -> Option<Box<Entry>> {
        self.lock().release(ticket, true)
    }

    /// Admits a buffer that is to be kept ready: beside all that clients hold, within the budgets, and with twice the
    /// reserve left free where it is system memory. It is charged to no client, and [`Ledger::unpool`] ends the charge.
    pub fn pool(&self, heap: HeapId, bytes: u64, now_ms: u64, gauge: &impl MemoryGauge) -> bool {
        let Some(bytes) = self.pages(bytes) else { return false };
        let (total, budget) = self.budgets(heap);
        if !self.lock().pool(heap, bytes, total, budget) {
            return false;
        }
        let reserve = self.policy.limits.reserve_bytes.saturating_mul(2);
        let admitted = !self.policy.is_system_memory(heap) || self.memory.admit(bytes, reserve, now_ms, gauge).is_ok();
        if !admitted {
            self.lock().unpool(heap, bytes);
        }
        admitted
    }

    /// The kernel gave the memory that [`Ledger::pool`] admitted, or did not.
    pub fn pool_asked(&self, heap: HeapId, bytes: u64, given: bool) {
        let bytes = self.pages(bytes).unwrap_or(0);
        match (self.policy.is_system_memory(heap), given) {
            (true, true) => self.memory.granted(bytes),
            (true, false) => self.memory.given_back(bytes),
            (false, _) => {}
        }
        if !given {
            self.lock().unpool(heap, bytes);
        }
    }

    /// A ready buffer went to a client, whose reservation it is charged to, or was dropped.
    pub fn unpool(&self, heap: HeapId, bytes: u64) {
        let bytes = self.pages(bytes).unwrap_or(0);
        self.lock().unpool(heap, bytes);
    }

    /// How much of what is ready has to go before a client's reservation may be allocated from a heap. Clients are
    /// admitted as if nothing were ready, because it gives way.
    pub fn pooled_beyond(&self, heap: HeapId) -> Beyond {
        let (total, budget) = self.budgets(heap);
        self.lock().pooled_beyond(heap, total, budget)
    }

    /// The budgets that bound what is ready: of all, and of a heap.
    fn budgets(&self, heap: HeapId) -> (Option<u64>, Option<u64>) {
        (self.policy.limits.total_bytes, self.heap_budget(heap))
    }

    /// True when the budgets of these heaps, and of the metadata's, hold such buffers with nothing else in them. More than
    /// that is refused at every try.
    pub(crate) fn holds_when_empty(&self, heaps: impl Iterator<Item = HeapId>, sizes: Sizes) -> bool {
        // What cannot be counted is refused as too large, with the figure.
        let (Some(each), Some((_, metadata, _))) = (self.pages(sizes.bytes), sizes.charged(self.page_bytes)) else {
            return true;
        };
        let metadata_heap = self.policy.metadata_heap;
        if self.heap_budget(metadata_heap).is_some_and(|budget| budget < metadata) {
            return false;
        }
        self.room_when_empty(heaps, each, metadata) >= u64::from(sizes.count)
    }

    /// Checks that the machine's memory, with nothing else in it than the reserve, holds what such buffers take from there: the
    /// metadata, and the pixels that none of these heaps with memory of its own has room for. More than that is refused at every
    /// try.
    ///
    /// # Errors
    /// `Unsupported::BeyondMachine`.
    pub fn machine_holds(
        &self,
        sizes: Sizes,
        heaps: impl Iterator<Item = HeapId>,
        gauge: &impl MemoryGauge,
    ) -> Result<(), Unsupported> {
        // What cannot be counted is refused as too large, with the figure.
        let (Some(total), Some((_, metadata, _)), Some(each)) =
            (gauge.total_bytes(), sizes.charged(self.page_bytes), self.pages(sizes.bytes))
        else {
            return Ok(());
        };
        let of_their_own =
            self.room_when_empty(heaps.filter(|heap| !self.policy.is_system_memory(*heap)), each, metadata);
        let pixels = u64::from(sizes.count).saturating_sub(of_their_own).saturating_mul(each);
        let bytes = pixels.saturating_add(self.of_system_memory(self.policy.metadata_heap, metadata));
        let limit = total.saturating_sub(self.policy.limits.reserve_bytes);
        if bytes > limit {
            return Err(Unsupported::BeyondMachine { bytes, limit });
        }
        Ok(())
    }

    /// How many buffers of so many bytes the budgets of these heaps hold, with nothing else in them than so much metadata in its
    /// heap.
    fn room_when_empty(&self, heaps: impl Iterator<Item = HeapId>, each: u64, metadata: u64) -> u64 {
        let room = |heap: HeapId| {
            let Some(budget) = self.heap_budget(heap) else { return u64::MAX };
            let room = budget.saturating_sub(if heap == self.policy.metadata_heap { metadata } else { 0 });
            room.checked_div(each).unwrap_or(u64::MAX)
        };
        heaps.map(room).fold(0, u64::saturating_add)
    }

    /// These bytes, when what the heap gives is part of MemAvailable.
    fn of_system_memory(&self, heap: HeapId, bytes: u64) -> u64 {
        if self.policy.is_system_memory(heap) {
            bytes
        } else {
            0
        }
    }

    /// Counts a refusal of any cause.
    pub fn count_refusal(&self, uid: u32) {
        self.lock().count_refusal(uid);
    }

    /// What clients hold of a heap now, bytes.
    pub fn live_bytes(&self, heap: HeapId) -> u64 {
        self.lock().live_bytes(heap)
    }

    /// Whose heaps it keeps account of.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// All statistics of one moment.
    pub fn statistics(&self) -> Snapshot {
        self.lock().statistics()
    }

    /// The next live buffers, oldest first: at most `most` of those after `after`, and at most [`BUFFERS_AT_ONCE`], so that
    /// nobody waits long for the reader. An empty page is the end.
    pub fn buffers_after(&self, after: Option<Ticket>, most: usize) -> Vec<(Ticket, Entry)> {
        let most = most.min(BUFFERS_AT_ONCE);
        // Room for them all, so that no memory is asked for under the lock.
        let mut page = Vec::with_capacity(most);
        self.lock().buffers().copy_after(after, most, &mut page);
        page
    }

    /// The live buffers, oldest first, read a page at a time: however many there are, the reader needs room for a page, and
    /// nobody waits longer than for one. Each buffer that lives throughout is seen once; one that is released meanwhile may
    /// be seen or not, and one that is given out meanwhile is not.
    pub fn buffers(&self) -> impl Iterator<Item = Entry> + '_ {
        let last = self.lock().buffers().last();
        let mut after = None;
        let pages = std::iter::from_fn(move || {
            let page = self.buffers_after(after, BUFFERS_AT_ONCE);
            after = Some(page.last().map(|(ticket, _)| *ticket)?);
            Some(page)
        });
        pages.flatten().take_while(move |(ticket, _)| Some(*ticket) <= last).map(|(_, entry)| entry)
    }

    fn heap_budget(&self, heap: HeapId) -> Option<u64> {
        self.policy.heap(heap).and_then(|heap| heap.budget_bytes)
    }

    fn heap_full(&self, heap: HeapId, bytes: u64, held: u64) -> Shortage {
        let limit = self.heap_budget(heap).unwrap_or(u64::MAX);
        Shortage::HeapBudget { heap: self.policy.heap_name(heap).to_owned(), bytes, held, limit }
    }

    fn pages(&self, bytes: u64) -> Option<u64> {
        bytes.checked_next_multiple_of(self.page_bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock; if it did, these statistics are still the best there are.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reservation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of one buffer.
    pub bytes: u64,
    /// Bytes of the shared metadata beside it, the reserved region included.
    pub metadata_bytes: u64,
    /// How many.
    pub count: u32,
}

impl Sizes {
    /// What a request is charged, bytes: pixels, metadata and both together, each rounded up to the kernel's pages, as the kernel
    /// does. `None` beyond 64 bits.
    pub fn charged(self, page_bytes: u64) -> Option<(u64, u64, u64)> {
        let in_pages = |bytes: u64| bytes.checked_next_multiple_of(page_bytes.max(1));
        let count = u64::from(self.count);
        let pixels = in_pages(self.bytes)?.checked_mul(count)?;
        let metadata = in_pages(self.metadata_bytes)?.checked_mul(count)?;
        Some((pixels, metadata, pixels.checked_add(metadata)?))
    }
}

/// What the account remembers of a request's buffers, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The client's name for them.
    pub name: BufferName,
    /// What for.
    pub usage: Usage,
    /// The requested format, as on the wire.
    pub format: i32,
    /// Milliseconds of the service's clock.
    pub born_ms: u64,
    /// How often [`Ledger::release`] will be called for each of them before it counts as released: once for each fd whose
    /// memory can live on without the other's. With 0 they only grow the totals: bytes whose release nobody sees cannot be
    /// held against a budget.
    pub watched_fds: u8,
}

/// Bytes that were admitted and are not yet in a client's hands. Dropped, it gives them back.
#[must_use]
pub struct Reservation<'l> {
    ledger: &'l Ledger,
    client: Client,
    sizes: Sizes,
    /// Charged to the client and in all.
    bytes: u64,
    /// Charged to the metadata heap.
    metadata: u64,
    /// One charge a buffer: what was charged to the heap that gives its pixels.
    heaps: Vec<(HeapId, u64)>,
    /// Of the machine's memory, admitted and not yet granted.
    in_flight: u64,
    /// Of that, what no heap was charged for yet.
    unused: u64,
}

impl Reservation<'_> {
    /// Charges one buffer's bytes to the heap that is about to be asked. The machine's memory is asked as well where the
    /// heap takes it from there and [`Ledger::reserve`] did not ask for it.
    ///
    /// # Errors
    /// `HeapBudget` when the heap's budget does not hold it; `Memory`. Nothing is charged then.
    pub fn charge_heap(
        &mut self,
        heap: HeapId,
        bytes: u64,
        now_ms: u64,
        gauge: &impl MemoryGauge,
    ) -> Result<(), Refusal> {
        let bytes = self.ledger.pages(bytes).unwrap_or(u64::MAX);
        let charged = self.ledger.lock().charge_heap(heap, bytes, self.ledger.heap_budget(heap));
        charged.map_err(|held| self.ledger.heap_full(heap, bytes, held))?;
        if self.ledger.policy.is_system_memory(heap) {
            if self.unused < bytes {
                if let Err(shortage) = self.admit_memory(bytes, now_ms, gauge) {
                    self.ledger.lock().uncharge_heap(heap, bytes);
                    return Err(shortage.into());
                }
                self.unused = self.unused.saturating_add(bytes);
            }
            self.unused = self.unused.saturating_sub(bytes);
        }
        self.heaps.push((heap, bytes));
        Ok(())
    }

    /// Takes back the last heap charge: that heap gave nothing. Memory that was admitted for it stays for the next.
    pub fn uncharge_heap(&mut self) {
        let Some((heap, bytes)) = self.heaps.pop() else { return };
        self.ledger.lock().uncharge_heap(heap, bytes);
        if self.ledger.policy.is_system_memory(heap) {
            self.unused = self.unused.saturating_add(bytes);
        }
    }

    fn admit_memory(&mut self, bytes: u64, now_ms: u64, gauge: &impl MemoryGauge) -> Result<(), Shortage> {
        if bytes > 0 {
            self.ledger.memory.admit(bytes, self.ledger.policy.limits.reserve_bytes, now_ms, gauge)?;
            self.in_flight = self.in_flight.saturating_add(bytes);
        }
        Ok(())
    }

    /// The buffers are the client's now: one id for each heap charge, in their order. Answers with their tickets; with none
    /// when [`About::watched_fds`] is 0.
    pub fn commit(mut self, about: &About, ids: impl Iterator<Item = u64>) -> Vec<Ticket> {
        let metadata_bytes = self.ledger.pages(self.sizes.metadata_bytes).unwrap_or(u64::MAX);
        let Client { uid, pid } = self.client;
        let About { name, usage, format, born_ms, watched_fds } = *about;
        let format = self.ledger.policy.place_of_format(format);
        // Before the lock, and one for all of them.
        let name: Arc<[u8]> = name.bytes().into();
        let mut tickets = Vec::with_capacity(if watched_fds > 0 { self.heaps.len() } else { 0 });
        let mut ids = ids;
        let mut state = self.ledger.lock();
        let heaps = self.give_back(&mut state);
        for ((heap, heap_bytes), id) in heaps.into_iter().zip(&mut ids) {
            let bytes = heap_bytes.saturating_add(metadata_bytes);
            tickets.extend(state.hold(Entry {
                id,
                heap,
                heap_bytes,
                bytes,
                uid,
                pid,
                usage,
                born_ms,
                name: Arc::clone(&name),
                format,
                watched_fds,
                inode: 0,
            }));
        }
        drop(state);
        let granted = self.in_flight.saturating_sub(self.unused);
        self.ledger.memory.granted(granted);
        self.in_flight = self.in_flight.saturating_sub(granted);
        tickets
    }

    /// Takes back all charges but the machine's memory; once. Answers with what the heaps were charged.
    fn give_back(&mut self, state: &mut State) -> Vec<(HeapId, u64)> {
        let heaps = std::mem::take(&mut self.heaps);
        for (heap, bytes) in &heaps {
            state.uncharge_heap(*heap, *bytes);
        }
        state.uncharge_heap(self.ledger.policy.metadata_heap, self.metadata);
        state.unreserve(self.client.uid, self.bytes, self.sizes.count);
        (self.bytes, self.metadata, self.sizes.count) = (0, 0, 0);
        heaps
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let ledger = self.ledger;
        self.give_back(&mut ledger.lock());
        ledger.memory.given_back(self.in_flight);
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(test)]
mod tests;
