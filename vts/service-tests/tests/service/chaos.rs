//! SIGKILL at random points: of clients in the middle of whatever they do, and of the guest's service.

use fastrand::Rng;
use gralloc_client::Transport;
use service_tests::client::{rgba, Client, Failure};
use service_tests::dmabufs::{census, Census};
use service_tests::good::SetAtEnd;
use service_tests::helper::RandomClient;
use service_tests::own_binder::{needs_vmctl, vmctl};
use service_tests::service::{Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Test, Verdict};
use service_tests::{chaos_time, tests, wait_for, SOON};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

pub(crate) fn tests() -> Vec<Test> {
    tests!["chaos":
        socket_clients_killed_at_random_leave_nothing,
        binder_clients_and_service_killed_at_random_leave_nothing,
    ]
}

const CLIENTS: usize = 8;
/// Watchdog of a good call: over a service's end and the start of the next, on a slow machine.
const LONGEST: Duration = Duration::from_secs(180);

/// Kills the service and starts a new one; the new one after a first call, since some things are opened then.
fn fresh_service() -> Subject {
    vmctl("kill");
    vmctl("start");
    let subject = wait_for(SOON, || Subject::running().ok()).expect("the new service answers");
    subject.connect().one(&rgba("first", 16, 16));
    subject
}

/// One call of a client that behaves: again and again until it is served, over as many services as it takes.
fn served(client: &mut Option<Client>, lost: &mut usize) -> Duration {
    let start = Instant::now();
    while start.elapsed() < LONGEST {
        let connected = client.take().or_else(|| Client::connect(&Transport::Binder).ok());
        if let Some(connected) = connected {
            match connected.allocate(&rgba("good", 64, 64), 1) {
                Ok(_) => {
                    *client = Some(connected);
                    return start.elapsed();
                }
                Err(Failure::Call(_)) => *lost += 1,
                Err(refusal) => panic!("the well-behaved client is refused: {refusal:?}"),
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("the well-behaved client was not served within {LONGEST:?}");
}

fn well_behaved(done: &AtomicBool) -> String {
    let (mut client, mut lost, mut times) = (None, 0, Vec::new());
    while !done.load(Ordering::Relaxed) {
        times.push(served(&mut client, &mut lost));
        thread::sleep(Duration::from_millis(2));
    }
    times.sort();
    let part = |hundredths: usize| times[times.len() * hundredths / 100];
    let (p50, p99, most) = (part(50), part(99), times.last().unwrap());
    format!("{} good calls, p50 {p50:?}, p99 {p99:?}, longest {most:?}; {lost} calls lost with a service", times.len())
}

/// Kills clients and starts others, for so long and at least once; the service too, now and then, if asked to.
fn kill_at_random(
    random: &mut Rng,
    clients: &mut Vec<RandomClient>,
    transport: &Transport,
    time: Duration,
    service: bool,
) -> (u32, u32) {
    let (start, mut kills) = (Instant::now(), (0, 0));
    while start.elapsed() < time || kills.0 == 0 || (service && kills.1 == 0) {
        thread::sleep(Duration::from_micros(random.u64(..150_000)));
        if service && random.u64(..8) == 0 {
            vmctl("kill");
            // Clients find no service for a while.
            thread::sleep(Duration::from_millis(random.u64(..100)));
            vmctl("start");
            kills.1 += 1;
        } else {
            let victim = random.usize(..clients.len());
            clients.swap_remove(victim).kill();
            clients.push(RandomClient::start(transport, random.u64(..)));
            kills.0 += 1;
        }
    }
    kills
}

/// A buffer that somebody still has changes the census.
fn assert_left_buffer_is_seen(subject: &Subject, before: Option<Census>) {
    let buffer = subject.connect().one(&rgba("left", 16, 16));
    assert!(census() != before || before.is_none(), "a buffer that is left goes unseen: {before:?}");
    drop(buffer);
    let gone = wait_for(SOON, || (census() == before).then_some(()));
    assert!(gone.is_some(), "a buffer that is gone is still seen: {before:?} before, {:?} now", census());
}

fn start_clients(random: &mut Rng, transport: &Transport) -> Vec<RandomClient> {
    (0..CLIENTS).map(|_| RandomClient::start(transport, random.u64(..))).collect()
}

/// Clients are killed for so long; their service outlives them all, and they leave it nothing.
pub(crate) fn clients_killed_leave_nothing(subject: &Subject, random: &mut Rng, time: Duration) {
    let still = Still::of(subject);
    let mut clients = start_clients(random, subject.transport());
    // However slow the machine is, some of them have buffers when they are killed.
    let served = wait_for(SOON, || (subject.dump().number("/all/live_buffers") > 0).then_some(()));
    assert!(served.is_some(), "no client gets a buffer");
    let (killed, _) = kill_at_random(random, &mut clients, subject.transport(), time, false);
    clients.into_iter().for_each(RandomClient::kill);
    println!("{killed} clients killed under one service");
    let released = wait_for(SOON, || (subject.dump().number("/all/live_bytes") == 0).then_some(()));
    assert!(released.is_some(), "the clients are gone, their buffers are not: {:#?}", subject.dump().0["buffers"]);
    still.assert_nothing_left();
    println!("its memory has grown by {} KiB", still.growth() >> 10);
}

fn socket_clients_killed_at_random_leave_nothing() -> Verdict {
    let seed = seed();
    clients_killed_leave_nothing(&Service::plain(), &mut Rng::with_seed(seed), chaos_time() / 4);
    Ok(())
}

/// What the times and victims are drawn from: told, so that it can be had again.
fn seed() -> u64 {
    let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() % 1_000_000_007;
    let seed = std::env::var("SERVICE_TESTS_CHAOS_SEED");
    let seed = seed.map_or_else(|_| u64::try_from(clock()).unwrap(), |seed| seed.parse().unwrap());
    println!("SERVICE_TESTS_CHAOS_SEED={seed}");
    seed
}

fn binder_clients_and_service_killed_at_random_leave_nothing() -> Verdict {
    Subject::running()?;
    needs_vmctl()?;
    let mut random = Rng::with_seed(seed());
    // A new service at rest before, against a new service at rest afterwards.
    let first = fresh_service();
    drop(Still::of(&first));
    let before = census();
    assert_left_buffer_is_seen(&first, before);
    let done = AtomicBool::new(false);
    let (kills, words) = thread::scope(|scope| {
        // The well-behaved client ends with this, also when a check fails.
        let end = SetAtEnd(&done);
        let good = scope.spawn(|| well_behaved(&done));
        let mut clients = start_clients(&mut random, &Transport::Binder);
        let kills = kill_at_random(&mut random, &mut clients, &Transport::Binder, chaos_time() * 3 / 4, true);
        clients.into_iter().for_each(RandomClient::kill);
        drop(end);
        (kills, good.join().unwrap())
    });
    println!("{} clients and the service {} times killed; {words}", kills.0, kills.1);
    // Nothing is left of clients, of those services' buffers, of the services.
    let last = fresh_service();
    let same = wait_for(SOON, || (census() == before).then_some(()));
    assert!(same.is_some(), "dma-bufs are left: {before:?} before, {:?} now", census());
    // The same again with one service that outlives them all.
    clients_killed_leave_nothing(&last, &mut random, chaos_time() / 4);
    assert_eq!(Subject::running()?.pid(), last.pid(), "the service died by itself");
    last.connect().one(&rgba("good", 64, 64));
    Ok(())
}
