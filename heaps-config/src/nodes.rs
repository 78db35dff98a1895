//! What is known of the names under `/dev/dma_heap`, the kernel's own and vendors'.
//!
//! Names are no ABI: a name that is not in the table ([`KNOWN`]) says nothing, and nothing is concluded from it here. One that is
//! in it says whether its memory is ordinary or protected. Checks of a policy, drafts of one and lint use this table alone.

mod table;

use std::borrow::Cow;

pub use table::KNOWN;

/// What a node gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pages of the page allocator, for everybody.
    System,
    /// The same, below 4 GiB.
    LowSystem,
    /// The kernel's default contiguous region.
    DefaultRegion,
    /// A contiguous region of the camera's.
    Camera,
    /// Memory that the sensor hub sees.
    Sensor,
    /// Ordinary memory with one purpose: the question that decides whether a policy has it.
    Ordinary(&'static str),
    /// Ordinary memory until a driver is told, by an ioctl on the buffer, to lend it to a protected machine. This service
    /// makes no such call, so to it the memory is ordinary.
    Lent(&'static str),
    /// Protected, for protected content in general: video decoder to display.
    Protected,
    /// Protected, camera front end to image processor.
    ProtectedRaw,
    /// Protected, image processor to display.
    ProtectedPreview,
    /// Protected, with one purpose, and never for what no rule of its own sends: the question that decides.
    ProtectedFor(&'static str),
}

impl Kind {
    /// True when the CPU and untrusted devices cannot see the memory.
    pub const fn is_protected(self) -> bool {
        match self {
            Kind::Protected | Kind::ProtectedRaw | Kind::ProtectedPreview | Kind::ProtectedFor(_) => true,
            Kind::System
            | Kind::LowSystem
            | Kind::DefaultRegion
            | Kind::Camera
            | Kind::Sensor
            | Kind::Ordinary(_)
            | Kind::Lent(_) => false,
        }
    }

    /// True when the page allocator backs it, so that all of it is part of MemAvailable.
    pub const fn is_pages(self) -> bool {
        matches!(self, Kind::System | Kind::LowSystem)
    }
}

/// A name that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The name without what [`Node::of`] takes off.
    pub name: &'static str,
    /// What it gives.
    pub kind: Kind,
    /// Uncached although its name does not say so.
    pub uncached: bool,
    /// Who says so.
    pub source: &'static str,
}

/// A name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'n> {
    /// The name without the word for uncached: that of the cached sibling, where there is one.
    pub base: Cow<'n, str>,
    /// The name says that CPU mappings are not cached: `x-uncached`, `x_uncached`, `x-uncached-y`.
    pub says_uncached: bool,
    /// What is known of it, or of the base.
    pub known: Option<&'static Known>,
}

impl<'n> Node<'n> {
    /// Takes a name apart and looks it up.
    pub fn of(name: &'n str) -> Node<'n> {
        let (base, says_uncached) = without_uncached(name);
        let known = find(name).or_else(|| find(&base)).or_else(|| find(place(&base)));
        Node { base, says_uncached, known: known.or_else(|| platform_secure(name)) }
    }

    /// What it gives, where that is known.
    pub fn kind(&self) -> Option<Kind> {
        self.known.map(|known| known.kind)
    }

    /// True when the name, or what is known of it, says that CPU mappings are not cached.
    pub fn is_uncached(&self) -> bool {
        self.says_uncached || self.known.is_some_and(|known| known.uncached && known.name == self.base)
    }

    /// Of a name with an address (`vframe-secure@2`), what is known of the name before it. It may be another region's, so nothing
    /// is concluded from it but what to ask.
    pub fn without_address(name: &str) -> Option<&'static Known> {
        let (before, address) = name.split_once('@')?;
        Node::of(before).known.filter(|_| !address.is_empty())
    }

    /// A word for the memory behind it, the same for all of its names; `None` when that is not known.
    pub fn memory(&self) -> Option<&'static str> {
        let known = self.known?;
        Some(match known.kind {
            Kind::DefaultRegion => "the default contiguous region",
            Kind::System => "the system heap",
            // A region for each address.
            _ if known.name == table::MEMORY_NODE => return None,
            _ => known.name,
        })
    }
}

/// The name without the word for uncached, and whether it was there.
fn without_uncached(name: &str) -> (Cow<'_, str>, bool) {
    for word in ["-uncached", "_uncached"] {
        if let Some(base) = name.strip_suffix(word).filter(|base| !base.is_empty()) {
            return (Cow::Borrowed(base), true);
        }
    }
    // `system-uncached-dma32`
    for word in ["-uncached-", "_uncached_"] {
        if let Some((before, after)) = name.split_once(word) {
            let joint = if word.starts_with('-') { '-' } else { '_' };
            return (Cow::Owned(format!("{before}{joint}{after}")), true);
        }
    }
    (Cow::Borrowed(name), false)
}

/// The name without the mark of a second node with larger alignment (`mtk_svp_region-aligned`). An address is no such mark:
/// `linux,cma@10000000` is a region of its own until its device tree says otherwise. Only `memory@42000000-contiguous` is a
/// name for every address.
fn place(name: &str) -> &str {
    let name = name.strip_suffix("-aligned").unwrap_or(name);
    let node = name.strip_suffix("-contiguous").unwrap_or(name);
    match node.split_once('@') {
        Some((table::MEMORY_NODE, address)) if is_address(address) => table::MEMORY_NODE,
        _ => name,
    }
}

fn is_address(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_hexdigit())
}

/// Every `system-secure…` is protected: the platform labels them so. What follows says what for, where it is a known name.
fn platform_secure(name: &str) -> Option<&'static Known> {
    let rest = name.strip_prefix(table::PLATFORM_SECURE)?;
    let inner = rest.strip_prefix('-').and_then(|rest| find(place(rest))).filter(|known| known.kind.is_protected());
    inner.or(Some(&table::OTHER_PLATFORM_SECURE))
}

fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uncached_is_read_in_every_spelling() {
        for (name, base, uncached) in [
            ("system-uncached", "system", true),
            ("mtk_dip_capture_uncached", "mtk_dip_capture", true),
            ("system-uncached-dma32", "system-dma32", true),
            ("linux,cma-uncached", "linux,cma", true),
            ("uncached", "uncached", false),
            ("-uncached", "-uncached", false),
            ("heap-cached-codecmm", "heap-cached-codecmm", false),
        ] {
            let node = Node::of(name);
            assert_eq!((node.base.as_ref(), node.says_uncached), (base, uncached), "{name}");
        }
        assert!(Node::of("heap-codecmm").is_uncached() && !Node::of("heap-cached-codecmm").is_uncached());
    }

    #[test]
    fn an_alignment_is_no_part_of_the_kind_and_an_address_makes_another_region() {
        assert_eq!(Node::of("mtk_svp_region-aligned").memory(), Node::of("mtk_svp_region").memory());
        let named_after_its_node = Node::of("memory@42000000-contiguous");
        assert!(matches!(named_after_its_node.kind(), Some(Kind::Ordinary(_))));
        assert_eq!(named_after_its_node.memory(), None, "another address is another region");
        for (name, like) in [
            ("linux,cma@10000000", Some(Kind::DefaultRegion)),
            ("vframe-secure@2", Some(Kind::Protected)),
            ("system@1", Some(Kind::System)),
            ("mine@1", None),
            ("system@", None),
        ] {
            assert_eq!((Node::of(name).kind(), Node::of(name).memory()), (None, None), "{name}");
            assert_eq!(Node::without_address(name).map(|known| known.kind), like, "{name}");
        }
    }

    #[test]
    fn what_the_platform_labels_as_secure_is_protected() {
        assert_eq!(Node::of("system-secure").kind(), Some(Kind::Protected));
        assert_eq!(Node::of("system-secure-uncached").kind(), Some(Kind::Protected));
        assert_eq!(Node::of("system-secure-vframe-secure").memory(), Node::of("vframe-secure").memory());
        for name in ["system-secure-x", "system-secure-cma", "system-secure-gpu_buffer-secure"] {
            assert!(matches!(Node::of(name).kind(), Some(Kind::ProtectedFor(_))), "{name}");
        }
        assert_eq!(Node::of("system-secur").kind(), None);
    }

    #[test]
    fn names_are_there_once_and_each_has_a_source() {
        for (at, known) in KNOWN.iter().enumerate() {
            assert!(KNOWN.iter().skip(at.saturating_add(1)).all(|other| other.name != known.name), "{}", known.name);
            assert!(!known.source.is_empty() && !Node::of(known.name).says_uncached, "{}", known.name);
        }
    }
}
