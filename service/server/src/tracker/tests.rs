//! Pipes play the buffers: epoll sees their end on every machine. memfds play what it cannot watch.

use super::*;
use gralloc_allocator::ledger::{About, Client, Sizes};
use gralloc_allocator::ports::MemoryGauge;
use gralloc_allocator::Refusal;
use gralloc_buffer::Usage;
use gralloc_heaps::trace;
use nix::sys::memfd::{memfd_create, MemFdCreateFlag};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicBool;
use std::thread;

struct Plenty;

impl MemoryGauge for Plenty {
    fn available_bytes(&self) -> Option<u64> {
        Some(u64::MAX)
    }
}

/// A tracker by epoll alone, with a budget of so many buffers of one page with one of metadata.
fn tracker(buffers_of_a_client: Option<u64>) -> Tracker {
    let mut policy = crate::tests::policy();
    policy.limits.client_bytes = buffers_of_a_client.map(|buffers| buffers * 8192);
    let ledger = Arc::new(Ledger::new(Arc::new(policy), 4096));
    let watch = ReleaseWatch::with(Source::Epoll).unwrap();
    let mut tracker = Tracker::new(watch, ledger, Arc::new(Wakeup::new().unwrap()), Clock::start(), Arc::default());
    // No test waits so long: the scan that is waited for comes.
    tracker.timeout = |_| Duration::from_secs(3600);
    tracker
}

/// Ends the maintenance thread of a test, also of one that fails.
struct End<'t>(&'t Tracker, &'t AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
        self.0.wakeup.wake_now();
    }
}

/// Runs this beside a maintenance thread.
fn maintained<T>(tracker: &Tracker, run: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                tracker.wakeup.sleep(|timer| {
                    tracker.tend();
                    timer.wait(Some(tracker.due_in().unwrap_or(Duration::from_millis(10)))).unwrap();
                });
            }
        });
        let _end = End(tracker, &done);
        run()
    })
}

/// A buffer of a client on the account, of which so many fds are watched.
fn hold(tracker: &Tracker, uid: u32, watched_fds: u8) -> Result<Ticket, Refusal> {
    let sizes = Sizes { bytes: 4096, metadata_bytes: 4096, count: 1 };
    let mut reservation = tracker.ledger.reserve(Client { uid, pid: 1 }, sizes, HeapId(0), 0, &Plenty)?;
    reservation.charge_heap(HeapId(0), 4096, 0, &Plenty)?;
    let about =
        About { name: BufferName::from_text("test"), usage: Usage::NONE, born_ms: 0, watched_fds, ..About::default() };
    Ok(reservation.commit(&about, [7].into_iter())[0])
}

/// A request as the engine makes it: a budget's refusal counts after all releases are booked.
fn request(tracker: &Tracker, uid: u32) -> Result<OwnedFd, Refusal> {
    let ticket = hold(tracker, uid, 1).or_else(|_| {
        tracker.settle(Asker::Client(uid));
        hold(tracker, uid, 1)
    })?;
    let buffer = pipe();
    tracker.watch(vec![Duplicates { buffer: buffer.try_clone().unwrap(), reserved: None }], vec![ticket]);
    Ok(buffer)
}

/// The reading end of a pipe, whose writing end is closed.
fn pipe() -> OwnedFd {
    nix::unistd::pipe().unwrap().0
}

fn memfd() -> OwnedFd {
    memfd_create(c"buffer", MemFdCreateFlag::MFD_CLOEXEC).unwrap()
}

#[test]
fn thread_that_asks_at_a_budget_scans_nothing_itself() {
    let mut tracker = tracker(Some(1));
    tracker.timeout = |_| Duration::ZERO;
    let kept = request(&tracker, 1).unwrap();
    tracker.tend();
    drop(kept);
    // Nobody maintains: the one that asks is refused by the account of before, after its timeout, and a dump says so.
    assert!(request(&tracker, 1).is_err());
    assert!(!tracker.settle(Asker::Statistics));
    assert_eq!(tracker.watch.to_scan(), 1, "it has not scanned");
    tracker.tend();
    assert!(request(&tracker, 1).is_ok());
}

#[test]
fn client_that_lets_go_and_asks_again_is_served_beside_one_that_asks_at_its_budget_without_end() {
    let tracker = tracker(Some(3));
    let done = AtomicBool::new(false);
    // Kept beyond the threads: one that ends must not make room for the other.
    let others = Mutex::new(Vec::new());
    let refused = maintained(&tracker, || {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let kept: Vec<OwnedFd> = std::iter::from_fn(|| request(&tracker, 66).ok()).collect();
                    lock(&others).extend(kept);
                    while !done.load(Ordering::Relaxed) {
                        assert!(request(&tracker, 66).is_err());
                    }
                });
            }
            let mut kept: Vec<OwnedFd> = (0..3).map(|_| request(&tracker, 1).unwrap()).collect();
            let refused = (0..100).find(|_| {
                assert!(request(&tracker, 1).is_err(), "nothing was let go");
                kept.pop();
                match request(&tracker, 1) {
                    Ok(buffer) => kept.push(buffer),
                    Err(_) => return true,
                }
                false
            });
            done.store(true, Ordering::Relaxed);
            refused
        })
    });
    assert_eq!(refused, None, "it had let go before it asked");
}

#[test]
fn ticket_of_a_buffer_that_is_watched_in_part_never_becomes_another_buffers() {
    let tracker = tracker(None);
    let live = || tracker.ledger.statistics().all.account.live_buffers;
    let pixels = pipe();
    let reserved = memfd();
    let first = hold(&tracker, 1, 2).unwrap();
    let duplicates = Duplicates { buffer: pixels.try_clone().unwrap(), reserved: Some(reserved) };
    tracker.watch(vec![duplicates], vec![first]);
    tracker.tend();
    assert_eq!(tracker.untracked(), 1, "its pixels are watched, its reserved region cannot be");
    // Once round all numbers that tickets have for the turn of a slot.
    for _ in 0..u16::MAX {
        tracker.ledger.release(hold(&tracker, 1, 1).unwrap());
    }
    let late = hold(&tracker, 1, 1).unwrap();
    assert_ne!(late, first);
    assert_eq!(live(), 2, "the first counts until its pixels go");
    drop(pixels);
    tracker.tend();
    assert_eq!(live(), 1, "the pixels of the first have gone, and nothing of the other");
    tracker.ledger.release(late);
    assert_eq!(live(), 0);
}

/// And the trace says so: its counters end with what the account has.
#[test]
fn buffer_whose_pixels_cannot_be_watched_leaves_the_account() {
    let tracker = tracker(None);
    let mut marks = File::from(memfd());
    trace::start(marks.try_clone().unwrap());
    let tickets = vec![hold(&tracker, 4711, 1).unwrap(), hold(&tracker, 4711, 2).unwrap()];
    let duplicates = [None, Some(pipe())].map(|reserved| Duplicates { buffer: memfd(), reserved });
    tracker.watch(duplicates.into(), tickets);
    tracker.tend();
    trace::set_on(false);
    assert_eq!((tracker.ledger.statistics().all.account.live_buffers, tracker.untracked()), (0, 2));
    let mut text = String::new();
    marks.rewind().unwrap();
    marks.read_to_string(&mut text).unwrap();
    // Other tests of this process mark as well.
    let ours: Vec<&str> = text.lines().skip_while(|line| !line.contains("uid=4711")).collect();
    assert_eq!(
        ours.iter().filter(|line| line.contains("|untracked id=0x7 heap=system bytes=8192 uid=4711")).count(),
        2
    );
    assert!(ours.iter().any(|line| line.ends_with("|live bytes of system|0")), "{text}");
}

#[test]
fn account_of_a_kernel_that_could_not_be_asked_is_not_called_settled() {
    let mut tracker = tracker(None);
    tracker.watch = ReleaseWatch::with(Source::Inotify).unwrap();
    let ticket = hold(&tracker, 1, 1).unwrap();
    let buffer = memfd();
    tracker.watch(vec![Duplicates { buffer: buffer.try_clone().unwrap(), reserved: None }], vec![ticket]);
    assert!(tracker.settle(Asker::Statistics));
    // From here on reading the events fails: their fd is a folder's.
    let folder = File::open("/").unwrap();
    nix::unistd::dup2(folder.as_raw_fd(), tracker.fd().unwrap().as_raw_fd()).unwrap();
    drop(buffer);
    assert!(!tracker.settle(Asker::Statistics), "its end cannot be seen");
    assert_eq!(tracker.ledger.statistics().all.account.live_buffers, 1);
    let half = Released { failed: true, ..Released::default() };
    assert!(!tracker.book(Ok(half)) && !tracker.book(Err(Error::NoReleaseEvents)), "nor by a scan");
}
