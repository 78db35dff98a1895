//! What a policy defines and never uses.

use super::reach::Reach;
use heaps_config::policy::{Action, HeapSet, Policy};
use heaps_config::Code;
use heaps_config::{ConditionDoc, Document};
use heaps_config::{Finding, KeyPath};

/// Reports them.
pub(super) fn check(document: &Document, policy: &Policy, reach: Option<&Reach>, findings: &mut Vec<Finding>) {
    heaps(policy, reach, findings);
    groups(document, findings);
}

fn heaps(policy: &Policy, reach: Option<&Reach>, findings: &mut Vec<Finding>) {
    let mut used = HeapSet::default().with(policy.metadata_heap);
    let mut named = used;
    for (at, rule) in policy.rules.iter().enumerate() {
        let Action::Heaps { heaps, uncached, .. } = &rule.action else { continue };
        let reached = reach.map_or(true, |reach| reach.reaches(at));
        for id in heaps.iter().chain(uncached) {
            named = named.with(*id);
            if reached {
                used = used.with(*id);
            }
        }
    }
    for (id, heap) in policy.heap_ids().filter(|(id, _)| !used.contains(*id)) {
        let why = if named.contains(id) { "the rules that name it can never match" } else { "no rule names it" };
        let path = KeyPath::item("heap", usize::from(id.0)).key("name");
        findings.push(Finding::new(Code::UnusedHeap, path, format!("heap \"{}\" is never used: {why}", heap.name)));
    }
}

fn groups(document: &Document, findings: &mut Vec<Finding>) {
    let names = |when: &ConditionDoc, name: &String| {
        [&when.formats, &when.not_formats, &when.layouts].into_iter().any(|list| list.contains(name))
    };
    let rules = document.rules.iter().map(|rule| &rule.when);
    let alignments = document.alignments.iter().map(|align| &align.when);
    let compressions = document.compressions.iter().map(|entry| &entry.when);
    let metadata = document.vendor_metadata.iter().map(|entry| &entry.when);
    let conditions: Vec<&ConditionDoc> = rules.chain(alignments).chain(compressions).chain(metadata).collect();
    for name in document.format_group.keys() {
        if !conditions.iter().any(|when| names(when, name)) {
            let path = KeyPath::ROOT.key("format_group").key(name);
            let message = format!("format group \"{name}\" is never used");
            findings.push(Finding::new(Code::UnusedGroup, path, message).about_key());
        }
    }
}
