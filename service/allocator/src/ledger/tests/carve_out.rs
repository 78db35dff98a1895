//! A heap whose memory is not part of MemAvailable: what the machine has left does not matter to it.

use super::*;

/// System memory of which 8 MiB stay in reserve, and a camera heap of its own memory.
fn ledger() -> Ledger {
    let mut policy = policy();
    policy.limits.reserve_bytes = 8 * MIB;
    policy.heaps[1].system_memory = false;
    policy.heaps[1].budget_bytes = Some(32 * MIB);
    Ledger::new(Arc::new(policy), PAGE)
}

fn hold_in(ledger: &Ledger, heap: HeapId, bytes: u64, gauge: &Gauge) -> Result<Vec<Ticket>, Refusal> {
    let mut reservation = ledger.reserve(APP, sizes(bytes, 1), heap, 0, gauge)?;
    reservation.charge_heap(heap, bytes, 0, gauge)?;
    Ok(reservation.commit(&about(), [1].into_iter()))
}

#[test]
fn carve_out_with_room_gives_although_the_machine_is_short_of_memory() {
    let ledger = ledger();
    let gauge = gauge(8 * MIB + PAGE);
    assert!(matches!(hold_in(&ledger, SYSTEM, 16 * MIB, &gauge), Err(Refusal::Shortage(Shortage::Memory { .. }))));
    hold_in(&ledger, CAMERA, 16 * MIB, &gauge).unwrap();
    assert!(
        matches!(hold_in(&ledger, CAMERA, 17 * MIB, &gauge), Err(Refusal::Shortage(Shortage::HeapBudget { .. }))),
        "its own bound holds"
    );
}

#[test]
fn metadata_in_a_carve_out_too_asks_nothing_of_the_machines_memory() {
    let mut policy = Policy::clone(ledger().policy());
    policy.heaps[0].system_memory = false;
    let ledger = Ledger::new(Arc::new(policy), PAGE);
    let none = gauge(0);
    hold_in(&ledger, CAMERA, MIB, &none).unwrap();
    assert_eq!(none.reads.get(), 0);
}

#[test]
fn metadata_beside_a_carve_out_still_asks() {
    let ledger = ledger();
    let refused = hold_in(&ledger, CAMERA, 16 * MIB, &gauge(8 * MIB + PAGE - 1)).unwrap_err();
    assert_eq!(refused, Shortage::Memory { bytes: PAGE, available: 8 * MIB + PAGE - 1, reserve: 8 * MIB }.into());
    assert_eq!(ledger.statistics().heaps, vec![Account::default(); 2]);
    // Granted to the page beside it, and so missing from the figure.
    let gauge = gauge(8 * MIB + PAGE);
    hold_in(&ledger, CAMERA, MIB, &gauge).unwrap();
    gauge.available.set(Some(8 * MIB));
    assert!(matches!(hold_in(&ledger, CAMERA, MIB, &gauge), Err(Refusal::Shortage(Shortage::Memory { .. }))));
}

#[test]
fn falling_back_to_system_memory_asks_for_it_and_nothing_stays_charged_when_it_is_refused() {
    let ledger = ledger();
    let gauge = gauge(12 * MIB);
    let mut reservation = ledger.reserve(APP, sizes(16 * MIB, 1), CAMERA, 0, &gauge).unwrap();
    reservation.charge_heap(CAMERA, 16 * MIB, 0, &gauge).unwrap();
    reservation.uncharge_heap();
    let refused = reservation.charge_heap(SYSTEM, 16 * MIB, 0, &gauge).unwrap_err();
    let available = 12 * MIB - PAGE;
    assert_eq!(refused, Shortage::Memory { bytes: 16 * MIB, available, reserve: 8 * MIB }.into());
    drop(reservation);
    assert!(hold_in(&ledger, SYSTEM, 4 * MIB - PAGE, &gauge).is_ok(), "all is free again");
}

#[test]
fn memory_admitted_for_the_first_heap_is_not_asked_for_again_by_the_next() {
    let ledger = ledger();
    let gauge = gauge(12 * MIB);
    let mut reservation = ledger.reserve(APP, sizes(4 * MIB - PAGE, 1), SYSTEM, 0, &gauge).unwrap();
    for _ in 0..3 {
        reservation.charge_heap(SYSTEM, 4 * MIB - PAGE, 0, &gauge).unwrap();
        reservation.uncharge_heap();
    }
    assert!(
        matches!(hold_in(&ledger, SYSTEM, PAGE, &gauge), Err(Refusal::Shortage(Shortage::Memory { .. }))),
        "it is still admitted"
    );
    // The carve-out gives after all: what was admitted for nothing is free with the commit.
    reservation.charge_heap(CAMERA, 4 * MIB - PAGE, 0, &gauge).unwrap();
    reservation.commit(&about(), [7].into_iter());
    gauge.available.set(Some(12 * MIB - PAGE));
    hold_in(&ledger, SYSTEM, 4 * MIB - 2 * PAGE, &gauge).unwrap();
}

#[test]
fn two_requests_of_which_one_falls_back_are_not_both_admitted() {
    let ledger = ledger();
    let gauge = gauge(20 * MIB);
    let mut falls_back = ledger.reserve(APP, sizes(10 * MIB, 1), CAMERA, 0, &gauge).unwrap();
    let first = ledger.reserve(OTHER, sizes(10 * MIB, 1), SYSTEM, 0, &gauge).unwrap();
    let refused = falls_back.charge_heap(SYSTEM, 10 * MIB, 0, &gauge).unwrap_err();
    assert!(matches!(refused, Refusal::Shortage(Shortage::Memory { .. })));
    drop(first);
    falls_back.charge_heap(SYSTEM, 10 * MIB, 0, &gauge).unwrap();
    assert!(ledger.reserve(OTHER, sizes(10 * MIB, 1), SYSTEM, 0, &gauge).is_err());
}

/// What a machine has in all; all of it is available.
struct Machine(u64);

impl MemoryGauge for Machine {
    fn available_bytes(&self) -> Option<u64> {
        Some(self.0)
    }

    fn total_bytes(&self) -> Option<u64> {
        Some(self.0)
    }
}

#[test]
fn more_system_memory_than_the_machine_has_beside_the_reserve_can_never_succeed() {
    let ledger = ledger();
    let machine = Machine(24 * MIB);
    let any_of =
        |heaps: &[HeapId], bytes, count| ledger.machine_holds(sizes(bytes, count), heaps.iter().copied(), &machine);
    let holds = |heap, bytes, count| any_of(&[heap], bytes, count);
    assert_eq!(holds(SYSTEM, 16 * MIB - PAGE, 1), Ok(()), "with its metadata to the page");
    ledger.reserve(APP, sizes(16 * MIB - PAGE, 1), SYSTEM, 0, &machine).map(drop).unwrap();
    let beyond = Unsupported::BeyondMachine { bytes: 16 * MIB + PAGE, limit: 16 * MIB };
    assert_eq!(holds(SYSTEM, 16 * MIB, 1), Err(beyond));
    assert!(holds(SYSTEM, 8 * MIB, 2).is_err(), "many are as much");
    assert_eq!(holds(CAMERA, 32 * MIB, 1), Ok(()), "a carve-out is not part of it");
    for heaps in [[SYSTEM, CAMERA], [CAMERA, SYSTEM]] {
        assert_eq!(any_of(&heaps, 32 * MIB, 1), Ok(()), "it has room for one");
        assert_eq!(
            any_of(&heaps, 16 * MIB - PAGE, 3),
            Err(Unsupported::BeyondMachine { bytes: 16 * MIB + 2 * PAGE, limit: 16 * MIB })
        );
        assert!(any_of(&heaps, 33 * MIB, 1).is_err());
    }
    let unknown_total = ledger.machine_holds(sizes(u64::MAX / 4, 1), [SYSTEM].into_iter(), &gauge(0));
    assert_eq!(unknown_total, Ok(()), "it does not say");
}
