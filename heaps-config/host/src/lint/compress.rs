//! Compressions that can never apply, or whose areas have no place.

use super::afbc::{of_afbc, Named};
use super::contradiction::{contradiction, cpu_key};
use super::fourcc;
use super::modifier::{differs, is_no_lines};
use super::reach::{in_order, Entries, Reach};
use super::region::{Left, Region};
use gralloc_buffer::layout::{afbc, Contract, Form, Needs, PlaneShape, MAX_PLANES};
use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::policy::{
    Action, Alignment, Compress, Condition, LayoutName, Policy, Rule, Term, VendorFormat, VendorMetadata,
};
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// Reports them.
pub(super) fn check(policy: &Policy, reach: Option<&Reach>, findings: &mut Vec<Finding>) {
    for (at, entry) in policy.compressions.iter().enumerate() {
        let path = KeyPath::item("compress", at);
        if let Some(why) = contradiction(&entry.when) {
            let message = format!("compress \"{}\" can never apply: {why}", entry.name);
            findings.push(Finding::new(Code::Contradiction, path.clone(), message));
        }
        if let Some(key) = cpu_key(&entry.when) {
            let message = format!("compress \"{}\" asks for CPU access, which compression excludes", entry.name);
            findings.push(Finding::new(Code::CompressUnmapped, path.key(key), message));
        }
        let named = named(entry, policy);
        let shapes: Vec<&[PlaneShape]> = named.iter().map(|named| named.shapes).collect();
        for (key, why) in areas(entry, &shapes).into_iter().chain(differs(entry)) {
            findings.push(Finding::new(Code::Compression, path.key(key), why));
        }
        if afbc::is_afbc(entry.modifier) {
            for (key, why) in of_afbc(entry, &named) {
                let message = format!("modifier {:#x} of AFBC: {why}", entry.modifier);
                findings.push(Finding::new(Code::Compression, path.key(key), message));
            }
        }
        if let Some(why) = shapes.iter().find_map(|shapes| fourcc::differs(entry.fourcc, shapes)) {
            let message = format!("compress \"{}\": {why}", entry.name);
            findings.push(Finding::new(Code::Compression, path.key("fourcc"), message));
        }
        if let Some(why) = unwritten(entry, &named) {
            let message = format!("{why}: every buffer of \"{}\" is refused", entry.name);
            let help = "leave `initialise` out: the kernel's zeros stay until a producer writes the first frame";
            findings.push(Finding::new(Code::Compression, path.key("initialise"), message).help(help));
        }
    }
    if let Some(reach) = reach {
        reached(reach, policy, findings);
    }
    // Of whatever asks for compressed buffers, for the CPU is none of them.
    let rules = policy.rules.iter().map(|rule| (rule.name.as_str(), &rule.when));
    let alignments = policy.alignments.iter().map(|Alignment { name, when, .. }| (name.as_str(), when));
    let types = policy.vendor_metadata.iter().map(|VendorMetadata { name, when, .. }| (name.as_str(), when));
    for_the_cpu("rule", rules, findings);
    for_the_cpu("align", alignments, findings);
    for_the_cpu("vendor_metadata", types, findings);
    for (at, format) in policy.formats.iter().enumerate().filter(|(_, format)| format.linear && format.mappable) {
        if is_no_lines(format.modifier) {
            let name = &format.name;
            let message = format!("format \"{name}\" has the modifier {:#x}: no CPU reads its blocks", format.modifier);
            let help = "leave `cpu` out; or the modifier, where its planes are lines";
            let path = KeyPath::item("format", at).key("cpu");
            findings.push(Finding::new(Code::CompressUnmapped, path, message).help(help));
        }
    }
    for (at, format) in policy.formats.iter().enumerate().filter(|(_, format)| !format.linear) {
        let path = KeyPath::item("format", at);
        if !policy.compressions.iter().any(|entry| may_take(entry, format, policy)) {
            let message = format!("format \"{}\" has no linear form, and no [[compress]] takes it", format.name);
            findings.push(Finding::new(Code::CompressUnmapped, path.key("linear"), message));
        }
        if format.mappable {
            let message = format!("format \"{}\" has no linear form, so that no CPU maps it", format.name);
            findings.push(Finding::new(Code::CompressUnmapped, path.key("cpu"), message));
        }
    }
}

/// Why there is nothing to write into the entry's new buffers, where that is asked for.
fn unwritten(entry: &Compress, named: &[Named<'_>]) -> Option<&'static str> {
    entry.initialise?;
    named.iter().find_map(|named| {
        let form = Form { shapes: named.shapes, contract: Contract::default() };
        let [first, ..] = form.grid_sizes(&entry.blocks, 64, 64)?;
        let header_bytes = u32::try_from(first.header).ok()?;
        form.afbc_headers(&entry.blocks, entry.modifier, (64, 64), header_bytes).err()
    })
}

/// Whether the entry is for the format, asked for as itself or as what becomes it.
fn may_take(entry: &Compress, format: &VendorFormat, policy: &Policy) -> bool {
    let name = LayoutName::Vendor(format.value);
    let Condition { formats, not_formats, layouts, .. } = &entry.when;
    let becomes = policy.resolutions.iter().filter(|resolution| resolution.layout == name);
    let mut asked = becomes.map(|resolution| resolution.format).chain([PixelFormat::Vendor(format.value)]);
    let takes = |asked: PixelFormat| (formats.is_empty() || formats.contains(&asked)) && !not_formats.contains(&asked);
    (layouts.is_empty() || layouts.contains(&name)) && asked.any(takes)
}

/// A layout of the table that no format is and none becomes: what is for it alone is for nothing.
fn is_for_nothing(layout: LayoutName, policy: &Policy) -> bool {
    let LayoutName::Table(of) = layout else { return false };
    let becomes = policy.resolutions.iter().any(|resolution| resolution.layout == layout);
    !becomes && !PixelFormat::ALL.iter().any(|format| Layout::of(*format) == Some(of))
}

/// Reports entries that are for compressed buffers and for CPU access.
fn for_the_cpu<'p>(
    section: &str,
    entries: impl Iterator<Item = (&'p str, &'p Condition)>,
    findings: &mut Vec<Finding>,
) {
    for (at, (name, when)) in entries.enumerate().filter(|(_, (_, when))| when.compressed == Some(true)) {
        let Some(key) = cpu_key(when) else { continue };
        let message = format!("{section} \"{name}\" is for compressed buffers and for CPU access, which excludes them");
        findings.push(Finding::new(Code::CompressUnmapped, KeyPath::item(section, at).key(key), message));
    }
}

/// Reports compressions that nothing is left for, and requests of the CPU that become what it cannot map.
fn reached(reach: &Reach, policy: &Policy, findings: &mut Vec<Finding>) {
    let entries = &policy.compressions;
    let own: Option<Vec<Region>> = entries.iter().map(|entry| reach.space.compressible(policy, &entry.when)).collect();
    let own = own.unwrap_or_default();
    let shown = Entries {
        space: &reach.space,
        own: &own,
        places: (0..entries.len()).map(|at| KeyPath::item("compress", at)).collect(),
        names: entries.iter().map(|entry| format!("\"{}\"", entry.name)).collect(),
        word: "compress",
    };
    for (at, (entry, left)) in entries.iter().zip(in_order(&reach.space, &own)).enumerate() {
        let said = contradiction(&entry.when).is_some() || cpu_key(&entry.when).is_some();
        let layouts = &entry.when.layouts;
        if let Some(layout) = layouts.first().filter(|_| layouts.iter().all(|layout| is_for_nothing(*layout, policy))) {
            let (name, layout) = (&entry.name, policy.layout_name(*layout));
            let message = format!("compress \"{name}\" can never apply: no format is {layout}, and none becomes it");
            let path = KeyPath::item("compress", at).key("layouts");
            let help = "a [[resolve]] to it, or a [[format]] that is `like` it and in `layouts` here";
            findings.push(Finding::new(Code::Contradiction, path, message).help(help));
        } else if left == Left::Nothing && !said {
            findings.extend(shown.unreachable(at, &entry.when));
        }
    }
    for at in 0..policy.resolutions.len() {
        findings.extend(unmapped(reach, policy, at));
    }
    for (at, format) in policy.formats.iter().enumerate().filter(|(_, format)| !format.linear) {
        if never_served(reach, policy, format, &own) == Some(true) {
            let message = format!(
                "format \"{}\" can never be had: no rule has a heap for what its [[compress]] takes",
                format.name
            );
            let help = "it has no linear form; another condition of the [[compress]], or a rule for such requests";
            findings
                .push(Finding::new(Code::Contradiction, KeyPath::item("format", at).key("linear"), message).help(help));
        }
    }
}

/// Whether the rules refuse all that a format's compressions take, asked for as itself or as what becomes it; `None` where that is not
/// decided, or nothing takes it, of which is spoken elsewhere.
fn never_served(reach: &Reach, policy: &Policy, format: &VendorFormat, own: &[Region]) -> Option<bool> {
    let space = &reach.space;
    let taking = policy.compressions.iter().zip(own).filter(|(entry, region)| {
        may_take(entry, format, policy) && contradiction(&entry.when).is_none() && !region.is_empty()
    });
    let mut asked = space.only_format(space.sensible()?, PixelFormat::Vendor(format.value));
    let name = LayoutName::Vendor(format.value);
    for at in (0..policy.resolutions.len()).filter(|at| policy.resolutions.get(*at).map(|it| it.layout) == Some(name)) {
        asked.extend(space.intersect(&space.resolved_by(policy, at)?, &space.sensible()?)?);
    }
    let mut refused = None;
    for (_, region) in taking {
        let region = space.intersect(region, &asked)?;
        if serving(policy).any(|(at, _)| reach.taken(at, &region, &[]) != Left::Nothing) {
            return Some(false);
        }
        if !region.is_empty() {
            refused = Some(true);
        }
    }
    refused
}

/// Rules that have heaps, each with its place.
fn serving(policy: &Policy) -> impl Iterator<Item = (usize, &Rule)> {
    policy.rules.iter().enumerate().filter(|(_, rule)| matches!(rule.action, Action::Heaps { .. }))
}

/// A request of the CPU that a resolution turns into a format which no CPU maps, and a rule would serve: it is refused for what the
/// client cannot know.
fn unmapped(reach: &Reach, policy: &Policy, at: usize) -> Option<Finding> {
    let resolution = policy.resolutions.get(at)?;
    let LayoutName::Vendor(value) = resolution.layout else { return None };
    let to = policy.vendor_format(value).filter(|format| !format.linear || !format.mappable)?;
    let space = &reach.space;
    let cpu = space.term(Term::Any(Usage::CPU_READ_MASK | Usage::CPU_WRITE_MASK));
    let asked = space.intersect(&space.resolved_by(policy, at)?, &space.intersect(&space.sensible()?, &cpu)?)?;
    let witness = serving(policy).find_map(|(rule, _)| match reach.taken(rule, &asked, &[]) {
        Left::Some(witness) => Some(witness),
        Left::Nothing | Left::Undecided => None,
    })?;
    let message = format!(
        "{} with usage {} becomes \"{}\", which no CPU maps: every such request is refused",
        resolution.format.name(),
        witness.usage,
        to.name
    );
    let help = "none_of = [\"CPU_READ_MASK\", \"CPU_WRITE_MASK\"], and a [[resolve]] behind it for the CPU";
    Some(Finding::new(Code::CompressUnmapped, KeyPath::item("resolve", at).key("to"), message).help(help))
}

/// What the entry names: layouts, else formats with what the flexible ones of them become. Nothing where it is for all.
fn named<'p>(entry: &Compress, policy: &'p Policy) -> Vec<Named<'p>> {
    let became = |format: &PixelFormat| -> Vec<LayoutName> {
        let resolutions = policy.resolutions.iter().filter(|resolution| resolution.format == *format);
        match format {
            PixelFormat::Vendor(value) => vec![LayoutName::Vendor(*value)],
            format => match Layout::of(*format) {
                Some(layout) => vec![LayoutName::Table(layout)],
                None => resolutions.map(|resolution| resolution.layout).collect(),
            },
        }
    };
    let names = match entry.when.layouts.is_empty() {
        true => entry.when.formats.iter().flat_map(became).collect(),
        false => entry.when.layouts.clone(),
    };
    let of = |name: LayoutName| match name {
        LayoutName::Table(layout) => Some(Named { layout, shapes: layout.shapes() }),
        LayoutName::Vendor(value) => {
            policy.vendor_format(value).map(|format| Named { layout: format.layout, shapes: format.shapes() })
        }
    };
    names.into_iter().filter_map(of).collect()
}

/// Areas that would lie in one another, or have no place.
fn areas(entry: &Compress, shapes: &[&[PlaneShape]]) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let blocks = &entry.blocks;
    let headers = blocks.grids.iter().any(|grid| grid.header_bytes > 0);
    if blocks.column_bytes > 0 {
        let part = |shape: &PlaneShape| shape.line_bytes(1 << 10);
        let alike = |planes: &&[PlaneShape]| planes.iter().all(|shape| part(shape) == planes.first().and_then(part));
        if shapes.is_empty() || !shapes.iter().all(alike) {
            let why = "planes in columns have lines of the same bytes; others would lie in one another's";
            wrong.push(("column_bytes", format!("{why}: say of which `layouts` it is")));
        }
    }
    let most = shapes.iter().map(|planes| planes.len()).max().unwrap_or(1);
    if blocks.header_planes && headers && !blocks.merged && most.saturating_mul(2) > MAX_PLANES {
        wrong.push(("header_planes", format!("{most} planes and a header of each: a buffer has at most {MAX_PLANES}")));
    }
    // Whatever the numbers are: a small picture has to be countable.
    let fits = |planes: &&[PlaneShape]| {
        let form = Form { shapes: planes, contract: Contract::default() };
        form.measure_blocks(blocks, 64, 64, 1, &Needs::NONE).is_some_and(|measured| measured.narrow().is_some())
    };
    let table: &[PlaneShape] = Layout::Rgba8888.shapes();
    let sample = if shapes.is_empty() { std::slice::from_ref(&table) } else { shapes };
    if wrong.is_empty() && !sample.iter().all(fits) {
        wrong.push(("grid", "64 by 64 pixels have more bytes than a buffer can".to_owned()));
    }
    wrong
}
