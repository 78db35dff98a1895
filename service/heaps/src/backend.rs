//! The one source of buffers that was chosen at start: the kernel's heaps or a stand-in, never one silently for the other.

use crate::error::Error;
use crate::heap::KernelHeaps;
use crate::report::{Change, HeapReport};
use crate::standin::StandIn;
use gralloc_allocator::ports::{HeapBackend, HeapFailure};
use gralloc_buffer::BufferName;
use heaps_config::policy::{HeapId, HeapSet};
use heaps_config::Policy;
use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::str::FromStr;

/// The sources there are, by the names that a command line uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BackendKind {
    /// `/dev/dma_heap`.
    #[default]
    Kernel,
    /// Stand-in: udmabufs.
    Udmabuf,
    /// Stand-in: memfds.
    Memfd,
}

impl BackendKind {
    /// Every kind.
    pub const ALL: &'static [BackendKind] = &[BackendKind::Kernel, BackendKind::Udmabuf, BackendKind::Memfd];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            BackendKind::Kernel => "kernel",
            BackendKind::Udmabuf => "udmabuf",
            BackendKind::Memfd => "memfd",
        }
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is none of [`BackendKind::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBackend(String);

impl std::error::Error for UnknownBackend {}

impl fmt::Display for UnknownBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no source of heaps: kernel, udmabuf and memfd are", self.0.escape_default())
    }
}

impl FromStr for BackendKind {
    type Err = UnknownBackend;

    fn from_str(text: &str) -> Result<BackendKind, UnknownBackend> {
        let found = BackendKind::ALL.iter().find(|kind| kind.name() == text);
        found.copied().ok_or_else(|| UnknownBackend(text.to_owned()))
    }
}

/// The source in use.
#[derive(Debug)]
pub enum Backend {
    /// The kernel's heaps.
    Kernel(KernelHeaps),
    /// A stand-in.
    StandIn(StandIn),
}

impl Backend {
    /// Opens a source for a policy's heaps.
    ///
    /// # Errors
    /// `File` when udmabuf is asked for and its device cannot be opened. Heaps that are absent are no error: they may
    /// come, and [`Backend::describe`] says so.
    pub fn open(kind: BackendKind, policy: &Policy) -> Result<Backend, Error> {
        match kind {
            BackendKind::Kernel => Ok(Backend::Kernel(KernelHeaps::open(policy))),
            BackendKind::Udmabuf => StandIn::udmabuf(policy).map(Backend::StandIn),
            BackendKind::Memfd => Ok(Backend::StandIn(StandIn::memfd(policy))),
        }
    }

    /// The state of every heap of the policy.
    pub fn describe(&self) -> HeapReport {
        match self {
            Backend::Kernel(heaps) => heaps.describe(),
            Backend::StandIn(stand_in) => stand_in.describe(),
        }
    }

    /// Looks for heaps that have come or gone; a stand-in's never do.
    pub fn refresh(&self) -> Change {
        match self {
            Backend::Kernel(heaps) => heaps.refresh(),
            Backend::StandIn(_) => Change::default(),
        }
    }

    /// Readable when [`Backend::refresh`] has something to do; `None` when nothing will ever say so.
    pub fn change_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Backend::Kernel(heaps) => heaps.change_fd(),
            Backend::StandIn(_) => None,
        }
    }
}

impl HeapBackend for Backend {
    type Buffer = OwnedFd;

    fn present(&self) -> HeapSet {
        match self {
            Backend::Kernel(heaps) => heaps.present(),
            Backend::StandIn(stand_in) => stand_in.present(),
        }
    }

    fn allocate(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        match self {
            Backend::Kernel(heaps) => heaps.allocate(heap, bytes, name),
            Backend::StandIn(stand_in) => stand_in.allocate(heap, bytes, name),
        }
    }

    fn rename(&self, buffer: &OwnedFd, name: &BufferName) {
        match self {
            Backend::Kernel(heaps) => heaps.rename(buffer, name),
            Backend::StandIn(stand_in) => stand_in.rename(buffer, name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backend_kind_names_parse_back() {
        for kind in BackendKind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
        }
    }

    #[test]
    fn backend_kind_unknown_names_the_allowed() {
        let error = "ion\n".parse::<BackendKind>().unwrap_err().to_string();
        assert_eq!(error, "\"ion\\n\" is no source of heaps: kernel, udmabuf and memfd are");
    }
}
