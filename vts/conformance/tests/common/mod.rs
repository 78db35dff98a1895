//! This project's own service and mapper, built and started for a test.

pub(crate) mod artifacts;
pub(crate) mod keeper;
