//! What makes a policy a bad one although it could be loaded: rules that never match, content that could end up in the
//! wrong memory, requests that Android relies on and that nobody serves.

mod afbc;
mod align;
mod compress;
mod contradiction;
mod flexible;
mod fourcc;
mod ignored;
mod limits;
mod modifier;
mod must;
mod nodes;
mod protected;
pub(crate) mod reach;
mod ready;
pub(crate) mod region;
mod together;
mod unused;
mod vendor_metadata;

use heaps_config::Code;
use heaps_config::{validate, Finding, KeyPath, Severity, Tree, Validated};

/// Everything that [`validate`] finds, and more. Findings of this stage need a document whose names resolve: as long as
/// some do not, only those are reported.
pub fn lint_tree(tree: &Tree) -> Validated {
    let mut validated = validate(tree);
    if validated.findings.iter().any(|finding| clouds(finding.code)) {
        return validated;
    }
    let Validated { document, policy, findings, .. } = &mut validated;
    let mut more = Vec::new();
    let reach = reach::Reach::of(policy);
    if let Some(reach) = &reach {
        reach::check(reach, policy, &mut more);
        protected::check(reach, policy, findings, &mut more);
        flexible::check(reach, policy, &mut more);
    } else {
        let message = "the rules tell too many kinds of requests apart to decide which of them can match";
        let help = "fewer different sizes in min_size and max_size, fewer usages in one any_of";
        more.push(Finding::new(Code::TooIntricate, KeyPath::ROOT.key("rule"), message).help(help));
        protected::undecided(policy, KeyPath::ROOT.key("rule"), &mut more);
    }
    unused::check(document, policy, reach.as_ref(), &mut more);
    align::check(document, policy, &mut more);
    together::check(policy, &mut more);
    ignored::check(document, policy, &mut more);
    align::check_like(policy, &mut more);
    fourcc::check(policy, &mut more);
    nodes::check(document, &mut more);
    compress::check(policy, reach.as_ref(), &mut more);
    vendor_metadata::check(policy, &mut more);
    limits::check(policy, &mut more);
    ready::check(policy, &mut more);
    let unresolved = more.iter().any(|finding| finding.code == Code::UnresolvedFormat);
    must::check(policy, unresolved, &mut more);
    align::without_room(policy, &mut more);
    findings.append(&mut more);
    validated
}

/// True for an error that leaves something out of the policy, so that looking further would report its shadow.
fn clouds(code: Code) -> bool {
    let harmless = [
        Code::DuplicateName,
        Code::InconsistentTwin,
        Code::ProtectedMixed,
        Code::ProtectedNode,
        Code::MetadataHeap,
        Code::ReplyFds,
    ];
    code.severity() == Severity::Error && !harmless.contains(&code)
}
