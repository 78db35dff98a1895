//! What `camera` writes down.

use serde::Serialize;
use std::path::PathBuf;
use vts_clients::buffer::Facts;
use vts_clients::report::Checks;
use vts_clients::v4l2::Negotiated;
use vts_clients::wire::Path;

/// Everything about a run, filled in as far as it came.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) client: &'static str,
    pub(crate) ok: bool,
    /// Why it ended early.
    pub(crate) error: Option<String>,
    pub(crate) uid: u32,
    /// How the service was reached.
    pub(crate) service: Option<String>,
    pub(crate) device: Option<Device>,
    pub(crate) buffers: Vec<Slot>,
    pub(crate) frames: Frames,
    pub(crate) saved: Option<Saved>,
    pub(crate) checks: Checks,
}

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
    /// From the call to the decoded handle, µs.
    pub(crate) allocate_us: u64,
    /// How the display shows it.
    pub(crate) path: Option<Path>,
    #[serde(flatten)]
    pub(crate) facts: Facts,
}

#[derive(Debug, Default, Serialize)]
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
