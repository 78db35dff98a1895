//! Taking samples: one module a kind of row.
//!
//! A round takes one sample of each of ours, raw, ping and the bare service, right after each other, in an order that
//! changes from round to round, so that none profits from what another leaves behind. What the service does after a reply
//! (it watches new buffers and fills its pool a few milliseconds later) falls into any of them alike. Buffers are let go at the end
//! of the round, out of every timed stretch, ours and raw's alike.

mod allocation;
mod bare;
mod dump;
mod load;
mod mapper;
mod marks;
mod parallel;
mod plan;
mod pooled;
mod scan;
mod service;

use allocation::Allocations;
use anyhow::{Context as _, Result};
use bare::BareService;
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use gralloc_client::{to_wire, BufferDescriptorInfo, Connection};
use parallel::{Busy, Crowd, Workers};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use vts_bench::rows::{self, Row};
use vts_bench::samples::{RowSamples, Sample};

pub(crate) use bare::{serve_barely, Steps};
pub(crate) use load::load_and_tell;
pub(crate) use parallel::{serve_as_worker, Asked};
pub(crate) use pooled::{hammer, serve};

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
    /// A binder service around the ioctl, or a library, that does nothing else.
    Bare,
    /// The same service without what ours has here.
    Plain,
}

/// Something that can be measured in several ways.
pub(crate) trait Subject {
    /// In which.
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Ours, Kind::Raw, Kind::Ping]
    }

    /// Does it once and says how long it took. What it made is kept.
    fn measure(&mut self, kind: Kind) -> Result<Duration>;

    /// A sample's time in the row's unit.
    fn unit_of(&self, took: Duration) -> f64 {
        micros(took)
    }

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
    /// What the bare service does.
    pub(crate) steps: Steps,
    /// The mapper's library.
    pub(crate) mapper: PathBuf,
    /// One with nothing in it.
    pub(crate) empty: PathBuf,
}

/// A run.
pub(crate) struct Bench {
    options: Options,
    /// Runs from when it is first needed.
    bare: Option<BareService>,
    /// The service's resident memory so far.
    resident: Vec<Sample>,
}

impl Bench {
    pub(crate) fn new(options: Options) -> Bench {
        Bench { options, bare: None, resident: Vec::new() }
    }

    /// Takes the samples of a row.
    pub(crate) fn measure(&mut self, row: &Row, rounds: usize) -> Result<RowSamples> {
        if row.is_alone() {
            let samples = match row {
                row if row == &rows::PLAN => plan::samples(&self.options.policy, rounds)?,
                row if row == &rows::PLAN_LARGE => plan::large_samples(rounds)?,
                _ => mapper::gets(rounds)?,
            };
            return Ok(RowSamples { row: row.name.to_owned(), samples });
        }
        if self.resident.is_empty() {
            self.resident.push(service::resident()?);
        }
        let samples = match row {
            row if row == &rows::RSS => self.resident.clone(),
            row if row == &rows::PARALLEL => {
                self.start_bare()?;
                interleave(&mut Workers::start(&self.options, Asked::Ours, Crowd::PARALLEL)?, rounds)?
            }
            row if row == &rows::TAIL_1080P => {
                self.start_bare()?;
                let crowd = Crowd { calls: 1, ..Crowd::PARALLEL };
                Workers::start(&self.options, Asked::Ours, crowd)?.waits(&[Kind::Ours, Kind::Raw], rounds)?
            }
            row if pooled::ROWS.contains(row) => {
                self.start_bare()?;
                pooled::samples(row, &self.options, rounds)?
            }
            row if row == &rows::RSS_LIVE => service::resident_with(connect()?, rows::LIVE_BUFFERS, rounds)?,
            row if row == &rows::RSS_30K => service::resident_with(connect()?, rows::MANY_BUFFERS, rounds)?,
            row if row == &rows::TRACE_OFF => marks::off(rounds)?,
            row if row == &rows::MAPPER_LOAD => load::samples(&self.options, rounds, load::Loaded::micros)?,
            row if row == &rows::MAPPER_DIRTY => load::samples(&self.options, rounds, load::Loaded::dirty)?,
            row if row == &rows::SCAN_30K => scan::samples(&self.options.heap, rounds)?,
            row if row == &rows::DUMP_10K => interleave(&mut dump::Dumps::new()?, rounds)?,
            row if row == &rows::DUMP_10K_BESIDE => dump::beside(rounds)?,
            row if row == &rows::IMPORT_FREE => interleave(&mut mapper::Imports::new(&self.options.heap)?, rounds)?,
            row if row == &rows::LOCK_UNLOCK => interleave(&mut mapper::Locks::new(&self.options.heap)?, rounds)?,
            row => {
                self.start_bare()?;
                let _busy = (row == &rows::BATCH_BESIDE).then(Busy::start).transpose()?;
                interleave(&mut self.allocations(row)?, rounds)?
            }
        };
        self.resident.push(service::resident()?);
        Ok(RowSamples { row: row.name.to_owned(), samples })
    }

    fn start_bare(&mut self) -> Result<()> {
        if self.bare.is_none() {
            self.bare = Some(BareService::start(&self.options.heap, self.options.steps).context("the bare service")?);
        }
        Ok(())
    }

    fn allocations(&self, row: &Row) -> Result<Allocations> {
        let (wire, count) = match row {
            row if row == &rows::COLD_1080P => (full_hd(), 1),
            row if row == &rows::COLD_4K => (picture(3840, 2160), 1),
            row if row == &rows::COLD_4KIB => (page(), 1),
            row if row == &rows::BATCH || row == &rows::BATCH_BESIDE => (full_hd(), rows::BATCH_BUFFERS),
            other => anyhow::bail!("nothing measures row {}", other.name),
        };
        Allocations::new(connect()?, &self.options.heap, wire, count, 1)?.with_bare()
    }
}

/// Takes the samples of rounds.
fn interleave(subject: &mut impl Subject, rounds: usize) -> Result<Vec<Sample>> {
    let kinds = subject.kinds();
    let mut samples = Vec::new();
    for round in 0..rounds.saturating_add(WARM_UP) {
        let mut sample = Sample::default();
        for kind in order(kinds, round) {
            let took = subject.measure(kind)?;
            place(&mut sample, kind, subject.unit_of(took));
        }
        subject.release()?;
        if round >= WARM_UP {
            samples.push(sample);
        }
    }
    Ok(samples)
}

/// Puts what was measured where it belongs.
fn place(sample: &mut Sample, kind: Kind, took: f64) {
    match kind {
        Kind::Ours => sample.ours = took,
        Kind::Raw => sample.raw = Some(took),
        Kind::Ping => sample.ping = Some(took),
        Kind::Bare => sample.bare = Some(took),
        Kind::Plain => sample.plain = Some(took),
    }
}

/// Each begins in its turn; every second time round, backwards.
fn order(kinds: &[Kind], round: usize) -> Vec<Kind> {
    let all = kinds.len().max(1);
    let mut order: Vec<Kind> = kinds.iter().cycle().skip(round % all).take(all).copied().collect();
    if (round / all) % 2 == 1 {
        order.reverse();
    }
    order
}

fn micros(time: Duration) -> f64 {
    // Nanoseconds are the clock's own step; more digits would be noise.
    (time.as_secs_f64() * 1e9).round() / 1e3
}

fn connect() -> Result<Connection> {
    Connection::from_env_or(None).context("the allocator")
}

/// One of the benchmark's own services.
fn connect_to(name: &str) -> Result<Connection> {
    // Opens binder.
    connect()?;
    Ok(Connection::to(bare::find(name)?))
}

/// A frame that an application draws and reads.
fn full_hd() -> BufferDescriptorInfo {
    picture(1920, 1080)
}

fn picture(width: i32, height: i32) -> BufferDescriptorInfo {
    let usage = Usage::CPU_READ_OFTEN | Usage::CPU_WRITE_OFTEN | Usage::GPU_TEXTURE;
    to_wire(&Descriptor::new("bench", width, height, PixelFormat::Rgba8888, usage))
}

/// A frame that a camera fills.
fn camera_frame(width: i32, height: i32) -> BufferDescriptorInfo {
    let usage = Usage::CAMERA_OUTPUT | Usage::GPU_TEXTURE | Usage::CPU_READ_OFTEN;
    to_wire(&Descriptor::new("bench", width, height, PixelFormat::Ycbcr420_888, usage))
}

fn page() -> BufferDescriptorInfo {
    let usage = Usage::CPU_READ_OFTEN | Usage::CPU_WRITE_OFTEN;
    to_wire(&Descriptor::new("bench", 4096, 1, PixelFormat::Blob, usage))
}

/// How long one page takes, in microseconds; letting it go is not counted.
fn wait_for_a_page(connection: &Connection) -> Result<f64> {
    let start = Instant::now();
    let allocation = connection.allocate(&page(), 1)?;
    let took = start.elapsed();
    drop(allocation);
    Ok(micros(took))
}
