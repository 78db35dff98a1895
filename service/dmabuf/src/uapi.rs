//! The kernel's ABI: ioctl numbers and argument structs of dma-heaps, dma-bufs and udmabuf.
//!
//! Written by hand so that a device build needs no headers; the tests of `abi_bindgen` compare every number, size and
//! offset with the system's headers. Source: linux v6.12, `include/uapi/linux/{dma-heap,dma-buf,udmabuf}.h`;
//! names are the headers' own. All structs are the same for 32-bit and 64-bit processes: pointers travel as u64.

#![allow(non_camel_case_types)] // The headers' own names.

use std::mem::{offset_of, size_of};

/// `_IOC_WRITE` of `include/uapi/asm-generic/ioctl.h` (v6.12): the process hands data in.
const WRITE: u32 = 1;
/// `_IOC_READ`: the kernel hands data out.
const READ: u32 = 2;

// Other encodings of the direction exist; none of them runs Android.
#[cfg(any(target_arch = "mips", target_arch = "mips64", target_arch = "powerpc", target_arch = "powerpc64"))]
compile_error!("the ioctl numbers here follow asm-generic/ioctl.h, which this architecture does not");

/// `_IOC` of asm-generic: direction in bits 30–31, size in 16–29, type in 8–15, number in 0–7.
const fn ioc(direction: u32, kind: u8, number: u8, size: usize) -> u32 {
    assert!(size < 1 << 14, "the size field has 14 bits");
    // `as` because `From` is not const; the assertion above and the source types keep every bit.
    #[allow(clippy::as_conversions)]
    let (kind, number, size) = (kind as u32, number as u32, size as u32);
    direction << 30 | size << 16 | kind << 8 | number
}

/// `struct dma_heap_allocation_data` (dma-heap.h).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct dma_heap_allocation_data {
    /// In: bytes. The kernel rounds up to pages.
    pub len: u64,
    /// Out: the dma-buf's file descriptor. In: 0.
    pub fd: u32,
    /// In: `O_CLOEXEC` and an access mode for the fd.
    pub fd_flags: u32,
    /// In: 0, no flags are defined.
    pub heap_flags: u64,
}
const _: () = assert!(size_of::<dma_heap_allocation_data>() == 24);
const _: () = assert!(offset_of!(dma_heap_allocation_data, fd) == 8);
const _: () = assert!(offset_of!(dma_heap_allocation_data, fd_flags) == 12);
const _: () = assert!(offset_of!(dma_heap_allocation_data, heap_flags) == 16);

/// `DMA_HEAP_IOCTL_ALLOC` (dma-heap.h): a new dma-buf from this heap.
pub const DMA_HEAP_IOCTL_ALLOC: u32 = ioc(READ | WRITE, b'H', 0, size_of::<dma_heap_allocation_data>());

/// `struct dma_buf_sync` (dma-buf.h).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct dma_buf_sync {
    /// `DMA_BUF_SYNC_*`.
    pub flags: u64,
}
const _: () = assert!(size_of::<dma_buf_sync>() == 8);

/// `DMA_BUF_SYNC_READ` (dma-buf.h): the CPU reads.
pub const DMA_BUF_SYNC_READ: u64 = 1;
/// `DMA_BUF_SYNC_WRITE` (dma-buf.h): the CPU writes.
pub const DMA_BUF_SYNC_WRITE: u64 = 2;
/// `DMA_BUF_SYNC_RW` (dma-buf.h): both.
pub const DMA_BUF_SYNC_RW: u64 = DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE;
/// `DMA_BUF_SYNC_START` (dma-buf.h): access begins.
pub const DMA_BUF_SYNC_START: u64 = 0;
/// `DMA_BUF_SYNC_END` (dma-buf.h): access ends.
pub const DMA_BUF_SYNC_END: u64 = 4;
/// `DMA_BUF_IOCTL_SYNC` (dma-buf.h): brackets CPU access through a mapping.
pub const DMA_BUF_IOCTL_SYNC: u32 = ioc(WRITE, b'b', 0, size_of::<dma_buf_sync>());

/// `DMA_BUF_NAME_LEN` (dma-buf.h): bytes of a name, the terminator included.
pub const DMA_BUF_NAME_LEN: usize = 32;
/// `DMA_BUF_SET_NAME_B` (dma-buf.h, since v5.6): the argument itself is the text's address. The header's
/// `DMA_BUF_SET_NAME` changes its number with the pointer's width; this one is the same everywhere, and equals it for
/// 64-bit processes.
pub const DMA_BUF_SET_NAME_B: u32 = ioc(WRITE, b'b', 1, size_of::<u64>());

/// `struct udmabuf_create` (udmabuf.h).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct udmabuf_create {
    /// In: a memfd with `F_SEAL_SHRINK` and without `F_SEAL_WRITE`.
    pub memfd: u32,
    /// In: `UDMABUF_FLAGS_CLOEXEC` or 0.
    pub flags: u32,
    /// In: bytes, a multiple of the page size.
    pub offset: u64,
    /// In: bytes, a multiple of the page size.
    pub size: u64,
}
const _: () = assert!(size_of::<udmabuf_create>() == 24);
const _: () = assert!(offset_of!(udmabuf_create, flags) == 4);
const _: () = assert!(offset_of!(udmabuf_create, offset) == 8);
const _: () = assert!(offset_of!(udmabuf_create, size) == 16);

/// `UDMABUF_FLAGS_CLOEXEC` (udmabuf.h).
pub const UDMABUF_FLAGS_CLOEXEC: u32 = 1;
/// `UDMABUF_CREATE` (udmabuf.h): a dma-buf over a memfd's pages. The new fd is the ioctl's return value.
pub const UDMABUF_CREATE: u32 = ioc(WRITE, b'u', 0x42, size_of::<udmabuf_create>());

/// `DMA_BUF_MAGIC` of `include/uapi/linux/magic.h` (v6.12): the `f_type` of a dma-buf's file system.
pub const DMA_BUF_MAGIC: u32 = 0x444d_4142;
