//! Packets of words, with fds beside them.

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    recvmsg, sendmsg, socketpair, AddressFamily, CmsgIterator, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag,
    SockType,
};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Longest packet in bytes.
const PACKET: usize = 64 * 1024;
/// Most fds beside one.
const FDS: usize = 64;

/// Two ends. Only the second one's process, started with it as its standard input, inherits anything.
pub(super) fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
}

pub(super) fn send(socket: &OwnedFd, words: &str, fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let numbers: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let beside = [ControlMessage::ScmRights(&numbers)];
    let beside = if numbers.is_empty() { &[] } else { &beside[..] };
    let bytes = [IoSlice::new(words.as_bytes())];
    sendmsg::<()>(socket.as_raw_fd(), &bytes, beside, MsgFlags::MSG_NOSIGNAL, None).map(drop)
}

/// The next packet; `None` when the other end is closed.
pub(super) fn receive(socket: &OwnedFd) -> Result<Option<(String, Vec<OwnedFd>)>, Errno> {
    let mut bytes = vec![0; PACKET];
    let mut space = cmsg_space!([RawFd; FDS]);
    let (length, fds) = {
        let mut into = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut space), flags)?;
        let mut fds = Vec::new();
        for control in message.cmsgs().controls()? {
            if let ControlMessageOwned::ScmRights(numbers) = control {
                // SAFETY: the kernel has just put these fds into this process, for this message alone.
                fds.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
            }
        }
        (message.bytes, fds)
    };
    if length == 0 {
        return Ok(None);
    }
    bytes.truncate(length);
    Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), fds)))
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

pub(super) fn to_hex(bytes: &[u8]) -> String {
    // A dash, so that no bytes at all are a word, too.
    std::iter::once("-".to_owned()).chain(bytes.iter().map(|byte| format!("{byte:02x}"))).collect()
}

pub(super) fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix('-').expect("bytes as hexadecimal digits");
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).expect("hexadecimal digits")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_digits() {
        for bytes in [vec![], vec![0], vec![0xff, 0x01, 0xa0]] {
            assert_eq!(from_hex(&to_hex(&bytes)), bytes);
        }
    }

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
