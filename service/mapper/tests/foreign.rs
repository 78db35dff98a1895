//! Handles put together from what other processes have open, and from ints and fds of different buffers: refused, and
//! nothing is left behind.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::as_conversions, clippy::indexing_slicing, clippy::undocumented_unsafe_blocks, clippy::unwrap_used)]

mod common;

use common::*;
use gralloc_buffer::handle::{encode, BufferInfo};
use gralloc_mapper::abi::*;
use nix::libc;
use nix::sys::epoll::{Epoll, EpollCreateFlags};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::SignalFd;
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Fds and mappings are the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs `test` and sees that it leaves no fd and no mapping.
fn tidily(test: impl FnOnce()) {
    let _alone: MutexGuard<'_, ()> = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = (open_fds(), mappings());
    test();
    assert_eq!((open_fds(), mappings()), before, "fds or mappings are left");
}

/// Another process, which has `fd` open as its fd 0.
struct Other(Child);

impl Other {
    fn with(fd: OwnedFd) -> Other {
        Other(Command::new("sleep").arg("60").stdin(Stdio::from(fd)).spawn().unwrap())
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(self.0.id().to_string()).join(file)
    }

    /// A reference to that process itself (linux/pidfd.h).
    fn pidfd(&self) -> OwnedFd {
        fd_of(unsafe { libc::syscall(libc::SYS_pidfd_open, self.0.id(), 0) }).unwrap()
    }

    /// The very fd that the process has (`man 2 pidfd_getfd`), which requires ptrace's rights.
    fn take(&self) -> io::Result<OwnedFd> {
        fd_of(unsafe { libc::syscall(libc::SYS_pidfd_getfd, self.pidfd().as_raw_fd(), 0, 0) })
    }
}

fn fd_of(answer: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(answer) {
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn bytes_of(info: &BufferInfo, index: usize) -> u64 {
    [info.buffer_bytes, info.metadata_bytes][index].next_multiple_of(page_bytes())
}

/// A handle of good parts but for one fd.
fn with_fd(source: Source, info: &BufferInfo, index: usize, fd: OwnedFd) -> Raw {
    let mut fds: Vec<OwnedFd> = (0..2).map(|other| source.memory(bytes_of(info, other))).collect();
    fds[index] = fd;
    Raw::of(fds, &encode(info))
}

#[track_caller]
fn refused(what: &str, raw: &Raw) {
    assert_eq!(client().try_import(raw.as_ptr()), Err(AIMAPPER_ERROR_BAD_BUFFER), "{what}");
}

#[test]
fn import_fds_of_another_process_that_are_no_buffer_bad_buffer() {
    tidily(|| {
        // Large enough, but whoever has it can shrink it under a mapping.
        let other = Other::with(memfd(65536));
        for index in [0, 1] {
            let mut wrong: Vec<(String, OwnedFd)> = vec![
                ("the process itself".to_owned(), other.pidfd()),
                ("its memory".to_owned(), File::open(other.proc("mem")).unwrap().into()),
                ("its program".to_owned(), File::open(other.proc("exe")).unwrap().into()),
                ("its file, opened again".to_owned(), File::open(other.proc("fd/0")).unwrap().into()),
                ("an epoll".to_owned(), Epoll::new(EpollCreateFlags::empty()).unwrap().0),
                ("an inotify".to_owned(), fd_of(unsafe { libc::inotify_init() }.into()).unwrap()),
                ("a timer".to_owned(), timer()),
                ("signals".to_owned(), signals()),
            ];
            match other.take() {
                Ok(fd) => wrong.push(("its very file".to_owned(), fd)),
                Err(why) => eprintln!("skipped: another process's very fd: {why}"),
            }
            for node in ["/dev/dma_heap/system", "/dev/udmabuf", "/dev/dri/card0", "/dev/binderfs/binder", "/dev/full"]
            {
                match OpenOptions::new().read(true).write(true).open(node).or_else(|_| File::open(node)) {
                    Ok(file) => wrong.push((node.to_owned(), file.into())),
                    Err(why) => eprintln!("skipped: {node}: {why}"),
                }
            }
            for (what, fd) in wrong {
                refused(&format!("fd {index} is {what}"), &with_fd(Source::Memfd, &rgba(), index, fd));
            }
        }
    });
}

fn timer() -> OwnedFd {
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::empty()).unwrap();
    timer.as_fd().try_clone_to_owned().unwrap()
}

fn signals() -> OwnedFd {
    SignalFd::new(&SigSet::empty()).unwrap().as_fd().try_clone_to_owned().unwrap()
}

#[test]
fn import_ints_of_another_buffer_bad_buffer_where_its_fds_have_not_the_bytes() {
    tidily(|| {
        // By whole pages, so that no fd is large enough by its rounding up.
        let small = rgba_beyond(1);
        let reserved_bytes = 2 * page_bytes();
        let large = BufferInfo { metadata_bytes: 4096 + reserved_bytes, reserved_bytes, ..rgba_beyond(7) };
        for source in Source::here() {
            let fds = |info: &BufferInfo| vec![source.memory(bytes_of(info, 0)), source.memory(bytes_of(info, 1))];
            refused("ints of a larger buffer", &Raw::of(fds(&small), &encode(&large)));
            let (first, second) = (fds(&small), fds(&large));
            let [small_pixels, small_metadata] = <[OwnedFd; 2]>::try_from(first).unwrap();
            let [large_pixels, large_metadata] = <[OwnedFd; 2]>::try_from(second).unwrap();
            refused("pixels of a smaller one", &Raw::of(vec![small_pixels, large_metadata], &encode(&large)));
            refused("metadata of a smaller one", &Raw::of(vec![large_pixels, small_metadata], &encode(&large)));
            let swapped: Vec<OwnedFd> = fds(&small).into_iter().rev().collect();
            refused("metadata and pixels swapped", &Raw::of(swapped, &encode(&small)));
            refused("pixels twice and no metadata", &with_fd(source, &small, 0, source.memory(4096)));
            // The right ints with the right fds are a buffer: the fds were the fault.
            let right = client().import(&Raw::of(fds(&large), &encode(&large)));
            assert_eq!(client().free(right), AIMAPPER_ERROR_NONE);
        }
    });
}

#[test]
fn import_memory_that_may_only_be_read_is_no_way_to_a_fault() {
    tidily(|| {
        let client = client();
        for index in [0, 1] {
            let info = rgba();
            let other = Other::with(sealed_memfd(bytes_of(&info, index)));
            let read_only: OwnedFd = File::open(other.proc("fd/0")).unwrap().into();
            let raw = with_fd(Source::Memfd, &info, index, read_only);
            match client.try_import(raw.as_ptr()) {
                Err(code) => assert_eq!(code, AIMAPPER_ERROR_BAD_BUFFER, "fd {index}"),
                Ok(buffer) => {
                    // Whatever is locked can be written; what cannot be written is not locked.
                    if let Ok(data) = client.lock(buffer) {
                        unsafe { data.write_volatile(7) };
                        assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
                    }
                    for number in 1..=23 {
                        let _ = client.get(buffer, number);
                        let _ = client.set(buffer, number, &value(number, &[0; 4]));
                    }
                    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
                }
            }
        }
    });
}

#[test]
fn buffer_of_a_process_that_has_died_stays_good() {
    tidily(|| {
        let info = rgba();
        let memory = sealed_memfd(bytes_of(&info, 0));
        let other = Other::with(memory);
        // For writing, as it was made: what remains when the process is gone is this reference alone.
        let fd: OwnedFd = OpenOptions::new().read(true).write(true).open(other.proc("fd/0")).unwrap().into();
        drop(other);
        let buffer = client().import(&with_fd(Source::Memfd, &info, 0, fd));
        let data = client().lock(buffer).unwrap();
        let last = data.wrapping_add(usize::try_from(info.buffer_bytes - 1).unwrap());
        unsafe { last.write_volatile(7) };
        assert_eq!(client().unlock(buffer), AIMAPPER_ERROR_NONE);
        assert_eq!(client().free(buffer), AIMAPPER_ERROR_NONE);
    });
}
