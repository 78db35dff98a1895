//! `heapctl report`

mod page;
mod perfetto;

use crate::args::ReportArgs;
use crate::output::{Output, Status};
use crate::snapshot::{self, ask, connect, Snapshot};
use anyhow::{bail, Context, Result};
use serde_json::{json, Value};
use std::fmt::Write as _;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Most samples that are drawn: a day at one a second.
const MOST_SAMPLES: usize = 100_000;

pub(crate) fn run(args: &ReportArgs, out: &Output) -> Result<Status> {
    let dumps = match &args.from {
        Some(file) => recorded(file)?,
        None => sample(args, out)?,
    };
    if let Some(file) = &args.record {
        let mut lines = String::new();
        for dump in &dumps {
            writeln!(lines, "{dump}")?;
        }
        std::fs::write(file, lines).with_context(|| file.display().to_string())?;
    }
    let samples: Vec<Snapshot> = dumps.iter().map(snapshot::read).collect::<Result<_>>()?;
    std::fs::write(&args.output, page::of(&samples)).with_context(|| args.output.display().to_string())?;
    if let Some(file) = &args.perfetto {
        std::fs::write(file, perfetto::of(&samples)).with_context(|| file.display().to_string())?;
    }
    let path = args.output.display().to_string();
    let trace = args.perfetto.as_ref().map(|file| file.display().to_string());
    if out.json {
        out.json(&json!({ "ok": true, "report": path, "perfetto": trace, "samples": samples.len() }));
    } else {
        let trace = trace.map_or(String::new(), |trace| format!("{trace}: the same for ui.perfetto.dev\n"));
        out.text(&format!("{path}: {} samples\n{trace}", samples.len()));
    }
    Ok(Status::Done)
}

fn sample(args: &ReportArgs, out: &Output) -> Result<Vec<Value>> {
    let connection = connect(args.transport.transport())?;
    let end = Duration::from_secs(args.seconds);
    if end > Duration::from_secs(2) {
        out.notes(&[format!("watching for {} s", args.seconds)]);
    }
    let start = Instant::now();
    let mut dumps = Vec::new();
    loop {
        dumps.push(ask(&connection, None)?);
        if start.elapsed() >= end || dumps.len() >= MOST_SAMPLES {
            return Ok(dumps);
        }
        sleep(Duration::from_millis(args.interval).min(end.saturating_sub(start.elapsed())));
    }
}

fn recorded(file: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut dumps = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("{}:{}: not a dump in JSON", file.display(), index.saturating_add(1));
        let dump: Value = serde_json::from_str(line).with_context(place)?;
        if dump.get("heaps").is_none() {
            bail!("{}", place());
        }
        dumps.push(dump);
    }
    match dumps.len() {
        0 => bail!("{}: no samples in it", file.display()),
        1..=MOST_SAMPLES => Ok(dumps),
        more => bail!("{}: {more} samples, at most {MOST_SAMPLES} are drawn", file.display()),
    }
}
