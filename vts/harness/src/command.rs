//! A command for a guest, and what came of it.

use std::io::Write;
use std::time::Duration;

use crate::protocol::{Identity, Status, Stream};

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

/// Puts a command's output on ours.
pub(crate) fn print(stream: Stream, bytes: &[u8]) {
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
