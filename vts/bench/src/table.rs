//! The table for people.

use crate::rows::{row, shown};
use crate::summary::Summary;
use std::fmt::Write as _;

const HEADERS: [&str; 12] = [
    "row",
    "n",
    "unit",
    "p50",
    "p99",
    "raw p50",
    "ping p50",
    "bare p50",
    "÷ raw",
    "÷ limit",
    "bare ÷ limit",
    "must reach",
];

/// The rows in lines, and what is met and missed.
pub fn table(summaries: &[Summary]) -> String {
    let mut lines = vec![HEADERS.map(str::to_owned)];
    let (mut met, mut missed) = (0_usize, Vec::new());
    for summary in summaries {
        let verdict = row(&summary.row).and_then(|row| summary.verdict(row));
        let floor = match &verdict {
            Some(verdict) if verdict.met => format!("{}: met", verdict.floor),
            Some(verdict) => format!("{}: MISSED", verdict.floor),
            None => String::new(),
        };
        match verdict {
            Some(verdict) if verdict.met => met = met.saturating_add(1),
            Some(_) => missed.push(summary.row.as_str()),
            None => {}
        }
        lines.push([
            summary.row.clone(),
            summary.n.to_string(),
            shown(summary.unit).to_owned(),
            number(Some(summary.p50)),
            number(Some(summary.p99)),
            number(summary.raw_p50),
            number(summary.ping_p50),
            number(summary.bare_p50),
            ratio(summary.ratio_raw),
            ratio(summary.ratio_limit),
            ratio(summary.bare_ratio_limit),
            floor,
        ]);
    }
    let mut text = aligned(&lines);
    let _ = match missed.as_slice() {
        [] => writeln!(text, "\n{met} floors met"),
        missed => writeln!(text, "\n{met} floors met, {} missed: {}", missed.len(), missed.join(", ")),
    };
    text
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value < 1000.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

fn ratio(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}

/// Columns two spaces apart; the first, the unit and the last to the left, numbers to the right.
fn aligned(lines: &[[String; 12]]) -> String {
    let mut widths = [0; 12];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in lines {
        let mut out = String::new();
        for ((column, cell), width) in line.iter().enumerate().zip(widths) {
            let _ = match column {
                0 | 2 | 11 => write!(out, "{cell:<width$}  "),
                _ => write!(out, "{cell:>width$}  "),
            };
        }
        text.push_str(out.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(row: &str, ratio_limit: f64) -> Summary {
        Summary {
            row: row.to_owned(),
            unit: "us",
            n: 10,
            p50: 10_000.4,
            p99: 12_000.0,
            raw_p50: Some(9_000.0),
            ping_p50: Some(500.25),
            ratio_raw: Some(1.1),
            ratio_limit: Some(ratio_limit),
            tail_limit: Some(ratio_limit),
            bare_p50: Some(10_200.0),
            bare_ratio_limit: Some(1.07),
        }
    }

    #[test]
    fn missed_floors_are_named() {
        let text = table(&[summary("cold-1080p", 1.04), summary("cold-4k", 1.06)]);
        assert!(text.contains("÷ limit ≤ 1.05: met"), "{text}");
        assert!(text.contains("÷ limit ≤ 1.05: MISSED"), "{text}");
        assert!(text.ends_with("1 floors met, 1 missed: cold-4k\n"), "{text}");
        assert!(
            text.contains(
                "cold-1080p  10  µs    10000  12000     9000     500.2     10200  1.100    1.040         1.070"
            ),
            "{text}"
        );
    }

    #[test]
    fn unknown_rows_are_shown_without_a_verdict() {
        let text = table(&[summary("of-tomorrow", 1.0)]);
        assert!(text.contains("of-tomorrow") && text.ends_with("0 floors met\n"), "{text}");
    }
}
