//! The command line of `display`.

use clap::Parser;
use std::path::PathBuf;
use vts_clients::service::ServiceArgs;
use vts_clients::size::Size;

/// Shows frames of cameras on a DRM display: scans their buffers out where they lie, or converts them into its own.
///
/// The allocator service allocates its own buffers; a camera's arrive through the socket. When the last camera
/// has finished, its last frame stays on the screen until SIGTERM, SIGINT or the end of --hold. Exits with 0 when every
/// check held, with 1 otherwise.
#[derive(Debug, Parser)]
#[command(name = "display", version)]
pub(crate) struct Args {
    /// Unix socket where cameras connect
    #[arg(long, value_name = "SOCKET", default_value = "/run/display.sock")]
    pub(crate) listen: PathBuf,
    /// Mode of the screen, or the most it may have: without that mode, the best smaller one that cameras have too
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720")]
    pub(crate) mode: Size,
    /// DRM node; without it the first that imports dma-bufs and has a mode
    #[arg(long, value_name = "NODE")]
    pub(crate) card: Option<PathBuf>,
    /// Cameras to serve, one after the other, before the last frame is held
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) cameras: u32,
    /// Longest wait for a camera or its next message, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) timeout: u32,
    /// Hold the last frame for so many seconds at most; without it until a signal
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub(crate) hold: Option<u32>,
    /// Draw each frame's number over it, in the camera's buffer, where the controller reads that; through --mapper
    #[arg(long)]
    pub(crate) overlay: bool,
    /// The mapper for --overlay
    #[arg(long, value_name = "FILE", default_value = "/vendor/lib64/hw/mapper.dmaheap.so")]
    pub(crate) mapper: PathBuf,
    /// Write what is on the screen at the end, read back from the buffer, as PPM
    #[arg(long, value_name = "FILE.ppm")]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_help() {
        let args = Args::try_parse_from(["display"]).unwrap();
        assert_eq!((args.mode.to_string(), args.cameras, args.hold), ("1280x720".to_owned(), 1, None));
        assert!(Args::try_parse_from(["display", "--cameras", "0"]).is_err());
        assert!(Args::try_parse_from(["display", "--mode", "wide"]).unwrap_err().to_string().contains("WIDTHxHEIGHT"));
    }
}
