//! What is logged of buffers that the CPU was not said to use, or can make nothing of. A process has one logger, and this is its test.

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
use gralloc_buffer::layout::{Area, Compression, TypeName};
use gralloc_buffer::{PixelFormat, Usage};
use gralloc_mapper::abi::AIMAPPER_ERROR_BAD_VALUE;
use std::sync::Mutex;

/// 64×48 pixels in 12 superblocks of 16×16.
fn afbc() -> BufferInfo {
    let mut compression =
        Compression { name: TypeName::from_text("arm.graphics.Compression").unwrap(), ..Compression::default() };
    compression.areas[0] = Area { header_bytes: 1024, body_bytes: 12 * 1024 };
    BufferInfo {
        usage: Usage(1 << 9),
        modifier: 0x0800_0000_0000_0051,
        compression: Some(compression),
        mappable: false,
        ..rgba()
    }
}

#[test]
fn locks_that_are_slow_or_cannot_be_say_why() {
    let lines = log_lines();
    without_cpu_usage_locked_with_one_warning(lines);
    compressed_or_unmappable_not_locked_and_the_reason_told(lines);
}

fn compressed_or_unmappable_not_locked_and_the_reason_told(lines: &Mutex<Vec<String>>) {
    let client = client();
    let tiled =
        BufferInfo { compression: None, format: PixelFormat::Vendor(0x108), modifier: 0x0500_0000_0000_0002, ..afbc() };
    for (info, reason) in [(afbc(), "compressed (modifier 0x800000000000051)"), (tiled, "modifier 0x500000000000002")] {
        lines.lock().unwrap().clear();
        let buffer = client.import(&Raw::new(Source::Memfd, &info));
        for usage in [READ, WRITE, CPU] {
            assert_eq!(client.lock_with(buffer, usage, WHOLE, -1), Err(AIMAPPER_ERROR_BAD_VALUE));
        }
        let said = lines.lock().unwrap().clone();
        assert!(!said.is_empty() && said.iter().all(|line| line.contains(reason)), "{said:?}");
        client.free(buffer);
    }
}

fn without_cpu_usage_locked_with_one_warning(lines: &Mutex<Vec<String>>) {
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
    // Again the same buffer, and once another: each is mentioned once.
    let other = Raw::new(Source::Memfd, &BufferInfo { id: 0xabc, usage: Usage(1 << 8), ..rgba() });
    for raw in [&raw(1 << 8), &other, &other] {
        let buffer = client.import(raw);
        client.lock_with(buffer, CPU, WHOLE, -1).unwrap();
        client.free(buffer);
    }
    let said = lines.lock().unwrap().clone();
    assert!(said.len() == 2 && said[1].contains("buffer 0xabc was allocated without CPU usage"), "{said:?}");
}
