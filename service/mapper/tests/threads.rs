//! Threads that import, lock, set, dump and free at the same time, on their own buffers and on shared ones.

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
use std::sync::atomic::{AtomicUsize, Ordering};

const THREADS: usize = 8;

/// Of each thread and kind of source.
fn rounds() -> usize {
    400 / sample()
}

/// Everything in one test: it counts the process's fds and mappings.
#[test]
fn eight_threads_on_own_and_shared_buffers_nothing_left() {
    let client = client();
    for source in Source::here() {
        // The first import makes room for more, and stays.
        client.free(client.import(&Raw::new(source, &rgba())));
        let (fds, maps) = (open_fds(), mappings());
        own_buffers(client, source);
        shared_handles(client, source);
        assert_eq!((open_fds(), mappings()), (fds, maps), "{source:?}");
    }
}

fn own_buffers(client: Client, source: Source) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                let raw = Raw::new(source, &rgba());
                let mark = u8::try_from(thread).unwrap();
                for _ in 0..rounds() {
                    let buffer = client.import(&raw);
                    let data = client.lock_with(buffer, CPU, WHOLE, -1).unwrap();
                    unsafe { data.write_volatile(mark) };
                    assert_eq!(client.set(buffer, 17, &value(17, &[mark, 0, 0, 0])), AIMAPPER_ERROR_NONE);
                    assert_eq!(client.get(buffer, 17), Ok(value(17, &[mark, 0, 0, 0])));
                    assert_eq!(unsafe { data.read_volatile() }, mark);
                    assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
                    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
                }
            });
        }
    });
}

/// Handles that all threads use without asking each other: imported, locked, got and freed by anybody at any time.
/// Every call says NONE or BAD_BUFFER, and what is imported is freed once.
fn shared_handles(client: Client, source: Source) {
    let raw = Raw::new(source, &rgba());
    let places: Vec<AtomicUsize> = (0..4).map(|_| AtomicUsize::new(0)).collect();
    let (imports, frees) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (raw, places, imports, frees) = (&raw, &places, &imports, &frees);
            let pointer = raw.as_ptr() as usize;
            scope.spawn(move || {
                let _keeps_the_raw_handle = raw;
                for round in 0..rounds() {
                    let place = &places[(round + thread) % places.len()];
                    let number = place.load(Ordering::Relaxed);
                    let buffer: buffer_handle_t = number as buffer_handle_t;
                    let fine =
                        |code: i32| assert!(code == AIMAPPER_ERROR_NONE || code == AIMAPPER_ERROR_BAD_BUFFER, "{code}");
                    match (round * 7 + thread) % 8 {
                        0 | 1 => {
                            let new = client.try_import(pointer as buffer_handle_t).unwrap();
                            imports.fetch_add(1, Ordering::Relaxed);
                            let old = place.swap(new as usize, Ordering::Relaxed);
                            // Its turn has passed: freed by this thread, unless another was faster.
                            free(client, old, frees);
                        }
                        2 => free(client, number, frees),
                        3 | 4 => fine(client.lock(buffer).err().unwrap_or(0)),
                        5 => fine(client.unlock(buffer)),
                        6 => fine(client.get(buffer, 19).err().unwrap_or(0)),
                        _ => {
                            fine(client.set(buffer, 18, &value(18, &[1, 0, 0, 0])));
                            fine(client.flush(buffer));
                            fine(client.region(buffer).err().unwrap_or(0));
                        }
                    }
                }
            });
        }
    });
    places.iter().for_each(|place| free(client, place.load(Ordering::Relaxed), &frees));
    assert_eq!(imports.load(Ordering::Relaxed), frees.load(Ordering::Relaxed), "{source:?}");
}

fn free(client: Client, number: usize, frees: &AtomicUsize) {
    match client.free(number as buffer_handle_t) {
        AIMAPPER_ERROR_NONE => {
            frees.fetch_add(1, Ordering::Relaxed);
        }
        code => assert_eq!(code, AIMAPPER_ERROR_BAD_BUFFER),
    }
}
