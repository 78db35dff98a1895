//! The picture: for each row how ours spreads, beside the limit of the same rounds.
//!
//! Times are drawn as multiples of the limit's median, so that rows of microseconds and of milliseconds fit one axis.

use crate::rows::{row, Floor, Limit};
use crate::samples::{RowSamples, Samples};
use crate::summary::percentile;
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 70.0;
const ROW_HEIGHT: f64 = 64.0;
/// The axis, in multiples of the limit's median.
const AXIS: (f64, f64) = (0.0, 3.2);
const AXIS_STEPS: u32 = 16;

/// What is drawn of one row.
struct Spread {
    name: String,
    ours: Vec<f64>,
    limit: Vec<f64>,
    /// Empty where there is none.
    bare: Vec<f64>,
    floor: Option<f64>,
}

/// The picture of all rows that have a limit.
pub fn svg(samples: &Samples) -> String {
    let spreads: Vec<Spread> = samples.rows.iter().filter_map(spread).collect();
    let rows = u32::try_from(spreads.len()).unwrap_or(u32::MAX);
    let bottom = TOP + ROW_HEIGHT * f64::from(rows);
    let height = bottom + 60.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"Noto Sans, sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut out, 20.0, 28.0, "start", "16", "The service, and what nobody can beat: what the row says");
    let about = format!(
        "Linux {}, {} processors. Thick: half of the samples; thin: 90 of 100; tick: median. Dashed: must be reached.",
        samples.machine.kernel, samples.machine.processors
    );
    text(&mut out, 20.0, 48.0, "start", "12", &about);
    axis(&mut out, bottom);
    for (index, spread) in (0_u32..).zip(&spreads) {
        panel(&mut out, spread, TOP + ROW_HEIGHT * f64::from(index));
    }
    out.push_str("</svg>\n");
    out
}

fn spread(samples: &RowSamples) -> Option<Spread> {
    let row = row(&samples.row)?;
    let limits: Vec<f64> = samples.samples.iter().map(|sample| sample.limit(row.limit)).collect::<Option<_>>()?;
    let unit = percentile(&limits, 50.0).filter(|unit| *unit > 0.0)?;
    let floor = match row.floor {
        Floor::RatioLimit(most) => Some(most),
        Floor::RatioRaw(most) if row.limit == Limit::Raw => Some(most),
        Floor::RatioRaw(_) | Floor::Tail(_) | Floor::Median(_) | Floor::Most(_) | Floor::AboveBare(_) | Floor::Told => {
            None
        }
    };
    let ours = samples.samples.iter().map(|sample| sample.ours / unit).collect();
    let limit = limits.iter().map(|limit| limit / unit).collect();
    let bare = match row.limit {
        Limit::Bare => Vec::new(),
        _ => samples.samples.iter().filter_map(|sample| Some(sample.bare? / unit)).collect(),
    };
    Some(Spread { name: row.name.to_owned(), ours, limit, bare, floor })
}

fn panel(out: &mut String, spread: &Spread, top: f64) {
    text(out, LEFT - 12.0, top + 36.0, "end", "14", &spread.name);
    strip(out, &spread.limit, top + 14.0, "#9aa5b1");
    strip(out, &spread.bare, top + 32.0, "#d4a72c");
    strip(out, &spread.ours, top + 50.0, "#1f6feb");
    if let Some(floor) = spread.floor {
        let x = place(floor);
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#cf222e\" stroke-dasharray=\"4 3\"/>",
            top + 4.0,
            top + 60.0
        );
    }
}

/// One spread: 5 to 95, 25 to 75, the median.
fn strip(out: &mut String, values: &[f64], y: f64, colour: &str) {
    let at = |percent| percentile(values, percent).map(place);
    let (Some(p5), Some(p25), Some(p50), Some(p75), Some(p95)) = (at(5.0), at(25.0), at(50.0), at(75.0), at(95.0))
    else {
        return;
    };
    let mut line = |from: f64, to: f64, width: u32| {
        let _ = writeln!(
            out,
            "<line x1=\"{from:.1}\" y1=\"{y:.1}\" x2=\"{to:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>"
        );
    };
    line(p5, p95, 2);
    line(p25, p75, 10);
    let _ = writeln!(
        out,
        "<line x1=\"{p50:.1}\" y1=\"{:.1}\" x2=\"{p50:.1}\" y2=\"{:.1}\" stroke=\"black\" stroke-width=\"2\"/>",
        y - 8.0,
        y + 8.0
    );
}

fn axis(out: &mut String, bottom: f64) {
    for step in 0..=AXIS_STEPS {
        let value = AXIS.0 + (AXIS.1 - AXIS.0) * f64::from(step) / f64::from(AXIS_STEPS);
        let x = place(value);
        let _ = writeln!(out, "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#e6e8eb\"/>");
        text(out, x, bottom + 18.0, "middle", "12", &format!("{value:.1}"));
    }
    text(
        out,
        LEFT,
        bottom + 42.0,
        "start",
        "12",
        "× the limit's median. Grey: the limit, round by round. Yellow: a bare service around the ioctl. Blue: ours.",
    );
}

/// Where a multiple of the limit lies; what is beyond the axis lies at its end.
fn place(value: f64) -> f64 {
    let part = (value.clamp(AXIS.0, AXIS.1) - AXIS.0) / (AXIS.1 - AXIS.0);
    LEFT + part * (WIDTH - LEFT - RIGHT)
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, size: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ =
        writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{Machine, Sample};

    #[test]
    fn picture_has_a_strip_for_each_row_with_a_limit_and_becomes_a_png() {
        let mut samples = Samples::new(Machine { kernel: "6.12 <&>".to_owned(), processors: 2 });
        let sample = |ours: f64| Sample { raw: Some(10.0), ping: Some(2.0), bare: Some(12.5), ..Sample::alone(ours) };
        samples.put(RowSamples { row: "cold-4k".to_owned(), samples: vec![sample(12.0), sample(13.0), sample(90.0)] });
        samples.put(RowSamples { row: "rss".to_owned(), samples: vec![Sample::alone(2000.0)] });
        let picture = svg(&samples);
        assert!(picture.contains("cold-4k") && !picture.contains(">rss<"), "{picture}");
        assert!(picture.contains("6.12 &lt;&amp;&gt;") || picture.contains("6.12 &lt;&amp;>"), "{picture}");
        let bytes = heaps_host::png(&picture).unwrap();
        assert!(bytes.starts_with(b"\x89PNG"));
    }
}
