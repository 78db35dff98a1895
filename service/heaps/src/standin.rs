//! Stand-ins for a machine without dma-heaps: chosen explicitly, and named in every dump.
//!
//! - udmabuf: real dma-bufs over the pages of a memfd. Needs /dev/udmabuf; 64 MiB a buffer unless the module's
//!   `size_limit_mb` says otherwise.
//! - memfd: no dma-bufs at all, so no device can import them; enough to exercise everything between a client and a heap.
//!
//! What holds for a heap holds here: zeroed, allocated when the answer comes (a shortage is an answer, not a client's
//! SIGBUS), cannot shrink under a mapping, close-on-exec. What does not: nothing is contiguous or uncached, and nothing is
//! protected, so protected heaps are absent. Source: linux v6.12, `drivers/dma-buf/udmabuf.c`, memfd_create(2).

use crate::error::Error;
use crate::failure::failure;
use crate::kind::BackendKind;
use crate::report::{HeapReport, HeapState, NodeState};
use gralloc_allocator::ports::{HeapBackend, HeapFailure};
use gralloc_buffer::BufferName;
use gralloc_dmabuf as dmabuf;
use gralloc_dmabuf::DebugName;
use gralloc_dmabuf::{fd, ioctl};
use heaps_config::policy::{HeapId, HeapSet};
use heaps_config::Policy;
use nix::errno::Errno;
use nix::libc;
use nix::sys::memfd::{memfd_create, MemFdCreateFlag};
use nix::unistd::ftruncate;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// The node of the udmabuf driver.
pub const UDMABUF_DEVICE: &str = "/dev/udmabuf";

/// The module parameter that bounds a udmabuf, in MiB.
const UDMABUF_LIMIT: &str = "/sys/module/udmabuf/parameters/size_limit_mb";

/// `size_limit_mb` of udmabuf.c (v6.12), for a kernel that does not show its parameter.
const UDMABUF_DEFAULT_LIMIT_MIB: u64 = 64;

/// A backend without dma-heaps.
#[derive(Debug)]
pub struct StandIn {
    source: Source,
    /// The policy's heaps: name, protected.
    heaps: Vec<(String, bool)>,
    present: HeapSet,
    page_bytes: u64,
}

#[derive(Debug)]
enum Source {
    Udmabuf { device: File, limit_bytes: u64 },
    Memfd,
}

impl StandIn {
    /// Buffers are udmabufs.
    ///
    /// # Errors
    /// `File` when /dev/udmabuf is missing (module `udmabuf`, CONFIG_UDMABUF) or may not be opened.
    pub fn udmabuf(policy: &Policy) -> Result<StandIn, Error> {
        // The ioctl requires no write permission.
        let device = File::open(UDMABUF_DEVICE).map_err(Error::file(UDMABUF_DEVICE))?;
        let limit_mib = std::fs::read_to_string(Path::new(UDMABUF_LIMIT)).ok();
        let limit_mib = limit_mib.and_then(|text| text.trim().parse().ok()).unwrap_or(UDMABUF_DEFAULT_LIMIT_MIB);
        let limit_bytes = limit_mib.saturating_mul(1 << 20);
        Ok(StandIn::new(policy, Source::Udmabuf { device, limit_bytes }))
    }

    /// Buffers are memfds. Works everywhere.
    pub fn memfd(policy: &Policy) -> StandIn {
        StandIn::new(policy, Source::Memfd)
    }

    fn new(policy: &Policy, source: Source) -> StandIn {
        let usable = policy.heap_ids().filter(|(_, heap)| !heap.protected);
        StandIn {
            source,
            heaps: policy.heaps.iter().map(|heap| (heap.name.clone(), heap.protected)).collect(),
            present: usable.fold(HeapSet::default(), |set, (id, _)| set.with(id)),
            page_bytes: crate::memory::page_bytes(),
        }
    }

    /// Which stand-in it is.
    pub fn kind(&self) -> BackendKind {
        match self.source {
            Source::Udmabuf { .. } => BackendKind::Udmabuf,
            Source::Memfd => BackendKind::Memfd,
        }
    }

    /// The state of every heap of the policy.
    pub fn describe(&self) -> HeapReport {
        let (source, says) = match &self.source {
            Source::Udmabuf { limit_bytes, .. } => (
                UDMABUF_DEVICE,
                format!(
                    "STAND-IN, not dma-heaps: every unprotected heap is udmabuf over memfd, {} MiB a buffer at most; nothing is \
                     contiguous or uncached",
                    limit_bytes >> 20
                ),
            ),
            Source::Memfd => (
                "memfd_create",
                "STAND-IN, not dma-heaps: every unprotected heap is memfd; no device can import these buffers".to_owned(),
            ),
        };
        let heaps = (0u8..).map(HeapId).zip(&self.heaps).map(|(id, (name, protected))| HeapState {
            id,
            name: name.clone(),
            node: (!protected).then(|| source.to_owned()),
            state: if *protected { NodeState::NoStandIn } else { NodeState::Open },
            region: None,
            passed_over: Vec::new(),
        });
        HeapReport {
            source: source.to_owned(),
            stand_in: Some(says),
            heaps: heaps.collect(),
            unclaimed: Vec::new(),
            shared: Vec::new(),
            accounting: None,
            problems: Vec::new(),
        }
    }

    /// A memfd of a size that cannot change.
    ///
    /// One that is to be the buffer itself gets all its pages now: later there would be no error but SIGBUS. One for
    /// udmabuf must have none yet. Linux 6.12 pins the pages of a memfd as fallocate leaves them, which is not zeroed
    /// (`memfd_pin_folios`; seen on a kernel without `INIT_ON_ALLOC_DEFAULT_ON`), and the buffer would show whose they
    /// were before; those that it has to add itself it zeroes.
    fn sealed_memfd(&self, bytes: u64, name: &DebugName) -> Result<OwnedFd, Errno> {
        let flags = MemFdCreateFlag::MFD_CLOEXEC | MemFdCreateFlag::MFD_ALLOW_SEALING;
        let file = memfd_create(name.as_c_str(), flags)?;
        let size = bytes.checked_next_multiple_of(self.page_bytes).and_then(|size| size.try_into().ok());
        let size = size.filter(|size| *size > 0).ok_or(Errno::EFBIG)?;
        match self.source {
            Source::Udmabuf { .. } => ftruncate(&file, size)?,
            Source::Memfd => all_pages(&file, size)?,
        }
        // udmabuf insists on SHRINK and refuses WRITE.
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
        fd::add_seals(file.as_fd(), seals)?;
        Ok(file)
    }

    /// The policy's heaps that exist now and can be opened.
    pub fn present(&self) -> HeapSet {
        self.present
    }
}

fn all_pages(file: &OwnedFd, size: i64) -> Result<(), Errno> {
    loop {
        match fd::fill(file.as_fd(), size) {
            // The kernel takes back what an interrupted call had allocated.
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

impl HeapBackend for StandIn {
    type Buffer = OwnedFd;

    fn allocate(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        if !self.present.contains(heap) {
            return Err(failure(Errno::ENODEV));
        }
        if bytes == 0 {
            return Err(failure(Errno::EINVAL));
        }
        let name = DebugName::new(name.bytes());
        let Source::Udmabuf { device, limit_bytes } = &self.source else {
            return self.sealed_memfd(bytes, &name).map_err(failure);
        };
        // Asked first: the pages of a memfd that udmabuf then refuses would be zeroed in vain.
        if bytes > *limit_bytes {
            return Err(HeapFailure { cause: "beyond udmabuf's size_limit_mb", ..failure(Errno::EINVAL) });
        }
        let memfd = self.sealed_memfd(bytes, &name).map_err(failure)?;
        let size = dmabuf::size(memfd.as_fd()).map_err(|error| failure(error.errno()))?;
        let buffer = ioctl::udmabuf_create(device.as_fd(), memfd.as_fd(), size).map_err(failure)?;
        if let Err(error) = dmabuf::set_name(buffer.as_fd(), &name) {
            log::debug!("buffer {name:?} keeps no name: {error}");
        }
        Ok(buffer)
    }

    /// A memfd keeps the name that it was made with.
    fn rename(&self, buffer: &OwnedFd, name: &BufferName) {
        if matches!(self.source, Source::Udmabuf { .. }) {
            if let Err(error) = dmabuf::set_name(buffer.as_fd(), &DebugName::new(name.bytes())) {
                log::debug!("buffer {name:?} keeps the name that it was filled under: {error}");
            }
        }
    }
}
