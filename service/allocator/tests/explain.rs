//! The explanation: that it never disagrees with the plan, and that its words say what a person needs.

// An explanation that lacks its part must stop the test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use common::strategies::{descriptors, policies, present};
use common::*;
use gralloc_allocator::error::Refusal;
use gralloc_allocator::explain::{explain, words, Change, Explanation, HeapPart};
use gralloc_allocator::plan::plan;
use gralloc_allocator::plan::Verdict;
use gralloc_buffer::layout::blocks::TwoFields;
use gralloc_buffer::layout::needs::{ChromaStride, PerBlock};
use gralloc_buffer::layout::{Ask, Combine, Grid};
use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::policy::{Action, Alignment, Compress, Condition, HeapId, HeapSet, Policy, Term};
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

/// The rule that the policies' README writes down: each size of block is a figure of its own; of two words the later counts.
#[test]
fn tails_by_block_and_chroma_strides_that_meet_are_combined_by_the_written_rule() {
    let blocks = |width, height, bytes| Ask::TailBlocks(PerBlock { width, height, bytes });
    let explained = |asks: &[(Combine, Ask)]| {
        let entry = |(combine, ask): &(Combine, Ask)| Alignment {
            asks: vec![*ask],
            combine: *combine,
            ..alignment("entry", always())
        };
        let policy = Policy { alignments: asks.iter().map(entry).collect(), ..policy() };
        let request = descriptor(PixelFormat::Ycbcr420_888, 1920, 1088, Usage::VIDEO_DECODER);
        let explanation = explain(&request, &policy, HeapSet::ALL);
        let settled: Vec<String> = explanation.alignments.into_iter().flat_map(|note| note.settled).collect();
        (explanation.picture, settled)
    };
    // 120 x 68 macroblocks, and 30 x 17 blocks of 64 x 64.
    let small = |bytes| (Combine::Lcm, blocks(16, 16, bytes));
    for (second, tail) in [
        (small(64), 8160 * (128 + 64)),
        ((Combine::Maximum, blocks(16, 16, 64)), 8160 * 128),
        ((Combine::Maximum, blocks(16, 16, 192)), 8160 * 192),
        ((Combine::Lcm, blocks(64, 64, 256)), 8160 * 128 + 510 * 256),
        ((Combine::Maximum, blocks(64, 64, 256)), 8160 * 128 + 510 * 256),
        ((Combine::Replace, blocks(64, 64, 256)), 510 * 256),
    ] {
        let (picture, _) = explained(&[small(128), second]);
        assert_eq!(picture.map(|picture| picture.tail_bytes), Some(tail), "{second:?}");
    }
    let sizes: Vec<(Combine, Ask)> = (1..=5).map(|size| (Combine::Lcm, blocks(size, 16, 1))).collect();
    assert!(explained(&sizes[..4]).0.is_some());
    assert!(explained(&sizes).0.is_none(), "of a fifth size there is no word, and it is not left out");
    assert!(explained(&[small(u32::MAX), small(1)]).0.is_none(), "beyond 32 bits");

    let chroma = |chroma| (Combine::Lcm, Ask::Chroma(chroma));
    let (picture, settled) = explained(&[chroma(ChromaStride::Half), chroma(ChromaStride::Same)]);
    assert_eq!(settled, ["chroma_stride half -> same"]);
    assert_eq!(picture.map(|picture| picture.planes[1].stride_bytes), Some(1920));
    assert!(explained(&[chroma(ChromaStride::Same), chroma(ChromaStride::Same)]).1.is_empty());
}

/// The refusal of multiples that exclude one another names no alignment; the one with which no picture is left says so.
#[test]
fn alignment_with_which_nothing_fits_says_so() {
    let align =
        |name: &str, ask| Alignment { name: name.into(), when: always(), asks: vec![ask], combine: Combine::Lcm };
    for second in [Ask::StrideBytes(512), Ask::StrideBytes(u32::MAX)] {
        let (first, later) = (Ask::OddStrideBytes(256), Ask::StrideBytes(64));
        let alignments = vec![align("odd", first), align("even", second), align("later", later)];
        let policy = Policy { alignments, ..policy() };
        let explanation = explained(PixelFormat::Y8, CPU, &policy);
        assert!(explanation.outcome.is_err(), "{second:?}");
        let said: Vec<usize> = explanation.alignments.iter().map(|note| note.unheeded.len()).collect();
        assert_eq!(said, [0, 1, 0], "{second:?}");
    }
}

/// Who is replaced, and who asks for less than the most, asked for nothing; and no step shows what they would have made.
#[test]
fn steps_name_only_those_who_count() {
    let align = |name: &str, asks: &[Ask], combine| Alignment {
        name: name.into(),
        when: always(),
        asks: asks.to_vec(),
        combine,
    };
    let steps = |alignments: [Alignment; 3]| {
        let policy = Policy { alignments: alignments.into(), ..policy() };
        let steps = explain(&descriptor(PixelFormat::Y8, 1920, 2, CPU), &policy, HeapSet::ALL).steps;
        let said = steps.into_iter().map(|note| {
            let changes: Vec<String> =
                note.changes.iter().map(|Change { from, to, .. }| format!("{from}->{to}")).collect();
            (note.step, note.causes.join("; "), changes.first().cloned().unwrap_or_default())
        });
        said.filter(|(step, ..)| ["width", "stride"].contains(step)).collect::<Vec<_>>()
    };
    let lcm = |name: &str, bytes| align(name, &[Ask::StrideBytes(bytes)], Combine::Lcm);
    // Rockchip's: an odd multiple of 256 takes the place of what hardware asks of every stride.
    let odd = align("odd", &[Ask::OddStrideBytes(256)], Combine::Replace);
    assert_eq!(
        steps([lcm("hardware", 16), align("wide", &[Ask::Width(1000)], Combine::Lcm), odd]),
        [("stride", "\"odd\" odd_stride_bytes".to_owned(), "1920->2304".to_owned())]
    );
    let most = |name: &str, bytes| align(name, &[Ask::StrideBytes(bytes)], Combine::Maximum);
    let of = |alignments| steps(alignments).remove(0).1;
    assert_eq!(of([lcm("least", 64), most("most", 512), most("less", 256)]), "\"most\" stride_bytes");
    assert_eq!(
        of([lcm("one", 64), lcm("other", 64), lcm("third", 100)]),
        "\"one\" stride_bytes; \"other\" stride_bytes; \"third\" stride_bytes"
    );
}

#[test]
fn planes_that_are_merged_hold_every_component() {
    let mut entry = compress("merged", with(Usage::VIDEO_DECODER));
    entry.blocks.merged = true;
    let policy = Policy { compressions: vec![entry], ..policy() };
    let picture = explained(PixelFormat::Ycbcr420_888, Usage::VIDEO_DECODER, &policy).picture.unwrap();
    let holds: Vec<String> = picture.planes.iter().map(|plane| plane.holds()).collect();
    assert_eq!(holds, ["Y CB CR"]);
}

/// A usage may have all that is asked, and more: then it is not exactly that.
#[test]
fn exact_usage_is_missed_by_what_is_more() {
    let exactly = Term::Equals { mask: Usage(u64::MAX), value: Usage::GPU_TEXTURE };
    let exactly = Condition { all_of: vec![exactly].into(), ..always() };
    let policy =
        Policy { rules: vec![rule("exactly", exactly, &[SYSTEM]), rule("all", always(), &[SYSTEM])], ..policy() };
    let missed = |usage| explained(RGBA, usage, &policy).rules[0].misses.join("; ");
    assert_eq!(missed(Usage::GPU_TEXTURE), "");
    let more = Usage::GPU_TEXTURE | Usage::CAMERA_OUTPUT;
    let said = missed(more);
    assert!(
        said.starts_with("exactly requires GPU_TEXTURE; ") && said.ends_with(&words::usage(more, &policy)),
        "{said}"
    );
    assert!(!said.contains("not set"), "{said}");
}

/// What a display or a GPU is told stands in the explanation, and the unit of the stride is the one of blocks: pixels.
#[test]
fn blocks_are_explained_with_what_an_importer_is_told() {
    let entry = |when| Compress { fourcc: u32::from_le_bytes(*b"NV12"), ..compress("tiled", when) };
    let policy = Policy { compressions: vec![entry(with(Usage::VIDEO_DECODER))], ..policy() };
    let request = |usage| descriptor(PixelFormat::Raw10, 64, 32, usage);
    let picture = |usage| explain(&request(usage), &policy, HeapSet::ALL).picture.unwrap();
    let (tiled, lines) = (picture(Usage::VIDEO_DECODER), picture(CPU));
    assert_eq!(tiled.drm.to_string(), "NV12, modifier 0x0100000000000002");
    assert_eq!(
        (lines.drm.to_string().as_str(), lines.stride, lines.stride_is_bytes),
        ("no fourcc, modifier 0 (linear)", 80, true)
    );
    // RAW10 in lines counts bytes, for samples lie across them; a block has pixels.
    assert_eq!((tiled.stride, tiled.stride_is_bytes), (64, false));
    let plan = planned(&request(Usage::VIDEO_DECODER), &policy).unwrap();
    let info = plan.buffer_info(&policy, &policy.heaps[0], 1, request(CPU).name);
    assert!(!info.stride_is_bytes() && info.to_string().contains("stride: 64 pixels"), "{info}");
    assert!(info.to_string().contains("drm: NV12, modifier 0x0100000000000002"), "{info}");
}

/// Qualcomm's decoders write two fields into one buffer up to 1920 x 1088: bytes that no plane accounts for.
#[test]
fn room_for_two_fields_is_a_step_of_its_own() {
    let mut entry = compress("fields", always());
    entry.blocks.grids = vec![Grid { block: [16, 16], ..Grid::ONE }];
    entry.blocks.two_fields = Some(TwoFields { width: 1920, height: 1920, blocks: 8160 });
    let policy = Policy { compressions: vec![entry], ..policy() };
    let step = |height| {
        let request = descriptor(PixelFormat::Y8, 32, height, Usage::VIDEO_DECODER);
        let explanation = explain(&request, &policy, HeapSet::ALL);
        let note = explanation.steps.into_iter().find(|note| note.step == "fields").unwrap();
        assert_eq!(note.causes, ["\"fields\" two_fields"]);
        (note.done.concat(), explanation.picture.unwrap().layer_bytes)
    };
    // 40 lines are 48 in blocks; a field of 20 lines is 32, twice.
    let words = "room for two fields of 20 lines, 1024 bytes each: 1536 -> 2048";
    assert_eq!(step(40), (words.to_owned(), 2048));
    let words = "room for two fields of 32 lines, 1024 bytes each: 2048 -> 2048, which is no more";
    assert_eq!(step(64), (words.to_owned(), 2048));
    let words = "one picture: more than 1920 x 1920, or than 8160 times 256 pixels";
    assert_eq!(step(2048), (words.to_owned(), 65536));
}

/// A shader that takes the buffer for its data counts in lines, as the CPU does.
#[test]
fn data_of_the_gpu_is_in_lines_whatever_a_compression_takes() {
    let policy = Policy { compressions: vec![compress("all", always())], ..policy() };
    for (usage, says) in [
        (Usage::GPU_TEXTURE, None),
        (Usage::GPU_TEXTURE | Usage::GPU_DATA_BUFFER, Some("GPU_DATA_BUFFER")),
        (Usage::GPU_TEXTURE | Usage::CPU_READ_RARELY, Some("CPU access")),
    ] {
        let explanation = explained(RGBA, usage, &policy);
        let misses = &explanation.compressions[0].misses;
        assert_eq!(explanation.outcome.unwrap().resolved.compress.is_some(), says.is_none(), "{usage}");
        assert!(misses.len() == usize::from(says.is_some()), "{misses:?}");
        assert!(says.map_or(true, |says| misses[0].contains(says)), "{misses:?}");
    }
}

/// Blocks are laid out by the compression: an alignment of lines that applies to them says why it changes nothing.
#[test]
fn alignment_of_lines_says_that_blocks_do_not_heed_it() {
    let align = |ask| Alignment { asks: vec![ask], ..alignment("lines", always()) };
    let policy = Policy {
        compressions: vec![compress("tiled", always())],
        alignments: vec![align(Ask::StrideBytes(256)), align(Ask::TailBytes(256))],
        ..policy()
    };
    let explanation = explain(&descriptor(RGBA, 64, 64, Usage::GPU_TEXTURE), &policy, HeapSet::ALL);
    let unheeded: Vec<_> = explanation.alignments.iter().map(|note| note.unheeded.clone()).collect();
    assert_eq!(unheeded, [vec!["its planes are blocks, which the compression lays out"], vec![]]);
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
