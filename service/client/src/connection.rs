//! A connection to the allocator, and its methods.

use crate::allocation::Allocation;
use crate::error::ClientError;
use crate::transport::Transport;
use crate::{dump, socket};
use allocator_aidl::{AllocationResult, BinderResult, BufferDescriptorInfo, IAllocator, IAllocatorStatistics, Strong};
use std::path::Path;
use std::time::Duration;

/// How long finding the service may take: as long as it may need to come up beside its client.
const FIND_WAIT: Duration = Duration::from_secs(5);
/// How long the socket's service may think about a call. Zeroing gigabytes takes seconds.
const REPLY_WAIT: Duration = Duration::from_secs(60);
/// How long a dump may take.
const DUMP_WAIT: Duration = Duration::from_secs(30);

/// The allocator, found.
///
/// Calls through binder from several threads run at the same time. Those through one socket connection run one after
/// the other: a thread that wants its own opens its own.
#[derive(Clone)]
pub struct Connection {
    transport: Transport,
    allocator: Strong<dyn IAllocator>,
}

impl Connection {
    /// Finds the allocator through binder. Waits up to five seconds for it to be registered.
    ///
    /// # Errors
    /// `Driver`, `NoServiceManager`, `NotRegistered` or `NotAnAllocator`.
    pub fn binder() -> Result<Connection, ClientError> {
        Connection::binder_within(FIND_WAIT)
    }

    /// [`Connection::binder`] with a custom timeout. It asks at least once.
    ///
    /// # Errors
    /// The same.
    pub fn binder_within(wait: Duration) -> Result<Connection, ClientError> {
        let allocator = allocator_aidl::find_allocator(wait).map_err(|error| ClientError::of_search(error, wait))?;
        Ok(Connection { transport: Transport::Binder, allocator })
    }

    /// A connection to an allocator that the caller has found by itself.
    pub fn to(allocator: Strong<dyn IAllocator>) -> Connection {
        Connection { transport: Transport::Binder, allocator }
    }

    /// Opens a connection to the allocator's socket.
    ///
    /// # Errors
    /// `Socket` or `Handshake`, with the path.
    pub fn socket(path: &Path) -> Result<Connection, ClientError> {
        let allocator = socket::allocator(path, FIND_WAIT, REPLY_WAIT)?;
        Ok(Connection { transport: Transport::Socket(path.to_owned()), allocator })
    }

    /// Goes through one transport.
    ///
    /// # Errors
    /// Those of [`Connection::binder`] or [`Connection::socket`].
    pub fn open(transport: &Transport) -> Result<Connection, ClientError> {
        match transport {
            Transport::Binder => Connection::binder(),
            Transport::Socket(path) => Connection::socket(path),
        }
    }

    /// Goes through the transport that is given, or that [`Transport::choose`] finds.
    ///
    /// # Errors
    /// `Transport`, or those of [`Connection::open`].
    pub fn from_env_or(given: Option<Transport>) -> Result<Connection, ClientError> {
        Connection::open(&Transport::choose(given)?)
    }

    /// Which transport it is.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The generated client, for what is not wrapped here.
    pub fn allocator(&self) -> &Strong<dyn IAllocator> {
        &self.allocator
    }

    /// Allocates `count` buffers and decodes their handles.
    ///
    /// # Errors
    /// `Refused` with the allocator's reason; `Call` when the call failed; `Count`, `Handle` or `Stride` when the answer
    /// is not one of this project's allocator.
    pub fn allocate(&self, descriptor: &BufferDescriptorInfo, count: i32) -> Result<Allocation, ClientError> {
        Allocation::from_result(self.allocate_raw(descriptor, count)?, count)
    }

    /// Allocates from any allocator: the handles come back as they are.
    ///
    /// # Errors
    /// `Refused` or `Call`.
    pub fn allocate_raw(&self, descriptor: &BufferDescriptorInfo, count: i32) -> Result<AllocationResult, ClientError> {
        of("allocate2", self.allocator.allocate2(descriptor, count))
    }

    /// Whether such buffers can be allocated at all.
    ///
    /// # Errors
    /// `Call`.
    pub fn is_supported(&self, descriptor: &BufferDescriptorInfo) -> Result<bool, ClientError> {
        of("isSupported", self.allocator.isSupported(descriptor))
    }

    /// X in `mapper.X.so`.
    ///
    /// # Errors
    /// `Call`.
    pub fn mapper_suffix(&self) -> Result<String, ClientError> {
        of("getIMapperLibrarySuffix", self.allocator.getIMapperLibrarySuffix())
    }

    /// The interface's version. Asked once, then remembered.
    ///
    /// # Errors
    /// `Call`.
    pub fn interface_version(&self) -> Result<i32, ClientError> {
        of("getInterfaceVersion", self.allocator.getInterfaceVersion())
    }

    /// Sends nothing, and has it answered.
    ///
    /// # Errors
    /// `Call`.
    pub fn ping(&self) -> Result<(), ClientError> {
        allocator_aidl::ping(&self.allocator).map_err(|status| ClientError::of_call("ping", status.into()))
    }

    /// The service's statistics, its binder's extension; `None` where the allocator has none.
    ///
    /// # Errors
    /// `Call`.
    pub fn statistics(&self) -> Result<Option<Strong<dyn IAllocatorStatistics>>, ClientError> {
        let found = allocator_aidl::statistics_of(&self.allocator);
        found.map_err(|status| ClientError::of_call("getExtension", status.into()))
    }

    /// The service's dump, with its arguments, such as `--json`. Thirty seconds at most.
    ///
    /// # Errors
    /// `Dump`, `DumpTimeout` or `Call`.
    pub fn dump(&self, args: &[&str]) -> Result<String, ClientError> {
        dump::dump(&self.allocator, args, DUMP_WAIT)
    }
}

fn of<T>(method: &'static str, answer: BinderResult<T>) -> Result<T, ClientError> {
    answer.map_err(|status| ClientError::of_call(method, status))
}
