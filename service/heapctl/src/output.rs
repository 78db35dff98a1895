//! What every command prints with: text for people, one JSON value for scripts.

use serde_json::{json, Value};
use std::io::Write;

/// How a command ended, when it could do its work at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Exit status 0.
    Done,
    /// Exit status 1: findings, or the answer is no.
    Refused,
}

/// Where output goes.
pub(crate) struct Output {
    /// One JSON value on standard output instead of text.
    pub(crate) json: bool,
    /// With colours.
    pub(crate) colour: bool,
}

impl Output {
    /// Prints text as it is. A reader that went away (`| head`) is no error.
    pub(crate) fn text(&self, text: &str) {
        let _ = std::io::stdout().write_all(text.as_bytes());
    }

    /// Prints one JSON value.
    pub(crate) fn json(&self, value: &Value) {
        self.text(&format!("{value:#}\n"));
    }

    /// Says something beside the result, on standard error.
    pub(crate) fn notes(&self, notes: &[String]) {
        for note in notes.iter().filter(|_| !self.json) {
            eprintln!("heapctl: note: {note}");
        }
    }

    /// Reports why a command could not do its work.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let message = format!("{error:#}");
        if self.json {
            self.json(&json!({ "ok": false, "error": message }));
        } else {
            eprintln!("heapctl: {message}");
        }
    }

    /// Sets a word off, on a terminal.
    pub(crate) fn strong(&self, text: &str) -> String {
        if self.colour {
            format!("\x1b[1m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Rows with aligned columns, the first one the headings.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let pad = width.saturating_sub(cell.chars().count()).saturating_add(2);
            line.push_str(cell);
            line.push_str(&" ".repeat(pad));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Text that may hold anything, as SVG and HTML take it between tags and in quotes. XML has no way to write control characters.
pub(crate) fn markup(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
