//! Metadata among imports, processes and threads.

use super::values::settable;
use crate::abi::Error;
use crate::case::{Skip, Test, Verdict};
use crate::descriptor::Descriptor;
use crate::metadata::{encode, Standard, DATASPACE_BT2020_PQ, DATASPACE_DISPLAY_P3, DATASPACE_NAME};
use crate::peer::Peer;
use crate::subject::Subject;
use crate::tests;
use std::collections::HashSet;
use std::thread;

pub(super) fn tests() -> Vec<Test> {
    tests!["sharing":
        second_import_sees_what_the_first_sets = "every settable type, both ways, between two imports of one process",
        other_process_sees_what_is_set_here_and_the_other_way_round = "every settable type, both ways, between two processes",
        value_outlives_the_import_that_set_it = "a value that was set is still there when its setter has freed the buffer, or died",
        values_are_never_torn = "while two processes and a thread set SMPTE2086 and CTA861_3, every value that is read is one that was set",
        types_are_not_torn_apart_by_neighbours = "while one process sets DATASPACE, another's SMPTE2094_40 stays what it was",
        dataspace_that_was_asked_for_is_there_from_the_first_import = "an allocation with the option Dataspace, where it is taken: DATASPACE has the value at once, here and in another process, and can be set",
        buffers_do_not_share_values = "what is set on one buffer is not seen on another of the same call",
    ]
}

/// How often each of those who work against each other sets its values.
const ROUNDS: u32 = 20_000;

fn second_import_sees_what_the_first_sets(subject: &Subject) -> Verdict {
    let (buffer, first) = subject.generic();
    let second = buffer.import(subject.mapper);
    for (kind, [a, b]) in settable(&first) {
        assert_eq!(first.set_bytes(kind, &a), Error::NONE, "{kind:?}");
        assert_eq!(second.get_bytes(kind), Ok(a), "{kind:?}");
        assert_eq!(second.set_bytes(kind, &b), Error::NONE, "{kind:?}");
        assert_eq!(first.get_bytes(kind), Ok(b), "{kind:?}");
    }
    Ok(())
}

fn other_process_sees_what_is_set_here_and_the_other_way_round(subject: &Subject) -> Verdict {
    let (buffer, ours) = subject.generic();
    let peer = Peer::start(subject);
    let theirs = peer.import(&buffer.raw).unwrap();
    for (kind, [a, b]) in settable(&ours) {
        assert_eq!(ours.set_bytes(kind, &a), Error::NONE, "{kind:?}");
        assert_eq!(peer.get(theirs, kind), Ok(a), "{kind:?}");
        assert_eq!(peer.set(theirs, kind, &b), Ok(()), "{kind:?}");
        assert_eq!(ours.get_bytes(kind), Ok(b), "{kind:?}");
    }
    Ok(())
}

/// AOSP's `AHardwareBufferTest` demands it of one board, and a client that asks is entitled to what it was promised.
fn dataspace_that_was_asked_for_is_there_from_the_first_import(subject: &Subject) -> Verdict {
    let asked =
        |value: i32| Descriptor { options: vec![(DATASPACE_NAME.to_owned(), value.into())], ..Descriptor::generic() };
    if !subject.allocator.supports(&asked(DATASPACE_DISPLAY_P3)) {
        return Err(Skip("the allocator takes no option Dataspace".to_owned()));
    }
    let peer = Peer::start(subject);
    for value in [DATASPACE_DISPLAY_P3, DATASPACE_BT2020_PQ, 0] {
        let (buffer, _) = subject.import(&asked(value));
        let right = encode(Standard::DATASPACE, &value);
        let theirs = peer.import(&buffer.raw).unwrap();
        assert_eq!(peer.get(theirs, Standard::DATASPACE).as_ref(), Ok(&right));
        let ours = buffer.import(subject.mapper);
        assert_eq!(ours.get_bytes(Standard::DATASPACE).as_ref(), Ok(&right));
        let other = encode(Standard::DATASPACE, &1i32);
        assert_eq!(ours.set_bytes(Standard::DATASPACE, &other), Error::NONE);
        assert_eq!(peer.get(theirs, Standard::DATASPACE), Ok(other));
    }
    Ok(())
}

fn value_outlives_the_import_that_set_it(subject: &Subject) -> Verdict {
    let (buffer, first) = subject.generic();
    let values = settable(&first);
    for (kind, [a, _]) in &values {
        assert_eq!(first.set_bytes(*kind, a), Error::NONE, "{kind:?}");
    }
    assert_eq!(first.free(), Error::NONE);
    let second = buffer.import(subject.mapper);
    let peer = Peer::start(subject);
    let theirs = peer.import(&buffer.raw).unwrap();
    for (kind, [a, b]) in &values {
        assert_eq!(second.get_bytes(*kind).as_ref(), Ok(a), "{kind:?}, its setter's import freed");
        assert_eq!(peer.set(theirs, *kind, b), Ok(()), "{kind:?}");
    }
    peer.kill();
    for (kind, [_, b]) in &values {
        assert_eq!(second.get_bytes(*kind).as_ref(), Ok(b), "{kind:?}, its setter dead");
    }
    Ok(())
}

fn values_are_never_torn(subject: &Subject) -> Verdict {
    for kind in [Standard::SMPTE2086, Standard::CTA861_3] {
        let (buffer, ours) = subject.generic();
        let mapper = subject.mapper;
        let values = kind.two_values().unwrap();
        // The other process sets two values, a thread here sets the second and none.
        assert_eq!(ours.set_bytes(kind, &values[0]), Error::NONE);
        let allowed: HashSet<Vec<u8>> = values.iter().cloned().chain([vec![]]).collect();
        let peer = Peer::start(subject);
        let theirs = peer.import(&buffer.raw).unwrap();
        let beside = buffer.import(mapper);
        let mut seen = HashSet::new();
        let mut memory = vec![0; 256];
        let mut read = || {
            let size = mapper.get_standard(ours.handle(), kind.0, &mut memory);
            let size = usize::try_from(size).unwrap_or_else(|_| panic!("get: {:?}", Error(-size)));
            let value = &memory[..size];
            assert!(allowed.contains(value), "{kind:?} that nobody set: {value:02x?}");
            seen.insert(value.to_vec());
        };
        read();
        thread::scope(|scope| {
            peer.start_setting(theirs, kind, &values, ROUNDS);
            let theirs = scope.spawn(|| peer.wait());
            let ours = scope.spawn(|| {
                for _ in 0..ROUNDS {
                    assert_eq!(beside.set_bytes(kind, &values[1]), Error::NONE);
                    assert_eq!(beside.set_bytes(kind, &[]), Error::NONE);
                }
            });
            while !theirs.is_finished() || !ours.is_finished() {
                read();
            }
            assert_eq!(theirs.join().unwrap(), Ok(()));
        });
        // Whoever was last has left another value than the first, however threads ran.
        read();
        assert!(seen.len() > 1, "{kind:?}: no change was seen");
    }
    Ok(())
}

fn types_are_not_torn_apart_by_neighbours(subject: &Subject) -> Verdict {
    let (buffer, ours) = subject.generic();
    let quiet: Vec<_> = settable(&ours).into_iter().filter(|(kind, _)| *kind != Standard::DATASPACE).collect();
    for (kind, [a, _]) in &quiet {
        assert_eq!(ours.set_bytes(*kind, a), Error::NONE, "{kind:?}");
    }
    let peer = Peer::start(subject);
    let theirs = peer.import(&buffer.raw).unwrap();
    let values = [DATASPACE_DISPLAY_P3, DATASPACE_BT2020_PQ];
    let values = values.map(|value| encode(Standard::DATASPACE, &value));
    thread::scope(|scope| {
        peer.start_setting(theirs, Standard::DATASPACE, &values, ROUNDS);
        let theirs = scope.spawn(|| peer.wait());
        while !theirs.is_finished() {
            for (kind, [a, _]) in &quiet {
                assert_eq!(ours.get_bytes(*kind).as_ref(), Ok(a), "{kind:?}");
            }
        }
        assert_eq!(theirs.join().unwrap(), Ok(()));
    });
    for (kind, [a, _]) in &quiet {
        assert_eq!(ours.get_bytes(*kind).as_ref(), Ok(a), "{kind:?}");
    }
    Ok(())
}

fn buffers_do_not_share_values(subject: &Subject) -> Verdict {
    let allocation = subject.allocator.allocate(&Descriptor::generic(), 2).unwrap();
    let [first, second] = [0, 1].map(|index| crate::mapper::Imported::of(subject.mapper, &allocation.buffers[index]));
    for (kind, [a, _]) in settable(&first) {
        let before = second.get_bytes(kind);
        assert_eq!(first.set_bytes(kind, &a), Error::NONE, "{kind:?}");
        assert_eq!(second.get_bytes(kind), before, "{kind:?}");
    }
    Ok(())
}
