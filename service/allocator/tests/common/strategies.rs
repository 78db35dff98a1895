//! Policies and descriptors of every kind, sensible and not.

use super::*;
use gralloc_buffer::layout::Ask;
use gralloc_buffer::DescriptorOption;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub fn format() -> impl Strategy<Value = PixelFormat> {
    select(PixelFormat::ALL)
}

/// Usages that AIDL defines, in any combination.
pub fn defined_usage() -> impl Strategy<Value = Usage> {
    let cpu = (select(vec![0u64, 2, 3]), select(vec![0u64, 0x20, 0x30]));
    let flags = vec(select(Usage::FLAGS), 0..5);
    (cpu, flags)
        .prop_map(|((read, write), flags)| flags.into_iter().fold(Usage(read | write), |usage, (_, flag)| usage | flag))
}

/// Usages that no rule of the plan's own refuses.
fn peaceful_usage() -> impl Strategy<Value = Usage> {
    let refused = Usage::GPU_MIPMAP_COMPLETE | Usage::GPU_CUBE_MAP | Usage::PROTECTED;
    defined_usage().prop_map(move |usage| usage & !refused)
}

fn usage() -> impl Strategy<Value = Usage> {
    let protected = peaceful_usage().prop_map(|usage| usage & !CPU | Usage::PROTECTED);
    prop_oneof![
        20 => peaceful_usage(),
        4 => protected,
        4 => defined_usage(),
        1 => any::<u64>().prop_map(Usage),
    ]
}

fn dimension() -> impl Strategy<Value = i32> {
    prop_oneof![
        20 => 1i32..200,
        20 => (1i32..500).prop_map(|quarter| quarter * 4),
        10 => 1i32..8192,
        1 => any::<i32>(),
        1 => select(vec![0, -1, i32::MAX, i32::MIN]),
    ]
}

pub fn descriptors() -> impl Strategy<Value = Descriptor> {
    let format = prop_oneof![40 => format().prop_map(PixelFormat::to_wire), 1 => any::<i32>()];
    let layers = prop_oneof![20 => Just(1), 10 => 1i32..20, 1 => any::<i32>()];
    let reserved = prop_oneof![20 => Just(0), 4 => 0i64..100_000, 1 => any::<i64>()];
    let options = vec((select(vec!["test.any", "test.one", "other"]), 0i64..3), 0..2);
    let options = prop_oneof![19 => Just(vec![]), 1 => options];
    (dimension(), dimension(), layers, format, usage(), reserved, options).prop_map(
        |(width, height, layer_count, format, usage, reserved_size, options)| Descriptor {
            name: BufferName::from_text("any"),
            width,
            height: if format == PixelFormat::Blob.to_wire() && height > 20 { 1 } else { height },
            layer_count,
            format,
            usage: i64::from_ne_bytes(usage.0.to_ne_bytes()),
            reserved_size,
            options: options
                .into_iter()
                .map(|(name, value)| DescriptorOption { name: name.to_owned(), value })
                .collect(),
        },
    )
}

fn term() -> impl Strategy<Value = Term> {
    let field = |mask, values: Vec<Usage>| select(values).prop_map(move |value| Term::Equals { mask, value });
    prop_oneof![
        4 => select(Usage::FLAGS).prop_map(|(_, flag)| Term::Any(flag)),
        1 => field(Usage::CPU_READ_MASK, vec![Usage::NONE, Usage::CPU_READ_RARELY, Usage::CPU_READ_OFTEN]),
        1 => field(Usage::CPU_WRITE_MASK, vec![Usage::NONE, Usage::CPU_WRITE_RARELY, Usage::CPU_WRITE_OFTEN]),
        1 => (usage(), usage()).prop_map(|(mask, value)| Term::Equals { mask, value }),
        1 => usage().prop_map(Term::Any),
    ]
}

pub fn conditions() -> impl Strategy<Value = Condition> {
    let bound = || option::weighted(0.2, prop_oneof![0u64..100_000, any::<u64>()]);
    let some = (vec(term(), 0..2), vec(term(), 0..3), vec(term(), 0..2), vec(format(), 0..4), vec(format(), 0..3));
    let some =
        (some, bound(), bound()).prop_map(|((all_of, any_of, none_of, formats, not_formats), min_bytes, max_bytes)| {
            Condition {
                all_of: all_of.into(),
                any_of: any_of.into(),
                none_of: none_of.into(),
                formats,
                not_formats,
                layouts: Vec::new(),
                compressed: None,
                min_bytes,
                max_bytes,
            }
        });
    prop_oneof![1 => Just(Condition::default()), 1 => some]
}

fn heap_id() -> impl Strategy<Value = HeapId> {
    prop_oneof![20 => (0u8..4).prop_map(HeapId), 1 => any::<u8>().prop_map(HeapId)]
}

fn rules() -> impl Strategy<Value = Rule> {
    let heaps = (vec(heap_id(), 1..5), vec(heap_id(), 0..3), vec(term(), 0..2))
        .prop_map(|(heaps, uncached, cached_when)| Action::Heaps { heaps, uncached, cached_when });
    let action = prop_oneof![8 => heaps, 1 => Just(Action::Deny("because".to_owned()))];
    (conditions(), action).prop_map(|(when, action)| Rule { name: "rule".to_owned(), when, action })
}

fn aligned_to() -> impl Strategy<Value = u32> {
    prop_oneof![
        20 => Just(1u32),
        20 => (0u32..13).prop_map(|bit| 1 << bit),
        1 => (13u32..32).prop_map(|bit| 1 << bit),
        1 => 0u32..1000,
        1 => any::<u32>(),
    ]
}

fn alignments() -> impl Strategy<Value = Alignment> {
    (conditions(), aligned_to(), aligned_to(), aligned_to(), aligned_to()).prop_map(
        |(when, stride_bytes, stride_pixels, height_lines, size_bytes)| Alignment {
            name: "alignment".to_owned(),
            when,
            asks: vec![
                Ask::StrideBytes(stride_bytes),
                Ask::StridePixels(stride_pixels),
                Ask::Lines(height_lines),
                Ask::LayerBytes(size_bytes),
            ],
            combine: Combine::Lcm,
        },
    )
}

fn resolutions() -> impl Strategy<Value = Resolution> {
    let flexible = select(vec![PixelFormat::ImplementationDefined, PixelFormat::Ycbcr420_888, PixelFormat::RawOpaque]);
    (flexible, conditions(), select(Layout::ALL)).prop_map(|(format, when, layout)| Resolution {
        format,
        when,
        layout: layout.into(),
    })
}

fn bytes() -> impl Strategy<Value = u64> {
    prop_oneof![1 => 0u64..1_000_000, 4 => 1_000_000u64..10_000_000_000, 1 => any::<u64>(), 8 => Just(u64::MAX)]
}

fn heaps() -> impl Strategy<Value = Heap> {
    (any::<bool>(), any::<bool>(), option::weighted(0.3, bytes()), option::weighted(0.3, bytes())).prop_map(
        |(cached, protected, max_buffer_bytes, budget_bytes)| Heap {
            cached,
            protected,
            max_buffer_bytes,
            budget_bytes,
            ..heap("heap")
        },
    )
}

pub fn policies() -> impl Strategy<Value = Policy> {
    let lists = (vec(heaps(), 3..6), vec(rules(), 0..6), vec(alignments(), 0..4), vec(resolutions(), 0..6));
    let limits = (bytes(), option::weighted(0.2, bytes()), option::weighted(0.2, bytes()));
    (lists, limits, heap_id()).prop_map(
        |((heaps, rules, alignments, resolutions), (request_bytes, client_bytes, total_bytes), metadata_heap)| {
            let base = policy();
            let limits = Limits { request_bytes, client_bytes, total_bytes, buffers_per_request: 8, ..base.limits };
            Policy { heaps, rules, alignments, resolutions, limits, metadata_heap, ..base }
        },
    )
}

/// Mostly all heaps, so that plans succeed often.
pub fn present() -> impl Strategy<Value = HeapSet> {
    prop_oneof![3 => Just(HeapSet::ALL), 1 => any::<u64>().prop_map(HeapSet)]
}
