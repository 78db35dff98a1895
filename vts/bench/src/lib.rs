//! What the benchmark measures, and what is made of its samples.
//!
//! The program `bench` runs beside the service and writes [`samples`]; the report is made on the host, or where they
//! were taken: [`summary`] (percentiles and ratios), [`table`], [`plot`] (feature `plot`), [`report`] (all of them as
//! files). [`rows`] says what each row is and what it must reach.
//!
//! # Invariants
//! A number that is missed is printed as missed and never fails a run: a shared machine is no judge of time. Every ratio
//! is made of samples of one round, so that what slows the machine for a while slows both sides of it.

pub mod report;
pub mod rows;
pub mod samples;
pub mod summary;
pub mod table;

#[cfg(feature = "plot")]
pub mod plot;
