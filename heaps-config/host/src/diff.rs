//! What a change of a policy does to requests: which classes get another heap, layout, figure or answer, and why.
//!
//! Classes are not a list of samples: their boundaries are the conditions of both policies. For every two rules, one of
//! each policy, `Space::left` decides exactly whether some request is taken by both, and gives the simplest one; the same for
//! resolutions. Every example was planned with both policies before it is shown.

mod example;
mod figures;
mod heaps;
mod rules;
mod settings;

use crate::lint::region::Space;
use heaps_config::policy::Policy;
use heaps_config::KeyPath;
use serde_json::{json, Value};

/// Why requests are answered otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Another rule takes them, or the same rule says another thing.
    Rule,
    /// A flexible format becomes another layout.
    Resolution,
    /// A vendor's format has other planes, or is called otherwise by importers.
    Format,
    /// Compressions and tilings.
    Compression,
    /// Alignments.
    Alignment,
    /// A heap is another one, or has other limits.
    Heap,
    /// A limit of the policy.
    Limit,
    /// What may be asked at all: vendor usages and options.
    Vocabulary,
    /// It could not be decided.
    Undecided,
}

impl Cause {
    /// The word for scripts.
    pub const fn word(self) -> &'static str {
        match self {
            Cause::Rule => "rule",
            Cause::Resolution => "resolution",
            Cause::Format => "format",
            Cause::Compression => "compression",
            Cause::Alignment => "alignment",
            Cause::Heap => "heap",
            Cause::Limit => "limit",
            Cause::Vocabulary => "vocabulary",
            Cause::Undecided => "undecided",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Why.
    pub cause: Cause,
    /// What it is about, in one sentence.
    pub what: String,
    /// Where it is written in the first policy.
    pub before_at: Option<KeyPath>,
    /// And in the second.
    pub after_at: Option<KeyPath>,
    /// The simplest request that is answered otherwise; `None` where no single request shows it.
    pub example: Option<Example>,
    /// Where there is no example: arguments of `heapctl explain` for the second policy, of the simplest request that it is about.
    pub concerns: Option<String>,
}

impl Difference {
    fn new(cause: Cause, what: impl Into<String>) -> Difference {
        Difference { cause, what: what.into(), before_at: None, after_at: None, example: None, concerns: None }
    }
}

/// A request and both answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Arguments of `heapctl explain` for the first policy.
    pub explain_before: String,
    /// And for the second, whose names may be others.
    pub explain_after: String,
    /// What the first does.
    pub before: String,
    /// What the second does.
    pub after: String,
}

/// Compares two policies. What is no policy of `before` or `after` is not compared: names, descriptions, expectations.
pub fn diff(before: &Policy, after: &Policy) -> Vec<Difference> {
    let mut differences = Vec::new();
    settings::vocabulary(before, after, &mut differences);
    match Space::of(&merged(before, after)) {
        Some(space) => {
            rules::compare(&space, before, after, &mut differences);
            figures::resolutions(&space, before, after, &mut differences);
            figures::compressions(&space, before, after, &mut differences);
            figures::alignments(&space, before, after, &mut differences);
            figures::formats(&space, before, after, &mut differences);
            heaps::compare(&space, before, after, &mut differences);
        }
        None => {
            differences.push(undecided("the two policies tell too many sizes apart for their rules to be compared"))
        }
    }
    settings::limits(before, after, &mut differences);
    differences.sort_by_key(|difference| difference.cause);
    differences
}

fn undecided(what: &str) -> Difference {
    Difference::new(Cause::Undecided, what)
}

/// One policy with the boundaries of both: their rules and their vendor bits, each bit once.
fn merged(before: &Policy, after: &Policy) -> Policy {
    let mut both = before.clone();
    both.rules.extend(after.rules.iter().cloned());
    for vendor in &after.vendor_usage {
        if both.vendor_usage.iter().all(|known| known.bit != vendor.bit) {
            both.vendor_usage.push(vendor.clone());
        }
    }
    for format in &after.formats {
        if both.formats.iter().all(|known| known.value != format.value) {
            both.formats.push(format.clone());
        }
    }
    both.limits.request_bytes = before.limits.request_bytes.max(after.limits.request_bytes);
    both
}

/// The differences for scripts. `line` gives the line of a path: of the first policy with `false`, of the second with `true`.
pub fn to_json(differences: &[Difference], line: impl Fn(bool, &KeyPath) -> usize) -> Value {
    let place = |after: bool, at: &Option<KeyPath>| {
        at.as_ref().map(|path| json!({ "key": path.to_string(), "line": line(after, path) }))
    };
    let example = |example: &Example| {
        json!({
            "explain_before": example.explain_before,
            "explain_after": example.explain_after,
            "before": example.before,
            "after": example.after,
        })
    };
    let one = |difference: &Difference| {
        json!({
            "cause": difference.cause.word(),
            "what": difference.what,
            "before": place(false, &difference.before_at),
            "after": place(true, &difference.after_at),
            "example": difference.example.as_ref().map(example),
            "concerns": difference.concerns,
        })
    };
    Value::Array(differences.iter().map(one).collect())
}
