//! `heapctl top`

use crate::args::TopArgs;
use crate::command::leaks::leak_rows;
use crate::dumps::Dumps;
use crate::output::{table, Output, Status};
use crate::process;
use crate::snapshot::{self, ask, connect, refused, Snapshot};
use anyhow::Result;
use gralloc_allocator::statistics::{
    size, BufferStatistics, ClientStatistics, LatencyStatistics, ProcessStatistics, Statistics,
};
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
    if let Some(file) = &args.from {
        let (dump, snapshot) = Dumps::open(file)?.last(args.older_than)?;
        if out.json {
            out.json(&dump);
        } else {
            out.text(&view(&snapshot, out, false));
        }
        return Ok(Status::Done);
    }
    let connection = connect(args.transport.transport())?;
    let once = args.once || !std::io::stdout().is_terminal();
    loop {
        let dump = ask(&connection, args.older_than)?;
        match (out.json, once) {
            (true, true) => out.json(&dump),
            // One value a line: what `report --from` reads.
            (true, false) => out.text(&format!("{dump}\n")),
            (false, true) => out.text(&view(&snapshot::read(&dump)?, out, true)),
            (false, false) => out.text(&format!("{CLEAR}{}", view(&snapshot::read(&dump)?, out, true))),
        }
        if once {
            return Ok(Status::Done);
        }
        sleep(Duration::from_millis(args.interval));
    }
}

/// `here`: it is of now and of this machine, so that /proc has the commands of its processes.
fn view(dump: &Snapshot, out: &Output, here: bool) -> String {
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
        text.push_str("! releases of buffers are not seen: what is live is unknown\n");
    }
    now.problems.iter().for_each(|problem| text.push_str(&format!("! {problem}\n")));
    let mut part = |title: &str, rows: String| text.push_str(&format!("\n{}\n{rows}", out.strong(title)));
    part("heaps", table(&heap_rows(now)));
    part("clients", table(&client_rows(now)));
    if let Some(report) = &now.pool {
        let (pool, most) = (&report.pool, size(report.limit_bytes));
        let ready = size(pool.ready_bytes);
        part("pool", format!("{} hits, {} misses, {ready} of {most} ready\n", pool.hits, pool.misses));
    }
    if !now.refusals.is_empty() {
        part("refusals", now.refusals.iter().map(|(cause, count)| format!("{count:>6}  {cause}\n")).collect());
    }
    if let Some(leaks) = dump.leaks.as_ref().filter(|leaks| !leaks.groups.is_empty()) {
        part("old buffers", table(&leak_rows(&leaks.groups)));
    }
    part("processes", table(&process_rows(dump, here)));
    part("allocate2", table(&latency_rows(now)));
    let slowest = if now.slowest_last_minute.is_empty() { &now.slowest } else { &now.slowest_last_minute };
    if !slowest.is_empty() {
        let title = if now.slowest_last_minute.is_empty() { "slowest requests" } else { "slowest of the last minute" };
        part(title, slowest.iter().take(3).map(|request| format!("{request}\n")).collect());
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

fn process_rows(dump: &Snapshot, here: bool) -> Vec<[String; 6]> {
    let row = |process: &ProcessStatistics| {
        let ProcessStatistics { uid, pid, buffers, bytes, oldest_ms } = *process;
        let command = here.then(|| process::command_of(pid, oldest_ms)).flatten().unwrap_or("-".to_owned());
        let oldest = format!("{} s", oldest_ms / 1000);
        [uid.to_string(), pid.to_string(), buffers.to_string(), size(bytes), oldest, command]
    };
    let head = ["uid", "pid", "buffers", "live", "oldest", "command"].map(str::to_owned);
    [head].into_iter().chain(dump.processes.iter().take(LINES).map(row)).collect()
}

/// Heaps that served something, their parts below them: since the start, and over the last minute.
fn latency_rows(now: &Statistics) -> Vec<[String; 9]> {
    let head = ["us", "served", "p50", "p90", "p99", "p99.9", "last minute", "p50", "p99.9"].map(str::to_owned);
    let row = |name: String, ever: &LatencyStatistics, minute: &LatencyStatistics| {
        let [count, p50, p90, p99, p999] =
            [ever.count, ever.p50_us, ever.p90_us, ever.p99_us, ever.p999_us].map(|value| value.to_string());
        let [lately, lately_p50, lately_p999] =
            [minute.count, minute.p50_us, minute.p999_us].map(|value| value.to_string());
        [name, count, p50, p90, p99, p999, lately, lately_p50, lately_p999]
    };
    let heaps = now.heaps.iter().filter(|heap| heap.latency.count > 0).flat_map(|heap| {
        let whole = row(heap.name.clone(), &heap.latency, &heap.latency_last_minute);
        let parts =
            heap.parts.iter().map(|part| row(format!("  {}", part.part), &part.latency, &part.latency_last_minute));
        [whole].into_iter().chain(parts).collect::<Vec<_>>()
    });
    [head].into_iter().chain(heaps).collect()
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
