//! `heapctl top` and `heapctl leaks`

use crate::args::{LeaksArgs, TopArgs};
use crate::output::{table, Output, Status};
use crate::snapshot::{self, refused, Snapshot};
use anyhow::{anyhow, Result};
use gralloc_allocator::statistics::{size, BufferStatistics, ClientStatistics, LeakGroup, Statistics};
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
            (false, true) => out.text(&view(&snapshot::read(&dump)?, out)),
            (false, false) => out.text(&format!("{CLEAR}{}", view(&snapshot::read(&dump)?, out))),
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

fn view(dump: &Snapshot, out: &Output) -> String {
    let now = &dump.statistics;
    let available = now.memory.available_bytes.map_or("unknown".to_owned(), size);
    let refused = refused(now);
    let mut text = format!(
        "{}, up {} s, {} requests, {refused} refused, {available} available\n",
        out.strong(&format!("policy {}", now.policy)),
        now.uptime_ms / 1000,
        now.requests
    );
    if now.releases_seen_through.is_none() {
        text.push_str("the kernel does not say when a buffer dies: live statistics are unknown\n");
    }
    let mut part = |title: &str, rows: String| text.push_str(&format!("\n{}\n{rows}", out.strong(title)));
    part("heaps", table(&heap_rows(now)));
    part("clients", table(&client_rows(now)));
    if let Some(pool) = now.pool.as_ref().map(|pool| &pool.pool) {
        part("pool", format!("{} hits, {} misses, {} ready\n", pool.hits, pool.misses, size(pool.ready_bytes)));
    }
    if !now.refusals.is_empty() {
        part("refusals", now.refusals.iter().map(|(cause, count)| format!("{count:>6}  {cause}\n")).collect());
    }
    if let Some(leaks) = dump.leaks.as_ref().filter(|leaks| !leaks.groups.is_empty()) {
        part("old buffers", table(&leak_rows(&leaks.groups)));
    }
    let mut largest: Vec<&BufferStatistics> = dump.buffers.iter().collect();
    largest.sort_by_key(|buffer| std::cmp::Reverse(buffer.bytes));
    part("largest buffers", table(&buffer_rows(largest.into_iter())));
    part("oldest buffers", table(&buffer_rows(dump.buffers.iter())));
    text
}

fn heap_rows(now: &Statistics) -> Vec<[String; 9]> {
    let head = ["heap", "buffers", "live", "of budget or peak", "peak", "budget", "served", "p50 us", "p99 us"];
    let heaps = now.heaps.iter().map(|heap| {
        let (held, latency) = (&heap.account, &heap.latency);
        let of = heap.budget_bytes.unwrap_or(held.high_water_bytes);
        [
            heap.name.clone(),
            held.live_buffers.to_string(),
            size(held.live_bytes),
            bar(held.live_bytes, held.high_water_bytes, of),
            size(held.high_water_bytes),
            heap.budget_bytes.map_or("-".to_owned(), size),
            latency.count.to_string(),
            latency.p50_us.to_string(),
            latency.p99_us.to_string(),
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

fn client_rows(now: &Statistics) -> Vec<[String; 6]> {
    let mut clients: Vec<_> = now.clients.iter().collect();
    clients.sort_by_key(|client| std::cmp::Reverse(client.account.live_bytes));
    let row = |client: &ClientStatistics| {
        let ClientStatistics { uid, refusals, account: held, .. } = client;
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

fn buffer_rows<'a>(buffers: impl Iterator<Item = &'a BufferStatistics>) -> Vec<[String; 7]> {
    let row = |buffer: &BufferStatistics| {
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

fn leak_rows(leaks: &[LeakGroup]) -> Vec<[String; 5]> {
    let row = |leak: &LeakGroup| {
        let oldest = format!("{} s", leak.oldest_ms / 1000);
        [leak.uid.to_string(), leak.buffers.to_string(), size(leak.bytes), oldest, leak.name.clone()]
    };
    let head = ["uid", "buffers", "bytes", "oldest", "name"].map(str::to_owned);
    [head].into_iter().chain(leaks.iter().map(row)).collect()
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
