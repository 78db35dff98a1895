//! What is known of each key: how often it was asked for, and what of it is ready.

use super::PoolKey;

/// Most keys that are remembered: whoever asks for ever new sizes pushes out what was asked for longest ago.
const MOST_KEYS: usize = 32;

/// One key.
#[derive(Debug)]
pub(super) struct Known<B> {
    pub(super) key: PoolKey,
    pub(super) ready: Vec<B>,
    /// How many are being filled.
    pub(super) filling: u32,
    /// How many the policy wants ready always.
    pub(super) kept: u32,
    /// Requests without a pause of the idle time.
    pub(super) asked: u32,
    /// The last request; for a kept entry, when it was set.
    pub(super) asked_ms: u64,
}

impl<B> Known<B> {
    /// Ready and being filled.
    pub(super) fn supply(&self) -> u32 {
        u32::try_from(self.ready.len()).unwrap_or(u32::MAX).saturating_add(self.filling)
    }

    pub(super) fn supply_bytes(&self) -> u64 {
        self.key.bytes.saturating_mul(u64::from(self.supply()))
    }

    pub(super) fn ready_bytes(&self) -> u64 {
        self.key.bytes.saturating_mul(u64::try_from(self.ready.len()).unwrap_or(u64::MAX))
    }

    fn is_used(&self) -> bool {
        self.kept > 0 || self.supply() > 0
    }
}

/// All keys. Few: a list is searched faster than a map.
#[derive(Debug)]
pub(super) struct Keys<B>(Vec<Known<B>>);

impl<B> Default for Keys<B> {
    fn default() -> Keys<B> {
        Keys(Vec::new())
    }
}

impl<B> Keys<B> {
    pub(super) fn all(&self) -> impl Iterator<Item = &Known<B>> {
        self.0.iter()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Known<B>> {
        self.0.iter_mut()
    }

    pub(super) fn find(&self, key: PoolKey) -> Option<&Known<B>> {
        self.0.iter().find(|known| known.key == key)
    }

    pub(super) fn find_mut(&mut self, key: PoolKey) -> Option<&mut Known<B>> {
        self.0.iter_mut().find(|known| known.key == key)
    }

    /// The key's entry, made when there is none; beyond the bound the one longest not asked for, without buffers, goes.
    pub(super) fn entry(&mut self, key: PoolKey, now_ms: u64) -> &mut Known<B> {
        let at = match self.0.iter().position(|known| known.key == key) {
            Some(at) => at,
            None => {
                if self.0.len() >= MOST_KEYS {
                    let unused = self.0.iter().enumerate().filter(|(_, known)| !known.is_used());
                    if let Some(oldest) = unused.min_by_key(|(_, known)| known.asked_ms).map(|(at, _)| at) {
                        self.0.swap_remove(oldest);
                    }
                }
                self.0.push(Known { key, ready: Vec::new(), filling: 0, kept: 0, asked: 0, asked_ms: now_ms });
                self.0.len().saturating_sub(1)
            }
        };
        // It was found or pushed just now.
        #[allow(clippy::indexing_slicing)]
        &mut self.0[at]
    }

    /// Forgets keys whose stream has ended.
    pub(super) fn forget_unused(&mut self) {
        self.0.retain(|known| known.is_used() || known.asked > 0);
    }
}
