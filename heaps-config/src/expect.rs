//! `[[expect]]`: what the policy's author expects of single requests. The tools try them; the service never sees them.

use crate::code::Code;
use crate::document::{Document, ExpectDoc};
use crate::finding::{Finding, KeyPath};
use crate::names::Names;
use crate::policy::{HeapId, HeapSet};
use gralloc_buffer::{BufferName, Descriptor, DescriptorOption, Layout, PixelFormat};

/// An expectation, its names resolved. What is `None` is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The policy's name for it.
    pub name: String,
    /// What is asked for.
    pub descriptor: Descriptor,
    /// The heaps that are there.
    pub present: HeapSet,
    /// The heaps that are tried, in order.
    pub heaps: Option<Vec<HeapId>>,
    /// The heap that is tried first.
    pub heap: Option<HeapId>,
    /// The rule that takes it, by name.
    pub rule: Option<String>,
    /// It is refused: the cause's word, or words of the message.
    pub refused: Option<String>,
    /// As the client is told.
    pub stride: Option<u32>,
    /// Of one buffer.
    pub bytes: Option<u64>,
    /// What the format becomes, by the layout's name.
    pub layout: Option<String>,
    /// The `DRM_FORMAT_MOD_*` value.
    pub modifier: Option<u64>,
}

/// Resolves them all. What cannot be resolved goes to `findings`.
pub(crate) fn resolve(document: &Document, findings: &mut Vec<Finding>) -> Vec<Expectation> {
    if document.expectations.is_empty() {
        return Vec::new();
    }
    // What the names themselves have wrong was found when the policy was resolved.
    let names = Names::collect(document, &mut Vec::new());
    let items = document.expectations.iter().enumerate();
    items.map(|(at, expect)| resolve_one(expect, &KeyPath::item("expect", at), document, &names, findings)).collect()
}

fn resolve_one(
    expect: &ExpectDoc,
    path: &KeyPath,
    document: &Document,
    names: &Names,
    findings: &mut Vec<Finding>,
) -> Expectation {
    let format = names.plain_format(&expect.format, path.place("format"), findings);
    let usage = names.usage(&expect.usage, path.place("usage"), findings);
    let everything = Names::all_heaps(document);
    let present = match &expect.present {
        None => everything,
        Some(listed) => {
            names.heaps(listed, path.place("present"), findings).into_iter().fold(HeapSet::default(), HeapSet::with)
        }
    };
    if let Some(rule) = &expect.rule {
        if !document.rules.iter().any(|known| known.name == *rule) {
            let known = document.rules.iter().map(|rule| rule.name.clone());
            Finding::push_unknown(findings, Code::UnknownRule, path.key("rule"), "rule", rule, known);
        }
    }
    if let Some(layout) = &expect.layout {
        if names.layout(layout).is_none() {
            let known = Layout::ALL.iter().map(|layout| layout.name().to_owned()).chain(names.vendor_formats());
            Finding::push_unknown(findings, Code::UnknownLayout, path.key("layout"), "layout", layout, known);
        }
    }
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let option = |(at, text): (usize, &String)| option(text, &path.key("options").index(at), findings);
    let options = expect.options.iter().enumerate().filter_map(option).collect();
    Expectation {
        name: expect.name.clone(),
        descriptor: Descriptor {
            name: BufferName::from_text(&expect.name),
            width: number(expect.width),
            height: number(expect.height),
            layer_count: number(expect.layers),
            format: format.unwrap_or(PixelFormat::Rgba8888).to_wire(),
            usage: i64::from_ne_bytes(usage.0.to_ne_bytes()),
            reserved_size: i64::try_from(expect.reserved).unwrap_or(i64::MAX),
            options,
        },
        present,
        heaps: expect.heaps.as_ref().map(|listed| names.heaps(listed, path.place("heaps"), findings)),
        heap: expect.heap.as_ref().and_then(|heap| names.heap(heap, path.place("heap"), findings)),
        rule: expect.rule.clone(),
        refused: expect.refused.clone(),
        stride: expect.stride,
        bytes: expect.bytes,
        layout: expect.layout.clone(),
        modifier: expect.modifier,
    }
}

/// `com.example.x=1`
fn option(text: &str, path: &KeyPath, findings: &mut Vec<Finding>) -> Option<DescriptorOption> {
    let parsed = text
        .rsplit_once('=')
        .and_then(|(name, value)| Some(DescriptorOption { name: name.to_owned(), value: value.trim().parse().ok()? }));
    if parsed.is_none() {
        let message = format!("\"{}\" is no option", text.escape_default());
        findings.push(Finding::new(Code::BadValue, path.clone(), message).help("NAME=NUMBER, such as com.example.x=1"));
    }
    parsed
}

/// What no request can fulfil at once.
pub(crate) fn check(document: &Document, findings: &mut Vec<Finding>) {
    for (at, expect) in document.expectations.iter().enumerate() {
        let path = KeyPath::item("expect", at);
        let heaps = [("heap", expect.heap.is_some()), ("heaps", expect.heaps.is_some())];
        let mut of_a_buffer = heaps.into_iter().chain(expect.figures()).filter(|(_, given)| *given);
        let given = of_a_buffer.next();
        if expect.refused.is_none() && expect.rule.is_none() && given.is_none() {
            let message = format!("expect \"{}\" expects nothing", expect.name);
            let help = "one of heap, heaps, rule, refused, stride, bytes, layout, modifier";
            findings.push(Finding::new(Code::MissingKey, path.clone(), message).help(help));
        }
        // A rule may refuse; a buffer that is refused has no figures.
        if let (Some(_), Some((key, _))) = (&expect.refused, given) {
            let message = format!("what is refused has no `{key}`");
            let finding = Finding::new(Code::ExpectNever, path.key(key), message);
            findings.push(finding.related(path.key("refused"), "the refusal"));
        }
        if let (Some(first), Some(heaps)) = (&expect.heap, &expect.heaps) {
            if heaps.first() != Some(first) {
                let message = format!("\"{first}\" is not the first of `heaps`");
                let finding = Finding::new(Code::ExpectNever, path.key("heap"), message);
                findings.push(finding.related(path.key("heaps"), "the list"));
            }
        }
        if expect.heaps.as_ref().is_some_and(Vec::is_empty) {
            let message = "`heaps` is empty, and what is allocated has a heap";
            let finding = Finding::new(Code::ExpectNever, path.key("heaps"), message);
            findings.push(finding.help("leave it out; or `refused`, where no heap is to take it"));
        }
        figures_below(expect, document, &path, findings);
        let is_protected = expect.usage.iter().any(|name| name == "PROTECTED");
        let wanted = expect.heaps.iter().flatten().chain(&expect.heap);
        for heap in wanted.filter_map(|name| document.heaps.iter().find(|heap| heap.name == *name)) {
            let key = if expect.heaps.is_some() { "heaps" } else { "heap" };
            let message = if heap.protected != is_protected {
                let (heap_is, request_is) = if is_protected { ("is not", "is") } else { ("is", "is not") };
                format!("\"{}\" {heap_is} protected, and the request {request_is}", heap.name)
            } else if expect.present.as_ref().is_some_and(|present| !present.contains(&heap.name)) {
                format!("\"{}\" is not among the heaps that are there", heap.name)
            } else {
                continue;
            };
            findings.push(Finding::new(Code::ExpectNever, path.key(key), message));
        }
        let same = |other: &&ExpectDoc| other.asks_the_same(expect) && other.contradicts(expect);
        if let Some(first) = document.expectations.iter().take(at).position(|other| same(&other)) {
            let message = format!("expect \"{}\" contradicts an earlier one of the same request", expect.name);
            let finding = Finding::new(Code::ExpectNever, path.key("name"), message);
            findings.push(finding.related(KeyPath::item("expect", first).key("name"), "the earlier one"));
        }
    }
}

/// What the format alone rules out: another layout, a line shorter than the width, fewer bytes than there are pixels.
fn figures_below(expect: &ExpectDoc, document: &Document, path: &KeyPath, findings: &mut Vec<Finding>) {
    let is_own = document.formats.iter().any(|format| format.name == expect.format);
    let Some(format) = PixelFormat::from_name(&expect.format).filter(|_| !is_own) else { return };
    let mut never = |key: &'static str, message: String| {
        findings.push(Finding::new(Code::ExpectNever, path.key(key), message));
    };
    let fixed = Layout::of(format);
    if let (Some(layout), Some(wanted)) = (fixed, &expect.layout) {
        if wanted != layout.name() {
            never("layout", format!("{} is {}, whatever the policy says", expect.format, layout.name()));
        }
    }
    // The flexible ones have at least what 4:2:0 has, where their pixels are 8 bits deep: what the vendor's own do is not known.
    let Some(layout) = fixed.or((format == PixelFormat::Ycbcr420_888).then_some(Layout::Nv12)) else { return };
    // RAW's strides are bytes (`PixelFormat.aidl`), which is more.
    if let Some(stride) = expect.stride.filter(|stride| *stride < expect.width) {
        never("stride", format!("a stride of {stride} pixels is less than the width, {}", expect.width));
    }
    // Compressed pixels may be fewer bytes; where the modifier is said to be 0 they are not compressed.
    if !document.compressions.is_empty() && expect.modifier != Some(0) {
        return;
    }
    let least = layout.shapes().iter().try_fold(0u64, |sum, shape| {
        let lines = shape.samples_down(expect.height);
        let bytes = shape.line_bytes(expect.width.into())?.checked_mul(lines.into())?;
        sum.checked_add(bytes)
    });
    let least = least.and_then(|bytes| bytes.checked_mul(expect.layers.into()));
    if let (Some(bytes), Some(least)) = (expect.bytes, least) {
        if bytes < least {
            never("bytes", format!("{bytes} bytes are less than the pixels alone have, {least}"));
        }
    }
}
