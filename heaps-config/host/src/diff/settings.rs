//! What is a figure or a name in both policies: limits, heaps, vendor usages, options.

use super::example::By;
use super::{example, Cause, Difference};
use gralloc_buffer::{PixelFormat, Usage};
use heaps_config::policy::{Heap, Policy};
use heaps_config::{show_bytes, KeyPath};

fn said(cause: Cause, what: String, before: Option<KeyPath>, after: Option<KeyPath>) -> Difference {
    Difference { cause, what, before_at: before, after_at: after, example: None }
}

fn bytes(value: Option<u64>) -> String {
    value.map_or_else(|| "no bound".to_owned(), show_bytes)
}

/// Bounds of `[limits]`, with a request that lies between the two where one can.
pub(super) fn limits(before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let path = |key: &str| Some(KeyPath::ROOT.key("limits").key(key));
    let (one, other) = (&before.limits, &after.limits);
    let sizes = [
        ("request", Some(one.request_bytes), Some(other.request_bytes)),
        ("client", one.client_bytes, other.client_bytes),
        ("total", one.total_bytes, other.total_bytes),
        ("reserve", Some(one.reserve_bytes), Some(other.reserve_bytes)),
    ];
    for (key, was, is) in sizes {
        if was == is {
            continue;
        }
        let what = format!("limits.{key} was {} and is {}", bytes(was), bytes(is));
        let mut difference = said(Cause::Limit, what, path(key), path(key));
        if key == "request" {
            let least = one.request_bytes.min(other.request_bytes);
            let width = i32::try_from(least.saturating_add(1)).ok();
            difference.example = width.and_then(|width| {
                let blob = example::descriptor(PixelFormat::Blob, Usage::CPU_READ_OFTEN, width, 1);
                example::tried(before, after, &blob, By::Fate)
            });
        }
        differences.push(difference);
    }
    if one.buffers_per_request != other.buffers_per_request {
        let what =
            format!("limits.buffers_per_request was {} and is {}", one.buffers_per_request, other.buffers_per_request);
        differences.push(said(Cause::Limit, what, path("buffers_per_request"), path("buffers_per_request")));
    }
    if one.without_release_watch != other.without_release_watch {
        let (was, is) = (one.without_release_watch.word(), other.without_release_watch.word());
        let what = format!("limits.without_release_watch was {was} and is {is}");
        differences.push(said(Cause::Limit, what, path("without_release_watch"), path("without_release_watch")));
    }
    if before.pool != after.pool {
        let what = "what is kept ready is another".to_owned();
        let pool = Some(KeyPath::ROOT.key("pool"));
        differences.push(said(Cause::Limit, what, pool.clone(), pool));
    }
    if before.vendor_metadata != after.vendor_metadata {
        let what = "the vendor's types of metadata are others".to_owned();
        let at = Some(KeyPath::ROOT.key("vendor_metadata"));
        differences.push(said(Cause::Vocabulary, what, at.clone(), at));
    }
    if before.heap_name(before.metadata_heap) != after.heap_name(after.metadata_heap) {
        let (was, is) = (before.heap_name(before.metadata_heap), after.heap_name(after.metadata_heap));
        let at = Some(KeyPath::ROOT.key("metadata").key("heap"));
        differences.push(said(Cause::Heap, format!("shared metadata was in {was} and is in {is}"), at.clone(), at));
    }
}

/// Heaps of one name that are otherwise, and heaps that only one policy has.
pub(super) fn heaps(before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let at = |policy: &Policy, name: &str| {
        let index = policy.heaps.iter().position(|heap| heap.name == name)?;
        Some(KeyPath::item("heap", index))
    };
    for heap in &before.heaps {
        match after.heaps.iter().find(|other| other.name == heap.name) {
            None => {
                let what = format!("heap \"{}\" is gone", heap.name);
                differences.push(said(Cause::Heap, what, at(before, &heap.name), None));
            }
            Some(other) => {
                for words in changes(heap, other) {
                    let what = format!("heap \"{}\": {words}", heap.name);
                    differences.push(said(Cause::Heap, what, at(before, &heap.name), at(after, &heap.name)));
                }
            }
        }
    }
    for heap in after.heaps.iter().filter(|heap| before.heaps.iter().all(|other| other.name != heap.name)) {
        let what = format!("heap \"{}\" is new", heap.name);
        differences.push(said(Cause::Heap, what, None, at(after, &heap.name)));
    }
}

fn changes(heap: &Heap, other: &Heap) -> Vec<String> {
    let mut words = Vec::new();
    if heap.nodes != other.nodes {
        words.push(format!("its nodes were {} and are {}", heap.nodes.join(", "), other.nodes.join(", ")));
    }
    let flags = [
        ("cached", heap.cached, other.cached),
        ("contiguous", heap.contiguous, other.contiguous),
        ("protected", heap.protected, other.protected),
        ("system_memory", heap.system_memory, other.system_memory),
    ];
    words.extend(
        flags.into_iter().filter(|(_, was, is)| was != is).map(|(key, was, is)| format!("{key} was {was} and is {is}")),
    );
    let sizes = [
        ("max_buffer", heap.max_buffer_bytes, other.max_buffer_bytes),
        ("budget", heap.budget_bytes, other.budget_bytes),
    ];
    let changed = sizes.into_iter().filter(|(_, was, is)| was != is);
    words.extend(changed.map(|(key, was, is)| format!("{key} was {} and is {}", bytes(was), bytes(is))));
    words
}

/// Vendor usages and options that only one policy takes, and bits that are called otherwise.
pub(super) fn vocabulary(before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let at = |name: &str| Some(KeyPath::ROOT.key("vendor_usage").key(name));
    let shown = |usage: Usage| {
        let format = PixelFormat::Rgba8888;
        example::tried(before, after, &example::descriptor(format, usage, 64, 64), By::Fate)
    };
    for vendor in &before.vendor_usage {
        let bit = vendor.bit.0.trailing_zeros();
        match after.vendor_usage.iter().find(|other| other.bit == vendor.bit) {
            None => {
                let what = format!(
                    "usage bit {bit}, \"{}\", has no name any more: every request with it is refused",
                    vendor.name
                );
                let example = shown(vendor.bit);
                differences.push(Difference { example, ..said(Cause::Vocabulary, what, at(&vendor.name), None) });
            }
            Some(other) if other.name != vendor.name => {
                let what = format!(
                    "usage bit {bit} is \"{}\" in the one and \"{}\" in the other: requests are compared by the bit",
                    vendor.name, other.name
                );
                differences.push(said(Cause::Vocabulary, what, at(&vendor.name), at(&other.name)));
            }
            Some(_) => {}
        }
    }
    for vendor in
        after.vendor_usage.iter().filter(|vendor| before.vendor_usage.iter().all(|known| known.bit != vendor.bit))
    {
        let bit = vendor.bit.0.trailing_zeros();
        let what = format!("usage bit {bit} has a name now, \"{}\": requests with it were refused", vendor.name);
        let example = shown(vendor.bit);
        differences.push(Difference { example, ..said(Cause::Vocabulary, what, None, at(&vendor.name)) });
    }
    if before.options != after.options {
        let option = Some(KeyPath::item("option", 0));
        let names = |policy: &Policy| {
            let names: Vec<String> =
                policy.options.iter().map(|option| format!("{} {:?}", option.name, option.values)).collect();
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        };
        let what = format!("accepted options were {} and are {}", names(before), names(after));
        differences.push(said(Cause::Vocabulary, what, option.clone(), option));
    }
}
