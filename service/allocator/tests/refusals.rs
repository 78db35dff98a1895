//! What [`plan`] refuses, with which answer; and which heaps it gives to what it takes.

// Longer than others because a refusal is read beside the request that it barely lets through.

// A plan that is refused, or not, against expectation must stop the test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use common::*;
use gralloc_allocator::error::{Malformed, Refusal, Unsupported};
use gralloc_allocator::plan::plan;
use gralloc_buffer::layout::Ask;
use gralloc_buffer::METADATA_BYTES;
use gralloc_buffer::{Descriptor, DescriptorOption};
use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::policy::{AcceptedOption, Action, Alignment, Condition, Heap, HeapId, HeapSet, Limits, Policy, Term};

const RGBA: PixelFormat = PixelFormat::Rgba8888;

/// The only heap ids of `policy()`.
fn set(heaps: &[HeapId]) -> HeapSet {
    heaps.iter().fold(HeapSet::default(), |set, heap| set.with(*heap))
}

fn refusal(descriptor: &Descriptor, policy: &Policy) -> Refusal {
    planned(descriptor, policy).expect_err("a refusal")
}

fn option(name: &str, value: i64) -> DescriptorOption {
    DescriptorOption { name: name.to_owned(), value }
}

#[test]
fn malformed_descriptors_are_named() {
    let policy = policy();
    let good = vts(RGBA);
    let refused = |change: fn(&mut Descriptor)| {
        let mut descriptor = good.clone();
        change(&mut descriptor);
        match refusal(&descriptor, &policy) {
            Refusal::Malformed(why) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|asked| asked.width = 0), Malformed::Size { width: 0, height: 64 });
    assert_eq!(refused(|asked| asked.height = -1), Malformed::Size { width: 64, height: -1 });
    assert_eq!(refused(|asked| asked.width = i32::MIN), Malformed::Size { width: i32::MIN, height: 64 });
    assert_eq!(refused(|asked| asked.layer_count = 0), Malformed::LayerCount(0));
    assert_eq!(refused(|asked| asked.reserved_size = -5), Malformed::ReservedSize(-5));
    assert_eq!(refused(|asked| asked.format = PixelFormat::Blob.to_wire()), Malformed::BlobHeight(64));
}

#[test]
fn blob_with_layers_is_malformed() {
    let mut blob = descriptor(PixelFormat::Blob, 100, 1, CPU);
    blob.layer_count = 2;
    let expected = Malformed::SizeForFormat { format: "BLOB", needs: "a layer count of 1" };
    assert_eq!(refusal(&blob, &policy()), expected.into());
}

#[test]
fn formats_without_a_layout_are_refused_with_a_reason() {
    let bare = Policy { resolutions: vec![], ..policy() };
    for (value, policy) in [
        (PixelFormat::Unspecified.to_wire(), &policy()),
        (PixelFormat::ImplementationDefined.to_wire(), &bare),
        (PixelFormat::Ycbcr420_888.to_wire(), &bare),
        (PixelFormat::RawOpaque.to_wire(), &bare),
        (-1, &bare),
        (0x100, &bare),
    ] {
        let asked = Descriptor { format: value, ..vts(RGBA) };
        match refusal(&asked, policy) {
            Refusal::Unsupported(Unsupported::Format { value: named, reason }) => {
                assert_eq!(named, value);
                assert!(!reason.is_empty());
            }
            other => panic!("{value:#x}: {other:?}"),
        }
    }
}

#[test]
fn every_format_plans_or_has_a_stated_reason() {
    let policy = policy();
    for format in PixelFormat::ALL {
        let height = if *format == PixelFormat::Blob { 1 } else { 64 };
        match planned(&descriptor(*format, 64, height, CPU), &policy) {
            Ok(plan) => {
                assert!(plan.bytes > 0 && Layout::of(*format).map_or(true, |layout| layout == plan.resolved.layout))
            }
            Err(refusal) => assert_eq!(*format, PixelFormat::Unspecified, "{}: {refusal}", format.name()),
        }
    }
}

/// Trees before common V7 have no such formats: there a policy has to ask for them.
#[test]
fn formats_of_a_later_common_are_refused_where_neither_build_nor_policy_is_of_it() {
    for format in PixelFormat::ALL.iter().filter(|format| **format != PixelFormat::Blob) {
        for (said, version) in [(None, gralloc_allocator::request::GRAPHICS_COMMON), (Some(5), 5), (Some(6), 6)] {
            let policy = Policy { graphics_common: said, ..policy() };
            let answer = planned(&vts(*format), &policy).err().map(|refusal| refusal.cause());
            let refused = format.since() > version || *format == PixelFormat::Unspecified;
            assert_eq!(answer, refused.then_some("format"), "{} with {said:?}", format.name());
        }
    }
    let since_7: Vec<i32> =
        PixelFormat::ALL.iter().filter(|format| format.since() == 7).map(|it| it.to_wire()).collect();
    assert_eq!(since_7, [0x2c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44]);
}

/// V6 brought it: a tree of V5 has no such format, and a policy of one may say so.
#[test]
fn p210_is_taken_by_builds_from_v6_on_and_where_the_policy_says_v6() {
    let answer = |graphics_common| {
        let policy = Policy { graphics_common, ..policy() };
        planned(&vts(PixelFormat::YcbcrP210), &policy).err().map(|refusal| refusal.to_string())
    };
    assert_eq!([Some(6), Some(7)].map(answer), [None, None]);
    let refused = answer(Some(5)).unwrap();
    assert!(refused.contains("0x3c") && refused.contains("the policy's graphics_common"), "{refused}");
    assert_eq!(answer(None).is_none(), cfg!(any(feature = "common_v6", feature = "common_v7")));
}

/// VTS asks with bit 33 and with an option that nobody knows.
#[test]
fn unknown_usage_and_options_are_unsupported() {
    let policy = policy();
    let bit = Usage(1 << 33);
    assert_eq!(refusal(&descriptor(RGBA, 64, 64, CPU | bit), &policy), Unsupported::UsageBits(bit).into());
    let mut asked = vts(RGBA);
    asked.options = vec![option("FAKE", 1)];
    assert_eq!(refusal(&asked, &policy), Unsupported::Option { name: "FAKE".to_owned() }.into());
    asked.options = vec![option("test.one", 2)];
    assert_eq!(
        refusal(&asked, &policy),
        Unsupported::OptionValue { name: "test.one".to_owned(), value: 2, allowed: vec![1] }.into()
    );
    asked.options = vec![option("test.one", 1), option("test.any", -7)];
    planned(&asked, &policy).unwrap();
}

/// AOSP's AHardwareBufferTest asks for a dataspace; no policy has to name the option.
#[test]
fn any_dataspace_is_accepted_and_what_is_none_is_refused_by_its_number() {
    const DATASPACE: &str = "android.hardware.graphics.common.Dataspace";
    let policy = policy();
    let mut asked = vts(RGBA);
    assert!(planned(&asked, &policy).unwrap().request.dataspace.is_unknown());
    for value in [0, 1, 142_671_872, 163_971_072, 0x1001] {
        asked.options = vec![option(DATASPACE, value)];
        assert_eq!(i64::from(planned(&asked, &policy).unwrap().request.dataspace.to_wire()), value);
    }
    for value in [2, -1, 1 << 32, 0x7fff_ffff, i64::MIN] {
        asked.options = vec![option(DATASPACE, value)];
        let refused = refusal(&asked, &policy);
        assert_eq!(refused, Unsupported::Dataspace(value).into());
        let words = refused.to_string();
        assert!(words.contains(DATASPACE) && words.contains(&format!("{value:#x}")), "{words}");
        assert!(words.contains("allowed are its names, and STANDARD to 11, TRANSFER to 8 and RANGE to 3"), "{words}");
    }
    // Which of two counts nobody says, though both be the same.
    for (first, second) in [(1, 142_671_872), (1, 1)] {
        asked.options = vec![option(DATASPACE, first), option(DATASPACE, second)];
        assert_eq!(refusal(&asked, &policy), Malformed::OptionTwice(DATASPACE.to_owned()).into());
    }
    // A policy may still say which.
    let mut narrow = policy.clone();
    narrow.options.push(AcceptedOption { name: DATASPACE.to_owned(), values: vec![1] });
    asked.options = vec![option(DATASPACE, 142_671_872)];
    let refused = Unsupported::OptionValue { name: DATASPACE.to_owned(), value: 142_671_872, allowed: vec![1] };
    let words = refused.to_string();
    assert!(words.contains(DATASPACE) && words.contains("142671872") && words.contains("accepts 1"), "{words}");
    assert_eq!(refusal(&asked, &narrow), refused.into());
}

#[test]
fn vendor_bits_need_a_name_in_the_policy() {
    let policy = policy();
    planned(&descriptor(RGBA, 64, 64, VENDOR_BIT), &policy).unwrap();
    let other = Usage(1 << 29);
    assert_eq!(refusal(&descriptor(RGBA, 64, 64, other), &policy), Unsupported::UsageBits(other).into());
}

#[test]
fn contradictory_usages_are_refused() {
    let policy = policy();
    let refused = |usage: Usage, (width, height, layers): (i32, i32, i32)| {
        let mut asked = descriptor(RGBA, width, height, usage);
        asked.layer_count = layers;
        planned(&asked, &policy).map(|_| ()).map_err(|refusal| refusal.cause())
    };
    assert_eq!(refused(Usage::PROTECTED | Usage::CPU_READ_RARELY, (64, 64, 1)), Err("combination"));
    assert_eq!(refused(Usage::PROTECTED | Usage::COMPOSER_OVERLAY, (64, 64, 1)), Ok(()));
    assert_eq!(refused(Usage::GPU_TEXTURE | Usage::GPU_MIPMAP_COMPLETE, (64, 64, 1)), Err("combination"));
    let cube = Usage::GPU_TEXTURE | Usage::GPU_CUBE_MAP;
    assert_eq!(refused(cube, (64, 64, 6)), Ok(()));
    assert_eq!(refused(cube, (64, 64, 12)), Ok(()));
    assert_eq!(refused(cube, (64, 64, 1)), Err("combination"));
    assert_eq!(refused(cube, (64, 64, 9)), Err("combination"));
    assert_eq!(refused(cube, (64, 32, 6)), Err("combination"));
}

#[test]
fn sizes_beyond_64_bits_are_refused_not_wrapped() {
    let policy = Policy { limits: Limits { request_bytes: u64::MAX, ..policy().limits }, ..policy() };
    let mut asked = descriptor(PixelFormat::RgbaFp16, i32::MAX, i32::MAX, Usage::GPU_TEXTURE);
    let overflow = Refusal::from(Unsupported::RequestTooLarge { bytes: None, limit: u64::MAX });
    assert_eq!(refusal(&asked, &policy), overflow);
    asked.layer_count = i32::MAX;
    assert_eq!(refusal(&asked, &policy), overflow);
    // Each factor fits, the product with the layers does not.
    let mut asked = descriptor(RGBA, 1 << 24, 1 << 24, Usage::GPU_TEXTURE);
    asked.layer_count = 1 << 24;
    assert_eq!(refusal(&asked, &policy), overflow);
    let mut asked = vts(RGBA);
    asked.reserved_size = i64::MAX;
    assert_eq!(planned(&asked, &policy).unwrap().metadata_bytes, METADATA_BYTES + (1 << 63) - 1);
}

/// A line of 2^31 bytes and more does not fit the int that carries the stride, even where no limit minds.
#[test]
fn strides_beyond_the_wire_are_refused() {
    let policy = Policy { limits: Limits { request_bytes: u64::MAX, ..policy().limits }, ..policy() };
    let usage = Usage::GPU_TEXTURE;
    assert_eq!(refusal(&descriptor(RGBA, 1 << 29, 1, usage), &policy).cause(), "combination");
    let widest = planned(&descriptor(RGBA, (1 << 29) - 1, 1, usage), &policy).unwrap();
    assert_eq!(widest.bytes, (1 << 31) - 4);
    let blob = planned(&descriptor(PixelFormat::Blob, i32::MAX, 1, CPU), &policy).unwrap();
    assert_eq!((blob.stride, blob.bytes), (0x7fff_ffff, 0x7fff_ffff));
}

#[test]
fn limits_hold_one_buffer_with_its_metadata() {
    let base = policy();
    let with = |limits| Policy { limits, ..base.clone() };
    // 64 KiB of pixels and one page of metadata.
    let asked = descriptor(RGBA, 128, 128, CPU);
    let enough = 64 * KIB + 16 * KIB;
    let unlimited = Limits { request_bytes: u64::MAX, ..base.limits };
    for limits in [
        Limits { request_bytes: enough - 1, ..unlimited },
        Limits { client_bytes: Some(enough - 1), ..unlimited },
        Limits { total_bytes: Some(enough - 1), ..unlimited },
    ] {
        let expected = Unsupported::RequestTooLarge { bytes: Some(enough), limit: enough - 1 };
        assert_eq!(refusal(&asked, &with(limits)), expected.into());
    }
    for limits in [
        Limits { request_bytes: enough, ..unlimited },
        Limits { client_bytes: Some(enough), total_bytes: Some(enough), ..unlimited },
    ] {
        planned(&asked, &with(limits)).unwrap();
    }
}

#[test]
fn reserved_region_counts_against_the_request() {
    let policy = Policy { limits: Limits { request_bytes: MIB, ..policy().limits }, ..policy() };
    let mut asked = vts(RGBA);
    asked.reserved_size = 100;
    let plan = planned(&asked, &policy).unwrap();
    assert_eq!(plan.metadata_bytes, METADATA_BYTES + 100);
    assert_eq!(plan.total_bytes(3), Some(3 * (64 * 64 * 4 + METADATA_BYTES + 100)));
    asked.reserved_size = 1 << 20;
    assert_eq!(refusal(&asked, &policy).cause(), "request-limit");
    asked.reserved_size = i64::MAX;
    assert_eq!(refusal(&asked, &policy).cause(), "request-limit");
}

#[test]
fn no_rule_and_denying_rules_are_told_apart() {
    let none = Policy { rules: vec![rule("camera", with(Usage::CAMERA_OUTPUT), &[SYSTEM])], ..policy() };
    assert_eq!(refusal(&vts(RGBA), &none), Unsupported::NoRule.into());
    let mut denying = policy();
    denying.rules.insert(0, deny("no-cursor", with(Usage::COMPOSER_CURSOR), "this display has no cursor plane"));
    let expected =
        Unsupported::Denied { rule: "no-cursor".to_owned(), reason: "this display has no cursor plane".to_owned() };
    assert_eq!(refusal(&descriptor(RGBA, 64, 64, Usage::COMPOSER_CURSOR), &denying), expected.into());
    assert_eq!(planned(&vts(RGBA), &denying).unwrap().rule, 2);
}

#[test]
fn first_rule_that_holds_takes_the_request() {
    let small = Condition { max_bytes: Some(16 * KIB), ..always() };
    let large = Condition { min_bytes: Some(16 * KIB + 1), formats: vec![RGBA], ..always() };
    let policy = Policy {
        rules: vec![
            rule("small", small, &[UNCACHED]),
            rule("large-rgba", large, &[CAMERA, SYSTEM]),
            rule("all", always(), &[SYSTEM]),
        ],
        ..policy()
    };
    let rule_of = |format, width| planned(&descriptor(format, width, 64, CPU), &policy).unwrap().rule;
    assert_eq!(rule_of(RGBA, 64), 0, "exactly 16 KiB");
    assert_eq!(rule_of(RGBA, 65), 1);
    assert_eq!(rule_of(PixelFormat::Rgbx8888, 64), 0);
    assert_eq!(rule_of(PixelFormat::Rgbx8888, 65), 2);
}

#[test]
fn bounds_of_a_condition_are_inclusive() {
    let exactly = Condition { min_bytes: Some(16 * KIB), max_bytes: Some(16 * KIB), ..always() };
    let policy = Policy { rules: vec![rule("exactly", exactly, &[SYSTEM])], ..policy() };
    let takes = |width| planned(&descriptor(RGBA, width, 64, CPU), &policy).is_ok();
    assert_eq!([takes(63), takes(64), takes(65)], [false, true, false]);
}

/// CPU_READ_RARELY is 2 and OFTEN is 3: values of a field, no flags.
#[test]
fn cpu_fields_are_values_not_bits() {
    let often = Term::Equals { mask: Usage::CPU_READ_MASK, value: Usage::CPU_READ_OFTEN };
    let rarely = Term::Equals { mask: Usage::CPU_READ_MASK, value: Usage::CPU_READ_RARELY };
    let policy = Policy {
        rules: vec![
            rule("rarely", Condition { all_of: vec![rarely].into(), ..always() }, &[UNCACHED]),
            rule("often", Condition { any_of: vec![often].into(), ..always() }, &[SYSTEM]),
            rule("none", Condition { none_of: vec![Term::Any(Usage::CPU_READ_MASK)].into(), ..always() }, &[CAMERA]),
        ],
        ..policy()
    };
    let rule_of = |usage| planned(&descriptor(RGBA, 64, 64, usage), &policy).unwrap().rule;
    assert_eq!(rule_of(Usage::CPU_READ_OFTEN), 1);
    assert_eq!(rule_of(Usage::CPU_READ_RARELY), 0);
    assert_eq!(rule_of(Usage::CPU_WRITE_OFTEN), 2);
}

#[test]
fn absent_and_small_heaps_are_left_out_in_order() {
    let policy = Policy { rules: vec![rule("all", always(), &[CAMERA, UNCACHED, SYSTEM])], ..policy() };
    let order = |width, present| {
        plan(&descriptor(RGBA, width, 4096, CPU), &policy, present)
            .map(|plan| plan.candidates_in_order().collect::<Vec<_>>())
            .map_err(|refusal| refusal.cause())
    };
    assert_eq!(order(64, HeapSet::ALL), Ok(vec![CAMERA, UNCACHED, SYSTEM]));
    assert_eq!(order(64, set(&[CAMERA, SYSTEM])), Ok(vec![CAMERA, SYSTEM]));
    // 4096 lines of 4097 pixels are one line more than 64 MiB.
    assert_eq!(order(4096, HeapSet::ALL), Ok(vec![CAMERA, UNCACHED, SYSTEM]));
    assert_eq!(order(4097, HeapSet::ALL), Ok(vec![UNCACHED, SYSTEM]));
}

#[test]
fn heaps_absent_and_buffer_too_large_are_told_apart() {
    let policy = Policy { rules: vec![rule("camera", always(), &[CAMERA, UNCACHED])], ..policy() };
    let absent = plan(&vts(RGBA), &policy, set(&[SYSTEM])).expect_err("absent");
    assert_eq!(absent, Unsupported::HeapsAbsent { rule: "camera".to_owned() }.into());
    let large = descriptor(RGBA, 4097, 4096, CPU);
    let small = plan(&large, &policy, set(&[SYSTEM, CAMERA])).expect_err("too small");
    assert_eq!(small, Unsupported::BufferTooLarge { bytes: 4097 * 4096 * 4, limit: 64 * MIB }.into());
}

#[test]
fn budget_of_a_heap_bounds_one_buffer_in_pages() {
    let budget = |bytes| {
        let heaps = vec![Heap { budget_bytes: Some(bytes), ..heap("system") }];
        Policy { heaps, rules: vec![rule("all", always(), &[SYSTEM])], ..policy() }
    };
    let asked = descriptor(RGBA, 65, 64, CPU);
    // Two pages, and one of metadata in the same heap.
    planned(&asked, &budget(48 * KIB)).unwrap();
    // 16,640 bytes fit; the pages that hold them do not.
    let expected = Unsupported::BufferTooLarge { bytes: 65 * 64 * 4, limit: 17 * KIB };
    assert_eq!(refusal(&asked, &budget(33 * KIB)), expected.into());
}

#[test]
fn reserved_region_beyond_the_budget_of_the_metadata_heap_is_refused() {
    let base = policy();
    let metadata_heap = usize::from(base.metadata_heap.0);
    let with = |budget| {
        let mut policy = base.clone();
        policy.heaps[metadata_heap].budget_bytes = Some(budget);
        policy
    };
    let asked = Descriptor { reserved_size: 64 << 20, ..descriptor(RGBA, 1, 1, CPU) };
    let bytes = METADATA_BYTES + (64 << 20);
    let expected = Unsupported::BufferTooLarge { bytes, limit: 40 << 20 };
    assert_eq!(refusal(&asked, &with(40 << 20)), expected.into());
    planned(&asked, &with(80 << 20)).unwrap();
}

#[test]
fn smaller_of_two_bounds_of_a_heap_is_named() {
    let heaps = vec![Heap { max_buffer_bytes: Some(64 * KIB), budget_bytes: Some(48 * KIB), ..heap("system") }];
    let policy = Policy { heaps, rules: vec![rule("all", always(), &[SYSTEM])], ..policy() };
    for width in [256i32, 512] {
        let bytes = 64 * 4 * u64::from(width.unsigned_abs());
        let expected = Unsupported::BufferTooLarge { bytes, limit: 32 * KIB };
        assert_eq!(refusal(&descriptor(RGBA, width, 64, CPU), &policy), expected.into());
    }
}

#[test]
fn protected_content_gets_a_protected_heap_or_nothing() {
    let protected = descriptor(RGBA, 64, 64, Usage::PROTECTED | Usage::COMPOSER_OVERLAY);
    let base = policy();
    assert_eq!(planned(&protected, &base).unwrap().candidates, set(&[SECURE]));
    // The policy falls back to ordinary memory; the plan does not.
    let leaky = Policy { rules: vec![rule("all", always(), &[SECURE, SYSTEM])], ..base.clone() };
    assert_eq!(planned(&protected, &leaky).unwrap().candidates, set(&[SECURE]));
    let absent = plan(&protected, &leaky, set(&[SYSTEM])).expect_err("no ordinary memory");
    assert_eq!(absent, Unsupported::HeapsAbsent { rule: "all".to_owned() }.into());
    let wrong = Policy { rules: vec![rule("all", always(), &[SYSTEM])], ..base.clone() };
    assert_eq!(refusal(&protected, &wrong).cause(), "combination");
    // And the other way round.
    assert_eq!(planned(&vts(RGBA), &leaky).unwrap().candidates, set(&[SYSTEM]));
    let wrong = Policy { rules: vec![rule("all", always(), &[SECURE])], ..base };
    let refused = refusal(&vts(RGBA), &wrong);
    assert!(refused.cause() == "combination" && refused.to_string().contains("only protected heaps"), "{refused}");
    // A rule without a heap says that, and nothing of protection.
    for heaps in [&[][..], &[HeapId(9)]] {
        let wrong = Policy { rules: vec![rule("all", always(), heaps)], ..policy() };
        let refused = refusal(&vts(RGBA), &wrong);
        assert!(refused.to_string().contains("names no heap that the policy has"), "{refused}");
    }
}

#[test]
fn metadata_needs_its_heap() {
    let policy = Policy { metadata_heap: UNCACHED, ..policy() };
    let absent = plan(&vts(RGBA), &policy, set(&[SYSTEM])).expect_err("no metadata heap");
    assert_eq!(absent, Unsupported::MetadataHeapAbsent { heap: "system-uncached".to_owned() }.into());
    let unknown = Policy { metadata_heap: HeapId(9), ..policy };
    assert_eq!(refusal(&vts(RGBA), &unknown).cause(), "metadata-heap-absent");
    let small = Policy { metadata_heap: CAMERA, ..unknown };
    let mut asked = vts(RGBA);
    asked.reserved_size = 65 << 20;
    let expected = Unsupported::BufferTooLarge { bytes: 65 * MIB + METADATA_BYTES, limit: 64 * MIB };
    assert_eq!(refusal(&asked, &small), expected.into());
    asked.reserved_size = i64::try_from(64 * MIB - METADATA_BYTES).expect("fits");
    assert_eq!(planned(&asked, &small).expect("what the heap gives at most").metadata_bytes, 64 * MIB);
}

#[test]
fn uncached_twins_are_used_unless_the_usage_wants_the_cache() {
    let cached_when = vec![Term::Equals { mask: Usage::CPU_READ_MASK, value: Usage::CPU_READ_OFTEN }];
    let mut twins = policy();
    twins.rules = vec![rule("all", always(), &[])];
    twins.rules[0].action = Action::Heaps { heaps: vec![SYSTEM], uncached: vec![UNCACHED, SYSTEM], cached_when };
    let heaps = |usage| planned(&descriptor(RGBA, 64, 64, usage), &twins).unwrap().heaps.to_vec();
    assert_eq!(heaps(Usage::CPU_READ_OFTEN), [SYSTEM]);
    assert_eq!(heaps(Usage::CPU_READ_RARELY), [UNCACHED, SYSTEM]);
    assert_eq!(heaps(Usage::GPU_TEXTURE), [UNCACHED, SYSTEM]);
}

#[test]
fn first_resolution_that_holds_decides_a_flexible_format() {
    let policy = policy();
    let layout = |usage| {
        planned(&descriptor(PixelFormat::ImplementationDefined, 64, 64, usage), &policy).unwrap().resolved.layout
    };
    assert_eq!(layout(Usage::GPU_RENDER_TARGET), Layout::Rgba8888);
    assert_eq!(layout(Usage::CAMERA_OUTPUT), Layout::Nv12);
}

#[test]
fn format_that_names_no_layout_is_told_from_one_that_nothing_resolves() {
    let reason = |format: PixelFormat, policy: &Policy| match refusal(&descriptor(format, 64, 64, CPU), policy) {
        Refusal::Unsupported(Unsupported::Format { value, reason }) if value == format.to_wire() => reason,
        other => panic!("{other:?}"),
    };
    assert!(reason(PixelFormat::Unspecified, &policy()).contains("names no layout"));
    let unresolved = Policy { resolutions: Vec::new(), ..policy() };
    assert!(reason(PixelFormat::ImplementationDefined, &unresolved).contains("no resolution"));
}

/// A resolution can lead to a layout that the size does not suit; it is judged like any other.
#[test]
fn resolved_layouts_keep_their_own_rules() {
    let refused = refusal(&descriptor(PixelFormat::RawOpaque, 63, 64, Usage::CAMERA_OUTPUT), &policy());
    assert!(matches!(refused, Refusal::Malformed(Malformed::SizeForFormat { format: "RAW16", .. })), "{refused:?}");
}

/// A policy that skipped validation can hold any number: none of them may panic.
#[test]
fn alignments_that_are_no_powers_of_two_are_common_multiples() {
    let odd = Alignment {
        asks: vec![Ask::StrideBytes(48), Ask::StridePixels(0), Ask::Lines(7), Ask::LayerBytes(1000)],
        ..alignment("odd", always())
    };
    let policy = Policy { alignments: vec![odd], ..policy() };
    let plan = planned(&vts(RGBA), &policy).unwrap();
    assert_eq!(planes(&plan), [(0, 288, 70)]);
    assert_eq!(plan.bytes, 21_000);
}

/// Odd multiples of 256 and of 512 have no number in common: 1536 is six times 256.
#[test]
fn odd_multiples_that_exclude_one_another_are_refused_by_name() {
    let stride = |format, width, asks: &[&[Ask]]| {
        let named =
            |(at, asks): (usize, &&[Ask])| Alignment { asks: asks.to_vec(), ..alignment(&at.to_string(), always()) };
        let alignments = asks.iter().enumerate().map(named);
        let policy = Policy { alignments: alignments.collect(), ..policy() };
        planned(&descriptor(format, width, 2, CPU), &policy).map(|plan| planes(&plan)[0].1)
    };
    let y8 = PixelFormat::Y8;
    assert_eq!(stride(y8, 1000, &[&[Ask::OddStrideBytes(768)], &[Ask::OddStrideBytes(1280)]]), Ok(3840));
    assert_eq!(stride(y8, 1000, &[&[Ask::OddStrideBytes(256)], &[Ask::OddStridePixels(256)]]), Ok(1280));
    let (one, other) = (Ask::OddStrideBytes(256), Ask::OddStrideBytes(512));
    for (format, asks) in [
        (y8, [one, other]),
        (y8, [other, one]),
        (y8, [one, Ask::OddStrideBytes(1)]),
        (y8, [Ask::OddStrideBytes(1), one]),
        (y8, [Ask::PlaneOddStride(0, 256), other]),
        (y8, [Ask::PlaneOddStride(0, 256), Ask::PlaneOddStride(0, 512)]),
        (RGBA, [one, Ask::OddStridePixels(256)]),
        (PixelFormat::Ycrcb420Sp, [Ask::PlaneOddStride(0, 256), Ask::OddStridePixels(512)]),
        (y8, [one, Ask::StrideBytes(512)]),
    ] {
        let [first, second] = asks;
        for asks in [&[&asks[..]][..], &[&[first], &[second]]] {
            let refused = stride(format, 300, asks).expect_err("no such stride");
            assert!(matches!(refused, Refusal::Unsupported(Unsupported::Combination(_))), "{refused:?}");
            assert!(refused.to_string().contains("an odd one excludes another"), "{refused}");
        }
    }
    // The log says which entries they are, and none that has no part in it.
    let asks: [&[Ask]; 3] = [&[one], &[Ask::StrideBytes(64)], &[Ask::StrideBytes(512)]];
    let refused = stride(y8, 300, &asks).expect_err("no such stride").to_string();
    assert!(refused.contains("\"0\" and \"2\"") && !refused.contains("\"1\""), "{refused}");
    // Where the odd ones exclude nothing, it is the bytes that cannot be counted.
    let beyond = [one, Ask::StridePixels(4294967291), Ask::StrideBytes(4294967279), Ask::Width(4294967231)];
    let refused = stride(y8, 300, &[&beyond]).expect_err("too large");
    assert!(matches!(refused, Refusal::Unsupported(Unsupported::RequestTooLarge { bytes: None, .. })), "{refused:?}");
}
