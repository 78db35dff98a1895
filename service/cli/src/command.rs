//! The commands, one file each.

#[cfg(feature = "host")]
pub(crate) mod compile;
#[cfg(feature = "host")]
pub(crate) mod lint;
