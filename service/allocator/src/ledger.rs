//! Who holds how much: the account that admission checks before any ioctl and that the dump prints.
//!
//! A request passes through three states: *reserved* (admitted, the kernel not yet asked), *held* (it left the
//! service) and released. Nothing is charged twice and nothing stays charged: a [`Reservation`] that is dropped gives
//! back what it took.
//!
//! The kernel has no upper bound of its own: a dma-heap ioctl that asks for more than there is ends in the OOM
//! killer (drivers/dma-buf/heaps/system_heap.c, v6.12). So a request beyond a budget, or beyond what memory is left,
//! must be refused here. Locks are held for arithmetic only, never over a system call.

mod account;
mod admission;
mod records;
mod slab;

pub use account::{Account, Beyond, ClientAccount, Entry, Snapshot};
pub use admission::Memory;
pub use records::Ticket;

use crate::error::Shortage;
use crate::ports::MemoryGauge;
use account::State;
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

/// A buffer's id, for people.
pub type BufferKey = u64;

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
            state: Mutex::new(State::new(policy.heaps.len(), page_bytes.max(1))),
            memory: Memory::default(),
            policy,
        }
    }

    /// Admits `count` buffers of `bytes` each, with `metadata_bytes` beside each, or says what there is too little of.
    /// Heaps are charged later, by [`Reservation::charge_heap`], when it is known which one gives the memory.
    ///
    /// `now_ms` is any monotonic clock in milliseconds; `gauge` is asked only when the last figure is old or the
    /// request comes near it.
    ///
    /// # Errors
    /// `ClientBudget`, `TotalBudget`, `Memory`, `RequestTooLarge` or `Tracked`.
    pub fn reserve(
        &self,
        client: Client,
        sizes: Sizes,
        now_ms: u64,
        gauge: &impl MemoryGauge,
    ) -> Result<Reservation<'_>, Shortage> {
        let limits = &self.policy.limits;
        let each = self.charged(sizes.bytes, sizes.metadata_bytes);
        let bytes = each.and_then(|each| each.checked_mul(u64::from(sizes.count)));
        let mut state = self.lock();
        let limit = limits.request_bytes.min(state.largest_bytes());
        let Some(bytes) = bytes.filter(|bytes| *bytes <= limit) else {
            return Err(Shortage::RequestTooLarge { bytes, limit });
        };
        state.admit_budgets(client.uid, bytes, sizes.count, limits)?;
        // From here on others see the bytes as taken: two large requests at once cannot both be let in.
        state.reserve(client.uid, bytes, sizes.count);
        drop(state);
        if let Err(shortage) = self.memory.admit(bytes, limits.reserve_bytes, now_ms, gauge) {
            self.lock().unreserve(client.uid, bytes, sizes.count);
            return Err(shortage);
        }
        Ok(Reservation { ledger: self, client, sizes, bytes, heaps: Vec::new() })
    }

    /// A held buffer's last reference has gone, or one of the parts that its [`About`] told of. Tickets of buffers that
    /// have gone are ignored.
    pub fn release(&self, ticket: Ticket) {
        self.lock().release(ticket, false);
    }

    /// A held buffer leaves the account, whatever lives of it: nobody can tell when it goes. Only where no release of it
    /// will be told any more: its ticket may be another buffer's, 65,536 buffers later.
    pub fn forget(&self, ticket: Ticket) {
        self.lock().release(ticket, true);
    }

    /// Admits a buffer that is to be kept ready: beside all that clients hold, within the budgets, and with twice the
    /// reserve left free. It is charged to no client, and [`Ledger::unpool`] ends the charge.
    pub fn pool(&self, heap: HeapId, bytes: u64, now_ms: u64, gauge: &impl MemoryGauge) -> bool {
        let Some(bytes) = self.pages(bytes) else { return false };
        let (total, budget) = self.budgets(heap);
        if !self.lock().pool(heap, bytes, total, budget) {
            return false;
        }
        let reserve = self.policy.limits.reserve_bytes.saturating_mul(2);
        let admitted = self.memory.admit(bytes, reserve, now_ms, gauge).is_ok();
        if !admitted {
            self.lock().unpool(heap, bytes);
        }
        admitted
    }

    /// The kernel gave the memory that [`Ledger::pool`] admitted, or did not.
    pub fn pool_asked(&self, heap: HeapId, bytes: u64, given: bool) {
        let bytes = self.pages(bytes).unwrap_or(0);
        if given {
            self.memory.granted(bytes);
        } else {
            self.memory.given_back(bytes);
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
        (self.policy.limits.total_bytes, self.policy.heap(heap).and_then(|heap| heap.budget_bytes))
    }

    /// Counts a refusal of any cause.
    pub fn count_refusal(&self, uid: u32) {
        self.lock().count_refusal(uid);
    }

    /// All figures of one moment, and the single buffers as [`Ledger::buffers`] finds them after it.
    pub fn snapshot(&self) -> Snapshot {
        let figures = self.figures();
        Snapshot { buffers: self.buffers(), ..figures }
    }

    /// All figures of one moment; the single buffers are left out.
    pub fn figures(&self) -> Snapshot {
        self.lock().figures()
    }

    /// The single buffers, oldest first: see [`Ledger::oldest`].
    pub fn buffers(&self) -> Vec<Entry> {
        self.oldest(u64::MAX, usize::MAX)
    }

    /// At most `limit` of the buffers that were given out at `born_by_ms` or before, the oldest, in that order.
    ///
    /// However many there are, nobody waits for the reader: they are looked at a few at a time, and the lock is free in
    /// between. Each that lives throughout is seen once; one that comes or goes meanwhile may be or not.
    pub fn oldest(&self, born_by_ms: u64, limit: usize) -> Vec<Entry> {
        let mut found: Vec<Entry> = Vec::new();
        // The youngest that is of interest: there are `limit` others that are older.
        let mut youngest = (born_by_ms, BufferKey::MAX);
        let mut next = Some(0);
        while let Some(from) = next {
            // Room for them all, so that no memory is asked for under the lock.
            found.reserve(usize::from(records::FEW));
            next = self.lock().next_buffers(from, |age| age <= youngest, &mut found);
            if found.len() > limit {
                found.sort_by_key(Entry::age);
                found.truncate(limit);
                youngest = found.last().map_or(youngest, Entry::age);
            }
        }
        found.sort_by_key(Entry::age);
        found
    }

    /// What one buffer is charged: both parts rounded up to pages, as the kernel does.
    fn charged(&self, bytes: u64, metadata_bytes: u64) -> Option<u64> {
        self.pages(bytes)?.checked_add(self.pages(metadata_bytes)?)
    }

    fn pages(&self, bytes: u64) -> Option<u64> {
        bytes.checked_next_multiple_of(self.page_bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock; if it did, the figures are still the best there are.
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

/// What the account remembers of a request's buffers, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The client's name for them.
    pub name: BufferName,
    /// What for.
    pub usage: Usage,
    /// Milliseconds of the service's clock.
    pub born_ms: u64,
    /// How often [`Ledger::release`] will be called for each of them before it has gone: once for each part that can live
    /// on without the others. With 0 they only grow the totals: bytes whose release nobody sees cannot be held against a
    /// budget.
    pub parts: u8,
}

/// Bytes that were admitted and are not yet in a client's hands. Dropped, it gives them back.
#[must_use]
pub struct Reservation<'l> {
    ledger: &'l Ledger,
    client: Client,
    sizes: Sizes,
    bytes: u64,
    heaps: Vec<(HeapId, u64)>,
}

impl Reservation<'_> {
    /// Charges one buffer's bytes to the heap that is about to be asked.
    ///
    /// # Errors
    /// `HeapBudget` when the heap's budget does not hold it.
    pub fn charge_heap(&mut self, heap: HeapId, bytes: u64) -> Result<(), Shortage> {
        let bytes = self.ledger.pages(bytes).unwrap_or(u64::MAX);
        let budget = self.ledger.policy.heap(heap).and_then(|heap| heap.budget_bytes);
        let mut state = self.ledger.lock();
        let held = state.charge_heap(heap, bytes, budget).err();
        drop(state);
        match held {
            None => {
                self.heaps.push((heap, bytes));
                Ok(())
            }
            Some(held) => Err(Shortage::HeapBudget {
                heap: self.ledger.policy.heap_name(heap).to_owned(),
                bytes,
                held,
                limit: budget.unwrap_or(u64::MAX),
            }),
        }
    }

    /// Takes back the last heap charge: that heap gave nothing.
    pub fn uncharge_heap(&mut self) {
        if let Some((heap, bytes)) = self.heaps.pop() {
            self.ledger.lock().uncharge_heap(heap, bytes);
        }
    }

    /// The buffers are the client's now: one id for each heap charge, in their order. Answers with their tickets; with none
    /// when [`About::parts`] is 0.
    pub fn commit(mut self, about: &About, ids: impl Iterator<Item = BufferKey>) -> Vec<Ticket> {
        let bytes = self.ledger.charged(self.sizes.bytes, self.sizes.metadata_bytes).unwrap_or(u64::MAX);
        let Client { uid, pid } = self.client;
        let About { name, usage, born_ms, parts } = *about;
        let mut tickets = Vec::with_capacity(if parts > 0 { self.heaps.len() } else { 0 });
        let mut shared = None;
        let mut state = self.ledger.lock();
        state.unreserve(uid, self.bytes, self.sizes.count);
        for ((heap, heap_bytes), id) in self.heaps.drain(..).zip(ids) {
            let entry = Entry { id, heap, heap_bytes, bytes, uid, pid, usage, born_ms, name };
            tickets.extend(state.hold(&entry, parts, &mut shared));
        }
        drop(state);
        self.ledger.memory.granted(self.bytes);
        self.bytes = 0;
        tickets
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut state = self.ledger.lock();
        for (heap, bytes) in self.heaps.drain(..) {
            state.uncharge_heap(heap, bytes);
        }
        state.unreserve(self.client.uid, self.bytes, self.sizes.count);
        drop(state);
        self.ledger.memory.given_back(self.bytes);
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(test)]
mod tests;
