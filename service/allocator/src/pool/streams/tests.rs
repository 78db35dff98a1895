//! The decisions, with numbers for buffers.

use super::*;

const MIB: u64 = 1 << 20;
const SYSTEM: HeapId = HeapId(0);
const CAMERA: HeapId = HeapId(1);
const FRAME: PoolKey = PoolKey { heap: SYSTEM, bytes: 8 * MIB };
const STILL: PoolKey = PoolKey { heap: CAMERA, bytes: 16 * MIB };

fn bounds() -> PoolBounds {
    PoolBounds { total_bytes: 64 * MIB, heap_bytes: vec![64 * MIB, 32 * MIB], streams: true, idle_ms: 30_000 }
}

fn streams() -> Streams<u32> {
    Streams::new(bounds(), 0)
}

/// Fills all that is wanted; says what.
fn fill(streams: &mut Streams<u32>, now_ms: u64) -> Vec<PoolKey> {
    let mut filled = Vec::new();
    while let Some(next) = streams.next(now_ms) {
        filled.push(next.key);
        assert_eq!(streams.filled(next.key, u32::try_from(filled.len()).unwrap(), now_ms), None);
    }
    filled
}

#[test]
fn nothing_asked_nothing_filled() {
    assert!(!streams().wants(0));
    assert_eq!(streams().due_in_ms(0), None);
}

#[test]
fn a_stream_s_first_buffers_have_one_two_three_filled_ahead() {
    let mut streams = streams();
    assert_eq!(streams.take(FRAME, 0), None);
    assert_eq!(fill(&mut streams, 1), [FRAME]);
    for (now_ms, ready) in [(10, 2), (20, 3), (30, 3), (40, 3)] {
        assert!(streams.take(FRAME, now_ms).is_some(), "{now_ms}");
        fill(&mut streams, now_ms);
        assert_eq!(streams.statistics().ready_buffers, ready, "{now_ms}");
    }
    let statistics = streams.statistics();
    assert_eq!((statistics.hits, statistics.misses, statistics.fills), (4, 1, 7));
}

#[test]
fn a_stream_is_filled_until_its_pause_is_over_and_before_what_was_listed_later() {
    let mut streams = streams();
    streams.take(FRAME, 0);
    assert!(streams.wants(29_999) && !streams.wants(30_000));
    streams.keep_ready(&[(STILL, 1)], 10);
    assert_eq!(fill(&mut streams, 20), [FRAME, STILL]);
}

#[test]
fn streams_off_only_kept_entries_are_filled() {
    let mut streams = Streams::new(PoolBounds { streams: false, ..bounds() }, 0);
    streams.take(FRAME, 0);
    assert!(!streams.wants(0));
    streams.keep_ready(&[(FRAME, 2)], 0);
    assert_eq!(fill(&mut streams, 0), [FRAME, FRAME]);
    streams.keep_ready(&[], 0);
    assert!(streams.take(FRAME, 1).is_some());
    assert!(!streams.wants(1), "no longer kept");
}

#[test]
fn bounds_of_all_and_of_the_heap_are_not_passed() {
    let mut streams = streams();
    streams.keep_ready(&[(FRAME, 100), (STILL, 100)], 0);
    fill(&mut streams, 0);
    assert!(streams.statistics().ready_bytes <= 64 * MIB);
    let stills: usize = streams.contents().filter(|(key, _)| key.heap == CAMERA).map(|(_, count)| count).sum();
    assert!(stills <= 2, "32 MiB of that heap");
    // Being filled counts too.
    let mut streams = Streams::<u32>::new(bounds(), 0);
    streams.keep_ready(&[(STILL, 100)], 0);
    assert!(streams.next(0).is_some() && streams.next(0).is_some());
    assert!(streams.next(0).is_none());
}

#[test]
fn more_buffers_than_fds_are_worth_not_filled() {
    let mut streams =
        Streams::<u32>::new(PoolBounds { total_bytes: u64::MAX, heap_bytes: vec![u64::MAX], ..bounds() }, 0);
    streams.keep_ready(&[(PoolKey { heap: SYSTEM, bytes: MIB }, 1000)], 0);
    assert_eq!(fill(&mut streams, 0).len(), usize::try_from(MOST_READY).unwrap());
}

#[test]
fn small_ones_too_large_ones_and_heaps_without_a_share_never_kept() {
    let mut streams = Streams::<u32>::new(PoolBounds { heap_bytes: vec![64 * MIB, 0], ..bounds() }, 0);
    for key in [
        PoolKey { heap: SYSTEM, bytes: 4096 },
        PoolKey { heap: SYSTEM, bytes: 65 * MIB },
        STILL,
        PoolKey { heap: HeapId(9), ..FRAME },
    ] {
        assert_eq!(streams.take(key, 0), None);
        streams.keep_ready(&[(key, 1)], 0);
        assert!(!streams.wants(0), "{key:?}");
    }
    assert_eq!(streams.statistics().misses, 0);
}

#[test]
fn idle_stream_s_buffers_go_and_kept_ones_stay_while_others_ask() {
    let mut streams = streams();
    streams.keep_ready(&[(STILL, 1)], 0);
    streams.take(FRAME, 0);
    fill(&mut streams, 0);
    assert_eq!(streams.statistics().ready_buffers, 2);
    streams.take(PoolKey { heap: SYSTEM, bytes: 4096 }, 20_000);
    assert_eq!(streams.due_in_ms(20_000), Some(10_000));
    let gone: Vec<PoolKey> = streams.drop_idle(30_000).into_iter().map(|(key, _)| key).collect();
    assert_eq!(gone, [FRAME]);
    assert!(!streams.wants(30_000));
}

#[test]
fn all_idle_everything_goes_and_kept_ones_come_back_with_the_next_request() {
    let mut streams = streams();
    streams.keep_ready(&[(STILL, 2)], 0);
    streams.take(FRAME, 5_000);
    fill(&mut streams, 5_000);
    assert_eq!(streams.drop_idle(35_000).len(), 3);
    let statistics = streams.statistics();
    assert_eq!((statistics.ready_buffers, statistics.ready_bytes, statistics.dropped_idle), (0, 0, 3));
    assert!(!streams.wants(40_000), "not while nobody asks for anything");
    assert_eq!(streams.due_in_ms(40_000), None);
    streams.take(PoolKey { heap: SYSTEM, bytes: 4096 }, 50_000);
    assert_eq!(fill(&mut streams, 50_000), [STILL, STILL]);
}

#[test]
fn pressure_empties_and_nothing_is_filled_for_a_while() {
    let mut streams = streams();
    streams.take(FRAME, 0);
    let under_way = streams.next(0).unwrap();
    streams.take(FRAME, 1);
    fill(&mut streams, 1);
    assert_eq!(streams.drain(Cause::Pressure, |_| true, 2).len(), 1);
    assert_eq!(streams.filled(under_way.key, 7, 3), Some(7), "comes too late: to be closed");
    assert_eq!(streams.statistics().ready_bytes, 0);
    streams.take(FRAME, 4);
    assert!(!streams.wants(4));
    assert_eq!(streams.due_in_ms(4), Some(HOLD_OFF_MS - 2));
    assert!(streams.wants(2 + HOLD_OFF_MS));
}

#[test]
fn fill_that_fails_after_memory_ran_short_makes_the_pause_no_shorter() {
    let mut streams = streams();
    streams.take(FRAME, 0);
    let under_way = streams.next(0).unwrap();
    streams.drain(Cause::Pressure, |_| true, 2);
    streams.failed(under_way.key, 3);
    streams.take(FRAME, 4);
    assert!(!streams.wants(2 + HOLD_OFF_MS - 1) && streams.wants(2 + HOLD_OFF_MS));
}

#[test]
fn failed_fill_frees_its_room_and_is_not_tried_at_once() {
    let mut streams = streams();
    streams.take(FRAME, 0);
    let fill = streams.next(0).unwrap();
    streams.failed(fill.key, 0);
    assert!(!streams.wants(1));
    assert!(streams.wants(QUIET_MS));
}

#[test]
fn give_way_takes_from_the_heap_the_longest_not_asked_first() {
    let mut streams = streams();
    let other = PoolKey { heap: SYSTEM, bytes: 4 * MIB };
    for (key, now_ms) in [(other, 0), (FRAME, 10), (STILL, 20)] {
        streams.take(key, now_ms);
        fill(&mut streams, now_ms);
    }
    let keys = |gone: Vec<(PoolKey, u32)>| gone.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(streams.give_way(Some(SYSTEM), 1)), [other]);
    assert_eq!(keys(streams.give_way(None, 9 * MIB)), [FRAME, STILL]);
    assert_eq!(keys(streams.give_way(None, 1)), []);
}

#[test]
fn a_new_stream_takes_the_room_of_one_that_went_quiet() {
    let big = PoolKey { heap: SYSTEM, bytes: 60 * MIB };
    let mut streams = streams();
    streams.take(FRAME, 0);
    fill(&mut streams, 0);
    streams.take(big, 500);
    assert!(!streams.wants(500), "the other one may go on");
    streams.take(big, 2_000);
    let next = streams.next(2_000).unwrap();
    assert_eq!((next.key, next.evicted.len()), (big, 1));
}

#[test]
fn a_heap_s_bound_is_kept_by_its_own_streams_and_only_for_what_was_asked_for_later() {
    let key = |heap, mib| PoolKey { heap, bytes: mib * MIB };
    let (older, quiet, new) = (key(SYSTEM, 8), key(CAMERA, 20), key(CAMERA, 16));
    let filled = || {
        let mut streams = streams();
        streams.take(older, 0);
        streams.take(quiet, 10);
        assert_eq!(fill(&mut streams, 10).len(), 2);
        streams
    };
    let mut asked = filled();
    asked.take(new, 5_000);
    let next = asked.next(5_000).unwrap();
    assert_eq!((next.key, next.evicted), (new, vec![(quiet, 1)]));
    let mut listed = filled();
    listed.keep_ready(&[(new, 1)], 5_000);
    assert!(!listed.wants(5_000), "nobody has asked for it");
    let mut at_once = filled();
    at_once.take(new, 10);
    assert!(!at_once.wants(5_000), "asked for as late as the other");
}

#[test]
fn guesses_that_nobody_takes_make_it_wait_for_a_second_request() {
    let mut streams = streams();
    let single = |streams: &mut Streams<u32>, mib: u64, now_ms| {
        streams.take(PoolKey { heap: SYSTEM, bytes: mib * MIB }, now_ms);
        fill(streams, now_ms).len()
    };
    for mib in 1..=u64::from(TRUST) {
        assert_eq!(single(&mut streams, mib, mib), 1, "{mib} MiB");
    }
    // Whether or not the earlier guesses have been dropped by now.
    assert_eq!(single(&mut streams, 6, 10), 0);
    streams.drop_idle(1_000_000);
    assert_eq!(single(&mut streams, 7, 1_000_001), 0);
    streams.take(FRAME, 1_000_002);
    assert_eq!(fill(&mut streams, 1_000_002), []);
    streams.take(FRAME, 1_000_003);
    assert_eq!(fill(&mut streams, 1_000_003), [FRAME]);
    assert!(streams.take(FRAME, 1_000_004).is_some());
    let filled = fill(&mut streams, 1_000_004);
    assert_eq!(filled.iter().filter(|key| **key == FRAME).count(), 3, "believed again");
    assert_eq!(single(&mut streams, 9, 1_000_005), 1);
}

#[test]
fn streams_that_end_leave_the_next_one_believed() {
    let mut streams = streams();
    for stream in 0..10 {
        let now_ms = stream * 100_000;
        for at in 0..6 {
            assert_eq!(streams.take(FRAME, now_ms + at).is_some(), at > 0, "stream {stream}, buffer {at}");
            fill(&mut streams, now_ms + at);
        }
        assert_eq!(streams.drop_idle(now_ms + 50_000).len(), 3, "what the last stream left");
    }
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of steps take miri an hour")]
fn ever_new_sizes_are_not_remembered_for_ever() {
    let mut streams =
        Streams::<u32>::new(PoolBounds { total_bytes: u64::MAX, heap_bytes: vec![u64::MAX], ..bounds() }, 0);
    for pages in 0..10_000 {
        streams.take(PoolKey { heap: SYSTEM, bytes: MIB + pages * 4096 }, pages);
    }
    assert!(streams.keys.all().count() <= 32);
}
