//! The grid as SVG: a cell's colour is its first heap, and its words say the same.

use super::Drawn;
use crate::output::markup;
use heaps_host::map::Cell;
use std::fmt::Write;

const LEFT: usize = 190;
const TOP: usize = 128;
const CELL_WIDTH: usize = 120;
/// What a line of words takes.
const LINE: usize = 24;
/// Letters that fit a cell.
const LETTERS: usize = 15;
/// Heaps in one line of the legend, the letters of their names, and what each takes.
const LEGEND: usize = 6;
const LEGEND_LETTERS: usize = 22;
const LEGEND_WIDTH: usize = 190;

/// The colours of one scheme. Those of heaps keep apart, for up to twelve; more begin anew, and the words in the cells tell
/// them apart.
struct Scheme {
    back: &'static str,
    words: &'static str,
    dim: &'static str,
    line: &'static str,
    refused: &'static str,
    heaps: [&'static str; 12],
}

const LIGHT: Scheme = Scheme {
    back: "#fff",
    words: "#1b1f24",
    dim: "#5b636d",
    line: "#d0d7de",
    refused: "#f0f1f3",
    heaps: [
        "#bfe0ff", "#ffdcb3", "#c4ebc9", "#e3d1ff", "#ffc9c9", "#bdeaee", "#f5e8a3", "#ffcfe8", "#d9e2a8", "#cfd4ff",
        "#e6d3c3", "#c9d6dc",
    ],
};
const DARK: Scheme = Scheme {
    back: "#14171b",
    words: "#e4e8ed",
    dim: "#9aa3ad",
    line: "#3a414a",
    refused: "#22272d",
    heaps: [
        "#174a78", "#6d4311", "#1d5a2c", "#4b3278", "#782c2c", "#125a63", "#5c5010", "#702a55", "#48551a", "#343c7d",
        "#5b4433", "#3d4c55",
    ],
};

/// The styles of both schemes, for the page too, in plain colours: programs that draw SVG without a browser take the first and know no
/// variables.
pub(super) fn style() -> String {
    format!(
        ".map text{{font-family:system-ui,'Noto Sans',sans-serif;font-size:12px}}.map .p{{stroke-width:2}}\n{}\n\
         @media(prefers-color-scheme:dark){{{}}}\n",
        colours(&LIGHT),
        colours(&DARK)
    )
}

fn colours(scheme: &Scheme) -> String {
    let Scheme { back, words, dim, line, refused, heaps } = scheme;
    let mut css = format!(
        ".page{{background:{back};color:{words}}}.map .back{{fill:{back}}}.map text{{fill:{words}}}.map .dim{{fill:{dim}}}.map .c{{stroke:{line}}}\
         .map .p{{stroke:{words}}}.map .no{{fill:{refused}}}"
    );
    for (at, heap) in heaps.iter().enumerate() {
        let _ = write!(css, ".map .h{at}{{fill:{heap}}}");
    }
    css
}

/// A picture that stands alone.
pub(super) fn of(drawn: &Drawn<'_>) -> String {
    let (width, height) = size(drawn);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"map\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\"><style>{}</style><rect class=\"back\" width=\"{width}\" height=\"{height}\"/>{}</svg>\n",
        style(),
        body(drawn)
    )
}

/// The same inside a page.
pub(super) fn inline(drawn: &Drawn<'_>) -> String {
    let (width, height) = size(drawn);
    format!(
        "<svg class=\"map\" role=\"grid\" viewBox=\"0 0 {width} {height}\" style=\"min-width:{width}px\">{}</svg>",
        body(drawn)
    )
}

fn size(drawn: &Drawn<'_>) -> (usize, usize) {
    let rows = (0..drawn.map.formats.len()).fold(0usize, |sum, row| sum.saturating_add(row_height(drawn, row)));
    let legend = drawn.policy.heaps.len().div_ceil(LEGEND).saturating_add(1);
    let width = times(drawn.map.uses.len(), CELL_WIDTH).saturating_add(LEFT).saturating_add(12);
    (
        width.max(times(LEGEND, LEGEND_WIDTH).saturating_add(LEFT)),
        rows.saturating_add(times(legend, LINE)).saturating_add(TOP).saturating_add(16),
    )
}

/// A row with live buffers has a second line for them.
fn row_height(drawn: &Drawn<'_>, row: usize) -> usize {
    let live = drawn.live.as_ref().is_some_and(|live| live.has_row(row));
    times(if live { 2 } else { 1 }, LINE)
}

fn times(count: usize, step: usize) -> usize {
    count.saturating_mul(step)
}

fn body(drawn: &Drawn<'_>) -> String {
    let mut svg = String::new();
    heading(drawn, &mut svg);
    for (at, used) in drawn.map.uses.iter().enumerate() {
        let x = times(at, CELL_WIDTH).saturating_add(LEFT);
        let words: Vec<&str> = used.name.split(' ').collect();
        for (line, word) in words.iter().enumerate() {
            let y = TOP.saturating_sub(8).saturating_sub(times(words.len().saturating_sub(line).saturating_sub(1), 14));
            let word: String = markup(&cut(word, LETTERS));
            // Writing to a String cannot fail.
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{y}\" text-anchor=\"middle\">{word}</text>",
                x.saturating_add(CELL_WIDTH / 2)
            );
        }
    }
    let mut y = TOP;
    for (row, (format, cells)) in drawn.map.formats.iter().zip(&drawn.map.cells).enumerate() {
        let name = markup(&cut(&format.name, LEGEND_LETTERS));
        let _ = write!(svg, "<text x=\"8\" y=\"{}\">{name}</text>", y.saturating_add(16));
        for (column, cell) in cells.iter().enumerate() {
            one(drawn, &mut svg, (row, column), y, cell);
        }
        y = y.saturating_add(row_height(drawn, row));
    }
    legend(drawn, &mut svg, y.saturating_add(LINE));
    svg
}

fn heading(drawn: &Drawn<'_>, svg: &mut String) {
    let mut about =
        format!("{}; {} x {} pixels, all heaps there", drawn.source, heaps_host::map::SIZE.0, heaps_host::map::SIZE.1);
    if let Some(live) = &drawn.live {
        about.push_str("; second lines: live buffers and the heap that gave them");
        if live.elsewhere > 0 {
            about.push_str(&format!(" ({} more fit no cell)", live.elsewhere));
        }
    }
    let _ = write!(
        svg,
        "<text x=\"8\" y=\"22\" style=\"font-size:16px;font-weight:600\">{}</text><text class=\"dim\" x=\"8\" y=\"42\">{}</text>\
         <text class=\"dim\" x=\"8\" y=\"58\">+n: further heaps are tried; bold frame: protected; *: an alignment applies; \
         grey: refused, with the cause</text>",
        markup(&format!("Policy {}", drawn.policy.name)),
        markup(&about),
    );
}

fn one(drawn: &Drawn<'_>, svg: &mut String, (row, column): (usize, usize), y: usize, cell: &Cell) {
    let x = times(column, CELL_WIDTH).saturating_add(LEFT);
    let (class, words) = match (cell.heaps.split_first(), &cell.refused) {
        (Some((first, more)), _) => {
            let mut marks = String::new();
            if !more.is_empty() {
                marks.push_str(&format!(" +{}", more.len()));
            }
            if !cell.alignments.is_empty() {
                marks.push_str(" *");
            }
            (classes(drawn, first), cut(first, LETTERS.saturating_sub(marks.len())) + &marks)
        }
        (None, Some((cause, _))) => ("no".to_owned(), cut(cause, LETTERS)),
        (None, None) => ("no".to_owned(), String::new()),
    };
    let dim = if cell.refused.is_some() { " class=\"dim\"" } else { "" };
    let height = row_height(drawn, row);
    let _ = write!(
        svg,
        "<g class=\"cell\" tabindex=\"0\" data-row=\"{row}\" data-column=\"{column}\"><title>{}</title><rect class=\"c {class}\" x=\"{x}\" \
         y=\"{y}\" width=\"{CELL_WIDTH}\" height=\"{height}\"/><text{dim} x=\"{}\" y=\"{}\">{}</text>",
        markup(&cell.summary),
        x.saturating_add(5),
        y.saturating_add(16),
        markup(&words)
    );
    let heaps = drawn.live.as_ref().map(|live| live.heaps((row, column))).unwrap_or_default();
    if let Some((most, _)) = heaps.first() {
        let said: Vec<String> = heaps.iter().map(|(heap, count)| format!("{count} {heap}")).collect();
        let y = y.saturating_add(LINE);
        let _ = write!(
            svg,
            "<rect class=\"{}\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            classes(drawn, most),
            x.saturating_add(3),
            CELL_WIDTH.saturating_sub(6),
            LINE.saturating_sub(3),
            x.saturating_add(5),
            y.saturating_add(15),
            markup(&cut(&said.join(", "), LETTERS))
        );
    }
    svg.push_str("</g>");
}

fn legend(drawn: &Drawn<'_>, svg: &mut String, y: usize) {
    for (at, heap) in drawn.policy.heaps.iter().enumerate() {
        let x = times(at % LEGEND, LEGEND_WIDTH).saturating_add(8);
        let y = y.saturating_add(times(at / LEGEND, LINE));
        let _ = write!(
            svg,
            "<rect class=\"c {}\" x=\"{x}\" y=\"{y}\" width=\"18\" height=\"14\"/><text x=\"{}\" y=\"{}\">{}</text>",
            classes(drawn, &heap.name),
            x.saturating_add(26),
            y.saturating_add(12),
            markup(&cut(&heap.name, LEGEND_LETTERS))
        );
    }
}

/// A heap's colour, and its frame where it is protected.
fn classes(drawn: &Drawn<'_>, name: &str) -> String {
    match drawn.policy.heaps.iter().enumerate().find(|(_, heap)| heap.name == name) {
        Some((at, heap)) => format!("h{}{}", at % LIGHT.heaps.len(), if heap.protected { " p" } else { "" }),
        None => "no".to_owned(),
    }
}

/// As much as there is room for.
fn cut(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}
