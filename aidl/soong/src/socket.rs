//! The socket transport, which an Android device has no use for: `bind` always fails.

use crate::{IAllocator, ServeError, Strong};
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

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

/// A bound socket. There is none: `bind` always fails.
#[derive(Debug)]
pub struct SocketServer(Infallible);

impl SocketServer {
    /// Binds nothing.
    ///
    /// # Errors
    /// `NoSocketHere`, always.
    pub fn bind(_path: &Path, _options: SocketOptions) -> Result<SocketServer, ServeError> {
        Err(ServeError::NoSocketHere)
    }

    /// Serves.
    ///
    /// # Errors
    /// Never called: there is no socket.
    pub fn serve(&self, _service: &Strong<dyn IAllocator>) -> Result<Infallible, ServeError> {
        match self.0 {}
    }
}
