//! The client and the service's transport against the kernel's binder and a real service manager.
//!
//! Two processes: this program starts itself again as the service. It registers as the device's allocator, so no other
//! may be running; on a machine without the driver it says so and does nothing. In a guest:
//! `cargo xtask vm --no-service --add PROGRAM -- PROGRAM`.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use allocator_aidl::{new_allocator, serve_binder, AllocationError, IAllocator, ALLOCATOR_INSTANCE};
use common::{rgba, Files};
use gralloc_client::{ClientError, Connection, Transport, TRANSPORT_VARIABLE};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command};
use std::time::Duration;

const THREADS: u32 = 4;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        let ended = serve_binder(ALLOCATOR_INSTANCE, &new_allocator(Files::default()), THREADS);
        panic!("{}", ended.err().unwrap());
    }
    // One program, not a list of tests: whoever asks for the list gets an empty one.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    if !["/dev/binderfs/binder", "/dev/binder"].iter().any(|node| std::path::Path::new(node).exists()) {
        println!("skip: this machine has no binder driver");
        return;
    }
    std::env::remove_var(TRANSPORT_VARIABLE);
    check("an allocator that is not registered is named", absent);
    let mut service = Service::start();
    let connection = Connection::from_env_or(None).expect("connect");
    check("binder is the transport where there is binder", || assert_eq!(connection.transport(), &Transport::Binder));
    check("buffers come decoded with their memory", || buffers(&connection));
    check("the interface answers", || interface(&connection));
    check("the service knows who calls", || caller(&connection));
    check("a dump comes whole and takes arguments", || dump(&connection));
    check("exactly four threads serve", || threads(&connection, &service));
    service.kill();
    check("a service that is gone is named", || gone(&connection));
}

fn check(what: &str, run: impl FnOnce()) {
    run();
    println!("ok: {what}");
}

/// This program as the service, in a process of its own.
struct Service(Child);

impl Service {
    fn start() -> Service {
        Service(Command::new(std::env::current_exe().unwrap()).arg("serve").spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn absent() {
    let error = Connection::binder_within(Duration::from_millis(300)).err().expect("nobody is registered");
    assert!(matches!(error, ClientError::NotRegistered { .. }), "{error}");
    assert!(error.to_string().contains("start the allocator service"), "{error}");
}

fn buffers(connection: &Connection) {
    // More fds than a socket's message carries.
    let allocation = connection.allocate(&rgba("Hello"), 40).unwrap();
    assert_eq!((allocation.stride, allocation.buffers.len()), (64, 40));
    for (id, buffer) in (1u64..).zip(&allocation.buffers) {
        assert_eq!((buffer.info.id, buffer.info.name.bytes()), (id, &b"Hello"[..]));
        buffer.check_sizes().unwrap();
    }
    let error = connection.allocate(&rgba("garbage"), 1).unwrap_err();
    assert!(matches!(error, ClientError::Handle { .. }), "{error}");
}

fn interface(connection: &Connection) {
    connection.ping().unwrap();
    // Those of the build: allocator_aidl's own tests hold them against AOSP's.
    let (version, hash) = (allocator_aidl::VERSION, allocator_aidl::HASH);
    assert_eq!(
        (connection.interface_version().unwrap(), connection.allocator().getInterfaceHash().unwrap().as_str()),
        (version, hash)
    );
    assert_eq!(connection.mapper_suffix().unwrap(), "files");
    assert!(connection.is_supported(&rgba("")).unwrap());
}

#[allow(deprecated)] // V1's method stays a part of the contract.
fn caller(connection: &Connection) {
    let status = connection.allocator().allocate(&[], 1).unwrap_err();
    assert_eq!(status.service_specific_error(), AllocationError::UNSUPPORTED.0);
    let uid = std::fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(status.message(), Some(format!("uid {uid} pid {}", std::process::id()).as_str()));
}

fn dump(connection: &Connection) {
    assert_eq!(connection.dump(&["--json", "a b"]).unwrap(), "[\"--json\", \"a b\"]\n");
    assert_eq!(connection.dump(&["large"]).unwrap().len(), 300_000);
}

/// Twelve callers at once meet four threads, and the process has no more.
fn threads(connection: &Connection, service: &Service) {
    let callers: Vec<_> = (0..12)
        .map(|_| {
            let connection = connection.clone();
            std::thread::spawn(move || connection.is_supported(&rgba("slow")).unwrap())
        })
        .collect();
    for caller in callers {
        assert!(caller.join().unwrap());
    }
    assert_eq!(connection.dump(&["peak"]).unwrap(), "4\n");
    let tasks = std::fs::read_dir(format!("/proc/{}/task", service.0.id())).unwrap().count();
    assert_eq!(tasks, 4, "threads of the service's process");
}

fn gone(connection: &Connection) {
    let text = connection.ping().unwrap_err().to_string();
    assert!(text.contains("the service is gone"), "{text}");
    let text = connection.allocate(&rgba(""), 1).unwrap_err().to_string();
    assert!(text.starts_with("allocate2: ") && text.contains("the service is gone"), "{text}");
}
