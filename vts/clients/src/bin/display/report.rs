//! What `display` writes down.

use serde::Serialize;
use std::path::PathBuf;
use vts_clients::facts::Facts;
use vts_clients::link::Path;
use vts_clients::overlay::Patch;

/// Everything about a run, beside what every program reports.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Run {
    pub(crate) screen: Option<ScreenFacts>,
    /// The display's own buffers.
    pub(crate) buffers: Vec<Facts>,
    pub(crate) cameras: Vec<Session>,
    pub(crate) held: Option<Held>,
    /// What was drawn over the held frame.
    pub(crate) overlay: Vec<Patch>,
}

/// The whole report.
pub(crate) type Report = vts_clients::report::Report<Run>;

#[derive(Debug, Serialize)]
pub(crate) struct ScreenFacts {
    pub(crate) node: PathBuf,
    pub(crate) driver: String,
    pub(crate) connector: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// One camera, from its connection to its end.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Session {
    pub(crate) uid: u32,
    pub(crate) pid: i32,
    pub(crate) slots: Vec<Slot>,
    pub(crate) frames: u32,
    pub(crate) scanned_out: u32,
    pub(crate) composed: u32,
    /// Frames that were drawn over through the mapper.
    pub(crate) overlaid: u32,
    /// All of that, from lock to unlock, µs.
    pub(crate) overlay_us: u64,
    /// All conversions by the CPU, µs.
    pub(crate) compose_us: u64,
    /// All flips, from the request to the event, µs.
    pub(crate) flip_us: u64,
    /// Why it ended other than by being finished.
    pub(crate) error: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Slot {
    pub(crate) slot: u32,
    pub(crate) path: Path,
    /// Why the controller does not read the buffer itself.
    pub(crate) reason: Option<String>,
    #[serde(flatten)]
    pub(crate) facts: Facts,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Held {
    /// Which camera, from 0.
    pub(crate) camera: usize,
    pub(crate) slot: u32,
    pub(crate) sequence: u32,
    pub(crate) path: Path,
}
