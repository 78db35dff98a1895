//! What both clients tell: checks, lines as things happen, a report at the end.

use serde::Serialize;
use serde_json::{json, Value};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// One thing that had to hold.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What, in words.
    pub name: String,
    /// Whether it held.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

/// The checks of a run, in order.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Checks(Vec<Check>);

impl Checks {
    /// Notes the outcome of a check.
    pub fn note(&mut self, name: &str, ok: bool, detail: impl fmt::Display) {
        self.0.push(Check { name: name.to_owned(), ok, detail: detail.to_string() });
    }

    /// True when all held.
    pub fn all_ok(&self) -> bool {
        self.0.iter().all(|check| check.ok)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Check> {
        self.0.iter()
    }
}

/// How a client talks: lines for people, or a JSON object a line.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// JSON.
    pub json: bool,
}

impl Voice {
    /// Says that something happened: `text` to people, `facts` with the event's name to programs.
    pub fn say(self, event: &str, text: impl fmt::Display, facts: &impl Serialize) {
        if !self.json {
            println!("{text}");
            return;
        }
        let mut line = json!({ "event": event });
        match (serde_json::to_value(facts), line.as_object_mut()) {
            (Ok(Value::Object(facts)), Some(line)) => line.extend(facts),
            (Ok(Value::Null), _) | (Err(_), _) => {}
            (Ok(other), Some(line)) => drop(line.insert("value".to_owned(), other)),
            (Ok(_), None) => {}
        }
        println!("{line}");
    }

    /// The checks, as a table for people. Programs find them in the report.
    pub fn say_checks(self, checks: &Checks) {
        if self.json {
            return;
        }
        for check in checks.iter() {
            println!("{} {}: {}", if check.ok { "ok    " } else { "FAILED" }, check.name, check.detail);
        }
    }
}

/// Writes a report as JSON.
///
/// # Errors
/// The file system's, with the path.
pub fn write(path: &Path, report: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    fs::write(path, text).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// How many fds this process has open; the one that counts them is not counted.
///
/// # Errors
/// Without /proc.
pub fn open_fds() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_fds_counts_one_more_per_file() {
        // Other tests of this process open and close files: look until they happen to be quiet.
        let grew = (0..1000).any(|_| {
            let before = open_fds().unwrap();
            let file = tempfile::tempfile().unwrap();
            let during = open_fds().unwrap();
            drop(file);
            let after = open_fds().unwrap();
            during == before + 1 && after == before
        });
        assert!(grew);
    }

    #[test]
    fn all_ok_of_one_failure_is_false() {
        let mut checks = Checks::default();
        checks.note("a", true, 1);
        assert!(checks.all_ok());
        checks.note("b", false, "because");
        assert!(!checks.all_ok());
        assert_eq!(
            serde_json::to_value(&checks).unwrap(),
            json!([{"name": "a", "ok": true, "detail": "1"}, {"name": "b", "ok": false, "detail": "because"}])
        );
    }

    #[test]
    fn write_into_no_folder_names_the_file() {
        let error = write(Path::new("/nonexistent/report.json"), &json!({})).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/report.json"));
    }
}
