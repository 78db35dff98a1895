//! `[[format]]`: the vendor's pixel formats. No vendor's value is known here: the same number is another format on another
//! SoC.

use crate::code::Code;
use crate::document::{Document, FormatDoc, PlaneDoc};
use crate::finding::{Finding, KeyPath};
use crate::policy::{VendorFormat, MAX_FORMATS};
use crate::reader::multiple;
use gralloc_buffer::layout::afbc;
use gralloc_buffer::layout::compression::NO_MODIFIER;
use gralloc_buffer::layout::shape::MAX_COMPONENTS;
use gralloc_buffer::layout::{Component, ComponentKind, Components, PlaneShape, Shapes, MAX_PLANES};
use gralloc_buffer::{wire_int, Layout, PixelFormat};

/// The `DRM_FORMAT_*` code and the `DRM_FORMAT_MOD_*` value of an entry; what contradicts itself in them is a finding of `code`.
pub(crate) fn drm(fourcc: &str, modifier: u64, code: Code, path: &KeyPath, findings: &mut Vec<Finding>) -> (u32, u64) {
    let letters = four_letters(fourcc);
    if letters.is_none() && !fourcc.is_empty() {
        let message = format!("\"{}\" is not a fourcc", fourcc.escape_default());
        let finding = Finding::new(Code::BadValue, path.key("fourcc"), message);
        findings
            .push(finding.help("allowed: four letters as in drm_fourcc.h, such as \"NV12\" or \"R8  \", or \"none\""));
    }
    if modifier == NO_MODIFIER && letters.is_some_and(|letters| letters != 0) {
        let message = "DRM_FORMAT_MOD_INVALID with a fourcc: a display would take the buffer for lines of that";
        let help = "its DRM_FORMAT_MOD_* value; where it has none, 0x00ffffffffffffff with fourcc = \"none\"";
        findings.push(Finding::new(code, path.key("modifier"), message).help(help));
    }
    if modifier > 0 && modifier != NO_MODIFIER && letters == Some(0) {
        let message = "a modifier without its fourcc: an importer could not tell what it modifies";
        findings.push(Finding::new(code, path.key("modifier"), message));
    }
    (letters.unwrap_or(0), modifier)
}

/// Four letters, or none; `None` for anything else.
fn four_letters(text: &str) -> Option<u32> {
    if text == "none" {
        return Some(0);
    }
    let letters = <[u8; 4]>::try_from(text.as_bytes()).ok()?;
    letters.iter().all(|letter| letter.is_ascii_graphic() || *letter == b' ').then(|| u32::from_le_bytes(letters))
}

/// The formats of a document. What is wrong goes to `findings`; such a format is still one that names find.
pub(crate) fn resolve(document: &Document, findings: &mut Vec<Finding>) -> Vec<VendorFormat> {
    let mut formats: Vec<VendorFormat> = Vec::new();
    if document.formats.len() > MAX_FORMATS {
        let message = format!("{} formats: a policy holds at most {MAX_FORMATS}", document.formats.len());
        findings.push(Finding::new(Code::VendorFormat, KeyPath::item("format", MAX_FORMATS), message));
    }
    for (at, doc) in document.formats.iter().enumerate().take(MAX_FORMATS) {
        let path = KeyPath::item("format", at);
        let format = one(doc, &path, findings);
        if let Some(other) = formats.iter().position(|known| known.value == format.value) {
            let message = format!("{:#x} is two formats", format.value);
            let finding = Finding::new(Code::VendorFormat, path.key("value"), message);
            findings.push(finding.related(KeyPath::item("format", other).key("value"), "the other one"));
        }
        formats.push(format);
    }
    check_flags(document, &formats, findings);
    formats
}

/// Holds what clients or into a format's number apart from the formats themselves: a sum is a format only where one says so.
fn check_flags(document: &Document, formats: &[VendorFormat], findings: &mut Vec<Finding>) {
    let section = KeyPath::ROOT.key("format_flags");
    let mut flags: Vec<(&str, i32)> = Vec::new();
    let named = |wire: i32| {
        let own = || formats.iter().find(|format| format.value == wire).map(|format| format.name.as_str());
        PixelFormat::from_wire(wire).map(PixelFormat::name).or_else(own)
    };
    for (name, value) in &document.format_flags {
        match wire_int(*value).filter(|flag| *flag != 0) {
            None => {
                let finding = Finding::new(Code::BadValue, section.key(name), format!("{value} is no flag"));
                findings.push(finding.help("allowed: what fits 32 bits and has at least one of them set"));
            }
            Some(flag) => {
                if let Some(format) = named(flag) {
                    let message = format!("{flag:#x} is a flag, and the format {format}");
                    findings.push(Finding::new(Code::VendorFormat, section.key(name), message));
                }
                flags.push((name, flag));
            }
        }
    }
    let aidl = || PixelFormat::ALL.iter().filter(|format| **format != PixelFormat::Unspecified);
    let all = || aidl().map(|format| format.to_wire()).chain(formats.iter().map(|own| own.value));
    for (at, (doc, format)) in document.formats.iter().zip(formats).enumerate() {
        let path = KeyPath::item("format", at);
        for (index, name) in doc.flags.iter().enumerate() {
            let path = path.key("flags").index(index);
            match flags.iter().find(|(known, _)| known == name) {
                None => {
                    let names = flags.iter().map(|(known, _)| (*known).to_owned());
                    Finding::push_unknown(findings, Code::VendorFormat, path, "format flag", name, names);
                }
                Some((_, flag)) if format.value & flag != *flag => {
                    let message =
                        format!("{:#x} does not have all bits of \"{name}\", which is {flag:#x}", format.value);
                    findings.push(Finding::new(Code::VendorFormat, path, message));
                }
                Some(_) => {}
            }
        }
        let is_known = |said: &String| flags.iter().any(|(name, _)| name == said);
        if !doc.flags.iter().all(is_known) {
            continue;
        }
        // Of a flag that is a format itself that was said.
        let is_silent =
            |(name, flag): &&(&str, i32)| !doc.flags.iter().any(|said| said == name) && named(*flag).is_none();
        let silent = flags.iter().filter(is_silent);
        for (name, flag) in silent {
            let sum = |wire: &i32| *wire != format.value && wire & flag != *flag && wire | flag == format.value;
            let Some(other) = all().find(sum) else { continue };
            let other = named(other).unwrap_or("?");
            let message = format!(
                "{:#x} is \"{}\", and what clients ask for who or \"{name}\" ({flag:#x}) into {other}",
                format.value, format.name
            );
            let help = format!("another value; or flags = [\"{name}\"], where it is meant as that sum");
            findings.push(Finding::new(Code::VendorFormat, path.key("value"), message).help(help));
        }
    }
}

fn one(doc: &FormatDoc, path: &KeyPath, findings: &mut Vec<Finding>) -> VendorFormat {
    check_name(doc, path, findings);
    let wire = check_value(doc, path, findings);
    let (fourcc, modifier) = drm(&doc.fourcc, doc.modifier, Code::VendorFormat, path, findings);
    check_modifier(modifier, path, findings);
    let (layout, shapes) = planes(doc, path, findings);
    let mut multiple = |key: &str, value: Option<u32>| multiple(value.unwrap_or(1), path.place(key), findings);
    VendorFormat {
        width_multiple: multiple("width_multiple", doc.width_multiple),
        height_multiple: multiple("height_multiple", doc.height_multiple),
        name: doc.name.clone(),
        value: wire,
        layout,
        shapes,
        fourcc,
        modifier,
        linear: doc.linear.unwrap_or(true),
        mappable: doc.cpu.unwrap_or(doc.modifier == 0 && doc.linear.unwrap_or(true)),
        fixed_height: doc.fixed_height,
    }
}

/// A format's planes are lines: who is told that they are Arm's blocks decodes what is none.
fn check_modifier(modifier: u64, path: &KeyPath, findings: &mut Vec<Finding>) {
    let scheme = match modifier {
        modifier if afbc::is_afbc(modifier) => "AFBC",
        modifier if afbc::is_afrc(modifier) => "AFRC",
        _ => return,
    };
    let message = format!("{modifier:#x} is a modifier of {scheme}, and a format's planes are lines");
    let help = "leave it out, and write a [[compress]] of this modifier with the blocks, for `layouts` of this name";
    findings.push(Finding::new(Code::VendorFormat, path.key("modifier"), message).help(help));
}

fn check_name(doc: &FormatDoc, path: &KeyPath, findings: &mut Vec<Finding>) {
    let taken = match (PixelFormat::from_name(&doc.name), Layout::from_name(&doc.name)) {
        (Some(_), _) => "PixelFormat",
        (None, Some(_)) => "layout",
        (None, None) => return,
    };
    let message = format!("\"{}\" is the name of a {taken} already", doc.name);
    findings.push(Finding::new(Code::DuplicateName, path.key("name"), message));
}

fn check_value(doc: &FormatDoc, path: &KeyPath, findings: &mut Vec<Finding>) -> i32 {
    let path = path.key("value");
    let Some(wire) = wire_int(doc.value) else {
        findings.push(Finding::out_of_range(Code::BadValue, path, doc.value, "what fits 32 bits"));
        return 0;
    };
    if let Some(format) = PixelFormat::from_wire(wire) {
        let message = format!("{wire:#x} is AIDL's {}: clients that ask for that would get this", format.name());
        findings.push(Finding::new(Code::VendorFormat, path, message).help("AIDL leaves 0x100 to 0x1ff to vendors"));
    }
    wire
}

fn planes(doc: &FormatDoc, path: &KeyPath, findings: &mut Vec<Finding>) -> (Layout, Shapes) {
    let wrong = |path: KeyPath, message: &str| {
        let help = "like = \"NV12\" for a layout's planes, or planes = [{ components = [\"Y:8\"] }, …] for its own";
        Finding::new(Code::VendorFormat, path, message).help(help)
    };
    match (&doc.like, doc.planes.as_slice()) {
        (Some(like), []) => {
            let layout = Layout::from_name(like).filter(|layout| *layout != Layout::Blob);
            if layout.is_none() {
                let names = Layout::ALL.iter().filter(|layout| **layout != Layout::Blob).map(|layout| layout.name());
                Finding::push_unknown(findings, Code::UnknownLayout, path.key("like"), "layout", like, names);
            }
            (layout.unwrap_or(Layout::Nv12), Shapes::NONE)
        }
        (Some(_), _) => {
            findings.push(wrong(path.key("planes"), "its planes are another layout's, or its own, not both"));
            (Layout::Nv12, Shapes::NONE)
        }
        (None, []) => {
            findings.push(wrong(path.clone(), "a format without planes"));
            (Layout::Nv12, Shapes::NONE)
        }
        (None, list) if list.len() > MAX_PLANES => {
            let message = format!("{} planes: a buffer has at most {MAX_PLANES}", list.len());
            findings.push(wrong(path.key("planes"), &message));
            (Layout::Nv12, Shapes::NONE)
        }
        (None, list) => {
            let mut shapes = Vec::new();
            for (at, plane) in list.iter().enumerate() {
                shapes.extend(shape(plane, &path.key("planes").index(at), findings));
            }
            // A plane that is wrong was reported.
            let complete = shapes.len() == list.len();
            let own = Shapes::from_slice(&shapes).filter(|_| complete);
            own.map_or((Layout::Nv12, Shapes::NONE), |shapes| (Layout::Vendor, shapes))
        }
    }
}

fn shape(doc: &PlaneDoc, path: &KeyPath, findings: &mut Vec<Finding>) -> Option<PlaneShape> {
    let wrong = |path: KeyPath, message: String| Finding::new(Code::VendorFormat, path, message);
    let mut parts: Vec<Component> = Vec::new();
    let mut next = 0;
    for (at, text) in doc.components.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        let Some(part) = component(text, next) else {
            let here = path.key("components").index(at);
            let message = format!("\"{}\" is not a component", text.escape_default());
            let help = "allowed: Y, CB, CR, R, G, B, A, RAW; with bits, or bits at a bit: \"Y:8\", \"CB:10@6\"";
            findings.push(wrong(here, message).help(help));
            return None;
        };
        next = part.offset_bits.saturating_add(part.size_bits.max(0));
        parts.push(part);
    }
    if parts.len() > MAX_COMPONENTS {
        let message = format!("{} components: a sample has at most {MAX_COMPONENTS}", parts.len());
        findings.push(wrong(path.key("components"), message));
        return None;
    }
    let byte = |value: u32| u8::try_from(value).unwrap_or(0);
    let bits = parts.iter().map(|part| part.offset_bits.saturating_add(part.size_bits.max(0))).max().unwrap_or(0);
    let needed = u32::try_from(bits).unwrap_or(0).div_ceil(8);
    let (horizontal_subsampling, vertical_subsampling) = match *doc.subsampling.as_slice() {
        [] => (1, 1),
        [across, down] => (across, down),
        _ => {
            let finding = wrong(path.key("subsampling"), "not two numbers".to_owned());
            findings.push(finding.help("allowed: [pixels across, pixels down] of a sample, each 1, 2 or 4"));
            return None;
        }
    };
    let shape = PlaneShape {
        components: Components::new(&parts),
        group_samples: byte(doc.samples.unwrap_or(1)),
        group_bytes: byte(doc.bytes.unwrap_or(needed)),
        horizontal_subsampling,
        vertical_subsampling,
    };
    let room =
        shape.has_room().then_some(()).ok_or("at least a bit in a group's bytes for each component of its samples");
    if let Err(needs) = shape.check().and(room) {
        let packed = shape.group_samples > 1 && shape.group_bytes > 0 && !shape.has_room();
        let path = if packed { path.key("samples") } else { path.clone() };
        findings.push(wrong(path, format!("the plane needs {needs}")));
        return None;
    }
    Some(shape)
}

/// `Y` of packed samples, `Y:8` behind the component before it, `Y:10@6` at a bit.
fn component(text: &str, next: i16) -> Option<Component> {
    let (name, bits) = text.split_once(':').map_or((text, None), |(name, bits)| (name, Some(bits)));
    let named = |kind: &ComponentKind| kind.name() == name && *kind != ComponentKind::Meta;
    let kind = ComponentKind::ALL.into_iter().find(named)?;
    let Some(bits) = bits else { return Some(Component { kind, offset_bits: 0, size_bits: -1 }) };
    let (size, offset) = bits.split_once('@').map_or((bits, None), |(size, at)| (size, Some(at)));
    let number = |text: &str| text.parse::<u8>().ok().map(i16::from);
    let offset_bits = match offset {
        Some(at) => number(at)?,
        None => next,
    };
    Some(Component { kind, offset_bits, size_bits: number(size)? })
}
