//! `VtsHalGraphicsMapperStableC_TargetTest`: 54 tests.

mod buffers;
mod library;
mod locking;
mod metadata;
mod planes;

use crate::case::Test;

/// In the VTS's order as far as the files go.
pub(super) fn tests() -> Vec<Test> {
    [library::tests(), buffers::tests(), locking::tests(), planes::tests(), metadata::tests()]
        .into_iter()
        .flatten()
        .collect()
}
