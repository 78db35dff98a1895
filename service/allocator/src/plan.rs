//! One pure function from a descriptor and a policy to heaps, planes, stride and size.
//!
//! `allocate2`, `isSupported`, `explain`, the command line and the tests all come through [`traced`]: what they say agrees
//! because there is one pipeline. It allocates no memory unless it refuses, or its [`Tracer`] does.
//!
//! The order of its steps is the order of its answers: the descriptor ([`Request::validate`]), what usage and layout can
//! be together ([`shape`]), sizes and limits ([`size`]), the rule (`first_rule`), its heaps ([`heaps`]).

pub mod heaps;
pub mod shape;
pub mod size;
pub mod trace;
pub mod vendor;

pub use trace::{Resolved, Sizes, Tracer, Verdict};

use crate::error::{Refusal, Unsupported};
use crate::request::Request;
use gralloc_buffer::handle::{BufferInfo, Digest};
use gralloc_buffer::layout::afbc::Headers;
use gralloc_buffer::layout::compression::NO_MODIFIER;
use gralloc_buffer::layout::{Area, Compression, Planes, Shapes, MAX_PLANES};
use gralloc_buffer::metadata::vendor::digest;
use gralloc_buffer::{BufferName, Descriptor, Usage};
use heaps_config::condition::Subject;
use heaps_config::policy::{Compress, Heap, HeapId, HeapSet, Initialise, Policy, Rule};

/// What will be allocated, and where: a plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan<'p> {
    /// The validated request.
    pub request: Request,
    /// Index of the rule that took it, in `Policy::rules`.
    pub rule: usize,
    /// The rule's heaps in order; all of them, absent ones included.
    pub heaps: &'p [HeapId],
    /// Those of `heaps` that exist, take a buffer of this size, and are left to try. Never empty.
    pub candidates: HeapSet,
    /// What the format became.
    pub resolved: Resolved<'p>,
    /// Header and body of each plane, where it is.
    pub areas: [Area; MAX_PLANES],
    /// Pixels from one line to the next, as `AllocationResult.stride` gives it. (RAW10, RAW12 and RAW14: bytes. BLOB: the width.)
    pub stride: u32,
    /// Planes of the first layer.
    pub planes: Planes,
    /// Bytes from one layer to the next.
    pub layer_bytes: u64,
    /// Bytes of the whole buffer, all layers; what the heap is asked for.
    pub bytes: u64,
    /// Bytes of the second, small buffer: [`Policy::metadata_bytes`] of shared metadata, then the reserved region.
    pub metadata_bytes: u64,
}

impl<'p> Plan<'p> {
    /// The heaps to try, first to last.
    pub fn candidates_in_order(&self) -> impl Iterator<Item = HeapId> + 'p {
        let candidates = self.candidates;
        self.heaps.iter().copied().filter(move |heap| candidates.contains(*heap))
    }

    /// Bytes of `count` such buffers with their metadata, before the kernel rounds each up to pages; `None` beyond 64 bits.
    pub fn total_bytes(&self, count: u32) -> Option<u64> {
        self.bytes.checked_add(self.metadata_bytes)?.checked_mul(u64::from(count))
    }

    /// What conditions are asked about the planned buffer, its size left out.
    fn subject(&self) -> Subject {
        self.resolved.subject(&self.request)
    }

    /// The `DRM_FORMAT_*` code: of the compression, the vendor's format, or the layout.
    pub fn fourcc(&self) -> u32 {
        self.resolved.fourcc()
    }

    /// The `DRM_FORMAT_MOD_*` value, likewise.
    pub fn modifier(&self) -> u64 {
        self.resolved.modifier(self.request.height).unwrap_or(NO_MODIFIER)
    }

    /// What is written into the headers of each layer of a buffer from `heap` before anybody has it; `None` for the kernel's
    /// zeros. Protected memory is never written.
    pub fn initial_headers(&self, heap: &Heap) -> Option<Headers> {
        let entry =
            self.resolved.compress.filter(|_| !heap.protected && !self.request.usage.contains(Usage::PROTECTED))?;
        self.headers(entry).ok().flatten()
    }

    fn headers(&self, entry: &Compress) -> Result<Option<Headers>, &'static str> {
        let Some(Initialise::Afbc) = entry.initialise else { return Ok(None) };
        let size = (self.request.width, self.request.height);
        let header_bytes = self.areas.first().map_or(0, |area| area.header_bytes);
        self.resolved.form().afbc_headers(&entry.blocks, self.modifier(), size, header_bytes)
    }

    /// The planes' shapes, where they are not the layout's.
    fn own_shapes(&self) -> Shapes {
        let resolved = &self.resolved;
        match resolved.compress.map(|entry| resolved.form().merged_shapes(&entry.blocks)) {
            Some(merged) if merged != Shapes::NONE => merged,
            _ => resolved.vendor.map_or(Shapes::NONE, |format| format.shapes),
        }
    }

    fn compression(&self) -> Option<Compression> {
        let entry = self.resolved.compress?;
        Some(Compression {
            name: entry.type_name,
            value: entry.type_value,
            header_type: entry.header_type,
            body_first: entry.blocks.body_first,
            columns: entry.blocks.column_bytes > 0,
            areas: self.areas,
        })
    }

    /// What the handle of a buffer says that was planned so and then taken from `heap` of `policy`.
    pub fn buffer_info(&self, policy: &Policy, heap: &Heap, id: u64, name: BufferName) -> BufferInfo {
        self.described(policy, heap, id, name).0
    }

    /// The same, and the table of the vendor's types of metadata that its hash is of.
    pub fn described(&self, policy: &Policy, heap: &Heap, id: u64, name: BufferName) -> (BufferInfo, Option<Vec<u8>>) {
        let request = &self.request;
        let table = self.vendor_table(policy, heap);
        let info = BufferInfo {
            id,
            name,
            width: request.width,
            height: request.height,
            layers: request.layers,
            format: request.format,
            usage: request.usage,
            layout: self.resolved.layout,
            own: self.own_shapes(),
            fourcc: self.fourcc(),
            modifier: self.modifier(),
            compression: self.compression(),
            stride: self.stride,
            planes: self.planes,
            layer_bytes: self.layer_bytes,
            buffer_bytes: self.bytes,
            metadata_bytes: self.metadata_bytes,
            reserved_bytes: request.reserved_bytes,
            vendor_metadata: table.as_deref().map_or_else(Digest::default, digest),
            mappable: self.resolved.compress.is_none() && self.resolved.vendor.map_or(true, |format| format.mappable),
            protected: heap.protected,
            cached: heap.cached,
            contiguous: heap.contiguous,
            strict_cpu_usage: policy.strict_cpu_usage,
        };
        (info, table)
    }
}

/// Plans one descriptor. `present` is the set of heaps that this kernel has.
///
/// # Errors
/// A refusal that will be the same at every try with this policy and these heaps. `isSupported` asks
/// [`machine_holds`](crate::allocate::machine_holds) besides, which knows how much memory the machine has.
pub fn plan<'p>(descriptor: &Descriptor, policy: &'p Policy, present: HeapSet) -> Result<Plan<'p>, Refusal> {
    traced(descriptor, policy, present, &mut ())
}

/// As [`plan()`], and tells the tracer what each step sees.
///
/// # Errors
/// As [`plan()`]. Steps after the one that refuses are not taken.
pub fn traced<'p>(
    descriptor: &Descriptor,
    policy: &'p Policy,
    present: HeapSet,
    tracer: &mut impl Tracer,
) -> Result<Plan<'p>, Refusal> {
    let request = Request::validate(descriptor, policy)?;
    tracer.request(&request);
    let resolved = shape::resolve(&request, policy, tracer)?;
    shape::check(&request, &resolved)?;
    let resolved = shape::compress(&request, resolved, policy, tracer)?;
    let measured = size::measure(&request, &resolved, policy, tracer)?;
    let sizes = size::of(&request, &measured, policy)?;
    tracer.sizes(&request, &resolved, &measured, &sizes);
    size::limit(&sizes, policy)?;
    let subject = Subject { bytes: Some(sizes.bytes), ..resolved.subject(&request) };
    let (index, rule) = first_rule(&request, subject, policy, tracer)?;
    let heaps = heaps::of_rule(&request, rule)?;
    let candidates = heaps::candidates(&request, rule, heaps, &sizes, policy, present, tracer)?;
    heaps::check_metadata(sizes.metadata_bytes, policy, present)?;
    let arrangement = size::narrow(&measured)?;
    let plan = Plan {
        request,
        rule: index,
        heaps,
        candidates,
        resolved,
        areas: arrangement.areas,
        stride: arrangement.stride,
        planes: arrangement.planes,
        layer_bytes: arrangement.layer_bytes,
        bytes: sizes.bytes,
        metadata_bytes: sizes.metadata_bytes,
    };
    if let Some(entry) = plan.resolved.compress {
        if plan.resolved.modifier(request.height).is_none() {
            return Err(Refusal::combination(COLUMN_TOO_LONG));
        }
        plan.headers(entry).map_err(Refusal::combination)?;
    }
    Ok(plan)
}

const COLUMN_TOO_LONG: &str = "a column of more lines than the compression's modifier has bits for";

/// The first rule that takes the buffer, with its index.
fn first_rule<'p>(
    request: &Request,
    subject: Subject,
    policy: &'p Policy,
    tracer: &mut impl Tracer,
) -> Result<(usize, &'p Rule), Refusal> {
    for (index, rule) in policy.rules.iter().enumerate() {
        tracer.rule(request, subject, index, rule);
        if rule.when.holds(subject) {
            return Ok((index, rule));
        }
    }
    Err(Unsupported::NoRule.into())
}
