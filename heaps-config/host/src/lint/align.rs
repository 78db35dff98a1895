//! Alignments that ask for nothing, or for what a format's definition rules out.

use super::contradiction::contradiction;
use gralloc_buffer::{Layout, PixelFormat};
use heaps_config::policy::{Alignment, Policy};
use heaps_config::Code;
use heaps_config::Document;
use heaps_config::{Finding, KeyPath};

/// YV12's chroma lines are multiples of 16 bytes by its definition (`PixelFormat.aidl`).
const YV12_CHROMA_BYTES: u32 = 16;

/// Reports them.
pub(super) fn check(document: &Document, policy: &Policy, findings: &mut Vec<Finding>) {
    for (at, (align, written)) in policy.alignments.iter().zip(&document.alignments).enumerate() {
        let path = KeyPath::item("align", at);
        if written.asks_nothing() {
            let message = format!("align \"{}\" requires nothing", align.name);
            let help =
                "allowed: stride_bytes, stride_pixels, height_lines, size_bytes and others, each a multiple above 1";
            findings.push(Finding::new(Code::AlignUnused, path.clone(), message).help(help));
        }
        if let Some(why) = contradiction(&align.when) {
            let message = format!("align \"{}\" can never apply: {why}", align.name);
            findings.push(Finding::new(Code::Contradiction, path.clone(), message));
        }
        // An alignment for all formats leaves alone what cannot have it; one that names the format means it.
        if !written.when.formats.is_empty() {
            let formats = align.when.formats.iter().filter(|format| !align.when.not_formats.contains(format));
            for format in formats {
                check_format(align, *format, &path, findings);
            }
        }
    }
}

fn check_format(align: &Alignment, format: PixelFormat, path: &KeyPath, findings: &mut Vec<Finding>) {
    let Some(layout) = Layout::of(format) else { return };
    let name = format.name();
    let spare = format!("take {name} out of `formats`, or add not_formats = [\"{name}\"]");
    if align.height_lines > 1 && layout.has_fixed_height() {
        let message = format!("{name} has exactly as many lines as its height, by its definition");
        findings.push(Finding::new(Code::AlignBreaksFormat, path.key("height_lines"), message).help(spare.clone()));
    }
    let strides = [("stride_bytes", align.stride_bytes), ("stride_pixels", align.stride_pixels)];
    if layout.has_fixed_stride() {
        for (key, _) in strides.iter().filter(|(_, value)| *value > 1) {
            let message = format!("a {name} is bytes in a row: its stride is its width, by its definition");
            findings.push(Finding::new(Code::AlignBreaksFormat, path.key(key), message).help(spare.clone()));
        }
        return;
    }
    let bytes = align.stride_bytes;
    if bytes > YV12_CHROMA_BYTES && layout == Layout::Yv12 {
        let message = format!(
            "{name} with chroma lines of {bytes} bytes has luma lines of {}: its chroma stride is half its stride",
            bytes.saturating_mul(2)
        );
        let help = "for the luma plane alone, as most hardware wants it, write stride_pixels";
        findings.push(Finding::new(Code::AlignWidens, path.key("stride_bytes"), message).help(help));
    }
    let pixel_bits = layout.bits_per_pixel();
    if bytes > 1 && pixel_bits == 24 {
        let message = format!(
            "{name} has 3 bytes a pixel: whole pixels and {bytes} bytes make lines a multiple of {} bytes",
            bytes.saturating_mul(3)
        );
        let help = format!("write stride_pixels = {bytes} if that is meant, or take {name} out");
        findings.push(Finding::new(Code::AlignWidens, path.key("stride_bytes"), message).help(help));
    }
}
