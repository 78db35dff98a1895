//! Another process with the same mapper: it imports handles that it is sent, and does what it is told.
//!
//! The process is this program again, or another build of it. Orders and answers are packets of text over a socket pair; fds travel beside an
//! order. An order that the peer cannot follow ends it, and the test that gave it.

mod orders;

pub use orders::serve;

use crate::abi::Error;
use crate::format::Format;
use crate::handle::RawHandle;
use crate::metadata::Standard;
use crate::packet;
use crate::subject::Subject;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command};

/// Says that this process is a peer, and which library it loads.
const VARIABLE: &str = "CONFORMANCE_PEER_MAPPER";

/// Runs as a peer when this process was started as one.
pub fn main_if_peer() -> Option<std::process::ExitCode> {
    let mapper = PathBuf::from(std::env::var_os(VARIABLE)?);
    Some(serve(&mapper))
}

/// A peer.
pub struct Peer {
    child: Child,
    socket: Option<OwnedFd>,
}

/// A buffer that a peer has imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerBuffer(usize);

impl Peer {
    /// Starts one.
    pub fn start(subject: &Subject) -> Peer {
        let (here, there) = packet::pair().expect("a socket pair");
        let (program, mapper) = subject.peer();
        let child = Command::new(program).env(VARIABLE, mapper).stdin(there).spawn();
        Peer { child: child.unwrap_or_else(|error| panic!("{}: {error}", program.display())), socket: Some(here) }
    }

    fn ask(&self, order: &str, fds: &[std::os::fd::BorrowedFd<'_>]) -> String {
        self.tell(order, fds);
        self.answer(order)
    }

    fn tell(&self, order: &str, fds: &[std::os::fd::BorrowedFd<'_>]) {
        packet::send(self.socket(), order, fds).unwrap_or_else(|errno| panic!("the other process is gone: {errno}"));
    }

    fn answer(&self, order: &str) -> String {
        match packet::receive(self.socket()) {
            Ok(Some((answer, _))) => answer,
            Ok(None) => panic!("the other process died of the order \"{}\"", first_words(order)),
            Err(errno) => panic!("the other process does not answer: {errno}"),
        }
    }

    fn socket(&self) -> &OwnedFd {
        self.socket.as_ref().expect("a living peer")
    }

    /// Has it import a handle.
    ///
    /// # Errors
    /// Its mapper's.
    pub fn import(&self, raw: &RawHandle) -> Result<PeerBuffer, Error> {
        let ints: Vec<String> = raw.ints().iter().map(i32::to_string).collect();
        let answer = self.ask(&format!("import {}", ints.join(" ")), &raw.fds());
        result(&answer).map(|index| PeerBuffer(index.parse().expect("an index")))
    }

    /// Has it get a standard value.
    ///
    /// # Errors
    /// Its mapper's.
    pub fn get(&self, buffer: PeerBuffer, kind: Standard) -> Result<Vec<u8>, Error> {
        result(&self.ask(&format!("get {} {}", buffer.0, kind.0), &[])).map(from_hex)
    }

    /// Has it set a standard value.
    ///
    /// # Errors
    /// Its mapper's.
    pub fn set(&self, buffer: PeerBuffer, kind: Standard, bytes: &[u8]) -> Result<(), Error> {
        let order = format!("set {} {} {}", buffer.0, kind.0, to_hex(bytes));
        result(&self.ask(&order, &[])).map(drop)
    }

    /// Has it lock and write the pattern of a seed.
    pub fn fill(&self, buffer: PeerBuffer, format: Format, seed: u64) {
        let answer = self.ask(&format!("fill {} {} {seed}", buffer.0, format.value()), &[]);
        assert_eq!(answer, "ok ", "in the other process");
    }

    /// Has it lock and compare with the pattern of a seed.
    ///
    /// # Errors
    /// What it found instead.
    pub fn verify(&self, buffer: PeerBuffer, format: Format, seed: u64) -> Result<(), String> {
        let answer = self.ask(&format!("verify {} {} {seed}", buffer.0, format.value()), &[]);
        match answer.strip_prefix("wrong ") {
            Some(what) => Err(format!("in the other process: {what}")),
            None => Ok(()),
        }
    }

    /// Has it set two values in turn so many times, beside what happens here; [`Peer::wait`] waits for the end.
    pub fn start_setting(&self, buffer: PeerBuffer, kind: Standard, values: &[Vec<u8>; 2], rounds: u32) {
        let [a, b] = values.each_ref().map(|value| to_hex(value));
        self.tell(&format!("churn {} {} {rounds} {a} {b}", buffer.0, kind.0), &[]);
    }

    /// Waits for what was started.
    ///
    /// # Errors
    /// Its mapper's.
    pub fn wait(&self) -> Result<(), Error> {
        result(&self.answer("churn")).map(drop)
    }

    /// Has it read the whole reserved region.
    ///
    /// # Errors
    /// Its mapper's.
    pub fn read_region(&self, buffer: PeerBuffer) -> Result<Vec<u8>, Error> {
        result(&self.ask(&format!("region {}", buffer.0), &[])).map(from_hex)
    }

    /// Has it fill the whole reserved region with one byte.
    ///
    /// # Errors
    /// Its mapper's.
    pub fn fill_region(&self, buffer: PeerBuffer, byte: u8) -> Result<(), Error> {
        result(&self.ask(&format!("fill_region {} {byte}", buffer.0), &[])).map(drop)
    }

    /// Ends it without a chance to tidy up.
    pub fn kill(mut self) {
        self.child.kill().expect("a living peer");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its orders ends it; it is killed all the same, should it be stuck.
        self.socket = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ok VALUE` or `error CODE`.
fn result(answer: &str) -> Result<&str, Error> {
    match answer.split_once(' ') {
        Some(("ok", value)) => Ok(value),
        Some(("error", code)) => Err(Error(code.parse().expect("a code"))),
        _ => panic!("the other process answers \"{answer}\""),
    }
}

fn first_words(order: &str) -> &str {
    order.char_indices().nth(60).map_or(order, |(end, _)| order.split_at(end).0)
}

/// Bytes in an order or an answer: hexadecimal digits.
fn to_hex(bytes: &[u8]) -> String {
    // A dash, so that no bytes at all are a word, too.
    std::iter::once("-".to_owned()).chain(bytes.iter().map(|byte| format!("{byte:02x}"))).collect()
}

/// The bytes again.
fn from_hex(text: &str) -> Vec<u8> {
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
}
