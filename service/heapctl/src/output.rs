//! What every command prints with: text for people, one JSON value for scripts.

use anyhow::{Context, Result};
use serde_json::{json, Value};
use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::BufWriter;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
    /// Standard output took not all.
    failed: Cell<bool>,
}

impl Output {
    pub(crate) const fn new(json: bool, colour: bool) -> Output {
        Output { json, colour, failed: Cell::new(false) }
    }

    /// Prints text as it is. A reader that went away (`| head`) is no error; a disk that is full is, see [`Output::has_failed`].
    pub(crate) fn text(&self, text: &str) {
        let mut to = io::stdout();
        match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                eprintln!("heapctl: cannot write to standard output: {error}");
                self.failed.set(true);
            }
            _ => {}
        }
    }

    /// Whether something that was to be printed is lost.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// Prints one JSON value.
    pub(crate) fn json(&self, value: &Value) {
        self.text(&format!("{value:#}\n"));
    }

    /// Says something beside the result, on standard error.
    pub(crate) fn notes(&self, notes: &[String]) {
        for note in notes.iter().filter(|_| !self.json) {
            eprintln!("heapctl: note: {}", plain(note));
        }
    }

    /// Reports why a command could not do its work.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let message = format!("{error:#}");
        if self.json {
            self.json(&json!({ "ok": false, "error": message }));
        } else {
            eprintln!("heapctl: {}", plain(&message));
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

/// Lines for a terminal: what they quote, such as a file's name, may hold what a terminal obeys.
pub(crate) fn plain(text: &str) -> String {
    text.replace(|c: char| c.is_control() && !"\n\t".contains(c), "?")
}

/// Where a file is, or would be.
pub(crate) fn place(file: &Path) -> io::Result<PathBuf> {
    if let Ok(there) = file.canonicalize() {
        return Ok(there);
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(folder.canonicalize()?.join(file.file_name().ok_or(io::ErrorKind::InvalidInput)?))
}

/// Writes beside the file and renames, so that nobody reads half of it and what was there stays if this fails.
pub(crate) fn replace(file: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let into = |file: File| {
        let mut to = BufWriter::new(file);
        write(&mut to)?;
        to.flush()
    };
    let replaced = || {
        // Such as /dev/stdout: a name that has to stay what it is.
        if fs::metadata(file).is_ok_and(|there| !there.is_file()) {
            return into(OpenOptions::new().write(true).open(file)?);
        }
        let target = place(file)?;
        let mut name = target.clone().into_os_string();
        name.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(name);
        let written = File::create_new(&beside).and_then(into).and_then(|()| fs::rename(&beside, &target));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    };
    replaced().with_context(|| format!("cannot write {}", file.display()))
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

/// Text that may hold anything, as SVG and HTML take it between tags and in quotes. XML has no way to write control characters, nor
/// U+FFFE and U+FFFF.
pub(crate) fn markup(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_was_there_stays_when_writing_fails_and_nothing_lies_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("page");
        replace(&file, |to| to.write_all(b"first")).unwrap();
        let failed = replace(&file, |to| to.write_all(b"half").and(Err(io::Error::other("full"))));
        let message = format!("{:#}", failed.unwrap_err());
        assert!(message.contains("page: full"), "{message}");
        assert_eq!(fs::read(&file).unwrap(), b"first");
        replace(&file, |to| to.write_all(b"second")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
