//! A heap node that the service may not open, as uid 1000, and what happens when it may later.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{child, name, page, policy, SYSTEM};
use gralloc_allocator::ports::HeapBackend;
use gralloc_heaps::{KernelHeaps, NodeState};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::stat::{mknod, Mode, SFlag};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

const DIRECTORY: &str = "GRALLOC_TEST_HEAPS";

#[test]
fn node_without_permission_denied_and_taken_once_permitted() {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIP: making a device node takes root");
        return;
    }
    // Where there is no heap, /dev/null has a node that can be opened and gives nothing.
    let (device, is_heap) = match std::fs::metadata("/dev/dma_heap/system") {
        Ok(node) => (node.rdev(), true),
        Err(error) => {
            println!("SKIP the allocation: /dev/dma_heap/system: {error}");
            (std::fs::metadata("/dev/null").unwrap().rdev(), false)
        }
    };
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let node = directory.path().join("system");
    if let Err(errno) = mknod(&node, SFlag::S_IFCHR, Mode::S_IRUSR, device) {
        println!("SKIP: no device node can be made here: {errno}");
        return;
    }
    if std::fs::File::open(&node).is_err() {
        println!("SKIP: {} does not allow device nodes", directory.path().display());
        return;
    }
    let mut service = child("child_waits_for_permission");
    let service = service.uid(1000).gid(1000).stdout(Stdio::piped()).stderr(Stdio::piped());
    // The test binary may lie where uid 1000 cannot reach it.
    let mut service = match service.env(DIRECTORY, directory.path()).spawn() {
        Ok(service) => service,
        Err(error) => {
            println!("SKIP: this test's own file cannot be run as uid 1000: {error}");
            return;
        }
    };
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("denied as expected")), "{:?}", service.wait_with_output());
    std::fs::set_permissions(&node, PermissionsExt::from_mode(0o444)).unwrap();
    let said: Vec<String> = lines.collect();
    let output = service.wait_with_output().unwrap();
    assert!(output.status.success(), "{said:?}\n{}", String::from_utf8_lossy(&output.stderr));
    let end = if is_heap { "allocated" } else { "no heap" };
    assert!(said.iter().any(|line| line.ends_with(end)), "{said:?}");
}

#[test]
#[ignore = "run by another test, as another user"]
fn child_waits_for_permission() {
    let directory = std::env::var_os(DIRECTORY).unwrap();
    let heaps = KernelHeaps::open_in(&policy(), Path::new(&directory));
    assert!(!heaps.present().contains(SYSTEM));
    let state = &heaps.describe().heaps[0];
    assert_eq!((state.node.as_deref(), state.state), (Some("system"), NodeState::Denied(Errno::EACCES)));
    assert_eq!(heaps.allocate(SYSTEM, page(), &name("x")).unwrap_err().errno, libc::ENODEV);
    println!("denied as expected");

    let mut fds = [PollFd::new(heaps.change_fd().unwrap(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut fds, PollTimeout::try_from(10_000).unwrap()), Ok(1), "no event for a change of mode");
    assert!(heaps.refresh().appeared.contains(SYSTEM));
    assert_eq!(heaps.describe().heaps[0].state, NodeState::Open);
    match heaps.allocate(SYSTEM, page(), &name("x")) {
        Ok(_) => println!("allocated"),
        Err(failure) => {
            assert_eq!(failure.errno, libc::ENOTTY);
            println!("no heap");
        }
    }
}
