//! `heapctl draft`

use crate::args::DraftArgs;
use crate::input;
use crate::output::{replace, Output, Status};
use anyhow::{anyhow, Context, Result};
use heaps_host::board::{Board, Note, Place, MAX_FILE_BYTES};
use heaps_host::{DraftError, Format, Source};
use serde_json::{json, Value};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// Names of 128 heaps are a tenth of it.
const MAX_LIST_BYTES: u64 = 64 * 1024;

pub(crate) fn run(args: &DraftArgs, out: &Output) -> Result<Status> {
    let drafted = if args.files.is_empty() { of_names(args)? } else { of_files(args)? };
    let Drafted { text, source, nodes, notes, files } = drafted;
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
        let note = |note: &Note| {
            let place = |place: &Place| json!({ "file": place.file, "line": place.line });
            json!({ "place": place(&note.place), "other": note.other.as_ref().map(place), "message": note.message })
        };
        out.json(&json!({
            "ok": true,
            "output": file,
            "policy": policy,
            "nodes": nodes,
            "files": files,
            "notes": notes.iter().map(note).collect::<Vec<_>>(),
            "lint": linted.to_json(),
        }));
    } else if to_stdout {
        out.text(&text);
    } else {
        eprintln!("{}: {} heaps from {source}", super::lint::summary(&linted), nodes.len());
        if !notes.is_empty() {
            eprintln!("{shown}: {} things to be seen to, at its head", notes.len());
        }
        eprintln!("{shown}: {questions} lines with questions for you; then `heapctl lint {shown}`");
    }
    Ok(Status::Done)
}

/// A draft, and what it is from.
struct Drafted {
    text: String,
    /// In words.
    source: String,
    nodes: Vec<String>,
    notes: Vec<Note>,
    /// Each file with its kind.
    files: Vec<Value>,
}

fn of_names(args: &DraftArgs) -> Result<Drafted> {
    let (source, nodes) = names(args)?;
    let text =
        heaps_host::draft(&args.name, nodes.iter().map(String::as_str)).map_err(|error| named(args, &source, error))?;
    Ok(Drafted { text, source, nodes, notes: Vec::new(), files: Vec::new() })
}

fn of_files(args: &DraftArgs) -> Result<Drafted> {
    let mut read_files = Vec::new();
    for file in &args.files {
        let shown = input::name(file);
        let bytes = bytes(file).with_context(|| shown.clone())?;
        read_files.push((shown, bytes));
    }
    let board = Board::read(read_files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))?;
    let source = board.files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let text = heaps_host::draft_of_board(&args.name, &board).map_err(|error| named(args, &source, error))?;
    let nodes = board.names().map(str::to_owned).collect();
    let files = board.files.iter().map(|(name, kind)| json!({ "file": name, "kind": kind.to_string() })).collect();
    Ok(Drafted { text, source, nodes, notes: board.notes, files })
}

fn named(args: &DraftArgs, source: &str, error: DraftError) -> anyhow::Error {
    match error {
        DraftError::BadName(ref name) if *name == args.name => anyhow!("--name: {error}"),
        _ => anyhow!("{source}: {error}"),
    }
}

/// A file up to what a board's files have, and one byte more: reading it says that it is too long.
fn bytes(file: &Path) -> Result<Vec<u8>> {
    let input = input::open(file)?;
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    input.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The names, and where they are from.
fn names(args: &DraftArgs) -> Result<(String, Vec<String>)> {
    if let Some(nodes) = &args.nodes {
        return Ok(("--nodes".to_owned(), nodes.clone()));
    }
    if let Some(file) = &args.nodes_from {
        let shown = input::name(file);
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
    let too_long = format!("longer than {MAX_LIST_BYTES} bytes: no list of heaps");
    input::text(input::open(file)?, MAX_LIST_BYTES, &too_long)
}

/// A policy that somebody has edited is not lost by a second call.
fn write(path: &Path, text: &str, force: bool) -> Result<()> {
    let shown = path.display();
    if force {
        return replace(path, |to| to.write_all(text.as_bytes()));
    }
    let mut file = File::create_new(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => anyhow!("{shown}: exists already; --force overwrites it"),
        _ => anyhow!("cannot write {shown}: {error}"),
    })?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {shown}"))
}
