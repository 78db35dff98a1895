//! What the names of a device's heaps stand for: what is known of them ([`heaps_config::nodes`]), and for the others a
//! question.

use super::evidence::{Evidence, Says};
use heaps_config::nodes::{Kind, Node, KNOWN};

/// What the name of a protected heap says, where nobody knows the name.
const PROTECTED_WORDS: &[&str] = &["secure", "protected", "restricted", "trusted"];
/// The same as one of the name's parts alone.
const PROTECTED_PARTS: &[&str] = &["svp", "prot", "wfd", "tui", "sapu", "faceauth"];
/// What turns that into its opposite, before it.
const OPPOSITES: &[&str] = &["non", "not", "no", "un", "in"];

/// The names by what they are for. A list is one heap's nodes.
#[derive(Debug, Default)]
pub(super) struct Heaps<'a> {
    pub(super) system: Twins<'a>,
    pub(super) cma: Twins<'a>,
    pub(super) camera: Twins<'a>,
    pub(super) sensor: Vec<&'a str>,
    /// Camera to image processor.
    pub(super) protected_raw: Vec<&'a str>,
    /// Image processor to display.
    pub(super) protected_preview: Vec<&'a str>,
    /// All other protected content.
    pub(super) protected: Vec<&'a str>,
    /// What a name does not decide, with the question that does.
    pub(super) open: Vec<Open<'a>>,
}

/// The nodes of one memory, with caches and without.
#[derive(Debug, Default)]
pub(super) struct Twins<'a> {
    pub(super) cached: Vec<&'a str>,
    pub(super) uncached: Vec<&'a str>,
}

impl Twins<'_> {
    /// Both are there.
    pub(super) fn has_twin(&self) -> bool {
        !self.cached.is_empty() && !self.uncached.is_empty()
    }
}

/// A heap that the draft leaves commented out.
#[derive(Debug)]
pub(super) struct Open<'a> {
    pub(super) node: &'a str,
    pub(super) question: String,
    pub(super) kind: OpenKind,
    pub(super) uncached: bool,
    /// The uncached node of the same memory, where the list has it.
    pub(super) twin: Option<&'a str>,
}

/// What is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenKind {
    /// It is known.
    Known { protected: bool },
    /// Nobody knows the name, but it says that the memory is protected.
    SaysProtected,
    /// Nobody knows the name.
    Unknown,
    /// The name and a file say different things.
    Conflict,
}

impl OpenKind {
    pub(super) fn is_protected(self) -> bool {
        matches!(self, OpenKind::Known { protected: true } | OpenKind::SaysProtected | OpenKind::Conflict)
    }
}

impl<'a> Heaps<'a> {
    /// Sorts the nodes, whose names are sorted and different. What a file says against a name keeps it out of every list.
    pub(super) fn classify(nodes: &[(&'a str, Evidence)]) -> Heaps<'a> {
        let names: Vec<&'a str> = nodes.iter().map(|(name, _)| *name).collect();
        let placed: Vec<&'a str> =
            nodes.iter().filter(|(name, evidence)| agrees(name, evidence)).map(|(name, _)| *name).collect();
        let of_kind = |wanted: Kind| -> Vec<&'a str> {
            let mut found: Vec<&'a str> =
                placed.iter().copied().filter(|name| Node::of(name).kind() == Some(wanted)).collect();
            found.sort_by_key(|name| rank(name));
            found
        };
        let twins = |wanted| {
            let (uncached, cached) = of_kind(wanted).into_iter().partition(|name| Node::of(name).is_uncached());
            Twins { cached, uncached }
        };
        let mut protected = of_kind(Kind::Protected);
        protected.truncate(1);
        let mut heaps = Heaps {
            system: twins(Kind::System),
            cma: twins(Kind::DefaultRegion),
            camera: twins(Kind::Camera),
            sensor: of_kind(Kind::Sensor),
            protected_raw: of_kind(Kind::ProtectedRaw),
            protected_preview: of_kind(Kind::ProtectedPreview),
            protected,
            open: Vec::new(),
        };
        // An uncached node alone is no twin.
        for twins in [&mut heaps.system, &mut heaps.cma, &mut heaps.camera] {
            if twins.cached.is_empty() {
                twins.uncached.clear();
            }
        }
        let left = nodes.iter().filter(|(name, _)| !heaps.has(name));
        heaps.open = left.map(|(name, evidence)| open(name, evidence, &names)).collect();
        heaps
    }

    fn has(&self, name: &str) -> bool {
        let twins =
            [&self.system, &self.cma, &self.camera].into_iter().flat_map(|twins| [&twins.cached, &twins.uncached]);
        let others = [&self.sensor, &self.protected_raw, &self.protected_preview, &self.protected];
        twins.chain(others).any(|list| list.contains(&name))
    }

    /// A heap with an uncached twin is in the policy.
    pub(super) fn has_twins(&self) -> bool {
        [&self.system, &self.cma, &self.camera].into_iter().any(Twins::has_twin)
    }
}

/// True when nothing speaks against what is known of a name: no label, and no mode that keeps the service out. The system
/// heap is ordinary memory on every device; who may open it is to be mended, not to be gone by.
fn agrees(name: &str, evidence: &Evidence) -> bool {
    match Node::of(name).kind() {
        None => false,
        Some(Kind::System) => true,
        Some(kind) => {
            let says = match evidence.label {
                None => true,
                Some(Says::Ordinary) => !kind.is_protected(),
                Some(Says::Protected) => kind.is_protected(),
                Some(Says::Trusted) => false,
            };
            says && evidence.closed.is_none()
        }
    }
}

/// The order of the table.
fn rank(name: &str) -> usize {
    let known = Node::of(name).known;
    KNOWN.iter().position(|entry| Some(entry.name) == known.map(|known| known.name)).unwrap_or(KNOWN.len())
}

/// Whether the name of a heap that nobody knows says that the CPU cannot read the memory.
fn says_protected(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let part = name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| PROTECTED_PARTS.contains(&part));
    let word = PROTECTED_WORDS.iter().any(|word| {
        let meant = |(at, _): (usize, &str)| {
            let before = name.get(..at).unwrap_or_default().trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            !OPPOSITES.iter().any(|opposite| before.ends_with(opposite))
        };
        name.match_indices(word).any(meant) && name.match_indices(word).all(meant)
    });
    part || word
}

/// What is asked about a name that decides nothing.
fn open<'a>(name: &'a str, evidence: &Evidence, names: &[&'a str]) -> Open<'a> {
    let node = Node::of(name);
    let uncached = node.is_uncached();
    let twin = names.iter().copied().find(|other| {
        let other_node = Node::of(other);
        !uncached && other_node.says_uncached && other_node.base == node.base
    });
    let cached = names.iter().copied().find(|other| node.says_uncached && *other == node.base);
    let (kind, question) = match (node.kind(), evidence.label) {
        (Some(kind), Some(Says::Ordinary)) if kind.is_protected() => (OpenKind::Conflict, CONFLICT.to_owned()),
        (Some(kind), Some(Says::Protected)) if !kind.is_protected() => (OpenKind::Conflict, CONFLICT.to_owned()),
        (Some(kind), Some(Says::Trusted)) if !kind.is_protected() => (OpenKind::Conflict, TRUSTED.to_owned()),
        (Some(kind), _) => (OpenKind::Known { protected: kind.is_protected() }, known_question(kind).to_owned()),
        (None, Some(Says::Trusted)) => (OpenKind::SaysProtected, TRUSTED.to_owned()),
        (None, Some(Says::Protected)) => (OpenKind::SaysProtected, BY_LABEL.to_owned()),
        (None, Some(Says::Ordinary)) if says_protected(name) => (OpenKind::Conflict, CONFLICT.to_owned()),
        (None, Some(Says::Ordinary)) => (OpenKind::Known { protected: false }, OPEN_TO_APPS.to_owned()),
        (None, None) if Node::without_address(name).is_some() => of_address(name),
        (None, None) if says_protected(name) => (OpenKind::SaysProtected, SAYS_PROTECTED.to_owned()),
        (None, None) => (OpenKind::Unknown, unknown_question(name).to_owned()),
    };
    let shown = evidence.shown.iter().chain(&evidence.closed).map(String::as_str);
    let question = std::iter::once(question.as_str()).chain(shown).collect::<Vec<_>>().join("\n");
    let question = match (uncached, cached) {
        (true, Some(cached)) => format!("The uncached twin of \"{cached}\": in the policy if that is.\n{question}"),
        (true, None) if node.says_uncached => {
            format!("Mapped without caches, and no cached sibling is in the list.\n{question}")
        }
        (true, None) => format!("Mapped without caches, as is known of it.\n{question}"),
        (false, _) => question,
    };
    Open { node: name, question, kind, uncached, twin }
}

/// What is asked about a known name at an address.
fn of_address(name: &str) -> (OpenKind, String) {
    let is_protected = Node::without_address(name).is_some_and(|known| known.kind.is_protected());
    let kind = if is_protected || says_protected(name) { OpenKind::SaysProtected } else { OpenKind::Unknown };
    let before = name.split('@').next().unwrap_or_default();
    let question = format!(
        "Called as \"{before}\", with an address: a region of its own, and maybe of another kind. Which, says the device tree: is it \
         protected, and what is it for?"
    );
    (kind, question)
}

const SAYS_PROTECTED: &str = "Protected, by its name, which nobody here knows. Which content is it for, and may the heap of another rule stand in?";

const BY_LABEL: &str = "Protected, by its label. Which content is it for, and may the heap of another rule stand in?";
const TRUSTED: &str =
    "A trusted environment's, by its label: not ordinary memory. Does anybody allocate it by IAllocator?";
const OPEN_TO_APPS: &str = "Ordinary, by its label: apps may open it. Which requests need it?";
const CONFLICT: &str =
    "The name and the label say different things: is it protected or not? Until that is answered, not used.";

fn known_question(kind: Kind) -> &'static str {
    match kind {
        Kind::Ordinary(question) | Kind::Lent(question) | Kind::ProtectedFor(question) => question,
        Kind::LowSystem => {
            "Ordinary memory below 4 GiB. Which device has no IOMMU and cannot address more? Its usages need a rule."
        }
        Kind::Protected => {
            "Protected content in general, as the heap \"protected\" of this policy. Which of the two do the decoder and the \
             display agree on?"
        }
        Kind::System | Kind::DefaultRegion | Kind::Camera => "Which devices cannot snoop the CPU's caches and need it?",
        Kind::Sensor | Kind::ProtectedRaw | Kind::ProtectedPreview => "Which requests need it?",
    }
}

fn unknown_question(name: &str) -> &'static str {
    if name.contains("dma32") {
        known_question(Kind::LowSystem)
    } else if ["cma", "contig", "carveout"].iter().any(|word| name.contains(word)) {
        "Physically contiguous, by its name; protected or not? Which device needs it, and may others allocate from it?"
    } else if name.contains("sensor") {
        "A sensor's, by its name. Which sensors write to it, in place of sensor_direct_heap?"
    } else {
        "The name says nothing: ordinary, contiguous or protected memory? Its driver or the device tree tells."
    }
}
