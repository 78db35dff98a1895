//! Policies of a careless author's: the rules of a shipped one, with any formats, alignments, compressions and types of metadata.

use crate::bytes::Bytes;
use gralloc_buffer::layout::compression::NO_MODIFIER;
use gralloc_buffer::layout::needs::ChromaStride;
use gralloc_buffer::layout::Combine;
use gralloc_buffer::metadata::vendor::{Computed, Encoding};
use gralloc_buffer::Layout;
use heaps_config::{
    AlignDoc, CompressDoc, ConditionDoc, Document, FormatDoc, GridDoc, KeyPath, PerPlane, PlaneDoc, Policy, ResolveDoc,
    Severity, Step, VendorMetadataDoc,
};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The policy of the bytes, as a service reads it. Entries that are refused are taken out until the rest is not, or nothing is
/// left to take.
pub(crate) fn policy(bytes: &mut Bytes<'_>) -> Option<Policy> {
    let mut document = document(bytes);
    loop {
        let text = heaps_config::to_json(&document).unwrap();
        let validated = heaps_config::validate(&heaps_config::parse_json(&text).unwrap());
        if validated.loadable {
            return heaps_config::from_json(&text).ok();
        }
        let errors = validated.findings.iter().filter(|finding| finding.severity() == Severity::Error);
        let refused: BTreeSet<(&str, usize)> = errors.filter_map(|finding| entry(&finding.path)).collect();
        let mut taken = false;
        for (section, index) in refused.into_iter().rev() {
            taken |= match section {
                "format" => take(&mut document.formats, index),
                "compress" => take(&mut document.compressions, index),
                "align" => take(&mut document.alignments, index),
                "vendor_metadata" => take(&mut document.vendor_metadata, index),
                "resolve" => take(&mut document.resolutions, index),
                _ => false,
            };
        }
        if !taken {
            return None;
        }
    }
}

fn take<T>(entries: &mut Vec<T>, index: usize) -> bool {
    let there = index < entries.len();
    if there {
        entries.remove(index);
    }
    there
}

/// Section and index of what a path leads into.
fn entry(path: &KeyPath) -> Option<(&str, usize)> {
    match path.steps() {
        [Step::Key(section), Step::Index(index), ..] => Some((section, *index)),
        _ => None,
    }
}

/// A policy that is shipped, compiled as it is now.
pub(crate) fn compile(name: &str) -> String {
    heaps_host::lint(heaps_host::profile(name).unwrap()).compile().unwrap()
}

fn document(bytes: &mut Bytes<'_>) -> Document {
    static BASE: OnceLock<Document> = OnceLock::new();
    let base = BASE.get_or_init(|| {
        let text = compile("reference-soc");
        heaps_config::validate(&heaps_config::parse_json(&text).unwrap()).document
    });
    let mut document = Document { ready: Vec::new(), ..base.clone() };
    document.limits.request = 1 << 40;
    if bytes.once_in(4) {
        document.format_flags.insert("FLAG".to_owned(), bytes.byte().into());
    }
    document.formats = (0..bytes.below(4)).map(|at| format(at, bytes)).collect();
    let names: Vec<String> = document.formats.iter().map(|format| format.name.clone()).collect();
    let flexible = names.iter().filter(|_| bytes.once_in(2)).map(|name| ResolveDoc {
        format: "IMPLEMENTATION_DEFINED".to_owned(),
        when: ConditionDoc::default(),
        to: name.clone(),
    });
    let resolutions: Vec<ResolveDoc> = flexible.collect();
    document.resolutions.splice(0..0, resolutions);
    document.compressions = (0..bytes.below(3)).map(|at| compress(at, bytes, &names)).collect();
    document.alignments = (0..bytes.below(4)).map(|at| align(at, bytes, &names)).collect();
    document.vendor_metadata = (0..bytes.below(5)).map(|at| metadata(at, bytes)).collect();
    document
}

fn some<T>(bytes: &mut Bytes<'_>, make: impl FnOnce(&mut Bytes<'_>) -> T) -> Option<T> {
    bytes.once_in(3).then(|| make(bytes))
}

fn some_figure(bytes: &mut Bytes<'_>) -> Option<u32> {
    some(bytes, |bytes| bytes.figure())
}

fn figures(bytes: &mut Bytes<'_>, count: usize) -> Vec<u32> {
    match bytes.below(8) {
        0..=3 => Vec::new(),
        4..=6 => (0..count).map(|_| bytes.figure()).collect(),
        _ => (0..bytes.below(6)).map(|_| bytes.figure()).collect(),
    }
}

fn per_plane(bytes: &mut Bytes<'_>) -> Option<PerPlane> {
    match bytes.below(8) {
        0..=4 => None,
        5 => Some(PerPlane::All(bytes.figure())),
        _ => Some(PerPlane::Each((0..bytes.below(6)).map(|_| bytes.figure()).collect())),
    }
}

/// Mostly everything, for that is what meets; sometimes a layout or a usage.
fn when(bytes: &mut Bytes<'_>, formats: &[String]) -> ConditionDoc {
    let mut when = ConditionDoc::default();
    match bytes.below(6) {
        4 => {
            let layouts = Layout::ALL.iter().map(|layout| layout.name()).chain(formats.iter().map(String::as_str));
            let layouts: Vec<&str> = layouts.collect();
            when.layouts = vec![(*bytes.pick(&layouts)).to_owned()];
        }
        5 => when.any_of = vec![(*bytes.pick(&["GPU_TEXTURE", "VIDEO_DECODER", "PROTECTED"])).to_owned()],
        _ => {}
    }
    when
}

fn format(at: u8, bytes: &mut Bytes<'_>) -> FormatDoc {
    let own = bytes.once_in(2);
    let planes: Vec<PlaneDoc> = if own { (0..bytes.below(4) + 1).map(|_| plane(bytes)).collect() } else { Vec::new() };
    FormatDoc {
        name: format!("F{at}"),
        value: 0x100 + i64::from(at),
        flags: if bytes.once_in(6) { vec!["FLAG".to_owned()] } else { Vec::new() },
        fourcc: (*bytes.pick(&["NV12", "NV15", "YU08", "none"])).to_owned(),
        modifier: if bytes.once_in(4) { bytes.number().unsigned_abs() >> 1 } else { 0 },
        like: (!own).then(|| bytes.pick(Layout::ALL).name().to_owned()),
        planes,
        linear: some(bytes, |bytes| bytes.once_in(2)),
        cpu: some(bytes, |bytes| bytes.once_in(2)),
        width_multiple: some_figure(bytes),
        height_multiple: some_figure(bytes),
        fixed_height: bytes.once_in(4),
    }
}

fn plane(bytes: &mut Bytes<'_>) -> PlaneDoc {
    const KINDS: [&str; 9] = ["Y", "CB", "CR", "R", "G", "B", "A", "RAW", "META"];
    let packed = bytes.once_in(3);
    let component = |bytes: &mut Bytes<'_>| {
        let kind = bytes.pick(&KINDS[..8]);
        match (packed, bytes.below(16)) {
            (true, _) => (*kind).to_owned(),
            (false, 0) => format!("{kind}:{}@{}", bytes.byte(), bytes.byte()),
            (false, 1) => format!("{}:{}", bytes.pick(&KINDS), bytes.byte()),
            (false, _) => format!("{kind}:{}", bytes.pick(&[8, 10, 16, 5, 4, 32])),
        }
    };
    PlaneDoc {
        components: (0..bytes.below(4) + 1).map(|_| component(bytes)).collect(),
        samples: packed.then(|| bytes.below(9).into()),
        bytes: if packed || bytes.once_in(6) { Some(bytes.below(20).into()) } else { None },
        subsampling: match bytes.below(4) {
            0 | 1 => Vec::new(),
            2 => vec![2, 2],
            _ => vec![*bytes.pick(&[1, 2, 4, 3]), *bytes.pick(&[1, 2, 4, 0])],
        },
    }
}

fn compress(at: u8, bytes: &mut Bytes<'_>, formats: &[String]) -> CompressDoc {
    const AFBC: u64 = 0x0800_0000_0000_0041;
    const TILED: u64 = 0x0800_0000_0000_0144;
    let arm = bytes.once_in(2);
    let modifier = if arm { *bytes.pick(&[AFBC, TILED]) } else { bytes.number().unsigned_abs() >> 1 | 1 };
    let columns = !arm && bytes.once_in(4);
    let named = !bytes.once_in(5);
    let when = when(bytes, formats);
    // A fourcc is one layout's: what takes all states none.
    let stated = !when.layouts.is_empty() && !bytes.once_in(16);
    let modifier = if stated { modifier } else { NO_MODIFIER };
    CompressDoc {
        name: format!("C{at}"),
        when,
        fourcc: if stated { "AB24".to_owned() } else { "none".to_owned() },
        modifier,
        modifier_lines_at: columns.then_some(8),
        type_name: named.then(|| "vendor.acme.Compression".to_owned()),
        type_value: if named { bytes.byte().into() } else { 0 },
        header_type: if named { bytes.byte().into() } else { 0 },
        header_planes: bytes.once_in(4),
        merged: bytes.once_in(4),
        body_first: bytes.once_in(4),
        column_bytes: columns.then(|| bytes.figure()),
        two_fields: if bytes.once_in(6) { (0..3).map(|_| bytes.figure()).collect() } else { Vec::new() },
        layer_align: some_figure(bytes),
        initialise: (arm && bytes.once_in(2)).then(|| "afbc".to_owned()),
        grid: (0..bytes.below(4) + 1).map(|_| grid(bytes, arm)).collect(),
    }
}

fn grid(bytes: &mut Bytes<'_>, arm: bool) -> GridDoc {
    let lines = bytes.once_in(3);
    let mut grid = GridDoc {
        block: figures(bytes, 2),
        tile: figures(bytes, 2),
        round: figures(bytes, 2),
        body_align: some_figure(bytes),
        body_extra: some_figure(bytes),
        body_copies: some(bytes, |bytes| bytes.below(4).into()),
        copy_align: some_figure(bytes),
        header_bytes: if arm { Some(16) } else { some_figure(bytes) },
        header_align: some_figure(bytes),
        header_extra: some_figure(bytes),
        row_stride: bytes.once_in(4),
        ..GridDoc::default()
    };
    if !arm {
        grid.header_blocks = some_figure(bytes);
        grid.header_grid = figures(bytes, 2);
    }
    if lines {
        grid.stride_bytes = Some(bytes.figure());
        grid.stride_pixels = some_figure(bytes);
        grid.lines = some_figure(bytes);
    } else {
        grid.block_bytes = some_figure(bytes);
        grid.bits = some_figure(bytes);
        grid.block_align = some_figure(bytes);
    }
    grid
}

fn align(at: u8, bytes: &mut Bytes<'_>, formats: &[String]) -> AlignDoc {
    AlignDoc {
        name: format!("A{at}"),
        when: when(bytes, formats),
        combine: some(bytes, |bytes| bytes.pick(&Combine::ALL).word().to_owned()),
        width_pixels: some_figure(bytes),
        stride_bytes: per_plane(bytes),
        stride_pixels: some_figure(bytes),
        odd_stride_bytes: per_plane(bytes),
        odd_stride_pixels: some_figure(bytes),
        chroma_stride: some(bytes, |bytes| bytes.pick(&ChromaStride::ALL).word().to_owned()),
        height_lines: per_plane(bytes),
        added_lines: some_figure(bytes),
        plane_start: per_plane(bytes),
        plane_size: per_plane(bytes),
        padding_bytes: per_plane(bytes),
        padding_lines: per_plane(bytes),
        tail_bytes: some_figure(bytes),
        tail_lines: some_figure(bytes),
        tail_blocks: figures(bytes, 3),
        tail_of_luma: figures(bytes, 2),
        tail_least: some_figure(bytes),
        least_bytes: some(bytes, |bytes| bytes.number().unsigned_abs()),
        least_of_luma: figures(bytes, 2),
        size_bytes: some_figure(bytes),
    }
}

fn metadata(at: u8, bytes: &mut Bytes<'_>) -> VendorMetadataDoc {
    let encoding = *bytes.pick(Encoding::ALL);
    let is_text = encoding.number_bytes().is_none();
    let mut doc = VendorMetadataDoc {
        name: format!("M{at}"),
        when: when(bytes, &[]),
        type_name: (*bytes.pick(&["vendor.acme.Metadata", "QTI", "arm.graphics.ArmMetadataType"])).to_owned(),
        value: bytes.below(4).into(),
        encoding: encoding.word().to_owned(),
        header: some(bytes, |bytes| bytes.once_in(2)),
        counted: some(bytes, |bytes| bytes.once_in(2)),
        ..VendorMetadataDoc::default()
    };
    match bytes.below(4) {
        0 if is_text => doc.text = Some("x".repeat(bytes.byte().into())),
        0 => doc.constant = Some(bytes.number()),
        1 => {
            let words = Computed::ALL.iter().map(|known| known.word()).chain(["heap_name", "format"]);
            doc.computed = Some((*bytes.pick(&words.collect::<Vec<_>>())).to_owned());
        }
        _ => {
            doc.stored = true;
            doc.max_bytes = is_text.then(|| bytes.figure());
        }
    }
    doc
}
