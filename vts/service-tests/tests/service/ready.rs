//! Buffers that are ready before they are asked for: always clean, never in anybody's way, gone when nobody asks.

use gralloc_client::Buffer;
use gralloc_dmabuf::mmap::{Mapping, Protection};
use service_tests::client::{blob, Client};
use service_tests::dmabufs::{census, ready, wait_until_nothing_is_ready, Census};
use service_tests::place::{has_kernel_heaps, kernel_heaps};
use service_tests::policy::PolicyText;
use service_tests::pressure::{without_pressure_events, Presser};
use service_tests::process::{available_bytes, fds, oom_kills, thread_names, total_bytes};
use service_tests::service::{Options, Service};
use service_tests::suite::{Test, Verdict};
use service_tests::{tests, wait_for, SOON};
use std::os::fd::AsFd;

pub(crate) fn tests() -> Vec<Test> {
    tests!["ready":
        second_buffer_of_a_kind_is_ready_clean_and_named,
        buffer_that_a_client_dirtied_never_comes_back,
        listed_entries_are_ready_before_anybody_asked,
        ready_buffers_go_when_nobody_asks,
        budget_of_all_is_the_clients_to_use_up,
        memory_reserve_is_reached_through_what_was_ready,
        real_memory_pressure_empties_the_pool,
        without_pressure_events_the_memory_figure_empties_the_pool,
        pool_off_keeps_nothing_and_starts_no_thread_timer_or_trigger,
        statistics_and_dump_say_the_same_of_the_pool,
        killed_service_leaves_no_ready_buffer,
        part_of_the_memory_is_told_with_what_it_comes_to,
    ]
}

const MIB: i32 = 1 << 20;

fn with_pool(pool: &str, limits: &str) -> Service {
    let limits = format!("request = \"256MiB\"\nbuffers_per_request = 32\n{limits}");
    let more = format!("[pool]\ntotal = \"64MiB\"\n{pool}\n");
    Service::start(&PolicyText { limits, more, ..PolicyText::default() }, &Options::default())
}

fn plain() -> Service {
    with_pool("", "reserve = \"16MiB\"")
}

/// Waits until so many are ready.
fn wait_for_ready(service: &Service, buffers: u64) {
    let ready = || service.dump().number("/pool/ready_buffers");
    let there = wait_for(SOON, || (ready() == buffers).then_some(()));
    assert!(there.is_some(), "{} ready, not {buffers}: {}", ready(), service.dump().0["pool"]);
}

fn assert_clean(buffer: &Buffer, bytes: i32) {
    let bytes = usize::try_from(bytes).unwrap();
    let mapping = Mapping::new(buffer.pixels.as_fd(), bytes, Protection::Read).unwrap();
    let mut page = [1; 4096];
    for at in (0..bytes).step_by(page.len()) {
        mapping.read(at, &mut page).unwrap();
        assert!(page.iter().all(|byte| *byte == 0), "not zero at {at}");
    }
}

fn dirty(buffer: &Buffer, bytes: i32) {
    let bytes = usize::try_from(bytes).unwrap();
    let mapping = Mapping::new(buffer.pixels.as_fd(), bytes, Protection::ReadWrite).unwrap();
    for at in (0..bytes).step_by(4096) {
        mapping.write(at, &[0xa5; 4096]).unwrap();
    }
}

fn second_buffer_of_a_kind_is_ready_clean_and_named() -> Verdict {
    let service = plain();
    let client = service.connect();
    let _first = client.one(&blob("stream 1", MIB));
    wait_for_ready(&service, 1);
    let second = client.one(&blob("stream 2", MIB));
    assert_eq!(service.dump().number("/pool/hits"), 1);
    assert_clean(&second, MIB);
    assert_eq!(service.dump().buffers("stream 2").len(), 1);
    if has_kernel_heaps() {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&second.pixels)));
        assert_eq!(link.unwrap().to_str().unwrap(), "/dmabuf:stream 2");
    }
    Ok(())
}

fn buffer_that_a_client_dirtied_never_comes_back() -> Verdict {
    let service = plain();
    let client = service.connect();
    for round in 0..12 {
        let buffer = client.one(&blob("dirty", MIB));
        assert_clean(&buffer, MIB);
        dirty(&buffer, MIB);
        drop(buffer);
        if round % 2 == 0 {
            let ready = wait_for(SOON, || (service.dump().number("/pool/ready_buffers") > 0).then_some(()));
            assert!(ready.is_some(), "{}", service.dump().0["pool"]);
        }
    }
    assert!(service.dump().number("/pool/hits") > 0);
    Ok(())
}

/// Three of 2 MiB, for as long as the policy keeps anything.
const LISTED_FOR_LONG: &str = "[[ready]]\nname = \"still\"\nformat = \"BLOB\"\nwidth = 2097152\nheight = 1\ncount = 3";

fn listed_for_two_seconds() -> String {
    format!("idle_seconds = 2\n{LISTED_FOR_LONG}")
}

fn listed_entries_are_ready_before_anybody_asked() -> Verdict {
    let service = with_pool(LISTED_FOR_LONG, "reserve = \"16MiB\"");
    wait_for_ready(&service, 3);
    let _one = service.connect().one(&blob("first", 2 * MIB));
    assert_eq!(service.dump().number("/pool/hits"), 1);
    wait_for_ready(&service, 3);
    Ok(())
}

fn ready_buffers_go_when_nobody_asks() -> Verdict {
    let service = with_pool(&listed_for_two_seconds(), "reserve = \"16MiB\"");
    // A slow machine may look when they have gone again, or fill but one before that: what was done is counted.
    let all_dropped_after = |before: u64| {
        let counted = || {
            let dump = service.dump();
            let [fills, dropped, ready] =
                ["fills", "dropped_idle", "ready_bytes"].map(|name| dump.number(&format!("/pool/{name}")));
            (fills > before && dropped == fills && ready == 0).then_some(fills)
        };
        wait_for(SOON, counted).unwrap_or_else(|| panic!("{}", service.dump().0["pool"]))
    };
    let first = all_dropped_after(0);
    // After the next request they are back, and go again.
    let _small = service.connect().one(&blob("small", 4096));
    all_dropped_after(first);
    Ok(())
}

fn budget_of_all_is_the_clients_to_use_up() -> Verdict {
    let service = with_pool(LISTED_FOR_LONG, "reserve = \"16MiB\"\ntotal = \"12MiB\"");
    wait_for_ready(&service, 3);
    // 6 MiB are ready, 12 may be held: eleven of 1 MiB with their page of metadata fit, as if nothing were ready.
    let client = service.connect();
    let kept: Vec<Buffer> = (0..11).map(|_| client.one(&blob("one", MIB))).collect();
    let dump = service.dump();
    let held = dump.number("/all/live_bytes") + dump.number("/pool/ready_bytes");
    assert!(held <= 12 << 20, "{held} bytes are held and ready");
    assert!(dump.number("/pool/dropped_room") > 0);
    drop(kept);
    Ok(())
}

fn memory_reserve_is_reached_through_what_was_ready() -> Verdict {
    // In a guest nobody else takes memory meanwhile, or gives it back.
    kernel_heaps()?;
    wait_until_nothing_is_ready();
    let reserve = available_bytes().saturating_sub(192 << 20) >> 20;
    let kills = oom_kills();
    // Twice the reserve must stay free beside what is ready: nothing is filled here, and nothing stands in the way.
    let service = with_pool("", &format!("reserve = \"{reserve}MiB\""));
    let client = service.connect();
    let mut kept = Vec::new();
    while let Ok(allocation) = client.allocate(&blob("fill", 8 * MIB), 1) {
        kept.push(allocation);
        assert!(kept.len() < 48, "twice what may be used has been given out");
    }
    assert!(kept.len() > 12, "{} buffers of 8 MiB of 192 MiB", kept.len());
    assert_eq!(service.dump().number("/pool/ready_bytes"), 0);
    assert_eq!(oom_kills(), kills);
    Ok(())
}

fn real_memory_pressure_empties_the_pool() -> Verdict {
    kernel_heaps()?;
    let service = with_pool(LISTED_FOR_LONG, "reserve = \"16MiB\"");
    wait_for_ready(&service, 3);
    assert_eq!(service.dump().0["pool"]["pressure_seen_through"], "psi");
    let kills = oom_kills();
    let _presser = Presser::start()?;
    // The kernel averages over a window of two seconds.
    let gone = wait_for(6 * SOON, || (service.dump().number("/pool/dropped_pressure") == 3).then_some(()));
    let dump = service.dump();
    assert!(gone.is_some(), "{}", dump.0["pool"]);
    assert_eq!(dump.number("/pool/ready_bytes"), 0);
    // Nothing is filled for a while, and requests are served all the same.
    let _one = service.connect().one(&blob("under pressure", 2 * MIB));
    assert_eq!(service.dump().number("/pool/ready_bytes"), 0);
    assert_eq!(oom_kills(), kills);
    Ok(())
}

fn without_pressure_events_the_memory_figure_empties_the_pool() -> Verdict {
    // In a guest nobody else takes memory meanwhile, or gives it back.
    kernel_heaps()?;
    wait_until_nothing_is_ready();
    let available = available_bytes();
    // Filled while twice the reserve is free, which it is; given back below one and a half.
    let limits = format!("reserve = \"{}MiB\"", (available / 3) >> 20);
    let service = without_pressure_events(|| with_pool(LISTED_FOR_LONG, &limits))?;
    assert_eq!(service.dump().0["pool"]["pressure_seen_through"], "MemAvailable", "{}", service.log());
    assert!(service.log().contains("no events of memory pressure"), "{}", service.log());
    wait_for_ready(&service, 3);
    let taken = vec![1_u8; usize::try_from(available * 3 / 5).unwrap()];
    let gone = wait_for(SOON, || (service.dump().number("/pool/dropped_pressure") == 3).then_some(()));
    let dump = service.dump();
    assert!(gone.is_some(), "{} of {available} bytes are left: {}", available_bytes(), dump.0["pool"]);
    assert_eq!(dump.number("/pool/ready_bytes"), 0);
    drop(std::hint::black_box(taken));
    Ok(())
}

fn pool_off_keeps_nothing_and_starts_no_thread_timer_or_trigger() -> Verdict {
    let fills = |service: &Service| thread_names(service.pid()).iter().any(|name| name == "pool-fill");
    let opened = |service: &Service, what: &str| fds(service.pid()).values().filter(|to| to.contains(what)).count();
    let (off, on) = (with_pool("enabled = false", "reserve = \"16MiB\""), plain());
    assert!(fills(&on) && !fills(&off));
    // The maintenance thread's.
    assert_eq!((opened(&on, "[timerfd]"), opened(&off, "[timerfd]")), (1, 1));
    assert_eq!(opened(&off, "pressure"), 0);
    let told = usize::from(on.dump().0["pool"]["pressure_seen_through"] == "psi");
    assert_eq!(opened(&on, "pressure"), told);
    let client: Client = off.connect();
    let _kept: Vec<Buffer> = (0..4).map(|_| client.one(&blob("stream", MIB))).collect();
    let dump = off.dump();
    assert!(dump.0["pool"].is_null(), "{}", dump.0["pool"]);
    assert!(client.statistics().getStatistics().unwrap().pool.is_none());
    assert!(client.dump(&[]).contains("pool: off"));
    Ok(())
}

fn statistics_and_dump_say_the_same_of_the_pool() -> Verdict {
    let service = with_pool(LISTED_FOR_LONG, "reserve = \"16MiB\"");
    let client = service.connect();
    wait_for_ready(&service, 3);
    let _one = client.one(&blob("hit", 2 * MIB));
    wait_for_ready(&service, 3);
    let said = client.statistics().getStatistics().unwrap().pool.unwrap();
    let dump = service.dump();
    let settings = [
        ("ready_buffers", said.readyBuffers),
        ("ready_bytes", said.readyBytes),
        ("high_water_bytes", said.highWaterBytes),
        ("hits", said.hits),
        ("misses", said.misses),
        ("fills", said.fills),
        ("dropped_idle", said.droppedIdle),
        ("dropped_pressure", said.droppedPressure),
        ("dropped_room", said.droppedRoom),
    ];
    for (key, said) in settings {
        assert_eq!(dump.0["pool"][key], said, "{key}");
    }
    assert_eq!((said.readyBytes, said.hits, said.fills), (3 * 2 * i64::from(MIB), 1, 4));
    Ok(())
}

fn killed_service_leaves_no_ready_buffer() -> Verdict {
    kernel_heaps()?;
    // The guest's own service may have some too.
    let before = (ready(), census());
    let mut service = with_pool(LISTED_FOR_LONG, "reserve = \"16MiB\"");
    wait_for_ready(&service, 3);
    let listed = ready().map_or(0, |now| now.bytes);
    assert!(before.0.is_none() || listed >= 6 << 20, "{listed} bytes while three of 2 MiB are ready");
    service.kill();
    let no_more = |now: Option<Census>| now.map(|now| now.bytes) <= before.0.map(|before| before.bytes);
    let gone = wait_for(SOON, || (no_more(ready()) && census() == before.1).then_some(()));
    assert!(gone.is_some(), "the kernel had {before:?} and has {:?}", (ready(), census()));
    Ok(())
}

fn part_of_the_memory_is_told_with_what_it_comes_to() -> Verdict {
    let bounds = |total: &str| format!("[pool]\ntotal = \"{total}\"\n");
    let policy = |total: &str| PolicyText { more: bounds(total), ..PolicyText::default() };
    let service = Service::start(&policy("50%"), &Options::default());
    let pool = service.dump().0["pool"].clone();
    let limit = pool["limit_bytes"].as_u64().unwrap();
    // In whole pages, of 16 KiB at most.
    let half = total_bytes() / 2;
    assert!(limit <= half && half - limit < 16 << 10, "{limit} of {half}");
    let means = pool["limit_means"].as_str().unwrap();
    assert!(means.starts_with("50% of "), "{means}");
    assert!(service.connect().dump(&[]).contains(&format!(" ({means}), ")), "{means}");
    assert!(service.log().contains(&format!("are kept ready, {means}")), "{}", service.log());
    let options = Options { arguments: vec!["--check".to_owned()], ..Options::default() };
    let check = |policy: &PolicyText| String::from_utf8(Service::run(Some(&policy.json()), &options).stdout).unwrap();
    let told = check(&policy("50%"));
    assert!(told.lines().any(|line| line.starts_with("pool: at most ") && line.contains(means)), "{told}");
    assert!(check(&PolicyText::default()).lines().any(|line| line == "pool: off"));
    let refused = Service::run(Some(&policy("101%").json()), &options);
    let words = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{words}");
    for word in ["policy.json", "pool.total", "\"101%\"", "\"1%\" to \"100%\""] {
        assert!(words.contains(word), "{word}: {words}");
    }
    Ok(())
}
