//! The explanation: that it never disagrees with the plan, and that its words say what a person needs.

// An explanation that lacks its part must stop the test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use common::strategies::{descriptors, policies, present};
use common::*;
use gralloc_allocator::error::Refusal;
use gralloc_allocator::explain::{explain, words, Change, Explanation, HeapPart};
use gralloc_allocator::plan::heaps::Verdict;
use gralloc_allocator::plan::plan;
use gralloc_buffer::layout::Ask;
use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::policy::{Action, Alignment, Condition, HeapId, HeapSet, Policy, Term};
use proptest::prelude::*;

const RGBA: PixelFormat = PixelFormat::Rgba8888;

fn explained<'p>(format: PixelFormat, usage: Usage, policy: &'p Policy) -> Explanation<'p> {
    explain(&descriptor(format, 64, 64, usage), policy, HeapSet::ALL)
}

#[test]
fn each_rule_before_the_winner_says_why_not() {
    let policy = Policy {
        rules: vec![
            rule("protected", with(Usage::PROTECTED), &[SECURE]),
            rule(
                "no-cpu",
                Condition { none_of: vec![Term::Any(Usage::CPU_READ_MASK)].into(), ..always() },
                &[UNCACHED],
            ),
            rule("video", Condition { formats: vec![PixelFormat::Yv12], min_bytes: Some(MIB), ..always() }, &[CAMERA]),
            rule(
                "isp",
                Condition { any_of: vec![Term::Any(VENDOR_BIT), Term::Any(Usage::CAMERA_INPUT)].into(), ..always() },
                &[CAMERA],
            ),
            rule("small", Condition { max_bytes: Some(KIB), not_formats: vec![RGBA], ..always() }, &[SYSTEM]),
            rule("all", always(), &[SYSTEM]),
            rule("never", always(), &[SYSTEM]),
        ],
        ..policy()
    };
    let explanation = explained(RGBA, CPU, &policy);
    let misses: Vec<(&str, Vec<&str>)> = explanation
        .rules
        .iter()
        .map(|rule| (rule.name.as_str(), rule.misses.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(
        misses,
        [
            ("protected", vec!["all_of requires PROTECTED; not set"]),
            ("no-cpu", vec!["none_of excludes any of CPU_READ_MASK; set"]),
            ("video", vec!["formats does not list RGBA_8888", "min_size 1 MiB > 16 KiB"]),
            ("isp", vec!["any_of requires one of VENDOR_ISP, CAMERA_INPUT; none set"]),
            ("small", vec!["not_formats lists RGBA_8888", "max_size 1 KiB < 16 KiB"]),
            ("all", vec![]),
        ]
    );
}

#[test]
fn each_heap_says_what_it_is_to_the_request() {
    let list = [SECURE, CAMERA, UNCACHED, SYSTEM, HeapId(40)];
    let policy = Policy { rules: vec![rule("all", always(), &list)], ..policy() };
    let present = HeapSet(0b0111).with(HeapId(3));
    let explanation = explain(&descriptor(RGBA, 4097, 4096, CPU), &policy, present);
    let parts: Vec<HeapPart> = explanation.heaps.iter().map(|heap| heap.part).collect();
    assert_eq!(
        parts,
        [
            HeapPart::Left(Verdict::Protected),
            HeapPart::Left(Verdict::TooSmall { limit: 64 * MIB }),
            HeapPart::Chosen,
            HeapPart::Fallback,
            HeapPart::Left(Verdict::Unknown),
        ]
    );
    let absent = explain(&vts(RGBA), &policy, HeapSet::default().with(SYSTEM));
    assert_eq!(absent.heaps[1].part, HeapPart::Left(Verdict::Absent));
    let protected = explained(RGBA, Usage::PROTECTED, &policy);
    assert_eq!(protected.heaps[0].part, HeapPart::Chosen);
    assert_eq!(protected.heaps[3].part, HeapPart::Left(Verdict::NotProtected));
}

#[test]
fn each_alignment_says_what_it_changed() {
    let policy = Policy {
        alignments: vec![
            Alignment { asks: vec![Ask::StrideBytes(256)], ..alignment("gpu", with(Usage::GPU_TEXTURE)) },
            Alignment { asks: vec![Ask::StrideBytes(128), Ask::Lines(32)], ..alignment("codec", always()) },
            Alignment { asks: vec![Ask::StrideBytes(64)], ..alignment("weaker", always()) },
        ],
        ..policy()
    };
    let explanation = explain(&descriptor(PixelFormat::Ycbcr420_888, 100, 50, CPU), &policy, HeapSet::ALL);
    let [gpu, codec, weaker] = &explanation.alignments[..] else { panic!("three notes") };
    assert_eq!(gpu.misses, ["all_of requires GPU_TEXTURE; not set"]);
    assert!(gpu.changes.is_empty());
    let change = |what, from, to| Change { what, from, to };
    assert_eq!(
        codec.changes,
        [
            change("stride bytes", 100, 128),
            change("lines", 50, 64),
            change("stride bytes of plane 1", 100, 128),
            change("lines of plane 1", 25, 32),
            change("offset of plane 1", 5000, 8192),
            change("layer bytes", 7500, 12288),
        ]
    );
    assert!(weaker.misses.is_empty() && weaker.changes.is_empty(), "applies and changes nothing");
    let fixed = explain(&descriptor(PixelFormat::Yv12, 100, 50, CPU), &policy, HeapSet::ALL);
    assert_eq!(fixed.alignments[1].unheeded, ["it has exactly as many lines as its height, by its definition"]);
    let blob = explain(&descriptor(PixelFormat::Blob, 100, 1, CPU), &policy, HeapSet::ALL);
    assert_eq!(blob.alignments[1].unheeded.len(), 2);
}

#[test]
fn picture_counts_the_padding() {
    let mut asked = descriptor(PixelFormat::Yv12, 17, 5, CPU);
    asked.layer_count = 2;
    let policy = policy();
    let picture = explain(&asked, &policy, HeapSet::ALL).picture.unwrap();
    // 17×5 luma and twice 9×3 chroma a layer, in 256 bytes.
    assert_eq!((picture.layer_bytes, picture.bytes, picture.padding_bytes), (256, 512, 512 - 2 * (85 + 27 + 27)));
    let lines: Vec<(u64, u32)> = picture.planes.iter().map(|plane| (plane.line_bytes, plane.sample_lines)).collect();
    assert_eq!(lines, [(17, 5), (9, 3), (9, 3)]);
}

#[test]
fn what_is_too_large_still_has_a_picture() {
    let mut policy = policy();
    policy.limits.request_bytes = KIB;
    let explanation = explained(RGBA, CPU, &policy);
    assert_eq!(explanation.outcome.map_err(|refusal| refusal.cause()).err(), Some("request-limit"));
    assert_eq!(explanation.picture.map(|picture| picture.bytes), Some(16 * KIB));
    assert!(explanation.rules.is_empty());
}

#[test]
fn resolution_and_those_before_it_are_named() {
    let policy = policy();
    let explanation = explained(PixelFormat::ImplementationDefined, Usage::CAMERA_OUTPUT, &policy);
    let format = explanation.format.unwrap();
    assert_eq!((format.layout, format.resolution), (Layout::Nv12, Some(2)));
    let [over] = &format.passed_over[..] else { panic!("one") };
    assert_eq!((over.resolution, over.misses.len()), (1, 1));
    assert_eq!(explained(RGBA, CPU, &policy).format.unwrap().resolution, None);
}

#[test]
fn list_of_heaps_says_why_it_is_cached() {
    let often = Term::Equals { mask: Usage::CPU_READ_MASK, value: Usage::CPU_READ_OFTEN };
    let mut policy = policy();
    policy.rules = vec![rule("all", always(), &[])];
    policy.rules[0].action =
        Action::Heaps { heaps: vec![SYSTEM], uncached: vec![UNCACHED, SYSTEM], cached_when: vec![often] };
    assert_eq!(explained(RGBA, CPU, &policy).heap_list, "cached, for CPU_READ_OFTEN");
    assert_eq!(explained(RGBA, Usage::GPU_TEXTURE, &policy).heap_list, "with uncached twins");
    policy.rules[0] = deny("no", always(), "not on this device");
    let denied = explained(RGBA, CPU, &policy);
    assert_eq!(denied.heap_list, "refused: not on this device");
    assert!(denied.heaps.is_empty() && denied.picture.is_some());
}

#[test]
fn words_read_like_the_policy() {
    let policy = policy();
    let equals = |mask, value| Term::Equals { mask, value };
    let said: Vec<String> = [
        Term::Any(Usage::PROTECTED),
        Term::Any(Usage::CAMERA_INPUT | Usage::CAMERA_OUTPUT),
        Term::Any(VENDOR_BIT),
        equals(Usage::CPU_READ_MASK, Usage::NONE),
        equals(Usage::CPU_WRITE_MASK, Usage::CPU_WRITE_RARELY),
        equals(Usage::GPU_TEXTURE, Usage::GPU_TEXTURE),
        equals(Usage::GPU_TEXTURE, Usage::NONE),
    ]
    .into_iter()
    .map(|term| words::term(term, &policy))
    .collect();
    assert_eq!(
        said,
        [
            "PROTECTED",
            "any of CAMERA_OUTPUT|CAMERA_INPUT",
            "VENDOR_ISP",
            "CPU_READ_NEVER",
            "CPU_WRITE_RARELY",
            "GPU_TEXTURE",
            "none of GPU_TEXTURE",
        ]
    );
    assert_eq!(words::usage(Usage::NONE, &policy), "NONE");
    let sizes: Vec<String> = [0, 1, 4096, 64 * MIB, GIB + 1].into_iter().map(words::bytes).collect();
    assert_eq!(sizes, ["0 bytes", "1 bytes", "4 KiB", "64 MiB", "1073741825 bytes"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 4000 }) })]

    #[test]
    fn explanation_agrees_with_the_plan(descriptor in descriptors(), policy in policies(), present in present()) {
        let outcome = plan(&descriptor, &policy, present);
        let explanation = explain(&descriptor, &policy, present);
        prop_assert_eq!(&explanation.outcome, &outcome);
        let chosen: Vec<HeapId> = explanation
            .heaps
            .iter()
            .filter(|heap| matches!(heap.part, HeapPart::Chosen | HeapPart::Fallback))
            .map(|heap| heap.id)
            .collect();
        let winner = explanation.taken_by().map(|rule| rule.index);
        match outcome {
            Ok(plan) => {
                prop_assert_eq!(explanation.request, Some(plan.request));
                prop_assert_eq!(explanation.format.map(|format| format.layout), Some(plan.resolved.layout));
                let picture = explanation.picture.unwrap();
                prop_assert_eq!((picture.stride, picture.bytes), (plan.stride, plan.bytes));
                prop_assert_eq!((picture.layer_bytes, picture.metadata_bytes), (plan.layer_bytes, plan.metadata_bytes));
                let planes: Vec<_> =
                    picture.planes.iter().map(|plane| (plane.offset_bytes, plane.stride_bytes, plane.lines)).collect();
                prop_assert_eq!(planes, common::planes(&plan));
                prop_assert!(picture.padding_bytes < picture.bytes);
                prop_assert_eq!(winner, Some(plan.rule));
                prop_assert_eq!(chosen, plan.candidates_in_order().collect::<Vec<_>>());
                prop_assert_eq!(explanation.heaps.len(), plan.heaps.len());
            }
            // What was refused shows the step that refused, and none after it.
            Err(refusal) => match refusal.cause() {
                "no-rule" => prop_assert!(winner.is_none() && explanation.heaps.is_empty()),
                "denied" => prop_assert!(winner.is_some() && explanation.heaps.is_empty()),
                "heaps-absent" | "buffer-limit" => prop_assert!(winner.is_some()),
                "format" => prop_assert!(explanation.format.is_none()),
                "request-limit" => prop_assert!(explanation.rules.is_empty()),
                _ if matches!(refusal, Refusal::Malformed(_)) => prop_assert!(explanation.picture.is_none()),
                _ => {}
            },
        }
    }
}

/// Metadata without a heap is the last step's refusal: everything before it is explained all the same.
#[test]
fn step_that_refuses_last_leaves_the_others_explained() {
    let policy = Policy { metadata_heap: HeapId(9), ..policy() };
    let explanation = explained(RGBA, CPU, &policy);
    assert_eq!(explanation.outcome.map_err(|refusal| refusal.cause()).err(), Some("metadata-heap-absent"));
    assert!(explanation.picture.is_some() && !explanation.rules.is_empty() && !explanation.heaps.is_empty());
}
