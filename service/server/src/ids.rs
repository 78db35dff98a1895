//! Buffer ids that do not repeat, not even across a restart of the service.
//!
//! A mapper keys what it knows by buffer id, so an id that came back would make two buffers one (minigbm's does).

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// Gives out ids: 32 random bits chosen at start, then a counter.
pub struct BufferIds(AtomicU64);

impl Default for BufferIds {
    fn default() -> BufferIds {
        // RandomState is seeded by the kernel's random numbers: all that is asked here is that two runs differ.
        let random = RandomState::new().build_hasher().finish();
        // None is 0: readers of the statistics begin behind it.
        BufferIds(AtomicU64::new(random & 0xffff_ffff_0000_0000 | 1))
    }
}

impl BufferIds {
    /// The next id. When the counter overflows it runs on into the random part, and stays unique.
    pub fn next_id(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_differ_within_a_run_and_between_runs() {
        let runs: Vec<BufferIds> = (0..64).map(|_| BufferIds::default()).collect();
        let ids: HashSet<u64> = runs.iter().flat_map(|ids| [ids.next_id(), ids.next_id()]).collect();
        assert_eq!(ids.len(), 128);
    }
}
