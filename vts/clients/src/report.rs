//! What both programs tell: checks, lines as things happen, a report at the end.

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{json, Value};
use std::fmt;
use std::fs;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::ExitCode;

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

    fn all_ok(&self) -> bool {
        self.0.iter().all(|check| check.ok)
    }
}

/// Everything about a run, filled in as far as it came: what every program has, and its own.
#[derive(Debug, Default, Serialize)]
pub struct Report<T> {
    client: &'static str,
    ok: bool,
    /// Why it ended early.
    error: Option<String>,
    uid: u32,
    /// How the service was reached.
    pub service: Option<String>,
    #[serde(flatten)]
    own: T,
    /// What had to hold.
    pub checks: Checks,
}

impl<T> Deref for Report<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.own
    }
}

impl<T> DerefMut for Report<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.own
    }
}

impl<T> Report<T> {
    /// Runs what holds buffers and devices, and notes whether it closed every fd again.
    ///
    /// # Errors
    /// Its own, or without /proc.
    pub fn all_fds_closed_after(&mut self, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let before = open_fds()?;
        let outcome = body(self);
        let after = open_fds()?;
        let detail = format!("{before} open before the first buffer, {after} after the last");
        self.checks.note("every fd is closed again", before == after, detail);
        outcome
    }
}

/// How a program talks: lines for people, or a JSON object a line.
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
}

/// A program's `main`: runs it, says its checks and its report, writes the report where `file` says.
pub fn main<T: Default + Serialize>(
    client: &'static str,
    voice: Voice,
    file: Option<&Path>,
    body: impl FnOnce(&mut Report<T>) -> Result<()>,
) -> ExitCode {
    let mut report = Report { client, uid: nix::unistd::getuid().as_raw(), ..Report::default() };
    if let Err(error) = body(&mut report) {
        let text = format!("{error:#}");
        eprintln!("{client}: {text}");
        report.error = Some(text);
    }
    report.ok = report.error.is_none() && report.checks.all_ok();
    // Programs find the checks in the report.
    for check in report.checks.0.iter().filter(|_| !voice.json) {
        println!("{} {}: {}", if check.ok { "ok    " } else { "FAILED" }, check.name, check.detail);
    }
    let verdict = if report.ok { "every check passed" } else { "FAILED" };
    voice.say("report", format!("{client}: {verdict}"), &report);
    if let Err(error) = file.map_or(Ok(()), |file| write(file, &report)) {
        eprintln!("{client}: {error:#}");
        return ExitCode::FAILURE;
    }
    if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn write(path: &Path, report: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(report)? + "\n";
    fs::write(path, text).with_context(|| path.display().to_string())
}

/// How many fds this process has open; the one that counts them is not counted.
fn open_fds() -> io::Result<usize> {
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
