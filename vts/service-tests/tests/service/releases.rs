//! How releases are seen, and what the ledger says when they cannot be: many buffers, few watches, no source at all, a
//! service that is killed.

use gralloc_client::Buffer;
use procfs::process::Process;
use rustix::fs::inotify;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use service_tests::client::{assert_distinct, blob, rgba, Client, NO_RESOURCES};
use service_tests::dmabufs::census;
use service_tests::helper::{Churner, RemoteClient};
use service_tests::place::{charged_bytes, kernel_heaps, page_bytes, root};
use service_tests::policy::PolicyText;
use service_tests::process::oom_kills;
use service_tests::service::{Options, Service};
use service_tests::still::Still;
use service_tests::suite::{Skip, Test, Verdict};
use service_tests::{tests, wait_for, SOON};
use std::os::fd::OwnedFd;
use std::thread::sleep;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    tests!["releases":
        ten_thousand_buffers_are_accounted_for_one_by_one,
        inotify_leaves_half_of_the_users_watches_to_others,
        epoll_takes_what_inotify_has_no_watch_for,
        buffers_that_no_source_takes_are_counted_as_unknown,
        epoll_alone_frees_a_budget_at_the_last_reference,
        without_a_source_live_is_unknown_and_nothing_is_stuck,
        service_without_a_pool_killed_at_any_point_leaves_nothing,
        service_with_a_pool_killed_at_any_point_leaves_nothing,
        client_that_leaks_is_stopped_at_its_budget_beside_the_pool_and_others_go_on,
    ]
}

const MIB: i32 = 1 << 20;

fn policy(limits: &str, more: &str) -> PolicyText {
    let limits = format!("request = \"256MiB\"\nreserve = \"16MiB\"\nbuffers_per_request = 32\n{limits}");
    PolicyText { limits, more: more.to_owned(), ..PolicyText::default() }
}

fn start(policy: &PolicyText, arguments: &[&str]) -> Service {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Service::start(policy, &Options { arguments, ..Options::default() })
}

/// A client's budget that so many buffers of a page use up: each has a page of pixels and one of metadata.
fn budget_of(buffers: u64) -> String {
    format!("client = \"{}KiB\"", buffers * charged_bytes(1) / 1024)
}

/// Pixels of so many buffers of a page; their metadata is let go at once.
fn pixels(client: &Client, count: usize) -> Vec<OwnedFd> {
    let mut kept = Vec::with_capacity(count);
    while kept.len() < count {
        let next = i32::try_from(32.min(count - kept.len())).unwrap();
        let allocation = client.allocate(&blob("one of many", 4096), next).unwrap();
        kept.extend(allocation.buffers.into_iter().map(|buffer| buffer.pixels));
    }
    kept
}

/// Pixels of so many buffers of a page in the place of others that were let go.
fn granted(client: &Client, name: &str, count: i32) -> Vec<OwnedFd> {
    client.granted(&blob(name, 4096), count).into_iter().map(|buffer| buffer.pixels).collect()
}

fn resident_bytes(service: &Service) -> u64 {
    Process::new(service.pid()).unwrap().status().unwrap().vmrss.unwrap() * 1024
}

/// The watches of one source, by the dump.
fn watches(service: &Service, source: &str) -> u64 {
    let dump = service.dump();
    let lines = dump.0["watches"].as_array().unwrap();
    lines.iter().find(|line| line["source"] == source).map_or(0, |line| line["watches"].as_u64().unwrap())
}

fn ten_thousand_buffers_are_accounted_for_one_by_one() -> Verdict {
    const MANY: usize = 10_000;
    let many = u64::try_from(MANY).unwrap();
    let old = getrlimit(Resource::Nofile);
    // Root may have as many as it likes; others what they are given.
    let enough = Some(20_000);
    let most = old.maximum.map_or(enough, |most| Some(most.max(20_000)));
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: enough, maximum: most }) {
        return Err(Skip(format!("needs 20,000 file descriptors: {error}")));
    }
    // The budget is theirs to the last page.
    let service = start(&policy(&budget_of(many), ""), &[]);
    let client = service.connect();
    let still = Still::of(&service);
    let (kills, before, resident) = (oom_kills(), census(), resident_bytes(&service));
    let mut kept = pixels(&client, MANY);
    let grown = resident_bytes(&service).saturating_sub(resident);
    println!("{MANY} buffers: the service's memory grew by {} KiB from {} KiB", grown >> 10, resident >> 10);
    // 256 bytes each, and what the threads took meanwhile.
    assert!(grown < 4 << 20, "the service has grown by {grown} bytes");
    let dump = service.dump();
    println!("watches: {}", dump.0["watches"]);
    assert_eq!((dump.number("/all/live_buffers"), dump.number("/all/live_bytes")), (many, many * 2 * page_bytes()));
    // Pixels and metadata: the heap has both.
    assert_eq!(
        (&dump.heap("system")["live_bytes"], dump.number("/untracked_buffers")),
        (&(many * 2 * page_bytes()).into(), 0)
    );
    let lines = dump.buffers("one of many");
    assert_eq!(lines.len(), MANY);
    assert_eq!(lines.iter().map(|line| line["bytes"].as_u64().unwrap()).sum::<u64>(), many * 2 * page_bytes());
    assert_eq!(client.statistics().getStatistics().unwrap().all.liveBuffers, i64::try_from(MANY).unwrap());
    if let (Some(before), Some(now)) = (before, census()) {
        // What the kernel lists is what the ledger says; the metadata has been let go.
        assert_eq!((now.count - before.count, now.bytes - before.bytes), (many, many * page_bytes()));
    }
    assert_eq!(client.refusal(&blob("one more", 4096), 1).error(), NO_RESOURCES);
    drop(kept.swap_remove(MANY / 2));
    kept.extend(granted(&client, "one more", 1));
    assert_eq!(client.refusal(&blob("two more", 4096), 1).error(), NO_RESOURCES);
    drop(kept);
    let dump = service.dump();
    assert_eq!((dump.number("/all/live_buffers"), dump.number("/all/live_bytes")), (0, 0));
    still.assert_nothing_left();
    setrlimit(Resource::Nofile, old).unwrap();
    assert_eq!(oom_kills(), kills);
    Ok(())
}

/// A kernel setting that a test changes, and its own value again at the end.
struct Setting {
    path: &'static str,
    old: String,
}

impl Setting {
    fn change(path: &'static str, value: &str) -> Setting {
        let old = std::fs::read_to_string(path).unwrap();
        std::fs::write(path, value).unwrap();
        Setting { path, old }
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        std::fs::write(self.path, &self.old).unwrap();
    }
}

/// Watches of inotify that the service may have, which runs as root as this test does; one of them is on the heaps' folder.
const FEW: u64 = 40;

fn few_watches() -> Setting {
    Setting::change("/proc/sys/fs/inotify/max_user_watches", &FEW.to_string())
}

fn inotify_leaves_half_of_the_users_watches_to_others() -> Verdict {
    kernel_heaps()?;
    root()?;
    let _few = few_watches();
    let service = start(&policy("", ""), &[]);
    if service.dump().0["releases_seen_through"] != "inotify" {
        return Err(Skip("this kernel sends inotify no event of a dma-buf's end".to_owned()));
    }
    let client = service.connect();
    let still = Still::of(&service);
    // Twice: what was released makes room, and no more than that.
    for _ in 0..2 {
        let kept = pixels(&client, 200);
        assert_eq!(service.dump().number("/untracked_buffers"), 0);
        assert_eq!((watches(&service, "inotify"), watches(&service, "epoll")), (FEW / 2, 200 - FEW / 2));
        // Another process of the same user, as system_server is on a device, still gets some.
        let other = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for number in 0..FEW / 4 {
            let path = folder.path().join(number.to_string());
            std::fs::write(&path, "").unwrap();
            inotify::add_watch(&other, &path, inotify::WatchFlags::MODIFY).unwrap();
        }
        drop(kept);
        assert_eq!(service.dump().number("/all/live_bytes"), 0);
    }
    still.assert_nothing_left();
    Ok(())
}

fn epoll_takes_what_inotify_has_no_watch_for() -> Verdict {
    kernel_heaps()?;
    root()?;
    let service = start(&policy(&budget_of(200), ""), &[]);
    let client = service.connect();
    let still = Still::of(&service);
    let _few = few_watches();
    let mut kept = pixels(&client, 200);
    let dump = service.dump();
    assert_eq!((dump.number("/all/live_buffers"), dump.number("/untracked_buffers")), (200, 0));
    if dump.0["releases_seen_through"] == "inotify" {
        let (first, second) = (watches(&service, "inotify"), watches(&service, "epoll"));
        assert!((1..=FEW).contains(&first) && first + second == 200, "{first} and {second} watches");
        let text = client.dump(&[]);
        let line = format!("inotify ({first} watches), epoll ({second} watches)");
        assert!(text.contains(&line), "{text}");
    }
    // The budget of 200 is free as soon as anything goes, whichever source saw it.
    for at in [199, 0, 100] {
        assert_eq!(client.refusal(&blob("more", 4096), 1).error(), NO_RESOURCES);
        drop(kept.swap_remove(at));
        kept.extend(granted(&client, "more", 1));
    }
    drop(kept);
    assert_eq!(service.dump().number("/all/live_bytes"), 0);
    still.assert_nothing_left();
    Ok(())
}

fn buffers_that_no_source_takes_are_counted_as_unknown() -> Verdict {
    kernel_heaps()?;
    root()?;
    let service = start(&policy("", ""), &["--release-source", "inotify"]);
    if service.dump().0["releases_seen_through"].is_null() {
        return Err(Skip("this kernel sends inotify no event of a dma-buf's end".to_owned()));
    }
    let client = service.connect();
    let (still, before) = (Still::of(&service), census());
    let few = few_watches();
    let kept = pixels(&client, 200);
    let dump = service.dump();
    let (live, untracked) = (dump.number("/all/live_buffers"), dump.number("/untracked_buffers"));
    assert!((1..=FEW).contains(&live) && live + untracked == 200, "{live} live, {untracked} untracked");
    assert_eq!((watches(&service, "inotify"), dump.number("/all/total_buffers")), (live, 200));
    let text = client.dump(&[]);
    let line = text.lines().find(|line| line.contains("untracked")).unwrap_or_else(|| panic!("no line in {text}"));
    assert!(line.contains(&untracked.to_string()), "{line}");
    let told = client.statistics().getStatistics().unwrap().untrackedBuffers;
    assert_eq!(u64::try_from(told).unwrap(), untracked);
    if let (Some(before), Some(now)) = (before, census()) {
        assert_eq!(now.count - before.count, 200, "the kernel knows of them all");
    }
    drop(kept);
    assert_eq!(service.dump().number("/all/live_buffers"), 0);
    still.assert_nothing_left();
    // With room again, the next are tracked.
    drop(few);
    let _kept = pixels(&client, 60);
    let dump = service.dump();
    assert_eq!((dump.number("/all/live_buffers"), dump.number("/untracked_buffers")), (60, untracked));
    Ok(())
}

fn epoll_alone_frees_a_budget_at_the_last_reference() -> Verdict {
    kernel_heaps()?;
    let service = start(&policy(&budget_of(10), ""), &["--release-source=epoll"]);
    assert_eq!(service.dump().0["releases_seen_through"], "epoll");
    let client = service.connect();
    let still = Still::of(&service);
    for _ in 0..20 {
        let mut kept = pixels(&client, 10);
        assert_eq!(client.refusal(&blob("eleventh", 4096), 1).error(), NO_RESOURCES);
        let mut holder = service_tests::helper::hold(kept.pop().unwrap());
        drop(kept);
        // Nine are free at once, the tenth when the other process goes.
        let beside = granted(&client, "beside", 9);
        assert_eq!(client.refusal(&blob("tenth", 4096), 1).error(), NO_RESOURCES);
        holder.kill().unwrap();
        holder.wait().unwrap();
        drop((beside, granted(&client, "tenth", 1)));
    }
    still.assert_nothing_left();
    assert_eq!(service.dump().number("/all/live_bytes"), 0);
    Ok(())
}

fn without_a_source_live_is_unknown_and_nothing_is_stuck() -> Verdict {
    let service = start(&policy(&budget_of(32), ""), &["--release-source", "none"]);
    assert!(service.log().contains("unknown"), "{}", service.log());
    let client = service.connect();
    let still = Still::of(&service);
    // More than the budget: what nobody sees go cannot be held against anybody.
    let kept = pixels(&client, 300);
    let dump = service.dump();
    assert!(dump.0["releases_seen_through"].is_null(), "{}", dump.0["releases_seen_through"]);
    assert_eq!((dump.number("/all/live_buffers"), dump.number("/all/total_buffers")), (0, 300));
    let text = client.dump(&[]);
    assert!(text.contains("unknown"), "{text}");
    assert_eq!(client.statistics().getStatistics().unwrap().releasesSeenThrough, "");
    drop(kept);
    still.assert_nothing_left();
    Ok(())
}

fn service_without_a_pool_killed_at_any_point_leaves_nothing() -> Verdict {
    killed_at_any_point("")
}

fn service_with_a_pool_killed_at_any_point_leaves_nothing() -> Verdict {
    killed_at_any_point("[pool]\ntotal = \"32MiB\"\n")
}

/// Kills the service while one client allocates without a pause and another holds buffers.
fn killed_at_any_point(pool: &str) -> Verdict {
    kernel_heaps()?;
    let kills = oom_kills();
    let before = census();
    for round in 0..8 {
        let mut service = start(&policy("", pool), &[]);
        let client = service.connect();
        let held: Vec<Buffer> = (0..3).map(|_| client.one(&blob("held over it", MIB))).collect();
        let mut churner = Churner::start(service.transport());
        churner.wait_for_calls(1 + round % 3);
        sleep(Duration::from_micros(700 * u64::from(round)));
        service.kill();
        churner.kill();
        // What the client holds is the client's still: pixels and metadata. All else is released with its last holder.
        let held_alone = || {
            let (before, now) = (before?, census()?);
            (now.count == before.count + 6 && now.bytes == before.bytes + 3 * ((1 << 20) + page_bytes())).then_some(())
        };
        assert!(wait_for(SOON, held_alone).is_some(), "round {round}: {before:?} before, {:?} now", census());
        // The next service begins with nothing, and says so.
        let next = start(&policy("", pool), &[]);
        let dump = next.dump();
        assert_eq!((dump.number("/all/live_buffers"), dump.number("/all/total_buffers")), (0, 0));
        assert_distinct(&[next.connect().one(&blob("next", MIB)), next.connect().one(&blob("next", MIB))]);
        drop((next, held));
        let gone = wait_for(SOON, || (census() == before).then_some(()));
        assert!(gone.is_some(), "round {round}: {before:?} before, {:?} now", census());
    }
    assert_eq!(oom_kills(), kills);
    Ok(())
}

fn client_that_leaks_is_stopped_at_its_budget_beside_the_pool_and_others_go_on() -> Verdict {
    kernel_heaps()?;
    root()?;
    let kills = oom_kills();
    let service = start(&policy("client = \"32MiB\"\ntotal = \"80MiB\"", "[pool]\ntotal = \"32MiB\"\n"), &[]);
    let client = service.connect();
    let still = Still::of(&service);
    let held = || service.dump().number("/all/live_bytes") + service.dump().number("/pool/ready_bytes");
    for round in 0..3 {
        // 1 MiB of pixels and a page of metadata each: 31 fit.
        let mut leaker = RemoteClient::start(service.transport(), Some((12_345, 0)));
        assert_eq!(leaker.greeting(), "connected");
        let mut leaked = 0;
        let refusal = loop {
            let answer = leaker.allocate("leaked", 512, 512, 1);
            if !answer.starts_with("ok ") {
                break answer;
            }
            leaked += 1;
            // The other asks in between and is served each time.
            drop(client.one(&rgba("beside", 512, 512)));
            assert!(held() <= 80 << 20, "{} bytes are held and ready", held());
        };
        assert!(refusal.starts_with("refused 1 ") && refusal.contains("uid 12345"), "{refusal}");
        assert_eq!(leaked, 31, "round {round}: what the killed one held is still on its account");
        // Stopped for good, and in nobody's way: the other uses up its own budget.
        for _ in 0..20 {
            assert!(leaker.allocate("leaked", 512, 512, 1).starts_with("refused 1 "));
        }
        let kept: Vec<Buffer> = (0..31).map(|_| client.one(&rgba("beside", 512, 512))).collect();
        assert!(held() <= 80 << 20, "{} bytes are held and ready", held());
        drop(kept);
        leaker.kill();
    }
    let pool = service.dump().0["pool"].clone();
    assert!(pool["fills"].as_u64().unwrap() > 0, "the pool was idle: {pool}");
    still.assert_nothing_left();
    assert_eq!(service.dump().client(12_345).unwrap()["live_bytes"], 0);
    assert_eq!(oom_kills(), kills);
    Ok(())
}
