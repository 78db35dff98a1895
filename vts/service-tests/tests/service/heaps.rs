//! The kernel's nodes as the service meets them: without permission, broken, appearing later, one after the other.

use rustix::fs::{mknodat, FileType, Mode, CWD};
use service_tests::client::{assert_distinct, rgba, Client, NO_RESOURCES, UNSUPPORTED};
use service_tests::place::{kernel_heaps, root, udmabuf, Heaps, SYSTEM_HEAP};
use service_tests::policy::{heap, rule, PolicyText};
use service_tests::process::{fdinfo, fds, own_fds};
use service_tests::service::{Options, Service};
use service_tests::still::Still;
use service_tests::suite::{Skip, Test, Verdict};
use service_tests::{tests, wait_for, SOON};
use std::fs::{self, Permissions};
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::TempDir;

pub(crate) fn tests() -> Vec<Test> {
    tests!["heaps":
        nodes_are_opened_read_only_and_close_on_exec,
        node_without_permission_is_said_and_supports_nothing,
        node_whose_permission_comes_later_is_taken,
        node_that_appears_later_is_taken_and_one_that_goes_is_missed,
        node_that_goes_falls_back_to_the_next_and_another_in_its_place_is_seen,
        folder_that_appears_later_is_taken,
        node_that_appears_later_has_its_releases_tracked,
        node_that_is_no_heap_falls_back_to_the_next,
        node_that_is_no_heap_without_a_next_has_no_resources,
        node_that_is_no_device_is_passed_over,
        alias_that_exists_is_taken,
        udmabuf_stands_in,
    ]
}

/// A folder of nodes of a test's own.
struct Nodes(TempDir);

impl Nodes {
    fn new() -> Nodes {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Nodes(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A second node of the kernel's system heap.
    fn add_system(&self, name: &str, mode: u32) -> Result<(), Skip> {
        root()?;
        let device = fs::metadata(SYSTEM_HEAP).unwrap().rdev();
        let path = self.path().join(name);
        mknodat(CWD, &path, FileType::CharacterDevice, Mode::empty(), device).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        Ok(())
    }

    /// A device that can be opened and is no heap: its ioctl answers ENOTTY.
    fn add_null(&self, name: &str) {
        symlink("/dev/null", self.path().join(name)).unwrap();
    }

    fn options(&self) -> Options {
        Options { heaps: Heaps::Kernel, heap_dir: Some(self.path().to_owned()), ..Options::default() }
    }
}

fn supports_within_limit(client: &Client, expected: bool) {
    let reached = wait_for(SOON, || (client.supports(&rgba("probe", 16, 16)) == expected).then_some(()));
    assert!(reached.is_some(), "isSupported does not become {expected}");
}

fn nodes_are_opened_read_only_and_close_on_exec() -> Verdict {
    kernel_heaps()?;
    let service = Service::plain();
    let fd = service.fd_of(Path::new(SYSTEM_HEAP)).expect("the node is open");
    let flags = fdinfo(service.pid(), fd, "flags").unwrap();
    let flags = i32::from_str_radix(&flags, 8).unwrap();
    assert_eq!(flags & libc::O_ACCMODE, libc::O_RDONLY, "{flags:o}");
    assert_eq!(flags & libc::O_CLOEXEC, libc::O_CLOEXEC, "{flags:o}");
    // Nothing else would be inherited either, but what the service was given itself.
    let given = own_fds();
    for (fd, target) in fds(service.pid()) {
        // The service opens and closes some while it probes for a source of release events.
        let Some(flags) = fdinfo(service.pid(), fd, "flags") else { continue };
        let flags = i32::from_str_radix(&flags, 8).unwrap();
        let is_given = fd <= 2 || given.get(&fd) == Some(&target);
        assert!(is_given || flags & libc::O_CLOEXEC != 0, "fd {fd} ({target}) would be inherited");
    }
    Ok(())
}

fn node_without_permission_is_said_and_supports_nothing() -> Verdict {
    kernel_heaps()?;
    let nodes = Nodes::new();
    nodes.add_system("system", 0o000)?;
    let options = Options { user: Some(1000), ..nodes.options() };
    let service = Service::start(&PolicyText::default(), &options);
    let client = Client::connect(service.transport()).unwrap();
    let still = Still::of(&service);
    let info = rgba("denied", 16, 16);
    assert!(!client.supports(&info));
    assert_eq!(client.refusal(&info, 1).error(), UNSUPPORTED);
    still.assert_nothing_left();
    let dump = service.dump();
    assert_eq!(dump.heap("system")["state"], "denied");
    assert_eq!(dump.heap("system")["node"], "system");
    assert!(service.log().contains("denied"), "{}", service.log());
    // The next good call works once the permission is right.
    fs::set_permissions(nodes.path().join("system"), Permissions::from_mode(0o444)).unwrap();
    supports_within_limit(&client, true);
    client.one(&info);
    Ok(())
}

fn node_whose_permission_comes_later_is_taken() -> Verdict {
    kernel_heaps()?;
    // As ueventd does it: the node is there first, its mode follows.
    let nodes = Nodes::new();
    let service = Service::start(&PolicyText::default(), &Options { user: Some(1000), ..nodes.options() });
    let client = service.connect();
    nodes.add_system("system", 0o600)?;
    supports_within_limit(&client, false);
    fs::set_permissions(nodes.path().join("system"), Permissions::from_mode(0o444)).unwrap();
    supports_within_limit(&client, true);
    client.one(&rgba("at last", 16, 16));
    Ok(())
}

fn node_that_appears_later_is_taken_and_one_that_goes_is_missed() -> Verdict {
    kernel_heaps()?;
    let nodes = Nodes::new();
    let service = Service::start(&PolicyText::default(), &nodes.options());
    let client = service.connect();
    assert_eq!(client.refusal(&rgba("early", 16, 16), 1).error(), UNSUPPORTED);
    nodes.add_system("system", 0o444)?;
    supports_within_limit(&client, true);
    let buffer = client.one(&rgba("late", 16, 16));
    fs::remove_file(nodes.path().join("system")).unwrap();
    supports_within_limit(&client, false);
    assert_eq!(client.refusal(&rgba("gone", 16, 16), 1).error(), UNSUPPORTED);
    assert_eq!(service.dump().heap("system")["state"], "absent");
    drop(buffer);
    nodes.add_system("system", 0o444)?;
    supports_within_limit(&client, true);
    client.one(&rgba("back", 16, 16));
    Ok(())
}

/// A module brings its heap; mainline's take none away again (linux v7.3, drivers/dma-buf: no `module_exit`, no way to remove
/// a heap). Whoever makes the nodes may, and may put another device in the place.
fn node_that_goes_falls_back_to_the_next_and_another_in_its_place_is_seen() -> Verdict {
    kernel_heaps()?;
    let nodes = Nodes::new();
    nodes.add_system("system", 0o444)?;
    let service = Service::start(&two_heaps(), &nodes.options());
    let client = service.connect();
    let state_becomes = |state: &str| {
        let reached = wait_for(SOON, || (service.dump().heap("broken")["state"] == state).then_some(()));
        assert!(reached.is_some(), "the state does not become {state}");
    };
    let mut expected = (0, 0);
    let mut gives = |first: bool| {
        drop(client.one(&rgba("either", 16, 16)));
        let counted = if first { &mut expected.0 } else { &mut expected.1 };
        *counted += 1;
        let dump = service.dump();
        let told = ["broken", "system"].map(|heap| dump.heap(heap)["total_buffers"].as_u64().unwrap());
        assert_eq!(told, [expected.0, expected.1]);
    };
    state_becomes("absent");
    gives(false);
    nodes.add_system("broken", 0o444)?;
    state_becomes("open");
    gives(true);
    fs::remove_file(nodes.path().join("broken")).unwrap();
    state_becomes("absent");
    gives(false);
    // The same name, and no heap behind it.
    nodes.add_null("broken");
    state_becomes("open");
    gives(false);
    // Replaced at once: the service never sees the name missing.
    nodes.add_system("other", 0o444)?;
    fs::rename(nodes.path().join("other"), nodes.path().join("broken")).unwrap();
    let followed = wait_for(SOON, || service.fd_of(&nodes.path().join("broken")));
    assert!(followed.is_some(), "the service has the old device open");
    gives(true);
    Ok(())
}

fn folder_that_appears_later_is_taken() -> Verdict {
    kernel_heaps()?;
    root()?;
    let nodes = Nodes::new();
    let folder = nodes.path().join("dma_heap");
    let options = Options { heap_dir: Some(folder.clone()), ..nodes.options() };
    let service = Service::start(&PolicyText::default(), &options);
    let client = service.connect();
    assert!(!client.supports(&rgba("early", 16, 16)));
    fs::create_dir(&folder).unwrap();
    let device = fs::metadata(SYSTEM_HEAP).unwrap().rdev();
    mknodat(CWD, folder.join("system"), FileType::CharacterDevice, Mode::RUSR | Mode::RGRP | Mode::ROTH, device)
        .unwrap();
    supports_within_limit(&client, true);
    client.one(&rgba("late", 16, 16));
    Ok(())
}

fn node_that_appears_later_has_its_releases_tracked() -> Verdict {
    kernel_heaps()?;
    let nodes = Nodes::new();
    let service = Service::start(&PolicyText::default(), &nodes.options());
    let client = service.connect();
    assert!(service.dump().0["releases_seen_through"].is_null(), "seen without a heap to try with");
    nodes.add_system("system", 0o444)?;
    supports_within_limit(&client, true);
    // The service tries how this kernel tells of releases as soon as it has a heap to try with.
    let tracked = wait_for(SOON, || service.dump().0["releases_seen_through"].is_string().then_some(()));
    assert!(tracked.is_some(), "releases are not seen");
    let buffer = client.one(&rgba("late", 16, 16));
    assert_eq!(service.dump().number("/all/live_buffers"), 1, "a heap that came later is not accounted for");
    drop(buffer);
    assert_eq!(service.dump().number("/all/live_buffers"), 0);
    Ok(())
}

/// A first heap that is broken and a second that works.
fn two_heaps() -> PolicyText {
    PolicyText {
        heaps: heap("broken", &["broken"], "") + &heap("system", &["system"], ""),
        rules: PolicyText::default().rules.replace("heaps = [\"system\"]", "heaps = [\"broken\", \"system\"]"),
        ..PolicyText::default()
    }
}

fn node_that_is_no_heap_falls_back_to_the_next() -> Verdict {
    kernel_heaps()?;
    let nodes = Nodes::new();
    nodes.add_null("broken");
    nodes.add_system("system", 0o444)?;
    let service = Service::start(&two_heaps(), &nodes.options());
    let client = service.connect();
    let allocation = client.allocate(&rgba("fallen back", 16, 16), 3).unwrap();
    assert_distinct(&allocation.buffers);
    let dump = service.dump();
    assert_eq!(dump.heap("broken")["total_buffers"], 0);
    assert_eq!(dump.heap("broken")["live_bytes"], 0);
    assert_eq!(dump.heap("system")["total_buffers"], 3);
    Ok(())
}

fn node_that_is_no_heap_without_a_next_has_no_resources() -> Verdict {
    let nodes = Nodes::new();
    nodes.add_null("system");
    let service = Service::start(&PolicyText::default(), &nodes.options());
    let client = service.connect();
    let still = Still::of(&service);
    for count in [1, 5] {
        let failure = client.refusal(&rgba("not a heap", 16, 16), count);
        assert_eq!(failure.error(), NO_RESOURCES);
        let words = failure.words();
        assert!(words.contains("system") && words.contains(&libc::ENOTTY.to_string()), "heap and errno: {words}");
    }
    still.assert_nothing_left();
    let dump = service.dump();
    assert_eq!(dump.refusals("kernel"), 2);
    assert_eq!(dump.number("/all/live_bytes"), 0);
    Ok(())
}

fn node_that_is_no_device_is_passed_over() -> Verdict {
    let nodes = Nodes::new();
    fs::write(nodes.path().join("system"), "").unwrap();
    let service = Service::start(&PolicyText::default(), &nodes.options());
    assert!(!service.connect().supports(&rgba("file", 16, 16)));
    assert_eq!(service.dump().heap("system")["state"], "not-a-device");
    // A fifo blocks whoever opens it; the service must not.
    fs::remove_file(nodes.path().join("system")).unwrap();
    mknodat(CWD, nodes.path().join("system"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert!(!service.connect().supports(&rgba("fifo", 16, 16)));
    assert!(service.lives());
    Ok(())
}

fn alias_that_exists_is_taken() -> Verdict {
    kernel_heaps()?;
    let nodes = Nodes::new();
    nodes.add_system("linux,cma", 0o444)?;
    let policy = PolicyText {
        heaps: heap("system", &["default_cma_region", "linux,cma", "reserved"], ""),
        rules: rule("protected", "all_of = [\"PROTECTED\"]\ndeny = \"no\"")
            + &rule("everything-else", "heaps = [\"system\"]"),
        ..PolicyText::default()
    };
    let service = Service::start(&policy, &nodes.options());
    service.connect().one(&rgba("alias", 16, 16));
    assert_eq!(service.dump().heap("system")["node"], "linux,cma");
    Ok(())
}

fn udmabuf_stands_in() -> Verdict {
    udmabuf()?;
    let service = Service::start(&PolicyText::default(), &Options { heaps: Heaps::Udmabuf, ..Options::default() });
    let client = service.connect();
    let still = Still::of(&service);
    let allocation = client.allocate(&rgba("udmabuf", 64, 64), 4).unwrap();
    assert_distinct(&allocation.buffers);
    assert!(service.dump().0["stand_in"].as_str().unwrap().contains("udmabuf"));
    drop(allocation);
    still.assert_nothing_left();
    Ok(())
}
