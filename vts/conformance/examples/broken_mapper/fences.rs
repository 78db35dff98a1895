//! Faults of acquire and release fences.

use crate::inner;
use crate::locking::{give, unlock, LockFn};
use conformance::abi::{Error, Handle, Rect, V5};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::ffi::c_void;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::sync::Mutex;

pub(crate) fn apply(fault: &str, v5: &mut V5) -> bool {
    let mut lock = |wrong: LockFn| v5.lock = Some(wrong);
    match fault {
        "keeps-acquire-fences" => lock(lock_keeping_fence),
        "waits-for-what-is-no-fence" => lock(lock_waiting_for_ever),
        "ignores-acquire-fences" => lock(lock_ignoring_fence),
        "one-fence-holds-up-everybody" => {
            lock(lock_holding_everybody);
            v5.import_buffer = Some(import_when_nobody_waits);
        }
        "flush-waits-for-fences" => v5.flush_locked_buffer = Some(flush_after_devices),
        "release-fence-never-signals" => v5.unlock = Some(unlock_with_dead_fence),
        _ => return false,
    }
    true
}

extern "C" fn flush_after_devices(handle: Handle) -> Error {
    // Behind version, numFds and numInts.
    let number = handle.cast::<i32>().wrapping_add(3);
    // SAFETY: an imported handle, whose first fd is the pixels'.
    let number = unsafe { number.read() };
    // SAFETY: only polled.
    let pixels = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    let _ = poll(&mut [PollFd::new(pixels, PollFlags::POLLOUT)], PollTimeout::NONE);
    inner().flush(handle)
}

extern "C" fn lock_keeping_fence(handle: Handle, usage: u64, region: Rect, fence: i32, out: *mut *mut c_void) -> Error {
    // SAFETY: duplicates the fd where it is one; the original stays open, which is the fault.
    let copy = unsafe { libc::fcntl(fence, libc::F_DUPFD_CLOEXEC, 0) };
    give(out, inner().lock(handle, usage, region, copy))
}

extern "C" fn lock_waiting_for_ever(
    handle: Handle,
    usage: u64,
    region: Rect,
    fence: i32,
    out: *mut *mut c_void,
) -> Error {
    if fence >= 0 {
        loop {
            // SAFETY: only polled.
            let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fence) };
            let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
            let _ = poll(&mut fds, PollTimeout::from(100u8));
            if fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN)) {
                break;
            }
        }
    }
    give(out, inner().lock(handle, usage, region, fence))
}

extern "C" fn lock_ignoring_fence(
    handle: Handle,
    usage: u64,
    region: Rect,
    fence: i32,
    out: *mut *mut c_void,
) -> Error {
    if fence >= 0 {
        // SAFETY: the callee owns the fence.
        unsafe { libc::close(fence) };
    }
    give(out, inner().lock(handle, usage, region, -1))
}

static EVERYBODY: Mutex<()> = Mutex::new(());

extern "C" fn lock_holding_everybody(
    handle: Handle,
    usage: u64,
    region: Rect,
    fence: i32,
    out: *mut *mut c_void,
) -> Error {
    let _one = EVERYBODY.lock();
    give(out, inner().lock(handle, usage, region, fence))
}

extern "C" fn import_when_nobody_waits(raw: Handle, out: *mut Handle) -> Error {
    let _one = EVERYBODY.lock();
    let import = inner().v5().import_buffer.unwrap();
    // SAFETY: the caller's own arguments.
    unsafe { import(raw, out) }
}

extern "C" fn unlock_with_dead_fence(handle: Handle, fence: *mut i32) -> Error {
    let error = unlock(handle, fence);
    if error == Error::NONE {
        let event = nix::sys::eventfd::EventFd::new().unwrap();
        let fd: OwnedFd = event.into();
        // SAFETY: the caller's out parameter.
        unsafe { fence.write(fd.into_raw_fd()) };
    }
    error
}
