//! `heapctl heaps`

use crate::args::HeapsArgs;
use crate::output::{table, Output, Status};
use crate::policy;
use anyhow::Result;
use gralloc_heaps::{Accounting, HeapReport, HeapState, KernelHeaps, NodeState};
use heaps_config::policy::{Action, Heap, HeapId};
use heaps_config::Policy;
use serde_json::{json, Value};

pub(crate) fn run(args: &HeapsArgs, out: &Output) -> Result<Status> {
    let loaded = policy::load(&args.policy)?;
    out.notes(&loaded.notes);
    let heaps = KernelHeaps::open_in(&loaded.policy, &args.heap_dir);
    let report = heaps.describe();
    let trouble = trouble(&report, &loaded.policy, heaps.present().contains(loaded.policy.metadata_heap));
    if out.json {
        out.json(&to_json(&report, &loaded.policy, &loaded.source, &trouble));
    } else {
        out.text(&to_text(&report, &loaded.policy, &loaded.source, &trouble));
    }
    Ok(if trouble.is_empty() { Status::Done } else { Status::Refused })
}

/// What stands in the way of the service. A heap that is absent does not: policies name what other kernels have.
fn trouble(report: &HeapReport, policy: &Policy, metadata: bool) -> Vec<String> {
    let mut trouble = report.problems.clone();
    for heap in &report.heaps {
        let passed_over = heap.passed_over.iter().map(|(node, state)| (Some(node), *state));
        for (node, state) in std::iter::once((heap.node.as_ref(), heap.state)).chain(passed_over) {
            if !matches!(state, NodeState::Open | NodeState::Absent | NodeState::NoStandIn) {
                let node = node.map_or("?", String::as_str);
                trouble.push(format!("heap \"{}\": node {node}: {state}", heap.name));
            }
        }
    }
    if !metadata {
        let name = policy.heap_name(policy.metadata_heap);
        trouble.push(format!(
            "heap \"{name}\" is not there, and every buffer's metadata lives in it: nothing can be allocated"
        ));
    }
    trouble
}

fn to_text(report: &HeapReport, policy: &Policy, source: &str, trouble: &[String]) -> String {
    let mut rows = vec![["heap", "node", "state", "kind", "limits", "region", "rules"].map(str::to_owned)];
    for state in &report.heaps {
        let Some(heap) = policy.heap(state.id) else { continue };
        rows.push([
            state.name.clone(),
            state.node.clone().unwrap_or_else(|| format!("({})", heap.nodes.join(", "))),
            state.state.word().to_owned(),
            kind(heap).join(", "),
            limits(heap),
            match state.region {
                Some(region) => region.to_string(),
                None if heap.contiguous && state.node.is_some() => "unknown".to_owned(),
                None => String::new(),
            },
            users(policy, state.id).join(", "),
        ]);
    }
    let mut text = format!("policy {} ({source}), nodes in {}\n\n{}", policy.name, report.source, table(&rows));
    if !report.unclaimed.is_empty() {
        text.push_str(&format!("\nnodes that the policy does not name: {}\n", report.unclaimed.join(", ")));
    }
    for line in report.shared.iter().cloned().chain(report.accounting.map(|accounting| accounting.to_string())) {
        text.push_str(&format!("\n{line}\n"));
    }
    for line in trouble {
        text.push_str(&format!("\n{line}\n"));
    }
    text
}

fn kind(heap: &Heap) -> Vec<&'static str> {
    let mut kind = vec![if heap.cached { "cached" } else { "uncached" }];
    kind.extend(heap.contiguous.then_some("contiguous"));
    kind.extend(heap.protected.then_some("protected"));
    kind
}

fn limits(heap: &Heap) -> String {
    let show =
        |what: &str, bytes: Option<u64>| bytes.map(|bytes| format!("{what} {}", heaps_config::show_bytes(bytes)));
    let limits = [show("buffer", heap.max_buffer_bytes), show("budget", heap.budget_bytes)];
    limits.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The rules that name a heap or its cached twin, and the metadata.
fn users(policy: &Policy, id: HeapId) -> Vec<String> {
    let names = |action: &Action| match action {
        Action::Heaps { heaps, uncached, .. } => heaps.contains(&id) || uncached.contains(&id),
        Action::Deny(_) => false,
    };
    let rules = policy.rules.iter().filter(|rule| names(&rule.action)).map(|rule| rule.name.clone());
    let metadata = (policy.metadata_heap == id).then(|| "[metadata]".to_owned());
    rules.chain(metadata).collect()
}

fn to_json(report: &HeapReport, policy: &Policy, source: &str, trouble: &[String]) -> Value {
    let node = |node: Option<&String>, state: NodeState| json!({ "node": node, "state": state.word(), "errno": state.errno().map(|errno| errno.to_string()) });
    let heap = |state: &HeapState| {
        let heap = policy.heap(state.id)?;
        Some(json!({
            "heap": state.name,
            "nodes": heap.nodes,
            "node": state.node,
            "state": state.state.word(),
            "errno": state.state.errno().map(|errno| errno.to_string()),
            "passed_over": state.passed_over.iter().map(|(name, state)| node(Some(name), *state)).collect::<Vec<_>>(),
            "region_bytes": state.region.map(|region| region.bytes),
            "region_free_bytes": state.region.map(|region| region.free_bytes),
            "cached": heap.cached,
            "contiguous": heap.contiguous,
            "protected": heap.protected,
            "max_buffer_bytes": heap.max_buffer_bytes,
            "budget_bytes": heap.budget_bytes,
            "used_by": users(policy, state.id),
        }))
    };
    json!({
        "ok": trouble.is_empty(),
        "policy": policy.name,
        "policy_source": source,
        "nodes_in": report.source,
        "heaps": report.heaps.iter().filter_map(heap).collect::<Vec<_>>(),
        "unclaimed_nodes": report.unclaimed,
        "shared_memory": report.shared,
        "accounting": report.accounting.map(Accounting::word),
        "accounting_means": report.accounting.map(|accounting| accounting.to_string()),
        "trouble": trouble,
    })
}
