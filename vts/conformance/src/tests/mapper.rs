//! `VtsHalGraphicsMapperStableC_TargetTest`: its 54 tests of March 2025, and what 16 QPR2, 17 and later added. (Tests of
//! multi-view buffers are not here: they need mapper 6, and the same program fails whatever says more than 5.)

mod buffers;
mod library;
mod locking;
mod metadata;
mod planes;
mod rgb;

use crate::case::Test;

/// In the VTS's order as far as the files go.
pub(super) fn tests() -> Vec<Test> {
    [library::tests(), buffers::tests(), locking::tests(), planes::tests(), rgb::tests(), metadata::tests()]
        .into_iter()
        .flatten()
        .collect()
}
