//! The kernel's own list of dma-bufs, in debugfs.

use std::os::fd::AsFd;

/// How many dma-bufs the kernel has, and their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Objects.
    pub count: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Counts the kernel's dma-bufs; `None` where debugfs has no list (no dma-bufs, or not root).
pub fn census() -> Option<Census> {
    let text = std::fs::read_to_string("/sys/kernel/debug/dma_buf/bufinfo").ok()?;
    // "Total 3 objects, 12288 bytes" (drivers/dma-buf/dma-buf.c, dma_buf_debug_show).
    let total = text.lines().rev().find_map(|line| line.strip_prefix("Total "))?;
    let mut words = total.split_ascii_whitespace();
    let count = words.next()?.parse().ok()?;
    let bytes = words.nth(1)?.parse().ok()?;
    Some(Census { count, bytes })
}

/// A file's size in bytes.
pub fn size(fd: impl AsFd) -> u64 {
    u64::try_from(rustix::fs::fstat(fd).unwrap().st_size).unwrap()
}
