//! The account: budgets, the memory figure, and that nothing stays charged.

use super::*;
use crate::allocate::tests::policy;
use gralloc_buffer::usage::Usage;
use gralloc_buffer::BufferName;
use std::cell::Cell;

mod ready;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const PAGE: u64 = 4 * KIB;
const APP: Client = Client { uid: 10_001, pid: 1 };
/// Where the metadata is too.
const SYSTEM: HeapId = HeapId(0);
const CAMERA: HeapId = HeapId(1);
const OTHER: Client = Client { uid: 10_002, pid: 2 };

/// A gauge that counts how often it was read.
struct Gauge {
    available: Cell<Option<u64>>,
    reads: Cell<u32>,
}

fn gauge(available: u64) -> Gauge {
    Gauge { available: Cell::new(Some(available)), reads: Cell::new(0) }
}

impl MemoryGauge for Gauge {
    fn available_bytes(&self) -> Option<u64> {
        self.reads.set(self.reads.get() + 1);
        self.available.get()
    }
}

fn sizes(bytes: u64, count: u32) -> Sizes {
    Sizes { bytes, metadata_bytes: PAGE, count }
}

fn about() -> About {
    About {
        name: BufferName::from_text("frame"),
        usage: Usage::CPU_READ_OFTEN,
        born_ms: 0,
        watched_fds: 1,
        ..About::default()
    }
}

fn hold(ledger: &Ledger, client: Client, id: u64, bytes: u64) -> Result<Ticket, Refusal> {
    let mut reservation = ledger.reserve(client, sizes(bytes, 1), SYSTEM, 0, &gauge(1024 * MIB))?;
    reservation.charge_heap(SYSTEM, bytes, 0, &gauge(u64::MAX))?;
    let tickets = reservation.commit(&about(), [id].into_iter());
    assert_eq!(tickets.len(), 1);
    Ok(tickets[0])
}

fn ledger() -> Ledger {
    let mut policy = policy();
    policy.limits.request_bytes = 64 * MIB;
    policy.limits.client_bytes = Some(16 * MIB);
    policy.limits.total_bytes = Some(24 * MIB);
    policy.limits.reserve_bytes = 8 * MIB;
    policy.heaps[1].budget_bytes = Some(2 * MIB);
    Ledger::new(Arc::new(policy), PAGE)
}

#[test]
fn hold_then_release_returns_to_zero_and_keeps_the_high_water_mark() {
    let ledger = ledger();
    let ticket = hold(&ledger, APP, 7, 100).unwrap();
    let snapshot = ledger.statistics();
    // 100 bytes are a page, its metadata another.
    assert_eq!(snapshot.all.account.live_bytes, 2 * PAGE);
    assert_eq!(snapshot.heaps[0].live_bytes, 2 * PAGE, "both are in this heap");
    assert_eq!((ledger.live_bytes(SYSTEM), ledger.live_bytes(CAMERA)), (2 * PAGE, 0));
    ledger.note_inode(ticket, 7 << 32 | 5);
    assert_eq!(ledger.buffers().map(|entry| entry.inode).collect::<Vec<_>>(), [5]);
    ledger.release(ticket);
    ledger.release(ticket);
    let snapshot = ledger.statistics();
    assert_eq!(snapshot.all.account.live_bytes, 0);
    assert_eq!(snapshot.all.account.live_buffers, 0);
    assert_eq!(snapshot.all.account.high_water_bytes, 2 * PAGE);
    assert_eq!(snapshot.all.account.total_buffers, 1);
    assert_eq!(ledger.buffers().count(), 0);
}

#[test]
fn heaps_hold_when_empty_what_their_budgets_hold_to_the_page() {
    let mut policy = policy();
    policy.heaps[1].budget_bytes = Some(4 * PAGE);
    let holds = |policy: &Policy, heap, bytes, count| {
        Ledger::new(Arc::new(policy.clone()), PAGE).holds_when_empty([heap].into_iter(), sizes(bytes, count))
    };
    assert!(holds(&policy, CAMERA, PAGE, 4) && !holds(&policy, CAMERA, PAGE, 5) && holds(&policy, SYSTEM, PAGE, 5));
    // The metadata's own heap: a page each, in all that the heap gives.
    policy.heaps[0].budget_bytes = Some(4 * PAGE);
    assert!(holds(&policy, CAMERA, PAGE, 4), "its metadata uses the other's budget up");
    assert!(holds(&policy, SYSTEM, PAGE, 2) && !holds(&policy, SYSTEM, PAGE, 3));
    policy.heaps[0].budget_bytes = Some(3 * PAGE);
    assert!(!holds(&policy, CAMERA, PAGE, 4), "there is no room for its metadata");
}

#[test]
fn client_budget_stops_one_client_and_no_other() {
    let ledger = ledger();
    let first = hold(&ledger, APP, 1, 12 * MIB).unwrap();
    let refused = hold(&ledger, APP, 2, 6 * MIB).unwrap_err();
    assert!(
        matches!(refused, Refusal::Shortage(Shortage::ClientBudget { uid: 10_001, held, .. }) if held == 12 * MIB + PAGE)
    );
    hold(&ledger, OTHER, 3, 6 * MIB).unwrap();
    ledger.release(first);
    hold(&ledger, APP, 4, 6 * MIB).unwrap();
}

#[test]
fn total_budget_bounds_all_clients_together() {
    let ledger = ledger();
    hold(&ledger, APP, 1, 14 * MIB).unwrap();
    let refused = hold(&ledger, OTHER, 2, 14 * MIB).unwrap_err();
    assert!(matches!(refused, Refusal::Shortage(Shortage::TotalBudget { .. })));
}

#[test]
fn heap_budget_is_charged_by_the_heap_that_gives() {
    let ledger = ledger();
    let mut reservation = ledger.reserve(APP, sizes(MIB, 3), SYSTEM, 0, &gauge(1024 * MIB)).unwrap();
    reservation.charge_heap(CAMERA, MIB, 0, &gauge(u64::MAX)).unwrap();
    reservation.charge_heap(CAMERA, MIB, 0, &gauge(u64::MAX)).unwrap();
    let refused = reservation.charge_heap(CAMERA, MIB, 0, &gauge(u64::MAX)).unwrap_err();
    assert!(
        matches!(refused, Refusal::Shortage(Shortage::HeapBudget { held, limit, .. }) if held == 2 * MIB && limit == 2 * MIB)
    );
    drop(reservation);
    let mut again = ledger.reserve(APP, sizes(MIB, 2), SYSTEM, 0, &gauge(1024 * MIB)).unwrap();
    again.charge_heap(CAMERA, 2 * MIB, 0, &gauge(u64::MAX)).unwrap();
}

#[test]
fn dropped_reservation_leaves_nothing_charged() {
    let ledger = ledger();
    let reservation = ledger.reserve(APP, sizes(8 * MIB, 1), SYSTEM, 0, &gauge(1024 * MIB)).unwrap();
    assert!(ledger.reserve(APP, sizes(9 * MIB, 1), SYSTEM, 0, &gauge(1024 * MIB)).is_err());
    drop(reservation);
    assert!(ledger.reserve(APP, sizes(9 * MIB, 1), SYSTEM, 0, &gauge(1024 * MIB)).is_ok());
    assert_eq!(ledger.statistics().all, ClientAccount::default());
}

#[test]
fn request_that_overflows_is_too_large_not_small() {
    let ledger = ledger();
    for bytes in [u64::MAX, u64::MAX / 2, 65 * MIB] {
        let refused = ledger.reserve(APP, sizes(bytes, 4), SYSTEM, 0, &gauge(u64::MAX)).err().unwrap();
        assert!(matches!(refused, Refusal::Unsupported(Unsupported::RequestTooLarge { .. })), "{bytes}: {refused:?}");
    }
}

/// What is beyond a budget that nobody else touches is no shortage: it stays so however much is released.
#[test]
fn request_beyond_a_whole_budget_can_never_succeed() {
    let never = |count| {
        let refused = ledger().reserve(APP, sizes(4 * MIB, count), SYSTEM, 0, &gauge(u64::MAX)).err();
        matches!(refused, Some(Refusal::Unsupported(Unsupported::RequestTooLarge { .. })))
    };
    assert!(never(4), "16 MiB and their metadata are more than a client may hold");
    assert!(!never(3));
}

#[test]
fn memory_keeps_its_reserve() {
    let ledger = ledger();
    let refused = ledger.reserve(APP, sizes(4 * MIB, 1), SYSTEM, 0, &gauge(12 * MIB)).err().unwrap();
    assert_eq!(refused, Shortage::Memory { bytes: 4 * MIB + PAGE, available: 12 * MIB, reserve: 8 * MIB }.into());
    assert!(ledger.reserve(APP, sizes(4 * MIB, 1), SYSTEM, 0, &gauge(13 * MIB)).is_ok());
}

#[test]
fn two_large_requests_at_once_are_not_both_admitted() {
    let ledger = ledger();
    let gauge = gauge(20 * MIB);
    let first = ledger.reserve(APP, sizes(10 * MIB, 1), SYSTEM, 0, &gauge).unwrap();
    let refused = ledger.reserve(OTHER, sizes(10 * MIB, 1), SYSTEM, 0, &gauge).err().unwrap();
    assert!(matches!(refused, Refusal::Shortage(Shortage::Memory { .. })));
    drop(first);
    assert!(ledger.reserve(OTHER, sizes(10 * MIB, 1), SYSTEM, 0, &gauge).is_ok());
}

#[test]
fn small_requests_share_one_reading_until_it_is_old_or_used_up() {
    let ledger = ledger();
    let gauge = gauge(16 * MIB);
    let ask = |now_ms| ledger.reserve(APP, sizes(PAGE, 1), SYSTEM, now_ms, &gauge).map(drop);
    ask(0).unwrap();
    ask(50).unwrap();
    assert_eq!(gauge.reads.get(), 1);
    ask(200).unwrap();
    assert_eq!(gauge.reads.get(), 2);
}

#[test]
fn granted_bytes_use_up_a_reading_so_that_it_is_not_spent_twice() {
    let ledger = ledger();
    let gauge = gauge(16 * MIB);
    let half = MIB / 2;
    let grant = |key| {
        let mut reservation = ledger.reserve(APP, sizes(half - PAGE, 1), SYSTEM, 0, &gauge)?;
        reservation.charge_heap(SYSTEM, half - PAGE, 0, &gauge)?;
        reservation.commit(&about(), [key].into_iter());
        Ok::<(), Refusal>(())
    };
    // 8 times a request and the reserve fit 16 MiB until 4 MiB are granted: the tenth asks again.
    for key in 0..9 {
        grant(key).unwrap();
    }
    assert_eq!(gauge.reads.get(), 1);
    gauge.available.set(Some(8 * MIB + PAGE));
    assert!(matches!(grant(9).unwrap_err(), Refusal::Shortage(Shortage::Memory { .. })));
    assert_eq!(gauge.reads.get(), 2);
}

#[test]
fn without_release_events_totals_grow_and_budgets_do_not_lock_up() {
    let mut policy = policy();
    policy.limits.client_bytes = Some(MIB);
    let ledger = Ledger::new(Arc::new(policy), PAGE);
    for key in 0..100 {
        let mut reservation = ledger.reserve(APP, sizes(MIB / 2, 1), SYSTEM, 0, &gauge(1024 * MIB)).unwrap();
        reservation.charge_heap(SYSTEM, MIB / 2, 0, &gauge(u64::MAX)).unwrap();
        reservation.commit(&About { watched_fds: 0, ..about() }, [key].into_iter());
    }
    let snapshot = ledger.statistics();
    assert_eq!(snapshot.all.account.total_buffers, 100);
    assert_eq!(snapshot.all.account.live_bytes, 0);
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of steps take miri an hour")]
fn idle_clients_are_forgotten_beyond_a_bound() {
    let ledger = ledger();
    for uid in 0..2_000 {
        ledger.count_refusal(uid);
    }
    assert!(ledger.statistics().clients.len() <= 300);
    assert_eq!(ledger.statistics().all.refusals, 2_000);
}

#[test]
fn clients_that_hold_or_ask_are_not_forgotten_with_the_idle() {
    let ledger = ledger();
    let ticket = hold(&ledger, APP, 1, 12 * MIB).unwrap();
    let under_way = ledger.reserve(OTHER, sizes(10 * MIB, 1), SYSTEM, 0, &gauge(1024 * MIB)).unwrap();
    (0..254).for_each(|uid| ledger.count_refusal(uid));
    assert_eq!(ledger.statistics().clients.len(), 256, "so many are remembered");
    ledger.count_refusal(254);
    let left: Vec<u32> = ledger.statistics().clients.iter().map(|(uid, _)| *uid).collect();
    assert_eq!(left, [APP.uid, OTHER.uid]);
    assert!(matches!(hold(&ledger, APP, 2, 6 * MIB), Err(Refusal::Shortage(Shortage::ClientBudget { .. }))));
    assert!(matches!(hold(&ledger, OTHER, 3, 7 * MIB), Err(Refusal::Shortage(Shortage::ClientBudget { .. }))));
    drop(under_way);
    ledger.release(ticket);
    assert_eq!(ledger.statistics().all.account.live_bytes, 0);
}

fn hold_many(ledger: &Ledger, client: Client, count: u32) -> Result<Vec<Ticket>, Refusal> {
    let sizes = Sizes { bytes: PAGE, metadata_bytes: PAGE, count };
    let mut reservation = ledger.reserve(client, sizes, SYSTEM, 0, &gauge(u64::MAX))?;
    for _ in 0..count {
        reservation.charge_heap(SYSTEM, PAGE, 0, &gauge(u64::MAX))?;
    }
    Ok(reservation.commit(&about(), 0..u64::from(count)))
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of steps take miri an hour")]
fn buffers_beyond_what_is_remembered_are_refused_and_none_is_forgotten() {
    let mut policy = policy();
    policy.limits.request_bytes = u64::MAX;
    let ledger = Ledger::new(Arc::new(policy), PAGE);
    let one = u32::try_from(MAX_TRACKED_OF_ONE).unwrap();
    let mut held = hold_many(&ledger, APP, one - 1).unwrap();
    let refused = hold_many(&ledger, APP, 2).unwrap_err();
    assert_eq!(
        refused,
        Shortage::Tracked { uid: Some(APP.uid), count: 2, held: MAX_TRACKED_OF_ONE - 1, limit: MAX_TRACKED_OF_ONE }
            .into()
    );
    assert!(refused.is_budget(), "a release that is not booked yet may make room");
    held.extend(hold_many(&ledger, APP, 1).unwrap());
    // Others go on, until all slots are taken; what is being allocated counts.
    held.extend(hold_many(&ledger, OTHER, one - 1).unwrap());
    let third = Client { uid: 10_003, pid: 3 };
    let under_way = ledger.reserve(third, sizes(PAGE, 1), SYSTEM, 0, &gauge(u64::MAX)).unwrap();
    let refused = hold_many(&ledger, third, 1).unwrap_err();
    assert_eq!(refused, Shortage::Tracked { uid: None, count: 1, held: MAX_TRACKED, limit: MAX_TRACKED }.into());
    drop(under_way);
    held.extend(hold_many(&ledger, third, 1).unwrap());
    let snapshot = ledger.statistics();
    assert_eq!((ledger.buffers().count(), snapshot.all.account.live_buffers), (65_536, MAX_TRACKED));
    assert_eq!(ledger.statistics().all, snapshot.all);
    held.into_iter().for_each(|ticket| drop(ledger.release(ticket)));
    let snapshot = ledger.statistics();
    assert_eq!(
        (ledger.buffers().count(), snapshot.all.account.live_buffers, snapshot.all.account.live_bytes),
        (0, 0, 0)
    );
    assert_eq!(snapshot.all.reserved_buffers, 0);
    hold_many(&ledger, APP, one).unwrap();
}

#[test]
fn buffer_of_two_watched_fds_is_held_until_both_are_gone_or_it_is_forgotten() {
    let ledger = ledger();
    let two = |id| {
        let mut reservation = ledger.reserve(APP, sizes(PAGE, 1), SYSTEM, 0, &gauge(1024 * MIB)).unwrap();
        reservation.charge_heap(SYSTEM, PAGE, 0, &gauge(u64::MAX)).unwrap();
        reservation.commit(&About { watched_fds: 2, ..about() }, [id].into_iter())[0]
    };
    let (first, second) = (two(1), two(2));
    ledger.release(first);
    assert_eq!(ledger.buffers().count(), 2);
    ledger.release(first);
    assert_eq!(ledger.buffers().map(|entry| entry.id).collect::<Vec<_>>(), [2]);
    ledger.forget(second);
    assert_eq!(ledger.statistics().all.account.live_bytes, 0);
}

fn hold_at(ledger: &Ledger, id: u64, born_ms: u64) -> Ticket {
    let mut reservation = ledger.reserve(APP, sizes(PAGE, 1), SYSTEM, 0, &gauge(u64::MAX)).unwrap();
    reservation.charge_heap(SYSTEM, PAGE, 0, &gauge(u64::MAX)).unwrap();
    reservation.commit(&About { born_ms, ..about() }, [id].into_iter())[0]
}

#[test]
fn buffers_are_read_oldest_first_a_page_at_a_time() {
    let ledger = ledger();
    let most = u64::try_from(BUFFERS_AT_ONCE).unwrap();
    let tickets: Vec<Ticket> = (0..most + 3).map(|id| hold_at(&ledger, id, 7 + id)).collect();
    let ids = |page: &[(Ticket, Entry)]| page.iter().map(|(_, entry)| entry.id).collect::<Vec<_>>();
    let page = ledger.buffers_after(None, usize::MAX);
    assert_eq!(ids(&page), (0..most).collect::<Vec<_>>(), "no more under one taking of the lock");
    let last = page.last().map(|(ticket, _)| *ticket);
    assert_eq!(ids(&ledger.buffers_after(last, 2)), [most, most + 1]);
    assert_eq!(ledger.buffers_after(tickets.last().copied(), 2), []);
    assert_eq!(ledger.buffers().map(|entry| entry.id).collect::<Vec<_>>(), (0..most + 3).collect::<Vec<_>>());
}

#[test]
fn reader_of_buffers_does_not_follow_those_given_out_meanwhile() {
    let ledger = ledger();
    hold_at(&ledger, 0, 0);
    let mut ids = Vec::new();
    for (entry, next) in ledger.buffers().zip(1..) {
        ids.push(entry.id);
        hold_at(&ledger, next, 0);
    }
    assert_eq!(ids, [0]);
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of steps take miri an hour")]
fn buffer_that_lives_throughout_is_listed_once_while_others_come_and_go() {
    let ledger = ledger();
    let mut stays = Vec::new();
    for id in 0..1_000 {
        let ticket = hold_at(&ledger, id, 1_000 - id);
        if id % 2 == 0 {
            stays.push(id);
        } else {
            ledger.release(ticket);
        }
    }
    std::thread::scope(|scope| {
        let churn = scope.spawn(|| {
            for id in 1_000..50_000 {
                ledger.release(hold_at(&ledger, id, 0));
            }
        });
        while !churn.is_finished() {
            let mut ids: Vec<u64> = ledger.buffers().map(|entry| entry.id).filter(|id| *id < 1_000).collect();
            ids.sort_unstable();
            assert_eq!(ids, stays);
        }
    });
}

#[test]
fn heap_budget_counts_the_metadata_and_reserved_regions_that_are_in_it() {
    let mut policy = policy();
    policy.heaps[0].budget_bytes = Some(40 * MIB);
    let ledger = Ledger::new(Arc::new(policy), PAGE);
    let reserved = Sizes { bytes: PAGE, metadata_bytes: 64 * MIB + PAGE, count: 1 };
    let refused = ledger.reserve(APP, reserved, CAMERA, 0, &gauge(u64::MAX)).err().unwrap();
    let bytes = 64 * MIB + PAGE;
    assert_eq!(refused, Shortage::HeapBudget { heap: "system".to_owned(), bytes, held: 0, limit: 40 * MIB }.into());
    assert_eq!(ledger.statistics().all, ClientAccount::default());
    // Pixels in the same heap find the metadata's bytes taken, of the whole request.
    let beside = Sizes { bytes: 19 * MIB, metadata_bytes: MIB, count: 2 };
    let mut reservation = ledger.reserve(APP, beside, SYSTEM, 0, &gauge(u64::MAX)).unwrap();
    reservation.charge_heap(SYSTEM, 19 * MIB, 0, &gauge(u64::MAX)).unwrap();
    reservation.charge_heap(SYSTEM, 19 * MIB, 0, &gauge(u64::MAX)).unwrap();
    let refused = ledger.reserve(OTHER, sizes(PAGE, 1), CAMERA, 0, &gauge(u64::MAX)).err().unwrap();
    assert!(matches!(refused, Refusal::Shortage(Shortage::HeapBudget { held, .. }) if held == 40 * MIB));
    let tickets = reservation.commit(&about(), [1, 2].into_iter());
    for (ticket, held) in tickets.into_iter().zip([20 * MIB, 0]) {
        ledger.release(ticket);
        assert_eq!(ledger.statistics().heaps[0].live_bytes, held);
    }
}

#[test]
fn heaps_add_up_to_what_all_clients_hold() {
    let ledger = ledger();
    let request = Sizes { bytes: MIB, metadata_bytes: 3 * PAGE, count: 2 };
    let mut reservation = ledger.reserve(APP, request, CAMERA, 0, &gauge(u64::MAX)).unwrap();
    reservation.charge_heap(CAMERA, MIB, 0, &gauge(u64::MAX)).unwrap();
    reservation.charge_heap(SYSTEM, MIB, 0, &gauge(u64::MAX)).unwrap();
    let tickets = reservation.commit(&about(), [1, 2].into_iter());
    let figures = ledger.statistics();
    let (system, camera) = (figures.heaps[0], figures.heaps[1]);
    assert_eq!((system.live_bytes, camera.live_bytes), (MIB + 6 * PAGE, MIB));
    assert_eq!((system.live_buffers, camera.live_buffers), (1, 1), "a buffer counts where its pixels are");
    assert_eq!(figures.all.account.live_bytes, 2 * MIB + 6 * PAGE);
    tickets.into_iter().for_each(|ticket| drop(ledger.release(ticket)));
    let figures = ledger.statistics();
    assert_eq!(figures.heaps.iter().map(|heap| heap.live_bytes).collect::<Vec<_>>(), [0, 0]);
    let total: u64 = figures.heaps.iter().map(|heap| heap.total_bytes).sum();
    assert_eq!(total, figures.all.account.total_bytes);
}

#[test]
fn charge_without_an_id_is_given_back() {
    let ledger = ledger();
    let mut reservation = ledger.reserve(APP, sizes(MIB, 2), CAMERA, 0, &gauge(u64::MAX)).unwrap();
    reservation.charge_heap(CAMERA, MIB, 0, &gauge(u64::MAX)).unwrap();
    reservation.charge_heap(CAMERA, MIB, 0, &gauge(u64::MAX)).unwrap();
    let tickets = reservation.commit(&about(), [1].into_iter());
    assert_eq!((tickets.len(), ledger.statistics().heaps[1].live_bytes), (1, MIB));
    ledger.release(tickets[0]);
    let mut again = ledger.reserve(APP, sizes(2 * MIB, 1), CAMERA, 0, &gauge(u64::MAX)).unwrap();
    again.charge_heap(CAMERA, 2 * MIB, 0, &gauge(u64::MAX)).unwrap();
}

mod carve_out;
