//! What lies where in a layer, from its first byte to its last.

use crate::plan::Resolved;
use gralloc_buffer::layout::arrange::Measured;
use gralloc_buffer::layout::Arrangement;

/// So many bytes of a layer that are one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// What they are.
    pub kind: AreaKind,
    /// Bytes from the start of the layer.
    pub offset_bytes: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What bytes are. A plane is counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AreaKind {
    /// Lines of a plane, their padding among them.
    Lines(usize),
    /// What describes a plane's blocks.
    Header(usize),
    /// A plane's blocks.
    Body(usize),
    /// All planes, in one another's columns.
    Columns,
    /// Bytes between planes, or behind them for the layer's minimum and rounding.
    Padding,
    /// Bytes that were asked for behind the planes.
    Tail,
}

impl AreaKind {
    /// A word for scripts.
    pub const fn word(self) -> &'static str {
        match self {
            AreaKind::Lines(_) => "lines",
            AreaKind::Header(_) => "header",
            AreaKind::Body(_) => "body",
            AreaKind::Columns => "columns",
            AreaKind::Padding => "padding",
            AreaKind::Tail => "tail",
        }
    }

    /// The plane that it is of.
    pub const fn plane(self) -> Option<usize> {
        match self {
            AreaKind::Lines(plane) | AreaKind::Header(plane) | AreaKind::Body(plane) => Some(plane),
            AreaKind::Columns | AreaKind::Padding | AreaKind::Tail => None,
        }
    }
}

/// The areas of a layer.
pub(super) fn of(resolved: &Resolved<'_>, measured: &Measured<'_>, arranged: &Arrangement) -> Vec<Area> {
    let mut all = Vec::new();
    let mut put = |kind, offset_bytes, bytes| {
        if bytes > 0 {
            all.push(Area { kind, offset_bytes, bytes });
        }
    };
    let planes = arranged.planes.as_slice().iter().zip(&arranged.areas).enumerate();
    match resolved.compress {
        Some(entry) if entry.blocks.column_bytes > 0 => {
            put(AreaKind::Columns, 0, arranged.areas.iter().map(|area| area.bytes()).sum());
        }
        Some(entry) => {
            for (index, (plane, area)) in planes {
                let (header, body) = area.places(entry.blocks.body_first);
                let at = |place: u64| plane.offset_bytes.saturating_add(place);
                put(AreaKind::Header(index), at(header), area.header_bytes.into());
                put(AreaKind::Body(index), at(body), area.body_bytes.into());
            }
        }
        None => {
            for (index, (plane, _)) in planes {
                put(AreaKind::Lines(index), plane.offset_bytes, plane.bytes());
            }
        }
    }
    all.sort_by_key(|area| area.offset_bytes);
    fill(&all, measured)
}

/// The same with what is between and behind.
fn fill(areas: &[Area], measured: &Measured<'_>) -> Vec<Area> {
    let mut all: Vec<Area> = Vec::new();
    let mut end = 0u64;
    let mut put = |all: &mut Vec<Area>, kind, to: u64| {
        if to > end {
            all.push(Area { kind, offset_bytes: end, bytes: to.saturating_sub(end) });
            end = to;
        }
    };
    for area in areas {
        put(&mut all, AreaKind::Padding, area.offset_bytes);
        put(&mut all, area.kind, area.offset_bytes.saturating_add(area.bytes));
    }
    put(&mut all, AreaKind::Padding, measured.end_bytes);
    put(&mut all, AreaKind::Tail, measured.end_bytes.saturating_add(measured.tail_bytes));
    put(&mut all, AreaKind::Padding, measured.layer_bytes);
    all
}
