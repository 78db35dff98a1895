//! What this crate's tests share.

use gralloc_allocator::ports::{FailureKind, HeapFailure};
use heaps_config::policy::{Heap, HeapId, Limits};
use heaps_config::Policy;
use nix::libc;

/// Two heaps, the metadata in the first, and no limit that a test could meet.
pub(crate) fn policy() -> Policy {
    let heap = |name: &str, system_memory: bool| Heap {
        name: name.to_owned(),
        nodes: vec![name.to_owned()],
        cached: true,
        contiguous: false,
        protected: false,
        max_buffer_bytes: None,
        budget_bytes: None,
        system_memory,
    };
    let limits = Limits { request_bytes: 1 << 30, buffers_per_request: 32, ..Limits::default() };
    Policy {
        name: "test".to_owned(),
        heaps: vec![heap("system", true), heap("carveout", false)],
        limits,
        metadata_heap: HeapId(0),
        ..Policy::default()
    }
}

/// A heap's refusal with this errno.
pub(crate) fn failure(errno: i32) -> HeapFailure {
    let kind = match errno {
        libc::ENOMEM => FailureKind::Memory,
        libc::EMFILE => FailureKind::Descriptors,
        _ => FailureKind::Other,
    };
    HeapFailure { errno, cause: "refused by the test", kind }
}

/// A field of this thread's stat, by its number in proc(5), from 3 on.
pub(crate) fn thread_stat(field: usize) -> i32 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    // Counted after the command's closing bracket (field 2).
    stat.rsplit(") ").next().unwrap().split(' ').nth(field - 3).unwrap().parse().unwrap()
}
