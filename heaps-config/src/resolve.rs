//! Names become indices and masks: a [`Document`] becomes the service's [`Policy`].

use crate::code::Code;
use crate::document::{Document, ResolveDoc, RuleDoc};
use crate::finding::{Finding, KeyPath};
use crate::names::Names;
use crate::policy::{
    AcceptedOption, Action, Heap, HeapId, LayoutName, Limits, Policy, Resolution, Rule, VendorFormat, VendorUsage,
};
use gralloc_buffer::handle::can_be;
use gralloc_buffer::layout::PlaneShape;
use gralloc_buffer::{Layout, PixelFormat, Usage};

/// Builds the policy. What cannot be resolved goes to `findings` and is left out; a policy with errors is not for use.
pub(crate) fn resolve(document: &Document, findings: &mut Vec<Finding>) -> Policy {
    let names = Names::collect(document, findings);
    let formats = crate::format::resolve(document, findings);
    let heaps = document.heaps.iter().map(|heap| Heap {
        name: heap.name.clone(),
        nodes: heap.nodes.clone(),
        cached: heap.cached,
        contiguous: heap.contiguous,
        protected: heap.protected,
        system_memory: heap.is_system_memory(),
        max_buffer_bytes: heap.max_buffer,
        budget_bytes: heap.budget,
    });
    let (vendor_metadata, vendor_metadata_bytes) = crate::vendor_metadata::resolve(document, &names, findings);
    let twins = resolve_twins(document, &names, findings);
    let limits = &document.limits;
    let metadata = KeyPath::ROOT.key("metadata");
    let vendor = document.vendor_usage.iter().filter_map(|(name, bit)| {
        let bit = 1u64.checked_shl(u32::try_from(*bit).ok()?).map(Usage)?;
        Some(VendorUsage { name: name.clone(), bit })
    });
    let option = |option: &crate::document::OptionDoc| AcceptedOption {
        name: option.name.clone(),
        values: option.values.clone(),
    };
    Policy {
        name: document.name.clone(),
        heaps: heaps.collect(),
        rules: items(&document.rules, "rule", |rule, path| resolve_rule(rule, &path, &names, &twins, findings)),
        compressions: items(&document.compressions, "compress", |it, path| {
            crate::compress::resolve(it, &path, &names, (document, &formats), findings)
        }),
        alignments: items(&document.alignments, "align", |align, path| {
            crate::align::resolve(align, &path, &names, findings)
        }),
        vendor_metadata,
        vendor_metadata_bytes,
        resolutions: items(&document.resolutions, "resolve", |it, path| {
            resolve_format(it, &path, &names, &formats, findings)
        }),
        formats,
        strict_cpu_usage: document.strict_cpu_usage,
        graphics_common: document.graphics_common,
        vendor_usage: vendor.collect(),
        options: document.options.iter().map(option).collect(),
        limits: Limits {
            request_bytes: limits.request,
            client_bytes: limits.client,
            total_bytes: limits.total,
            reserve_bytes: limits.reserve,
            buffers_per_request: limits.buffers_per_request,
            without_release_watch: limits.without_release_watch,
        },
        metadata_heap: names.heap(&document.metadata.heap, metadata.place("heap"), findings).unwrap_or(HeapId(0)),
        pool: crate::pool::resolve(document, &names, findings),
    }
}

fn items<D, T>(documents: &[D], section: &str, mut resolve: impl FnMut(&D, KeyPath) -> T) -> Vec<T> {
    documents.iter().enumerate().map(|(at, item)| resolve(item, KeyPath::item(section, at))).collect()
}

/// Each heap's uncached twin, by index.
fn resolve_twins(document: &Document, names: &Names, findings: &mut Vec<Finding>) -> Vec<Option<HeapId>> {
    items(&document.heaps, "heap", |heap, path| {
        let twin = heap.uncached_twin.as_deref()?;
        names.heap(twin, path.place("uncached_twin"), findings)
    })
}

fn resolve_rule(
    rule: &RuleDoc,
    path: &KeyPath,
    names: &Names,
    twins: &[Option<HeapId>],
    findings: &mut Vec<Finding>,
) -> Rule {
    let when = names.condition(&rule.when, path, findings);
    let heaps_place = path.place("heaps");
    let heaps = names.heaps(rule.heaps.as_deref().unwrap_or_default(), heaps_place, findings);
    let cached_place = path.place("cached_when");
    let cached_when = names.terms(rule.cached_when.as_deref().unwrap_or_default(), cached_place, findings);
    let mut uncached = Vec::new();
    if rule.cached_when.is_some() {
        for heap in &heaps {
            let twin = twins.get(usize::from(heap.0)).copied().flatten();
            for id in twin.into_iter().chain([*heap]) {
                if !uncached.contains(&id) {
                    uncached.push(id);
                }
            }
        }
        if uncached == heaps && !heaps.is_empty() {
            let message = "none of the rule's heaps has an `uncached_twin` that it does not list itself";
            findings.push(Finding::new(Code::UnusedTwins, cached_place.path(), message));
        }
    }
    let action = match (&rule.heaps, &rule.deny) {
        (Some(_), None) => Action::Heaps { heaps, uncached, cached_when },
        (None, Some(reason)) => Action::Deny(reason.clone()),
        (Some(_), Some(_)) => {
            let message = "a rule either names heaps or denies, not both";
            findings.push(
                Finding::new(Code::RuleAction, path.key("deny"), message).related(heaps_place.path(), "the heaps"),
            );
            Action::Deny(String::new())
        }
        (None, None) => {
            let message = format!("rule \"{}\" says nothing to do", rule.name);
            let help = "heaps = [\"…\"] to allocate, or deny = \"reason\" to refuse";
            findings.push(Finding::new(Code::RuleAction, path.clone(), message).help(help));
            Action::Deny(String::new())
        }
    };
    if rule.heaps.as_ref().is_some_and(Vec::is_empty) {
        let help = "to refuse what the rule takes, write deny = \"reason\"";
        findings.push(Finding::new(Code::BadValue, heaps_place.path(), "no heaps").help(help));
    }
    if rule.deny.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        findings.push(Finding::new(Code::BadValue, path.key("deny"), "the reason is empty: clients' logs show it"));
    }
    if rule.deny.as_ref().is_some_and(|reason| reason.contains(char::is_control)) {
        let message = "the reason has control characters: clients' logs and terminals show it";
        findings.push(Finding::new(Code::BadValue, path.key("deny"), message));
    }
    if rule.deny.is_some() && rule.cached_when.is_some() {
        findings.push(Finding::new(
            Code::RuleAction,
            cached_place.path(),
            "a rule that denies has no heaps to choose twins of",
        ));
    }
    Rule { name: rule.name.clone(), when, action }
}

fn resolve_format(
    doc: &ResolveDoc,
    path: &KeyPath,
    names: &Names,
    formats: &[VendorFormat],
    findings: &mut Vec<Finding>,
) -> Resolution {
    let format_place = path.place("format");
    let format = names.plain_format(&doc.format, format_place, findings);
    let layout = names.layout(&doc.to);
    let flexible = match format {
        Some(flexible @ (PixelFormat::Ycbcr420_888 | PixelFormat::RawOpaque | PixelFormat::ImplementationDefined)) => {
            Some(flexible)
        }
        None => Some(PixelFormat::ImplementationDefined),
        Some(_) => {
            let message = format!("{} is one layout already: there is nothing to resolve", doc.format);
            let help = "allowed: IMPLEMENTATION_DEFINED, YCBCR_420_888, RAW_OPAQUE";
            findings.push(Finding::new(Code::BadValue, format_place.path(), message).help(help));
            None
        }
    };
    let may_be = |layout: Layout, shapes: &[PlaneShape]| flexible.map_or(true, |format| can_be(format, layout, shapes));
    let vendor = |value: i32| formats.iter().find(|format| format.value == value);
    let may = |layout: LayoutName| match layout {
        LayoutName::Table(layout) => may_be(layout, layout.shapes()),
        LayoutName::Vendor(value) => vendor(value).map_or(true, |format| may_be(format.layout, format.shapes())),
    };
    let table = || Layout::ALL.iter().filter(|layout| may_be(**layout, layout.shapes()));
    let names_of = || table().map(|layout| layout.name().to_owned()).chain(names.vendor_formats());
    match layout {
        None if doc.to.is_empty() => {}
        None => Finding::push_unknown(findings, Code::UnknownLayout, path.key("to"), "layout", &doc.to, names_of()),
        Some(layout) if !may(layout) => {
            let message = format!("{} cannot become {}", doc.format, doc.to);
            let mut finding = Finding::new(Code::BadValue, path.key("to"), message);
            finding.allowed = names_of().collect();
            findings.push(finding);
        }
        Some(_) => {}
    }
    Resolution {
        format: format.unwrap_or(PixelFormat::ImplementationDefined),
        when: names.condition(&doc.when, path, findings),
        layout: layout.unwrap_or(LayoutName::Table(Layout::Nv12)),
    }
}
