//! What can go wrong between this crate and the kernel.

use nix::errno::Errno;
use std::fmt;
use std::path::PathBuf;

/// A failure, with what was tried and what the kernel said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A file or device node could not be opened or read.
    File {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A system call or ioctl failed.
    Call(gralloc_dmabuf::Error),
    /// The buffer is under this watch already.
    AlreadyWatched,
    /// The kernel reports no release of buffers of this kind.
    NoReleaseEvents,
}

impl Error {
    /// A closure for `map_err` after a system call.
    pub(crate) fn call(name: &'static str) -> impl Fn(Errno) -> Error {
        move |errno| Error::Call(gralloc_dmabuf::Error::Call { name, errno })
    }

    /// A closure for `map_err` after an access to a file.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |error| Error::File { path, errno: errno_of(&error) }
    }

    /// The kernel's errno; `EINVAL` for what never reached the kernel.
    pub fn errno(&self) -> Errno {
        match self {
            Error::File { errno, .. } => *errno,
            Error::Call(error) => error.errno(),
            Error::AlreadyWatched => Errno::EEXIST,
            Error::NoReleaseEvents => Errno::EOPNOTSUPP,
        }
    }
}

/// The errno inside an `io::Error`; `EIO` for one that std made itself.
pub(crate) fn errno_of(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

impl From<gralloc_dmabuf::Error> for Error {
    fn from(error: gralloc_dmabuf::Error) -> Error {
        Error::Call(error)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File { path, errno } => write!(f, "{}: {}", path.display(), errno.desc()),
            Error::Call(error) => error.fmt(f),
            Error::AlreadyWatched => f.write_str("the buffer is being watched already"),
            Error::NoReleaseEvents => {
                f.write_str("this kernel does not report when a buffer's last reference is dropped")
            }
        }
    }
}
