//! Heaps of one name that are otherwise, and heaps that only one policy has.

use super::example::{self, By};
use super::{rules, Cause, Difference};
use crate::expect::explain_line;
use crate::lint::region::{Left, Region, Space};
use gralloc_buffer::Descriptor;
use heaps_config::policy::{Action, Heap, HeapSet, Policy, Rule};
use heaps_config::{show_bytes, KeyPath};

pub(super) fn compare(space: &Space, before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let Some(kinds) = rules::common(space, before, after) else { return };
    let at = |policy: &Policy, name: &str| {
        let index = policy.heaps.iter().position(|heap| heap.name == name)?;
        Some(KeyPath::item("heap", index))
    };
    let mut said = |name: &str, change: Change| {
        let sent = |policy| sent_to(space, &kinds, policy, name, change.bytes);
        let shown = |asked: Descriptor| {
            let fate = example::tried(before, after, &asked, By::Fate);
            fate.or_else(|| example::counted(before, after, &asked, 1))
        };
        let example = sent(before).chain(sent(after)).find_map(shown);
        let simplest = || sent_to(space, &kinds, after, name, 1).next();
        let concerns = if example.is_none() { simplest() } else { None };
        differences.push(Difference {
            before_at: at(before, name),
            after_at: at(after, name),
            example,
            concerns: concerns.map(|asked| explain_line(&asked, after, None)),
            ..Difference::new(Cause::Heap, format!("heap \"{name}\"{}", change.words))
        });
    };
    let of_name = |policy: &'_ Policy, name: &str| policy.heaps.iter().any(|heap| heap.name == name);
    for heap in &before.heaps {
        match after.heaps.iter().find(|other| other.name == heap.name) {
            None => said(&heap.name, Change { words: " is gone".to_owned(), bytes: 1 }),
            Some(other) => changes(heap, other).into_iter().for_each(|change| said(&heap.name, change)),
        }
    }
    for heap in after.heaps.iter().filter(|heap| !of_name(before, &heap.name)) {
        said(&heap.name, Change { words: " is new".to_owned(), bytes: 1 });
    }
}

/// One change of a heap.
struct Change {
    /// What follows the heap's name.
    words: String,
    /// The size of a buffer for which it matters, at least.
    bytes: u64,
}

fn changes(heap: &Heap, other: &Heap) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |words: String, bytes: u64| changes.push(Change { words: format!(": {words}"), bytes });
    if heap.nodes != other.nodes {
        add(format!("its nodes were {} and are {}", heap.nodes.join(", "), other.nodes.join(", ")), 1);
    }
    let flags = [
        ("cached", heap.cached, other.cached),
        ("contiguous", heap.contiguous, other.contiguous),
        ("protected", heap.protected, other.protected),
        ("system_memory", heap.system_memory, other.system_memory),
    ];
    for (key, was, is) in flags.into_iter().filter(|(_, was, is)| was != is) {
        add(format!("{key} was {was} and is {is}"), 1);
    }
    let sizes = [
        ("max_buffer", heap.max_buffer_bytes, other.max_buffer_bytes),
        ("budget", heap.budget_bytes, other.budget_bytes),
    ];
    for (key, was, is) in sizes.into_iter().filter(|(_, was, is)| was != is) {
        let least = was.into_iter().chain(is).min().unwrap_or(0);
        add(format!("{key} was {} and is {}", bound(was), bound(is)), least.saturating_add(1));
    }
    changes
}

/// A size, or that there is none.
pub(super) fn bound(value: Option<u64>) -> String {
    value.map_or_else(|| "no bound".to_owned(), show_bytes)
}

/// The simplest requests of at least so many bytes that a policy sends to a heap, of each rule and format.
fn sent_to<'s>(
    space: &'s Space,
    kinds: &Region,
    policy: &'s Policy,
    name: &'s str,
    bytes: u64,
) -> impl Iterator<Item = Descriptor> + 's {
    let heap = policy.heap_ids().find(|(_, heap)| heap.name == name).map(|(id, _)| id);
    let names = move |rule: &Rule| match (&rule.action, heap) {
        (Action::Heaps { heaps, uncached, .. }, Some(id)) => heaps.contains(&id) || uncached.contains(&id),
        _ => false,
    };
    let own: Option<Vec<Region>> = policy.rules.iter().map(|rule| space.taken(policy, &rule.when)).collect();
    let own = own.unwrap_or_default();
    let kinds = kinds.clone();
    let taken = move |at: usize| {
        let region = space.intersect(own.get(at)?, &kinds)?;
        Some((region, own.get(..at)?.to_vec()))
    };
    let is_sent = move |asked: &Descriptor| {
        let plan = gralloc_allocator::plan(asked, policy, HeapSet::ALL);
        plan.is_ok_and(|plan| plan.candidates_in_order().any(|id| Some(id) == heap))
    };
    let of_rule = move |(region, cuts): (Region, Vec<Region>)| {
        space.formats().iter().filter_map(move |format| {
            let only = space.only_format(region.clone(), *format);
            let Left::Some(mut witness) = space.left(&only, cuts.iter()) else { return None };
            witness.bytes = witness.bytes.max(bytes);
            example::requests(&witness).find(is_sent)
        })
    };
    let rules = policy.rules.iter().enumerate().filter(move |(_, rule)| names(rule));
    rules.filter_map(move |(at, _)| taken(at)).flat_map(of_rule)
}
