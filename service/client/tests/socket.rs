//! The client against a small allocator behind a socket: its answers, refusals, and sockets that lead nowhere.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use allocator_aidl::{AllocationError, IAllocator as _};
use common::{rgba, served};
use gralloc_buffer::handle::encode;
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use gralloc_client::{to_wire, ClientError, Connection, Transport};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::net::UnixListener;
use std::path::Path;

#[test]
fn buffers_come_decoded_with_their_memory() {
    let (_dir, path) = served();
    let connection = Connection::socket(&path).unwrap();
    let allocation = connection.allocate(&rgba("Hello"), 3).unwrap();
    assert_eq!((allocation.stride, allocation.buffers.len()), (64, 3));
    for (id, buffer) in (1u64..).zip(allocation.buffers) {
        assert_eq!((buffer.info.id, buffer.info.width, buffer.info.height), (id, 64, 32));
        assert_eq!(buffer.info.name.bytes(), b"Hello");
        assert_eq!(buffer.ints, encode(&buffer.info));
        buffer.check_sizes().unwrap();
        let mut file = File::from(buffer.pixels);
        file.rewind().unwrap();
        let mut first = [0];
        file.read_exact(&mut first).unwrap();
        assert_eq!(u64::from(first[0] - b'0'), id);
    }
}

#[test]
fn no_buffers_are_an_empty_answer() {
    let (_dir, path) = served();
    assert!(Connection::socket(&path).unwrap().allocate(&rgba(""), 0).unwrap().buffers.is_empty());
}

#[test]
fn a_refusal_comes_with_its_name_and_words() {
    let (_dir, path) = served();
    let connection = Connection::socket(&path).unwrap();
    let wanted = to_wire(&Descriptor::new("", 1, 1, PixelFormat::Blob, Usage::NONE));
    assert!(!connection.is_supported(&wanted).unwrap());
    let error = connection.allocate(&wanted, 1).unwrap_err();
    assert!(matches!(error, ClientError::Refused { code, .. } if code == AllocationError::UNSUPPORTED.0), "{error}");
    let words = error.to_string();
    // AOSP's AllocationError.UNSUPPORTED is 2; the rest is what the service said.
    assert!(["UNSUPPORTED", "(2)", "RGBA_8888 only"].iter().all(|word| words.contains(word)), "{words}");
    assert!(connection.is_supported(&rgba("")).unwrap());
}

#[test]
fn the_rest_of_the_interface_answers() {
    let (_dir, path) = served();
    let connection = Connection::open(&Transport::Socket(path.clone())).unwrap();
    assert_eq!(connection.transport(), &Transport::Socket(path));
    connection.ping().unwrap();
    // Those of the build: allocator_aidl's own tests hold them against AOSP's.
    let (version, hash) = (allocator_aidl::VERSION, allocator_aidl::HASH);
    assert_eq!(
        (connection.interface_version().unwrap(), connection.allocator().getInterfaceHash().unwrap().as_str()),
        (version, hash)
    );
    assert_eq!(connection.mapper_suffix().unwrap(), "files");
}

#[test]
fn a_dump_comes_whole_and_takes_arguments() {
    let (_dir, path) = served();
    let connection = Connection::socket(&path).unwrap();
    assert_eq!(connection.dump(&["--json", "a b"]).unwrap(), "[\"--json\", \"a b\"]\n");
    assert_eq!(connection.dump(&[]).unwrap(), "[]\n");
    assert_eq!(connection.dump(&["large"]).unwrap().len(), 300_000);
}

fn socket_error(path: &Path) -> String {
    Connection::socket(path).err().expect("nobody is there").to_string()
}

#[test]
fn a_socket_that_leads_nowhere_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let text = socket_error(&missing);
    assert!(text.contains("missing: ") && text.contains("start the allocator service with this socket"), "{text}");

    let stale = dir.path().join("stale");
    drop(UnixListener::bind(&stale).unwrap());
    let text = socket_error(&stale);
    assert!(text.contains("stale: ") && text.contains("nobody listens there any more"), "{text}");
}

#[test]
fn a_listener_that_hangs_up_is_not_the_allocator() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || while listener.accept().is_ok() {});
    let text = socket_error(&path);
    assert!(text.contains("hung up"), "{text}");
}

#[test]
fn a_listener_that_takes_nobody_in_is_given_up() {
    use nix::sys::socket::{bind, listen, socket, AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
    use std::os::fd::AsRawFd;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let full = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(full.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
    listen(&full, Backlog::new(0).unwrap()).unwrap();
    // A queue of length 0 holds one.
    let _queued = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let text = socket_error(&path);
    assert!(text.contains("takes no connections"), "{text}");
}
