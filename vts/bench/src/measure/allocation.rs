//! Buffers from the service, from the heap itself, and pings.

use super::bare::BareClient;
use super::{Kind, Subject};
use allocator_aidl::AllocationResult;
use anyhow::{Context as _, Result};
use gralloc_client::{Allocation, BufferDescriptorInfo, Connection};
use gralloc_dmabuf::ioctl::dma_heap_alloc;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// `calls` calls for `count` buffers each; the raw ioctl for as many of the same size; as many pings.
pub(crate) struct Allocations {
    connection: Connection,
    bare: Option<BareClient>,
    /// A service without the pool, to compare one with the pool with.
    plain: Option<Connection>,
    heap: File,
    wire: BufferDescriptorInfo,
    count: i32,
    /// Calls of a sample.
    calls: usize,
    /// Ioctls of a sample.
    ioctls: usize,
    /// Bytes of one buffer.
    bytes: u64,
    ours: Vec<Allocation>,
    raw: Vec<OwnedFd>,
    bares: Vec<AllocationResult>,
    plains: Vec<Allocation>,
}

impl Allocations {
    /// Asks the service for one such buffer, to know what the heap must be asked for.
    pub(crate) fn new(
        connection: Connection,
        heap: &Path,
        wire: BufferDescriptorInfo,
        count: u32,
        calls: u32,
    ) -> Result<Allocations> {
        let heap = File::open(heap).with_context(|| format!("heap {}", heap.display()))?;
        let first = connection.allocate(&wire, 1).context("allocate2")?;
        let bytes = first.buffers.first().context("a buffer")?.info.buffer_bytes;
        let ioctls = usize::try_from(count.checked_mul(calls).context("count")?)?;
        let calls = usize::try_from(calls)?;
        Ok(Allocations {
            connection,
            bare: None,
            plain: None,
            heap,
            wire,
            count: i32::try_from(count)?,
            calls,
            ioctls,
            bytes,
            // Room for a round, so that no timed stretch makes any.
            ours: Vec::with_capacity(calls),
            raw: Vec::with_capacity(ioctls),
            bares: Vec::with_capacity(calls),
            plains: Vec::with_capacity(calls),
        })
    }

    /// Compares with the bare service too.
    pub(crate) fn with_bare(self) -> Result<Allocations> {
        Ok(Allocations { bare: Some(BareClient::find()?), ..self })
    }

    /// Compares with this service too.
    pub(crate) fn with_plain(self, plain: Connection) -> Allocations {
        Allocations { plain: Some(plain), ..self }
    }
}

impl Subject for Allocations {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Ours, Kind::Raw, Kind::Ping, Kind::Bare]
    }

    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        let start = Instant::now();
        match kind {
            // What a client does: the call, the reply taken apart, the handle decoded, two fds owned.
            Kind::Ours => {
                for _ in 0..self.calls {
                    self.ours.push(self.connection.allocate(&self.wire, self.count)?);
                }
            }
            Kind::Raw => {
                for _ in 0..self.ioctls {
                    self.raw.push(dma_heap_alloc(self.heap.as_fd(), self.bytes)?);
                }
            }
            Kind::Ping => {
                for _ in 0..self.calls {
                    self.connection.ping()?;
                }
            }
            Kind::Bare => {
                let bare = self.bare.as_mut().context("no bare service")?;
                for _ in 0..self.calls {
                    self.bares.push(bare.allocate(self.bytes, self.count)?);
                }
            }
            Kind::Plain => {
                let plain = self.plain.as_ref().context("no service without a pool")?;
                for _ in 0..self.calls {
                    self.plains.push(plain.allocate(&self.wire, self.count)?);
                }
            }
        }
        Ok(start.elapsed())
    }

    fn release(&mut self) -> Result<()> {
        self.ours.clear();
        self.raw.clear();
        self.bares.clear();
        self.plains.clear();
        Ok(())
    }
}
