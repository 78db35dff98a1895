//! System calls over a file descriptor that nix spells otherwise from version to version: up to 0.29 they take a number, from
//! 0.30 on whatever has a descriptor, and the crates of AOSP's releases lie on both sides. So they are made here, each once.

#![allow(unsafe_code)] // lseek(2), fstat(2), fcntl(2), fallocate(2).

use nix::errno::Errno;
use nix::libc;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Where a file ends, in bytes; its offset is there afterwards. A dma-buf answers it with its size.
///
/// # Errors
/// What lseek(2) says: ESPIPE for what has no size.
pub fn seek_end(fd: BorrowedFd<'_>) -> Result<u64, Errno> {
    seek(fd, libc::SEEK_END)
}

/// Where a file's offset is. A dma-buf takes no such question: EINVAL (`drivers/dma-buf/dma-buf.c`).
///
/// # Errors
/// What lseek(2) says.
pub fn offset(fd: BorrowedFd<'_>) -> Result<u64, Errno> {
    seek(fd, libc::SEEK_CUR)
}

fn seek(fd: BorrowedFd<'_>, whence: libc::c_int) -> Result<u64, Errno> {
    // SAFETY: lseek(2) takes numbers alone, and the descriptor is open while it is borrowed.
    let at = unsafe { libc::lseek64(fd.as_raw_fd(), 0, whence) };
    // −1 with the errno, or not negative.
    u64::try_from(at).map_err(|_| Errno::last())
}

/// A file's inode and its size in bytes.
///
/// # Errors
/// What fstat(2) says.
pub fn inode_and_size(fd: BorrowedFd<'_>) -> Result<(u64, u64), Errno> {
    let mut stat = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: fstat(2) writes one `struct stat64`, for which there is room, and the descriptor is open while it is borrowed.
    Errno::result(unsafe { libc::fstat64(fd.as_raw_fd(), stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it is filled.
    let stat = unsafe { stat.assume_init() };
    // st_ino has 32 bits on some targets, where the conversion is not useless. A size is never negative.
    #[allow(clippy::useless_conversion)]
    let inode = u64::from(stat.st_ino);
    Ok((inode, u64::try_from(stat.st_size).unwrap_or(0)))
}

/// Whether a number is an open descriptor.
///
/// # Errors
/// EBADF: it is none.
pub fn is_open(fd: RawFd) -> Result<(), Errno> {
    // SAFETY: fcntl(2) with F_GETFD takes numbers alone, whatever they are.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_GETFD) }).map(drop)
}

/// A close-on-exec clone of what may be an open descriptor, its number at least `least`.
///
/// # Errors
/// What fcntl(2) says: EBADF for what is none, EMFILE where no number is left.
pub fn clone_from(fd: RawFd, least: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: fcntl(2) with F_DUPFD_CLOEXEC takes numbers alone, whatever they are.
    let clone = Errno::result(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, least) })?;
    // SAFETY: fcntl(2) has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(clone) })
}

/// The seals of a file of the kernel's memory (`F_SEAL_*`).
///
/// # Errors
/// What fcntl(2) says: EINVAL for any other file.
pub fn seals(fd: BorrowedFd<'_>) -> Result<libc::c_int, Errno> {
    // SAFETY: fcntl(2) with F_GET_SEALS takes numbers alone.
    Errno::result(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS) })
}

/// Adds seals.
///
/// # Errors
/// What fcntl(2) says.
pub fn add_seals(fd: BorrowedFd<'_>, seals: libc::c_int) -> Result<(), Errno> {
    // SAFETY: fcntl(2) with F_ADD_SEALS takes numbers alone.
    Errno::result(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) }).map(drop)
}

/// Gives a file all its pages up to `bytes`, zeroed where they are new.
///
/// # Errors
/// What fallocate(2) says: ENOSPC and ENOMEM where they are not to be had.
pub fn fill(fd: BorrowedFd<'_>, bytes: i64) -> Result<(), Errno> {
    // SAFETY: fallocate(2) takes numbers alone, and the descriptor is open while it is borrowed.
    Errno::result(unsafe { libc::fallocate64(fd.as_raw_fd(), 0, 0, bytes) }).map(drop)
}
