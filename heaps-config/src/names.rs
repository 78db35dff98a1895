//! Looks names up: usages, formats and groups of formats, layouts, heaps; and conditions, which are made of them.

use crate::code::Code;
use crate::document::{ConditionDoc, Document};
use crate::finding::{Finding, KeyPath, Place};
use crate::policy::{Condition, HeapId, HeapSet, LayoutName, Term};
use gralloc_buffer::{wire_int, Layout, PixelFormat, Usage};
use std::collections::BTreeMap;

/// Everything that a name in a document may mean.
pub(crate) struct Names {
    vendor: BTreeMap<String, Usage>,
    formats: BTreeMap<String, i32>,
    groups: BTreeMap<String, Vec<PixelFormat>>,
    heaps: Vec<String>,
}

/// Names of usages that ask for a value of a CPU field.
const NEVER: [&str; 2] = ["CPU_READ_NEVER", "CPU_WRITE_NEVER"];
const MASKS: [&str; 2] = ["CPU_READ_MASK", "CPU_WRITE_MASK"];

impl Names {
    /// Collects the names that the document defines itself.
    pub(crate) fn collect(document: &Document, findings: &mut Vec<Finding>) -> Names {
        let mut names = Names {
            vendor: BTreeMap::new(),
            formats: document.formats.iter().filter_map(|it| Some((it.name.clone(), wire_int(it.value)?))).collect(),
            groups: BTreeMap::new(),
            heaps: document.heaps.iter().map(|heap| heap.name.clone()).collect(),
        };
        names.collect_vendor(document, findings);
        names.collect_groups(document, findings);
        names
    }

    fn collect_vendor(&mut self, document: &Document, findings: &mut Vec<Finding>) {
        let section = KeyPath::ROOT.key("vendor_usage");
        for (name, bit) in &document.vendor_usage {
            let place = section.place(name);
            if Usage::from_name(name).is_some() {
                let message = format!("\"{name}\" is a name of BufferUsage itself");
                findings.push(Finding::new(Code::DuplicateName, place.path(), message).about_key());
            }
            let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            if !name.starts_with(|c: char| c.is_ascii_uppercase()) || !name.chars().all(upper) {
                let message = format!("\"{}\" is not written like a usage", name.escape_default());
                let finding = Finding::new(Code::BadValue, place.path(), message);
                findings.push(finding.help("allowed: A to Z, 0 to 9 and _, a letter first").about_key());
            }
            let usage = u32::try_from(*bit).ok().and_then(|bit| 1u64.checked_shl(bit)).map(Usage);
            let Some(usage) = usage.filter(|usage| Usage::VENDOR.contains(*usage)) else {
                let message = format!("bit {bit} is not the vendor's to define");
                findings
                    .push(Finding::new(Code::VendorBit, place.path(), message).help("allowed: 28 to 31 and 48 to 63"));
                continue;
            };
            if let Some((other, _)) = self.vendor.iter().find(|(_, known)| **known == usage) {
                let message = format!("bit {bit} has two names");
                let finding = Finding::new(Code::VendorBit, place.path(), message);
                findings.push(finding.related(section.key(other), "the other name"));
                continue;
            }
            self.vendor.insert(name.clone(), usage);
        }
    }

    fn collect_groups(&mut self, document: &Document, findings: &mut Vec<Finding>) {
        let section = KeyPath::ROOT.key("format_group");
        for (name, formats) in &document.format_group {
            let place = section.place(name);
            let itself = if self.layout(name).is_some() { Some("layout") } else { self.format(name).map(|_| "format") };
            if let Some(itself) = itself {
                let message = format!("\"{name}\" is a {itself} itself");
                findings.push(Finding::new(Code::DuplicateName, place.path(), message).about_key());
            }
            if formats.is_empty() {
                findings.push(Finding::new(Code::BadValue, place.path(), "a group needs at least one format"));
            }
            let mut group = Vec::new();
            for (at, format) in formats.iter().enumerate() {
                match self.layout_alone(format, place.item(at)) {
                    Some(finding) => findings.push(finding),
                    None => group.extend(self.plain_format(format, place.item(at), findings)),
                }
            }
            self.groups.insert(name.clone(), group);
        }
    }

    /// A format of AIDL's or of the policy's.
    fn format(&self, name: &str) -> Option<PixelFormat> {
        let own = || self.formats.get(name).copied().map(PixelFormat::Vendor);
        PixelFormat::from_name(name).filter(|format| *format != PixelFormat::Unspecified).or_else(own)
    }

    fn format_names(&self) -> impl Iterator<Item = String> + '_ {
        self.formats.keys().cloned().chain(format_names().map(str::to_owned))
    }

    /// The finding for a layout's name in a list of formats, where no format is called so.
    fn layout_alone(&self, name: &str, place: Place<'_>) -> Option<Finding> {
        Layout::from_name(name).filter(|_| self.format(name).is_none())?;
        let message = format!("\"{name}\" is a layout, and no format");
        Some(Finding::new(Code::UnknownFormat, place.path(), message).help("write it in `layouts`"))
    }

    /// One format, no group. An empty name is one that was reported already.
    pub(crate) fn plain_format(
        &self,
        name: &str,
        place: Place<'_>,
        findings: &mut Vec<Finding>,
    ) -> Option<PixelFormat> {
        let found = self.format(name);
        if found.is_none() && !name.is_empty() {
            Finding::push_unknown(findings, Code::UnknownFormat, place.path(), "format", name, self.format_names());
        }
        found
    }

    /// When something applies.
    pub(crate) fn condition(&self, when: &ConditionDoc, path: &KeyPath, findings: &mut Vec<Finding>) -> Condition {
        let mut all_of = self.terms(&when.all_of, path.place("all_of"), findings);
        if let Some(exactly) = &when.exactly {
            let value = self.usage(exactly, path.place("exactly"), findings);
            all_of.push(Term::Equals { mask: Usage(u64::MAX), value });
        }
        Condition {
            all_of: all_of.into(),
            any_of: self.terms(&when.any_of, path.place("any_of"), findings).into(),
            none_of: self.terms(&when.none_of, path.place("none_of"), findings).into(),
            formats: self.formats(&when.formats, path.place("formats"), findings),
            not_formats: self.formats(&when.not_formats, path.place("not_formats"), findings),
            layouts: self.layouts(&when.layouts, path.place("layouts"), findings),
            compressed: when.compressed,
            min_bytes: when.min_size,
            max_bytes: when.max_size,
        }
    }

    /// A layout of the table, or a format of the policy's.
    pub(crate) fn layout(&self, name: &str) -> Option<LayoutName> {
        let own = || self.formats.get(name).copied().map(LayoutName::Vendor);
        Layout::from_name(name).map(LayoutName::Table).or_else(own)
    }

    /// The names of the vendor's formats.
    pub(crate) fn vendor_formats(&self) -> impl Iterator<Item = String> + '_ {
        self.formats.keys().cloned()
    }

    /// Layouts, formats of one layout, and groups of these, each once.
    pub(crate) fn layouts(&self, names: &[String], place: Place<'_>, findings: &mut Vec<Finding>) -> Vec<LayoutName> {
        let mut layouts: Vec<LayoutName> = Vec::new();
        for (at, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let here = place.item(at);
            let of = |format: &PixelFormat| match format {
                PixelFormat::Vendor(value) => Some(LayoutName::Vendor(*value)),
                format => Layout::of(*format).map(LayoutName::Table),
            };
            let group = match (self.layout(name), self.groups.get(name), self.format(name)) {
                (Some(layout), ..) => vec![layout],
                (None, Some(group), _) => group.iter().filter_map(of).collect(),
                (None, None, Some(format)) => of(&format).into_iter().collect(),
                (None, None, None) => {
                    let all = Layout::ALL.iter().map(|layout| layout.name().to_owned());
                    let allowed = self.groups.keys().cloned().chain(self.format_names()).chain(all);
                    Finding::push_unknown(findings, Code::UnknownLayout, here.path(), "layout", name, allowed);
                    continue;
                }
            };
            if group.is_empty() {
                let message = format!("\"{name}\" is no layout: a flexible format becomes one");
                findings.push(Finding::new(Code::UnknownLayout, here.path(), message));
            }
            if !group.is_empty() && group.iter().all(|layout| layouts.contains(layout)) {
                findings.push(Finding::repeated(here.path(), name));
            }
            layouts.extend(group.into_iter().filter(|layout| !layouts.contains(layout)).collect::<Vec<_>>());
        }
        layouts
    }

    /// Formats and groups, expanded, each once.
    pub(crate) fn formats(&self, names: &[String], place: Place<'_>, findings: &mut Vec<Finding>) -> Vec<PixelFormat> {
        let mut formats: Vec<PixelFormat> = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let here = place.item(at);
            let group = match self.groups.get(name) {
                Some(group) => group.clone(),
                None if self.format(name).is_some() => self.format(name).into_iter().collect(),
                None if name.is_empty() => continue,
                None => {
                    let allowed = self.groups.keys().cloned().chain(self.format_names());
                    match self.layout_alone(name, here) {
                        Some(finding) => findings.push(finding),
                        None => {
                            Finding::push_unknown(findings, Code::UnknownFormat, here.path(), "format", name, allowed)
                        }
                    }
                    continue;
                }
            };
            let before = formats.len();
            let known_bad = group.is_empty();
            for format in group {
                if !formats.contains(&format) {
                    formats.push(format);
                }
            }
            if formats.len() == before && !known_bad {
                findings.push(Finding::repeated(here.path(), name));
            }
        }
        formats
    }

    /// Usage names as tests.
    pub(crate) fn terms(&self, names: &[String], place: Place<'_>, findings: &mut Vec<Finding>) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let here = place.item(at);
            let Some(term) = self.term(name) else {
                if !name.is_empty() {
                    Finding::push_unknown(findings, Code::UnknownUsage, here.path(), "usage", name, self.usage_names());
                }
                continue;
            };
            if terms.contains(&term) {
                findings.push(Finding::repeated(here.path(), name));
            }
            terms.push(term);
        }
        terms
    }

    /// Usage names as the bits of one request. Values of one CPU field add up to what AIDL's constants do.
    pub(crate) fn usage(&self, names: &[String], place: Place<'_>, findings: &mut Vec<Finding>) -> Usage {
        let mut all = Usage::NONE;
        for (at, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let known = Usage::from_name(name).or_else(|| self.vendor.get(name).copied());
            match known.filter(|_| !MASKS.contains(&name.as_str())) {
                Some(usage) => all = all | usage,
                None => {
                    let names = self.usage_names().filter(|name| !MASKS.contains(name));
                    Finding::push_unknown(findings, Code::UnknownUsage, place.item(at).path(), "usage", name, names);
                }
            }
        }
        all
    }

    fn term(&self, name: &str) -> Option<Term> {
        let usage = Usage::from_name(name).or_else(|| self.vendor.get(name).copied())?;
        let value_of = |mask: Usage| Term::Equals { mask, value: usage };
        Some(match name {
            "CPU_READ_NEVER" => value_of(Usage::CPU_READ_MASK),
            "CPU_WRITE_NEVER" => value_of(Usage::CPU_WRITE_MASK),
            _ if MASKS.contains(&name) => Term::Any(usage),
            _ if Usage::CPU_READ_MASK.contains(usage) => value_of(Usage::CPU_READ_MASK),
            _ if Usage::CPU_WRITE_MASK.contains(usage) => value_of(Usage::CPU_WRITE_MASK),
            _ => Term::Any(usage),
        })
    }

    fn usage_names(&self) -> impl Iterator<Item = &str> {
        let cpu = MASKS.into_iter().chain(NEVER).chain(Usage::CPU_VALUES.iter().map(|(name, _)| *name));
        let own = self.vendor.keys().map(String::as_str);
        own.chain(cpu).chain(Usage::FLAGS.iter().map(|(name, _)| *name))
    }

    /// Heap names as ids.
    pub(crate) fn heaps(&self, names: &[String], place: Place<'_>, findings: &mut Vec<Finding>) -> Vec<HeapId> {
        let mut ids: Vec<HeapId> = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let here = place.item(at);
            let Some(id) = self.heap(name, here, findings) else { continue };
            if ids.contains(&id) {
                findings.push(Finding::repeated(here.path(), name));
                continue;
            }
            ids.push(id);
        }
        ids
    }

    /// All heaps of the document.
    pub(crate) fn all_heaps(document: &Document) -> HeapSet {
        (0u8..).map(HeapId).zip(&document.heaps).fold(HeapSet::default(), |set, (id, _)| set.with(id))
    }

    /// One heap's id.
    pub(crate) fn heap(&self, name: &str, place: Place<'_>, findings: &mut Vec<Finding>) -> Option<HeapId> {
        let index = self.heaps.iter().position(|known| known == name && !name.is_empty());
        if index.is_none() && !name.is_empty() {
            Finding::push_unknown(findings, Code::UnknownHeap, place.path(), "heap", name, self.heaps.iter().cloned());
        }
        Some(HeapId(u8::try_from(index?).ok()?))
    }
}

fn format_names() -> impl Iterator<Item = &'static str> {
    let all = PixelFormat::ALL.iter().filter(|format| **format != PixelFormat::Unspecified);
    all.map(|format| format.name())
}
