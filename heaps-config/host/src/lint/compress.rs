//! Compressions that can never apply, or whose modifier says other blocks than they have.
//!
//! Only Arm's modifiers are looked into: `drm_fourcc.h` and `Documentation/gpu/afbc.rst` say what their bits mean, and which go
//! together.

use super::contradiction::contradiction;
use gralloc_buffer::layout::blocks::Body;
use gralloc_buffer::{Layout, Usage};
use heaps_config::policy::{Compress, Condition, LayoutName, Policy, Term};
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// `DRM_FORMAT_MOD_VENDOR_ARM` and type AFBC, in the upper twelve bits.
const AFBC: u64 = 0x080;
const YTR: u64 = 1 << 4;
const SPLIT: u64 = 1 << 5;
const TILED: u64 = 1 << 8;
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
        if needs_cpu(&entry.when) {
            let message = format!("compress \"{}\" asks for CPU access, which compression excludes", entry.name);
            findings.push(Finding::new(Code::CompressUnmapped, path.clone(), message));
        }
        if entry.modifier >> 52 == AFBC {
            for (key, why) in afbc(entry) {
                let message = format!("modifier {:#x} of AFBC: {why}", entry.modifier);
                findings.push(Finding::new(Code::Compression, path.key(key), message));
            }
        }
    }
    for (at, format) in policy.formats.iter().enumerate().filter(|(_, format)| !format.linear) {
        let name = LayoutName::Vendor(format.value);
        let takes = |entry: &Compress| entry.when.layouts.is_empty() || entry.when.layouts.contains(&name);
        if !policy.compressions.iter().any(takes) {
            let message = format!("format \"{}\" has no linear form, and no [[compress]] takes it", format.name);
            findings.push(Finding::new(Code::CompressUnmapped, KeyPath::item("format", at).key("linear"), message));
        }
    }
}

/// Whether the condition holds with CPU access alone.
fn needs_cpu(when: &Condition) -> bool {
    let cpu = |term: &Term| match term {
        Term::Equals { mask: Usage(u64::MAX), value } => value.cpu(),
        Term::Equals { value, .. } => value.cpu(),
        Term::Any(mask) => (Usage::CPU_READ_MASK | Usage::CPU_WRITE_MASK).contains(*mask),
    };
    when.all_of.iter().any(cpu) || (!when.any_of.is_empty() && when.any_of.iter().all(cpu))
}

/// What the modifier's bits and the entry say differently, or what no hardware has together.
fn afbc(entry: &Compress) -> Vec<(&'static str, &'static str)> {
    let mut wrong = Vec::new();
    let bits = entry.modifier;
    let has = |bit: u64| bits & bit != 0;
    let block = |at: usize| match (bits & 0xf, at) {
        (1, _) => Some([16, 16]),
        (2, _) | (4, 0) => Some([32, 8]),
        (3, _) | (4, _) => Some([64, 4]),
        _ => None,
    };
    let blocks_differ = entry.blocks.grids.iter().enumerate().any(|(at, grid)| block(at) != Some(grid.block));
    let mut say = |yes: bool, key: &'static str, why: &'static str| {
        if yes {
            wrong.push((key, why));
        }
    };
    say(blocks_differ, "grid", "its blocks (1: 16x16, 2: 32x8, 3: 64x4, 4: 32x8 and 64x4) are not those of `grid`");
    let tiled = entry.blocks.grids.iter().any(|grid| grid.tile != [1, 1]);
    say(tiled != has(TILED), "grid", "tiled headers and `tile` go together");
    say(entry.blocks.grids.iter().any(|grid| grid.header_bytes != 16), "grid", "a header has 16 bytes a block");
    let planes = entry.blocks.grids.len() > 1 && !entry.blocks.merged;
    say(
        planes && (!has(TILED) || bits & 0xf != 4),
        "modifier",
        "planes of their own need tiled headers, and chroma in 64x4",
    );
    say(bits & 0xf == 3 && !has(TILED), "modifier", "64x4 needs tiled headers");
    let doubled = entry.blocks.grids.iter().any(|grid| grid.body_copies > 1);
    say(doubled != has(DOUBLE_BODY), "grid", "a double body and body_copies = 2 go together");
    say(has(DOUBLE_BODY) && bits & 0xf != 1, "modifier", "a double body is of 16x16 blocks");
    let layouts = |of: &[Layout]| {
        let named = |name: &LayoutName| matches!(name, LayoutName::Table(layout) if of.contains(layout));
        entry.when.layouts.iter().all(named)
    };
    say(
        has(YTR) && !layouts(&RGB_ORDER),
        "modifier",
        "the colour transform (bit 4) is for components in the order R, G, B",
    );
    let is_565 = entry.when.layouts.contains(&LayoutName::Table(Layout::Rgb565));
    say(has(SPLIT) && is_565, "modifier", "RGB_565 has no split blocks (bit 5)");
    let wide = entry.blocks.grids.iter().any(|grid| matches!(grid.body, Body::Blocks { bits, .. } if bits > 16));
    say(bits & 0xf == 2 && wide && !has(SPLIT), "modifier", "32x8 of more than 16 bits needs split blocks (bit 5)");
    wrong
}
