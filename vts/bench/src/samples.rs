//! The samples of a run as a JSON file: written where they are taken, read by the report.

use crate::rows::Limit;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The newest form of the file.
const SCHEMA: u32 = 1;

/// What one run measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    /// The form of the file.
    pub schema: u32,
    /// Where.
    pub machine: Machine,
    /// Row by row.
    pub rows: Vec<RowSamples>,
}

/// The machine that the samples are from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The kernel's release.
    pub kernel: String,
    /// Its processors.
    pub processors: usize,
}

/// The samples of one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSamples {
    /// The row's name.
    pub row: String,
    /// One a round, in the order of the rounds.
    pub samples: Vec<Sample>,
}

/// One round, in the row's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The service's client.
    pub ours: f64,
    /// The bare system calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<f64>,
    /// A call that does nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ping: Option<f64>,
    /// A binder service, or a library, that does nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bare: Option<f64>,
    /// The same service with the pool off, left alone, or without marks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<f64>,
}

impl Sample {
    /// What nobody can beat in this round; `None` where there is no such thing.
    pub fn limit(&self, limit: Limit) -> Option<f64> {
        match limit {
            Limit::RawAndPing => Some(self.raw? + self.ping?),
            Limit::Raw => self.raw,
            Limit::Plain => self.plain,
            Limit::Bare => self.bare,
            Limit::Nothing => None,
        }
    }

    /// A sample with nothing to compare it with.
    pub const fn alone(ours: f64) -> Sample {
        Sample { ours, raw: None, ping: None, bare: None, plain: None }
    }
}

impl Samples {
    /// No rows yet.
    pub fn new(machine: Machine) -> Samples {
        Samples { schema: SCHEMA, machine, rows: Vec::new() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read or is of another form.
    pub fn read(path: &Path) -> Result<Samples> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let samples: Samples = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let schema = samples.schema;
        anyhow::ensure!(schema == SCHEMA, "{}: schema {schema}, {SCHEMA} is read", path.display());
        Ok(samples)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self).context("samples")?;
        fs::write(path, text).with_context(|| path.display().to_string())
    }

    /// Puts a row in the place of the one of its name, or adds it.
    pub fn put(&mut self, row: RowSamples) {
        match self.rows.iter_mut().find(|old| old.row == row.row) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
    }
}
