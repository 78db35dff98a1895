//! A mapping of a buffer that ends with its value.
//!
//! Other processes and devices write the same bytes at the same time, so there is never a `&[u8]` over them: callers get
//! the raw pointer, or copies made with volatile accesses. A CPU access to a dma-buf stands between
//! [`crate::dmabuf::begin_access`] and [`crate::dmabuf::end_access`].

#![allow(unsafe_code)] // mmap(2) and what one does with its pointer.

use crate::error::Error;
use nix::errno::Errno;
use nix::sys::mman::{mmap, munmap, MapFlags, ProtFlags};
use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

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
