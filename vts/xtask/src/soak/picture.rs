//! The plots: one panel a figure, over the seconds; a dashed line where another service begins, shaded while the trace was on.

use std::fmt::Write as _;

use super::verdict::Check;
use super::Second;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const PANEL: f64 = 130.0;
const PLOT: f64 = 84.0;

type Figure = (&'static str, fn(&Second) -> Option<u64>);

const FIGURES: [Figure; 6] = [
    ("Memory of the service, KiB", |second| Some(second.rss_kib)),
    ("File descriptors of the service", |second| Some(second.fds)),
    ("Live bytes in the ledger, KiB", |second| Some(second.live_bytes >> 10)),
    ("dma-bufs of the kernel", |second| second.dma_bufs),
    ("Latency of an allocation, each second's p99, ms", |second| second.p99_us.map(|us| us / 1000)),
    ("Calls refused, and lost with a service", |second| Some(second.refused + second.lost)),
];

/// All panels.
pub(super) fn svg(seconds: &[Second]) -> String {
    let mut top = 0.0;
    let mut out = String::new();
    let end = seconds.last().map_or(1.0, |second| second.second).max(1.0);
    let x = |at: f64| LEFT + at / end * (WIDTH - LEFT - RIGHT);
    for (title, figure) in FIGURES {
        let points: Vec<(f64, f64)> = seconds
            .iter()
            .filter_map(|second| {
                Some((x(second.second), f64::from(u32::try_from(figure(second)?).unwrap_or(u32::MAX))))
            })
            .collect();
        for [from, to] in traced(seconds) {
            let (from, to) = (x(from), x(to));
            let _ = writeln!(
                out,
                "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{PLOT}\" fill=\"#fff4d6\"/>",
                top + 30.0,
                to - from
            );
        }
        panel(&mut out, top, title, &points);
        for pair in seconds.windows(2) {
            let [before, after] = pair else { continue };
            if before.pid != after.pid {
                let at = x(after.second);
                let _ = writeln!(
                    out,
                    "<line x1=\"{at:.1}\" y1=\"{:.1}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"#cf222e\" stroke-dasharray=\"4 3\"/>",
                    top + 30.0,
                    top + 30.0 + PLOT
                );
            }
        }
        top += PANEL;
    }
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"{:.0}\">0 to {end:.0} s</text>", top + 6.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{0}\" viewBox=\"0 0 {WIDTH} {0}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{out}</svg>\n",
        top + 20.0
    )
}

/// From when to when the trace was on.
fn traced(seconds: &[Second]) -> Vec<[f64; 2]> {
    let turns = seconds.chunk_by(|one, next| one.traced == next.traced).filter_map(|turn| {
        let (first, last) = (turn.first()?, turn.last()?);
        first.traced.then_some([first.second, last.second])
    });
    turns.collect()
}

/// One figure, from zero to its most.
fn panel(out: &mut String, top: f64, title: &str, points: &[(f64, f64)]) {
    let most = points.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let (ceiling, floor) = (top + 30.0, top + 30.0 + PLOT);
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"{:.1}\" font-size=\"13\">{title}</text>", top + 22.0);
    for (y, value) in [(ceiling, most), (floor, 0.0)] {
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#e6e8eb\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value:.0}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        );
    }
    let line: Vec<String> =
        points.iter().map(|(x, value)| format!("{x:.1},{:.1}", floor - value / most * PLOT)).collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"1.5\"/>",
        line.join(" ")
    );
}

/// The page around the plots. Nothing in it comes from a client.
pub(super) fn html(summary: &str, checks: &[Check], picture: &str) -> String {
    let checks: String = checks.iter().map(|check| format!("<li>{check}</li>\n")).collect();
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Soak</title>\n<h1>Soak</h1>\n<p>{summary}</p>\n\
         <ul>\n{checks}</ul>\n<p>Dashed: the service was killed and started again. Shaded: the kernel's trace was on.</p>\n{picture}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_has_every_panel_and_a_line_for_a_restart() {
        let second = |pid, second| Second { pid, second, rss_kib: 2000, ..Second::default() };
        let traced = |pid, at| Second { traced: true, ..second(pid, at) };
        let picture = svg(&[second(1, 1.0), traced(1, 2.0), traced(2, 3.0), second(2, 4.0), traced(2, 5.0)]);
        assert_eq!(picture.matches("<polyline").count(), FIGURES.len());
        assert_eq!(picture.matches("fill=\"#fff4d6\"").count(), 2 * FIGURES.len(), "two turns");
        assert_eq!(picture.matches("stroke-dasharray").count(), FIGURES.len());
    }
}
