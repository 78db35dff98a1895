//! The shelf with numbers for buffers.

use super::*;

const MIB: u64 = 1 << 20;
const SYSTEM: HeapId = HeapId(0);
const CAMERA: HeapId = HeapId(1);
const FRAME: Kind = Kind { heap: SYSTEM, bytes: 8 * MIB };
const STILL: Kind = Kind { heap: CAMERA, bytes: 16 * MIB };

fn policy() -> PoolPolicy {
    PoolPolicy {
        total_bytes: 64 * MIB,
        heap_bytes: vec![64 * MIB, 32 * MIB],
        streams: true,
        idle_ms: 30_000,
        ready: vec![],
    }
}

fn shelf() -> Shelf<u32> {
    Shelf::new(policy(), 0)
}

/// Fills all that is wanted; says what.
fn fill(shelf: &mut Shelf<u32>, now_ms: u64) -> Vec<Kind> {
    let mut filled = Vec::new();
    while let Some(next) = shelf.next(now_ms) {
        filled.push(next.kind);
        assert_eq!(shelf.filled(next.kind, u32::try_from(filled.len()).unwrap(), now_ms), None);
    }
    filled
}

#[test]
fn nothing_asked_nothing_filled() {
    assert!(!shelf().wants(0));
    assert_eq!(shelf().due_in_ms(0), None);
}

#[test]
fn a_stream_s_first_buffers_have_one_two_three_filled_ahead() {
    let mut shelf = shelf();
    assert_eq!(shelf.take(FRAME, 0), None);
    assert_eq!(fill(&mut shelf, 1), [FRAME]);
    for (now_ms, ready) in [(10, 2), (20, 3), (30, 3), (40, 3)] {
        assert!(shelf.take(FRAME, now_ms).is_some(), "{now_ms}");
        fill(&mut shelf, now_ms);
        assert_eq!(shelf.figures().ready_buffers, ready, "{now_ms}");
    }
    let figures = shelf.figures();
    assert_eq!((figures.hits, figures.misses, figures.fills), (4, 1, 7));
}

#[test]
fn streams_off_only_kept_entries_are_filled() {
    let mut shelf = Shelf::new(PoolPolicy { streams: false, ..policy() }, 0);
    shelf.take(FRAME, 0);
    assert!(!shelf.wants(0));
    shelf.keep_ready(&[(FRAME, 2)], 0);
    assert_eq!(fill(&mut shelf, 0), [FRAME, FRAME]);
    shelf.keep_ready(&[], 0);
    assert!(shelf.take(FRAME, 1).is_some());
    assert!(!shelf.wants(1), "no longer kept");
}

#[test]
fn bounds_of_all_and_of_the_heap_are_not_passed() {
    let mut shelf = shelf();
    shelf.keep_ready(&[(FRAME, 100), (STILL, 100)], 0);
    fill(&mut shelf, 0);
    assert!(shelf.figures().ready_bytes <= 64 * MIB);
    let stills: usize = shelf.contents().filter(|(kind, _)| kind.heap == CAMERA).map(|(_, count)| count).sum();
    assert!(stills <= 2, "32 MiB of that heap");
    // Being filled counts too.
    let mut shelf = Shelf::<u32>::new(policy(), 0);
    shelf.keep_ready(&[(STILL, 100)], 0);
    assert!(shelf.next(0).is_some() && shelf.next(0).is_some());
    assert!(shelf.next(0).is_none());
}

#[test]
fn more_buffers_than_fds_are_worth_not_filled() {
    let mut shelf = Shelf::<u32>::new(PoolPolicy { total_bytes: u64::MAX, heap_bytes: vec![u64::MAX], ..policy() }, 0);
    shelf.keep_ready(&[(Kind { heap: SYSTEM, bytes: MIB }, 1000)], 0);
    assert_eq!(fill(&mut shelf, 0).len(), usize::try_from(MOST_READY).unwrap());
}

#[test]
fn small_ones_too_large_ones_and_heaps_without_a_share_never_kept() {
    let mut shelf = Shelf::<u32>::new(PoolPolicy { heap_bytes: vec![64 * MIB, 0], ..policy() }, 0);
    for kind in [
        Kind { heap: SYSTEM, bytes: 4096 },
        Kind { heap: SYSTEM, bytes: 65 * MIB },
        STILL,
        Kind { heap: HeapId(9), ..FRAME },
    ] {
        assert_eq!(shelf.take(kind, 0), None);
        shelf.keep_ready(&[(kind, 1)], 0);
        assert!(!shelf.wants(0), "{kind:?}");
    }
    assert_eq!(shelf.figures().misses, 0);
}

#[test]
fn idle_stream_s_buffers_go_and_kept_ones_stay_while_others_ask() {
    let mut shelf = shelf();
    shelf.keep_ready(&[(STILL, 1)], 0);
    shelf.take(FRAME, 0);
    fill(&mut shelf, 0);
    assert_eq!(shelf.figures().ready_buffers, 2);
    shelf.take(Kind { heap: SYSTEM, bytes: 4096 }, 20_000);
    assert_eq!(shelf.due_in_ms(20_000), Some(10_000));
    let gone: Vec<Kind> = shelf.drop_idle(30_000).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(gone, [FRAME]);
    assert!(!shelf.wants(30_000));
}

#[test]
fn all_idle_everything_goes_and_kept_ones_come_back_with_the_next_request() {
    let mut shelf = shelf();
    shelf.keep_ready(&[(STILL, 2)], 0);
    shelf.take(FRAME, 5_000);
    fill(&mut shelf, 5_000);
    assert_eq!(shelf.drop_idle(35_000).len(), 3);
    let figures = shelf.figures();
    assert_eq!((figures.ready_buffers, figures.ready_bytes, figures.dropped_idle), (0, 0, 3));
    assert!(!shelf.wants(40_000), "not while nobody asks for anything");
    assert_eq!(shelf.due_in_ms(40_000), None);
    shelf.take(Kind { heap: SYSTEM, bytes: 4096 }, 50_000);
    assert_eq!(fill(&mut shelf, 50_000), [STILL, STILL]);
}

#[test]
fn pressure_empties_and_nothing_is_filled_for_a_while() {
    let mut shelf = shelf();
    shelf.take(FRAME, 0);
    let under_way = shelf.next(0).unwrap();
    shelf.take(FRAME, 1);
    fill(&mut shelf, 1);
    assert_eq!(shelf.drain(Cause::Pressure, 2).len(), 1);
    assert_eq!(shelf.filled(under_way.kind, 7, 3), Some(7), "comes too late: to be closed");
    assert_eq!(shelf.figures().ready_bytes, 0);
    shelf.take(FRAME, 4);
    assert!(!shelf.wants(4));
    assert_eq!(shelf.due_in_ms(4), Some(HOLD_OFF_MS - 2));
    assert!(shelf.wants(2 + HOLD_OFF_MS));
}

#[test]
fn failed_fill_frees_its_room_and_is_not_tried_at_once() {
    let mut shelf = shelf();
    shelf.take(FRAME, 0);
    let fill = shelf.next(0).unwrap();
    shelf.failed(fill.kind, 0);
    assert!(!shelf.wants(1));
    assert!(shelf.wants(QUIET_MS));
}

#[test]
fn give_way_takes_from_the_heap_the_longest_not_asked_first() {
    let mut shelf = shelf();
    let other = Kind { heap: SYSTEM, bytes: 4 * MIB };
    for (kind, now_ms) in [(other, 0), (FRAME, 10), (STILL, 20)] {
        shelf.take(kind, now_ms);
        fill(&mut shelf, now_ms);
    }
    let kinds = |gone: Vec<(Kind, u32)>| gone.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    assert_eq!(kinds(shelf.give_way(Some(SYSTEM), 1)), [other]);
    assert_eq!(kinds(shelf.give_way(None, 9 * MIB)), [FRAME, STILL]);
    assert_eq!(kinds(shelf.give_way(None, 1)), []);
}

#[test]
fn a_new_stream_takes_the_room_of_one_that_went_quiet() {
    let big = Kind { heap: SYSTEM, bytes: 60 * MIB };
    let mut shelf = shelf();
    shelf.take(FRAME, 0);
    fill(&mut shelf, 0);
    shelf.take(big, 500);
    assert!(!shelf.wants(500), "the other one may go on");
    shelf.take(big, 2_000);
    let next = shelf.next(2_000).unwrap();
    assert_eq!((next.kind, next.evicted.len()), (big, 1));
}

#[test]
fn guesses_that_nobody_takes_make_it_wait_for_a_second_request() {
    let mut shelf = shelf();
    let single = |shelf: &mut Shelf<u32>, mib: u64, now_ms| {
        shelf.take(Kind { heap: SYSTEM, bytes: mib * MIB }, now_ms);
        fill(shelf, now_ms).len()
    };
    for mib in 1..=u64::from(TRUST) {
        assert_eq!(single(&mut shelf, mib, mib), 1, "{mib} MiB");
    }
    // Whether or not the earlier guesses have been dropped by now.
    assert_eq!(single(&mut shelf, 6, 10), 0);
    shelf.drop_idle(1_000_000);
    assert_eq!(single(&mut shelf, 7, 1_000_001), 0);
    shelf.take(FRAME, 1_000_002);
    assert_eq!(fill(&mut shelf, 1_000_002), []);
    shelf.take(FRAME, 1_000_003);
    assert_eq!(fill(&mut shelf, 1_000_003), [FRAME]);
    assert!(shelf.take(FRAME, 1_000_004).is_some());
    let filled = fill(&mut shelf, 1_000_004);
    assert_eq!(filled.iter().filter(|kind| **kind == FRAME).count(), 3, "believed again");
    assert_eq!(single(&mut shelf, 9, 1_000_005), 1);
}

#[test]
fn streams_that_end_leave_the_next_one_believed() {
    let mut shelf = shelf();
    for stream in 0..10 {
        let now_ms = stream * 100_000;
        for at in 0..6 {
            assert_eq!(shelf.take(FRAME, now_ms + at).is_some(), at > 0, "stream {stream}, buffer {at}");
            fill(&mut shelf, now_ms + at);
        }
        assert_eq!(shelf.drop_idle(now_ms + 50_000).len(), 3, "what the last stream left");
    }
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of steps take miri an hour")]
fn ever_new_sizes_are_not_remembered_for_ever() {
    let mut shelf = Shelf::<u32>::new(PoolPolicy { total_bytes: u64::MAX, heap_bytes: vec![u64::MAX], ..policy() }, 0);
    for pages in 0..10_000 {
        shelf.take(Kind { heap: SYSTEM, bytes: MIB + pages * 4096 }, pages);
    }
    assert!(shelf.kinds.all().count() <= 32);
}
