//! The kernel's own list of dma-bufs, in debugfs.

use crate::process::fds_in;
use crate::{wait_for, SOON};
use std::os::fd::AsFd;

/// How many dma-bufs the kernel has, and their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Objects.
    pub count: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// The name of a buffer that a service keeps ready and that is nobody's yet.
pub const READY: &str = "gralloc-ready";

/// The name of a page of metadata: a buffer's, or one that a service keeps for its next request.
pub const METADATA: &str = "gralloc-metadata";

/// Counts the kernel's dma-bufs, without those that services keep ready, pixels and pages of metadata: these come and go by
/// themselves, go when memory runs short and come again with a request. `None` where debugfs has no list (no dma-bufs, or not
/// root).
pub fn census() -> Option<Census> {
    let all = count(|name| name != READY)?;
    let kept = kept_metadata();
    Some(Census { count: all.count.saturating_sub(kept.count), bytes: all.bytes.saturating_sub(kept.bytes) })
}

/// Pages of metadata that are open in services, the processes that have a heap's node open: a buffer's are in its clients alone.
fn kept_metadata() -> Census {
    let mut kept = Census { count: 0, bytes: 0 };
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(fds) = fds_in(&process.path()) else { continue };
        if fds.values().any(|target| target.starts_with("/dev/dma_heap")) {
            for (fd, _) in fds.iter().filter(|(_, target)| target.contains(METADATA)) {
                kept.count += 1;
                kept.bytes += std::fs::metadata(process.path().join(format!("fd/{fd}"))).map_or(0, |file| file.len());
            }
        }
    }
    kept
}

/// Counts what services keep ready.
pub fn ready() -> Option<Census> {
    count(|name| name == READY)
}

/// Waits until nothing is kept ready, so that no service gives memory back meanwhile: the guest's own does when nobody has asked
/// it for half a minute.
pub fn wait_until_nothing_is_ready() {
    let nothing = || ready().is_none_or(|ready| ready.count == 0).then_some(());
    assert!(wait_for(3 * SOON, nothing).is_some(), "what is ready stays: {:?}", ready());
}

/// Lines of dma_buf_debug_show (drivers/dma-buf/dma-buf.c): size, flags, mode, count, exporter, inode and name, tabs between
/// them; the last says how many there are.
fn count(counts: impl Fn(&str) -> bool) -> Option<Census> {
    let text = std::fs::read_to_string("/sys/kernel/debug/dma_buf/bufinfo").ok()?;
    let buffers: Vec<(u64, &str)> = text.lines().filter_map(buffer).collect();
    let total = text.lines().rev().find_map(|line| line.strip_prefix("Total ")?.split_once(" objects"));
    assert_eq!(total?.0, buffers.len().to_string(), "not each line was understood of\n{text}");
    let counted = buffers.into_iter().filter(|(_, name)| counts(name));
    let sum = |sum: Census, (bytes, _)| Census { count: sum.count + 1, bytes: sum.bytes + bytes };
    Some(counted.fold(Census { count: 0, bytes: 0 }, sum))
}

/// Bytes and name.
fn buffer(line: &str) -> Option<(u64, &str)> {
    let mut fields = line.split('\t');
    let bytes = fields.next()?.trim().parse().ok()?;
    Some((bytes, fields.nth(5)?))
}

/// A file's size in bytes.
pub fn size(fd: impl AsFd) -> u64 {
    u64::try_from(rustix::fs::fstat(fd).unwrap().st_size).unwrap()
}
