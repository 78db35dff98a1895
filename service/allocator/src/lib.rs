//! The allocator's logic, pure: it opens no file, holds no fd, reads no clock, logs nothing.
//!
//! One request passes through these modules top to bottom:
//! [`request`] (what was asked, validated) → [`plan()`] (policy → heaps; layout → planes and bytes) →
//! [`allocate`] (admission by the [`ledger`], then one heap after the other through [`ports`]). Beside it stands the
//! [`pool`]: which buffers are kept ready.

#![forbid(unsafe_code)]

pub mod allocate;
pub mod error;
pub mod explain;
pub mod ledger;
pub mod plan;
pub mod pool;
pub mod ports;
pub mod request;
pub mod statistics;

pub use error::{Internal, Malformed, Refusal, Shortage, Unsupported};
pub use plan::{plan, Plan};
pub use request::Request;
