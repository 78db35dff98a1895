//! What a check found: each finding with its place, and with the other place that it contradicts.

use serde::Serialize;
use std::fmt;
use std::path::Path;

/// A line of a file, or a whole file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// From the project's root.
    pub file: String,
    /// From 1; none when the whole file is meant.
    pub line: Option<usize>,
}

impl Place {
    /// A whole file.
    pub fn file(file: impl AsRef<Path>) -> Place {
        Place { file: file.as_ref().display().to_string(), line: None }
    }

    /// A line of one.
    pub fn line(file: impl AsRef<Path>, line: usize) -> Place {
        Place { line: Some(line), ..Place::file(file) }
    }

    /// The first line of a text that has this in it; the whole file when none has.
    pub fn find(file: impl AsRef<Path>, text: &str, needle: &str) -> Place {
        let line = text.lines().position(|line| line.contains(needle)).map(|at| at.saturating_add(1));
        Place { line, ..Place::file(file) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What, and what would be right.
    pub message: String,
    /// The place that it contradicts.
    pub other: Option<Place>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        match &self.other {
            Some(other) => write!(f, " (see {other})"),
            None => Ok(()),
        }
    }
}

/// The outcome of one check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What is wrong; empty when nothing is.
    pub findings: Vec<Finding>,
    /// What was looked at, in a few words each.
    pub notes: Vec<String>,
    /// What could not be checked here, and why.
    pub skipped: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Adds a finding.
    pub fn found(&mut self, place: Place, message: impl Into<String>) {
        self.findings.push(Finding { place, message: message.into(), other: None });
    }

    /// Adds a finding about two places that contradict each other.
    pub fn contradiction(&mut self, place: Place, message: impl Into<String>, other: Place) {
        self.findings.push(Finding { place, message: message.into(), other: Some(other) });
    }

    /// Adds a note.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Takes in what another check found.
    pub fn merge(&mut self, other: Report) {
        self.findings.extend(other.findings);
        self.notes.extend(other.notes);
        self.skipped.extend(other.skipped);
    }
}

/// Every finding in a line, in the order of the files, then what was looked at.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut findings: Vec<&Finding> = self.findings.iter().collect();
        findings.sort();
        for finding in findings {
            writeln!(f, "{finding}")?;
        }
        for skipped in &self.skipped {
            writeln!(f, "SKIPPED: {skipped}")?;
        }
        writeln!(f, "{} findings; {}", self.findings.len(), self.notes.join(", "))
    }
}
