//! A plan that succeeds touches no allocator: it stands on the path of every request.

// The counting allocator is the only way to see this.
#![allow(clippy::unwrap_used)]

mod common;

use gralloc_allocator::plan;
use gralloc_buffer::layout::Ask;
use gralloc_buffer::{PixelFormat, Usage};
use heaps_config::policy::{Alignment, HeapSet};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to `System` unchanged, which keeps the contract; counting a thread-local allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the memory came from `System` through `alloc` above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

#[test]
fn successful_plan_allocates_nothing() {
    let mut policy = common::policy();
    let asks = vec![Ask::StrideBytes(64), Ask::PlaneLines(1, 8), Ask::TailBytes(256)];
    policy.alignments = vec![Alignment { asks, ..common::alignment("one", common::always()) }; 60];
    policy.compressions = vec![common::compress("other", common::with(Usage::CAMERA_INPUT)); 19];
    policy.compressions.push(common::compress("blocks", common::with(Usage::GPU_TEXTURE)));
    assert!(allocations(|| drop(Box::new(1))) > 0, "the counter counts");
    for format in [PixelFormat::Rgba8888, PixelFormat::Yv12, PixelFormat::Ycbcr420_888, PixelFormat::Raw10] {
        let mut asked = common::vts(format);
        asked.options = vec![gralloc_buffer::DescriptorOption { name: "test.any".to_owned(), value: 1 }];
        let count = allocations(|| {
            let plan = plan(&asked, &policy, HeapSet::ALL).unwrap();
            assert!(plan.candidates_in_order().next().is_some());
        });
        assert_eq!(count, 0, "{}", format.name());
        let blocks = common::descriptor(format, 64, 64, Usage::GPU_TEXTURE);
        let count = allocations(|| assert!(plan(&blocks, &policy, HeapSet::ALL).unwrap().resolved.compress.is_some()));
        assert_eq!(count, 0, "{} in blocks", format.name());
    }
}
