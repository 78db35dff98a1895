//! A policy on the host: read from TOML (or JSON), linted with file, line and key, drafted, compiled to JSON.
//!
//! What keeps a policy from being loaded is found by `heaps_config`, which the service has too and which knows no file.
//! This crate looks harder ([`lint_tree`]), and adds where in the file it is, the nearest known name, and a report for
//! people or for scripts.
//!
//! An Android tree builds it without its features, for `heaps_compile`: `excerpts`, `board` and `png` need crates that it has no
//! use for, and `profiles` builds files in that belong to another module there.

#![forbid(unsafe_code)]

#[cfg(feature = "board")]
pub mod board;
pub mod diff;
mod draft;
#[cfg(feature = "excerpts")]
mod excerpts;
pub mod expect;
mod lint;
mod locate;
pub mod map;
#[cfg(feature = "png")]
mod png;
#[cfg(feature = "profiles")]
mod profiles;
mod report;
mod schema;
mod source;
mod toml_tree;

#[cfg(feature = "board")]
pub use draft::draft_of_board;
pub use draft::{draft, DraftError};
pub use lint::lint_tree;
pub use locate::{nearest, Located};
#[cfg(feature = "png")]
pub use png::{png, PngError};
#[cfg(feature = "profiles")]
pub use profiles::{profile, PROFILES};
pub use schema::schema;
pub use source::{Format, Source, SourceError};

use heaps_config::Policy;
use heaps_config::{Code, Document, Expectation, Finding, KeyPath, Severity, Tree};

/// A policy that was looked at.
#[derive(Clone, Debug)]
pub struct Linted {
    /// The file.
    pub source: Source,
    /// What is wrong, in the order of the file.
    pub findings: Vec<Located>,
    read: Option<(Document, Policy)>,
    expectations: Vec<Expectation>,
    spans: locate::Spans,
    loadable: bool,
}

/// Reads, validates and lints a source.
pub fn lint(source: Source) -> Linted {
    let (parsed, spans, mut findings) = parse(&source);
    let (mut read, mut loadable, mut expectations) = (None, false, Vec::new());
    if let Some(tree) = parsed {
        let validated = lint_tree(&tree);
        findings.extend(validated.findings);
        loadable = validated.loadable;
        expectations = validated.expectations;
        read = Some((validated.document, validated.policy));
    }
    let mut findings: Vec<Located> =
        findings.into_iter().map(|finding| Located::new(finding, &source.text, &spans)).collect();
    findings.sort_by_key(|located| (located.span.as_ref().map_or(0, |span| span.start), located.finding.severity()));
    Linted { source, findings, read, expectations, spans, loadable }
}

fn parse(source: &Source) -> (Option<Tree>, locate::Spans, Vec<Finding>) {
    match source.format {
        Format::Toml => toml_tree::parse(&source.text),
        Format::Json => match heaps_config::parse_json(&source.text) {
            Ok(tree) => (Some(tree), locate::Spans::default(), Vec::new()),
            Err(error) => {
                let mut spans = locate::Spans::default();
                if let heaps_config::ConfigError::Syntax { line, column, .. } = &error {
                    spans.set_root(locate::offset(&source.text, *line, *column));
                }
                let message = match error {
                    heaps_config::ConfigError::Syntax { message, .. } => message,
                    other => other.to_string(),
                };
                (None, spans, vec![Finding::new(Code::Syntax, KeyPath::ROOT, message)])
            }
        },
    }
}

impl Linted {
    /// How many findings are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|located| located.finding.severity() == severity).count()
    }

    /// The policy; `None` when there are errors.
    pub fn policy(&self) -> Option<&Policy> {
        let (_, policy) = self.read.as_ref()?;
        (self.count(Severity::Error) == 0).then_some(policy)
    }

    /// The policy if the service would load it, whatever lint has against it beyond that.
    pub fn loadable(&self) -> Option<&Policy> {
        let (_, policy) = self.read.as_ref()?;
        self.loadable.then_some(policy)
    }

    /// The document; `None` when there are errors.
    pub fn document(&self) -> Option<&Document> {
        let (document, _) = self.read.as_ref()?;
        (self.count(Severity::Error) == 0).then_some(document)
    }

    /// What is expected of single requests.
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    /// The line of a value, from 1; 0 where it is not known.
    pub fn line_of(&self, path: &KeyPath) -> usize {
        let finding = Finding::new(Code::Syntax, path.clone(), "");
        Located::new(finding, &self.source.text, &self.spans).line
    }

    /// The JSON that the service loads; `None` when there are errors. The same policy gives the same bytes.
    pub fn compile(&self) -> Option<String> {
        heaps_config::to_json(self.document()?).ok()
    }
}

#[cfg(test)]
mod tests {
    mod round_trip;
}
