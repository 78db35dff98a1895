//! The display's own two buffers, as a composer's client target: painted by the CPU, flipped in turn.

use anyhow::{Context, Result};
use gralloc_buffer::{PixelFormat, Usage};
use vts_clients::buffer::Buffer;
use vts_clients::facts::Facts;
use vts_clients::format::ColorEncoding;
use vts_clients::kms::{Scanout, Screen};
use vts_clients::picture::copy_bgrx;
use vts_clients::service::{Request, Service};

#[derive(Debug)]
struct Target {
    buffer: Buffer,
    scanout: Scanout,
}

/// Two buffers of the screen's size.
#[derive(Debug)]
pub(crate) struct Targets {
    both: [Target; 2],
    /// Index of the one that was painted last.
    front: usize,
}

impl Targets {
    /// Allocates and imports both.
    pub(crate) fn new(service: &Service, screen: &mut Screen, report: &mut Vec<Facts>) -> Result<Targets> {
        let mut make = || {
            let (width, height) = screen.size();
            let request = Request {
                name: "client target".to_owned(),
                width,
                height,
                format: PixelFormat::Bgra8888,
                usage: Usage::COMPOSER_CLIENT_TARGET | Usage::COMPOSER_OVERLAY | Usage::CPU_WRITE_OFTEN,
            };
            let buffer = service.allocate(&request, true).context("a buffer for the screen")?;
            report.push(Facts::of(&buffer));
            let scanout = screen.attach(&buffer).context("a buffer for the screen")?;
            Ok::<_, anyhow::Error>(Target { buffer, scanout })
        };
        Ok(Targets { both: [make()?, make()?], front: 0 })
    }

    fn front(&self) -> &Target {
        let [first, second] = &self.both;
        if self.front == 0 {
            first
        } else {
            second
        }
    }

    /// The buffer that was painted last.
    pub(crate) fn painted(&self) -> (&Buffer, &Scanout) {
        let front = self.front();
        (&front.buffer, &front.scanout)
    }

    /// A dark slope, to be seen before the first frame.
    pub(crate) fn paint_empty(&mut self) -> Result<()> {
        self.paint(|y, height, line| {
            let grey = u8::try_from(24 + 40 * u64::from(y) / u64::from(height.max(1))).unwrap_or(u8::MAX);
            line.chunks_exact_mut(4).for_each(|pixel| pixel.copy_from_slice(&[grey, grey, grey, 0xff]));
        })
    }

    /// Converts a frame into the buffer that is not on the screen: in the middle, cut or with a black border where the
    /// sizes differ.
    pub(crate) fn paint_frame(&mut self, frame: &Buffer, color: ColorEncoding) -> Result<()> {
        let ((width, height), (frame_width, frame_height)) = (self.front().buffer.size(), frame.size());
        if (frame_width, frame_height) != (width, height) {
            self.paint(|_, _, line| line.fill(0))?;
            self.front ^= 1;
        }
        let (to_x, from_x) = centre(width, frame_width);
        let (to_y, from_y) = centre(height, frame_height);
        let shown = usize::try_from(width.min(frame_width))? * 4;
        let skipped = usize::try_from(from_x)? * 4;
        let target = self.back();
        let lines: Vec<_> = target.lines(0).skip(usize::try_from(to_y)?).collect();
        let (from, to) = (frame.read().context("reading a frame")?, target.write().context("painting")?);
        copy_bgrx(&from, color, |y, pixels| {
            let row = y.checked_sub(from_y).and_then(|row| usize::try_from(row).ok());
            let Some((offset, _)) = row.and_then(|row| lines.get(row)) else { return Ok(()) };
            let pixels = pixels.get(skipped..skipped + shown).context("a frame of short lines")?;
            to.copy_in(offset + u64::from(to_x) * 4, pixels)
        })?;
        drop(to);
        self.front ^= 1;
        Ok(())
    }

    fn back(&mut self) -> &mut Buffer {
        let [first, second] = &mut self.both;
        let back = if self.front == 0 { second } else { first };
        &mut back.buffer
    }

    /// Paints every line of the buffer that is not on the screen, and makes it the front.
    fn paint(&mut self, each: impl Fn(u32, u32, &mut [u8])) -> Result<()> {
        let buffer = self.back();
        let (lines, (_, height)) = (buffer.lines(0).collect::<Vec<_>>(), buffer.size());
        let access = buffer.write().context("painting")?;
        for (y, (offset, length)) in (0..).zip(lines) {
            let mut line = vec![0; usize::try_from(length)?];
            each(y, height, &mut line);
            access.copy_in(offset, &line)?;
        }
        drop(access);
        self.front ^= 1;
        Ok(())
    }

    /// Takes both away from the screen and frees them.
    pub(crate) fn release(self, screen: &mut Screen) {
        for target in self.both {
            screen.detach(target.scanout);
        }
    }
}

/// Where `inner` begins in `outer` when it is centred, and how much of its beginning is cut off when it is larger.
fn centre(outer: u32, inner: u32) -> (u32, u32) {
    (outer.saturating_sub(inner) / 2, inner.saturating_sub(outer) / 2)
}

#[cfg(test)]
mod tests {
    use super::centre;

    #[test]
    fn centre_of_smaller_and_larger_pictures() {
        assert_eq!(centre(1280, 640), (320, 0));
        assert_eq!(centre(640, 1280), (0, 320));
        assert_eq!(centre(7, 7), (0, 0));
        assert_eq!(centre(8, 5), (1, 0));
    }
}
