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
    let limits = Limits {
        request_bytes: 1 << 30,
        client_bytes: None,
        total_bytes: None,
        reserve_bytes: 0,
        buffers_per_request: 32,
        without_release_watch: heaps_config::policy::WithoutReleaseWatch::Serve,
    };
    Policy {
        name: "test".to_owned(),
        heaps: vec![heap("system", true), heap("carveout", false)],
        rules: Vec::new(),
        alignments: Vec::new(),
        resolutions: Vec::new(),
        compressions: Vec::new(),
        formats: Vec::new(),
        strict_cpu_usage: false,
        graphics_common: None,
        vendor_usage: Vec::new(),
        vendor_metadata: Vec::new(),
        vendor_metadata_bytes: 0,
        options: Vec::new(),
        limits,
        metadata_heap: HeapId(0),
        pool: None,
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
