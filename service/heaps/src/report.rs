//! The state of a backend's heaps, for the dump and the command line.

use crate::accounting::Accounting;
use crate::region::Region;
use heaps_config::policy::{HeapId, HeapSet};
use nix::errno::Errno;
use std::fmt;

/// A backend's heaps, as of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeapReport {
    /// Where its buffers come from: a directory or a device node.
    pub source: String,
    /// For a stand-in: a sentence that says so and what differs. `None` for the real heaps.
    pub stand_in: Option<String>,
    /// The policy's heaps, in its order.
    pub heaps: Vec<HeapState>,
    /// The kernel's nodes that no heap of the policy names, sorted.
    pub unclaimed: Vec<String>,
    /// Heaps that stand on one memory, in a sentence each: what is told of either is true of both together.
    pub shared: Vec<String>,
    /// Whom the kernel charges; `None` for a stand-in.
    pub accounting: Option<Accounting>,
    /// What kept the report or its upkeep from being complete.
    pub problems: Vec<String>,
}

/// One of the policy's heaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeapState {
    /// Its index in the policy.
    pub id: HeapId,
    /// Its name in the policy.
    pub name: String,
    /// The node that serves it, or would if it could be opened; `None` when there is none.
    pub node: Option<String>,
    /// How that node is.
    pub state: NodeState,
    /// The contiguous region behind the node, where the kernel tells.
    pub region: Option<Region>,
    /// Earlier node names of this heap that exist and could not be used, with their reasons.
    pub passed_over: Vec<(String, NodeState)>,
}

/// How a heap's node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// Open, ready to allocate from.
    Open,
    /// None of the heap's node names exists.
    Absent,
    /// A node exists and this process may not open it.
    Denied(Errno),
    /// A node exists and opening it fails for another reason.
    Failed(Errno),
    /// A file of the name exists and is no character device.
    NotADevice,
    /// A stand-in has no protected memory.
    NoStandIn,
}

impl NodeState {
    /// A short, stable word for JSON.
    pub const fn word(self) -> &'static str {
        match self {
            NodeState::Open => "open",
            NodeState::Absent => "absent",
            NodeState::Denied(_) => "denied",
            NodeState::Failed(_) => "failed",
            NodeState::NotADevice => "not-a-device",
            NodeState::NoStandIn => "no-stand-in",
        }
    }

    /// The errno behind it, if there is one.
    pub const fn errno(self) -> Option<Errno> {
        match self {
            NodeState::Denied(errno) | NodeState::Failed(errno) => Some(errno),
            _ => None,
        }
    }
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeState::Open => f.write_str("open"),
            NodeState::Absent => f.write_str("absent: no node of its names exists"),
            NodeState::Denied(errno) => {
                write!(
                    f,
                    "denied: {} (check the node's mode and owner in ueventd.rc, and its SELinux label)",
                    errno.desc()
                )
            }
            NodeState::Failed(errno) => write!(f, "cannot be opened: {}", errno.desc()),
            NodeState::NotADevice => f.write_str("not a character device"),
            NodeState::NoStandIn => f.write_str("absent: protected memory has no stand-in"),
        }
    }
}

/// What a refresh changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Change {
    /// Heaps that became usable.
    pub appeared: HeapSet,
    /// Heaps that no longer are.
    pub vanished: HeapSet,
}

impl Change {
    /// The difference between two sets of heaps.
    pub(crate) const fn between(before: HeapSet, after: HeapSet) -> Change {
        Change { appeared: HeapSet(after.0 & !before.0), vanished: HeapSet(before.0 & !after.0) }
    }

    /// True when nothing changed.
    pub const fn is_empty(self) -> bool {
        self.appeared.0 == 0 && self.vanished.0 == 0
    }
}
