//! The document as it is written, names still names: the schema of a policy, in TOML and JSON alike.
//!
//! Reading never stops at the first mistake. Serializing gives the canonical JSON: keys in this file's order, sizes in
//! bytes, parts of the memory as written, defaults left out, so that the same policy gives the same bytes.

mod expect;
mod read;
mod read_shape;
mod shape;

pub use shape::{AlignDoc, CompressDoc, FormatDoc, GridDoc, PerPlane, PlaneDoc};

pub use expect::ExpectDoc;

use crate::policy::{Bound, WithoutReleaseWatch};
use serde::Serialize;
use std::collections::BTreeMap;

/// The version of the schema that this crate reads.
pub const SCHEMA: i64 = 1;

/// A whole document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    /// The schema's version.
    pub schema: i64,
    /// The profile's name.
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether a lock may be for no more than the buffer was allocated for.
    #[serde(skip_serializing_if = "is_default")]
    pub strict_cpu_usage: bool,
    /// The version of `android.hardware.graphics.common` whose formats are taken. Default: the build's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graphics_common: Option<u32>,
    /// Bounds on requests.
    pub limits: LimitsDoc,
    /// Where shared metadata lives.
    pub metadata: MetadataDoc,
    /// Buffers kept ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolDoc>,
    /// Names for vendor bits: name → bit number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vendor_usage: BTreeMap<String, i64>,
    /// Names for lists of formats.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub format_group: BTreeMap<String, Vec<String>>,
    /// Names for flags that clients or into a format's number: name → the number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub format_flags: BTreeMap<String, i64>,
    /// The vendor's pixel formats.
    #[serde(rename = "format", skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<FormatDoc>,
    /// Accepted `additionalOptions`.
    #[serde(rename = "option", skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<OptionDoc>,
    /// Logical heaps.
    #[serde(rename = "heap")]
    pub heaps: Vec<HeapDoc>,
    /// Rules, first match takes.
    #[serde(rename = "rule")]
    pub rules: Vec<RuleDoc>,
    /// Compressions and tilings, first match wins.
    #[serde(rename = "compress", skip_serializing_if = "Vec::is_empty")]
    pub compressions: Vec<CompressDoc>,
    /// Alignments, all matches combine.
    #[serde(rename = "align", skip_serializing_if = "Vec::is_empty")]
    pub alignments: Vec<AlignDoc>,
    /// The vendor's types of metadata; of one type and value the first match wins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vendor_metadata: Vec<VendorMetadataDoc>,
    /// Flexible formats, first match wins.
    #[serde(rename = "resolve", skip_serializing_if = "Vec::is_empty")]
    pub resolutions: Vec<ResolveDoc>,
    /// What is kept ready.
    #[serde(rename = "ready", skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<ReadyDoc>,
    /// What is expected of single requests. For the tools: not in the canonical JSON.
    #[serde(skip)]
    pub expectations: Vec<ExpectDoc>,
}

/// `[limits]`: all sizes in bytes.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct LimitsDoc {
    /// One request, all its buffers together.
    pub request: u64,
    /// One client (uid), all it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<u64>,
    /// All clients together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What stays free of MemAvailable.
    pub reserve: u64,
    /// Buffers of one request.
    pub buffers_per_request: u32,
    /// What is done while releases are not observed. Default: serve.
    #[serde(skip_serializing_if = "is_default")]
    pub without_release_watch: WithoutReleaseWatch,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `[metadata]`.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct MetadataDoc {
    /// The heap's name.
    pub heap: String,
}

/// `[pool]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolDoc {
    /// False turns all of it off. Default: true.
    pub enabled: bool,
    /// Most bytes ready at once.
    pub total: Bound,
    /// Fill ahead of streams. Default: true.
    pub streams: bool,
    /// Seconds that a buffer stays without being asked for.
    pub idle_seconds: u32,
}

/// `[[ready]]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadyDoc {
    /// The policy's name for it.
    pub name: String,
    /// The requested format.
    pub format: String,
    /// Pixels.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Layers. Default: 1.
    pub layers: u32,
    /// Usage names.
    pub usage: Vec<String>,
    /// How many are kept.
    pub count: u32,
}

/// `[[option]]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OptionDoc {
    /// The full name.
    pub name: String,
    /// Accepted values; empty for any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<i64>,
}

/// `[[heap]]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeapDoc {
    /// The policy's name for it.
    pub name: String,
    /// Node names under `/dev/dma_heap`, the first that exists is taken. Default: the heap's own name.
    pub nodes: Vec<String>,
    /// CPU mappings are cached. Default: true.
    pub cached: bool,
    /// Physically contiguous. Default: false.
    pub contiguous: bool,
    /// Neither the CPU nor untrusted devices can see it. Default: false.
    pub protected: bool,
    /// Its memory is part of MemAvailable. Default: true, of a protected heap false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_memory: Option<bool>,
    /// The heap that gives the same memory with uncached mappings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncached_twin: Option<String>,
    /// Largest buffer in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_buffer: Option<u64>,
    /// Most bytes in use at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<u64>,
    /// Most bytes of it kept ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Bound>,
}

impl HeapDoc {
    /// Whether its memory is part of MemAvailable: as written, else by its kind.
    pub fn is_system_memory(&self) -> bool {
        self.system_memory.unwrap_or(!self.protected)
    }
}

/// The conditions of a rule, an alignment or a resolution.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct ConditionDoc {
    /// Usage names: all must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<String>,
    /// Usage names: at least one must hold, when there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<String>,
    /// Usage names: none may hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub none_of: Vec<String>,
    /// Usage names: these and no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exactly: Option<Vec<String>>,
    /// Formats and groups of formats, when there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// Formats and groups that are not meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_formats: Vec<String>,
    /// Layouts, formats of one layout, and groups of these, when there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layouts: Vec<String>,
    /// The buffer is compressed or tiled, or is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compressed: Option<bool>,
    /// Bytes of one buffer, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_size: Option<u64>,
    /// Bytes of one buffer, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
}

/// `[[vendor_metadata]]`.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct VendorMetadataDoc {
    /// The policy's name for it.
    pub name: String,
    /// Which buffers have it.
    #[serde(flatten)]
    pub when: ConditionDoc,
    /// The vendor's name of the type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The type's number.
    pub value: i64,
    /// How its value is written: `i32`, `u32`, `i64`, `u64`, `f32`, `string`, `bytes`.
    pub encoding: String,
    /// The type's name and number stand before the value. Default: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Strings, bytes and lists have their length in front. Default: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<bool>,
    /// A number that never changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constant: Option<i64>,
    /// A text that never changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What follows from the buffer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed: Option<String>,
    /// Clients set it. Default: false.
    #[serde(skip_serializing_if = "is_default")]
    pub stored: bool,
    /// Most bytes of a stored string or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u32>,
}

/// `[[rule]]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleDoc {
    /// The policy's name for it.
    pub name: String,
    /// When it applies.
    #[serde(flatten)]
    pub when: ConditionDoc,
    /// Heaps in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heaps: Option<Vec<String>>,
    /// Put each heap's uncached twin before it, unless one of these usages holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_when: Option<Vec<String>>,
    /// Refuse, for this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<String>,
}

/// `[[resolve]]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResolveDoc {
    /// The flexible format.
    pub format: String,
    /// When it applies.
    #[serde(flatten)]
    pub when: ConditionDoc,
    /// The name of the layout, or of a vendor's format.
    pub to: String,
}
