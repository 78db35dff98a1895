//! What was counted over the last minute: seven slots of ten seconds each, the one of now among them.

/// Milliseconds of a slot.
const SLOT_MS: u64 = 10_000;
/// The one of now, and six that are full.
const SLOTS: usize = 7;

/// What was counted lately.
#[derive(Debug, Default)]
pub struct Recent<T> {
    slots: [Slot<T>; SLOTS],
}

#[derive(Debug, Default)]
struct Slot<T> {
    /// Which ten seconds it is of, counted from the clock's start; 0 before it is used.
    number: u64,
    counted: T,
}

impl<T: Default> Recent<T> {
    /// The slot of now, empty at its first use.
    pub fn now(&mut self, now_ms: u64) -> &mut T {
        let number = number_at(now_ms);
        let [first, rest @ ..] = &mut self.slots;
        // The one of now, else the oldest.
        let mut chosen = first;
        for slot in rest {
            if chosen.number != number && (slot.number == number || slot.number < chosen.number) {
                chosen = slot;
            }
        }
        if chosen.number != number {
            *chosen = Slot { number, counted: T::default() };
        }
        &mut chosen.counted
    }

    /// The slots of the last 60 to 70 seconds.
    pub fn minute(&self, now_ms: u64) -> impl Iterator<Item = &T> {
        let now = number_at(now_ms);
        let oldest = now.saturating_sub(6).max(1);
        self.slots.iter().filter(move |slot| (oldest..=now).contains(&slot.number)).map(|slot| &slot.counted)
    }
}

/// Which ten seconds a moment is of, from 1 on.
pub(super) fn number_at(now_ms: u64) -> u64 {
    (now_ms / SLOT_MS).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(recent: &Recent<u32>, now_ms: u64) -> u32 {
        recent.minute(now_ms).sum()
    }

    #[test]
    fn what_is_older_than_seventy_seconds_is_forgotten_and_what_is_younger_than_sixty_is_not() {
        let mut recent = Recent::<u32>::default();
        for second in 0..200_u64 {
            *recent.now(second * 1000) += 1;
            let counted = u64::from(sum(&recent, second * 1000));
            assert!((60..=70).contains(&counted) || counted == second + 1, "{counted} at {second} s");
        }
        assert_eq!((sum(&recent, 199_999), sum(&recent, 259_000)), (70, 10));
        assert_eq!(sum(&recent, 270_000), 0);
    }

    #[test]
    fn pause_leaves_nothing_of_what_was_before() {
        let mut recent = Recent::<u32>::default();
        *recent.now(0) = 5;
        *recent.now(1_000_000) += 1;
        assert_eq!((sum(&recent, 1_000_000), sum(&recent, u64::MAX)), (1, 0));
    }
}
