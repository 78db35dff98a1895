//! Limits of which one can never take effect.

use heaps_config::nodes::Node;
use heaps_config::policy::{Action, Heap, HeapId, Policy};
use heaps_config::show_bytes as show;
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// Reports them.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Finding>) {
    overall(policy, findings);
    heaps(policy, findings);
    rules(policy, findings);
}

/// Says that the limit at `path` is beyond the one at `other`.
fn beyond(path: KeyPath, value: u64, other: KeyPath, limit: u64) -> Finding {
    let message = format!("{path} ({}) is more than {other} ({}): it can never be reached", show(value), show(limit));
    Finding::new(Code::LimitsContradict, path, message).related(other, "the smaller limit")
}

fn overall(policy: &Policy, findings: &mut Vec<Finding>) {
    let limits = &policy.limits;
    let path = |key: &str| KeyPath::ROOT.key("limits").key(key);
    let request = Some(limits.request_bytes);
    let pairs = [
        ("request", request, "client", limits.client_bytes),
        ("request", request, "total", limits.total_bytes),
        ("client", limits.client_bytes, "total", limits.total_bytes),
    ];
    for (key, value, other, limit) in pairs {
        if let (Some(value), Some(limit)) = (value, limit) {
            if value > limit {
                findings.push(beyond(path(key), value, path(other), limit));
            }
        }
    }
    let budgets: Option<u64> =
        policy.heaps.iter().map(|heap| heap.budget_bytes).try_fold(0u64, |sum, budget| sum.checked_add(budget?));
    if let (Some(sum), Some(total)) = (budgets, limits.total_bytes) {
        if sum < total {
            let message = format!(
                "limits.total ({}) can never be reached: the heaps' budgets add up to {}",
                show(total),
                show(sum)
            );
            findings.push(Finding::new(Code::LimitsContradict, path("total"), message));
        }
    }
}

fn heaps(policy: &Policy, findings: &mut Vec<Finding>) {
    let limits = &policy.limits;
    for (id, heap) in policy.heap_ids() {
        let path = KeyPath::item("heap", usize::from(id.0));
        let limit = |key: &str| KeyPath::ROOT.key("limits").key(key);
        if let (Some(buffer), Some(budget)) = (heap.max_buffer_bytes, heap.budget_bytes) {
            if buffer > budget {
                findings.push(beyond(path.key("max_buffer"), buffer, path.key("budget"), budget));
            }
        }
        let earlier = policy.heap_ids().take_while(|(other, _)| *other != id);
        let shared = |(other_id, other): (HeapId, &Heap)| Some((other_id, other.budget_bytes?, shared(heap, other)?));
        if let (Some(budget), Some((other_id, other, why))) = (heap.budget_bytes, earlier.into_iter().find_map(shared))
        {
            let message = format!("{why}: neither budget ({} and {}) bounds what it holds", show(budget), show(other));
            let related = KeyPath::item("heap", usize::from(other_id.0)).key("budget");
            let finding = Finding::new(Code::LimitsContradict, path.key("budget"), message);
            findings.push(finding.related(related, "the other budget"));
        }
        if let Some(buffer) = heap.max_buffer_bytes.filter(|buffer| *buffer > limits.request_bytes) {
            findings.push(beyond(path.key("max_buffer"), buffer, limit("request"), limits.request_bytes));
        }
        if let (Some(budget), Some(total)) = (heap.budget_bytes, limits.total_bytes) {
            if budget > total {
                findings.push(beyond(path.key("budget"), budget, limit("total"), total));
            }
        }
    }
}

/// Why two heaps may come to stand on one memory, which then holds what both budgets allow together. The cached and the
/// uncached nodes of one memory are left out: twins have a budget each.
fn shared(heap: &Heap, other: &Heap) -> Option<String> {
    for name in &heap.nodes {
        let node = Node::of(name);
        for other_name in &other.nodes {
            let same = || {
                let second = Node::of(other_name);
                node.memory()
                    .filter(|memory| second.memory() == Some(*memory) && second.is_uncached() == node.is_uncached())
            };
            if name == other_name {
                return Some(format!(
                    "heap \"{}\" may have the same node as \"{}\", \"{name}\"",
                    heap.name, other.name
                ));
            } else if let Some(memory) = same() {
                let names = format!("\"{name}\" of \"{}\" and \"{other_name}\" of \"{}\"", heap.name, other.name);
                return Some(format!("{names} are names of one memory, {memory}"));
            }
        }
    }
    None
}

fn rules(policy: &Policy, findings: &mut Vec<Finding>) {
    for (at, rule) in policy.rules.iter().enumerate() {
        let (Action::Heaps { heaps, .. }, Some(least)) = (&rule.action, rule.when.min_bytes) else { continue };
        for (index, id) in heaps.iter().enumerate() {
            let Some(heap) = policy.heap(*id) else { continue };
            for (key, limit) in [("max_buffer", heap.max_buffer_bytes), ("budget", heap.budget_bytes)] {
                if limit.map_or(true, |limit| limit >= least) {
                    continue;
                }
                let path = KeyPath::item("rule", at);
                let message = format!(
                    "rule \"{}\" takes buffers of {} and more, and heap \"{}\" gives none larger than {}",
                    rule.name,
                    show(least),
                    heap.name,
                    show(limit.unwrap_or_default())
                );
                let finding = Finding::new(Code::LimitsContradict, path.key("heaps").index(index), message);
                findings.push(finding.related(KeyPath::item("heap", usize::from(id.0)).key(key), "the heap's limit"));
                break;
            }
        }
    }
}
