//! `heapctl map`

mod page;
mod picture;

use crate::args::MapArgs;
use crate::command::lint;
use crate::output::{Output, Status};
use crate::{input, policy};
use anyhow::{anyhow, bail, Context, Result};
use gralloc_buffer::Usage;
use heaps_config::Policy;
use heaps_host::map::{self, Cell, Map};
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// A dump of the most buffers that a service keeps account of is smaller.
const MAX_DUMP_BYTES: u64 = 64 << 20;

/// What is drawn.
struct Drawn<'p> {
    policy: &'p Policy,
    source: String,
    map: Map,
    /// Live buffers by use and heap, where a dump is given; the last entry is what fits no column.
    live: Option<Live>,
}

/// Live buffers by column, and those that belong to none.
struct Live {
    by_use: Vec<BTreeMap<String, u64>>,
    elsewhere: u64,
}

pub(crate) fn run(args: &MapArgs, out: &Output) -> Result<Status> {
    let linted = heaps_host::lint(lint::open(&args.policy)?);
    let policy = policy::loadable(&linted)?;
    let map = map::of(policy);
    let live = args.dump.as_deref().map(|file| live(file, &map)).transpose()?;
    let drawn = Drawn { policy, source: linted.source.name.clone(), map, live };
    let extension = args.output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let text = match extension {
        "html" => page::of(&drawn),
        "svg" => picture::of(&drawn),
        _ => bail!("{}: a map is a page (.html) or a picture (.svg)", args.output.display()),
    };
    std::fs::write(&args.output, text).with_context(|| format!("cannot write {}", args.output.display()))?;
    let (rows, columns) = (drawn.map.formats.len(), drawn.map.uses.len());
    if out.json {
        let file = args.output.display().to_string();
        out.json(&json!({ "ok": true, "output": file, "formats": rows, "uses": columns, "cells": cells(&drawn) }));
    } else {
        eprintln!("{}: {rows} formats in {columns} uses", args.output.display());
    }
    Ok(Status::Done)
}

/// Every cell for scripts; the page has the same.
fn cells(drawn: &Drawn<'_>) -> Value {
    let mut cells = Vec::new();
    for (format, row) in drawn.map.formats.iter().zip(&drawn.map.cells) {
        for (used, cell) in drawn.map.uses.iter().zip(row) {
            cells.push(cell_json(format.name(), &used.name, cell));
        }
    }
    Value::Array(cells)
}

fn cell_json(format: &str, used: &str, cell: &Cell) -> Value {
    json!({
        "format": format,
        "use": used,
        "heaps": cell.heaps,
        "rule": cell.rule,
        "becomes": cell.becomes,
        "alignments": cell.alignments,
        "refused": cell.refused.as_ref().map(|(cause, message)| json!({ "cause": cause, "message": message })),
        "planes": cell.planes,
        "summary": cell.summary,
        "explain": cell.explain,
    })
}

/// What a service's dump says of live buffers: their usage and heap. It does not say their format.
fn live(file: &Path, map: &Map) -> Result<Live> {
    let shown = file.display().to_string();
    let opened = std::fs::File::open(file).with_context(|| shown.clone())?;
    let too_long = format!("longer than {MAX_DUMP_BYTES} bytes: no dump");
    let text = input::text(opened, MAX_DUMP_BYTES, &too_long).with_context(|| shown.clone())?;
    let dump: Value =
        serde_json::from_str(&text).map_err(|bad| anyhow!("{shown}:{}: not a dump in JSON: {bad}", bad.line()))?;
    let buffers = dump.get("buffers").and_then(Value::as_array);
    let Some(buffers) = buffers else { bail!("{shown}: not a dump: it has no \"buffers\"; dumpsys takes --json") };
    let mut live = Live { by_use: vec![BTreeMap::new(); map.uses.len()], elsewhere: 0 };
    for buffer in buffers {
        let usage = buffer.get("usage_bits").and_then(Value::as_u64).map(Usage).unwrap_or_default();
        let heap = buffer.get("heap").and_then(Value::as_str).unwrap_or("?").to_owned();
        match map.use_of(usage).and_then(|at| live.by_use.get_mut(at)) {
            Some(heaps) => {
                let count = heaps.entry(heap).or_default();
                *count = count.saturating_add(1);
            }
            None => live.elsewhere = live.elsewhere.saturating_add(1),
        }
    }
    Ok(live)
}
