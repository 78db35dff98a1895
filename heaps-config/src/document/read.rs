//! Reads a [`Document`]: section by section, each function the list of what its section may hold.

use super::read_shape::{read_align, read_compress, read_condition, read_format, Scope};
use super::{
    Document, HeapDoc, LimitsDoc, MetadataDoc, OptionDoc, PoolDoc, ReadyDoc, ResolveDoc, RuleDoc, VendorMetadataDoc,
    SCHEMA,
};
use crate::code::Code;
use crate::finding::{Finding, KeyPath};
use crate::policy::{Bound, WithoutReleaseWatch, MOST_READY};
use crate::reader::{integer, listed_name, Table};
use crate::tree::Tree;
use std::collections::BTreeMap;

/// Versions of `android.hardware.graphics.common` whose formats are known.
const GRAPHICS_COMMON: std::ops::RangeInclusive<u32> = 5..=7;

impl Document {
    /// Reads a document. What is wrong goes to `findings`; what can be read is in the result all the same.
    pub fn read(tree: &Tree, findings: &mut Vec<Finding>) -> Document {
        let mut top = Table::new(tree, KeyPath::ROOT, findings);
        let schema = read_schema(&mut top, findings);
        let name = top.name("name", findings);
        let description = top.text("description", findings).unwrap_or_default();
        let strict_cpu_usage = top.flag("strict_cpu_usage", findings).unwrap_or_default();
        let graphics_common = read_graphics_common(&mut top, findings);
        let limits = read_limits(&mut top, findings);
        let metadata = read_metadata(&mut top, findings);
        let pool = read_pool(&mut top, findings);
        let vendor_usage = read_numbers(&mut top, "vendor_usage", findings);
        let format_group = read_format_groups(&mut top, findings);
        let format_flags = read_numbers(&mut top, "format_flags", findings);
        let formats = top.tables("format", findings, read_format);
        let options = top.tables("option", findings, read_option);
        let heaps = top.tables("heap", findings, read_heap);
        let rules = top.tables("rule", findings, read_rule);
        let compressions = top.tables("compress", findings, read_compress);
        let alignments = top.tables("align", findings, read_align);
        let vendor_metadata = top.tables("vendor_metadata", findings, read_vendor_metadata);
        let resolutions = top.tables("resolve", findings, read_resolve);
        let ready = top.tables("ready", findings, read_ready);
        let expectations = top.tables("expect", findings, super::expect::read);
        for (key, empty) in [("heap", heaps.is_empty()), ("rule", rules.is_empty())] {
            if empty {
                let message = format!("no [[{key}]]: a policy needs at least one");
                findings.push(Finding::new(Code::MissingKey, KeyPath::ROOT, message));
            }
        }
        top.finish(findings);
        Document {
            schema,
            name,
            description,
            strict_cpu_usage,
            graphics_common,
            limits,
            metadata,
            pool,
            vendor_usage,
            format_group,
            format_flags,
            formats,
            options,
            heaps,
            rules,
            compressions,
            alignments,
            vendor_metadata,
            resolutions,
            ready,
            expectations,
        }
    }
}

fn read_schema(top: &mut Table<'_>, findings: &mut Vec<Finding>) -> i64 {
    top.require(&[("schema", "1")], findings);
    let schema = top.integer("schema", findings).unwrap_or(SCHEMA);
    if schema != SCHEMA {
        let message = format!("schema {schema} is not one that this version reads");
        findings.push(Finding::new(Code::SchemaVersion, KeyPath::ROOT.key("schema"), message).help("allowed: 1"));
    }
    schema
}

fn read_graphics_common(top: &mut Table<'_>, findings: &mut Vec<Finding>) -> Option<u32> {
    let version = top.number("graphics_common", findings)?;
    if GRAPHICS_COMMON.contains(&version) {
        return Some(version);
    }
    let message = format!("no version {version} of android.hardware.graphics.common is known here");
    let finding = Finding::new(Code::BadValue, KeyPath::ROOT.key("graphics_common"), message);
    findings.push(finding.help("allowed: 5, 6, 7; left out, it is the build's own"));
    None
}

fn subtable<'t>(top: &mut Table<'t>, key: &'static str, findings: &mut Vec<Finding>) -> Table<'t> {
    let path = top.path().key(key);
    match top.get(key) {
        Some(tree) => Table::new(tree, path, findings),
        None => Table::empty(path),
    }
}

fn read_limits(top: &mut Table<'_>, findings: &mut Vec<Finding>) -> LimitsDoc {
    if top.get("limits").is_none() {
        let message = "[limits] is missing: without bounds a single request can end in the OOM killer";
        let help = "[limits] with request, reserve and buffers_per_request";
        findings.push(Finding::new(Code::MissingKey, KeyPath::ROOT, message).help(help));
        return LimitsDoc::default();
    }
    let mut table = subtable(top, "limits", findings);
    let request = table.bytes("request", findings);
    let client = table.bytes("client", findings);
    let total = table.bytes("total", findings);
    let reserve = table.bytes("reserve", findings);
    let buffers = table.number("buffers_per_request", findings);
    let without_release_watch = read_without_release_watch(&mut table, findings);
    let required = [("request", "\"256MiB\""), ("reserve", "\"64MiB\""), ("buffers_per_request", "32")];
    table.require(&required, findings);
    let path = table.path().clone();
    for (key, value) in [("request", request), ("client", client), ("total", total)] {
        if value == Some(0) {
            findings.push(Finding::new(Code::BadValue, path.key(key), "0 bytes would refuse every request"));
        }
    }
    if buffers == Some(0) {
        let message = "0 buffers would refuse every request";
        findings.push(Finding::new(Code::BadValue, path.key("buffers_per_request"), message));
    }
    table.finish(findings);
    LimitsDoc {
        request: request.unwrap_or_default(),
        client,
        total,
        reserve: reserve.unwrap_or_default(),
        buffers_per_request: buffers.unwrap_or_default(),
        without_release_watch,
    }
}

fn read_without_release_watch(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> WithoutReleaseWatch {
    let key = "without_release_watch";
    let Some(text) = table.text(key, findings) else { return WithoutReleaseWatch::default() };
    let known = WithoutReleaseWatch::ALL.into_iter().find(|known| known.word() == text);
    if known.is_none() {
        findings.push(Finding::no_word(
            table.path().key(key),
            &text,
            WithoutReleaseWatch::ALL.map(|known| known.word()),
        ));
    }
    known.unwrap_or_default()
}

fn read_metadata(top: &mut Table<'_>, findings: &mut Vec<Finding>) -> MetadataDoc {
    if top.get("metadata").is_none() {
        let message = "[metadata] is missing: it names the heap that holds the buffers' shared metadata";
        findings.push(Finding::new(Code::MissingKey, KeyPath::ROOT, message).help("[metadata] with heap = \"system\""));
        return MetadataDoc::default();
    }
    let mut table = subtable(top, "metadata", findings);
    let heap = table.name("heap", findings);
    table.finish(findings);
    MetadataDoc { heap }
}

/// Half a minute: longer than between two looks into the viewfinder, shorter than a pocket.
const DEFAULT_IDLE_SECONDS: u32 = 30;

fn read_pool(top: &mut Table<'_>, findings: &mut Vec<Finding>) -> Option<PoolDoc> {
    top.get("pool")?;
    let mut table = subtable(top, "pool", findings);
    let enabled = table.flag("enabled", findings).unwrap_or(true);
    let total = table.bound("total", findings);
    let streams = table.flag("streams", findings).unwrap_or(true);
    let idle_seconds = table.number("idle_seconds", findings).unwrap_or(DEFAULT_IDLE_SECONDS);
    table.require(&[("total", "\"6%\"")], findings);
    let path = table.path().clone();
    if total.is_some_and(Bound::is_nothing) {
        let finding = Finding::new(Code::BadValue, path.key("total"), "0 bytes: nothing could be kept ready");
        findings.push(finding.help("enabled = false turns the pool off"));
    }
    if !(1..=3600).contains(&idle_seconds) {
        findings.push(Finding::out_of_range(Code::BadValue, path.key("idle_seconds"), idle_seconds, "1 to 3600"));
    }
    table.finish(findings);
    Some(PoolDoc { enabled, total: total.unwrap_or(Bound::Bytes(0)), streams, idle_seconds })
}

/// A section of any names, each of a number.
fn read_numbers(top: &mut Table<'_>, section: &'static str, findings: &mut Vec<Finding>) -> BTreeMap<String, i64> {
    let table = subtable(top, section, findings);
    let path = table.path().clone();
    let number = |(name, value): (&str, &Tree)| Some((name.to_owned(), integer(value, path.place(name), findings)?));
    table.entries().filter_map(number).collect()
}

fn read_format_groups(top: &mut Table<'_>, findings: &mut Vec<Finding>) -> BTreeMap<String, Vec<String>> {
    let table = subtable(top, "format_group", findings);
    let mut groups = BTreeMap::new();
    for (name, value) in table.entries() {
        let place = table.path().place(name);
        if let Tree::List(items) = value {
            let formats = items.iter().enumerate();
            let formats = formats.map(|(at, item)| listed_name(item, place.item(at), findings)).collect();
            groups.insert(name.to_owned(), formats);
        } else {
            let message = format!("a group takes an array of format names, not {}", value.kind());
            findings.push(Finding::new(Code::WrongType, place.path(), message));
        }
    }
    groups
}

fn read_option(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> OptionDoc {
    let name = table.name("name", findings);
    if table.get("values") == Some(&Tree::List(Vec::new())) {
        let finding = Finding::new(Code::BadValue, table.path().key("values"), "no values");
        findings.push(finding.help("leave it out to accept any value; without the [[option]] all are refused"));
    }
    let values = table.list("values", findings).iter().enumerate();
    let place = table.path().place("values");
    let values = values.filter_map(|(at, item)| integer(item, place.item(at), findings)).collect();
    OptionDoc { name, values }
}

fn read_heap(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> HeapDoc {
    let name = table.name("name", findings);
    let uncached_twin = table.text("uncached_twin", findings);
    if uncached_twin.as_deref() == Some("") {
        let finding = Finding::new(Code::BadValue, table.path().key("uncached_twin"), "an empty name");
        findings.push(finding.help("leave it out when there is no twin"));
    }
    HeapDoc {
        nodes: table.texts("nodes", findings).unwrap_or_else(|| vec![name.clone()]),
        cached: table.flag("cached", findings).unwrap_or(true),
        contiguous: table.flag("contiguous", findings).unwrap_or(false),
        protected: table.flag("protected", findings).unwrap_or(false),
        system_memory: table.flag("system_memory", findings),
        uncached_twin,
        max_buffer: table.bytes("max_buffer", findings),
        budget: table.bytes("budget", findings),
        pool: table.bound("pool", findings),
        name,
    }
}

fn read_rule(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> RuleDoc {
    RuleDoc {
        name: table.name("name", findings),
        when: read_condition(table, Scope::Everything, findings),
        heaps: table.texts("heaps", findings),
        cached_when: table.texts("cached_when", findings),
        deny: table.text("deny", findings),
    }
}

fn read_vendor_metadata(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> VendorMetadataDoc {
    let name = table.name("name", findings);
    let type_name = table.name("type", findings);
    table.require(&[("value", "a number"), ("encoding", "\"i64\"")], findings);
    VendorMetadataDoc {
        name,
        when: read_condition(table, Scope::Shape, findings),
        type_name,
        value: table.integer("value", findings).unwrap_or_default(),
        encoding: table.text("encoding", findings).unwrap_or_default(),
        header: table.flag("header", findings),
        counted: table.flag("counted", findings),
        constant: table.integer("constant", findings),
        text: table.text("text", findings),
        computed: table.text("computed", findings),
        stored: table.flag("stored", findings).unwrap_or_default(),
        max_bytes: table.number("max_bytes", findings),
    }
}

fn read_resolve(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> ResolveDoc {
    ResolveDoc {
        format: table.name("format", findings),
        when: read_condition(table, Scope::Usage, findings),
        to: table.name("to", findings),
    }
}

fn read_ready(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> ReadyDoc {
    let name = table.name("name", findings);
    let format = table.name("format", findings);
    let [width, height, count] = ["width", "height", "count"].map(|key| table.required_number(key, findings));
    if !(1..=MOST_READY).contains(&count) {
        let allowed = format!("1 to {MOST_READY}");
        findings.push(Finding::out_of_range(Code::BadValue, table.path().key("count"), count, allowed));
    }
    ReadyDoc {
        name,
        format,
        width,
        height,
        layers: table.number("layers", findings).unwrap_or(1),
        usage: table.texts("usage", findings).unwrap_or_default(),
        count,
    }
}
