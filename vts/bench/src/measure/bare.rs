//! A binder service around the ioctl that does what any allocator must and nothing else: this program once more, as a service
//! of its own. What it takes no service can save.
//!
//! With [`Steps`] it does, one after the other, what the contract and the ledger ask of the allocator besides: a profile
//! by addition, where a profiler inside an emulated guest changes more than it shows.

use allocator_aidl::{
    new_allocator, parcel_fd, serve_binder, AllocationError, AllocationResult, BinderResult, BufferDescriptorInfo,
    IAllocator, Interface, NativeHandle, Status, Strong,
};
use anyhow::{bail, Context as _, Result};
use clap::ValueEnum as _;
use gralloc_dmabuf::ioctl::{dma_buf_set_name, dma_heap_alloc};
use gralloc_heaps::timer::Timer;
use gralloc_heaps::wakeup::{Wakeup, GATHER};
use gralloc_heaps::watch::{ReleaseWatch, Source};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use rsbinder::hub;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What it is registered as, unless somebody says otherwise.
const NAME: &str = "vts.bench.bare/default";
/// As many as the allocator has.
const THREADS: u32 = 4;
/// How long it may take to come up.
const FIND_WAIT: Duration = Duration::from_secs(5);
const FIND_POLL: Duration = Duration::from_millis(1);

/// Ints of the allocator's handle.
const INTS: usize = gralloc_buffer::handle::INTS;

/// How much more than the ioctl the bare service does; each step includes those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Steps {
    /// The ioctl, one fd, no ints.
    None,
    /// The buffer gets a name (one ioctl).
    Name,
    /// The handle has as many ints as the allocator's.
    Ints,
    /// The handle has a second fd, of shared metadata (a duplicate here; the allocator takes one that is ready).
    Metadata,
    /// The buffer is watched for its release, after the reply, as the allocator does.
    Watch,
}

/// The service's process, as long as this lives.
pub(crate) struct BareService(Child);

impl BareService {
    pub(crate) fn start(heap: &Path, steps: Steps) -> Result<BareService> {
        BareService::start_as(NAME, heap, steps)
    }

    /// Under another name.
    pub(crate) fn start_as(name: &str, heap: &Path, steps: Steps) -> Result<BareService> {
        let mut command = Command::new(std::env::current_exe()?);
        let steps = steps.to_possible_value().context("a step has a name")?;
        command.args(["--bare", name, "--bare-steps", steps.get_name(), "--heap"]).arg(heap);
        Ok(BareService(command.spawn()?))
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
        BareClient::find_as(NAME)
    }

    /// Under another name.
    pub(crate) fn find_as(name: &str) -> Result<BareClient> {
        Ok(BareClient { service: find(name)?, wire: BufferDescriptorInfo::default() })
    }

    /// With 0 bytes it allocates nothing and answers a duplicate of what it has. The size travels where the allocator has the reserved region's: nothing has to be worked out.
    pub(crate) fn allocate(&mut self, bytes: u64, count: i32) -> Result<AllocationResult> {
        self.wire.reservedSize = i64::try_from(bytes)?;
        self.service.allocate2(&self.wire, count).map_err(|status| anyhow::anyhow!("{NAME}: {status}"))
    }
}

/// Waits until there is a service of this name. The process must have opened binder.
pub(super) fn find(name: &str) -> Result<Strong<dyn IAllocator>> {
    let start = Instant::now();
    loop {
        match hub::try_get_interface::<dyn IAllocator>(name) {
            Ok(Some(service)) => return Ok(service),
            Ok(None) if start.elapsed() < FIND_WAIT => std::thread::sleep(FIND_POLL),
            Ok(None) => bail!("{name} is not registered"),
            Err(status) => bail!("{name}: {status}"),
        }
    }
}

struct Bare {
    heap: File,
    steps: Steps,
    metadata: OwnedFd,
    watch: Arc<Watch>,
}

impl Bare {
    fn buffer(&self, bytes: u64) -> Option<NativeHandle> {
        let buffer = match bytes {
            // Something that is there already.
            0 => self.metadata.try_clone().ok()?,
            bytes => dma_heap_alloc(self.heap.as_fd(), bytes).ok()?,
        };
        if self.steps >= Steps::Name {
            dma_buf_set_name(buffer.as_fd(), c"bench").ok()?;
        }
        let ints = if self.steps >= Steps::Ints { vec![0; INTS] } else { Vec::new() };
        if self.steps >= Steps::Watch {
            self.watch.pending().push(buffer.try_clone().ok()?);
            self.watch.wakeup.wake_soon();
        }
        let mut fds = vec![parcel_fd(buffer)];
        if self.steps >= Steps::Metadata {
            fds.push(parcel_fd(self.metadata.try_clone().ok()?));
        }
        Some(NativeHandle { fds, ints })
    }
}

/// Watches buffers for their release, and does nothing about it.
struct Watch {
    pending: Mutex<Vec<OwnedFd>>,
    wakeup: Wakeup,
    kernel: ReleaseWatch,
}

impl Watch {
    fn new() -> Result<Watch> {
        let kernel = ReleaseWatch::with(Source::Inotify)?;
        Ok(Watch { pending: Mutex::default(), wakeup: Wakeup::new()?, kernel })
    }

    fn pending(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps as the allocator's maintenance thread does.
    fn run(&self) -> Result<()> {
        loop {
            self.work()?;
            let mut slept = Ok(());
            self.wakeup.sleep(|timer| slept = self.work().and_then(|()| self.wait(timer)));
            slept?;
        }
    }

    fn wait(&self, timer: &Timer) -> Result<()> {
        let readable = [Some(timer.as_fd()), self.kernel.fd()].into_iter().flatten();
        let mut fds: Vec<PollFd<'_>> = readable.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        poll(&mut fds, PollTimeout::NONE)?;
        let woken = fds.first().and_then(|fd| fd.revents()).is_some_and(|events| events.contains(PollFlags::POLLIN));
        if !woken {
            timer.wait(Some(GATHER))?;
        }
        Ok(())
    }

    fn work(&self) -> Result<()> {
        let pending = std::mem::take(&mut *self.pending());
        for buffer in pending {
            match self.kernel.add(buffer.as_fd(), 0) {
                // What is handed out again and again is watched from the first time on.
                Ok(()) | Err(gralloc_heaps::Error::AlreadyWatched) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.kernel.read_events()?;
        Ok(())
    }
}

impl Interface for Bare {}

impl IAllocator for Bare {
    allocator_aidl::without_multi_view!();

    fn allocate(&self, _descriptor: &[u8], _count: i32) -> BinderResult<AllocationResult> {
        Err(refused())
    }

    fn allocate2(&self, wire: &BufferDescriptorInfo, count: i32) -> BinderResult<AllocationResult> {
        let bytes = u64::try_from(wire.reservedSize).map_err(|_| refused())?;
        let buffers = (0..count).map(|_| self.buffer(bytes)).collect::<Option<_>>().ok_or_else(refused)?;
        Ok(AllocationResult { stride: 0, buffers })
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
pub(crate) fn serve_barely(name: &str, heap: &Path, steps: Steps) -> Result<()> {
    let heap = File::open(heap).with_context(|| format!("heap {}", heap.display()))?;
    let metadata = dma_heap_alloc(heap.as_fd(), 1).context("metadata")?;
    let watch = Arc::new(Watch::new()?);
    if steps >= Steps::Watch {
        let watch = Arc::clone(&watch);
        std::thread::spawn(move || {
            if let Err(error) = watch.run() {
                eprintln!("the bare service's watch: {error:#}");
                std::process::exit(1);
            }
        });
    }
    let service = new_allocator(Bare { heap, steps, metadata, watch });
    serve_binder(name, &service, THREADS).context("binder")?;
    Ok(())
}
