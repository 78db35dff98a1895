//! Connects to the socket within a deadline, and opens a session.

use crate::error::ClientError;
use allocator_aidl::{IAllocator, Strong};
use nix::errno::Errno;
use nix::sys::socket::{connect, socket, AddressFamily, SockFlag, SockType, UnixAddr};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two tries at a service whose queue is full.
const QUEUE_POLL: Duration = Duration::from_millis(10);

/// The allocator behind the socket at `path`. `connect_wait` is for connecting, `reply_wait` for the handshake and for each
/// reply afterwards.
pub(crate) fn allocator(
    path: &Path,
    connect_wait: Duration,
    reply_wait: Duration,
) -> Result<Strong<dyn IAllocator>, ClientError> {
    let stream =
        connect_within(path, connect_wait).map_err(|source| ClientError::Socket { path: path.to_owned(), source })?;
    allocator_aidl::allocator_behind(stream, reply_wait)
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
    let stream = UnixStream::from(fd);
    stream.set_nonblocking(false)?;
    Ok(stream)
}
