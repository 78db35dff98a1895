//! Services that start.

use super::{new_name, Extra, Service};
use crate::measure::bare::{find, BareClient, BareService};
use crate::measure::{connect, page, Kind, Options, Subject};
use anyhow::Result;
use gralloc_client::Connection;
use std::time::{Duration, Instant};

/// From the start of its process to the first page that a service gave: ours, and the bare one.
pub(super) struct Starts {
    options: Options,
    ours: Option<Service>,
    bare: Option<BareService>,
}

impl Starts {
    pub(super) fn new(options: &Options) -> Result<Starts> {
        // Opens binder.
        connect()?;
        Ok(Starts { options: options.clone(), ours: None, bare: None })
    }
}

impl Subject for Starts {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Ours, Kind::Bare]
    }

    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        if kind == Kind::Ours {
            let service = Service::start(&self.options, &Extra::default())?;
            let given = Connection::to(find(&service.name)?).allocate(&page(), 1)?;
            let took = service.started.elapsed();
            drop(given);
            self.ours = Some(service);
            return Ok(took);
        }
        let name = new_name();
        let start = Instant::now();
        self.bare = Some(BareService::start_as(&name, &self.options.heap, self.options.steps)?);
        let given = BareClient::find_as(&name)?.allocate(4096, 1)?;
        let took = start.elapsed();
        drop(given);
        Ok(took)
    }

    fn release(&mut self) -> Result<()> {
        self.ours = None;
        self.bare = None;
        Ok(())
    }
}
