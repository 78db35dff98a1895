//! One buffer, from the pool. The bare service answers a buffer that it has already: what any service takes to do so.

use super::{pool, Service, POOLED};
use crate::measure::bare::BareClient;
use crate::measure::{camera_frame, Kind, Options, Subject};
use allocator_aidl::AllocationResult;
use anyhow::{ensure, Context as _, Result};
use gralloc_client::{Allocation, BufferDescriptorInfo, Connection};
use gralloc_dmabuf::ioctl::dma_heap_alloc;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

/// Before each sample, whatever it is of: all are asked on an idle machine.
const PAUSE: Duration = Duration::from_millis(10);
/// How long filling may take.
const FILL_WAIT: Duration = Duration::from_secs(10);

/// Ours, the raw ioctl and a ping, each after a pause in which nothing is filled.
pub(super) struct Ready {
    connection: Connection,
    heap: File,
    wire: BufferDescriptorInfo,
    bytes: u64,
    /// Longer than one fill.
    settle: Duration,
    asked: i64,
    ours: Vec<Allocation>,
    raw: Vec<OwnedFd>,
    bare: BareClient,
    bares: Vec<AllocationResult>,
    /// Lives as long as it is asked.
    _service: Service,
}

impl Ready {
    pub(super) fn new(options: &Options, width: i32, height: i32) -> Result<Ready> {
        let service = Service::start(options, &POOLED)?;
        let heap = File::open(&options.heap).with_context(|| format!("heap {}", options.heap.display()))?;
        let connection = service.connect()?;
        let wire = camera_frame(width, height);
        let first = connection.allocate(&wire, 1)?;
        let bytes = first.buffers.first().context("a buffer")?.info.buffer_bytes;
        let start = Instant::now();
        drop(dma_heap_alloc(heap.as_fd(), bytes)?);
        let settle = start.elapsed().saturating_mul(3).max(PAUSE);
        let (ours, raw) = (Vec::with_capacity(1), Vec::with_capacity(1));
        let (bare, bares) = (BareClient::find()?, Vec::with_capacity(1));
        let ready =
            Ready { connection, heap, wire, bytes, settle, asked: 0, ours, raw, bare, bares, _service: service };
        ready.settle()?;
        Ok(ready)
    }

    /// Waits until something is ready and nothing more is filled.
    fn settle(&self) -> Result<()> {
        let start = Instant::now();
        let mut before = pool(&self.connection)?;
        loop {
            std::thread::sleep(self.settle);
            let now = pool(&self.connection)?;
            if now.readyBuffers > 0 && now.fills == before.fills {
                return Ok(());
            }
            ensure!(start.elapsed() < FILL_WAIT, "nothing is filled: {now:?}");
            before = now;
        }
    }
}

impl Subject for Ready {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Ours, Kind::Raw, Kind::Ping, Kind::Bare]
    }

    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        std::thread::sleep(PAUSE);
        let start = Instant::now();
        match kind {
            Kind::Ours => {
                self.ours.push(self.connection.allocate(&self.wire, 1)?);
                let took = start.elapsed();
                self.asked = self.asked.saturating_add(1);
                self.settle()?;
                Ok(took)
            }
            Kind::Raw => {
                self.raw.push(dma_heap_alloc(self.heap.as_fd(), self.bytes)?);
                Ok(start.elapsed())
            }
            Kind::Bare => {
                self.bares.push(self.bare.allocate(0, 1)?);
                Ok(start.elapsed())
            }
            Kind::Ping | Kind::Plain => {
                self.connection.ping()?;
                Ok(start.elapsed())
            }
        }
    }

    fn release(&mut self) -> Result<()> {
        self.ours.clear();
        self.raw.clear();
        self.bares.clear();
        let hits = pool(&self.connection)?.hits;
        ensure!(hits == self.asked, "{hits} of {} requests were served from the pool", self.asked);
        Ok(())
    }
}
