//! Kernel binder: registration with the service manager and a thread pool of a fixed size.

use crate::{IAllocator, ServeError, Strong};
use rsbinder::{hub, ProcessState};
use std::convert::Infallible;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

/// How long a service manager may take to come up beside us.
const SERVICE_MANAGER_WAIT: Duration = Duration::from_secs(30);
/// Between two questions whether it is there.
const SERVICE_MANAGER_POLL: Duration = Duration::from_millis(100);

/// Before a thread that has lost its connection is followed by another: a driver that refuses them all is not asked
/// without a pause.
const SUCCESSION_PAUSE: Duration = Duration::from_millis(50);

/// Registers the service and serves calls on exactly `threads` threads, the calling one included. Blocks.
///
/// The kernel asks for none of them: they are started here, so that one whose connection is lost has a successor (the
/// library's own have none). Must be the process's first use of binder: the driver is opened once, with this limit.
///
/// # Errors
/// Comes back only when binder could not be opened or the calling thread has lost its connection. What that thread was told
/// last cannot be had again, and its caller waits until the process ends.
pub fn serve_binder(name: &str, service: &Strong<dyn IAllocator>, threads: u32) -> Result<Infallible, ServeError> {
    let node = driver_node();
    let broken = |reason: String| ServeError::Driver { node: node.into(), reason };
    ProcessState::init(node, 0).map_err(|reason| broken(reason.to_string()))?;
    wait_for_service_manager()?;
    hub::add_service(name, service.as_binder())
        .map_err(|status| ServeError::Refused { name: name.to_owned(), status })?;
    for number in 1..threads {
        start_thread(number).map_err(|error| broken(format!("no thread: {error}")))?;
    }
    log::info!("registered {name}, {threads} threads");
    let ended = ProcessState::join_thread_pool().err().unwrap_or(rsbinder::StatusCode::Ok);
    Err(ServeError::PoolEnded(ended))
}

/// Starts a thread of the pool. When it has lost its connection (no memory, a copy that failed) it ends, by which the
/// driver knows that it will not answer and says so to its caller, and another takes its place.
fn start_thread(number: u32) -> io::Result<()> {
    let name = format!("binder:{}_{number:X}", std::process::id());
    let serve = move || {
        // Why it ended, the library has logged.
        let _ = ProcessState::join_thread_pool();
        log::error!("binder thread {number} has lost its connection to the driver; another takes its place");
        loop {
            thread::sleep(SUCCESSION_PAUSE);
            match start_thread(number) {
                Ok(()) => return,
                Err(error) => log::error!("binder thread {number} has no successor yet: {error}"),
            }
        }
    };
    thread::Builder::new().name(name).spawn(serve).map(drop)
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
            Err(_) => thread::sleep(SERVICE_MANAGER_POLL),
        }
    }
}
