//! The page: inline SVG, two colour schemes, nothing from elsewhere.

use crate::output::markup;
use crate::snapshot::{refused, Snapshot};
use gralloc_allocator::statistics::size;
use gralloc_allocator::statistics::{HeapStatistics, PoolStatistics, Statistics};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A chart's plot, in SVG units.
const WIDTH: u64 = 820;
const HEIGHT: u64 = 200;
/// Lines of the tables.
const LINES: usize = 40;

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>graphics memory</title><style>
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#68707a;--line:#d8dde3;--c0:#0969da;--c1:#bf5700;--c2:#1a7f37;--c3:#8250df;--c4:#cf222e;--c5:#00778a}
@media(prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e4e8ed;--dim:#98a1ab;--line:#343a42;--c0:#6cb2ff;--c1:#f0a35e;--c2:#5fce7d;--c3:#c39bff;--c4:#ff8080;--c5:#56cfe0}}
body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em}
h1{font-size:1.5em;margin:0}h2{font-size:1.1em;margin:1.8em 0 .4em}p{color:var(--dim);margin:.2em 0}
svg{width:100%;height:auto}svg text{fill:var(--dim);font-size:12px}.grid{stroke:var(--line)}polyline{fill:none;stroke-width:2;stroke-linejoin:round}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{text-align:right;padding:.15em .6em;border-bottom:1px solid var(--line)}td:first-child,th:first-child{text-align:left;padding-left:0}th{color:var(--dim);font-weight:500}
.key i{display:inline-block;width:1em;height:.25em;margin:0 .4em .2em 1em}.key i:first-child{margin-left:0}
</style></head><body>
";

/// One line of a chart.
struct Series {
    name: String,
    values: Vec<u64>,
}

/// The page of these samples, at least one.
pub(super) fn of(samples: &[Snapshot]) -> String {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return HEAD.to_owned() };
    let (first, last) = (&first.statistics, &last.statistics);
    let mut page = HEAD.to_owned();
    let seconds = last.uptime_ms.saturating_sub(first.uptime_ms) / 1000;
    let _ = write!(
        page,
        "<h1>Graphics memory</h1><p>policy {}, {} samples over {seconds} s; at the end {} in {} buffers, {} requests since \
         the service started</p>",
        markup(&last.policy),
        samples.len(),
        size(last.all.live_bytes),
        last.all.live_buffers,
        last.requests
    );
    if last.releases_seen_through.is_none() {
        page.push_str("<p>The kernel does not say when a buffer dies: live statistics are unknown.</p>");
    }
    let times: Vec<u64> =
        samples.iter().map(|sample| sample.statistics.uptime_ms.saturating_sub(first.uptime_ms)).collect();
    chart(&mut page, "Live bytes by heap", &times, &by_heap(samples, |heap| heap.account.live_bytes), 1024, size);
    chart(&mut page, "Live bytes by client", &times, &by_client(samples), 1024, size);
    chart(
        &mut page,
        "allocate2, 99th percentile since the start, by heap",
        &times,
        &by_heap(samples, |heap| heap.latency.p99_us),
        10,
        micros,
    );
    let mut counts = vec![Series {
        name: "refusals".to_owned(),
        values: samples.iter().map(|sample| refused(&sample.statistics)).collect(),
    }];
    if last.pool.is_some() {
        let pool = |sample: &Snapshot| sample.statistics.pool.as_ref().map(|pool| pool.pool).unwrap_or_default();
        let of = |pick: fn(PoolStatistics) -> u64| samples.iter().map(pool).map(pick).collect();
        counts.push(Series { name: "pool hits".to_owned(), values: of(|pool| pool.hits) });
        counts.push(Series { name: "pool misses".to_owned(), values: of(|pool| pool.misses) });
    }
    chart(&mut page, "Refusals and pool, since the start", &times, &counts, 10, |count| count.to_string());
    heaps(&mut page, last);
    stayed(&mut page, samples);
    page.push_str("</body></html>\n");
    page
}

fn by_heap(samples: &[Snapshot], pick: fn(&HeapStatistics) -> u64) -> Vec<Series> {
    let names: BTreeSet<&str> =
        samples.iter().flat_map(|s| &s.statistics.heaps).map(|heap| heap.name.as_str()).collect();
    let at =
        |sample: &Snapshot, name: &str| sample.statistics.heaps.iter().find(|heap| heap.name == name).map_or(0, pick);
    let series = |name: &str| Series { name: name.to_owned(), values: samples.iter().map(|s| at(s, name)).collect() };
    names.into_iter().map(series).collect()
}

fn by_client(samples: &[Snapshot]) -> Vec<Series> {
    let uids: BTreeSet<u32> = samples.iter().flat_map(|s| &s.statistics.clients).map(|client| client.uid).collect();
    let at = |sample: &Snapshot, uid: u32| {
        let clients = &sample.statistics.clients;
        clients.iter().find(|client| client.uid == uid).map_or(0, |client| client.account.live_bytes)
    };
    let series = |uid: u32| Series { name: format!("uid {uid}"), values: samples.iter().map(|s| at(s, uid)).collect() };
    uids.into_iter().map(series).collect()
}

/// Draws series over time; `base` is what units are apart: 1024 for bytes, 10 for all else.
fn chart(page: &mut String, title: &str, times: &[u64], series: &[Series], base: u64, show: impl Fn(u64) -> String) {
    let step = step(series.iter().flat_map(|line| &line.values).copied().max().unwrap_or(0), base);
    let highest = step.saturating_mul(4);
    let end = times.last().copied().unwrap_or(0).max(1);
    let _ = write!(page, "<h2>{title}</h2><svg viewBox=\"0 0 930 232\" role=\"img\" aria-label=\"{title}\">");
    for part in 0..=4_u64 {
        let y = HEIGHT.saturating_sub(HEIGHT.saturating_mul(part) / 4).saturating_add(8);
        let label = show(step.saturating_mul(part));
        let _ = write!(
            page,
            "<line class=\"grid\" x1=\"100\" x2=\"920\" y1=\"{y}\" y2=\"{y}\"/><text x=\"92\" y=\"{}\" text-anchor=\"end\">{label}</text>",
            y.saturating_add(4)
        );
        let x = scaled(WIDTH, part, 4).saturating_add(100);
        let tenths = scaled(end, part, 4) / 100;
        // In the middle of its mark, the last would not fit.
        let anchor = if part == 4 { "end" } else { "middle" };
        let _ =
            write!(page, "<text x=\"{x}\" y=\"228\" text-anchor=\"{anchor}\">{}.{} s</text>", tenths / 10, tenths % 10);
    }
    for (line, colour) in series.iter().zip((0..6).cycle()) {
        let _ = write!(page, "<polyline style=\"stroke:var(--c{colour})\" points=\"");
        for (time, value) in times.iter().zip(&line.values) {
            let x = scaled(WIDTH, *time, end).saturating_add(100);
            let y = HEIGHT.saturating_sub(scaled(HEIGHT, *value, highest)).saturating_add(8);
            let _ = write!(page, "{x},{y} ");
        }
        page.push_str("\"/>");
    }
    page.push_str("</svg><p class=\"key\">");
    for (line, colour) in series.iter().zip((0..6).cycle()) {
        let _ = write!(page, "<i style=\"background:var(--c{colour})\"></i>{}", markup(&line.name));
    }
    page.push_str("</p>");
}

/// The least round number that, four times, is at least the highest value: 1, 2 or 5 with noughts, of the largest unit.
fn step(highest: u64, base: u64) -> u64 {
    let quarter = highest.div_ceil(4).max(1);
    let mut unit: u64 = 1;
    while base > 10 && unit.saturating_mul(base) <= quarter {
        unit = unit.saturating_mul(base);
    }
    loop {
        for digit in [1, 2, 5] {
            let step = unit.saturating_mul(digit);
            if step >= quarter {
                return step;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// Microseconds, as milliseconds from ten on.
fn micros(value: u64) -> String {
    match value {
        0..10_000 => format!("{value} µs"),
        _ => format!("{}.{} ms", value / 1000, value % 1000 / 100),
    }
}

/// `whole` × `part` / `of`.
fn scaled(whole: u64, part: u64, of: u64) -> u64 {
    let product = u128::from(whole).saturating_mul(u128::from(part));
    u64::try_from(product.checked_div(u128::from(of)).unwrap_or(0)).unwrap_or(u64::MAX)
}

fn heaps(page: &mut String, last: &Statistics) {
    page.push_str("<h2>Heaps at the end</h2><table><tr><th>heap<th>buffers<th>live<th>peak<th>budget<th>served<th>p50<th>p99</tr>");
    for heap in &last.heaps {
        let budget = heap.budget_bytes.map_or("-".to_owned(), size);
        let (live, peak) = (size(heap.account.live_bytes), size(heap.account.high_water_bytes));
        let (name, latency) = (markup(&heap.name), &heap.latency);
        let _ = write!(
            page,
            "<tr><td>{name}<td>{}<td>{live}<td>{peak}<td>{budget}<td>{}<td>{}<td>{}</tr>",
            heap.account.live_buffers,
            latency.count,
            micros(latency.p50_us),
            micros(latency.p99_us)
        );
    }
    page.push_str("</table>");
    for (cause, count) in &last.refusals {
        let _ = write!(page, "<p>refused {count} × {}</p>", markup(cause));
    }
}

/// Buffers of the first sample that are still there in the last.
fn stayed(page: &mut String, samples: &[Snapshot]) {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
    let before: BTreeSet<u64> = first.buffers.iter().map(|buffer| buffer.id).collect();
    let stayed = || last.buffers.iter().filter(|buffer| before.contains(&buffer.id));
    let bytes = stayed().fold(0, |sum: u64, buffer| sum.saturating_add(buffer.bytes));
    let _ = write!(page, "<h2>Stayed throughout: {} buffers, {}</h2>", stayed().count(), size(bytes));
    page.push_str("<table><tr><th>name<th>heap<th>bytes<th>uid<th>pid<th>age</tr>");
    for buffer in stayed().take(LINES) {
        let (name, heap, bytes) = (markup(&buffer.name), markup(&buffer.heap), size(buffer.bytes));
        let (uid, pid, age) = (buffer.uid, buffer.pid, buffer.age_ms / 1000);
        let _ = write!(page, "<tr><td>{name}<td>{heap}<td>{bytes}<td>{uid}<td>{pid}<td>{age} s</tr>");
    }
    page.push_str("</table>");
}

#[cfg(test)]
mod tests {
    use super::{micros, step};

    #[test]
    fn axis_has_four_round_steps_that_hold_the_highest_value() {
        let mib = 1 << 20;
        assert_eq!([0, 1, 4, 5, 81].map(|value| step(value, 10)), [1, 1, 1, 2, 50]);
        assert_eq!(step(311 * mib, 1024), 100 * mib);
        assert_eq!(step(4 * mib, 1024), mib);
        assert_eq!(step(4000, 1024), 1000);
        assert!(step(u64::MAX, 10) >= u64::MAX / 4);
        assert!(step(u64::MAX, 1024) >= u64::MAX / 4);
    }

    #[test]
    fn times_are_in_the_unit_that_people_read() {
        assert_eq!([0, 9_999, 10_000, 330_693].map(micros), ["0 µs", "9999 µs", "10.0 ms", "330.6 ms"]);
    }
}
