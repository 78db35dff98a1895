//! The page: inline SVG, two colour schemes, nothing from elsewhere.

use super::recording::{Curve, Group, Life, Recording, MOST_DRAWN, OTHERS};
use crate::output::markup;
use gralloc_allocator::statistics::{size, Statistics};
use std::borrow::Cow;
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
svg{width:100%;height:auto}svg text{fill:var(--dim);font-size:12px}.grid{stroke:var(--line)}.mark{stroke:var(--dim);stroke-dasharray:4 4}polyline{fill:none;stroke-width:2;stroke-linejoin:round}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{text-align:right;padding:.15em .6em;border-bottom:1px solid var(--line)}td:first-child,th:first-child{text-align:left;padding-left:0}th{color:var(--dim);font-weight:500}
.key i{display:inline-block;width:1em;height:.25em;margin:0 .4em .2em 1em}.key i:first-child{margin-left:0}
</style></head><body>
";

/// One line of a chart.
struct Series<'r> {
    name: String,
    curve: Cow<'r, Curve>,
}

/// The page of a recording.
pub(super) fn of(recording: &Recording) -> String {
    let last = &recording.last;
    let mut page = HEAD.to_owned();
    let times = Times::of(recording);
    let _ = write!(
        page,
        "<h1>Graphics memory</h1><p>policy {}, {} samples over {} s; at the end {} in {} buffers, {} requests since \
         the service started</p>",
        markup(&last.policy),
        recording.samples(),
        times.end / 1000,
        size(last.all.live_bytes),
        last.all.live_buffers,
        last.requests
    );
    if !recording.restarts.is_empty() {
        let count = recording.restarts.len();
        let _ = write!(
            page,
            "<p>Another service began {count} ×, each time at a dashed line: nobody knows how long there was none.</p>"
        );
    }
    if last.releases_seen_through.is_none() {
        page.push_str("<p>Releases of buffers are not seen: what is live is unknown.</p>");
    }
    let by_heap = series(recording, &recording.heaps, |heap| heap.clone());
    chart(&mut page, "Live bytes by heap", &times, &by_heap, 1024, size);
    let clients = series(recording, &recording.clients, |uid| format!("uid {uid}"));
    chart(&mut page, "Live bytes by client", &times, &clients, 1024, size);
    let latency = series(recording, &recording.latency, |heap| heap.clone());
    chart(&mut page, "allocate2, 99th percentile since the start, by heap", &times, &latency, 10, micros);
    let count = |name: &str, curve| Series { name: name.to_owned(), curve: Cow::Borrowed(curve) };
    let mut counts = vec![count("refusals", &recording.refusals)];
    if last.pool.is_some() {
        counts.push(count("pool hits", &recording.pool_hits));
        counts.push(count("pool misses", &recording.pool_misses));
    }
    chart(&mut page, "Refusals and pool, since the start", &times, &counts, 10, |count| count.to_string());
    heaps(&mut page, last);
    stayed(&mut page, recording);
    page.push_str("</body></html>\n");
    page
}

fn series<'r, K: Ord>(recording: &Recording, group: &'r Group<K>, name: impl Fn(&K) -> String) -> Vec<Series<'r>> {
    let lines = group.lines(recording.samples()).into_iter();
    lines.map(|(key, curve)| Series { name: key.map_or(OTHERS.to_owned(), &name), curve }).collect()
}

/// Milliseconds since the first sample.
struct Times {
    samples: Vec<u64>,
    restarts: Vec<u64>,
    /// The last, and not 0.
    end: u64,
}

impl Times {
    fn of(recording: &Recording) -> Times {
        let first = recording.times.first().copied().unwrap_or(0);
        let since = |times: &[u64]| times.iter().map(|time| time.saturating_sub(first)).collect::<Vec<_>>();
        let (samples, restarts) = (since(&recording.times), since(&recording.restarts));
        let end = samples.last().copied().unwrap_or(0).max(1);
        Times { samples, restarts, end }
    }

    fn x(&self, time: u64) -> u64 {
        scaled(WIDTH, time, self.end).saturating_add(100)
    }
}

/// Draws series over time; `base` is what units are apart: 1024 for bytes, 10 for all else.
fn chart(page: &mut String, title: &str, times: &Times, series: &[Series], base: u64, show: impl Fn(u64) -> String) {
    let step = step(series.iter().map(|line| line.curve.most).max().unwrap_or(0), base);
    let highest = step.saturating_mul(4);
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
        let tenths = scaled(times.end, part, 4) / 100;
        // In the middle of its mark, the last would not fit.
        let anchor = if part == 4 { "end" } else { "middle" };
        let _ =
            write!(page, "<text x=\"{x}\" y=\"228\" text-anchor=\"{anchor}\">{}.{} s</text>", tenths / 10, tenths % 10);
    }
    // Each place once: a service that does not stay up leaves more marks than can be told apart.
    for x in times.restarts.iter().map(|time| times.x(*time)).collect::<BTreeSet<_>>() {
        let (beside, anchor) = if x > 510 { (x.saturating_sub(4), "end") } else { (x.saturating_add(4), "start") };
        let _ = write!(
            page,
            "<line class=\"mark\" x1=\"{x}\" x2=\"{x}\" y1=\"8\" y2=\"208\"/><text x=\"{beside}\" y=\"20\" text-anchor=\"{anchor}\">another service</text>"
        );
    }
    for (line, colour) in series.iter().zip((0..6).cycle()) {
        let _ = write!(page, "<polyline style=\"stroke:var(--c{colour})\" points=\"");
        let y = |value| HEIGHT.saturating_sub(scaled(HEIGHT, value, highest)).saturating_add(8);
        points(page, times.samples.iter().map(|time| times.x(*time)).zip(line.curve.values().map(y)));
        page.push_str("\"/>");
    }
    page.push_str("</svg><p class=\"key\">");
    for (line, colour) in series.iter().zip((0..6).cycle()) {
        let _ = write!(page, "<i style=\"background:var(--c{colour})\"></i>{}", markup(&line.name));
    }
    page.push_str("</p>");
    if series.len() > MOST_DRAWN {
        let _ = write!(page, "<p>The {MOST_DRAWN} with the most are drawn, all else is \"{OTHERS}\".</p>");
    }
}

/// Of each column how it begins, its extremes and how it ends: however many samples there are, no more is seen.
fn points(page: &mut String, points: impl Iterator<Item = (u64, u64)>) {
    let mut columns: Vec<(u64, [u64; 4])> = Vec::new();
    for (x, y) in points {
        match columns.last_mut() {
            Some((at, [_, least, most, last])) if *at == x => {
                (*least, *most, *last) = ((*least).min(y), (*most).max(y), y);
            }
            _ => columns.push((x, [y; 4])),
        }
    }
    for (x, ys) in columns {
        let mut before = None;
        for y in ys {
            if before.replace(y) != Some(y) {
                let _ = write!(page, "{x},{y} ");
            }
        }
    }
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
fn stayed(page: &mut String, recording: &Recording) {
    let stayed: Vec<&Life> = recording.lives.iter().filter(|life| life.at_first && life.until_ms.is_none()).collect();
    let bytes = stayed.iter().fold(0, |sum: u64, life| sum.saturating_add(life.bytes));
    let _ = write!(page, "<h2>Stayed throughout: {} buffers, {}</h2>", stayed.len(), size(bytes));
    page.push_str("<table><tr><th>name<th>heap<th>bytes<th>uid<th>pid<th>age</tr>");
    let now_ms = recording.times.last().copied().unwrap_or(0);
    for life in stayed.into_iter().take(LINES) {
        let (name, heap, bytes) = (markup(&life.name), markup(&life.heap), size(life.bytes));
        let (uid, pid, age) = (life.uid, life.pid, now_ms.saturating_sub(life.from_ms) / 1000);
        let _ = write!(page, "<tr><td>{name}<td>{heap}<td>{bytes}<td>{uid}<td>{pid}<td>{age} s</tr>");
    }
    page.push_str("</table>");
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::super::recording::tests::{recording, restarted};
    use super::{micros, of, points, step};
    use crate::snapshot;
    use serde_json::json;

    #[test]
    fn another_service_is_a_mark_and_all_points_are_inside() {
        let page = of(&restarted());
        assert!(page.contains("4 samples over 2 s"), "{page}");
        assert!(page.contains("Stayed throughout: 0 buffers"), "{page}");
        // At 1 s of 2.5 s, in each chart.
        assert_eq!(page.matches("<line class=\"mark\" x1=\"428\" x2=\"428\" y1=\"8\" y2=\"208\"/>").count(), 4);
        assert_eq!(page.matches("another service</text>").count(), 4);
        let lines: Vec<&str> = page.split("points=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(lines[0], "100,108 428,8 592,108 920,208 ");
        for point in lines.iter().flat_map(|line| line.split_whitespace()) {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (u64, u64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((100..=920).contains(&x) && (8..=208).contains(&y), "{point}");
        }
    }

    #[test]
    fn more_than_are_drawn_are_one_line_that_is_said() {
        let heaps = |count: u64| {
            let heaps = (0..count).map(|heap| json!({ "name": format!("h{heap}"), "live_bytes": 1 }));
            of(&recording([snapshot::read(&json!({ "heaps": heaps.collect::<Vec<_>>() })).unwrap()]))
        };
        let said = "The 64 with the most are drawn, all else is \"others\".";
        assert!(!heaps(64).contains(said));
        let page = heaps(70);
        // Live bytes and latencies, and refusals.
        assert_eq!((page.matches(said).count(), page.matches("<polyline").count()), (2, 2 * 65 + 1));
    }

    #[test]
    fn column_with_many_points_has_its_extremes() {
        let mut text = String::new();
        points(&mut text, (0..1000).map(|at| (100 + at / 500, 50 + at % 500)));
        assert_eq!(text, "100,50 100,549 101,50 101,549 ");
    }

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
