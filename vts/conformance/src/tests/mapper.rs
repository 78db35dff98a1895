//! `VtsHalGraphicsMapperStableC_TargetTest`: its 54 tests of March 2025, and what 16 QPR2, 17 and later added.

mod buffers;
mod library;
mod locking;
mod metadata;
mod planes;
mod rgb;
mod views;

use crate::case::Test;

/// In the VTS's order as far as the files go.
pub(super) fn tests() -> Vec<Test> {
    let groups = [
        library::tests(),
        buffers::tests(),
        locking::tests(),
        planes::tests(),
        rgb::tests(),
        metadata::tests(),
        views::tests(),
    ];
    groups.into_iter().flatten().collect()
}
