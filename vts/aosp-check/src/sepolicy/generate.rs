//! What a policy's heaps need on a device with SELinux.
//!
//! The platform labels `/dev/dma_heap/system`, `system-uncached` and `system-secure*` and lets the allocator's domain read
//! them. Every other node is `dmabuf_heap_device`, which nobody may open, and belongs to root alone. So each heap of a
//! policy gets a type, one rule, a label for each of its nodes and a line for ueventd.
//!
//! Sources: AOSP `system/sepolicy/private/file_contexts`, `public/hal_graphics_allocator.te`,
//! `system/core/rootdir/ueventd.rc` (15).

use heaps_config::{Document, HeapDoc};
use heaps_host::board::platform_type;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The file with types and rules.
pub const RULES: &str = "heaps.te";
/// The file with labels.
pub const LABELS: &str = "file_contexts";
/// The file with owners and modes.
pub const UEVENTD: &str = "ueventd.rc";

/// The domain that the service runs in; the platform's own.
pub const DOMAIN: &str = "hal_graphics_allocator_default";

/// The platform's own types of heaps, and since which release it has them: a second declaration of one does not compile.
/// Source: AOSP system/sepolicy, `public/device.te`; the branches 12 to 16 (main of 2025) have these three.
pub const PLATFORM_TYPES: &[(&str, u32)] =
    &[("dmabuf_heap_device", 12), ("dmabuf_system_heap_device", 12), ("dmabuf_system_secure_heap_device", 12)];

/// A heap that the platform does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorHeap {
    /// In the policy.
    pub name: String,
    /// In SELinux.
    pub selinux_type: String,
    /// Who declares the type.
    pub owner: Owner,
    /// Its nodes, without those that are labelled already.
    pub nodes: Vec<String>,
}

/// Who declares a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The generated rules.
    Project,
    /// The platform, which grants the allocator what it may do with it.
    Platform,
    /// The board's own policy: the allocator is granted the use of it.
    Board,
}

/// Types of nodes that a board's own file_contexts labels.
pub type Labels = BTreeMap<String, String>;

/// What a policy needs. Empty when all its nodes are the platform's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    /// In the order of the policy.
    pub heaps: Vec<VendorHeap>,
    policy: String,
}

/// Finds what a policy needs beside the labels that a board has already.
///
/// # Errors
/// Two heaps that claim one node or come out as one type, or nodes of one heap with two types: a node has one label.
pub fn of(document: &Document, labels: &Labels) -> Result<Generated, String> {
    let mut heaps: Vec<VendorHeap> = Vec::new();
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for heap in &document.heaps {
        for node in &heap.nodes {
            if let Some(first) = owners.insert(node, &heap.name) {
                if first != heap.name {
                    let both = format!("the heaps {first} and {} both have the node {node}", heap.name);
                    return Err(format!("{both}; a node has one SELinux label, so one heap"));
                }
            }
        }
        let own = vendor_heap(heap, labels)?;
        let same = |first: &&VendorHeap| first.selinux_type == own.selinux_type && own.owner == Owner::Project;
        if let Some(first) = heaps.iter().find(same) {
            return Err(format!("the heaps {} and {} both come out as {}", first.name, own.name, own.selinux_type));
        }
        if !own.nodes.is_empty() || own.owner == Owner::Board {
            heaps.push(own);
        }
    }
    Ok(Generated { heaps, policy: document.name.clone() })
}

fn vendor_heap(heap: &HeapDoc, labels: &Labels) -> Result<VendorHeap, String> {
    let unlabelled = |node: &&String| platform_type(node).is_none() && !labels.contains_key(*node);
    let nodes = heap.nodes.iter().filter(unlabelled).cloned().collect();
    let name = heap.name.clone();
    let mut own = heap.nodes.iter().filter_map(|node| labels.get(node));
    if let Some(first) = own.next() {
        if let Some(other) = own.find(|other| *other != first) {
            return Err(format!("the nodes of the heap {name} are labelled {first} and {other}; a heap has one type"));
        }
        let platform = PLATFORM_TYPES.iter().any(|(known, _)| known == first);
        let owner = if platform { Owner::Platform } else { Owner::Board };
        return Ok(VendorHeap { name, selinux_type: first.clone(), owner, nodes });
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let word: String = heap.name.chars().map(plain).collect();
    let selinux_type = format!("dmabuf_{word}_heap_device");
    let is_taken = PLATFORM_TYPES.iter().any(|(known, _)| *known == selinux_type);
    // Further names of a node that the platform labels: the same memory, so the same label. Else the platform's name is taken.
    let is_platform_type = is_taken && heap.nodes.iter().any(|node| platform_type(node) == Some(&selinux_type));
    let selinux_type = if is_taken && !is_platform_type { format!("vendor_{selinux_type}") } else { selinux_type };
    let owner = if is_platform_type { Owner::Platform } else { Owner::Project };
    Ok(VendorHeap { name, selinux_type, owner, nodes })
}

impl Generated {
    /// Name and text of each file; none when nothing is needed.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        if self.heaps.is_empty() {
            return Vec::new();
        }
        vec![(RULES, self.rules()), (LABELS, self.labels()), (UEVENTD, self.ueventd())]
    }

    fn head(&self, what: &str) -> String {
        format!(
            "# {what} of the policy \"{}\".\n# Generated from it by `aosp_check sepolicy`; change the policy instead.\n",
            self.policy
        )
    }

    fn rules(&self) -> String {
        let mut text = self.head("The heaps");
        for heap in &self.heaps {
            let VendorHeap { name, selinux_type, owner, .. } = heap;
            let allow = format!("allow {DOMAIN} {selinux_type}:chr_file r_file_perms;");
            // Writing to a String cannot fail.
            let _ = match owner {
                Owner::Platform => write!(text, "\n# {name}: {selinux_type}, the platform's own type and rule\n"),
                Owner::Board => write!(text, "\n# {name}: {selinux_type}, the board's own type\n{allow}\n"),
                Owner::Project => {
                    write!(text, "\n# {name}\ntype {selinux_type}, dmabuf_heap_device_type, dev_type;\n{allow}\n")
                }
            };
        }
        text
    }

    fn labels(&self) -> String {
        let mut text = self.head("Labels for the heaps");
        for (heap, node) in self.nodes() {
            let path = format!("/dev/dma_heap/{}", escaped(node));
            let _ = writeln!(text, "{path:<48}  u:object_r:{}:s0", heap.selinux_type);
        }
        text
    }

    fn ueventd(&self) -> String {
        let mut text = self.head("Owners and modes for the heaps");
        text.push_str(
            "# For the vendor's ueventd.rc. Read access is all that allocating takes, and the service's alone.\n",
        );
        for (_, node) in self.nodes() {
            let path = format!("/dev/dma_heap/{node}");
            let _ = writeln!(text, "{path:<48}  0440  system  graphics");
        }
        text
    }

    /// Every node with its heap.
    pub fn nodes(&self) -> impl Iterator<Item = (&VendorHeap, &str)> {
        self.heaps.iter().flat_map(|heap| heap.nodes.iter().map(move |node| (heap, node.as_str())))
    }
}

/// A name as a regular expression.
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for c in name.chars() {
        if !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ',')) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
