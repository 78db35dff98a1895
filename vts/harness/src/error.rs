//! What can go wrong between the host and a guest, in words for the person at the desk.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The library's error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something has to be installed by hand.
    #[error("missing: {what}\n  install with: {remedy}")]
    Missing {
        /// What, with what needs it.
        what: String,
        /// The exact command.
        remedy: String,
    },
    /// KVM was asked for and does not work here.
    #[error("--accel kvm does not work here: {0}\n  without it QEMU emulates, which works everywhere")]
    Kvm(String),
    /// A program on the host failed.
    #[error("{command} failed ({status}){output}")]
    Command {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// Its last words, with a leading newline, or nothing.
        output: String,
    },
    /// A file or program on the host could not be used.
    #[error("{what}: {source}")]
    Io {
        /// The path or program.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// This kernel does not serve.
    #[error("kernel {kernel}: {problem}")]
    Kernel {
        /// Its path or package.
        kernel: String,
        /// Why.
        problem: String,
    },
    /// Packages that could not be fetched or unpacked.
    #[error("{names}: {problem}")]
    Package {
        /// The packages.
        names: String,
        /// Why, and what to do.
        problem: String,
    },
    /// A module or another ELF or archive file that cannot be read.
    #[error("{path}: {problem}")]
    BadFile {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The guest stopped in the middle.
    #[error("the guest went down {doing}\n  console: {}{tail}", log.display())]
    GuestDown {
        /// What was going on.
        doing: String,
        /// The console log, kept.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The guest took too long.
    #[error("no answer from the guest within {} s {doing}; it was stopped\n  console: {}{tail}", limit.as_secs(), log.display())]
    TimeLimit {
        /// What was going on.
        doing: String,
        /// The limit.
        limit: Duration,
        /// The console log, kept.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The service manager or the service did not start.
    #[error("{problem}\n  service log: {}{tail}", log.display())]
    Service {
        /// Why.
        problem: String,
        /// The services' log, kept.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// QEMU or the guest said something that is not understood.
    #[error("{0}")]
    Protocol(String),
}

/// The library's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Says which file or program an io::Error is about.
pub trait At<T> {
    /// Adds the path or program.
    fn at(self, what: impl std::fmt::Display) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: impl std::fmt::Display) -> Result<T> {
        self.map_err(|source| Error::Io { what: what.to_string(), source })
    }
}
