//! Every order in which a reader and writers may meet at a cell, tried by loom: `cargo xtask loom`.
//!
//! A checksum mismatch under an unchanged control word is what the fences have to make impossible; it is looked for here
//! before the checksum hides it.

use super::*;
use crate::sync::model::WITHOUT;
use loom::sync::Arc;
use loom::thread;

const CELL: Cell = Cell { control: 0, slots: 1, data_words: 2 };
const WORDS: usize = 1 + CELL.slot_words();

fn page() -> Arc<Vec<AtomicU32>> {
    Arc::new((0..WORDS).map(|_| AtomicU32::new(0)).collect())
}

/// With at most three switches between threads that could have gone on: enough for any pair of operations to be cut in
/// any two places, and still done in seconds.
fn try_all(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// One attempt to read while another process sets the value twice, the second time into the slot that is being read.
fn reader_beside_a_writer() {
    let page = page();
    assert!(CELL.write(&page, 1, &[5, 5]));
    let writer = thread::spawn({
        let page = Arc::clone(&page);
        move || assert!(CELL.write(&page, 2, &[6, 6]) && CELL.write(&page, 2, &[7, 7]))
    });
    let mut words = [0; 2];
    match CELL.attempt(&page, &mut words) {
        Attempt::Whole(count) => {
            assert!(count == 2 && words[0] == words[1] && (5..=7).contains(&words[0]), "{words:?}")
        }
        Attempt::Changed => {}
        Attempt::Unset => panic!("a value that was set is unset"),
        Attempt::Torn => panic!("torn: {words:?}"),
    }
    writer.join().unwrap();
    assert_eq!((CELL.read(&page, &mut words), words), (Some(2), [7, 7]));
}

#[test]
fn model_reader_beside_a_writer_never_a_torn_value() {
    try_all(reader_beside_a_writer);
}

#[test]
#[should_panic(expected = "torn")]
fn model_reader_without_its_fence_a_torn_value() {
    WITHOUT.set(Some(Ordering::Acquire));
    try_all(reader_beside_a_writer);
}

#[test]
#[should_panic(expected = "torn")]
fn model_writer_without_its_fence_a_torn_value() {
    WITHOUT.set(Some(Ordering::Release));
    try_all(reader_beside_a_writer);
}

#[test]
fn model_two_writers_one_of_their_values_and_no_claim_left() {
    try_all(|| {
        let page = page();
        let other = thread::spawn({
            let page = Arc::clone(&page);
            move || assert!(CELL.write(&page, 1, &[5, 5]))
        });
        assert!(CELL.write(&page, 2, &[6, 6]));
        other.join().unwrap();
        let mut words = [0; 2];
        assert_eq!(CELL.read(&page, &mut words), Some(2));
        assert!(words == [5, 5] || words == [6, 6], "{words:?}");
        assert_eq!(page[CELL.control].load(Ordering::Relaxed) >> 2, 2, "both sets are counted");
        for number in 1..=SLOTS {
            assert_eq!(CELL.slot(&page, number).unwrap().claim.load(Ordering::Relaxed), 0);
        }
    });
}
