//! `heapctl leaks`: buffers that are old, or what grows.

mod growth;

use crate::args::LeaksArgs;
use crate::dumps::Dumps;
use crate::input;
use crate::output::{table, Output, Status};
use crate::snapshot::{self, ask, connect, Snapshot};
use anyhow::{ensure, Context, Result};
use gralloc_allocator::statistics::{size, LeakGroup, Leaks, Statistics};
use growth::{Growth, Watch, FEWEST_OF_PART};
use serde_json::{json, Value};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Exit status 1 when there are some.
pub(crate) fn run(args: &LeaksArgs, out: &Output) -> Result<Status> {
    if args.watch {
        return watch(args, out);
    }
    let Snapshot { statistics: now, leaks, .. } = old(args)?;
    let Leaks { older_than_ms, groups, further_buffers } = leaks.unwrap_or_default();
    let mut notes = doubts(now.scan_pending, now.untracked_buffers);
    if further_buffers > 0 {
        notes.push(format!("{further_buffers} old buffers of further clients and names are not shown"));
    }
    out.notes(&notes);
    if out.json {
        out.json(&json!({
            "older_than_ms": older_than_ms,
            "groups": groups,
            "further_buffers": further_buffers,
            "scan_pending": now.scan_pending,
            "untracked_buffers": now.untracked_buffers,
        }));
    } else if groups.is_empty() {
        out.text(&format!("no buffer is older than {:?}\n", Duration::from_millis(args.older_than)));
    } else {
        out.text(&table(&leak_rows(&groups)));
    }
    Ok(if groups.is_empty() { Status::Done } else { Status::Refused })
}

/// A dump with its leak view.
fn old(args: &LeaksArgs) -> Result<Snapshot> {
    let Some(file) = &args.from else {
        let dump = snapshot::read(&ask(&connect(args.transport.transport())?, Some(args.older_than))?)?;
        sees_releases(&dump.statistics)?;
        return Ok(dump);
    };
    let (_, dump) = Dumps::open(file)?.last(Some(args.older_than))?;
    sees_releases(&dump.statistics).with_context(|| input::name(file))?;
    Ok(dump)
}

/// A service that does not see releases knows of no live buffer, whatever there is.
fn sees_releases(statistics: &Statistics) -> Result<()> {
    ensure!(
        statistics.releases_seen_through.is_some(),
        "the service does not see releases: it does not know which buffers are alive, so nobody can tell what leaks"
    );
    Ok(())
}

/// What may be otherwise than the dumps say.
fn doubts(scan_pending: bool, untracked_buffers: u64) -> Vec<String> {
    let mut notes = Vec::new();
    if scan_pending {
        notes.push("no scan came in time, or it failed: what was released last is still counted as live".to_owned());
    }
    if untracked_buffers > 0 {
        notes.push(format!("{untracked_buffers} buffers could not be watched: they may live, and are not counted"));
    }
    notes
}

/// Old buffers in rows.
pub(crate) fn leak_rows(leaks: &[LeakGroup]) -> Vec<[String; 5]> {
    let row = |leak: &LeakGroup| {
        let oldest = format!("{} s", leak.oldest_ms / 1000);
        [leak.uid.to_string(), leak.buffers.to_string(), size(leak.bytes), oldest, leak.name.clone()]
    };
    let head = ["uid", "buffers", "bytes", "oldest", "name"].map(str::to_owned);
    [head].into_iter().chain(leaks.iter().map(row)).collect()
}

fn watch(args: &LeaksArgs, out: &Output) -> Result<Status> {
    let watch = match &args.from {
        Some(file) => recorded(file)?,
        None => live(args, out)?,
    };
    let growing = watch.growing()?;
    let (samples, seconds) = (watch.samples(), watch.total_ms / 1000);
    out.notes(&doubts(watch.scan_pending, watch.untracked_buffers));
    if out.json {
        let list: Vec<Value> = growing.iter().map(Growth::json).collect();
        out.json(&json!({
            "ok": list.is_empty(),
            "seconds": seconds,
            "samples": samples,
            "growing": list,
            "scan_pending": watch.scan_pending,
            "untracked_buffers": watch.untracked_buffers,
        }));
    } else if growing.is_empty() {
        out.text(&format!("nothing grows: {samples} samples over {seconds} s\n"));
    } else {
        out.text(&table(&growth_rows(&growing)));
    }
    Ok(if growing.is_empty() { Status::Done } else { Status::Refused })
}

fn live(args: &LeaksArgs, out: &Output) -> Result<Watch> {
    let time = Duration::from_secs(args.seconds);
    let most = args.seconds.saturating_mul(1000).checked_div(args.interval).unwrap_or(0);
    let fewest = FEWEST_OF_PART.saturating_mul(3);
    ensure!(
        most >= fewest,
        "--seconds {} and --interval {} make {most} samples, and {fewest} are needed to tell what grows",
        args.seconds,
        args.interval
    );
    let connection = connect(args.transport.transport())?;
    out.notes(&[format!("watching for {} s", args.seconds)]);
    let start = Instant::now();
    let mut watch = Watch::over(args.seconds.saturating_mul(1000));
    loop {
        let dump = ask(&connection, None)
            .with_context(|| format!("no answer after {} samples, so nobody can tell what grows", watch.samples()))?;
        watch.take(&snapshot::read(&dump)?)?;
        if start.elapsed() >= time {
            return Ok(watch);
        }
        sleep(Duration::from_millis(args.interval).min(time.saturating_sub(start.elapsed())));
    }
}

/// Twice through: where the time is cut is known from its first and last dump.
fn recorded(file: &Path) -> Result<Watch> {
    let dumps = Dumps::open(file)?;
    let (_, last) = dumps.last(None)?;
    let mut watch: Option<Watch> = None;
    dumps.each(|place, dump| {
        let dump = snapshot::read(&dump).with_context(|| place.to_owned())?;
        let total_ms = last.statistics.uptime_ms.saturating_sub(dump.statistics.uptime_ms);
        watch.get_or_insert_with(|| Watch::over(total_ms)).take(&dump).with_context(|| place.to_owned())
    })?;
    watch.with_context(|| input::name(file))
}

fn growth_rows(growing: &[Growth]) -> Vec<[String; 5]> {
    let row = |growth: &Growth| {
        let Growth { uid, name, buffers, bytes, slope, .. } = growth;
        let slope = format!("{:.1} KiB/s", slope / 1024.0);
        let [buffers, bytes] =
            [format!("{} to {}", buffers.0, buffers.1), format!("{} to {}", size(bytes.0), size(bytes.1))];
        [uid.to_string(), buffers, bytes, slope, name.clone()]
    };
    let head = ["uid", "buffers", "bytes", "slope", "name"].map(str::to_owned);
    [head].into_iter().chain(growing.iter().map(row)).collect()
}
