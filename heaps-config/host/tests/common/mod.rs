//! Plans requests that are written in names.

use gralloc_buffer::Descriptor;
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};
use heaps_config::policy::HeapSet;
use heaps_config::Policy;

/// A request; what is left out is a small RGBA buffer on a kernel with every heap.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) format: &'static str,
    pub(crate) usage: &'static str,
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) present: Option<&'static [&'static str]>,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked { format: "RGBA_8888", usage: "", width: 64, height: 64, present: None }
    }
}

/// A plan in names.
// Not every test looks at all of it.
#[allow(dead_code)]
#[derive(Debug)]
pub(crate) struct Planned {
    /// Heaps that will be tried, in order.
    pub(crate) heaps: Vec<String>,
    pub(crate) layout: Layout,
    pub(crate) stride: u32,
    /// Offset, stride and lines of each plane, in bytes.
    pub(crate) planes: Vec<(u64, u32, u32)>,
    /// Bytes of the buffer.
    pub(crate) bytes: u64,
}

/// The descriptor of a request.
pub(crate) fn descriptor(policy: &Policy, asked: &Asked) -> Descriptor {
    let vendor = |name: &str| policy.vendor_usage.iter().find(|vendor| vendor.name == name).map(|vendor| vendor.bit);
    let usage = |name: &str| Usage::from_name(name).or_else(|| vendor(name)).unwrap_or_else(|| panic!("{name}"));
    let names = asked.usage.split('|').filter(|name| !name.is_empty());
    let usage = names.fold(Usage::NONE, |all, name| all | usage(name));
    let own = policy.formats.iter().find(|format| format.name == asked.format).map(|format| format.value);
    let format = PixelFormat::from_name(asked.format).map(PixelFormat::to_wire).or(own);
    Descriptor {
        name: BufferName::from_text("test"),
        width: asked.width,
        height: asked.height,
        layer_count: 1,
        format: format.unwrap_or_else(|| panic!("{}", asked.format)),
        usage: i64::from_ne_bytes(usage.0.to_ne_bytes()),
        reserved_size: 0,
        options: Vec::new(),
    }
}

/// Plans; a refusal is its cause.
// Not every test plans in names.
#[allow(dead_code)]
pub(crate) fn plan(policy: &Policy, asked: Asked) -> Result<Planned, &'static str> {
    let named = |name: &str| asked.present.map_or(true, |present| present.contains(&name));
    let heaps = policy.heap_ids().filter(|(_, heap)| named(&heap.name));
    let present = heaps.fold(HeapSet::default(), |set, (id, _)| set.with(id));
    let descriptor = descriptor(policy, &asked);
    let plan = gralloc_allocator::plan(&descriptor, policy, present).map_err(|refusal| refusal.cause())?;
    let planes = plan.planes.as_slice().iter().map(|plane| (plane.offset_bytes, plane.stride_bytes, plane.lines));
    Ok(Planned {
        heaps: plan.candidates_in_order().map(|id| policy.heap_name(id).to_owned()).collect(),
        layout: plan.resolved.layout,
        stride: plan.stride,
        planes: planes.collect(),
        bytes: plan.bytes,
    })
}

/// The policy has expectations, and all of them hold.
#[allow(dead_code)]
#[track_caller]
pub(crate) fn holds(linted: &heaps_host::Linted) {
    let outcomes = heaps_host::expect::run(linted).unwrap_or_default();
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.holds()).collect();
    assert!(!outcomes.is_empty() && failed.is_empty(), "{failed:#?}");
}
