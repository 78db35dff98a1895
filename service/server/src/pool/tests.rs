//! Heaps that refuse what a test says, and files for buffers.

// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::heap_calls::HeapCalls;
use crate::tests::{failure, thread_stat};
use gralloc_buffer::METADATA_BYTES;
use heaps_config::policy::PoolBounds;
use nix::libc;
use nix::sys::memfd::{memfd_create, MemFdCreateFlag};
use std::sync::atomic::AtomicUsize;
use std::sync::Mutex;

const SYSTEM: HeapId = HeapId(0);
const CARVEOUT: HeapId = HeapId(1);
const FRAME: u64 = 1 << 20;

#[derive(Default)]
struct Heaps {
    /// The heap that refuses the next request, and how.
    refuses: Mutex<Option<(HeapId, i32)>>,
    /// The class (`sched.h`) of the thread that asked last.
    asked_in: Mutex<i32>,
}

impl HeapBackend for Heaps {
    type Buffer = OwnedFd;

    fn allocate(&self, heap: HeapId, _bytes: u64, _name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        *self.asked_in.lock().unwrap() = class();
        let mut refuses = self.refuses.lock().unwrap();
        match *refuses {
            Some((refusing, errno)) if refusing == heap => {
                *refuses = None;
                Err(failure(errno))
            }
            _ => Ok(memfd_create(c"buffer", MemFdCreateFlag::MFD_CLOEXEC).unwrap()),
        }
    }
}

struct Unknown;

impl MemoryGauge for Unknown {
    fn available_bytes(&self) -> Option<u64> {
        None
    }
}

/// Two frames of each heap are ready, and all pages of metadata.
fn pool() -> PooledHeaps<Heaps> {
    let bytes = 64 * FRAME;
    let bounds = PoolBounds { total_bytes: bytes, heap_bytes: vec![bytes; 2], streams: false, idle_ms: 60_000 };
    let policy = Arc::new(crate::tests::policy());
    let ledger = Arc::new(Ledger::new(Arc::clone(&policy), 4096));
    let wakeup = Arc::new(Wakeup::new().unwrap());
    let pool = PooledHeaps::new(Heaps::default(), policy, Some(bounds), ledger, wakeup, Clock::start(), 4096);
    pool.keep_ready(&[(SYSTEM, FRAME, 2), (CARVEOUT, FRAME, 2)]);
    while let Some(key) = pool.begin_fill(&Unknown) {
        pool.end_fill(key, pool.heaps.allocate(key.heap, key.bytes, &name()));
    }
    pool.refill_metadata();
    assert_eq!(ready_of(&pool), (4, METADATA_PAGES));
    pool
}

/// This thread's scheduling class.
fn class() -> i32 {
    thread_stat(41)
}

fn name() -> BufferName {
    BufferName::from_text("test")
}

/// Pixels and pages.
fn ready_of(pool: &PooledHeaps<Heaps>) -> (u32, usize) {
    (pool.statistics().unwrap().ready_buffers, pool.metadata().ready.len())
}

/// Pixels for a request of its own class.
fn obtain(pool: &PooledHeaps<Heaps>, heap: HeapId, bytes: u64) -> Result<OwnedFd, HeapFailure> {
    pool.obtain(heap, bytes, &name(), pool.clock.now_ms(), Class::Own).map(|(buffer, _)| buffer)
}

/// One request of a size that is not ready, which the heap refuses the first time.
fn refused_once(pool: &PooledHeaps<Heaps>, heap: HeapId, errno: i32) -> Result<OwnedFd, HeapFailure> {
    *pool.heaps.refuses.lock().unwrap() = Some((heap, errno));
    obtain(pool, heap, 3 * FRAME)
}

#[test]
fn heap_that_runs_out_of_memory_takes_back_its_own_and_is_asked_again() {
    let pool = pool();
    assert!(refused_once(&pool, CARVEOUT, libc::ENOMEM).is_ok());
    assert_eq!(ready_of(&pool), (2, METADATA_PAGES), "system memory has not run out");
    assert_eq!(refused_once(&pool, CARVEOUT, libc::ENOMEM).unwrap_err().errno, libc::ENOMEM, "nothing more to give");
    assert!(refused_once(&pool, SYSTEM, libc::ENOMEM).is_ok());
    assert_eq!(ready_of(&pool), (0, 0), "pages of metadata give way too");
}

#[test]
fn refusal_for_another_reason_than_memory_takes_nothing_from_anybody() {
    let pool = pool();
    for errno in [libc::EINVAL, libc::EFBIG, libc::ENODEV, libc::EACCES] {
        assert_eq!(refused_once(&pool, SYSTEM, errno).unwrap_err().errno, errno);
    }
    assert_eq!(ready_of(&pool), (4, METADATA_PAGES));
}

#[test]
fn service_without_file_descriptors_gives_back_all_that_hold_one() {
    let pool = pool();
    assert!(refused_once(&pool, CARVEOUT, libc::EMFILE).is_ok());
    assert_eq!(ready_of(&pool), (0, 0));
}

#[test]
fn admission_that_finds_too_little_available_takes_back_system_memory_alone() {
    let pool = pool();
    assert!(pool.make_room_in_system_memory());
    assert_eq!(ready_of(&pool), (2, 0));
    assert!(!pool.make_room_in_system_memory());
}

#[test]
fn pressure_takes_metadata_too_and_no_page_is_made_for_a_while() {
    let pool = pool();
    assert!(pool.relieve());
    pool.refill_metadata();
    assert_eq!(ready_of(&pool), (2, 0), "a carve-out's memory is its own");
    assert!(pool.obtain_metadata(SYSTEM, METADATA_BYTES, &name(), Class::Own).is_ok(), "from the heap itself");
    assert!(!pool.relieve(), "nothing was left");
}

#[test]
fn request_that_took_something_wakes_who_refills_at_its_end_whether_or_not_it_was_served() {
    let pool = pool();
    let requests = AtomicUsize::new(0);
    let calls = HeapCalls::begin(&pool, &requests, pool.clock, FRAME);
    assert!(calls.allocate(SYSTEM, FRAME, &name()).is_ok());
    assert_eq!(calls.pool_hits(), 1);
    *pool.heaps.refuses.lock().unwrap() = Some((SYSTEM, libc::ENOMEM));
    assert!(calls.allocate(SYSTEM, 3 * FRAME, &name()).is_ok(), "after what was ready is given back");
    pool.wakeup.sleep(|timer| {
        drop(calls);
        timer.wait(None).unwrap();
    });
}

#[test]
fn long_request_beside_another_leaves_the_real_time_class_while_a_heap_zeroes_and_is_back_for_what_takes_locks() {
    let (pool, requests) = (pool(), AtomicUsize::new(0));
    let begin = |bytes| HeapCalls::begin(&pool, &requests, pool.clock, bytes);
    // For pixels, and for metadata with a reserved region.
    let asked_in = |bytes| {
        let calls = begin(bytes);
        let ask = |metadata: bool| {
            let given = match metadata {
                true => calls.allocate_metadata(SYSTEM, 3 * FRAME, &name()),
                false => calls.allocate(SYSTEM, 3 * FRAME, &name()),
            };
            assert!(given.is_ok());
            assert_eq!(class(), libc::SCHED_FIFO, "admission takes the ledger's lock, for which others wait");
            *pool.heaps.asked_in.lock().unwrap()
        };
        [ask(false), ask(true)]
    };
    std::thread::scope(|threads| {
        threads.spawn(|| {
            if let Err(error) = sched::set_fifo(2) {
                return println!("SKIP: {error}");
            }
            assert_eq!(asked_in(3 * FRAME), [libc::SCHED_FIFO; 2], "there is no other");
            let _other = begin(FRAME);
            assert_eq!(asked_in(3 * FRAME), [libc::SCHED_OTHER; 2]);
            assert_eq!(asked_in(FRAME - 1), [libc::SCHED_FIFO; 2], "not for so short a time");
        });
    });
    assert_eq!(requests.into_inner(), 0);
}
