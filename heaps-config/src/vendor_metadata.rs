//! `[[vendor_metadata]]`: the vendor's own types of metadata, checked against what a buffer's table of them holds.

use crate::code::Code;
use crate::document::{Document, VendorMetadataDoc};
use crate::finding::{Finding, KeyPath};
use crate::names::Names;
use crate::policy::{VendorContent, VendorMetadata};
use crate::reader::MAX_NAME_BYTES;
use gralloc_buffer::handle::MAX_AREA_BYTES;
use gralloc_buffer::metadata::vendor::{
    area_bytes, table_bytes, Computed, Encoding, Framing, MAX_ENTRIES, MAX_TYPE_BYTES, MAX_VALUE_BYTES,
};
use gralloc_buffer::metadata::STANDARD_NAME;

/// Words for what the service fills in, beside those that a mapper computes.
const HEAP_NAME: &str = "heap_name";
const FORMAT: &str = "format";

/// The types of a document, and the bytes that a buffer has for them. What is wrong goes to `findings`.
pub(crate) fn resolve(document: &Document, names: &Names, findings: &mut Vec<Finding>) -> (Vec<VendorMetadata>, u64) {
    let mut types: Vec<VendorMetadata> = Vec::new();
    for (at, doc) in document.vendor_metadata.iter().enumerate() {
        types.push(one(doc, &KeyPath::item("vendor_metadata", at), names, findings));
    }
    if types.len() > MAX_ENTRIES {
        let message = format!("{} types: a buffer has at most {MAX_ENTRIES}", types.len());
        findings.push(Finding::new(Code::VendorMetadata, KeyPath::item("vendor_metadata", MAX_ENTRIES), message));
    }
    let longest_heap = document.heaps.iter().map(|heap| heap.name.len()).max().unwrap_or(0);
    let bytes = area(&types, longest_heap);
    if bytes > MAX_AREA_BYTES {
        // The first with which it is too much.
        let fits = |count: &usize| area(types.get(..*count).unwrap_or(&types), longest_heap) <= MAX_AREA_BYTES;
        let at = (0..types.len()).rev().find(fits).unwrap_or(0);
        let message = format!("all types together take {bytes} bytes of a buffer's metadata");
        let finding = Finding::new(Code::VendorMetadata, KeyPath::item("vendor_metadata", at), message);
        findings.push(finding.help(format!(
            "allowed: {MAX_AREA_BYTES}, of which a stored value takes three times its own and 40 bytes"
        )));
    }
    (types, bytes.min(MAX_AREA_BYTES))
}

/// Bytes for all types at once, whichever of them a buffer has.
fn area(types: &[VendorMetadata], longest_heap: usize) -> u64 {
    if types.is_empty() {
        return 0;
    }
    let heap = vec![0; longest_heap.min(MAX_NAME_BYTES)];
    let entries = types.iter().map(|entry| entry.entry(&heap, &[0; 8]));
    let stored = types.iter().filter_map(|entry| match entry.content {
        VendorContent::Stored(most) => Some(usize::from(most)),
        _ => None,
    });
    area_bytes(table_bytes(entries).len(), stored)
}

fn one(doc: &VendorMetadataDoc, path: &KeyPath, names: &Names, findings: &mut Vec<Finding>) -> VendorMetadata {
    check_type(doc, path, findings);
    let encoding = Encoding::from_word(&doc.encoding);
    if encoding.is_none() && !doc.encoding.is_empty() {
        findings.push(Finding::no_word(
            path.key("encoding"),
            &doc.encoding,
            Encoding::ALL.iter().map(|known| known.word()),
        ));
    }
    let encoding = encoding.unwrap_or(Encoding::I64);
    VendorMetadata {
        name: doc.name.clone(),
        type_name: doc.type_name.clone(),
        value: doc.value,
        framing: Framing { header: doc.header.unwrap_or(true), counted: doc.counted.unwrap_or(true) },
        encoding,
        content: content(doc, encoding, path, findings).unwrap_or(VendorContent::Constant(Vec::new())),
        when: names.condition(&doc.when, path, findings),
    }
}

fn check_type(doc: &VendorMetadataDoc, path: &KeyPath, findings: &mut Vec<Finding>) {
    let place = path.place("type");
    let name = &doc.type_name;
    if name.len() > MAX_TYPE_BYTES || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        let finding = Finding::new(Code::BadValue, place.path(), "not the name of a type");
        let help =
            format!("allowed: at most {MAX_TYPE_BYTES} letters, digits and signs, such as \"vendor.acme.Metadata\"");
        findings.push(finding.help(help));
    } else if name == STANDARD_NAME {
        let message = "the standard types are served already, and mean what AIDL says";
        findings.push(Finding::new(Code::VendorMetadata, place.path(), message));
    }
}

fn content(
    doc: &VendorMetadataDoc,
    encoding: Encoding,
    path: &KeyPath,
    findings: &mut Vec<Finding>,
) -> Option<VendorContent> {
    let mut wrong = |key: &str, message: String, help: String| {
        findings.push(Finding::new(Code::VendorMetadata, path.key(key), message).help(help));
    };
    let given = [
        ("constant", doc.constant.is_some() || doc.text.is_some()),
        ("computed", doc.computed.is_some()),
        ("stored", doc.stored),
    ];
    let mut given = given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key);
    let first = given.next();
    if let (Some(_), Some(second)) = (first, given.next()) {
        wrong(second, "a second source of one value".to_owned(), "one of constant, text, computed, stored".to_owned());
        return None;
    }
    if doc.max_bytes.is_some() && (!doc.stored || encoding.number_bytes().is_some()) {
        let help = "a number has its encoding's bytes, a constant its own".to_owned();
        wrong("max_bytes", "a bound for what has none".to_owned(), help);
    }
    match first {
        Some("constant") => constant(doc, encoding, &mut wrong),
        Some("computed") => computed(doc.computed.as_deref().unwrap_or_default(), encoding, &mut wrong),
        Some(_) => {
            let most = encoding.number_bytes().map_or(doc.max_bytes, |bytes| u32::try_from(bytes).ok());
            let fits = |most: &u32| (1..=MAX_VALUE_BYTES).contains(&usize::try_from(*most).unwrap_or(usize::MAX));
            let Some(most) = most.filter(fits).and_then(|most| u16::try_from(most).ok()) else {
                let message = match doc.max_bytes {
                    Some(most) => format!("{most} bytes are out of range"),
                    None => format!("a stored {} has no bound", encoding.word()),
                };
                wrong("max_bytes", message, format!("allowed: 1 to {MAX_VALUE_BYTES}"));
                return None;
            };
            Some(VendorContent::Stored(most))
        }
        None => {
            let message = format!("vendor_metadata \"{}\" says nothing of its value", doc.name);
            let help = "constant = 1, text = \"…\", computed = \"plane_fds\", or stored = true";
            findings.push(Finding::new(Code::VendorMetadata, path.clone(), message).help(help));
            None
        }
    }
}

fn constant(
    doc: &VendorMetadataDoc,
    encoding: Encoding,
    wrong: &mut impl FnMut(&str, String, String),
) -> Option<VendorContent> {
    let text = matches!(encoding, Encoding::Text | Encoding::Bytes);
    match (doc.constant, &doc.text) {
        (None, Some(value)) if text => {
            if value.len() > MAX_VALUE_BYTES {
                let message = format!("{} bytes are too many", value.len());
                wrong("text", message, format!("allowed: at most {MAX_VALUE_BYTES}"));
            }
            Some(VendorContent::Constant(value.clone().into_bytes()))
        }
        (Some(value), None) => {
            let bytes = match encoding {
                Encoding::I32 => i32::try_from(value).ok().map(|value| value.to_le_bytes().to_vec()),
                Encoding::U32 => u32::try_from(value).ok().map(|value| value.to_le_bytes().to_vec()),
                Encoding::I64 => Some(value.to_le_bytes().to_vec()),
                Encoding::U64 => u64::try_from(value).ok().map(|value| value.to_le_bytes().to_vec()),
                Encoding::F32 | Encoding::Text | Encoding::Bytes => None,
            };
            if bytes.is_none() {
                let message = format!("{value} is no {}", encoding.word());
                wrong("constant", message, "a whole number that fits an encoding of i32, u32, i64 or u64".to_owned());
            }
            bytes.map(VendorContent::Constant)
        }
        (None, Some(_)) => {
            wrong("text", format!("a text is no {}", encoding.word()), "encoding = \"string\" or \"bytes\"".to_owned());
            None
        }
        _ => {
            wrong("text", "a number and a text".to_owned(), "one of constant, text, computed, stored".to_owned());
            None
        }
    }
}

fn computed(word: &str, encoding: Encoding, wrong: &mut impl FnMut(&str, String, String)) -> Option<VendorContent> {
    let whole = matches!(encoding, Encoding::I32 | Encoding::U32 | Encoding::I64 | Encoding::U64);
    let (content, fits, needs) = match (word, Computed::from_word(word)) {
        (HEAP_NAME, _) => (VendorContent::HeapName, encoding == Encoding::Text, "string"),
        (FORMAT, _) => (VendorContent::Format, whole, "i32, u32, i64 or u64"),
        (_, Some(what)) if what.takes(Encoding::I32) => {
            (VendorContent::Computed(what), what.takes(encoding), "i32, u32, i64 or u64")
        }
        (_, Some(what)) => (VendorContent::Computed(what), what.takes(encoding), "i64 or u64: it may exceed 32 bits"),
        (_, None) => {
            let words: Vec<&str> = Computed::ALL.iter().map(|known| known.word()).chain([HEAP_NAME, FORMAT]).collect();
            let message = format!("\"{}\" is nothing that is computed", word.escape_default());
            wrong("computed", message, format!("allowed: {}", words.join(", ")));
            return None;
        }
    };
    if !fits {
        wrong("encoding", format!("{word} is no {}", encoding.word()), format!("allowed: {needs}"));
    }
    Some(content)
}
