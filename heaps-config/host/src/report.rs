//! The findings of a file, for people (with the lines they are about) and for scripts.

use crate::locate::Located;
use crate::Linted;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use heaps_config::Severity;
use serde_json::{json, Value};

/// Allowed names that are listed; more are counted.
const SHOWN_NAMES: usize = 24;

impl Linted {
    /// Every finding with the source lines it is about, and a closing line with the counts.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for located in &self.findings {
            out.push_str(&renderer.render(&self.groups(located)));
            out.push_str("\n\n");
        }
        out
    }

    fn groups<'a>(&'a self, located: &'a Located) -> Vec<Group<'a>> {
        let finding = &located.finding;
        let level = match finding.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(finding.message.as_str()).id(finding.code.word());
        let path = finding.path.to_string();
        let mut group = match &located.span {
            Some(span) => {
                let label = if finding.code == heaps_config::Code::Syntax { String::new() } else { path };
                let mut snippet = Snippet::source(self.source.text.as_str())
                    .path(self.source.name.as_str())
                    .annotation(AnnotationKind::Primary.span(span.clone()).label(label));
                for ((_, what), span) in finding.related.iter().zip(&located.related) {
                    if let Some(span) = span {
                        let label = AnnotationKind::Context.span(span.clone()).label(what.as_str());
                        snippet = snippet.annotation(label);
                    }
                }
                title.element(snippet)
            }
            // The whole file is meant, or a compiled policy, whose lines nobody wrote: the key has to say where.
            None => {
                let group = title.element(Origin::path(self.source.name.as_str()).line(1).char_column(1));
                if path.is_empty() {
                    group
                } else {
                    group.element(Level::NOTE.message(format!("the key is {path}")))
                }
            }
        };
        for help in helps(located) {
            group = group.element(Level::HELP.message(help));
        }
        vec![group]
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
            "key": if finding.code == heaps_config::Code::Syntax { String::new() } else { finding.path.to_string() },
            "message": finding.message,
            "help": finding.help,
            "nearest": located.nearest,
            "allowed": finding.allowed,
            "related": related.collect::<Vec<_>>(),
        })
    }
}

fn helps(located: &Located) -> Vec<String> {
    let mut helps = Vec::new();
    if let Some(nearest) = &located.nearest {
        helps.push(format!("did you mean \"{nearest}\"?"));
    }
    let allowed = &located.finding.allowed;
    if !allowed.is_empty() {
        let shown = allowed.iter().take(SHOWN_NAMES).cloned().collect::<Vec<_>>().join(", ");
        let more = allowed.len().saturating_sub(SHOWN_NAMES);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        helps.push(format!("allowed: {shown}{rest}"));
    }
    helps.extend(located.finding.help.clone());
    helps
}
