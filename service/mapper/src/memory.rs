//! Checks that a handle's fds are memory whose size cannot change.
//!
//! A mapping of a file that shrinks later is SIGBUS in whoever reads it. So nothing is mapped that may shrink: a dma-buf
//! has one size for life, a memfd (the stand-in on machines without dma-heaps) has it once it is sealed with
//! F_SEAL_SHRINK.
//!
//! Importing is on the way of every buffer, so it asks the kernel as little as will tell an ordinary file, a pipe, a
//! socket or a buffer that is too small from a dma-buf (`check`): lseek(2), which is hardly more than a system call's
//! own cost. That the fd *is* a dma-buf is proven by the magic number of its file system when it is mapped for the first
//! time ([`Memory::map`]): until then, nothing can go wrong with it.
//!
//! Sources: linux v6.12, `drivers/dma-buf/dma-buf.c` (`dma_buf_llseek`: SEEK_END and SEEK_SET alone, anything else is
//! EINVAL; a dma-buf has a page at least), `mm/memfd.c`.

use crate::error::Error;
use gralloc_dmabuf as dmabuf;
use gralloc_dmabuf::mmap::{Mapping, Protection};
use nix::errno::Errno;
use nix::libc;
use nix::sys::statfs::{fstatfs, TMPFS_MAGIC};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

/// The smallest page of any kernel, and so the least that a dma-buf has. Its real size is asked for above that alone.
const LEAST_BYTES: u64 = 4096;

/// What kind of memory an fd is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It answers like a dma-buf; proven before it is mapped.
    DmaBuf,
    /// A memfd that cannot shrink. It needs no brackets around CPU access.
    SealedMemfd,
}

/// A buffer's memory, mapped when it is first needed and until it is dropped.
#[derive(Debug)]
pub struct Memory {
    // First, so that it is unmapped before the fd is closed.
    mapping: OnceLock<Mapping>,
    fd: OwnedFd,
    kind: Kind,
    /// It never changes. `None` of a single page's dma-buf, which the import need not ask.
    size: Option<u64>,
    index: usize,
}

impl Memory {
    /// Takes an fd that is memory of `needed` bytes or more; `index` is its place in the handle.
    ///
    /// # Errors
    /// `NotMemory` for anything else, closed again.
    pub fn new(fd: OwnedFd, index: usize, needed: u64) -> Result<Memory, Error> {
        let (kind, size) = check(fd.as_fd(), needed).map_err(|what| Error::NotMemory { index, what })?;
        Ok(Memory { mapping: OnceLock::new(), fd, kind, size, index })
    }

    /// What kind it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The fd.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Its size in bytes as the kernel holds it, padding included.
    ///
    /// # Errors
    /// `Kernel`: none that a checked fd can have.
    pub fn size(&self) -> Result<u64, Error> {
        match self.size {
            Some(size) => Ok(size),
            None => Ok(dmabuf::size(self.fd())?),
        }
    }

    /// The mapping of its first `bytes`, readable and writable. Mapped by the first call, with the length of that one.
    ///
    /// # Errors
    /// `NotMemory` when it was no dma-buf after all; `Kernel` when it cannot be mapped.
    #[inline]
    pub fn map(&self, bytes: u64) -> Result<&Mapping, Error> {
        match self.mapping.get() {
            Some(mapping) => Ok(mapping),
            None => self.map_first(bytes),
        }
    }

    #[cold]
    fn map_first(&self, bytes: u64) -> Result<&Mapping, Error> {
        if self.kind == Kind::DmaBuf && !dmabuf::is_dma_buf(self.fd())? {
            return Err(Error::NotMemory { index: self.index, what: "not a dma-buf" });
        }
        // 32-bit processes have fewer addresses than some buffers have bytes.
        let len = usize::try_from(bytes).map_err(|_| Error::Exhausted(Errno::ENOMEM))?;
        let mapping = Mapping::new(self.fd(), len, Protection::ReadWrite)?;
        // When another thread was faster, its mapping stays and this one goes.
        Ok(self.mapping.get_or_init(|| mapping))
    }
}

/// Says what an fd is, and its size where it had to be asked for; or what is wrong with it.
fn check(fd: BorrowedFd<'_>, needed: u64) -> Result<(Kind, Option<u64>), &'static str> {
    let kind = match dmabuf::fd::offset(fd) {
        Err(Errno::EINVAL) => Kind::DmaBuf,
        Ok(_) => sealed_memfd(fd)?,
        Err(_) => return Err("a pipe, a socket or a device"),
    };
    if kind == Kind::DmaBuf && needed <= LEAST_BYTES {
        return Ok((kind, None));
    }
    match dmabuf::size(fd) {
        Ok(size) if size >= needed => Ok((kind, Some(size))),
        Ok(_) => Err("smaller than the handle says"),
        Err(_) => Err("not memory: it has no size"),
    }
}

/// Asks for the seals first: only the kernel's own memory files have some, and answer from their inode. Anything else is not
/// asked further, since a file system in user space would hand statfs(2) to its daemon, which may never answer.
fn sealed_memfd(fd: BorrowedFd<'_>) -> Result<Kind, &'static str> {
    let Ok(seals) = dmabuf::fd::seals(fd) else {
        return Err("a file, not a dma-buf");
    };
    if seals & libc::F_SEAL_SHRINK == 0 {
        return Err("a file that may shrink under its mapping, not a dma-buf");
    }
    // Also hugetlbfs has memfds; their pages can run out on access, whatever the seals.
    if !fstatfs(fd).is_ok_and(|stat| stat.filesystem_type() == TMPFS_MAGIC) {
        return Err("a memfd of huge pages, not a dma-buf");
    }
    Ok(Kind::SealedMemfd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::memfd::{memfd_create, MemFdCreateFlag};

    fn memfd(flags: MemFdCreateFlag, seals: libc::c_int) -> OwnedFd {
        let fd = memfd_create(c"test", flags | MemFdCreateFlag::MFD_ALLOW_SEALING).unwrap();
        dmabuf::fd::add_seals(fd.as_fd(), seals).unwrap();
        fd
    }

    #[test]
    fn memfd_taken_with_a_seal_alone_and_never_of_huge_pages() {
        let (plain, huge) = (MemFdCreateFlag::empty(), MemFdCreateFlag::MFD_HUGETLB);
        let (none, shrink) = (0, libc::F_SEAL_SHRINK);
        let judge = |flags, seals| check(memfd(flags, seals).as_fd(), 0).map(|(kind, _)| kind);
        assert_eq!(judge(plain, shrink), Ok(Kind::SealedMemfd));
        assert_eq!(judge(plain, none), Err("a file that may shrink under its mapping, not a dma-buf"));
        assert_eq!(check(memfd(plain, shrink).as_fd(), 1), Err("smaller than the handle says"));
        // Kernels without huge pages make no such memfd.
        if memfd_create(c"test", huge).is_ok() {
            assert_eq!(judge(huge, shrink), Err("a memfd of huge pages, not a dma-buf"));
            // The seals were asked for before the file system was.
            assert_eq!(judge(huge, none), Err("a file that may shrink under its mapping, not a dma-buf"));
        }
    }
}
