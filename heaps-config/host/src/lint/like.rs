//! Vendor's formats that an alignment for their layout leaves alone: a condition on a layout does not take formats that are `like` it, for a
//! vendor says it of formats with rules of their own as well.

use gralloc_buffer::{Layout, PixelFormat};
use heaps_config::policy::{Alignment, LayoutName, Policy, VendorFormat};
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// Reports those that no alignment names, though one names their layout.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Finding>) {
    let formats = policy.formats.iter().enumerate();
    for (at, format) in formats.filter(|(_, format)| format.linear && format.layout != Layout::Vendor) {
        if policy.alignments.iter().any(|align| names(align, format)) {
            continue;
        }
        let of_layout = |align: &Alignment| {
            let layouts = align.when.formats.iter().filter_map(|format| Layout::of(*format));
            let named = align.when.layouts.contains(&LayoutName::Table(format.layout));
            align.when.compressed != Some(true) && (named || layouts.into_iter().any(|layout| layout == format.layout))
        };
        let Some(index) = policy.alignments.iter().position(of_layout) else { continue };
        let align = policy.alignments.get(index).map_or("?", |align| align.name.as_str());
        let layout = format.layout.name();
        let message = format!(
            "format \"{}\" is like {layout}, and slips past align \"{align}\", which is for {layout} by name",
            format.name
        );
        let finding = Finding::new(Code::AlignSlipped, KeyPath::item("format", at).key("like"), message);
        let finding = finding.help(format!(
            "list {} in the `layouts` of what it needs; in `not_formats` where it needs nothing",
            format.name
        ));
        findings.push(finding.related(KeyPath::item("align", index), "the alignment"));
    }
}

/// Whether somebody thought of the format here.
fn names(align: &Alignment, format: &VendorFormat) -> bool {
    let own = PixelFormat::Vendor(format.value);
    let when = &align.when;
    when.layouts.contains(&LayoutName::Vendor(format.value))
        || when.formats.contains(&own)
        || when.not_formats.contains(&own)
}
