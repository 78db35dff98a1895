//! Budgets: used up, given back at the last reference wherever it is, and nobody else's affair.

use allocator_aidl::BufferDescriptorInfo;
use gralloc_client::Buffer;
use rustix::process::geteuid;
use service_tests::client::{blob, rgba, Client, NO_RESOURCES, UNSUPPORTED};
use service_tests::helper::{hold, RemoteClient};
use service_tests::place::{charged_bytes, root};
use service_tests::policy::{heap, PolicyText};
use service_tests::service::{Options, Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Skip, Test, Verdict};
use service_tests::{tests, tests_of_both, wait_for, SOON};
use std::os::fd::OwnedFd;

pub(crate) fn tests() -> Vec<Test> {
    let both = tests_of_both!["budgets":
        live_bytes_rise_and_fall_with_the_buffers,
        release_in_another_process_is_seen,
        mapping_keeps_a_buffer_alive,
    ];
    let own = tests!["budgets":
        client_budget_used_up_has_no_resources_and_frees_at_once,
        client_budget_is_freed_by_the_last_reference_in_another_process,
        client_budget_of_one_uid_leaves_others_alone,
        total_budget_bounds_all_uids_together,
        request_beyond_what_a_budget_can_ever_give_is_not_supported,
        budget_of_a_heap_counts_reserved_regions,
    ];
    both.into_iter().chain(own).collect()
}

const KIB: u64 = 1024;
/// A client's budget in most of these tests, as their policies have it.
const CLIENT: u64 = 256 * KIB;

pub(crate) fn with_limits(limits: &str) -> Service {
    let limits = format!("reserve = \"16MiB\"\nbuffers_per_request = 32\n{limits}");
    Service::start(&PolicyText { limits, ..PolicyText::default() }, &Options::default())
}

/// Needs the kernel to say when a buffer dies: budgets are counted by it.
pub(crate) fn tracked(subject: &Subject) -> Result<(), Skip> {
    match subject.dump().0["releases_seen_through"].as_str() {
        Some(_) => Ok(()),
        None => Err(Skip("this kernel does not say when a buffer dies".to_owned())),
    }
}

fn live(subject: &Subject) -> (u64, u64) {
    let dump = subject.dump();
    (dump.number("/all/live_buffers"), dump.number("/all/live_bytes"))
}

fn live_bytes_rise_and_fall_with_the_buffers(subject: &Subject) {
    let client = subject.connect();
    let before = live(subject);
    let first = client.allocate(&blob("four", 4096), 4).unwrap();
    let (small, large) = (charged_bytes(4096), charged_bytes(1 << 20));
    assert_eq!(live(subject), (before.0 + 4, before.1 + 4 * small));
    let second = client.one(&blob("large", 1 << 20));
    assert_eq!(live(subject), (before.0 + 5, before.1 + 4 * small + large));
    drop(first);
    assert_eq!(live(subject), (before.0 + 1, before.1 + large));
    drop(second);
    assert_eq!(live(subject), before);
    assert!(subject.dump().number("/all/high_water_bytes") >= before.1 + large);
}

fn release_in_another_process_is_seen(subject: &Subject) {
    let before = live(subject);
    let buffer = subject.connect().one(&blob("passed on", 4096));
    let mut holder = hold(buffer.pixels);
    drop(buffer.metadata);
    // Our own connection and fd are gone; the other process holds the last reference.
    assert_eq!(live(subject).0, before.0 + 1);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(live(subject), before);
}

fn mapping_keeps_a_buffer_alive(subject: &Subject) {
    use gralloc_dmabuf::mmap::{Mapping, Protection};
    use std::os::fd::AsFd;
    let before = live(subject);
    let buffer = subject.connect().one(&blob("mapped", 4096));
    let mapping = Mapping::new(buffer.pixels.as_fd(), 4096, Protection::ReadWrite).unwrap();
    drop(buffer);
    assert_eq!(live(subject).0, before.0 + 1);
    mapping.write(0, b"still here").unwrap();
    drop(mapping);
    assert_eq!(live(subject), before);
}

/// How many of [`use_up`]'s buffers a budget of so many bytes holds.
fn fitting(budget: u64) -> usize {
    usize::try_from(budget / charged_bytes(64 * 64 * 4)).unwrap()
}

/// Buffers of 16 KiB with their metadata, until there are no more.
fn use_up(client: &Client, name: &str) -> Vec<Buffer> {
    let mut kept = Vec::new();
    loop {
        match client.allocate(&rgba(name, 64, 64), 1) {
            Ok(allocation) => kept.extend(allocation.buffers),
            Err(failure) => {
                assert_eq!(failure.error(), NO_RESOURCES);
                return kept;
            }
        }
        assert!(kept.len() < 100, "the budget bounds nothing");
    }
}

fn client_budget_used_up_has_no_resources_and_frees_at_once() -> Verdict {
    let service = with_limits("request = \"256KiB\"\nclient = \"256KiB\"");
    tracked(&service)?;
    client_budget_bounds(&service);
    Ok(())
}

/// A client's budget is 256 KiB.
pub(crate) fn client_budget_bounds(subject: &Subject) {
    let client = subject.connect();
    let still = Still::of(subject);
    for _ in 0..20 {
        let kept = use_up(&client, "budget");
        // With pages of 4 KiB twelve of 20 KiB each, with pages of 16 KiB eight of 32.
        assert_eq!(kept.len(), fitting(CLIENT));
        drop(kept);
        // No pause: the next request finds the budget free. Where it has to wait for a scan, it does so for half a second at
        // most, and a test on a busy machine must not depend on that: the service's own tests have it, without a clock.
        if subject.dump().0["releases_seen_through"] != "inotify" {
            let nothing_held = || subject.dump().number("/all/live_bytes") == 0;
            wait_for(SOON, || nothing_held().then_some(())).expect("what was let go is not booked");
        }
    }
    let kept = use_up(&client, "budget");
    let failure = client.refusal(&rgba("budget", 64, 64), 1);
    let uid = geteuid().as_raw();
    assert!(failure.words().contains(&format!("uid {uid}")), "{failure:?}");
    drop(kept);
    still.assert_nothing_left();
    let dump = subject.dump();
    assert_eq!(dump.refusals("client-budget"), 22);
    assert_eq!(dump.client(uid).unwrap()["refusals"], 22);
}

fn client_budget_is_freed_by_the_last_reference_in_another_process() -> Verdict {
    let service = with_limits("request = \"256KiB\"\nclient = \"256KiB\"");
    tracked(&service)?;
    let client = service.connect();
    let mut kept = use_up(&client, "held");
    let passed: OwnedFd = kept.remove(0).pixels;
    drop(kept);
    let mut holder = hold(passed);
    let one = charged_bytes(64 * 64 * 4);
    let left = wait_for(SOON, || (live(&service).1 <= one).then_some(()));
    assert!(left.is_some(), "what was let go is still booked");
    // One fits less beside the one that another process holds, without its metadata.
    let kept = use_up(&client, "beside");
    assert_eq!(kept.len(), fitting(CLIENT - one));
    holder.kill().unwrap();
    holder.wait().unwrap();
    client.granted(&rgba("freed", 64, 64), 1);
    Ok(())
}

fn client_budget_of_one_uid_leaves_others_alone() -> Verdict {
    root()?;
    let service = with_limits("request = \"256KiB\"\nclient = \"256KiB\"");
    tracked(&service)?;
    let kept = use_up(&service.connect(), "mine");
    // The socket lets its owner's group in.
    let mut other = RemoteClient::start(service.transport(), Some((12_345, 0)));
    assert_eq!(other.greeting(), "connected");
    let most = fitting(CLIENT);
    let answer = other.allocate("theirs", 64, 64, i32::try_from(most).unwrap());
    assert!(answer.starts_with("ok "), "{answer}");
    let answer = other.allocate("theirs", 64, 64, 1);
    assert!(answer.starts_with("refused 1 ") && answer.contains("uid 12345"), "{answer}");
    let dump = service.dump();
    assert_eq!(dump.client(12_345).unwrap()["live_buffers"], most);
    assert_eq!(dump.client(0).unwrap()["live_buffers"], most);
    drop(other);
    let gone = wait_for(SOON, || (service.dump().client(12_345)?["live_buffers"] == 0).then_some(()));
    assert!(gone.is_some(), "what a dead client held is still on its account");
    drop(kept);
    Ok(())
}

fn total_budget_bounds_all_uids_together() -> Verdict {
    root()?;
    let service = with_limits("request = \"256KiB\"\nclient = \"256KiB\"\ntotal = \"400KiB\"");
    tracked(&service)?;
    total_budget_bounds(&service);
    Ok(())
}

/// A client's budget is 256 KiB, that of all 400 KiB.
pub(crate) fn total_budget_bounds(subject: &Subject) {
    let kept = use_up(&subject.connect(), "mine");
    let mut other = RemoteClient::start(subject.transport(), Some((12_345, 0)));
    assert_eq!(other.greeting(), "connected");
    let left = fitting(400 * KIB - u64::try_from(kept.len()).unwrap() * charged_bytes(64 * 64 * 4));
    assert!((1..fitting(CLIENT)).contains(&left), "{left} fit beside the first client's");
    assert!(other.allocate("theirs", 64, 64, i32::try_from(left).unwrap()).starts_with("ok "));
    let answer = other.allocate("theirs", 64, 64, 1);
    assert!(
        answer.starts_with("refused 1 ") && answer.contains("all clients together"),
        "no budget of all clients together: {answer}"
    );
    assert_eq!(subject.dump().refusals("total-budget"), 1);
    drop(kept);
    // Until what was let go is seen, there may be refusals more.
    let more = i32::try_from(fitting(CLIENT) - left).unwrap();
    let granted = wait_for(SOON, || other.allocate("theirs", 64, 64, more).starts_with("ok ").then_some(()));
    assert!(granted.is_some(), "what the first client let go is no use to the second");
}

fn request_beyond_what_a_budget_can_ever_give_is_not_supported() -> Verdict {
    let service = with_limits("request = \"1MiB\"\nclient = \"256KiB\"");
    let client = service.connect();
    assert!(client.supports(&blob("fits", 128 << 10)));
    client.one(&blob("fits", 128 << 10));
    let info = blob("never", 300 << 10);
    assert!(!client.supports(&info));
    assert_eq!(client.refusal(&info, 1).error(), UNSUPPORTED);
    Ok(())
}

fn budget_of_a_heap_counts_reserved_regions() -> Verdict {
    let policy = PolicyText {
        heaps: heap("system", &["system"], "budget = \"40MiB\""),
        limits: "request = \"256MiB\"\nreserve = \"16MiB\"\nbuffers_per_request = 32\n".to_owned(),
        ..PolicyText::default()
    };
    let service = Service::start(&policy, &Options::default());
    tracked(&service)?;
    let client = service.connect();
    let still = Still::of(&service);
    let with = |reserved| BufferDescriptorInfo { reservedSize: reserved, ..rgba("reserved", 1, 1) };
    // More than the budget is never supported; what is, and does not fit beside others, has to wait for them.
    assert!(!client.supports(&with(64 << 20)));
    client.refusal(&with(64 << 20), 1);
    assert!(client.supports(&with(24 << 20)));
    let held = client.one(&with(24 << 20));
    assert_eq!(client.refusal(&with(24 << 20), 1).error(), NO_RESOURCES);
    let dump = service.dump();
    assert_eq!(dump.heap("system")["live_bytes"].as_u64(), Some(dump.number("/all/live_bytes")));
    drop(held);
    drop(client.granted(&with(24 << 20), 1));
    still.assert_nothing_left();
    Ok(())
}
