//! The command line of `camera`.

use clap::Parser;
use gralloc_buffer::Usage;
use std::path::PathBuf;
use vts_clients::format::Format;
use vts_clients::service::ServiceArgs;
use vts_clients::size::Size;

/// Captures frames of a V4L2 camera into buffers of the graphics allocator, and hands them to a display.
///
/// The allocator service allocates every buffer; the device writes into them by V4L2_MEMORY_DMABUF. Exits with 0
/// when every check held, with 1 otherwise.
#[derive(Debug, Parser)]
#[command(name = "camera", version)]
pub(crate) struct Args {
    /// Name of the capture device, as in /sys/class/video4linux/*/name
    #[arg(long, value_name = "NAME", default_value = "vivid-000-vid-cap")]
    pub(crate) camera: String,
    /// Beginning of the name of the device's input
    #[arg(long, value_name = "NAME", default_value = "webcam")]
    pub(crate) input: String,
    /// Pixel format
    #[arg(long, value_enum, default_value = "xr24")]
    pub(crate) format: Format,
    /// Pixels of a frame [default: the display's, without one 1280x720]
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    pub(crate) size: Option<Size>,
    /// Frames a second
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) fps: u32,
    /// Frames to capture
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) frames: u32,
    /// Buffers in the ring
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(3..=32))]
    pub(crate) buffers: u32,
    /// AIDL usage names instead of CAMERA_OUTPUT, CPU_READ_OFTEN and, with --connect, COMPOSER_OVERLAY
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = usage)]
    pub(crate) usage: Vec<Usage>,
    /// Hand the frames to the display that listens at this socket
    #[arg(long, value_name = "SOCKET")]
    pub(crate) connect: Option<PathBuf>,
    /// Fail unless the display controller itself reads the camera's buffers
    #[arg(long, requires = "connect")]
    pub(crate) require_scanout: bool,
    /// Do not look for test bars in the frames
    #[arg(long)]
    pub(crate) any_picture: bool,
    /// Write the last frame: as a picture if the name ends in .ppm, else its planes' bytes without padding
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// Write a report
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,
    /// Print JSON lines
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

impl Args {
    /// What the buffers are for.
    pub(crate) fn usage(&self) -> Usage {
        if !self.usage.is_empty() {
            return self.usage.iter().fold(Usage::NONE, |all, usage| all | *usage);
        }
        let shown = if self.connect.is_some() { Usage::COMPOSER_OVERLAY } else { Usage::NONE };
        Usage::CAMERA_OUTPUT | Usage::CPU_READ_OFTEN | shown
    }
}

fn usage(name: &str) -> Result<Usage, String> {
    Usage::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Usage::CPU_VALUES.iter().chain(Usage::FLAGS).map(|(name, _)| *name).collect();
        format!("AIDL knows {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["camera"], words].concat())
    }

    #[test]
    fn usage_by_default_is_a_cameras_and_with_a_display_an_overlays_too() {
        let camera = Usage::CAMERA_OUTPUT | Usage::CPU_READ_OFTEN;
        assert_eq!(args(&[]).unwrap().usage(), camera);
        assert_eq!(args(&["--connect", "s"]).unwrap().usage(), camera | Usage::COMPOSER_OVERLAY);
        assert_eq!(
            args(&["--usage", "CAMERA_OUTPUT,CPU_READ_RARELY"]).unwrap().usage(),
            Usage::CAMERA_OUTPUT | Usage::CPU_READ_RARELY
        );
    }

    #[test]
    fn bad_arguments_are_refused_with_what_would_do() {
        let refused = |words: &[&str]| args(words).unwrap_err().to_string();
        assert!(refused(&["--usage", "CAMERA"]).contains("CAMERA_OUTPUT"));
        assert!(refused(&["--size", "big"]).contains("1280x720"));
        assert!(refused(&["--buffers", "2"]).contains("3..=32"));
        assert!(refused(&["--format", "rgb"]).contains("nv12"));
        assert!(refused(&["--require-scanout"]).contains("--connect"));
    }
}
