//! Descriptors, and policies, as a hostile client or a careless author writes them.

use crate::buffer::follow;
use crate::bytes::Bytes;
use crate::generated;
use gralloc_allocator::explain::explain;
use gralloc_allocator::plan as plan_of;
use gralloc_allocator::Plan;
use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::name::NAME_BYTES;
use gralloc_buffer::{BufferName, Descriptor, DescriptorOption, PixelFormat, Usage};
use heaps_config::policy::HeapSet;
use heaps_config::Policy;
use std::sync::OnceLock;

/// Policies that are shipped, compiled as they are now: what a descriptor meets on a device.
pub(crate) fn compiled() -> Vec<String> {
    ["generic", "reference-soc"].map(generated::compile).to_vec()
}

/// Handles of compressed buffers, of planes that a policy lays out itself, and of four planes, as boards have them.
pub(crate) fn with_blocks_and_shapes() -> Vec<BufferInfo> {
    let peers = [
        (include_str!("../../../heaps-config/vendors/qualcomm.toml"), "YCbCr_420_SP_VENUS_UBWC"),
        (include_str!("../../../heaps-config/vendors/rockchip.toml"), "YCrCb_NV12_10"),
    ];
    let peer = |(text, format): (&str, &str)| {
        let linted = heaps_host::lint(heaps_host::Source::text("peer.toml", text, heaps_host::Format::Toml));
        let policy = linted.policy().unwrap().clone();
        let format = policy.formats.iter().find(|known| known.name == format).unwrap().value;
        (policy, format, Usage::VIDEO_DECODER)
    };
    let afbc = (policies()[1].clone(), PixelFormat::Rgba8888.to_wire(), USUAL[0]);
    let all = peers.into_iter().map(peer).chain([afbc]);
    let described = all.map(|(policy, format, usage)| {
        let usage = i64::try_from(usage.0).unwrap();
        let descriptor = Descriptor { format, usage, ..small() };
        let plan = plan_of(&descriptor, &policy, HeapSet::ALL).unwrap();
        plan.buffer_info(&policy, &policy.heaps[0], 7, descriptor.name)
    });
    described.collect()
}

/// A request that needs a format and a usage.
fn small() -> Descriptor {
    Descriptor::new("any", 64, 4, PixelFormat::Unspecified, Usage(0x33))
}

/// The same, read once.
pub(crate) fn policies() -> &'static [Policy] {
    static READ: OnceLock<Vec<Policy>> = OnceLock::new();
    READ.get_or_init(|| compiled().iter().map(|text| heaps_config::from_json(text).unwrap()).collect())
}

/// Usages that lead far into a policy.
const USUAL: [Usage; 6] = [
    Usage(Usage::GPU_RENDER_TARGET.0 | Usage::COMPOSER_OVERLAY.0),
    Usage(Usage::CPU_READ_OFTEN.0 | Usage::CPU_WRITE_OFTEN.0),
    Usage(Usage::VIDEO_DECODER.0 | Usage::GPU_TEXTURE.0),
    Usage(Usage::PROTECTED.0 | Usage::VIDEO_DECODER.0),
    Usage::CAMERA_OUTPUT,
    Usage::NONE,
];

fn descriptor(bytes: &mut Bytes<'_>, policy: &Policy) -> Descriptor {
    let [format, options, name] = bytes.take();
    let named = PixelFormat::ALL.get(usize::from(format) % (PixelFormat::ALL.len() + 8));
    Descriptor {
        name: BufferName::from_wire(&[name; NAME_BYTES]),
        width: bytes.dimension(),
        height: bytes.dimension(),
        layer_count: if options & 0x30 == 0x30 { bytes.int() } else { 1 },
        format: match named {
            _ if name & 8 != 0 && !policy.formats.is_empty() => bytes.pick(&policy.formats).value,
            Some(named) => named.to_wire(),
            None => bytes.int(),
        },
        usage: match name & 7 {
            0 => i64::from_le_bytes(bytes.take()),
            1 => bytes.number(),
            _ => i64::from_ne_bytes(bytes.pick(&USUAL).0.to_ne_bytes()),
        },
        reserved_size: if options & 0xc0 == 0xc0 { bytes.number() } else { 0 },
        options: (0..u8::from(options & 3 == 3))
            .map(|_| DescriptorOption {
                name: String::from_utf8_lossy(&bytes.take::<4>()).into(),
                value: bytes.number(),
            })
            .collect(),
    }
}

/// The bytes as a choice of policy, shipped or generated, heaps that exist, and descriptors: what is planned lies in its buffer,
/// within the policy's limit, on heaps that exist and of the protection that was asked for; the answer is the same twice, and
/// explain's; and what clients get of it says so.
pub fn plan(bytes: &[u8]) {
    granted(bytes);
}

/// How many of the requests were granted, and of those how many compressed, and how many with a vendor's types of metadata.
#[derive(Clone, Copy, Debug, Default)]
pub struct Granted {
    /// All of them.
    pub all: u32,
    /// Compressed or tiled.
    pub compressed: u32,
    /// Of a format of the policy's own.
    pub vendor_format: u32,
    /// With types of metadata.
    pub vendor_metadata: u32,
}

/// As [`plan`], for tests that have to know whether their inputs are worth something.
pub fn granted(bytes: &[u8]) -> Granted {
    let mut granted = Granted::default();
    let mut bytes = Bytes(bytes);
    let [choice, heaps] = bytes.take();
    let own;
    let policy = if choice & 1 == 0 {
        own = generated::policy(&mut bytes);
        let Some(policy) = &own else { return granted };
        policy
    } else {
        &policies()[usize::from(choice >> 1) % policies().len()]
    };
    let mut present = HeapSet::default();
    for (index, (id, _)) in policy.heap_ids().enumerate() {
        if heaps >> (index % 8) & 1 == 1 {
            present = present.with(id);
        }
    }
    // Several for each policy, which takes longer to make than to use.
    for _ in 0..4 {
        let descriptor = descriptor(&mut bytes, policy);
        if let Some(plan) = one(&descriptor, policy, present, &mut bytes) {
            granted.all += 1;
            granted.compressed += u32::from(plan.resolved.compress.is_some());
            granted.vendor_format += u32::from(plan.resolved.vendor.is_some());
            granted.vendor_metadata += u32::from(plan.vendor_metadata(policy).next().is_some());
        }
        if bytes.0.is_empty() {
            break;
        }
    }
    granted
}

fn one<'p>(descriptor: &Descriptor, policy: &'p Policy, present: HeapSet, bytes: &mut Bytes<'_>) -> Option<Plan<'p>> {
    let planned = plan_of(descriptor, policy, present);
    assert_eq!(explain(descriptor, policy, present).outcome, planned);
    let plan = planned.ok()?;
    assert!(plan.bytes > 0 && plan.bytes <= policy.limits.request_bytes);
    let protected = plan.request.usage.contains(Usage::PROTECTED);
    for id in plan.candidates_in_order() {
        assert!(present.contains(id), "{plan:?}");
        assert_eq!(policy.heap(id).unwrap().protected, protected, "{plan:?}");
    }
    follow(&plan, policy, bytes);
    Some(plan)
}

/// The bytes as a policy's text: refused in words, or a policy that plans and that is the same when written and read.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(tree) = heaps_config::parse_json(text) else { return };
    let validated = heaps_config::validate(&tree);
    let read = heaps_config::from_json(text);
    assert_eq!(read.is_ok(), validated.loadable);
    for finding in heaps_host::lint_tree(&tree).findings {
        assert!(!finding.message.is_empty());
    }
    let Ok(read) = read else { return };
    let written = heaps_config::to_json(&validated.document).unwrap();
    assert_eq!(heaps_config::from_json(&written).unwrap(), read);
    let present = HeapSet::ALL;
    for (seed, format) in (1..).zip(PixelFormat::ALL) {
        let descriptor = Descriptor { width: 16 * seed, format: format.to_wire(), ..small() };
        let _ = plan_of(&descriptor, &read, present).map(|plan| assert!(plan.bytes <= read.limits.request_bytes));
    }
}
