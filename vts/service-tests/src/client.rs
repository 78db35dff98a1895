//! One caller: descriptors, answers, refusals. On top of the project's own client, which finds the service and decodes
//! what comes back.

use crate::suite::Skip;
use crate::{wait_for, SOON};
use allocator_aidl::{BufferDescriptorInfo, ExtendableType, IAllocator, IAllocatorStatistics};
use allocator_aidl::{ParcelFileDescriptor, Status, Strong};
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use gralloc_client::{to_wire, Allocation, Buffer, ClientError, Connection, Transport};
use rsbinder::DUMP_TRANSACTION;
use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};

/// `AllocationError::BAD_DESCRIPTOR`.
pub const BAD_DESCRIPTOR: i32 = 0;
/// `AllocationError::NO_RESOURCES`.
pub const NO_RESOURCES: i32 = 1;
/// `AllocationError::UNSUPPORTED`.
pub const UNSUPPORTED: i32 = 2;

/// Version and hash of the interface that is spoken: AOSP's frozen ones (`graphics/allocator/aidl/aidl_api`).
pub const FROZEN: (i32, &str) =
    if cfg!(feature = "v3") { (3, "b061131f0ee5260aa8f779bf3569dfc861a1b89c") } else { FROZEN_V2 };
/// Those of V2.
pub const FROZEN_V2: (i32, &str) = (2, "9499fec09c544e9de5be3c87125721600f8ade66");

/// A client that draws and reads by CPU.
pub const CPU: Usage = Usage(Usage::CPU_READ_OFTEN.0 | Usage::CPU_WRITE_OFTEN.0);

/// A connection.
#[derive(Clone)]
pub struct Client(Connection);

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// What stood in the way, in words.
    pub fn connect(transport: &Transport) -> Result<Client, String> {
        Connection::open(transport).map(Client).map_err(|error| error.to_string())
    }

    /// The interface itself.
    pub fn allocator(&self) -> &Strong<dyn IAllocator> {
        self.0.allocator()
    }

    /// `allocate2`. What comes back is as many as were asked for, decodes, and fits its dma-bufs, or the test fails.
    ///
    /// # Errors
    /// The refusal, or that the call itself failed.
    pub fn allocate(&self, info: &BufferDescriptorInfo, count: i32) -> Result<Allocation, Failure> {
        match self.0.allocate(info, count) {
            Ok(allocation) => {
                allocation.buffers.iter().for_each(|buffer| buffer.check_sizes().unwrap());
                Ok(allocation)
            }
            Err(ClientError::Refused { code, message }) => Err(Failure::Refused { error: code, words: message }),
            Err(error @ ClientError::Call { .. }) => Err(Failure::Call(error.to_string())),
            Err(error) => panic!("{error}"),
        }
    }

    /// A request that must be refused.
    pub fn refusal(&self, info: &BufferDescriptorInfo, count: i32) -> Failure {
        match self.allocate(info, count) {
            Err(failure) => failure,
            Ok(allocation) => panic!("{} buffers where there should be none, for {info:?}", allocation.buffers.len()),
        }
    }

    /// One buffer of a request that must succeed.
    pub fn one(&self, info: &BufferDescriptorInfo) -> Buffer {
        let mut allocation = self.allocate(info, 1).unwrap_or_else(|failure| panic!("{failure:?} for {info:?}"));
        allocation.buffers.remove(0)
    }

    /// Buffers in the place of others that were let go. Who asks for them waits for the scan that sees those go, and is refused where
    /// a busy machine has that take longer than anybody is kept waiting: that client asks again.
    pub fn granted(&self, info: &BufferDescriptorInfo, count: i32) -> Vec<Buffer> {
        let granted = wait_for(SOON, || self.allocate(info, count).ok());
        granted.expect("the place of what was let go").buffers
    }

    /// `isSupported`.
    pub fn supports(&self, info: &BufferDescriptorInfo) -> bool {
        self.0.is_supported(info).unwrap()
    }

    /// The binder's extension.
    pub fn statistics(&self) -> Strong<dyn IAllocatorStatistics> {
        self.0.statistics().unwrap().unwrap()
    }

    /// What the service's statistics and its dump answer: `ok`, or the error in words.
    pub fn watch(&self) -> [String; 3] {
        let statistics = self.statistics();
        let said = |answer: Result<(), String>| answer.err().unwrap_or_else(|| "ok".to_owned());
        let words = |status: Status| format!("{:?} {}", status.exception_code(), status.message().unwrap_or_default());
        [
            said(statistics.getStatistics().map(drop).map_err(words)),
            said(statistics.getBuffers(0, 0, 0).map(drop).map_err(words)),
            said(self.0.dump(&["--json"]).map(drop).map_err(|error| error.to_string())),
        ]
    }

    /// What the service's dump says to these arguments.
    pub fn dump(&self, arguments: &[&str]) -> String {
        self.0.dump(arguments).unwrap()
    }

    /// Has the service dump over a socket into a pipe that nobody reads; what the call answers does not matter.
    pub fn dump_to_nobody(&self) {
        let (read, write) = ParcelFileDescriptor::pipe().unwrap();
        drop(read);
        let binder = self.allocator().as_binder();
        let remote = binder.as_remote().unwrap();
        let mut data = remote.prepare_transact(true).unwrap();
        data.write(&write).unwrap();
        data.write(&vec!["--json".to_owned()]).unwrap();
        let _ = remote.submit_transact(DUMP_TRANSACTION, &data, 0);
    }
}

/// The service manager's word on a name: declared or not.
///
/// # Errors
/// A reason to skip: nobody manages services here.
pub fn is_declared(name: &str) -> Result<bool, Skip> {
    let manager = rsbinder::hub::default().map_err(|status| Skip(format!("no service manager: {status}")))?;
    Ok(manager.is_declared(name))
}

/// Names that the service manager knows.
///
/// # Errors
/// As [`is_declared`].
pub fn registered_names() -> Result<Vec<String>, Skip> {
    let manager = rsbinder::hub::default().map_err(|status| Skip(format!("no service manager: {status}")))?;
    Ok(manager.list_services(rsbinder::hub::DUMP_FLAG_PRIORITY_ALL))
}

/// Why there are no buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The service said no: `EX_SERVICE_SPECIFIC` with an `AllocationError`.
    Refused {
        /// The `AllocationError`.
        error: i32,
        /// The service's words.
        words: String,
    },
    /// The call did not get through, or its answer did not get back.
    Call(String),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        if status.exception_code() == rsbinder::ExceptionCode::ServiceSpecific {
            let words = status.message().unwrap_or_default().to_owned();
            Failure::Refused { error: status.service_specific_error(), words }
        } else {
            Failure::Call(status.to_string())
        }
    }
}

impl Failure {
    /// The `AllocationError`; fails the test when the call itself failed.
    pub fn error(&self) -> i32 {
        match self {
            Failure::Refused { error, .. } => *error,
            Failure::Call(words) => panic!("not a refusal but a broken call: {words}"),
        }
    }

    /// The service's words.
    pub fn words(&self) -> &str {
        match self {
            Failure::Refused { words, .. } | Failure::Call(words) => words,
        }
    }
}

/// Fails the test unless every id and every inode, metadata included, is there once.
pub fn assert_distinct(buffers: &[Buffer]) {
    let ids: HashSet<u64> = buffers.iter().map(|buffer| buffer.info.id).collect();
    assert_eq!(ids.len(), buffers.len(), "ids repeat");
    let fds = buffers.iter().flat_map(|buffer| [&buffer.pixels, &buffer.metadata]);
    let inodes: HashSet<u64> = fds.map(inode).collect();
    assert_eq!(inodes.len(), 2 * buffers.len(), "two handles share a buffer");
}

/// A file's inode: tells one buffer from another.
fn inode(fd: &OwnedFd) -> u64 {
    rustix::fs::fstat(fd.as_fd()).unwrap().st_ino
}

/// A descriptor of one layer without options.
pub fn descriptor(name: &str, width: i32, height: i32, format: PixelFormat, usage: Usage) -> BufferDescriptorInfo {
    to_wire(&Descriptor::new(name, width, height, format, usage))
}

/// RGBA_8888 for the CPU: what every device must allocate.
pub fn rgba(name: &str, width: i32, height: i32) -> BufferDescriptorInfo {
    descriptor(name, width, height, PixelFormat::Rgba8888, CPU)
}

/// A BLOB: exactly so many bytes.
pub fn blob(name: &str, bytes: i32) -> BufferDescriptorInfo {
    descriptor(name, bytes, 1, PixelFormat::Blob, CPU)
}

/// An option.
pub fn option(name: &str, value: i64) -> ExtendableType {
    ExtendableType { name: name.to_owned(), value }
}
