//! What an Android tree reads of this project, held against the sources and against each other, without a checkout of AOSP.
//!
//! - [`soong`]: every Android.bp against the files, the Cargo manifests and what a tree offers.
//! - [`tree`]: the graph that the Android.bp files describe, compiled with the versions that a release carries and with
//!   stubs of what only a tree has.
//! - [`android`]: the same crates type-checked for Android's targets, and the mapper's exports.
//! - [`sepolicy`]: the SELinux rules against the heap policies, compiled over a small base policy.
//! - [`aidl`]: the dumps of this project's own interfaces, and the hash of a frozen one.
//! - [`apex`]: what is packed into the APEX.
//! - [`vendor`]: what is installed into /vendor one by one.
//! - [`variables`]: what a product sets.
//! - `keys`: whether a module has properties that its type has not, or values of another shape.
//! - [`variants`]: whether what is linked is built for whom, and in the width, that it is linked for.
//! - [`declarations`]: what init, VINTF, SELinux and the linker read, written from the code's constants.
//!
//! Each check answers a [`Report`]; nothing here stops at the first finding.

pub mod aidl;
pub mod android;
pub mod apex;
pub mod bp;
pub mod declarations;
pub(crate) mod files;
pub(crate) mod keys;
pub mod packages;
pub mod platform;
pub mod report;
pub mod sepolicy;
pub mod soong;
pub mod sources;
pub mod tree;
pub mod variables;
pub mod variants;
pub mod vendor;

pub use gralloc_server::adapter::MAPPER_SUFFIX as SUFFIX;
pub use report::{Finding, Place, Report};
