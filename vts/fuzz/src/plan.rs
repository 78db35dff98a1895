//! Descriptors, and policies, as a hostile client or a careless author writes them.

use gralloc_allocator::plan as plan_of;
use gralloc_buffer::name::NAME_BYTES;
use gralloc_buffer::{BufferName, PixelFormat};
use gralloc_buffer::{Descriptor, DescriptorOption};
use heaps_config::policy::HeapSet;
use heaps_config::Policy;
use std::sync::OnceLock;

/// Policies that are shipped, compiled as they are now: what a descriptor meets on a device.
pub(crate) fn compiled() -> Vec<String> {
    let compile = |name| heaps_host::lint(heaps_host::profile(name).unwrap()).compile().unwrap();
    ["generic", "reference-soc"].map(compile).to_vec()
}

/// The same, read once.
pub(crate) fn policies() -> &'static [Policy] {
    static READ: OnceLock<Vec<Policy>> = OnceLock::new();
    READ.get_or_init(|| compiled().iter().map(|text| heaps_config::from_json(text).unwrap()).collect())
}

/// Takes numbers off the front of the bytes; zero when there are none left.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let length = self.0.len().min(N);
        let (front, rest) = self.0.split_at(length);
        out[..length].copy_from_slice(front);
        self.0 = rest;
        out
    }

    /// Any number; small ones and extremes more often than chance would have them.
    fn number(&mut self) -> i64 {
        let [kind, low, high] = self.take();
        let small = i64::from(u16::from_le_bytes([low, high]));
        match kind % 8 {
            0..=3 => small,
            4 => i32::MAX.into(),
            5 => i32::MIN.into(),
            6 => [i64::MAX, i64::MIN, -1, 1 << 32][usize::from(low % 4)],
            _ => i64::from_le_bytes(self.take()),
        }
    }

    fn int(&mut self) -> i32 {
        let number = self.number();
        i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
    }
}

fn descriptor(bytes: &mut Bytes<'_>) -> Descriptor {
    let [format, options, name] = bytes.take();
    let all = PixelFormat::ALL;
    Descriptor {
        name: BufferName::from_wire(&[name; NAME_BYTES]),
        width: bytes.int(),
        height: bytes.int(),
        layer_count: if format & 0x80 == 0 { 1 } else { bytes.int() },
        format: all.get(usize::from(format & 0x7f)).map_or_else(|| bytes.int(), |format| format.to_wire()),
        usage: if name & 1 == 0 { i64::from_le_bytes(bytes.take()) } else { bytes.number() },
        reserved_size: if options & 0x80 == 0 { 0 } else { bytes.number() },
        options: (0..options & 3)
            .map(|_| DescriptorOption {
                name: String::from_utf8_lossy(&bytes.take::<4>()).into(),
                value: bytes.number(),
            })
            .collect(),
    }
}

/// The bytes as a choice of policy, heaps that exist, and a descriptor: what is planned lies in its buffer, within the
/// policy's limit, on heaps that exist and of the protection that was asked for; and the answer is the same twice.
pub fn plan(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let [choice, heaps] = bytes.take();
    let policy = &policies()[usize::from(choice) % policies().len()];
    let mut present = HeapSet::default();
    for (index, (id, _)) in policy.heap_ids().enumerate() {
        if heaps >> (index % 8) & 1 == 1 {
            present = present.with(id);
        }
    }
    let descriptor = descriptor(&mut bytes);
    let Ok(plan) = plan_of(&descriptor, policy, present) else { return };
    let again = plan_of(&descriptor, policy, present).unwrap();
    assert_eq!(format!("{plan:?}"), format!("{again:?}"));
    assert!(plan.bytes > 0 && plan.bytes <= policy.limits.request_bytes);
    for plane in plan.planes.as_slice() {
        assert!(plane.offset_bytes.checked_add(plane.bytes()).unwrap() <= plan.layer_bytes, "{plan:?}");
    }
    let protected = plan.request.usage.contains(gralloc_buffer::Usage::PROTECTED);
    for id in plan.candidates_in_order() {
        assert!(present.contains(id), "{plan:?}");
        assert_eq!(policy.heap(id).unwrap().protected, protected, "{plan:?}");
    }
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
        let descriptor = Descriptor {
            name: BufferName::from_text("any"),
            width: 16 * seed,
            height: 4,
            layer_count: 1,
            format: format.to_wire(),
            usage: 0x33,
            reserved_size: 0,
            options: Vec::new(),
        };
        let _ = plan_of(&descriptor, &read, present).map(|plan| assert!(plan.bytes <= read.limits.request_bytes));
    }
}
