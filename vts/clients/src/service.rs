//! The allocator service, as both clients use it.

use crate::buffer::Buffer;
use anyhow::{anyhow, bail, Context, Error, Result};
use gralloc_buffer::{PixelFormat, Usage};
use gralloc_client::{ClientError, Connection, DescriptorBuilder, Transport};
use std::fmt;
use std::time::{Duration, Instant};

/// How to reach the allocator.
#[derive(Clone, Debug, clap::Args)]
pub struct ServiceArgs {
    /// The allocator's transport: `binder` or `unix:PATH`. Without it $GRALLOC_ALLOCATOR, else binder if there is one
    #[arg(long, value_name = "TRANSPORT")]
    pub service: Option<Transport>,
}

/// What a client wants.
#[derive(Clone, Debug)]
pub struct Wish {
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

impl Wish {
    fn descriptor(&self) -> Result<DescriptorBuilder> {
        let (width, height) = (i32::try_from(self.width)?, i32::try_from(self.height)?);
        Ok(DescriptorBuilder::new(&self.name, width, height, self.format, self.usage))
    }
}

impl fmt::Display for Wish {
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

    /// How it was reached.
    pub fn transport(&self) -> String {
        self.0.transport().to_string()
    }

    /// Asks whether a wish can be fulfilled at all.
    ///
    /// # Errors
    /// When not, with the wish.
    pub fn must_support(&self, wish: &Wish) -> Result<()> {
        if !self.0.is_supported(&wish.descriptor()?.build()).map_err(flat)? {
            bail!("the allocator supports no {wish}: `heapctl explain` says why");
        }
        Ok(())
    }

    /// Allocates one buffer and maps it. The time is from the call to the decoded handle.
    ///
    /// # Errors
    /// The allocator's refusal, or a handle that is not what was wished for.
    pub fn allocate(&self, wish: &Wish, writable: bool) -> Result<(Buffer, Duration)> {
        let descriptor = wish.descriptor()?.build();
        let began = Instant::now();
        let allocation = self.0.allocate(&descriptor, 1).map_err(flat).with_context(|| wish.to_string())?;
        let took = began.elapsed();
        let buffer = allocation.buffers.into_iter().next().context("the allocator gave no buffer")?;
        let info = &buffer.info;
        if (info.width, info.height, info.format, info.usage) != (wish.width, wish.height, wish.format, wish.usage) {
            bail!("the allocator gave {}x{} {} for {wish}", info.width, info.height, info.format.name());
        }
        let buffer = Buffer::adopt(vec![buffer.pixels, buffer.metadata], buffer.ints, writable)
            .context("the allocator's own buffer")?;
        Ok((buffer, took))
    }
}

/// The client library's errors say their causes themselves; as links of a chain they would be said twice.
fn flat(error: ClientError) -> Error {
    anyhow!("{error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(width: u32) -> Wish {
        Wish {
            name: "test".to_owned(),
            width,
            height: 2,
            format: PixelFormat::Bgra8888,
            usage: Usage::CAMERA_OUTPUT | Usage::COMPOSER_OVERLAY,
        }
    }

    #[test]
    fn wish_reads_as_it_is() {
        assert_eq!(wish(4).to_string(), "4x2 BGRA_8888 for COMPOSER_OVERLAY|CAMERA_OUTPUT");
        assert!(wish(4).descriptor().is_ok());
        assert!(wish(u32::MAX).descriptor().is_err());
    }

    #[test]
    fn connect_without_a_service_says_where_it_looked() {
        let transport = "unix:/nonexistent/allocator.sock".parse().unwrap();
        let error = Service::connect(&ServiceArgs { service: Some(transport) }).err().unwrap();
        assert!(format!("{error:#}").contains("/nonexistent/allocator.sock"), "{error:#}");
    }
}
