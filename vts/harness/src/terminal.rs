//! The host's terminal while a command in the guest has it: raw, its input sent on, its size followed.

use std::io::{IsTerminal, Read};
use std::thread;
use std::time::Duration;

use rustix::termios::{tcgetattr, tcgetwinsize, tcsetattr, OptionalActions, Termios};

use crate::protocol::{TerminalSize, ToGuest};
use crate::session::Session;

/// How often the size is looked at.
const SIZE_POLL: Duration = Duration::from_millis(300);

/// The terminal's size, if stdin and stdout are one.
pub(crate) fn size() -> Option<TerminalSize> {
    let (input, output) = (std::io::stdin(), std::io::stdout());
    if !input.is_terminal() || !output.is_terminal() {
        return None;
    }
    let size = tcgetwinsize(&output).ok()?;
    Some(TerminalSize { rows: size.ws_row, columns: size.ws_col })
}

/// Raw mode until dropped.
pub(crate) struct Raw(Option<Termios>);

impl Raw {
    pub(crate) fn enter() -> Self {
        let input = std::io::stdin();
        let before = tcgetattr(&input).ok();
        if let Some(mut raw) = before.clone() {
            raw.make_raw();
            let _stays_cooked = tcsetattr(&input, OptionalActions::Now, &raw);
        }
        Self(before)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _stays_raw = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Sends input and size changes to a command until the guest is gone; the threads end with the process.
pub(crate) fn forward(session: &Session, id: u32) {
    let to_guest = session.clone();
    thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = input.read(&mut buffer) {
            if to_guest.send(&ToGuest::Input { id }, buffer.get(..length).unwrap_or_default()).is_err() {
                return;
            }
        }
    });
    let to_guest = session.clone();
    thread::spawn(move || {
        let mut last = size();
        loop {
            thread::sleep(SIZE_POLL);
            let now = size();
            let Some(size) = now.filter(|now| Some(*now) != last) else { continue };
            last = now;
            if to_guest.send(&ToGuest::Resize { id, size }, &[]).is_err() {
                return;
            }
        }
    });
}
