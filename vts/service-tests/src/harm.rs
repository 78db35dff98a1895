//! What a service with one defence taken out serves: a good one's answers, and one harm.

use allocator_aidl::{
    calling_pid, new_allocator, new_statistics, service_specific, set_extension, AllocationError, AllocationResult,
    AllocatorStatistics, BinderResult, BufferDescriptorInfo, BufferStatistics, IAllocator, IAllocatorStatistics,
    SocketOptions, SocketServer, Status, StatusCode,
};
use gralloc_client::{ClientError, Connection, Transport};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Nothing: what passes calls on does no harm by itself.
    Nothing,
    /// Keeps a buffer's fd of each client.
    KeepsAnFdOfEachClient,
    /// Keeps memory of each call.
    KeepsMemoryOfEachCall,
    /// Its dump shows names as they came.
    ShowsNamesAsTheyCame,
    /// Statistics and dump are for everybody.
    TellsEverybody,
    /// Takes as many connections as come.
    LetsEverybodyIn,
}

const ALL: [Harm; 6] = [
    Harm::Nothing,
    Harm::KeepsAnFdOfEachClient,
    Harm::KeepsMemoryOfEachCall,
    Harm::ShowsNamesAsTheyCame,
    Harm::TellsEverybody,
    Harm::LetsEverybodyIn,
];
/// Bytes that are kept of each call.
const KEPT: usize = 32 << 10;

/// Serves on `socket` what is behind `transport`. Does not return.
pub(crate) fn serve(harm: &str, transport: &Transport, socket: &Path) -> ! {
    let harm = ALL.into_iter().find(|one| format!("{one:?}") == harm).expect("a harm");
    let options = match harm {
        Harm::LetsEverybodyIn => SocketOptions { connections: 1000, connections_per_uid: 1000, ..Default::default() },
        _ => SocketOptions::default(),
    };
    let before = || Before { harm, other: Connection::open(transport).unwrap(), kept: Mutex::default() };
    let allocator = new_allocator(before());
    set_extension(&allocator, &new_statistics(before())).unwrap();
    let ended = SocketServer::bind(socket, options).unwrap().serve(&allocator);
    panic!("{:?}", ended.err());
}

/// Stands before a good service.
struct Before {
    harm: Harm,
    other: Connection,
    kept: Mutex<Kept>,
}

/// What should have been let go.
#[derive(Default)]
struct Kept {
    fds: HashMap<i32, OwnedFd>,
    memory: Vec<Vec<u8>>,
}

impl Before {
    fn keep(&self, result: &AllocationResult) {
        let mut kept = self.kept.lock().unwrap();
        match (self.harm, result.buffers.first()) {
            (Harm::KeepsAnFdOfEachClient, Some(handle)) => {
                let fd: &OwnedFd = handle.fds[0].as_ref();
                kept.fds.entry(calling_pid()).or_insert_with(|| fd.try_clone().unwrap());
            }
            (Harm::KeepsMemoryOfEachCall, _) => kept.memory.push(vec![1; KEPT]),
            _ => {}
        }
    }

    fn write_dump(&self, out: &mut dyn io::Write, args: &[String]) -> io::Result<()> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let text = self.other.dump(&args).map_err(io::Error::other)?;
        if self.harm == Harm::ShowsNamesAsTheyCame && args.is_empty() {
            return out.write_all(unescaped(&text).as_bytes());
        }
        out.write_all(text.as_bytes())
    }
}

/// A text with its control characters as they came.
pub fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\r", "\r").replace("\\x1b", "\u{1b}")
}

allocator_aidl::interface_with_dump!(Before, Before::write_dump);

fn failed(error: ClientError) -> Status {
    match error {
        ClientError::Refused { code, message } => service_specific(AllocationError(code), &message),
        _ => StatusCode::FailedTransaction.into(),
    }
}

impl IAllocator for Before {
    allocator_aidl::without_multi_view!();

    #[allow(deprecated)] // V1's method stays a part of the contract.
    fn allocate(&self, descriptor: &[u8], count: i32) -> BinderResult<AllocationResult> {
        self.other.allocator().allocate(descriptor, count)
    }

    fn allocate2(&self, descriptor: &BufferDescriptorInfo, count: i32) -> BinderResult<AllocationResult> {
        let result = self.other.allocate_raw(descriptor, count).map_err(failed)?;
        self.keep(&result);
        Ok(result)
    }

    fn isSupported(&self, descriptor: &BufferDescriptorInfo) -> BinderResult<bool> {
        self.other.is_supported(descriptor).map_err(failed)
    }

    fn getIMapperLibrarySuffix(&self) -> BinderResult<String> {
        self.other.mapper_suffix().map_err(failed)
    }
}

impl IAllocatorStatistics for Before {
    fn getStatistics(&self) -> BinderResult<AllocatorStatistics> {
        self.other.statistics().map_err(failed)?.ok_or(StatusCode::NameNotFound)?.getStatistics()
    }

    fn getBuffers(&self, older_than_ms: i64, after_id: i64, limit: i32) -> BinderResult<Vec<BufferStatistics>> {
        self.other.statistics().map_err(failed)?.ok_or(StatusCode::NameNotFound)?.getBuffers(
            older_than_ms,
            after_id,
            limit,
        )
    }
}
