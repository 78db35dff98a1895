//! What `camera` writes down.

use serde::Serialize;
use std::path::PathBuf;
use vts_clients::facts::Facts;
use vts_clients::link::Path;
use vts_clients::v4l2::Negotiated;

/// Everything about a run, beside what every program reports.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Run {
    pub(crate) device: Option<Device>,
    pub(crate) buffers: Vec<Slot>,
    pub(crate) frames: Frames,
    pub(crate) saved: Option<Saved>,
}

/// The whole report.
pub(crate) type Report = vts_clients::report::Report<Run>;

#[derive(Debug, Serialize)]
pub(crate) struct Device {
    pub(crate) node: PathBuf,
    pub(crate) name: String,
    pub(crate) driver: String,
    pub(crate) input: String,
    pub(crate) frames_per_second: f64,
    #[serde(flatten)]
    pub(crate) format: Negotiated,
}

/// A buffer of the ring.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Slot {
    pub(crate) slot: u32,
    /// How the display shows it.
    pub(crate) path: Option<Path>,
    #[serde(flatten)]
    pub(crate) facts: Facts,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Frames {
    pub(crate) asked: u32,
    pub(crate) captured: u32,
    /// Frames that differ from the one before.
    pub(crate) changed: u32,
    /// Frames that do not, although the driver counted on. (With the same counter it is the driver's own repeat: vivid
    /// counts by a clock of 1/HZ s, and at 60 frames a second now and then gives the same frame twice.)
    pub(crate) stale: u32,
    /// Frames that the driver called damaged or left short.
    pub(crate) damaged: u32,
    /// Gaps in the driver's counter: frames for which it had no buffer.
    pub(crate) missed: u32,
    pub(crate) presented: u32,
    pub(crate) last_sequence: u32,
    pub(crate) elapsed_ms: u64,
    pub(crate) frames_per_second: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Saved {
    pub(crate) file: PathBuf,
    /// `ppm` or `raw`.
    pub(crate) kind: &'static str,
    pub(crate) sequence: u32,
}
