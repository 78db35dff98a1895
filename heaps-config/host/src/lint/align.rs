//! Alignments that ask for nothing, or for what a format's definition rules out, or that a format slips past.

use super::contradiction::contradiction;
use gralloc_buffer::layout::{Ask, Contract, Form, Needs};
use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::condition::Subject;
use heaps_config::policy::{Alignment, Condition, LayoutName, Policy, Resolution, Term, VendorFormat};
use heaps_config::Code;
use heaps_config::Document;
use heaps_config::{Finding, KeyPath};

/// YV12's chroma lines are multiples of 16 bytes by its definition (`PixelFormat.aidl`).
const YV12_CHROMA_BYTES: u32 = 16;

/// Reports them.
pub(super) fn check(document: &Document, policy: &Policy, findings: &mut Vec<Finding>) {
    for (at, (align, written)) in policy.alignments.iter().zip(&document.alignments).enumerate() {
        let path = KeyPath::item("align", at);
        let before = findings.len();
        if written.asks_nothing() {
            let message = format!("align \"{}\" requires nothing", align.name);
            let help =
                "allowed: stride_bytes, stride_pixels, height_lines, size_bytes and others, each a multiple above 1";
            findings.push(Finding::new(Code::AlignUnused, path.clone(), message).help(help));
        }
        if let Some(key) = impossible(align, policy) {
            let message = format!("align \"{}\" asks for what no number is, or none of 64 bits", align.name);
            findings.push(Finding::new(Code::AlignImpossible, path.key(key), message));
        }
        if let Some(why) = contradiction(&align.when) {
            let message = format!("align \"{}\" can never apply: {why}", align.name);
            findings.push(Finding::new(Code::Contradiction, path.clone(), message));
        }
        // An alignment for all formats leaves alone what cannot have it; one that names the format means it.
        let formats = align.when.formats.iter().filter(|format| !align.when.not_formats.contains(format));
        let formats = formats.filter_map(|format| Some((format.name(), Layout::of(*format)?)));
        for (name, layout) in formats.clone() {
            check_contract(align, name, layout.form().contract, &path, findings);
            check_widened(align, name, layout, &path, findings);
        }
        for named in &align.when.layouts {
            let name = policy.layout_name(*named);
            let vendor = |value: i32| policy.vendor_format(value).map(|format| format.form().contract);
            let contract = match named {
                LayoutName::Table(layout) => Some(layout.form().contract),
                LayoutName::Vendor(value) => vendor(*value),
            };
            // Once is enough for what is named twice.
            let known = formats.clone().any(|(known, _)| known == name);
            if let Some(contract) = contract.filter(|_| !known) {
                check_contract(align, name, contract, &path, findings);
            }
        }
        if findings.len() == before {
            slipped(align, policy, &path, findings);
        }
    }
}

/// The layouts that the entry names; else one of four bytes a pixel.
fn forms<'p>(align: &Alignment, policy: &'p Policy) -> Vec<Form<'p>> {
    let formats = align.when.formats.iter().filter_map(|format| match format {
        PixelFormat::Vendor(value) => Some(LayoutName::Vendor(*value)),
        format => Layout::of(*format).map(LayoutName::Table),
    });
    let form = |name: LayoutName| match name {
        LayoutName::Table(layout) => Some(layout.form()),
        LayoutName::Vendor(value) => policy.vendor_format(value).map(|format| format.form()),
    };
    let mut forms: Vec<Form<'_>> = align.when.layouts.iter().copied().chain(formats).filter_map(form).collect();
    if forms.is_empty() {
        forms.push(Layout::Rgba8888.form());
    }
    forms
}

/// The first of the entry's asks with which some of them are such.
fn first_key(align: &Alignment, are: impl Fn(&[Ask]) -> bool) -> Option<&'static str> {
    let asks = (1..=align.asks.len()).filter_map(|count| align.asks.get(..count)).find(|asks| are(asks))?;
    asks.last().map(|ask| ask.key())
}

/// The key with which a small picture can no longer be laid out.
fn impossible(align: &Alignment, policy: &Policy) -> Option<&'static str> {
    forms(align, policy).iter().find_map(|form| first_key(align, |asks| layer_bytes(form, align, asks, 64).is_none()))
}

/// Bytes of so many pixels each way with some of the entry's asks; `None` where they cannot be laid out.
fn layer_bytes(form: &Form<'_>, align: &Alignment, asks: &[Ask], side: u32) -> Option<u64> {
    let mut needs = Needs::NONE;
    needs.apply(asks, align.combine)?;
    form.measure(side, side, 1, &needs).map(|measured| measured.layer_bytes)
}

/// Reports alignments with which one pixel has more bytes than a request may, of all that they name. Of what something was said already,
/// nothing is.
pub(super) fn without_room(policy: &Policy, findings: &mut Vec<Finding>) {
    let limit = policy.limits.request_bytes;
    for (at, align) in policy.alignments.iter().enumerate().filter(|(_, align)| align.when.compressed != Some(true)) {
        let path = KeyPath::item("align", at);
        if findings.iter().any(|said| said.path == path || said.path.parent().as_ref() == Some(&path)) {
            continue;
        }
        let forms = forms(align, policy);
        let fits = |form, asks: &[Ask]| layer_bytes(form, align, asks, 1).is_some_and(|bytes| bytes <= limit);
        let beyond = |asks: &[Ask]| !forms.iter().any(|form| fits(form, asks));
        let Some(key) = first_key(align, beyond) else { continue };
        let message = format!("align \"{}\" has one pixel take more than any request may: all are refused", align.name);
        let finding = Finding::new(Code::AlignImpossible, path.key(key), message);
        findings.push(finding.related(KeyPath::ROOT.key("limits").key("request"), "the most that one may"));
    }
}

/// A flexible format that becomes a layout of `formats` without being listed itself, with a usage that both take.
fn slipped(align: &Alignment, policy: &Policy, path: &KeyPath, findings: &mut Vec<Finding>) {
    let listed = |layout: LayoutName| {
        let of = |format: &PixelFormat| match format {
            PixelFormat::Vendor(value) => Some(LayoutName::Vendor(*value)),
            format => Layout::of(*format).map(LayoutName::Table),
        };
        align.when.formats.iter().any(|format| of(format) == Some(layout))
    };
    let barred = |format: PixelFormat| align.when.formats.contains(&format) || align.when.not_formats.contains(&format);
    let missed = policy.resolutions.iter().enumerate().find_map(|(at, resolution)| {
        let usage = common_usage(&align.when, &resolution.when)?;
        let first = |other: &Resolution| {
            other.format == resolution.format && other.when.holds(Subject::new(usage, other.format))
        };
        let decides = policy.resolutions.iter().position(first) == Some(at);
        (decides && listed(resolution.layout) && !barred(resolution.format)).then_some((at, resolution, usage))
    });
    let Some((at, resolution, usage)) = missed else { return };
    let layout = policy.layout_name(resolution.layout);
    let message = format!(
        "align \"{}\" is for {layout} by name: {} with usage {usage} becomes it, and slips past",
        align.name,
        resolution.format.name()
    );
    let finding = Finding::new(Code::AlignSlipped, path.key("formats"), message);
    let finding = finding.help("`layouts` in place of `formats` asks what the format became");
    findings.push(finding.related(KeyPath::item("resolve", at).key("to"), "the resolution"));
}

/// Reports vendor's formats that no alignment names, though one names their layout: a condition on a layout does not take formats that
/// are `like` it, for a vendor says it of formats with rules of their own as well.
pub(super) fn check_like(policy: &Policy, findings: &mut Vec<Finding>) {
    let formats = policy.formats.iter().enumerate();
    for (at, format) in formats.filter(|(_, format)| format.linear && format.layout != Layout::Vendor) {
        if policy.alignments.iter().any(|align| thinks_of(align, format)) {
            continue;
        }
        let of_layout = |align: &Alignment| {
            let layouts = align.when.formats.iter().filter_map(|format| Layout::of(*format));
            let named = align.when.layouts.contains(&LayoutName::Table(format.layout));
            align.when.compressed != Some(true) && (named || layouts.into_iter().any(|layout| layout == format.layout))
        };
        let Some(index) = policy.alignments.iter().position(of_layout) else { continue };
        let align = policy.alignments.get(index).map_or("?", |align| align.name.as_str());
        let layout = format.layout.name();
        let message = format!(
            "format \"{}\" is like {layout}, and slips past align \"{align}\", which is for {layout} by name",
            format.name
        );
        let finding = Finding::new(Code::AlignSlipped, KeyPath::item("format", at).key("like"), message);
        let finding = finding.help(format!(
            "list {} in the `layouts` of what it needs; in `not_formats` where it needs nothing",
            format.name
        ));
        findings.push(finding.related(KeyPath::item("align", index), "the alignment"));
    }
}

/// Whether somebody thought of the format here.
fn thinks_of(align: &Alignment, format: &VendorFormat) -> bool {
    let own = PixelFormat::Vendor(format.value);
    let when = &align.when;
    when.layouts.contains(&LayoutName::Vendor(format.value))
        || when.formats.contains(&own)
        || when.not_formats.contains(&own)
}

/// A usage that both conditions take, by their flags; `None` where none is found.
pub(super) fn common_usage(one: &Condition, other: &Condition) -> Option<Usage> {
    let bits = |term: &Term| match term {
        Term::Equals { value, .. } => *value,
        Term::Any(mask) => Usage(mask.0 & mask.0.wrapping_neg()),
    };
    let all = one.all_of.iter().chain(&other.all_of).fold(Usage::NONE, |all, term| all | bits(term));
    let any = |when: &Condition| {
        let any: Vec<Usage> = when.any_of.iter().map(bits).collect();
        if any.is_empty() {
            vec![Usage::NONE]
        } else {
            any
        }
    };
    let holds = |when: &Condition, usage: Usage| {
        let any_holds = when.any_of.is_empty() || when.any_of.any_holds(usage);
        when.all_of.all_hold(usage) && any_holds && !when.none_of.any_holds(usage)
    };
    let (ones, others) = (any(one), any(other));
    let pairs = ones.iter().flat_map(|a| others.iter().map(move |b| all | *a | *b));
    pairs.into_iter().find(|usage| holds(one, *usage) && holds(other, *usage))
}

/// What the format's definition rules out, once a key.
fn check_contract(align: &Alignment, name: &str, contract: Contract, path: &KeyPath, findings: &mut Vec<Finding>) {
    let mut keys: Vec<&str> = Vec::new();
    for ask in &align.asks {
        let Some(why) = contract.forbids(*ask).filter(|_| !keys.contains(&ask.key())) else { continue };
        keys.push(ask.key());
        let finding = Finding::new(Code::AlignBreaksFormat, path.key(ask.key()), format!("{name}: {why}"));
        findings.push(finding.help(format!("take {name} out of the conditions, or leave `{}` out", ask.key())));
    }
}

/// Lines of more than what is written.
fn check_widened(align: &Alignment, name: &str, layout: Layout, path: &KeyPath, findings: &mut Vec<Finding>) {
    let bytes = align.asks.iter().find_map(|ask| match ask {
        Ask::StrideBytes(bytes) if *bytes > 1 => Some(*bytes),
        _ => None,
    });
    let Some(bytes) = bytes.filter(|_| !layout.has_fixed_stride()) else { return };
    if bytes > YV12_CHROMA_BYTES && layout == Layout::Yv12 {
        let message = format!(
            "{name} with chroma lines of {bytes} bytes has luma lines of {}: its chroma stride is half its stride",
            bytes.saturating_mul(2)
        );
        let help = "for the luma plane alone, as most hardware wants it, write stride_pixels";
        findings.push(Finding::new(Code::AlignWidens, path.key("stride_bytes"), message).help(help));
    }
    if layout.bits_per_pixel() == 24 {
        let message = format!(
            "{name} has 3 bytes a pixel: whole pixels and {bytes} bytes make lines a multiple of {} bytes",
            bytes.saturating_mul(3)
        );
        let help = format!("write stride_pixels = {bytes} if that is meant, or take {name} out");
        findings.push(Finding::new(Code::AlignWidens, path.key("stride_bytes"), message).help(help));
    }
}
