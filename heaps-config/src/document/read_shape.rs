//! Reads the sections of [`super::shape`].

use super::shape::{AlignDoc, CompressDoc, FormatDoc, GridDoc, PerPlane, PlaneDoc};
use super::ConditionDoc;
use crate::code::Code;
use crate::finding::Finding;
use crate::reader::{integer, wrong_type, Table};
use crate::tree::Tree;

pub(super) fn read_format(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> FormatDoc {
    let name = table.name("name", findings);
    table.require(&[("value", "a number"), ("fourcc", "\"NV12\", or \"none\"")], findings);
    FormatDoc {
        name,
        value: table.integer("value", findings).unwrap_or_default(),
        flags: table.texts("flags", findings).unwrap_or_default(),
        fourcc: table.text("fourcc", findings).unwrap_or_default(),
        modifier: table.modifier("modifier", findings).unwrap_or_default(),
        like: table.text("like", findings),
        planes: table.tables("planes", findings, read_plane),
        linear: table.flag("linear", findings),
        cpu: table.flag("cpu", findings),
        width_multiple: table.number("width_multiple", findings),
        height_multiple: table.number("height_multiple", findings),
        fixed_height: table.flag("fixed_height", findings).unwrap_or_default(),
    }
}

fn read_plane(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> PlaneDoc {
    PlaneDoc {
        components: table.texts("components", findings).unwrap_or_default(),
        samples: table.number("samples", findings),
        bytes: table.number("bytes", findings),
        subsampling: numbers(table, "subsampling", findings),
    }
}

pub(super) fn read_compress(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> CompressDoc {
    let name = table.name("name", findings);
    table.require(&[("fourcc", "\"AB24\", or \"none\""), ("grid", "[{ block = [16, 16] }]")], findings);
    CompressDoc {
        name,
        when: read_condition(table, Scope::Shape, findings),
        fourcc: table.text("fourcc", findings).unwrap_or_default(),
        modifier: table.modifier("modifier", findings).unwrap_or_default(),
        modifier_lines_at: table.number("modifier_lines_at", findings),
        type_name: table.text("type_name", findings),
        type_value: table.number("type_value", findings).unwrap_or_default(),
        header_type: table.number("header_type", findings).unwrap_or_default(),
        header_planes: table.flag("header_planes", findings).unwrap_or_default(),
        merged: table.flag("merged", findings).unwrap_or_default(),
        body_first: table.flag("body_first", findings).unwrap_or_default(),
        column_bytes: table.number("column_bytes", findings),
        two_fields: numbers(table, "two_fields", findings),
        layer_align: table.number("layer_align", findings),
        initialise: table.text("initialise", findings),
        grid: table.tables("grid", findings, read_grid),
    }
}

fn read_grid(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> GridDoc {
    GridDoc {
        block: numbers(table, "block", findings),
        tile: numbers(table, "tile", findings),
        round: numbers(table, "round", findings),
        block_bytes: table.number("block_bytes", findings),
        bits: table.number("bits", findings),
        block_align: table.number("block_align", findings),
        stride_pixels: table.number("stride_pixels", findings),
        stride_bytes: table.number("stride_bytes", findings),
        lines: table.number("lines", findings),
        body_align: table.number("body_align", findings),
        body_extra: table.number("body_extra", findings),
        body_copies: table.number("body_copies", findings),
        copy_align: table.number("copy_align", findings),
        header_bytes: table.number("header_bytes", findings),
        header_blocks: table.number("header_blocks", findings),
        header_grid: numbers(table, "header_grid", findings),
        header_align: table.number("header_align", findings),
        header_extra: table.number("header_extra", findings),
        row_stride: table.flag("row_stride", findings).unwrap_or_default(),
    }
}

pub(super) fn read_align(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> AlignDoc {
    AlignDoc {
        name: table.name("name", findings),
        when: read_condition(table, Scope::Shape, findings),
        combine: table.text("combine", findings),
        width_pixels: table.number("width_pixels", findings),
        stride_bytes: per_plane(table, "stride_bytes", findings),
        stride_pixels: table.number("stride_pixels", findings),
        odd_stride_bytes: per_plane(table, "odd_stride_bytes", findings),
        odd_stride_pixels: table.number("odd_stride_pixels", findings),
        chroma_stride: table.text("chroma_stride", findings),
        height_lines: per_plane(table, "height_lines", findings),
        added_lines: table.number("added_lines", findings),
        plane_start: per_plane(table, "plane_start", findings),
        plane_size: per_plane(table, "plane_size", findings),
        padding_bytes: per_plane(table, "padding_bytes", findings),
        padding_lines: per_plane(table, "padding_lines", findings),
        tail_bytes: table.number("tail_bytes", findings),
        tail_lines: table.number("tail_lines", findings),
        tail_blocks: numbers(table, "tail_blocks", findings),
        tail_of_luma: numbers(table, "tail_of_luma", findings),
        tail_least: table.number("tail_least", findings),
        least_bytes: table.bytes("least_bytes", findings),
        least_of_luma: numbers(table, "least_of_luma", findings),
        size_bytes: table.number("size_bytes", findings),
    }
}

/// A number, or an array of them.
fn per_plane(table: &mut Table<'_>, key: &'static str, findings: &mut Vec<Finding>) -> Option<PerPlane> {
    match table.get(key)? {
        Tree::List(_) => Some(PerPlane::Each(numbers(table, key, findings))),
        Tree::Integer(_) => table.number(key, findings).map(PerPlane::All),
        other => {
            findings.push(wrong_type(table.path().key(key), "a number or an array of numbers", other));
            None
        }
    }
}

/// Numbers that fit 32 bits.
pub(super) fn numbers(table: &mut Table<'_>, key: &'static str, findings: &mut Vec<Finding>) -> Vec<u32> {
    let mut all = Vec::new();
    for (at, item) in table.list(key, findings).iter().enumerate() {
        let place = table.path().place(key).item(at);
        let Some(value) = integer(item, place, findings) else { continue };
        match u32::try_from(value) {
            Ok(value) => all.push(value),
            Err(_) => findings.push(Finding::out_of_range(Code::BadValue, place.path(), value, "0 to 4294967295")),
        }
    }
    all
}

/// What a section's conditions may test.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scope {
    Everything,
    Shape,
    Usage,
}

pub(super) fn read_condition(table: &mut Table<'_>, scope: Scope, findings: &mut Vec<Finding>) -> ConditionDoc {
    let mut when = ConditionDoc {
        all_of: table.texts("all_of", findings).unwrap_or_default(),
        any_of: table.texts("any_of", findings).unwrap_or_default(),
        none_of: table.texts("none_of", findings).unwrap_or_default(),
        exactly: table.texts("exactly", findings),
        ..ConditionDoc::default()
    };
    if scope != Scope::Usage {
        when.formats = table.texts("formats", findings).unwrap_or_default();
        when.not_formats = table.texts("not_formats", findings).unwrap_or_default();
        when.layouts = table.texts("layouts", findings).unwrap_or_default();
        when.compressed = table.flag("compressed", findings);
    }
    if scope == Scope::Everything {
        when.min_size = table.bytes("min_size", findings);
        when.max_size = table.bytes("max_size", findings);
    }
    when
}
