//! What the dump says of buffers that are kept ready.

use crate::adapter::ServiceEngine;
use gralloc_core::pool::Figures;
use serde::Serialize;

/// The pool's counters since the start, and what is there now.
#[derive(Debug, Serialize)]
pub(crate) struct PoolLine {
    pub(crate) ready_buffers: u32,
    pub(crate) ready_bytes: u64,
    pub(crate) high_water_bytes: u64,
    pub(crate) limit_bytes: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) fills: u64,
    pub(crate) dropped_idle: u64,
    pub(crate) dropped_pressure: u64,
    pub(crate) dropped_room: u64,
    /// `psi`, or `MemAvailable` where the kernel tells of no pressure.
    pub(crate) pressure_seen_through: &'static str,
}

pub(super) fn line(engine: &ServiceEngine) -> Option<PoolLine> {
    let pool = engine.heaps().pool()?;
    let Figures {
        ready_buffers,
        ready_bytes,
        high_water_bytes,
        hits,
        misses,
        fills,
        dropped_idle,
        dropped_pressure,
        dropped_room,
    } = pool.figures();
    Some(PoolLine {
        ready_buffers,
        ready_bytes,
        high_water_bytes,
        limit_bytes: engine.policy().pool.as_ref()?.total_bytes,
        hits,
        misses,
        fills,
        dropped_idle,
        dropped_pressure,
        dropped_room,
        pressure_seen_through: engine.pressure_source()?,
    })
}
