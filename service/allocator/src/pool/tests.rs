//! What meets while a buffer is being filled, in the one order that matters each time.

use super::*;
use crate::allocate::tests::policy;
use crate::ledger::{Client, Sizes};

const HEAP: HeapId = HeapId(0);
const FRAME: PoolKey = PoolKey { heap: HEAP, bytes: 4 << 20 };

struct Unknown;

impl MemoryGauge for Unknown {
    fn available_bytes(&self) -> Option<u64> {
        None
    }
}

/// An empty pool with budgets for so many frames in all and of each heap, on which so many of these are kept.
fn pool_of(all: u64, each: Option<u64>, kept: &[(PoolKey, u32)]) -> (Pool<u32>, Arc<Ledger>) {
    let mut policy = policy();
    let total_bytes = all * FRAME.bytes;
    policy.limits.total_bytes = Some(total_bytes);
    policy.heaps.iter_mut().for_each(|heap| heap.budget_bytes = each.map(|frames| frames * FRAME.bytes));
    let ledger = Arc::new(Ledger::new(Arc::new(policy), 4096));
    let heap_bytes = vec![total_bytes; 2];
    let pool = PoolBounds { total_bytes, heap_bytes, streams: true, idle_ms: 1000 };
    let pool = Pool::new(pool, Arc::clone(&ledger), 0);
    pool.keep_ready(kept, 0);
    (pool, ledger)
}

/// A budget for two frames, one of which is kept ready.
fn pool() -> (Pool<u32>, Arc<Ledger>) {
    pool_of(2, None, &[(FRAME, 1)])
}

/// Fills one, if one is wanted and admitted; `allocate` is the heap.
fn fill(pool: &Pool<u32>, allocate: impl FnOnce(PoolKey) -> Result<u32, HeapFailure>) -> bool {
    let Some(key) = pool.begin_fill(0, &Unknown) else { return false };
    pool.end_fill(key, allocate(key), 0);
    true
}

#[test]
fn client_takes_the_budget_while_a_fill_is_under_way_what_was_filled_goes() {
    let (pool, ledger) = pool();
    let mut reservation = None;
    assert!(fill(&pool, |_| {
        let sizes = Sizes { bytes: FRAME.bytes, metadata_bytes: 0, count: 2 };
        let mut admitted = ledger.reserve(Client { uid: 10_001, pid: 1 }, sizes, HEAP, 0, &Unknown).unwrap();
        for _ in 0..2 {
            admitted.charge_heap(HEAP, FRAME.bytes, 0, &Unknown).unwrap();
            pool.make_room(HEAP);
        }
        reservation = Some(admitted);
        Ok(7)
    }));
    assert_eq!((pool.statistics().ready_buffers, ledger.statistics().pooled[0]), (0, 0));
    assert_eq!(pool.statistics().dropped_room, 1);
    drop(reservation);
}

#[test]
fn heap_that_gives_nothing_leaves_no_charge() {
    let (pool, ledger) = pool();
    let refused = HeapFailure { errno: 12, cause: "out of memory", kind: crate::ports::FailureKind::Memory };
    assert!(fill(&pool, |_| Err(refused)));
    assert_eq!((pool.statistics().ready_buffers, ledger.statistics().pooled[0]), (0, 0));
    assert!(!fill(&pool, |_| Ok(1)), "not again at once");
}

/// A budget for eight frames in all, four of each heap; two of each are ready.
fn two_heaps() -> (Pool<u32>, Arc<Ledger>) {
    let (pool, ledger) = pool_of(8, Some(4), &[(FRAME, 2), (PoolKey { heap: HeapId(1), ..FRAME }, 2)]);
    while fill(&pool, |_| Ok(1)) {}
    assert_eq!(ledger.statistics().pooled, [2 * FRAME.bytes; 2]);
    (pool, ledger)
}

#[test]
fn idle_buffers_and_drained_ones_leave_no_charge() {
    let (pool, ledger) = two_heaps();
    assert_eq!(pool.due_in_ms(400), Some(600));
    pool.drop_idle(5_000);
    assert_eq!(pool.due_in_ms(5_000), None);
    assert_eq!((pool.statistics().dropped_idle, ledger.statistics().pooled), (4, vec![0, 0]));
    let (pool, ledger) = two_heaps();
    assert!(pool.drain(Cause::Room, |heap| heap == HeapId(1), 0));
    assert_eq!(ledger.statistics().pooled, [2 * FRAME.bytes, 0], "the other heap's stay");
    assert!(pool.drain(Cause::Room, |_| true, 0) && !pool.drain(Cause::Room, |_| true, 0));
    assert_eq!(ledger.statistics().pooled, [0, 0]);
}

#[test]
fn taken_buffer_is_charged_to_its_client_alone() {
    let (pool, ledger) = two_heaps();
    assert_eq!(pool.take(FRAME, 1).buffer, Some(1));
    assert_eq!(ledger.statistics().pooled, [FRAME.bytes, 2 * FRAME.bytes]);
}

#[test]
fn room_for_a_heap_is_made_there_and_no_more_than_is_needed_goes() {
    let (pool, ledger) = two_heaps();
    let sizes = Sizes { bytes: FRAME.bytes, metadata_bytes: 0, count: 4 };
    let mut admitted = ledger.reserve(Client { uid: 10_001, pid: 1 }, sizes, HEAP, 0, &Unknown).unwrap();
    for ready in [2, 2, 1, 0] {
        admitted.charge_heap(HEAP, FRAME.bytes, 0, &Unknown).unwrap();
        pool.make_room(HEAP);
        assert_eq!(ledger.statistics().pooled, [ready * FRAME.bytes, 2 * FRAME.bytes]);
    }
}

#[test]
fn fill_that_the_account_refuses_asks_no_heap_and_pauses() {
    let (pool, ledger) = pool();
    let sizes = Sizes { bytes: FRAME.bytes, metadata_bytes: 0, count: 2 };
    let _held = ledger.reserve(Client { uid: 10_001, pid: 1 }, sizes, HEAP, 0, &Unknown).unwrap();
    assert!(!fill(&pool, |_| panic!("no room")));
    assert!(!fill(&pool, |_| panic!("not again at once")));
    assert!(pool.due_in_ms(0).is_some_and(|pause| pause > 1));
    assert_eq!(ledger.statistics().pooled[0], 0);
}
