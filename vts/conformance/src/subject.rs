//! Who is under test.

use crate::allocator::{Allocator, Buffer};
use crate::descriptor::Descriptor;
use crate::mapper::{Imported, LoadError, Mapper};
use crate::options::{Options, Vts, MAPPER_VARIABLE};
use gralloc_client::{ClientError, Connection, Transport, TransportError};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where a device keeps the mappers for processes of this width (libui, and the loader of AOSP's servicemanager).
const FOLDER: &str = if cfg!(target_pointer_width = "64") { "/vendor/lib64/hw" } else { "/vendor/lib/hw" };
/// This program as it was started.
const OURSELVES: &str = "/proc/self/exe";
/// How long a restart may take.
const RESTART_LIMIT: Duration = Duration::from_secs(60);
/// Between two polls of a restart.
const POLL: Duration = Duration::from_millis(50);

/// What to test, by name; nothing is loaded yet.
#[derive(Clone, Debug)]
pub struct Target {
    /// The allocator's transport.
    pub transport: Transport,
    /// The mapper's file.
    pub mapper: PathBuf,
    /// The other process's program.
    pub peer: PathBuf,
    /// The file of its mapper.
    pub peer_mapper: PathBuf,
    /// What restarts the allocator.
    pub restart: Option<String>,
    /// The snapshot of the VTS.
    pub vts: Vts,
}

/// Why nothing can be tested.
#[derive(Debug)]
pub enum SubjectError {
    /// The environment names no transport.
    Transport(TransportError),
    /// The allocator cannot be reached.
    Allocator(ClientError),
    /// There is no library where devices keep them.
    NoMapper(String),
    /// The library is none.
    Mapper(LoadError),
}

impl std::error::Error for SubjectError {}

impl fmt::Display for SubjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubjectError::Transport(error) => write!(f, "{error}"),
            SubjectError::Allocator(error) => write!(f, "the allocator: {error}"),
            SubjectError::NoMapper(name) => {
                write!(f, "no {name} in {FOLDER}; name it: --mapper FILE or {MAPPER_VARIABLE}=FILE")
            }
            SubjectError::Mapper(error) => write!(f, "the mapper: {error}"),
        }
    }
}

impl Target {
    /// Finds out what the command line, the environment and the device name.
    ///
    /// # Errors
    /// The allocator cannot be reached, though it has to say which mapper is its own; or there is no such mapper.
    pub fn find(options: &Options) -> Result<Target, SubjectError> {
        let transport = Transport::choose(options.allocator.clone()).map_err(SubjectError::Transport)?;
        let mapper = match options.named_mapper() {
            Some(mapper) => mapper,
            None => mapper_of_device(&Connection::open(&transport).map_err(SubjectError::Allocator)?)?,
        };
        // A bare file name would be looked for among the system's libraries.
        let mapper = mapper.canonicalize().unwrap_or(mapper);
        let peer = options.peer.clone().unwrap_or_else(|| OURSELVES.into());
        let peer_mapper = options.peer_mapper.clone().unwrap_or_else(|| mapper.clone());
        Ok(Target { transport, mapper, peer, peer_mapper, restart: options.restart_command(), vts: options.vts })
    }

    /// Connects and loads.
    ///
    /// # Errors
    /// Either cannot be had.
    pub fn open(&self) -> Result<Subject, SubjectError> {
        let connection = Connection::open(&self.transport).map_err(SubjectError::Allocator)?;
        let mapper = Mapper::load(&self.mapper).map_err(SubjectError::Mapper)?;
        Ok(Subject { target: self.clone(), allocator: Allocator::new(connection), mapper })
    }
}

fn mapper_of_device(connection: &Connection) -> Result<PathBuf, SubjectError> {
    let suffix = connection.mapper_suffix().map_err(SubjectError::Allocator)?;
    let name = format!("mapper.{suffix}.so");
    let path = Path::new(FOLDER).join(&name);
    if path.exists() {
        Ok(path)
    } else {
        Err(SubjectError::NoMapper(name))
    }
}

/// Why a test cannot run here: printed and counted as ignored.
#[derive(Clone, Debug)]
pub struct Skip(pub String);

/// An allocator and a mapper.
pub struct Subject {
    target: Target,
    /// The allocator.
    pub allocator: Allocator,
    /// The mapper.
    pub mapper: Mapper,
}

impl Subject {
    /// The program of another process, and the file of its mapper.
    pub fn peer(&self) -> (&Path, &Path) {
        (&self.target.peer, &self.target.peer_mapper)
    }

    /// The snapshot of the VTS whose demands count.
    pub fn vts(&self) -> Vts {
        self.target.vts
    }

    /// One buffer, allocated and imported.
    pub fn import(&self, descriptor: &Descriptor) -> (Buffer, Imported) {
        let buffer = self.allocator.one(descriptor);
        let imported = buffer.import(self.mapper);
        (buffer, imported)
    }

    /// What VTS calls `allocateGeneric`, imported.
    pub fn generic(&self) -> (Buffer, Imported) {
        self.import(&Descriptor::generic())
    }

    /// Restarts the allocator that `old` is a connection to, and connects to the new one. The old one is dead afterwards.
    ///
    /// # Errors
    /// A reason to skip: nobody said how.
    pub fn restart(&self, old: &Allocator) -> Result<Allocator, Skip> {
        let command = self.target.restart.as_ref();
        let command =
            command.ok_or_else(|| Skip("needs a way to restart the allocator: --restart COMMAND".to_owned()))?;
        let status = Command::new("sh").args(["-c", command]).status().expect("a shell");
        assert!(status.success(), "{command}: {status}");
        let start = Instant::now();
        // The old one first has to be gone: a restart need not wait for that.
        while old.connection().ping().is_ok() {
            assert!(start.elapsed() < RESTART_LIMIT, "{command}: the old allocator still answers");
            std::thread::sleep(POLL);
        }
        loop {
            match Connection::open(&self.target.transport) {
                Ok(connection) if connection.ping().is_ok() => return Ok(Allocator::new(connection)),
                other => {
                    let why = other.err().map_or("it does not answer".to_owned(), |error| error.to_string());
                    assert!(start.elapsed() < RESTART_LIMIT, "{command}: no new allocator: {why}");
                    std::thread::sleep(POLL);
                }
            }
        }
    }
}

/// Runs a test on the one subject of a process that runs all of them. A test before may have restarted the allocator: the
/// connection is made anew then.
pub(crate) fn with_shared<T>(target: &Target, test: impl FnOnce(&Subject) -> T) -> Result<T, SubjectError> {
    static SHARED: Mutex<Option<Subject>> = Mutex::new(None);
    // A test that failed has not changed it.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let subject = match shared.take() {
        Some(subject) if subject.allocator.connection().ping().is_ok() => subject,
        _ => target.open()?,
    };
    Ok(test(shared.insert(subject)))
}
