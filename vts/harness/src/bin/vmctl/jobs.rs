//! Runs the host's commands: identity, terminal, time limit, output as it comes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::process::{kill_process_group, pidfd_open, Pid, PidfdFlags, Signal};
use rustix::pty::{grantpt, openpt, ptsname, unlockpt, OpenptFlags};
use rustix::termios::{tcsetwinsize, Winsize};
use vm_harness::protocol::{Run, Status, Stream, TerminalSize, ToHost, DATA_DIR, OUT_DIR};

use crate::channel::Outbox;

/// How long output may keep coming from processes that a command left behind.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// Where commands are looked for.
const PATH: &str = "/data:/vendor/bin:/vendor/bin/hw:/bin";

/// The commands that run, for what the host sends to their terminals.
#[derive(Clone)]
pub(crate) struct Jobs {
    outbox: Outbox,
    terminals: Arc<Mutex<HashMap<u32, File>>>,
}

impl Jobs {
    /// No command runs yet.
    pub(crate) fn new(outbox: Outbox) -> Self {
        Self { outbox, terminals: Arc::default() }
    }

    fn terminals(&self) -> MutexGuard<'_, HashMap<u32, File>> {
        self.terminals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one command in a thread of its own.
    pub(crate) fn start(&self, run: Run) {
        let jobs = self.clone();
        thread::spawn(move || {
            let status = jobs.run(&run).unwrap_or_else(|error| Status::NotStarted(format!("{error:#}")));
            jobs.terminals().remove(&run.id);
            let _host_gone = jobs.outbox.send(&ToHost::Exit { id: run.id, status }, &[]);
        });
    }

    /// Writes to a command's terminal.
    pub(crate) fn input(&self, id: u32, bytes: &[u8]) {
        if let Some(terminal) = self.terminals().get_mut(&id) {
            let _command_gone = terminal.write_all(bytes);
        }
    }

    /// Changes a command's terminal's size.
    pub(crate) fn resize(&self, id: u32, size: TerminalSize) {
        if let Some(terminal) = self.terminals().get(&id) {
            let _command_gone = tcsetwinsize(terminal, window(size));
        }
    }

    fn run(&self, run: &Run) -> Result<Status> {
        let program = run.argv.first().context("an empty command")?;
        if !program.contains('/') && !on_path(program) {
            bail!("{program}: not found in {PATH}; `--add FILE` takes a file of yours into {DATA_DIR}");
        }
        let terminal = run.terminal.map(open_terminal).transpose()?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg("enter")
            .arg(terminal.as_ref().map_or("-", |(_, path)| path))
            .arg(run.identity.to_string())
            .args(&run.argv)
            .env_clear()
            .envs([("PATH", PATH), ("HOME", "/data"), ("TMPDIR", "/tmp"), ("VTS_OUT", OUT_DIR), ("TERM", "vt100")])
            .envs(run.env.iter().map(|(key, value)| (key, value)))
            .current_dir(DATA_DIR)
            .stdin(Stdio::null());
        if terminal.is_none() {
            // A group of its own, so that a time limit reaches its children; with a terminal it gets a session.
            command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = command.spawn().with_context(|| format!("starting {program}"))?;
        let (done, drained) = channel();
        let streams = match terminal {
            Some((master, _)) => {
                let master = File::from(master);
                self.terminals().insert(run.id, master.try_clone()?);
                self.forward(run.id, Stream::Stdout, Some(master), done)
            }
            None => {
                let stdout = self.forward(run.id, Stream::Stdout, child.stdout.take(), done.clone());
                stdout.saturating_add(self.forward(run.id, Stream::Stderr, child.stderr.take(), done))
            }
        };
        let status = wait(&mut child, run.limit_ms.map(Duration::from_millis))?;
        drain(&drained, streams);
        Ok(status)
    }

    /// Sends a stream's bytes as they come; returns how many streams that is.
    fn forward(&self, id: u32, stream: Stream, source: Option<impl Read + Send + 'static>, done: Sender<()>) -> usize {
        let Some(mut source) = source else { return 0 };
        let outbox = self.outbox.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; 16 * 1024];
            // A terminal's end is EIO, a pipe's is 0.
            while let Ok(length @ 1..) = source.read(&mut buffer) {
                let bytes = buffer.get(..length).unwrap_or_default();
                if outbox.send(&ToHost::Output { id, stream }, bytes).is_err() {
                    break;
                }
            }
            let _nobody_waits = done.send(());
        });
        1
    }
}

fn on_path(program: &str) -> bool {
    PATH.split(':').any(|folder| Path::new(folder).join(program).exists())
}

fn window(size: TerminalSize) -> Winsize {
    Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn open_terminal(size: TerminalSize) -> Result<(OwnedFd, String)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).context("/dev/ptmx")?;
    grantpt(&master)?;
    unlockpt(&master)?;
    tcsetwinsize(&master, window(size))?;
    let path = ptsname(&master, Vec::new())?.into_string()?;
    Ok((master, path))
}

/// Waits for the child, kills its group at the limit, and what is left of its group afterwards.
fn wait(child: &mut Child, limit: Option<Duration>) -> Result<Status> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("no pid")?;
    let mut timed_out = false;
    if let Some(limit) = limit {
        let handle = pidfd_open(pid, PidfdFlags::empty()).context("pidfd_open")?;
        let timeout = Timespec::try_from(limit).context("time limit")?;
        timed_out = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&timeout))? == 0;
        if timed_out {
            let _gone_meanwhile = kill_process_group(pid, Signal::KILL);
        }
    }
    let status = child.wait()?;
    let _usually_empty = kill_process_group(pid, Signal::KILL);
    Ok(match (timed_out, status.code(), status.signal()) {
        (true, _, _) => Status::TimedOut,
        (_, Some(code), _) => Status::Exited(code),
        (_, _, Some(signal)) => Status::Signalled(signal),
        _ => Status::NotStarted(format!("unknown end: {status}")),
    })
}

fn drain(drained: &Receiver<()>, streams: usize) {
    for _ in 0..streams {
        if drained.recv_timeout(DRAIN_LIMIT).is_err() {
            return;
        }
    }
}
