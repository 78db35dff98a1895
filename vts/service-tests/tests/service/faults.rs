//! Every point at which the kernel may fail an allocation in the service's own process, one after the other.

use gralloc_client::Transport;
use service_tests::client::{rgba, Client, Failure, NO_RESOURCES};
use service_tests::faults::{forgets_callers, in_time, Copies, Faults, SERVE_NOBODY};
use service_tests::helper::hold;
use service_tests::place::kernel_heaps;
use service_tests::service::{Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Skip, Test, Verdict};
use service_tests::{tests, wait_for, SOON};
use std::collections::BTreeMap;

pub(crate) fn tests() -> Vec<Test> {
    tests!["faults":
        every_failure_point_of_an_allocation_answers_and_leaves_nothing_over_binder,
        every_failure_point_of_an_allocation_answers_and_leaves_nothing_over_the_socket,
        leak_that_is_planted_is_seen,
    ]
}

/// A call has fewer points than this, or it would never end.
const MOST: u32 = 2_000;
/// So many calls without a fault in a row: N is beyond the last point, whichever thread served.
const CALM: u32 = 4;
/// Pixels of a side: 16 KiB.
const SIDE: i32 = 64;

fn every_failure_point_of_an_allocation_answers_and_leaves_nothing_over_binder() -> Verdict {
    sweep(&Subject::running()?)
}

fn every_failure_point_of_an_allocation_answers_and_leaves_nothing_over_the_socket() -> Verdict {
    kernel_heaps()?;
    sweep(&Service::plain())
}

fn sweep(subject: &Subject) -> Verdict {
    let faults = Faults::in_process(subject.pid(), SERVE_NOBODY, Copies::OfTheHeap)?;
    let client = subject.connect();
    client.one(&rgba("warm", SIDE, SIDE));
    let still = Still::of(subject);
    let (mut answers, mut calm, mut struck_at) = (BTreeMap::<String, u32>::new(), 0, 0);
    for nth in 1..MOST {
        // A session that a fault has ended serves no more.
        let client = Client::connect(subject.transport()).unwrap();
        // Held until no thread fails any more: one of the service's that closes its copy last, and has no memory for the event of
        // that, leaves the buffer on the account (`service/heaps/src/watch/inotify.rs`).
        let good = client.one(&rgba("good", SIDE, SIDE));
        let (answer, fate) = faults.at(nth, || in_time(move || client.allocate(&rgba("faulty", SIDE, SIDE), 1)));
        drop(good);
        let Some(answer) = answer else {
            let excused = *subject.transport() == Transport::Binder && forgets_callers();
            assert!(excused, "point {nth}: the caller waits for ever");
            return Err(Skip(format!(
                "at point {nth} this kernel's binder forgot the caller: {} points held",
                nth - 1
            )));
        };
        let word = match answer {
            Ok(allocation) => {
                assert_eq!(allocation.buffers.len(), 1);
                "success".to_owned()
            }
            Err(Failure::Refused { error, words }) => {
                assert_eq!(error, NO_RESOURCES, "point {nth}: {words}");
                assert!(!words.is_empty(), "point {nth}: a refusal without words");
                format!("NO_RESOURCES: {words}")
            }
            Err(Failure::Call(words)) => format!("no answer: {words}"),
        };
        let lost = word.starts_with("no answer");
        if fate.struck || (fate.ended && lost) {
            *answers.entry(word).or_default() += 1;
            (calm, struck_at) = (0, nth);
        } else {
            calm += 1;
        }
        // The socket's session may be over; the service is not.
        let next = Client::connect(subject.transport()).unwrap_or_else(|why| panic!("after point {nth}: {why}"));
        next.one(&rgba("good", SIDE, SIDE));
        if calm == CALM {
            break;
        }
    }
    for (answer, times) in &answers {
        println!("{times:4} × {answer}");
    }
    println!("{struck_at} points");
    assert!((10..MOST - CALM).contains(&struck_at), "{struck_at} points failed");
    let refused: u32 = answers.iter().filter(|(answer, _)| answer.starts_with("NO_RESOURCES")).map(|(_, n)| n).sum();
    assert!(refused > 0, "no point made the service refuse: {answers:?}");
    still.assert_nothing_left();
    let dump = subject.dump();
    assert!(dump.buffers("faulty").is_empty() && dump.buffers("good").is_empty(), "entries are left: {dump:?}");
    Ok(())
}

/// The check that nothing is left, with something left.
fn leak_that_is_planted_is_seen() -> Verdict {
    kernel_heaps()?;
    let service = Service::plain();
    let client = service.connect();
    let still = Still::of(&service);
    let mut holder = hold(client.one(&rgba("leak", SIDE, SIDE)).pixels);
    // Once the service knows that a later one is released, it has had its chance to release this one.
    drop(client.one(&rgba("later", SIDE, SIDE)));
    let later = wait_for(SOON, || service.dump().buffers("later").is_empty().then_some(()));
    let seen = !still.holds_now() && service.dump().buffers("leak").len() == 1;
    holder.kill().unwrap();
    holder.wait().unwrap();
    if service_tests::dmabufs::census().is_none() {
        return Err(Skip("needs debugfs".to_owned()));
    }
    assert!(later.is_some(), "the release of a buffer goes unseen");
    assert!(seen, "a buffer that another process holds goes unseen");
    still.assert_nothing_left();
    Ok(())
}
