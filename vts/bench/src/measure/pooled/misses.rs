//! Requests that no pool can foresee: each of a size of its own.

use super::{pool, Extra, Service, POOLED};
use crate::measure::{picture, Kind, Options, Subject};
use anyhow::{bail, ensure, Context as _, Result};
use gralloc_client::{Allocation, Connection};
use gralloc_dmabuf::ioctl::dma_heap_alloc;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

/// The first picture's lines; each round's has one more.
const LINES: i32 = 1080;
/// Bytes of one line of RGBA.
const LINE_BYTES: u64 = 1920 * 4;

/// Two services, one with the pool and one without, the raw ioctl and a ping.
pub(super) struct Misses {
    pooled: Connection,
    plain: Connection,
    heap: File,
    lines: i32,
    ours: Vec<Allocation>,
    raw: Vec<OwnedFd>,
    /// Live as long as they are asked.
    _services: [Service; 2],
}

impl Misses {
    pub(super) fn new(options: &Options) -> Result<Misses> {
        let heap = File::open(&options.heap).with_context(|| format!("heap {}", options.heap.display()))?;
        let services = [Service::start(options, &POOLED)?, Service::start(options, &Extra::default())?];
        let [pooled, plain] = [services[0].connect()?, services[1].connect()?];
        let (ours, raw) = (Vec::with_capacity(2), Vec::with_capacity(1));
        Ok(Misses { pooled, plain, heap, lines: LINES, ours, raw, _services: services })
    }
}

impl Subject for Misses {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Ours, Kind::Raw, Kind::Ping, Kind::Plain]
    }

    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        let wire = picture(1920, self.lines);
        let start = Instant::now();
        match kind {
            Kind::Ours => self.ours.push(self.pooled.allocate(&wire, 1)?),
            Kind::Plain => self.ours.push(self.plain.allocate(&wire, 1)?),
            Kind::Raw => {
                let bytes = u64::try_from(self.lines)?.saturating_mul(LINE_BYTES);
                self.raw.push(dma_heap_alloc(self.heap.as_fd(), bytes)?);
            }
            Kind::Ping => self.pooled.ping()?,
            Kind::Bare => bail!("no bare service"),
        }
        Ok(start.elapsed())
    }

    fn release(&mut self) -> Result<()> {
        self.ours.clear();
        self.raw.clear();
        self.lines = self.lines.checked_add(1).context("lines")?;
        let hits = pool(&self.pooled)?.hits;
        ensure!(hits == 0, "{hits} requests were served from the pool");
        Ok(())
    }
}
