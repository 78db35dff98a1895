//! Limits of which one can never take effect.

use heaps_config::policy::{Action, Heap, Policy};
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
        // Where both may come to stand on one node, it holds what both budgets allow together.
        let earlier = policy.heap_ids().take_while(|(other, _)| *other != id);
        let shared = |(_, other): &(_, &Heap)| {
            other.budget_bytes.is_some() && other.nodes.iter().any(|node| heap.nodes.contains(node))
        };
        if let (Some(budget), Some((other_id, other))) = (heap.budget_bytes, earlier.into_iter().find(shared)) {
            let message = format!(
                "heap \"{}\" may have the same node as \"{}\", and neither budget ({} and {}) bounds what the node holds",
                heap.name,
                other.name,
                show(budget),
                show(other.budget_bytes.unwrap_or_default())
            );
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
