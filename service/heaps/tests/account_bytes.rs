//! What a live buffer costs the service in memory, its name included: the ledger's entry and the watch's, by a counting
//! allocator, each buffer really watched.

// A failed unwrap is a failed test. The counting allocator is the only way to see this.
#![allow(clippy::unwrap_used)]

mod common;

use common::{page, policy, SYSTEM};
use gralloc_allocator::ledger::{About, Client, Ledger, Sizes, Ticket};
use gralloc_allocator::ports::MemoryGauge;
use gralloc_buffer::{BufferName, Usage};
use gralloc_heaps::watch::Source;
use gralloc_heaps::ReleaseWatch;
use nix::sys::memfd::{memfd_create, MemFdCreateFlag};
use nix::sys::resource::{getrlimit, setrlimit, Resource};
use std::alloc::{GlobalAlloc, Layout, System};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

/// What the allocator itself takes for a piece: a header, and up to the next multiple of 16.
fn cost(size: usize) -> usize {
    (size + 8).next_multiple_of(16)
}

// SAFETY: every call goes on to `System` unchanged, which keeps the contract; counting touches an atomic alone.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(cost(layout.size()), Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(cost(layout.size()), Ordering::Relaxed);
        // SAFETY: the memory came from `System` through `alloc` above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What a live buffer may cost.
const MOST: usize = 256;
const BUFFERS: u16 = 10_000;

struct Plenty;

impl MemoryGauge for Plenty {
    fn available_bytes(&self) -> Option<u64> {
        Some(u64::MAX)
    }
}

fn hold(ledger: &Ledger, number: u16) -> Ticket {
    let client = Client { uid: 10_001, pid: 1 };
    let sizes = Sizes { bytes: page(), metadata_bytes: page(), count: 1 };
    let mut reservation = ledger.reserve(client, sizes, SYSTEM, 0, &Plenty).unwrap();
    reservation.charge_heap(SYSTEM, page(), 0, &Plenty).unwrap();
    let name = BufferName::from_text(&format!("buffer {number}"));
    let about =
        About { name, usage: Usage::CPU_READ_OFTEN, born_ms: number.into(), watched_fds: 1, ..About::default() };
    reservation.commit(&about, [u64::from(number)].into_iter()).remove(0)
}

/// A file whose end a source can tell: a memfd, or the reading end of a pipe whose writing end is closed.
fn file(source: Source) -> OwnedFd {
    match source {
        Source::Inotify => memfd_create(c"buffer", MemFdCreateFlag::MFD_CLOEXEC).unwrap(),
        Source::Epoll => nix::unistd::pipe().unwrap().0,
    }
}

#[test]
fn ten_thousand_buffers_cost_at_most_256_bytes_each() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let watches = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/fs/{name}/max_user_watches")).unwrap();
        text.trim().parse::<u64>().unwrap()
    };
    for source in Source::ALL {
        let room = hard.min(watches(source.name()));
        if room < u64::from(BUFFERS) + 100 {
            println!("SKIP {source}: descriptors and watches allow {room} buffers");
            continue;
        }
        let mut files: Vec<OwnedFd> = (0..BUFFERS).map(|_| file(source)).collect();
        let before = IN_USE.load(Ordering::Relaxed);
        let ledger = Ledger::new(Arc::new(policy()), page());
        let watch = ReleaseWatch::with(source).unwrap();
        for (file, number) in files.iter().zip(0..) {
            watch.add(file.as_fd(), hold(&ledger, number).number()).unwrap();
        }
        let in_use = IN_USE.load(Ordering::Relaxed) - before;
        let each = in_use.div_ceil(usize::from(BUFFERS));
        println!("{source}: {in_use} bytes for {BUFFERS} buffers, {each} each");
        assert!(each <= MOST, "{source}: {each} bytes a buffer");
        assert_eq!((ledger.buffers().count(), watch.watched()), (usize::from(BUFFERS), usize::from(BUFFERS)));
        files.clear();
        let mut told = 0;
        while told < BUFFERS {
            let tags = watch.wait(Duration::from_secs(60)).unwrap().tags;
            assert!(!tags.is_empty(), "{told} of {BUFFERS} were told");
            told += u16::try_from(tags.len()).unwrap();
            tags.into_iter().map(Ticket::from_number).for_each(|ticket| drop(ledger.release(ticket)));
        }
        assert_eq!(ledger.statistics().all.account.live_buffers, 0);
        let left = IN_USE.load(Ordering::Relaxed) - before;
        println!("{source}: {left} bytes when all are released");
        assert!(left < 64 << 10, "{left} bytes are kept for buffers that were released");
    }
}
