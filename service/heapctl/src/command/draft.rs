//! `heapctl draft`

use crate::args::DraftArgs;
use crate::output::{Output, Status};
use anyhow::{anyhow, bail, Context, Result};
use heaps_host::{Format, Source};
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// Names of 128 heaps are a tenth of it.
const MAX_LIST_BYTES: u64 = 64 * 1024;

pub(crate) fn run(args: &DraftArgs, out: &Output) -> Result<Status> {
    let (source, names) = names(args)?;
    let text = heaps_host::draft(&args.name, names.iter().map(String::as_str)).map_err(|error| match error {
        heaps_host::DraftError::BadName(ref name) if *name == args.name => anyhow!("--name: {error}"),
        _ => anyhow!("{source}: {error}"),
    })?;
    let to_stdout = args.output == Path::new("-");
    if !to_stdout {
        write(&args.output, &text, args.force)?;
    }
    let shown = args.output.display().to_string();
    let linted = heaps_host::lint(Source::text(&shown, &text, Format::Toml));
    let questions = text.lines().filter(|line| line.contains('#') && line.contains('?')).count();
    if out.json {
        let file = (!to_stdout).then_some(&shown);
        let policy = to_stdout.then_some(&text);
        out.json(&json!({ "ok": true, "output": file, "policy": policy, "nodes": names, "lint": linted.to_json() }));
    } else if to_stdout {
        out.text(&text);
    } else {
        eprintln!("{}: {} heaps from {source}", super::lint::summary(&linted), names.len());
        eprintln!("{shown}: {questions} lines with questions for you; then `heapctl lint {shown}`");
    }
    Ok(Status::Done)
}

/// The names, and where they are from.
fn names(args: &DraftArgs) -> Result<(String, Vec<String>)> {
    if let Some(nodes) = &args.nodes {
        return Ok(("--nodes".to_owned(), nodes.clone()));
    }
    if let Some(file) = &args.nodes_from {
        let shown = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
        let text = read(file).with_context(|| shown.clone())?;
        // A terminal's line ends come along with adb.
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        return Ok((shown, lines.map(str::to_owned).collect()));
    }
    let shown = args.heap_dir.display().to_string();
    let mut names = Vec::new();
    let entries = fs::read_dir(&args.heap_dir)
        .with_context(|| format!("{shown}: no list of heaps here; --nodes or --nodes-from gives another device's"))?;
    for entry in entries {
        names.push(entry.with_context(|| shown.clone())?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok((shown, names))
}

fn read(file: &Path) -> Result<String> {
    let input: Box<dyn Read> = if file == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(file)?) };
    let mut text = String::new();
    input.take(MAX_LIST_BYTES.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_LIST_BYTES {
        bail!("longer than {MAX_LIST_BYTES} bytes: no list of heaps");
    }
    Ok(text)
}

/// A policy that somebody has edited is not lost by a second call.
fn write(path: &Path, text: &str, force: bool) -> Result<()> {
    let shown = path.display();
    let mut options = File::options();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => anyhow!("{shown}: exists already; --force overwrites it"),
        _ => anyhow!("cannot write {shown}: {error}"),
    })?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {shown}"))
}
