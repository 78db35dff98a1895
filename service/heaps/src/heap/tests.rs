//! A directory of symbolic links to /dev/null plays the kernel's part: a character device that is no heap.

use super::*;
use heaps_config::policy::{Heap, Limits};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::os::unix::fs::symlink;
use std::sync::mpsc::channel;
use std::time::Duration;

const FIRST: HeapId = HeapId(0);
const SECOND: HeapId = HeapId(1);

fn heap(name: &str, nodes: &[&str]) -> Heap {
    Heap {
        name: name.to_owned(),
        nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
        cached: true,
        contiguous: false,
        protected: false,
        max_buffer_bytes: None,
        budget_bytes: None,
        system_memory: true,
    }
}

fn policy() -> Policy {
    Policy {
        name: "test".to_owned(),
        heaps: vec![heap("first", &["system"]), heap("contiguous", &["reserved", "linux,cma"])],
        limits: Limits { request_bytes: u64::MAX, buffers_per_request: 64, ..Limits::default() },
        metadata_heap: FIRST,
        ..Policy::default()
    }
}

fn node(directory: &Path, name: &str) {
    symlink("/dev/null", directory.join(name)).unwrap();
}

fn readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::try_from(200).unwrap()).unwrap() == 1
}

#[test]
fn open_without_the_directory_all_absent() {
    let parent = tempfile::tempdir().unwrap();
    let heaps = KernelHeaps::open_in(&policy(), &parent.path().join("dma_heap"));
    assert_eq!(heaps.present(), HeapSet::default());
    let report = heaps.describe();
    assert_eq!(report.heaps.len(), 2);
    assert!(report.heaps.iter().all(|heap| heap.state == NodeState::Absent && heap.node.is_none()));
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.stand_in, None);
}

#[test]
fn one_region_under_two_names_is_said_and_twins_and_strangers_are_not() {
    let said = |nodes: &[&str]| {
        let directory = tempfile::tempdir().unwrap();
        for name in nodes {
            node(directory.path(), name);
        }
        let heaps = nodes.iter().zip(["a", "b"]).map(|(node, name)| heap(name, &[node])).collect();
        KernelHeaps::open_in(&Policy { heaps, ..policy() }, directory.path()).describe().shared
    };
    let budget = "a budget of one does not bound what the other takes";
    assert_eq!(
        said(&["reserved", "default_cma_region"]),
        [format!(
            "heaps a and b stand on the default contiguous region under two names, reserved and default_cma_region: {budget}"
        )]
    );
    for nodes in [["reserved", "reserved-uncached"], ["system", "reserved"], ["x", "y"]] {
        assert_eq!(said(&nodes), Vec::<String>::new(), "{nodes:?}");
    }
    assert_eq!(said(&["memory@42000000-contiguous", "memory@44000000-contiguous"]), Vec::<String>::new());
    let directory = tempfile::tempdir().unwrap();
    node(directory.path(), "camera");
    let twice = Policy { heaps: vec![heap("a", &["camera"]), heap("b", &["camera"])], ..policy() };
    let shared = KernelHeaps::open_in(&twice, directory.path()).describe().shared;
    assert_eq!(shared, [format!("heaps a and b have the same node, camera: {budget}")]);
}

#[test]
fn open_takes_the_first_alias_and_lists_the_unclaimed() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["linux,cma", "reserved", "vframe-secure", "system-uncached"] {
        node(directory.path(), name);
    }
    let heaps = KernelHeaps::open_in(&policy(), directory.path());
    assert_eq!(heaps.present(), HeapSet::default().with(SECOND));
    let report = heaps.describe();
    assert_eq!(report.heaps[1].node.as_deref(), Some("reserved"));
    assert_eq!(report.heaps[1].state, NodeState::Open);
    assert_eq!(report.unclaimed, ["system-uncached", "vframe-secure"]);
}

#[test]
fn open_passes_over_an_alias_that_is_no_device() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("reserved"), "").unwrap();
    node(directory.path(), "linux,cma");
    std::fs::create_dir(directory.path().join("system")).unwrap();
    let report = KernelHeaps::open_in(&policy(), directory.path()).describe();
    assert_eq!(report.heaps[1].node.as_deref(), Some("linux,cma"));
    assert_eq!(report.heaps[1].passed_over, [("reserved".to_owned(), NodeState::NotADevice)]);
    assert_eq!(report.heaps[0].node.as_deref(), Some("system"));
    assert_eq!(report.heaps[0].state, NodeState::NotADevice);
}

#[test]
fn allocate_from_a_device_that_is_no_heap_enotty() {
    let directory = tempfile::tempdir().unwrap();
    node(directory.path(), "system");
    let heaps = KernelHeaps::open_in(&policy(), directory.path());
    let refused = heaps.allocate(FIRST, 4096, &BufferName::from_text("x")).unwrap_err();
    assert_eq!(refused, failure(Errno::ENOTTY));
    let absent = heaps.allocate(SECOND, 4096, &BufferName::from_text("x")).unwrap_err();
    assert_eq!(absent, failure(Errno::ENODEV));
    let foreign = heaps.allocate(HeapId(200), 4096, &BufferName::from_text("x")).unwrap_err();
    assert_eq!(foreign, failure(Errno::ENODEV));
}

#[test]
fn refresh_notices_nodes_that_appear_and_disappear() {
    let directory = tempfile::tempdir().unwrap();
    let heaps = KernelHeaps::open_in(&policy(), directory.path());
    assert!(!readable(heaps.change_fd().unwrap()), "nothing has happened");

    node(directory.path(), "system");
    assert!(readable(heaps.change_fd().unwrap()), "a node was added");
    let came = heaps.refresh();
    assert_eq!((came.appeared, came.vanished), (HeapSet::default().with(FIRST), HeapSet::default()));
    assert!(heaps.present().contains(FIRST));
    assert!(!readable(heaps.change_fd().unwrap()), "the event is spent");
    assert!(heaps.refresh().is_empty());

    std::fs::remove_file(directory.path().join("system")).unwrap();
    assert!(readable(heaps.change_fd().unwrap()), "a node was removed");
    assert_eq!(heaps.refresh().vanished, HeapSet::default().with(FIRST));
    assert!(!heaps.present().contains(FIRST));
}

#[test]
fn refresh_follows_a_node_that_was_replaced() {
    let directory = tempfile::tempdir().unwrap();
    node(directory.path(), "system");
    let heaps = KernelHeaps::open_in(&policy(), directory.path());
    let before = heaps.slots[0].read().open.unwrap().device;
    std::fs::remove_file(directory.path().join("system")).unwrap();
    symlink("/dev/zero", directory.path().join("system")).unwrap();
    assert!(heaps.refresh().is_empty(), "the heap was there and is there");
    assert_ne!(heaps.slots[0].read().open.unwrap().device, before);
}

#[test]
fn refresh_prefers_an_earlier_alias_that_came_later() {
    let directory = tempfile::tempdir().unwrap();
    node(directory.path(), "linux,cma");
    let heaps = KernelHeaps::open_in(&policy(), directory.path());
    assert_eq!(heaps.describe().heaps[1].node.as_deref(), Some("linux,cma"));
    node(directory.path(), "reserved");
    heaps.refresh();
    assert_eq!(heaps.describe().heaps[1].node.as_deref(), Some("reserved"));
}

#[test]
fn refresh_notices_a_directory_that_is_removed_and_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("dma_heap");
    let heaps = KernelHeaps::open_in(&policy(), &directory);
    for round in 0..2 {
        std::fs::create_dir(&directory).unwrap();
        assert!(readable(heaps.change_fd().unwrap()), "round {round}: the directory was made");
        heaps.refresh();
        node(&directory, "system");
        assert!(readable(heaps.change_fd().unwrap()), "round {round}: a node was added");
        heaps.refresh();
        assert!(heaps.present().contains(FIRST), "round {round}");
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(readable(heaps.change_fd().unwrap()), "round {round}: all was removed");
        heaps.refresh();
        assert_eq!(heaps.present(), HeapSet::default(), "round {round}");
    }
}

#[test]
fn allocate_from_many_threads_beside_refreshes_keeps_answering() {
    let directory = tempfile::tempdir().unwrap();
    node(directory.path(), "system");
    let heaps = KernelHeaps::open_in(&policy(), directory.path());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let refused = heaps.allocate(FIRST, 4096, &BufferName::from_text("x")).unwrap_err();
                    assert_eq!(refused.errno, nix::libc::ENOTTY);
                }
            });
        }
        scope.spawn(|| (0..50).for_each(|_| assert!(heaps.refresh().is_empty())));
    });
}

#[test]
fn allocate_around_finds_the_heap_before_and_takes_no_lock_for_the_call() {
    let directory = tempfile::tempdir().unwrap();
    node(directory.path(), "system");
    let heaps = KernelHeaps::open_in(&policy(), directory.path());
    let state = &heaps.slots[0].state;
    let (hold, held) = channel();
    let (answer, answered) = channel();
    std::thread::scope(|scope| {
        let refused = heaps.allocate_around(FIRST, 4096, &BufferName::from_text("x"), |call| {
            let refresh = scope.spawn(move || {
                let _refreshed = state.write();
                hold.send(()).unwrap();
                // A call that takes the lock waits for as long as this.
                answered.recv_timeout(Duration::from_secs(60))
            });
            held.recv().unwrap();
            let result = call();
            answer.send(()).unwrap();
            assert_eq!(refresh.join().unwrap(), Ok(()));
            result
        });
        assert_eq!(refused.unwrap_err().errno, nix::libc::ENOTTY);
    });
}
