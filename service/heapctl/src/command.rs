//! The commands, one file each.

#[cfg(feature = "client")]
pub(crate) mod alloc;
#[cfg(feature = "host")]
pub(crate) mod compile;
pub(crate) mod decode;
#[cfg(feature = "host")]
pub(crate) mod diff;
#[cfg(feature = "host")]
pub(crate) mod draft;
#[cfg(feature = "client")]
pub(crate) mod dump;
pub(crate) mod explain;
pub(crate) mod heaps;
#[cfg(feature = "host")]
pub(crate) mod lint;
#[cfg(feature = "host")]
pub(crate) mod map;
#[cfg(feature = "client")]
pub(crate) mod report;
#[cfg(feature = "host")]
pub(crate) mod schema;
#[cfg(feature = "host")]
pub(crate) mod test;
#[cfg(feature = "client")]
pub(crate) mod top;
