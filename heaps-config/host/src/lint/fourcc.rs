//! Fourccs that name other planes than the format has: an importer believes the fourcc.

use gralloc_buffer::layout::{ComponentKind, PlaneShape};
use gralloc_buffer::Layout;
use heaps_config::policy::Policy;
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// Reports those of vendor's formats; those of compressions stand beside what else is wrong with them.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Finding>) {
    for (at, format) in policy.formats.iter().enumerate() {
        if let Some(why) = differs(format.fourcc, format.shapes()) {
            let path = KeyPath::item("format", at).key("fourcc");
            findings.push(Finding::new(Code::VendorFormat, path, format!("format \"{}\": {why}", format.name)));
        }
    }
}

/// Why a fourcc that a layout of the table has, and no vendor alone, is none for these planes. Of bits, order and planes it says nothing:
/// what one kernel calls NV12 with a modifier is P010 to another, and one plane of blocks has no order.
pub(super) fn differs(fourcc: u32, shapes: &[PlaneShape]) -> Option<String> {
    let own = samples(shapes)?;
    let of = |layout: &&Layout| fourcc != 0 && layout.fourcc() == fourcc;
    let mut others =
        Layout::ALL.iter().filter(of).filter_map(|layout| Some((layout.name(), samples(layout.shapes())?)));
    let first = others.next()?;
    let alike = first.1 == own || others.any(|(_, samples)| samples == own);
    (!alike).then(|| {
        format!("the fourcc is that of {}, which has {}, and its planes have {}", first.0, words(first.1), words(own))
    })
}

/// Whether they are luma and chroma, and of how many pixels across and down the sample that has fewest; `None` without three colours.
fn samples(shapes: &[PlaneShape]) -> Option<(bool, u32, u32)> {
    let has = |kind: ComponentKind| shapes.iter().any(|shape| shape.components.iter().any(|part| part.kind == kind));
    let yuv = [ComponentKind::Y, ComponentKind::Cb, ComponentKind::Cr].into_iter().all(has);
    let rgb = [ComponentKind::R, ComponentKind::G, ComponentKind::B].into_iter().all(has);
    let across = shapes.iter().map(|shape| shape.horizontal_subsampling).max()?;
    let down = shapes.iter().map(|shape| shape.vertical_subsampling).max()?;
    (yuv || rgb).then_some((yuv, across, down))
}

fn words((yuv, across, down): (bool, u32, u32)) -> String {
    let colours = if yuv { "luma and chroma" } else { "red, green and blue" };
    format!("{colours} of {across} x {down} pixels")
}
