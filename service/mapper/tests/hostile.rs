//! What a handle or a call that is wrong gets: its error, and nothing left behind.

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
use gralloc_buffer::handle::{encode, BufferInfo};
use gralloc_mapper::abi::*;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::null;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Fds and mappings are the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Sees that a test leaves no fd and no mapping.
struct Tidy {
    fds: usize,
    mappings: usize,
    _alone: MutexGuard<'static, ()>,
}

fn tidy() -> Tidy {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    Tidy { fds: open_fds(), mappings: mappings(), _alone: alone }
}

impl Drop for Tidy {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(open_fds(), self.fds, "fds are left");
            assert_eq!(mappings(), self.mappings, "mappings are left");
        }
    }
}

#[track_caller]
fn refused(raw: &Raw) {
    assert_eq!(client().try_import(raw.as_ptr()), Err(AIMAPPER_ERROR_BAD_BUFFER));
}

#[test]
fn import_null_misaligned_or_empty_bad_buffer() {
    let _tidy = tidy();
    let client = client();
    assert_eq!(client.try_import(null()), Err(AIMAPPER_ERROR_BAD_BUFFER));
    let raw = Raw::new(Source::Memfd, &rgba());
    assert_eq!(client.try_import(raw.as_ptr().wrapping_byte_add(2)), Err(AIMAPPER_ERROR_BAD_BUFFER));
    refused(&Raw::of(vec![], &[]));
    assert_eq!(unsafe { (client.0.importBuffer)(raw.as_ptr(), std::ptr::null_mut()) }, AIMAPPER_ERROR_BAD_VALUE);
}

#[test]
fn import_head_or_counts_wrong_bad_buffer_and_nothing_behind_them_read() {
    let _tidy = tidy();
    for (word, values) in
        [(0, &[0, 11, 13, -12][..]), (1, &[0, 1, 3, -1, i32::MAX, i32::MIN]), (2, &[0, 71, 73, -1, i32::MAX])]
    {
        for value in values {
            let mut raw = Raw::new(Source::Memfd, &rgba());
            raw.words()[word] = *value;
            refused(&raw);
        }
    }
    // A head alone: what it says to be behind it is not there, under AddressSanitizer visibly so.
    for counts in [[12, 1, 108], [12, 2, 107], [12, i32::MAX, i32::MAX]] {
        let head = Box::new(counts);
        assert_eq!(client().try_import(head.as_ptr().cast()), Err(AIMAPPER_ERROR_BAD_BUFFER));
    }
}

#[test]
fn import_any_single_int_changed_refused_or_a_buffer_of_the_same_memory() {
    let _tidy = tidy();
    let client = client();
    let right = encode(&rgba());
    for (index, int) in right.into_iter().enumerate() {
        for value in [0, 1, -1, i32::MAX, i32::MIN, int.wrapping_add(1), int ^ 0x100] {
            let mut raw = Raw::new(Source::Memfd, &rgba());
            raw.words()[5 + index] = value;
            match client.try_import(raw.as_ptr()) {
                Err(code) => assert_eq!(code, AIMAPPER_ERROR_BAD_BUFFER, "int {index} = {value}"),
                Ok(buffer) => {
                    // Whatever it says of itself: the memory is there, from the first to the last byte.
                    for number in 1..=23 {
                        client.get(buffer, number).unwrap();
                    }
                    if let Ok(data) = client.lock(buffer) {
                        let bytes = gralloc_buffer::handle::decode(gralloc_buffer::handle::RawHandle {
                            num_fds: 2,
                            ints: &raw.words()[5..],
                        })
                        .unwrap()
                        .buffer_bytes;
                        let last = data.wrapping_add(usize::try_from(bytes - 1).unwrap());
                        unsafe { last.write_volatile(7) };
                        assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
                    }
                    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
                }
            }
        }
    }
}

/// A raw handle with another fd in one place.
fn with_fd(index: usize, fd: OwnedFd) -> Raw {
    let mut fds = vec![sealed_memfd(16384), sealed_memfd(4096)];
    fds[index] = fd;
    Raw::of(fds, &encode(&rgba()))
}

fn file(bytes: u64) -> OwnedFd {
    let file = tempfile::tempfile().unwrap();
    file.set_len(bytes).unwrap();
    file.into()
}

#[test]
fn import_fds_that_are_no_memory_of_a_fixed_size_bad_buffer() {
    let _tidy = tidy();
    for index in [0, 1] {
        let (read, write) = nix::unistd::pipe().unwrap();
        let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let wrong: Vec<(&str, OwnedFd)> = vec![
            ("a pipe's end", read),
            ("a pipe's other end", write),
            ("a socket", socket.into()),
            ("/dev/null", File::open("/dev/null").unwrap().into()),
            ("/dev/zero", File::open("/dev/zero").unwrap().into()),
            ("a folder", File::open("/proc/self").unwrap().into()),
            ("a file of /proc", File::open("/proc/self/maps").unwrap().into()),
            ("an event fd", nix::sys::eventfd::EventFd::new().unwrap().into()),
            ("an ordinary file", file(65536)),
            ("a memfd that may shrink", memfd(65536)),
            ("a memfd that is too small", sealed_memfd(4095)),
            ("an empty memfd", sealed_memfd(0)),
        ];
        for (what, fd) in wrong {
            eprintln!("fd {index} is {what}");
            refused(&with_fd(index, fd));
        }
    }
}

#[test]
fn import_dma_buf_smaller_than_the_layout_bad_buffer() {
    let _tidy = tidy();
    for source in Source::here() {
        let page = page_bytes();
        let small = Raw::of(vec![source.memory(3 * page), source.memory(page)], &encode(&rgba_beyond(3)));
        refused(&small);
        let reserved_bytes = 2 * page;
        let info = BufferInfo { metadata_bytes: 4096 + reserved_bytes, reserved_bytes, ..rgba_beyond(3) };
        let small = Raw::of(vec![source.memory(4 * page), source.memory(2 * page)], &encode(&info));
        refused(&small);
        let right = Raw::of(vec![source.memory(4 * page), source.memory(3 * page)], &encode(&info));
        let buffer = client().import(&right);
        assert_eq!(client().free(buffer), AIMAPPER_ERROR_NONE);
    }
}

#[test]
fn import_fds_that_are_closed_or_negative_bad_buffer() {
    let _tidy = tidy();
    for index in [3, 4] {
        for fd in [-1, i32::MIN, i32::MAX, 1_000_000] {
            let mut raw = Raw::new(Source::Memfd, &rgba());
            raw.words()[index] = fd;
            refused(&raw);
        }
    }
}

#[test]
fn file_that_shrinks_after_the_import_is_none_that_can_be_imported() {
    let _tidy = tidy();
    // An ordinary file never gets so far; a sealed one cannot shrink.
    let mut ordinary = tempfile::tempfile().unwrap();
    ordinary.write_all(&[1; 65536]).unwrap();
    refused(&with_fd(1, ordinary.try_clone().unwrap().into()));
    ordinary.set_len(0).unwrap();
    let sealed = sealed_memfd(4096);
    let raw = with_fd(1, sealed.try_clone().unwrap());
    let buffer = client().import(&raw);
    assert!(nix::unistd::ftruncate(&sealed, 0).is_err());
    assert_eq!(client().get(buffer, 17), Ok(value(17, &[0; 4])));
    assert_eq!(client().free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn import_without_a_free_fd_no_resources_and_works_again_with_one() {
    let _tidy = tidy();
    let raw = Raw::new(Source::Memfd, &rgba());
    // The loader's and the error stream's fds are open already.
    let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    for spare in [0, 1] {
        // More than there are gaps among the open ones, so that the last filler is the highest fd.
        let fillers: Vec<OwnedFd> = (0..64).map(|_| raw.fds[0].try_clone().unwrap()).collect();
        let highest = fillers.iter().map(AsRawFd::as_raw_fd).max().unwrap();
        let next = (highest + 1 + spare).try_into().unwrap();
        nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, next, limit.1).unwrap();
        let answer = client().try_import(raw.as_ptr());
        nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, limit.0, limit.1).unwrap();
        assert_eq!(answer, Err(AIMAPPER_ERROR_NO_RESOURCES), "with {spare} free");
        drop(fillers);
        assert_eq!(client().free(client().import(&raw)), AIMAPPER_ERROR_NONE);
    }
}

/// Every call on a handle that is none.
#[track_caller]
fn no_call_takes(client: Client, buffer: buffer_handle_t) {
    let bad = AIMAPPER_ERROR_BAD_BUFFER;
    assert_eq!(client.free(buffer), bad);
    let (mut fds, mut ints) = (7, 7);
    assert_eq!(unsafe { (client.0.getTransportSize)(buffer, &mut fds, &mut ints) }, bad);
    assert_eq!((fds, ints), (7, 7));
    assert_eq!(client.lock(buffer), Err(bad));
    assert_eq!(unsafe { (client.0.lock)(buffer, CPU, WHOLE, -1, std::ptr::null_mut()) }, bad);
    assert_eq!(client.unlock(buffer), bad);
    assert_eq!(client.flush(buffer), bad);
    assert_eq!(client.reread(buffer), bad);
    for number in [1, 15, 17, 19, 22, 23, 0, 24, i64::MIN] {
        assert_eq!(client.get(buffer, number), Err(bad));
        assert_eq!(client.set(buffer, number, &value(number, &[0; 4])), bad);
    }
    assert_eq!(unsafe { (client.0.setStandardMetadata)(buffer, 17, null(), 8) }, bad);
    assert_eq!(client.region(buffer), Err(bad));
    assert_eq!(unsafe { (client.0.dumpBuffer)(buffer, None, std::ptr::null_mut()) }, bad);
}

#[test]
fn handle_raw_freed_foreign_or_forged_bad_buffer_everywhere() {
    let _tidy = tidy();
    let client = client();
    let raw = Raw::new(Source::Memfd, &rgba());
    no_call_takes(client, null());
    no_call_takes(client, raw.as_ptr());
    // A copy of an imported handle, and everything around one.
    let buffer = client.import(&raw);
    let copy = unsafe { buffer.cast::<[i32; 77]>().read() };
    no_call_takes(client, copy.as_ptr().cast());
    for bytes in [1, 2, 4, 12, 64, 1 << 20] {
        no_call_takes(client, buffer.wrapping_byte_add(bytes));
        no_call_takes(client, buffer.wrapping_byte_sub(bytes));
    }
    // Numbers that are nobody's memory: following one would end the process.
    for number in [1usize, 4096, usize::MAX, usize::MAX - 11, 1 << (usize::BITS - 18), isize::MAX.unsigned_abs()] {
        no_call_takes(client, number as buffer_handle_t);
    }
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    no_call_takes(client, buffer);
    // The address does not come back at once: the freed handle does not become another buffer.
    let others: Vec<_> = (0..8).map(|_| client.import(&raw)).collect();
    assert!(!others.contains(&buffer));
    no_call_takes(client, buffer);
    others.into_iter().for_each(|other| assert_eq!(client.free(other), AIMAPPER_ERROR_NONE));
}

#[test]
fn freed_handle_s_memory_names_no_fd() {
    let _tidy = tidy();
    let client = client();
    let raw = Raw::new(Source::Memfd, &rgba());
    let buffer = client.import(&raw);
    let [_, fds, ints, first, ..] = unsafe { buffer.cast::<[i32; 77]>().read() };
    assert_eq!((fds, ints), (2, 108));
    assert!(first > 2 && first != raw.fds[0].as_raw_fd());
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    // The memory stays the library's own.
    let [version, fds, ints, first, second, ..] = unsafe { buffer.cast::<[i32; 77]>().read() };
    assert_eq!((version, fds, ints, first, second), (12, 0, 0, -1, -1));
}

#[test]
fn client_that_scribbles_over_an_imported_handle_changes_nothing() {
    let _tidy = tidy();
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    let before = client.get(buffer, 3);
    unsafe { buffer.cast_mut().cast::<[i32; 77]>().write([1; 77]) };
    assert_eq!(client.get(buffer, 3), before);
    client.lock(buffer).unwrap();
    assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
    // Closes its own fds, not fd 1.
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    assert!(nix::fcntl::fcntl(1, nix::fcntl::FcntlArg::F_GETFD).is_ok());
}

#[test]
fn free_during_a_lock_ends_it() {
    let _tidy = tidy();
    for source in Source::here() {
        let client = client();
        let buffer = client.import(&Raw::new(source, &rgba()));
        client.lock(buffer).unwrap();
        client.lock(buffer).unwrap();
        client.region(buffer).unwrap();
        assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
        no_call_takes(client, buffer);
    }
}

#[test]
fn getters_answers_null_bad_value() {
    let _tidy = tidy();
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    let (null, bad) = (std::ptr::null_mut::<u8>(), AIMAPPER_ERROR_BAD_VALUE);
    let (mut number, mut pointer, mut list, mut count) = (0u32, std::ptr::null_mut(), std::ptr::null(), 0);
    unsafe {
        assert_eq!((client.0.getTransportSize)(buffer, null.cast(), &mut number), bad);
        assert_eq!((client.0.getTransportSize)(buffer, &mut number, null.cast()), bad);
        assert_eq!((client.0.lock)(buffer, CPU, WHOLE, -1, null.cast()), bad);
        assert_eq!((client.0.getReservedRegion)(buffer, null.cast(), &mut 0), bad);
        assert_eq!((client.0.getReservedRegion)(buffer, &mut pointer, null.cast()), bad);
        assert_eq!((client.0.setStandardMetadata)(buffer, 17, null.cast_const().cast(), 81), bad);
        assert_eq!((client.0.listSupportedMetadataTypes)(null.cast(), &mut count), bad);
        assert_eq!((client.0.listSupportedMetadataTypes)(&mut list, null.cast()), bad);
        assert_eq!((client.0.dumpBuffer)(buffer, None, null.cast()), bad);
        assert_eq!((client.0.dumpAllBuffers)(None, None, null.cast()), bad);
        assert_eq!(gralloc_mapper::AIMapper_loadIMapper(null.cast()), bad);
        // Nothing was locked by the call that had nowhere to say where.
        assert_eq!((client.0.unlock)(buffer, null.cast()), AIMAPPER_ERROR_BAD_BUFFER);
    }
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}
