//! Every order in which requests may meet in the account, tried by loom: `cargo xtask loom`.

use super::*;
use crate::allocate::tests::policy;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::Arc as Shared;

const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;
const SYSTEM: HeapId = HeapId(0);
const CAMERA: HeapId = HeapId(1);
const APP: Client = Client { uid: 10_001, pid: 1 };
const ONE: Sizes = Sizes { bytes: 4 * MIB, metadata_bytes: PAGE, count: 1 };
const ONE_BYTES: u64 = 4 * MIB + PAGE;
/// Of the machine's memory, stays free.
const RESERVE: u64 = MIB;

/// The machine's memory: what is allocated is missing from it.
struct Machine(AtomicU64);

impl MemoryGauge for Machine {
    fn available_bytes(&self) -> Option<u64> {
        Some(self.0.load(Ordering::SeqCst))
    }
}

fn ledger(client_bytes: u64) -> Ledger {
    let mut policy = policy();
    policy.limits.request_bytes = 64 * MIB;
    policy.limits.client_bytes = Some(client_bytes);
    policy.limits.total_bytes = None;
    policy.limits.reserve_bytes = RESERVE;
    policy.heaps[1].system_memory = false;
    Ledger::new(Arc::new(policy), PAGE)
}

/// One request from admission to the client's hands; `None` when it is refused.
fn request(ledger: &Ledger, machine: &Machine, id: u64) -> Option<Ticket> {
    let reservation = ledger.reserve(APP, ONE, SYSTEM, 0, machine).ok()?;
    Some(allocate(reservation, machine, id))
}

fn allocate(mut reservation: Reservation<'_>, machine: &Machine, id: u64) -> Ticket {
    reservation.charge_heap(SYSTEM, ONE.bytes, 0, machine).unwrap();
    commit(reservation, machine, id)
}

fn commit(reservation: Reservation<'_>, machine: &Machine, id: u64) -> Ticket {
    machine.0.fetch_sub(ONE_BYTES, Ordering::SeqCst);
    let about = About {
        name: BufferName::from_text("frame"),
        usage: Usage::CPU_READ_OFTEN,
        born_ms: 0,
        watched_fds: 1,
        ..About::default()
    };
    reservation.commit(&about, [id].into_iter()).remove(0)
}

/// Two requests at once, on a machine with so much memory and with such a budget for their client; then what both and the
/// machine have to say.
fn two_at_once(
    available: u64,
    budget: u64,
    request: fn(&Ledger, &Machine, u64) -> Option<Ticket>,
    check: fn(&Ledger, &Machine, u32),
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let shared = Shared::new((ledger(budget), Machine(AtomicU64::new(available))));
        let other = loom::thread::spawn({
            let shared = Shared::clone(&shared);
            move || request(&shared.0, &shared.1, 1)
        });
        let mine = request(&shared.0, &shared.1, 2);
        let admitted = [mine, other.join().unwrap()];
        check(&shared.0, &shared.1, u32::try_from(admitted.iter().flatten().count()).unwrap());
        for ticket in admitted.into_iter().flatten() {
            shared.0.release(ticket);
        }
        let left = shared.0.statistics();
        assert_eq!((left.all.account.live_bytes, left.all.reserved_bytes), (0, 0));
        assert_eq!(left.heaps.iter().map(|heap| heap.live_bytes).sum::<u64>(), 0);
    });
}

fn one_budget(ledger: &Ledger, _: &Machine, admitted: u32) {
    assert_eq!(admitted, 1, "a budget for one");
    assert_eq!(ledger.statistics().all.account.live_bytes, ONE_BYTES);
}

#[test]
fn model_budget_for_one_of_two_requests_at_once_one_is_admitted() {
    two_at_once(64 * MIB, ONE_BYTES, request, one_budget);
}

#[test]
#[should_panic(expected = "a budget for one")]
fn model_budget_checked_under_one_lock_and_charged_under_the_next_both_are_admitted() {
    let torn = |ledger: &Ledger, machine: &Machine, id| {
        ledger.lock().admit_budgets(APP.uid, ONE_BYTES, 1, &ledger.policy.limits).ok()?;
        ledger.lock().reserve(APP.uid, ONE_BYTES, 1);
        let (heaps, in_flight, unused) = (Vec::new(), 0, 0);
        let reservation =
            Reservation { ledger, client: APP, sizes: ONE, bytes: ONE_BYTES, metadata: 0, heaps, in_flight, unused };
        Some(allocate(reservation, machine, id))
    };
    two_at_once(64 * MIB, ONE_BYTES, torn, one_budget);
}

#[test]
fn model_memory_for_one_of_two_requests_at_once_the_reserve_stays() {
    two_at_once(RESERVE + ONE_BYTES + PAGE, 64 * MIB, request, |_, machine, admitted| {
        assert!(admitted <= 1, "memory for one");
        assert!(machine.0.load(Ordering::SeqCst) >= RESERVE);
    });
}

fn reserve_stays(_: &Ledger, machine: &Machine, admitted: u32) {
    assert!(admitted <= 1 && machine.0.load(Ordering::SeqCst) >= RESERVE, "memory for one");
}

/// A request whose first heap, a carve-out, gives nothing: it goes on to system memory.
fn falls_back(ledger: &Ledger, machine: &Machine, id: u64) -> Option<Ticket> {
    let mut reservation = ledger.reserve(APP, ONE, CAMERA, 0, machine).ok()?;
    reservation.charge_heap(CAMERA, ONE.bytes, 0, machine).ok()?;
    reservation.uncharge_heap();
    reservation.charge_heap(SYSTEM, ONE.bytes, 0, machine).ok()?;
    Some(commit(reservation, machine, id))
}

#[test]
fn model_two_requests_fall_back_to_memory_for_one_the_reserve_stays() {
    two_at_once(RESERVE + ONE_BYTES + PAGE, 64 * MIB, falls_back, reserve_stays);
}

#[test]
#[should_panic(expected = "memory for one")]
fn model_fall_back_that_does_not_ask_for_memory_the_reserve_is_used() {
    let silent = |ledger: &Ledger, machine: &Machine, id| {
        let mut reservation = ledger.reserve(APP, ONE, CAMERA, 0, machine).ok()?;
        ledger.lock().charge_heap(SYSTEM, ONE.bytes, None).ok()?;
        reservation.heaps.push((SYSTEM, ONE.bytes));
        Some(commit(reservation, machine, id))
    };
    two_at_once(RESERVE + ONE_BYTES + PAGE, 64 * MIB, silent, reserve_stays);
}

#[test]
fn model_metadata_for_one_in_its_heaps_budget_one_of_two_requests_is_admitted() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let mut policy = policy();
        policy.heaps[0].budget_bytes = Some(PAGE);
        policy.heaps[1].system_memory = false;
        let shared = Shared::new((Ledger::new(Arc::new(policy), PAGE), Machine(AtomicU64::new(64 * MIB))));
        let request = |shared: &(Ledger, Machine)| {
            let mut reservation = shared.0.reserve(APP, ONE, CAMERA, 0, &shared.1).ok()?;
            reservation.charge_heap(CAMERA, ONE.bytes, 0, &shared.1).ok()?;
            Some(commit(reservation, &shared.1, 1))
        };
        let other = loom::thread::spawn({
            let shared = Shared::clone(&shared);
            move || request(&shared)
        });
        let admitted = [request(&shared), other.join().unwrap()];
        assert_eq!(admitted.iter().flatten().count(), 1);
        assert_eq!(shared.0.statistics().heaps[0].live_bytes, PAGE);
    });
}
