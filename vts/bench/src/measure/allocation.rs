//! Buffers from the service, from the heap itself, and pings.

use super::bare::BareClient;
use super::{Kind, Subject};
use allocator_aidl::AllocationResult;
use anyhow::{Context as _, Result};
use gralloc_client::{Allocation, BufferDescriptorInfo, Connection};
use gralloc_kernel::ioctl::dma_heap_alloc;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// `calls` calls for `count` buffers each; the raw ioctl for as many of the same size; as many pings.
pub(crate) struct Allocations {
    connection: Connection,
    bare: BareClient,
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
            bare: BareClient::find()?,
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
        })
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
                for _ in 0..self.calls {
                    self.bares.push(self.bare.allocate(self.bytes, self.count)?);
                }
            }
        }
        Ok(start.elapsed())
    }

    fn release(&mut self) -> Result<()> {
        self.ours.clear();
        self.raw.clear();
        self.bares.clear();
        Ok(())
    }
}
