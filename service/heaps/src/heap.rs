//! The policy's heaps on the kernel's nodes under `/dev/dma_heap`.
//!
//! Invariants:
//! - Nodes are opened read-only and close-on-exec: AOSP's SELinux policy and its ueventd give an allocator no more
//!   (`system/sepolicy` `hal_graphics_allocator.te`, `system/core` `ueventd.rc`, android15-release).
//! - [`KernelHeaps::present`] is one atomic load. A node that appears, vanishes or changes its permissions is noticed by
//!   [`KernelHeaps::refresh`]; [`KernelHeaps::change_fd`] becomes readable when there is a reason to call it.
//! - No lock is held over an ioctl: an allocation may take tens of milliseconds, and a refresh must not wait for it.
//! - A heap that is absent at start is not an error: it may appear later, and the report says so.

mod directory;

use crate::accounting::Accounting;
use crate::error::errno_of;
use crate::failure::failure;
use crate::memory::page_bytes;
use crate::region;
use crate::report::{Change, HeapReport, HeapState, NodeState};
use directory::DirectoryWatch;
use gralloc_allocator::ports::{HeapBackend, HeapFailure};
use gralloc_buffer::BufferName;
use gralloc_dmabuf as dmabuf;
use gralloc_dmabuf::ioctl;
use gralloc_dmabuf::DebugName;
use heaps_config::nodes;
use heaps_config::policy::{HeapId, HeapSet};
use heaps_config::Policy;
use nix::errno::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Where the kernel puts its heaps (linux v6.12, `drivers/dma-buf/dma-heap.c`, `dma_heap_devnode`).
pub const DMA_HEAP_DIRECTORY: &str = "/dev/dma_heap";

/// The policy's heaps, each on the first of its nodes that can be opened.
#[derive(Debug)]
pub struct KernelHeaps {
    directory: PathBuf,
    /// Indexed by `HeapId`.
    slots: Vec<Slot>,
    /// A `HeapSet`: the slots with an open node.
    present: AtomicU64,
    /// One refresh at a time.
    upkeep: Mutex<()>,
    watch: Option<DirectoryWatch>,
    /// Of the kernel's start: it does not change.
    accounting: Accounting,
    problems: Vec<String>,
}

#[derive(Debug)]
struct Slot {
    name: String,
    aliases: Vec<String>,
    state: RwLock<SlotState>,
}

#[derive(Clone, Debug, Default)]
struct SlotState {
    open: Option<Arc<Node>>,
    /// Names that exist and could not be used, in the policy's order.
    failed: Vec<(String, NodeState)>,
}

/// A heap as it is open now: to allocate from it takes no lock.
#[derive(Clone, Debug)]
pub struct OpenHeap {
    /// Which one.
    pub heap: HeapId,
    /// `None` for one that is absent, and for a stand-in's.
    node: Option<Arc<Node>>,
}

/// An open node.
#[derive(Debug)]
struct Node {
    name: String,
    file: File,
    device: DeviceNumber,
}

/// Tells whether a path still leads to the node that was opened: (inode, device number).
type DeviceNumber = (u64, u64);

impl KernelHeaps {
    /// The heaps of a directory: [`DMA_HEAP_DIRECTORY`], or another for tests and containers.
    pub fn open_in(policy: &Policy, directory: &Path) -> KernelHeaps {
        let slots = policy.heaps.iter().map(|heap| Slot {
            name: heap.name.clone(),
            aliases: heap.nodes.clone(),
            state: RwLock::default(),
        });
        let mut problems = Vec::new();
        let watch = match DirectoryWatch::new(directory) {
            Ok(watch) => Some(watch),
            Err(error) => {
                problems.push(format!("heaps that appear later are not noticed: {error}"));
                None
            }
        };
        let heaps = KernelHeaps {
            directory: directory.to_owned(),
            slots: slots.collect(),
            present: AtomicU64::new(0),
            upkeep: Mutex::new(()),
            watch,
            accounting: Accounting::of_kernel(),
            problems,
        };
        // The watch is placed before the first scan, so nothing appears unseen between the two.
        heaps.refresh();
        heaps
    }

    /// Readable when nodes have changed: then call [`KernelHeaps::refresh`]. `None` when the kernel gives no such events
    /// (the report says why); then refresh now and again.
    pub fn change_fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(AsFd::as_fd)
    }

    /// Scans all nodes again: opens heaps that became available, closes those that were removed.
    pub fn refresh(&self) -> Change {
        let _one_at_a_time = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = &self.watch {
            watch.rearm();
        }
        let before = self.present();
        let mut after = HeapSet::default();
        for (id, slot) in self.slots() {
            let old = slot.read();
            let new = self.find_node(slot, old.open.as_ref());
            if new.open.is_some() {
                after = after.with(id);
            }
            *slot.state.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        self.present.store(after.0, Ordering::Release);
        Change::between(before, after)
    }

    /// The state of every heap of the policy, and the nodes that no heap claims.
    pub fn describe(&self) -> HeapReport {
        let mut problems = self.problems.clone();
        let unclaimed = self.unclaimed().unwrap_or_else(|error| {
            // Without the directory there are no nodes; that is what the heaps' states say.
            if error.kind() != io::ErrorKind::NotFound {
                problems.push(format!("{}: {}", self.directory.display(), errno_of(&error).desc()));
            }
            Vec::new()
        });
        let heaps: Vec<HeapState> = self.slots().map(|(id, slot)| slot.describe(id)).collect();
        HeapReport {
            source: self.directory.display().to_string(),
            stand_in: None,
            shared: shared(&heaps),
            heaps,
            unclaimed,
            accounting: Some(self.accounting),
            problems,
        }
    }

    fn slots(&self) -> impl Iterator<Item = (HeapId, &Slot)> {
        (0u8..).map(HeapId).zip(&self.slots)
    }

    /// Finds the slot's node: the first name that can be opened, or the one that is open already.
    fn find_node(&self, slot: &Slot, open: Option<&Arc<Node>>) -> SlotState {
        let mut state = SlotState::default();
        for name in &slot.aliases {
            let path = self.directory.join(name);
            if let Some(node) = open.filter(|node| node.name == *name && node.is_at(&path)) {
                state.open = Some(Arc::clone(node));
                break;
            }
            match Node::open(name, &path) {
                Ok(node) => {
                    state.open = Some(Arc::new(node));
                    break;
                }
                Err(NodeState::Absent) => {}
                Err(why) => state.failed.push((name.clone(), why)),
            }
        }
        state
    }

    /// The heap as it is open now, kept open for the caller while a refresh may close it.
    pub fn open_heap(&self, heap: HeapId) -> OpenHeap {
        OpenHeap { heap, node: self.slots.get(usize::from(heap.0)).and_then(Slot::node) }
    }

    /// [`HeapBackend::allocate`] from a heap that was found ahead.
    ///
    /// # Errors
    /// As there.
    pub fn allocate_from(&self, heap: &OpenHeap, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        let node = heap.node.as_ref().ok_or_else(|| failure(Errno::ENODEV))?;
        // A 32-bit kernel cuts the length to its own size_t (dma_heap_buffer_alloc, v6.12) and would answer with a
        // smaller buffer.
        if usize::try_from(bytes).is_err() {
            return Err(failure(Errno::EFBIG));
        }
        let buffer = ioctl::dma_heap_alloc(node.file.as_fd(), bytes).map_err(failure)?;
        self.rename(&buffer, name);
        Ok(buffer)
    }

    fn unclaimed(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !self.slots.iter().any(|slot| slot.aliases.contains(&name)) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The policy's heaps that exist now and can be opened.
    pub fn present(&self) -> HeapSet {
        HeapSet(self.present.load(Ordering::Acquire))
    }
}

impl OpenHeap {
    /// Of a source that opens nothing.
    pub(crate) fn without_node(heap: HeapId) -> OpenHeap {
        OpenHeap { heap, node: None }
    }
}

impl HeapBackend for KernelHeaps {
    type Buffer = OwnedFd;

    fn allocate(&self, heap: HeapId, bytes: u64, name: &BufferName) -> Result<OwnedFd, HeapFailure> {
        self.allocate_around(heap, bytes, name, |call| call())
    }

    fn allocate_around(
        &self,
        heap: HeapId,
        bytes: u64,
        name: &BufferName,
        around: impl FnOnce(&dyn Fn() -> Result<OwnedFd, HeapFailure>) -> Result<OwnedFd, HeapFailure>,
    ) -> Result<OwnedFd, HeapFailure> {
        let heap = self.open_heap(heap);
        around(&|| self.allocate_from(&heap, bytes, name))
    }

    fn rename(&self, buffer: &OwnedFd, name: &BufferName) {
        if let Err(error) = dmabuf::set_name(buffer.as_fd(), &DebugName::new(name.bytes())) {
            // Linux before 5.6 has no such ioctl; the buffer is good.
            log::debug!("buffer {name:?} keeps no name: {error}");
        }
    }
}

impl Slot {
    fn node(&self) -> Option<Arc<Node>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).open.clone()
    }

    /// A copy of the state, so that no lock is held over what follows.
    fn read(&self) -> SlotState {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn describe(&self, id: HeapId) -> HeapState {
        let SlotState { open, mut failed } = self.read();
        let (node, state) = match open {
            Some(node) => (Some(node.name.clone()), NodeState::Open),
            None if failed.is_empty() => (None, NodeState::Absent),
            None => {
                let (name, why) = failed.remove(0);
                (Some(name), why)
            }
        };
        let region = node.as_deref().and_then(|node| region::of_node(node, page_bytes()));
        HeapState { id, name: self.name.clone(), node, state, region, passed_over: failed }
    }
}

/// Pairs of open heaps whose nodes are names of one memory: the kernel's default region has two, `default_cma_region` and that of
/// the region, in 6.18 with CONFIG_DMABUF_HEAPS_CMA_LEGACY and in 7.3 always (`drivers/dma-buf/heaps/cma_heap.c`,
/// `add_cma_heaps`); their device numbers differ. The cached and the uncached node of one memory are meant so.
fn shared(heaps: &[HeapState]) -> Vec<String> {
    let open = |heap: &HeapState| heap.node.clone().filter(|_| heap.state == NodeState::Open);
    let mut said = Vec::new();
    for (at, heap) in heaps.iter().enumerate() {
        for other in heaps.iter().take(at) {
            let (Some(node), Some(earlier)) = (open(heap), open(other)) else { continue };
            let (one, two) = (nodes::Node::of(&earlier), nodes::Node::of(&node));
            let memory = one.memory().filter(|memory| two.memory() == Some(memory));
            let why = if node == earlier {
                format!("have the same node, {node}")
            } else if let Some(memory) = memory.filter(|_| one.is_uncached() == two.is_uncached()) {
                format!("stand on {memory} under two names, {earlier} and {node}")
            } else {
                continue;
            };
            let names = format!("heaps {} and {}", other.name, heap.name);
            said.push(format!("{names} {why}: a budget of one does not bound what the other takes"));
        }
    }
    said
}

impl Node {
    fn open(name: &str, path: &Path) -> Result<Node, NodeState> {
        // File::open is O_RDONLY|O_CLOEXEC, and must stay so. What is not a device is not opened: a fifo would block.
        let seen = path.metadata().map_err(|error| node_state(&error))?;
        if !seen.file_type().is_char_device() {
            return Err(NodeState::NotADevice);
        }
        let file = File::open(path).map_err(|error| node_state(&error))?;
        let opened = file.metadata().map_err(|error| node_state(&error))?;
        Ok(Node { name: name.to_owned(), file, device: (opened.ino(), opened.rdev()) })
    }

    fn is_at(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|seen| (seen.ino(), seen.rdev()) == self.device)
    }
}

fn node_state(error: &io::Error) -> NodeState {
    match errno_of(error) {
        // ENXIO and ENODEV: a node is left over from a driver that was removed.
        Errno::ENOENT | Errno::ENOTDIR => NodeState::Absent,
        errno @ (Errno::EACCES | Errno::EPERM) => NodeState::Denied(errno),
        errno => NodeState::Failed(errno),
    }
}

#[cfg(test)]
mod tests;
