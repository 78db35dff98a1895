//! The unix socket under [`crate::wire`]: whole packets, with fds by SCM_RIGHTS.
//!
//! Every fd that arrives is owned at once, close-on-exec, so that no refused packet leaves one behind.

use crate::wire::{Message, WireError, MAX_FDS, MAX_MESSAGE};
use nix::cmsg_space;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{
    accept4, bind, connect, getsockopt, listen, recvmsg, sendmsg, socket, sockopt, AddressFamily, Backlog,
    ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why nothing sensible came or went.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel's word on some call.
    #[error("{what}: {cause}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The kernel's word.
        cause: nix::Error,
    },
    /// Nobody listens.
    #[error("{}: nobody listens there ({cause}). Is the display running?", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The kernel's word.
        cause: nix::Error,
    },
    /// The socket cannot be made.
    #[error("{}: {cause}", path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// The kernel's word.
        cause: std::io::Error,
    },
    /// The other side has gone.
    #[error("the other side closed the connection")]
    Closed,
    /// Nothing came in time.
    #[error("no answer within {0} ms")]
    Timeout(u16),
    /// More fds than any message has, or a packet longer than any message.
    #[error("a packet with more bytes or fds than any message has")]
    Oversized,
    /// No message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A handle whose fds are not those that came.
    #[error("the message speaks of {said} fds, {came} came")]
    FdCount {
        /// By the message.
        said: usize,
        /// By the packet.
        came: usize,
    },
}

fn system(what: &'static str) -> impl Fn(nix::Error) -> Error {
    move |cause| Error::System { what, cause }
}

/// A listening socket; its file goes with it.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    path: PathBuf,
}

impl Listener {
    /// Listens at a path, which anybody may connect to (the camera is another user); an older socket there is replaced.
    ///
    /// # Errors
    /// [`Error::Listen`] or [`Error::System`].
    pub fn bind(path: &Path) -> Result<Listener, Error> {
        let failed = |cause| Error::Listen { path: path.to_owned(), cause };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let fd = packet_socket()?;
        let address = UnixAddr::new(path).map_err(system("socket address"))?;
        bind(fd.as_raw_fd(), &address).map_err(|errno| failed(errno.into()))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).map_err(failed)?;
        listen(&fd, Backlog::new(4).map_err(system("listen"))?).map_err(system("listen"))?;
        Ok(Listener { fd, path: path.to_owned() })
    }

    /// Takes the next caller.
    ///
    /// # Errors
    /// The kernel's.
    pub fn accept(&self) -> Result<Connection, Error> {
        let raw = accept4(self.fd.as_raw_fd(), SockFlag::SOCK_CLOEXEC).map_err(system("accept"))?;
        Ok(Connection { fd: owned(raw) })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A file left over is replaced by the next bind.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A connected socket.
#[derive(Debug)]
pub struct Connection {
    fd: OwnedFd,
}

impl Connection {
    /// Connects, trying again for `patience` while nobody listens yet.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub fn open(path: &Path, patience: Duration) -> Result<Connection, Error> {
        let address = UnixAddr::new(path).map_err(system("socket address"))?;
        let deadline = Instant::now() + patience;
        loop {
            let fd = packet_socket()?;
            match connect(fd.as_raw_fd(), &address) {
                Ok(()) => return Ok(Connection { fd }),
                Err(nix::Error::ENOENT | nix::Error::ECONNREFUSED) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(cause) => return Err(Error::Connect { path: path.to_owned(), cause }),
            }
        }
    }

    /// Two connected ends.
    ///
    /// # Errors
    /// The kernel's.
    pub fn pair() -> Result<(Connection, Connection), Error> {
        let (a, b) =
            nix::sys::socket::socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
                .map_err(system("socketpair"))?;
        Ok((Connection { fd: a }, Connection { fd: b }))
    }

    /// User and process of the other side when it connected.
    ///
    /// # Errors
    /// The kernel's.
    pub fn peer(&self) -> Result<(u32, i32), Error> {
        let credentials = getsockopt(&self.fd, sockopt::PeerCredentials).map_err(system("SO_PEERCRED"))?;
        Ok((credentials.uid(), credentials.pid()))
    }

    /// Sends a message and the fds that belong to it.
    ///
    /// # Errors
    /// [`Error::Closed`] or the kernel's.
    pub fn send(&self, message: &Message, fds: &[BorrowedFd<'_>]) -> Result<(), Error> {
        let bytes = message.encode();
        let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let control = if raw.is_empty() { &[][..] } else { &rights[..] };
        match sendmsg::<()>(self.fd.as_raw_fd(), &[IoSlice::new(&bytes)], control, MsgFlags::MSG_NOSIGNAL, None) {
            Ok(_) => Ok(()),
            Err(nix::Error::EPIPE | nix::Error::ECONNRESET) => Err(Error::Closed),
            Err(cause) => Err(Error::System { what: "sendmsg", cause }),
        }
    }

    /// Takes the next message and the fds that came with it, waiting for it as long as it takes.
    ///
    /// # Errors
    /// Any; every fd that came with a refused packet is closed.
    pub fn receive(&self) -> Result<(Message, Vec<OwnedFd>), Error> {
        let mut bytes = vec![0; MAX_MESSAGE];
        let mut control = cmsg_space!([RawFd; MAX_FDS]);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let got = loop {
            match recvmsg::<()>(self.fd.as_raw_fd(), &mut parts, Some(&mut control), flags) {
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::ECONNRESET) => return Err(Error::Closed),
                other => break other.map_err(system("recvmsg"))?,
            }
        };
        // The kernel has put the fds into our table: own them before anything can fail.
        let mut fds = Vec::new();
        for message in got.cmsgs() {
            if let ControlMessageOwned::ScmRights(raw) = message {
                fds.extend(raw.into_iter().map(owned));
            }
        }
        let (length, flags) = (got.bytes, got.flags);
        if length == 0 {
            return Err(Error::Closed);
        }
        if flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC) {
            return Err(Error::Oversized);
        }
        let message = Message::decode(bytes.get(..length).unwrap_or_default())?;
        let said = match &message {
            Message::Buffer { fds, .. } => usize::try_from(*fds).unwrap_or(usize::MAX),
            _ => 0,
        };
        if said != fds.len() {
            return Err(Error::FdCount { said, came: fds.len() });
        }
        Ok((message, fds))
    }

    /// As [`Connection::receive`], but gives up after a time.
    ///
    /// # Errors
    /// [`Error::Timeout`] and those of `receive`.
    pub fn receive_within(&self, timeout_ms: u16) -> Result<(Message, Vec<OwnedFd>), Error> {
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(timeout_ms)) {
            Ok(0) | Err(nix::Error::EINTR) => Err(Error::Timeout(timeout_ms)),
            Ok(_) => self.receive(),
            Err(cause) => Err(Error::System { what: "poll", cause }),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn packet_socket() -> Result<OwnedFd, Error> {
    socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).map_err(system("socket"))
}

fn owned(raw: RawFd) -> OwnedFd {
    // SAFETY: only called with an fd that accept4 or recvmsg has just made for this process; nobody else has it.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn pipe() -> (OwnedFd, OwnedFd) {
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap()
    }

    /// True when nobody holds the other end any more: every copy of a passed fd has been closed.
    fn is_hung_up(read_end: &OwnedFd) -> bool {
        let mut fds = [PollFd::new(read_end.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).unwrap();
        fds[0].revents().unwrap().contains(PollFlags::POLLHUP)
    }

    fn buffer(fds: u32) -> Message {
        Message::Buffer { slot: 1, dataspace: 0, fds, ints: vec![7; 20] }
    }

    #[test]
    fn message_with_fds_arrives_with_them() {
        let (ours, theirs) = Connection::pair().unwrap();
        let (read_end, write_end) = pipe();
        ours.send(&buffer(2), &[write_end.as_fd(), read_end.as_fd()]).unwrap();
        let (message, fds) = theirs.receive().unwrap();
        assert_eq!(message, buffer(2));
        assert_eq!(fds.len(), 2);
        nix::unistd::write(&fds[0], b"x").unwrap();
        let mut byte = [0];
        nix::unistd::read(read_end.as_raw_fd(), &mut byte).unwrap();
        assert_eq!(&byte, b"x");
        drop(write_end);
        assert!(!is_hung_up(&read_end));
        drop(fds);
        assert!(is_hung_up(&read_end));
    }

    #[test]
    fn receive_of_refused_packets_closes_their_fds() {
        let (ours, theirs) = Connection::pair().unwrap();
        for (message, count) in [(buffer(2), 1), (buffer(0), 1), (Message::Finish, 1), (buffer(8), MAX_FDS + 1)] {
            let (read_end, write_end) = pipe();
            ours.send(&message, &vec![write_end.as_fd(); count]).unwrap();
            let error = theirs.receive().unwrap_err();
            assert!(matches!(error, Error::FdCount { .. } | Error::Oversized), "{message:?}: {error}");
            drop(write_end);
            assert!(is_hung_up(&read_end), "{message:?}");
        }
    }

    #[test]
    fn receive_of_rubbish_or_too_much_is_refused_and_the_next_message_arrives() {
        let (ours, theirs) = Connection::pair().unwrap();
        nix::unistd::write(&ours.fd, b"rubbish").unwrap();
        assert!(matches!(theirs.receive(), Err(Error::Wire(_))));
        nix::unistd::write(&ours.fd, &vec![0; MAX_MESSAGE + 1]).unwrap();
        assert!(matches!(theirs.receive(), Err(Error::Oversized)));
        ours.send(&Message::Finish, &[]).unwrap();
        assert_eq!(theirs.receive().unwrap().0, Message::Finish);
    }

    #[test]
    fn receive_after_the_other_side_left_says_so() {
        let (ours, theirs) = Connection::pair().unwrap();
        drop(ours);
        assert!(matches!(theirs.receive(), Err(Error::Closed)));
        assert!(matches!(theirs.send(&Message::Finish, &[]), Err(Error::Closed)));
    }

    #[test]
    fn receive_within_gives_up() {
        let (_ours, theirs) = Connection::pair().unwrap();
        assert!(matches!(theirs.receive_within(1), Err(Error::Timeout(1))));
    }

    #[test]
    fn open_waits_for_a_listener_and_gives_up_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("display.sock");
        let error = Connection::open(&path, Duration::from_millis(30)).unwrap_err();
        assert!(error.to_string().contains("Is the display running?"), "{error}");
        let listener = Listener::bind(&path).unwrap();
        let ours = Connection::open(&path, Duration::ZERO).unwrap();
        let theirs = listener.accept().unwrap();
        assert_eq!(theirs.peer().unwrap(), (nix::unistd::getuid().as_raw(), nix::unistd::getpid().as_raw()));
        ours.send(&Message::Finish, &[]).unwrap();
        assert_eq!(theirs.receive().unwrap().0, Message::Finish);
        drop(listener);
        assert!(!path.exists());
    }
}
