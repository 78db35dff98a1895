//! The front door of the kernel: registration with the service manager and a thread pool of a fixed size.

use crate::{IAllocator, ServeError, Strong};
use rsbinder::{hub, ProcessState};
use std::convert::Infallible;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a service manager may take to come up beside us.
const SERVICE_MANAGER_WAIT: Duration = Duration::from_secs(30);
/// Between two questions whether it is there.
const SERVICE_MANAGER_POLL: Duration = Duration::from_millis(100);

/// Registers the service and serves calls on exactly `threads` threads, the calling one included. Blocks.
///
/// The kernel may ask for `n` threads; the library starts one of its own and the caller joins: so `n` is two less.
/// With one thread the library's own is left out too. The first two stand ready, the others are started when calls
/// come in at the same time. Must be the process's first use of binder: the driver is opened once, with this limit.
///
/// # Errors
/// Comes back only when the door did not open or the pool ended.
pub fn serve_binder(name: &str, service: &Strong<dyn IAllocator>, threads: u32) -> Result<Infallible, ServeError> {
    let node = driver_node();
    ProcessState::init(node, threads.saturating_sub(2))
        .map_err(|reason| ServeError::Driver { node: node.into(), reason: reason.to_string() })?;
    if threads > 1 {
        ProcessState::start_thread_pool();
    }
    wait_for_service_manager()?;
    hub::add_service(name, service.as_binder())
        .map_err(|status| ServeError::Refused { name: name.to_owned(), status })?;
    log::info!("registered {name}, {threads} threads");
    let ended = ProcessState::join_thread_pool().err().unwrap_or(rsbinder::StatusCode::Ok);
    Err(ServeError::PoolEnded(ended))
}

/// The node of binderfs where it is mounted, the classic one elsewhere.
fn driver_node() -> &'static str {
    if Path::new(rsbinder::DEFAULT_BINDER_PATH).exists() {
        rsbinder::DEFAULT_BINDER_PATH
    } else {
        rsbinder::LEGACY_BINDER_PATH
    }
}

fn wait_for_service_manager() -> Result<(), ServeError> {
    let start = Instant::now();
    loop {
        match hub::default() {
            Ok(_) => return Ok(()),
            Err(status) if start.elapsed() >= SERVICE_MANAGER_WAIT => {
                return Err(ServeError::NoServiceManager { waited: SERVICE_MANAGER_WAIT, status });
            }
            Err(_) => std::thread::sleep(SERVICE_MANAGER_POLL),
        }
    }
}
