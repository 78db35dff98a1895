//! What holds for every plan, of any size, alignment, layer count, format, usage and policy. The rules are written here
//! a second time, without the code under test.

// A property that does not hold must stop the test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use common::strategies::{conditions, defined_usage, descriptors, format, policies, present};
use gralloc_allocator::plan::{plan, Plan};
use gralloc_buffer::layout::Ask;
use gralloc_buffer::Descriptor;
use gralloc_buffer::METADATA_BYTES;
use gralloc_buffer::{PixelFormat, Usage};
use heaps_config::condition::Subject;
use heaps_config::policy::{Action, Alignment, Condition, HeapId, HeapSet, Policy, Term};
use proptest::prelude::*;

fn term_holds(term: &Term, usage: Usage) -> bool {
    match term {
        Term::Equals { mask, value } => usage.0 & mask.0 == value.0,
        Term::Any(mask) => usage.0 & mask.0 != 0,
    }
}

fn holds(when: &Condition, usage: Usage, format: PixelFormat, bytes: Option<u64>) -> bool {
    let holds = |term: &Term| term_holds(term, usage);
    when.all_of.iter().all(holds)
        && (when.any_of.is_empty() || when.any_of.iter().any(holds))
        && !when.none_of.iter().any(holds)
        && (when.formats.is_empty() || when.formats.contains(&format))
        && !when.not_formats.contains(&format)
        && bytes.map_or(true, |bytes| when.min_bytes.map_or(true, |least| bytes >= least))
        && bytes.map_or(true, |bytes| when.max_bytes.map_or(true, |most| bytes <= most))
}

/// 0 asks nothing, as 1 does.
fn is_multiple(value: u64, of: u32) -> bool {
    of == 0 || value % u64::from(of) == 0
}

fn assert_aligned(plan: &Plan<'_>, alignment: &Alignment) {
    let planes = plan.planes.as_slice();
    let first = planes[0];
    let layout = plan.resolved.layout;
    for ask in &alignment.asks {
        match *ask {
            Ask::LayerBytes(bytes) => assert!(is_multiple(plan.layer_bytes, bytes)),
            Ask::Lines(lines) if !layout.has_fixed_height() => assert!(is_multiple(first.lines.into(), lines)),
            Ask::StrideBytes(bytes) if !layout.has_fixed_stride() => {
                for plane in planes {
                    assert!(is_multiple(plane.stride_bytes.into(), bytes), "{plane:?}, {alignment:?}");
                }
            }
            Ask::StridePixels(pixels @ 2..) if !layout.has_fixed_stride() => {
                let bits = u64::from(first.stride_bytes) * 8;
                let pixels = u64::from(layout.bits_per_pixel()) * u64::from(pixels);
                assert_eq!(bits % pixels, 0, "{first:?}, {alignment:?}");
            }
            Ask::Lines(_) | Ask::StrideBytes(_) | Ask::StridePixels(_) => {}
            other => panic!("nothing holds {other:?}"),
        }
    }
}

fn assert_inside(plan: &Plan<'_>) {
    let mut end = 0u64;
    for (index, (plane, shape)) in plan.planes.as_slice().iter().zip(plan.resolved.layout.shapes()).enumerate() {
        assert_eq!(plane.offset_bytes, end, "planes follow one another");
        assert!(plane.lines >= shape.samples_down(plan.request.height));
        assert!(u64::from(plane.stride_bytes) >= plan.resolved.layout.line_bytes(index, plan.request.width).unwrap());
        assert!(i32::try_from(plane.stride_bytes).is_ok() && i32::try_from(plane.lines).is_ok());
        end = plane.offset_bytes.checked_add(plane.bytes()).unwrap();
        let sample_bytes = u64::from(shape.sample_increment_bits() / 8).max(1);
        assert_eq!(plane.offset_bytes % sample_bytes, 0, "samples do not straddle");
        assert_eq!(plan.layer_bytes % if plan.request.layers > 1 { 64 } else { 1 }, 0);
    }
    assert_eq!(plan.planes.as_slice().len(), plan.resolved.layout.shapes().len());
    assert!(end <= plan.layer_bytes);
    assert_eq!(plan.layer_bytes.checked_mul(u64::from(plan.request.layers)), Some(plan.bytes));
    assert!(i32::try_from(plan.stride).is_ok());
    assert_eq!(plan.resolved.layout.stride_of(plan.planes.as_slice()[0].stride_bytes), plan.stride);
    plan.resolved.layout.check(&plan.planes, plan.layer_bytes, plan.request.width, plan.request.height).unwrap();
}

fn assert_in_limits(plan: &Plan<'_>, policy: &Policy) {
    assert!(plan.metadata_bytes >= METADATA_BYTES);
    let one = plan.total_bytes(1).unwrap();
    assert_eq!(one, plan.bytes + plan.metadata_bytes);
    assert!(one <= policy.limits.request_bytes);
    assert!(one <= policy.limits.client_bytes.unwrap_or(u64::MAX));
    assert!(one <= policy.limits.total_bytes.unwrap_or(u64::MAX));
}

fn assert_heaps(plan: &Plan<'_>, policy: &Policy, present: HeapSet) {
    let rule = &policy.rules[plan.rule];
    let format = plan.request.format;
    assert!(holds(&rule.when, plan.request.usage, format, Some(plan.bytes)));
    for earlier in &policy.rules[..plan.rule] {
        assert!(!holds(&earlier.when, plan.request.usage, format, Some(plan.bytes)), "an earlier rule takes it");
    }
    let Action::Heaps { heaps, uncached, cached_when } = &rule.action else { panic!("the rule refuses") };
    let wants_cache = cached_when.iter().any(|term| term_holds(term, plan.request.usage));
    let list: &[HeapId] = if wants_cache || uncached.is_empty() { heaps } else { uncached };
    assert_eq!(plan.heaps, list);
    let protected = plan.request.usage.0 & Usage::PROTECTED.0 != 0;
    let pages = |bytes: u64| bytes.checked_next_multiple_of(16384).unwrap();
    let fits = |id: &HeapId| {
        // A budget holds all that is in the heap: the metadata too, where that is its heap.
        let metadata = if *id == policy.metadata_heap { pages(plan.metadata_bytes) } else { 0 };
        present.contains(*id)
            && policy.heap(*id).is_some_and(|heap| {
                heap.protected == protected
                    && plan.bytes <= heap.max_buffer_bytes.unwrap_or(u64::MAX)
                    && pages(plan.bytes) + metadata <= heap.budget_bytes.unwrap_or(u64::MAX)
            })
    };
    let order: Vec<HeapId> = plan.candidates_in_order().collect();
    assert_eq!(order, list.iter().copied().filter(fits).collect::<Vec<_>>());
    assert!(!order.is_empty());
    assert!(present.contains(policy.metadata_heap));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 4000 }) })]

    #[test]
    fn every_plan_is_sound(descriptor in descriptors(), policy in policies(), present in present()) {
        let Ok(plan) = plan(&descriptor, &policy, present) else { return Ok(()) };
        assert_inside(&plan);
        for alignment in &policy.alignments {
            if holds(&alignment.when, plan.request.usage, plan.request.format, None) {
                assert_aligned(&plan, alignment);
            }
        }
        assert_in_limits(&plan, &policy);
        assert_heaps(&plan, &policy, present);
    }

    /// Odd sizes, alignments and layers together, in a policy that refuses nothing: most of these succeed.
    #[test]
    fn every_layout_is_sound_at_every_size(
        format in format(),
        (width, height, layers) in (1i32..500, 1i32..500, 1i32..8),
        aligned in proptest::array::uniform4(0u32..12),
    ) {
        let [stride_bytes, stride_pixels, height_lines, size_bytes] = aligned.map(|bit| 1 << bit);
        let asks = vec![
            Ask::StrideBytes(stride_bytes), Ask::StridePixels(stride_pixels), Ask::Lines(height_lines), Ask::LayerBytes(size_bytes),
        ];
        let asked = Alignment { asks, ..common::alignment("any", common::always()) };
        let policy = Policy { alignments: vec![asked.clone()], ..common::policy() };
        let height = if format == PixelFormat::Blob { 1 } else { height };
        let layer_count = if format == PixelFormat::Blob { 1 } else { layers };
        let descriptor = Descriptor { layer_count, ..common::descriptor(format, width, height, common::CPU) };
        match plan(&descriptor, &policy, HeapSet::ALL) {
            Ok(plan) => {
                assert_inside(&plan);
                assert_aligned(&plan, &asked);
            }
            Err(refusal) => prop_assert!(["format", "size-for-format"].contains(&refusal.cause()), "{refusal}"),
        }
    }

    /// A larger picture never needs less memory.
    #[test]
    fn bytes_grow_with_the_size(format in format(), (width, height) in (1i32..100, 1i32..100), aligned in 0u32..8) {
        let asked = Alignment { asks: vec![Ask::StrideBytes(1 << aligned)], ..common::alignment("any", common::always()) };
        let policy = Policy { alignments: vec![asked], ..common::policy() };
        let bytes = |width, height| {
            plan(&common::descriptor(format, width, height, common::CPU), &policy, HeapSet::ALL).map(|plan| plan.bytes)
        };
        // RAW takes multiples of four and of two.
        let (width, height) = (width * 4, if format == PixelFormat::Blob { 1 } else { height * 2 });
        let taller = if format == PixelFormat::Blob { 1 } else { height + 2 };
        if let (Ok(small), Ok(large)) = (bytes(width, height), bytes(width + 4, taller)) {
            prop_assert!(small <= large);
        }
    }

    /// The walk that explains a condition and the truth of it are one.
    #[test]
    fn conditions_hold_when_nothing_is_missed(
        when in conditions(),
        usage in defined_usage(),
        format in format(),
        bytes in proptest::option::of(0u64..200_000),
    ) {
        prop_assert_eq!(when.holds(Subject { bytes, ..Subject::new(usage, format) }), holds(&when, usage, format, bytes));
        prop_assert_eq!(when.misses(Subject { bytes, ..Subject::new(usage, format) }).next().is_none(), holds(&when, usage, format, bytes));
    }
}
