//! What this machine has, and the reason to skip a test for what it has not.

use crate::suite::Skip;
use rustix::fs::{mknodat, FileType, Mode, CWD};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The node of the heap that every kernel with dma-heaps has.
pub const SYSTEM_HEAP: &str = "/dev/dma_heap/system";

/// Where the service takes memory from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heaps {
    /// /dev/dma_heap.
    Kernel,
    /// Stand-in.
    Udmabuf,
    /// Stand-in.
    Memfd,
}

impl Heaps {
    /// The kernel's heaps where there are some, memfd where there are none. What a machine gives is a fact of the
    /// machine: nothing falls back when the heaps are there and broken.
    pub fn of_this_machine() -> Heaps {
        if Path::new(SYSTEM_HEAP).exists() {
            Heaps::Kernel
        } else {
            Heaps::Memfd
        }
    }

    /// The service's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Heaps::Kernel => "kernel",
            Heaps::Udmabuf => "udmabuf",
            Heaps::Memfd => "memfd",
        }
    }
}

/// The size of this kernel's pages, bytes: what each buffer's pixels and metadata are rounded up to.
pub fn page_bytes() -> u64 {
    u64::try_from(rustix::param::page_size()).unwrap_or(u64::MAX)
}

/// What a buffer of so many bytes of pixels is charged: whole pages of pixels, and one of metadata.
pub fn charged_bytes(pixels: u64) -> u64 {
    let page = page_bytes();
    pixels.next_multiple_of(page).saturating_add(page)
}

/// True when buffers are dma-bufs here.
pub fn has_kernel_heaps() -> bool {
    Heaps::of_this_machine() == Heaps::Kernel
}

/// Needs /dev/dma_heap/system.
///
/// # Errors
/// A reason to skip.
pub fn kernel_heaps() -> Result<(), Skip> {
    if has_kernel_heaps() {
        Ok(())
    } else {
        Err(Skip(format!("needs {SYSTEM_HEAP}")))
    }
}

/// Needs /dev/udmabuf.
///
/// # Errors
/// A reason to skip.
pub fn udmabuf() -> Result<(), Skip> {
    File::open("/dev/udmabuf").map(drop).map_err(|error| Skip(format!("needs /dev/udmabuf: {error}")))
}

/// The names that kernels have given the node of the contiguous heap.
pub const CONTIGUOUS_NAMES: [&str; 3] = ["default_cma_region", "linux,cma", "reserved"];

/// Needs a contiguous heap; answers its node.
///
/// # Errors
/// A reason to skip.
pub fn contiguous_heap() -> Result<PathBuf, Skip> {
    let mut nodes = CONTIGUOUS_NAMES.iter().map(|name| Path::new("/dev/dma_heap").join(name));
    nodes.find(|node| node.exists()).ok_or_else(|| Skip("needs a contiguous heap (--kernel full)".to_owned()))
}

/// Needs tracefs where systems mount it.
///
/// # Errors
/// A reason to skip.
pub fn tracefs() -> Result<&'static Path, Skip> {
    let path = Path::new("/sys/kernel/tracing");
    match path.join("trace_marker").exists() {
        true => Ok(path),
        false => Err(Skip(format!("needs tracefs on {}: a kernel with CONFIG_FTRACE, and root", path.display()))),
    }
}

/// Needs to be root: other users, device nodes, other processes' fds.
///
/// # Errors
/// A reason to skip.
pub fn root() -> Result<(), Skip> {
    if rustix::process::geteuid().is_root() {
        Ok(())
    } else {
        Err(Skip("needs to run as root".to_owned()))
    }
}

/// A folder of nodes: names, and the nodes that they stand for. Needs root.
pub fn nodes(of: &[(&str, &Path)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, node) in of {
        let device = std::fs::metadata(node).unwrap().rdev();
        mknodat(CWD, folder.path().join(name), FileType::CharacterDevice, Mode::RUSR | Mode::ROTH, device).unwrap();
    }
    folder
}
