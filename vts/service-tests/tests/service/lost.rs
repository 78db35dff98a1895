//! A binder thread of the service that loses a call or an answer: the kernel's copies to or from it fail. What is lost
//! cannot be had again; the caller has to be told so, and the next call to be served.

use gralloc_client::Transport;
use service_tests::client::{rgba, Client, Failure};
use service_tests::dmabufs::census;
use service_tests::faults::{forgets_callers, in_time, Copies, Faults, SERVE_NOBODY};
use service_tests::own_binder::OwnBinder;
use service_tests::process::thread_names;
use service_tests::service::Subject;
use service_tests::still::Still;
use service_tests::suite::{Skip, Test, Verdict};
use service_tests::{tests, wait_for, SOON};
use std::collections::BTreeMap;
use std::process::ExitStatus;

pub(crate) fn tests() -> Vec<Test> {
    tests!["lost": binder_calls_lost_to_a_thread_are_told_and_the_next_is_served]
}

/// A call has fewer points than this, or it would never end.
const MOST: u32 = 400;
/// So many calls without a fault in a row: N is beyond the last point, whichever thread served.
const CALM: u32 = 4;
/// Threads of the pool, the main thread included.
const THREADS: usize = 4;

/// One call, whose answer does not keep the test waiting for ever; `None` when there is none.
fn call(client: &Client) -> Option<Result<(), Failure>> {
    let client = client.clone();
    in_time(move || client.allocate(&rgba("lost", 64, 64), 1).map(drop))
}

/// Waits until the service has served a call or has ended: how it ended.
fn served_or_ended(service: &mut OwnBinder) -> Option<ExitStatus> {
    let event = wait_for(SOON, || match service.ended() {
        Some(status) => Some(Some(status)),
        None => {
            let client = Client::connect(&Transport::Binder).ok()?;
            client.allocate(&rgba("good", 64, 64), 1).is_ok().then_some(None)
        }
    });
    event.unwrap_or_else(|| panic!("the service neither serves nor ends:\n{}", service.log()))
}

/// Starts the next service when this one has ended; what is logged says why it did.
fn go_on(service: &mut OwnBinder, nth: u32) -> Option<ExitStatus> {
    let status = served_or_ended(service)?;
    let log = service.log();
    assert!(log.contains("rsbinder"), "point {nth}: {status}, and no word why:\n{log}");
    if status.code() == Some(1) {
        let last = log.lines().last().unwrap_or_default();
        assert!(last.contains("lost its connection"), "point {nth}: no reason is logged:\n{log}");
    }
    service.start();
    Some(status)
}

/// Threads that serve binder.
fn pool(subject: &Subject) -> usize {
    // The main thread serves under the program's own name.
    1 + thread_names(subject.pid()).iter().filter(|name| name.starts_with("binder:")).count()
}

fn binder_calls_lost_to_a_thread_are_told_and_the_next_is_served() -> Verdict {
    let mut service = OwnBinder::instead()?;
    drop(Still::of(&service.subject()));
    let before = census();
    let (mut fates, mut calm, mut struck_at) = (BTreeMap::<String, u32>::new(), 0, 0);
    for nth in 1..MOST {
        // One that ends late has served a call since the last point.
        go_on(&mut service, nth);
        let subject = service.subject();
        let client = subject.connect();
        let faults = Faults::in_process(subject.pid(), SERVE_NOBODY, Copies::All)?;
        let (answer, fate) = faults.at(nth, || call(&client));
        let Some(answer) = answer else {
            let log = service.log();
            assert!(forgets_callers(), "point {nth}: the caller waits for ever\n{log}");
            return Err(Skip(format!(
                "at point {nth} this kernel's binder forgot the caller: {} points held",
                nth - 1
            )));
        };
        let ended = go_on(&mut service, nth);
        let answer = match answer {
            Ok(()) => "served",
            Err(Failure::Refused { .. }) => "refused",
            Err(Failure::Call(_)) => "told that it is lost",
        };
        let word = match ended {
            None => format!("{answer}; the service goes on"),
            Some(status) => format!("{answer}; the service ends, {status}, and the next one serves"),
        };
        if fate.struck || fate.ended {
            *fates.entry(word).or_default() += 1;
            (calm, struck_at) = (0, nth);
        } else {
            calm += 1;
        }
        if calm == CALM {
            break;
        }
    }
    for (fate, times) in &fates {
        println!("{times:4} × {fate}");
    }
    println!("{struck_at} points");
    go_on(&mut service, struck_at);
    assert!((10..MOST - CALM).contains(&struck_at), "{struck_at} points failed");
    let subject = service.subject();
    let all = wait_for(SOON, || (pool(&subject) >= THREADS).then_some(()));
    assert!(all.is_some(), "threads are missing: {:?}", thread_names(subject.pid()));
    let back = wait_for(SOON, || (census() == before).then_some(()));
    assert!(back.is_some(), "dma-bufs are left: {before:?} before, {:?} now", census());
    Ok(())
}
