//! Two real heaps: contiguous memory that runs out, is in pieces, has a budget, is absent, goes by other names.

use gralloc_client::Buffer;
use service_tests::client::{blob, rgba, Client, NO_RESOURCES, UNSUPPORTED};
use service_tests::place::{
    contiguous_heap, kernel_heaps, nodes, page_bytes, root, Heaps, CONTIGUOUS_NAMES, SYSTEM_HEAP,
};
use service_tests::policy::{heap, rule, PolicyText};
use service_tests::process::{fdinfo, own_pid};
use service_tests::service::{Options, Service};
use service_tests::still::Still;
use service_tests::suite::{Test, Verdict};
use service_tests::{tests, wait_for, SOON};
use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;
use tempfile::TempDir;

pub(crate) fn tests() -> Vec<Test> {
    tests!["contiguous":
        rule_for_contiguous_memory_gets_it_under_every_name,
        size_and_free_memory_of_the_region_are_told_as_the_kernel_counts_them,
        exhausted_heap_falls_back_to_the_next_and_is_taken_again_when_free,
        exhausted_heap_without_a_next_has_no_resources_and_stays_supported,
        heap_in_pieces_falls_back_for_what_does_not_fit_a_piece,
        budget_of_the_contiguous_heap_falls_back_and_frees,
        buffer_larger_than_the_heap_gives_goes_to_the_next,
        absent_heap_falls_back_or_is_not_supported,
    ]
}

const MIB: i32 = 1 << 20;

/// BLOBs are for contiguous memory alone; everything else takes ordinary memory when there is none.
fn policy(more: &str) -> PolicyText {
    PolicyText {
        heaps: heap("contiguous", &CONTIGUOUS_NAMES, &format!("contiguous = true\n{more}"))
            + &heap("system", &["system"], ""),
        rules: rule("device", "formats = [\"BLOB\"]\nheaps = [\"contiguous\"]")
            + &rule("everything-else", "heaps = [\"contiguous\", \"system\"]"),
        ..PolicyText::default()
    }
}

/// The heap that the kernel says a buffer is from.
fn exporter(buffer: &Buffer) -> String {
    fdinfo(own_pid(), buffer.pixels.as_raw_fd(), "exp_name").unwrap()
}

fn is_contiguous(buffer: &Buffer) -> bool {
    CONTIGUOUS_NAMES.contains(&exporter(buffer).as_str())
}

/// RGBA of so many MiB, which may fall back.
fn picture(client: &Client, mib: i32) -> Buffer {
    client.one(&rgba("picture", 512, 512 * mib))
}

/// BLOBs of this size until the contiguous heap has no more.
fn fill(client: &Client, bytes: i32) -> Vec<Buffer> {
    let mut kept = Vec::new();
    loop {
        match client.allocate(&blob("fill", bytes), 1) {
            Ok(allocation) => kept.extend(allocation.buffers),
            Err(failure) => {
                assert_eq!(failure.error(), NO_RESOURCES);
                let words = failure.words();
                assert!(words.contains("contiguous") && words.contains("12"), "heap and errno: {words}");
                assert!(kept.iter().all(is_contiguous));
                return kept;
            }
        }
        assert!(kept.len() < 2_000, "the heap has no end");
    }
}

/// A count of the region in debugfs, pages.
fn region(name: &str) -> u64 {
    let regions = fs::read_dir("/sys/kernel/debug/cma").unwrap().flatten();
    let files = regions.map(|region| region.path().join(name));
    files.map(|file| fs::read_to_string(file).unwrap().trim().parse::<u64>().unwrap()).max().unwrap()
}

fn start_on(folder: &TempDir) -> Service {
    let options = Options { heaps: Heaps::Kernel, heap_dir: Some(folder.path().to_owned()), ..Options::default() };
    Service::start(&policy(""), &options)
}

fn rule_for_contiguous_memory_gets_it_under_every_name() -> Verdict {
    let real = contiguous_heap()?;
    root()?;
    for name in CONTIGUOUS_NAMES {
        let folder = nodes(&[(name, &real), ("system", Path::new(SYSTEM_HEAP))]);
        let service = start_on(&folder);
        let client = service.connect();
        assert!(client.supports(&blob("alias", MIB)));
        assert!(is_contiguous(&client.one(&blob("alias", MIB))), "{name}");
        assert_eq!(service.dump().heap("contiguous")["node"], name);
    }
    // And where the kernel has put it.
    let service = Service::start(&policy(""), &Options::default());
    assert!(is_contiguous(&service.connect().one(&blob("real", MIB))));
    let node = real.file_name().unwrap().to_str().unwrap();
    assert_eq!(service.dump().heap("contiguous")["node"], node);
    Ok(())
}

/// The service reads sysfs where the kernel has it there; this test reads debugfs.
fn size_and_free_memory_of_the_region_are_told_as_the_kernel_counts_them() -> Verdict {
    contiguous_heap()?;
    root()?;
    let service = Service::start(&policy(""), &Options::default());
    let client = service.connect();
    let told = || {
        let dump = service.dump();
        ["region_bytes", "region_free_bytes"].map(|field| dump.heap("contiguous")[field].as_u64().unwrap())
    };
    let counted = || [region("count"), region("count") - region("used")].map(|pages| pages * page_bytes());
    let before = counted();
    assert_eq!(told(), before);
    let buffer = client.one(&blob("region", MIB));
    let given = counted();
    assert_eq!((told(), before[1] - given[1]), (given, 1 << 20));
    assert!(service.dump().heap("system")["region_bytes"].is_null(), "the system heap has no region");
    drop(buffer);
    Ok(())
}

fn exhausted_heap_falls_back_to_the_next_and_is_taken_again_when_free() -> Verdict {
    contiguous_heap()?;
    root()?;
    let service = Service::start(&policy(""), &Options::default());
    let client = service.connect();
    let still = Still::of(&service);
    let (used, all) = (region("used"), region("count"));
    let kept = fill(&client, 4 * MIB);
    assert!(region("used") > all * 9 / 10, "{} of {all} pages", region("used"));
    let fallen = picture(&client, 4);
    assert_eq!(exporter(&fallen), "system");
    let dump = service.dump();
    assert_eq!(dump.heap("contiguous")["live_bytes"], kept.len() * 4 * (1 << 20));
    assert_eq!(dump.heap("system")["total_buffers"], 1);
    drop((kept, fallen));
    still.assert_nothing_left();
    assert_eq!(region("used"), used, "pages of the region are lost");
    assert!(is_contiguous(&picture(&client, 4)));
    Ok(())
}

fn exhausted_heap_without_a_next_has_no_resources_and_stays_supported() -> Verdict {
    contiguous_heap()?;
    let service = Service::start(&policy(""), &Options::default());
    let client = service.connect();
    let mut kept = fill(&client, 4 * MIB);
    let still = Still::of(&service);
    let info = blob("one too many", 4 * MIB);
    assert!(client.supports(&info), "memory that is short now is no reason to deny support");
    assert_eq!(client.refusal(&info, 3).error(), NO_RESOURCES);
    still.assert_nothing_left();
    kept.pop();
    assert!(is_contiguous(&client.one(&info)));
    Ok(())
}

fn heap_in_pieces_falls_back_for_what_does_not_fit_a_piece() -> Verdict {
    contiguous_heap()?;
    root()?;
    let service = Service::start(&policy(""), &Options::default());
    let client = service.connect();
    let still = Still::of(&service);
    let kept = fill(&client, MIB / 2);
    let all = kept.len();
    let holes = kept.into_iter().enumerate().filter(|(index, _)| index % 2 == 0);
    let kept: Vec<Buffer> = holes.map(|(_, buffer)| buffer).collect();
    // Half is free, and no piece of it has 2 MiB.
    let freed = wait_for(SOON, || (region("used") < region("count") * 2 / 3).then_some(()));
    assert!(freed.is_some(), "{} of {} pages are still used", region("used"), region("count"));
    assert!(region("maxchunk") * page_bytes() < 2 << 20, "a piece has {} pages", region("maxchunk"));
    let failure = client.refusal(&blob("large", 2 * MIB), 1);
    assert_eq!(failure.error(), NO_RESOURCES, "{failure:?}");
    assert_eq!(exporter(&picture(&client, 2)), "system");
    // What fits a piece still gets it.
    assert!(is_contiguous(&client.one(&blob("small", MIB / 2))), "{all} buffers, every other one free");
    drop(kept);
    still.assert_nothing_left();
    assert!(is_contiguous(&client.one(&blob("large", 2 * MIB))));
    Ok(())
}

fn budget_of_the_contiguous_heap_falls_back_and_frees() -> Verdict {
    contiguous_heap()?;
    let service = Service::start(&policy("budget = \"4MiB\""), &Options::default());
    let client = service.connect();
    let mut kept: Vec<Buffer> = (0..6).map(|_| picture(&client, 1)).collect();
    let from: Vec<bool> = kept.iter().map(is_contiguous).collect();
    assert_eq!(from, [true, true, true, true, false, false]);
    let failure = client.refusal(&blob("device", MIB), 1);
    assert_eq!(failure.error(), NO_RESOURCES);
    assert!(failure.words().contains("4194304"), "the budget is named: {failure:?}");
    drop(kept.remove(0));
    // A dump books all releases; a request that finds the budget used up, and the next heap free, does not wait for them.
    assert_eq!(service.dump().heap("contiguous")["live_bytes"], 3 << 20);
    assert!(is_contiguous(&picture(&client, 1)), "what was given back can be had again");
    Ok(())
}

fn buffer_larger_than_the_heap_gives_goes_to_the_next() -> Verdict {
    contiguous_heap()?;
    let service = Service::start(&policy("max_buffer = \"1MiB\""), &Options::default());
    let client = service.connect();
    assert!(is_contiguous(&picture(&client, 1)));
    assert_eq!(exporter(&picture(&client, 2)), "system");
    assert!(!client.supports(&blob("device", 2 * MIB)));
    let failure = client.refusal(&blob("device", 2 * MIB), 1);
    assert_eq!(failure.error(), UNSUPPORTED, "no later try can succeed: {failure:?}");
    Ok(())
}

/// As on a kernel that has the system heap alone; on any kernel.
fn absent_heap_falls_back_or_is_not_supported() -> Verdict {
    kernel_heaps()?;
    root()?;
    let folder = nodes(&[("system", Path::new(SYSTEM_HEAP))]);
    let service = start_on(&folder);
    let client = service.connect();
    assert_eq!(service.dump().heap("contiguous")["state"], "absent");
    assert_eq!(exporter(&picture(&client, 1)), "system");
    assert!(!client.supports(&blob("device", MIB)));
    assert_eq!(client.refusal(&blob("device", MIB), 1).error(), UNSUPPORTED);
    Ok(())
}
