//! One suite for every source of buffers: what holds for the kernel's heaps holds for a stand-in.
//!
//! Backends that this machine lacks are skipped with a printed reason.

// In a test a failed unwrap, index or conversion is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{backends, fdinfo, kernel_heaps, name, page, policy, run_child, CONTIGUOUS, PROTECTED, SYSTEM};
use gralloc_allocator::ports::{FailureKind, HeapBackend};
use gralloc_dmabuf as dmabuf;
use gralloc_dmabuf::mmap::{Mapping, Protection};
use gralloc_dmabuf::Access;
use gralloc_heaps::heap::DMA_HEAP_DIRECTORY;
use gralloc_heaps::{Backend, BackendKind, NodeState};
use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{getrlimit, setrlimit, Resource};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

fn is_dma_buf(backend: &Backend) -> bool {
    !matches!(backend, Backend::StandIn(stand_in) if stand_in.kind() == BackendKind::Memfd)
}

#[test]
fn allocate_rounds_up_to_pages() {
    for backend in backends() {
        for (asked, given) in [(1, page()), (page(), page()), (page() + 1, 2 * page()), (1 << 20, 1 << 20)] {
            let buffer = backend.allocate(SYSTEM, asked, &name("rounding")).unwrap();
            assert_eq!(dmabuf::size(buffer.as_fd()).unwrap(), given, "{backend:?}");
            assert_eq!(dmabuf::identity(buffer.as_fd()).unwrap().bytes, given, "{backend:?}");
            assert_eq!(dmabuf::is_dma_buf(buffer.as_fd()).unwrap(), is_dma_buf(&backend), "{backend:?}");
        }
    }
}

#[test]
fn allocate_twice_gives_two_identities() {
    for backend in backends() {
        let [one, other] = [0; 2].map(|_| backend.allocate(SYSTEM, page(), &name("twins")).unwrap());
        assert_ne!(dmabuf::identity(one.as_fd()).unwrap(), dmabuf::identity(other.as_fd()).unwrap(), "{backend:?}");
    }
}

#[test]
fn allocate_after_a_dirty_buffer_zeroed() {
    const BYTES: usize = 64 << 10;
    for backend in backends() {
        for _ in 0..8 {
            let buffer = backend.allocate(SYSTEM, BYTES.try_into().unwrap(), &name("dirty")).unwrap();
            let mapping = Mapping::new(buffer.as_fd(), BYTES, Protection::ReadWrite).unwrap();
            let mut bytes = vec![1; BYTES];
            mapping.read(0, &mut bytes).unwrap();
            assert!(bytes.iter().all(|byte| *byte == 0), "{backend:?}");
            mapping.write(0, &[0xa5; BYTES]).unwrap();
            mapping.read(BYTES - 2, &mut bytes[..2]).unwrap();
            assert_eq!(bytes[..2], [0xa5, 0xa5], "{backend:?}");
        }
    }
}

#[test]
fn buffer_can_neither_shrink_nor_grow() {
    for backend in backends() {
        let buffer = backend.allocate(SYSTEM, 2 * page(), &name("fixed")).unwrap();
        for bytes in [0, 1, 4 * page()] {
            let file = std::fs::File::from(buffer.try_clone().unwrap());
            assert!(file.set_len(bytes).is_err(), "{backend:?}: {bytes} bytes");
        }
        assert_eq!(dmabuf::size(buffer.as_fd()).unwrap(), 2 * page());
    }
}

#[test]
fn buffer_is_close_on_exec_and_writable() {
    for backend in backends() {
        let buffer = backend.allocate(SYSTEM, page(), &name("flags")).unwrap();
        let flags = fdinfo(buffer.as_fd(), "flags").unwrap();
        let flags = i32::from_str_radix(&flags, 8).unwrap();
        assert_eq!(flags & libc::O_CLOEXEC, libc::O_CLOEXEC, "{backend:?}: {flags:o}");
        assert_eq!(flags & libc::O_ACCMODE, libc::O_RDWR, "{backend:?}: {flags:o}");
    }
}

#[test]
fn buffer_carries_the_name_escaped_and_cut() {
    for backend in backends() {
        for (given, seen) in [("camera 0", "camera 0"), ("a\nb", "a\\nb"), (&"n".repeat(100), &"n".repeat(31))] {
            let buffer = backend.allocate(SYSTEM, page(), &name(given)).unwrap();
            if is_dma_buf(&backend) {
                assert_eq!(fdinfo(buffer.as_fd(), "name").as_deref(), Some(seen), "{backend:?}");
            } else {
                let link = std::fs::read_link(format!("/proc/self/fd/{}", buffer.as_raw_fd())).unwrap();
                assert_eq!(link.to_str().unwrap(), format!("/memfd:{seen} (deleted)"));
            }
        }
        // Without a name there is none, and nothing fails.
        let buffer = backend.allocate(SYSTEM, page(), &name("")).unwrap();
        assert_eq!(fdinfo(buffer.as_fd(), "name"), None);
    }
}

#[test]
fn access_brackets_work_on_dma_bufs_alone() {
    for backend in backends() {
        let buffer = backend.allocate(SYSTEM, page(), &name("brackets")).unwrap();
        for access in [Access::Read, Access::Write, Access::ReadWrite] {
            let answers = [dmabuf::begin_access(buffer.as_fd(), access), dmabuf::end_access(buffer.as_fd(), access)];
            for answer in answers {
                match is_dma_buf(&backend) {
                    true => answer.unwrap(),
                    false => assert_eq!(answer.unwrap_err().errno(), Errno::ENOTTY),
                }
            }
        }
    }
}

#[test]
fn mapping_refuses_what_is_not_inside() {
    for backend in backends() {
        let bytes = usize::try_from(page()).unwrap();
        let buffer = backend.allocate(SYSTEM, page(), &name("ranges")).unwrap();
        let mapping = Mapping::new(buffer.as_fd(), bytes, Protection::ReadWrite).unwrap();
        assert_eq!((mapping.len(), mapping.is_empty()), (bytes, false));
        let mut four = [0; 4];
        mapping.read(bytes - 4, &mut four).unwrap();
        for offset in [bytes - 3, bytes, usize::MAX] {
            assert_eq!(mapping.read(offset, &mut four).unwrap_err().errno(), Errno::EINVAL, "{offset}");
            assert_eq!(mapping.write(offset, &four).unwrap_err().errno(), Errno::EINVAL, "{offset}");
        }
        let read = Mapping::new(buffer.as_fd(), bytes, Protection::Read).unwrap();
        assert_eq!(read.write(0, &four).unwrap_err().errno(), Errno::EACCES);
        assert_eq!(Mapping::new(buffer.as_fd(), 0, Protection::Read).unwrap_err().errno(), Errno::EINVAL);
    }
}

#[test]
fn protected_heap_absent_everywhere() {
    for backend in backends() {
        assert!(!backend.present().contains(PROTECTED), "{backend:?}");
        let failure = backend.allocate(PROTECTED, page(), &name("secret")).unwrap_err();
        assert_eq!((failure.errno, failure.kind), (libc::ENODEV, FailureKind::Other), "{backend:?}");
        let report = backend.describe();
        assert_ne!(report.heaps[2].state, NodeState::Open);
        // A stand-in must say that it is one; the real heaps must not.
        assert_eq!(report.stand_in.is_some(), matches!(backend, Backend::StandIn(_)));
        assert!(report.stand_in.unwrap_or("STAND-IN".to_owned()).starts_with("STAND-IN"), "{backend:?}");
    }
}

#[test]
fn refresh_of_what_did_not_change_says_so() {
    for backend in backends() {
        let before = backend.present();
        assert!(backend.refresh().is_empty(), "{backend:?}");
        assert_eq!(backend.present(), before);
    }
}

#[test]
fn udmabuf_beyond_its_limit_refused_before_it_costs_memory() {
    for backend in backends() {
        if !matches!(&backend, Backend::StandIn(stand_in) if stand_in.kind() == BackendKind::Udmabuf) {
            continue;
        }
        let mib = std::fs::read_to_string("/sys/module/udmabuf/parameters/size_limit_mb").unwrap();
        let limit = mib.trim().parse::<u64>().unwrap() << 20;
        let failure = backend.allocate(SYSTEM, limit + 1, &name("large")).unwrap_err();
        let wanted = (libc::EINVAL, "beyond udmabuf's size_limit_mb", FailureKind::Other);
        assert_eq!((failure.errno, failure.cause, failure.kind), wanted);
        // The largest: or, where the bound is beyond all memory (INT_MAX MiB by default, after Linux 6.18), more than older kernels'.
        let bytes = limit.min(65 << 20);
        let buffer = backend.allocate(SYSTEM, bytes, &name("largest")).unwrap();
        assert_eq!(dmabuf::size(buffer.as_fd()).unwrap(), bytes);
    }
}

#[test]
fn contiguous_heap_without_room_enomem_and_works_again() {
    let Some(backend) = kernel_heaps() else { return };
    if !backend.present().contains(CONTIGUOUS) {
        println!("SKIP: contiguous heap is {}", backend.describe().heaps[1].state);
        return;
    }
    // Larger than any CMA region, which is reserved at boot: refused without a search through other memory.
    let failure = backend.allocate(CONTIGUOUS, 1 << 40, &name("huge")).unwrap_err();
    assert_eq!((failure.errno, failure.kind), (libc::ENOMEM, FailureKind::Memory));
    let buffer = backend.allocate(CONTIGUOUS, 1 << 20, &name("frame")).unwrap();
    assert_eq!(dmabuf::size(buffer.as_fd()).unwrap(), 1 << 20);
}

#[test]
fn kernel_nodes_are_open_read_only_and_close_on_exec() {
    let Some(backend) = kernel_heaps() else { return };
    let mut nodes = 0;
    for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let Ok(target) = entry.path().read_link() else { continue };
        if !target.starts_with("/dev/dma_heap/") {
            continue;
        }
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", entry.file_name().to_str().unwrap()));
        // Other tests of this process open and close nodes at the same time.
        let Ok(info) = info else { continue };
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        let flags = i32::from_str_radix(flags.trim(), 8).unwrap();
        assert_eq!(flags & libc::O_ACCMODE, libc::O_RDONLY, "{target:?}");
        assert_eq!(flags & libc::O_CLOEXEC, libc::O_CLOEXEC, "{target:?}");
        nodes += 1;
    }
    assert!(nodes > 0, "{:?} has no node open", backend.describe());
}

#[test]
fn allocate_without_descriptors_emfile_and_works_again() {
    run_child("child_runs_out_of_descriptors");
}

#[test]
#[ignore = "run by another test, as a process of its own"]
fn child_runs_out_of_descriptors() {
    for backend in backends() {
        setrlimit(Resource::RLIMIT_NOFILE, 64, getrlimit(Resource::RLIMIT_NOFILE).unwrap().1).unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        let mut all: Vec<OwnedFd> = std::iter::from_fn(|| null.as_fd().try_clone_to_owned().ok()).collect();
        let failure = backend.allocate(SYSTEM, page(), &name("no-fd-left")).unwrap_err();
        assert_eq!((failure.errno, failure.kind), (libc::EMFILE, FailureKind::Descriptors), "{backend:?}");
        // One for the buffer, and one for the memfd below a udmabuf.
        all.truncate(all.len() - 2);
        let buffer = backend.allocate(SYSTEM, page(), &name("an-fd-left")).unwrap();
        drop((all, buffer));
        let bufinfo = std::fs::read_to_string("/sys/kernel/debug/dma_buf/bufinfo").unwrap_or_default();
        assert!(!bufinfo.contains("no-fd-left") && !bufinfo.contains("an-fd-left"), "{bufinfo}");
    }
}

#[test]
fn thousand_buffers_live_at_once() {
    run_child("child_holds_a_thousand_buffers");
}

#[test]
#[ignore = "run by another test, as a process of its own"]
fn child_holds_a_thousand_buffers() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < 1100 {
        println!("SKIP: RLIMIT_NOFILE allows {hard} descriptors");
        return;
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    for backend in backends() {
        let buffers: Vec<OwnedFd> = (0..1000)
            .map(|number| backend.allocate(SYSTEM, page(), &name(&format!("many-{number}"))).unwrap())
            .collect();
        let inodes: std::collections::HashSet<u64> =
            buffers.iter().map(|buffer| dmabuf::identity(buffer.as_fd()).unwrap().inode).collect();
        assert_eq!(inodes.len(), 1000, "{backend:?}");
    }
}

#[test]
fn backend_with_missing_device_names_it() {
    match Backend::open(BackendKind::Udmabuf, &policy(), Path::new(DMA_HEAP_DIRECTORY)) {
        Ok(_) => println!("SKIP: this machine has /dev/udmabuf"),
        Err(error) => assert!(error.to_string().starts_with("/dev/udmabuf: "), "{error}"),
    }
}
