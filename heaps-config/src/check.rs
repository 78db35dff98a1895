//! Checks that make a policy safe to load: the service refuses one that fails them, whoever wrote it.

use crate::code::Code;
use crate::document::Document;
use crate::finding::{Finding, KeyPath};
use crate::nodes::{Kind, Known, Node};
use crate::policy::{Action, HeapId, Policy, MAX_HEAPS};
use gralloc_buffer::dataspace::DATASPACE_OPTION;
use gralloc_buffer::Dataspace;
use std::collections::BTreeMap;

/// A reply carries two fds a buffer (pixels and metadata), and a unix socket at most 64 (facts of libbinder RPC).
pub const FDS_PER_REPLY: u32 = 64;
/// The buffer's own fd and that of its metadata.
pub const FDS_PER_BUFFER: u32 = 2;

/// Runs them all.
pub(crate) fn check(document: &Document, policy: &Policy, findings: &mut Vec<Finding>) {
    duplicates("heap", document.heaps.iter().map(|heap| heap.name.as_str()), findings);
    duplicates("rule", document.rules.iter().map(|rule| rule.name.as_str()), findings);
    duplicates("format", document.formats.iter().map(|format| format.name.as_str()), findings);
    duplicates("compress", document.compressions.iter().map(|entry| entry.name.as_str()), findings);
    let vendor_metadata = document.vendor_metadata.iter().map(|entry| entry.name.as_str());
    duplicates("vendor_metadata", vendor_metadata, findings);
    duplicates("align", document.alignments.iter().map(|align| align.name.as_str()), findings);
    duplicates("ready", document.ready.iter().map(|ready| ready.name.as_str()), findings);
    duplicates("expect", document.expectations.iter().map(|expect| expect.name.as_str()), findings);
    duplicates("option", document.options.iter().map(|option| option.name.as_str()), findings);
    dataspaces(document, findings);
    heaps(document, findings);
    twins(document, findings);
    metadata(document, policy, findings);
    reply(policy, findings);
    protected_mixed(policy, findings);
    protected_nodes(document, findings);
    system_memory(document, findings);
}

fn duplicates<'n>(section: &str, names: impl Iterator<Item = &'n str>, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, name) in names.enumerate().filter(|(_, name)| !name.is_empty()) {
        if let Some(first) = seen.get(name) {
            let message = format!("there is another {section} of the name \"{name}\"");
            let finding = Finding::new(Code::DuplicateName, KeyPath::item(section, at).key("name"), message);
            findings.push(finding.related(KeyPath::item(section, *first).key("name"), "the first one"));
        } else {
            seen.insert(name, at);
        }
    }
}

/// Values of the option `Dataspace` that no request can have: the allocator refuses them whatever the policy says.
fn dataspaces(document: &Document, findings: &mut Vec<Finding>) {
    for (at, option) in document.options.iter().enumerate().filter(|(_, option)| option.name == DATASPACE_OPTION) {
        for (index, value) in option.values.iter().enumerate() {
            if Dataspace::from_wire(*value).is_none() {
                let path = KeyPath::item("option", at).key("values").index(index);
                let message = format!("{value} is no Dataspace");
                let help = "a value that Dataspace.aidl defines: one of each of its fields STANDARD, TRANSFER and RANGE, or a \
                            name of its own; without `values` each of them is accepted";
                findings.push(Finding::new(Code::BadValue, path, message).help(help));
            }
        }
    }
}

fn heaps(document: &Document, findings: &mut Vec<Finding>) {
    if document.heaps.len() > MAX_HEAPS {
        let message = format!("{} heaps: a policy holds at most {MAX_HEAPS}", document.heaps.len());
        findings.push(Finding::new(Code::TooManyHeaps, KeyPath::item("heap", MAX_HEAPS), message));
    }
    for (at, heap) in document.heaps.iter().enumerate() {
        let path = KeyPath::item("heap", at);
        let nodes = path.place("nodes");
        if heap.nodes.is_empty() {
            let help = "leave `nodes` out when the node has the heap's own name";
            findings.push(Finding::new(Code::BadValue, nodes.path(), "a heap needs at least one node name").help(help));
        }
        for (index, node) in heap.nodes.iter().enumerate().filter(|(_, node)| !node.is_empty()) {
            // A node name becomes a path below /dev/dma_heap: it must not lead out of it.
            let leads_out = node.contains('/') || node == "." || node == ".." || node.contains('\0');
            if leads_out {
                let message = format!("\"{}\" is not the name of a node", node.escape_default());
                let help = "the name alone, as `ls /dev/dma_heap` shows it, without a path";
                findings.push(Finding::new(Code::BadValue, nodes.item(index).path(), message).help(help));
            }
            if heap.nodes.iter().take(index).any(|earlier| earlier == node) {
                findings.push(Finding::repeated(nodes.item(index).path(), node));
            }
        }
        for (key, value) in [("max_buffer", heap.max_buffer), ("budget", heap.budget)] {
            if value == Some(0) {
                findings.push(Finding::new(Code::BadValue, path.key(key), "0 bytes: the heap could hold nothing"));
            }
        }
    }
}

/// Nodes whose pages every kernel counts in MemAvailable, in a heap that is said to be no part of it.
fn system_memory(document: &Document, findings: &mut Vec<Finding>) {
    for (at, heap) in document.heaps.iter().enumerate().filter(|(_, heap)| heap.system_memory == Some(false)) {
        let pages = |node: &&String| Node::of(node).kind().is_some_and(Kind::is_pages);
        let Some(node) = heap.nodes.iter().find(pages) else { continue };
        let path = KeyPath::item("heap", at).key("system_memory");
        let message = format!("node \"{node}\" gives pages of system memory");
        let help = "leave it out: only a carve-out is no part of MemAvailable";
        findings.push(Finding::new(Code::SystemMemory, path, message).help(help));
    }
}

fn twins(document: &Document, findings: &mut Vec<Finding>) {
    for (at, heap) in document.heaps.iter().enumerate() {
        let Some(twin_name) = &heap.uncached_twin else { continue };
        let Some(index) = document.heaps.iter().position(|other| other.name == *twin_name) else { continue };
        let Some(twin) = document.heaps.get(index) else { continue };
        let path = KeyPath::item("heap", at).key("uncached_twin");
        let other = KeyPath::item("heap", index);
        let mut refuse = |message: String, key: &str| {
            let finding = Finding::new(Code::InconsistentTwin, path.clone(), message);
            findings.push(finding.related(other.key(key), "the twin"));
        };
        if index == at {
            refuse(format!("\"{twin_name}\" is its own twin"), "name");
            continue;
        }
        if !heap.cached {
            refuse(format!("\"{}\" is not cached: only a cached heap has an uncached twin", heap.name), "name");
        }
        if twin.cached {
            refuse(format!("\"{twin_name}\" is cached (cached = false is not given)"), "cached");
        }
        if twin.protected != heap.protected {
            refuse(format!("\"{}\" and \"{twin_name}\" differ in `protected`", heap.name), "protected");
        }
        if twin.is_system_memory() != heap.is_system_memory() {
            refuse(format!("\"{}\" and \"{twin_name}\" differ in `system_memory`", heap.name), "system_memory");
        }
        if twin.contiguous != heap.contiguous {
            refuse(format!("\"{}\" and \"{twin_name}\" differ in `contiguous`", heap.name), "contiguous");
        }
        if twin.uncached_twin.is_some() {
            refuse(format!("\"{twin_name}\" has a twin itself"), "uncached_twin");
        }
    }
}

fn metadata(document: &Document, policy: &Policy, findings: &mut Vec<Finding>) {
    let Some(heap) = policy.heap(policy.metadata_heap) else { return };
    if heap.name != document.metadata.heap {
        return;
    }
    let path = KeyPath::ROOT.key("metadata").key("heap");
    let other = KeyPath::item("heap", usize::from(policy.metadata_heap.0));
    if heap.protected {
        let message = format!("\"{}\" is protected: clients could not map their metadata", heap.name);
        let finding = Finding::new(Code::MetadataHeap, path.clone(), message).related(other.key("protected"), "here");
        findings.push(finding);
    }
    if !heap.cached {
        let message = format!("\"{}\" is not cached: every metadata call would read uncached memory", heap.name);
        findings.push(Finding::new(Code::MetadataHeap, path, message).related(other.key("cached"), "here"));
    }
}

fn reply(policy: &Policy, findings: &mut Vec<Finding>) {
    let most = FDS_PER_REPLY / FDS_PER_BUFFER;
    let asked = policy.limits.buffers_per_request;
    if asked > most {
        let path = KeyPath::ROOT.key("limits").key("buffers_per_request");
        let message = format!("{asked} buffers of {FDS_PER_BUFFER} fds each: a reply carries {FDS_PER_REPLY}");
        findings.push(Finding::new(Code::ReplyFds, path, message).help(format!("allowed: 1 to {most}")));
    }
}

fn protected_mixed(policy: &Policy, findings: &mut Vec<Finding>) {
    for (at, rule) in policy.rules.iter().enumerate() {
        let Action::Heaps { heaps, .. } = &rule.action else { continue };
        let protected = |id: &HeapId| policy.heap(*id).is_some_and(|heap| heap.protected);
        let Some(first) = heaps.first() else { continue };
        let Some(other) = heaps.iter().find(|id| protected(id) != protected(first)) else { continue };
        let kind = |id: &HeapId| if protected(id) { "protected" } else { "not protected" };
        let message = format!(
            "\"{}\" is {}, and falls back to \"{}\", which is {}",
            policy.heap_name(*first),
            kind(first),
            policy.heap_name(*other),
            kind(other)
        );
        let index = heaps.iter().position(|id| id == other).unwrap_or(0);
        let finding = Finding::new(Code::ProtectedMixed, KeyPath::item("rule", at).key("heaps").index(index), message);
        findings.push(finding.help("one rule for PROTECTED with protected heaps alone, another one for the rest"));
    }
}

/// Why a known node gives ordinary memory.
fn ordinary_memory(known: &Known) -> String {
    match known.kind {
        Kind::Lent(_) => {
            "its memory is ordinary until a driver is told to lend a buffer, and the service tells none".to_owned()
        }
        _ => format!("it gives ordinary memory ({})", known.source),
    }
}

/// What is protected is a heap's word; what gives memory is its node. So no node may be both.
fn protected_nodes(document: &Document, findings: &mut Vec<Finding>) {
    let ordinary = |node: &String| {
        let gives = |heap: &crate::document::HeapDoc| !heap.protected && heap.nodes.contains(node);
        document.heaps.iter().position(gives)
    };
    for (at, heap) in document.heaps.iter().enumerate().filter(|(_, heap)| heap.protected) {
        let path = KeyPath::item("heap", at);
        for (index, node) in heap.nodes.iter().enumerate().filter(|(_, node)| !node.is_empty()) {
            let path = || path.place("nodes").item(index).path();
            let other = ordinary(node);
            let why = match other.and_then(|other| document.heaps.get(other)) {
                Some(other) => format!("heap \"{}\" gives ordinary memory from it", other.name),
                None => match Node::of(node).known {
                    Some(known) if !known.kind.is_protected() => ordinary_memory(known),
                    _ => continue,
                },
            };
            let message = format!("\"{}\" is protected, and its node \"{node}\" is not: {why}", heap.name);
            let finding = Finding::new(Code::ProtectedNode, path(), message);
            let finding =
                finding.help("only nodes of protected memory; where none of them exists the request is refused");
            findings.push(match other {
                Some(other) => finding.related(KeyPath::item("heap", other).key("nodes"), "the ordinary heap"),
                None => finding,
            });
        }
    }
}
