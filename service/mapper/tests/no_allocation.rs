//! Locking, unlocking, getting and setting metadata allocate nothing once a buffer is mapped.

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
use gralloc_mapper::abi::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what the calling thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: does what the system's allocator does, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn calls_on_a_mapped_buffer_allocate_nothing() {
    assert_ne!(allocations(|| drop(std::hint::black_box(vec![1u8]))), 0, "the counter counts");
    let client = client();
    for source in Source::here() {
        let raw = Raw::new(source, &rgba());
        let buffer = client.import(&raw);
        client.lock(buffer).unwrap();
        client.unlock(buffer);
        let dataspace = value(17, &[1, 0, 0, 0]);
        let cta = value(20, &[0; 8]);
        let mut room = [0u8; 1024];
        assert_eq!(client.set(buffer, 17, &dataspace), AIMAPPER_ERROR_NONE);
        let counted = allocations(|| {
            for _ in 0..10 {
                client.lock(buffer).unwrap();
                client.flush(buffer);
                client.unlock(buffer);
                client.set(buffer, 17, &dataspace);
                client.set(buffer, 20, &cta);
                client.region(buffer).unwrap();
                for number in 1..=23 {
                    let size =
                        unsafe { (client.0.getStandardMetadata)(buffer, number, room.as_mut_ptr().cast(), room.len()) };
                    assert!(size >= 0);
                }
            }
        });
        assert_eq!(counted, 0, "{source:?}");
        // Nor does an import, as long as there are slots.
        let counted = allocations(|| {
            for _ in 0..10 {
                let other = client.try_import(raw.as_ptr()).unwrap();
                client.free(other);
            }
        });
        assert_eq!(counted, 0, "{source:?}");
        client.free(buffer);
    }
}
