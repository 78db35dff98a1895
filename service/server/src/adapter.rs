//! The AIDL methods of the allocator and of its extension, and the dump. AIDL's types stop here: what is decided, the engine decides.

use crate::dump;
use crate::engine::Engine;
use crate::threads::Held;
use crate::{access, convert, logging, status};
use allocator_aidl::{AllocationResult, AllocatorStatistics, BinderResult, BufferDescriptorInfo, BufferStatistics};
use allocator_aidl::{IAllocator, IAllocatorStatistics, Status, StatusCode, Strong};
use gralloc_allocator::ledger::Client;
use gralloc_allocator::{Refusal, Unsupported};
use gralloc_buffer::Descriptor;
use log::Level;
use nix::errno::Errno;
use std::io;
use std::sync::Arc;

/// The `<suffix>` of `/vendor/lib64/hw/mapper.<suffix>.so`, and of the service's own binary.
pub const MAPPER_SUFFIX: &str = "dmaheap";

/// `IAllocator/default` over an engine.
pub struct Allocator(pub Arc<Engine>);

impl Allocator {
    /// To those who may ask for statistics: it says the same. To others nothing is written, so that their pipe holds no
    /// thread.
    fn write_dump(&self, out: &mut dyn io::Write, args: &[String]) -> io::Result<()> {
        if !access::may_see_all(allocator_aidl::calling_uid()) {
            // As StatusCode it is PERMISSION_DENIED.
            return Err(Errno::EPERM.into());
        }
        dump::write(&self.0, out, args)
    }
}

allocator_aidl::interface_with_dump!(Allocator, Allocator::write_dump);

impl IAllocator for Allocator {
    /// The V1 call with a mapper 4 descriptor: with mapper 5 it is deprecated, and clients go through `allocate2`.
    fn allocate(&self, _descriptor: &[u8], _count: i32) -> BinderResult<AllocationResult> {
        Err(status::status(&Unsupported::Combination("allocate is deprecated: call allocate2".into()).into()))
    }

    fn allocate2(&self, wire: &BufferDescriptorInfo, count: i32) -> BinderResult<AllocationResult> {
        let descriptor = convert::descriptor(wire);
        let client = caller();
        let grant = self
            .0
            .allocate(&descriptor, count, client)
            .map_err(|refusal| refused(&refusal, &descriptor, count, client))?;
        Ok(convert::result(grant))
    }

    fn isSupported(&self, wire: &BufferDescriptorInfo) -> BinderResult<bool> {
        Ok(self.0.is_supported(&convert::descriptor(wire)))
    }

    fn getIMapperLibrarySuffix(&self) -> BinderResult<String> {
        Ok(MAPPER_SUFFIX.to_owned())
    }

    allocator_aidl::without_multi_view!();
}

/// The extension `IAllocatorStatistics` over the same engine.
pub struct Statistics(pub Arc<Engine>);

impl allocator_aidl::Interface for Statistics {}

impl IAllocatorStatistics for Statistics {
    fn getStatistics(&self) -> BinderResult<AllocatorStatistics> {
        let _held = hold_thread(&self.0)?;
        Ok(convert::statistics(dump::statistics(&self.0)))
    }

    fn getBuffers(&self, older_than_ms: i64, after_id: i64, limit: i32) -> BinderResult<Vec<BufferStatistics>> {
        let _held = hold_thread(&self.0)?;
        let (age_ms, after_id, most) = convert::wanted(older_than_ms, after_id, limit);
        Ok(convert::buffers(dump::page(&self.0, age_ms, after_id, most)))
    }
}

/// The service's binder object, its statistics attached.
///
/// # Errors
/// Never in a working binder library.
pub fn binder(engine: &Arc<Engine>) -> Result<Strong<dyn IAllocator>, StatusCode> {
    let allocator = allocator_aidl::new_allocator(Allocator(Arc::clone(engine)));
    let statistics = allocator_aidl::new_statistics(Statistics(Arc::clone(engine)));
    allocator_aidl::set_extension(&allocator, &statistics)?;
    Ok(allocator)
}

/// For those who may ask, as many at once as there may be dumps.
fn hold_thread(engine: &Engine) -> BinderResult<Held<'_>> {
    if !access::may_see_all(allocator_aidl::calling_uid()) {
        return Err(allocator_aidl::may_not("statistics name other clients' buffers: root, system and shell may ask"));
    }
    dump::hold_thread(engine)
        .map_err(|_| allocator_aidl::illegal_state("other dumps and statistics are being written: ask again"))
}

fn caller() -> Client {
    let (uid, pid) = allocator_aidl::calling_identity();
    Client { uid, pid }
}

/// Logs a refusal once, the client's text escaped and the request beside it as `heapctl explain --log` reads it, and turns it
/// into a status.
fn refused(refusal: &Refusal, asked: &Descriptor, count: i32, client: Client) -> Status {
    let level = if matches!(refusal, Refusal::Internal(_)) { Level::Error } else { Level::Warn };
    let Descriptor { name, width, height, layer_count, format, usage, reserved_size, .. } = asked;
    let Client { uid, pid } = client;
    logging::refused(
        level,
        format_args!(
            "refused {name:?} of uid {uid} pid {pid}: {refusal}; asked: {count} of {width}x{height}, layers {layer_count}, \
             format {format:#x}, usage {usage:#x}, reserved {reserved_size}"
        ),
    );
    status::status(refusal)
}
