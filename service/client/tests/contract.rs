//! Services that break their contract. Alone in its file: it counts this process's fds.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{rgba, served};
use gralloc_buffer::handle::HandleError;
use gralloc_client::{ClientError, Connection};
use std::time::Duration;

fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn answers_that_break_the_contract_are_named_and_leave_nothing_open() {
    let (_dir, path) = served();
    let connection = Connection::socket(&path).unwrap();
    let before = open_fds();
    let lies = ["too few", "one fd", "garbage", "other stride", "too small"];
    let [few, fd, garbage, stride, small] = lies.map(|lie| connection.allocate(&rgba(lie), 2));
    assert!(matches!(few, Err(ClientError::Count { asked: 2, got: 1 })), "{few:?}");
    assert!(matches!(fd, Err(ClientError::Handle { index: 0, error: HandleError::FdCount(1) })), "{fd:?}");
    assert!(matches!(garbage, Err(ClientError::Handle { index: 0, error: HandleError::Magic(7) })), "{garbage:?}");
    assert!(matches!(stride, Err(ClientError::Stride { index: 0, result: 65, handle: 64 })), "{stride:?}");
    let small = small.unwrap();
    let error = small.buffers[0].check_sizes().unwrap_err();
    assert!(matches!(error, ClientError::Handle { error: HandleError::BufferTooSmall { .. }, .. }), "{error}");
    drop(small);
    // The service side is this process, too, and closes its copies in its own time.
    let settled = (0..3000).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        open_fds() <= before
    });
    assert!(settled, "{} fds are open, {before} were before", open_fds());
}
