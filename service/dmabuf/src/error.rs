//! What can go wrong between this crate and the kernel.

use nix::errno::Errno;
use std::fmt;

/// A failure, with what was tried and what the kernel said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A system call or ioctl failed.
    Call {
        /// Its name, as manuals and headers spell it.
        name: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A range that does not lie inside its buffer.
    Range {
        /// Bytes from the start.
        offset: usize,
        /// Bytes.
        len: usize,
        /// The buffer's own size in bytes.
        size: usize,
    },
}

impl Error {
    /// A closure for `map_err` after a system call.
    pub(crate) fn call(name: &'static str) -> impl Fn(Errno) -> Error {
        move |errno| Error::Call { name, errno }
    }

    /// The kernel's errno; `EINVAL` for what never reached the kernel.
    pub fn errno(&self) -> Errno {
        match self {
            Error::Call { errno, .. } => *errno,
            Error::Range { .. } => Errno::EINVAL,
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Call { name, errno } => write!(f, "{name}: {}", errno.desc()),
            Error::Range { offset, len, size } => {
                write!(f, "bytes {offset} to {offset}+{len} of a buffer of {size} bytes")
            }
        }
    }
}
