//! `heapctl map`

mod live;
mod page;
mod picture;

use crate::args::MapArgs;
use crate::command::lint;
use crate::output::{replace, Output, Status};
use crate::policy;
use anyhow::{bail, Context, Result};
use heaps_config::Policy;
use heaps_host::map::{self, Cell, Map};
use live::Live;
use serde_json::{json, Value};

/// What is drawn.
struct Drawn<'p> {
    policy: &'p Policy,
    source: String,
    /// What a line to paste begins with.
    explain: String,
    map: Map,
    /// What a dump says of the buffers that live.
    live: Option<Live>,
}

pub(crate) fn run(args: &MapArgs, out: &Output) -> Result<Status> {
    let linted = heaps_host::lint(lint::open(&args.policy)?);
    let policy = policy::loadable(&linted)?;
    let map = map::of(policy);
    let live = args.dump.as_deref().map(|file| live::read(file, policy, &map)).transpose()?;
    out.notes(live.as_ref().map_or(&[], |live| live.notes.as_slice()));
    let drawn =
        Drawn { policy, source: linted.source.name.clone(), explain: policy::explain_line(&args.policy), map, live };
    let shown = args.output.display();
    let extension = args.output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let bytes = match extension {
        "html" => page::of(&drawn).into_bytes(),
        "svg" => picture::of(&drawn).into_bytes(),
        "png" => heaps_host::png(&picture::of(&drawn)).with_context(|| shown.to_string())?,
        _ => bail!("{shown}: a map is a page (.html) or a picture (.svg, .png)"),
    };
    replace(&args.output, |to| to.write_all(&bytes))?;
    let (rows, columns) = (drawn.map.formats.len(), drawn.map.uses.len());
    if out.json {
        let file = shown.to_string();
        let mut value = json!({ "ok": true, "output": file, "formats": rows, "uses": columns, "cells": cells(&drawn) });
        if let (Some(live), Value::Object(keys)) = (&drawn.live, &mut value) {
            keys.insert("live_elsewhere".to_owned(), json!(live.elsewhere));
            keys.insert("notes".to_owned(), json!(live.notes));
        }
        out.json(&value);
    } else {
        eprintln!("{shown}: {rows} formats in {columns} uses");
    }
    Ok(Status::Done)
}

/// Every cell for scripts; the page has the same.
fn cells(drawn: &Drawn<'_>) -> Value {
    let mut cells = Vec::new();
    for (row, (format, line)) in drawn.map.formats.iter().zip(&drawn.map.cells).enumerate() {
        for (column, (used, cell)) in drawn.map.uses.iter().zip(line).enumerate() {
            let mut value = cell_json(&format.name, &used.name, cell);
            if let (Some(live), Value::Object(keys)) = (&drawn.live, &mut value) {
                keys.insert("live".to_owned(), live.json((row, column)));
                keys.insert("rule_hits".to_owned(), json!(cell.rule.as_ref().and_then(|rule| live.hits.get(rule))));
            }
            cells.push(value);
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
        "compressed": cell.compressed,
        "alignments": cell.alignments,
        "refused": cell.refused.as_ref().map(|(cause, message)| json!({ "cause": cause, "message": message })),
        "planes": cell.planes,
        "summary": cell.summary,
        "explain": cell.explain,
    })
}
