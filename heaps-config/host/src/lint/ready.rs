//! What is to be kept ready must be something that the policy would give, and the bounds must hold it.

use gralloc_allocator::plan;
use gralloc_allocator::pool::SMALLEST_BYTES;
use heaps_config::policy::{HeapSet, Policy};
use heaps_config::{Code, Finding, KeyPath};

/// Reports entries of `[[ready]]` that are refused, too small or too many.
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
        let share = pool.heap_bytes(heap);
        let bytes = planned.bytes.saturating_mul(u64::from(entry.count));
        sum = sum.saturating_add(bytes);
        let name = policy.heap_name(heap);
        let message = if planned.bytes < SMALLEST_BYTES {
            format!(
                "{} bytes are allocated as fast as handed out: nothing below {SMALLEST_BYTES} is kept",
                planned.bytes
            )
        } else if bytes > share {
            format!("{bytes} bytes of heap \"{name}\", of which at most {share} are kept ready")
        } else if sum > pool.total_bytes {
            format!("{sum} bytes with the entries before, and at most {} are kept ready", pool.total_bytes)
        } else {
            continue;
        };
        findings.push(Finding::new(Code::PoolUnused, path, message));
    }
}
