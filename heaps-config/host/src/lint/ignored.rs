//! Keys that say nothing where they stand.

use gralloc_buffer::layout::Step;
use heaps_config::policy::Policy;
use heaps_config::{Code, Finding, KeyPath};
use heaps_config::{CompressDoc, Document, GridDoc};

/// Reports them.
pub(super) fn check(document: &Document, policy: &Policy, findings: &mut Vec<Finding>) {
    let mut say = |path: KeyPath, why: &str| findings.push(Finding::new(Code::IgnoredKey, path, why));
    for (at, doc) in document.compressions.iter().enumerate() {
        compress(doc, &KeyPath::item("compress", at), &mut say);
    }
    for (at, align) in policy.alignments.iter().enumerate() {
        if align.when.compressed != Some(true) {
            continue;
        }
        let mut keys: Vec<&str> = Vec::new();
        for ask in align.asks.iter().filter(|ask| ask.step() < Step::Tail) {
            if !keys.contains(&ask.key()) {
                keys.push(ask.key());
                let why = "of compressed buffers alignments say the tail, the minimum and the size: their [[compress]] says the rest";
                say(KeyPath::item("align", at).key(ask.key()), why);
            }
        }
    }
}

fn compress(doc: &CompressDoc, path: &KeyPath, say: &mut impl FnMut(KeyPath, &str)) {
    let headers = doc.grid.iter().any(|grid| grid.header_bytes.unwrap_or(0) > 0);
    let columns = doc.column_bytes.is_some();
    for (ignored, key, why) in [
        (doc.header_planes && !headers, "header_planes", "no grid has `header_bytes`, so that there are no headers"),
        (doc.body_first && !headers, "body_first", "no grid has `header_bytes`, so that there are no headers"),
        (doc.header_type > 0 && !doc.header_planes, "header_type", "headers are no planes without `header_planes`"),
        (
            doc.header_planes && headers && doc.header_type == 0,
            "header_planes",
            "a plane whose component has no type is one of nothing to clients: `type_name` and `header_type` say it",
        ),
        (columns && !doc.two_fields.is_empty(), "two_fields", "planes in columns are one picture"),
    ] {
        if ignored {
            say(path.key(key), why);
        }
    }
    for (at, grid) in doc.grid.iter().enumerate() {
        let path = path.key("grid").index(at);
        if at > 0 && (doc.merged || columns) {
            say(path, "merged planes, and those in columns, have the first grid alone");
            continue;
        }
        for (key, why) in ignored(grid, doc) {
            say(path.key(key), why);
        }
    }
}

/// Keys of a grid, each with why it says nothing.
fn ignored(grid: &GridDoc, of: &CompressDoc) -> Vec<(&'static str, &'static str)> {
    let header = grid.header_bytes.unwrap_or(0) > 0;
    let lines = grid.stride_pixels.is_some() || grid.stride_bytes.is_some() || grid.lines.is_some();
    let blocks = [("block", !grid.block.is_empty()), ("tile", !grid.tile.is_empty())];
    let round = ("round", !grid.round.is_empty());
    let of_header = [
        ("header_blocks", grid.header_blocks.is_some()),
        ("header_grid", !grid.header_grid.is_empty()),
        ("header_align", grid.header_align.is_some()),
        ("header_extra", grid.header_extra.is_some()),
    ];
    let of_body = [
        ("block_bytes", grid.block_bytes.is_some()),
        ("bits", grid.bits.is_some()),
        ("block_align", grid.block_align.is_some()),
        ("stride_pixels", grid.stride_pixels.is_some()),
        ("stride_bytes", grid.stride_bytes.is_some()),
        ("lines", grid.lines.is_some()),
        ("body_align", grid.body_align.is_some()),
        ("body_extra", grid.body_extra.is_some()),
        ("body_copies", grid.body_copies.is_some()),
        ("row_stride", grid.row_stride),
    ];
    let mut all = Vec::new();
    let mut ignore = |keys: &[(&'static str, bool)], why: &'static str| {
        all.extend(keys.iter().filter(|(_, written)| *written).map(|(key, _)| (*key, why)));
    };
    if !header {
        ignore(&of_header, "there is no header without `header_bytes`");
    }
    if of.column_bytes.is_some() {
        let why = "planes in columns have no blocks: of a grid `round` counts alone";
        ignore(&blocks, why);
        ignore(&of_body, why);
    } else if lines {
        if !header {
            let why = "a body of lines has no blocks, and there is no header that would count them";
            ignore(&blocks, why);
            ignore(&[round], why);
        }
        ignore(&[("row_stride", grid.row_stride)], "the stride of a body of lines is a line");
    } else if grid.block_bytes.unwrap_or(0) > 0 && !of.merged {
        ignore(&[("bits", grid.bits.unwrap_or(0) > 0)], "`block_bytes` says how large a block is");
    }
    if grid.body_copies.unwrap_or(1) < 2 {
        ignore(&[("copy_align", grid.copy_align.is_some())], "there is no second copy without `body_copies`");
    }
    all
}
