//! Clients that mean harm beyond single bad requests: readers that stop reading, parcels that are no calls, floods of
//! refusals. Beside each a client that behaves, whose calls go on.

use fastrand::Rng;
use gralloc_client::{Connection, Transport};
use rsbinder::{ParcelFileDescriptor, SIBinder, Status, StatusCode, DUMP_TRANSACTION};
use service_tests::client::{rgba, Client};
use service_tests::good::beside;
use service_tests::helper::RemoteClient;
use service_tests::process::leave_few_fds;
use service_tests::service::{Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Test, Verdict};
use service_tests::{sample, tests, tests_of_both, wait_for, SOON};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) fn tests() -> Vec<Test> {
    let both = tests_of_both!["hostile":
        readers_that_stop_reading_keep_nobody_from_buffers,
        parcels_cut_oversized_and_garbled_are_answered_and_the_rest_served,
        tokens_of_other_interfaces_are_turned_away_and_the_rest_served,
        clients_without_free_fds_get_nothing_and_leave_nothing,
    ];
    let own = tests!["hostile": refusals_without_end_do_not_fill_the_log];
    both.into_iter().chain(own).collect()
}

/// What their pipes hold: less than a dump.
const PIPE_BYTES: usize = 64 << 10;
/// More readers than the pool has threads.
const READERS: usize = 6;

fn begin_dump(binder: &SIBinder, write: ParcelFileDescriptor) {
    let arguments = vec!["--json".to_owned()];
    // Refused or cut off: either is a good answer to such a reader.
    if let Some(kernel) = binder.as_proxy() {
        let _ = kernel.dump(write, &arguments);
        return;
    }
    let remote = binder.as_remote().unwrap();
    let mut data = remote.prepare_transact(true).unwrap();
    data.write(&write).unwrap();
    data.write(&arguments).unwrap();
    drop(write);
    let _ = remote.submit_transact(DUMP_TRANSACTION, &data, 0);
}

fn open(transport: &Transport) -> SIBinder {
    Connection::open(transport).unwrap().allocator().as_binder()
}

fn readers_that_stop_reading_keep_nobody_from_buffers(subject: &Subject) {
    let client = subject.connect();
    let still = Still::of(subject);
    // The dump names every buffer: with these it is longer than a pipe takes at once.
    let kept: Vec<_> = (0..20).map(|_| client.allocate(&rgba(&"n".repeat(127), 1, 1), 16).unwrap()).collect();
    let mut ends = Vec::new();
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (read, write) = ParcelFileDescriptor::pipe().unwrap();
            // A pipe takes 16 pages by itself, and with large ones the whole dump (pipe(7), F_SETPIPE_SZ).
            rustix::pipe::fcntl_setpipe_size(&read, PIPE_BYTES).unwrap();
            ends.push(read);
            let transport = subject.transport().clone();
            thread::spawn(move || begin_dump(&open(&transport), write))
        })
        .collect();
    // Those that got no permit return; wait for them, so that the others are certainly stuck.
    let stuck = || readers.iter().filter(|reader| !reader.is_finished()).count();
    let settled = wait_for(SOON, || Some(stuck()).filter(|stuck| *stuck < READERS - 1));
    // Statistics take the same permits.
    let statistics = client.statistics().getStatistics().map(drop).map_err(|status| status.exception_code());
    let when_asked = stuck();
    let (served, answer) = mpsc::channel();
    let well_behaved = subject.connect();
    thread::spawn(move || {
        let mut times: Vec<Duration> = (0..200)
            .map(|_| {
                let start = Instant::now();
                well_behaved.one(&rgba("good", 64, 64));
                start.elapsed()
            })
            .collect();
        times.sort();
        let _ = served.send(times[times.len() * 99 / 100]);
    });
    let p99 = answer.recv_timeout(6 * SOON);
    let while_stuck = stuck();
    drop(ends);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    let p99 = p99.expect("nobody is served while readers do not read");
    println!("{settled:?}, then {while_stuck} of {READERS} readers stuck; the well-behaved client's p99 is {p99:?}");
    assert!(settled.is_some_and(|stuck| stuck >= 1), "some dumps are begun, and not all: {settled:?}");
    // None, where the machine was so slow that the service gave all of them up meanwhile.
    assert!(while_stuck <= 2, "{while_stuck} are written to at once");
    let refused = Err(rsbinder::ExceptionCode::IllegalState);
    assert!(
        when_asked < 2 || statistics == refused,
        "{when_asked} dumps are under way, and the statistics: {statistics:?}"
    );
    drop(kept);
    // Their permits are free again.
    let again = wait_for(SOON, || Connection::open(subject.transport()).ok()?.dump(&[]).ok());
    assert!(again.is_some(), "the next dump is written");
    still.assert_nothing_left();
    drop(client);
}

/// Sends words that are no call; with the right interface's token or none at all.
fn send_words(binder: &SIBinder, code: u32, token: bool, words: &[i32]) {
    let remote = binder.as_remote().unwrap();
    let mut data = remote.prepare_transact(token).unwrap();
    words.iter().for_each(|word| data.write(word).unwrap());
    let _ = remote.submit_transact(code, &data, 0);
}

fn parcels_cut_oversized_and_garbled_are_answered_and_the_rest_served(subject: &Subject) {
    const SEED: u64 = 0x5eed_5eed_1234_5678;
    let rounds = 400 / u32::try_from(sample()).unwrap();
    println!("seed {SEED:#x}: {rounds} broken parcels");
    let live = subject.dump().number("/all/live_bytes");
    let transport = subject.transport().clone();
    let still = Still::of(subject);
    beside(subject, || {
        let mut random = Rng::with_seed(SEED);
        for round in 0..rounds {
            // A socket's service may end a connection that speaks nonsense: the next one is new.
            let Ok(connection) = Connection::open(&transport) else { continue };
            let binder = connection.allocator().as_binder();
            let length = match round % 5 {
                0 => 0,
                1 => 40_000,
                _ => random.u64(..80),
            };
            // The first words of a good call, then anything: the parser gets further.
            let head = [1, 188, 128];
            let mut words: Vec<i32> = head.into_iter().take(random.usize(..4)).collect();
            words.extend((0..length).map(|_| {
                let word = random.u64(..);
                let low = i32::from_le_bytes([word.to_le_bytes()[0], 0, 0, 0]);
                [low, i32::MAX, i32::MIN, -1, i32::from_le_bytes(word.to_le_bytes()[..4].try_into().unwrap())]
                    [usize::try_from(word >> 40).unwrap() % 5]
            }));
            // Methods 1 to 4, one that is none, and the ones that every binder has but for the dump.
            let codes = [1, 2, 3, 4, 5, 0x00ff_ffff, 0x00ff_fffe, u32::from_be_bytes(*b"_NTF")];
            let code = codes[random.usize(..8)];
            send_words(&binder, code, round % 3 != 0, &words);
        }
    });
    let back = wait_for(SOON, || (subject.dump().number("/all/live_bytes") == live).then_some(()));
    assert!(back.is_some(), "{:#?}", subject.dump().0["buffers"]);
    still.assert_nothing_left();
    println!("the service's memory has grown by {} KiB", still.growth() >> 10);
    subject.connect().one(&rgba("good", 16, 16));
}

/// What a transaction begins with in the place of the interface's name.
enum Token {
    Name(String),
    /// A length, and as many words behind it as are given.
    Words(i32, &'static [i32]),
    /// Nothing at all, not even the head that the kernel's binder has before it.
    Missing,
}

/// `allocate2`, which begins with this token; the status that it ends with when the service does not take it for a call.
fn call_with_token(connection: &Connection, token: &Token) -> Result<(), StatusCode> {
    let binder = connection.allocator().as_binder();
    let remote = binder.as_remote().unwrap();
    let mut data = remote.prepare_transact(false).unwrap();
    let over_kernel = binder.as_proxy().is_some();
    if over_kernel && !matches!(token, Token::Missing) {
        // Strict mode's policy, the work source, "SYST" (AOSP android-16.0.0_r1,
        // frameworks/native/libs/binder/Parcel.cpp, writeInterfaceToken).
        [0, -1, i32::from_be_bytes(*b"SYST")].iter().for_each(|word| data.write(word).unwrap());
    }
    match token {
        Token::Name(name) => data.write(name).unwrap(),
        Token::Words(length, words) => {
            data.write(length).unwrap();
            words.iter().for_each(|word| data.write(word).unwrap());
        }
        Token::Missing => {}
    }
    data.write(&rgba("token", 16, 16)).unwrap();
    data.write(&1i32).unwrap();
    const ALLOCATE2: u32 = 2;
    let mut reply = remote.submit_transact(ALLOCATE2, &data, 0)?.ok_or(StatusCode::UnexpectedNull)?;
    let status: Status = reply.read()?;
    assert!(status.is_ok(), "{status}");
    Ok(())
}

fn tokens_of_other_interfaces_are_turned_away_and_the_rest_served(subject: &Subject) {
    const OWN: &str = "android.hardware.graphics.allocator.IAllocator";
    let open = || Connection::open(subject.transport()).unwrap();
    // The same bytes behind the right name are a call: the name it is that the others are turned away for.
    assert_eq!(call_with_token(&open(), &Token::Name(OWN.to_owned())), Ok(()));
    let still = Still::of(subject);
    let name = |text: &str| Token::Name(text.to_owned());
    let wrong = [
        ("another interface's", name("android.hardware.graphics.composer3.IComposer")),
        ("our other interface's", name("vendor.dmaheap.graphics.allocator.IAllocatorStatistics")),
        ("empty", name("")),
        ("cut", name(&OWN[..OWN.len() - 1])),
        ("with more behind", name(&format!("{OWN}2"))),
        ("of another case", name(&OWN.to_lowercase())),
        ("with a terminator inside", name(&format!("{OWN}\0"))),
        ("of 100,000 letters", name(&"x".repeat(100_000))),
        ("null", Token::Words(-1, &[])),
        ("of a negative length", Token::Words(i32::MIN, &[0x61; 8])),
        ("of 2 billion letters that are not there", Token::Words(i32::MAX, &[0x61; 8])),
        ("of half a surrogate", Token::Words(2, &[0x6100_d800, 0])),
        ("missing", Token::Missing),
    ];
    beside(subject, || {
        for (what, token) in &wrong {
            // A socket's service may end a connection that speaks nonsense: the next one is new.
            let answers: Vec<_> = (0..5).map(|_| call_with_token(&open(), token)).collect();
            println!("{what}: {:?}", answers[0]);
            assert!(answers.iter().all(Result::is_err), "a token {what} is taken for the interface's");
        }
    });
    still.assert_nothing_left();
    assert_eq!(subject.dump().buffers("token").len(), 0);
    assert_eq!(call_with_token(&open(), &Token::Name(OWN.to_owned())), Ok(()));
}

fn clients_without_free_fds_get_nothing_and_leave_nothing(subject: &Subject) {
    const BUFFERS: i32 = 16;
    let still = Still::of(subject);
    let over_kernel = matches!(subject.transport(), Transport::Binder);
    beside(subject, || {
        for free in [0, 1, 2, 31] {
            let mut client = RemoteClient::start(subject.transport(), None);
            assert_eq!(client.greeting(), "connected");
            assert!(client.allocate("kept", 16, 16, 1).starts_with("ok "));
            let few = leave_few_fds(client.pid(), free);
            for _ in 0..5 {
                // Two fds a buffer: one too few at best.
                let answer = client.allocate("few-fds", 16, 16, BUFFERS);
                assert!(answer.starts_with("failed "), "32 fds came through where {free} are free: {answer}");
            }
            let gone = || subject.dump().buffers("few-fds").is_empty().then_some(());
            assert!(wait_for(SOON, gone).is_some(), "buffers that never arrived are on the account");
            assert_eq!(subject.dump().buffers("kept").len(), 1, "what it had before it keeps");
            few.end();
            // A connection that lost a message may be over; over binder there is none to lose.
            let answer = client.allocate("enough", 16, 16, BUFFERS);
            assert!(answer.starts_with("ok ") || !over_kernel, "{answer}");
        }
    });
    still.assert_nothing_left();
    assert!(subject.dump().buffers("kept").is_empty());
}

fn refusals_without_end_do_not_fill_the_log() -> Verdict {
    let service = Service::plain();
    let client: Client = service.connect();
    let start = Instant::now();
    for _ in 0..2000 {
        client.refusal(&rgba("flood\n\u{1b}[2J", 0, 16), 1);
    }
    // A hundred in ten seconds, and a slow machine has several such spans.
    let most = 100 * (usize::try_from(start.elapsed().as_secs()).unwrap() / 10 + 2);
    let log = service.log();
    let refusals = log.lines().filter(|line| line.contains("refused")).count();
    println!("2000 refusals, {refusals} of them in the log");
    assert!((100..=most).contains(&refusals), "{refusals} lines, at most {most}");
    assert!(refusals == 2000 || log.contains("counted"), "the log does not say that lines are left out: {log}");
    assert!(log.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte) || byte >= 0x80), "a control byte");
    Ok(())
}
