//! Why a transport could not be served, or ended; why a client did not reach the service. Both crates `allocator_aidl`
//! include this one file.

use crate::{Status, StatusCode};
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

/// A transport that could not be served, or ended.
#[derive(Debug)]
pub enum ServeError {
    /// The binder driver cannot be used.
    Driver {
        /// The device node.
        node: PathBuf,
        /// What the library says of it.
        reason: String,
    },
    /// No service manager answered in time.
    NoServiceManager {
        /// For how long it was asked.
        waited: Duration,
        /// Its last answer.
        status: StatusCode,
    },
    /// The service manager refuses the service.
    Refused {
        /// The instance name.
        name: String,
        /// Its answer.
        status: Status,
    },
    /// The calling thread has lost its connection to the driver.
    PoolEnded(StatusCode),
    /// Another process serves on this socket.
    InUse(PathBuf),
    /// Something that is not a socket is at the path; it is left alone.
    NotASocket(PathBuf),
    /// The path does not fit a socket address.
    PathTooLong(PathBuf),
    /// The file system or the network stack refused.
    Socket {
        /// The socket's path.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// The service is a remote one: only a process's own service can be put behind a socket.
    NotLocal(StatusCode),
    /// This build has no socket transport.
    NoSocketHere,
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ServeError::Socket { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Driver { node, reason } => write!(
                f,
                "binder driver {}: {}; Android: this must be a vendor process; Linux: load binder_linux (or mount \
                 binderfs), or serve on a socket instead",
                node.display(),
                reason.trim_end()
            ),
            ServeError::NoServiceManager { waited, status } => write!(
                f,
                "no service manager answered for {} s ({status}); start servicemanager (Android) or rsb_hub (Linux)",
                waited.as_secs()
            ),
            ServeError::Refused { name, status } => write!(
                f,
                "the service manager refuses \"{name}\" ({status}); it must be declared (Android: the VINTF manifest, \
                 Linux: a [[service]] entry in /etc/rsbinder/hub.d) and this user or domain be allowed to add it"
            ),
            ServeError::PoolEnded(status) => {
                write!(f, "the main thread has lost its connection to the driver; a new process is needed ({status})")
            }
            ServeError::InUse(path) => write!(f, "{}: another process is serving here", path.display()),
            ServeError::NotASocket(path) => write!(f, "{}: exists and is not a socket; left alone", path.display()),
            ServeError::PathTooLong(path) => {
                write!(f, "{}: too long for a socket; use a shorter path", path.display())
            }
            ServeError::Socket { path, doing, source } => write!(f, "{}: {doing}: {source}", path.display()),
            ServeError::NotLocal(status) => write!(f, "only a service of this process can be served ({status})"),
            ServeError::NoSocketHere => f.write_str("this build has no socket transport; use binder"),
        }
    }
}

/// Why the allocator was not found.
#[derive(Debug)]
pub enum FindError {
    /// The binder driver cannot be used.
    Driver {
        /// The device node.
        node: PathBuf,
        /// What the library says of it.
        reason: String,
    },
    /// No service manager answered; what came instead of an answer.
    NoServiceManager(StatusCode),
    /// The service manager does not know the allocator.
    NotRegistered,
    /// Something else is registered under its name.
    NotAnAllocator,
}

/// How a call failed, as far as a client tells it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The allocator's own answer: it refuses.
    Refused {
        /// The service-specific code.
        code: i32,
        /// Its words.
        message: String,
    },
    /// The service, or the system before it, does not let this process call.
    PermissionDenied,
    /// The service is gone.
    Dead,
    /// The reply did not fit: too many buffers, or too few free fds.
    DidNotFit,
    /// The service did not answer in time.
    TimedOut,
    /// Anything else.
    Other,
}
