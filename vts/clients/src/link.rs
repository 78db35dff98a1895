//! The connection between camera and display: a SOCK_SEQPACKET unix socket, one JSON message a packet, and a buffer's fds
//! beside its message, as a native handle travels between Android's processes.
//!
//! Each slot of the camera's ring is owned by one side at a time: the camera gives it away with [`Message::Frame`] and
//! has it back with [`Message::Released`]. There are no fences: the camera sends a frame when the device has finished
//! it (acquire), the display releases it when something else is on the screen (release). Whatever arrives is hostile:
//! a packet's bytes and fds are limited by [`packet`], and its fds are closed with it when it is refused.

use anyhow::{bail, ensure, Context, Result};
use conformance::packet;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{bind, connect, getsockopt, listen, socket, sockopt};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path as FilePath, PathBuf};
use std::time::{Duration, Instant};

/// Why a connection that has ended is an error.
pub const CLOSED: &str = "the other side closed the connection";

/// How a slot's frames reach the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// The display controller reads the camera's buffer itself.
    Scanout,
    /// The display copies and converts into a buffer of its own.
    Composed,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Message {
    /// Display → camera, first: the pixels of the screen.
    Welcome {
        /// Pixels.
        width: u32,
        /// Lines.
        height: u32,
    },
    /// Camera → display: a slot's buffer; its fds are beside the message.
    Buffer {
        /// Number of the slot, from 0.
        slot: u32,
        /// AIDL `Dataspace` of its pixels.
        dataspace: i32,
        /// The handle's ints.
        ints: Vec<i32>,
    },
    /// Display → camera: the buffer was taken.
    Attached {
        /// Number of the slot.
        slot: u32,
        /// How its frames will be shown.
        path: Path,
    },
    /// Camera → display: a finished frame; the slot now belongs to the display.
    Frame {
        /// Number of the slot.
        slot: u32,
        /// The device's frame counter.
        sequence: u32,
    },
    /// Display → camera: the frame is on the screen.
    Presented {
        /// Number of the slot.
        slot: u32,
        /// The frame's counter.
        sequence: u32,
    },
    /// Display → camera: the slot belongs to the camera again.
    Released {
        /// Number of the slot.
        slot: u32,
    },
    /// Camera → display: no more frames; answer when the last one is on the screen.
    Finish,
    /// Display → camera: the last frame is on the screen and stays there.
    Held {
        /// The frame's counter.
        sequence: u32,
    },
    /// Display → camera: this cannot be; the connection ends.
    Refused {
        /// Why, for people.
        reason: String,
    },
}

/// A listening socket; its file goes with it.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens at a path, which anybody may connect to (the camera is another user); an older socket there is replaced.
    ///
    /// # Errors
    /// With the path.
    pub fn bind(path: &FilePath) -> Result<Listener> {
        let bound = || -> Result<UnixListener> {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            let socket = packet_socket()?;
            bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
            listen(&socket, Backlog::new(4)?)?;
            Ok(socket.into())
        };
        Ok(Listener { socket: bound().with_context(|| path.display().to_string())?, path: path.to_owned() })
    }

    /// Takes the next caller.
    ///
    /// # Errors
    /// The kernel's.
    pub fn accept(&self) -> Result<Connection> {
        let (socket, _) = self.socket.accept().context("accept")?;
        Ok(Connection(socket.into()))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
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
pub struct Connection(OwnedFd);

impl Connection {
    /// Connects, trying again for `timeout` while nobody listens yet.
    ///
    /// # Errors
    /// With the path.
    pub fn open(path: &FilePath, timeout: Duration) -> Result<Connection> {
        let address = UnixAddr::new(path).with_context(|| path.display().to_string())?;
        let deadline = Instant::now() + timeout;
        loop {
            let socket = packet_socket()?;
            match connect(socket.as_raw_fd(), &address) {
                Ok(()) => return Ok(Connection(socket)),
                Err(nix::Error::ENOENT | nix::Error::ECONNREFUSED) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(errno) => bail!("{}: nobody listens there ({errno}). Is the display running?", path.display()),
            }
        }
    }

    /// User and process of the other side when it connected.
    ///
    /// # Errors
    /// The kernel's.
    pub fn peer(&self) -> Result<(u32, i32)> {
        let credentials = getsockopt(&self.0, sockopt::PeerCredentials).context("SO_PEERCRED")?;
        Ok((credentials.uid(), credentials.pid()))
    }

    /// Sends a message and the fds that belong to it.
    ///
    /// # Errors
    /// [`CLOSED`], or the kernel's.
    pub fn send(&self, message: &Message, fds: &[BorrowedFd<'_>]) -> Result<()> {
        match packet::send(&self.0, &serde_json::to_string(message)?, fds) {
            Err(nix::Error::EPIPE | nix::Error::ECONNRESET) => bail!(CLOSED),
            other => other.context("sendmsg"),
        }
    }

    /// Waits for the next message and the fds that came with it; `None` when the other side has closed the connection.
    ///
    /// # Errors
    /// Any; every fd that came with a refused packet is closed.
    pub fn receive(&self) -> Result<Option<(Message, Vec<OwnedFd>)>> {
        let Some((text, fds)) = packet::receive(&self.0).context("recvmsg")? else { return Ok(None) };
        let message = serde_json::from_str(&text).context("a packet that is no message")?;
        let may_have_fds = matches!(message, Message::Buffer { .. });
        ensure!(may_have_fds || fds.is_empty(), "{} fds beside a message that has none", fds.len());
        Ok(Some((message, fds)))
    }

    /// As [`Connection::receive`], but gives up after a time, and takes the end for an error.
    ///
    /// # Errors
    /// [`CLOSED`], no message in time, and those of `receive`.
    pub fn receive_within(&self, timeout_ms: u16) -> Result<(Message, Vec<OwnedFd>)> {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        ensure!(poll(&mut fds, PollTimeout::from(timeout_ms))? > 0, "no answer within {timeout_ms} ms");
        self.receive()?.context(CLOSED)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn packet_socket() -> Result<OwnedFd> {
    socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).context("socket")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Connection, Connection) {
        let (ours, theirs) = packet::pair().unwrap();
        (Connection(ours), Connection(theirs))
    }

    fn pipe() -> (OwnedFd, OwnedFd) {
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap()
    }

    /// True when nobody holds the other end any more: every copy of a passed fd has been closed.
    fn is_hung_up(read_end: &OwnedFd) -> bool {
        let mut fds = [PollFd::new(read_end.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).unwrap();
        fds[0].revents().unwrap().contains(PollFlags::POLLHUP)
    }

    #[test]
    fn every_message_arrives_as_it_was_sent() {
        let (ours, theirs) = pair();
        for message in [
            Message::Welcome { width: 1280, height: 720 },
            Message::Buffer { slot: 3, dataspace: -5, ints: vec![1, -2, i32::MAX, i32::MIN] },
            Message::Attached { slot: 31, path: Path::Scanout },
            Message::Frame { slot: 2, sequence: u32::MAX },
            Message::Presented { slot: 2, sequence: 7 },
            Message::Released { slot: 0 },
            Message::Finish,
            Message::Held { sequence: 119 },
            Message::Refused { reason: "zu groß".to_owned() },
        ] {
            ours.send(&message, &[]).unwrap();
            assert_eq!(theirs.receive().unwrap().unwrap().0, message);
        }
    }

    #[test]
    fn fds_arrive_beside_a_buffer_and_are_closed_with_a_refused_packet() {
        let (ours, theirs) = pair();
        let (read_end, write_end) = pipe();
        ours.send(&Message::Buffer { slot: 1, dataspace: 0, ints: vec![] }, &[write_end.as_fd(); 2]).unwrap();
        let (_, fds) = theirs.receive().unwrap().unwrap();
        drop(write_end);
        assert_eq!((fds.len(), is_hung_up(&read_end)), (2, false));
        drop(fds);
        assert!(is_hung_up(&read_end));
        let too_many = packet::MOST_FDS + 1;
        for (text, count) in [("\"finish\"", 1), ("rubbish", 2), ("{}", 1), ("\"finish\"", too_many)] {
            let (read_end, write_end) = pipe();
            packet::send(&ours.0, text, &vec![write_end.as_fd(); count]).unwrap();
            drop(write_end);
            assert!(theirs.receive().is_err(), "{text}");
            assert!(is_hung_up(&read_end), "{text}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused_and_the_next_message_arrives() {
        let (ours, theirs) = pair();
        let too_long = "x".repeat(packet::MOST_BYTES + 1);
        for text in ["rubbish", "\"start\"", "{\"frame\":{\"slot\":-1,\"sequence\":0}}", "\"finish\" ?", &too_long] {
            packet::send(&ours.0, text, &[]).unwrap();
            assert!(theirs.receive().is_err(), "{}", text.len());
        }
        packet::send(&ours.0, "{\"released\":{\"slot\":0,\"more\":1}}", &[]).unwrap();
        assert!(theirs.receive().is_err(), "an unknown field");
        ours.send(&Message::Finish, &[]).unwrap();
        assert_eq!(theirs.receive().unwrap().unwrap().0, Message::Finish);
    }

    #[test]
    fn silence_and_the_other_sides_end_are_told_apart() {
        let (ours, theirs) = pair();
        assert!(theirs.receive_within(1).unwrap_err().to_string().contains("within 1 ms"));
        drop(ours);
        assert!(theirs.receive().unwrap().is_none());
        assert_eq!(theirs.receive_within(1).unwrap_err().to_string(), CLOSED);
        assert_eq!(theirs.send(&Message::Finish, &[]).unwrap_err().to_string(), CLOSED);
    }

    #[test]
    fn open_finds_a_listener_and_gives_up_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("display.sock");
        let error = Connection::open(&path, Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("Is the display running?"), "{error}");
        let listener = Listener::bind(&path).unwrap();
        let ours = Connection::open(&path, Duration::ZERO).unwrap();
        let theirs = listener.accept().unwrap();
        assert_eq!(theirs.peer().unwrap(), (nix::unistd::getuid().as_raw(), nix::unistd::getpid().as_raw()));
        ours.send(&Message::Finish, &[]).unwrap();
        assert_eq!(theirs.receive().unwrap().unwrap().0, Message::Finish);
        drop(listener);
        assert!(!path.exists());
    }
}
