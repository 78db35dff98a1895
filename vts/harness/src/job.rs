//! Commands that run in a guest.

use std::io::Write;
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;

use crate::error::Result;
use crate::guest::Guest;
use crate::protocol::{Identity, Run, Status, Stream, ToGuest};
use crate::session::JobEvent;
use crate::terminal;

/// What a command's own limit is exceeded by before the guest counts as hung.
const GRACE: Duration = Duration::from_secs(20);

/// A command for [`crate::guest::Guest::start`].
#[derive(Debug, Clone, Default)]
pub struct GuestCommand {
    /// Program and arguments; the program is looked for in /data, /vendor/bin, /vendor/bin/hw and /bin.
    pub argv: Vec<String>,
    /// Further environment.
    pub env: Vec<(String, String)>,
    /// Who it runs as.
    pub identity: Identity,
    /// Longest run; killed then, with [`Status::TimedOut`].
    pub limit: Option<Duration>,
}

impl GuestCommand {
    /// A command of root's without a limit.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The same, as another user.
    pub fn user(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// The same, with a time limit.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// A command's end and all its output.
#[derive(Debug, Clone)]
pub struct Captured {
    /// How it ended.
    pub status: Status,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Guest {
    /// Starts a command; several may run at the same time.
    ///
    /// # Errors
    /// The guest is gone.
    pub fn start(&self, command: &GuestCommand) -> Result<Job<'_>> {
        self.start_on(command, false)
    }

    fn start_on(&self, command: &GuestCommand, with_terminal: bool) -> Result<Job<'_>> {
        let (sender, events) = channel();
        let id = self.session.new_job(sender);
        let limit_ms = command.limit.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        let terminal = if with_terminal { terminal::size() } else { None };
        let run = Run {
            id,
            argv: command.argv.clone(),
            env: command.env.clone(),
            identity: command.identity.clone(),
            limit_ms,
            terminal,
        };
        self.session.send(&ToGuest::Run(run), &[])?;
        let what = format!("while running {}", command.argv.join(" "));
        Ok(Job { guest: self, id, what, limit: command.limit, events })
    }

    /// Runs a command and returns all its output.
    ///
    /// # Errors
    /// The guest goes down or is silent.
    pub fn capture(&self, command: &GuestCommand) -> Result<Captured> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let status = self.start(command)?.wait(|stream, bytes| match stream {
            Stream::Stdout => stdout.extend_from_slice(bytes),
            Stream::Stderr => stderr.extend_from_slice(bytes),
        })?;
        Ok(Captured { status, stdout, stderr })
    }

    /// Runs a command with its output on ours as it comes; with our terminal, if `with_terminal` and we have one.
    ///
    /// # Errors
    /// The guest goes down or is silent.
    pub fn run(&self, command: &GuestCommand, with_terminal: bool) -> Result<Status> {
        let with_terminal = with_terminal && terminal::size().is_some();
        let job = self.start_on(command, with_terminal)?;
        let _raw = with_terminal.then(|| {
            terminal::forward(&self.session, job.id);
            terminal::Raw::enter()
        });
        job.wait(print)
    }
}

/// A command that runs.
pub struct Job<'a> {
    guest: &'a Guest,
    id: u32,
    what: String,
    limit: Option<Duration>,
    events: Receiver<JobEvent>,
}

impl Job<'_> {
    /// Waits for the end, handing output over line by line, without line ends; both outputs together.
    ///
    /// # Errors
    /// As [`Job::wait`].
    pub fn wait_lines(self, mut line: impl FnMut(Stream, &str)) -> Result<Status> {
        let mut rests: [(Stream, Vec<u8>); 2] = [(Stream::Stdout, Vec::new()), (Stream::Stderr, Vec::new())];
        let status = self.wait(|stream, bytes| {
            for (_, rest) in rests.iter_mut().filter(|(its, _)| *its == stream) {
                rest.extend_from_slice(bytes);
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let whole: Vec<u8> = rest.drain(..=end).collect();
                    line(stream, String::from_utf8_lossy(&whole).trim_end_matches(['\n', '\r']));
                }
            }
        })?;
        for (stream, rest) in rests.iter().filter(|(_, rest)| !rest.is_empty()) {
            line(*stream, &String::from_utf8_lossy(rest));
        }
        Ok(status)
    }

    /// Waits for the end, handing output over as it comes.
    ///
    /// # Errors
    /// The guest goes down or is silent for longer than the command's limit allows.
    pub fn wait(self, mut output: impl FnMut(Stream, &[u8])) -> Result<Status> {
        let limit = self.limit.map(|limit| limit.saturating_add(GRACE));
        loop {
            match self.guest.next(&self.events, limit, &self.what)? {
                JobEvent::Output(stream, bytes) => output(stream, &bytes),
                JobEvent::Exit(status) => return Ok(status),
            }
        }
    }
}

/// Puts a command's output on ours.
fn print(stream: Stream, bytes: &[u8]) {
    // A closed pipe ends the reader, not the run.
    let _ = match stream {
        Stream::Stdout => write_flushed(&mut std::io::stdout().lock(), bytes),
        Stream::Stderr => write_flushed(&mut std::io::stderr().lock(), bytes),
    };
}

fn write_flushed(to: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}
