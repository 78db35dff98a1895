//! What a client does that every binder library has under another name.

use crate::{Failure, FindError, IAllocator, IAllocatorStatistics, Status, StatusCode, Strong};
use crate::ALLOCATOR_INSTANCE;
use binder::binder_impl::IBinderInternal;
use binder::{ExceptionCode, IBinder};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two questions to the service manager.
const POLL: Duration = Duration::from_millis(20);

/// The driver's node. The library knows by itself which one a process has.
pub fn driver_node() -> &'static Path {
    Path::new("/dev/binder")
}

/// Asks the service manager for the allocator, at least once and until it is there.
///
/// # Errors
/// Why it was not found within `wait`.
pub fn find_allocator(wait: Duration) -> Result<Strong<dyn IAllocator>, FindError> {
    let start = Instant::now();
    loop {
        let patient = start.elapsed() < wait;
        match binder::check_interface::<dyn IAllocator>(ALLOCATOR_INSTANCE) {
            Ok(allocator) => return Ok(allocator),
            Err(StatusCode::BAD_TYPE) => return Err(FindError::NotAnAllocator),
            Err(_) if patient => std::thread::sleep(POLL),
            Err(StatusCode::NAME_NOT_FOUND) => return Err(FindError::NotRegistered),
            Err(status) => return Err(FindError::NoServiceManager(status)),
        }
    }
}

/// There is no socket transport.
///
/// # Errors
/// `INVALID_OPERATION`, always.
pub fn allocator_behind(_stream: UnixStream, _reply_wait: Duration) -> Result<Strong<dyn IAllocator>, StatusCode> {
    Err(StatusCode::INVALID_OPERATION)
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
    allocator.as_binder().get_extension()?.map(|found| found.into_interface()).transpose()
}

/// Has the service write its dump. Comes back when it has.
///
/// # Errors
/// How the call ended.
pub fn dump_into(allocator: &Strong<dyn IAllocator>, out: OwnedFd, args: &[String]) -> Result<(), StatusCode> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    allocator.as_binder().dump(&out, &args)
}

/// Sorts what a call came back with. The library gives no message but within a description.
pub fn failure(status: &Status) -> Failure {
    if status.exception_code() == ExceptionCode::SERVICE_SPECIFIC {
        return Failure::Refused { code: status.service_specific_error(), message: status.get_description() };
    }
    match status.transaction_error() {
        StatusCode::PERMISSION_DENIED => Failure::PermissionDenied,
        StatusCode::DEAD_OBJECT => Failure::Dead,
        StatusCode::FAILED_TRANSACTION => Failure::DidNotFit,
        StatusCode::TIMED_OUT => Failure::TimedOut,
        _ => Failure::Other,
    }
}
