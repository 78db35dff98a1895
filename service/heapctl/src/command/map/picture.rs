//! The grid as SVG: a cell's colour is its first heap, and its words say the same.

use super::Drawn;
use crate::output::markup;
use heaps_host::map::Cell;
use std::fmt::Write;

const LEFT: usize = 190;
const TOP: usize = 128;
const CELL_WIDTH: usize = 120;
const CELL_HEIGHT: usize = 24;
/// Letters that fit a cell.
const LETTERS: usize = 15;
/// Heaps in one line of the legend.
const LEGEND: usize = 6;
const LEGEND_WIDTH: usize = 190;

/// Colours that keep apart, for up to twelve heaps; more begin anew, and the words in the cells tell them apart.
const COLOURS: usize = 12;

/// The styles of both schemes; the page has them too.
pub(super) const STYLE: &str = "
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#5b636d;--line:#d0d7de;--no:#f0f1f3;--h0:#bfe0ff;--h1:#ffdcb3;--h2:#c4ebc9;--h3:#e3d1ff;--h4:#ffc9c9;--h5:#bdeaee;--h6:#f5e8a3;--h7:#ffcfe8;--h8:#d9e2a8;--h9:#cfd4ff;--h10:#e6d3c3;--h11:#c9d6dc}
@media(prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e4e8ed;--dim:#9aa3ad;--line:#3a414a;--no:#22272d;--h0:#174a78;--h1:#6d4311;--h2:#1d5a2c;--h3:#4b3278;--h4:#782c2c;--h5:#125a63;--h6:#5c5010;--h7:#702a55;--h8:#48551a;--h9:#343c7d;--h10:#5b4433;--h11:#3d4c55}}
.map text{font:12px system-ui,sans-serif;fill:var(--fg)}.map .dim{fill:var(--dim)}.map .c{stroke:var(--line)}.map .p{stroke:var(--fg);stroke-width:2}.map .no{fill:var(--no)}
";

/// A picture that stands alone.
pub(super) fn of(drawn: &Drawn<'_>) -> String {
    let (width, height) = size(drawn);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"map\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\"><style>{STYLE}</style><rect width=\"100%\" height=\"100%\" fill=\"var(--bg)\"/>{}</svg>\n",
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
    let rows = drawn.map.formats.len().saturating_add(usize::from(drawn.live.is_some()));
    let legend = drawn.policy.heaps.len().div_ceil(LEGEND).saturating_add(1);
    let width = times(drawn.map.uses.len(), CELL_WIDTH).saturating_add(LEFT).saturating_add(12);
    (
        width.max(times(LEGEND, LEGEND_WIDTH).saturating_add(LEFT)),
        times(rows.saturating_add(legend), CELL_HEIGHT).saturating_add(TOP).saturating_add(16),
    )
}

fn times(count: usize, step: usize) -> usize {
    count.saturating_mul(step)
}

fn body(drawn: &Drawn<'_>) -> String {
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        svg,
        "<text x=\"8\" y=\"22\" style=\"font-size:16px;font-weight:600\">{}</text><text class=\"dim\" x=\"8\" y=\"42\">{}</text>\
         <text class=\"dim\" x=\"8\" y=\"58\">+n: further heaps are tried; bold frame: protected; ≡: an alignment changed the lines; \
         grey: refused, with the cause</text>",
        markup(&format!("Policy {}", drawn.policy.name)),
        markup(&format!("{}; 1920 x 1080 pixels, all heaps there", drawn.source)),
    );
    for (at, used) in drawn.map.uses.iter().enumerate() {
        let x = times(at, CELL_WIDTH).saturating_add(LEFT);
        let words: Vec<&str> = used.name.split(' ').collect();
        for (line, word) in words.iter().enumerate() {
            let y = TOP.saturating_sub(8).saturating_sub(times(words.len().saturating_sub(line).saturating_sub(1), 14));
            let word: String = markup(&cut(word));
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{y}\" text-anchor=\"middle\">{word}</text>",
                x.saturating_add(CELL_WIDTH / 2)
            );
        }
    }
    let mut y = TOP;
    if let Some(live) = &drawn.live {
        let elsewhere = if live.elsewhere > 0 { format!(" (+{} in no use)", live.elsewhere) } else { String::new() };
        let _ = write!(svg, "<text x=\"8\" y=\"{}\">live buffers{elsewhere}</text>", y.saturating_add(16));
        for (at, heaps) in live.by_use.iter().enumerate() {
            let x = times(at, CELL_WIDTH).saturating_add(LEFT);
            let most = heaps.iter().max_by_key(|(_, count)| **count);
            let total = heaps.values().fold(0u64, |sum, count| sum.saturating_add(*count));
            let title: Vec<String> = heaps.iter().map(|(heap, count)| format!("{count} from {heap}")).collect();
            let fill = most.map_or_else(|| "none".to_owned(), |(heap, _)| colour(drawn, heap));
            let shown = most.map_or_else(String::new, |(heap, _)| cut(&format!("{total}: {heap}")));
            let _ = write!(
                svg,
                "<g><title>{}</title><rect class=\"c\" x=\"{x}\" y=\"{y}\" width=\"{CELL_WIDTH}\" height=\"{CELL_HEIGHT}\" \
                 fill=\"{fill}\"/><text x=\"{}\" y=\"{}\">{}</text></g>",
                markup(&title.join(", ")),
                x.saturating_add(5),
                y.saturating_add(16),
                markup(&shown)
            );
        }
        y = y.saturating_add(CELL_HEIGHT);
    }
    for (row, (format, cells)) in drawn.map.formats.iter().zip(&drawn.map.cells).enumerate() {
        let _ = write!(svg, "<text x=\"8\" y=\"{}\">{}</text>", y.saturating_add(16), format.name());
        for (column, cell) in cells.iter().enumerate() {
            one(drawn, &mut svg, (row, column), y, cell);
        }
        y = y.saturating_add(CELL_HEIGHT);
    }
    legend(drawn, &mut svg, y.saturating_add(CELL_HEIGHT));
    svg
}

fn one(drawn: &Drawn<'_>, svg: &mut String, (row, column): (usize, usize), y: usize, cell: &Cell) {
    let x = times(column, CELL_WIDTH).saturating_add(LEFT);
    let (class, fill, words) = match (cell.heaps.split_first(), &cell.refused) {
        (Some((first, more)), _) => {
            let protected = drawn.policy.heaps.iter().any(|heap| heap.name == *first && heap.protected);
            let mark = if cell.alignments.is_empty() { "" } else { " ≡" };
            let more = if more.is_empty() { String::new() } else { format!(" +{}", more.len()) };
            let room = LETTERS.saturating_sub(mark.chars().count()).saturating_sub(more.len());
            let name: String = if first.chars().count() > room {
                first.chars().take(room.saturating_sub(1)).chain(['…']).collect()
            } else {
                first.clone()
            };
            (if protected { "c p" } else { "c" }, colour(drawn, first), format!("{name}{more}{mark}"))
        }
        (None, Some((cause, _))) => ("c no", "var(--no)".to_owned(), cut(cause)),
        (None, None) => ("c no", "var(--no)".to_owned(), String::new()),
    };
    let dim = if cell.refused.is_some() { " class=\"dim\"" } else { "" };
    let _ = write!(
        svg,
        "<g class=\"cell\" tabindex=\"0\" data-row=\"{row}\" data-column=\"{column}\"><title>{}</title><rect class=\"{class}\" x=\"{x}\" \
         y=\"{y}\" width=\"{CELL_WIDTH}\" height=\"{CELL_HEIGHT}\" fill=\"{fill}\"/><text{dim} x=\"{}\" y=\"{}\">{}</text></g>",
        markup(&cell.summary),
        x.saturating_add(5),
        y.saturating_add(16),
        markup(&words)
    );
}

fn legend(drawn: &Drawn<'_>, svg: &mut String, y: usize) {
    for (at, heap) in drawn.policy.heaps.iter().enumerate() {
        let x = times(at % LEGEND, LEGEND_WIDTH).saturating_add(8);
        let y = y.saturating_add(times(at / LEGEND, CELL_HEIGHT));
        let class = if heap.protected { "c p" } else { "c" };
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"18\" height=\"14\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            colour(drawn, &heap.name),
            x.saturating_add(26),
            y.saturating_add(12),
            markup(&heap.name.chars().take(22).collect::<String>())
        );
    }
}

fn colour(drawn: &Drawn<'_>, heap: &str) -> String {
    match drawn.policy.heaps.iter().position(|known| known.name == heap) {
        Some(at) => format!("var(--h{})", at % COLOURS),
        None => "var(--no)".to_owned(),
    }
}

/// As much as fits a cell.
fn cut(text: &str) -> String {
    if text.chars().count() <= LETTERS {
        return text.to_owned();
    }
    text.chars().take(LETTERS.saturating_sub(1)).chain(['…']).collect()
}
