//! `heapctl leaks`: buffers that are old, or what grows.

use crate::args::LeaksArgs;
use crate::output::{table, Output, Status};
use crate::snapshot::{self, ask, connect, Snapshot};
use anyhow::{ensure, Result};
use gralloc_allocator::statistics::{size, LeakGroup};
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Fewest samples: three for each third of the time.
const FEWEST: u64 = 9;

/// Exit status 1 when there are some.
pub(crate) fn run(args: &LeaksArgs, out: &Output) -> Result<Status> {
    if args.watch {
        return watch(args, out);
    }
    let dump = ask(&connect(args.transport.transport())?, Some(&args.older_than))?;
    let leaks = snapshot::read(&dump)?.leaks.unwrap_or_default().groups;
    if out.json {
        out.json(dump.get("leaks").unwrap_or(&Value::Null));
    } else if leaks.is_empty() {
        out.text(&format!("no buffer is older than {}\n", args.older_than));
    } else {
        out.text(&table(&leak_rows(&leaks)));
    }
    Ok(if leaks.is_empty() { Status::Done } else { Status::Refused })
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
    let time = Duration::from_secs(args.seconds);
    let most = args.seconds.saturating_mul(1000).checked_div(args.interval).unwrap_or(0);
    ensure!(
        most >= FEWEST,
        "--seconds {} and --interval {} make {most} samples, and {FEWEST} are needed to tell what grows",
        args.seconds,
        args.interval
    );
    let connection = connect(args.transport.transport())?;
    out.notes(&[format!("watching for {} s", args.seconds)]);
    let start = Instant::now();
    let mut samples = Vec::new();
    loop {
        samples.push(Sample::of(&snapshot::read(&ask(&connection, None)?)?));
        if start.elapsed() >= time {
            break;
        }
        sleep(Duration::from_millis(args.interval).min(time.saturating_sub(start.elapsed())));
    }
    let growing = growing(&samples);
    if out.json {
        let list: Vec<Value> = growing.iter().map(Growth::json).collect();
        out.json(&json!({ "ok": list.is_empty(), "seconds": args.seconds, "samples": samples.len(), "growing": list }));
    } else if growing.is_empty() {
        out.text(&format!("nothing grows: {} samples over {} s\n", samples.len(), args.seconds));
    } else {
        out.text(&table(&growth_rows(&growing)));
    }
    Ok(if growing.is_empty() { Status::Done } else { Status::Refused })
}

/// Buffers and bytes of each client and name at a time.
struct Sample {
    at_ms: u64,
    held: BTreeMap<(u32, String), (u64, u64)>,
}

impl Sample {
    fn of(snapshot: &Snapshot) -> Sample {
        let mut held: BTreeMap<(u32, String), (u64, u64)> = BTreeMap::new();
        for buffer in &snapshot.buffers {
            let (buffers, bytes) = held.entry((buffer.uid, buffer.name.clone())).or_default();
            *buffers = buffers.saturating_add(1);
            *bytes = bytes.saturating_add(buffer.bytes);
        }
        Sample { at_ms: snapshot.statistics.uptime_ms, held }
    }
}

/// What grows.
#[derive(Debug, PartialEq)]
struct Growth {
    uid: u32,
    name: String,
    /// In the first sample and in the last.
    buffers: (u64, u64),
    /// The same.
    bytes: (u64, u64),
    /// Bytes a second.
    slope: f64,
}

impl Growth {
    fn json(&self) -> Value {
        json!({
            "uid": self.uid,
            "name": self.name,
            "buffers_before": self.buffers.0,
            "buffers": self.buffers.1,
            "bytes_before": self.bytes.0,
            "bytes": self.bytes.1,
            "bytes_per_second": self.slope,
        })
    }
}

/// Steepest first.
fn growing(samples: &[Sample]) -> Vec<Growth> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Vec::new() };
    let mut found = Vec::new();
    // What is not there at the end does not grow.
    for ((uid, name), now) in &last.held {
        let key = (*uid, name.clone());
        let at = |sample: &Sample| sample.held.get(&key).copied().unwrap_or_default();
        let third = samples.len().div_ceil(3).max(1);
        let least = samples.chunks(third).map(|part| part.iter().map(|sample| at(sample).1).min().unwrap_or(0));
        let least: Vec<u64> = least.collect();
        if least.len() == 3 && least.windows(2).all(|pair| matches!(pair, [before, after] if before < after)) {
            let before = at(first);
            let points = samples.iter().map(|sample| (seconds(first, sample), float(at(sample).1)));
            let slope = slope(&points.collect::<Vec<_>>());
            let (buffers, bytes) = ((before.0, now.0), (before.1, now.1));
            found.push(Growth { uid: *uid, name: name.clone(), buffers, bytes, slope });
        }
    }
    found.sort_by(|a, b| b.slope.total_cmp(&a.slope));
    found
}

fn seconds(first: &Sample, sample: &Sample) -> f64 {
    Duration::from_millis(sample.at_ms.saturating_sub(first.at_ms)).as_secs_f64()
}

/// Of the line with the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let mean =
        |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / float(u64::try_from(points.len()).unwrap_or(1));
    let (x, y) = (mean(&mut points.iter().map(|point| point.0)), mean(&mut points.iter().map(|point| point.1)));
    let spread: f64 = points.iter().map(|point| (point.0 - x) * (point.0 - x)).sum();
    let common: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    if spread > 0.0 {
        common / spread
    } else {
        0.0
    }
}

/// Bytes fit 53 bits.
#[allow(clippy::as_conversions)] // There is no other way from u64 to f64.
fn float(value: u64) -> f64 {
    value as f64
}

fn growth_rows(growing: &[Growth]) -> Vec<[String; 5]> {
    let row = |growth: &Growth| {
        let Growth { uid, name, buffers, bytes, slope } = growth;
        let slope = format!("{:.1} KiB/s", slope / 1024.0);
        let [buffers, bytes] =
            [format!("{} to {}", buffers.0, buffers.1), format!("{} to {}", size(bytes.0), size(bytes.1))];
        [uid.to_string(), buffers, bytes, slope, name.clone()]
    };
    let head = ["uid", "buffers", "bytes", "slope", "name"].map(str::to_owned);
    [head].into_iter().chain(growing.iter().map(row)).collect()
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    /// Samples a second apart.
    fn samples(series: &[(&str, &[u64])]) -> Vec<Sample> {
        let of = |at: usize| {
            let held = series.iter().filter(|(_, pages)| pages[at] > 0);
            let held = held.map(|(name, pages)| ((7, (*name).to_owned()), (pages[at], pages[at] * 4096)));
            Sample { at_ms: 1000 * u64::try_from(at).unwrap(), held: held.collect() }
        };
        (0..series[0].1.len()).map(of).collect()
    }

    #[test]
    fn what_falls_back_to_its_least_does_not_grow_and_what_leaks_slowly_below_a_stream_does() {
        let found = growing(&samples(&[
            ("still", &[5, 5, 5, 5, 5, 5, 5, 5, 5]),
            ("stream", &[0, 8, 0, 8, 0, 8, 0, 8, 8]),
            ("start", &[0, 0, 0, 8, 8, 8, 8, 8, 8]),
            ("leak", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
            ("leaking stream", &[1, 9, 1, 2, 10, 2, 3, 11, 3]),
            ("gone", &[1, 2, 3, 4, 5, 6, 7, 8, 0]),
        ]));
        let names: Vec<&str> = found.iter().map(|growth| growth.name.as_str()).collect();
        assert_eq!(names, ["leak", "leaking stream"]);
        let leak = &found[0];
        assert_eq!((leak.uid, leak.buffers, leak.bytes), (7, (1, 9), (4096, 36_864)));
        assert!((leak.slope - 4096.0).abs() < 1e-6, "{}", leak.slope);
    }

    #[test]
    fn too_few_samples_tell_nothing() {
        assert_eq!(growing(&samples(&[("leak", &[1, 2])])), []);
        assert_eq!(growing(&[]), []);
    }
}
