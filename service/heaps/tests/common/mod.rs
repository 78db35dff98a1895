//! What the integration tests share: a policy, the backends of this machine, and child processes.

// Each test file uses its own part of this; a failed unwrap is a failed test.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

use gralloc_buffer::BufferName;
use gralloc_heaps::heap::DMA_HEAP_DIRECTORY;
use gralloc_heaps::{Backend, BackendKind};
use heaps_config::policy::{Heap, HeapId, Limits, Policy};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Command;

pub(crate) const SYSTEM: HeapId = HeapId(0);
pub(crate) const CONTIGUOUS: HeapId = HeapId(1);
pub(crate) const PROTECTED: HeapId = HeapId(2);

/// The size of this kernel's pages.
pub(crate) fn page() -> u64 {
    u64::try_from(nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).unwrap().unwrap()).unwrap()
}

fn heap(name: &str, nodes: &[&str]) -> Heap {
    Heap {
        name: name.to_owned(),
        nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
        cached: true,
        contiguous: name == "contiguous",
        protected: name == "protected",
        max_buffer_bytes: None,
        budget_bytes: None,
        system_memory: true,
    }
}

/// The system heap, a CMA heap under its three names, and a protected heap that no test machine has.
pub(crate) fn policy() -> Policy {
    Policy {
        name: "test".to_owned(),
        heaps: vec![
            heap("system", &["system"]),
            heap("contiguous", &["reserved", "linux,cma", "default_cma_region"]),
            heap("protected", &["vframe-secure"]),
        ],
        limits: Limits { request_bytes: u64::MAX, buffers_per_request: 64, ..Limits::default() },
        metadata_heap: SYSTEM,
        ..Policy::default()
    }
}

/// The backends that this machine can have; for the others a line says why they are skipped.
pub(crate) fn backends() -> Vec<Backend> {
    let mut found = Vec::new();
    for kind in BackendKind::ALL {
        match Backend::open(*kind, &policy(), Path::new(DMA_HEAP_DIRECTORY)) {
            Ok(backend) if backend.present().contains(SYSTEM) => found.push(backend),
            Ok(backend) => println!("SKIP {kind}: heap system is {}", backend.describe().heaps[0].state),
            Err(error) => println!("SKIP {kind}: {error}"),
        }
    }
    found
}

/// The kernel's heaps, when this machine has the system heap.
pub(crate) fn kernel_heaps() -> Option<Backend> {
    backends().into_iter().find(|backend| matches!(backend, Backend::Kernel(_)))
}

pub(crate) fn name(text: &str) -> BufferName {
    BufferName::from_text(text)
}

/// A field of `/proc/self/fdinfo`.
pub(crate) fn fdinfo(fd: BorrowedFd<'_>, field: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.map(|value| value.trim().to_owned())
}

/// One ignored test of this binary as a process of its own, with its output let through.
pub(crate) fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    command
}

/// Runs such a process to its end, which must be good.
pub(crate) fn run_child(test: &str) {
    let output = child(test).output().unwrap();
    assert!(
        output.status.success(),
        "{test}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

/// Standard input as a descriptor of one's own.
pub(crate) fn stdin() -> OwnedFd {
    use std::os::fd::AsFd;
    std::io::stdin().as_fd().try_clone_to_owned().unwrap()
}
