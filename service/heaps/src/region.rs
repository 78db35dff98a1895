//! How large a heap's contiguous region is and how much of it is free, where the kernel tells.
//!
//! A CMA heap has its region's name, but for `default_cma_region`, the kernel's default region under whatever name that has
//! (linux v6.18, `drivers/dma-buf/heaps/cma_heap.c`). Regions are in sysfs (CONFIG_CMA_SYSFS; with sizes since 6.11:
//! `mm/cma_sysfs.c`, `total_pages`, `available_pages`) and in debugfs (CONFIG_CMA_DEBUGFS, root's alone: `mm/cma_debug.c`,
//! `count`, `used`). All figures are in pages. Other heaps have no region: the machine's free memory is theirs.

use heaps_config::nodes::{Kind, Node, KNOWN};
use heaps_config::show_bytes;
use std::fmt;
use std::path::Path;

/// Where regions are, with the files of size and of what is free or used.
const PLACES: [(&str, &str, Left); 2] = [
    ("/sys/kernel/mm/cma", "total_pages", Left::Free("available_pages")),
    ("/sys/kernel/debug/cma", "count", Left::Used("used")),
];

/// The file that says how much is left.
#[derive(Clone, Copy)]
enum Left {
    Free(&'static str),
    Used(&'static str),
}

/// A region's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its size, bytes.
    pub bytes: u64,
    /// What of it is allocated to nobody, bytes. In one piece it may be less.
    pub free_bytes: u64,
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} free", show_bytes(self.bytes), show_bytes(self.free_bytes))
    }
}

/// The region of the heap with this node; `None` where it has none or the kernel does not tell.
pub fn of_node(node: &str, page_bytes: u64) -> Option<Region> {
    of_node_in(Path::new("/"), node, page_bytes)
}

fn of_node_in(root: &Path, node: &str, page_bytes: u64) -> Option<Region> {
    let taken_apart = Node::of(node);
    let mut names = vec![node, taken_apart.base.as_ref()];
    if taken_apart.kind() == Some(Kind::DefaultRegion) {
        names.extend(KNOWN.iter().filter(|known| known.kind == Kind::DefaultRegion).map(|known| known.name));
    }
    PLACES.iter().find_map(|(place, size, left)| {
        let place = root.join(place.trim_start_matches('/'));
        names.iter().find_map(|name| read(&place.join(name), size, *left, page_bytes))
    })
}

fn read(region: &Path, size: &str, left: Left, page_bytes: u64) -> Option<Region> {
    let figure = |file: &str| std::fs::read_to_string(region.join(file)).ok()?.trim().parse::<u64>().ok();
    let pages = figure(size)?;
    let free = match left {
        Left::Free(file) => figure(file)?,
        Left::Used(file) => pages.saturating_sub(figure(file)?),
    };
    Some(Region { bytes: pages.checked_mul(page_bytes)?, free_bytes: free.checked_mul(page_bytes)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn region_is_found_by_its_heaps_name_in_sysfs_before_debugfs() {
        let root = tempfile::tempdir().unwrap();
        let of = |node: &str| of_node_in(root.path(), node, PAGE);
        assert_eq!(of("memory@42000000-contiguous"), None);
        write(root.path(), "sys/kernel/debug/cma/memory@42000000-contiguous/count", "1024\n");
        assert_eq!(of("memory@42000000-contiguous"), None, "half of it is not enough");
        write(root.path(), "sys/kernel/debug/cma/memory@42000000-contiguous/used", "1000\n");
        let debugfs = Region { bytes: 1024 * PAGE, free_bytes: 24 * PAGE };
        assert_eq!(of("memory@42000000-contiguous"), Some(debugfs));
        write(root.path(), "sys/kernel/mm/cma/memory@42000000-contiguous/total_pages", "1024\n");
        write(root.path(), "sys/kernel/mm/cma/memory@42000000-contiguous/available_pages", "20\n");
        let sysfs = Region { bytes: 1024 * PAGE, free_bytes: 20 * PAGE };
        assert_eq!(of("memory@42000000-contiguous"), Some(sysfs));
        assert_eq!(of("memory@42000000-contiguous-uncached"), Some(sysfs));
        assert_eq!(of("system"), None);
    }

    #[test]
    fn default_region_is_found_under_whatever_name_it_has() {
        for area in ["reserved", "linux,cma", "default-pool"] {
            let root = tempfile::tempdir().unwrap();
            write(root.path(), &format!("sys/kernel/mm/cma/{area}/total_pages"), "16384\n");
            write(root.path(), &format!("sys/kernel/mm/cma/{area}/available_pages"), "16384\n");
            let whole = Region { bytes: 64 << 20, free_bytes: 64 << 20 };
            assert_eq!(of_node_in(root.path(), "default_cma_region", PAGE), Some(whole), "{area}");
            assert_eq!(of_node_in(root.path(), "camera", PAGE), None, "{area}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_unknown() {
        for (size, free) in [("", "1"), ("x", "1"), ("1", "-1"), ("18446744073709551615", "1")] {
            let root = tempfile::tempdir().unwrap();
            write(root.path(), "sys/kernel/mm/cma/reserved/total_pages", size);
            write(root.path(), "sys/kernel/mm/cma/reserved/available_pages", free);
            assert_eq!(of_node_in(root.path(), "reserved", PAGE), None, "{size} {free}");
        }
    }
}
