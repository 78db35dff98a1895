//! What is kept ready: within every budget, charged to no client, and in no client's way. The camera heap has a budget of 2 MiB.

use super::*;

fn pool(ledger: &Ledger, heap: HeapId, bytes: u64) -> bool {
    ledger.pool(heap, bytes, 0, &gauge(1024 * MIB))
}

/// A request of one buffer of this heap, under way.
fn under_way(ledger: &Ledger, client: Client, heap: HeapId, bytes: u64) -> Reservation<'_> {
    let mut reservation = ledger.reserve(client, sizes(bytes, 1), heap, 0, &gauge(1024 * MIB)).unwrap();
    reservation.charge_heap(heap, bytes, 0, &gauge(u64::MAX)).unwrap();
    reservation
}

#[test]
fn ready_buffers_fill_a_heaps_budget_to_the_page_and_no_further() {
    let ledger = ledger();
    assert!(pool(&ledger, CAMERA, 2 * MIB - PAGE));
    assert!(!pool(&ledger, CAMERA, 2 * PAGE));
    assert!(pool(&ledger, CAMERA, 1), "a page is left, and a refusal takes none of it");
    assert!(!pool(&ledger, CAMERA, 1));
    assert_eq!(ledger.statistics().pooled, [0, 2 * MIB]);
    assert_eq!(ledger.statistics().all, ClientAccount::default(), "no client is charged");
    ledger.unpool(CAMERA, PAGE - 1);
    assert_eq!(ledger.statistics().pooled, [0, 2 * MIB - PAGE]);
    assert!(pool(&ledger, CAMERA, PAGE));
    assert!(!pool(&ledger, HeapId(9), PAGE), "no such heap");
}

#[test]
fn ready_buffers_and_clients_share_the_budget_of_all() {
    let ledger = ledger();
    hold(&ledger, APP, 1, 12 * MIB).unwrap();
    assert!(!pool(&ledger, SYSTEM, 12 * MIB));
    assert!(pool(&ledger, SYSTEM, 11 * MIB));
    assert!(!pool(&ledger, CAMERA, MIB), "a page of it is the metadata's");
    assert!(pool(&ledger, CAMERA, MIB - PAGE));
    assert!(!pool(&ledger, CAMERA, PAGE));
}

#[test]
fn ready_buffers_leave_twice_the_reserve_free() {
    let ledger = ledger();
    assert!(!ledger.pool(SYSTEM, PAGE, 0, &gauge(16 * MIB + PAGE - 1)));
    assert_eq!(ledger.statistics().pooled, [0, 0]);
    assert!(ledger.pool(SYSTEM, PAGE, 0, &gauge(16 * MIB + PAGE)));
}

#[test]
fn clients_are_admitted_as_if_nothing_were_ready_and_what_is_beyond_is_told() {
    let ledger = ledger();
    assert!(pool(&ledger, SYSTEM, 12 * MIB));
    assert!(pool(&ledger, CAMERA, MIB));
    assert_eq!(ledger.pooled_beyond(CAMERA), Beyond::default());
    hold(&ledger, APP, 1, 10 * MIB).unwrap();
    assert_eq!(ledger.pooled_beyond(CAMERA), Beyond::default(), "a MiB less a page is left");
    let mut request = under_way(&ledger, OTHER, CAMERA, MIB + PAGE);
    assert_eq!(ledger.pooled_beyond(CAMERA), Beyond { all_bytes: 3 * PAGE, heap_bytes: PAGE }, "requests count");
    assert_eq!(ledger.pooled_beyond(SYSTEM), Beyond { all_bytes: 3 * PAGE, heap_bytes: 0 });
    request.charge_heap(CAMERA, MIB - PAGE, 0, &gauge(u64::MAX)).unwrap();
    assert_eq!(ledger.pooled_beyond(CAMERA).heap_bytes, MIB);
    drop(request);
    let ticket = under_way(&ledger, OTHER, CAMERA, 2 * MIB).commit(&about(), [2].into_iter())[0];
    assert_eq!(ledger.pooled_beyond(CAMERA).heap_bytes, MIB, "at most what is ready");
    ledger.release(ticket);
    assert_eq!(ledger.pooled_beyond(CAMERA), Beyond::default());
}

#[test]
fn memory_that_the_kernel_did_not_give_is_not_ready() {
    let ledger = ledger();
    let gauge = gauge(32 * MIB);
    assert!(ledger.pool(SYSTEM, 10 * MIB, 0, &gauge));
    assert!(!ledger.pool(SYSTEM, 10 * MIB, 0, &gauge), "the figure may not show the first yet");
    ledger.pool_asked(SYSTEM, 10 * MIB, false);
    assert_eq!(ledger.statistics().pooled, [0, 0]);
    assert!(ledger.pool(SYSTEM, 10 * MIB, 0, &gauge));
    ledger.pool_asked(SYSTEM, 10 * MIB, true);
    assert_eq!(ledger.statistics().pooled, [10 * MIB, 0]);
    assert!(ledger.pool(SYSTEM, 10 * MIB, 200, &gauge), "a new figure shows what was given");
}

#[test]
fn ready_buffers_of_a_carve_out_ask_nothing_of_the_machines_memory() {
    let mut policy = policy();
    policy.limits.reserve_bytes = 8 * MIB;
    policy.heaps[1].system_memory = false;
    let ledger = Ledger::new(Arc::new(policy), PAGE);
    let gauge = gauge(8 * MIB);
    assert!(!ledger.pool(SYSTEM, MIB, 0, &gauge));
    assert!(ledger.pool(CAMERA, MIB, 0, &gauge));
    ledger.pool_asked(CAMERA, MIB, true);
    assert!(ledger.pool(CAMERA, MIB, 0, &gauge));
    ledger.pool_asked(CAMERA, MIB, false);
    assert_eq!((ledger.statistics().pooled, gauge.reads.get()), (vec![0, MIB], 1));
}
