//! What a client does that every binder library has under another name.

use crate::{Failure, FindError, ALLOCATOR_INSTANCE};
use crate::{IAllocator, IAllocatorStatistics, Interface, ParcelFileDescriptor, Status, StatusCode, Strong};
use rsbinder::rpc::transport::UnixTransport;
use rsbinder::rpc::{FileDescriptorTransportMode, RpcClientConfig, RpcSession, RpcTransport};
use rsbinder::{hub, ExceptionCode, ProcessState, SIBinder, DUMP_TRANSACTION, EXTENSION_TRANSACTION};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The newest RPC wire: 2 is Android 16's.
const WIRE_VERSION: u32 = 2;
/// Between two questions to the service manager.
const POLL: Duration = Duration::from_millis(20);

/// The driver's node: that of binderfs where it is mounted, the classic one elsewhere.
pub fn driver_node() -> &'static Path {
    let binderfs = Path::new(rsbinder::DEFAULT_BINDER_PATH);
    if binderfs.exists() {
        binderfs
    } else {
        Path::new(rsbinder::LEGACY_BINDER_PATH)
    }
}

/// Asks the service manager for the allocator, at least once and until it is there.
///
/// # Errors
/// Why it was not found within `wait`.
pub fn find_allocator(wait: Duration) -> Result<Strong<dyn IAllocator>, FindError> {
    let node = driver_node();
    // No threads for calls that come in: a client serves nothing.
    ProcessState::init(&node.to_string_lossy(), 0)
        .map_err(|reason| FindError::Driver { node: node.to_owned(), reason: reason.to_string() })?;
    let start = Instant::now();
    loop {
        let patient = start.elapsed() < wait;
        match hub::try_get_interface::<dyn IAllocator>(ALLOCATOR_INSTANCE) {
            Ok(Some(allocator)) => return Ok(allocator),
            Err(StatusCode::BadType) => return Err(FindError::NotAnAllocator),
            _ if patient => std::thread::sleep(POLL),
            Ok(None) => return Err(FindError::NotRegistered),
            Err(status) => return Err(FindError::NoServiceManager(status)),
        }
    }
}

/// Opens a session over a connected socket. `reply_wait` is for the handshake and for each reply afterwards.
///
/// # Errors
/// How the handshake ended.
pub fn allocator_behind(stream: UnixStream, reply_wait: Duration) -> Result<Strong<dyn IAllocator>, StatusCode> {
    let mut once = Some(stream);
    let give = move || -> rsbinder::Result<Box<dyn RpcTransport>> {
        let stream = once.take().ok_or(StatusCode::BadValue)?;
        let transport = UnixTransport::from_stream(stream).map_err(|_| StatusCode::BadValue)?;
        Ok(Box::new(transport))
    };
    let config =
        RpcClientConfig::new(WIRE_VERSION, give).fd_mode(FileDescriptorTransportMode::Unix).timeout(reply_wait);
    let session = RpcSession::setup_client_android13plus_with_config(config)?;
    session.get_root()?.into_interface()
}

/// Sends nothing, and has it answered.
///
/// # Errors
/// Its answer.
pub fn ping(allocator: &Strong<dyn IAllocator>) -> Result<(), StatusCode> {
    allocator.as_binder().ping_binder()
}

/// The statistics that [`set_extension`](crate::set_extension) has attached; `None` where there are none.
///
/// # Errors
/// How the call ended.
pub fn statistics_of(
    allocator: &Strong<dyn IAllocator>,
) -> Result<Option<Strong<dyn IAllocatorStatistics>>, StatusCode> {
    extension(&allocator.as_binder()).and_then(|found| found.map(SIBinder::into_interface).transpose())
}

/// On a socket the library's proxy does not ask for it by itself.
fn extension(binder: &SIBinder) -> rsbinder::Result<Option<SIBinder>> {
    if binder.as_proxy().is_some() {
        return binder.get_extension();
    }
    let remote = binder.as_remote().ok_or(StatusCode::BadType)?;
    let request = remote.prepare_transact(true)?;
    match remote.submit_transact(EXTENSION_TRANSACTION, &request, 0)? {
        Some(mut reply) => reply.read(),
        None => Ok(None),
    }
}

/// Has the service write its dump. Comes back when it has.
///
/// # Errors
/// How the call ended.
pub fn dump_into(allocator: &Strong<dyn IAllocator>, out: OwnedFd, args: &[String]) -> Result<(), StatusCode> {
    let (binder, out) = (allocator.as_binder(), ParcelFileDescriptor::from(out));
    if let Some(kernel) = binder.as_proxy() {
        return kernel.dump(out, args);
    }
    // On the socket the same transaction carries a ParcelFileDescriptor and a list (see the service's socket transport).
    let remote = binder.as_remote().ok_or(StatusCode::BadType)?;
    let mut request = remote.prepare_transact(true)?;
    request.write(&out)?;
    request.write(args)?;
    drop(out);
    remote.submit_transact(DUMP_TRANSACTION, &request, 0).map(|_| ())
}

/// Sorts what a call came back with.
pub fn failure(status: &Status) -> Failure {
    if status.exception_code() == ExceptionCode::ServiceSpecific {
        let message = status.message().unwrap_or_default().to_owned();
        return Failure::Refused { code: status.service_specific_error(), message };
    }
    match status.transaction_error() {
        StatusCode::PermissionDenied => Failure::PermissionDenied,
        StatusCode::DeadObject => Failure::Dead,
        StatusCode::FailedTransaction => Failure::DidNotFit,
        StatusCode::TimedOut => Failure::TimedOut,
        _ => Failure::Other,
    }
}
