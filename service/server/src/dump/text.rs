//! The dump for people.

use super::buffers::Text;
use super::Buffers;
use gralloc_allocator::statistics::{
    size, Account, BufferStatistics, Dump, FurtherProcesses, LatencyStatistics, Leaks, ProcessStatistics, Statistics,
    TIMES,
};
use gralloc_heaps::Accounting;
use std::io::{self, Write};

/// Most live buffers that are listed one by one unless `--buffers` asks for all; JSON has all.
const LISTED: usize = 64;

pub(super) fn write(dump: &Dump<Buffers<'_>>, all_buffers: bool, out: &mut dyn Write) -> io::Result<()> {
    let Dump { statistics, processes, further_processes, buffers: live, leaks, not_understood } = dump;
    if let [argument, value] = not_understood.as_slice() {
        writeln!(out, "! {argument} {value:?} was not understood: {TIMES}")?;
    }
    summary(statistics, out)?;
    write_processes(processes, further_processes, out)?;
    if let Some(leaks) = leaks {
        write_leaks(leaks, out)?;
    }
    write_buffers(*live, if all_buffers { usize::MAX } else { LISTED }, statistics.all.live_buffers, out)
}

fn summary(dump: &Statistics, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} (version {})", dump.service, dump.interface_version)?;
    writeln!(out, "policy {}, heaps from {}, up {} s", dump.policy, dump.heaps_from, dump.uptime_ms / 1000)?;
    if let Some(warning) = &dump.stand_in {
        writeln!(out, "! {warning}")?;
    }
    match &dump.releases_seen_through {
        Some(_) => releases(dump, out)?,
        // Why stands with the heaps' problems.
        None => writeln!(out, "! releases of buffers are not seen: what is live is unknown")?,
    }
    memory(dump, out)?;
    pool(dump, out)?;
    heaps(dump, out)?;
    writeln!(out, "\nrules (first match takes)")?;
    for rule in &dump.rules {
        writeln!(out, "  {:>8}  {}", rule.hits, rule.name)?;
    }
    writeln!(out, "\nrequests {}, refused {}", dump.requests, dump.refusals.values().sum::<u64>())?;
    for (cause, count) in &dump.refusals {
        writeln!(out, "  {count:>8}  {cause}")?;
    }
    clients(dump, out)?;
    latencies(dump, out)
}

fn releases(dump: &Statistics, out: &mut dyn Write) -> io::Result<()> {
    let sources: Vec<String> =
        dump.watches.iter().map(|line| format!("{} ({} watches)", line.source, line.watches)).collect();
    writeln!(out, "releases seen through {}, {} buffers untracked", sources.join(", "), dump.untracked_buffers)?;
    if dump.untracked_buffers > 0 {
        writeln!(out, "! untracked buffers may live and are in no live statistics: they could not be watched")?;
    }
    if dump.scan_pending {
        writeln!(
            out,
            "! no scan of the watched buffers came in time, or it failed: what was released last is still counted as live"
        )?;
    }
    Ok(())
}

fn memory(dump: &Statistics, out: &mut dyn Write) -> io::Result<()> {
    let bound = |bytes: Option<u64>| bytes.map_or("no bound".to_owned(), size);
    let available = dump.memory.available_bytes.map_or("unknown".to_owned(), size);
    writeln!(out, "memory available {available}, reserve {}", size(dump.memory.reserve_bytes))?;
    if !dump.accounting_means.is_empty() {
        // Who may end the service from outside is to be looked at.
        let mark = if dump.accounting == Accounting::Charged.word() { "! " } else { "" };
        writeln!(out, "{mark}{}", dump.accounting_means)?;
    }
    writeln!(
        out,
        "limits: request {}, client {}, all {}, {} buffers a request",
        size(dump.limits.request_bytes),
        bound(dump.limits.client_bytes),
        bound(dump.limits.total_bytes),
        dump.limits.buffers_per_request
    )
}

fn pool(dump: &Statistics, out: &mut dyn Write) -> io::Result<()> {
    let Some(pool) = &dump.pool else { return writeln!(out, "pool: off") };
    let counted = &pool.pool;
    let (ready, most) = (size(counted.ready_bytes), size(counted.high_water_bytes));
    let means = if pool.limit_means.is_empty() { String::new() } else { format!(" ({})", pool.limit_means) };
    writeln!(
        out,
        "pool: {} ready, {ready} of {}{means}, {most} at most; {} hits, {} misses, {} filled; given back: {} idle, \
        {} under pressure (seen through {}), {} for room",
        counted.ready_buffers,
        size(pool.limit_bytes),
        counted.hits,
        counted.misses,
        counted.fills,
        counted.dropped_idle,
        counted.dropped_pressure,
        pool.pressure_seen_through,
        counted.dropped_room
    )
}

fn heaps(dump: &Statistics, out: &mut dyn Write) -> io::Result<()> {
    header(out, "heap", "node")?;
    for heap in &dump.heaps {
        let node = heap.node.as_ref().map_or(String::new(), |node| format!("{node}, "));
        let protected = if heap.protected { ", protected" } else { "" };
        let budget = heap.budget_bytes.map_or(String::new(), |bytes| format!(", budget {}", size(bytes)));
        let region = match (heap.region_bytes, heap.region_free_bytes) {
            (Some(bytes), Some(free)) => format!(", region {}, {} free", size(bytes), size(free)),
            _ => String::new(),
        };
        line(out, &heap.name, &heap.account, &format!("{node}{}{protected}{budget}{region}", heap.explanation))?;
    }
    line(out, "all", &dump.all, "metadata included")?;
    for node in &dump.unclaimed_nodes {
        writeln!(out, "  node {node}: no heap of the policy names it")?;
    }
    for problem in dump.shared_memory.iter().chain(&dump.problems) {
        writeln!(out, "! {problem}")?;
    }
    Ok(())
}

fn clients(dump: &Statistics, out: &mut dyn Write) -> io::Result<()> {
    header(out, "client", "refusals")?;
    for client in &dump.clients {
        line(out, &format!("uid {}", client.uid), &client.account, &client.refusals.to_string())?;
    }
    Ok(())
}

fn header(out: &mut dyn Write, what: &str, rest: &str) -> io::Result<()> {
    writeln!(out, "\n{what:<18} {:>6} {:>10} {:>10} {:>10}  {rest}", "live", "bytes", "peak", "given out")
}

fn line(out: &mut dyn Write, name: &str, account: &Account, rest: &str) -> io::Result<()> {
    let Account { live_buffers, live_bytes, high_water_bytes, total_buffers, .. } = *account;
    let (bytes, peak) = (size(live_bytes), size(high_water_bytes));
    writeln!(out, "  {name:<16} {live_buffers:>6} {bytes:>10} {peak:>10} {total_buffers:>10}  {rest}")
}

fn latencies(dump: &Statistics, out: &mut dyn Write) -> io::Result<()> {
    for (when, minute) in [("since the start", false), ("over the last minute", true)] {
        writeln!(
            out,
            "\n{:<30} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8}",
            format!("allocate2 {when}, us"),
            "served",
            "p50",
            "p90",
            "p99",
            "p99.9",
            "max"
        )?;
        for heap in &dump.heaps {
            let whole = if minute { &heap.latency_last_minute } else { &heap.latency };
            if whole.count > 0 {
                latency(out, &heap.name, whole)?;
            }
            for part in heap.parts.iter().filter(|_| whole.count > 0) {
                latency(
                    out,
                    &format!("  {}", part.part),
                    if minute { &part.latency_last_minute } else { &part.latency },
                )?;
            }
        }
    }
    for (when, slowest) in [("since the start", &dump.slowest), ("of the last minute", &dump.slowest_last_minute)] {
        writeln!(out, "\nslowest requests {when}")?;
        for request in slowest {
            writeln!(out, "  {request}")?;
        }
    }
    Ok(())
}

fn latency(out: &mut dyn Write, name: &str, latency: &LatencyStatistics) -> io::Result<()> {
    let LatencyStatistics { count, max_us, p50_us, p90_us, p99_us, p999_us, .. } = latency;
    writeln!(out, "  {name:<28} {count:>10} {p50_us:>8} {p90_us:>8} {p99_us:>8} {p999_us:>8} {max_us:>8}")
}

fn write_leaks(leaks: &Leaks, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nolder than {} ms, by client and name, most bytes first", leaks.older_than_ms)?;
    for group in &leaks.groups {
        let (bytes, oldest) = (size(group.bytes), group.oldest_ms / 1000);
        writeln!(
            out,
            "  uid {:<6} {:>6} {bytes:>10} oldest {oldest:>6} s  \"{}\"",
            group.uid, group.buffers, group.name
        )?;
    }
    if leaks.further_buffers > 0 {
        writeln!(out, "  and {} buffers of further clients and names", leaks.further_buffers)?;
    }
    Ok(())
}

fn write_processes(processes: &[ProcessStatistics], further: &FurtherProcesses, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nlive buffers by the process that asked")?;
    for ProcessStatistics { uid, pid, buffers, bytes, oldest_ms } in processes.iter().take(LISTED) {
        let (bytes, oldest) = (size(*bytes), oldest_ms / 1000);
        writeln!(out, "  uid {uid:<6} pid {pid:<6} {buffers:>6} {bytes:>10} oldest {oldest:>6} s")?;
    }
    let more = processes.len().saturating_sub(LISTED);
    if more > 0 {
        writeln!(out, "  and {more} more: see --json")?;
    }
    let FurtherProcesses { processes, buffers, bytes } = *further;
    if processes > 0 {
        writeln!(out, "  and {processes} smaller ones, which are not listed: {buffers} buffers, {}", size(bytes))?;
    }
    Ok(())
}

fn write_buffers(buffers: Buffers<'_>, most: usize, live: u64, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nlive buffers, oldest first")?;
    let mut listed: u64 = 0;
    for entry in buffers.entries().take(most) {
        let buffer: BufferStatistics<Text<'_>> = buffers.line(&entry);
        let BufferStatistics { id, heap, uid, pid, usage, format, name, .. } = &buffer;
        let (bytes, age) = (size(buffer.bytes), buffer.age_ms / 1000);
        writeln!(
            out,
            "  {id:#018x}  {bytes:<10} {heap:<12} uid {uid:<6} pid {pid:<6} {age:>6} s  {format}  {usage}  \"{name}\""
        )?;
        listed = listed.saturating_add(1);
    }
    let more = live.saturating_sub(listed);
    if more > 0 {
        writeln!(out, "  and {more} more: --buffers lists all, and --json")?;
    }
    Ok(())
}
