//! The loop over count and heaps, against a double of the heaps.

use super::*;
use crate::ledger::{About, Ticket};
use crate::plan::Resolved;
use crate::ports::FailureKind;
use crate::request::Request;
use gralloc_buffer::format::PixelFormat;
use gralloc_buffer::layout::{Layout, Planes};
use gralloc_buffer::usage::Usage;
use heaps_config::policy::{Action, Condition, Heap, HeapSet, Limits, Rule};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// Two heaps, one rule that prefers the first: what the tests of the ledger use too.
pub(crate) fn policy() -> Policy {
    let heap = |name: &str| Heap {
        name: name.to_owned(),
        nodes: vec![name.to_owned()],
        cached: true,
        contiguous: false,
        protected: false,
        max_buffer_bytes: None,
        budget_bytes: None,
        system_memory: true,
    };
    Policy {
        name: "test".to_owned(),
        heaps: vec![heap("system"), heap("camera")],
        rules: vec![Rule {
            name: "all".to_owned(),
            when: Condition::default(),
            action: Action::Heaps { heaps: vec![HeapId(1), HeapId(0)], uncached: Vec::new(), cached_when: Vec::new() },
        }],
        limits: Limits { request_bytes: 1 << 30, buffers_per_request: 32, ..Limits::default() },
        metadata_heap: HeapId(0),
        ..Policy::default()
    }
}

/// Heaps that fail as told and know which of their buffers are alive.
#[derive(Default)]
struct Heaps {
    live: Rc<RefCell<Vec<u32>>>,
    calls: RefCell<Vec<HeapId>>,
    fail: RefCell<Vec<(usize, HeapFailure)>>,
}

#[derive(Debug)]
struct Buffer {
    id: u32,
    live: Rc<RefCell<Vec<u32>>>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.live.borrow_mut().retain(|id| *id != self.id);
    }
}

impl HeapBackend for Heaps {
    type Buffer = Buffer;

    fn allocate(&self, heap: HeapId, _bytes: u64, _name: &BufferName) -> Result<Buffer, HeapFailure> {
        let call = self.calls.borrow().len();
        self.calls.borrow_mut().push(heap);
        if let Some((_, failure)) = self.fail.borrow().iter().find(|(at, _)| *at == call) {
            return Err(*failure);
        }
        let id = u32::try_from(call).unwrap();
        self.live.borrow_mut().push(id);
        Ok(Buffer { id, live: Rc::clone(&self.live) })
    }
}

/// A machine's memory.
struct Machine {
    available: Cell<u64>,
    total: u64,
    /// Of `available` is missing what is kept ready and gives way.
    ready: Cell<u64>,
}

impl Machine {
    fn new(available: u64, total: u64) -> Machine {
        Machine { available: Cell::new(available), total, ready: Cell::new(0) }
    }

    fn make_room(&self) -> bool {
        let ready = self.ready.take();
        self.available.set(self.available.get() + ready);
        ready > 0
    }
}

impl MemoryGauge for Machine {
    fn available_bytes(&self) -> Option<u64> {
        Some(self.available.get())
    }

    fn total_bytes(&self) -> Option<u64> {
        Some(self.total)
    }
}

const ENOMEM: HeapFailure = HeapFailure { errno: 12, cause: "out of memory", kind: FailureKind::Memory };
const EMFILE: HeapFailure = HeapFailure { errno: 24, cause: "out of file descriptors", kind: FailureKind::Descriptors };
const APP: Client = Client { uid: 10_001, pid: 1 };

/// Memory without end.
fn plenty() -> Machine {
    Machine::new(u64::MAX, u64::MAX)
}

type Outcome = Result<Vec<HeapId>, Refusal>;

/// Runs one request and says which heaps gave the buffers; the buffers are dropped, the reservation too.
fn run(heaps: &Heaps, policy: &Policy, ledger: &Ledger, count: i32) -> Outcome {
    run_settling(heaps, policy, ledger, count, |_| ())
}

/// The same with releases that happened and are not booked yet.
fn run_settling(heaps: &Heaps, policy: &Policy, ledger: &Ledger, count: i32, settle: impl Fn(&Ledger)) -> Outcome {
    run_on(heaps, policy, ledger, count, [HeapId(1), HeapId(0)], &plenty(), settle)
}

/// The same with the heaps in this order, on this machine.
fn run_on(
    heaps: &Heaps,
    policy: &Policy,
    ledger: &Ledger,
    count: i32,
    order: [HeapId; 2],
    gauge: &Machine,
    settle: impl Fn(&Ledger),
) -> Outcome {
    let request = Request {
        width: 64,
        height: 64,
        layers: 1,
        format: PixelFormat::Rgba8888,
        usage: Usage::NONE,
        reserved_bytes: 0,
        dataspace: gralloc_buffer::Dataspace::default(),
    };
    let plan = Plan {
        request,
        rule: 0,
        heaps: &order,
        candidates: HeapSet::ALL,
        resolved: Resolved { layout: Layout::Rgba8888, vendor: None, resolution: None, compress: None },
        areas: Default::default(),
        stride: 64,
        planes: Planes::default(),
        layer_bytes: 16_384,
        bytes: 16_384,
        metadata_bytes: 4_096,
    };
    let (settle, make_room) = (&|| settle(ledger), &|| gauge.make_room());
    let resources = Resources { policy, ledger, heaps, gauge, settle, make_room, now_ms: 0 };
    let Batch { buffers, reservation } = allocate(&plan, count, &BufferName::from_text("test"), APP, &resources)?;
    let given = buffers.iter().map(|buffer| buffer.heap).collect();
    assert_eq!(heaps.live.borrow().len(), buffers.len() * 2, "a buffer and its metadata each");
    drop(reservation);
    Ok(given)
}

fn setup() -> (Heaps, Policy, Ledger) {
    let policy = policy();
    let ledger = Ledger::new(Arc::new(policy.clone()), 4096);
    (Heaps::default(), policy, ledger)
}

/// Nothing is alive and nothing is charged.
fn assert_clean(heaps: &Heaps, ledger: &Ledger) {
    assert!(heaps.live.borrow().is_empty());
    assert_eq!(ledger.statistics().all.reserved_bytes, 0);
    assert_eq!(ledger.statistics().all.account.live_bytes, 0);
}

#[test]
fn count_buffers_come_from_the_first_heap() {
    let (heaps, policy, ledger) = setup();
    assert_eq!(run(&heaps, &policy, &ledger, 3).unwrap(), vec![HeapId(1); 3]);
    assert_clean(&heaps, &ledger);
}

#[test]
fn zero_buffers_are_an_empty_result() {
    let (heaps, policy, ledger) = setup();
    assert_eq!(run(&heaps, &policy, &ledger, 0).unwrap(), vec![]);
    assert!(heaps.calls.borrow().is_empty());
}

#[test]
fn negative_and_too_many_are_refused_before_any_heap_is_asked() {
    let (heaps, policy, ledger) = setup();
    assert_eq!(run(&heaps, &policy, &ledger, -1), Err(Unsupported::Count(-1).into()));
    assert_eq!(run(&heaps, &policy, &ledger, i32::MIN), Err(Unsupported::Count(i32::MIN).into()));
    assert_eq!(run(&heaps, &policy, &ledger, 33), Err(Unsupported::TooManyBuffers { count: 33, limit: 32 }.into()));
    assert!(heaps.calls.borrow().is_empty());
    assert_clean(&heaps, &ledger);
    assert_eq!(run(&heaps, &policy, &ledger, 32).map(|given| given.len()), Ok(32), "the limit itself is allowed");
}

#[test]
fn empty_heap_falls_back_for_each_buffer() {
    let (heaps, policy, ledger) = setup();
    // Calls: 0 camera, 1 metadata, 2 camera (fails), 3 system, 4 metadata.
    heaps.fail.borrow_mut().push((2, ENOMEM));
    assert_eq!(run(&heaps, &policy, &ledger, 2).unwrap(), vec![HeapId(1), HeapId(0)]);
    assert_clean(&heaps, &ledger);
}

#[test]
fn any_failure_on_the_way_leaves_nothing() {
    for at in 0..10 {
        let (heaps, policy, ledger) = setup();
        heaps.fail.borrow_mut().push((at, EMFILE));
        let refused = run(&heaps, &policy, &ledger, 5).unwrap_err();
        assert!(matches!(refused, Refusal::Shortage(Shortage::Kernel { errno: 24, .. })), "at {at}: {refused:?}");
        assert_clean(&heaps, &ledger);
        assert!(run(&Heaps::default(), &policy, &ledger, 5).is_ok(), "the next good call works");
    }
}

#[test]
fn size_that_the_machine_does_not_address_can_never_succeed() {
    let (heaps, policy, ledger) = setup();
    let failure = HeapFailure { errno: 27, cause: "the size does not fit", kind: FailureKind::Size };
    heaps.fail.borrow_mut().push((0, failure));
    assert_eq!(run(&heaps, &policy, &ledger, 1), Err(Unsupported::BeyondAddresses { bytes: 16_384 }.into()));
    assert_eq!(heaps.calls.borrow().len(), 1, "no other heap does better");
    assert_clean(&heaps, &ledger);
}

#[test]
fn every_heap_empty_names_the_last() {
    let (heaps, policy, ledger) = setup();
    heaps.fail.borrow_mut().extend([(0, ENOMEM), (1, ENOMEM)]);
    let refused = run(&heaps, &policy, &ledger, 1).unwrap_err();
    let Refusal::Shortage(Shortage::Kernel { heap, errno: 12, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(heap, "system");
}

/// With nothing else in them, the heaps would refuse just the same.
#[test]
fn count_beyond_what_the_budgets_of_its_heaps_hold_can_never_succeed() {
    let (heaps, mut policy, _) = setup();
    // Two with the metadata of all three beside them.
    policy.heaps[0].budget_bytes = Some(2 * 16_384 + 3 * 4096);
    policy.heaps[1].budget_bytes = Some(16_384);
    let ledger = Ledger::new(Arc::new(policy.clone()), 4096);
    let refused = run(&heaps, &policy, &ledger, 4);
    assert_eq!(refused, Err(Unsupported::BeyondHeapBudgets { count: 4 }.into()));
    assert!(heaps.calls.borrow().is_empty());
    assert!(run(&heaps, &policy, &ledger, 3).is_ok());
    policy.heaps[0].budget_bytes = None;
    let ledger = Ledger::new(Arc::new(policy.clone()), 4096);
    assert!(run(&heaps, &policy, &ledger, 4).is_ok(), "a heap without a budget has no bound of its own");
}

#[test]
fn heap_over_its_budget_falls_back() {
    let (heaps, mut policy, _) = setup();
    policy.heaps[1].budget_bytes = Some(20_000);
    let ledger = Ledger::new(Arc::new(policy.clone()), 4096);
    assert_eq!(run(&heaps, &policy, &ledger, 3).unwrap(), vec![HeapId(1), HeapId(0), HeapId(0)]);
    assert_clean(&heaps, &ledger);
}

/// A ledger whose heap `camera` is full of one buffer.
fn full_first_heap() -> (Policy, Ledger, Ticket) {
    let mut policy = policy();
    policy.heaps[1].budget_bytes = Some(16_384);
    let ledger = Ledger::new(Arc::new(policy.clone()), 4096);
    let sizes = Sizes { bytes: 16_384, metadata_bytes: 4_096, count: 1 };
    let mut reservation = ledger.reserve(APP, sizes, HeapId(1), 0, &plenty()).unwrap();
    reservation.charge_heap(HeapId(1), 16_384, 0, &plenty()).unwrap();
    let name = BufferName::from_text("old");
    let about = About { name, usage: Usage::NONE, born_ms: 0, watched_fds: 1, ..About::default() };
    let ticket = reservation.commit(&about, [7].into_iter())[0];
    (policy, ledger, ticket)
}

#[test]
fn full_heap_whose_buffer_has_gone_gives_the_memory_itself() {
    let (policy, ledger, ticket) = full_first_heap();
    let given = run_settling(&Heaps::default(), &policy, &ledger, 1, |ledger| drop(ledger.release(ticket)));
    assert_eq!(given.unwrap(), vec![HeapId(1)], "its release had happened: the next heap has nothing to do with it");
}

#[test]
fn full_heap_falls_back_after_one_scan_for_releases() {
    let (policy, ledger, ticket) = full_first_heap();
    let scans = Cell::new(0);
    let scan = |_: &Ledger| scans.set(scans.get() + 1);
    assert_eq!(run_settling(&Heaps::default(), &policy, &ledger, 3, scan).unwrap(), vec![HeapId(0); 3]);
    assert_eq!(scans.get(), 1, "one scan a request, however many buffers");
    ledger.release(ticket);
    assert_eq!(run_settling(&Heaps::default(), &policy, &ledger, 1, scan).unwrap(), vec![HeapId(1)]);
    assert_eq!(scans.get(), 1, "no budget was in the way");
}

#[test]
fn client_budget_whose_buffers_have_gone_is_free() {
    let (mut policy, ..) = full_first_heap();
    policy.limits.client_bytes = Some(20_480);
    let ledger = Ledger::new(Arc::new(policy.clone()), 4096);
    let sizes = Sizes { bytes: 16_384, metadata_bytes: 4_096, count: 1 };
    let mut reservation = ledger.reserve(APP, sizes, HeapId(1), 0, &plenty()).unwrap();
    reservation.charge_heap(HeapId(0), 16_384, 0, &plenty()).unwrap();
    let about = About {
        name: BufferName::from_text("old"),
        usage: Usage::NONE,
        born_ms: 0,
        watched_fds: 1,
        ..About::default()
    };
    let ticket = reservation.commit(&about, [7].into_iter())[0];
    let refused = run(&Heaps::default(), &policy, &ledger, 1).unwrap_err();
    assert!(matches!(refused, Refusal::Shortage(Shortage::ClientBudget { .. })), "{refused:?}");
    assert!(run_settling(&Heaps::default(), &policy, &ledger, 1, |ledger| drop(ledger.release(ticket))).is_ok());
}

/// System memory first, then a carve-out with room for two.
fn system_before_a_carve_out() -> (Heaps, Policy, Ledger) {
    let mut policy = policy();
    policy.heaps[1].system_memory = false;
    policy.heaps[1].budget_bytes = Some(2 * 16_384);
    let ledger = Ledger::new(Arc::new(policy.clone()), 4096);
    (Heaps::default(), policy, ledger)
}

#[test]
fn carve_out_gives_what_the_machine_before_it_lacks_now_or_for_good() {
    let (heaps, policy, ledger) = system_before_a_carve_out();
    let run = |count, bytes| {
        heaps.live.borrow_mut().clear();
        run_on(&heaps, &policy, &ledger, count, [HeapId(0), HeapId(1)], &Machine::new(bytes, bytes), |_| ())
    };
    assert_eq!(run(1, 4_096), Ok(vec![HeapId(1)]), "room for its metadata alone");
    assert_eq!(run(2, 2 * 4_096 + 16_384), Ok(vec![HeapId(0), HeapId(1)]), "and for one of two");
    assert_eq!(run(2, u64::MAX), Ok(vec![HeapId(0); 2]));
    let refused = run(3, 3 * 4_096).unwrap_err();
    assert_eq!(refused, Unsupported::BeyondMachine { bytes: 3 * 4_096 + 16_384, limit: 3 * 4_096 }.into());
    assert_clean(&heaps, &ledger);
}

#[test]
fn what_is_ready_gives_way_before_a_carve_out_is_spent() {
    let (heaps, policy, ledger) = system_before_a_carve_out();
    // Room for the metadata; for one buffer's pixels more when what is ready has been given back.
    let machine = Machine::new(2 * 4_096, u64::MAX);
    machine.ready.set(16_384);
    let given = run_on(&heaps, &policy, &ledger, 2, [HeapId(0), HeapId(1)], &machine, |_| ());
    assert_eq!(given, Ok(vec![HeapId(0), HeapId(1)]));
    assert_clean(&heaps, &ledger);
}

#[test]
fn last_heap_s_answer_is_told_after_the_machine_s_want_of_memory() {
    let (heaps, policy, ledger) = system_before_a_carve_out();
    let machine = Machine::new(3 * 4_096, u64::MAX);
    let run = || run_on(&heaps, &policy, &ledger, 3, [HeapId(0), HeapId(1)], &machine, |_| ()).unwrap_err();
    assert!(matches!(run(), Refusal::Shortage(Shortage::HeapBudget { .. })), "it has room for two");
    heaps.calls.borrow_mut().clear();
    heaps.fail.borrow_mut().push((0, EMFILE));
    assert!(matches!(run(), Refusal::Shortage(Shortage::Kernel { errno: 24, .. })));
    assert_clean(&heaps, &ledger);
}
