//! VINTF manifests: which allocator and mapper are declared already.

use super::{at, error, Board, BoardError, Place};
use roxmltree::{Document, Node};

/// Names of allocators and mappers, the old ones too.
const ALLOCATOR: &str = "android.hardware.graphics.allocator";
const MAPPER: &str = "android.hardware.graphics.mapper";
/// The mapper of this project.
const OWN_MAPPER: &str = "dmaheap";

pub(super) fn read(file: &str, text: &str, board: &mut Board) -> Result<(), BoardError> {
    let document = Document::parse(text).map_err(|bad| {
        let line = usize::try_from(bad.pos().row).unwrap_or(1);
        error(file, line, format!("no well-formed XML; is the file cut off? {bad}"))
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "manifest" {
        let message =
            format!("XML of another kind: <{}>, and a VINTF manifest is a <manifest>", root.tag_name().name());
        return Err(error(file, line_of(&document, root), message));
    }
    if root.attribute("type") == Some("framework") {
        let place = at(file, line_of(&document, root));
        board.note(&place, None, "the framework's manifest: an allocator is declared in the device's".to_owned());
    }
    for hal in root.children().filter(|node| node.has_tag_name("hal")) {
        let place = at(file, line_of(&document, hal));
        declared(hal, &place, board);
    }
    Ok(())
}

fn declared(hal: Node<'_, '_>, place: &Place, board: &mut Board) {
    let texts = |tag: &str| -> Vec<String> {
        let nodes = hal.descendants().filter(|node| node.has_tag_name(tag));
        nodes.filter_map(|node| node.text()).map(|text| text.trim().to_owned()).collect()
    };
    let name = texts("name").first().cloned().unwrap_or_default();
    let format = hal.attribute("format").unwrap_or("hidl");
    let versions = texts("version").join(", ");
    let said = format!("{format} {name} {versions}");
    let message = match (format, name.as_str()) {
        ("hidl", ALLOCATOR) => format!("{said} is to be removed: its service may not start beside this one"),
        ("hidl", MAPPER) => {
            format!("{said} is to be removed; a vendor's library that still calls it finds no mapper, and has to be replaced or rebuilt")
        }
        ("aidl", ALLOCATOR) => {
            "another aidl allocator is declared: there is one IAllocator/default, so this entry and its service go"
                .to_owned()
        }
        ("native", "mapper") => {
            let instances: Vec<String> = texts("instance").into_iter().filter(|name| name != OWN_MAPPER).collect();
            if instances.is_empty() {
                return;
            }
            format!("mapper instance {} is to be replaced by {OWN_MAPPER}: buffers of this service are mapped by mapper.{OWN_MAPPER}.so", instances.join(", "))
        }
        (_, vendor) if vendor.ends_with("display.allocator") || vendor.ends_with("display.mapper") => {
            format!("{said} is a vendor's own interface beside the allocator's; who still calls it, and can it go?")
        }
        _ => return,
    };
    board.note(place, None, message);
}

fn line_of(document: &Document<'_>, node: Node<'_, '_>) -> usize {
    usize::try_from(document.text_pos_at(node.range().start).row).unwrap_or(1)
}
