//! The AIDL methods, three lines each. AIDL's types stop here: what the service decides, it decides in the core.

use crate::engine::Engine;
use crate::stock::Stocked;
use crate::{convert, dump, status};
use allocator_aidl::{AllocationResult, BinderResult, BufferDescriptorInfo, IAllocator, Status};
use gralloc_core::ledger::Client;
use gralloc_core::{BufferName, Refusal, Unsupported};
use gralloc_kernel::{Backend, MemInfo};
use log::warn;
use std::io;
use std::sync::Arc;

/// The `<suffix>` of `/vendor/lib64/hw/mapper.<suffix>.so`, and of the service's own binary.
pub const MAPPER_SUFFIX: &str = "dmaheap";

/// The engine that the service runs.
pub type ServiceEngine = Engine<Stocked<Backend>, MemInfo>;

/// `IAllocator/default` over an engine.
pub struct Allocator(pub Arc<ServiceEngine>);

impl Allocator {
    fn write_dump(&self, out: &mut dyn io::Write, args: &[String]) -> io::Result<()> {
        dump::write(&self.0, out, args)
    }
}

allocator_aidl::interface_with_dump!(Allocator, Allocator::write_dump);

impl IAllocator for Allocator {
    /// The V1 call with a mapper 4 descriptor: with mapper 5 it is deprecated, and clients go through `allocate2`.
    fn allocate(&self, _descriptor: &[u8], _count: i32) -> BinderResult<AllocationResult> {
        Err(status::status(&Unsupported::Combination("allocate is deprecated: call allocate2").into()))
    }

    fn allocate2(&self, wire: &BufferDescriptorInfo, count: i32) -> BinderResult<AllocationResult> {
        let descriptor = convert::descriptor(wire);
        let client = caller();
        let grant = self.0.allocate(&descriptor, count, client).map_err(|refusal| refused(&refusal, wire, client))?;
        Ok(convert::result(grant))
    }

    fn isSupported(&self, wire: &BufferDescriptorInfo) -> BinderResult<bool> {
        Ok(self.0.is_supported(&convert::descriptor(wire)))
    }

    fn getIMapperLibrarySuffix(&self) -> BinderResult<String> {
        Ok(MAPPER_SUFFIX.to_owned())
    }
}

fn caller() -> Client {
    let (uid, pid) = allocator_aidl::calling_identity();
    Client { uid, pid }
}

/// Logs a refusal once, the client's text escaped, and turns it into a status.
fn refused(refusal: &Refusal, wire: &BufferDescriptorInfo, client: Client) -> Status {
    let name = BufferName::from_wire(&wire.name);
    warn!("refused {name:?} of uid {} pid {}: {refusal}", client.uid, client.pid);
    status::status(refusal)
}
