//! `[[compress]]`: what is written becomes grids of blocks, and what is stated of them is held against itself.

use crate::code::Code;
use crate::document::{CompressDoc, Document, GridDoc};
use crate::finding::{Finding, KeyPath};
use crate::format::drm;
use crate::names::Names;
use crate::policy::{Compress, Condition, Initialise, LayoutName, VendorFormat};
use crate::reader::multiple;
use gralloc_buffer::layout::afbc;
use gralloc_buffer::layout::blocks::{Body, TwoFields};
use gralloc_buffer::layout::compression::NO_MODIFIER;
use gralloc_buffer::layout::{Blocks, Component, ComponentKind, Grid, PlaneShape, TypeName, MAX_PLANES};
use gralloc_buffer::{Layout, PixelFormat};

/// Most samples of a block each way, and most bytes of one number in a grid: larger ones are mistakes.
const MOST: u32 = 1 << 20;

/// Most samples that share a bit of a block. The sparsest that any hardware has is ASTC's 12 x 12 in 16 bytes, nine in eight bits; Arm's and
/// Samsung's lossy blocks have two bits a sample.
const MOST_OF_A_BIT: u64 = 2;

/// The compression of an entry. A wrong value goes to `findings`.
pub(crate) fn resolve(
    doc: &CompressDoc,
    path: &KeyPath,
    names: &Names,
    (document, formats): (&Document, &[VendorFormat]),
    findings: &mut Vec<Finding>,
) -> Compress {
    let (fourcc, modifier) = drm(&doc.fourcc, doc.modifier, Code::Compression, path, findings);
    if modifier == 0 {
        let message = format!("compress \"{}\" has the modifier 0, which says lines of pixels", doc.name);
        let help = "its DRM_FORMAT_MOD_* value; where it has none, 0x00ffffffffffffff with fourcc = \"none\"";
        findings.push(Finding::new(Code::Compression, path.key("modifier"), message).help(help));
    }
    if doc.modifier_lines_at.is_some_and(|bit| bit > 40)
        || doc.modifier_lines_at.is_some() && modifier == NO_MODIFIER
        || doc.modifier_lines_at.is_some() != doc.column_bytes.is_some()
    {
        let finding = Finding::new(Code::Compression, path.key("modifier_lines_at"), "no place for a column's lines");
        findings.push(finding.help("allowed: a bit from 0 to 40 of a modifier, together with column_bytes"));
    }
    let below_vendor = if modifier == NO_MODIFIER { 0 } else { modifier & (u64::MAX >> 8) };
    if let Some(bit) = doc.modifier_lines_at.filter(|bit| below_vendor.checked_shr(*bit) != Some(0)) {
        let message = format!("bits of {modifier:#x} from {bit} on are set, where a column's lines are to stand");
        findings.push(Finding::new(Code::Compression, path.key("modifier_lines_at"), message));
    }
    let headers = doc.grid.iter().any(|grid| grid.header_bytes.unwrap_or(0) > 0);
    if doc.column_bytes.is_some() && (headers || doc.merged || doc.header_planes) {
        // Such a buffer's handle would have areas without planes, and nobody could import it.
        let message = "planes in columns have no headers and are not merged";
        findings.push(Finding::new(Code::Compression, path.key("column_bytes"), message));
    }
    let type_name = TypeName::from_text(doc.type_name.as_deref().unwrap_or_default());
    if type_name.is_none() {
        let finding = Finding::new(Code::BadValue, path.key("type_name"), "not the name of a type");
        findings
            .push(finding.help("allowed: at most 32 letters, digits and signs, such as \"arm.graphics.Compression\""));
    }
    if doc.type_name.is_none() && (doc.type_value, doc.header_type) != (0, 0) {
        let message = "a vendor's value without the vendor's type_name";
        findings.push(Finding::new(Code::Compression, path.clone(), message));
    }
    if doc.grid.is_empty() || doc.grid.len() > MAX_PLANES {
        let message = format!("{} grids: one for each plane, 1 to {MAX_PLANES}", doc.grid.len());
        findings.push(Finding::new(Code::Compression, path.key("grid"), message));
    }
    let mut value = |key: &str, number: u32| {
        i32::try_from(number).unwrap_or_else(|_| {
            let allowed = format!("0 to {}", i32::MAX);
            findings.push(Finding::out_of_range(Code::BadValue, path.key(key), number, allowed));
            0
        })
    };
    let (type_value, header_type) = (value("type_value", doc.type_value), value("header_type", doc.header_type));
    let two_fields = match *doc.two_fields.as_slice() {
        [width, height, blocks] if width > 0 && height > 0 && blocks > 0 => Some(TwoFields { width, height, blocks }),
        [] => None,
        _ => {
            let message = "not three numbers from 1 on";
            let finding = Finding::new(Code::BadValue, path.key("two_fields"), message);
            findings.push(finding.help("allowed: [most pixels across, most lines, most blocks of 256 pixels]"));
            None
        }
    };
    let when = names.condition(&doc.when, path, findings);
    if fourcc != 0 {
        let became = |flexible: PixelFormat| {
            let own = document.resolutions.iter().filter(|it| it.format == flexible.name());
            own.filter_map(|it| names.layout(&it.to)).collect::<Vec<_>>()
        };
        one_fourcc(doc, &when, &became, formats, path, findings);
    }
    Compress {
        name: doc.name.clone(),
        fourcc,
        modifier,
        modifier_lines_at: doc.modifier_lines_at,
        type_name: type_name.unwrap_or_default(),
        type_value,
        header_type,
        blocks: Blocks {
            grids: doc
                .grid
                .iter()
                .enumerate()
                .map(|(at, doc)| grid(doc, &path.key("grid").index(at), findings))
                .collect(),
            merged: doc.merged,
            header_planes: doc.header_planes,
            body_first: doc.body_first,
            column_bytes: doc.column_bytes.map_or(0, |bytes| multiple(bytes, path.place("column_bytes"), findings)),
            two_fields,
            layer_align: multiple(doc.layer_align.unwrap_or(1), path.place("layer_align"), findings),
        },
        initialise: initialise(doc, path, findings),
        when,
    }
}

/// A fourcc is stated of every buffer that the entry takes, so these have the same planes: what importers were told of others would
/// not be so. An alpha that is not there makes no difference.
fn one_fourcc(
    doc: &CompressDoc,
    when: &Condition,
    became: &dyn Fn(PixelFormat) -> Vec<LayoutName>,
    formats: &[VendorFormat],
    path: &KeyPath,
    findings: &mut Vec<Finding>,
) {
    let CompressDoc { name, fourcc, merged, .. } = doc;
    let list = |names: &[String]| names.iter().any(|name| !name.is_empty());
    if !list(&doc.when.layouts) && !list(&doc.when.formats) {
        let message = format!("compress \"{name}\" states the fourcc \"{fourcc}\" of every format there is");
        let help = "layouts = [\"RGBA_8888\"]: those that have this fourcc when they are compressed";
        findings.push(Finding::new(Code::Compression, path.clone(), message).help(help));
        return;
    }
    // A flexible format is what it becomes.
    let of = |format: &PixelFormat| match (*format, Layout::of(*format)) {
        (PixelFormat::Vendor(value), _) => vec![LayoutName::Vendor(value)],
        (_, Some(layout)) => vec![LayoutName::Table(layout)],
        (flexible, None) => became(flexible),
    };
    let vendor = |value: i32| formats.iter().find(|format| format.value == value);
    let shapes = |layout: LayoutName| match layout {
        LayoutName::Table(layout) => Some(layout.shapes()),
        LayoutName::Vendor(value) => vendor(value).map(VendorFormat::shapes),
    };
    let (key, layouts): (_, Vec<LayoutName>) = match when.layouts.is_empty() {
        true => ("formats", when.formats.iter().flat_map(of).collect()),
        false => ("layouts", when.layouts.clone()),
    };
    let called = |layout: LayoutName| match layout {
        LayoutName::Table(layout) => layout.name(),
        LayoutName::Vendor(value) => vendor(value).map_or("?", |format| format.name.as_str()),
    };
    let mut alike = layouts.iter().filter_map(|layout| Some((*layout, seen(shapes(*layout)?, *merged))));
    let Some((first, planes)) = alike.next() else { return };
    if let Some((other, _)) = alike.find(|(_, others)| *others != planes) {
        let message = format!(
            "compress \"{name}\" states the fourcc \"{fourcc}\" of {} and of {}, which lie otherwise",
            called(first),
            called(other)
        );
        findings.push(Finding::new(Code::Compression, path.key(key), message).help("an entry for each"));
    }
}

/// What a fourcc says of planes: for each its subsampling, the bytes of a group of samples, and the components but alpha. Of merged ones the
/// order in which they lay is gone.
fn seen(shapes: &[PlaneShape], merged: bool) -> Vec<(u32, u32, u8, u8, Vec<Component>)> {
    let of = |shape: &PlaneShape| {
        let parts: Vec<Component> =
            shape.components.iter().filter(|part| part.kind != ComponentKind::A).copied().collect();
        let PlaneShape { horizontal_subsampling: across, vertical_subsampling: down, .. } = *shape;
        (across, down, shape.group_samples, shape.group_bytes, parts)
    };
    let mut all: Vec<_> = shapes.iter().map(of).collect();
    if merged {
        let mut split: Vec<_> = Vec::new();
        for (across, down, samples, bytes, parts) in all {
            let count = u8::try_from(parts.len()).unwrap_or(u8::MAX).max(1);
            split.extend(parts.into_iter().map(|part: Component| {
                let alone = Component { offset_bits: 0, size_bits: part.size_bits, kind: part.kind };
                (across, down, samples, bytes / count, vec![alone])
            }));
        }
        split.sort_by_key(|(.., parts)| parts.first().map(|part| part.kind.name()));
        all = split;
    }
    all
}

/// What is written into new buffers. Arm's headers are of Arm's modifier, at the buffer's start, of 16 bytes a block.
fn initialise(doc: &CompressDoc, path: &KeyPath, findings: &mut Vec<Finding>) -> Option<Initialise> {
    let word = doc.initialise.as_deref()?;
    let path = path.key("initialise");
    let known = Initialise::ALL.into_iter().find(|known| known.word() == word);
    if known.is_none() {
        findings.push(Finding::no_word(path, word, Initialise::ALL.map(Initialise::word)));
        return None;
    }
    let is_header = |grid: &GridDoc| {
        grid.header_bytes == Some(afbc::HEADER_BYTES)
            && grid.header_blocks.unwrap_or(1) == 1
            && grid.header_grid.is_empty()
    };
    let first = !doc.body_first && !doc.header_planes && doc.column_bytes.is_none();
    if !afbc::is_afbc(doc.modifier) || !first || !doc.grid.iter().all(is_header) {
        let message = "\"afbc\" is for a modifier of AFBC, with headers of 16 bytes a block before the bodies";
        findings.push(Finding::new(Code::Compression, path, message));
        return None;
    }
    known
}

fn grid(doc: &GridDoc, path: &KeyPath, findings: &mut Vec<Finding>) -> Grid {
    let mut checked = |key: &str, value: u32, least: u32| {
        if !(least..=MOST).contains(&value) {
            let allowed = format!("{least} to {MOST}");
            findings.push(Finding::out_of_range(Code::Compression, path.key(key), value, allowed));
        }
        value.clamp(least, MOST)
    };
    let mut multiple = |key: &str, value: Option<u32>| checked(key, value.unwrap_or(1), 1);
    let block_align = multiple("block_align", doc.block_align);
    let stride_pixels = multiple("stride_pixels", doc.stride_pixels);
    let stride_bytes = multiple("stride_bytes", doc.stride_bytes);
    let lines = multiple("lines", doc.lines);
    let body_align = multiple("body_align", doc.body_align);
    let body_copies = multiple("body_copies", doc.body_copies);
    let copy_align = multiple("copy_align", doc.copy_align);
    let header_blocks = multiple("header_blocks", doc.header_blocks);
    let header_align = multiple("header_align", doc.header_align);
    let mut amount = |key: &str, value: Option<u32>| checked(key, value.unwrap_or(0), 0);
    let (bytes, bits) = (amount("block_bytes", doc.block_bytes), amount("bits", doc.bits));
    let (body_extra, header_extra) = (amount("body_extra", doc.body_extra), amount("header_extra", doc.header_extra));
    let header_bytes = amount("header_bytes", doc.header_bytes);
    let mut two = |key: &str, written: &[u32]| match *written {
        [] => [1, 1],
        [across, down] => [checked(key, across, 1), checked(key, down, 1)],
        _ => [checked(key, 0, 1), 1],
    };
    let (block, tile, round) = (two("block", &doc.block), two("tile", &doc.tile), two("round", &doc.round));
    let header_grid = two("header_grid", &doc.header_grid);
    for (key, _) in [("block_bytes", doc.block_bytes), ("bits", doc.bits)].iter().filter(|(_, it)| *it == Some(0)) {
        let finding = Finding::new(Code::Compression, path.key(key), "a block of no bits");
        findings.push(finding.help("leave it out for the layout's own"));
    }
    let samples = block.iter().map(|side| u64::from(*side)).fold(1, u64::saturating_mul);
    if bytes > 0 && u64::from(bytes) * 8 * MOST_OF_A_BIT < samples {
        let message = format!("{samples} samples in {bytes} bytes: no picture is in so few");
        let finding = Finding::new(Code::Compression, path.key("block_bytes"), message);
        findings.push(finding.help(format!("allowed: a bit for {MOST_OF_A_BIT} samples of the block, and more")));
    }
    let in_lines = doc.stride_bytes.is_some() || doc.lines.is_some() || doc.stride_pixels.is_some();
    if in_lines && (bytes > 0 || bits > 0 || doc.block_align.is_some()) {
        let message = "a body is lines (stride_pixels, stride_bytes, lines) or blocks (block_bytes, bits, block_align)";
        findings.push(Finding::new(Code::Compression, path.clone(), message));
    }
    let body = match in_lines {
        true => Body::Lines { pixels: stride_pixels, bytes: stride_bytes, lines },
        false => Body::Blocks { bytes, bits, align: block_align },
    };
    Grid {
        block,
        tile,
        round,
        body,
        body_align,
        body_extra,
        body_copies,
        copy_align,
        header_bytes,
        header_blocks,
        header_grid,
        header_align,
        header_extra,
        row_stride: doc.row_stride,
    }
}
