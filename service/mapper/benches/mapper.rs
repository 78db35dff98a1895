//! What the mapper's calls cost beside the system calls that they cannot do without, in turn, in one run:
//! `cargo bench -p gralloc_mapper`, or the program itself in a guest with dma-heaps (`cargo xtask vm --add`).
//!
//! `--json FILE` also writes the rows as an array of `{"row", "unit", "n", "p50", "raw_p50", "ratio_raw", "ratio_limit"}`.
//! `--before PROGRAM` runs this program as an earlier build made it in turn with this one, and prints after ÷ before: each
//! makes its own handles, since their version may have changed.

// A program for people: it may give up. The interface is C's.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used
)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::*;
use gralloc_dmabuf::mmap::{Mapping, Protection};
use gralloc_dmabuf::{begin_access, end_access, fd, Access};
use nix::sys::statfs::fstatfs;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Calls that are timed together: a clock's own cost would show otherwise.
const CALLS: u32 = 200;
/// Times that each side has its turn.
const ROUNDS: usize = 400;

/// One comparison.
struct Row {
    name: String,
    /// Nanoseconds a call, sorted.
    ours: Vec<f64>,
    /// The same for the bare system calls; empty where there are none to compare with.
    raw: Vec<f64>,
    /// What ours may be of the raw ones, at most.
    limit: Option<f64>,
}

fn time(call: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    (0..CALLS).for_each(|_| call());
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

/// Lets both have their turns.
fn row(name: String, limit: Option<f64>, mut ours: impl FnMut(), raw: Option<&mut dyn FnMut()>) -> Row {
    let mut times = Row { name, ours: Vec::new(), raw: Vec::new(), limit };
    let mut raw = raw;
    for _ in 0..ROUNDS {
        if let Some(raw) = raw.as_deref_mut() {
            times.raw.push(time(raw));
        }
        times.ours.push(time(&mut ours));
    }
    times.ours.sort_by(f64::total_cmp);
    times.raw.sort_by(f64::total_cmp);
    times
}

fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}

/// The value behind an option.
fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// Runs of each build that `--before` makes.
const PAIRS: usize = 20;

/// Runs the earlier build's program and this one in turn.
fn compare(before: &Path) {
    let after = std::env::current_exe().unwrap();
    let mut ratios: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for pair in 0..PAIRS {
        // Which begins changes.
        let later = (pair % 2 == 1).then(|| medians(&after));
        let before = medians(before);
        let after = later.unwrap_or_else(|| medians(&after));
        for (row, ns) in after {
            // A row may be newer than the other build.
            let ratio = before.get(&row).map(|before| ns / before);
            ratios.entry(row).or_default().extend(ratio);
        }
    }
    println!("{:34} {:>8} {:>8} {:>8}", format!("after ÷ before, {PAIRS} pairs of runs"), "median", "least", "most");
    for (row, mut ratios) in ratios {
        ratios.sort_by(f64::total_cmp);
        let [Some(median), Some(least), Some(most)] =
            [median(&ratios), ratios.first().copied(), ratios.last().copied()]
        else {
            continue;
        };
        println!("{row:34} {median:>8.3} {least:>8.3} {most:>8.3}");
    }
}

/// The medians of a run, by row.
fn medians(program: &Path) -> BTreeMap<String, f64> {
    let json = tempfile::NamedTempFile::new().unwrap();
    let run = Command::new(program).arg("--json").arg(json.path()).output().unwrap();
    assert!(run.status.success(), "{}: {run:?}", program.display());
    let row = |line: &str| {
        let p50 = line.split_once("\"p50\": ")?.1.split(',').next()?.parse().ok()?;
        Some((line.split('"').nth(3)?.to_owned(), p50))
    };
    std::fs::read_to_string(json.path()).unwrap().lines().filter_map(row).collect()
}

fn main() {
    if let Some(before) = option("--before") {
        return compare(before.as_ref());
    }
    let mut rows = Vec::new();
    for source in Source::here() {
        measure(source, &mut rows);
    }
    let mut json = String::from("[\n");
    println!("{:34} {:>10} {:>10} {:>7} {:>7}", "row (median, ns a call)", "ours", "bare", "ratio", "limit");
    for (index, row) in rows.iter().enumerate() {
        let (ours, raw) = (median(&row.ours).unwrap(), median(&row.raw));
        let ratio = raw.map(|raw| ours / raw);
        let text = |value: Option<f64>, digits| value.map_or("–".to_owned(), |value| format!("{value:.digits$}"));
        println!("{:34} {ours:>10.1} {:>10} {:>7} {:>7}", row.name, text(raw, 1), text(ratio, 2), text(row.limit, 2));
        let or_null = |value: Option<f64>| value.map_or("null".to_owned(), |value| format!("{value:.3}"));
        let comma = if index + 1 < rows.len() { "," } else { "" };
        writeln!(
            json,
            "  {{\"row\": \"{}\", \"unit\": \"ns\", \"n\": {}, \"p50\": {ours:.3}, \"raw_p50\": {}, \"ratio_raw\": {}, \
             \"ratio_limit\": {}}}{comma}",
            row.name,
            row.ours.len(),
            or_null(raw),
            or_null(ratio),
            or_null(row.limit)
        )
        .unwrap();
    }
    json.push_str("]\n");
    if let Some(path) = option("--json") {
        std::fs::write(&path, json).unwrap_or_else(|why| eprintln!("error: {path}: {why}"));
    }
}

fn measure(source: Source, rows: &mut Vec<Row>) {
    let client = client();
    let raw_handle = Raw::new(source, &rgba());
    let [pixels, metadata] = [0, 1].map(|index: usize| raw_handle.fds[index].as_raw_fd());
    let name = |row: &str| format!("{row} {source:?}");

    // The same calls, those of the checks too.
    let mut same_calls = || {
        let clones = [pixels, metadata].map(|number| fd::clone_from(number, 3).unwrap());
        for clone in &clones {
            let at = fd::offset(clone.as_fd());
            assert_eq!(at.is_ok(), source == Source::Memfd);
            if source == Source::Memfd {
                fd::seals(clone.as_fd()).unwrap();
                fstatfs(clone.as_fd()).unwrap();
                fd::seek_end(clone.as_fd()).unwrap();
            }
        }
        if source != Source::Memfd {
            fd::seek_end(clones[0].as_fd()).unwrap();
        }
    };
    let import_free = || {
        let buffer = client.try_import(raw_handle.as_ptr()).unwrap();
        assert_eq!(client.free(buffer), 0);
    };
    rows.push(row(name("import-free"), Some(1.25), import_free, Some(&mut same_calls)));

    let buffer = client.import(&raw_handle);
    client.lock(buffer).unwrap();
    assert_eq!(client.unlock(buffer), 0);
    let pixels = raw_handle.fds[0].as_fd();
    let lock_unlock = || {
        client.lock(buffer).unwrap();
        client.unlock(buffer);
    };
    let mut brackets = || {
        begin_access(pixels, Access::ReadWrite).unwrap();
        end_access(pixels, Access::ReadWrite).unwrap();
    };
    let compare = source != Source::Memfd;
    let bare: Option<&mut dyn FnMut()> = if compare { Some(&mut brackets) } else { None };
    rows.push(row(name("lock-unlock"), compare.then_some(1.1), lock_unlock, bare));

    // What an unlock that unmapped would cost the next lock.
    let map = || {
        let mapping = Mapping::new(pixels, 15360, Protection::ReadWrite).unwrap();
        unsafe { mapping.as_ptr().write_volatile(1) };
    };
    rows.push(row(name("map-touch-unmap"), None, map, None));

    let mut room = [0u8; 1024];
    for (what, number) in [("WIDTH", 3), ("NAME", 2), ("PLANE_LAYOUTS", 15), ("DATASPACE", 17), ("SMPTE2086", 19)] {
        if number == 19 {
            assert_eq!(client.set(buffer, 19, &value(19, &[0; 40])), 0);
        }
        let get = || {
            let size = unsafe { (client.0.getStandardMetadata)(buffer, number, room.as_mut_ptr().cast(), room.len()) };
            assert!(size > 0);
        };
        rows.push(row(name(&format!("metadata-get {what}")), None, get, None));
    }
    let dataspace = value(17, &[1, 0, 0, 0]);
    rows.push(row(name("metadata-set DATASPACE"), None, || assert_eq!(client.set(buffer, 17, &dataspace), 0), None));
    let smpte2086 = value(19, &[0; 40]);
    rows.push(row(name("metadata-set SMPTE2086"), None, || assert_eq!(client.set(buffer, 19, &smpte2086), 0), None));
    assert_eq!(client.free(buffer), 0);
}
