//! What is logged of a buffer that the CPU was not said to use. A process has one logger, so this test has one of its own.

// Tests: a failed unwrap is a failed test; the interface is C's.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used
)]

mod common;

use common::*;
use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::Usage;

#[test]
fn buffer_without_cpu_usage_locked_with_one_warning() {
    let lines = log_lines();
    let client = client();
    let raw = |usage| Raw::new(Source::Memfd, &BufferInfo { usage: Usage(usage), ..rgba() });
    let (gpu, read) = (client.import(&raw(1 << 8)), client.import(&raw(READ | 1 << 8)));
    for _ in 0..3 {
        client.lock_with(gpu, CPU | 1 << 8, WHOLE, -1).unwrap();
        // With some CPU usage there is nothing to say: the memory was chosen for the CPU too.
        client.lock_with(read, CPU, WHOLE, -1).unwrap();
    }
    assert_eq!(
        *lines.lock().unwrap(),
        ["WARN: lock: buffer 0x123456789abc was allocated without CPU usage (GPU_TEXTURE): access may be slow"]
    );
    client.free(gpu);
    client.free(read);
}
