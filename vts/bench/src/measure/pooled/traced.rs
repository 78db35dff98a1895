//! A service that marks its work in the kernel's trace, beside one that does not.

use super::{Pool, Service};
use crate::measure::{full_hd, Kind, Options, Subject};
use anyhow::{bail, Context as _, Result};
use gralloc_client::{Allocation, Connection};
use gralloc_dmabuf::trace;
use std::fs;
use std::time::{Duration, Instant};

/// Whether the kernel's trace records.
const RECORDS: &str = "/sys/kernel/tracing/tracing_on";

/// Two services without the pool.
pub(super) struct Traced {
    marked: Connection,
    plain: Connection,
    held: Vec<Allocation>,
    /// Live as long as they are asked.
    _services: [Service; 2],
}

impl Traced {
    pub(super) fn new(options: &Options) -> Result<Traced> {
        fs::write(RECORDS, "1").with_context(|| format!("{RECORDS}: no trace to mark"))?;
        let marked = Service::start_with(options, Pool::Off, &[(trace::VARIABLE, "1")])?;
        let services = [marked, Service::start(options, Pool::Off)?];
        let [marked, plain] = [services[0].connect()?, services[1].connect()?];
        Ok(Traced { marked, plain, held: Vec::with_capacity(2), _services: services })
    }
}

impl Subject for Traced {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Ours, Kind::Plain]
    }

    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        let wire = full_hd();
        let service = match kind {
            Kind::Ours => &self.marked,
            Kind::Plain => &self.plain,
            other => bail!("{other:?} is not measured here"),
        };
        let start = Instant::now();
        let allocation = service.allocate(&wire, 1)?;
        let took = start.elapsed();
        self.held.push(allocation);
        Ok(took)
    }

    fn release(&mut self) -> Result<()> {
        self.held.clear();
        Ok(())
    }
}
