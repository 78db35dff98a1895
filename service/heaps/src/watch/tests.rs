//! memfds and pipes play the buffers: inotify tells the end of the one, epoll that of the other.

use super::*;
use nix::errno::Errno;
use nix::sys::memfd::{memfd_create, MemFdCreateFlag};
use std::path::Path;
use std::sync::mpsc;

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
        watch.add(first.as_fd(), 5).unwrap();
        assert_eq!(watch.watched(), 1);
        assert_eq!(watch.read().unwrap(), Released::default(), "{:?}: it lives", watch.source());
        drop(first);
        assert_eq!(watch.wait(PROBE_TIME).unwrap().tags, [5], "{:?}", watch.source());
        assert_eq!(watch.read().unwrap(), Released::default(), "{:?}: once", watch.source());
        assert_eq!(watch.watched(), 0);
    }
}

#[test]
fn read_while_a_duplicate_lives_reports_nothing() {
    for (watch, buffer) in both() {
        let original = buffer();
        let copy = original.try_clone().unwrap();
        watch.add(original.as_fd(), 5).unwrap();
        drop(original);
        assert_eq!(watch.read().unwrap(), Released::default(), "{:?}", watch.source());
        drop(copy);
        assert_eq!(watch.wait(PROBE_TIME).unwrap().tags, [5], "{:?}", watch.source());
    }
}

#[test]
fn add_of_what_is_watched_is_refused_as_far_as_the_source_sees_it() {
    for (watch, buffer) in both() {
        let original = buffer();
        let copy = original.try_clone().unwrap();
        watch.add(original.as_fd(), 1).unwrap();
        assert_eq!(watch.add(original.as_fd(), 2), Err(Error::AlreadyWatched), "{:?}", watch.source());
        assert_eq!(watch.watched(), 1);
        // epoll's items are by file and fd: the other fd is another one, and is told as such.
        let told = match watch.add(copy.as_fd(), 3) {
            Err(Error::AlreadyWatched) if watch.source() == Some(Source::Inotify) => vec![1],
            Ok(()) if watch.source() == Some(Source::Epoll) => vec![1, 3],
            other => panic!("{:?}: {other:?}", watch.source()),
        };
        drop((original, copy));
        let mut tags = watch.wait(PROBE_TIME).unwrap().tags;
        tags.sort();
        assert_eq!(tags, told);
    }
}

#[test]
fn no_watch_is_left_after_many() {
    for (watch, buffer) in both() {
        for tag in 0..300 {
            let one = buffer();
            watch.add(one.as_fd(), tag).unwrap();
            drop(one);
            assert_eq!(watch.wait(PROBE_TIME).unwrap().tags, [tag]);
        }
        assert_eq!(watch.watched(), 0);
        let fd = match &watch.0[0] {
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
        let tags: Vec<Tag> = (0..).take(buffers.len()).collect();
        buffers.iter().zip(&tags).for_each(|(buffer, tag)| watch.add(buffer.as_fd(), *tag).unwrap());
        drop(buffers);
        let mut told = watch.wait(PROBE_TIME).unwrap().tags;
        told.sort();
        assert_eq!(told, tags, "{:?}", watch.source());
    }
}

#[test]
fn wait_wakes_when_another_thread_closes() {
    let watch = ReleaseWatch::with(Source::Inotify).unwrap();
    let buffer = memfd();
    watch.add(buffer.as_fd(), 5).unwrap();
    let (who, waiter) = mpsc::channel();
    let (told, answer) = mpsc::channel();
    std::thread::spawn(move || {
        who.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
        told.send(watch.wait(Duration::from_secs(86_400)).unwrap().tags).unwrap();
    });
    // proc(5): the state of a thread stands behind its command's closing bracket.
    let stat = Path::new("/proc").join(waiter.recv().unwrap()).join("stat");
    while !std::fs::read_to_string(&stat).unwrap().contains(") S ") {
        std::thread::yield_now();
    }
    drop(buffer);
    // Against a test that hangs, and no measure of anything.
    assert_eq!(answer.recv_timeout(Duration::from_secs(600)).unwrap(), [5]);
}

/// The user's queue limit (16,384 by default) is filled with events about one other file; what ends then is dropped.
#[test]
fn read_after_an_overflow_finds_what_is_gone() {
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    let watch = ReleaseWatch::with(Source::Inotify).unwrap();
    let Kind::Inotify(events) = &watch.0[0] else { unreachable!("asked for inotify") };
    // More than sixteen: what fdinfo writes has two hexadecimal digits.
    let buffers: Vec<OwnedFd> = (0..40).map(|_| memfd()).collect();
    buffers.iter().zip(0..).for_each(|(buffer, tag)| watch.add(buffer.as_fd(), tag).unwrap());
    let directory = tempfile::tempdir().unwrap();
    events.fill_queue(directory.path(), limit);
    let (gone, stays): (Vec<_>, Vec<_>) = buffers.into_iter().enumerate().partition(|(at, _)| at % 3 == 0);
    drop(gone);
    let mut released = watch.read().unwrap();
    released.tags.sort();
    assert!(released.resynced, "the queue was full");
    assert_eq!(released.tags, (0..40).step_by(3).collect::<Vec<Tag>>());
    assert_eq!(watch.watched(), stays.len());
    drop(stays);
    assert_eq!(watch.wait(PROBE_TIME).unwrap().tags.len(), 26);
}

#[test]
fn choose_takes_inotify_for_memfds_and_epoll_for_pipes() {
    let watch = ReleaseWatch::choose(&Source::ALL, || Ok::<_, Error>(memfd())).unwrap();
    assert_eq!((watch.source(), watch.watched()), (Some(Source::Inotify), 0));
    assert!(watch.fd().is_some() && watch.to_scan() == 0);
    let watch = ReleaseWatch::choose(&Source::ALL, || Ok::<_, Error>(pipe())).unwrap();
    assert_eq!((watch.source(), watch.watched()), (Some(Source::Epoll), 0));
    assert!(watch.fd().is_none() && watch.to_scan() == 0, "nothing to scan yet");
    let one = pipe();
    watch.add(one.as_fd(), 1).unwrap();
    assert_eq!(watch.to_scan(), 1);
}

#[test]
fn choose_for_what_tells_nothing_says_so() {
    // A file that lives on: neither source can see its end.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let open = || Ok::<_, Error>(OwnedFd::from(std::fs::File::create(&path).unwrap()));
    assert_eq!(ReleaseWatch::choose(&Source::ALL, open).unwrap_err(), Error::NoReleaseEvents);
    let memfds = || Ok::<_, Error>(memfd());
    assert_eq!(ReleaseWatch::choose(&[], memfds).unwrap_err(), Error::NoReleaseEvents);
    let sample = || Err(Error::call("sample")(Errno::ENOMEM));
    let error = ReleaseWatch::choose(&Source::ALL, sample).unwrap_err();
    assert_eq!(error.errno(), Errno::ENOMEM);
}

/// Both sources work: the one is tried with a memfd, the other with a pipe.
fn choose_both() -> ReleaseWatch {
    let mut samples = [memfd(), pipe()].into_iter();
    ReleaseWatch::choose(&Source::ALL, || samples.next().ok_or(Error::NoReleaseEvents)).unwrap()
}

fn share(watch: &mut ReleaseWatch) -> &mut inotify::Events {
    match &mut watch.0[0] {
        Kind::Inotify(events) => events,
        Kind::Epoll(_) => unreachable!("inotify is the first"),
    }
}

#[test]
fn choose_of_two_leaves_half_of_the_users_watches_and_of_one_leaves_none() {
    let limit: usize =
        std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").unwrap().trim().parse().unwrap();
    assert_eq!(share(&mut choose_both()).share(), limit / 2);
    let mut alone = ReleaseWatch::choose(&Source::ALL, || Ok::<_, Error>(memfd())).unwrap();
    assert_eq!((alone.sources().count(), share(&mut alone).share()), (1, usize::MAX));
}

#[test]
fn choose_without_a_buffer_for_the_second_keeps_the_first() {
    for (sources, buffer) in [([Source::Inotify, Source::Epoll], memfd()), ([Source::Epoll, Source::Inotify], pipe())] {
        let mut samples = [buffer].into_iter();
        let error = Error::call("sample")(Errno::ENOMEM);
        let watch = ReleaseWatch::choose(&sources, || samples.next().ok_or(error.clone())).unwrap();
        assert_eq!(watch.sources().collect::<Vec<_>>(), [(sources[0], 0)]);
    }
}

#[test]
fn buffers_beyond_the_share_of_inotify_go_to_the_list() {
    let mut watch = choose_both();
    share(&mut watch).set_share(3);
    // Those that inotify has are memfds: pipes' ends it does not tell.
    let mut buffers: Vec<OwnedFd> = (0..3).map(|_| memfd()).chain((3..10).map(|_| pipe())).collect();
    buffers.iter().zip(0..).for_each(|(buffer, tag)| watch.add(buffer.as_fd(), tag).unwrap());
    assert_eq!(watch.sources().collect::<Vec<_>>(), [(Source::Inotify, 3), (Source::Epoll, 7)]);
    // What goes makes room.
    drop(buffers.remove(1));
    assert_eq!(watch.wait(PROBE_TIME).unwrap().tags, [1]);
    buffers.push(memfd());
    watch.add(buffers[9].as_fd(), 10).unwrap();
    assert_eq!(watch.sources().collect::<Vec<_>>(), [(Source::Inotify, 3), (Source::Epoll, 7)]);
    drop(buffers);
    let mut told = watch.wait(PROBE_TIME).unwrap().tags;
    told.sort();
    assert_eq!(told, [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn buffers_that_the_list_cannot_watch_go_beyond_the_share() {
    let mut watch = choose_both();
    share(&mut watch).set_share(3);
    let buffers: Vec<OwnedFd> = (0..10).map(|_| memfd()).collect();
    buffers.iter().zip(0..).for_each(|(buffer, tag)| watch.add(buffer.as_fd(), tag).unwrap());
    assert_eq!(watch.sources().collect::<Vec<_>>(), [(Source::Inotify, 10), (Source::Epoll, 0)]);
    drop(buffers);
    assert_eq!(watch.wait(PROBE_TIME).unwrap().tags.len(), 10);
}

#[test]
fn read_with_a_source_that_fails_loses_nothing_of_the_other() {
    for broken_first in [true, false] {
        let mut watch = choose_both();
        let (one, other) = (memfd(), pipe());
        watch.add(one.as_fd(), 1).unwrap();
        share(&mut watch).set_share(0);
        watch.add(other.as_fd(), 2).unwrap();
        // From here on reading the events fails: their fd is a folder's.
        let folder = std::fs::File::open("/").unwrap();
        nix::unistd::dup2(folder.as_raw_fd(), share(&mut watch).fd().as_raw_fd()).unwrap();
        if !broken_first {
            watch.0.reverse();
        }
        drop((one, other));
        let read = watch.read().unwrap();
        assert_eq!((&read.tags[..], read.failed), (&[2][..], true), "broken first: {broken_first}");
        assert_eq!(watch.read().unwrap_err().errno(), Errno::EISDIR, "nothing was read beside the failure");
    }
}

#[test]
fn events_are_read_without_a_scan_and_a_scan_without_the_events() {
    let mut watch = choose_both();
    share(&mut watch).set_share(1);
    let (one, other) = (memfd(), pipe());
    watch.add(one.as_fd(), 1).unwrap();
    watch.add(other.as_fd(), 2).unwrap();
    drop((one, other));
    assert_eq!(watch.read_events().unwrap().tags, [1]);
    assert_eq!((watch.to_scan(), watch.scan().unwrap().tags), (1, vec![2]));
    let one = memfd();
    watch.add(one.as_fd(), 3).unwrap();
    drop(one);
    assert_eq!(watch.scan().unwrap(), Released::default());
    assert_eq!(watch.read_events().unwrap().tags, [3]);
}

#[test]
fn fdinfo_lines_parsed() {
    let inotify = "inotify wd:1f ino:9e7e sdev:800013 mask:800afce ignored_mask:0 fhandle-bytes:8 fhandle-type:1";
    assert_eq!(hex_field(inotify, "wd:"), Some(0x1f));
    let epoll = "tfd:        5 events:       1d data:             2a  pos:0 ino:61af sdev:7";
    assert_eq!(hex_field(epoll, "data:"), Some(0x2a));
    assert_eq!(hex_field("inotify wd:xyz ino:1", "wd:"), None);
    assert_eq!(hex_field("inotify wd:", "wd:"), None);
}
