//! memfds and pipes play the buffers: inotify tells the end of the one, epoll that of the other.

use super::*;
use nix::errno::Errno;
use nix::sys::memfd::{memfd_create, MemFdCreateFlag};

fn memfd() -> OwnedFd {
    memfd_create(c"buffer", MemFdCreateFlag::MFD_CLOEXEC).unwrap()
}

/// The reading end of a pipe, whose writing end is closed.
fn pipe() -> OwnedFd {
    nix::unistd::pipe().unwrap().0
}

fn both() -> [(ReleaseWatch, fn() -> OwnedFd); 2] {
    [(ReleaseWatch::with(Source::Inotify).unwrap(), memfd), (ReleaseWatch::with(Source::Epoll).unwrap(), pipe)]
}

#[test]
fn read_after_the_last_close_reports_once() {
    for (watch, buffer) in both() {
        let first = buffer();
        let id = watch.add(first.as_fd()).unwrap();
        assert_eq!(watch.watched(), 1);
        assert_eq!(watch.read().unwrap(), Released::default(), "{}: it lives", watch.source());
        drop(first);
        assert_eq!(watch.wait(PROBE_TIME).unwrap().ids, [id], "{}", watch.source());
        assert_eq!(watch.read().unwrap(), Released::default(), "{}: once", watch.source());
        assert_eq!(watch.watched(), 0);
    }
}

#[test]
fn read_while_a_duplicate_lives_reports_nothing() {
    for (watch, buffer) in both() {
        let original = buffer();
        let copy = original.try_clone().unwrap();
        let id = watch.add(original.as_fd()).unwrap();
        drop(original);
        assert_eq!(watch.read().unwrap(), Released::default(), "{}", watch.source());
        drop(copy);
        assert_eq!(watch.wait(PROBE_TIME).unwrap().ids, [id], "{}", watch.source());
    }
}

#[test]
fn add_through_a_second_fd_already_watched() {
    for (watch, buffer) in both() {
        let original = buffer();
        let copy = original.try_clone().unwrap();
        watch.add(original.as_fd()).unwrap();
        assert_eq!(watch.add(copy.as_fd()), Err(Error::AlreadyWatched), "{}", watch.source());
        assert_eq!(watch.add(original.as_fd()), Err(Error::AlreadyWatched), "{}", watch.source());
        assert_eq!(watch.watched(), 1);
    }
}

#[test]
fn remove_then_close_reports_nothing() {
    for (watch, buffer) in both() {
        let original = buffer();
        let id = watch.add(original.as_fd()).unwrap();
        assert!(watch.remove(id));
        assert!(!watch.remove(id), "{}: removed already", watch.source());
        drop(original);
        assert_eq!(watch.wait(Duration::from_millis(20)).unwrap(), Released::default(), "{}", watch.source());
    }
}

#[test]
fn ids_do_not_repeat_and_no_watch_is_left() {
    for (watch, buffer) in both() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..300 {
            let one = buffer();
            assert!(seen.insert(watch.add(one.as_fd()).unwrap()));
            drop(one);
            assert_eq!(watch.wait(PROBE_TIME).unwrap().ids.len(), 1);
        }
        assert_eq!(watch.watched(), 0);
        let fd = match &watch.0 {
            Kind::Inotify(events) => events.fd(),
            Kind::Epoll(list) => list.fd(),
        };
        let left = fdinfo(fd).unwrap();
        assert!(!left.contains("inotify wd") && !left.contains("tfd:"), "{left}");
    }
}

#[test]
fn read_after_many_releases_reports_each() {
    for (watch, buffer) in both() {
        let buffers: Vec<_> = (0..400).map(|_| buffer()).collect();
        let ids: Vec<_> = buffers.iter().map(|buffer| watch.add(buffer.as_fd()).unwrap()).collect();
        drop(buffers);
        let mut told = watch.wait(PROBE_TIME).unwrap().ids;
        told.sort();
        assert_eq!(told, ids, "{}", watch.source());
    }
}

#[test]
fn wait_wakes_when_another_thread_closes() {
    let watch = ReleaseWatch::with(Source::Inotify).unwrap();
    let buffer = memfd();
    let id = watch.add(buffer.as_fd()).unwrap();
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            drop(buffer);
        });
        assert_eq!(watch.wait(Duration::from_secs(10)).unwrap().ids, [id]);
    });
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// The user's queue limit (16,384 by default) is filled with events about one other file; what ends then is dropped.
#[test]
fn read_after_an_overflow_finds_what_is_gone() {
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    let watch = ReleaseWatch::with(Source::Inotify).unwrap();
    let Kind::Inotify(events) = &watch.0 else { unreachable!("asked for inotify") };
    let (gone, stays) = (memfd(), memfd());
    let gone_id = watch.add(gone.as_fd()).unwrap();
    watch.add(stays.as_fd()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    events.fill_queue(directory.path(), limit);
    drop(gone);
    let released = watch.read().unwrap();
    assert!(released.resynced, "the queue was full");
    assert_eq!(released.ids, [gone_id]);
    assert_eq!(watch.watched(), 1);
    drop(stays);
    assert_eq!(watch.wait(PROBE_TIME).unwrap().ids.len(), 1);
}

#[test]
fn choose_takes_inotify_for_memfds_and_epoll_for_pipes() {
    let watch = ReleaseWatch::choose(|| Ok::<_, Error>(memfd())).unwrap();
    assert_eq!((watch.source(), watch.watched()), (Source::Inotify, 0));
    assert!(watch.fd().is_some() && watch.scan_interval().is_none());
    let watch = ReleaseWatch::choose(|| Ok::<_, Error>(pipe())).unwrap();
    assert_eq!((watch.source(), watch.watched()), (Source::Epoll, 0));
    assert!(watch.fd().is_none() && watch.scan_interval().is_some());
}

#[test]
fn choose_for_what_tells_nothing_says_so() {
    // A file that lives on: neither source can see its end.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let open = || Ok::<_, Error>(OwnedFd::from(std::fs::File::create(&path).unwrap()));
    assert_eq!(ReleaseWatch::choose(open).unwrap_err(), Error::NoReleaseEvents);
    let error = ReleaseWatch::choose(|| Err(Error::Call { name: "sample", errno: Errno::ENOMEM })).unwrap_err();
    assert_eq!(error.errno(), Errno::ENOMEM);
}

#[test]
fn fdinfo_lines_parsed() {
    let inotify = "inotify wd:3 ino:9e7e sdev:800013 mask:800afce ignored_mask:0 fhandle-bytes:8 fhandle-type:1";
    assert_eq!(FileKey::of_line(inotify), Some(FileKey { inode: 0x9e7e, device: (8, 19) }));
    let epoll = "tfd:        5 events:       1d data:             2a  pos:0 ino:61af sdev:7";
    assert_eq!(hex_field(epoll, "data:"), Some(0x2a));
    assert_eq!(FileKey::of_line(epoll), Some(FileKey { inode: 0x61af, device: (0, 7) }));
    assert_eq!(FileKey::of_line("inotify wd:3 ino:xyz sdev:1"), None);
}

#[test]
fn device_parts_agree_with_the_c_library() {
    for (major, minor) in [(0, 15), (8, 19), (251, 0), (0xfff, 0xf_ffff), (259, 0x1ff)] {
        assert_eq!(device_parts(nix::libc::makedev(major, minor)), (u64::from(major), u64::from(minor)));
    }
}
