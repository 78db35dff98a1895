//! The ledger over any sequence of requests: the heaps add up to the total, no budget is passed, nothing stays charged.

// A ledger that does not add up must stop the test.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod common;

use common::policy;
use gralloc_allocator::ledger::{About, Client, Ledger, Reservation, Sizes, Snapshot, Ticket};
use gralloc_allocator::ports::MemoryGauge;
use gralloc_buffer::{BufferName, Usage};
use heaps_config::policy::HeapId;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;

const PAGE: u64 = 4096;
const TOTAL: u64 = 64 * PAGE;
const BUDGET: u64 = 24 * PAGE;
const AVAILABLE: u64 = 96 * PAGE;

#[derive(Clone, Debug)]
enum Step {
    /// A request of so many bytes and so much metadata for each of so many buffers, from one of two heaps.
    Reserve { uid: u32, sizes: Sizes, heap: u8 },
    /// One of the requests under way charges a heap for a buffer.
    Charge { which: usize, heap: u8 },
    /// Its last heap gave nothing.
    Uncharge { which: usize },
    /// It ends with buffers, or with none.
    End { which: usize, commit: bool },
    /// A ticket, of a live buffer or of none, is released.
    Release { which: usize },
}

fn steps() -> impl Strategy<Value = Step> {
    let sizes = (0..8 * PAGE, 0..8 * PAGE, 0u32..4).prop_map(|(bytes, metadata_bytes, count)| Sizes {
        bytes,
        metadata_bytes,
        count,
    });
    let which = any::<usize>();
    prop_oneof![
        3 => (0u32..2, sizes, 0u8..2).prop_map(|(uid, sizes, heap)| Step::Reserve { uid, sizes, heap }),
        5 => (which, 0u8..2).prop_map(|(which, heap)| Step::Charge { which, heap }),
        1 => which.prop_map(|which| Step::Uncharge { which }),
        3 => (which, any::<bool>()).prop_map(|(which, commit)| Step::End { which, commit }),
        2 => which.prop_map(|which| Step::Release { which }),
    ]
}

struct Machine;

impl MemoryGauge for Machine {
    fn available_bytes(&self) -> Option<u64> {
        Some(AVAILABLE)
    }
}

/// Two heaps of 24 pages, the second a carve-out, and a bound on both. The test's clock makes every reading old, so that only
/// what is in flight is taken off it.
fn ledger() -> Ledger {
    let mut policy = policy();
    policy.limits.total_bytes = Some(TOTAL);
    policy.limits.reserve_bytes = 0;
    policy.heaps[0].budget_bytes = Some(BUDGET);
    policy.heaps[1].budget_bytes = Some(BUDGET);
    policy.heaps[1].system_memory = false;
    Ledger::new(Arc::new(policy), PAGE)
}

/// A request under way, and for how many of its buffers a heap is charged.
struct Request<'l> {
    reservation: Reservation<'l>,
    sizes: Sizes,
    charged: u32,
}

fn check(figures: &Snapshot) {
    let heaps: u64 = figures.heaps.iter().map(|heap| heap.live_bytes).sum();
    assert_eq!(heaps, figures.all.account.live_bytes, "the heaps add up to the total");
    let buffers: u64 = figures.heaps.iter().map(|heap| heap.live_buffers).sum();
    assert_eq!(buffers, figures.all.account.live_buffers);
    let clients: u64 = figures.clients.iter().map(|(_, client)| client.account.live_bytes).sum();
    assert_eq!(clients, figures.all.account.live_bytes);
    assert!(figures.all.account.live_bytes + figures.all.reserved_bytes <= TOTAL);
    assert!(figures.heaps.iter().all(|heap| heap.live_bytes <= BUDGET));
}

proptest! {
    #[test]
    #[cfg_attr(miri, ignore = "hundreds of sequences take miri an hour")]
    fn any_sequence_of_requests_adds_up_and_leaves_nothing(sequence in vec(steps(), 0..60)) {
        let ledger = ledger();
        let (mut requests, mut tickets): (Vec<Request<'_>>, Vec<Ticket>) = (Vec::new(), Vec::new());
        for (step, now_ms) in sequence.into_iter().zip((0u64..).step_by(1_000)) {
            match step {
                Step::Reserve { uid, sizes, heap } => {
                    let client = Client { uid, pid: 1 };
                    if let Ok(reservation) = ledger.reserve(client, sizes, HeapId(heap), now_ms, &Machine) {
                        requests.push(Request { reservation, sizes, charged: 0 });
                    }
                }
                Step::Charge { which, heap } if !requests.is_empty() => {
                    let at = which % requests.len();
                    let Request { reservation, sizes, charged } = &mut requests[at];
                    if *charged < sizes.count {
                        let given = reservation.charge_heap(HeapId(heap), sizes.bytes, now_ms, &Machine);
                        *charged += u32::from(given.is_ok());
                    }
                }
                Step::Uncharge { which } if !requests.is_empty() => {
                    let at = which % requests.len();
                    requests[at].reservation.uncharge_heap();
                    requests[at].charged = requests[at].charged.saturating_sub(1);
                }
                Step::End { which, commit } if !requests.is_empty() => {
                    let Request { reservation, charged, .. } = requests.swap_remove(which % requests.len());
                    let name = BufferName::from_text("frame");
                    let about = About { name, usage: Usage::NONE, born_ms: now_ms, watched_fds: 1, ..About::default() };
                    if commit {
                        let given = reservation.commit(&about, 0..u64::from(charged));
                        prop_assert_eq!(given.len(), usize::try_from(charged).unwrap());
                        tickets.extend(given);
                    }
                }
                // Released tickets stay in the list: a second release of the same does nothing.
                Step::Release { which } if !tickets.is_empty() => drop(ledger.release(tickets[which % tickets.len()])),
                _ => {}
            }
            check(&ledger.statistics());
            let live = u64::try_from(ledger.buffers().count()).unwrap();
            prop_assert_eq!(live, ledger.statistics().all.account.live_buffers);
        }
        drop(requests);
        tickets.into_iter().for_each(|ticket| drop(ledger.release(ticket)));
        let figures = ledger.statistics();
        prop_assert_eq!((figures.all.account.live_bytes, figures.all.reserved_bytes), (0, 0));
        prop_assert!(figures.heaps.iter().all(|heap| (heap.live_bytes, heap.live_buffers) == (0, 0)));
        // Every budget is free to its last page, and so is the machine's memory.
        let all = Sizes { bytes: 11 * PAGE, metadata_bytes: PAGE, count: 2 };
        let mut last = ledger.reserve(Client { uid: 9, pid: 1 }, all, HeapId(0), 1_000_000, &Machine).unwrap();
        for _ in 0..2 {
            prop_assert!(last.charge_heap(HeapId(0), all.bytes, 1_000_000, &Machine).is_ok());
        }
    }
}
