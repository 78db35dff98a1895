//! What the dump and the statistics say of buffers that are kept ready.

use crate::adapter::ServiceEngine;
use gralloc_allocator::pool::PoolStatistics;
use serde::Serialize;

/// The pool's counters since the start, and what is there now.
#[derive(Debug, Serialize)]
pub(crate) struct PoolLine {
    #[serde(flatten, with = "FigureKeys")]
    pub(crate) figures: PoolStatistics,
    pub(crate) limit_bytes: u64,
    /// `psi`, or `MemAvailable` where the kernel tells of no pressure.
    pub(crate) pressure_seen_through: &'static str,
}

/// [`PoolStatistics`] as keys: the core knows no form of output.
#[derive(Serialize)]
#[serde(remote = "PoolStatistics")]
struct FigureKeys {
    ready_buffers: u32,
    ready_bytes: u64,
    high_water_bytes: u64,
    hits: u64,
    misses: u64,
    fills: u64,
    dropped_idle: u64,
    dropped_pressure: u64,
    dropped_room: u64,
}

pub(super) fn line(engine: &ServiceEngine) -> Option<PoolLine> {
    let figures = engine.pool().statistics()?;
    let limit_bytes = engine.policy().pool.as_ref()?.total_bytes;
    Some(PoolLine { figures, limit_bytes, pressure_seen_through: engine.pressure_source()? })
}
