//! One test in a process of its own.

use crate::case::{Skip, Test, Verdict};
use crate::options::Options;
use crate::subject::Target;
use conformance_trials::Failed;
use nix::sys::signal::{killpg, Signal};
use nix::unistd::Pid;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::time::Duration;

/// The process's exit status for a skipped test; the reason stands on its standard output.
pub(super) const SKIPPED: u8 = 77;

/// Starts the process and reads its verdict; the failure carries what it printed.
pub(super) fn run(test: &Test, target: &Target, options: &Options) -> Result<Verdict, Failed> {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["--run-one", test.name, "--allocator", &target.transport.to_string()])
        .arg("--mapper")
        .arg(&target.mapper)
        .arg("--peer")
        .arg(&target.peer)
        .arg("--peer-mapper")
        .arg(&target.peer_mapper)
        .args(["--vts", &target.vts.word()]);
    if let Some(restart) = &target.restart {
        command.args(["--restart", restart]);
    }
    // Its own group: what it has started goes with it.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("no process for the test: {error}"))?;
    let limit = Duration::from_secs(options.time_limit);
    match output_within(child, limit) {
        Some(output) => verdict(&output),
        None => Err(Failed::from(format!("no end after {} s", limit.as_secs()))),
    }
}

/// Waits; `None` when the process had to be killed.
fn output_within(child: Child, limit: Duration) -> Option<Output> {
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let (sender, receiver) = channel();
    let waiter = std::thread::spawn(move || sender.send(child.wait_with_output()));
    let answer = receiver.recv_timeout(limit);
    // Whatever the test has left running, also when it has ended by itself. There need be nothing.
    let _ = killpg(group, Signal::SIGKILL);
    let _ = waiter.join();
    match answer {
        Ok(output) => Some(output.expect("its output can be read")),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
    }
}

fn verdict(output: &Output) -> Result<Verdict, Failed> {
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    match output.status.code() {
        Some(0) => Ok(Ok(())),
        Some(code) if code == i32::from(SKIPPED) => Ok(Err(Skip(words(&output.stdout)))),
        _ => Err(Failed::from(format!("{}\n{}", how(output.status), words(&output.stderr)).trim_end().to_owned())),
    }
}

fn how(status: ExitStatus) -> String {
    match status.signal().map(Signal::try_from) {
        Some(Ok(signal)) => format!("died of {signal}"),
        _ => "failed".to_owned(),
    }
}
