//! Why a call is refused, and the code that says so.

use crate::abi;
use gralloc_buffer::handle::HandleError;
use gralloc_buffer::metadata::vendor::VendorSetError;
use gralloc_buffer::metadata::SetError;
use gralloc_buffer::Usage;
use gralloc_dmabuf::Error as KernelError;
use nix::errno::Errno;
use std::fmt;

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Null, on an address where no handle can be, or with another head than a handle's.
    NotAHandle(&'static str),
    /// The handle's ints or counts are wrong.
    Handle(HandleError),
    /// A handle's fd is not an open one.
    NotAnFd(i32),
    /// A handle's fd is not memory of a fixed size.
    NotMemory {
        /// Which of the handle's fds.
        index: usize,
        /// What it is, or lacks.
        what: &'static str,
    },
    /// No buffer was imported to this address, or it was freed.
    NotImported,
    /// The buffer is not locked.
    NotLocked,
    /// The CPU cannot see the buffer's memory.
    Protected,
    /// The CPU can make nothing of the buffer's pixels: they are compressed, or in a format that it does not map.
    NotMappable {
        /// Compressed or tiled in blocks; else the format is not one for the CPU.
        compressed: bool,
        /// The `DRM_FORMAT_MOD_*` value.
        modifier: u64,
    },
    /// A pointer to an answer, or a callback, is null.
    NullArgument(&'static str),
    /// A lock is for more than the buffer was allocated for, and its allocator is strict.
    CpuUsage {
        /// The lock's.
        asked: Usage,
        /// The buffer's.
        allocated: Usage,
    },
    /// A lock's usage has no CPU part.
    NoCpuUsage(Usage),
    /// A region that does not lie inside the buffer.
    Region(abi::ARect),
    /// The acquire fence is not an fd that can be waited for.
    NotAFence(Errno),
    /// The acquire fence, or one of the buffer's own, did not signal in time.
    FenceTimeout,
    /// No fd or no memory is left.
    Exhausted(Errno),
    /// The kernel refuses to map the memory, or to begin or end access to it.
    Kernel(KernelError),
    /// As many locks as can be counted.
    TooManyLocks,
    /// Not a type of metadata that is known here.
    UnknownMetadata,
    /// A value was not set.
    Set(SetError),
    /// A value of a vendor's type was not set.
    SetVendor(VendorSetError),
}

impl Error {
    /// The code of `AIMapper_Error`, as `IMapper.h` documents it for the call.
    pub fn code(&self) -> abi::AIMapper_Error {
        match self {
            Error::NotAHandle(_)
            | Error::Handle(_)
            | Error::NotAnFd(_)
            | Error::NotMemory { .. }
            | Error::NotImported
            | Error::NotLocked
            | Error::Protected => abi::AIMAPPER_ERROR_BAD_BUFFER,
            Error::NullArgument(_)
            | Error::NoCpuUsage(_)
            | Error::NotMappable { .. }
            | Error::CpuUsage { .. }
            | Error::Region(_)
            | Error::NotAFence(_)
            | Error::Set(SetError::Constant(_)) => abi::AIMAPPER_ERROR_BAD_VALUE,
            Error::FenceTimeout
            | Error::Exhausted(_)
            | Error::TooManyLocks
            | Error::SetVendor(VendorSetError::TooLong { .. } | VendorSetError::Busy)
            | Error::Set(SetError::TooLong { .. } | SetError::Busy(_)) => abi::AIMAPPER_ERROR_NO_RESOURCES,
            Error::Kernel(error) => match error.errno() {
                // Memory that may not be mapped so, or not at this length: it is not what the handle says.
                Errno::EACCES | Errno::EPERM | Errno::EINVAL | Errno::ENODEV => abi::AIMAPPER_ERROR_BAD_BUFFER,
                _ => abi::AIMAPPER_ERROR_NO_RESOURCES,
            },
            Error::UnknownMetadata
            | Error::SetVendor(VendorSetError::Fixed | VendorSetError::Malformed)
            | Error::Set(SetError::Fixed(_) | SetError::Malformed(_)) => abi::AIMAPPER_ERROR_UNSUPPORTED,
        }
    }
}

impl From<HandleError> for Error {
    fn from(error: HandleError) -> Error {
        Error::Handle(error)
    }
}

impl From<VendorSetError> for Error {
    fn from(error: VendorSetError) -> Error {
        Error::SetVendor(error)
    }
}

impl From<KernelError> for Error {
    fn from(error: KernelError) -> Error {
        Error::Kernel(error)
    }
}

impl From<SetError> for Error {
    fn from(error: SetError) -> Error {
        Error::Set(error)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Handle(why) => Some(why),
            Error::Kernel(why) => Some(why),
            Error::Set(why) => Some(why),
            Error::SetVendor(why) => Some(why),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotAHandle(why) => write!(f, "not a native handle: {why}"),
            Error::Handle(why) => write!(f, "not a handle of this allocator: {why}"),
            Error::NotAnFd(fd) => write!(f, "{fd} is no open file descriptor"),
            Error::NotMemory { index, what } => write!(f, "the handle's fd {index} is {what}"),
            Error::NotImported => f.write_str("no buffer is imported at this address"),
            Error::NotLocked => f.write_str("the buffer is not locked"),
            Error::Protected => f.write_str("the buffer is protected from the CPU"),
            Error::NotMappable { compressed: true, modifier } => {
                write!(f, "the buffer is compressed (modifier {modifier:#x}): the CPU can make nothing of its bytes")
            }
            Error::NotMappable { compressed: false, modifier } => {
                write!(f, "the policy says that the CPU does not map the buffer's format (modifier {modifier:#x})")
            }
            Error::NullArgument(name) => write!(f, "{name} is null"),
            Error::NoCpuUsage(usage) => write!(f, "usage {usage} has no CPU access"),
            Error::CpuUsage { asked, allocated } => {
                write!(f, "a lock for {asked} of a buffer that was allocated for {allocated}: the policy has strict_cpu_usage")
            }
            Error::Region(region) => write!(
                f,
                "({}, {})–({}, {}) is no region of the buffer",
                region.left, region.top, region.right, region.bottom
            ),
            Error::NotAFence(errno) => write!(f, "the acquire fence cannot be waited for: {}", errno.desc()),
            Error::FenceTimeout => f.write_str("a fence did not signal in time"),
            Error::Exhausted(errno) => f.write_str(errno.desc()),
            Error::Kernel(why) => why.fmt(f),
            Error::TooManyLocks => f.write_str("too many locks"),
            Error::UnknownMetadata => f.write_str("no such type of metadata"),
            Error::Set(why) => why.fmt(f),
            Error::SetVendor(why) => why.fmt(f),
        }
    }
}
