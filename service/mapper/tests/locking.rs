//! lock and unlock as a client calls them: usage, region, nesting, fences, both imports of a buffer.

// Tests: a failed unwrap is a failed test; the interface is C's.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    missing_docs
)]

mod common;

use common::*;
use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::Usage;
use gralloc_dmabuf::uapi;
use gralloc_mapper::abi::*;
use nix::fcntl::{fcntl, FcntlArg};
use nix::unistd::{gettid, Pid};
use std::io::Write;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

fn is_open(fd: i32) -> bool {
    fcntl(fd, FcntlArg::F_GETFD).is_ok()
}

/// One test at a time: some look whether the number of an fd is free, and another test might have taken it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn what_one_import_writes_the_other_reads() {
    let _alone = alone();
    for source in Source::here() {
        let client = client();
        let raw = Raw::new(source, &rgba());
        let (one, other) = (client.import(&raw), client.import(&raw));
        assert_ne!(one, other);
        let written = client.lock_with(one, WRITE, WHOLE, -1).unwrap();
        let read = client.lock_with(other, READ, WHOLE, -1).unwrap();
        assert_ne!(written, read);
        for offset in [0, 1, 15359] {
            unsafe { written.wrapping_add(offset).write_volatile(0x5a) };
        }
        assert_eq!(client.flush(one), AIMAPPER_ERROR_NONE);
        assert_eq!(client.reread(other), AIMAPPER_ERROR_NONE);
        for offset in [0, 1, 15359] {
            assert_eq!(unsafe { read.wrapping_add(offset).read_volatile() }, 0x5a, "{source:?}");
        }
        assert_eq!(client.unlock(other), AIMAPPER_ERROR_NONE);
        assert_eq!(client.unlock(one), AIMAPPER_ERROR_NONE);
        assert_eq!(client.free(one), AIMAPPER_ERROR_NONE);
        // The other is on its own.
        assert_eq!(client.lock(other), Ok(read));
        assert_eq!(client.free(other), AIMAPPER_ERROR_NONE);
    }
}

#[test]
fn locks_nest_and_count_and_the_address_stays() {
    let _alone = alone();
    for source in Source::here() {
        let client = client();
        let buffer = client.import(&Raw::new(source, &rgba()));
        for call in [client.unlock(buffer), client.flush(buffer), client.reread(buffer)] {
            assert_eq!(call, AIMAPPER_ERROR_BAD_BUFFER);
        }
        let data = client.lock_with(buffer, WRITE, WHOLE, -1).unwrap();
        assert_eq!(client.lock_with(buffer, READ, WHOLE, -1), Ok(data));
        assert_eq!(client.flush(buffer), AIMAPPER_ERROR_NONE);
        assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
        assert_eq!(client.flush(buffer), AIMAPPER_ERROR_NONE);
        assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
        for call in [client.unlock(buffer), client.flush(buffer), client.reread(buffer)] {
            assert_eq!(call, AIMAPPER_ERROR_BAD_BUFFER);
        }
        assert_eq!(client.lock(buffer), Ok(data));
        assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    }
}

#[test]
fn usage_without_a_cpu_part_bad_value() {
    let _alone = alone();
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    for asked in [0, 1 << 8, 1 << 11, 1 << 14, 1 << 63, !0xff] {
        assert_eq!(client.lock_with(buffer, asked, WHOLE, -1), Err(AIMAPPER_ERROR_BAD_VALUE), "{asked:#x}");
        assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_BAD_BUFFER);
    }
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn usage_with_a_cpu_part_locked_whatever_else_it_has_and_the_buffer_was_allocated_for() {
    let _alone = alone();
    let client = client();
    let locked = [
        // AOSP's external camera locks with the buffer's whole usage.
        (0x20930, 0x20930),
        (CPU, CPU | 1 << 11),
        (CPU, 1 << 63 | READ),
        // SwiftShader and the emulated camera lock for more than was allocated.
        (0x60900, 0x33),
        (0x1b00, 0xff),
        (0x103, 0xff),
        (0x230, 0xf),
        (0x20103, 0xf0),
        (READ, WRITE),
        (0, READ),
        (2, READ),
        (0x20, 0x30),
    ];
    for (allocated, asked) in locked {
        let buffer = client.import(&Raw::new(Source::Memfd, &BufferInfo { usage: Usage(allocated), ..rgba() }));
        let data = client.lock_with(buffer, asked, WHOLE, -1);
        assert!(data.is_ok(), "{allocated:#x} {asked:#x}: {data:?}");
        assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
        let outside = ARect { right: 65, bottom: 48, ..WHOLE };
        assert_eq!(client.lock_with(buffer, asked, outside, -1), Err(AIMAPPER_ERROR_BAD_VALUE));
        assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    }
}

/// A policy's `strict_cpu_usage`, as the handle carries it.
#[test]
fn strict_buffer_locked_for_what_it_was_allocated_for_and_no_more() {
    let _alone = alone();
    let client = client();
    let cases: [(u64, &[u64], &[u64]); 4] = [
        (0x103, &[0x3, 0x2, 0x103, 0xf], &[0x30, 0x33, 0xff, 0]),
        (0x30, &[0x30, 0x20, 0xf0], &[0x3, 0x33]),
        (CPU, &[0x33, 0x3, 0x30, 0xff, 0x20933], &[0x100]),
        (0x100, &[], &[0x3, 0x30, 0x33, 0x100]),
    ];
    for (allocated, taken, refused) in cases {
        let made = BufferInfo { usage: Usage(allocated), strict_cpu_usage: true, ..rgba() };
        let buffer = client.import(&Raw::new(Source::Memfd, &made));
        for asked in taken {
            client.lock_with(buffer, *asked, WHOLE, -1).unwrap();
            assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
        }
        for asked in refused {
            let answer = client.lock_with(buffer, *asked, WHOLE, -1);
            assert_eq!(answer, Err(AIMAPPER_ERROR_BAD_VALUE), "{allocated:#x} {asked:#x}");
            assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_BAD_BUFFER);
        }
        assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    }
}

#[test]
fn region_outside_bad_value_inside_the_whole_buffer() {
    let _alone = alone();
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    let region = |left, top, right, bottom| ARect { left, top, right, bottom };
    let data = client.lock(buffer).unwrap();
    // The address is the buffer's corner, whatever the region.
    assert_eq!(client.lock_with(buffer, CPU, region(8, 8, 16, 16), -1), Ok(data));
    assert_eq!(client.lock_with(buffer, CPU, region(0, 0, 64, 48), -1), Ok(data));
    for outside in [
        region(0, 0, 128, 96),
        region(-1, 0, 4, 4),
        region(4, 0, 3, 4),
        region(4, 4, 4, 4),
        region(0, 0, 64, 0),
        region(0, 0, 64, 49),
        region(0, i32::MIN, 64, i32::MAX),
    ] {
        assert_eq!(client.lock_with(buffer, CPU, outside, -1), Err(AIMAPPER_ERROR_BAD_VALUE), "{outside:?}");
    }
    for left in [AIMAPPER_ERROR_NONE, AIMAPPER_ERROR_NONE, AIMAPPER_ERROR_NONE, AIMAPPER_ERROR_BAD_BUFFER] {
        assert_eq!(client.unlock(buffer), left);
    }
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn protected_buffer_not_locked() {
    let _alone = alone();
    let client = client();
    let forged = BufferInfo { protected: true, ..rgba() };
    let buffer = client.import(&Raw::new(Source::Memfd, &forged));
    assert_eq!(client.lock(buffer), Err(AIMAPPER_ERROR_BAD_BUFFER));
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    let honest = BufferInfo { usage: Usage(1 << 14 | 1 << 11), ..forged };
    let buffer = client.import(&Raw::new(Source::Memfd, &honest));
    assert_eq!(client.lock(buffer), Err(AIMAPPER_ERROR_BAD_BUFFER));
    assert_eq!(client.lock_with(buffer, 0, WHOLE, -1), Err(AIMAPPER_ERROR_BAD_VALUE));
    assert_eq!(client.get(buffer, 11), Ok(value(11, &1u64.to_le_bytes())));
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

/// Waits until a thread of this process sleeps, as one does that waits for a fence.
fn until_asleep(thread: Pid) {
    let sleeps = || {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
    };
    while !sleeps() {
        std::thread::yield_now();
    }
}

/// A pipe stands for a fence: readable once it has signalled.
fn fence() -> (OwnedFd, std::fs::File) {
    let (read, write) = nix::unistd::pipe().unwrap();
    (read, write.into())
}

#[test]
fn fence_waited_for_and_closed() {
    let _alone = alone();
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    let (waits, mut signals) = fence();
    let fd = waits.into_raw_fd();
    let (signalled, locker) = (AtomicBool::new(false), gettid());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until_asleep(locker);
            signalled.store(true, Ordering::SeqCst);
            signals.write_all(b"!").unwrap();
        });
        client.lock_with(buffer, CPU, WHOLE, fd).unwrap();
        assert!(signalled.load(Ordering::SeqCst));
    });
    assert!(!is_open(fd));
    assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn fence_of_a_lock_that_is_refused_closed_without_a_wait() {
    let _alone = alone();
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    let outside = ARect { left: 0, top: 0, right: 65, bottom: 1 };
    let refused: [(buffer_handle_t, u64, ARect, i32); 4] = [
        (std::ptr::null(), CPU, WHOLE, AIMAPPER_ERROR_BAD_BUFFER),
        (buffer.wrapping_byte_add(4), CPU, WHOLE, AIMAPPER_ERROR_BAD_BUFFER),
        (buffer, 0, WHOLE, AIMAPPER_ERROR_BAD_VALUE),
        (buffer, CPU, outside, AIMAPPER_ERROR_BAD_VALUE),
    ];
    for (handle, usage, region, code) in refused {
        let (waits, _signals) = fence();
        let fd = waits.into_raw_fd();
        assert_eq!(client.lock_with(handle, usage, region, fd), Err(code));
        assert!(!is_open(fd));
    }
    let (waits, _signals) = fence();
    let fd = waits.into_raw_fd();
    let code = unsafe { (client.0.lock)(buffer, CPU, WHOLE, fd, std::ptr::null_mut()) };
    assert_eq!(code, AIMAPPER_ERROR_BAD_VALUE);
    assert!(!is_open(fd));
    // Not an fd at all, and one that signals nothing any more.
    assert_eq!(client.lock_with(buffer, CPU, WHOLE, 1_000_000), Err(AIMAPPER_ERROR_BAD_VALUE));
    let (waits, signals) = fence();
    drop(signals);
    let fd = waits.into_raw_fd();
    assert_eq!(client.lock_with(buffer, CPU, WHOLE, fd), Err(AIMAPPER_ERROR_BAD_VALUE));
    assert!(!is_open(fd));
    assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_BAD_BUFFER);
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn buffer_freed_while_a_lock_waits_for_its_fence_bad_buffer() {
    let _alone = alone();
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    let (waits, mut signals) = fence();
    let (number, locker) = (buffer as usize, gettid());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            until_asleep(locker);
            // Does not wait for the fence.
            assert_eq!(client.free(number as buffer_handle_t), AIMAPPER_ERROR_NONE);
            signals.write_all(b"!").unwrap();
        });
        assert_eq!(client.lock_with(buffer, CPU, WHOLE, waits.into_raw_fd()), Err(AIMAPPER_ERROR_BAD_BUFFER));
    });
}

/// `struct dma_buf_export_sync_file` (linux/dma-buf.h, since v6.0).
#[repr(C)]
struct SyncFile {
    flags: u32,
    fd: i32,
}

// DMA_BUF_IOCTL_EXPORT_SYNC_FILE
nix::ioctl_readwrite!(export_sync_file, b'b', 2, SyncFile);

#[test]
fn sync_file_of_the_kernel_signalled_taken() {
    let _alone = alone();
    for source in Source::here().into_iter().filter(|source| *source != Source::Memfd) {
        let client = client();
        let raw = Raw::new(source, &rgba());
        let buffer = client.import(&raw);
        let mut data = SyncFile { flags: u32::try_from(uapi::DMA_BUF_SYNC_RW).unwrap(), fd: -1 };
        unsafe { export_sync_file(raw.fds.first().unwrap().as_raw_fd(), &mut data) }.unwrap();
        let fd = data.fd;
        client.lock_with(buffer, CPU, WHOLE, fd).unwrap();
        assert!(!is_open(fd));
        assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    }
}
