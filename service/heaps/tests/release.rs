//! The release watch on real buffers of every backend, within one process and across several.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{backends, child, name, page, run_child, stdin, SYSTEM};
use gralloc_allocator::ports::HeapBackend;
use gralloc_dmabuf as dmabuf;
use gralloc_dmabuf::mmap::{Mapping, Protection};
use gralloc_heaps::watch::{Released, Source, Tag};
use gralloc_heaps::{Backend, Error, ReleaseWatch};
use nix::sys::resource::{getrlimit, setrlimit, Resource};
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

/// Longest wait for what must come; a busy machine takes seconds.
const SOON: Duration = Duration::from_secs(60);
const TAG: Tag = 0x1234_5678;
const NOT_YET: Duration = Duration::from_millis(50);

fn buffer(backend: &Backend) -> OwnedFd {
    backend.allocate(SYSTEM, page(), &name("watched")).unwrap()
}

/// Every backend with every source that works for its buffers.
fn watches() -> Vec<(Backend, ReleaseWatch)> {
    let mut found = Vec::new();
    for source in [Source::Inotify, Source::Epoll] {
        for backend in backends() {
            let watch = ReleaseWatch::with(source).unwrap();
            let sample = buffer(&backend);
            let added = watch.add(sample.as_fd(), 1);
            drop(sample);
            let works = added.and_then(|()| Ok(watch.wait(NOT_YET * 6)?.tags == [1]));
            let kind = backend.describe().source;
            match works {
                Ok(true) => found.push((backend, watch)),
                Ok(false) => println!("SKIP {kind} with {source}: this kernel does not tell"),
                Err(error) => println!("SKIP {kind} with {source}: {error}"),
            }
        }
    }
    found
}

/// Whatever the kernel: some source tells the end of some backend's buffers, or these tests would test nothing.
#[test]
fn choose_finds_a_source_for_every_backend() {
    for backend in backends() {
        let sample = || backend.allocate(SYSTEM, page(), &name("probe")).map_err(|_| Error::NoReleaseEvents);
        let watch = ReleaseWatch::choose(&Source::ALL, sample).unwrap();
        println!("{}: {:?}", backend.describe().source, watch.sources().collect::<Vec<_>>());
        assert_eq!(watch.watched(), 0);
    }
}

#[test]
fn buffer_without_other_references_reported_at_its_close() {
    for (backend, watch) in watches() {
        let one = buffer(&backend);
        watch.add(one.as_fd(), TAG).unwrap();
        assert_eq!(watch.wait(NOT_YET).unwrap(), Released::default());
        drop(one);
        assert_eq!(watch.wait(SOON).unwrap().tags, [TAG]);
    }
}

#[test]
fn buffer_mapped_alone_reported_at_its_unmap() {
    for (backend, watch) in watches() {
        let one = buffer(&backend);
        watch.add(one.as_fd(), TAG).unwrap();
        let mapping = Mapping::new(one.as_fd(), 4096, Protection::ReadWrite).unwrap();
        drop(one);
        assert_eq!(watch.wait(NOT_YET).unwrap(), Released::default(), "the mapping holds it");
        drop(mapping);
        assert_eq!(watch.wait(SOON).unwrap().tags, [TAG]);
    }
}

/// Anybody who may look into the holder's /proc can try to open the buffer anew; that is not the buffer's end.
#[test]
fn buffer_opened_through_proc_not_reported_before_its_close() {
    for (backend, watch) in watches() {
        let one = buffer(&backend);
        watch.add(one.as_fd(), TAG).unwrap();
        let path = format!("/proc/self/fd/{}", one.as_raw_fd());
        let again = std::fs::OpenOptions::new().read(true).write(true).open(&path);
        assert_eq!(again.is_ok(), !dmabuf::is_dma_buf(one.as_fd()).unwrap(), "{backend:?}: a dma-buf cannot be opened");
        drop(again);
        let looked_at = std::fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_PATH).open(&path).unwrap();
        drop(looked_at);
        assert_eq!(watch.wait(NOT_YET).unwrap(), Released::default());
        drop(one);
        assert_eq!(watch.wait(SOON).unwrap().tags, [TAG]);
    }
}

/// The service answers its client and keeps a duplicate; by the time a background thread adds the watch, the client may
/// have closed everything. Then the duplicate's close is the end.
#[test]
fn duplicate_watched_after_the_client_closed_reported() {
    for (backend, watch) in watches() {
        let clients = buffer(&backend);
        let kept = clients.try_clone().unwrap();
        drop(clients);
        watch.add(kept.as_fd(), TAG).unwrap();
        assert_eq!(watch.wait(NOT_YET).unwrap(), Released::default());
        drop(kept);
        assert_eq!(watch.wait(SOON).unwrap().tags, [TAG]);
    }
}

/// The same with the two racing, 300 times: each end is reported exactly once, whoever was last.
#[test]
fn duplicate_watched_while_the_client_closes_reported_once() {
    for (backend, watch) in watches() {
        let (send, receive) = mpsc::channel::<OwnedFd>();
        let client = std::thread::spawn(move || receive.into_iter().for_each(drop));
        let mut told: Vec<Tag> = Vec::new();
        for tag in 0..300 {
            let clients = buffer(&backend);
            let kept = clients.try_clone().unwrap();
            send.send(clients).unwrap();
            watch.add(kept.as_fd(), tag).unwrap();
            drop(kept);
            told.extend(watch.read().unwrap().tags);
        }
        drop(send);
        client.join().unwrap();
        while told.len() < 300 {
            let more = watch.wait(SOON).unwrap().tags;
            assert!(!more.is_empty(), "{} of 300 were told", told.len());
            told.extend(more);
        }
        assert_eq!(watch.wait(NOT_YET).unwrap(), Released::default(), "more than once");
        assert_eq!(told.into_iter().collect::<HashSet<_>>(), (0..300).collect());
        assert_eq!(watch.watched(), 0);
    }
}

/// Another process holds the last reference, as a mapping, and is killed.
#[test]
fn buffer_held_by_another_process_reported_when_that_dies() {
    for (backend, watch) in watches() {
        let one = buffer(&backend);
        watch.add(one.as_fd(), TAG).unwrap();
        let mut command = child("child_maps_its_input");
        let mut holder = command.stdin(Stdio::from(one)).stdout(Stdio::piped()).spawn().unwrap();
        // Our own descriptor of the buffer lives in the command.
        drop(command);
        let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.ends_with("mapped")));
        assert_eq!(watch.wait(NOT_YET).unwrap(), Released::default(), "the other process holds it");
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert_eq!(watch.wait(SOON).unwrap().tags, [TAG]);
    }
}

#[test]
#[ignore = "run by another test, as a process of its own"]
fn child_maps_its_input() {
    let input = stdin();
    let mapping = Mapping::new(input.as_fd(), 4096, Protection::ReadWrite).unwrap();
    mapping.write(0, b"held").unwrap();
    drop(input);
    let null = std::fs::File::open("/dev/null").unwrap();
    nix::unistd::dup2(null.as_raw_fd(), 0).unwrap();
    println!("mapped");
    std::thread::sleep(Duration::from_secs(60));
    assert_eq!(mapping.len(), 4096);
}

#[test]
fn thousand_buffers_reported_in_any_order() {
    run_child("child_watches_a_thousand_buffers");
}

#[test]
#[ignore = "run by another test, as a process of its own"]
fn child_watches_a_thousand_buffers() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < 1100 {
        println!("SKIP: RLIMIT_NOFILE allows {hard} descriptors");
        return;
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    for (backend, watch) in watches() {
        let mut buffers: Vec<(Tag, OwnedFd)> = (0..1000)
            .map(|tag| {
                let one = buffer(&backend);
                watch.add(one.as_fd(), tag).unwrap();
                (tag, one)
            })
            .collect();
        let later = buffers.split_off(500);
        for part in [buffers, later] {
            let mut expected: Vec<Tag> = part.iter().map(|(tag, _)| *tag).collect();
            drop(part);
            let mut told = Vec::new();
            while told.len() < 500 {
                let more = watch.wait(SOON).unwrap().tags;
                assert!(!more.is_empty(), "{} of 500 were told", told.len());
                told.extend(more);
            }
            told.sort();
            expected.sort();
            assert_eq!(told, expected);
        }
        assert_eq!(watch.watched(), 0);
    }
}

/// A watch must not keep a buffer's memory: what it watches goes from the kernel's list at its close.
#[test]
fn watch_keeps_no_buffer_alive() {
    const BUFINFO: &str = "/sys/kernel/debug/dma_buf/bufinfo";
    let Ok(before) = std::fs::read_to_string(BUFINFO) else {
        println!("SKIP: {BUFINFO} cannot be read");
        return;
    };
    assert!(!before.contains("kept-by-nobody"));
    for (backend, watch) in watches() {
        let one = backend.allocate(SYSTEM, page(), &name("kept-by-nobody")).unwrap();
        watch.add(one.as_fd(), TAG).unwrap();
        if dmabuf::is_dma_buf(one.as_fd()).unwrap() {
            assert!(std::fs::read_to_string(BUFINFO).unwrap().contains("kept-by-nobody"));
        }
        drop(one);
        // No read of the watch in between.
        assert!(!std::fs::read_to_string(BUFINFO).unwrap().contains("kept-by-nobody"), "{backend:?}");
    }
}
