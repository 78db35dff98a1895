//! `heapctl top` and `heapctl leaks`

use crate::args::{LeaksArgs, TopArgs};
use crate::output::{table, Output, Status};
use crate::snapshot::{size, Buffer, Snapshot};
use anyhow::{anyhow, Result};
use gralloc_client::{Connection, Transport};
use serde_json::Value;
use std::io::IsTerminal;
use std::thread::sleep;
use std::time::Duration;

/// Lines of the longest lists of a view.
const LINES: usize = 8;
/// Letters of a bar.
const BAR: u64 = 20;
/// Clears the terminal and goes to its first place (ECMA-48: CUP, ED).
const CLEAR: &str = "\x1b[H\x1b[2J";

pub(crate) fn run(args: &TopArgs, out: &Output) -> Result<Status> {
    let connection = connect(args.transport.transport())?;
    let once = args.once || !std::io::stdout().is_terminal();
    loop {
        let dump = ask(&connection, args.older_than.as_deref())?;
        match (out.json, once) {
            (true, true) => out.json(&dump),
            // One value a line: what `report --from` reads.
            (true, false) => out.text(&format!("{dump}\n")),
            (false, true) => out.text(&view(&Snapshot::of(&dump), out)),
            (false, false) => out.text(&format!("{CLEAR}{}", view(&Snapshot::of(&dump), out))),
        }
        if once {
            return Ok(Status::Done);
        }
        sleep(Duration::from_millis(args.interval));
    }
}

/// `heapctl leaks`: exit status 1 when there are some.
pub(crate) fn leaks(args: &LeaksArgs, out: &Output) -> Result<Status> {
    let dump = ask(&connect(args.transport.transport())?, Some(&args.older_than))?;
    let snapshot = Snapshot::of(&dump);
    if out.json {
        out.json(dump.get("leaks").unwrap_or(&Value::Null));
    } else if snapshot.leaks.is_empty() {
        out.text(&format!("no buffer is older than {}\n", args.older_than));
    } else {
        out.text(&table(&leak_rows(&snapshot)));
    }
    Ok(if snapshot.leaks.is_empty() { Status::Done } else { Status::Refused })
}

/// Finds the service.
pub(crate) fn connect(transport: Option<Transport>) -> Result<Connection> {
    Connection::from_env_or(transport).map_err(|error| anyhow!("the allocator service was not found: {error}"))
}

/// The service's dump of now.
pub(crate) fn ask(connection: &Connection, older_than: Option<&str>) -> Result<Value> {
    let mut words = vec!["--json"];
    words.extend(older_than.into_iter().flat_map(|age| ["--older-than", age]));
    let text = connection.dump(&words).map_err(|error| anyhow!("{error}"))?;
    serde_json::from_str(&text).map_err(|error| anyhow!("the service's dump is no JSON: {error}"))
}

fn view(now: &Snapshot, out: &Output) -> String {
    let available = now.available_bytes.map_or("unknown".to_owned(), size);
    let refused: u64 = now.refusals.iter().map(|(_, count)| count).sum();
    let mut text = format!(
        "{}, up {} s, {} requests, {refused} refused, {available} available\n",
        out.strong(&format!("policy {}", now.policy)),
        now.uptime_ms / 1000,
        now.requests
    );
    if !now.sees_releases {
        text.push_str("the kernel does not say when a buffer dies: live figures are unknown\n");
    }
    let mut part = |title: &str, rows: String| text.push_str(&format!("\n{}\n{rows}", out.strong(title)));
    part("heaps", table(&heap_rows(now)));
    part("clients", table(&client_rows(now)));
    if let Some((hits, misses, bytes)) = now.pool {
        part("pool", format!("{hits} hits, {misses} misses, {} ready\n", size(bytes)));
    }
    if !now.refusals.is_empty() {
        part("refusals", now.refusals.iter().map(|(cause, count)| format!("{count:>6}  {cause}\n")).collect());
    }
    if !now.leaks.is_empty() {
        part("old buffers", table(&leak_rows(now)));
    }
    let mut largest: Vec<&Buffer> = now.buffers.iter().collect();
    largest.sort_by_key(|buffer| std::cmp::Reverse(buffer.bytes));
    part("largest buffers", table(&buffer_rows(largest.into_iter())));
    part("oldest buffers", table(&buffer_rows(now.buffers.iter())));
    text
}

fn heap_rows(now: &Snapshot) -> Vec<[String; 9]> {
    let head = ["heap", "buffers", "live", "of budget or peak", "peak", "budget", "served", "p50 us", "p99 us"];
    let heaps = now.heaps.iter().map(|heap| {
        let of = heap.budget_bytes.unwrap_or(heap.held.high_water_bytes);
        [
            heap.name.clone(),
            heap.held.live_buffers.to_string(),
            size(heap.held.live_bytes),
            bar(heap.held.live_bytes, heap.held.high_water_bytes, of),
            size(heap.held.high_water_bytes),
            heap.budget_bytes.map_or("-".to_owned(), size),
            heap.served.to_string(),
            heap.p50_us.to_string(),
            heap.p99_us.to_string(),
        ]
    });
    let all = &now.all;
    let (live, peak) = (size(all.live_bytes), size(all.high_water_bytes));
    let bar = bar(all.live_bytes, all.high_water_bytes, all.high_water_bytes);
    let none = String::new;
    let all = ["all".to_owned(), all.live_buffers.to_string(), live, bar, peak, none(), none(), none(), none()];
    [head.map(str::to_owned)].into_iter().chain(heaps).chain([all]).collect()
}

/// `#` for what is live, `|` where the peak was, of `whole`.
fn bar(live: u64, peak: u64, whole: u64) -> String {
    let place = |bytes: u64| bytes.saturating_mul(BAR).checked_div(whole).unwrap_or(0).min(BAR);
    let (live, peak) = (place(live), place(peak));
    (1..=BAR)
        .map(|at| match at {
            _ if at <= live => '#',
            _ if at == peak => '|',
            _ => '.',
        })
        .collect()
}

fn client_rows(now: &Snapshot) -> Vec<[String; 6]> {
    let mut clients: Vec<_> = now.clients.iter().collect();
    clients.sort_by_key(|(_, held, _)| std::cmp::Reverse(held.live_bytes));
    let row = |(uid, held, refusals): &(u64, crate::snapshot::Holdings, u64)| {
        let (live, peak) = (size(held.live_bytes), size(held.high_water_bytes));
        [
            uid.to_string(),
            held.live_buffers.to_string(),
            live,
            peak,
            held.total_buffers.to_string(),
            refusals.to_string(),
        ]
    };
    let head = ["uid", "buffers", "live", "peak", "given out", "refused"].map(str::to_owned);
    [head].into_iter().chain(clients.into_iter().take(LINES).map(row)).collect()
}

fn buffer_rows<'a>(buffers: impl Iterator<Item = &'a Buffer>) -> Vec<[String; 7]> {
    let row = |buffer: &Buffer| {
        [
            format!("{:#018x}", buffer.id),
            size(buffer.bytes),
            buffer.heap.clone(),
            buffer.uid.to_string(),
            buffer.pid.to_string(),
            format!("{}.{} s", buffer.age_ms / 1000, buffer.age_ms % 1000 / 100),
            buffer.name.clone(),
        ]
    };
    let head = ["id", "bytes", "heap", "uid", "pid", "age", "name"].map(str::to_owned);
    [head].into_iter().chain(buffers.take(LINES).map(row)).collect()
}

fn leak_rows(now: &Snapshot) -> Vec<[String; 5]> {
    let row = |leak: &crate::snapshot::Leak| {
        let oldest = format!("{} s", leak.oldest_ms / 1000);
        [leak.uid.to_string(), leak.buffers.to_string(), size(leak.bytes), oldest, leak.name.clone()]
    };
    let head = ["uid", "buffers", "bytes", "oldest", "name"].map(str::to_owned);
    [head].into_iter().chain(now.leaks.iter().map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn bar_shows_live_and_peak_and_is_empty_without_a_whole() {
        assert_eq!(bar(5, 10, 20), "#####....|..........");
        assert_eq!(bar(0, 0, 0), ".".repeat(20));
        assert_eq!(bar(u64::MAX, u64::MAX, 1), "#".repeat(20));
    }
}
