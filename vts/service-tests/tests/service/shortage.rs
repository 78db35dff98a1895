//! Too little of something: memory, file descriptors, the kernel's good will.

use gralloc_client::Allocation;
use gralloc_dmabuf::uapi;
use service_tests::client::{assert_distinct, blob, rgba, Client, Failure, NO_RESOURCES, UNSUPPORTED};
use service_tests::dmabufs::wait_until_nothing_is_ready;
use service_tests::helper::Fault;
use service_tests::place::{has_kernel_heaps, kernel_heaps, SYSTEM_HEAP};
use service_tests::policy::{heap, PolicyText};
use service_tests::pressure::Bounded;
use service_tests::process::{available_bytes, leave_few_fds, oom_kills, total_bytes, with_few_fds};
use service_tests::service::{Options, Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Test, Verdict};
use service_tests::{tests, tests_of_both, wait_for, SOON};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

pub(crate) fn tests() -> Vec<Test> {
    let both = tests_of_both!["shortage":
        client_without_fds_loses_nothing_and_goes_on,
    ];
    let own = tests!["shortage":
        request_larger_than_memory_can_never_succeed_and_asks_no_kernel,
        memory_is_used_up_to_the_reserve_and_no_further,
        memory_that_the_first_heap_refuses_comes_from_the_next,
        memory_that_every_heap_refuses_leaves_nothing,
        metadata_that_the_kernel_refuses_leaves_no_pixels,
        service_out_of_fds_refuses_and_recovers,
        service_out_of_fds_takes_new_clients_afterwards,
        heap_budget_that_runs_out_in_the_middle_leaves_nothing,
        charged_service_with_a_budget_below_its_memory_max_refuses,
        charged_service_without_a_budget_is_killed_at_its_memory_max,
    ];
    both.into_iter().chain(own).collect()
}

const MIB: u64 = 1 << 20;

fn request_larger_than_memory_can_never_succeed_and_asks_no_kernel() -> Verdict {
    let policy = PolicyText {
        limits: "request = \"65536GiB\"\nreserve = \"16MiB\"\nbuffers_per_request = 32".to_owned(),
        ..PolicyText::default()
    };
    let service = Service::start(&policy, &Options::default());
    let client = service.connect();
    let still = Still::of(&service);
    let kills = oom_kills();
    // Twice what the machine has (2 GiB in a guest of 1 GiB): one buffer where 31 bits can say it, else layers.
    let bytes = 2 * total_bytes();
    let lines = i32::try_from(bytes / (16_384 * 4)).unwrap();
    let huge = rgba("huge", 16_384, lines);
    let failure = client.refusal(&huge, 1);
    assert_eq!(failure.error(), UNSUPPORTED);
    assert!(failure.words().contains("this machine"), "{failure:?}");
    assert!(!client.supports(&huge), "what can never be given is not supported");
    // Many that fit one by one are as much.
    let each = i32::try_from(bytes / 32 / (16_384 * 4)).unwrap();
    assert_eq!(client.refusal(&rgba("many", 16_384, each), 32).error(), UNSUPPORTED);
    still.assert_nothing_left();
    let dump = service.dump();
    assert_eq!(
        (dump.refusals("machine-memory"), dump.refusals("kernel"), dump.number("/all/total_buffers")),
        (2, 0, 0)
    );
    assert_eq!(oom_kills(), kills);
    client.one(&rgba("good", 64, 64));
    Ok(())
}

/// Allocates one buffer after the other until one is refused, which has to be before there are so many.
fn until_refused(client: &Client, bytes: i32, too_many: usize) -> (Vec<Allocation>, Failure) {
    let mut kept = Vec::new();
    loop {
        match client.allocate(&blob("fill", bytes), 1) {
            Ok(allocation) => kept.push(allocation),
            Err(failure) => return (kept, failure),
        }
        assert!(kept.len() < too_many, "{} buffers of {bytes} bytes were given out", kept.len());
    }
}

fn memory_is_used_up_to_the_reserve_and_no_further() -> Verdict {
    // In a guest nobody else takes memory meanwhile, or gives it back.
    kernel_heaps()?;
    wait_until_nothing_is_ready();
    let usable = 256 * MIB;
    let reserve = available_bytes().saturating_sub(usable);
    let policy = PolicyText {
        limits: format!("request = \"65536GiB\"\nreserve = \"{}MiB\"\nbuffers_per_request = 32", reserve / MIB),
        ..PolicyText::default()
    };
    let service = Service::start(&policy, &Options::default());
    let client = service.connect();
    let still = Still::of(&service);
    let kills = oom_kills();
    // Beyond that twice what may be used would be given out.
    let (kept, failure) = until_refused(&client, 8 << 20, 64);
    assert_eq!(failure.error(), NO_RESOURCES);
    assert!(kept.len() > 16, "{} buffers of 8 MiB of {} MiB: {failure:?}", kept.len(), usable / MIB);
    assert!(client.supports(&blob("fill", 8 << 20)), "what only memory stands against is supported");
    // What the machine has available varies with what others do meanwhile.
    assert!(available_bytes() > reserve - 32 * MIB, "the reserve was used");
    drop(kept);
    still.assert_nothing_left();
    assert_eq!(oom_kills(), kills);
    client.one(&blob("good", 8 << 20));
    Ok(())
}

/// The ioctl of a heap node fails with ENOMEM when it is made on this fd.
fn heap_fault(fd: i32) -> Fault {
    Fault {
        call: libc::SYS_ioctl,
        first: Some(u64::try_from(fd).unwrap()),
        second: Some(u64::from(uapi::DMA_HEAP_IOCTL_ALLOC)),
        errno: libc::ENOMEM,
    }
}

/// Starts the same service twice: once to see which fd a node gets, and again with a fault on that fd.
fn with_fault_on(node: &Path, policy: &PolicyText, options: &Options) -> Service {
    let fd = Service::start(policy, options).fd_of(node).expect("the node is open");
    let options = Options { through: heap_fault(fd).environment(), ..options.clone() };
    let service = Service::start(policy, &options);
    assert_eq!(service.fd_of(node), Some(fd), "the node's fd is another one this time");
    service
}

/// A second system heap, so that there are two nodes and two fds.
fn two_nodes() -> Result<(tempfile::TempDir, PolicyText, Options), service_tests::suite::Skip> {
    use rustix::fs::{mknodat, FileType, Mode, CWD};
    use std::os::unix::fs::MetadataExt;
    kernel_heaps()?;
    service_tests::place::root()?;
    let folder = tempfile::tempdir().unwrap();
    let device = std::fs::metadata(SYSTEM_HEAP).unwrap().rdev();
    for name in ["first", "system"] {
        mknodat(CWD, folder.path().join(name), FileType::CharacterDevice, Mode::RUSR, device).unwrap();
    }
    let policy = PolicyText {
        heaps: heap("first", &["first"], "") + &heap("system", &["system"], ""),
        rules: PolicyText::default().rules.replace("heaps = [\"system\"]", "heaps = [\"first\", \"system\"]"),
        ..PolicyText::default()
    };
    let options = Options { heap_dir: Some(folder.path().to_owned()), ..Options::default() };
    Ok((folder, policy, options))
}

fn memory_that_the_first_heap_refuses_comes_from_the_next() -> Verdict {
    let (folder, policy, options) = two_nodes()?;
    let service = with_fault_on(&folder.path().join("first"), &policy, &options);
    let client = service.connect();
    let still = Still::of(&service);
    let allocation = client.allocate(&rgba("fallen back", 64, 64), 4).unwrap();
    assert_distinct(&allocation.buffers);
    let dump = service.dump();
    assert_eq!((&dump.heap("first")["live_bytes"], &dump.heap("system")["live_buffers"]), (&0.into(), &4.into()));
    drop(allocation);
    still.assert_nothing_left();
    Ok(())
}

fn memory_that_every_heap_refuses_leaves_nothing() -> Verdict {
    // Natively it is fallocate(2) that takes memory for a memfd.
    let policy = PolicyText::default();
    let service = if has_kernel_heaps() {
        with_fault_on(Path::new(SYSTEM_HEAP), &policy, &Options::default())
    } else {
        let fault = Fault { call: libc::SYS_fallocate, first: None, second: None, errno: libc::ENOMEM };
        Service::start(&policy, &Options { through: fault.environment(), ..Options::default() })
    };
    let client = service.connect();
    let still = Still::of(&service);
    assert!(client.supports(&rgba("no memory", 64, 64)), "memory that is short now is no reason to deny support");
    for count in [1, 4] {
        let failure = client.refusal(&rgba("no memory", 64, 64), count);
        assert_eq!(failure.error(), NO_RESOURCES);
        let words = failure.words();
        assert!(words.contains("system") && words.contains(&libc::ENOMEM.to_string()), "heap and errno: {words}");
    }
    still.assert_nothing_left();
    let dump = service.dump();
    assert_eq!((dump.refusals("kernel"), dump.number("/all/total_buffers")), (2, 0));
    Ok(())
}

fn metadata_that_the_kernel_refuses_leaves_no_pixels() -> Verdict {
    let (folder, policy, options) = two_nodes()?;
    // The pixels come from `first`; the metadata's heap gives nothing, so none of it is ready either.
    let service = with_fault_on(&folder.path().join("system"), &policy, &options);
    let client = service.connect();
    let still = Still::of(&service);
    let failure = client.refusal(&rgba("half", 64, 64), 3);
    assert_eq!(failure.error(), NO_RESOURCES);
    assert!(failure.words().contains("system"), "{failure:?}");
    still.assert_nothing_left();
    let dump = service.dump();
    assert_eq!((dump.number("/all/live_bytes"), &dump.heap("first")["live_bytes"]), (0, &0.into()));
    Ok(())
}

fn service_out_of_fds_refuses_and_recovers() -> Verdict {
    let service = Service::plain();
    let client = service.connect();
    let still = Still::of(&service);
    let few = leave_few_fds(service.pid(), 4);
    let failure = client.refusal(&rgba("no fds", 64, 64), 32);
    assert_eq!(failure.error(), NO_RESOURCES);
    assert!(failure.words().contains("descriptors"), "{failure:?}");
    assert!(service.lives());
    assert_eq!(client.refusal(&rgba("no fds", 64, 64), 32).error(), NO_RESOURCES);
    few.end();
    let allocation = client.allocate(&rgba("good", 64, 64), 32).unwrap();
    assert_distinct(&allocation.buffers);
    drop(allocation);
    still.assert_nothing_left();
    assert_eq!(service.dump().number("/all/live_bytes"), 0);
    Ok(())
}

fn service_out_of_fds_takes_new_clients_afterwards() -> Verdict {
    let service = Service::plain();
    let few = leave_few_fds(service.pid(), 0);
    // This connection waits, or is closed; it must not take the service with it.
    let transport = service.transport().clone();
    let no_fds = format!("(os error {})", libc::EMFILE);
    let waiting = std::thread::spawn(move || Client::connect(&transport).map(drop));
    // The thread that accepts connections fails to, or has closed this one.
    let failed = wait_for(SOON, || (waiting.is_finished() || service.log().contains(&no_fds)).then_some(()));
    assert!(service.lives(), "{}", service.log());
    few.end();
    assert!(failed.is_some(), "the connection was neither closed nor failed:\n{}", service.log());
    // Whatever became of it, the next one gets in.
    let _ = waiting.join().unwrap();
    service.connect().one(&rgba("good", 16, 16));
    Ok(())
}

/// Fds, bytes and buffers are counted, the client's and the service's.
pub(crate) fn client_without_fds_loses_nothing_and_goes_on(subject: &Subject) {
    let held = || {
        let dump = subject.dump();
        (dump.number("/all/live_buffers"), dump.number("/all/live_bytes"))
    };
    let before = held();
    let still = Still::of(subject);
    let client = subject.connect();
    let outcome = with_few_fds(3, || client.allocate(&rgba("few fds", 16, 16), 16).map(|got| got.buffers.len()));
    match outcome {
        Err(Failure::Call(_)) => {}
        other => panic!("32 fds came through where 3 are free: {other:?}"),
    }
    // A connection that lost a message may be over; over binder there is none to lose.
    let next = Client::connect(subject.transport()).unwrap();
    next.one(&rgba("good", 16, 16));
    drop((client, next));
    still.assert_nothing_left();
    let dump = subject.dump();
    assert_eq!(dump.buffers("few fds").len(), 0, "buffers that never arrived are still on the account");
    assert_eq!(held(), before, "what never arrived is still on the account");
}

fn heap_budget_that_runs_out_in_the_middle_leaves_nothing() -> Verdict {
    let policy = PolicyText {
        heaps: heap("system", &["system"], "budget = \"64KiB\"") + &heap("metadata", &["system"], ""),
        rules: PolicyText::default().rules + "[[rule]]\nname = \"never\"\nheaps = [\"metadata\"]\n",
        metadata_heap: "metadata".to_owned(),
        ..PolicyText::default()
    };
    let service = Service::start(&policy, &Options::default());
    let client = service.connect();
    let still = Still::of(&service);
    // Four fit, 16 KiB each; five never will.
    let failure = client.refusal(&rgba("fifth", 64, 64), 5);
    assert_eq!(failure.error(), UNSUPPORTED, "{failure:?}");
    still.assert_nothing_left();
    let one = client.one(&rgba("one", 64, 64));
    let failure = client.refusal(&rgba("four beside it", 64, 64), 4);
    assert_eq!(failure.error(), NO_RESOURCES);
    assert!(failure.words().contains("65536"), "the budget is named: {failure:?}");
    drop(one);
    still.assert_nothing_left();
    let allocation = client.allocate(&rgba("four", 64, 64), 4).unwrap();
    assert_eq!(client.refusal(&rgba("one more", 64, 64), 1).error(), NO_RESOURCES);
    drop(allocation);
    client.one(&rgba("good", 64, 64));
    Ok(())
}

/// A service in a group of its own: the kernel charges it what it allocates for anybody.
fn charged_service(heap_keys: &str, group: &Bounded) -> Service {
    let policy = PolicyText { heaps: heap("system", &["system"], heap_keys), ..PolicyText::default() };
    let service = Service::start(&policy, &Options::default());
    group.take(service.pid());
    service
}

fn charged_service_with_a_budget_below_its_memory_max_refuses() -> Verdict {
    kernel_heaps()?;
    let group = Bounded::of(96 * MIB)?;
    let service = charged_service("budget = \"64MiB\"", &group);
    let client = service.connect();
    // Beyond that more than the budget would be given out.
    let (kept, failure) = until_refused(&client, 4 << 20, 17);
    assert_eq!(failure.error(), NO_RESOURCES);
    let given = u64::try_from(kept.len()).unwrap() * 4 * MIB;
    assert!(given >= 56 * MIB, "{given} bytes of a budget of 64 MiB: {failure:?}");
    assert!(group.bytes() >= given, "{} bytes are charged, {given} were given", group.bytes());
    assert_eq!(group.kills(), 0);
    drop(kept);
    client.one(&blob("after", 4 << 20));
    drop(service);
    Ok(())
}

/// Why the porting guide leaves `memory.max` unset: the kernel refuses nothing, it kills.
fn charged_service_without_a_budget_is_killed_at_its_memory_max() -> Verdict {
    kernel_heaps()?;
    let group = Bounded::of(64 * MIB)?;
    let mut service = charged_service("", &group);
    let client = service.connect();
    let status = match client.allocate(&blob("beyond", 8 << 20), 16) {
        Ok(_) => panic!("twice what the group may have was given out"),
        Err(Failure::Refused { error, words }) => {
            println!("this kernel has the service refuse: {words}");
            assert_eq!(error, NO_RESOURCES);
            assert!(service.lives() && group.kills() == 0);
            return Ok(());
        }
        Err(Failure::Call(_)) => service.kill(),
    };
    println!("{status}: the kernel killed the service at its memory.max");
    assert_eq!((status.signal(), group.kills()), (Some(libc::SIGKILL), 1));
    Ok(())
}
