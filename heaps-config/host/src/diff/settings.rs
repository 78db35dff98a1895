//! What is a figure or a name in both policies: limits, and what may be asked at all.

use super::example::By;
use super::heaps::bound;
use super::{example, Cause, Difference, Example};
use gralloc_buffer::{BufferName, DescriptorOption, PixelFormat, Usage};
use heaps_config::policy::{AcceptedOption, Bound, Policy, PoolPolicy, VendorMetadata};
use heaps_config::{show_bytes, KeyPath};
use std::collections::BTreeMap;

fn said(cause: Cause, what: impl Into<String>, before: Option<KeyPath>, after: Option<KeyPath>) -> Difference {
    Difference { before_at: before, after_at: after, ..Difference::new(cause, what) }
}

/// Bounds of `[limits]`, with a request that lies between the two where one can.
pub(super) fn limits(before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let path = |key: &str| Some(KeyPath::ROOT.key("limits").key(key));
    let mut differ = |key: &str, was: String, is: String, example: Option<Example>, else_says: &str| {
        if was == is {
            return;
        }
        let more = if example.is_none() { else_says } else { "" };
        let what = format!("limits.{key} was {was} and is {is}{more}");
        differences.push(Difference { example, ..said(Cause::Limit, what, path(key), path(key)) });
    };
    // A call for so many buffers of so many bytes.
    let called = |bytes: Option<u64>, count: u32| {
        let (width, count) = (i32::try_from(bytes?).ok()?, i32::try_from(count).ok()?);
        let blob = example::descriptor(PixelFormat::Blob, Usage::CPU_READ_OFTEN, width, 1);
        let fate = example::tried(before, after, &blob, By::Fate).filter(|_| count == 1);
        // What the rules answer otherwise is no example of a limit.
        let limited = |it: &Example| it.before.starts_with("refused") != it.after.starts_with("refused");
        fate.filter(limited).or_else(|| example::counted(before, after, &blob, count).filter(limited))
    };
    let (one, other) = (&before.limits, &after.limits);
    let beyond = |was: Option<u64>, is: Option<u64>| was.into_iter().chain(is).min()?.checked_add(1);
    let bounds = [
        ("request", Some(one.request_bytes), Some(other.request_bytes)),
        ("client", one.client_bytes, other.client_bytes),
        ("total", one.total_bytes, other.total_bytes),
    ];
    for (key, was, is) in bounds {
        let example = called(beyond(was, is), 1);
        differ(key, bound(was), bound(is), example, ": no single call reaches it");
    }
    let (was, is) = (show_bytes(one.reserve_bytes), show_bytes(other.reserve_bytes));
    differ("reserve", was, is, None, ": what that refuses depends on the memory that is free");
    let (was, is) = (one.buffers_per_request, other.buffers_per_request);
    let example = called(Some(1), was.min(is).saturating_add(1));
    differ("buffers_per_request", was.to_string(), is.to_string(), example, "");
    let (was, is) = (one.without_release_watch.word(), other.without_release_watch.word());
    let where_told = ": it matters where the kernel does not tell of releases";
    differ("without_release_watch", was.to_owned(), is.to_owned(), None, where_told);
    if pool(before) != pool(after) {
        let most = |policy: &Policy| policy.pool.as_ref().map_or("off".to_owned(), |pool| pool.total.to_string());
        let (was, is) = (most(before), most(after));
        let bound = if was == is { String::new() } else { format!(" (at most {was}, then {is})") };
        let what = format!("what is kept ready is another{bound}: the same answers, sooner or later");
        let at = Some(KeyPath::ROOT.key("pool"));
        differences.push(said(Cause::Limit, what, at.clone(), at));
    }
    metadata(before, after, differences);
    let (was, is) = (before.heap_name(before.metadata_heap), after.heap_name(after.metadata_heap));
    if was != is {
        let at = Some(KeyPath::ROOT.key("metadata").key("heap"));
        let what = format!("shared metadata was in {was} and is in {is}: of every buffer");
        differences.push(said(Cause::Heap, what, at.clone(), at));
    }
}

/// What is kept ready, each heap's bound by its name and without the names of entries.
fn pool(policy: &Policy) -> Option<(PoolPolicy, BTreeMap<&str, Bound>)> {
    let mut pool = policy.pool.clone()?;
    let heaps = policy.heap_ids().map(|(id, heap)| (heap.name.as_str(), pool.of_heap(id))).collect();
    pool.heaps.clear();
    for entry in &mut pool.ready {
        entry.name.clear();
        entry.descriptor.name = BufferName::default();
    }
    Some((pool, heaps))
}

/// Types of a vendor's metadata that only one policy has, or has otherwise: their own names are no difference.
fn metadata(before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let unnamed = |policy: &Policy| -> Vec<VendorMetadata> {
        let types = policy.vendor_metadata.iter();
        types.map(|entry| VendorMetadata { name: String::new(), ..entry.clone() }).collect()
    };
    let (first, second) = (unnamed(before), unnamed(after));
    if first == second {
        return;
    }
    let earlier = differences.len();
    let mut differ = |entry: &VendorMetadata, fate: &str, was: Option<usize>, is: Option<usize>| {
        let VendorMetadata { name, type_name, value, .. } = entry;
        let what =
            format!("vendor_metadata \"{name}\", {type_name} {value}, {fate}: told by the mapper, and allocated alike");
        let at = |at: Option<usize>| at.map(|at| KeyPath::item("vendor_metadata", at));
        differences.push(said(Cause::Vocabulary, what, at(was), at(is)));
    };
    let mut paired = Vec::new();
    for (at, entry) in before.vendor_metadata.iter().enumerate() {
        if first.get(at).is_some_and(|known| second.contains(known)) {
            continue;
        }
        let twin = after.vendor_metadata.iter().position(|other| other.name == entry.name);
        paired.extend(twin);
        differ(entry, if twin.is_some() { "says another thing, or of others" } else { "is gone" }, Some(at), twin);
    }
    for (at, entry) in after.vendor_metadata.iter().enumerate() {
        if !paired.contains(&at) && second.get(at).is_some_and(|known| !first.contains(known)) {
            differ(entry, "is new", None, Some(at));
        }
    }
    if differences.len() == earlier {
        let what = "types of vendor_metadata are in another order: of one type the first that holds is told";
        let at = Some(KeyPath::ROOT.key("vendor_metadata"));
        differences.push(said(Cause::Vocabulary, what, at.clone(), at));
    }
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
    options(before, after, differences);
    formats(before, after, differences);
    if before.strict_cpu_usage != after.strict_cpu_usage {
        let at = Some(KeyPath::ROOT.key("strict_cpu_usage"));
        let what = format!(
            "strict_cpu_usage was {} and is {}: it is about locking, and allocates nothing otherwise",
            before.strict_cpu_usage, after.strict_cpu_usage
        );
        differences.push(said(Cause::Vocabulary, what, at.clone(), at));
    }
    if before.graphics_common != after.graphics_common {
        let shown = |version: Option<u32>| version.map_or_else(|| "the build's own".to_owned(), |it| it.to_string());
        let (was, is) = (shown(before.graphics_common), shown(after.graphics_common));
        let asked = |format: &PixelFormat| example::descriptor(*format, Usage::GPU_TEXTURE, 64, 64);
        let example =
            PixelFormat::ALL.iter().find_map(|format| example::tried(before, after, &asked(format), By::Fate));
        let at = Some(KeyPath::ROOT.key("graphics_common"));
        let what = format!("graphics_common was {was} and is {is}");
        differences.push(Difference { example, ..said(Cause::Vocabulary, what, at.clone(), at) });
    }
}

/// Options whose accepted values differ, each with a request that has one.
fn options(before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let of = |policy: &Policy, name: &str| {
        let at = policy.options.iter().position(|option| option.name == name)?;
        Some((at, policy.options.get(at)?.values.clone()))
    };
    let words = |values: Option<&Vec<i64>>| match values {
        None => "refused".to_owned(),
        Some(values) if values.is_empty() => "accepted with any value".to_owned(),
        Some(values) => format!("accepted as {}", values.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")),
    };
    let new = |option: &&AcceptedOption| before.options.iter().all(|known| known.name != option.name);
    for option in before.options.iter().chain(after.options.iter().filter(new)) {
        let (one, other) = (of(before, &option.name), of(after, &option.name));
        let values = [one.as_ref().map(|it| &it.1), other.as_ref().map(|it| &it.1)];
        if values[0] == values[1] {
            continue;
        }
        let mut asked = example::descriptor(PixelFormat::Rgba8888, Usage::GPU_TEXTURE, 64, 64);
        let candidates = values.into_iter().flatten().flatten().copied().chain([0, i64::MAX]);
        let example = candidates.into_iter().find_map(|value| {
            asked.options = vec![DescriptorOption { name: option.name.clone(), value }];
            example::tried(before, after, &asked, By::Fate)
        });
        let what = format!("option {} was {} and is {}", option.name, words(values[0]), words(values[1]));
        let at = |it: &Option<(usize, Vec<i64>)>| it.as_ref().map(|it| KeyPath::item("option", it.0));
        differences.push(Difference { example, ..said(Cause::Vocabulary, what, at(&one), at(&other)) });
    }
}

/// Vendor's formats that only one policy takes, and values that are called otherwise.
fn formats(before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let at = |policy: &Policy, value: i32| {
        Some(KeyPath::item("format", policy.formats.iter().position(|known| known.value == value)?))
    };
    let new = after.formats.iter().filter(|format| before.vendor_format(format.value).is_none());
    for format in before.formats.iter().chain(new) {
        let value = format.value;
        let names = [before, after].map(|policy| policy.vendor_format(value).map(|format| format.name.as_str()));
        let what = match names {
            [Some(was), Some(is)] if was != is => format!(
                "format {value:#x} is \"{was}\" in the one and \"{is}\" in the other: requests are compared by the value"
            ),
            [Some(was), None] => {
                format!("format {value:#x}, \"{was}\", has no name any more: every request for it is refused")
            }
            [None, Some(is)] => format!("format {value:#x} has a name now, \"{is}\": requests for it were refused"),
            _ => continue,
        };
        let asked = |usage| example::descriptor(PixelFormat::Vendor(value), usage, 64, 64);
        let usages = [Usage::GPU_TEXTURE, Usage::VIDEO_DECODER, Usage::CAMERA_OUTPUT, Usage::CPU_READ_OFTEN];
        let example = usages.into_iter().find_map(|usage| example::tried(before, after, &asked(usage), By::Fate));
        let difference = said(Cause::Vocabulary, what, at(before, value), at(after, value));
        differences.push(Difference { example, ..difference });
    }
}
