//! Every order in which a fill, a request and memory pressure may meet in the pool, tried by loom: `cargo xtask loom`.

use super::*;
use crate::allocate::tests::policy;
use crate::ledger::{About, Client, Sizes};
use gralloc_buffer::usage::Usage;
use gralloc_buffer::BufferName;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::Arc as Shared;
use loom::thread;

const HEAP: HeapId = HeapId(0);
const FRAME: PoolKey = PoolKey { heap: HEAP, bytes: 4 << 20 };
const APP: Client = Client { uid: 10_001, pid: 1 };

/// The kernel: the bytes that there are of all buffers, and the most that there have been.
#[derive(Clone)]
struct Machine(Shared<[AtomicU64; 2]>);

/// A buffer.
struct Piece(Machine);

impl Machine {
    fn new() -> Machine {
        Machine(Shared::new([AtomicU64::new(0), AtomicU64::new(0)]))
    }

    fn allocate(&self) -> Piece {
        let used = self.0[0].fetch_add(FRAME.bytes, Ordering::SeqCst) + FRAME.bytes;
        self.0[1].fetch_max(used, Ordering::SeqCst);
        Piece(self.clone())
    }

    fn used(&self) -> u64 {
        self.0[0].load(Ordering::SeqCst)
    }

    fn most(&self) -> u64 {
        self.0[1].load(Ordering::SeqCst)
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.0 .0[0].fetch_sub(FRAME.bytes, Ordering::SeqCst);
    }
}

impl MemoryGauge for Machine {
    fn available_bytes(&self) -> Option<u64> {
        None
    }
}

struct Service {
    pool: Pool<Piece>,
    ledger: Arc<Ledger>,
    machine: Machine,
    total: u64,
}

impl Service {
    /// With a budget for so many frames, of which one is ready already and one more is kept.
    fn new(frames: u64) -> Shared<Service> {
        let total = frames * FRAME.bytes;
        let mut policy = policy();
        policy.limits.total_bytes = Some(total);
        let ledger = Arc::new(Ledger::new(Arc::new(policy), 4096));
        let kept = PoolBounds { total_bytes: total, heap_bytes: vec![total], streams: true, idle_ms: 1000 };
        let pool = Pool::new(kept, Arc::clone(&ledger), 0);
        let service = Service { pool, ledger, machine: Machine::new(), total };
        service.pool.keep_ready(&[(FRAME, 2)], 0);
        assert!(fill(&service).is_empty() && service.pool.statistics().ready_buffers == 1);
        Shared::new(service)
    }

    /// A request for so many, as the service makes it: ready ones, then new ones, once there is room.
    fn request(&self, count: u32) -> Vec<Piece> {
        let sizes = Sizes { bytes: FRAME.bytes, metadata_bytes: 0, count };
        let mut reservation =
            self.ledger.reserve(APP, sizes, HEAP, 0, &self.machine).expect("what is ready stands in nobody's way");
        let mut pieces = Vec::new();
        for _ in 0..count {
            reservation.charge_heap(HEAP, FRAME.bytes, 0, &self.machine).unwrap();
            let ready = self.pool.take(FRAME, 0).buffer;
            pieces.push(ready.unwrap_or_else(|| {
                self.pool.make_room(HEAP);
                self.machine.allocate()
            }));
        }
        let about = About {
            name: BufferName::from_text("f"),
            usage: Usage::NONE,
            born_ms: 0,
            watched_fds: 1,
            ..About::default()
        };
        assert_eq!(reservation.commit(&about, 0..u64::from(count)).len(), pieces.len());
        pieces
    }

    /// Once all is quiet: the account says what there is, and that is within the budget.
    fn assert_balanced(&self, held: usize) {
        let figures = self.ledger.statistics();
        let pooled: u64 = figures.pooled.iter().sum();
        assert_eq!(pooled, self.pool.statistics().ready_bytes, "charged for what is ready");
        assert_eq!(figures.all.account.live_bytes, u64::try_from(held).unwrap() * FRAME.bytes);
        assert_eq!(pooled + figures.all.account.live_bytes, self.machine.used(), "the account says what there is");
        assert!(self.machine.used() <= self.total, "the budget is passed");
    }
}

/// What two threads do at once, and what has to be true in the end beside a balanced account.
fn try_all(frames: u64, one: fn(&Service) -> Vec<Piece>, other: fn(&Service) -> Vec<Piece>, check: fn(&Service)) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let service = Service::new(frames);
        let beside = thread::spawn({
            let service = Shared::clone(&service);
            move || other(&service)
        });
        let mut held = one(&service);
        held.extend(beside.join().unwrap());
        service.assert_balanced(held.len());
        check(&service);
    });
}

fn ask_one(service: &Service) -> Vec<Piece> {
    service.request(1)
}

fn ask_two(service: &Service) -> Vec<Piece> {
    service.request(2)
}

fn fill(service: &Service) -> Vec<Piece> {
    if let Some(key) = service.pool.begin_fill(0, &service.machine) {
        service.pool.end_fill(key, Ok(service.machine.allocate()), 0);
    }
    Vec::new()
}

fn drain(cause: Cause, service: &Service) -> Vec<Piece> {
    service.pool.drain(cause, |_| true, 0);
    Vec::new()
}

#[test]
fn model_request_beside_a_fill_the_budget_holds_both_in_the_end() {
    try_all(2, ask_two, fill, |_| ());
}

#[test]
#[should_panic(expected = "the budget is passed")]
fn model_fill_that_does_not_look_for_room_again_the_budget_is_passed() {
    let once = |service: &Service| {
        let key = service.pool.lock().next(0).map(|fill| fill.key);
        if key.is_some_and(|key| service.ledger.pool(key.heap, key.bytes, 0, &service.machine)) {
            let piece = service.machine.allocate();
            service.ledger.pool_asked(HEAP, FRAME.bytes, true);
            drop(service.pool.lock().filled(FRAME, piece, 0));
        }
        Vec::new()
    };
    try_all(2, ask_two, once, |_| ());
}

#[test]
fn model_two_requests_for_one_ready_buffer_one_has_it() {
    try_all(4, ask_one, ask_one, |service| assert_eq!(service.pool.statistics().hits, 1));
}

#[test]
fn model_pressure_beside_a_fill_nothing_is_left_ready() {
    let drain = |service: &Service| drain(Cause::Pressure, service);
    try_all(4, drain, fill, |service| assert_eq!(service.machine.used(), 0));
}

/// Without requests, which go first, what is ready is within the budget at every moment.
fn drain_beside_a_fill(drain: fn(&Service) -> Vec<Piece>) {
    try_all(1, drain, fill, |service| assert!(service.machine.most() <= service.total, "two were there at once"));
}

#[test]
fn model_drain_beside_a_fill_memory_is_given_back_before_it_counts_as_free() {
    drain_beside_a_fill(|service| drain(Cause::Room, service));
}

#[test]
#[should_panic(expected = "two were there at once")]
fn model_drain_that_counts_memory_as_free_before_it_is_given_back_two_are_there_at_once() {
    drain_beside_a_fill(|service| {
        let out = service.pool.lock().drain(Cause::Room, |_| true, 0);
        out.iter().for_each(|(key, _)| service.ledger.unpool(key.heap, key.bytes));
        Vec::new()
    });
}
