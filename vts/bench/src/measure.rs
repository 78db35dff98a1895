//! Taking samples: one module a kind of row.
//!
//! A round takes one sample of each of ours, raw and ping, right after each other, in an order that changes from round to
//! round, so that none profits from what another leaves behind. What the service does after a reply (it watches new
//! buffers and fills its stock a few milliseconds later) falls into any of the three alike. Buffers are let go at the end
//! of the round, out of every timed stretch, ours and raw's alike.

mod allocation;
mod parallel;
mod plan;
mod service;

use allocation::Allocations;
use anyhow::{Context as _, Result};
use gralloc_client::{BufferDescriptorInfo, Connection, DescriptorBuilder};
use gralloc_core::{PixelFormat, Usage};
use parallel::Workers;
use std::path::PathBuf;
use std::time::Duration;
use vts_bench::rows::{self, Row};
use vts_bench::samples::{RowSamples, Sample};

pub(crate) use parallel::serve_as_worker;

/// Rounds before the first that counts: caches, lazily made threads and tables.
const WARM_UP: usize = 3;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The service's client.
    Ours,
    /// The bare system calls.
    Raw,
    /// A call that does nothing.
    Ping,
}

/// Every order of the three.
const ORDERS: [[Kind; 3]; 6] = [
    [Kind::Ours, Kind::Raw, Kind::Ping],
    [Kind::Raw, Kind::Ping, Kind::Ours],
    [Kind::Ping, Kind::Ours, Kind::Raw],
    [Kind::Ours, Kind::Ping, Kind::Raw],
    [Kind::Ping, Kind::Raw, Kind::Ours],
    [Kind::Raw, Kind::Ours, Kind::Ping],
];

/// Something that can be measured in three ways.
pub(crate) trait Subject {
    /// Does it once and says how long it took. What it made is kept.
    fn measure(&mut self, kind: Kind) -> Result<Duration>;

    /// Lets go of what was made.
    fn release(&mut self) -> Result<()>;
}

/// The files that rows need.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The raw ioctl's heap.
    pub(crate) heap: PathBuf,
    /// The policy that is planned with.
    pub(crate) policy: PathBuf,
}

/// A run.
pub(crate) struct Bench {
    options: Options,
    /// The service's resident memory so far.
    resident: Vec<Sample>,
}

impl Bench {
    pub(crate) fn new(options: Options) -> Bench {
        Bench { options, resident: Vec::new() }
    }

    /// Takes the samples of a row.
    pub(crate) fn measure(&mut self, row: &Row, rounds: usize) -> Result<RowSamples> {
        if self.resident.is_empty() && row != &rows::PLAN {
            self.resident.push(service::resident()?);
        }
        let samples = match row {
            row if row == &rows::PLAN => plan::samples(&self.options.policy, rounds)?,
            row if row == &rows::RSS => self.resident.clone(),
            row if row == &rows::PARALLEL => interleave(&mut Workers::start(&self.options)?, rounds)?,
            row => interleave(&mut self.allocations(row)?, rounds)?,
        };
        if row != &rows::PLAN {
            self.resident.push(service::resident()?);
        }
        Ok(RowSamples { row: row.name.to_owned(), samples })
    }

    fn allocations(&self, row: &Row) -> Result<Allocations> {
        let (wire, count) = match row {
            row if row == &rows::COLD_1080P => (full_hd(), 1),
            row if row == &rows::COLD_4K => (picture(3840, 2160), 1),
            row if row == &rows::COLD_4KIB => (page(), 1),
            row if row == &rows::BATCH => (full_hd(), rows::BATCH_BUFFERS),
            other => anyhow::bail!("nothing measures row {}", other.name),
        };
        Allocations::new(connect()?, &self.options.heap, wire, count, 1)
    }
}

/// Takes the samples of rounds.
fn interleave(subject: &mut impl Subject, rounds: usize) -> Result<Vec<Sample>> {
    let orders = ORDERS.iter().cycle().take(rounds.saturating_add(WARM_UP));
    let mut samples = Vec::new();
    for (round, order) in orders.enumerate() {
        let (mut ours, mut raw, mut ping) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for kind in order {
            let took = subject.measure(*kind)?;
            match kind {
                Kind::Ours => ours = took,
                Kind::Raw => raw = took,
                Kind::Ping => ping = took,
            }
        }
        subject.release()?;
        if round >= WARM_UP {
            samples.push(Sample { ours: micros(ours), raw: Some(micros(raw)), ping: Some(micros(ping)) });
        }
    }
    Ok(samples)
}

fn micros(time: Duration) -> f64 {
    // Nanoseconds are the clock's own step; more digits would be noise.
    (time.as_secs_f64() * 1e9).round() / 1e3
}

fn connect() -> Result<Connection> {
    Connection::from_env_or(None).context("the allocator")
}

/// A frame that an application draws and reads.
fn full_hd() -> BufferDescriptorInfo {
    picture(1920, 1080)
}

fn picture(width: i32, height: i32) -> BufferDescriptorInfo {
    let usage = Usage::CPU_READ_OFTEN | Usage::CPU_WRITE_OFTEN | Usage::GPU_TEXTURE;
    DescriptorBuilder::new("bench", width, height, PixelFormat::Rgba8888, usage).build()
}

fn page() -> BufferDescriptorInfo {
    let usage = Usage::CPU_READ_OFTEN | Usage::CPU_WRITE_OFTEN;
    DescriptorBuilder::new("bench", 4096, 1, PixelFormat::Blob, usage).build()
}
