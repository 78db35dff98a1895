//! A picture of a trace: the counters over all of it, then a stretch of it with the processors, the service's slices and the
//! mappers' under each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use vm_harness::ftrace::{Kind, Slice, Trace};

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 14.0;
/// A line of slices or a processor.
const LINE: f64 = 17.0;
/// A counter's height.
const PLOT: f64 = 56.0;
/// Narrower than this is not drawn.
const LEAST: f64 = 0.2;
/// A letter.
const LETTER: f64 = 6.4;

/// Colours of slices by their names.
const SLICES: [(&str, &str); 9] = [
    ("allocate2", "#b6d0f7"),
    ("plan", "#f2cc8f"),
    ("admission", "#a3d9b1"),
    ("wait for releases", "#e8a0a0"),
    ("ioctl", "#7fa7e0"),
    ("reply", "#d5b8ea"),
    ("mapper import", "#f5c6a5"),
    ("mapper lock", "#9fd8d5"),
    ("mapper unlock", "#c9c9c9"),
];
const OTHER: &str = "#e8a0a0";
/// Colours of processes that have marks, in the order of their ids.
const PROCESSES: [&str; 4] = ["#4c7fd0", "#d98032", "#8456b8", "#3a9a8c"];

/// A stretch of time, and where it lies in the picture.
struct Stretch {
    from_us: u64,
    until_us: u64,
}

impl Stretch {
    fn x(&self, at_us: u64) -> f64 {
        let at = at_us.clamp(self.from_us, self.until_us).saturating_sub(self.from_us);
        LEFT + number(at) / number(self.length().max(1)) * (WIDTH - LEFT - RIGHT)
    }

    fn length(&self) -> u64 {
        self.until_us.saturating_sub(self.from_us)
    }

    fn meets(&self, from_us: u64, until_us: u64) -> bool {
        until_us > self.from_us && from_us < self.until_us
    }
}

/// The picture.
pub(super) fn svg(trace: &Trace) -> String {
    let slices = trace.slices().unwrap_or_default();
    let (first, last) = (trace.marks.first(), trace.marks.last());
    let all = Stretch { from_us: first.map_or(0, |mark| mark.at_us), until_us: last.map_or(1, |mark| mark.at_us) };
    let part = stretch(&slices, &all);
    let processes = processes(trace);
    let mut out = String::new();
    let mut top = counters(trace, &all, &part, &mut out);
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{:.0}\" font-size=\"13\">The shaded {} ms of it</text>",
        top + 14.0,
        part.length() / 1000
    );
    top = processors(trace, &part, &processes, top + 24.0, &mut out);
    top = threads(trace, &slices, &part, &processes, top + 8.0, &mut out);
    legend(top + 8.0, &mut out);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{0:.0}\" viewBox=\"0 0 {WIDTH} {0:.0}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{out}</svg>\n",
        top + 34.0
    )
}

/// Around the request that has most to show about it: names first, then slices.
fn stretch(slices: &[Slice], all: &Stretch) -> Stretch {
    let requests: Vec<&Slice> = slices.iter().filter(|slice| slice.path == "allocate2").collect();
    let longest = requests.iter().map(|slice| slice.end_us.saturating_sub(slice.begin_us)).max().unwrap_or(1000);
    let around = |request: &&Slice| {
        let from_us = request.begin_us.saturating_sub(longest / 4);
        Stretch { from_us, until_us: from_us.saturating_add(longest.saturating_mul(4)) }
    };
    let shown = |stretch: &Stretch| {
        let inside = || slices.iter().filter(|slice| stretch.meets(slice.begin_us, slice.end_us));
        let names: BTreeSet<&str> = inside().map(|slice| slice.path.as_str()).collect();
        (names.len(), inside().count())
    };
    let whole = Stretch { from_us: all.from_us, until_us: all.until_us };
    requests.iter().map(around).max_by_key(shown).unwrap_or(whole)
}

/// Each process that has marks, with its colour.
fn processes(trace: &Trace) -> BTreeMap<u32, &'static str> {
    let ids: BTreeSet<u32> = trace.marks.iter().map(|mark| process(trace, mark.thread)).collect();
    ids.into_iter().zip(PROCESSES.iter().cycle().copied()).collect()
}

fn process(trace: &Trace, thread: u32) -> u32 {
    trace.threads.get(&thread).and_then(|known| known.process).unwrap_or(thread)
}

fn name(trace: &Trace, thread: u32) -> String {
    let name = trace.threads.get(&thread).map_or("", |known| known.name.as_str());
    name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A plot a counter, over the whole trace.
fn counters(trace: &Trace, all: &Stretch, part: &Stretch, out: &mut String) -> f64 {
    let mut points: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for mark in &trace.marks {
        if let Kind::Counter(name, value) = &mark.kind {
            points.entry(name).or_default().push((mark.at_us, *value));
        }
    }
    let mut top = 0.0;
    for (name, points) in points {
        let most = points.iter().map(|(_, value)| *value).max().unwrap_or(0).max(1);
        let floor = top + 22.0 + PLOT;
        let y = |value: u64| floor - number(value) / number(most) * PLOT;
        let (from, until) = (part.from_us.max(all.from_us), part.until_us.min(all.until_us));
        let _ = writeln!(
            out,
            "<text x=\"{LEFT}\" y=\"{:.1}\" font-size=\"13\">{name}, over {:.1} s</text>\n\
             <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{PLOT}\" fill=\"#fbeec5\"/>\n\
             <line x1=\"{LEFT}\" y1=\"{floor:.1}\" x2=\"{:.1}\" y2=\"{floor:.1}\" stroke=\"#d0d5db\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.1} MiB</text>\n\
             <text x=\"{:.1}\" y=\"{floor:.1}\" text-anchor=\"end\">0</text>",
            top + 14.0,
            number(all.length()) / 1e6,
            all.x(from),
            top + 22.0,
            (all.x(until) - all.x(from)).max(2.0),
            WIDTH - RIGHT,
            LEFT - 6.0,
            top + 30.0,
            number(most) / 1_048_576.0,
            LEFT - 6.0,
        );
        // A counter stays as it is until it is marked again.
        let mut line = format!("{:.1},{floor:.1}", all.x(all.from_us));
        let mut before = 0;
        for (at, value) in points.into_iter().chain([(all.until_us, u64::MAX)]) {
            let value = if value == u64::MAX { before } else { value };
            let _ = write!(line, " {0:.1},{1:.1} {0:.1},{2:.1}", all.x(at), y(before), y(value));
            before = value;
        }
        let _ = writeln!(out, "<polyline points=\"{line}\" fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"1.4\"/>");
        top = floor + 10.0;
    }
    top
}

/// Who ran where.
fn processors(trace: &Trace, part: &Stretch, processes: &BTreeMap<u32, &str>, top: f64, out: &mut String) -> f64 {
    let mut of: BTreeMap<u32, Vec<(u64, u32)>> = BTreeMap::new();
    for switch in &trace.switches {
        of.entry(switch.cpu).or_default().push((switch.at_us, switch.to));
    }
    let mut top = top;
    for (cpu, runs) in of {
        label(&format!("processor {cpu}"), top, out);
        for pair in runs.windows(2) {
            let [(from, thread), (until, _)] = pair else { continue };
            // 0 is nobody.
            if *thread == 0 || !part.meets(*from, *until) {
                continue;
            }
            let colour = processes.get(&process(trace, *thread)).copied().unwrap_or("#c4cad1");
            let (left, right) = (part.x(*from), part.x(*until));
            bar(left, right, top, colour, &format!("{} ({thread})", name(trace, *thread)), out);
        }
        top += LINE;
    }
    top
}

/// The slices of each thread, those inside others below them.
fn threads(
    trace: &Trace,
    slices: &[Slice],
    part: &Stretch,
    processes: &BTreeMap<u32, &str>,
    top: f64,
    out: &mut String,
) -> f64 {
    let mut of: BTreeMap<(u32, u32), Vec<&Slice>> = BTreeMap::new();
    for slice in slices.iter().filter(|slice| part.meets(slice.begin_us, slice.end_us)) {
        of.entry((process(trace, slice.thread), slice.thread)).or_default().push(slice);
    }
    let mut top = top;
    for ((process, thread), slices) in of {
        let colour = processes.get(&process).copied().unwrap_or(OTHER);
        let _ = writeln!(
            out,
            "<rect x=\"4\" y=\"{:.1}\" width=\"6\" height=\"{:.1}\" fill=\"{colour}\"/>",
            top,
            LINE - 2.0
        );
        label(&name(trace, thread), top, out);
        let depth = |slice: &Slice| slice.path.matches('/').count();
        for slice in &slices {
            let (left, right) = (part.x(slice.begin_us), part.x(slice.end_us));
            let own = slice.path.rsplit('/').next().unwrap_or_default();
            let colour = SLICES.iter().find(|(name, _)| *name == own).map_or(OTHER, |(_, colour)| colour);
            let depth = u32::try_from(depth(slice)).unwrap_or(0);
            let title = format!("{}, {} µs", slice.path, slice.end_us.saturating_sub(slice.begin_us));
            let y = top + f64::from(depth) * LINE;
            bar(left, right, y, colour, &title, out);
            if right - left > number(u64::try_from(own.len()).unwrap_or(0)) * LETTER {
                let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{own}</text>", left + 3.0, y + 11.5);
            }
        }
        let deepest = slices.iter().map(|slice| depth(slice)).max().unwrap_or(0);
        top += number(u64::try_from(deepest).unwrap_or(0) + 1) * LINE + 4.0;
    }
    top
}

fn label(text: &str, top: f64, out: &mut String) {
    let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>", LEFT - 6.0, top + 11.5);
}

fn bar(left: f64, right: f64, top: f64, colour: &str, title: &str, out: &mut String) {
    let width = right - left;
    if width >= LEAST {
        let _ = writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.0}\" fill=\"{colour}\"><title>{title}</title></rect>",
            LINE - 2.0
        );
    }
}

fn legend(top: f64, out: &mut String) {
    let mut left = LEFT;
    for (name, colour) in SLICES {
        let _ = writeln!(
            out,
            "<rect x=\"{left:.0}\" y=\"{top:.1}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\n\
             <text x=\"{:.0}\" y=\"{:.1}\">{name}</text>",
            left + 13.0,
            top + 9.0
        );
        left += number(u64::try_from(name.len()).unwrap_or(0)) * LETTER + 26.0;
    }
}

/// For drawing: no picture is so wide that more digits showed.
fn number(value: u64) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_shows_the_stretch_around_a_request_with_its_threads_and_no_markup_of_theirs() {
        let text = "\
# tracer: nop
 a<b-7     (    7) [000] .....    1.000000: tracing_mark_write: B|7|allocate2
 a<b-7     (    7) [000] .....    1.000100: tracing_mark_write: B|7|ioctl
 a<b-7     (    7) [000] .....    1.000900: tracing_mark_write: E|7
 a<b-7     (    7) [000] .....    1.000950: tracing_mark_write: C|7|live bytes of system|1048576
 a<b-7     (    7) [000] .....    1.001000: tracing_mark_write: E|7
 a<b-7     (    7) [000] .....    9.000000: tracing_mark_write: B|7|mapper lock
 a<b-7     (    7) [000] .....    9.000100: tracing_mark_write: E|7
";
        let picture = svg(&Trace::read(text));
        for part in [
            ">allocate2</text>",
            "<title>allocate2/ioctl, 800 µs</title>",
            ">a&lt;b<",
            "live bytes of system, over 8.0 s",
        ] {
            assert!(picture.contains(part), "{part}: {picture}");
        }
        assert!(!picture.contains("a<b") && !picture.contains("<title>mapper lock"), "{picture}");
    }
}
