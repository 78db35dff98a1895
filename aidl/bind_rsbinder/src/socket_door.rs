//! The front door without a kernel driver: libbinder RPC over a unix socket.
//!
//! One connection is one session and one thread; its calls run one after the other. The wire is that of Android 16
//! (older peers are met at their version), files travel as `SCM_RIGHTS`, at most 64 a message. `SO_PEERCRED` says who
//! connected, so the socket's mode and the caller's uid are what access rests on.

use crate::socket_root::SocketRoot;
use crate::{IAllocator, ServeError, Strong};
use rsbinder::rpc::transport::UnixTransport;
use rsbinder::rpc::{PeerIdentity, RpcSession, RpcTransport};
use rsbinder::SIBinder;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The newest RPC wire: 2 is Android 16's.
const WIRE_VERSION: u32 = 2;
/// Pause before accepting again when the process is out of descriptors or threads.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);
/// Two services that start at once hold the directory's lock for a moment each; longer than this nobody waits.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Bytes of a socket address's path, its terminator not counted (`sun_path` of `man 7 unix`).
const PATH_MAX: usize = 107;

/// Who may come in, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Permission bits of the socket file; connecting takes the write bit.
    pub mode: u32,
    /// Most connections at once; each costs a thread. More are closed as they come.
    pub connections: usize,
    /// Most connections of one uid.
    pub connections_per_uid: usize,
    /// How long a client may take for each step of the handshake, before it loses its connection.
    pub handshake: Duration,
}

impl Default for SocketOptions {
    /// Owner and group, 64 connections, 32 of a uid, ten seconds.
    fn default() -> SocketOptions {
        SocketOptions { mode: 0o660, connections: 64, connections_per_uid: 32, handshake: Duration::from_secs(10) }
    }
}

/// A bound socket. Dropping it removes the file, unless another one has taken its place.
#[derive(Debug)]
pub struct SocketDoor {
    listener: UnixListener,
    path: PathBuf,
    file: (u64, u64),
    options: SocketOptions,
}

impl SocketDoor {
    /// Binds the socket and listens; clients can connect from now on, and wait until [`SocketDoor::serve`] runs.
    ///
    /// The file appears complete, with its permissions, in the place of one that a dead service left. A live service's
    /// socket and a file of another kind are left alone. Two services that start at once cannot both win.
    ///
    /// # Errors
    /// `InUse`, `NotASocket`, `PathTooLong`, or what the system says, with the path.
    pub fn bind(path: &Path, options: SocketOptions) -> Result<SocketDoor, ServeError> {
        let fail = |doing| move |source| ServeError::Socket { path: path.to_owned(), doing, source };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let nest = directory.join(format!(".{}", std::process::id()));
        let fresh = nest.join("s");
        if path.as_os_str().len().max(fresh.as_os_str().len()) > PATH_MAX {
            return Err(ServeError::PathTooLong(path.to_owned()));
        }
        // Held while we look and replace, so that two services never both find the place free.
        let guard = File::open(directory).map_err(fail("open the directory"))?;
        lock(&guard).map_err(fail("lock the directory"))?;
        make_room(path)?;

        // Born in a directory that nobody else can enter, so that there is no moment with the wrong permissions.
        remove_nest(&nest, &fresh);
        DirBuilder::new().mode(0o700).create(&nest).map_err(fail("create a directory beside it"))?;
        let bound = UnixListener::bind(&fresh).map_err(fail("bind")).and_then(|listener| {
            fs::set_permissions(&fresh, Permissions::from_mode(options.mode)).map_err(fail("set permissions"))?;
            let file = fs::symlink_metadata(&fresh).map_err(fail("look at it"))?;
            fs::rename(&fresh, path).map_err(fail("move into place"))?;
            Ok(SocketDoor { listener, path: path.to_owned(), file: (file.dev(), file.ino()), options })
        });
        remove_nest(&nest, &fresh);
        bound
    }

    /// The socket's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves every client that connects. Blocks.
    ///
    /// # Errors
    /// Comes back only when the service is a remote one or the socket is broken.
    pub fn serve(&self, service: &Strong<dyn IAllocator>) -> Result<Infallible, ServeError> {
        let root = SocketRoot::wrap(&service.as_binder()).map_err(ServeError::NotLocal)?;
        let guests = Guests::new(self.options);
        log::info!("serving on {}", self.path.display());
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => admit(stream, &root, &guests),
                Err(error) if is_passing(&error) => {
                    log::warn!("{}: accept: {error}", self.path.display());
                    thread::sleep(EXHAUSTED_PAUSE);
                }
                Err(source) => return Err(ServeError::Socket { path: self.path.clone(), doing: "accept", source }),
            }
        }
    }
}

impl Drop for SocketDoor {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.file);
        if ours {
            // The file is of no use to anybody now; one that stays is found stale by the next service.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Sees to it that nothing at the path is of value. Leaves a dead socket to be replaced.
fn make_room(path: &Path) -> Result<(), ServeError> {
    let fail = |doing, source| ServeError::Socket { path: path.to_owned(), doing, source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail("look at it", error)),
        Ok(file) if !file.file_type().is_socket() => return Err(ServeError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(ServeError::InUse(path.to_owned())),
        // Nobody listens: left behind.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(fail("ask whether somebody serves here", error)),
    }
}

/// Takes the lock, but waits for no stranger who keeps it.
fn lock(directory: &File) -> io::Result<()> {
    for _ in 0..LOCK_TRIES {
        match directory.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another process keeps it locked"))
}

fn remove_nest(nest: &Path, fresh: &Path) {
    // Both are usually not there; what stays shows up as the error of the step that needs the place.
    let _ = fs::remove_file(fresh);
    let _ = fs::remove_dir(nest);
}

/// True for what `accept` reports about one connection, or about now (`man 2 accept`).
fn is_passing(error: &io::Error) -> bool {
    /// ENOMEM, ENFILE, EMFILE (`asm-generic/errno-base.h`) and ENOBUFS (`asm-generic/errno.h`).
    const SHORTAGES: [i32; 4] = [12, 23, 24, 105];
    let kind = error.kind();
    matches!(kind, io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted)
        || error.raw_os_error().is_some_and(|errno| SHORTAGES.contains(&errno))
}

/// Counts the connections, in all and by uid.
struct Guests {
    options: SocketOptions,
    by_uid: Mutex<HashMap<u32, usize>>,
}

/// A counted connection.
struct Seat {
    guests: Arc<Guests>,
    uid: u32,
}

impl Guests {
    fn new(options: SocketOptions) -> Arc<Guests> {
        Arc::new(Guests { options, by_uid: Mutex::new(HashMap::new()) })
    }

    fn seat(self: &Arc<Guests>, uid: u32) -> Option<Seat> {
        let mut by_uid = self.by_uid.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = by_uid.values().sum();
        let own = by_uid.get(&uid).copied().unwrap_or(0);
        if all >= self.options.connections || own >= self.options.connections_per_uid {
            return None;
        }
        by_uid.insert(uid, own.saturating_add(1));
        Some(Seat { guests: Arc::clone(self), uid })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut by_uid = self.guests.by_uid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_uid.get_mut(&self.uid) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_uid.remove(&self.uid);
            }
        }
    }
}

/// Gives a connection a thread, or closes it.
fn admit(stream: UnixStream, root: &SIBinder, guests: &Arc<Guests>) {
    let deadlines = match stream.try_clone() {
        Ok(deadlines) => deadlines,
        Err(error) => return log::warn!("a client is turned away: {error}"),
    };
    let transport = match UnixTransport::from_stream(stream) {
        Ok(transport) => transport,
        Err(error) => return log::warn!("a client is turned away: {error:?}"),
    };
    let PeerIdentity::Local { uid, pid } = transport.peer_identity() else {
        return log::warn!("a client that the kernel does not name is turned away");
    };
    let Some(seat) = guests.seat(uid) else {
        return log::warn!("uid {uid} pid {pid} is turned away: too many connections");
    };
    let (root, handshake) = (root.clone(), guests.options.handshake);
    let spawned = thread::Builder::new().name(format!("client-{pid}")).spawn(move || {
        let _seat = seat;
        serve_client(transport, deadlines, handshake, root).unwrap_or_else(|status| {
            log::debug!("uid {uid} pid {pid}: no session: {status}");
        });
    });
    if let Err(error) = spawned {
        log::warn!("uid {uid} pid {pid} is turned away: no thread: {error}");
    }
}

/// Speaks with one client until it leaves.
fn serve_client(
    transport: UnixTransport,
    deadlines: UnixStream,
    handshake: Duration,
    root: SIBinder,
) -> rsbinder::Result<()> {
    deadlines.set_read_timeout(Some(handshake))?;
    deadlines.set_write_timeout(Some(handshake))?;
    let session = RpcSession::accept_android13plus_fd(Box::new(transport), WIRE_VERSION, true)?;
    // A client may be silent as long as it likes, and slow to read only at its own cost.
    deadlines.set_read_timeout(None)?;
    deadlines.set_write_timeout(None)?;
    drop(deadlines);
    session.set_root(root)?;
    session.serve_blocking().into_result()
}
