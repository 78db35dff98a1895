//! Many at once: clients side by side, hostile floods, clients that die in the middle of a call.

use allocator_aidl::BufferDescriptorInfo;
use gralloc_core::Usage;
use service_tests::client::{assert_distinct, descriptor, option, rgba, Client, CPU};
use service_tests::helper::{Churner, RemoteClient};
use service_tests::service::{Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Test, Verdict};
use service_tests::{tests, tests_of_both, wait_for, SOON};
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
    let mut clients: Vec<RemoteClient> = (0..4).map(|_| RemoteClient::start(subject.door(), None)).collect();
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
        5 => (descriptor("flood", 8, 8, gralloc_core::PixelFormat::Rgba8888, Usage(u64::MAX)), 1),
        6 => (BufferDescriptorInfo { reservedSize: i64::MAX, ..base }, 1),
        7 => {
            let additional = (0..50).map(|number| option(&"x".repeat(100), number)).collect();
            (BufferDescriptorInfo { additionalOptions: additional, ..base }, 1)
        }
        8 => (base, 4),
        _ => (descriptor("flood", 320, 240, gralloc_core::PixelFormat::Yv12, CPU), 2),
    }
}

fn flood_of_bad_and_good_requests_is_survived(subject: &Subject) {
    const THREADS: u32 = 64;
    const CALLS: u32 = 50;
    // Fewer connections than the socket lets one user have, shared; binder has one for the process anyway.
    let clients: Vec<Client> = (0..16).map(|_| subject.connect()).collect();
    let still = Still::of(subject);
    let (served, refused) = (AtomicU32::new(0), AtomicU32::new(0));
    let calls = subject.dump().number("/requests");
    thread::scope(|scope| {
        for number in 0..THREADS {
            let client = &clients[usize::try_from(number).unwrap() % clients.len()];
            let (served, refused) = (&served, &refused);
            scope.spawn(move || {
                for call in 0..CALLS {
                    let (info, count) = hostile(number.wrapping_mul(7).wrapping_add(call));
                    match client.allocate(&info, count) {
                        Ok(allocation) => {
                            assert_distinct(&allocation.buffers);
                            served.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(failure) => {
                            assert!((0..=2).contains(&failure.error()), "{failure:?}");
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (served, refused) = (served.into_inner(), refused.into_inner());
    assert_eq!(served + refused, THREADS * CALLS);
    // Three of ten kinds are good ones.
    assert_eq!(served, THREADS * CALLS * 3 / 10);
    still.assert_nothing_left();
    let dump = subject.dump();
    assert_eq!(dump.number("/requests"), calls + u64::from(THREADS * CALLS));
    assert_eq!(dump.buffers("flood").len(), 0);
    clients[0].one(&rgba("good", 64, 64));
}

fn client_killed_in_the_middle_of_a_call_leaves_nothing(subject: &Subject) {
    let live = subject.dump().number("/all/live_bytes");
    let still = Still::of(subject);
    for round in 0..10 {
        let mut churner = Churner::start(subject.door());
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
    let service = Service::plain();
    let still = Still::of(&service);
    let first = service.connect();
    let crowd: Vec<_> = (0..80).map(|_| Client::connect(service.door())).collect();
    let inside = crowd.iter().filter(|client| client.is_ok()).count();
    assert!((1..80).contains(&inside), "{inside} of 80 got in");
    first.one(&rgba("good", 64, 64));
    for client in crowd.iter().flatten() {
        client.one(&rgba("good", 16, 16));
    }
    drop(crowd);
    let again = wait_for(SOON, || Client::connect(service.door()).ok());
    again.expect("places come free").one(&rgba("good", 16, 16));
    drop(first);
    still.assert_nothing_left();
    Ok(())
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
