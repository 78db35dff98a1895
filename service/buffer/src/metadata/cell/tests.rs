//! Two and more writers at once, dead writers, hostile words: what a reader may see.

use super::*;
use std::sync::atomic::AtomicBool;

const CELL: Cell = Cell { control: 1, slots: 4, data_words: 8 };
const WORDS: usize = 4 + CELL.slot_words();

/// Under miri every step is slow.
const ROUNDS: u32 = if cfg!(miri) { 40 } else { 20_000 };

fn page() -> Vec<AtomicU32> {
    (0..WORDS).map(|_| AtomicU32::new(0)).collect()
}

fn read(page: &[AtomicU32]) -> Option<Vec<u32>> {
    let mut words = [0; 8];
    CELL.read(page, &mut words).map(|count| words[..count].to_vec())
}

/// A value that shows when it is mixed: its words are all alike, its length follows from them.
fn value(seed: u32) -> Vec<u32> {
    vec![seed; usize::try_from(seed % 8 + 1).unwrap()]
}

fn is_whole(words: &[u32]) -> bool {
    words == value(words[0])
}

fn claim(page: &[AtomicU32], number: usize) -> &AtomicU32 {
    &page[4 + (number - 1) * (HEAD_WORDS + 8)]
}

#[test]
fn zeros_are_unset() {
    assert_eq!(read(&page()), None);
}

#[test]
fn value_set_is_read_until_the_next_or_until_cleared() {
    let page = page();
    for seed in 1..50 {
        assert!(CELL.write(&page, 7, &value(seed)));
        assert_eq!(read(&page), Some(value(seed)));
        // A reader tells by it that there was a set meanwhile, also one that came back to the same slot.
        assert_eq!(page[CELL.control].load(Ordering::Relaxed) >> 2, seed);
    }
    CELL.clear(&page);
    assert_eq!(read(&page), None);
    assert!(CELL.write(&page, 7, &[]));
    assert_eq!(read(&page), Some(vec![]));
}

#[test]
fn page_too_short_unset_and_not_set() {
    let page = page();
    for len in 0..WORDS {
        assert_eq!(read(&page[..len]), None);
        CELL.clear(&page[..len]);
    }
    assert!(!CELL.write(&page[..WORDS - 1], 1, &[1]) || read(&page).is_some());
    assert!(!CELL.write(&page[..1], 1, &[1]));
}

#[test]
fn writers_at_once_never_a_torn_value() {
    let page = page();
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=3u32)
            .map(|token| {
                let page = &page;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        assert!(CELL.write(page, token, &value(round * 3 + token)));
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut seen = 0u32;
            while !done.load(Ordering::Relaxed) {
                // None: unset still, or overtaken a hundred times.
                if let Some(words) = read(&page) {
                    assert!(is_whole(&words), "torn: {words:?}");
                    seen += 1;
                }
            }
            seen
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(is_whole(&read(&page).unwrap()));
    assert!(seen > 0 || cfg!(miri), "the reader never came to read");
}

#[test]
fn writer_dead_inside_a_set_old_value_stays_and_others_set() {
    let page = page();
    assert!(CELL.write(&page, 1, &value(5)));
    // A writer that took a slot, wrote half of it, and died.
    let slot = CELL.slot(&page, 2).unwrap();
    assert!(take(&slot, 99, 0));
    slot.length.store(8, Ordering::Relaxed);
    slot.data[0].store(0xdead, Ordering::Relaxed);
    assert_eq!(read(&page), Some(value(5)));
    for seed in 10..20 {
        assert!(CELL.write(&page, 1, &value(seed)));
        assert_eq!(read(&page), Some(value(seed)));
    }
    assert_eq!(claim(&page, 2).load(Ordering::Relaxed), 99);
}

#[test]
fn every_slot_claimed_by_the_dead_one_is_taken_over() {
    let page = page();
    assert!(CELL.write(&page, 1, &value(5)));
    for number in 1..=3 {
        claim(&page, number).store(99, Ordering::Relaxed);
    }
    assert!(CELL.write(&page, 1, &value(6)));
    assert_eq!(read(&page), Some(value(6)));
}

#[test]
fn former_owner_of_a_slot_taken_over_does_not_publish_it() {
    let page = page();
    let slot = CELL.slot(&page, 1).unwrap();
    assert!(take(&slot, 99, 0));
    assert!(take(&slot, 1, TRIES_BEFORE_TAKEOVER));
    assert!(!fill(&slot, 99, &value(3)));
    // What it wrote meanwhile does not pass for a value of the new owner's.
    assert!(fill(&slot, 1, &value(6)));
    slot.data[0].store(0xdead, Ordering::Relaxed);
    publish(&page[1], 1);
    assert_eq!(read(&page), None);
}

#[test]
fn hostile_words_spoil_the_value_alone() {
    let mut state = 0x9e37_79b9u32;
    for round in 0..if cfg!(miri) { 20 } else { 5_000 } {
        let page = page();
        for word in &page {
            state = state.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
            word.store(state ^ (state >> 16), Ordering::Relaxed);
        }
        // Where every slot is claimed, a writer gives way two hundred times before it takes one over, and each time may
        // cost it milliseconds on a busy machine. So in most rounds two slots are free, of which one can be published.
        if round % 500 != 0 {
            [1, 2 + round % 2].into_iter().for_each(|number| claim(&page, number).store(0, Ordering::Relaxed));
        }
        assert!(!read(&page).is_some_and(|words| words.len() > 8));
        assert!(CELL.write(&page, 1, &value(9)));
        assert_eq!(read(&page), Some(value(9)));
    }
}

/// FNV-1a (draft-eastlake-fnv), a word at a time. It is part of the format: processes of another build compare it.
#[test]
fn checksum_is_of_the_length_and_each_word_and_changes_with_each_of_their_bits() {
    let sum = |words: &[u32]| {
        let mut sum = Checksum::of(u32::try_from(words.len()).unwrap());
        words.iter().for_each(|word| sum.add(*word));
        sum.0
    };
    assert_eq!(sum(&[1, u32::MAX]), 0x5c84_1a89);
    let words = [0, 1, 0x8000_0000, u32::MAX];
    for at in 0..words.len() {
        for bit in 0..32 {
            let mut other = words;
            other[at] ^= 1 << bit;
            assert_ne!(sum(&other), sum(&words), "word {at}, bit {bit}");
        }
    }
    assert_ne!(sum(&[0]), sum(&[0, 0]));
}
