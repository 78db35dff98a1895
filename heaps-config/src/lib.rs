//! The heap policy: its model, its schema, its validation, and what the service loads.
//!
//! [`policy`] is the model that a request is planned with, [`condition`] when a part of it applies, [`nodes`] what is known of
//! the kernel's names.
//!
//! The way of a policy: text → [`Tree`] (JSON here, TOML in `heaps_host`) → [`Document`] (names still names) → the
//! [`Policy`] (indices and masks). Every step adds [`Finding`]s with the path of the key; none stops at the first.
//! Pure: no file is opened here.

#![forbid(unsafe_code)]

mod align;
mod bytes;
mod check;
mod code;
mod compress;
pub mod condition;
mod document;
mod expect;
mod finding;
mod format;
mod names;
pub mod nodes;
pub mod policy;
mod pool;
mod reader;
mod resolve;
mod tree;
mod vendor_metadata;

pub use bytes::show as show_bytes;
pub use check::{FDS_PER_BUFFER, FDS_PER_REPLY};
pub use code::{Code, Severity};
pub use document::{
    AlignDoc, CompressDoc, ConditionDoc, Document, ExpectDoc, FormatDoc, GridDoc, HeapDoc, LimitsDoc, MetadataDoc,
    OptionDoc, PerPlane, PlaneDoc, PoolDoc, ReadyDoc, ResolveDoc, RuleDoc, VendorMetadataDoc, SCHEMA,
};
pub use expect::Expectation;
pub use finding::{Finding, KeyPath, Part, Step};
pub use policy::Policy;
pub use tree::Tree;

use std::fmt;

/// Longest policy that is read, in bytes. A real one is a few KiB; the bound keeps a wrong file from being parsed.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// Why a policy was not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// Longer than [`MAX_TEXT_BYTES`]; its length in bytes.
    TooLong(usize),
    /// Not JSON.
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The parser's words.
        message: String,
    },
    /// JSON, and not a policy that can be used; at least one finding is an error.
    Refused(Vec<Finding>),
}

impl std::error::Error for ConfigError {}

/// Every error, a line each, each with its key.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::TooLong(bytes) => write!(f, "{bytes} bytes: a policy has at most {MAX_TEXT_BYTES}"),
            ConfigError::Syntax { line, column, message } => write!(f, "line {line}, column {column}: {message}"),
            ConfigError::Refused(findings) => {
                let errors = findings.iter().filter(|finding| finding.severity() == Severity::Error);
                for (at, finding) in errors.enumerate() {
                    if at > 0 {
                        f.write_str("\n")?;
                    }
                    write!(f, "{finding}")?;
                }
                Ok(())
            }
        }
    }
}

/// A document and what became of it.
#[derive(Clone, Debug)]
pub struct Validated {
    /// As written.
    pub document: Document,
    /// As the service wants it; for use only when no finding is an error.
    pub policy: Policy,
    /// What is expected of single requests.
    pub expectations: Vec<Expectation>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// The service would load it: nothing that [`validate`] checks is an error, whatever the lint of `heaps_host` says beyond.
    pub loadable: bool,
}

/// Reads and validates a parsed text. What the service checks, and no more: the lint of `heaps_host` looks harder.
pub fn validate(tree: &Tree) -> Validated {
    let mut findings = Vec::new();
    let document = Document::read(tree, &mut findings);
    judge(document, findings)
}

fn judge(document: Document, mut findings: Vec<Finding>) -> Validated {
    let policy = resolve::resolve(&document, &mut findings);
    check::check(&document, &policy, &mut findings);
    pool::check(&document, &mut findings);
    let expectations = expect::resolve(&document, &mut findings);
    expect::check(&document, &mut findings);
    let loadable = findings.iter().all(|finding| finding.severity() != Severity::Error);
    Validated { document, policy, expectations, findings, loadable }
}

/// Parses JSON as far as a [`Tree`].
///
/// # Errors
/// `TooLong` and `Syntax`; a key that is written twice is one of the latter.
pub fn parse_json(text: &str) -> Result<Tree, ConfigError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(ConfigError::TooLong(text.len()));
    }
    serde_json::from_str(text).map_err(|error| {
        let full = error.to_string();
        let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(message, _)| message).to_owned();
        ConfigError::Syntax { line: error.line(), column: error.column(), message }
    })
}

/// What the service loads: JSON to a policy.
///
/// # Errors
/// What is wrong, with line and column or with the path of the key and what would be allowed.
pub fn from_json(text: &str) -> Result<Policy, ConfigError> {
    let mut findings = Vec::new();
    // The tree ends here: the service keeps what its heap has once been large enough for.
    let document = Document::read(&parse_json(text)?, &mut findings);
    let validated = judge(document, findings);
    if !validated.loadable {
        return Err(ConfigError::Refused(validated.findings));
    }
    Ok(validated.policy)
}

/// The canonical JSON of a document: the same document gives the same bytes.
///
/// # Errors
/// None for a document; the serializer's signature has one.
pub fn to_json(document: &Document) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(text)
}
