//! The allocator service, as both clients use it.

use crate::buffer::Buffer;
use anyhow::{anyhow, ensure, Context, Error, Result};
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use gralloc_client::{to_wire, ClientError, Connection, Transport};
use std::fmt;
use std::time::Instant;

/// How to reach the allocator.
#[derive(Clone, Debug, clap::Args)]
pub struct ServiceArgs {
    /// The allocator's transport: `binder` or `unix:PATH`. Without it $GRALLOC_ALLOCATOR, else binder if there is one
    #[arg(long, value_name = "TRANSPORT")]
    pub service: Option<Transport>,
}

/// The buffers that a client needs.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name of the buffers.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// AIDL format.
    pub format: PixelFormat,
    /// AIDL usage.
    pub usage: Usage,
}

impl Request {
    fn descriptor(&self) -> Result<Descriptor> {
        let (width, height) = (i32::try_from(self.width)?, i32::try_from(self.height)?);
        Ok(Descriptor::new(&self.name, width, height, self.format, self.usage))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{} {} for {}", self.width, self.height, self.format.name(), self.usage)
    }
}

/// The allocator, found.
pub struct Service(Connection);

impl Service {
    /// Finds the allocator; gives up after some seconds.
    ///
    /// # Errors
    /// Why it was not found, and what to do.
    pub fn connect(args: &ServiceArgs) -> Result<Service> {
        let connection = Connection::from_env_or(args.service.clone()).map_err(flat);
        Ok(Service(connection.context("the allocator service was not found")?))
    }

    /// The connection to it.
    pub fn connection(&self) -> &Connection {
        &self.0
    }

    /// Fails unless the allocator supports the request.
    ///
    /// # Errors
    /// With the request.
    pub fn must_support(&self, request: &Request) -> Result<()> {
        let supported = self.0.is_supported(&to_wire(&request.descriptor()?)).map_err(flat)?;
        ensure!(supported, "the allocator supports no {request}: `heapctl explain` says why");
        Ok(())
    }

    /// Allocates one buffer and maps it.
    ///
    /// # Errors
    /// The allocator's refusal, or a handle that is not what was requested.
    pub fn allocate(&self, request: &Request, writable: bool) -> Result<Buffer> {
        let descriptor = to_wire(&request.descriptor()?);
        let began = Instant::now();
        let allocation = self.0.allocate(&descriptor, 1).map_err(flat).with_context(|| request.to_string())?;
        let took = began.elapsed();
        let given = allocation.buffers.into_iter().next().context("the allocator gave no buffer")?;
        let mut buffer = Buffer::adopt(vec![given.pixels, given.metadata], given.ints, writable)
            .context("the allocator's own buffer")?;
        let (info, Request { width, height, format, usage, .. }) = (buffer.info(), request);
        let matches = (info.width, info.height, info.format, info.usage) == (*width, *height, *format, *usage);
        ensure!(matches, "the allocator gave {}x{} {} for {request}", info.width, info.height, info.format.name());
        buffer.allocated_in = Some(took);
        Ok(buffer)
    }
}

/// The client library's errors say their causes themselves; as links of a chain they would be said twice.
fn flat(error: ClientError) -> Error {
    anyhow!("{error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_reads_as_it_is() {
        let request = |width| Request {
            name: "test".to_owned(),
            width,
            height: 2,
            format: PixelFormat::Bgra8888,
            usage: Usage::CAMERA_OUTPUT | Usage::COMPOSER_OVERLAY,
        };
        assert_eq!(request(4).to_string(), "4x2 BGRA_8888 for COMPOSER_OVERLAY|CAMERA_OUTPUT");
        assert!(request(4).descriptor().is_ok());
        assert!(request(u32::MAX).descriptor().is_err());
    }

    #[test]
    fn connect_without_a_service_says_where_it_looked() {
        let service = "unix:/nonexistent/allocator.sock".parse().unwrap();
        let error = Service::connect(&ServiceArgs { service: Some(service) }).err().unwrap();
        assert!(format!("{error:#}").contains("/nonexistent/allocator.sock"), "{error:#}");
    }
}
