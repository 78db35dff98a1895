//! A mapping of a buffer that ends with its value.
//!
//! Other processes and devices write the same bytes at the same time, so there is never a `&[u8]` over them: callers get
//! the raw pointer, copies made with volatile accesses, or atomics. A CPU access to a dma-buf stands between
//! [`crate::begin_access`] and [`crate::end_access`].

#![allow(unsafe_code)] // mmap(2) and what one does with its pointer.

use crate::Error;
use nix::errno::Errno;
use nix::sys::mman::{mmap, munmap, MapFlags, ProtFlags};
use std::ffi::c_void;
use std::mem::{align_of, size_of};
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

/// What a mapping allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Reading alone.
    Read,
    /// Writing alone; most CPUs let it read too.
    Write,
    /// Both.
    ReadWrite,
}

/// A shared mapping of the first bytes of a buffer, unmapped on drop.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<c_void>,
    len: NonZeroUsize,
    protection: Protection,
}

// SAFETY: a mapping belongs to the process, not to a thread, and Mapping hands out no references into it.
unsafe impl Send for Mapping {}
// SAFETY: as above; concurrent volatile copies race no more than the devices on the other side of the buffer do.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes from the buffer's start. A `len` beyond the buffer's size is the caller's mistake to avoid:
    /// mmap allows it and an access there is SIGBUS.
    ///
    /// # Errors
    /// `Call` with what mmap(2) says; EINVAL for 0 bytes or for more than a dma-buf has.
    pub fn new(buffer: BorrowedFd<'_>, len: usize, protection: Protection) -> Result<Mapping, Error> {
        let len = NonZeroUsize::new(len).ok_or(Error::Call { name: "mmap", errno: Errno::EINVAL })?;
        let flags = match protection {
            Protection::Read => ProtFlags::PROT_READ,
            Protection::Write => ProtFlags::PROT_WRITE,
            Protection::ReadWrite => ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
        };
        // SAFETY: the kernel chooses an address that nothing else uses (mmap(2) without MAP_FIXED), so no existing
        // memory changes.
        let start = unsafe { mmap(None, len, flags, MapFlags::MAP_SHARED, buffer, 0) }.map_err(Error::call("mmap"))?;
        Ok(Mapping { start, len, protection })
    }

    /// Where it begins. Valid while the value lives; accesses through it have to be volatile or otherwise careful.
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr().cast()
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// Never true: a mapping has at least a byte.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// `Range` when they do not all lie inside; `Call` with EACCES when the mapping cannot be read.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), Error> {
        self.check(offset, into.len(), Protection::Write, "read of a mapping")?;
        for (index, byte) in into.iter_mut().enumerate() {
            let from = self.as_ptr().wrapping_add(offset).wrapping_add(index);
            // SAFETY: `check` holds offset + index inside the mapping, which lives and is readable; a byte has no
            // alignment and no invalid values.
            *byte = unsafe { from.read_volatile() };
        }
        Ok(())
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// `Range` when they do not all lie inside; `Call` with EACCES when the mapping cannot be written.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result<(), Error> {
        self.check(offset, from.len(), Protection::Read, "write of a mapping")?;
        for (index, byte) in from.iter().enumerate() {
            let to = self.as_ptr().wrapping_add(offset).wrapping_add(index);
            // SAFETY: `check` holds offset + index inside the mapping, which lives and is writable; no reference to it
            // exists.
            unsafe { to.write_volatile(*byte) };
        }
        Ok(())
    }

    /// `count` words of 32 bits from byte `offset` on, as values that several processes read and write.
    ///
    /// # Errors
    /// `Range` when they do not all lie inside, or not on a word's boundary; `Call` with EACCES when the mapping cannot
    /// be both read and written.
    pub fn words(&self, offset: usize, count: usize) -> Result<&[AtomicU32], Error> {
        if self.protection != Protection::ReadWrite {
            return Err(Error::Call { name: "words of a mapping", errno: Errno::EACCES });
        }
        let fits = count.checked_mul(size_of::<AtomicU32>()).and_then(|len| offset.checked_add(len));
        if offset % align_of::<AtomicU32>() != 0 || !fits.is_some_and(|end| end <= self.len()) {
            return Err(Error::Range { offset, len: count, size: self.len() });
        }
        let start = self.as_ptr().wrapping_add(offset).cast::<AtomicU32>();
        // SAFETY: mmap's address lies on a page's boundary and `offset` on a word's; the words lie inside the mapping,
        // which lives as long as the slice, is readable and writable, and is never handed out as a reference to anything
        // but atomics. Every bit pattern is an AtomicU32, and what other processes write is, to this one, an atomic's
        // change: the kernel shares the memory by cache line.
        Ok(unsafe { std::slice::from_raw_parts(start, count) })
    }

    fn check(&self, offset: usize, len: usize, wrong: Protection, name: &'static str) -> Result<(), Error> {
        if self.protection == wrong {
            return Err(Error::Call { name, errno: Errno::EACCES });
        }
        match offset.checked_add(len) {
            Some(end) if end <= self.len() => Ok(()),
            _ => Err(Error::Range { offset, len, size: self.len() }),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is the one that mmap returned, unmapped nowhere else, and no reference into it exists.
        if let Err(errno) = unsafe { munmap(self.start, self.len()) } {
            log::error!("munmap of {} bytes: {}", self.len, errno.desc());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::memfd::{memfd_create, MemFdCreateFlag};
    use nix::unistd::ftruncate;
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::atomic::Ordering;

    fn page() -> OwnedFd {
        let file = memfd_create(c"page", MemFdCreateFlag::MFD_CLOEXEC).unwrap();
        ftruncate(&file, 4096).unwrap();
        file
    }

    #[test]
    fn words_of_two_mappings_are_the_same_memory() {
        let file = page();
        let one = Mapping::new(file.as_fd(), 4096, Protection::ReadWrite).unwrap();
        let other = Mapping::new(file.as_fd(), 4096, Protection::ReadWrite).unwrap();
        one.words(8, 2).unwrap()[1].store(0x0403_0201, Ordering::Relaxed);
        assert_eq!(other.words(0, 1024).unwrap()[3].load(Ordering::Relaxed), 0x0403_0201);
        let mut bytes = [0; 4];
        other.read(12, &mut bytes).unwrap();
        assert_eq!(bytes, 0x0403_0201u32.to_ne_bytes());
    }

    #[test]
    fn words_outside_unaligned_or_without_both_rights_refused() {
        let file = page();
        let mapping = Mapping::new(file.as_fd(), 4096, Protection::ReadWrite).unwrap();
        assert_eq!(mapping.words(4096, 0).unwrap().len(), 0);
        for (offset, count) in [(0, 1025), (4096, 1), (2, 1), (usize::MAX - 3, 1), (0, usize::MAX)] {
            assert!(matches!(mapping.words(offset, count), Err(Error::Range { .. })), "{offset} {count}");
        }
        let mapping = Mapping::new(file.as_fd(), 4096, Protection::Read).unwrap();
        assert_eq!(mapping.words(0, 1).unwrap_err().errno(), Errno::EACCES);
    }
}
