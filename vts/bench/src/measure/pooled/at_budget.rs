//! A client that behaves, beside one that asks without end for what its budget no longer has.

use super::{Extra, Service};
use crate::measure::{connect_to, page, wait_for_a_page, Options};
use anyhow::{ensure, Context as _, Result};
use nix::sys::resource::{setrlimit, Resource};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use vts_bench::samples::Sample;

/// What a client may have: a thousand live buffers of a page, each with a page of metadata.
const BUDGET: u64 = 8 << 20;
/// Who asks without end: nobody that the measuring process is, since an account goes by the user.
const OTHER_UID: u32 = 9999;
/// Its threads.
const THREADS: usize = 4;
/// Requests of a round, with and without it.
const REQUESTS: usize = 20;
/// What it says when its budget is used up.
const FULL: &str = "full";

/// Waits of the one that behaves, while the other asks and while it is stopped.
pub(super) fn samples(options: &Options, rounds: usize) -> Result<Vec<Sample>> {
    let service = Service::start(options, &Extra { client_bytes: Some(BUDGET), ..Extra::default() })?;
    let connection = service.connect()?;
    let other = Other::start(&service.name)?;
    let mut samples = Vec::new();
    for _ in 0..rounds {
        other.signal(Signal::SIGCONT)?;
        let beside = (0..REQUESTS).map(|_| wait_for_a_page(&connection)).collect::<Result<Vec<f64>>>()?;
        other.signal(Signal::SIGSTOP)?;
        for ours in beside {
            samples.push(Sample { plain: Some(wait_for_a_page(&connection)?), ..Sample::alone(ours) });
        }
    }
    Ok(samples)
}

/// The other's process.
struct Other(Child);

impl Other {
    /// Started as another user; back when its budget is used up.
    fn start(service: &str) -> Result<Other> {
        // Inherited: two fds a buffer, and some of its own.
        let fds = BUDGET / 2048;
        setrlimit(Resource::RLIMIT_NOFILE, fds, fds).context("more fds")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--hammer", service]).uid(OTHER_UID).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut other = Other(command.spawn().context("another client")?);
        let mut line = String::new();
        BufReader::new(other.0.stdout.take().context("its output")?).read_line(&mut line)?;
        ensure!(line.trim() == FULL, "the other client says {line:?}");
        Ok(other)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.0.id())?), signal).context("the other client")
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It holds nothing that would not go with it.
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// The other's life: uses its budget up, says so, and asks for more until it is killed.
pub(crate) fn hammer(service: &str) -> Result<()> {
    let connection = connect_to(service)?;
    let mut held = Vec::new();
    while let Ok(allocation) = connection.allocate(&page(), 1) {
        held.push(allocation);
    }
    ensure!(!held.is_empty(), "not one buffer");
    println!("{FULL}");
    thread::scope(|scope| {
        for _ in 0..THREADS {
            // Refusals are what it is after.
            scope.spawn(|| loop {
                drop(connection.allocate(&page(), 1));
            });
        }
    });
    Ok(())
}
