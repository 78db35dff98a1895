//! Sync files out of dma-bufs.
//!
//! Source: `include/uapi/linux/dma-buf.h` (since 6.0), `include/uapi/linux/dma-heap.h`.

use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The heap of every kernel that has heaps.
const SYSTEM_HEAP: &str = "/dev/dma_heap/system";

/// `struct dma_heap_allocation_data`.
#[repr(C)]
struct HeapAllocation {
    len: u64,
    fd: u32,
    fd_flags: u32,
    heap_flags: u64,
}

/// `struct dma_buf_export_sync_file`.
#[repr(C)]
struct ExportSyncFile {
    flags: u32,
    fd: i32,
}

/// `struct dma_buf_import_sync_file`.
#[repr(C)]
struct ImportSyncFile {
    flags: u32,
    fd: i32,
}

/// `DMA_BUF_SYNC_WRITE` and `DMA_BUF_SYNC_RW`.
const SYNC_WRITE: u32 = 2;
const SYNC_RW: u32 = 3;

nix::ioctl_readwrite!(heap_alloc, b'H', 0, HeapAllocation);
nix::ioctl_readwrite!(export_sync_file, b'b', 2, ExportSyncFile);
nix::ioctl_write_ptr!(import_sync_file, b'b', 3, ImportSyncFile);

/// A sync file that has signalled already.
///
/// # Errors
/// A reason to skip: this kernel has no way to one.
pub fn signalled() -> Result<OwnedFd, String> {
    let node = File::open(SYSTEM_HEAP).map_err(|error| format!("needs a sync file, from {SYSTEM_HEAP}: {error}"))?;
    let flags = u32::try_from(libc::O_RDWR | libc::O_CLOEXEC).unwrap_or(0);
    let mut data = HeapAllocation { len: 4096, fd: 0, fd_flags: flags, heap_flags: 0 };
    // SAFETY: the ioctl of the heap's uapi header on its node, with its struct.
    let result = unsafe { heap_alloc(node.as_raw_fd(), &mut data) };
    result.map_err(|errno| format!("needs a sync file, from {SYSTEM_HEAP}: {errno}"))?;
    let number = i32::try_from(data.fd).map_err(|_| "no fd".to_owned())?;
    // SAFETY: the ioctl has just made it for this process.
    let buffer = unsafe { OwnedFd::from_raw_fd(number) };
    export(std::os::fd::AsFd::as_fd(&buffer))
}

/// The fences of a dma-buf, as one sync file.
pub(super) fn export(buffer: BorrowedFd<'_>) -> Result<OwnedFd, String> {
    let mut data = ExportSyncFile { flags: SYNC_RW, fd: -1 };
    // SAFETY: the ioctl of the dma-buf's uapi header on a dma-buf, with its struct.
    let result = unsafe { export_sync_file(buffer.as_raw_fd(), &mut data) };
    result.map_err(|errno| format!("needs DMA_BUF_IOCTL_EXPORT_SYNC_FILE: {errno}"))?;
    // SAFETY: the ioctl has just made it for this process.
    Ok(unsafe { OwnedFd::from_raw_fd(data.fd) })
}

/// Adds a sync file's fence to a dma-buf, as that of a device which writes it.
///
/// # Errors
/// A reason to skip: this is no dma-buf.
pub fn attach(buffer: BorrowedFd<'_>, fence: BorrowedFd<'_>) -> Result<(), String> {
    let data = ImportSyncFile { flags: SYNC_WRITE, fd: fence.as_raw_fd() };
    // SAFETY: the ioctl of the dma-buf's uapi header, with its struct.
    let result = unsafe { import_sync_file(buffer.as_raw_fd(), &data) };
    result.map(drop).map_err(|errno| format!("needs DMA_BUF_IOCTL_IMPORT_SYNC_FILE: {errno}"))
}
