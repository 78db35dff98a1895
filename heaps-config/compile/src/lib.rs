//! Lints a policy in TOML and compiles it to the JSON that the service loads: the step of an Android tree's build.
//!
//! It finds what `heapctl lint` finds, because both ask `heaps_config`; it shows less, because it is made of what an
//! Android tree offers its host tools: no excerpts, no nearest name. At a desk, use `heapctl`.

#![forbid(unsafe_code)]

mod document;

use heaps_config::{Code, Finding, KeyPath, Severity};
use std::fmt::Write;

/// What became of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The JSON; `None` when there are errors.
    pub json: Option<String>,
    /// One finding a line, `FILE:LINE: error[CODE] KEY: …`, in the order of the file. Empty when all is well.
    pub report: String,
    /// How many of them are warnings.
    pub warnings: usize,
}

/// Lints and compiles the text of a file.
pub fn compile(file: &str, text: &str) -> Compiled {
    let (findings, json) = match document::parse(text) {
        Err(error) => (vec![(error.line, Finding::new(Code::Syntax, KeyPath::ROOT, error.message))], None),
        Ok((tree, lines)) => {
            let linted = heaps_host::lint_tree(&tree);
            let place = |finding: Finding| (document::find(&lines, &finding.path), finding);
            let findings: Vec<_> = linted.findings.into_iter().map(place).collect();
            (findings, heaps_config::to_json(&linted.document).ok())
        }
    };
    assemble(file, findings, json)
}

fn assemble(file: &str, mut findings: Vec<(usize, Finding)>, json: Option<String>) -> Compiled {
    findings.sort_by_key(|(line, finding)| (*line, finding.severity()));
    let mut report = String::new();
    for (line, finding) in &findings {
        // Writing to a String cannot fail.
        let _ = writeln!(report, "{file}:{line}: {finding}");
    }
    let count = |severity| findings.iter().filter(|(_, finding)| finding.severity() == severity).count();
    let json = if count(Severity::Error) == 0 { json } else { None };
    Compiled { json, report, warnings: count(Severity::Warning) }
}
