//! One dma-buf: what it is, how large it is, what it is called, and the brackets around CPU access.
//!
//! Nothing here maps or reads a buffer's bytes ([`crate::mmap`] does). Sources: linux v6.12,
//! `drivers/dma-buf/dma-buf.c` and `include/uapi/linux/dma-buf.h`.

use crate::Error;
use crate::{fd, ioctl, uapi};
use nix::sys::statfs::fstatfs;
use std::ffi::CStr;
use std::fmt;
use std::os::fd::BorrowedFd;

/// What tells one buffer from another, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The inode's number: the name that `/proc/*/fdinfo`, debugfs and sysfs use for the buffer.
    pub inode: u64,
    /// Bytes, a multiple of the page size.
    pub bytes: u64,
}

/// The buffer's size in bytes, as the kernel holds it. The cheapest way to ask.
///
/// # Errors
/// What lseek(2) says: ESPIPE for what has no size.
pub fn size(buffer: BorrowedFd<'_>) -> Result<u64, Error> {
    fd::seek_end(buffer).map_err(Error::call("lseek"))
}

/// The buffer's inode and size. Unlike [`size`] it moves no file offset, so it is fit for any file.
///
/// # Errors
/// What fstat(2) says.
pub fn identity(buffer: BorrowedFd<'_>) -> Result<Identity, Error> {
    let (inode, bytes) = fd::inode_and_size(buffer).map_err(Error::call("fstat"))?;
    Ok(Identity { inode, bytes })
}

/// True when the fd is a dma-buf, by the magic number of its file system.
///
/// # Errors
/// What fstatfs(2) says.
pub fn is_dma_buf(fd: BorrowedFd<'_>) -> Result<bool, Error> {
    let kind = fstatfs(fd).map_err(Error::call("fstatfs"))?.filesystem_type().0;
    // f_type is signed on some targets and unsigned on others; the magic number is positive in both.
    Ok(i128::from(kind) == i128::from(uapi::DMA_BUF_MAGIC))
}

/// How the CPU will use a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It reads.
    Read,
    /// It writes.
    Write,
    /// Both.
    ReadWrite,
}

impl Access {
    const fn flags(self) -> u64 {
        match self {
            Access::Read => uapi::DMA_BUF_SYNC_READ,
            Access::Write => uapi::DMA_BUF_SYNC_WRITE,
            Access::ReadWrite => uapi::DMA_BUF_SYNC_RW,
        }
    }
}

/// Begins CPU access: waits for the fences of devices and makes their writes visible.
///
/// # Errors
/// `Call` with ENOTTY for a memfd, which needs no bracket, or with what the exporter says.
pub fn begin_access(buffer: BorrowedFd<'_>, access: Access) -> Result<(), Error> {
    let flags = uapi::DMA_BUF_SYNC_START | access.flags();
    ioctl::dma_buf_sync(buffer, flags).map_err(Error::call("DMA_BUF_IOCTL_SYNC"))
}

/// Ends CPU access: makes the CPU's writes visible to devices. With the same `access` as [`begin_access`].
///
/// # Errors
/// As [`begin_access`].
pub fn end_access(buffer: BorrowedFd<'_>, access: Access) -> Result<(), Error> {
    let flags = uapi::DMA_BUF_SYNC_END | access.flags();
    ioctl::dma_buf_sync(buffer, flags).map_err(Error::call("DMA_BUF_IOCTL_SYNC"))
}

/// Names the buffer for fdinfo and debugfs. Without a name it does nothing.
///
/// # Errors
/// `Call` with what the kernel says; a buffer without a name works as well as one with.
pub fn set_name(buffer: BorrowedFd<'_>, name: &DebugName) -> Result<(), Error> {
    let text = name.as_c_str();
    if text.is_empty() {
        return Ok(());
    }
    ioctl::dma_buf_set_name(buffer, text).map_err(Error::call("DMA_BUF_SET_NAME"))
}

/// A client's buffer name, fit for the kernel: escaped, so that it forges no line of debugfs, and cut at 31 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DebugName {
    bytes: [u8; uapi::DMA_BUF_NAME_LEN],
    len: usize,
}

impl DebugName {
    /// Makes one of any bytes without allocating: it happens for every buffer. An escape that does not fit whole is left
    /// out.
    pub fn new(name: &[u8]) -> DebugName {
        let mut text = DebugName { bytes: [0; uapi::DMA_BUF_NAME_LEN], len: 0 };
        for byte in name {
            if text.push(std::ascii::escape_default(*byte)).is_none() {
                break;
            }
        }
        text
    }

    /// Adds one escape; `None` when it does not fit. One byte stays zero: the terminator.
    fn push(&mut self, escape: std::ascii::EscapeDefault) -> Option<()> {
        let end = self.len.checked_add(escape.len())?;
        let last = self.bytes.len().checked_sub(1)?;
        let room = self.bytes.get_mut(..last)?.get_mut(self.len..end)?;
        room.iter_mut().zip(escape).for_each(|(to, from)| *to = from);
        self.len = end;
        Some(())
    }

    /// The text with its terminator.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

impl fmt::Debug for DebugName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_c_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debug_name(text: &str) -> String {
        DebugName::new(text.as_bytes()).as_c_str().to_str().unwrap().to_owned()
    }

    #[test]
    fn debug_name_short_kept() {
        assert_eq!(debug_name("Hello, World!"), "Hello, World!");
        assert_eq!(debug_name(""), "");
    }

    #[test]
    fn debug_name_of_31_kept_and_of_32_cut() {
        assert_eq!(debug_name(&"x".repeat(31)), "x".repeat(31));
        assert_eq!(debug_name(&"x".repeat(32)), "x".repeat(31));
        assert_eq!(debug_name(&"x".repeat(127)), "x".repeat(31));
    }

    #[test]
    fn debug_name_hostile_escaped() {
        assert_eq!(debug_name("a\nb\u{e9}"), "a\\nb\\xc3\\xa9");
    }

    #[test]
    fn debug_name_escape_at_the_cut_left_out_whole() {
        assert_eq!(debug_name(&format!("{}\u{7f}", "x".repeat(28))), "x".repeat(28));
        assert_eq!(debug_name(&format!("{}\u{7f}", "x".repeat(27))), format!("{}\\x7f", "x".repeat(27)));
    }
}
