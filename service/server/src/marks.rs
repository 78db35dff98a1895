//! What the service marks in the kernel's trace beside its slices: live bytes by heap and the pool's bytes as counters,
//! releases, refusals and buffers that could not be watched as instants. Off, each costs a load and a branch. Whether they are on is asked before a request and before
//! the maintenance thread's work ([`crate::engine::Engine::follow_trace`]).

use gralloc_allocator::ledger::{Client, Entry, Ledger};
use gralloc_allocator::pool::Pool;
use gralloc_allocator::Refusal;
use gralloc_buffer::BufferName;
use gralloc_heaps::trace;
use heaps_config::policy::HeapId;
use std::sync::{Mutex, PoisonError};

/// Held while a counter is read and marked, so that the last mark is the last value: over the write to `trace_marker`, which copies into
/// the kernel's ring and waits for nobody. Taken by nobody while marks are off.
static ORDER: Mutex<()> = Mutex::new(());

/// A heap's live bytes, and those of the metadata's heap, as the account has them now.
pub fn live_bytes(ledger: &Ledger, heap: HeapId) {
    if !trace::is_on() {
        return;
    }
    let metadata = ledger.policy().metadata_heap;
    count(ledger, [Some(heap), Some(metadata).filter(|metadata| *metadata != heap)].into_iter().flatten());
}

/// The live bytes of every heap: marks have just been turned on, and a heap that nothing changes has its value in the trace too.
pub fn all_live_bytes(ledger: &Ledger) {
    count(ledger, ledger.policy().heap_ids().map(|(heap, _)| heap));
}

fn count(ledger: &Ledger, heaps: impl Iterator<Item = HeapId>) {
    let policy = ledger.policy();
    let _order = ORDER.lock().unwrap_or_else(PoisonError::into_inner);
    for heap in heaps {
        trace::counter(format_args!("live bytes of {}", policy.heap_name(heap)), ledger.live_bytes(heap));
    }
}

/// What is ready.
pub fn pool_bytes<B>(pool: &Pool<B>) {
    if !trace::is_on() {
        return;
    }
    let _order = ORDER.lock().unwrap_or_else(PoisonError::into_inner);
    trace::counter("pool bytes", pool.statistics().ready_bytes);
}

/// A buffer left the account: its last reference went (`released`), or nobody will learn when it does (`untracked`).
pub fn gone(word: &str, ledger: &Ledger, entry: &Entry) {
    if !trace::is_on() {
        return;
    }
    let (Entry { id, heap, bytes, uid, .. }, name) = (entry, entry.shown_name());
    let heap_name = ledger.policy().heap_name(*heap);
    trace::instant(format_args!("{word} id={id:#x} heap={heap_name} bytes={bytes} uid={uid} name={name}"));
    live_bytes(ledger, *heap);
}

/// A request was refused.
pub fn refused(refusal: &Refusal, name: &BufferName, count: i32, client: Client) {
    if trace::is_on() {
        let (cause, uid) = (refusal.cause(), client.uid);
        trace::instant(format_args!("refused cause={cause} count={count} uid={uid} name={name}"));
    }
}
