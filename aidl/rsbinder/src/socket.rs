//! The transport without a kernel driver: libbinder RPC over a unix socket.
//!
//! One connection is one session and one thread; its calls run one after the other. The wire is that of Android 16
//! (older peers are met at their version), files travel as `SCM_RIGHTS`, at most 64 a message. `SO_PEERCRED` says who
//! connected, so the socket's mode and the caller's uid are what access rests on.
//!
//! rsbinder's [`RpcServer`] accepts, hands out threads, holds the handshake to its deadline and serves. Three things it
//! cannot do, and they are here:
//! - bind a socket with the right mode from its first moment, and only where no other service starts at the same time:
//!   [`SocketServer::bind`] binds in a staging directory and moves the file;
//! - limit connections by uid, and refuse those beyond a limit (its own lets them wait): [`Limiter`]. Its authorizer says
//!   when a connection begins, and nothing says when it ends; but it runs on the connection's own thread, so the permit
//!   is a value of that thread and is given back when the thread ends;
//! - a dump from a client of rsbinder: see [`root`].
//!
//! It looks for new connections every 5 ms.

mod limiter;
mod root;

use crate::{IAllocator, ServeError, Strong};
use limiter::Limiter;
use nix::errno::Errno;
use nix::sys::socket::{connect, socket, AddressFamily, SockFlag, SockType, UnixAddr};
use rsbinder::rpc::{FileDescriptorTransportMode, RpcServer};
use std::convert::Infallible;
use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The newest RPC wire: 2 is Android 16's.
const WIRE_VERSION: u32 = 2;
/// Two services that start at once hold the directory's lock for a moment each; longer than this nobody waits.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Bytes of a socket address's path, its terminator not counted (`sun_path` of `man 7 unix`).
const PATH_MAX: usize = 107;

/// Who may connect, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Permission bits of the socket file; connecting takes the write bit.
    pub mode: u32,
    /// Most connections at once; each costs a thread. More are closed as they come.
    pub connections: usize,
    /// Most connections of one uid.
    pub connections_per_uid: usize,
    /// How long a client may take for the handshake, before it loses its connection.
    pub handshake: Duration,
}

impl Default for SocketOptions {
    /// Owner and group, 64 connections, 32 of a uid, ten seconds.
    fn default() -> SocketOptions {
        SocketOptions { mode: 0o660, connections: 64, connections_per_uid: 32, handshake: Duration::from_secs(10) }
    }
}

/// A bound socket. Dropping it removes the file, unless another one has taken its place.
pub struct SocketServer {
    server: Arc<RpcServer>,
    path: PathBuf,
    file: (u64, u64),
}

impl SocketServer {
    /// Binds the socket and listens; clients can connect from now on, and wait until [`SocketServer::serve`] runs.
    ///
    /// The file appears complete, with its permissions, in the place of one that a dead service left. A live service's
    /// socket and a file of another kind are left alone. Two services that start at once cannot both win.
    ///
    /// # Errors
    /// `InUse`, `NotASocket`, `PathTooLong`, or what the system says, with the path.
    pub fn bind(path: &Path, options: SocketOptions) -> Result<SocketServer, ServeError> {
        let fail = |doing| move |source| ServeError::Socket { path: path.to_owned(), doing, source };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let staging = directory.join(format!(".{}", std::process::id()));
        let fresh = staging.join("s");
        if path.as_os_str().len().max(fresh.as_os_str().len()) > PATH_MAX {
            return Err(ServeError::PathTooLong(path.to_owned()));
        }
        // Held while we look and replace, so that two services never both find the place free.
        let guard = File::open(directory).map_err(fail("open the directory"))?;
        lock(&guard).map_err(fail("lock the directory"))?;
        make_room(path)?;

        // Born in a directory that nobody else can enter, so that there is no moment with the wrong permissions.
        remove_staging(&staging, &fresh);
        DirBuilder::new().mode(0o700).create(&staging).map_err(fail("create a directory beside it"))?;
        let bind = |status| fail("bind")(io::Error::other(format!("{status}")));
        let bound = RpcServer::setup_unix_server(&fresh).map_err(bind).and_then(|server| {
            fs::set_permissions(&fresh, Permissions::from_mode(options.mode)).map_err(fail("set permissions"))?;
            let file = fs::symlink_metadata(&fresh).map_err(fail("look at it"))?;
            fs::rename(&fresh, path).map_err(fail("move into place"))?;
            configure(&server, options);
            Ok(SocketServer { server, path: path.to_owned(), file: (file.dev(), file.ino()) })
        });
        remove_staging(&staging, &fresh);
        bound
    }

    /// Serves every client that connects. Blocks.
    ///
    /// # Errors
    /// Comes back only when the service is a remote one or the socket is broken.
    pub fn serve(&self, service: &Strong<dyn IAllocator>) -> Result<Infallible, ServeError> {
        let root = root::SocketRoot::wrap(&service.as_binder()).map_err(ServeError::NotLocal)?;
        self.server.set_root(root).map_err(ServeError::NotLocal)?;
        log::info!("serving on {}", self.path.display());
        let ended = self.server.run().err().map_or_else(|| "the server was stopped".to_owned(), |why| why.to_string());
        Err(ServeError::Socket { path: self.path.clone(), doing: "accept", source: io::Error::other(ended) })
    }
}

impl fmt::Debug for SocketServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketServer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.file);
        if ours {
            // The file is of no use to anybody now; one that stays is found stale by the next service.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn configure(server: &RpcServer, options: SocketOptions) {
    server.set_android13plus(WIRE_VERSION);
    server.set_supported_fd_modes(&[FileDescriptorTransportMode::Unix]);
    server.set_handshake_timeout(Some(options.handshake));
    // Beyond the limiter's own: threads whose connection is being refused. More than that wait.
    server.set_max_connections(options.connections.saturating_mul(2));
    let limiter = Limiter::new(options);
    server.set_authorizer(move |peer| limiter.admit(peer));
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
    match is_served(path) {
        Ok(true) => Err(ServeError::InUse(path.to_owned())),
        // Left behind.
        Ok(false) => Ok(()),
        Err(error) => Err(fail("ask whether somebody serves here", error)),
    }
}

/// Whether somebody listens. Never waits: a service that is stopped accepts nobody, and its queue is full after a while.
fn is_served(path: &Path) -> io::Result<bool> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    match connect(socket.as_raw_fd(), &UnixAddr::new(path)?) {
        Ok(()) | Err(Errno::EAGAIN) => Ok(true),
        Err(Errno::ECONNREFUSED) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Takes the lock, but does not wait for ever for a stranger who keeps it.
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

fn remove_staging(staging: &Path, fresh: &Path) {
    // Both are usually not there; what stays shows up as the error of the step that needs the place.
    let _ = fs::remove_file(fresh);
    let _ = fs::remove_dir(staging);
}
