//! What is logged of fences that do not signal. A process has one logger, so this test has one of its own.

// Tests: a failed unwrap is a failed test.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used
)]

mod common;

use gralloc_dmabuf::Access;
use gralloc_mapper::{fence, Error};
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Mutex;
use std::time::Duration;

const MENTION: Duration = Duration::from_millis(20);
const GIVE_UP: Duration = Duration::from_millis(60);

/// Two warnings of a lock: what it waits for, and for how long so far.
fn assert_warned(lines: &Mutex<Vec<String>>, what: &str) {
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, time) in lines.iter().zip([MENTION, GIVE_UP]) {
        let time = format!(" {} ms", time.as_millis());
        assert!(line.starts_with("WARN: ") && line.contains("lock"), "{line}");
        assert!(line.contains(what) && line.contains(&time), "{line}");
    }
}

#[test]
fn fence_that_never_signals_logged_given_up_and_closed() {
    let lines = common::log_lines();
    let (waits, _signals) = nix::unistd::pipe().unwrap();
    let fd = waits.as_raw_fd();
    let answer = fence::wait(waits, MENTION, GIVE_UP);
    assert_eq!(answer, Err(Error::FenceTimeout));
    assert_eq!(answer.unwrap_err().code(), gralloc_mapper::abi::AIMAPPER_ERROR_NO_RESOURCES);
    assert!(fcntl(fd, FcntlArg::F_GETFD).is_err(), "the fence is open still");
    assert_warned(lines, "acquire fence");

    // Empty and full pipes stand for dma-bufs that a device writes and reads.
    let (empty, _other_end) = nix::unistd::pipe().unwrap();
    let (_other_end, full) = nix::unistd::pipe2(OFlag::O_NONBLOCK).unwrap();
    let mut full = File::from(full);
    while full.write(&[0; 4096]).is_ok() {}
    for (buffer, access) in
        [(empty.as_fd(), Access::Read), (full.as_fd(), Access::Write), (full.as_fd(), Access::ReadWrite)]
    {
        assert_eq!(fence::wait_for_devices(buffer, access, MENTION, GIVE_UP), Err(Error::FenceTimeout));
        assert_warned(lines, "buffer's fences");
    }
    // What nobody uses is not waited for, whatever the limit.
    let (readable, writable) = nix::unistd::pipe().unwrap();
    assert_eq!(fence::wait_for_devices(writable.as_fd(), Access::Write, MENTION, Duration::ZERO), Ok(()));
    File::from(writable).write_all(b"!").unwrap();
    assert_eq!(fence::wait_for_devices(readable.as_fd(), Access::Read, MENTION, Duration::ZERO), Ok(()));
    assert_eq!(*lines.lock().unwrap(), [""; 0]);
}
