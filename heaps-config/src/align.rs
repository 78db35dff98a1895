//! `[[align]]`: what is written becomes a list of what is asked.

use crate::code::Code;
use crate::document::{AlignDoc, PerPlane};
use crate::finding::{Finding, KeyPath};
use crate::names::Names;
use crate::policy::Alignment;
use crate::reader::multiple;
use gralloc_buffer::layout::needs::{ChromaStride, Fraction, PerBlock};
use gralloc_buffer::layout::{Ask, Combine, MAX_PLANES};

/// The alignment of an entry. A wrong value goes to `findings` and is left out.
pub(crate) fn resolve(doc: &AlignDoc, path: &KeyPath, names: &Names, findings: &mut Vec<Finding>) -> Alignment {
    let mut asks = Asks { path, all: Vec::new(), findings };
    asks.multiple("width_pixels", doc.width_pixels, Ask::Width);
    let odd = doc.odd_stride_bytes.as_ref();
    asks.all_or_each("odd_stride_bytes", odd, Ask::OddStrideBytes, Ask::PlaneOddStride);
    asks.multiple("odd_stride_pixels", doc.odd_stride_pixels, Ask::OddStridePixels);
    asks.all_or_each("stride_bytes", doc.stride_bytes.as_ref(), Ask::StrideBytes, Ask::PlaneStride);
    asks.multiple("stride_pixels", doc.stride_pixels, Ask::StridePixels);
    asks.all_or_each("height_lines", doc.height_lines.as_ref(), Ask::Lines, Ask::PlaneLines);
    asks.multiple("size_bytes", doc.size_bytes, Ask::LayerBytes);
    if let Some(word) = &doc.chroma_stride {
        let known = ChromaStride::ALL.into_iter().find(|known| known.word() == word);
        if known.is_none() {
            let path = path.key("chroma_stride");
            asks.findings.push(Finding::no_word(path, word, ChromaStride::ALL.map(ChromaStride::word)));
        }
        asks.all.extend(known.map(Ask::Chroma));
    }
    asks.amount(doc.added_lines, Ask::AddedLines);
    asks.each("plane_start", doc.plane_start.as_ref(), true, Ask::PlaneStart);
    asks.each("plane_size", doc.plane_size.as_ref(), true, Ask::PlaneSize);
    asks.each("padding_bytes", doc.padding_bytes.as_ref(), false, Ask::PaddingBytes);
    asks.each("padding_lines", doc.padding_lines.as_ref(), false, Ask::PaddingLines);
    asks.amount(doc.tail_bytes, Ask::TailBytes);
    asks.amount(doc.tail_lines, Ask::TailLines);
    asks.blocks(&doc.tail_blocks);
    asks.fraction("tail_of_luma", &doc.tail_of_luma, true, Ask::TailOfLuma);
    asks.amount(doc.tail_least, Ask::TailLeast);
    asks.all.extend(doc.least_bytes.map(Ask::LeastBytes));
    asks.fraction("least_of_luma", &doc.least_of_luma, false, Ask::LeastOfLuma);
    let combine = doc.combine.as_deref().map(|word| {
        let known = Combine::ALL.into_iter().find(|known| known.word() == word);
        if known.is_none() {
            asks.findings.push(Finding::no_word(path.key("combine"), word, Combine::ALL.map(Combine::word)));
        }
        known.unwrap_or_default()
    });
    let asks = asks.all;
    Alignment {
        name: doc.name.clone(),
        asks,
        combine: combine.unwrap_or_default(),
        when: names.condition(&doc.when, path, findings),
    }
}

struct Asks<'f> {
    path: &'f KeyPath,
    all: Vec<Ask>,
    findings: &'f mut Vec<Finding>,
}

impl Asks<'_> {
    fn bad(&mut self, path: KeyPath, message: &str, help: &str) {
        self.findings.push(Finding::new(Code::BadValue, path, message).help(help));
    }

    fn multiple(&mut self, key: &str, value: Option<u32>, ask: fn(u32) -> Ask) {
        self.all.extend(value.map(|value| ask(multiple(value, self.path.place(key), self.findings))));
    }

    fn amount(&mut self, value: Option<u32>, ask: fn(u32) -> Ask) {
        self.all.extend(value.map(ask));
    }

    /// One number goes for the first plane and through it for all; a list for each plane by itself.
    fn all_or_each(&mut self, key: &str, value: Option<&PerPlane>, all: fn(u32) -> Ask, each: fn(u8, u32) -> Ask) {
        match value {
            Some(PerPlane::All(value)) => self.multiple(key, Some(*value), all),
            list => self.each(key, list, true, each),
        }
    }

    /// For every plane; the last of a list goes for those behind it.
    fn each(&mut self, key: &str, value: Option<&PerPlane>, is_multiple: bool, ask: fn(u8, u32) -> Ask) {
        let place = self.path.place(key);
        let list: &[u32] = match value {
            None => return,
            Some(PerPlane::All(value)) => std::slice::from_ref(value),
            Some(PerPlane::Each(list)) => list,
        };
        let Some(last) = list.last().filter(|_| list.len() <= MAX_PLANES) else {
            let message = format!("{} numbers for the planes of a format", list.len());
            self.bad(place.path(), &message, "allowed: a number, or an array of 1 to 4, one for each plane");
            return;
        };
        if let Some(zero) = list.iter().find(|value| is_multiple && **value == 0) {
            multiple(*zero, place, self.findings);
            return;
        }
        for plane in 0..4u8 {
            let value = list.get(usize::from(plane)).unwrap_or(last);
            self.all.push(ask(plane, *value));
        }
    }

    fn blocks(&mut self, written: &[u32]) {
        match *written {
            [] => {}
            [width, height, bytes] if width > 0 && height > 0 => {
                self.all.push(Ask::TailBlocks(PerBlock { width, height, bytes }));
            }
            _ => self.bad(
                self.path.key("tail_blocks"),
                "not a block and its bytes",
                "allowed: [pixels across, pixels down, bytes], the pixels from 1 on: [16, 16, 128]",
            ),
        }
    }

    fn fraction(&mut self, key: &str, written: &[u32], below_one: bool, ask: fn(Fraction) -> Ask) {
        match *written {
            [] => {}
            [parts, of] if of > 0 && parts > 0 && (parts <= of || !below_one) => {
                self.all.push(ask(Fraction { parts, of }));
            }
            _ if below_one => {
                self.bad(
                    self.path.key(key),
                    "not a part of a plane",
                    "allowed: [parts, of], at most the whole: [1, 4]",
                );
            }
            _ => self.bad(self.path.key(key), "not a ratio", "allowed: [parts, of], both from 1 on: [5, 2]"),
        }
    }
}
