//! The least that a binder service around the ioctl can be: this program once more, as a service of its own. What it
//! takes beyond the limit no service can save.

use allocator_aidl::{
    new_allocator, parcel_fd, serve_binder, AllocationError, AllocationResult, BinderResult, BufferDescriptorInfo,
    IAllocator, Interface, NativeHandle, Status, Strong,
};
use anyhow::{bail, Context as _, Result};
use gralloc_kernel::ioctl::dma_heap_alloc;
use rsbinder::hub;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// What it is registered as.
const NAME: &str = "vts.bench.bare/default";
/// As many as the allocator has.
const THREADS: u32 = 4;
/// How long it may take to come up.
const FIND_WAIT: Duration = Duration::from_secs(5);
const FIND_POLL: Duration = Duration::from_millis(20);

/// The service's process, as long as this lives.
pub(crate) struct BareService(Child);

impl BareService {
    pub(crate) fn start(heap: &Path) -> Result<BareService> {
        let mut command = Command::new(std::env::current_exe()?);
        Ok(BareService(command.args(["--bare", "--heap"]).arg(heap).spawn()?))
    }
}

impl Drop for BareService {
    fn drop(&mut self) {
        // It holds nothing that would not go with it.
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Its client.
pub(crate) struct BareClient {
    service: Strong<dyn IAllocator>,
    wire: BufferDescriptorInfo,
}

impl BareClient {
    /// Waits for it to be registered.
    pub(crate) fn find() -> Result<BareClient> {
        let start = Instant::now();
        loop {
            match hub::try_get_interface::<dyn IAllocator>(NAME) {
                Ok(Some(service)) => return Ok(BareClient { service, wire: BufferDescriptorInfo::default() }),
                Ok(None) if start.elapsed() < FIND_WAIT => std::thread::sleep(FIND_POLL),
                Ok(None) => bail!("{NAME} is not registered"),
                Err(status) => bail!("{NAME}: {status}"),
            }
        }
    }

    /// The size travels where the allocator has the reserved region's: nothing has to be worked out.
    pub(crate) fn allocate(&mut self, bytes: u64, count: i32) -> Result<AllocationResult> {
        self.wire.reservedSize = i64::try_from(bytes)?;
        self.service.allocate2(&self.wire, count).map_err(|status| anyhow::anyhow!("{NAME}: {status}"))
    }
}

struct Bare(File);

impl Interface for Bare {}

impl IAllocator for Bare {
    fn allocate(&self, _descriptor: &[u8], _count: i32) -> BinderResult<AllocationResult> {
        Err(refused())
    }

    fn allocate2(&self, wire: &BufferDescriptorInfo, count: i32) -> BinderResult<AllocationResult> {
        let bytes = u64::try_from(wire.reservedSize).map_err(|_| refused())?;
        let buffer = |_| {
            let buffer = dma_heap_alloc(self.0.as_fd(), bytes).map_err(|_| refused())?;
            Ok(NativeHandle { fds: vec![parcel_fd(buffer)], ints: Vec::new() })
        };
        Ok(AllocationResult { stride: 0, buffers: (0..count).map(buffer).collect::<BinderResult<_>>()? })
    }

    fn isSupported(&self, _wire: &BufferDescriptorInfo) -> BinderResult<bool> {
        Ok(true)
    }

    fn getIMapperLibrarySuffix(&self) -> BinderResult<String> {
        Err(refused())
    }
}

fn refused() -> Status {
    allocator_aidl::service_specific(AllocationError::NO_RESOURCES, "")
}

/// The service's life: until it is killed.
pub(crate) fn serve_barely(heap: &Path) -> Result<()> {
    let heap = File::open(heap).with_context(|| format!("heap {}", heap.display()))?;
    let service = new_allocator(Bare(heap));
    serve_binder(NAME, &service, THREADS).context("binder")?;
    Ok(())
}
