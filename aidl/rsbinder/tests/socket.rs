//! A service behind a socket, in one process: what it answers, who it thinks calls, what its file is like.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use allocator_aidl::{
    calling_identity, interface_with_dump, into_fd, new_allocator, parcel_fd, service_specific, AllocationError,
    AllocationResult, BinderResult, BufferDescriptorInfo, IAllocator, NativeHandle, ServeError, SocketOptions,
    SocketServer, Strong, HASH, VERSION,
};
use nix::sys::socket::{connect as connect_to, listen, socket, AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
use rsbinder::rpc::{FileDescriptorTransportMode, RpcClientConfig, RpcSession};
use rsbinder::{ParcelFileDescriptor, SIBinder, StatusCode, DUMP_TRANSACTION};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Answers so that the caller can see which method was reached and with what.
struct Echo;

impl Echo {
    fn write_dump(&self, out: &mut dyn Write, args: &[String]) -> std::io::Result<()> {
        writeln!(out, "echo {}", args.join(" "))
    }
}

interface_with_dump!(Echo, Echo::write_dump);

impl IAllocator for Echo {
    allocator_aidl::without_multi_view!();

    fn allocate(&self, descriptor: &[u8], count: i32) -> BinderResult<AllocationResult> {
        Err(service_specific(AllocationError::UNSUPPORTED, &format!("allocate {descriptor:?} {count}")))
    }

    fn allocate2(&self, descriptor: &BufferDescriptorInfo, count: i32) -> BinderResult<AllocationResult> {
        if count < 0 {
            return Err(service_specific(AllocationError::NO_RESOURCES, "negative"));
        }
        let (uid, pid) = calling_identity();
        let buffers = (0..count)
            .map(|index| {
                let mut file = tempfile::tempfile().unwrap();
                write!(file, "{} {index}", descriptor.width).unwrap();
                let ints = vec![i32::try_from(uid).unwrap(), pid, index];
                NativeHandle { fds: vec![parcel_fd(file.into())], ints }
            })
            .collect();
        Ok(AllocationResult { stride: descriptor.width, buffers })
    }

    fn isSupported(&self, descriptor: &BufferDescriptorInfo) -> BinderResult<bool> {
        Ok(descriptor.format.0 == 1)
    }

    fn getIMapperLibrarySuffix(&self) -> BinderResult<String> {
        Ok("echo".to_owned())
    }
}

fn serve(path: &Path, options: SocketOptions) {
    let server = SocketServer::bind(path, options).expect("bind");
    std::thread::spawn(move || {
        let ended = server.serve(&new_allocator(Echo));
        panic!("the server ended: {:?}", ended.err());
    });
}

fn served() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("allocator.sock");
    serve(&path, SocketOptions::default());
    (dir, path)
}

fn session(path: &Path) -> rsbinder::Result<RpcSession> {
    let config =
        RpcClientConfig::unix(path, 2).fd_mode(FileDescriptorTransportMode::Unix).timeout(Duration::from_secs(10));
    RpcSession::setup_client_android13plus_with_config(config)
}

fn connect(path: &Path) -> Strong<dyn IAllocator> {
    session(path).unwrap().get_root().unwrap().into_interface().unwrap()
}

/// Sends one transaction by its number, past the generated client.
fn transact(binder: &SIBinder, code: u32, fill: impl FnOnce(&mut rsbinder::Parcel)) -> rsbinder::Parcel {
    let remote = binder.as_remote().expect("a remote binder");
    let mut data = remote.prepare_transact(true).unwrap();
    fill(&mut data);
    remote.submit_transact(code, &data, 0).unwrap().expect("a reply")
}

#[test]
fn transaction_codes_are_one_to_four_in_the_contracts_order() {
    let (_dir, path) = served();
    let binder = connect(&path).as_binder();

    let mut reply = transact(&binder, 1, |data| {
        data.write(&[5u8, 6][..]).unwrap();
        data.write(&3i32).unwrap();
    });
    let status: rsbinder::Status = reply.read().unwrap();
    assert_eq!((status.service_specific_error(), status.message()), (2, Some("allocate [5, 6] 3")));

    let info = BufferDescriptorInfo { width: 9, ..BufferDescriptorInfo::default() };
    let mut reply = transact(&binder, 2, |data| {
        data.write(&info).unwrap();
        data.write(&0i32).unwrap();
    });
    assert!(reply.read::<rsbinder::Status>().unwrap().is_ok());
    assert_eq!(reply.read::<AllocationResult>().unwrap().stride, 9);

    let mut reply = transact(&binder, 3, |data| data.write(&info).unwrap());
    assert!(reply.read::<rsbinder::Status>().unwrap().is_ok());
    assert!(!reply.read::<bool>().unwrap());

    let mut reply = transact(&binder, 4, |_| {});
    assert!(reply.read::<rsbinder::Status>().unwrap().is_ok());
    assert_eq!(reply.read::<String>().unwrap(), "echo");
}

/// AOSP's frozen hashes (`graphics/allocator/aidl/aidl_api`).
const FROZEN: (i32, &str) = if cfg!(feature = "v3") {
    (3, "b061131f0ee5260aa8f779bf3569dfc861a1b89c")
} else {
    (2, "9499fec09c544e9de5be3c87125721600f8ade66")
};

#[test]
fn version_and_hash_are_the_frozen_interfaces() {
    let (_dir, path) = served();
    let allocator = connect(&path);
    let hash = allocator.getInterfaceHash().unwrap();
    assert_eq!((allocator.getInterfaceVersion().unwrap(), hash.as_str()), FROZEN);
    assert_eq!((VERSION, HASH), FROZEN);

    // The codes that a stable interface reserves: FIRST_CALL + 16777214 and + 16777213 (AOSP `aidl_to_common.h`).
    let binder = allocator.as_binder();
    let mut reply = transact(&binder, 0x00ff_ffff, |_| {});
    assert!(reply.read::<rsbinder::Status>().unwrap().is_ok());
    assert_eq!(reply.read::<i32>().unwrap(), FROZEN.0);
    let mut reply = transact(&binder, 0x00ff_fffe, |_| {});
    assert!(reply.read::<rsbinder::Status>().unwrap().is_ok());
    assert_eq!(reply.read::<String>().unwrap(), HASH);
}

/// V3's methods, as a client of V3 calls them: codes 5 and 6. On the V2 service they are no methods, and both go on.
#[test]
fn multi_view_is_answered_by_v3_and_unknown_to_v2() {
    let (_dir, path) = served();
    let binder = connect(&path).as_binder();
    let views = || vec![BufferDescriptorInfo { width: 2121, height: 1212, ..BufferDescriptorInfo::default() }];
    for code in [5, 6] {
        let remote = binder.as_remote().unwrap();
        let mut data = remote.prepare_transact(true).unwrap();
        data.write(&views()).unwrap();
        data.write(&0i32).unwrap();
        let answer = remote.submit_transact(code, &data, 0);
        if !cfg!(feature = "v3") {
            assert_eq!(answer.err(), Some(StatusCode::UnknownTransaction), "code {code}");
            continue;
        }
        let mut reply = answer.unwrap().unwrap();
        let status: rsbinder::Status = reply.read().unwrap();
        if code == 5 {
            assert!(status.is_ok());
            assert!(!reply.read::<bool>().unwrap());
        } else {
            assert_eq!(status.service_specific_error(), AllocationError::UNSUPPORTED.0);
        }
    }
    assert_eq!(connect(&path).getIMapperLibrarySuffix().unwrap(), "echo");
}

#[test]
fn files_and_numbers_arrive_and_the_caller_is_this_process() {
    let (_dir, path) = served();
    let info = BufferDescriptorInfo { width: 640, ..BufferDescriptorInfo::default() };
    // 32 buffers of one file each; a message carries at most 64.
    let result = connect(&path).allocate2(&info, 32).unwrap();
    assert_eq!((result.stride, result.buffers.len()), (640, 32));
    let uid = std::fs::metadata("/proc/self").unwrap().uid();
    for (index, buffer) in result.buffers.into_iter().enumerate() {
        let index = i32::try_from(index).unwrap();
        let pid = i32::try_from(std::process::id()).unwrap();
        assert_eq!(buffer.ints, [i32::try_from(uid).unwrap(), pid, index]);
        let mut file = File::from(into_fd(buffer.fds.into_iter().next().unwrap()));
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, format!("640 {index}"));
    }
}

#[test]
fn an_error_arrives_with_its_code_and_words_and_the_next_call_works() {
    let (_dir, path) = served();
    let allocator = connect(&path);
    let status = allocator.allocate2(&BufferDescriptorInfo::default(), -1).unwrap_err();
    assert_eq!(status.exception_code(), rsbinder::ExceptionCode::ServiceSpecific);
    assert_eq!(
        (status.service_specific_error(), status.message()),
        (AllocationError::NO_RESOURCES.0, Some("negative"))
    );
    assert!(allocator.allocate2(&BufferDescriptorInfo::default(), 1).is_ok());
}

#[test]
fn more_than_64_files_are_refused_and_the_session_says_so() {
    let (_dir, path) = served();
    let status = connect(&path).allocate2(&BufferDescriptorInfo::default(), 65).unwrap_err();
    assert_ne!(status.transaction_error(), StatusCode::Ok, "{status}");
    assert!(connect(&path).allocate2(&BufferDescriptorInfo::default(), 64).is_ok(), "a new session works");
}

#[test]
fn dump_reaches_the_service_with_its_arguments() {
    let (_dir, path) = served();
    let binder = connect(&path).as_binder();
    let (mut read, write) = ParcelFileDescriptor::pipe().unwrap();
    let _reply = transact(&binder, DUMP_TRANSACTION, |data| {
        data.write(&write).unwrap();
        data.write(&vec!["--json".to_owned(), "heaps".to_owned()]).unwrap();
    });
    drop(write);
    let mut text = String::new();
    read.read_to_string(&mut text).unwrap();
    assert_eq!(text, "echo --json heaps\n");
}

#[test]
fn a_ping_is_answered() {
    let (_dir, path) = served();
    connect(&path).as_binder().ping_binder().unwrap();
}

#[test]
fn the_file_has_the_mode_that_was_asked_for_and_nothing_else_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let server = SocketServer::bind(&path, SocketOptions { mode: 0o604, ..SocketOptions::default() }).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o604);
    let names = || std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(names(), ["s"]);
    drop(server);
    assert!(names().is_empty(), "{:?}", names());
}

#[test]
fn a_dead_services_socket_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    // std leaves the file behind, as a killed service does.
    drop(UnixListener::bind(&path).unwrap());
    serve(&path, SocketOptions::default());
    connect(&path).as_binder().ping_binder().unwrap();
}

#[test]
fn a_live_services_socket_is_left_alone() {
    let (_dir, path) = served();
    let error = SocketServer::bind(&path, SocketOptions::default()).unwrap_err();
    assert!(matches!(error, ServeError::InUse(_)), "{error}");
    connect(&path).as_binder().ping_binder().unwrap();
}

#[test]
fn socket_of_a_service_that_accepts_nobody_and_whose_queue_is_full_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let address = UnixAddr::new(&path).unwrap();
    let unix = |flags| socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
    let listener = unix(SockFlag::SOCK_CLOEXEC);
    nix::sys::socket::bind(listener.as_raw_fd(), &address).unwrap();
    listen(&listener, Backlog::new(1).unwrap()).unwrap();
    let mut waiting = Vec::new();
    while waiting.last().is_none_or(|client: &OwnedFd| connect_to(client.as_raw_fd(), &address).is_ok()) {
        waiting.push(unix(SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK));
    }
    let (told, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || told.send(SocketServer::bind(&path, SocketOptions::default()).map(drop)));
    // Against a test that hangs, and no measure of anything.
    let error = answer.recv_timeout(Duration::from_secs(600)).unwrap().unwrap_err();
    assert!(matches!(error, ServeError::InUse(_)), "{error}");
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    std::fs::write(&path, "precious").unwrap();
    let error = SocketServer::bind(&path, SocketOptions::default()).unwrap_err();
    assert!(matches!(error, ServeError::NotASocket(_)), "{error}");
    // A link is not followed to what it names.
    let link = dir.path().join("l");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(SocketServer::bind(&link, SocketOptions::default()), Err(ServeError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_missing_directory_and_a_long_path_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = SocketServer::bind(&dir.path().join("none/s"), SocketOptions::default()).unwrap_err();
    assert!(error.to_string().contains("none/s"), "{error}");
    let long = dir.path().join("x".repeat(108));
    let error = SocketServer::bind(&long, SocketOptions::default()).unwrap_err();
    assert!(matches!(error, ServeError::PathTooLong(_)), "{error}");
}

#[test]
fn connections_beyond_the_uids_share_are_closed_and_places_come_free() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    serve(&path, SocketOptions { connections_per_uid: 2, ..SocketOptions::default() });
    let first = connect(&path);
    let _second = connect(&path);
    assert!(session(&path).and_then(|session| session.get_root()).is_err(), "a third connection got in");
    drop(first);
    let deadline = Instant::now() + Duration::from_secs(60);
    let free = loop {
        std::thread::sleep(Duration::from_millis(10));
        let is_in = session(&path).and_then(|session| session.get_root()).is_ok();
        if is_in || Instant::now() > deadline {
            break is_in;
        }
    };
    assert!(free, "the place of a client that left stays taken");
}

#[test]
fn garbage_ends_only_its_own_connection() {
    let (_dir, path) = served();
    let good = connect(&path);
    let mut bad = UnixStream::connect(&path).unwrap();
    bad.write_all(&[0xff; 256]).unwrap();
    let mut rest = Vec::new();
    bad.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    // Closed, whether with an answer or a reset; never kept open.
    let closed = bad.read_to_end(&mut rest);
    assert!(closed.map_or_else(|e| e.kind() == std::io::ErrorKind::ConnectionReset, |_| true));
    good.as_binder().ping_binder().unwrap();
}

/// A client that says nothing, at a server with this deadline: whether it is shown out.
fn silent_client_is_shown_out(handshake: Duration, timeout: Duration) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("allocator.sock");
    serve(&path, SocketOptions { handshake, ..SocketOptions::default() });
    let mut silent = UnixStream::connect(&path).unwrap();
    silent.set_read_timeout(Some(timeout)).unwrap();
    assert!(matches!(silent.read(&mut [0]), Ok(0)), "a silent client keeps its place");
}

#[test]
fn silent_client_loses_its_place_at_the_deadline() {
    silent_client_is_shown_out(Duration::from_millis(100), Duration::from_secs(60));
}

#[test]
#[should_panic(expected = "a silent client keeps its place")]
fn server_without_a_deadline_is_seen() {
    silent_client_is_shown_out(Duration::from_secs(3600), Duration::from_secs(1));
}

#[test]
fn deadline_is_for_the_handshake_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("allocator.sock");
    let handshake = Duration::from_secs(1);
    serve(&path, SocketOptions { handshake, ..SocketOptions::default() });
    // On a busy machine a handshake may take longer: who was shown out comes again.
    let mut tries = (0..100).map(|_| session(&path).and_then(|session| session.get_root()));
    let root = tries.find_map(Result::ok).expect("nobody gets in before the deadline");
    let allocator: Strong<dyn IAllocator> = root.into_interface().unwrap();
    // Once a client that came later and said nothing has been shown out, the deadline is over for both.
    let mut silent = UnixStream::connect(&path).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert!(matches!(silent.read(&mut [0]), Ok(0)), "a silent client keeps its place");
    assert_eq!(allocator.getIMapperLibrarySuffix().unwrap(), "echo", "who has come in may be silent");
}
