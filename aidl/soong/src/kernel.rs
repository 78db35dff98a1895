//! Kernel binder: registration with the service manager and a thread pool of a fixed size.

use crate::{IAllocator, ServeError, Status, StatusCode, Strong};
use binder::ProcessState;
use std::convert::Infallible;

/// Registers the service and serves calls on exactly `threads` threads, the calling one included. Blocks.
///
/// The kernel may ask for `n` threads; the library starts one of its own and the caller joins: so `n` is two less.
/// With one thread the library's own is left out too. Must be the process's first use of binder.
///
/// # Errors
/// Comes back only when the service manager refuses, or the pool ended.
pub fn serve_binder(name: &str, service: &Strong<dyn IAllocator>, threads: u32) -> Result<Infallible, ServeError> {
    ProcessState::set_thread_pool_max_thread_count(threads.saturating_sub(2));
    if threads > 1 {
        ProcessState::start_thread_pool();
    }
    // libbinder waits for the service manager by itself.
    binder::add_service(name, service.as_binder())
        .map_err(|code| ServeError::Refused { name: name.to_owned(), status: Status::from(code) })?;
    log::info!("registered {name}, {threads} threads");
    ProcessState::join_thread_pool();
    Err(ServeError::PoolEnded(StatusCode::OK))
}
