//! Fences: `lock` owns the one that it is given, whatever happens; `unlock`'s is the caller's.

use crate::abi::{Error, Handle, Rect};
use crate::case::{Skip, Test, Verdict};
use crate::descriptor::Descriptor;
use crate::fence::{attach, signalled, signals_within, Pending, Watched};
use crate::format::Format;
use crate::image::{Image, Memory};
use crate::mapper::{usage, Imported};
use crate::process::{closed_number, sleep_of};
use crate::subject::Subject;
use crate::tests;
use nix::unistd::{gettid, Pid};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::mpsc::channel;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

pub(super) fn tests() -> Vec<Test> {
    tests!["fences":
        acquire_fence_is_closed_when_the_lock_succeeds = "lock takes the acquire fence over and closes it (a readable fd in place of a sync file)",
        acquire_fence_is_closed_when_the_lock_fails = "so it does for null, for a handle that was not imported, without CPU usage and with a region outside",
        signalled_sync_file_is_taken_at_once = "a sync file that has signalled: it is locked, and the fd is closed",
        pending_sync_file_is_waited_for = "a sync file that has not: lock waits until it signals and no longer, and the fd is closed",
        pending_fence_of_one_buffer_does_not_hold_up_another = "while one lock waits for its fence, another buffer is imported, locked, unlocked and freed",
        flush_waits_for_no_device = "flush while a device writes the locked buffer: NONE at once (IMapper.h)",
        what_is_no_fence_does_no_harm = "/dev/null, a dead pipe, a number that is no fd and one below −1: lock answers, and the buffer can be used afterwards",
        release_fence_signals = "unlock gives −1 or an fd of the caller's own that signals",
        no_fence_is_left_behind = "100 locks with fences, good and bad: as many fds are open as before",
    ]
}

/// A lock that must answer, either way; what it locked is unlocked again.
fn lock_either_way(imported: &Imported, fence: i32) -> Result<(), Error> {
    imported.mapper().lock(imported.handle(), usage::CPU, Rect::default(), fence)?;
    assert_eq!(imported.unlock(), Error::NONE);
    Ok(())
}

fn acquire_fence_is_closed_when_the_lock_succeeds(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let (watched, fence) = Watched::ready();
    assert!(!watched.is_closed());
    // A mapper may refuse what is no sync file; it is its own in either case.
    let answer = lock_either_way(&imported, fence.into_raw_fd());
    assert!(watched.is_closed(), "the fence is open after lock: {answer:?}");
    Ok(())
}

fn acquire_fence_is_closed_when_the_lock_fails(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    let outside = Rect { left: 0, top: 0, right: 65, bottom: 65 };
    let cases: [(&str, Handle, u64, Rect); 4] = [
        ("null", std::ptr::null(), usage::CPU, Rect::default()),
        ("not imported", buffer.raw.pointer(), usage::CPU, Rect::default()),
        ("no CPU usage", imported.handle(), 0, Rect::default()),
        ("a region outside", imported.handle(), usage::CPU, outside),
    ];
    for (what, handle, usage, region) in cases {
        let (watched, fence) = Watched::ready();
        let answer = subject.mapper.lock(handle, usage, region, fence.into_raw_fd());
        assert!(answer.is_err(), "{what}: locked");
        assert!(watched.is_closed(), "{what}: the fence is open after {answer:?}");
    }
    Ok(())
}

/// True while the number leads to a sync file.
fn is_sync_file(fd: i32) -> bool {
    std::fs::read_link(format!("/proc/self/fd/{fd}")).is_ok_and(|target| target.to_string_lossy().contains("sync_file"))
}

fn signalled_sync_file_is_taken_at_once(subject: &Subject) -> Verdict {
    let fence = signalled().map_err(Skip)?;
    let (_buffer, imported) = subject.generic();
    let number = fence.into_raw_fd();
    assert!(is_sync_file(number));
    assert_eq!(lock_either_way(&imported, number), Ok(()));
    assert!(!is_sync_file(number), "the fence is still open");
    Ok(())
}

/// A thread that makes a call, and its number.
fn caller<'s>(scope: &'s Scope<'s, '_>, call: impl FnOnce() + Send + 's) -> (ScopedJoinHandle<'s, ()>, Pid) {
    let (sender, started) = channel();
    let caller = scope.spawn(move || {
        sender.send(gettid()).unwrap();
        call();
    });
    (caller, started.recv().unwrap())
}

/// One that locks with a fence.
fn locker<'s>(scope: &'s Scope<'s, '_>, imported: &'s Imported, fence: i32) -> (ScopedJoinHandle<'s, ()>, Pid) {
    caller(scope, move || assert_eq!(lock_either_way(imported, fence), Ok(())))
}

/// Scans of a thread in one and the same sleep that show it blocked.
const SCANS: usize = 20;
/// Scans before a thread that neither ends nor sleeps is taken for one that waits busily.
const MOST_SCANS: usize = 2_000;

/// Waits until a thread sleeps, and goes on sleeping, or has ended; false when it has ended.
fn is_blocked(handle: &ScopedJoinHandle<'_, ()>, thread: Pid) -> bool {
    let mut before = (0, None);
    for _ in 0..MOST_SCANS {
        if handle.is_finished() {
            return false;
        }
        let sleep = sleep_of(thread);
        let again = if sleep.is_some() && sleep == before.1 { before.0 + 1 } else { 0 };
        if again == SCANS {
            return true;
        }
        before = (again, sleep);
        thread::sleep(Duration::from_millis(5));
    }
    true
}

fn pending_sync_file_is_waited_for(subject: &Subject) -> Verdict {
    let (pending, fence) = Pending::new().map_err(Skip)?;
    let (_buffer, imported) = subject.generic();
    let number = fence.into_raw_fd();
    thread::scope(|scope| {
        let (locker, thread) = locker(scope, &imported, number);
        let waits = is_blocked(&locker, thread);
        pending.signal();
        // The end comes with the signal: whoever waits on is ended by the suite's time limit.
        locker.join().unwrap();
        assert!(waits, "lock does not wait for its fence");
    });
    assert!(!is_sync_file(number), "the fence is still open");
    Ok(())
}

fn pending_fence_of_one_buffer_does_not_hold_up_another(subject: &Subject) -> Verdict {
    let (pending, fence) = Pending::new().map_err(Skip)?;
    let (_buffer, waiting) = subject.generic();
    let other = subject.allocator.generic();
    let number = fence.into_raw_fd();
    thread::scope(|scope| {
        let (locker, thread) = locker(scope, &waiting, number);
        is_blocked(&locker, thread);
        let imported = other.import(subject.mapper);
        assert_eq!(lock_either_way(&imported, -1), Ok(()));
        assert_eq!(imported.free(), Error::NONE);
        let first_still_waits = !locker.is_finished();
        pending.signal();
        assert!(first_still_waits, "the other buffer had to wait for the first one's fence");
    });
    Ok(())
}

/// A pipe that nobody will ever write to.
fn dead_pipe() -> OwnedFd {
    let (read, write) = nix::unistd::pipe().unwrap();
    drop(write);
    read
}

fn flush_waits_for_no_device(subject: &Subject) -> Verdict {
    let (pending, fence) = Pending::new().map_err(Skip)?;
    let (buffer, imported) = subject.import(&Descriptor::generic().usage(usage::CPU | usage::GPU_TEXTURE));
    imported.mapper().lock(imported.handle(), usage::CPU, Rect::default(), -1).unwrap();
    attach(buffer.raw.fds()[0], fence.as_fd()).map_err(Skip)?;
    thread::scope(|scope| {
        let (flusher, thread) = caller(scope, || assert_eq!(imported.mapper().flush(imported.handle()), Error::NONE));
        let waits = is_blocked(&flusher, thread);
        pending.signal();
        flusher.join().unwrap();
        assert!(!waits, "flush waits for a device");
    });
    assert_eq!(imported.unlock(), Error::NONE);
    Ok(())
}

fn what_is_no_fence_does_no_harm(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let null = || File::open("/dev/null").unwrap().into_raw_fd();
    for (what, fence) in
        [("/dev/null", null()), ("a dead pipe", dead_pipe().into_raw_fd()), ("no fd", closed_number()), ("-2", -2)]
    {
        // A lock that waits for what never comes is stopped by the suite's limit for a test.
        let answer = lock_either_way(&imported, fence);
        assert_eq!(imported.unlock(), Error::BAD_BUFFER, "{what}: something is locked, the answer was {answer:?}");
        assert_eq!(lock_either_way(&imported, -1), Ok(()), "after {what}");
    }
    Ok(())
}

fn release_fence_signals(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let Image { bytes, .. } = Image::of(&imported, Format::RGBA_8888);
    for usage in [usage::CPU_WRITE_OFTEN, usage::CPU_READ_OFTEN, usage::CPU] {
        let data = subject.mapper.lock(imported.handle(), usage, Rect::default(), -1).unwrap();
        if usage != usage::CPU_READ_OFTEN {
            Memory::new(data, bytes).fill(1);
        }
        match subject.mapper.unlock(imported.handle()).unwrap() {
            -1 => {}
            number => {
                // SAFETY: unlock gives its caller an fd of the caller's own (IMapper.h, unlock).
                let fence = unsafe { OwnedFd::from_raw_fd(number) };
                assert!(signals_within(&fence, Duration::from_secs(60)), "fd {}", fence.as_raw_fd());
            }
        }
    }
    Ok(())
}

fn no_fence_is_left_behind(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let use_fences = |times: usize| {
        for _ in 0..times {
            let (_watched, fence) = Watched::ready();
            let _ = lock_either_way(&imported, fence.into_raw_fd());
            let _ = lock_either_way(&imported, dead_pipe().into_raw_fd());
            let (_watched, fence) = Watched::ready();
            assert!(subject.mapper.lock(imported.handle(), 0, Rect::default(), fence.into_raw_fd()).is_err());
        }
    };
    // The first ones may open what stays open, such as a log.
    use_fences(2);
    let before = crate::process::fds();
    use_fences(33);
    assert_eq!(crate::process::fds(), before);
    Ok(())
}
