//! Connects to the socket within a deadline, and opens a session.

use crate::error::ClientError;
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::sys::socket::{connect, socket, AddressFamily, SockFlag, SockType, UnixAddr};
use rsbinder::rpc::transport::UnixTransport;
use rsbinder::rpc::{FileDescriptorTransportMode, RpcClientConfig, RpcSession, RpcTransport};
use rsbinder::{SIBinder, StatusCode};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The newest RPC wire: 2 is Android 16's.
const WIRE_VERSION: u32 = 2;
/// Between two tries at a service whose queue is full.
const QUEUE_POLL: Duration = Duration::from_millis(10);

/// What is behind the socket at `path`. `connect_wait` is for connecting, `reply_wait` for the handshake and for each
/// reply afterwards.
pub(crate) fn root_of(path: &Path, connect_wait: Duration, reply_wait: Duration) -> Result<SIBinder, ClientError> {
    let failed = |source: io::Error| ClientError::Socket { path: path.to_owned(), source };
    let stream = connect_within(path, connect_wait).map_err(failed)?;
    let mut once = Some(stream);
    let give = move || -> rsbinder::Result<Box<dyn RpcTransport>> {
        let stream = once.take().ok_or(StatusCode::BadValue)?;
        let transport = UnixTransport::from_stream(stream).map_err(|_| StatusCode::BadValue)?;
        Ok(Box::new(transport))
    };
    let config =
        RpcClientConfig::new(WIRE_VERSION, give).fd_mode(FileDescriptorTransportMode::Unix).timeout(reply_wait);
    RpcSession::setup_client_android13plus_with_config(config)
        .and_then(|session| session.get_root())
        .map_err(|status| ClientError::Handshake { path: path.to_owned(), status })
}

/// A plain `connect` waits without end while the listener's queue is full; a non-blocking one says so at once.
fn connect_within(path: &Path, wait: Duration) -> io::Result<UnixStream> {
    let address = UnixAddr::new(path)?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let start = Instant::now();
    loop {
        match connect(fd.as_raw_fd(), &address) {
            Ok(()) => break,
            Err(Errno::EAGAIN | Errno::EINTR) if start.elapsed() < wait => std::thread::sleep(QUEUE_POLL),
            Err(Errno::EAGAIN | Errno::EINTR) => return Err(io::ErrorKind::TimedOut.into()),
            Err(errno) => return Err(errno.into()),
        }
    }
    let flags = OFlag::from_bits_retain(fcntl(fd.as_raw_fd(), FcntlArg::F_GETFL)?);
    fcntl(fd.as_raw_fd(), FcntlArg::F_SETFL(flags & !OFlag::O_NONBLOCK))?;
    Ok(UnixStream::from(fd))
}
