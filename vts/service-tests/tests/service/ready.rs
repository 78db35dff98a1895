//! Buffers that are ready before they are asked for: always clean, never in anybody's way, gone when nobody asks.

use gralloc_client::Buffer;
use gralloc_kernel::mmap::{Mapping, Protection};
use service_tests::client::{blob, Client};
use service_tests::dmabufs::census;
use service_tests::place::{has_kernel_heaps, kernel_heaps};
use service_tests::policy::PolicyText;
use service_tests::process::oom_kills;
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
        pool_off_keeps_nothing_and_starts_no_thread,
        killed_service_leaves_no_ready_buffer,
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
            let fills = service.dump().number("/pool/fills");
            wait_for(SOON, || (service.dump().number("/pool/ready_buffers") > 0).then_some(()));
            assert!(service.dump().number("/pool/fills") >= fills);
        }
    }
    assert!(service.dump().number("/pool/hits") > 0);
    Ok(())
}

const LISTED: &str =
    "idle_seconds = 2\n[[ready]]\nname = \"still\"\nformat = \"BLOB\"\nwidth = 2097152\nheight = 1\ncount = 3";

fn listed_entries_are_ready_before_anybody_asked() -> Verdict {
    let service = with_pool(LISTED.trim_start_matches("idle_seconds = 2\n"), "reserve = \"16MiB\"");
    wait_for_ready(&service, 3);
    let _one = service.connect().one(&blob("first", 2 * MIB));
    assert_eq!(service.dump().number("/pool/hits"), 1);
    wait_for_ready(&service, 3);
    Ok(())
}

fn ready_buffers_go_when_nobody_asks() -> Verdict {
    let service = with_pool(LISTED, "reserve = \"16MiB\"");
    wait_for_ready(&service, 3);
    wait_for_ready(&service, 0);
    let dump = service.dump();
    let figures = (dump.number("/pool/ready_bytes"), dump.number("/pool/dropped_idle"));
    assert_eq!(figures, (0, 3), "{}", dump.0["pool"]);
    // Somebody asks for something: they are back.
    let _small = service.connect().one(&blob("small", 4096));
    wait_for_ready(&service, 3);
    Ok(())
}

fn budget_of_all_is_the_clients_to_use_up() -> Verdict {
    let service = with_pool(LISTED.trim_start_matches("idle_seconds = 2\n"), "reserve = \"16MiB\"\ntotal = \"12MiB\"");
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
    // In a guest nobody else takes memory meanwhile.
    kernel_heaps()?;
    let reserve = service_tests::process::available_bytes().saturating_sub(192 << 20) >> 20;
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

fn pool_off_keeps_nothing_and_starts_no_thread() -> Verdict {
    let fills = |service: &Service| {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", service.pid())).unwrap().flatten();
        let mut names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.any(|name| name.trim() == "filler")
    };
    let (off, on) = (with_pool("enabled = false", "reserve = \"16MiB\""), plain());
    assert!(fills(&on) && !fills(&off));
    let client: Client = off.connect();
    let _kept: Vec<Buffer> = (0..4).map(|_| client.one(&blob("stream", MIB))).collect();
    let dump = off.dump();
    assert!(dump.0["pool"].is_null(), "{}", dump.0["pool"]);
    assert!(client.dump(&[]).contains("pool: off"));
    Ok(())
}

fn killed_service_leaves_no_ready_buffer() -> Verdict {
    kernel_heaps()?;
    let before = census();
    let mut service = with_pool(LISTED.trim_start_matches("idle_seconds = 2\n"), "reserve = \"16MiB\"");
    wait_for_ready(&service, 3);
    service.kill();
    let gone = wait_for(SOON, || (census() == before).then_some(()));
    assert!(gone.is_some(), "the kernel had {before:?} and has {:?}", census());
    Ok(())
}
