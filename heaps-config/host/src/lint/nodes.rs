//! Heaps of which a node is known to be something else. What is protected and has an ordinary node, the service refuses too
//! (`protected-node`); here is the rest.

use heaps_config::nodes::{Kind, Node};
use heaps_config::{Code, Document, Finding, HeapDoc, KeyPath};

/// Reports them.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    for (at, heap) in document.heaps.iter().enumerate().filter(|(_, heap)| !heap.protected) {
        let path = KeyPath::item("heap", at).key("nodes");
        for (index, name) in heap.nodes.iter().enumerate() {
            let node = Node::of(name);
            if let Some(known) = node.known.filter(|known| known.kind.is_protected()) {
                let message = format!(
                    "\"{}\" is not protected, and its node \"{name}\" is ({}): ordinary requests would get memory that the CPU \
                     cannot touch",
                    heap.name, known.source
                );
                let help = "a heap of its own with protected = true, and rules with all_of = [\"PROTECTED\"]";
                findings.push(Finding::new(Code::OrdinaryNode, path.index(index), message).help(help));
            } else if let Some((message, help)) = caches(heap, name, &node) {
                findings.push(Finding::new(Code::UncachedNode, path.index(index), message).help(help));
            }
        }
        if let Some(finding) = unsaid_carve_out(at, heap) {
            findings.push(finding);
        }
    }
}

/// What the names of vendors' nodes call a region that is reserved at boot. Whether its pages are the kernel's meanwhile (CMA) or nobody's
/// no table of names tells, and the default is that they are.
const CARVE_OUT: [&str; 3] = ["carveout", "carve-out", "carve_out"];

/// A heap whose nodes are carve-outs by their names, and which does not say whether its memory is part of MemAvailable.
fn unsaid_carve_out(at: usize, heap: &HeapDoc) -> Option<Finding> {
    let is_carve_out = |name: &String| CARVE_OUT.iter().any(|word| name.contains(word));
    if heap.system_memory.is_some() || heap.nodes.is_empty() || !heap.nodes.iter().all(is_carve_out) {
        return None;
    }
    let message =
        format!("\"{}\" is a carve-out by its node's name, and is taken for a part of MemAvailable", heap.name);
    let help = "system_memory = false where the memory is reserved at boot; true where it is CMA";
    Some(Finding::new(Code::SystemMemory, KeyPath::item("heap", at).key("nodes"), message).help(help))
}

/// Where `cached` and the node's name differ. That a name says nothing is known to mean cached of the kernel's own heaps alone.
fn caches(heap: &HeapDoc, name: &str, node: &Node<'_>) -> Option<(String, String)> {
    if heap.cached && node.is_uncached() {
        let message = format!("\"{}\" is cached, and its node \"{name}\" is not, by its name", heap.name);
        let twin =
            format!("cached = false; or a heap of its own for it, named as `uncached_twin` of \"{}\"", heap.name);
        return Some((message, twin));
    }
    let kernels_own = matches!(node.kind(), Some(Kind::System | Kind::LowSystem | Kind::DefaultRegion));
    if !heap.cached && kernels_own && !node.is_uncached() {
        let message = format!(
            "\"{}\" is not cached, and its node \"{name}\" is: clients would not flush what they write",
            heap.name
        );
        return Some((message, "leave `cached` out, or name the uncached node alone".to_owned()));
    }
    None
}
