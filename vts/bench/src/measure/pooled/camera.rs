//! A camera's start: eight large buffers, asked for one at a time, of a service that knows of no stream yet.

use super::{Extra, Service, POOLED};
use crate::measure::{camera_frame, page, Kind, Options, Subject};
use anyhow::{Context as _, Result};
use gralloc_client::{Allocation, BufferDescriptorInfo, Connection};
use gralloc_dmabuf::ioctl::dma_heap_alloc;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};
use vts_bench::rows::CAMERA_BUFFERS;

/// When the next is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// 1.5 raw allocations after the last was, or when that is there if it takes longer.
    Spaced,
    /// When the last is there.
    Burst,
}

/// A new service each round; the sum of the waits, the raw ioctls' and as many pings.
pub(super) struct Start {
    options: Options,
    pace: Pace,
    heap: File,
    wire: BufferDescriptorInfo,
    bytes: u64,
    /// One raw allocation, as the last round had it.
    raw_time: Duration,
    service: Option<(Service, Connection)>,
    ours: Vec<Allocation>,
    raw: Vec<OwnedFd>,
}

impl Start {
    pub(super) fn new(options: &Options, pace: Pace) -> Result<Start> {
        let heap = File::open(&options.heap).with_context(|| format!("heap {}", options.heap.display()))?;
        let wire = camera_frame(4000, 3000);
        let first = Service::start(options, &Extra::default())?.connect()?.allocate(&wire, 1)?;
        let bytes = first.buffers.first().context("a buffer")?.info.buffer_bytes;
        let options = options.clone();
        let raw_time = Duration::ZERO;
        let mut start =
            Start { options, pace, heap, wire, bytes, raw_time, service: None, ours: Vec::new(), raw: Vec::new() };
        start.measure(Kind::Raw)?;
        start.raw.clear();
        Ok(start)
    }

    /// The round's service, up and asked for nothing but a page.
    fn connection(&mut self) -> Result<Connection> {
        if let Some((_, connection)) = &self.service {
            return Ok(connection.clone());
        }
        let service = Service::start(&self.options, &POOLED)?;
        let connection = service.connect()?;
        // What any service has behind it when a camera starts: its first call.
        drop(connection.allocate(&page(), 1)?);
        self.service = Some((service, connection.clone()));
        Ok(connection)
    }

    /// Does it for each buffer in turn and sums up how long that took; the pauses between do not count.
    fn waits(&self, mut ask: impl FnMut() -> Result<()>) -> Result<Duration> {
        let mut sum = Duration::ZERO;
        let mut next = Instant::now();
        for _ in 0..CAMERA_BUFFERS {
            if self.pace == Pace::Spaced {
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            let start = Instant::now();
            ask()?;
            sum = sum.saturating_add(start.elapsed());
            next = start.checked_add(self.raw_time.saturating_mul(3) / 2).context("a clock")?;
        }
        Ok(sum)
    }
}

impl Subject for Start {
    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        // Each kind finds a service that is up and has nothing to do.
        let connection = self.connection()?;
        std::thread::sleep(Duration::from_millis(50));
        match kind {
            Kind::Ours => {
                let mut ours = Vec::with_capacity(8);
                let took = self.waits(|| {
                    ours.push(connection.allocate(&self.wire, 1)?);
                    Ok(())
                })?;
                // What is still being filled is no part of the next sample.
                std::thread::sleep(self.raw_time.saturating_mul(4));
                self.ours = ours;
                Ok(took)
            }
            Kind::Raw => {
                let mut raw = Vec::with_capacity(8);
                let took = self.waits(|| {
                    raw.push(dma_heap_alloc(self.heap.as_fd(), self.bytes)?);
                    Ok(())
                })?;
                self.raw_time = took / CAMERA_BUFFERS;
                self.raw = raw;
                Ok(took)
            }
            _ => self.waits(|| Ok(connection.ping()?)),
        }
    }

    fn release(&mut self) -> Result<()> {
        self.ours.clear();
        self.raw.clear();
        self.service = None;
        Ok(())
    }
}
