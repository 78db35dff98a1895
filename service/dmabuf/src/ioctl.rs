//! `DMA_HEAP_IOCTL_ALLOC` and friends: every ioctl of this project, one function each.
//!
//! Borrowed fds go in, owned fds and plain values come out; EINTR is tried again. Arguments are [`crate::uapi`]'s
//! structs, so a SAFETY comment has to argue only that the fd lives, that the struct is the one that the number names, and
//! who owns an fd that comes back. A wrong kind of fd is safe: the kernel answers ENOTTY.

#![allow(unsafe_code)] // ioctl(2) is a foreign function.

use crate::uapi;
use nix::errno::Errno;
use nix::libc;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

mod raw {
    // The names of nix's generated functions; each takes (fd, argument) and turns −1 into an Errno.
    use crate::uapi::*;
    nix::ioctl_readwrite_bad!(heap_alloc, DMA_HEAP_IOCTL_ALLOC, dma_heap_allocation_data);
    nix::ioctl_write_ptr_bad!(sync, DMA_BUF_IOCTL_SYNC, dma_buf_sync);
    nix::ioctl_write_ptr_bad!(set_name, DMA_BUF_SET_NAME_B, nix::libc::c_char);
    nix::ioctl_write_ptr_bad!(udmabuf, UDMABUF_CREATE, udmabuf_create);
}

/// Calls until the answer is something other than "interrupted".
fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

/// How often EAGAIN is tried again.
const AGAIN_AT_MOST: u32 = 100;

/// As [`retry`], and for EAGAIN too, which some exporters pass on from their own locks; but not for ever.
fn retry_again<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    for _ in 0..AGAIN_AT_MOST {
        match retry(&mut call) {
            // Whoever holds the exporter's lock may need this processor.
            Err(Errno::EAGAIN) => std::thread::yield_now(),
            other => return other,
        }
    }
    retry(call)
}

/// `DMA_HEAP_IOCTL_ALLOC`: a zeroed dma-buf of `len` bytes, rounded up to pages; read-write and close-on-exec.
///
/// # Errors
/// The kernel's errno: ENOMEM, EMFILE, EINVAL for 0 bytes, ENOTTY when `heap` is no dma-heap.
pub fn dma_heap_alloc(heap: BorrowedFd<'_>, len: u64) -> nix::Result<OwnedFd> {
    let fd_flags = u32::try_from(libc::O_RDWR | libc::O_CLOEXEC).map_err(|_| Errno::EINVAL)?;
    let mut data = uapi::dma_heap_allocation_data { len, fd_flags, ..Default::default() };
    retry(|| {
        data.fd = 0;
        // SAFETY: the number names this struct (dma-heap.h); `heap` is open and `data` is exclusively ours for the call.
        unsafe { raw::heap_alloc(heap.as_raw_fd(), &mut data) }
    })?;
    let fd = RawFd::try_from(data.fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: on success the kernel has installed a new descriptor in `fd`; nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `DMA_BUF_IOCTL_SYNC` with `DMA_BUF_SYNC_*` flags.
///
/// # Errors
/// The kernel's errno: EINVAL for undefined flags, ENOTTY when `buffer` is no dma-buf, or what the exporter says, EAGAIN
/// too when it goes on saying that.
pub fn dma_buf_sync(buffer: BorrowedFd<'_>, flags: u64) -> nix::Result<()> {
    let data = uapi::dma_buf_sync { flags };
    // SAFETY: the number names this struct (dma-buf.h), which the kernel only reads; `buffer` is open for the call.
    retry_again(|| unsafe { raw::sync(buffer.as_raw_fd(), &data) }).map(drop)
}

/// `DMA_BUF_SET_NAME_B`: the name that fdinfo and debugfs show.
///
/// # Errors
/// The kernel's errno: EINVAL beyond 31 bytes, ENOTTY when `buffer` is no dma-buf.
pub fn dma_buf_set_name(buffer: BorrowedFd<'_>, name: &CStr) -> nix::Result<()> {
    // SAFETY: the argument is the address of a terminated text (dma-buf.h), of which the kernel reads up to the
    // terminator and at most DMA_BUF_NAME_LEN bytes; `buffer` is open for the call.
    retry(|| unsafe { raw::set_name(buffer.as_raw_fd(), name.as_ptr()) }).map(drop)
}

/// `UDMABUF_CREATE`: a dma-buf over the first `size` bytes of a sealed memfd, close-on-exec.
///
/// # Errors
/// The kernel's errno: EINVAL beyond its size limit, for a size that is no multiple of pages or for missing seals; EMFILE,
/// ENOMEM; ENOTTY when `device` is not /dev/udmabuf.
pub fn udmabuf_create(device: BorrowedFd<'_>, memfd: BorrowedFd<'_>, size: u64) -> nix::Result<OwnedFd> {
    let memfd = u32::try_from(memfd.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    let data = uapi::udmabuf_create { memfd, flags: uapi::UDMABUF_FLAGS_CLOEXEC, offset: 0, size };
    // SAFETY: the number names this struct (udmabuf.h), which the kernel only reads; both fds are open for the call.
    let fd = retry(|| unsafe { raw::udmabuf(device.as_raw_fd(), &data) })?;
    // SAFETY: the ioctl's positive answer is a new descriptor (udmabuf.h); nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn retry_of_interrupted_calls_goes_on_and_other_errors_return() {
        let mut answers = [Err(Errno::EINTR), Err(Errno::EINTR), Ok(7), Err(Errno::EIO)].into_iter();
        assert_eq!(retry(|| answers.next().unwrap()), Ok(7));
        assert_eq!(retry(|| answers.next().unwrap()), Err(Errno::EIO));
    }

    #[test]
    fn eagain_tried_again_for_a_while_and_then_returned() {
        // What comes of an exporter that is busy for so many calls, and how many are made.
        let calls = |busy: u32| {
            let mut calls = 0;
            let answer = retry_again(|| {
                calls += 1;
                if calls > busy {
                    Ok(())
                } else {
                    Err(Errno::EAGAIN)
                }
            });
            (answer, calls)
        };
        assert_eq!(calls(0), (Ok(()), 1));
        assert_eq!(calls(AGAIN_AT_MOST), (Ok(()), AGAIN_AT_MOST + 1));
        assert_eq!(calls(u32::MAX), (Err(Errno::EAGAIN), AGAIN_AT_MOST + 1));
    }

    #[test]
    fn every_ioctl_on_the_wrong_kind_of_file_enotty() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let fd = file.as_fd();
        assert_eq!(dma_heap_alloc(fd, 4096).unwrap_err(), Errno::ENOTTY);
        assert_eq!(dma_buf_sync(fd, uapi::DMA_BUF_SYNC_RW).unwrap_err(), Errno::ENOTTY);
        assert_eq!(dma_buf_set_name(fd, c"name").unwrap_err(), Errno::ENOTTY);
        assert_eq!(udmabuf_create(fd, fd, 4096).unwrap_err(), Errno::ENOTTY);
    }
}
