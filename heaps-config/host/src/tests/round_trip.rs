//! Compiling loses nothing: any document, written as TOML, gives the JSON that the document itself gives, and that JSON
//! gives the document back.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

use crate::{lint, Format, Source};
use heaps_config::policy::{Bound, WithoutReleaseWatch};
use heaps_config::{
    AlignDoc, CompressDoc, ConditionDoc, Document, FormatDoc, GridDoc, HeapDoc, LimitsDoc, MetadataDoc, OptionDoc,
    PerPlane, PlaneDoc, PoolDoc, ReadyDoc, ResolveDoc, RuleDoc, VendorMetadataDoc, SCHEMA,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z][A-Za-z0-9_.,ä-]{0,8}"
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(name(), 0..4)
}

fn size() -> impl Strategy<Value = u64> {
    1..u64::MAX / 2
}

fn bound() -> impl Strategy<Value = Bound> {
    prop_oneof![size().prop_map(Bound::Bytes), (1..=100u8).prop_map(Bound::Percent)]
}

fn condition(sizes: bool, formats: bool) -> impl Strategy<Value = ConditionDoc> {
    let lists = (names(), names(), names(), of(names()), names(), names(), names());
    (lists, of(size()), of(size()), of(any::<bool>())).prop_map(move |(lists, min_size, max_size, compressed)| {
        let compressed = compressed.filter(|_| formats);
        let (all_of, any_of, none_of, exactly, with, without, layouts) = lists;
        let (formats, not_formats, layouts) = if formats { (with, without, layouts) } else { Default::default() };
        let (min_size, max_size) = if sizes { (min_size, max_size) } else { (None, None) };
        ConditionDoc { all_of, any_of, none_of, exactly, formats, not_formats, layouts, compressed, min_size, max_size }
    })
}

fn heap() -> impl Strategy<Value = HeapDoc> {
    (name(), vec(name(), 1..4), any::<([bool; 3], Option<bool>)>(), of(name()), of(size()), of(size()), of(bound()))
        .prop_map(
            |(
                name,
                nodes,
                ([cached, contiguous, protected], system_memory),
                uncached_twin,
                max_buffer,
                budget,
                pool,
            )| HeapDoc {
                name,
                nodes,
                cached,
                contiguous,
                protected,
                system_memory,
                uncached_twin,
                max_buffer,
                budget,
                pool,
            },
        )
}

fn rule() -> impl Strategy<Value = RuleDoc> {
    (name(), condition(true, true), of(names()), of(names()), of(name()))
        .prop_map(|(name, when, heaps, cached_when, deny)| RuleDoc { name, when, heaps, cached_when, deny })
}

fn numbers() -> impl Strategy<Value = Vec<u32>> {
    vec(any::<u32>(), 0..5)
}

fn per_plane() -> impl Strategy<Value = Option<PerPlane>> {
    of(prop_oneof![any::<u32>().prop_map(PerPlane::All), numbers().prop_map(PerPlane::Each)])
}

fn align() -> impl Strategy<Value = AlignDoc> {
    let head = (name(), condition(false, true), of(name()), of(name()));
    let each = (per_plane(), per_plane(), per_plane(), per_plane(), per_plane(), per_plane(), per_plane());
    let lists = (numbers(), numbers(), numbers(), of(size()));
    (head, each, any::<[Option<u32>; 8]>(), lists).prop_map(|(head, each, one, lists)| {
        let (name, when, combine, chroma_stride) = head;
        let (stride_bytes, odd_stride_bytes, height_lines, plane_start, plane_size, padding_bytes, padding_lines) = each;
        let [width_pixels, stride_pixels, odd_stride_pixels, added_lines, tail_bytes, tail_lines, tail_least, size_bytes] =
            one;
        let (tail_blocks, tail_of_luma, least_of_luma, least_bytes) = lists;
        AlignDoc {
            name,
            when,
            combine,
            width_pixels,
            stride_bytes,
            stride_pixels,
            odd_stride_bytes,
            odd_stride_pixels,
            chroma_stride,
            height_lines,
            added_lines,
            plane_start,
            plane_size,
            padding_bytes,
            padding_lines,
            tail_bytes,
            tail_lines,
            tail_blocks,
            tail_of_luma,
            tail_least,
            least_bytes,
            least_of_luma,
            size_bytes,
        }
    })
}

fn vendor_metadata() -> impl Strategy<Value = VendorMetadataDoc> {
    let head = (name(), condition(false, true), name(), any::<i64>(), name());
    let rest = (any::<[Option<bool>; 2]>(), any::<Option<i64>>(), of(name()), of(name()), any::<bool>());
    (head, rest, any::<Option<u32>>()).prop_map(|(head, rest, max_bytes)| {
        let (name, when, type_name, value, encoding) = head;
        let ([header, counted], constant, text, computed, stored) = rest;
        VendorMetadataDoc {
            name,
            when,
            type_name,
            value,
            encoding,
            header,
            counted,
            constant,
            text,
            computed,
            stored,
            max_bytes,
        }
    })
}

fn format() -> impl Strategy<Value = FormatDoc> {
    let plane = (names(), any::<[Option<u32>; 2]>(), numbers())
        .prop_map(|(components, [samples, bytes], subsampling)| PlaneDoc { components, samples, bytes, subsampling });
    let numbers = (any::<i64>(), 0..=u64::MAX >> 1, any::<[Option<u32>; 2]>());
    let named = (name(), names());
    (named, numbers, name(), of(name()), vec(plane, 0..4), of(any::<[bool; 2]>()), any::<bool>()).prop_map(
        |(named, (value, modifier, [width_multiple, height_multiple]), fourcc, like, planes, said, fixed_height)| {
            let (name, flags) = named;
            FormatDoc {
                name,
                value,
                flags,
                fourcc,
                modifier,
                like,
                planes,
                linear: said.map(|[linear, _]| linear),
                cpu: said.map(|[_, cpu]| cpu),
                width_multiple,
                height_multiple,
                fixed_height,
            }
        },
    )
}

fn grid() -> impl Strategy<Value = GridDoc> {
    let pairs = (numbers(), numbers(), numbers(), numbers());
    (pairs, any::<[Option<u32>; 14]>(), any::<bool>()).prop_map(|(pairs, one, row_stride)| {
        let (block, tile, round, header_grid) = pairs;
        let [block_bytes, bits, block_align, stride_pixels, stride_bytes, lines, body_align, body_extra, body_copies, copy_align, header_bytes, header_blocks, header_align, header_extra] =
            one;
        GridDoc {
            block,
            tile,
            round,
            block_bytes,
            bits,
            block_align,
            stride_pixels,
            stride_bytes,
            lines,
            body_align,
            body_extra,
            body_copies,
            copy_align,
            header_bytes,
            header_blocks,
            header_grid,
            header_align,
            header_extra,
            row_stride,
        }
    })
}

fn compress() -> impl Strategy<Value = CompressDoc> {
    let head = (name(), condition(false, true), name(), 0..=u64::MAX >> 1, of(name()), any::<[u32; 2]>());
    let rest = (any::<[bool; 3]>(), any::<[Option<u32>; 3]>(), numbers(), of(name()), vec(grid(), 1..3));
    (head, rest).prop_map(|(head, rest)| {
        let (name, when, fourcc, modifier, type_name, [type_value, header_type]) = head;
        let (flags, [modifier_lines_at, column_bytes, layer_align], two_fields, initialise, grid) = rest;
        let [header_planes, merged, body_first] = flags;
        CompressDoc {
            name,
            when,
            fourcc,
            modifier,
            modifier_lines_at,
            type_name,
            type_value,
            header_type,
            header_planes,
            merged,
            body_first,
            column_bytes,
            two_fields,
            layer_align,
            initialise,
            grid,
        }
    })
}

fn resolve() -> impl Strategy<Value = ResolveDoc> {
    (name(), condition(false, false), name()).prop_map(|(format, when, to)| ResolveDoc { format, when, to })
}

fn pool() -> impl Strategy<Value = PoolDoc> {
    (any::<[bool; 2]>(), bound(), 1..3600u32).prop_map(|([enabled, streams], total, idle_seconds)| PoolDoc {
        enabled,
        total,
        streams,
        idle_seconds,
    })
}

fn ready() -> impl Strategy<Value = ReadyDoc> {
    (name(), name(), any::<[u32; 3]>(), names(), 1..65u32).prop_map(
        |(name, format, [width, height, layers], usage, count)| ReadyDoc {
            name,
            format,
            width,
            height,
            layers,
            usage,
            count,
        },
    )
}

fn document() -> impl Strategy<Value = Document> {
    let limits = (size(), of(size()), of(size()), size(), 1..64u32, select(WithoutReleaseWatch::ALL.to_vec()))
        .prop_map(|(request, client, total, reserve, buffers_per_request, without_release_watch)| LimitsDoc {
            request,
            client,
            total,
            reserve,
            buffers_per_request,
            without_release_watch,
        });
    let option = (name(), vec(any::<i64>(), 0..3)).prop_map(|(name, values)| OptionDoc { name, values });
    let clients = (any::<bool>(), of(5..8u32));
    let head = (name(), "[ -~]{0,20}", clients, limits, name(), btree_map(name(), any::<i64>(), 0..3), of(pool()));
    let groups = (btree_map(name(), names(), 0..3), btree_map(name(), any::<i64>(), 0..3));
    let tail = (
        groups,
        (vec(format(), 0..3), vec(option, 0..3)),
        vec(heap(), 1..4),
        vec(rule(), 1..4),
        (vec(compress(), 0..3), vec(align(), 0..3), vec(vendor_metadata(), 0..3)),
        vec(resolve(), 0..3),
        vec(ready(), 0..3),
    );
    (head, tail).prop_map(
        |((name, description, (strict_cpu_usage, graphics_common), limits, heap, vendor_usage, pool), tail)| {
            let ((format_group, format_flags), (formats, options), heaps, rules, shapes, resolutions, ready) = tail;
            let (compressions, alignments, vendor_metadata) = shapes;
            Document {
                schema: SCHEMA,
                name,
                description,
                strict_cpu_usage,
                graphics_common,
                limits,
                metadata: MetadataDoc { heap },
                pool,
                vendor_usage,
                format_group,
                format_flags,
                formats,
                options,
                heaps,
                rules,
                compressions,
                alignments,
                vendor_metadata,
                resolutions,
                expectations: Vec::new(),
                ready,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn json_and_toml_give_the_document_back(document in document()) {
        let json = heaps_config::to_json(&document).unwrap();
        let from_json = heaps_config::validate(&heaps_config::parse_json(&json).unwrap());
        prop_assert_eq!(&from_json.document, &document);
        prop_assert_eq!(heaps_config::to_json(&from_json.document).unwrap(), json);

        let toml = toml::to_string_pretty(&document).unwrap();
        let linted = lint(Source::text("random.toml", toml, Format::Toml));
        prop_assert_eq!(linted.read, Some((document, from_json.policy)));
    }
}
