//! What is held and reserved, by heap, by client and in all: arithmetic under the ledger's lock, no system call.

use super::buffers::{Buffers, Entry, Ticket};
use super::{MAX_TRACKED, MAX_TRACKED_OF_ONE};
use crate::error::Shortage;
use heaps_config::policy::{HeapId, Limits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most clients that are remembered after they let everything go.
const MAX_IDLE_CLIENTS: usize = 256;

/// Statistics of a heap, a client or all together. A heap counts the buffers whose pixels it gave; its bytes are all that is
/// in it, shared metadata and reserved regions included, so that the heaps add up to the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Buffers that somebody still holds. (0 throughout where releases are not observed.)
    pub live_buffers: u64,
    /// Bytes that somebody still holds.
    pub live_bytes: u64,
    /// The most that `live_bytes` has been.
    pub high_water_bytes: u64,
    /// Buffers given out since the start.
    pub total_buffers: u64,
    /// Bytes given out since the start.
    pub total_bytes: u64,
}

impl Account {
    fn hold(&mut self, buffers: u64, bytes: u64, live: bool) {
        self.total_buffers = self.total_buffers.saturating_add(buffers);
        self.total_bytes = self.total_bytes.saturating_add(bytes);
        if live {
            self.live_buffers = self.live_buffers.saturating_add(buffers);
            self.live_bytes = self.live_bytes.saturating_add(bytes);
            self.high_water_bytes = self.high_water_bytes.max(self.live_bytes);
        }
    }

    fn release(&mut self, buffers: u64, bytes: u64) {
        self.live_buffers = self.live_buffers.saturating_sub(buffers);
        self.live_bytes = self.live_bytes.saturating_sub(bytes);
    }
}

/// An account and what is being allocated for it right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientAccount {
    /// What was given out.
    pub account: Account,
    /// Bytes admitted, not yet given out.
    pub reserved_bytes: u64,
    /// Buffers admitted, not yet given out.
    pub reserved_buffers: u64,
    /// Requests refused, whatever the cause.
    pub refusals: u64,
}

impl ClientAccount {
    fn reserve(&mut self, bytes: u64, count: u32) {
        self.reserved_bytes = self.reserved_bytes.saturating_add(bytes);
        self.reserved_buffers = self.reserved_buffers.saturating_add(u64::from(count));
    }

    fn unreserve(&mut self, bytes: u64, count: u32) {
        self.reserved_bytes = self.reserved_bytes.saturating_sub(bytes);
        self.reserved_buffers = self.reserved_buffers.saturating_sub(u64::from(count));
    }
}

/// All statistics of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Everything together.
    pub all: ClientAccount,
    /// By heap, in the policy's order.
    pub heaps: Vec<Account>,
    /// By client uid, ascending.
    pub clients: Vec<(u32, ClientAccount)>,
    /// Bytes kept ready by heap, in the policy's order: held by no client.
    pub pooled: Vec<u64>,
}

/// How much of what is ready stands in the way of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beyond {
    /// Of whichever heap.
    pub all_bytes: u64,
    /// Of one heap.
    pub heap_bytes: u64,
}

impl Beyond {
    fn max_of_both(self) -> u64 {
        self.all_bytes.max(self.heap_bytes)
    }
}

/// What the lock guards.
pub(super) struct State {
    all: ClientAccount,
    heaps: Vec<Account>,
    /// Bytes charged to each heap by requests under way.
    heaps_reserved: Vec<u64>,
    /// Bytes kept ready, by heap.
    pooled: Vec<u64>,
    clients: BTreeMap<u32, ClientAccount>,
    buffers: Buffers,
    metadata_heap: HeapId,
}

impl State {
    pub(super) fn new(heaps: usize, metadata_heap: HeapId) -> State {
        State {
            all: ClientAccount::default(),
            heaps: vec![Account::default(); heaps],
            heaps_reserved: vec![0; heaps],
            pooled: vec![0; heaps],
            clients: BTreeMap::new(),
            buffers: Buffers::default(),
            metadata_heap,
        }
    }

    /// Checks the budgets of the client and of all, and that so many buffers more can be remembered.
    pub(super) fn admit_budgets(&self, uid: u32, bytes: u64, count: u32, limits: &Limits) -> Result<(), Shortage> {
        let client = self.clients.get(&uid).copied().unwrap_or_default();
        self.admit_count(uid, &client, count)?;
        if let Err((held, limit)) = fits(bytes, client.account.live_bytes, client.reserved_bytes, limits.client_bytes) {
            return Err(Shortage::ClientBudget { uid, bytes, held, limit });
        }
        if let Err((held, limit)) =
            fits(bytes, self.all.account.live_bytes, self.all.reserved_bytes, limits.total_bytes)
        {
            return Err(Shortage::TotalBudget { bytes, held, limit });
        }
        Ok(())
    }

    fn admit_count(&self, uid: u32, client: &ClientAccount, count: u32) -> Result<(), Shortage> {
        let held = |of: &ClientAccount| of.account.live_buffers.saturating_add(of.reserved_buffers);
        for (uid, held, limit) in [(Some(uid), held(client), MAX_TRACKED_OF_ONE), (None, held(&self.all), MAX_TRACKED)]
        {
            if held.saturating_add(u64::from(count)) > limit {
                return Err(Shortage::Tracked { uid, count, held, limit });
            }
        }
        Ok(())
    }

    pub(super) fn reserve(&mut self, uid: u32, bytes: u64, count: u32) {
        self.clients.entry(uid).or_default().reserve(bytes, count);
        self.all.reserve(bytes, count);
    }

    pub(super) fn unreserve(&mut self, uid: u32, bytes: u64, count: u32) {
        if let Some(client) = self.clients.get_mut(&uid) {
            client.unreserve(bytes, count);
        }
        self.all.unreserve(bytes, count);
    }

    /// Charges a heap; `Err` holds what it has in use already.
    pub(super) fn charge_heap(&mut self, heap: HeapId, bytes: u64, budget: Option<u64>) -> Result<(), u64> {
        let index = usize::from(heap.0);
        let live = self.heaps.get(index).map_or(0, |account| account.live_bytes);
        let Some(reserved) = self.heaps_reserved.get_mut(index) else { return Err(0) };
        fits(bytes, live, *reserved, budget).map_err(|(held, _)| held)?;
        *reserved = reserved.saturating_add(bytes);
        Ok(())
    }

    pub(super) fn uncharge_heap(&mut self, heap: HeapId, bytes: u64) {
        if let Some(reserved) = self.heaps_reserved.get_mut(usize::from(heap.0)) {
            *reserved = reserved.saturating_sub(bytes);
        }
    }

    /// Charges a buffer that is to be kept ready, if the budgets hold it beside everything else.
    pub(super) fn pool(&mut self, heap: HeapId, bytes: u64, total: Option<u64>, budget: Option<u64>) -> bool {
        let over = |state: &State| state.pooled_beyond(heap, total, budget).max_of_both() > 0;
        let Some(pooled) = self.pooled.get_mut(usize::from(heap.0)) else { return false };
        *pooled = pooled.saturating_add(bytes);
        let admitted = !over(self);
        if !admitted {
            self.unpool(heap, bytes);
        }
        admitted
    }

    pub(super) fn unpool(&mut self, heap: HeapId, bytes: u64) {
        if let Some(pooled) = self.pooled.get_mut(usize::from(heap.0)) {
            *pooled = pooled.saturating_sub(bytes);
        }
    }

    /// By how much ready buffers and everything else together pass the budgets: at most what is ready.
    pub(super) fn pooled_beyond(&self, heap: HeapId, total: Option<u64>, budget: Option<u64>) -> Beyond {
        let index = usize::from(heap.0);
        let of_heap = self.pooled.get(index).copied().unwrap_or(0);
        let pooled = self.pooled.iter().copied().fold(0, u64::saturating_add);
        let held = self.all.account.live_bytes.saturating_add(self.all.reserved_bytes);
        let heap_live = self.heaps.get(index).map_or(0, |account| account.live_bytes);
        let heap_held = heap_live.saturating_add(self.heaps_reserved.get(index).copied().unwrap_or(0));
        let beyond = |held: u64, pooled: u64, limit: Option<u64>| {
            limit.map_or(0, |limit| held.saturating_add(pooled).saturating_sub(limit).min(pooled))
        };
        Beyond { all_bytes: beyond(held, pooled, total), heap_bytes: beyond(heap_held, of_heap, budget) }
    }

    /// Books a buffer as held. Without a release to wait for, only the totals grow.
    pub(super) fn hold(&mut self, entry: Entry) -> Option<Ticket> {
        let Entry { heap, heap_bytes, bytes, uid, .. } = entry;
        let metadata_bytes = entry.metadata_bytes();
        let ticket = if entry.watched_fds > 0 { self.buffers.insert(entry) } else { None };
        let live = ticket.is_some();
        if let Some(account) = self.heaps.get_mut(usize::from(heap.0)) {
            account.hold(1, heap_bytes, live);
        }
        if let Some(account) = self.heaps.get_mut(usize::from(self.metadata_heap.0)) {
            account.hold(0, metadata_bytes, live);
        }
        self.clients.entry(uid).or_default().account.hold(1, bytes, live);
        self.all.account.hold(1, bytes, live);
        ticket
    }

    pub(super) fn release(&mut self, ticket: Ticket, whole: bool) -> Option<Box<Entry>> {
        let entry = self.buffers.release(ticket, whole)?;
        if let Some(account) = self.heaps.get_mut(usize::from(entry.heap.0)) {
            account.release(1, entry.heap_bytes);
        }
        if let Some(account) = self.heaps.get_mut(usize::from(self.metadata_heap.0)) {
            account.release(0, entry.metadata_bytes());
        }
        if let Some(client) = self.clients.get_mut(&entry.uid) {
            client.account.release(1, entry.bytes);
        }
        self.all.account.release(1, entry.bytes);
        self.forget_idle_clients();
        Some(entry)
    }

    pub(super) fn note_inode(&mut self, ticket: Ticket, inode: u32) {
        self.buffers.note_inode(ticket, inode);
    }

    pub(super) fn live_bytes(&self, heap: HeapId) -> u64 {
        self.heaps.get(usize::from(heap.0)).map_or(0, |account| account.live_bytes)
    }

    pub(super) fn count_refusal(&mut self, uid: u32) {
        self.all.refusals = self.all.refusals.saturating_add(1);
        let client = self.clients.entry(uid).or_default();
        client.refusals = client.refusals.saturating_add(1);
        self.forget_idle_clients();
    }

    /// The live buffers.
    pub(super) fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    pub(super) fn statistics(&self) -> Snapshot {
        Snapshot {
            all: self.all,
            heaps: self.heaps.clone(),
            pooled: self.pooled.clone(),
            clients: self.clients.iter().map(|(uid, client)| (*uid, *client)).collect(),
        }
    }

    /// Uids come and go (isolated apps have one each): those that hold nothing are forgotten beyond a bound.
    fn forget_idle_clients(&mut self) {
        if self.clients.len() > MAX_IDLE_CLIENTS {
            self.clients.retain(|_, client| client.account.live_bytes > 0 || client.reserved_bytes > 0);
        }
    }
}

/// `Err((held, budget))` when `bytes` more do not fit the budget.
fn fits(bytes: u64, live: u64, reserved: u64, budget: Option<u64>) -> Result<(), (u64, u64)> {
    let Some(budget) = budget else { return Ok(()) };
    let held = live.saturating_add(reserved);
    match held.checked_add(bytes) {
        Some(sum) if sum <= budget => Ok(()),
        _ => Err((held, budget)),
    }
}
