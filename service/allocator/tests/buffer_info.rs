//! What the handle of a planned buffer says.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use gralloc_allocator::plan::Resolved;
use gralloc_allocator::{Plan, Request};
use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::layout::{Plane, Planes};
use gralloc_buffer::{BufferName, Dataspace, Layout, PixelFormat, Usage};
use heaps_config::policy::{Compress, Heap, HeapSet, Initialise, Policy};

fn planes(planes: &[(u64, u32, u32)]) -> Planes {
    let planes: Vec<Plane> =
        planes.iter().map(|&(offset_bytes, stride_bytes, lines)| Plane { offset_bytes, stride_bytes, lines }).collect();
    Planes::from_slice(&planes).unwrap()
}

fn yv12() -> BufferInfo {
    BufferInfo {
        id: 0x7fff_ffff_ffff_ffff,
        name: BufferName::from_text(&"n".repeat(127)),
        width: 30,
        height: 6,
        layers: 2,
        format: PixelFormat::ImplementationDefined,
        usage: Usage::PROTECTED,
        layout: Layout::Yv12,
        own: gralloc_buffer::layout::Shapes::NONE,
        fourcc: Layout::Yv12.fourcc(),
        modifier: 0,
        compression: None,
        stride: 32,
        planes: planes(&[(0, 32, 6), (192, 16, 3), (240, 16, 3)]),
        layer_bytes: 320,
        buffer_bytes: 640,
        metadata_bytes: 74096,
        reserved_bytes: 70000,
        vendor_metadata: [0; 4],
        mappable: true,
        protected: true,
        cached: false,
        contiguous: true,
        strict_cpu_usage: true,
    }
}

#[test]
fn handle_of_a_plan_takes_the_plan_and_the_heap_that_gave_the_memory() {
    let golden = yv12();
    let request = Request {
        width: 30,
        height: 6,
        layers: 2,
        format: PixelFormat::ImplementationDefined,
        usage: Usage::PROTECTED,
        reserved_bytes: 70000,
        dataspace: Dataspace::default(),
    };
    let plan = Plan {
        request,
        rule: 0,
        heaps: &[],
        candidates: HeapSet::default(),
        resolved: Resolved { layout: Layout::Yv12, vendor: None, resolution: None, compress: None },
        areas: Default::default(),
        stride: 32,
        planes: golden.planes,
        layer_bytes: 320,
        bytes: 640,
        metadata_bytes: 74096,
    };
    let heap = Heap {
        name: "secure".to_owned(),
        nodes: Vec::new(),
        cached: false,
        contiguous: true,
        protected: true,
        max_buffer_bytes: None,
        budget_bytes: None,
        system_memory: true,
    };
    let policy = Policy { strict_cpu_usage: true, ..common::policy() };
    assert_eq!(plan.buffer_info(&policy, &heap, golden.id, golden.name), golden);
}

/// The same compression, on a heap that is protected or for a use that is, leaves the memory as the kernel gave it.
#[test]
fn headers_are_written_into_no_protected_memory() {
    let entry = Compress {
        fourcc: Layout::Rgba8888.fourcc(),
        modifier: 0x0800_0000_0000_0041,
        initialise: Some(Initialise::Afbc),
        ..common::compress("afbc", common::always())
    };
    let policy = Policy { compressions: vec![entry], ..common::policy() };
    let asked = |usage| common::descriptor(PixelFormat::Rgba8888, 64, 64, usage | Usage::GPU_TEXTURE);
    let open = common::planned(&asked(Usage::NONE), &policy).unwrap();
    let secret = common::planned(&asked(Usage::PROTECTED), &policy).unwrap();
    let [system, _, secure, ..] = policy.heaps.as_slice() else { panic!("the policy has other heaps") };
    let headers = open.initial_headers(system).unwrap();
    assert_eq!((headers.count, headers.words), (16, [1024, 1, 0x1_0000, 0]));
    assert_eq!(open.initial_headers(secure), None);
    assert_eq!(secret.initial_headers(secure), None);
    assert_eq!(secret.initial_headers(system), None, "whatever a policy says of its heap");
    assert_eq!((secret.modifier(), secret.bytes), (open.modifier(), open.bytes));
}
