//! The dump, for people and as JSON: it agrees with what was done.

use gralloc_buffer::Usage;
use rustix::process::geteuid;
use service_tests::client::{blob, descriptor, rgba, Client, CPU, FROZEN};
use service_tests::dump::Dump;
use service_tests::helper::RemoteClient;
use service_tests::place::{charged_bytes, page_bytes, root};
use service_tests::policy::{heap, rule, PolicyText};
use service_tests::process::own_pid;
use service_tests::service::{Options, Service, Subject};
use service_tests::suite::{Test, Verdict};
use service_tests::{tests, tests_of_both, wait_for, SOON};
use std::time::Instant;

pub(crate) fn tests() -> Vec<Test> {
    let both = tests_of_both!["dump":
        dump_names_the_service_and_its_version,
        dump_lists_live_buffers_with_their_owner,
        dump_text_and_json_tell_the_same,
        extension_tells_what_the_dump_tells,
        leak_view_names_old_buffers_and_no_others,
        dump_of_more_than_a_pipe_holds_arrives_whole,
    ];
    let own = tests!["dump":
        few_of_many_buffers_are_the_oldest_and_the_rest_is_counted,
        dump_counts_rules_heaps_and_refusals,
        dump_to_a_reader_that_leaves_does_no_harm,
        binder_statistics_and_dump_are_refused_to_other_users,
        socket_statistics_and_dump_are_refused_to_other_users,
    ];
    both.into_iter().chain(own).collect()
}

fn dump_names_the_service_and_its_version(subject: &Subject) {
    let dump = subject.dump();
    assert_eq!(dump.0["service"], "android.hardware.graphics.allocator.IAllocator/default");
    assert_eq!(dump.0["interface_version"], FROZEN.0);
    assert!(dump.number("/memory/available_bytes") > 0);
    assert!(dump.number("/limits/request_bytes") > 0);
}

fn dump_lists_live_buffers_with_their_owner(subject: &Subject) {
    let start = Instant::now();
    let allocation = subject.connect().allocate(&blob("listed", 5000), 2).unwrap();
    let dump = subject.dump();
    let lines = dump.buffers("listed");
    assert_eq!(lines.len(), 2);
    for line in lines {
        let id = line["id"].as_u64().unwrap();
        assert!(allocation.buffers.iter().any(|buffer| buffer.info.id == id));
        assert_eq!(line["bytes"], charged_bytes(5000));
        assert_eq!((&line["uid"], &line["pid"]), (&geteuid().as_raw().into(), &own_pid().into()));
        assert_eq!(line["usage"], CPU.to_string());
        assert_eq!((&line["format"], &line["format_value"]), (&"BLOB".into(), &0x21.into()));
        // Birth and now are each cut to a millisecond: the difference may be one more.
        assert!(u128::from(line["age_ms"].as_u64().unwrap()) <= start.elapsed().as_millis() + 1);
    }
    drop(allocation);
    assert_eq!(subject.dump().buffers("listed").len(), 0);
}

fn dump_text_and_json_tell_the_same(subject: &Subject) {
    let client = subject.connect();
    let buffer = client.one(&rgba("both ways", 16, 16));
    let (text, dump) = (client.dump(&[]), Dump::of(&client));
    let requests = dump.number("/requests");
    assert!(text.contains(&format!("requests {requests}")), "{text}");
    assert!(text.contains(&format!("{:#018x}", buffer.info.id)) && text.contains("\"both ways\""), "{text}");
    for rule in dump.0["rules"].as_array().unwrap() {
        let (name, hits) = (rule["name"].as_str().unwrap(), rule["hits"].as_u64().unwrap());
        let mut lines = text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        assert!(lines.any(|words| words == [hits.to_string().as_str(), name]), "{name} {hits} is not in {text}");
    }
    for heap in dump.0["heaps"].as_array().unwrap() {
        assert!(text.contains(heap["name"].as_str().unwrap()), "{text}");
    }
}

fn extension_tells_what_the_dump_tells(subject: &Subject) {
    let client = subject.connect();
    let buffer = client.one(&rgba("both ways\u{1b}", 16, 16));
    let statistics = client.statistics();
    let (told, dump) = (statistics.getStatistics().unwrap(), Dump::of(&client));
    let same = |value: i64, pointer: &str| assert_eq!(u64::try_from(value).unwrap(), dump.number(pointer), "{pointer}");
    same(told.requests, "/requests");
    same(told.all.liveBuffers, "/all/live_buffers");
    same(told.all.liveBytes, "/all/live_bytes");
    same(told.all.totalBytes, "/all/total_bytes");
    assert_eq!(told.clients.len(), dump.0["clients"].as_array().unwrap().len());
    assert_eq!(told.refusals.len(), dump.0["refusals"].as_object().unwrap().len());
    assert_eq!(told.heaps.len(), dump.0["heaps"].as_array().unwrap().len());
    let mut served = 0;
    for (index, heap) in told.heaps.iter().enumerate() {
        assert_eq!(dump.0["heaps"][index]["name"], heap.name);
        same(heap.account.liveBytes, &format!("/heaps/{index}/live_bytes"));
        same(heap.latency.count, &format!("/heaps/{index}/latency/count"));
        same(heap.latency.p50Us, &format!("/heaps/{index}/latency/p50_us"));
        same(heap.latency.p99Us, &format!("/heaps/{index}/latency/p99_us"));
        assert_eq!(heap.latency.buckets.iter().sum::<i64>(), heap.latency.count);
        served += heap.latency.count;
    }
    assert!(served > 0);
    let buffers = statistics.getBuffers(0, 0, 0).unwrap();
    let own = buffers.iter().find(|line| line.id.cast_unsigned() == buffer.info.id).unwrap();
    assert_eq!(
        (own.name.as_str(), own.uid.cast_unsigned(), own.pid),
        ("both ways\\x1b", geteuid().as_raw(), own_pid())
    );
    assert_eq!(own.usage.cast_unsigned(), CPU.0);
    assert!(statistics.getBuffers(i64::MAX, 0, 0).unwrap().is_empty());
    assert_eq!(statistics.getBuffers(i64::MIN, 0, 1).unwrap().len(), 1);
}

/// Waits until each buffer of this name is as old, by the service's clock.
fn wait_for_age(client: &Client, name: &str, age_ms: u64) {
    let old = || {
        let dump = Dump::of(client);
        let mut ages = dump.buffers(name).into_iter().map(|line| line["age_ms"].as_u64().unwrap());
        ages.all(|age| age >= age_ms).then_some(())
    };
    wait_for(SOON, old).unwrap_or_else(|| panic!("{name:?} does not grow {age_ms} ms old"));
}

fn leak_view_names_old_buffers_and_no_others(subject: &Subject) {
    let client = subject.connect();
    let kept = client.allocate(&rgba("leaky", 16, 16), 3).unwrap();
    wait_for_age(&client, "leaky", 30);
    let groups = |age: &str| {
        let dump: serde_json::Value = serde_json::from_str(&client.dump(&["--json", "--older-than", age])).unwrap();
        let groups = dump["leaks"]["groups"].as_array().unwrap().clone();
        groups.into_iter().find(|group| group["name"] == "leaky")
    };
    let group = groups("20ms").unwrap();
    assert_eq!((&group["buffers"], &group["uid"]), (&3.into(), &geteuid().as_raw().into()));
    assert_eq!(groups("1h"), None);
    let text = client.dump(&["--older-than", "20ms"]);
    assert!(text.contains("20 ms") && text.contains("leaky"), "{text}");
    drop(kept);
    assert_eq!(groups("0"), None);
}

fn dump_of_more_than_a_pipe_holds_arrives_whole(subject: &Subject) {
    let client = subject.connect();
    let name = "n".repeat(127);
    let kept: Vec<_> = (0..20).map(|_| client.allocate(&rgba(&name, 1, 1), 16).unwrap()).collect();
    let text = client.dump(&["--json"]);
    assert!(text.len() > 1 << 16, "{} bytes", text.len());
    assert_eq!(Dump::of(&client).buffers(&name).len(), 16 * kept.len());
}

fn few_of_many_buffers_are_the_oldest_and_the_rest_is_counted() -> Verdict {
    let service = Service::plain();
    let client = service.connect();
    let mut kept = vec![client.one(&rgba("oldest", 16, 16))];
    wait_for_age(&client, "oldest", 5);
    // Its place in the account is used again by one that is younger than all.
    let gone = client.one(&rgba("gone", 16, 16));
    // Enough that the account is looked through twice, with fds for the tests beside this one: a guest gives 1,024.
    kept.extend((0..9).flat_map(|_| client.allocate(&rgba("many", 16, 16), 32).unwrap().buffers));
    drop(gone);
    wait_for_age(&client, "many", 5);
    kept.push(client.one(&rgba("youngest", 16, 16)));
    // The slowest requests have names, too.
    let listed = |arguments: &[&str]| {
        let text = client.dump(arguments);
        text.split_once("live buffers, oldest first").unwrap_or_else(|| panic!("{text}")).1.to_owned()
    };
    let text = listed(&[]);
    assert!(text.contains("\"oldest\"") && !text.contains("\"youngest\""), "{text}");
    // 290 live buffers: what is not listed is counted.
    let lines = text.matches("\"many\"").count() + 1;
    assert!(text.contains(&format!("{} more", 290 - lines)), "{lines} of 290 are listed: {text}");
    assert_eq!(listed(&["--buffers"]).matches("\"many\"").count(), 288);
    let told = client.statistics().getBuffers(0, 0, 1).unwrap();
    assert_eq!(told.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["oldest"]);
    let told = client.statistics().getBuffers(0, 0, 0).unwrap();
    assert_eq!((told.len(), told.last().unwrap().name.as_str()), (290, "youngest"));
    Ok(())
}

fn dump_counts_rules_heaps_and_refusals() -> Verdict {
    let policy = PolicyText {
        heaps: heap("system", &["system"], "") + &heap("blobs", &["system"], "budget = \"1MiB\""),
        rules: rule("protected", "all_of = [\"PROTECTED\"]\ndeny = \"this device has no protected heap\"")
            + &rule("blobs", "formats = [\"BLOB\"]\nheaps = [\"blobs\"]")
            + &rule("everything-else", "heaps = [\"system\"]"),
        ..PolicyText::default()
    };
    let service = Service::start(&policy, &Options::default());
    let client = service.connect();
    let blobs = client.allocate(&blob("counted", 4096), 3).unwrap();
    let pictures = client.allocate(&rgba("counted", 32, 32), 2).unwrap();
    drop(client.allocate(&rgba("gone", 32, 32), 1).unwrap());
    assert!(client.allocate(&rgba("bad", 0, 1), 1).is_err());
    assert!(client.allocate(&rgba("bad", 1, 1), -1).is_err());
    assert!(client.allocate(&rgba("bad", 0, 2), 1).is_err());
    let secret = descriptor("bad", 1, 1, gralloc_buffer::PixelFormat::Rgba8888, Usage::PROTECTED);
    assert!(client.allocate(&secret, 1).is_err());
    // What only asks is no request.
    client.supports(&rgba("asked", 1, 1));

    let dump = service.dump();
    assert_eq!(dump.number("/requests"), 7);
    assert_eq!((dump.hits("protected"), dump.hits("blobs"), dump.hits("everything-else")), (0, 1, 2));
    assert_eq!((dump.refusals("size"), dump.refusals("count"), dump.refusals("denied")), (2, 1, 1));
    let (system, budgeted) = (dump.heap("system"), dump.heap("blobs"));
    assert_eq!((&system["live_buffers"], &system["total_buffers"]), (&2.into(), &3.into()));
    assert_eq!((&budgeted["live_buffers"], &budgeted["live_bytes"]), (&3.into(), &(3 * page_bytes()).into()));
    assert_eq!(budgeted["budget_bytes"], 1 << 20);
    let own = dump.client(geteuid().as_raw()).unwrap();
    assert_eq!((&own["live_buffers"], &own["refusals"], &own["reserved_bytes"]), (&5.into(), &4.into(), &0.into()));
    assert_eq!(dump.number("/all/total_buffers"), 6);
    drop((blobs, pictures));
    assert_eq!(service.dump().number("/all/live_bytes"), 0);
    Ok(())
}

fn dump_to_a_reader_that_leaves_does_no_harm() -> Verdict {
    let service = Service::plain();
    let client = service.connect();
    let kept: Vec<_> = (0..20).map(|_| client.allocate(&rgba(&"n".repeat(127), 1, 1), 16).unwrap()).collect();
    client.dump_to_nobody();
    assert!(service.lives(), "{}", service.log());
    drop(kept);
    service.connect().one(&rgba("good", 16, 16));
    Ok(())
}

/// A refusal says who may ask.
fn names_who_may(answer: &str) -> bool {
    ["root", "system", "shell"].iter().all(|name| answer.contains(name))
}

/// An app, cameraserver, and the shell: the first two may have buffers, the third may see those of all.
pub(crate) fn refused_to_others(subject: &Subject, group: impl Fn(u32) -> u32) {
    let watched = |uid: u32| {
        let mut client = RemoteClient::start(subject.transport(), Some((uid, group(uid))));
        assert_eq!(client.greeting(), "connected");
        assert!(client.allocate("watcher", 16, 16, 1).starts_with("ok "), "uid {uid} has no buffer");
        client.watch()
    };
    for uid in [10_001, 1047] {
        let [statistics, buffers, dump] = watched(uid);
        for answer in [statistics, buffers] {
            assert!(answer.starts_with("Security ") && names_who_may(&answer), "uid {uid}: {answer}");
        }
        assert!(dump.contains("PermissionDenied") && names_who_may(&dump), "uid {uid}: {dump}");
    }
    for uid in [0, 1000, 2000] {
        assert_eq!(watched(uid), ["ok", "ok", "ok"], "uid {uid}");
    }
    // Refusals leave nothing behind.
    assert_eq!(Dump::of(&subject.connect()).buffers("watcher").len(), 0);
}

fn binder_statistics_and_dump_are_refused_to_other_users() -> Verdict {
    root()?;
    refused_to_others(&Subject::running()?, |uid| uid);
    Ok(())
}

fn socket_statistics_and_dump_are_refused_to_other_users() -> Verdict {
    root()?;
    let service = Service::plain();
    // The socket is for the service's user and group.
    refused_to_others(&service, |_| 0);
    Ok(())
}
