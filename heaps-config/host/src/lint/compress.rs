//! Compressions that can never apply, whose areas have no place, or whose modifier says other blocks than they have.
//!
//! Only Arm's modifiers are looked into: `drm_fourcc.h` and `Documentation/gpu/afbc.rst` say what their bits mean, and which go
//! together.

use super::contradiction::contradiction;
use gralloc_buffer::layout::afbc::{self, TILED};
use gralloc_buffer::layout::blocks::Body;
use gralloc_buffer::layout::{Component, ComponentKind, Contract, Form, Needs, PlaneShape, MAX_PLANES};
use gralloc_buffer::{Layout, Usage};
use heaps_config::policy::{Compress, Condition, LayoutName, Policy, Term};
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

const YTR: u64 = 1 << 4;
const SPLIT: u64 = 1 << 5;
const SOLID: u64 = 1 << 9;
const DOUBLE_BODY: u64 = 1 << 10;

/// Layouts whose components come in the order R, G, B, which the lossless colour transform needs.
const RGB_ORDER: [Layout; 7] = [
    Layout::Rgba8888,
    Layout::Rgbx8888,
    Layout::Rgb888,
    Layout::Rgb565,
    Layout::Rgba1010102,
    Layout::RgbaFp16,
    Layout::Rgba10101010,
];

/// Reports them.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Finding>) {
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
        let shapes = shapes(entry, policy);
        for (key, why) in areas(entry, &shapes) {
            findings.push(Finding::new(Code::Compression, path.key(key), why));
        }
        if afbc::is_afbc(entry.modifier) {
            for (key, why) in of_afbc(entry, &shapes) {
                let message = format!("modifier {:#x} of AFBC: {why}", entry.modifier);
                findings.push(Finding::new(Code::Compression, path.key(key), message));
            }
        }
    }
    for (at, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| rule.when.compressed == Some(true)) {
        if let Some(key) = cpu_key(&rule.when) {
            let message =
                format!("rule \"{}\" is for compressed buffers and for CPU access, which excludes them", rule.name);
            findings.push(Finding::new(Code::CompressUnmapped, KeyPath::item("rule", at).key(key), message));
        }
    }
    for (at, format) in policy.formats.iter().enumerate().filter(|(_, format)| !format.linear) {
        let path = KeyPath::item("format", at);
        let name = LayoutName::Vendor(format.value);
        let takes = |entry: &Compress| entry.when.layouts.is_empty() || entry.when.layouts.contains(&name);
        if !policy.compressions.iter().any(takes) {
            let message = format!("format \"{}\" has no linear form, and no [[compress]] takes it", format.name);
            findings.push(Finding::new(Code::CompressUnmapped, path.key("linear"), message));
        }
        if format.mappable {
            let message = format!("format \"{}\" has no linear form, so that no CPU maps it", format.name);
            findings.push(Finding::new(Code::CompressUnmapped, path.key("cpu"), message));
        }
    }
}

/// The key that asks for CPU access: alone, or as one of those of which one has to hold.
pub(super) fn cpu_key(when: &Condition) -> Option<&'static str> {
    let cpu = |term: &Term| match term {
        Term::Equals { value, .. } => value.cpu(),
        Term::Any(mask) => (Usage::CPU_READ_MASK | Usage::CPU_WRITE_MASK).contains(*mask),
    };
    let exactly = |term: &&Term| matches!(term, Term::Equals { mask: Usage(u64::MAX), .. });
    match when.all_of.iter().find(|term| cpu(term)) {
        Some(term) if exactly(&term) => Some("exactly"),
        Some(_) => Some("all_of"),
        None => when.any_of.iter().any(cpu).then_some("any_of"),
    }
}

/// The planes of each layout that the entry names.
fn shapes<'p>(entry: &Compress, policy: &'p Policy) -> Vec<&'p [PlaneShape]> {
    let of = |name: &LayoutName| match name {
        LayoutName::Table(layout) => Some(layout.shapes()),
        LayoutName::Vendor(value) => policy.vendor_format(*value).map(|format| format.shapes()),
    };
    entry.when.layouts.iter().filter_map(of).collect()
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

/// What the modifier's bits and the entry say differently, or what no hardware has together.
fn of_afbc(entry: &Compress, shapes: &[&[PlaneShape]]) -> Vec<(&'static str, &'static str)> {
    let mut wrong = Vec::new();
    let (bits, blocks) = (entry.modifier, &entry.blocks);
    let has = |bit: u64| bits & bit != 0;
    let superblock = bits & 0xf;
    let block = |at: usize| match (superblock, at) {
        (1, _) => Some([16, 16]),
        (2, _) | (4, 0) => Some([32, 8]),
        (3, _) | (4, _) => Some([64, 4]),
        _ => None,
    };
    let blocks_differ = blocks.grids.iter().enumerate().any(|(at, grid)| block(at) != Some(grid.block));
    let mut say = |yes: bool, key: &'static str, why: &'static str| {
        if yes {
            wrong.push((key, why));
        }
    };
    say(blocks_differ, "grid", "its blocks (1: 16x16, 2: 32x8, 3: 64x4, 4: 32x8 and 64x4) are not those of `grid`");
    let tiled = blocks.grids.iter().any(|grid| grid.tile != [1, 1]);
    say(tiled != has(TILED), "grid", "tiled headers and `tile` go together");
    say(
        blocks.grids.iter().any(|grid| grid.header_bytes != afbc::HEADER_BYTES),
        "grid",
        "a header has 16 bytes a block",
    );
    let planes = !blocks.merged && (blocks.grids.len() > 1 || shapes.iter().any(|planes| planes.len() > 1));
    say(
        planes && (!has(TILED) || superblock != 4),
        "modifier",
        "planes of their own need tiled headers, and chroma in 64x4",
    );
    say(superblock == 3 && !has(TILED), "modifier", "64x4 needs tiled headers");
    let doubled = blocks.grids.iter().any(|grid| grid.body_copies > 1);
    say(doubled != has(DOUBLE_BODY), "grid", "a double body and body_copies = 2 go together");
    say(has(DOUBLE_BODY) && superblock != 1, "modifier", "a double body is of 16x16 blocks");
    let rgb_order = |name: &LayoutName| matches!(name, LayoutName::Table(layout) if RGB_ORDER.contains(layout));
    let in_order = !entry.when.layouts.is_empty() && entry.when.layouts.iter().all(rgb_order);
    say(has(YTR) && !in_order, "modifier", "the colour transform (bit 4) is for components in the order R, G, B");
    let is_565 = entry.when.layouts.contains(&LayoutName::Table(Layout::Rgb565));
    say(has(SPLIT) && is_565, "modifier", "RGB_565 has no split blocks (bit 5)");
    let subsampled = |planes: &&[PlaneShape]| planes.iter().any(|shape| shape.horizontal_subsampling > 1);
    let yuv = |planes: &&[PlaneShape]| planes.iter().any(|shape| shape.components.iter().any(is_yuv));
    say(
        has(SPLIT) && superblock == 2 && shapes.iter().any(subsampled),
        "modifier",
        "32x8 of subsampled YUV has no split blocks (bit 5)",
    );
    let pixel = |planes: &&[PlaneShape]| match blocks.grids.first().map(|grid| grid.body) {
        Some(Body::Blocks { bits, .. }) if bits > 0 => bits,
        _ => Form { shapes: planes, contract: Contract::default() }.bits_per_pixel(),
    };
    say(
        superblock == 2 && shapes.iter().any(|planes| pixel(planes) > 16) && !has(SPLIT),
        "modifier",
        "32x8 of more than 16 bits needs split blocks (bit 5)",
    );
    say(
        has(SOLID) && (!has(TILED) || shapes.iter().any(|planes| yuv(planes) || pixel(planes) > 64)),
        "modifier",
        "solid colours (bit 9) are for tiled headers, not of YUV, and of at most 64 bits",
    );
    wrong
}

fn is_yuv(part: &Component) -> bool {
    matches!(part.kind, ComponentKind::Y | ComponentKind::Cb | ComponentKind::Cr)
}
