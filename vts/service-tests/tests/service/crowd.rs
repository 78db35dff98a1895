//! Many at once: clients side by side, hostile floods, clients that die in the middle of a call.

use allocator_aidl::BufferDescriptorInfo;
use gralloc_buffer::Usage;
use service_tests::client::{assert_distinct, descriptor, option, rgba, Client, Failure, CPU};
use service_tests::good::beside;
use service_tests::helper::{Churner, RemoteClient};
use service_tests::process::{fds, own_fds};
use service_tests::service::{Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Test, Verdict};
use service_tests::{sample, tests, tests_of_both, wait_for, SOON};
use std::collections::HashSet;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    let both = tests_of_both!["crowd":
        four_clients_in_parallel_get_what_they_ask_for,
        flood_of_bad_and_good_requests_is_survived,
        client_killed_in_the_middle_of_a_call_leaves_nothing,
    ];
    let own = tests!["crowd":
        connections_beyond_the_limit_are_turned_away_and_the_rest_served,
        client_that_says_nothing_holds_nobody_up,
        garbage_on_the_socket_ends_only_its_own_connection,
    ];
    both.into_iter().chain(own).collect()
}

fn four_clients_in_parallel_get_what_they_ask_for(subject: &Subject) {
    const ROUNDS: i32 = 25;
    let still = Still::of(subject);
    let mut clients: Vec<RemoteClient> = (0..4).map(|_| RemoteClient::start(subject.transport(), None)).collect();
    assert!(clients.iter_mut().all(|client| client.greeting() == "connected"));
    let mut ids = HashSet::new();
    for _ in 0..ROUNDS {
        for (count, client) in (1..).zip(&mut clients) {
            client.order(&format!("allocate parallel 320 240 {count}"));
        }
        for (count, client) in (1..).zip(&mut clients) {
            let answer = client.answer();
            let got = answer.strip_prefix("ok ").unwrap_or_else(|| panic!("{answer}"));
            let got: Vec<&str> = got.split(' ').collect();
            assert_eq!(got.len(), count);
            assert!(got.iter().all(|id| ids.insert((*id).to_owned())), "an id was given twice");
        }
        clients.iter_mut().for_each(RemoteClient::let_go);
    }
    drop(clients);
    still.assert_nothing_left();
}

/// What a hostile client may send, one after the other.
fn hostile(round: u32) -> (BufferDescriptorInfo, i32) {
    let base = rgba("flood", 64, 64);
    match round % 10 {
        0 => (base, -1),
        1 => (base, i32::MAX),
        2 => (BufferDescriptorInfo { width: -1, ..base }, 1),
        3 => (rgba("flood", i32::MAX, i32::MAX), 1),
        4 => (BufferDescriptorInfo { name: [0xff; 128], ..rgba("", 1, 1) }, 1),
        5 => (descriptor("flood", 8, 8, gralloc_buffer::PixelFormat::Rgba8888, Usage(u64::MAX)), 1),
        6 => (BufferDescriptorInfo { reservedSize: i64::MAX, ..base }, 1),
        7 => {
            let additional = (0..50).map(|number| option(&"x".repeat(100), number)).collect();
            (BufferDescriptorInfo { additionalOptions: additional, ..base }, 1)
        }
        8 => (base, 4),
        _ => (descriptor("flood", 320, 240, gralloc_buffer::PixelFormat::Yv12, CPU), 2),
    }
}

/// Whether a call was served; an error when it was neither served nor refused.
type Outcome = Result<bool, String>;

fn flood_once(client: &Client, round: u32) -> Outcome {
    let (info, count) = hostile(round);
    match client.allocate(&info, count) {
        Ok(allocation) => {
            assert_distinct(&allocation.buffers);
            Ok(true)
        }
        Err(Failure::Refused { error: 0..=2, .. }) => Ok(false),
        Err(failure) => Err(format!("{failure:?}")),
    }
}

fn flood_of_bad_and_good_requests_is_survived(subject: &Subject) {
    // Whole rounds of its ten kinds.
    flood(subject, if sample() > 1 { 10 } else { 50 });
}

/// So many calls from each of 64 threads.
pub(crate) fn flood(subject: &Subject, each: u32) {
    const THREADS: u32 = 64;
    // Fewer connections than the socket lets one user have, shared; binder has one for the process anyway.
    let clients: Vec<Client> = (0..16).map(|_| subject.connect()).collect();
    let still = Still::of(subject);
    let calls = subject.dump().number("/requests");
    let done = AtomicU32::new(0);
    let ((outcomes, peak), good) = beside(subject, || {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|number| {
                    let client = &clients[usize::try_from(number).unwrap() % clients.len()];
                    let done = &done;
                    scope.spawn(move || {
                        let outcomes: Vec<Outcome> =
                            (0..each).map(|call| flood_once(client, number * 7 + call)).collect();
                        done.fetch_add(1, Ordering::Relaxed);
                        outcomes
                    })
                })
                .collect();
            let mut peak = (0, 0);
            while done.load(Ordering::Relaxed) < THREADS {
                peak = (peak.0.max(fds(subject.pid()).len()), peak.1.max(own_fds().len()));
                thread::sleep(Duration::from_millis(5));
            }
            (threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>(), peak)
        })
    });
    let broken: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    let peaks = format!("at most {} fds in the service, {} here", peak.0, peak.1);
    assert!(broken.is_empty(), "{} calls broke, the first: {}; {peaks}", broken.len(), broken[0]);
    let served = u32::try_from(outcomes.iter().filter(|outcome| **outcome == Ok(true)).count()).unwrap();
    let refused = u32::try_from(outcomes.len()).unwrap() - served;
    assert_eq!(served + refused, THREADS * each);
    // Three of ten kinds are good ones.
    assert_eq!(served, THREADS * each * 3 / 10);
    still.assert_nothing_left();
    let dump = subject.dump();
    assert_eq!(dump.number("/requests"), calls + u64::from(THREADS * each) + u64::try_from(good.calls).unwrap());
    assert_eq!(dump.buffers("flood").len(), 0);
    println!("{peaks}; its memory has grown by {} KiB", still.growth() >> 10);
    clients[0].one(&rgba("good", 64, 64));
}

fn client_killed_in_the_middle_of_a_call_leaves_nothing(subject: &Subject) {
    let live = subject.dump().number("/all/live_bytes");
    let still = Still::of(subject);
    for round in 0..10 {
        let mut churner = Churner::start(subject.transport());
        churner.wait_for_calls(2);
        // At a different point of its call each time.
        thread::sleep(Duration::from_micros(300 * round));
        churner.kill();
        let all_back = || (subject.dump().number("/all/live_bytes") == live).then_some(());
        assert!(wait_for(SOON, all_back).is_some(), "round {round}: {:#?}", subject.dump().0["buffers"]);
    }
    still.assert_nothing_left();
    subject.connect().one(&rgba("good", 64, 64));
}

fn connections_beyond_the_limit_are_turned_away_and_the_rest_served() -> Verdict {
    connections_are_bounded(&Service::plain());
    Ok(())
}

/// 80 connections are too many.
pub(crate) fn connections_are_bounded(subject: &Subject) {
    let still = Still::of(subject);
    let first = subject.connect();
    let crowd: Vec<_> = (0..80).map(|_| Client::connect(subject.transport())).collect();
    let inside = crowd.iter().filter(|client| client.is_ok()).count();
    assert!((1..80).contains(&inside), "{inside} of 80 got in");
    first.one(&rgba("good", 64, 64));
    for client in crowd.iter().flatten() {
        client.one(&rgba("good", 16, 16));
    }
    drop(crowd);
    let again = wait_for(SOON, || Client::connect(subject.transport()).ok());
    again.expect("places come free").one(&rgba("good", 16, 16));
    drop(first);
    still.assert_nothing_left();
}

fn client_that_says_nothing_holds_nobody_up() -> Verdict {
    let service = Service::plain();
    let _silent: Vec<UnixStream> = (0..8).map(|_| UnixStream::connect(service.socket()).unwrap()).collect();
    service.connect().one(&rgba("good", 16, 16));
    Ok(())
}

fn garbage_on_the_socket_ends_only_its_own_connection() -> Verdict {
    let service = Service::plain();
    let client = service.connect();
    let still = Still::of(&service);
    for garbage in [&[0xffu8; 4096][..], b"GET / HTTP/1.1\r\n\r\n", &[0; 64]] {
        let mut stream = UnixStream::connect(service.socket()).unwrap();
        // It may be closed before all is written.
        let _ = stream.write_all(garbage);
        drop(stream);
    }
    client.one(&rgba("good", 16, 16));
    still.assert_nothing_left();
    Ok(())
}
