//! A buffer is freed while a call on it waits for a device.

// Tests: a failed unwrap is a failed test.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used
)]

mod common;

use common::*;
use gralloc_buffer::handle::{encode, BUFFER_FD, METADATA_FD};
use gralloc_mapper::buffer::Buffer;
use gralloc_mapper::memory::Memory;
use gralloc_mapper::table::{address_of, Table};
use gralloc_mapper::Error;
use std::os::fd::AsRawFd;
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longer than any machine takes, so that a test fails instead of hanging.
const WATCHDOG: Duration = Duration::from_secs(60);

/// One test at a time: they count the process's fds.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn insert(table: &Table) -> usize {
    let info = rgba();
    let memory = |index, bytes| Memory::new(sealed_memfd(bytes), index, bytes).unwrap();
    let (pixels, metadata) = (memory(BUFFER_FD, info.buffer_bytes), memory(METADATA_FD, info.metadata_bytes));
    let fds = [&pixels, &metadata].map(|memory| memory.fd().as_raw_fd());
    address_of(table.insert(fds, &encode(&info), || Buffer::new(&info, pixels, metadata, None)).unwrap())
}

#[test]
fn free_does_not_wait_for_those_who_wait_and_the_last_of_them_drops_the_buffer() {
    let _alone = alone();
    let table = Table::new();
    table.remove(insert(&table)).unwrap();
    let before = open_fds();
    let address = insert(&table);
    let (inside, is_inside) = channel();
    std::thread::scope(|scope| {
        let table = &table;
        let wait = |_| {
            let ((go, goes), inside) = (channel(), inside.clone());
            let call = move |_: &Buffer| {
                inside.send(()).unwrap();
                goes.recv_timeout(WATCHDOG).unwrap();
                Ok(())
            };
            (go, scope.spawn(move || table.with(address, call)))
        };
        let waiters = [0, 1].map(wait);
        for _ in 0..2 {
            is_inside.recv_timeout(WATCHDOG).unwrap();
        }
        let (freed, is_freed) = channel();
        scope.spawn(move || freed.send(table.remove(address)).unwrap());
        assert_eq!(is_freed.recv_timeout(WATCHDOG), Ok(Ok(())), "free waits");
        // It is no imported buffer any more, and what is inside it is still there.
        assert_eq!(table.remove(address), Err(Error::NotImported));
        assert_eq!(table.with(address, |_| Ok(())), Err(Error::NotImported));
        assert_eq!(table.addresses().count(), 0);
        for (go, waits) in waiters {
            assert_eq!(open_fds(), before + 2, "the buffer is dropped under a call");
            go.send(()).unwrap();
            assert_eq!(waits.join().unwrap(), Err(Error::NotImported));
        }
    });
    assert_eq!(open_fds(), before);
}

/// Threads that come, wait and free at any time: what is dropped is dropped once, and all of it.
#[test]
fn buffers_freed_by_anybody_at_any_time_dropped_once() {
    let _alone = alone();
    let table = Table::new();
    table.remove(insert(&table)).unwrap();
    let before = open_fds();
    for _ in 0..200 {
        let address = insert(&table);
        let freed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let table = &table;
                    scope.spawn(move || {
                        for _ in 0..thread {
                            let _ = table.with(address, |_| {
                                std::thread::yield_now();
                                Ok(())
                            });
                        }
                        usize::from(table.remove(address).is_ok())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(freed, 1);
        assert_eq!(open_fds(), before);
    }
}
