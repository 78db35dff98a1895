//! What the kernel says of dma-bufs in sysfs, and binder's file system.

use service_tests::client::{blob, rgba};
use service_tests::dmabufs::size;
use service_tests::place::contiguous_heap;
use service_tests::service::{Service, Subject};
use service_tests::suite::{Skip, Test, Verdict};
use service_tests::{tests, wait_for, SOON};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

pub(crate) fn tests() -> Vec<Test> {
    tests!["statistics":
        sysfs_statistics_agree_with_the_ledger,
        binder_is_served_from_its_file_system,
    ]
}

const BUFFERS: &str = "/sys/kernel/dmabuf/buffers";

fn entry(fd: &OwnedFd) -> PathBuf {
    Path::new(BUFFERS).join(rustix::fs::fstat(fd).unwrap().st_ino.to_string())
}

fn sysfs_statistics_agree_with_the_ledger() -> Verdict {
    if !Path::new(BUFFERS).exists() {
        return Err(Skip(format!("needs {BUFFERS} (--kernel full)")));
    }
    let service = Service::plain();
    let client = service.connect();
    let before = service.dump().number("/all/live_bytes");
    let mut buffers = client.allocate(&rgba("counted", 320, 240), 5).unwrap().buffers;
    buffers.push(client.one(&blob("counted", 1_000_000)));
    let fds = || buffers.iter().flat_map(|buffer| [&buffer.pixels, &buffer.metadata]);
    let mut bytes = 0;
    for fd in fds() {
        let entry = entry(fd);
        let said: u64 = fs::read_to_string(entry.join("size")).unwrap().trim().parse().unwrap();
        assert_eq!(said, size(fd.as_fd()));
        assert_eq!(fs::read_to_string(entry.join("exporter_name")).unwrap().trim(), "system");
        bytes += said;
    }
    assert_eq!(service.dump().number("/all/live_bytes") - before, bytes, "sysfs and ledger differ");
    let entries: Vec<PathBuf> = fds().map(entry).collect();
    drop(buffers);
    let gone = wait_for(SOON, || entries.iter().all(|entry| !entry.exists()).then_some(()));
    assert!(gone.is_some(), "the kernel still counts them");
    assert_eq!(service.dump().number("/all/live_bytes"), before);
    Ok(())
}

fn binder_is_served_from_its_file_system() -> Verdict {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    if !mounts.lines().any(|line| line.split(' ').nth(2) == Some("binder")) {
        return Err(Skip("needs binderfs (--kernel full)".to_owned()));
    }
    let subject = Subject::running()?;
    assert!(subject.fd_of(Path::new("/dev/binderfs/binder")).is_some(), "the service has another binder open");
    subject.connect().one(&rgba("binderfs", 16, 16));
    contiguous_heap().map(drop)
}
