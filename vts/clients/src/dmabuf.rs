//! A dma-buf seen by the CPU: its real size, and its bytes between two sync calls.
//!
//! Others write into the memory while we look at it, so no slice is ever made of it: bytes are copied in and out.
//! Source: `include/uapi/linux/dma-buf.h`, Linux 6.12.

use nix::sys::mman::{mmap, munmap, MapFlags, ProtFlags};
use nix::sys::statfs::FsType;
use nix::unistd::{lseek, Whence};
use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

/// `DMA_BUF_MAGIC` (linux/magic.h).
const DMA_BUF_MAGIC: FsType = FsType(0x444d_4142);
/// `DMA_BUF_SYNC_READ` and `DMA_BUF_SYNC_WRITE`.
const SYNC_READ: u64 = 1;
const SYNC_RW: u64 = 3;
/// `DMA_BUF_SYNC_START` is 0, `DMA_BUF_SYNC_END` is 4.
const SYNC_END: u64 = 4;

mod ioctl {
    // DMA_BUF_IOCTL_SYNC: _IOW('b', 0, struct dma_buf_sync { __u64 flags; }).
    nix::ioctl_write_ptr!(sync, b'b', 0, u64);
}

/// The bytes that a dma-buf really has, whatever anybody claims.
///
/// # Errors
/// ESPIPE and others for what is no dma-buf.
pub fn size_of(fd: BorrowedFd<'_>) -> nix::Result<u64> {
    let end = lseek(fd.as_raw_fd(), 0, Whence::SeekEnd)?;
    lseek(fd.as_raw_fd(), 0, Whence::SeekSet)?;
    u64::try_from(end).map_err(|_| nix::Error::EOVERFLOW)
}

/// True when this is a dma-buf. Nothing else may be mapped when it comes from strangers: a memfd's owner can shrink it
/// under the mapping, and the next access is SIGBUS.
///
/// # Errors
/// What fstatfs says.
pub fn is_dma_buf(fd: BorrowedFd<'_>) -> nix::Result<bool> {
    Ok(nix::sys::statfs::fstatfs(fd)?.filesystem_type() == DMA_BUF_MAGIC)
}

/// What the kernel tells of a dma-buf in fdinfo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who made it: the heap's node name for dma-heaps.
    pub exporter: Option<String>,
    /// The name it was given.
    pub name: Option<String>,
}

impl Origin {
    /// Reads `/proc/self/fdinfo`; what is not there is `None`.
    pub fn of(fd: BorrowedFd<'_>) -> Origin {
        let path = format!("/proc/self/fdinfo/{}", fd.as_raw_fd());
        Origin::parse(&std::fs::read_to_string(path).unwrap_or_default())
    }

    fn parse(fdinfo: &str) -> Origin {
        let field = |key: &str| {
            let value = fdinfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        Origin { exporter: field("exp_name"), name: field("name") }
    }
}

/// A dma-buf, owned and mapped.
#[derive(Debug)]
pub struct Mapped {
    fd: OwnedFd,
    base: NonNull<c_void>,
    len: NonZeroUsize,
    writable: bool,
}

impl Mapped {
    /// Maps the whole dma-buf, for reading and, with `writable`, for writing.
    ///
    /// # Errors
    /// The kernel's: EACCES for a read-only fd, EINVAL for an empty buffer.
    pub fn new(fd: OwnedFd, writable: bool) -> nix::Result<Mapped> {
        let size = size_of(fd.as_fd())?;
        let len = usize::try_from(size).ok().and_then(NonZeroUsize::new).ok_or(nix::Error::EINVAL)?;
        let protection = if writable { ProtFlags::PROT_READ | ProtFlags::PROT_WRITE } else { ProtFlags::PROT_READ };
        // SAFETY: a new shared mapping at an address of the kernel's choice touches no memory of ours; it is undone
        // once, in Drop.
        let base = unsafe { mmap(None, len, protection, MapFlags::MAP_SHARED, &fd, 0) }?;
        Ok(Mapped { fd, base, len, writable })
    }

    /// Bytes of the dma-buf.
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.len.get()).unwrap_or(u64::MAX)
    }

    /// Begins to read: waits for writers' fences and makes device writes visible.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&self) -> nix::Result<Access<'_>> {
        Access::begin(self, SYNC_READ)
    }

    /// Begins to read and write.
    ///
    /// # Errors
    /// EACCES for a mapping made for reading; else the kernel's.
    pub fn write(&mut self) -> nix::Result<Access<'_>> {
        if !self.writable {
            return Err(nix::Error::EACCES);
        }
        Access::begin(self, SYNC_RW)
    }

    fn sync(&self, flags: u64) -> nix::Result<()> {
        loop {
            // SAFETY: DMA_BUF_IOCTL_SYNC (dma-buf.h) reads one u64.
            match unsafe { ioctl::sync(self.fd.as_raw_fd(), &flags) } {
                // dma-buf.rst tells user space to restart it.
                Err(nix::Error::EINTR | nix::Error::EAGAIN) => {}
                other => return other.map(drop),
            }
        }
    }
}

impl AsFd for Mapped {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: `base` and `len` are what mmap gave, unmapped only here; every Access borrows `self`.
        let _ = unsafe { munmap(self.base, self.len.get()) };
    }
}

/// CPU access, from sync start to sync end.
#[derive(Debug)]
pub struct Access<'m> {
    mapped: &'m Mapped,
    flags: u64,
}

impl<'m> Access<'m> {
    fn begin(mapped: &'m Mapped, flags: u64) -> nix::Result<Access<'m>> {
        mapped.sync(flags)?;
        Ok(Access { mapped, flags })
    }

    /// Where `len` bytes at `offset` are; `None` when they are not all in the buffer.
    fn at(&self, offset: u64, len: usize) -> Option<NonNull<u8>> {
        let start = usize::try_from(offset).ok()?;
        if start.checked_add(len)? > self.mapped.len.get() {
            return None;
        }
        // SAFETY: `start` is within the mapping, so the result is within the same object.
        Some(unsafe { self.mapped.base.cast::<u8>().add(start) })
    }

    /// Copies bytes out; answers false, and copies nothing, when they are not all in the buffer.
    #[must_use]
    pub fn copy_out(&self, offset: u64, to: &mut [u8]) -> bool {
        let Some(from) = self.at(offset, to.len()) else { return false };
        // SAFETY: `at` checked the range; the mapping is readable and never overlaps memory of Rust's own. A device
        // that writes meanwhile makes the bytes stale, not the copy unsound: they are plain bytes.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.as_mut_ptr(), to.len()) };
        true
    }

    /// Copies bytes in; answers false, and copies nothing, when they do not all fit or this is a reading access.
    #[must_use]
    pub fn copy_in(&self, offset: u64, from: &[u8]) -> bool {
        if self.flags != SYNC_RW {
            return false;
        }
        let Some(to) = self.at(offset, from.len()) else { return false };
        // SAFETY: `at` checked the range; SYNC_RW comes only from `write`, which asks for a
        // writable mapping and borrows its one owner mutably.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.as_ptr(), from.len()) };
        true
    }
}

impl Drop for Access<'_> {
    fn drop(&mut self) {
        // The kernel reports a failure at the end only for a buffer whose memory is gone; there is nothing to undo.
        let _ = self.mapped.sync(self.flags | SYNC_END);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_of_fdinfo_finds_exporter_and_name() {
        let fdinfo = "pos:\t0\nflags:\t02000002\nsize:\t4096\ncount:\t1\nexp_name:\tsystem\nname:\tcamera 0\n";
        let origin = Origin::parse(fdinfo);
        assert_eq!(origin, Origin { exporter: Some("system".to_owned()), name: Some("camera 0".to_owned()) });
        assert_eq!(Origin::parse("pos:\t0\nname:\t\n"), Origin::default());
    }

    #[test]
    fn other_files_are_no_dma_bufs() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(is_dma_buf(file.as_fd()), Ok(false));
        assert_eq!(size_of(file.as_fd()), Ok(0));
        assert_eq!(Mapped::new(file.into(), false).unwrap_err(), nix::Error::EINVAL);
        let (pipe, _) = nix::unistd::pipe().unwrap();
        assert_eq!(size_of(pipe.as_fd()), Err(nix::Error::ESPIPE));
    }
}
