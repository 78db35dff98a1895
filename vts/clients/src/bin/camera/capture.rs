//! Frames from the device, to the display and back.

use crate::args::Args;
use crate::display::Display;
use crate::report::{Device, Report};
use anyhow::{bail, Context, Result};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use serde_json::json;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use vts_clients::buffer::Buffer;
use vts_clients::format::ColorEncoding;
use vts_clients::link::Path;
use vts_clients::picture::{copy_raw, fingerprint, Picture};
use vts_clients::report::Voice;
use vts_clients::v4l2::{Capture, Frame};

/// Longest silence of device and display, ms: one of the two hangs. vivid's slowest rate is a frame a second, and an emulated
/// display beside other work takes several for one.
const SILENCE_MS: u16 = 60_000;
/// Every so many lines are looked at to see a frame change; vivid's text is 16 lines high.
const FINGERPRINT_STEP: usize = 4;
/// How often people hear of progress.
const PROGRESS: Duration = Duration::from_secs(1);

/// The last frame, as it was before anybody else had it: a display may draw over it.
#[derive(Debug)]
pub(crate) struct LastFrame {
    /// To look at.
    pub(crate) picture: Picture,
    /// Its planes' bytes without padding.
    pub(crate) raw: Vec<u8>,
}

/// A device that is ready to stream into the buffers.
pub(crate) struct Stream {
    capture: Capture,
    display: Option<Display>,
    color: ColorEncoding,
    size_image: u32,
    last: Option<Frame>,
    last_frame: Option<LastFrame>,
    print: Option<u64>,
}

impl Stream {
    /// Opens the device, agrees on format and stride, shows the buffers to the display.
    pub(crate) fn prepare(
        args: &Args,
        mut display: Option<Display>,
        buffers: &[Buffer],
        report: &mut Report,
    ) -> Result<Stream> {
        let first = buffers.first().context("no buffers")?;
        let capture = Capture::open_named(&args.camera)?;
        let input = capture.select_input(&args.input)?;
        let format = capture.set_format(first)?;
        let frames_per_second = capture.set_frame_rate(args.fps)?;
        let (color, size_image) = (format.color, format.size_image);
        report.checks.note(
            "the driver took the service's stride",
            true,
            format!("{} bytes a line, {} bytes a frame, {}", format.bytes_per_line, size_image, format.fourcc),
        );
        // All buffers came from one descriptor: a service that lays them out differently breaks every ring.
        let laid_out = |buffer: &Buffer| (buffer.info().layout, buffer.info().planes, buffer.info().buffer_bytes);
        let alike = buffers.iter().all(|buffer| laid_out(buffer) == laid_out(first));
        report.checks.note("buffers of one descriptor are laid out alike", alike, format!("{} buffers", buffers.len()));
        if !alike {
            bail!("the buffers differ in layout");
        }
        let device = Device {
            node: capture.node().to_owned(),
            name: args.camera.clone(),
            driver: capture.driver().to_owned(),
            input,
            frames_per_second,
            format,
        };
        report.device = Some(device);
        if let Some(display) = &mut display {
            display.attach(buffers, color)?;
            for (slot, path) in report.buffers.iter_mut().zip(&display.paths) {
                slot.path = Some(*path);
            }
            let scanout = display.paths.iter().all(|path| *path == Path::Scanout);
            if args.require_scanout {
                let detail = format!("{:?} on a screen of {}x{}", display.paths, display.screen.0, display.screen.1);
                report.checks.note("the display controller reads the camera's buffers itself", scanout, detail);
            }
        }
        capture.request_buffers(args.buffers)?;
        Ok(Stream { capture, display, color, size_image, last: None, last_frame: None, print: None })
    }

    /// Streams until all frames have been captured, then stops the device.
    pub(crate) fn run(&mut self, args: &Args, voice: Voice, buffers: &[Buffer], report: &mut Report) -> Result<()> {
        for index in 0..args.buffers {
            self.queue(index, buffers)?;
        }
        self.capture.start()?;
        report.frames.asked = args.frames;
        let started = Instant::now();
        // The first frame is said as well: from then on everything that the stream needs is there.
        let mut said: Option<Instant> = None;
        while report.frames.captured < args.frames {
            let (frames, messages) = self.wait_for_either()?;
            if messages {
                self.hear(buffers)?;
            }
            if frames {
                self.take_frame(buffers, report)?;
            }
            let due = said.map_or(report.frames.captured > 0, |last| last.elapsed() >= PROGRESS);
            if due {
                said = Some(Instant::now());
                let text = format!("{} of {} frames", report.frames.captured, args.frames);
                voice.say("progress", text, &json!({ "captured": report.frames.captured, "asked": args.frames }));
            }
        }
        let elapsed = started.elapsed();
        // Lets go of every dma-buf; frames that were under way are dropped, the last one that was taken is ours.
        self.capture.stop()?;
        let frames = &mut report.frames;
        frames.elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        frames.frames_per_second = f64::from(frames.captured) / elapsed.as_secs_f64().max(f64::EPSILON);
        let frames = *frames;
        report.checks.note("no frame is damaged or short", frames.damaged == 0, format!("{} are", frames.damaged));
        let detail = format!(
            "{} of {} differ from the one before; {} with a new counter do not",
            frames.changed,
            frames.captured - 1,
            frames.stale
        );
        report.checks.note("frames change over time", frames.changed > 0 && frames.stale == 0, detail);
        Ok(())
    }

    fn queue(&self, index: u32, buffers: &[Buffer]) -> Result<()> {
        self.capture.queue(index, buffer_at(buffers, index)?)
    }

    /// Whether the device has a frame, and whether the display has spoken.
    fn wait_for_either(&self) -> Result<(bool, bool)> {
        let mut fds = vec![PollFd::new(self.capture.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.display.as_ref().map(|display| PollFd::new(display.as_fd(), PollFlags::POLLIN)));
        if poll(&mut fds, PollTimeout::from(SILENCE_MS))? == 0 {
            let lent = self.display.as_ref().map_or(0, Display::lent);
            bail!("neither a frame nor a word of the display for {SILENCE_MS} ms; the display has {lent} buffers");
        }
        let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
        Ok((ready.next().unwrap_or(false), ready.next().unwrap_or(false)))
    }

    fn hear(&mut self, buffers: &[Buffer]) -> Result<()> {
        let Some(display) = &mut self.display else { return Ok(()) };
        match display.hear()? {
            Some(slot) => self.queue(slot, buffers),
            None => Ok(()),
        }
    }

    fn take_frame(&mut self, buffers: &[Buffer], report: &mut Report) -> Result<()> {
        let Some(frame) = self.capture.dequeue()? else { return Ok(()) };
        let buffer = buffer_at(buffers, frame.index)?;
        let access = buffer.read().context("reading a frame")?;
        let print = fingerprint(&access, FINGERPRINT_STEP)?;
        let frames = &mut report.frames;
        frames.captured += 1;
        if frames.captured == frames.asked {
            let picture = Picture::copy(&access, self.color)?;
            self.last_frame = Some(LastFrame { picture, raw: copy_raw(&access)? });
        }
        drop(access);
        frames.damaged += u32::from(frame.damaged || frame.bytes_used != self.size_image);
        let same = self.print == Some(print);
        frames.changed += u32::from(self.print.is_some() && !same);
        if let Some(before) = self.last {
            frames.missed += frame.sequence.saturating_sub(before.sequence + 1);
            frames.stale += u32::from(same && frame.sequence != before.sequence);
        }
        frames.last_sequence = frame.sequence;
        self.print = Some(print);
        self.last = Some(frame);
        match &mut self.display {
            Some(display) => display.show(frame.index, frame.sequence),
            // The last one is read once more, after the device has stopped.
            None if frames.captured == frames.asked => Ok(()),
            None => self.queue(frame.index, buffers),
        }
    }

    /// The last frame, copied before it was shown.
    pub(crate) fn last_frame(&self) -> Result<&LastFrame> {
        self.last_frame.as_ref().context("no last frame was captured")
    }

    /// Waits until the last frame is on the screen, and stays there.
    pub(crate) fn finish(mut self, voice: Voice, report: &mut Report) -> Result<()> {
        let Some(display) = &mut self.display else { return Ok(()) };
        let held = display.finish()?;
        let frames = &mut report.frames;
        frames.presented = display.presented;
        let frames = *frames;
        let detail = format!("{} of {}", frames.presented, frames.captured);
        report.checks.note("every frame reached the screen", frames.presented == frames.captured, detail);
        let detail = format!("frame {held} is held, frame {} was the last", frames.last_sequence);
        report.checks.note("the last frame stays on the screen", held == frames.last_sequence, detail);
        voice.say("held", format!("frame {held} stays on the screen"), &json!({ "sequence": held }));
        Ok(())
    }
}

fn buffer_at(buffers: &[Buffer], index: u32) -> Result<&Buffer> {
    usize::try_from(index)
        .ok()
        .and_then(|index| buffers.get(index))
        .with_context(|| format!("the device named buffer {index}, there are {}", buffers.len()))
}
