//! What a service's dump says was really asked: the buffers that live, put to the cells of the map, and how often each rule
//! took a request.

use crate::{input, snapshot};
use anyhow::{anyhow, bail, Context, Result};
use gralloc_allocator::statistics::BufferStatistics;
use gralloc_buffer::Usage;
use heaps_config::Policy;
use heaps_host::map::Map;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// A dump of the most buffers that a service keeps account of is smaller.
const MAX_DUMP_BYTES: u64 = 64 << 20;

/// A row and a column.
type Place = (usize, usize);

/// Live buffers by cell, and those that belong to none.
pub(super) struct Live {
    /// By heap and size.
    cells: BTreeMap<Place, BTreeMap<Asked, u64>>,
    /// Buffers whose format or use is not on the map.
    pub(super) elsewhere: u64,
    /// Requests that each rule took since the service started.
    pub(super) hits: BTreeMap<String, u64>,
    /// What does not go together.
    pub(super) notes: Vec<String>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    heap: String,
    bytes: u64,
}

/// Reads a dump.
pub(super) fn read(file: &Path, policy: &Policy, map: &Map) -> Result<Live> {
    let shown = file.display().to_string();
    let opened = std::fs::File::open(file).with_context(|| shown.clone())?;
    let too_long = format!("longer than {MAX_DUMP_BYTES} bytes: no dump");
    let text = input::text(opened, MAX_DUMP_BYTES, &too_long).with_context(|| shown.clone())?;
    let value: Value =
        serde_json::from_str(&text).map_err(|bad| anyhow!("{shown}:{}: not a dump in JSON: {bad}", bad.line()))?;
    if value.get("buffers").is_none() {
        bail!("{shown}: not a dump: it has no \"buffers\"; dumpsys takes --json");
    }
    let dump = snapshot::read(&value).with_context(|| shown.clone())?;
    let mut live = Live {
        cells: BTreeMap::new(),
        elsewhere: 0,
        hits: dump.statistics.rules.into_iter().map(|rule| (rule.name, rule.hits)).collect(),
        notes: Vec::new(),
    };
    if dump.statistics.policy != policy.name {
        let (theirs, ours) = (&dump.statistics.policy, &policy.name);
        live.notes
            .push(format!("{shown}: the service's policy is \"{theirs}\", and the one that is drawn is \"{ours}\""));
    }
    for buffer in dump.buffers {
        let BufferStatistics { heap, bytes, format_value, usage_bits, .. } = buffer;
        match map.place_of(format_value, Usage(usage_bits)) {
            Some(place) => {
                let count = live.cells.entry(place).or_default().entry(Asked { heap, bytes }).or_default();
                *count = count.saturating_add(1);
            }
            None => live.elsewhere = live.elsewhere.saturating_add(1),
        }
    }
    if live.elsewhere > 0 {
        live.notes.push(format!("{shown}: {} buffers have a format or a use that is not on the map", live.elsewhere));
    }
    Ok(live)
}

impl Live {
    /// True when buffers of this row live.
    pub(super) fn has_row(&self, row: usize) -> bool {
        self.cells.keys().any(|place| place.0 == row)
    }

    /// Heaps with their buffers of a cell, most first; empty where none live.
    pub(super) fn heaps(&self, place: Place) -> Vec<(&str, u64)> {
        let mut heaps: BTreeMap<&str, u64> = BTreeMap::new();
        for (asked, count) in self.cells.get(&place).into_iter().flatten() {
            let sum = heaps.entry(&asked.heap).or_default();
            *sum = sum.saturating_add(*count);
        }
        let mut heaps: Vec<(&str, u64)> = heaps.into_iter().collect();
        heaps.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        heaps
    }

    /// The same by size, for scripts and for the page.
    pub(super) fn json(&self, place: Place) -> Value {
        let one =
            |(asked, count): (&Asked, &u64)| json!({ "heap": asked.heap, "bytes": asked.bytes, "buffers": count });
        Value::Array(self.cells.get(&place).into_iter().flatten().map(one).collect())
    }
}
