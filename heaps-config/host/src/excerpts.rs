//! The findings of a file for people at a desk, with the lines that they are about.

use crate::locate::Located;
use crate::Linted;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use heaps_config::Severity;

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
                let mut snippet = Snippet::source(self.source.text.as_str())
                    .path(self.source.name.as_str())
                    .annotation(AnnotationKind::Primary.span(span.clone()).label(path));
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
