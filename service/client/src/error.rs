//! What went wrong between a client and the allocator, and what to do about it.

use crate::transport::{TransportError, TRANSPORT_VARIABLE};
use allocator_aidl::{failure, AllocationError, Failure, FindError, Status, StatusCode, ALLOCATOR_INSTANCE};
use gralloc_buffer::handle::HandleError;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

/// What went wrong between a client and the allocator.
#[derive(Debug)]
pub enum ClientError {
    /// Neither the arguments nor the environment say where to look.
    Transport(TransportError),
    /// The binder driver cannot be used.
    Driver {
        /// The device node.
        node: PathBuf,
        /// What the library says of it.
        reason: String,
    },
    /// The service manager cannot be asked.
    NoServiceManager {
        /// For how long it was tried.
        waited: Duration,
        /// What came instead of an answer.
        status: StatusCode,
    },
    /// The service manager does not know the allocator.
    NotRegistered {
        /// The instance.
        name: String,
        /// For how long it was asked.
        waited: Duration,
    },
    /// Something else is registered under the allocator's name.
    NotAnAllocator {
        /// The instance.
        name: String,
    },
    /// The socket does not let us in.
    Socket {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Whoever listens at the socket is not the allocator, or turns us away.
    Handshake {
        /// The socket's path.
        path: PathBuf,
        /// How it ended.
        status: StatusCode,
    },
    /// The allocator's own answer: it refuses.
    Refused {
        /// The service-specific code; an [`AllocationError`] if it keeps to the contract.
        code: i32,
        /// Its words.
        message: String,
    },
    /// A call failed on its way, or inside the service.
    Call {
        /// The method.
        method: &'static str,
        /// What came back.
        status: Status,
    },
    /// Another number of buffers than was asked for.
    Count {
        /// As asked.
        asked: i32,
        /// As given.
        got: usize,
    },
    /// A handle that does not decode.
    Handle {
        /// Which of the buffers.
        index: usize,
        /// Why.
        error: HandleError,
    },
    /// The handle has another stride than the result.
    Stride {
        /// Which of the buffers.
        index: usize,
        /// `AllocationResult.stride`.
        result: i32,
        /// The handle's.
        handle: u32,
    },
    /// The kernel does not say how large an fd's memory is.
    Size(io::Error),
    /// The dump could not be read.
    Dump(io::Error),
    /// The service did not finish its dump in time.
    DumpTimeout(Duration),
}

impl ClientError {
    /// Sorts what a call came back with.
    pub(crate) fn of_call(method: &'static str, status: Status) -> ClientError {
        match failure(&status) {
            Failure::Refused { code, message } => ClientError::Refused { code, message },
            _ => ClientError::Call { method, status },
        }
    }

    /// Why the allocator was not found in that time.
    pub(crate) fn of_search(error: FindError, waited: Duration) -> ClientError {
        let name = ALLOCATOR_INSTANCE.to_owned();
        match error {
            FindError::Driver { node, reason } => ClientError::Driver { node, reason },
            FindError::NoServiceManager(status) => ClientError::NoServiceManager { waited, status },
            FindError::NotRegistered => ClientError::NotRegistered { name, waited },
            FindError::NotAnAllocator => ClientError::NotAnAllocator { name },
        }
    }
}

/// The name of a service-specific code.
fn code_name(code: i32) -> &'static str {
    match AllocationError(code) {
        AllocationError::BAD_DESCRIPTOR => "BAD_DESCRIPTOR",
        AllocationError::NO_RESOURCES => "NO_RESOURCES",
        AllocationError::UNSUPPORTED => "UNSUPPORTED",
        _ => "not an AllocationError",
    }
}

impl From<TransportError> for ClientError {
    fn from(error: TransportError) -> ClientError {
        ClientError::Transport(error)
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ClientError::Socket { source, .. } | ClientError::Size(source) | ClientError::Dump(source) => Some(source),
            ClientError::Handle { error, .. } => Some(error),
            ClientError::Transport(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Transport(error) => write!(f, "{TRANSPORT_VARIABLE}: {error}"),
            ClientError::Driver { node, reason } => write!(
                f,
                "binder driver {}: {}; without binder, name the allocator's socket: {TRANSPORT_VARIABLE}=unix:PATH",
                node.display(),
                reason.trim_end()
            ),
            ClientError::NoServiceManager { waited, status } => write!(
                f,
                "the service manager did not answer for {} s ({status}); start servicemanager (Android) or rsb_hub \
                 (Linux), or name the allocator's socket: {TRANSPORT_VARIABLE}=unix:PATH",
                waited.as_secs()
            ),
            ClientError::NotRegistered { name, waited } => write!(
                f,
                "\"{name}\" is not registered, asked for {} s; start the allocator service, and see its log if it \
                 runs already",
                waited.as_secs()
            ),
            ClientError::NotAnAllocator { name } => write!(f, "what is registered as \"{name}\" is not an IAllocator"),
            ClientError::Socket { path, source } => {
                write!(f, "{}: {source}{}", path.display(), socket_help(source))
            }
            ClientError::Handshake { path, status } => write!(
                f,
                "{}: whoever listens there hung up ({status}): not the allocator, or it has too many clients",
                path.display()
            ),
            ClientError::Refused { code, message } => {
                write!(f, "the allocator refuses: {} ({code})", code_name(*code))?;
                if message.is_empty() {
                    return Ok(());
                }
                write!(f, ": {message}")
            }
            ClientError::Call { method, status } => write!(f, "{method}: {status}{}", call_help(method, status)),
            ClientError::Count { asked, got } => {
                write!(f, "the allocator gave {got} buffers for a request of {asked}: it breaks its contract")
            }
            ClientError::Handle { index, error } => write!(f, "buffer {index}: {error}"),
            ClientError::Stride { index, result, handle } => {
                write!(f, "buffer {index}: the result's stride is {result}, the handle's {handle}")
            }
            ClientError::Size(error) => write!(f, "how large the buffer is: {error}"),
            ClientError::Dump(error) => write!(f, "dump: {error}"),
            ClientError::DumpTimeout(waited) => write!(f, "dump: not finished after {} s", waited.as_secs()),
        }
    }
}

fn socket_help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; start the allocator service with this socket",
        io::ErrorKind::ConnectionRefused => "; nobody listens there any more: start the allocator service again",
        io::ErrorKind::PermissionDenied => "; this user may not use the socket: see its mode and its directory's",
        io::ErrorKind::TimedOut => "; whoever listens there takes no connections",
        _ => "",
    }
}

fn call_help(method: &str, status: &Status) -> &'static str {
    match failure(status) {
        Failure::PermissionDenied if method == "dump" => {
            "; it names other clients' buffers: root, system, shell and the service's own user may ask"
        }
        Failure::Dead => "; the service is gone",
        Failure::DidNotFit => {
            "; the kernel did not deliver the call or its reply: too many buffers in one call, too few free file \
             descriptors here, or no memory for it just then"
        }
        Failure::TimedOut => "; the service did not answer in time",
        Failure::PermissionDenied => "; this process may not call the service",
        Failure::Refused { .. } | Failure::Other => "",
    }
}
