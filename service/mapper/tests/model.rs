//! Any sequence of calls on any number of imports does what a model of a few lines says.

// Tests: a failed unwrap is a failed test; the interface is C's.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used
)]

mod common;

use common::*;
use gralloc_mapper::abi::*;
use gralloc_mapper::table::QUARANTINE;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time: the other's imports would use up the addresses that rest.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Import,
    Free,
    Lock,
    LockOutside,
    Unlock,
    Flush,
    Dataspace(u8),
}

fn calls() -> impl Strategy<Value = Vec<(Call, usize)>> {
    let call = prop_oneof![
        3 => Just(Call::Import),
        2 => Just(Call::Free),
        3 => Just(Call::Lock),
        1 => Just(Call::LockOutside),
        3 => Just(Call::Unlock),
        1 => Just(Call::Flush),
        2 => any::<u8>().prop_map(Call::Dataspace),
    ];
    vec((call, 0..12usize), 1..120)
}

/// An import, as the model has it: freed ones stay, to be called again.
struct Import {
    handle: buffer_handle_t,
    alive: bool,
    locks: u32,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: u32::try_from(200 / sample()).unwrap(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_in_any_order_do_what_the_model_says(calls in calls()) {
        let _alone = alone();
        let client = client();
        let raw = Raw::new(Source::Memfd, &rgba());
        let mut imports: Vec<Import> = Vec::new();
        let mut dataspace = 0;
        let outside = ARect { left: 0, top: 0, right: 65, bottom: 48 };
        for (call, which) in calls {
            let which = which.min(imports.len().saturating_sub(1));
            if let Call::Import = call {
                // More than are kept from reuse would make old handles new ones.
                if imports.len() < QUARANTINE {
                    let handle = client.import(&raw);
                    prop_assert!(imports.iter().all(|import| import.handle != handle));
                    imports.push(Import { handle, alive: true, locks: 0 });
                }
                continue;
            }
            let Some(import) = imports.get_mut(which) else { continue };
            let handle = import.handle;
            let (alive, locked) = (import.alive, import.alive && import.locks > 0);
            let expect = |fine: bool| if fine { AIMAPPER_ERROR_NONE } else { AIMAPPER_ERROR_BAD_BUFFER };
            match call {
                Call::Import => {}
                Call::Free => {
                    prop_assert_eq!(client.free(handle), expect(alive));
                    import.alive = false;
                }
                Call::Lock => {
                    prop_assert_eq!(client.lock(handle).err().unwrap_or(0), expect(alive));
                    import.locks += u32::from(alive);
                }
                Call::LockOutside => {
                    let code = if alive { AIMAPPER_ERROR_BAD_VALUE } else { AIMAPPER_ERROR_BAD_BUFFER };
                    prop_assert_eq!(client.lock_with(handle, CPU, outside, -1), Err(code));
                }
                Call::Unlock => {
                    prop_assert_eq!(client.unlock(handle), expect(locked));
                    import.locks -= u32::from(locked);
                }
                Call::Flush => prop_assert_eq!(client.flush(handle), expect(locked)),
                Call::Dataspace(number) => {
                    prop_assert_eq!(client.set(handle, 17, &value(17, &[number, 0, 0, 0])), expect(alive));
                    dataspace = if alive { number } else { dataspace };
                }
            }
            for import in imports.iter().filter(|import| import.alive) {
                prop_assert_eq!(client.get(import.handle, 17), Ok(value(17, &[dataspace, 0, 0, 0])));
            }
        }
        for import in imports.iter().filter(|import| import.alive) {
            prop_assert_eq!(client.free(import.handle), AIMAPPER_ERROR_NONE);
        }
    }
}

#[test]
fn imports_by_the_hundred_differ_and_are_each_found() {
    let _alone = alone();
    let client = client();
    let raw = Raw::new(Source::Memfd, &rgba());
    for _ in 0..3 {
        // Several chunks of the table, within the usual limit of 1024 fds.
        let imported: Vec<_> = (0..400).map(|_| client.import(&raw)).collect();
        assert_eq!(imported.iter().collect::<HashSet<_>>().len(), 400);
        for handle in &imported {
            assert_eq!(client.get(*handle, 3), Ok(value(3, &64u64.to_le_bytes())));
        }
        for handle in &imported {
            assert_eq!(client.free(*handle), AIMAPPER_ERROR_NONE);
            assert_eq!(client.free(*handle), AIMAPPER_ERROR_BAD_BUFFER);
        }
    }
}
