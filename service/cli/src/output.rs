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

    /// Reports why a command could not do its work.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let message = format!("{error:#}");
        if self.json {
            self.json(&json!({ "error": message }));
        } else {
            eprintln!("heapctl: {message}");
        }
    }
}
