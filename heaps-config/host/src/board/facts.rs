//! What is known of one node, and what does not go together.

use super::{Board, FileKind, Place};
use heaps_config::nodes::{Kind, Node};
use std::fmt;

/// Who may open a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Permission bits.
    pub mode: u32,
    /// The owner.
    pub user: String,
    /// The group.
    pub group: String,
    /// Where that is said.
    pub place: Place,
}

/// Whom init makes the service (`service/server/allocator-service.dmaheap.rc`).
const SERVICE_USER: &str = "system";
/// And its groups.
pub(super) const SERVICE_GROUPS: [&str; 3] = ["system", "graphics", "drmrpc"];

impl Access {
    /// The service may open the node for reading, which is all that allocating takes.
    pub fn is_open_to_service(&self) -> bool {
        if self.user == SERVICE_USER {
            return self.mode & 0o400 != 0;
        }
        if SERVICE_GROUPS.contains(&self.group.as_str()) {
            return self.mode & 0o040 != 0;
        }
        self.mode & 0o004 != 0
    }

    /// The same mode and owners.
    pub(super) fn same(&self, other: &Access) -> bool {
        (self.mode, &self.user, &self.group) == (other.mode, &other.user, &other.group)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o} {} {}", self.mode, self.user, self.group)
    }
}

/// A node's SELinux type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The type alone.
    pub selinux_type: String,
    /// Where that is said.
    pub place: Place,
}

pub(super) const UNLABELLED: &str = "dmabuf_heap_device";
/// The platform's type of the system heap.
pub const SYSTEM: &str = "dmabuf_system_heap_device";
pub(super) const SECURE: &str = "dmabuf_system_secure_heap_device";
/// Types that the platform or a vendor lets apps open: `app.te` of AOSP, and of Qualcomm's sepolicy_vndr.
const OPEN_TO_APPS: [&str; 2] = [SYSTEM, "vendor_dmabuf_system_heap_device"];

/// What a label says of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelKind {
    /// Apps may open it: ordinary.
    OpenToApps,
    /// Protected.
    Protected,
    /// A trusted environment's.
    Trusted,
    /// None of its own.
    None,
    /// Nothing.
    Other,
}

impl Label {
    /// What it says.
    pub fn kind(&self) -> LabelKind {
        let name = self.selinux_type.as_str();
        let part = |word: &str| name.split('_').any(|part| part == word);
        if OPEN_TO_APPS.contains(&name) {
            LabelKind::OpenToApps
        } else if name == UNLABELLED {
            LabelKind::None
        } else if ["secure", "protected", "svp"].iter().any(|word| part(word)) {
            LabelKind::Protected
        } else if ["tee", "tz", "qseecom", "trusty", "optee", "mobicore"].iter().any(|word| part(word)) {
            LabelKind::Trusted
        } else {
            LabelKind::Other
        }
    }
}

/// What is known of one node.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// A listing or a dump has it.
    pub listed: Option<Place>,
    /// A line of another file names it.
    pub named: Option<Place>,
    /// Mode and owners on the device.
    pub seen: Option<Access>,
    /// Its label on the device.
    pub seen_label: Option<Label>,
    /// Mode and owners that ueventd gives.
    pub ueventd: Option<Access>,
    /// The label that it gets.
    pub label: Option<Label>,
}

impl Facts {
    /// Who may open it, as the device says, else as ueventd will.
    pub fn access(&self) -> Option<&Access> {
        self.seen.as_ref().or(self.ueventd.as_ref())
    }

    /// Its label, as the device says, else as the files will.
    pub fn label(&self) -> Option<&Label> {
        self.seen_label.as_ref().or(self.label.as_ref())
    }

    /// What its label says.
    pub fn label_kind(&self) -> LabelKind {
        self.label().map_or(LabelKind::Other, Label::kind)
    }
}

/// Says what does not go together.
pub(super) fn compare(board: &mut Board) {
    let listing = board.has_listing();
    let mut notes = Vec::new();
    let mut note = |place: &Place, other: Option<&Place>, is_wrong: bool, message: String| {
        notes.push(super::Note { place: place.clone(), other: other.cloned(), message, is_wrong });
    };
    for (name, facts) in &board.nodes {
        if let (true, None, Some(named)) = (listing, &facts.listed, &facts.named) {
            note(named, None, false, format!("{name} has a line here and is not on the device: left out"));
            continue;
        }
        if let (Some(seen), Some(given)) = (&facts.seen, &facts.ueventd) {
            if !seen.same(given) {
                note(
                    &seen.place,
                    Some(&given.place),
                    false,
                    format!("{name} is {seen}, and ueventd's line says {given}: another file has the last word"),
                );
            }
        }
        if let (Some(seen), Some(given)) = (&facts.seen_label, &facts.label) {
            if seen.selinux_type != given.selinux_type {
                let message =
                    format!("{name} is labelled {}, and the files say {}", seen.selinux_type, given.selinux_type);
                note(&seen.place, Some(&given.place), false, message);
            }
        }
        if let Some(access) = facts.access().filter(|access| !access.is_open_to_service()) {
            let groups = SERVICE_GROUPS.join(", ");
            let message =
                format!("{name} is closed to the service ({access}; it is {SERVICE_USER} with the groups {groups})");
            note(&access.place, None, true, message);
        }
        if let Some(label) = facts.label() {
            let known = Node::of(name).kind();
            let message = match (label.kind(), known) {
                (LabelKind::None, _) => {
                    format!("{name} has no label of its own: it is {UNLABELLED}, which nobody may open")
                }
                (LabelKind::OpenToApps, Some(kind)) if kind.is_protected() => {
                    format!("{name} is known as protected, and its label {} lets apps open it", label.selinux_type)
                }
                (LabelKind::Other, Some(Kind::System)) if !Node::of(name).is_uncached() => {
                    format!(
                        "{name} is for buffers' metadata, which apps map, and its label {} lets none open it",
                        label.selinux_type
                    )
                }
                (LabelKind::Protected, Some(kind)) if !kind.is_protected() => {
                    format!("{name} is known as ordinary memory, and its label {} says protected", label.selinux_type)
                }
                _ => continue,
            };
            let place = facts.listed.as_ref().or(facts.named.as_ref()).unwrap_or(&label.place);
            let place = if label.kind() == LabelKind::None { place } else { &label.place };
            note(place, None, label.kind() != LabelKind::None, message);
        }
    }
    board.notes.extend(notes);
    without_a_line(board);
}

/// Nodes that the platform's own ueventd.rc is about (AOSP system/core, `rootdir/ueventd.rc`).
const PLATFORM_LINES: [&str; 3] = ["system", "system-uncached", "system-secure"];

/// Says which nodes no line of the board's ueventd is about: init makes them 0600 root, where no other file has one.
fn without_a_line(board: &mut Board) {
    let Some(file) = board.files.iter().find(|(_, kind)| *kind == FileKind::Ueventd).map(|(name, _)| name.clone())
    else {
        return;
    };
    let bare = |name: &&str| {
        let facts = board.nodes.get(*name);
        facts.is_some_and(|facts| facts.access().is_none()) && !PLATFORM_LINES.contains(name)
    };
    let names: Vec<&str> = board.names().filter(bare).collect();
    if !names.is_empty() {
        let message = format!(
            "no line for ueventd is about {}: where no other file has one, a node is 0600 root and closed to the service",
            names.join(" ")
        );
        board.wrong(&super::at(&file, 1), None, message);
    }
}
