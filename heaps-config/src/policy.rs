//! The policy after validation: names resolved to indices, tests to masks. Never changed once it is loaded.

mod pool;

pub use crate::bytes::Bound;
pub use crate::condition::{Condition, LayoutName, Term, Terms};
pub use pool::{Memory, PoolBounds, PoolPolicy, ReadyEntry, LEAST_OF_MACHINE, MOST_READY};

use gralloc_buffer::format::PixelFormat;
use gralloc_buffer::layout::Layout;
use gralloc_buffer::layout::{Ask, Blocks, Combine, Contract, Form, Needs, PlaneShape, Shapes, TypeName};
use gralloc_buffer::metadata::vendor::{Computed, Encoding, Framing, NewContent, NewEntry};
use gralloc_buffer::usage::Usage;
use gralloc_buffer::METADATA_BYTES;
use serde::Serialize;

/// Most heaps in one policy: a [`HeapSet`] is one word.
pub const MAX_HEAPS: usize = 64;

/// Most formats of a vendor's in one policy. The headers that are known name fewer than half as many, ASTC's included, and formats are held
/// against one another in pairs.
pub const MAX_FORMATS: usize = 256;

/// A heap's index in [`Policy::heaps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct HeapId(pub u8);

/// A set of heaps, such as those that this kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HeapSet(pub u64);

impl HeapSet {
    /// Every heap that a policy can have.
    pub const ALL: HeapSet = HeapSet(u64::MAX);

    /// True when the heap is in the set.
    // The cast widens; `u32::from` is no const fn.
    #[allow(clippy::as_conversions)]
    pub const fn contains(self, heap: HeapId) -> bool {
        match 1u64.checked_shl(heap.0 as u32) {
            Some(bit) => self.0 & bit != 0,
            None => false,
        }
    }

    /// The set with one more heap.
    // The cast widens; `u32::from` is no const fn.
    #[allow(clippy::as_conversions)]
    #[must_use]
    pub const fn with(self, heap: HeapId) -> HeapSet {
        match 1u64.checked_shl(heap.0 as u32) {
            Some(bit) => HeapSet(self.0 | bit),
            None => self,
        }
    }
}

/// A logical heap: what rules name. The kernel's node is found through `nodes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heap {
    /// The policy's name for it.
    pub name: String,
    /// Node names under `/dev/dma_heap`, the first that exists is taken.
    pub nodes: Vec<String>,
    /// CPU mappings are cached: clients bracket access with `DMA_BUF_IOCTL_SYNC`.
    pub cached: bool,
    /// Physically contiguous (CMA and carve-outs).
    pub contiguous: bool,
    /// Neither the CPU nor untrusted devices can see it.
    pub protected: bool,
    /// Its memory is part of the machine's MemAvailable: yes for system memory and CMA, no for a carve-out. Admission asks
    /// what is available only for a heap that is.
    pub system_memory: bool,
    /// Largest buffer in bytes; `None` for no limit of its own.
    pub max_buffer_bytes: Option<u64>,
    /// Most bytes in use at once; `None` for no limit of its own.
    pub budget_bytes: Option<u64>,
}

impl Heap {
    /// Its memory is a region or a carve-out of its own, and so no measure of it is the machine's.
    pub fn has_own_memory(&self) -> bool {
        self.contiguous || !self.system_memory
    }
}

/// What a rule does with a request that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Try these heaps in order.
    Heaps {
        /// The list as written.
        heaps: Vec<HeapId>,
        /// The same list with uncached twins put in, used unless a term of `cached_when` holds. Empty: no twins.
        uncached: Vec<HeapId>,
        /// Which usages want the cached list although there is an uncached one.
        cached_when: Vec<Term>,
    },
    /// Refuse, with the policy's reason.
    Deny(String),
}

/// A rule; the first whose condition holds takes the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The policy's name for it, shown by explain and in the dump.
    pub name: String,
    /// When it applies.
    pub when: Condition,
    /// What then.
    pub action: Action,
}

impl LayoutName {
    /// Of a layout that is a vendor's format, or a part of none.
    pub fn of(layout: Layout, vendor: Option<&VendorFormat>) -> LayoutName {
        vendor.map_or(LayoutName::Table(layout), |format| LayoutName::Vendor(format.value))
    }
}

/// A pixel format of the vendor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorFormat {
    /// The policy's name for it.
    pub name: String,
    /// Its value on the wire.
    pub value: i32,
    /// The layout whose planes it has, or `Layout::Vendor`.
    pub layout: Layout,
    /// Its planes, for `Layout::Vendor`.
    pub shapes: Shapes,
    /// The `DRM_FORMAT_*` code, as stated.
    pub fourcc: u32,
    /// The `DRM_FORMAT_MOD_*` value, as stated.
    pub modifier: u64,
    /// It may lie in lines, when nothing compresses it.
    pub linear: bool,
    /// The CPU can make sense of it.
    pub mappable: bool,
    /// Pixels of which the width is a multiple.
    pub width_multiple: u32,
    /// Lines of which the height is a multiple.
    pub height_multiple: u32,
    /// It has exactly as many lines as its height.
    pub fixed_height: bool,
}

impl VendorFormat {
    /// What the planes are made of.
    pub fn shapes(&self) -> &[PlaneShape] {
        match self.layout {
            Layout::Vendor => self.shapes.as_slice(),
            layout => layout.shapes(),
        }
    }

    /// The same as the layout arithmetic takes it.
    pub fn form(&self) -> Form<'_> {
        let contract = self.layout.form().contract;
        let fixed_height = contract.fixed_height || self.fixed_height;
        Form { shapes: self.shapes(), contract: Contract { fixed_height, ..contract } }
    }
}

/// How blocks lie for what the condition takes; the first that applies is used. Never for a CPU's usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compress {
    /// The policy's name for it.
    pub name: String,
    /// When it applies (usage, format and layout; not size).
    pub when: Condition,
    /// The `DRM_FORMAT_*` code, as stated.
    pub fourcc: u32,
    /// The `DRM_FORMAT_MOD_*` value, as stated.
    pub modifier: u64,
    /// At this bit it holds the lines of a column.
    pub modifier_lines_at: Option<u32>,
    /// The vendor's type of `COMPRESSION`; empty for none.
    pub type_name: TypeName,
    /// Its value.
    pub type_value: i32,
    /// The value for planes that are headers.
    pub header_type: i32,
    /// How they lie.
    pub blocks: Blocks,
    /// What is written into a buffer before anybody has it; never into a protected one.
    pub initialise: Option<Initialise>,
}

/// What can be written into a new compressed buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initialise {
    /// Headers of Arm's AFBC, so that blocks which nobody has written decode.
    Afbc,
}

impl Initialise {
    /// All of them.
    pub const ALL: [Initialise; 1] = [Initialise::Afbc];

    /// The word in a policy.
    pub const fn word(self) -> &'static str {
        match self {
            Initialise::Afbc => "afbc",
        }
    }
}

/// Alignment for what the condition takes; all that apply are combined, in the policy's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alignment {
    /// The policy's name for it.
    pub name: String,
    /// When it applies (usage, format and layout; not size).
    pub when: Condition,
    /// What it asks for.
    pub asks: Vec<Ask>,
    /// How all that meets what was asked before.
    pub combine: Combine,
}

impl Alignment {
    /// Adds what this one asks for; `None` when no 64-bit number satisfies all.
    #[must_use]
    pub fn apply(&self, needs: &mut Needs) -> Option<()> {
        needs.apply(&self.asks, self.combine)
    }
}

/// A type of metadata that the vendor names; of one type and value, the first whose condition holds is the buffer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorMetadata {
    /// The policy's name for it.
    pub name: String,
    /// The type's name.
    pub type_name: String,
    /// The type's number.
    pub value: i64,
    /// What stands around its value.
    pub framing: Framing,
    /// How its value is written.
    pub encoding: Encoding,
    /// Where it comes from.
    pub content: VendorContent,
    /// Which buffers have it (usage, format and layout; not size).
    pub when: Condition,
}

impl VendorMetadata {
    /// The entry of a buffer's table, of a buffer from a heap of this name and of a format of these bytes.
    pub fn entry<'a>(&'a self, heap: &'a [u8], format: &'a [u8]) -> NewEntry<'a> {
        let content = match &self.content {
            VendorContent::Constant(bytes) => NewContent::Constant(bytes),
            VendorContent::Computed(what) => NewContent::Computed(*what),
            VendorContent::Stored(most) => NewContent::Stored(*most),
            VendorContent::HeapName => NewContent::Constant(heap),
            VendorContent::Format => NewContent::Constant(format),
        };
        let (framing, encoding) = (self.framing, self.encoding);
        NewEntry { name: &self.type_name, value: self.value, framing, encoding, content }
    }
}

/// Where a vendor's metadata come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VendorContent {
    /// Always these bytes, as the encoding has them.
    Constant(Vec<u8>),
    /// What the mapper computes from the handle.
    Computed(Computed),
    /// What clients set, to at most so many bytes.
    Stored(u16),
    /// The name of the heap that the buffer came from.
    HeapName,
    /// The value of the format that the requested one became: the vendor's, or AIDL's first of this layout.
    Format,
}

/// What a flexible format becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The flexible format; the first that matches with its condition wins.
    pub format: PixelFormat,
    /// When it applies (usage alone).
    pub when: Condition,
    /// The layout then.
    pub layout: LayoutName,
}

/// An `additionalOptions` name that the device accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedOption {
    /// The full name.
    pub name: String,
    /// Accepted values; empty for any.
    pub values: Vec<i64>,
}

/// Bounds on what may be asked for. By default nothing may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes of one request, all its buffers together.
    pub request_bytes: u64,
    /// Bytes that one uid may hold; `None` for no bound.
    pub client_bytes: Option<u64>,
    /// Bytes that all clients together may hold; `None` for no bound.
    pub total_bytes: Option<u64>,
    /// Bytes of MemAvailable that stay free.
    pub reserve_bytes: u64,
    /// Buffers of one request: each reply carries two fds a buffer, and a socket carries 64 fds.
    pub buffers_per_request: u32,
    /// What is done while the service does not observe releases.
    pub without_release_watch: WithoutReleaseWatch,
}

/// What is done while the service does not observe when buffers are released, and so knows no live bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WithoutReleaseWatch {
    /// Allocate; budgets of clients and heaps bound nothing.
    #[default]
    Serve,
    /// Refuse every allocation, as a shortage, until releases are observed.
    Refuse,
}

impl WithoutReleaseWatch {
    /// Both, in the order of the documentation.
    pub const ALL: [WithoutReleaseWatch; 2] = [WithoutReleaseWatch::Serve, WithoutReleaseWatch::Refuse];

    /// The word in a policy.
    pub const fn word(self) -> &'static str {
        match self {
            WithoutReleaseWatch::Serve => "serve",
            WithoutReleaseWatch::Refuse => "refuse",
        }
    }
}

/// A vendor usage bit, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorUsage {
    /// The policy's name for it.
    pub name: String,
    /// One bit of [`Usage::VENDOR`].
    pub bit: Usage,
}

/// A whole policy. By default it has no heap and no rule, and refuses everything.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Policy {
    /// The profile's name.
    pub name: String,
    /// Heaps; a [`HeapId`] is an index here.
    pub heaps: Vec<Heap>,
    /// Rules, first match takes.
    pub rules: Vec<Rule>,
    /// Compressions and tilings, first match wins.
    pub compressions: Vec<Compress>,
    /// Alignments, all matches combine.
    pub alignments: Vec<Alignment>,
    /// The vendor's types of metadata; of one type and value the first match wins.
    pub vendor_metadata: Vec<VendorMetadata>,
    /// Bytes that every buffer has for them beside the shared page; 0 without any.
    pub vendor_metadata_bytes: u64,
    /// Flexible formats, first match wins.
    pub resolutions: Vec<Resolution>,
    /// The vendor's pixel formats.
    pub formats: Vec<VendorFormat>,
    /// A buffer is locked for no more than it was allocated for; else whatever can be mapped can be locked.
    pub strict_cpu_usage: bool,
    /// The version of `android.hardware.graphics.common` whose formats are taken; `None` is the build's own.
    pub graphics_common: Option<u32>,
    /// Named vendor bits.
    pub vendor_usage: Vec<VendorUsage>,
    /// Accepted options.
    pub options: Vec<AcceptedOption>,
    /// Bounds.
    pub limits: Limits,
    /// Where a buffer's shared metadata lives: a heap that every client's SELinux domain may use, cached.
    pub metadata_heap: HeapId,
    /// Buffers kept ready; `None` turns the pool off.
    pub pool: Option<PoolPolicy>,
}

impl Policy {
    /// The heap of an index; `None` for an index of another policy.
    pub fn heap(&self, id: HeapId) -> Option<&Heap> {
        self.heaps.get(usize::from(id.0))
    }

    /// The heap's name, for messages.
    pub fn heap_name(&self, id: HeapId) -> &str {
        self.heap(id).map_or("?", |heap| heap.name.as_str())
    }

    /// True when what this heap gives is missing from MemAvailable.
    pub fn is_system_memory(&self, id: HeapId) -> bool {
        self.heap(id).map_or(true, |heap| heap.system_memory)
    }

    /// All heaps with their ids.
    pub fn heap_ids(&self) -> impl Iterator<Item = (HeapId, &Heap)> {
        (0u8..).map(HeapId).zip(&self.heaps)
    }

    /// Bytes of a buffer's metadata without a reserved region.
    pub fn metadata_bytes(&self) -> u64 {
        METADATA_BYTES.saturating_add(self.vendor_metadata_bytes)
    }

    /// The vendor's format of a value.
    pub fn vendor_format(&self, value: i32) -> Option<&VendorFormat> {
        self.formats.iter().find(|format| format.value == value)
    }

    /// What the policy calls a format: AIDL's name, or its own.
    pub fn format_name(&self, format: PixelFormat) -> &str {
        match format {
            PixelFormat::Vendor(value) => self.vendor_format(value).map_or("VENDOR", |format| format.name.as_str()),
            named => named.name(),
        }
    }

    /// What the policy calls the format of a value on the wire; `None` for one that neither AIDL nor the policy names.
    pub fn format_of_value(&self, value: i32) -> Option<&str> {
        let own = || self.vendor_format(value).map(|format| format.name.as_str());
        PixelFormat::from_wire(value).map(PixelFormat::name).or_else(own)
    }

    /// Where a format stands among AIDL's and then the policy's own, for who remembers many: two bytes of each. `u16::MAX` for one
    /// that is neither.
    pub fn place_of_format(&self, value: i32) -> u16 {
        let named = || PixelFormat::ALL.iter().position(|format| format.to_wire() == value);
        let own = || self.formats.iter().position(|format| format.value == value);
        let place = named().or_else(|| own().map(|at| at.saturating_add(PixelFormat::ALL.len())));
        place.and_then(|place| u16::try_from(place).ok()).unwrap_or(u16::MAX)
    }

    /// The value on the wire of the format at a place.
    pub fn format_at(&self, place: u16) -> Option<i32> {
        let place = usize::from(place);
        let own = || self.formats.get(place.checked_sub(PixelFormat::ALL.len())?).map(|format| format.value);
        PixelFormat::ALL.get(place).map(|format| format.to_wire()).or_else(own)
    }

    /// The rule's name, for messages.
    pub fn rule_name(&self, index: usize) -> &str {
        self.rules.get(index).map_or("?", |rule| rule.name.as_str())
    }

    /// What the policy calls a layout.
    pub fn layout_name(&self, layout: LayoutName) -> &str {
        match layout {
            LayoutName::Table(layout) => layout.name(),
            LayoutName::Vendor(value) => self.format_name(PixelFormat::Vendor(value)),
        }
    }

    /// The vendor bits that the policy names.
    pub fn vendor_bits(&self) -> Usage {
        self.vendor_usage.iter().fold(Usage::NONE, |all, vendor| all | vendor.bit)
    }
}
