//! What the service marks in the kernel's trace: its requests in their parts, and an account that agrees with the ledger.

use service_tests::client::{blob, rgba};
use service_tests::place::{root, tracefs};
use service_tests::policy::PolicyText;
use service_tests::service::{Options, Service};
use service_tests::suite::{Test, Verdict};
use service_tests::tests;
use std::fs;
use std::path::Path;
use vm_harness::ftrace::{value, Trace};

pub(crate) fn tests() -> Vec<Test> {
    tests!["tracing":
        marks_nest_and_their_counters_agree_with_the_ledger,
        service_that_nobody_asks_to_marks_nothing,
    ]
}

fn start(environment: &[(&str, &str)]) -> Service {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let more = "[pool]\ntotal = \"64MiB\"\n".to_owned();
    let policy = PolicyText { more, ..PolicyText::default() };
    Service::start(&policy, &Options { environment, ..Options::default() })
}

/// An empty trace with room for all marks of a test.
fn clear(tracing: &Path) {
    fs::write(tracing.join("buffer_size_kb"), "4096").unwrap();
    fs::write(tracing.join("tracing_on"), "1").unwrap();
    fs::write(tracing.join("trace"), "").unwrap();
}

fn number(instant: &str, key: &str) -> u64 {
    value(instant, key).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{key} of {instant}"))
}

fn marks_nest_and_their_counters_agree_with_the_ledger() -> Verdict {
    root()?;
    let tracing = tracefs()?;
    clear(tracing);
    let service = start(&[("GRALLOC_TRACE", "1")]);
    let client = service.connect();
    let mut kept = Vec::new();
    for round in 0..8 {
        kept.extend(client.allocate(&rgba("traced|name", 512, 256), 2).unwrap().buffers);
        if round % 2 == 1 {
            kept.remove(0);
        }
    }
    client.refusal(&blob("too much", i32::MAX), 1);
    kept.truncate(5);
    // It books what was let go.
    let dump = service.dump();
    let trace = Trace::read(&fs::read_to_string(tracing.join("trace")).unwrap());
    assert!(!trace.lost, "the trace's buffer overflowed");

    let slices = trace.slices().unwrap();
    let of = |path: &str| slices.iter().filter(|slice| slice.path == path).count();
    assert_eq!((of("allocate2"), dump.number("/requests")), (9, 9));
    assert_eq!(["allocate2/plan", "allocate2/admission", "allocate2/reply"].map(of), [9, 8, 8]);
    // Pixels and metadata of each buffer.
    assert_eq!(of("allocate2/ioctl"), 8 * 2 * 2);
    let known = ["allocate2", "allocate2/plan", "allocate2/admission", "allocate2/ioctl", "allocate2/reply"];
    assert!(slices.iter().all(|slice| known.contains(&slice.path.as_str())), "{slices:?}");
    let whole = slices.iter().filter(|slice| slice.path == "allocate2");
    for slice in whole {
        let inside = slices.iter().filter(|part| part.thread == slice.thread && part.path != "allocate2");
        let inside = inside.filter(|part| slice.begin_us <= part.begin_us && part.end_us <= slice.end_us);
        assert!(inside.map(|part| part.end_us - part.begin_us).sum::<u64>() <= slice.end_us - slice.begin_us);
        let [told] = &slice.instants[..] else { panic!("{slice:?}") };
        assert!(["served", "refused"].contains(&told.split(' ').next().unwrap()), "{told}");
    }

    let served: Vec<&str> = trace.instants("served").collect();
    let sum = |key: &str| served.iter().map(|served| number(served, key)).sum::<u64>();
    assert_eq!((served.len(), sum("count"), sum("pool_hits")), (8, 16, dump.number("/pool/hits")));
    // A `|` ends a name for those who read traces.
    assert!(served
        .iter()
        .all(|served| served.ends_with("name=traced\\x7cname") && value(served, "heap") == Some("system")));
    let refused: Vec<&str> = trace.instants("refused").collect();
    assert_eq!(refused.len(), 1);
    let cause = value(refused[0], "cause").unwrap();
    assert_eq!(dump.refusals(cause), 1, "{refused:?} and {}", dump.0["refusals"]);
    assert_eq!((trace.instants("released").count(), dump.number("/all/live_buffers")), (11, 5));

    let counters = trace.counters();
    assert_eq!(counters["live bytes of system"], dump.heap("system")["live_bytes"].as_u64().unwrap());
    // What is ready changes as long as it is filled: the counter was at least once what a request left.
    assert!(counters.contains_key("pool bytes"), "{counters:?}");
    Ok(())
}

fn service_that_nobody_asks_to_marks_nothing() -> Verdict {
    root()?;
    let tracing = tracefs()?;
    clear(tracing);
    for environment in [&[][..], &[("GRALLOC_TRACE", "0")]] {
        let service = start(environment);
        drop(service.connect().one(&rgba("untraced", 64, 64)));
        assert_eq!(service.dump().number("/requests"), 1);
    }
    let text = fs::read_to_string(tracing.join("trace")).unwrap();
    assert_eq!(Trace::read(&text).marks, [], "{text}");
    Ok(())
}
