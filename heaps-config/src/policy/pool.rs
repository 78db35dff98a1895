//! Buffers kept ready: what a policy says of them, and what its bounds come to on a machine.

use super::{Heap, HeapId, Policy};
use crate::bytes::Bound;
use gralloc_buffer::Descriptor;

/// Most buffers ready at once: each is an fd of the service.
pub const MOST_READY: u32 = 64;

/// What a part of the machine's memory comes to at least: two frames of 1920 × 1080 in NV12. With less, a small machine would run
/// a thread that keeps nothing of what a camera asks for.
pub const LEAST_OF_MACHINE: u64 = 8 << 20;

/// Buffers kept ready before they are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPolicy {
    /// Most bytes ready at once.
    pub total: Bound,
    /// Most bytes ready of each heap, by its index.
    pub heaps: Vec<Bound>,
    /// Fill ahead of streams that are recognised by their first buffer.
    pub streams: bool,
    /// How long a buffer that nobody asks for stays, in milliseconds.
    pub idle_ms: u64,
    /// What is kept ready whatever was asked for.
    pub ready: Vec<ReadyEntry>,
}

impl PoolPolicy {
    /// Most bytes ready of one heap.
    pub fn of_heap(&self, heap: HeapId) -> Bound {
        self.heaps.get(usize::from(heap.0)).copied().unwrap_or(Bound::Bytes(0))
    }
}

/// Buffers of one descriptor that are kept ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyEntry {
    /// The policy's name for it.
    pub name: String,
    /// What will be asked for.
    pub descriptor: Descriptor,
    /// How many.
    pub count: u32,
}

/// The memory that a policy's parts are of.
pub struct Memory<'a> {
    /// The machine's, MemTotal; `None` where it is not known.
    pub total_bytes: Option<u64>,
    /// The kernel's page size.
    pub page_bytes: u64,
    /// The region behind a heap, where the kernel tells of it.
    pub region_bytes: &'a dyn Fn(HeapId) -> Option<u64>,
}

impl Memory<'_> {
    /// In whole pages, rounded down.
    fn part(&self, of: u64, percent: u8) -> u64 {
        let part = of.saturating_mul(u64::from(percent)) / 100;
        part.saturating_sub(part.checked_rem(self.page_bytes).unwrap_or(0))
    }

    /// A bound on the machine's memory; nothing where that is not known.
    fn of_machine(&self, bound: Bound) -> u64 {
        match (bound, self.total_bytes) {
            (Bound::Bytes(bytes), _) => bytes,
            (Bound::Percent(percent), Some(total)) => self.part(total, percent).max(LEAST_OF_MACHINE).min(total),
            (Bound::Percent(_), None) => 0,
        }
    }

    /// A bound on a heap. A part of what is its own is of its budget, without one of its region; where neither is told nothing,
    /// for a part of the machine's memory could be all of a small region.
    fn of_heap(&self, bound: Bound, id: HeapId, heap: &Heap) -> u64 {
        match bound {
            Bound::Percent(percent) if heap.has_own_memory() => {
                let own = heap.budget_bytes.or_else(|| (self.region_bytes)(id));
                own.map_or(0, |own| self.part(own, percent))
            }
            bound => self.of_machine(bound),
        }
    }
}

/// What a policy's bounds come to on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolBounds {
    /// Most bytes ready at once.
    pub total_bytes: u64,
    /// Most bytes ready of each heap, by its index; 0 for none of it.
    pub heap_bytes: Vec<u64>,
    /// Fill ahead of streams that are recognised by their first buffer.
    pub streams: bool,
    /// How long a buffer that nobody asks for stays, in milliseconds.
    pub idle_ms: u64,
}

impl PoolBounds {
    /// Most bytes ready of one heap.
    pub fn heap_bytes(&self, heap: HeapId) -> u64 {
        self.heap_bytes.get(usize::from(heap.0)).copied().unwrap_or(0)
    }
}

impl Policy {
    /// What the pool's bounds come to; `None` without a pool.
    pub fn pool_bounds(&self, memory: &Memory<'_>) -> Option<PoolBounds> {
        let pool = self.pool.as_ref()?;
        let total_bytes = memory.of_machine(pool.total);
        let of_heap = |(id, heap): (HeapId, &Heap)| memory.of_heap(pool.of_heap(id), id, heap).min(total_bytes);
        Some(PoolBounds {
            total_bytes,
            heap_bytes: self.heap_ids().map(of_heap).collect(),
            streams: pool.streams,
            idle_ms: pool.idle_ms,
        })
    }
}
