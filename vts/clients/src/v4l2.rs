//! A V4L2 capture device that writes into somebody else's dma-bufs.
//!
//! Single-planar API, `V4L2_MEMORY_DMABUF` only: the device allocates nothing. The node is found by its name in sysfs,
//! since `/dev/videoN` numbers depend on the order in which drivers came up.
//!
//! Invariant: a buffer is queued with a length that its dma-buf really has. Linux 6.12's videobuf2 keeps a reference
//! to a dma-buf for good when QBUF claims more, so [`Capture::queue`] compares before it calls.
//! Source: `Documentation/userspace-api/media/v4l/dmabuf.rst`, Linux 6.12.

mod sys;

use crate::buffer::Buffer;
use crate::format::{fourcc_name, ColorEncoding, Format};
use anyhow::{anyhow, bail, ensure, Context, Result};
use nix::errno::Errno;
use std::ffi::c_int;
use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use sys::ioctl;

/// Where the kernel lists its video nodes, each with its `name`.
const VIDEO_CLASS: &str = "/sys/class/video4linux";
/// `V4L2_BUF_TYPE_VIDEO_CAPTURE`, as STREAMON and STREAMOFF take it.
const CAPTURE: c_int = 1;

/// What the driver agreed to.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Negotiated {
    /// V4L2's four characters.
    pub fourcc: String,
    /// Pixels.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Bytes from one line to the next.
    pub bytes_per_line: u32,
    /// Bytes that the driver writes at most.
    pub size_image: u32,
    /// How its YCbCr or RGB values are meant.
    pub color: ColorEncoding,
}

/// A frame that the driver has finished.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The buffer's index.
    pub index: u32,
    /// The driver's frame counter: a gap is a frame it had no buffer for.
    pub sequence: u32,
    /// Bytes written.
    pub bytes_used: u32,
    /// True when the driver says that the data may be corrupt.
    pub damaged: bool,
}

/// An open capture device.
#[derive(Debug)]
pub struct Capture {
    file: File,
    node: PathBuf,
    driver: String,
    streaming: bool,
}

impl Capture {
    /// Opens the device whose sysfs name is `name`.
    ///
    /// # Errors
    /// The names of those that there are, or what [`Capture::open`] says.
    pub fn open_named(name: &str) -> Result<Capture> {
        let mut found = Vec::new();
        for entry in fs::read_dir(VIDEO_CLASS).into_iter().flatten().flatten() {
            let its = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
            if its.trim_end() == name {
                return Capture::open(&Path::new("/dev").join(entry.file_name()));
            }
            found.push(format!("\"{}\"", its.trim_end()));
        }
        found.sort();
        let found = if found.is_empty() { "no video device".to_owned() } else { found.join(", ") };
        bail!("no capture device named \"{name}\": this kernel has {found}. Is the vivid module loaded?")
    }

    /// Opens a node by its path.
    ///
    /// # Errors
    /// The kernel's, or that it does not capture video by streaming.
    pub fn open(node: &Path) -> Result<Capture> {
        // Non-blocking: DQBUF is only called after poll, and must not hang if the two disagree.
        let flags = nix::libc::O_CLOEXEC | nix::libc::O_NONBLOCK;
        let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(node);
        let file = opened.with_context(|| node.display().to_string())?;
        let mut caps = sys::Capability::default();
        // SAFETY: VIDIOC_QUERYCAP (videodev2.h) writes one v4l2_capability, which `caps` is.
        unsafe { ioctl::querycap(file.as_raw_fd(), &mut caps) }.context("VIDIOC_QUERYCAP")?;
        let driver = text(&caps.driver);
        let has = if caps.capabilities & sys::CAP_DEVICE_CAPS == 0 { caps.capabilities } else { caps.device_caps };
        let needed = sys::CAP_VIDEO_CAPTURE | sys::CAP_STREAMING;
        let captures = has & needed == needed;
        ensure!(captures, "{}: driver {driver} captures no video by streaming ({has:#010x})", node.display());
        Ok(Capture { file, node: node.to_owned(), driver, streaming: false })
    }

    /// The node's path.
    pub fn node(&self) -> &Path {
        &self.node
    }

    /// The driver's name.
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// Chooses the first input whose name begins with `prefix`, whatever the case; gives its full name.
    ///
    /// # Errors
    /// The names of those that there are, or the driver's refusal.
    pub fn select_input(&self, prefix: &str) -> Result<String> {
        let inputs: Vec<String> = (0..).map_while(|index| self.input(index)).collect();
        let wanted = prefix.to_ascii_lowercase();
        let found = inputs.iter().position(|name| name.to_ascii_lowercase().starts_with(&wanted));
        let index =
            found.ok_or_else(|| anyhow!("no input named \"{prefix}\": the device has {}", inputs.join(", ")))?;
        let mut number = c_int::try_from(index)?;
        // SAFETY: VIDIOC_S_INPUT reads and writes one int.
        unsafe { ioctl::s_input(self.file.as_raw_fd(), &mut number) }.context("VIDIOC_S_INPUT")?;
        inputs.into_iter().nth(index).context("no such input")
    }

    fn input(&self, index: u32) -> Option<String> {
        let mut input = sys::Input { index, ..Default::default() };
        // SAFETY: VIDIOC_ENUMINPUT reads `index` and writes one v4l2_input.
        unsafe { ioctl::enuminput(self.file.as_raw_fd(), &mut input) }.ok()?;
        Some(text(&input.name))
    }

    /// Sets format, size and line stride to those of the allocator's buffers, and takes no other.
    ///
    /// # Errors
    /// When the driver would write lines of another length or another picture, beyond the buffer, or the chroma plane
    /// elsewhere.
    pub fn set_format(&self, buffer: &Buffer) -> Result<Negotiated> {
        let ((width, height), stride) = (buffer.size(), buffer.stride_bytes());
        let pixelformat = buffer.format().fourcc();
        let field = sys::FIELD_NONE;
        let pix = sys::PixFormat { width, height, pixelformat, field, bytesperline: stride, ..Default::default() };
        let mut got = sys::Format { kind: sys::BUF_TYPE_VIDEO_CAPTURE, fmt: sys::FormatUnion { raw: [0; 200] } };
        got.fmt.pix = pix;
        // SAFETY: VIDIOC_S_FMT reads and writes one v4l2_format, all of whose bytes are initialised.
        unsafe { ioctl::s_fmt(self.file.as_raw_fd(), &mut got) }.context("VIDIOC_S_FMT")?;
        // SAFETY: for V4L2_BUF_TYPE_VIDEO_CAPTURE the driver fills in `pix`; any bytes make a valid one.
        let got = unsafe { got.fmt.pix };
        unchanged("the pixel format", fourcc_name(pixelformat), fourcc_name(got.pixelformat))?;
        unchanged("the frame size", format!("{width}x{height}"), format!("{}x{}", got.width, got.height))?;
        unchanged("the line stride in bytes", stride, got.bytesperline)?;
        unchanged("the field order", field, got.field)?;
        // The single-planar API has no plane offsets: chroma follows the luma lines directly, with the same stride.
        for (number, plane) in (0u64..).zip(buffer.planes()).skip(1) {
            let (at, expected) = (plane.offset_bytes, u64::from(stride) * u64::from(height) * number);
            ensure!(
                (at, plane.stride_bytes) == (expected, stride),
                "plane {number} lies at byte {at} with stride {}, the driver writes it at {expected} with stride {stride}",
                plane.stride_bytes
            );
        }
        let bytes = buffer.info().buffer_bytes;
        let fits = u64::from(got.sizeimage) <= bytes;
        ensure!(fits, "the driver writes {} bytes, the buffer has {bytes}", got.sizeimage);
        Ok(Negotiated {
            fourcc: fourcc_name(got.pixelformat),
            width: got.width,
            height: got.height,
            bytes_per_line: got.bytesperline,
            size_image: got.sizeimage,
            color: color_of(buffer.format(), &got),
        })
    }

    /// Sets a frame rate; gives the one that the driver took, in frames a second.
    ///
    /// # Errors
    /// The driver's refusal, or that it knows no frame rates.
    pub fn set_frame_rate(&self, frames_per_second: u32) -> Result<f64> {
        let mut got = sys::StreamParm { kind: sys::BUF_TYPE_VIDEO_CAPTURE, parm: sys::ParmUnion { raw: [0; 200] } };
        let timeperframe = sys::Fract { numerator: 1, denominator: frames_per_second };
        got.parm.capture = sys::CaptureParm { timeperframe, ..Default::default() };
        // SAFETY: VIDIOC_S_PARM reads and writes one v4l2_streamparm, all of whose bytes are initialised.
        unsafe { ioctl::s_parm(self.file.as_raw_fd(), &mut got) }.context("VIDIOC_S_PARM")?;
        // SAFETY: for V4L2_BUF_TYPE_VIDEO_CAPTURE the driver fills in `capture`; any bytes make a valid one.
        let got = unsafe { got.parm.capture };
        let sys::Fract { numerator, denominator } = got.timeperframe;
        ensure!(got.capability & sys::CAP_TIMEPERFRAME != 0 && numerator != 0, "the driver knows no frame rates");
        Ok(f64::from(denominator) / f64::from(numerator))
    }

    /// Tells the driver that `count` dma-bufs will be queued.
    ///
    /// # Errors
    /// The driver's refusal; or that it takes another number, or no dma-bufs.
    pub fn request_buffers(&self, count: u32) -> Result<()> {
        let got = self.reqbufs(count)?;
        let takes = got.capabilities & sys::BUF_CAP_SUPPORTS_DMABUF != 0;
        ensure!(takes, "driver {} takes no dma-bufs", self.driver);
        unchanged("the number of buffers", count, got.count)
    }

    fn reqbufs(&self, count: u32) -> Result<sys::RequestBuffers> {
        let (kind, memory) = (sys::BUF_TYPE_VIDEO_CAPTURE, sys::MEMORY_DMABUF);
        let mut buffers = sys::RequestBuffers { count, kind, memory, ..Default::default() };
        // SAFETY: VIDIOC_REQBUFS reads and writes one v4l2_requestbuffers.
        unsafe { ioctl::reqbufs(self.file.as_raw_fd(), &mut buffers) }.context("VIDIOC_REQBUFS")?;
        Ok(buffers)
    }

    /// Lends a buffer to the driver until [`Capture::dequeue`] gives its index back. The driver keeps its own reference
    /// to the dma-buf until [`Capture::stop`].
    ///
    /// # Errors
    /// When the dma-buf is smaller than its handle says; when the device needs contiguous memory; else the driver's
    /// refusal.
    pub fn queue(&self, index: u32, lent: &Buffer) -> Result<()> {
        let (bytes, real) = (lent.info().buffer_bytes, gralloc_dmabuf::size(lent.dmabuf())?);
        ensure!((1..=real).contains(&bytes), "buffer {index} claims {bytes} bytes, its dma-buf has {real}");
        let mut buffer = sys::Buffer { index, length: u32::try_from(bytes)?, ..sys::Buffer::dmabuf() };
        buffer.m.fd = lent.dmabuf().as_raw_fd();
        // SAFETY: VIDIOC_QBUF reads and writes one v4l2_buffer; its fd is borrowed for the call, in which the driver
        // takes a reference of its own.
        match unsafe { ioctl::qbuf(self.file.as_raw_fd(), &mut buffer) } {
            // videobuf2-dma-contig's answer to a scatter list of more than one piece.
            Err(Errno::EFAULT) => bail!(
                "driver {} cannot use buffer {index}: it needs contiguous memory and this is scattered (EFAULT)",
                self.driver
            ),
            other => other.map(drop).context("VIDIOC_QBUF"),
        }
    }

    /// Starts to capture.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn start(&mut self) -> Result<()> {
        // SAFETY: VIDIOC_STREAMON reads one int.
        unsafe { ioctl::streamon(self.file.as_raw_fd(), &CAPTURE) }.context("VIDIOC_STREAMON")?;
        self.streaming = true;
        Ok(())
    }

    /// Takes the next finished frame, if one is there now.
    ///
    /// # Errors
    /// The driver's, for instance EIO.
    pub fn dequeue(&self) -> Result<Option<Frame>> {
        let mut buffer = sys::Buffer::dmabuf();
        // SAFETY: VIDIOC_DQBUF reads and writes one v4l2_buffer.
        match unsafe { ioctl::dqbuf(self.file.as_raw_fd(), &mut buffer) } {
            Err(Errno::EAGAIN) => Ok(None),
            Err(errno) => Err(errno).context("VIDIOC_DQBUF"),
            Ok(_) => Ok(Some(Frame {
                index: buffer.index,
                sequence: buffer.sequence,
                bytes_used: buffer.bytesused,
                damaged: buffer.flags & sys::BUF_FLAG_ERROR != 0,
            })),
        }
    }

    /// Stops and makes the driver let go of every dma-buf.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn stop(&mut self) -> Result<()> {
        self.streaming = false;
        // SAFETY: VIDIOC_STREAMOFF reads one int.
        unsafe { ioctl::streamoff(self.file.as_raw_fd(), &CAPTURE) }.context("VIDIOC_STREAMOFF")?;
        self.reqbufs(0).map(drop)
    }
}

impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if self.streaming {
            // Nothing to be done about a failure here: closing the node stops it too.
            let _ = self.stop();
        }
    }
}

fn unchanged<T: PartialEq + std::fmt::Display>(what: &str, asked: T, got: T) -> Result<()> {
    ensure!(asked == got, "the driver changed {what}: asked for {asked}, it set {got}");
    Ok(())
}

/// What the driver says of its colours, with V4L2's defaults filled in.
fn color_of(format: Format, got: &sys::PixFormat) -> ColorEncoding {
    // enum v4l2_colorspace: 3 is REC709; enum v4l2_ycbcr_encoding: 1 is 601, 2 is 709; V4L2_MAP_YCBCR_ENC_DEFAULT takes
    // 709 for REC709, 601 for sRGB and SMPTE170M. enum v4l2_quantization: 1 full, 2 limited;
    // V4L2_MAP_QUANTIZATION_DEFAULT: full for RGB and JPEG (7), else limited.
    let bt709 = match got.ycbcr_enc {
        0 => got.colorspace == 3,
        encoding => encoding == 2,
    };
    let full_range = match got.quantization {
        0 => !format.is_yuv() || got.colorspace == 7,
        quantization => quantization == 1,
    };
    ColorEncoding { bt709, full_range }
}

/// A fixed-size text field of the kernel's.
fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_named_without_such_a_device_says_what_there_is() {
        let error = Capture::open_named("no-such-camera").unwrap_err();
        assert!(error.to_string().contains("no-such-camera"), "{error}");
    }

    #[test]
    fn open_of_something_else_names_the_node() {
        assert!(Capture::open(Path::new("/dev/null")).unwrap_err().to_string().contains("VIDIOC_QUERYCAP"));
        let error = Capture::open(Path::new("/nonexistent/video7")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/video7"), "{error}");
    }

    #[test]
    fn color_of_defaults_follows_the_kernels_mapping() {
        let pix = |colorspace, ycbcr_enc, quantization| sys::PixFormat {
            colorspace,
            ycbcr_enc,
            quantization,
            ..Default::default()
        };
        let color = |bt709, full_range| ColorEncoding { bt709, full_range };
        assert_eq!(color_of(Format::Nv12, &pix(8, 0, 0)), color(false, false));
        assert_eq!(color_of(Format::Xr24, &pix(8, 0, 0)), color(false, true));
        assert_eq!(color_of(Format::Nv12, &pix(3, 0, 0)), color(true, false));
        assert_eq!(color_of(Format::Nv12, &pix(8, 2, 1)), color(true, true));
    }

    #[test]
    fn text_stops_at_the_terminator() {
        assert_eq!(text(b"vivid\0\0junk"), "vivid");
        assert_eq!(text(b"full"), "full");
    }
}
