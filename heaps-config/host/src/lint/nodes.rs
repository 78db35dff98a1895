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
    }
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
