//! How much memory a dump takes, and how many writes, whatever there is to print. Alone in its file: it counts what this
//! process allocates.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use gralloc_allocator::ledger::{About, Client, Ledger, Sizes};
use gralloc_allocator::ports::MemoryGauge;
use gralloc_allocator::statistics::{
    BufferStatistics, Dump, HeapStatistics, LatencyStatistics, PartStatistics, Statistics,
};
use gralloc_buffer::{BufferName, Usage};
use gralloc_server::dump::{write_of, Buffers, DumpOptions};
use heaps_config::Policy;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The system's allocator, with an account of what is allocated, and of the most that ever was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// What one test allocates is not counted as the other's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::SeqCst) + layout.size();
        MOST.fetch_max(now, Ordering::SeqCst);
        // SAFETY: the caller keeps to the contract of `alloc`, which is this one's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller keeps to the contract of `dealloc`, which is this one's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

struct Endless;

impl MemoryGauge for Endless {
    fn available_bytes(&self) -> Option<u64> {
        None
    }
}

/// Counts what is written to it, and keeps nothing.
#[derive(Default)]
struct Sink {
    writes: usize,
    bytes: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        self.bytes += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn policy() -> Arc<Policy> {
    let profile = heaps_host::lint(heaps_host::profile("generic").unwrap());
    let mut policy = heaps_config::from_json(&profile.compile().unwrap()).unwrap();
    policy.limits.client_bytes = None;
    policy.limits.total_bytes = None;
    policy.heaps.iter_mut().for_each(|heap| heap.budget_bytes = None);
    Arc::new(policy)
}

/// An account of so many buffers whose names are escaped throughout.
fn ledger(policy: &Arc<Policy>, buffers: u64) -> Ledger {
    let ledger = Ledger::new(Arc::clone(policy), 4096);
    let about = About {
        name: BufferName::from_wire(&[1; 128]),
        usage: Usage::NONE,
        born_ms: 0,
        watched_fds: 1,
        ..About::default()
    };
    let sizes = Sizes { bytes: 4096, metadata_bytes: 4096, count: 1 };
    let (heap, _) = policy.heap_ids().next().unwrap();
    for id in 1..=buffers {
        let client = Client { uid: 10_000, pid: 1 };
        let mut reservation = ledger.reserve(client, sizes, heap, 0, &Endless).unwrap();
        reservation.charge_heap(heap, 4096, 0, &Endless).unwrap();
        reservation.commit(&about, [id].into_iter());
    }
    ledger
}

/// Runs it, and tells the most that was allocated meanwhile beyond what was before.
fn most_allocated(run: impl FnOnce()) -> usize {
    let before = NOW.load(Ordering::SeqCst);
    MOST.store(before, Ordering::SeqCst);
    run();
    MOST.load(Ordering::SeqCst) - before
}

#[test]
fn dump_of_many_buffers_takes_the_memory_of_few_and_one_write_for_many_lines() {
    const MANY: u64 = 20_000;
    let _alone = ONE_AT_A_TIME.lock();
    let policy = policy();
    let ledger = ledger(&policy, MANY);
    let buffers = Buffers { ledger: &ledger, policy: &policy, now_ms: 1000 };
    let json = DumpOptions { json: true, older_than_ms: Some(0), ..DumpOptions::default() };
    let text = DumpOptions { buffers: true, ..DumpOptions::default() };
    for options in [json, text, DumpOptions::default()] {
        let mut sink = Sink::default();
        let most = most_allocated(|| write_of(Statistics::default(), buffers, options, &mut sink).unwrap());
        assert!(most < 1 << 18, "{most} bytes at once for {} bytes of {options:?}", sink.bytes);
        assert!(sink.writes <= sink.bytes / 4096 + 4, "{} writes of {} bytes", sink.writes, sink.bytes);
        assert!(options == DumpOptions::default() || sink.bytes > 10 << 20, "{} bytes of {options:?}", sink.bytes);
    }
    let most = most_allocated(|| assert_eq!(buffers.page(0, 0, 100).len(), 100));
    assert!(most < 1 << 18, "{most} bytes at once for a page");
}

#[test]
fn pages_follow_one_another_and_what_is_written_reads_back() {
    let _alone = ONE_AT_A_TIME.lock();
    let policy = policy();
    let ledger = ledger(&policy, 1_000);
    let buffers = Buffers { ledger: &ledger, policy: &policy, now_ms: 1000 };
    let mut seen: Vec<u64> = Vec::new();
    loop {
        let page = buffers.page(0, seen.last().copied().unwrap_or(0), 300);
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|buffer| buffer.id));
    }
    assert_eq!(seen, (1..=1_000).collect::<Vec<u64>>());
    assert!(buffers.page(1001, 0, 300).is_empty(), "none is so old");

    let mut json = Vec::new();
    let options = DumpOptions { json: true, older_than_ms: Some(0), ..DumpOptions::default() };
    let latency = LatencyStatistics { buckets: vec![1, 2], ..LatencyStatistics::default() };
    let parts = vec![PartStatistics { latency, ..PartStatistics::default() }, PartStatistics::default()];
    let heaps = vec![HeapStatistics { parts, ..HeapStatistics::default() }];
    let statistics = Statistics { policy: "generic".to_owned(), requests: 7, heaps, ..Statistics::default() };
    write_of(statistics, buffers, options, &mut json).unwrap();
    let dump: Dump<Vec<BufferStatistics>> = serde_json::from_slice(&json).unwrap();
    let mut as_serde_json_has_it = serde_json::to_vec_pretty(&dump).unwrap();
    as_serde_json_has_it.push(b'\n');
    assert_eq!(json, as_serde_json_has_it);
    assert_eq!((dump.statistics.policy.as_str(), dump.statistics.requests), ("generic", 7));
    assert_eq!(dump.buffers.iter().map(|buffer| buffer.id).collect::<Vec<_>>(), seen);
    assert_eq!(dump.leaks.unwrap().groups[0].buffers, 1_000);
    assert!(dump.not_understood.is_empty());

    let mut text = Vec::new();
    let options = DumpOptions { not_understood: Some("a\n"), ..DumpOptions::default() };
    write_of(Statistics::default(), buffers, options, &mut text).unwrap();
    let wanted = "! --older-than \"a\\n\" was not understood: a whole number with ms, s, m or h, such as 60s\n";
    assert!(text.starts_with(wanted.as_bytes()), "{}", String::from_utf8_lossy(&text));
}
