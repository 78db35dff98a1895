//! Everything that is made of samples, as files.

use crate::rows::ROWS;
use crate::samples::Samples;
use crate::summary::Summary;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;

/// Rows of the samples in their order, those without samples left out.
pub fn summaries(samples: &Samples) -> Vec<Summary> {
    let of = |name| samples.rows.iter().find(move |row| row.row == name);
    ROWS.iter().filter_map(|row| Summary::of(row, of(row.name)?)).collect()
}

/// Writes the rows as a JSON array of `row, unit, n, p50, p99, raw_p50, ping_p50, ratio_raw, ratio_limit,
/// tail_limit, bare_p50, bare_ratio_limit`.
///
/// # Errors
/// The file cannot be written.
pub fn write_json(summaries: &[Summary], path: &Path) -> Result<()> {
    let mut text = serde_json::to_string_pretty(summaries).context("rows")?;
    text.push('\n');
    fs::write(path, text).with_context(|| path.display().to_string())
}

/// Writes `bench.json`, `bench.txt`, `bench.svg` and `bench.png` into a folder; returns the table.
///
/// # Errors
/// A file cannot be written.
#[cfg(feature = "plot")]
pub fn write(samples: &Samples, folder: &Path) -> Result<String> {
    let summaries = summaries(samples);
    let table = crate::table::table(&summaries);
    write_json(&summaries, &folder.join("bench.json"))?;
    let picture = crate::plot::svg(samples);
    let png = heaps_host::png(&picture)?;
    for (name, bytes) in
        [("bench.txt", table.as_bytes()), ("bench.svg", picture.as_bytes()), ("bench.png", png.as_slice())]
    {
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    }
    Ok(table)
}
