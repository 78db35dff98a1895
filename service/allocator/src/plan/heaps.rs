//! Which of a rule's heaps can give a buffer.
//!
//! Protected content never leaves protected memory, whatever the policy says: a request with `PROTECTED` gets a
//! protected heap or nothing, and a request without it never gets one. The policy's validation says so too: defence in
//! depth.

use crate::error::{Refusal, Unsupported};
use crate::plan::size;
use crate::plan::trace::{Sizes, Tracer, Verdict};
use crate::request::Request;
use gralloc_buffer::usage::Usage;
use heaps_config::policy::{Action, Heap, HeapId, HeapSet, Policy, Rule};

/// The rule's list of heaps for this usage: the one with uncached twins, or the one as written.
///
/// # Errors
/// `Unsupported::Denied` when the rule refuses.
pub fn of_rule<'p>(request: &Request, rule: &'p Rule) -> Result<&'p [HeapId], Refusal> {
    match &rule.action {
        Action::Deny(reason) => Err(Unsupported::Denied { rule: rule.name.clone(), reason: reason.clone() }.into()),
        Action::Heaps { heaps, uncached, cached_when } => {
            let cached = uncached.is_empty() || cached_when.iter().any(|term| term.holds(request.usage));
            Ok(if cached { heaps } else { uncached })
        }
    }
}

/// Judges one heap.
fn judge(request: &Request, id: HeapId, sizes: &Sizes, policy: &Policy, present: HeapSet) -> Verdict {
    let Some(heap) = policy.heap(id) else {
        return Verdict::Unknown;
    };
    match (request.usage.contains(Usage::PROTECTED), heap.protected) {
        (true, false) => return Verdict::NotProtected,
        (false, true) => return Verdict::Protected,
        _ => {}
    }
    if !present.contains(id) {
        return Verdict::Absent;
    }
    // Where the metadata is in the same heap, its budget has to hold both. Metadata that is too large by itself is refused by
    // `check_metadata`, whatever heap the pixels are in.
    let beside = match id == policy.metadata_heap && too_small(heap, sizes.metadata_bytes, 0).is_none() {
        true => sizes.metadata_bytes,
        false => 0,
    };
    match too_small(heap, sizes.bytes, beside) {
        Some(limit) => Verdict::TooSmall { limit },
        None => Verdict::Takes,
    }
}

/// The heaps of a list that can give a buffer of these sizes.
///
/// # Errors
/// When there is none: `BufferTooLarge` if one is present, `HeapsAbsent` if one would do were it there, otherwise
/// `Combination`: the rule has no heap of the protection that the request requires, or no heap at all.
pub fn candidates(
    request: &Request,
    rule: &Rule,
    heaps: &[HeapId],
    sizes: &Sizes,
    policy: &Policy,
    present: HeapSet,
    tracer: &mut impl Tracer,
) -> Result<HeapSet, Refusal> {
    let mut taken = HeapSet::default();
    let mut largest = None;
    let (mut absent, mut known) = (false, false);
    for id in heaps {
        let verdict = judge(request, *id, sizes, policy, present);
        tracer.heap(*id, verdict);
        match verdict {
            Verdict::Takes => taken = taken.with(*id),
            Verdict::TooSmall { limit } => largest = largest.max(Some(limit)),
            Verdict::Absent => absent = true,
            Verdict::NotProtected | Verdict::Protected => known = true,
            Verdict::Unknown => {}
        }
    }
    if taken != HeapSet::default() {
        return Ok(taken);
    }
    if let Some(limit) = largest {
        return Err(Unsupported::BufferTooLarge { bytes: sizes.bytes, limit }.into());
    }
    if absent {
        return Err(Unsupported::HeapsAbsent { rule: rule.name.clone() }.into());
    }
    let reason = match request.usage.contains(Usage::PROTECTED) {
        _ if !known => "the rule that takes it names no heap that the policy has",
        true => "PROTECTED: the rule that takes it names no protected heap",
        false => "the rule that takes it names only protected heaps; PROTECTED is not set",
    };
    Err(Refusal::combination(reason))
}

/// Checks that shared metadata of this size has a heap.
///
/// # Errors
/// `MetadataHeapAbsent`, or `BufferTooLarge` when the reserved region makes it larger than the heap gives.
pub fn check_metadata(bytes: u64, policy: &Policy, present: HeapSet) -> Result<(), Refusal> {
    let id = policy.metadata_heap;
    let Some(heap) = policy.heap(id).filter(|_| present.contains(id)) else {
        return Err(Unsupported::MetadataHeapAbsent { heap: policy.heap_name(id).to_owned() }.into());
    };
    match too_small(heap, bytes, 0) {
        Some(limit) => Err(Unsupported::BufferTooLarge { bytes, limit }.into()),
        None => Ok(()),
    }
}

/// The largest buffer of a heap that does not take `bytes`, with so many others of the same buffer beside them. A budget is
/// charged in pages.
fn too_small(heap: &Heap, bytes: u64, beside: u64) -> Option<u64> {
    let beside = size::pages(beside).unwrap_or(u64::MAX);
    let single = heap.max_buffer_bytes.filter(|limit| bytes > *limit);
    let budget = heap
        .budget_bytes
        .map(|budget| budget.saturating_sub(beside))
        .filter(|limit| size::pages(bytes).map_or(true, |bytes| bytes > *limit));
    match (single, budget) {
        (Some(single), Some(budget)) => Some(single.min(budget)),
        (single, budget) => single.or(budget),
    }
}
