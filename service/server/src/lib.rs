//! The allocator service: everything between a binder transaction and `gralloc_allocator`.
//!
//! One request: [`adapter`] (the AIDL methods) → [`convert`] (wire types in and out) →
//! [`engine`] (plan, admission, allocation, the handle) → [`tracker`] (learns when the buffer dies). Failures leave
//! through [`status`], one match. Beside requests, [`maintenance`] books releases and has what is kept ready in the [`pool`]
//! filled. [`dump`] prints what [`stats`] and the ledger counted; [`marks`] puts it into the kernel's trace.

#![forbid(unsafe_code)]

pub mod access;
pub mod adapter;
pub mod args;
pub mod clock;
pub mod convert;
pub mod dump;
pub mod engine;
pub mod filler;
mod heap_calls;
pub mod ids;
pub mod latency;
pub mod logging;
pub mod maintenance;
pub mod marks;
pub mod pool;
pub mod releases;
pub mod startup;
pub mod stats;
pub mod status;
pub mod threads;
pub mod tracker;

#[cfg(test)]
mod tests;
