//! What admission says of a call, beyond the plan.

use crate::allocate::{allocate, Resources};
use crate::error::Refusal;
use crate::ledger::{Client, Ledger};
use crate::plan::Plan;
use crate::ports::{HeapBackend, HeapFailure, MemoryGauge};
use gralloc_buffer::{BufferName, Descriptor};
use heaps_config::policy::{HeapId, Policy};
use std::sync::Arc;

/// What allocate2 says to a call for `count` planned buffers on an idle device with the plan's heaps, pages of so many bytes and
/// memory without end. Goes through the service's own code, with heaps that give nothing but their word.
///
/// # Errors
/// The refusal that the client would see.
pub fn admitted(
    plan: &Plan<'_>,
    descriptor: &Descriptor,
    count: i32,
    policy: &Policy,
    page_bytes: u64,
) -> Result<(), Refusal> {
    let ledger = Ledger::new(Arc::new(policy.clone()), page_bytes);
    let (settle, make_room) = (&|| (), &|| false);
    let resources = Resources { heaps: &Dry, ledger: &ledger, gauge: &Dry, settle, make_room, policy, now_ms: 0 };
    let nobody = Client { uid: 0, pid: 0 };
    allocate(plan, count, &descriptor.name, nobody, &resources).map(|_| ())
}

/// Heaps that allocate nothing.
struct Dry;

impl HeapBackend for Dry {
    type Buffer = ();

    fn allocate(&self, _: HeapId, _: u64, _: &BufferName) -> Result<(), HeapFailure> {
        Ok(())
    }
}

impl MemoryGauge for Dry {
    fn available_bytes(&self) -> Option<u64> {
        None
    }
}
