//! What is to be kept ready must be something that the policy would give, and the bounds must hold it.

use gralloc_allocator::plan;
use gralloc_allocator::pool::SMALLEST_BYTES;
use heaps_config::policy::{Bound, HeapSet, Policy};
use heaps_config::show_bytes as show;
use heaps_config::{Code, Finding, KeyPath};

/// Reports entries of `[[ready]]` that are refused, too small or too many. What a part of the memory holds, the machine knows:
/// there the service says it.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Finding>) {
    let Some(pool) = &policy.pool else { return };
    let mut sum = 0u64;
    for (at, entry) in pool.ready.iter().enumerate() {
        let path = KeyPath::item("ready", at);
        let planned = match plan(&entry.descriptor, policy, HeapSet::ALL) {
            Ok(planned) => planned,
            Err(refusal) => {
                let message = format!("this policy would refuse such a buffer: {refusal}");
                findings.push(Finding::new(Code::BadValue, path, message));
                continue;
            }
        };
        let Some(heap) = planned.candidates_in_order().next() else { continue };
        let beyond = |bytes: u64, bound: Bound| matches!(bound, Bound::Bytes(most) if bytes > most);
        let share = pool.of_heap(heap);
        let bytes = planned.bytes.saturating_mul(u64::from(entry.count));
        sum = sum.saturating_add(bytes);
        let name = policy.heap_name(heap);
        let message = if planned.bytes < SMALLEST_BYTES {
            format!(
                "{} bytes are allocated as fast as handed out: nothing below {SMALLEST_BYTES} is kept",
                planned.bytes
            )
        } else if beyond(bytes, share) {
            format!("{} of heap \"{name}\", of which at most {share} are kept ready", show(bytes))
        } else if beyond(sum, pool.total) {
            format!("{} with the entries before, and at most {} are kept ready", show(sum), pool.total)
        } else {
            continue;
        };
        findings.push(Finding::new(Code::PoolUnused, path, message));
    }
}
