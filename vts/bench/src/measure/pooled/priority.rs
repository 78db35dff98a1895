//! A client that must not wait, on a processor that is never idle.

use super::{Extra, Service, POOLED};
use crate::measure::busy::Busy;
use crate::measure::parallel::{Asked, Crowd, Workers};
use crate::measure::{Kind, Options};
use anyhow::{Context as _, Result};
use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;
use vts_bench::samples::Sample;

/// Two services, a client in SCHED_FIFO and two busy loops, all on one processor.
pub(super) fn samples(options: &Options, rounds: usize) -> Result<Vec<Sample>> {
    let this = Pid::from_raw(0);
    let all = sched_getaffinity(this)?;
    let mut one = CpuSet::new();
    one.set((0..CpuSet::count()).find(|cpu| all.is_set(*cpu).unwrap_or(false)).context("a processor")?)?;
    // Processes that are started have it from this thread.
    sched_setaffinity(this, &one)?;
    let started = start(options);
    sched_setaffinity(this, &all)?;
    let (_services, _busy, mut workers) = started?;
    workers.waits(&[Kind::Ours, Kind::Plain], rounds)
}

fn start(options: &Options) -> Result<([Service; 2], [Busy; 2], Workers)> {
    let [ours, plain] = [Service::start(options, &POOLED)?, Service::start(options, &Extra::default())?];
    let asked = Asked::Pooled { ours: &ours.name, plain: &plain.name };
    let workers = Workers::start(options, asked, Crowd { workers: 1, calls: 1, fifo: true })?;
    Ok(([ours, plain], [Busy::start()?, Busy::start()?], workers))
}
