//! Policies and descriptors for the tests: one generous policy, and changes to it.

// Each test file takes what it needs of this module.
#![allow(dead_code, unreachable_pub)]

pub mod strategies;

use gralloc_allocator::error::Refusal;
use gralloc_allocator::plan::{plan, Plan};
use gralloc_buffer::layout::{Blocks, Combine, Grid, TypeName};
use gralloc_buffer::{BufferName, Descriptor};
use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::policy::{
    AcceptedOption, Action, Alignment, Compress, Condition, Heap, HeapId, HeapSet, Limits, Policy, Resolution, Rule,
    Term, VendorUsage,
};

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;
pub const GIB: u64 = 1 << 30;

pub const SYSTEM: HeapId = HeapId(0);
pub const CAMERA: HeapId = HeapId(1);
pub const SECURE: HeapId = HeapId(2);
pub const UNCACHED: HeapId = HeapId(3);

pub const CPU: Usage = Usage(0x33);
pub const VENDOR_BIT: Usage = Usage(1 << 28);

pub fn heap(name: &str) -> Heap {
    Heap {
        name: name.to_owned(),
        nodes: vec![name.to_owned()],
        cached: true,
        contiguous: false,
        protected: false,
        max_buffer_bytes: None,
        budget_bytes: None,
        system_memory: true,
    }
}

pub fn rule(name: &str, when: Condition, heaps: &[HeapId]) -> Rule {
    let action = Action::Heaps { heaps: heaps.to_vec(), uncached: vec![], cached_when: vec![] };
    Rule { name: name.to_owned(), when, action }
}

pub fn deny(name: &str, when: Condition, reason: &str) -> Rule {
    Rule { name: name.to_owned(), when, action: Action::Deny(reason.to_owned()) }
}

pub fn always() -> Condition {
    Condition::default()
}

pub fn with(usage: Usage) -> Condition {
    Condition { all_of: vec![Term::Any(usage)].into(), ..always() }
}

pub fn of(formats: &[PixelFormat]) -> Condition {
    Condition { formats: formats.to_vec(), ..always() }
}

/// Asks for nothing yet.
pub fn alignment(name: &str, when: Condition) -> Alignment {
    Alignment { name: name.to_owned(), when, asks: Vec::new(), combine: Combine::Lcm }
}

/// Blocks of 16 by 16, with a header.
pub fn compress(name: &str, when: Condition) -> Compress {
    let grid = Grid { block: [16, 16], header_bytes: 16, header_align: 1024, ..Grid::ONE };
    Compress {
        name: name.to_owned(),
        when,
        fourcc: u32::from_le_bytes(*b"AB24"),
        modifier: 0x0100_0000_0000_0002,
        modifier_lines_at: None,
        type_name: TypeName::default(),
        type_value: 0,
        header_type: 0,
        blocks: Blocks { grids: vec![grid], layer_align: 1, ..Blocks::default() },
        initialise: None,
    }
}

pub fn resolution(format: PixelFormat, when: Condition, layout: Layout) -> Resolution {
    Resolution { format, when, layout: layout.into() }
}

/// Four heaps, a rule for protected content and one for the rest; flexible formats become NV12, or RGBA for the GPU.
pub fn policy() -> Policy {
    Policy {
        name: "test".to_owned(),
        heaps: vec![
            heap("system"),
            Heap { contiguous: true, max_buffer_bytes: Some(64 * MIB), ..heap("camera") },
            Heap { protected: true, cached: false, ..heap("secure") },
            Heap { cached: false, ..heap("system-uncached") },
        ],
        rules: vec![rule("protected", with(Usage::PROTECTED), &[SECURE]), rule("all", always(), &[SYSTEM])],
        resolutions: vec![
            resolution(PixelFormat::Ycbcr420_888, always(), Layout::Nv12),
            resolution(PixelFormat::ImplementationDefined, with(Usage::GPU_RENDER_TARGET), Layout::Rgba8888),
            resolution(PixelFormat::ImplementationDefined, always(), Layout::Nv12),
            resolution(PixelFormat::RawOpaque, always(), Layout::Raw16),
        ],
        graphics_common: Some(7),
        vendor_usage: vec![VendorUsage { name: "VENDOR_ISP".to_owned(), bit: VENDOR_BIT }],
        options: vec![
            AcceptedOption { name: "test.any".to_owned(), values: vec![] },
            AcceptedOption { name: "test.one".to_owned(), values: vec![1] },
        ],
        limits: Limits { request_bytes: GIB, buffers_per_request: 64, ..Limits::default() },
        metadata_heap: SYSTEM,
        ..Policy::default()
    }
}

pub fn descriptor(format: PixelFormat, width: i32, height: i32, usage: Usage) -> Descriptor {
    Descriptor::new("test", width, height, format, usage)
}

/// What VTS asks for most: 64 by 64, read and written by the CPU.
pub fn vts(format: PixelFormat) -> Descriptor {
    descriptor(format, 64, 64, CPU)
}

/// Plans with every heap present.
pub fn planned<'p>(descriptor: &Descriptor, policy: &'p Policy) -> Result<Plan<'p>, Refusal> {
    plan(descriptor, policy, HeapSet::ALL)
}

/// The planes as (offset, stride, lines).
pub fn planes(plan: &Plan<'_>) -> Vec<(u64, u32, u32)> {
    plan.planes.as_slice().iter().map(|plane| (plane.offset_bytes, plane.stride_bytes, plane.lines)).collect()
}
