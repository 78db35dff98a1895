//! The screen with its own buffers, the cameras that come and go, and the frame that stays.

use crate::args::Args;
use crate::report::{Held, Report};
use crate::session::{Session, Slot};
use crate::targets::Targets;
use anyhow::{bail, Context, Result};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signalfd::SignalFd;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};
use vts_clients::format::ColorEncoding;
use vts_clients::kms::Screen;
use vts_clients::link::Listener;
use vts_clients::overlay::{Painter, Patch};
use vts_clients::picture::Picture;
use vts_clients::report::Voice;
use vts_clients::service::Service;

/// How the display's own pixels are meant.
const OWN_COLOR: ColorEncoding = ColorEncoding { bt709: false, full_range: true };

/// What happened first.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    signal: bool,
    flip: bool,
    other: bool,
}

/// Everything that is to be released at the end.
#[derive(Debug)]
pub(crate) struct Stage {
    screen: Screen,
    targets: Targets,
    listener: Option<Listener>,
    session: Option<Session>,
    /// The frame that the last session left on the screen, with its buffer when the controller reads that.
    held: Option<(Held, Option<Slot>)>,
    /// What was drawn over it.
    overlay: Vec<Patch>,
    painter: Option<Painter>,
}

impl Stage {
    /// Sets the mode and listens.
    pub(crate) fn open(
        args: &Args,
        (service, painter): (&Service, Option<Painter>),
        mut screen: Screen,
        report: &mut Report,
    ) -> Result<Stage> {
        let mut targets = Targets::new(service, &mut screen, &mut report.buffers)?;
        targets.paint_empty()?;
        screen.set_mode(targets.painted().1)?;
        let listener = Some(Listener::bind(&args.listen)?);
        Ok(Stage { screen, targets, listener, session: None, held: None, overlay: Vec::new(), painter })
    }

    /// Serves all cameras, one after the other.
    pub(crate) fn play(&mut self, args: &Args, voice: Voice, signals: &SignalFd, report: &mut Report) -> Result<()> {
        let timeout = Duration::from_secs(args.timeout.into());
        for number in 0..args.cameras {
            let number = usize::try_from(number)?;
            let error = self.serve(timeout, voice, signals).err();
            let Some(session) = self.session.take() else {
                return error.map_or(Ok(()), Err).with_context(|| format!("waiting for camera {}", number + 1));
            };
            let uid = session.uid();
            let text = error.as_ref().map(|error| format!("{error:#}"));
            let remains = session.end(number, text.clone(), &mut self.screen);
            if let Some(held) = remains.held {
                self.replace_held(Some(held));
                self.overlay = remains.overlay;
            }
            let name = format!("camera {} (uid {uid}) was served to its end", number + 1);
            let frames = remains.report.frames;
            report.checks.note(&name, text.is_none(), text.unwrap_or_else(|| format!("{frames} frames")));
            let what = format!("camera {}: {frames} frames, {} scanned out", number + 1, remains.report.scanned_out);
            voice.say("camera", what, &remains.report);
            report.cameras.push(remains.report);
            if error.is_some_and(|error| error.is::<Interrupted>()) {
                bail!("stopped by a signal amid camera {}", number + 1);
            }
        }
        self.listener = None;
        Ok(())
    }

    /// One camera, from its connection to its end.
    fn serve(&mut self, timeout: Duration, voice: Voice, signals: &SignalFd) -> Result<()> {
        loop {
            let ready = self.wait(Some(Instant::now() + timeout), signals)?;
            if ready.signal {
                return Err(Interrupted.into());
            }
            if ready.flip && self.screen.flip_done()? {
                if let Some(session) = &mut self.session {
                    session.flipped(&mut self.screen, &mut self.targets)?;
                    // The screen shows this camera now; what the one before left there can go.
                    if let Some((_, Some(slot))) = self.held.take() {
                        slot.release(&mut self.screen);
                    }
                }
            }
            match (&mut self.session, ready.other) {
                (Some(session), true) => {
                    if !session.hear(&mut self.screen, &mut self.targets)? {
                        return Ok(());
                    }
                }
                (None, true) => {
                    let connection = self.listener.as_ref().context("nobody listens")?.accept()?;
                    let session = Session::begin(connection, &self.screen, self.painter)?;
                    voice.say(
                        "connected",
                        format!("a camera of uid {}", session.uid()),
                        &json!({ "uid": session.uid() }),
                    );
                    self.session = Some(session);
                }
                (_, false) => {
                    if !ready.flip {
                        bail!("no message for {} s", timeout.as_secs());
                    }
                }
            }
        }
    }

    /// Waits for a signal, the screen, and the camera or the next one; all false when the time is up.
    fn wait(&self, until: Option<Instant>, signals: &SignalFd) -> Result<Ready> {
        let other: Option<BorrowedFd<'_>> = match (&self.session, &self.listener) {
            (Some(session), _) => Some(session.as_fd()),
            (None, listener) => listener.as_ref().map(AsFd::as_fd),
        };
        loop {
            let mut fds = vec![
                PollFd::new(signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.screen.as_fd(), PollFlags::POLLIN),
            ];
            fds.extend(other.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
            // One poll waits a minute at most; the loop waits for the rest.
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let ms = left.map_or(60_000, |left| u16::try_from(left.as_millis()).unwrap_or(60_000).min(60_000));
            match poll(&mut fds, PollTimeout::from(ms)) {
                Ok(0) if left.is_some_and(|left| left <= Duration::from_millis(ms.into())) => {
                    return Ok(Ready::default())
                }
                Ok(0) | Err(nix::Error::EINTR) => {}
                Ok(_) => {
                    let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
                    let mut next = || ready.next().unwrap_or(false);
                    return Ok(Ready { signal: next(), flip: next(), other: next() });
                }
                Err(errno) => return Err(errno).context("poll"),
            }
        }
    }

    fn replace_held(&mut self, held: Option<(Held, Option<Slot>)>) {
        if let Some((_, Some(slot))) = std::mem::replace(&mut self.held, held) {
            slot.release(&mut self.screen);
        }
    }

    /// Leaves the last frame on the screen until it is time.
    pub(crate) fn hold(&self, args: &Args, voice: Voice, signals: &SignalFd, report: &mut Report) -> Result<()> {
        let (held, slot) = self.held.as_ref().context("no frame came, nothing to hold")?;
        report.held = Some(held.clone());
        report.overlay.clone_from(&self.overlay);
        if let Some(path) = &args.save {
            self.save(path, slot.as_ref()).with_context(|| path.display().to_string())?;
        }
        let text = format!("frame {} of camera {} stays on the screen", held.sequence, held.camera + 1);
        voice.say("holding", text, held);
        let until = args.hold.map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
        while until.is_none_or(|until| Instant::now() < until) {
            if self.wait(until, signals)?.signal {
                break;
            }
        }
        Ok(())
    }

    /// Writes the pixels of the buffer that the controller reads.
    fn save(&self, path: &std::path::Path, slot: Option<&Slot>) -> Result<()> {
        let (buffer, color) = match slot {
            Some(slot) => (slot.buffer(), slot.color()),
            None => (self.targets.painted().0, OWN_COLOR),
        };
        let access = buffer.read().context("reading the screen's buffer")?;
        let picture = Picture::copy(&access, color)?;
        let mut file = BufWriter::new(File::create(path)?);
        picture.write_ppm(&mut file)?;
        Ok(file.flush()?)
    }

    /// Turns the screen off and frees everything.
    pub(crate) fn close(mut self) {
        if let Some(session) = self.session.take() {
            let remains = session.end(0, Some("the display ends".to_owned()), &mut self.screen);
            self.replace_held(remains.held);
        }
        self.replace_held(None);
        self.targets.release(&mut self.screen);
    }
}

/// SIGTERM or SIGINT.
#[derive(Debug, thiserror::Error)]
#[error("stopped by a signal")]
struct Interrupted;
