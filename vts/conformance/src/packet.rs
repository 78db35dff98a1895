//! Packets of text with file descriptors beside them: SOCK_SEQPACKET unix sockets and SCM_RIGHTS.
//!
//! Every fd that arrives is owned at once, close-on-exec, so that no packet leaves one behind.

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    recvmsg, sendmsg, socketpair, AddressFamily, CmsgIterator, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag,
    SockType,
};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Most bytes of a packet that is taken.
pub const MOST_BYTES: usize = 64 * 1024;
/// Most fds beside one.
pub const MOST_FDS: usize = 64;

/// Two connected ends, closed on exec.
///
/// # Errors
/// The kernel's.
pub fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
}

/// Sends a packet.
///
/// # Errors
/// The kernel's; EPIPE when the other end is closed.
pub fn send(socket: &OwnedFd, words: &str, fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let numbers: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let beside = [ControlMessage::ScmRights(&numbers)];
    let beside = if numbers.is_empty() { &[] } else { &beside[..] };
    let bytes = [IoSlice::new(words.as_bytes())];
    sendmsg::<()>(socket.as_raw_fd(), &bytes, beside, MsgFlags::MSG_NOSIGNAL, None).map(drop)
}

/// The next packet; `None` when the other end is closed.
///
/// # Errors
/// EMSGSIZE for more bytes or fds than are taken, EILSEQ for bytes that are no UTF-8; else the kernel's.
pub fn receive(socket: &OwnedFd) -> Result<Option<(String, Vec<OwnedFd>)>, Errno> {
    let mut bytes = vec![0; MOST_BYTES];
    let mut space = cmsg_space!([RawFd; MOST_FDS]);
    let (length, fds) = {
        let mut into = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = loop {
            match recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut space), flags) {
                Err(Errno::EINTR) => {}
                Err(Errno::ECONNRESET) => return Ok(None),
                other => break other?,
            }
        };
        let mut fds = Vec::new();
        for control in message.cmsgs().controls()? {
            if let ControlMessageOwned::ScmRights(numbers) = control {
                // SAFETY: the kernel has just put these fds into this process, for this message alone.
                fds.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
            }
        }
        if message.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC) {
            return Err(Errno::EMSGSIZE);
        }
        (message.bytes, fds)
    };
    if length == 0 {
        return Ok(None);
    }
    bytes.truncate(length);
    Ok(Some((String::from_utf8(bytes).map_err(|_| Errno::EILSEQ)?, fds)))
}

/// What came beside the words. nix 0.28 (Android 15) gives an iterator, 0.29 (16) a result with one.
trait Controls {
    fn controls(self) -> Result<Vec<ControlMessageOwned>, Errno>;
}

impl Controls for CmsgIterator<'_> {
    fn controls(self) -> Result<Vec<ControlMessageOwned>, Errno> {
        Ok(self.collect())
    }
}

impl Controls for Result<CmsgIterator<'_>, Errno> {
    fn controls(self) -> Result<Vec<ControlMessageOwned>, Errno> {
        self.map(Iterator::collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_arrives_with_its_fds_and_the_end_is_seen() {
        use std::os::fd::AsFd;
        let (here, there) = pair().unwrap();
        send(&here, "import 1 2", &[here.as_fd(), there.as_fd()]).unwrap();
        let (words, fds) = receive(&there).unwrap().unwrap();
        assert_eq!((words.as_str(), fds.len()), ("import 1 2", 2));
        drop((here, fds));
        assert!(receive(&there).unwrap().is_none());
    }
}
