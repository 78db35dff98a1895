//! A V4L2 capture device that writes into somebody else's dma-bufs.
//!
//! Single-planar API, `V4L2_MEMORY_DMABUF` only: the device allocates nothing. The node is found by its name in sysfs,
//! since `/dev/videoN` numbers depend on the order in which drivers came up.
//!
//! Invariant: a buffer is queued with a length that its dma-buf really has. Linux 6.12's videobuf2 keeps a reference
//! to a dma-buf for good when QBUF claims more, so [`Capture::queue`] compares before it calls.
//! Source: `Documentation/userspace-api/media/v4l/dmabuf.rst`, Linux 6.12.

mod error;
mod sys;

pub use error::Error;

use crate::format::{ColorEncoding, Format};
use crate::image::Image;
use error::request;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use sys::ioctl;

/// Where the kernel lists its video nodes, each with its `name`.
const VIDEO_CLASS: &str = "/sys/class/video4linux";

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
    /// CLOCK_MONOTONIC, µs.
    pub timestamp_us: u64,
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
    card: String,
    streaming: bool,
}

impl Capture {
    /// Opens the device whose sysfs name is `name`.
    ///
    /// # Errors
    /// [`Error::NoDevice`], [`Error::Open`], or [`Error::NotACamera`].
    pub fn open_named(name: &str) -> Result<Capture, Error> {
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
        Err(Error::NoDevice { wanted: name.to_owned(), found })
    }

    /// Opens a node by its path.
    ///
    /// # Errors
    /// [`Error::Open`] or [`Error::NotACamera`].
    pub fn open(node: &Path) -> Result<Capture, Error> {
        // Non-blocking: DQBUF is only called after poll, and must not hang if the two disagree.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nix::libc::O_CLOEXEC | nix::libc::O_NONBLOCK)
            .open(node)
            .map_err(|cause| Error::Open { node: node.to_owned(), cause })?;
        let mut caps = sys::Capability::default();
        // SAFETY: VIDIOC_QUERYCAP (videodev2.h) writes one v4l2_capability, which `caps` is.
        unsafe { ioctl::querycap(file.as_raw_fd(), &mut caps) }.map_err(request("VIDIOC_QUERYCAP"))?;
        let driver = text(&caps.driver);
        let capabilities =
            if caps.capabilities & sys::CAP_DEVICE_CAPS == 0 { caps.capabilities } else { caps.device_caps };
        let needed = sys::CAP_VIDEO_CAPTURE | sys::CAP_STREAMING;
        if capabilities & needed != needed {
            return Err(Error::NotACamera { node: node.to_owned(), driver, capabilities });
        }
        Ok(Capture { file, node: node.to_owned(), driver, card: text(&caps.card), streaming: false })
    }

    /// The node's path.
    pub fn node(&self) -> &Path {
        &self.node
    }

    /// The driver's name, and the device's own.
    pub fn names(&self) -> (&str, &str) {
        (&self.driver, &self.card)
    }

    /// The names of the inputs, in the driver's order.
    pub fn inputs(&self) -> Vec<String> {
        let mut inputs = Vec::new();
        for index in 0.. {
            let mut input = sys::Input { index, ..Default::default() };
            // SAFETY: VIDIOC_ENUMINPUT reads `index` and writes one v4l2_input.
            if unsafe { ioctl::enuminput(self.file.as_raw_fd(), &mut input) }.is_err() {
                break;
            }
            inputs.push(text(&input.name));
        }
        inputs
    }

    /// Chooses the first input whose name begins with `prefix`, whatever the case; answers its full name.
    ///
    /// # Errors
    /// [`Error::NoInput`], or the driver's refusal.
    pub fn select_input(&self, prefix: &str) -> Result<String, Error> {
        let inputs = self.inputs();
        let wanted = prefix.to_ascii_lowercase();
        let Some((index, name)) = (0..).zip(&inputs).find(|(_, name)| name.to_ascii_lowercase().starts_with(&wanted))
        else {
            return Err(Error::NoInput { wanted: prefix.to_owned(), found: inputs.join(", ") });
        };
        let mut index: std::ffi::c_int = index;
        // SAFETY: VIDIOC_S_INPUT reads and writes one int.
        unsafe { ioctl::s_input(self.file.as_raw_fd(), &mut index) }.map_err(request("VIDIOC_S_INPUT"))?;
        Ok(name.clone())
    }

    /// Sets format, size and line stride to those of the allocator's buffers, and takes no other.
    ///
    /// # Errors
    /// [`Error::Changed`] when the driver would write lines of another length or another picture; [`Error::Buffer`] when
    /// it would write beyond the buffer or put the chroma plane elsewhere.
    pub fn set_format(&self, image: &Image) -> Result<Negotiated, Error> {
        let stride = image.stride_bytes();
        let pix = sys::PixFormat {
            width: image.width(),
            height: image.height(),
            pixelformat: image.format().v4l2(),
            field: sys::FIELD_NONE,
            bytesperline: stride,
            ..Default::default()
        };
        let mut format = sys::Format { kind: sys::BUF_TYPE_VIDEO_CAPTURE, fmt: sys::FormatUnion { raw: [0; 200] } };
        format.fmt.pix = pix;
        // SAFETY: VIDIOC_S_FMT reads and writes one v4l2_format, all of whose bytes are initialised.
        unsafe { ioctl::s_fmt(self.file.as_raw_fd(), &mut format) }.map_err(request("VIDIOC_S_FMT"))?;
        // SAFETY: for V4L2_BUF_TYPE_VIDEO_CAPTURE the driver fills in `pix`; any bytes make a valid PixFormat.
        let got = unsafe { format.fmt.pix };
        let changed = |what, asked: String, got: String| Err(Error::Changed { what, asked, got });
        if got.pixelformat != pix.pixelformat {
            return changed("the pixel format", fourcc(pix.pixelformat), fourcc(got.pixelformat));
        }
        if (got.width, got.height) != (pix.width, pix.height) {
            return changed(
                "the frame size",
                format!("{}x{}", pix.width, pix.height),
                format!("{}x{}", got.width, got.height),
            );
        }
        if got.bytesperline != stride {
            return changed("the line stride", format!("{stride} bytes"), format!("{} bytes", got.bytesperline));
        }
        if got.field != sys::FIELD_NONE {
            return changed("the field order", "progressive".to_owned(), format!("field order {}", got.field));
        }
        // The single-planar API has no plane offsets: chroma follows the luma lines directly, with the same stride.
        for (number, plane) in (0u64..).zip(image.planes()).skip(1) {
            let expected = u64::from(stride) * u64::from(image.height()) * number;
            if plane.offset_bytes != expected || plane.stride_bytes != stride {
                return Err(Error::Buffer(format!(
                    "plane {number} lies at byte {} with stride {}, the driver writes it at {expected} with stride {stride}",
                    plane.offset_bytes, plane.stride_bytes
                )));
            }
        }
        if u64::from(got.sizeimage) > image.bytes() {
            return Err(Error::Buffer(format!(
                "the driver writes {} bytes, the buffer has {}",
                got.sizeimage,
                image.bytes()
            )));
        }
        Ok(Negotiated {
            fourcc: fourcc(got.pixelformat),
            width: got.width,
            height: got.height,
            bytes_per_line: got.bytesperline,
            size_image: got.sizeimage,
            color: color_of(image.format(), &got),
        })
    }

    /// Asks for a frame rate; answers the one that the driver set, in frames a second.
    ///
    /// # Errors
    /// The driver's refusal, or [`Error::Changed`] when it knows no frame rates.
    pub fn set_frame_rate(&self, frames_per_second: u32) -> Result<f64, Error> {
        let mut parm = sys::StreamParm { kind: sys::BUF_TYPE_VIDEO_CAPTURE, parm: sys::ParmUnion { raw: [0; 200] } };
        parm.parm.capture = sys::CaptureParm {
            timeperframe: sys::Fract { numerator: 1, denominator: frames_per_second },
            ..Default::default()
        };
        // SAFETY: VIDIOC_S_PARM reads and writes one v4l2_streamparm, all of whose bytes are initialised.
        unsafe { ioctl::s_parm(self.file.as_raw_fd(), &mut parm) }.map_err(request("VIDIOC_S_PARM"))?;
        // SAFETY: for V4L2_BUF_TYPE_VIDEO_CAPTURE the driver fills in `capture`; any bytes make a valid CaptureParm.
        let got = unsafe { parm.parm.capture };
        let sys::Fract { numerator, denominator } = got.timeperframe;
        if got.capability & sys::CAP_TIMEPERFRAME == 0 || numerator == 0 {
            return Err(Error::Changed {
                what: "the frame rate",
                asked: format!("{frames_per_second}/s"),
                got: "none".to_owned(),
            });
        }
        Ok(f64::from(denominator) / f64::from(numerator))
    }

    /// Tells the driver that `count` dma-bufs will be queued.
    ///
    /// # Errors
    /// The driver's refusal; [`Error::Changed`] when it takes another number or no dma-bufs.
    pub fn request_buffers(&self, count: u32) -> Result<(), Error> {
        let got = self.reqbufs(count)?;
        if got.capabilities & sys::BUF_CAP_SUPPORTS_DMABUF == 0 {
            return Err(Error::Buffer(format!("driver {} takes no dma-bufs", self.driver)));
        }
        if got.count < count {
            return Err(Error::Changed {
                what: "the number of buffers",
                asked: count.to_string(),
                got: got.count.to_string(),
            });
        }
        Ok(())
    }

    fn reqbufs(&self, count: u32) -> Result<sys::RequestBuffers, Error> {
        let mut buffers = sys::RequestBuffers {
            count,
            kind: sys::BUF_TYPE_VIDEO_CAPTURE,
            memory: sys::MEMORY_DMABUF,
            ..Default::default()
        };
        // SAFETY: VIDIOC_REQBUFS reads and writes one v4l2_requestbuffers.
        unsafe { ioctl::reqbufs(self.file.as_raw_fd(), &mut buffers) }.map_err(request("VIDIOC_REQBUFS"))?;
        Ok(buffers)
    }

    /// Lends a dma-buf to the driver until [`Capture::dequeue`] gives its index back. The driver keeps its own reference
    /// to the dma-buf until [`Capture::stop`].
    ///
    /// # Errors
    /// [`Error::Buffer`] when the dma-buf is smaller than `bytes`; [`Error::Scattered`] when the device needs contiguous
    /// memory; else the driver's refusal.
    pub fn queue(&self, index: u32, dmabuf: BorrowedFd<'_>, bytes: u64) -> Result<(), Error> {
        let real = crate::dmabuf::size_of(dmabuf).map_err(request("lseek of a dma-buf"))?;
        let length = u32::try_from(bytes).ok().filter(|length| *length > 0 && u64::from(*length) <= real);
        let Some(length) = length else {
            return Err(Error::Buffer(format!("buffer {index} claims {bytes} bytes, its dma-buf has {real}")));
        };
        let mut buffer = sys::Buffer { index, length, ..sys::Buffer::dmabuf() };
        buffer.m.fd = dmabuf.as_raw_fd();
        // SAFETY: VIDIOC_QBUF reads and writes one v4l2_buffer; its fd is borrowed for the call, in which the driver
        // takes a reference of its own.
        match unsafe { ioctl::qbuf(self.file.as_raw_fd(), &mut buffer) } {
            Ok(_) => Ok(()),
            // videobuf2-dma-contig's answer to a scatter list of more than one piece.
            Err(nix::Error::EFAULT) => Err(Error::Scattered { driver: self.driver.clone(), index }),
            Err(cause) => Err(Error::Request { request: "VIDIOC_QBUF", cause }),
        }
    }

    /// Starts to capture.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn start(&mut self) -> Result<(), Error> {
        let kind = std::ffi::c_int::try_from(sys::BUF_TYPE_VIDEO_CAPTURE).unwrap_or(1);
        // SAFETY: VIDIOC_STREAMON reads one int.
        unsafe { ioctl::streamon(self.file.as_raw_fd(), &kind) }.map_err(request("VIDIOC_STREAMON"))?;
        self.streaming = true;
        Ok(())
    }

    /// Takes the next finished frame, if one is there now.
    ///
    /// # Errors
    /// The driver's word, for instance EIO.
    pub fn dequeue(&self) -> Result<Option<Frame>, Error> {
        let mut buffer = sys::Buffer::dmabuf();
        // SAFETY: VIDIOC_DQBUF reads and writes one v4l2_buffer.
        match unsafe { ioctl::dqbuf(self.file.as_raw_fd(), &mut buffer) } {
            Err(nix::Error::EAGAIN) => Ok(None),
            Err(cause) => Err(Error::Request { request: "VIDIOC_DQBUF", cause }),
            Ok(_) => {
                let [seconds, micros] = buffer.timestamp.map(|part| u64::try_from(part).unwrap_or(0));
                Ok(Some(Frame {
                    index: buffer.index,
                    sequence: buffer.sequence,
                    timestamp_us: seconds.saturating_mul(1_000_000).saturating_add(micros),
                    bytes_used: buffer.bytesused,
                    damaged: buffer.flags & sys::BUF_FLAG_ERROR != 0,
                }))
            }
        }
    }

    /// Waits for a frame and takes it.
    ///
    /// # Errors
    /// [`Error::Timeout`] after `timeout_ms`, or the driver's word.
    pub fn wait(&self, timeout_ms: u16) -> Result<Frame, Error> {
        let mut fds = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(timeout_ms)).map_err(request("poll of the capture device"))?;
        self.dequeue()?.ok_or(Error::Timeout(timeout_ms))
    }

    /// Stops and makes the driver let go of every dma-buf.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn stop(&mut self) -> Result<(), Error> {
        let kind = std::ffi::c_int::try_from(sys::BUF_TYPE_VIDEO_CAPTURE).unwrap_or(1);
        self.streaming = false;
        // SAFETY: VIDIOC_STREAMOFF reads one int.
        unsafe { ioctl::streamoff(self.file.as_raw_fd(), &kind) }.map_err(request("VIDIOC_STREAMOFF"))?;
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

/// Four characters, as people write them.
fn fourcc(code: u32) -> String {
    code.to_le_bytes().iter().map(|byte| char::from(*byte)).collect()
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
        let error = Capture::open(Path::new("/dev/null")).unwrap_err();
        assert!(matches!(error, Error::Request { request: "VIDIOC_QUERYCAP", .. }), "{error}");
        let error = Capture::open(Path::new("/nonexistent/video7")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/video7"), "{error}");
    }

    #[test]
    fn color_of_defaults_follows_the_kernels_mapping() {
        let srgb = sys::PixFormat { colorspace: 8, ..Default::default() };
        assert_eq!(color_of(Format::Nv12, &srgb), ColorEncoding { bt709: false, full_range: false });
        assert_eq!(color_of(Format::Xr24, &srgb), ColorEncoding { bt709: false, full_range: true });
        let rec709 = sys::PixFormat { colorspace: 3, ..Default::default() };
        assert_eq!(color_of(Format::Nv12, &rec709), ColorEncoding { bt709: true, full_range: false });
        let said = sys::PixFormat { colorspace: 8, ycbcr_enc: 2, quantization: 1, ..Default::default() };
        assert_eq!(color_of(Format::Nv12, &said), ColorEncoding { bt709: true, full_range: true });
    }

    #[test]
    fn text_stops_at_the_terminator() {
        assert_eq!(text(b"vivid\0\0junk"), "vivid");
        assert_eq!(text(b"full"), "full");
        assert_eq!(fourcc(u32::from_le_bytes(*b"NV12")), "NV12");
    }
}
