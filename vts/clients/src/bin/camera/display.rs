//! The camera's end of the hand-over: which slots the display has, and what it says of them.

use anyhow::{bail, Context, Result};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path as FilePath;
use std::time::Duration;
use vts_clients::buffer::Buffer;
use vts_clients::format::ColorEncoding;
use vts_clients::link::{Connection, Message, Path};

/// How long a display may take to begin to listen.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take to greet and to answer, ms: it serves one camera after the other, and a busy machine composes a frame in
/// seconds.
const ANSWER_MS: u16 = 60_000;

/// A connected display.
#[derive(Debug)]
pub(crate) struct Display {
    connection: Connection,
    lent: Vec<bool>,
    /// Frames that reached the screen.
    pub(crate) presented: u32,
    /// Pixels of the screen.
    pub(crate) screen: (u32, u32),
    /// How each slot is shown.
    pub(crate) paths: Vec<Path>,
}

impl Display {
    /// Connects, and waits for the greeting.
    pub(crate) fn connect(path: &FilePath) -> Result<Display> {
        let connection = Connection::open(path, TIMEOUT)?;
        let screen = match answer(&connection)? {
            Message::Welcome { width, height } => (width, height),
            other => bail!("the display began with {other:?}"),
        };
        Ok(Display { connection, lent: Vec::new(), presented: 0, screen, paths: Vec::new() })
    }

    /// Sends every buffer's handle.
    pub(crate) fn attach(&mut self, buffers: &[Buffer], color: ColorEncoding) -> Result<()> {
        for (slot, buffer) in (0..).zip(buffers) {
            let message = Message::Buffer { slot, dataspace: color.to_dataspace(), ints: buffer.ints().to_vec() };
            self.connection.send(&message, &buffer.fds()).with_context(|| format!("sending buffer {slot}"))?;
            match answer(&self.connection)? {
                Message::Attached { slot: its, path } if its == slot => self.paths.push(path),
                other => bail!("the display answered buffer {slot} with {other:?}"),
            }
            self.lent.push(false);
        }
        Ok(())
    }

    /// Gives a finished frame away.
    pub(crate) fn show(&mut self, slot: u32, sequence: u32) -> Result<()> {
        let lent =
            self.lent_mut(slot).with_context(|| format!("the device finished buffer {slot}, which is not ours"))?;
        *lent = true;
        self.connection.send(&Message::Frame { slot, sequence }, &[]).context("sending a frame")
    }

    fn lent_mut(&mut self, slot: u32) -> Option<&mut bool> {
        self.lent.get_mut(usize::try_from(slot).ok()?)
    }

    /// Slots that are the display's now.
    pub(crate) fn lent(&self) -> usize {
        self.lent.iter().filter(|lent| **lent).count()
    }

    /// Takes a message that is there; answers the slot that is ours again, if it is about that.
    pub(crate) fn hear(&mut self) -> Result<Option<u32>> {
        let message = answer(&self.connection)?;
        self.take(&message)
    }

    fn take(&mut self, message: &Message) -> Result<Option<u32>> {
        match message {
            Message::Presented { .. } => {
                self.presented += 1;
                Ok(None)
            }
            Message::Released { slot } => match self.lent_mut(*slot) {
                Some(lent @ true) => {
                    *lent = false;
                    Ok(Some(*slot))
                }
                _ => bail!("the display gave buffer {slot} back, which it had not"),
            },
            other => bail!("the display said {other:?} amid frames"),
        }
    }

    /// Says that there are no more frames and waits until the last one is on the screen; answers its counter.
    pub(crate) fn finish(&mut self) -> Result<u32> {
        self.connection.send(&Message::Finish, &[])?;
        loop {
            match answer(&self.connection)? {
                Message::Held { sequence } => return Ok(sequence),
                message => drop(self.take(&message)?),
            }
        }
    }
}

impl AsFd for Display {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}

/// The display's next message, unless it is a refusal.
fn answer(connection: &Connection) -> Result<Message> {
    match connection.receive_within(ANSWER_MS).context("waiting for the display")? {
        (Message::Refused { reason }, _) => bail!("the display refuses: {reason}"),
        (message, _) => Ok(message),
    }
}
