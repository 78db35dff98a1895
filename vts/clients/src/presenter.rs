//! Who owns which buffer on the way to the screen: the display's side of the hand-over, pure.
//!
//! Invariants: a slot is the camera's or the display's, never both; the display gives a slot back only when it is neither
//! on the screen, nor on its way there, nor waiting; frames reach the screen in the order in which they came.

use crate::link::Path;
use std::collections::VecDeque;

/// Most slots of a camera's ring.
pub const MAX_SLOTS: u32 = 32;

/// A frame of the camera's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The camera's slot.
    pub slot: u32,
    /// The device's frame counter.
    pub sequence: u32,
}

/// What a camera did that it must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// No ring has so many slots.
    #[error("there is no slot {0}: a ring has {MAX_SLOTS} at most")]
    NoSlot(u32),
    /// The slot has no buffer.
    #[error("slot {0} has no buffer")]
    NoBuffer(u32),
    /// The slot has one already.
    #[error("slot {0} has a buffer already")]
    Twice(u32),
    /// The slot is the display's.
    #[error("slot {0} still belongs to the display")]
    NotYours(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Camera,
    Display,
}

/// The slots of one camera.
#[derive(Debug, Default)]
pub struct Presenter {
    slots: Vec<Option<(Path, Owner)>>,
    waiting: VecDeque<Frame>,
    flipping: Option<Frame>,
    on_screen: Option<Frame>,
}

impl Presenter {
    /// A slot has got a buffer.
    ///
    /// # Errors
    /// [`Violation::NoSlot`] or [`Violation::Twice`].
    pub fn attach(&mut self, slot: u32, path: Path) -> Result<(), Violation> {
        let index = usize::try_from(slot).ok().filter(|_| slot < MAX_SLOTS).ok_or(Violation::NoSlot(slot))?;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, None);
        }
        match self.slots.get_mut(index) {
            Some(free @ None) => {
                *free = Some((path, Owner::Camera));
                Ok(())
            }
            _ => Err(Violation::Twice(slot)),
        }
    }

    /// True when the slot has no buffer yet.
    pub fn is_free(&self, slot: u32) -> bool {
        self.slot(slot).is_none()
    }

    fn slot(&self, slot: u32) -> Option<(Path, Owner)> {
        self.slots.get(usize::try_from(slot).ok()?).copied().flatten()
    }

    fn set_owner(&mut self, slot: u32, owner: Owner) {
        let entry = usize::try_from(slot).ok().and_then(|index| self.slots.get_mut(index));
        if let Some(Some((_, its))) = entry {
            *its = owner;
        }
    }

    /// A frame arrived: the slot is the display's now.
    ///
    /// # Errors
    /// [`Violation::NoBuffer`] or [`Violation::NotYours`].
    pub fn frame(&mut self, frame: Frame) -> Result<(), Violation> {
        match self.slot(frame.slot) {
            None => Err(Violation::NoBuffer(frame.slot)),
            Some((_, Owner::Display)) => Err(Violation::NotYours(frame.slot)),
            Some((_, Owner::Camera)) => {
                self.set_owner(frame.slot, Owner::Display);
                self.waiting.push_back(frame);
                Ok(())
            }
        }
    }

    /// The next frame to put on the screen and its way there; none while another is on its way.
    pub fn take_next(&mut self) -> Option<(Frame, Path)> {
        if self.flipping.is_some() {
            return None;
        }
        let frame = self.waiting.pop_front()?;
        let (path, _) = self.slot(frame.slot)?;
        self.flipping = Some(frame);
        Some((frame, path))
    }

    /// A composed frame's pixels have been copied: the camera may have its slot at once. Answers the slot to release.
    pub fn copied(&mut self) -> Option<u32> {
        let slot = self.flipping?.slot;
        let (path, owner) = self.slot(slot)?;
        if path != Path::Composed || owner != Owner::Display {
            return None;
        }
        self.set_owner(slot, Owner::Camera);
        Some(slot)
    }

    /// The flip is done. Answers the frame that is on the screen now, and the slot that left it and is to be released.
    pub fn flipped(&mut self) -> Option<(Frame, Option<u32>)> {
        let now = self.flipping.take()?;
        let before = self.on_screen.replace(now);
        let release = before.map(|frame| frame.slot).filter(|slot| {
            // A composed frame's slot went back when it was copied, and may be the display's again by now.
            matches!(self.slot(*slot), Some((Path::Scanout, Owner::Display)))
        });
        if let Some(slot) = release {
            self.set_owner(slot, Owner::Camera);
        }
        Some((now, release))
    }

    /// True when every frame that came has reached the screen.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flipping.is_none()
    }

    /// The frame on the screen.
    pub fn on_screen(&self) -> Option<Frame> {
        self.on_screen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(slot: u32, sequence: u32) -> Frame {
        Frame { slot, sequence }
    }

    #[test]
    fn scanout_slot_stays_until_another_frame_is_on_the_screen() {
        let mut presenter = Presenter::default();
        presenter.attach(0, Path::Scanout).unwrap();
        presenter.attach(1, Path::Scanout).unwrap();
        presenter.frame(frame(0, 10)).unwrap();
        assert_eq!(presenter.take_next(), Some((frame(0, 10), Path::Scanout)));
        assert_eq!(presenter.take_next(), None);
        assert_eq!(presenter.copied(), None);
        assert_eq!(presenter.flipped(), Some((frame(0, 10), None)));
        assert_eq!(presenter.frame(frame(0, 11)), Err(Violation::NotYours(0)));
        presenter.frame(frame(1, 11)).unwrap();
        presenter.take_next().unwrap();
        assert_eq!(presenter.frame(frame(0, 12)), Err(Violation::NotYours(0)));
        assert_eq!(presenter.flipped(), Some((frame(1, 11), Some(0))));
        presenter.frame(frame(0, 12)).unwrap();
        assert!(!presenter.is_idle());
    }

    #[test]
    fn composed_slot_goes_back_when_copied_and_only_once() {
        let mut presenter = Presenter::default();
        presenter.attach(0, Path::Composed).unwrap();
        presenter.frame(frame(0, 1)).unwrap();
        presenter.take_next().unwrap();
        assert_eq!(presenter.copied(), Some(0));
        assert_eq!(presenter.copied(), None);
        // The camera sends it again before the flip is done.
        presenter.frame(frame(0, 2)).unwrap();
        assert_eq!(presenter.flipped(), Some((frame(0, 1), None)));
        presenter.take_next().unwrap();
        assert_eq!(presenter.flipped(), Some((frame(0, 2), None)));
        assert_eq!(presenter.on_screen(), Some(frame(0, 2)));
    }

    #[test]
    fn violations_are_named() {
        let mut presenter = Presenter::default();
        assert_eq!(presenter.frame(frame(5, 1)), Err(Violation::NoBuffer(5)));
        presenter.attach(5, Path::Scanout).unwrap();
        assert_eq!(presenter.attach(5, Path::Composed), Err(Violation::Twice(5)));
        assert_eq!(presenter.attach(MAX_SLOTS, Path::Composed), Err(Violation::NoSlot(32)));
        assert_eq!(presenter.attach(u32::MAX, Path::Composed), Err(Violation::NoSlot(u32::MAX)));
        assert!(presenter.is_free(4) && !presenter.is_free(5));
        assert_eq!(presenter.flipped(), None);
    }

    proptest! {
        /// Whatever happens in whatever order: a released slot is not on the screen nor on its way, no slot is released
        /// twice, and frames are shown in order.
        #[test]
        fn any_order_keeps_ownership(steps in prop::collection::vec((0u32..4, 0u32..5), 0..200),
                                     composed in prop::collection::vec(any::<bool>(), 5)) {
            let mut presenter = Presenter::default();
            let mut ours = [true; 5];
            for (slot, composed) in (0u32..).zip(&composed) {
                presenter.attach(slot, if *composed { Path::Composed } else { Path::Scanout }).unwrap();
            }
            let (mut sequence, mut last_shown) = (0, None);
            for (step, slot) in steps {
                let index = usize::try_from(slot).unwrap();
                let released = match step {
                    0 => {
                        sequence += 1;
                        let answer = presenter.frame(frame(slot, sequence));
                        prop_assert_eq!(answer.is_ok(), ours[index]);
                        ours[index] = false;
                        None
                    }
                    1 => { presenter.take_next(); None }
                    2 => presenter.copied(),
                    _ => presenter.flipped().and_then(|(shown, release)| {
                        assert!(last_shown < Some(shown.sequence));
                        last_shown = Some(shown.sequence);
                        release
                    }),
                };
                if let Some(slot) = released {
                    let index = usize::try_from(slot).unwrap();
                    prop_assert!(!ours[index], "released twice");
                    ours[index] = true;
                    if !composed[index] {
                        prop_assert!(presenter.on_screen().is_none_or(|frame| frame.slot != slot));
                        prop_assert!(presenter.flipping.is_none_or(|frame| frame.slot != slot));
                    }
                }
            }
        }
    }
}
