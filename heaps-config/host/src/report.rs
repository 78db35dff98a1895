//! The findings of a file, one a line and for scripts.

use crate::locate::Located;
use crate::Linted;
use heaps_config::Severity;
use serde_json::{json, Value};
use std::fmt::Write;

impl Linted {
    /// One finding a line, `FILE:LINE: error[CODE] KEY: …`, in the order of the file. Empty when there is none.
    pub fn lines(&self) -> String {
        let mut out = String::new();
        for located in &self.findings {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}:{}: {}", self.source.name, located.line, located.finding);
            if let Some(nearest) = &located.nearest {
                let _ = write!(out, "; did you mean \"{nearest}\"?");
            }
            out.push('\n');
        }
        out
    }

    /// The file's report for scripts.
    pub fn to_json(&self) -> Value {
        json!({
            "file": self.source.name,
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "findings": self.findings.iter().map(|located| self.finding_json(located)).collect::<Vec<_>>(),
        })
    }

    fn finding_json(&self, located: &Located) -> Value {
        let finding = &located.finding;
        let related = finding.related.iter().zip(&located.related).map(|((path, what), span)| {
            let line = span.as_ref().map(|span| crate::locate::line_column(&self.source.text, span.start).0);
            json!({ "key": path.to_string(), "line": line, "what": what })
        });
        json!({
            "severity": finding.severity().to_string(),
            "code": finding.code.word(),
            "file": self.source.name,
            "line": located.span.as_ref().map(|_| located.line),
            "column": located.span.as_ref().map(|_| located.column),
            "key": finding.path.to_string(),
            "message": finding.message,
            "help": finding.help,
            "nearest": located.nearest,
            "allowed": finding.allowed,
            "related": related.collect::<Vec<_>>(),
        })
    }
}
