//! One camera on the screen: its slots, its frames, its manners.

use crate::report::{self, Held};
use crate::targets::Targets;
use anyhow::{bail, ensure, Context, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;
use vts_clients::buffer::Buffer;
use vts_clients::facts::Facts;
use vts_clients::format::ColorEncoding;
use vts_clients::kms::{Scanout, Screen};
use vts_clients::link::{Connection, Message, Path, CLOSED};
use vts_clients::overlay::{patches, Canvas, Painter, Patch};
use vts_clients::presenter::{Frame, Presenter};

/// Longest that a page flip takes, ms.
pub(crate) const FLIP_MS: u16 = 2_000;

/// A camera's buffer.
#[derive(Debug)]
pub(crate) struct Slot {
    buffer: Buffer,
    color: ColorEncoding,
    scanout: Option<Scanout>,
    /// The buffer through the mapper; freed before it.
    canvas: Option<Canvas>,
}

impl Slot {
    /// Takes the buffer away from the screen and frees our share of it.
    pub(crate) fn release(self, screen: &mut Screen) {
        drop(self.canvas);
        if let Some(scanout) = self.scanout {
            screen.detach(scanout);
        }
    }

    /// The buffer.
    pub(crate) fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// How its colours are meant.
    pub(crate) fn color(&self) -> ColorEncoding {
        self.color
    }
}

/// What a session leaves behind.
#[derive(Debug)]
pub(crate) struct Remains {
    /// What happened.
    pub(crate) report: report::Session,
    /// The frame on the screen, and its buffer when the controller reads it.
    pub(crate) held: Option<(Held, Option<Slot>)>,
    /// What was drawn over it.
    pub(crate) overlay: Vec<Patch>,
}

/// A connected camera.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
    presenter: Presenter,
    slots: Vec<Option<Slot>>,
    finishing: bool,
    flip_began: Instant,
    painter: Option<Painter>,
    /// Of the frame that was flipped to last.
    drawn: Vec<Patch>,
    report: report::Session,
}

impl Session {
    /// Greets a camera. Frames that are scanned out are drawn over by `painter`.
    pub(crate) fn begin(connection: Connection, screen: &Screen, painter: Option<Painter>) -> Result<Session> {
        let (uid, pid) = connection.peer()?;
        let (width, height) = screen.size();
        connection.send(&Message::Welcome { width, height }, &[])?;
        Ok(Session {
            connection,
            presenter: Presenter::default(),
            slots: Vec::new(),
            finishing: false,
            flip_began: Instant::now(),
            painter,
            drawn: Vec::new(),
            report: report::Session { uid, pid, ..Default::default() },
        })
    }

    /// User of the camera.
    pub(crate) fn uid(&self) -> u32 {
        self.report.uid
    }

    /// Takes the camera's next message. False when it has disconnected after it had finished.
    pub(crate) fn hear(&mut self, screen: &mut Screen, targets: &mut Targets) -> Result<bool> {
        let Some((message, fds)) = self.connection.receive()? else {
            ensure!(self.finishing && self.presenter.is_idle(), CLOSED);
            return Ok(false);
        };
        match message {
            _ if self.finishing => bail!("{message:?} after the end"),
            Message::Buffer { slot, dataspace, ints } => self.attach(screen, slot, dataspace, fds, ints)?,
            Message::Frame { slot, sequence } => {
                self.presenter.frame(Frame { slot, sequence })?;
                self.report.frames += 1;
                self.show_next(screen, targets)?;
            }
            Message::Finish => {
                self.finishing = true;
                self.say_held()?;
            }
            other => bail!("{other:?} is not a camera's to say"),
        }
        Ok(true)
    }

    fn attach(
        &mut self,
        screen: &mut Screen,
        slot: u32,
        dataspace: i32,
        fds: Vec<OwnedFd>,
        ints: Vec<i32>,
    ) -> Result<()> {
        if !self.presenter.is_free(slot) {
            bail!("slot {slot} has a buffer already");
        }
        let buffer = Buffer::adopt(fds, ints, false).with_context(|| format!("buffer {slot}"))?;
        let (path, scanout, reason) = match screen.attach(&buffer) {
            Ok(scanout) => (Path::Scanout, Some(scanout), None),
            Err(error) => (Path::Composed, None, Some(format!("{error:#}"))),
        };
        let canvas = match (&self.painter, &scanout) {
            (Some(painter), Some(_)) => Some(painter.import(&buffer).with_context(|| format!("buffer {slot}"))?),
            _ => None,
        };
        self.report.slots.push(report::Slot { slot, path, reason, facts: Facts::of(&buffer) });
        self.presenter.attach(slot, path)?;
        let index = usize::try_from(slot)?;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        let color = ColorEncoding::from_dataspace(dataspace);
        if let Some(entry) = self.slots.get_mut(index) {
            *entry = Some(Slot { buffer, color, scanout, canvas });
        }
        self.connection.send(&Message::Attached { slot, path }, &[])?;
        Ok(())
    }

    /// Puts the next waiting frame on its way, unless another is on its way.
    fn show_next(&mut self, screen: &mut Screen, targets: &mut Targets) -> Result<()> {
        let Some((frame, path)) = self.presenter.take_next() else { return Ok(()) };
        let index = usize::try_from(frame.slot)?;
        let slot = self.slots.get(index).and_then(Option::as_ref).context("a frame without a buffer")?;
        self.drawn.clear();
        match (path, &slot.scanout) {
            (Path::Scanout, Some(scanout)) => {
                if let Some(canvas) = &slot.canvas {
                    let began = Instant::now();
                    let (width, height) = slot.buffer.size();
                    self.drawn = patches(width, height, frame.sequence);
                    canvas.draw(&self.drawn).with_context(|| format!("drawing over frame {}", frame.sequence))?;
                    self.report.overlaid += 1;
                    self.report.overlay_us = self.report.overlay_us.saturating_add(micros_since(began));
                }
                self.report.scanned_out += 1;
                self.flip_began = Instant::now();
                screen.flip(scanout)?;
            }
            _ => {
                let began = Instant::now();
                targets.paint_frame(&slot.buffer, slot.color)?;
                self.report.composed += 1;
                self.report.compose_us = self.report.compose_us.saturating_add(micros_since(began));
                if let Some(slot) = self.presenter.copied() {
                    self.connection.send(&Message::Released { slot }, &[])?;
                }
                self.flip_began = Instant::now();
                screen.flip(targets.painted().1)?;
            }
        }
        Ok(())
    }

    /// The controller says that the frame is on the screen.
    pub(crate) fn flipped(&mut self, screen: &mut Screen, targets: &mut Targets) -> Result<()> {
        let Some((now, released)) = self.presenter.flipped() else { return Ok(()) };
        self.report.flip_us = self.report.flip_us.saturating_add(micros_since(self.flip_began));
        self.connection.send(&Message::Presented { slot: now.slot, sequence: now.sequence }, &[])?;
        if let Some(slot) = released {
            self.connection.send(&Message::Released { slot }, &[])?;
        }
        self.show_next(screen, targets)?;
        self.say_held()
    }

    fn say_held(&self) -> Result<()> {
        if !self.finishing || !self.presenter.is_idle() {
            return Ok(());
        }
        let frame = self.presenter.on_screen().context("finished without a frame")?;
        self.connection.send(&Message::Held { sequence: frame.sequence }, &[])?;
        Ok(())
    }

    /// Ends the session, for `error` if there is one; the frame on the screen stays there.
    pub(crate) fn end(mut self, number: usize, error: Option<String>, screen: &mut Screen) -> Remains {
        if let Some(reason) = &error {
            // It may have gone already, which is as well.
            let _ = self.connection.send(&Message::Refused { reason: reason.clone() }, &[]);
        }
        self.report.error = error;
        if screen.is_flipping() && screen.wait_flip(FLIP_MS).is_ok() {
            self.presenter.flipped();
        }
        let mut held = None;
        if let Some(frame) = self.presenter.on_screen() {
            let slot =
                usize::try_from(frame.slot).ok().and_then(|index| self.slots.get_mut(index)).and_then(Option::take);
            let (path, kept) = match slot {
                Some(slot) if slot.scanout.is_some() => (Path::Scanout, Some(slot)),
                _ => (Path::Composed, None),
            };
            held = Some((Held { camera: number, slot: frame.slot, sequence: frame.sequence, path }, kept));
        }
        for slot in self.slots.into_iter().flatten() {
            slot.release(screen);
        }
        Remains { report: self.report, held, overlay: self.drawn }
    }
}

impl AsFd for Session {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}

fn micros_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}
