//! What host and guest say to each other over one byte channel (a virtio-serial port, or a UART where the kernel has
//! no virtio console).
//!
//! A frame is two little-endian `u32` lengths, then that many bytes of JSON header and of raw payload. Both sides are
//! built from this file in one run, so there is no version to negotiate.

use std::io::{self, Read, Write};

use serde::{de::DeserializeOwned, Deserialize, Serialize};

pub use crate::identity::Identity;

/// Name of the virtio-serial port, as the guest finds it in `/sys/class/virtio-ports/*/name`.
pub const PORT_NAME: &str = "vts.control";
/// The UART that carries the protocol where the kernel has no virtio console.
pub const FALLBACK_TTY: &str = "/dev/ttyS1";
/// Where the guest reads its [`GuestConfig`].
pub const CONFIG_PATH: &str = "/etc/vm.json";
/// Folder in the guest whose files the host collects.
pub const OUT_DIR: &str = "/out";
/// Folder in the guest for the user's files; first on the PATH and the working directory of commands.
pub const DATA_DIR: &str = "/data";
/// The guest's socket for `vmctl`'s own sub-commands.
pub const CONTROL_SOCKET: &str = "/run/vmctl.sock";
/// Longest header or payload accepted, bytes; a bound against a corrupt length.
const FRAME_LIMIT: u32 = 64 << 20;

/// A size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
}

/// One kernel module to load, in dependency order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Where the uncompressed `.ko` lies in the guest.
    pub path: String,
    /// Its parameters, as on insmod's command line.
    pub parameters: String,
}

/// The service to start before the guest says it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceConfig {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Who it runs as.
    pub identity: Identity,
    /// The name whose registration with the service manager ends the wait.
    pub instance: String,
    /// Longest wait for that, milliseconds.
    pub limit_ms: u64,
}

/// How the guest enforces SELinux.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelinuxConfig {
    /// The compiled policy, a file of the guest.
    pub policy: String,
    /// Its `file_contexts`.
    pub labels: String,
    /// The context of the agent, which starts everything else.
    pub domain: String,
}

/// Everything the guest must do before it is ready; lies at [`CONFIG_PATH`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestConfig {
    /// Modules to load, in order.
    pub modules: Vec<Module>,
    /// What ueventd would do: `(path, mode, uid, gid)`; a path that is absent is passed over.
    pub nodes: Vec<(String, u32, u32, u32)>,
    /// Second names of device nodes, `(name, node)`: for what this kernel has under another name.
    pub twins: Vec<(String, String)>,
    /// Present when SELinux is to be enforced; without, the kernel has no policy and refuses nothing.
    pub selinux: Option<SelinuxConfig>,
    /// Program and arguments of the service manager, when there is one.
    pub hub: Option<Vec<String>>,
    /// The service, when it is to run.
    pub service: Option<ServiceConfig>,
}

/// What this kernel turned out to have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestFacts {
    /// `uname -r`.
    pub release: String,
    /// `uname -m`.
    pub machine: String,
    /// The kernel's page size, bytes.
    pub page_bytes: usize,
    /// Whether `/dev/binder` is there.
    pub binder: bool,
    /// Names under `/dev/dma_heap`.
    pub heaps: Vec<String>,
    /// Why SELinux is not enforced, where it was to be.
    pub selinux_problem: Option<String>,
    /// What did not work but need not stop the run, for people.
    pub warnings: Vec<String>,
}

impl GuestFacts {
    /// The kernel in words: release, processor, page size.
    pub fn kernel(&self) -> String {
        format!("{} ({}, pages of {} KiB)", self.release, self.machine, self.page_bytes >> 10)
    }
}

/// A command for the guest to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The host's number for it; its output and exit carry it.
    pub id: u32,
    /// Program and arguments; the program is looked for on the guest's PATH.
    pub argv: Vec<String>,
    /// Further environment.
    pub env: Vec<(String, String)>,
    /// Who it runs as.
    pub identity: Identity,
    /// Longest run, milliseconds.
    pub limit_ms: Option<u64>,
    /// Present when it gets a terminal; else stdin is empty.
    pub terminal: Option<TerminalSize>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It ran longer than it was allowed and was killed.
    TimedOut,
    /// It could not be started; why.
    NotStarted(String),
}

impl Status {
    /// Whether it is exit code 0.
    pub fn success(&self) -> bool {
        *self == Self::Exited(0)
    }

    /// The shell's convention: the code itself, 128 + signal, 124 for a time limit, 127 for not started.
    pub fn code(&self) -> i32 {
        match self {
            Self::Exited(code) => *code,
            Self::Signalled(signal) => signal.saturating_add(128),
            Self::TimedOut => 124,
            Self::NotStarted(_) => 127,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signalled(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut => write!(f, "killed at its time limit"),
            Self::NotStarted(why) => write!(f, "not started: {why}"),
        }
    }
}

/// Which of a command's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a command in the guest may ask of the guest's agent, through `vmctl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Write what the screen shows to NAME.png in the host's out folder; answered when the host has done it.
    Screendump {
        /// File name without folder and extension.
        name: String,
    },
    /// Start the service; answered when it is registered.
    ServiceStart,
    /// Stop the service with SIGTERM; answered when it is gone.
    ServiceStop,
    /// Kill the service with SIGKILL; answered when it is gone, and no loss of the service.
    ServiceKill,
    /// Its process id, or an error when it does not run.
    ServicePid,
}

/// Host to guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToGuest {
    /// Run a command.
    Run(Run),
    /// The payload goes to the command's terminal.
    Input {
        /// The command.
        id: u32,
    },
    /// The terminal's size changed.
    Resize {
        /// The command.
        id: u32,
        /// The new size.
        size: TerminalSize,
    },
    /// Send every file under this folder.
    Fetch {
        /// A folder in the guest.
        path: String,
    },
    /// The answer to [`ToHost::Call`].
    Answer {
        /// The call's number.
        call: u32,
        /// What is to be printed on failure.
        result: Result<(), String>,
    },
    /// Sync and power off.
    PowerOff,
}

/// Guest to host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToHost {
    /// The agent lives; modules and services come next.
    Hello,
    /// Modules are loaded and nodes set up: the work begins here.
    Prepared {
        /// What the kernel has.
        facts: GuestFacts,
    },
    /// Commands are accepted from here on.
    Ready {
        /// The service manager and the service: up, or why not. `None` when none was asked for or binder is missing.
        service: Option<Result<(), String>>,
    },
    /// The payload is output of a command.
    Output {
        /// The command.
        id: u32,
        /// Which output.
        stream: Stream,
    },
    /// A command ended. Output follows only from a process it left behind.
    Exit {
        /// The command.
        id: u32,
        /// How.
        status: Status,
    },
    /// A command asks for [`Control::Screendump`].
    Call {
        /// A number for the answer.
        call: u32,
        /// File name without folder and extension.
        screendump: String,
    },
    /// The payload is the next part of a fetched file.
    File {
        /// Path relative to the fetched folder.
        path: String,
    },
    /// The end of a fetch.
    Fetched {
        /// What could not be read.
        error: Option<String>,
    },
    /// The service or the service manager ended without being asked to.
    Lost {
        /// Which, and how it ended.
        what: String,
    },
    /// The payload is output of the service or the service manager.
    ServiceLog,
}

/// Writes one frame, in one `write_all`.
///
/// # Errors
/// What the writer says; `InvalidData` for a frame longer than 64 MiB.
pub fn write_frame(writer: &mut impl Write, header: &impl Serialize, payload: &[u8]) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    let mut frame = Vec::with_capacity(header.len().saturating_add(payload.len()).saturating_add(8));
    frame.extend_from_slice(&length(header.len())?.to_le_bytes());
    frame.extend_from_slice(&length(payload.len())?.to_le_bytes());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(payload);
    writer.write_all(&frame)?;
    writer.flush()
}

/// Reads one frame.
///
/// # Errors
/// What the reader says (`UnexpectedEof` when the other side is gone); `InvalidData` for a length beyond 64 MiB or a
/// header that does not parse.
pub fn read_frame<T: DeserializeOwned>(reader: &mut impl Read) -> io::Result<(T, Vec<u8>)> {
    let header = read_length(reader)?;
    let payload = read_length(reader)?;
    let header = read_bytes(reader, header)?;
    let payload = read_bytes(reader, payload)?;
    Ok((serde_json::from_slice(&header)?, payload))
}

fn length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes)
        .ok()
        .filter(|len| *len <= FRAME_LIMIT)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "frame longer than 64 MiB"))
}

fn read_length(reader: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    let len = u32::from_le_bytes(bytes);
    if len > FRAME_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("frame length {len} is not believable")));
    }
    Ok(len)
}

fn read_bytes(reader: &mut impl Read, len: u32) -> io::Result<Vec<u8>> {
    let len = usize::try_from(len).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_written_reads_back_with_its_payload() {
        let mut wire = Vec::new();
        let first = ToHost::Output { id: 7, stream: Stream::Stderr };
        write_frame(&mut wire, &first, b"\0bytes\xff").unwrap();
        write_frame(&mut wire, &ToHost::Hello, b"").unwrap();
        let mut reader = wire.as_slice();
        assert_eq!(read_frame::<ToHost>(&mut reader).unwrap(), (first, b"\0bytes\xff".to_vec()));
        assert_eq!(read_frame::<ToHost>(&mut reader).unwrap(), (ToHost::Hello, Vec::new()));
        assert_eq!(read_frame::<ToHost>(&mut reader).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn length_beyond_the_limit_is_refused_before_memory_is_taken() {
        let wire = u32::MAX.to_le_bytes();
        let error = read_frame::<ToHost>(&mut wire.as_slice()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn status_code_follows_the_shell() {
        assert_eq!(Status::Exited(3).code(), 3);
        assert_eq!(Status::Signalled(9).code(), 137);
        assert_eq!(Status::TimedOut.code(), 124);
        assert_eq!(Status::NotStarted(String::new()).code(), 127);
    }
}
