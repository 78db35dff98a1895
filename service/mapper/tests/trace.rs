//! What the mapper marks in the kernel's trace. Marks are the process's, so this test has one of its own.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod common;

use common::*;
use gralloc_buffer::Usage;
use gralloc_dmabuf::trace;
use gralloc_mapper::abi::ARect;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::fd::IntoRawFd;

fn lines(file: &mut File) -> Vec<String> {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text.lines().map(|line| line.replace(&format!("|{}", std::process::id()), "")).collect()
}

#[test]
fn import_lock_and_unlock_are_slices_with_the_wait_for_the_fence_apart_and_off_nothing_is_marked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("marks");
    let mut marks = OpenOptions::new().read(true).append(true).create_new(true).open(path).unwrap();
    trace::start(marks.try_clone().unwrap());
    let client = client();
    let (fence, signal) = nix::unistd::pipe().unwrap();
    File::from(signal).write_all(b"!").unwrap();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    let usage = Usage::CPU_READ_OFTEN.0;
    client.lock_with(buffer, usage, ARect::default(), fence.into_raw_fd()).unwrap();
    assert_eq!(client.unlock(buffer), 0);
    trace::set_on(false);
    client.lock(buffer).unwrap();
    assert_eq!((client.unlock(buffer), client.free(buffer)), (0, 0));
    let wanted = ["B|mapper import", "E", "B|mapper lock", "B|fence wait", "E", "E", "B|mapper unlock", "E"];
    assert_eq!(lines(&mut marks), wanted);
}
