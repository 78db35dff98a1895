//! Allocates what a plan says: exactly `count` buffers, or none and a reason.

use crate::error::{Internal, Refusal, Shortage, Unsupported};
use crate::ledger::{Client, Ledger, Reservation, Sizes};
use crate::plan::Plan;
use crate::ports::{FailureKind, HeapBackend, HeapFailure, MemoryGauge};
use gralloc_buffer::BufferName;
use heaps_config::policy::{HeapId, Policy};

/// One buffer as the heaps gave it. Dropping it frees it.
#[derive(Debug)]
pub struct Allocated<B> {
    /// The heap that gave the pixels.
    pub heap: HeapId,
    /// The pixels.
    pub buffer: B,
    /// The shared metadata with the reserved region.
    pub metadata: B,
}

/// All buffers of a request, and the account's hold on them.
pub struct Batch<'l, B> {
    /// Exactly as many as asked.
    pub buffers: Vec<Allocated<B>>,
    /// To be committed once the buffers are on their way; dropping it takes everything back.
    pub reservation: Reservation<'l>,
}

/// What allocation needs besides a plan.
pub struct Resources<'a, 's, H, G> {
    /// The policy that made the plan.
    pub policy: &'a Policy,
    /// The account.
    pub ledger: &'a Ledger,
    /// The heaps.
    pub heaps: &'s H,
    /// The machine's available memory.
    pub gauge: &'a G,
    /// Books in the ledger all releases that have happened: asked once, before a budget refuses or passes on to another
    /// heap. What was let go a moment ago is free.
    pub settle: &'s dyn Fn(),
    /// Gives back what is kept ready of the machine's memory; true when there was some. Asked once, before a want of that memory
    /// refuses or passes on to another heap.
    pub make_room: &'s dyn Fn() -> bool,
    /// Milliseconds of any monotonic clock.
    pub now_ms: u64,
}

/// Admits and allocates `count` buffers.
///
/// # Errors
/// `Unsupported` for a count that no state of the heaps could serve; a `Shortage` by cause. Nothing is left behind.
pub fn allocate<'l, H: HeapBackend, G: MemoryGauge>(
    plan: &Plan<'_>,
    count: i32,
    name: &BufferName,
    client: Client,
    resources: &Resources<'l, '_, H, G>,
) -> Result<Batch<'l, H::Buffer>, Refusal> {
    let count = u32::try_from(count).map_err(|_| Unsupported::Count(count))?;
    let limit = resources.policy.limits.buffers_per_request;
    if count > limit {
        return Err(Unsupported::TooManyBuffers { count, limit }.into());
    }
    let sizes = Sizes { bytes: plan.bytes, metadata_bytes: plan.metadata_bytes, count };
    if !resources.ledger.holds_when_empty(plan.candidates_in_order(), sizes) {
        return Err(Unsupported::BeyondHeapBudgets { count }.into());
    }
    machine_holds(plan, count, resources.ledger, resources.gauge)?;
    let mut tried = Tried::default();
    let mut reservation = reserve(plan, sizes, client, &mut tried, resources)?;
    let mut buffers = Vec::new();
    for _ in 0..count {
        let (heap, buffer) = from_first_heap(plan, name, &mut reservation, &mut tried, resources)?;
        let metadata_heap = resources.policy.metadata_heap;
        let metadata = resources
            .heaps
            .allocate_metadata(metadata_heap, plan.metadata_bytes, name)
            .map_err(|failure| refused(resources.policy, metadata_heap, plan.metadata_bytes, failure))?;
        buffers.push(Allocated { heap, buffer, metadata });
    }
    Ok(Batch { buffers, reservation })
}

/// Checks that the machine's memory, with nothing else in it, could hold what of `count` buffers the plan's other heaps cannot.
///
/// # Errors
/// `Unsupported::BeyondMachine`.
pub fn machine_holds(
    plan: &Plan<'_>,
    count: u32,
    ledger: &Ledger,
    gauge: &impl MemoryGauge,
) -> Result<(), Unsupported> {
    let sizes = Sizes { bytes: plan.bytes, metadata_bytes: plan.metadata_bytes, count };
    ledger.machine_holds(sizes, plan.candidates_in_order(), gauge)
}

/// Admits them as if the first heap gave all. When the machine lacks the memory for that, a heap with memory of its own may
/// still have it: then each buffer's heap is asked for in its turn.
fn reserve<'l, H: HeapBackend, G: MemoryGauge>(
    plan: &Plan<'_>,
    sizes: Sizes,
    client: Client,
    tried: &mut Tried,
    resources: &Resources<'l, '_, H, G>,
) -> Result<Reservation<'l>, Refusal> {
    let &Resources { policy, ledger, gauge, now_ms, .. } = resources;
    let mut admit = |heap| trying(tried, resources, || ledger.reserve(client, sizes, heap, now_ms, gauge));
    let mut heaps = plan.candidates_in_order();
    match admit(heaps.next().ok_or(Internal::NoCandidate)?) {
        Err(refusal) if refusal.is_memory() => match heaps.find(|heap| !policy.is_system_memory(*heap)) {
            Some(heap) => admit(heap),
            None => Err(refusal),
        },
        result => result,
    }
}

/// One buffer from the first of the plan's heaps that has it.
fn from_first_heap<H: HeapBackend, G: MemoryGauge>(
    plan: &Plan<'_>,
    name: &BufferName,
    reservation: &mut Reservation<'_>,
    tried: &mut Tried,
    resources: &Resources<'_, '_, H, G>,
) -> Result<(HeapId, H::Buffer), Refusal> {
    let mut last = Refusal::from(Internal::NoCandidate);
    for heap in plan.candidates_in_order() {
        let charge = || reservation.charge_heap(heap, plan.bytes, resources.now_ms, resources.gauge);
        if let Err(refusal) = trying(tried, resources, charge) {
            last = refusal;
            continue;
        }
        match resources.heaps.allocate(heap, plan.bytes, name) {
            Ok(buffer) => return Ok((heap, buffer)),
            Err(failure) => {
                reservation.uncharge_heap();
                last = refused(resources.policy, heap, plan.bytes, failure);
                if !failure.try_next() {
                    break;
                }
            }
        }
    }
    Err(last)
}

/// What was done for a request that would have been refused: each once.
#[derive(Default)]
struct Tried {
    settled: bool,
    made_room: bool,
}

/// Tries again after a budget's refusal, when all releases that have happened are booked, and after a want of the machine's
/// memory, when what was ready of it has been given back.
fn trying<T, H, G>(
    tried: &mut Tried,
    resources: &Resources<'_, '_, H, G>,
    mut attempt: impl FnMut() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    loop {
        match attempt() {
            Err(refusal) if refusal.is_budget() && !tried.settled => {
                tried.settled = true;
                (resources.settle)();
            }
            Err(refusal) if refusal.is_memory() && !tried.made_room => {
                tried.made_room = true;
                if !(resources.make_room)() {
                    return Err(refusal);
                }
            }
            result => return result,
        }
    }
}

/// What a client is told of a heap's failure at so many bytes.
pub fn refused(policy: &Policy, heap: HeapId, bytes: u64, failure: HeapFailure) -> Refusal {
    if failure.kind == FailureKind::Size {
        return Unsupported::BeyondAddresses { bytes }.into();
    }
    Shortage::Kernel { heap: policy.heap_name(heap).to_owned(), errno: failure.errno, cause: failure.cause }.into()
}

#[cfg(test)]
pub(crate) mod tests;
