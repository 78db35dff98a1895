//! Two services without the pool, one of which bears something that the other does not.

use super::{Extra, Service};
use crate::measure::{full_hd, page, service, Kind, Options, Subject};
use anyhow::{bail, Context as _, Result};
use gralloc_client::{Allocation, BufferDescriptorInfo, Connection};
use gralloc_dmabuf::trace;
use std::fs;
use std::time::{Duration, Instant};
use vts_bench::rows::MANY_BUFFERS;

/// Whether the kernel's trace records.
const RECORDS: &str = "/sys/kernel/tracing/tracing_on";

/// The two, and what both are asked for.
pub(super) struct Pair {
    laden: Connection,
    plain: Connection,
    wire: BufferDescriptorInfo,
    held: Vec<Allocation>,
    /// What lives in the laden one all the while.
    _live: Vec<Allocation>,
    /// Live as long as they are asked.
    _services: [Service; 2],
}

impl Pair {
    /// One marks its work in the kernel's trace.
    pub(super) fn traced(options: &Options) -> Result<Pair> {
        fs::write(RECORDS, "1").with_context(|| format!("{RECORDS}: no trace to mark"))?;
        let marked = Extra { environment: &[(trace::VARIABLE, "1")], ..Extra::default() };
        Pair::new(options, &marked, full_hd(), 0)
    }

    /// One has given buffers that live.
    pub(super) fn crowded(options: &Options) -> Result<Pair> {
        Pair::new(options, &Extra::default(), page(), MANY_BUFFERS)
    }

    fn new(options: &Options, extra: &Extra<'_>, wire: BufferDescriptorInfo, live: u32) -> Result<Pair> {
        let services = [Service::start(options, extra)?, Service::start(options, &Extra::default())?];
        let [laden, plain] = [services[0].connect()?, services[1].connect()?];
        let live = service::held(&laden, live)?;
        Ok(Pair { laden, plain, wire, held: Vec::with_capacity(2), _live: live, _services: services })
    }
}

impl Subject for Pair {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Ours, Kind::Plain]
    }

    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        let service = match kind {
            Kind::Ours => &self.laden,
            Kind::Plain => &self.plain,
            other => bail!("{other:?} is not measured here"),
        };
        let start = Instant::now();
        let allocation = service.allocate(&self.wire, 1)?;
        let took = start.elapsed();
        self.held.push(allocation);
        Ok(took)
    }

    fn release(&mut self) -> Result<()> {
        self.held.clear();
        Ok(())
    }
}
