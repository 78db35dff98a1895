//! An explanation for people.

use super::Case;
use crate::output::{table, Output};
use gralloc_allocator::explain::{words, AlignmentNote, HeapPart, Picture};

/// The whole explanation.
pub(super) fn of(case: &Case<'_>, out: &Output) -> String {
    let mut page = Page { text: String::new(), out };
    let policy = case.policy();
    page.line("policy", &format!("{} ({})", policy.name, case.loaded.source));
    page.line("request", &request(case));
    if let Some(request) = case.explanation.request.filter(|request| !request.dataspace.is_unknown()) {
        page.line("dataspace", &format!("{}, the buffer's from its first import on", request.dataspace));
    }
    let names = case.heap_names(case.present).join(", ");
    let names = if names.is_empty() { "none" } else { &names };
    page.line("heaps there", &format!("{names} ({})", case.present_from));
    page.gap();
    format(case, &mut page);
    compressions(case, &mut page);
    alignments(case, &mut page);
    rules(case, &mut page);
    if let Some(picture) = &case.explanation.picture {
        page.gap();
        steps(case, &mut page);
        figures(case, picture, &mut page);
    }
    vendor_metadata(case, &mut page);
    page.gap();
    answer(case, &mut page);
    page.text
}

struct Page<'o> {
    text: String,
    out: &'o Output,
}

/// Columns before the text.
const MARGIN: usize = 13;

impl Page<'_> {
    /// A line with its heading; an empty heading continues the one before.
    fn line(&mut self, heading: &str, text: &str) {
        let pad = " ".repeat(MARGIN.saturating_sub(heading.len()));
        let heading = if heading.is_empty() { String::new() } else { self.out.strong(heading) };
        let mut lines = text.lines();
        self.text.push_str(format!("{heading}{pad}{}", lines.next().unwrap_or_default()).trim_end());
        self.text.push('\n');
        for line in lines {
            self.text.push_str(format!("{}{line}", " ".repeat(MARGIN)).trim_end());
            self.text.push('\n');
        }
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }
}

/// The request on one line.
pub(super) fn request(case: &Case<'_>) -> String {
    let descriptor = &case.descriptor;
    let format = case.policy().format_of_value(descriptor.format);
    let format = format.map_or_else(|| format!("format {:#x}", descriptor.format), str::to_owned);
    let usage = gralloc_buffer::Usage(u64::from_ne_bytes(descriptor.usage.to_ne_bytes()));
    let mut text = format!("{} x {format} {}x{}", case.count, descriptor.width, descriptor.height);
    if descriptor.layer_count != 1 {
        text.push_str(&format!(", {} layers", descriptor.layer_count));
    }
    let names = words::usage(usage, case.policy());
    let bits = format!("{:#x}", usage.0);
    text.push_str(&format!(", usage {names}"));
    if names != bits {
        text.push_str(&format!(" ({bits})"));
    }
    if descriptor.reserved_size != 0 {
        text.push_str(&format!(", {} bytes reserved", descriptor.reserved_size));
    }
    for option in &descriptor.options {
        text.push_str(&format!(", {}={}", option.name.escape_default(), option.value));
    }
    text
}

fn format(case: &Case<'_>, page: &mut Page<'_>) {
    let (Some(note), Some(request)) = (&case.explanation.format, &case.explanation.request) else { return };
    match note.resolution {
        None => {
            let name = case.policy().format_name(request.format);
            page.line("format", &format!("{name} is one layout: {}", note.layout));
        }
        Some(index) => {
            let name = request.format.name();
            page.line("format", &format!("{name} becomes {}, says resolve[{index}]", note.name));
        }
    }
    for passed in &note.passed_over {
        page.line("", &format!("not resolve[{}]: {}", passed.resolution, passed.misses.join("; ")));
    }
}

fn compressions(case: &Case<'_>, page: &mut Page<'_>) {
    let mut heading = "compression";
    for note in &case.explanation.compressions {
        let text = match note.misses.as_slice() {
            [] => page.out.strong(&format!("\"{}\" applies", note.name)),
            misses => format!("not \"{}\": {}", note.name, misses.join("; ")),
        };
        page.line(heading, &text);
        heading = "";
    }
}

fn alignments(case: &Case<'_>, page: &mut Page<'_>) {
    let mut heading = "alignment";
    for note in &case.explanation.alignments {
        page.line(heading, &alignment(note));
        heading = "";
    }
}

fn alignment(note: &AlignmentNote) -> String {
    if !note.misses.is_empty() {
        return format!("not \"{}\": {}", note.name, note.misses.join("; "));
    }
    let changes = note.changes.iter().map(|change| format!("{} {} -> {}", change.what, change.from, change.to));
    let unheeded = note.unheeded.iter().map(|why| format!("not all of it: {why}"));
    let effects: Vec<String> = changes.chain(note.settled.iter().cloned()).chain(unheeded).collect();
    let effects = if effects.is_empty() { "changes nothing".to_owned() } else { effects.join(", ") };
    format!("\"{}\" applies: {effects}", note.name)
}

fn rules(case: &Case<'_>, page: &mut Page<'_>) {
    let mut heading = "rule";
    for note in &case.explanation.rules {
        let text = match note.misses.as_slice() {
            [] => page.out.strong(&format!("\"{}\" takes it", note.name)),
            misses => format!("not \"{}\": {}", note.name, misses.join("; ")),
        };
        page.line(heading, &text);
        heading = "";
    }
    let mut heading = "heap";
    for note in &case.explanation.heaps {
        let text = match note.part {
            HeapPart::Chosen => page.out.strong(&format!("\"{}\" is tried first", note.name)),
            HeapPart::Fallback => format!("\"{}\" is tried when the ones before give nothing", note.name),
            HeapPart::Left(verdict) => format!("not \"{}\": {}", note.name, words::verdict(verdict)),
        };
        page.line(heading, &text);
        heading = "";
    }
    if case.explanation.heaps.len() > 1 {
        page.line("", &format!("(the rule's list: {})", case.explanation.heap_list));
    }
}

/// What was done, in the order in which it is done, and who asked.
fn steps(case: &Case<'_>, page: &mut Page<'_>) {
    let mut heading = "steps";
    for note in &case.explanation.steps {
        let changes = note.changes.iter().map(|change| format!("{} {} -> {}", change.what, change.from, change.to));
        let effects: Vec<String> = note.done.iter().cloned().chain(changes).collect();
        let effects = if effects.is_empty() { "changes nothing".to_owned() } else { effects.join(", ") };
        let causes = match note.causes.as_slice() {
            [] => String::new(),
            causes => format!(", by {}", causes.join("; ")),
        };
        page.line(heading, &format!("{}: {effects}{causes}", note.step));
        heading = "";
    }
}

fn figures(case: &Case<'_>, picture: &Picture, page: &mut Page<'_>) {
    let mut rows =
        vec![["plane", "holds", "offset", "stride", "of it used", "lines", "of them used", "bytes"].map(str::to_owned)];
    for (index, plane) in picture.planes.iter().enumerate() {
        rows.push([
            index.to_string(),
            plane.holds(),
            plane.offset_bytes.to_string(),
            plane.stride_bytes.to_string(),
            plane.line_bytes.to_string(),
            plane.lines.to_string(),
            plane.sample_lines.to_string(),
            plane.bytes.to_string(),
        ]);
    }
    page.line("planes", &table(&rows));
    for (index, plane) in
        picture.planes.iter().enumerate().filter(|(_, plane)| plane.header_bytes + plane.body_bytes > 0)
    {
        let (header, body) = (plane.header_bytes, plane.body_bytes);
        page.line("", &format!("plane {index}: {header} bytes of header, {body} of body"));
    }
    let unit = if picture.stride_is_bytes { "bytes" } else { "pixels" };
    page.line("stride", &format!("{} {unit}", picture.stride));
    page.line("drm", &picture.drm.to_string());
    if picture.tail_bytes > 0 {
        page.line("tail", &format!("{} bytes behind the planes", picture.tail_bytes));
    }
    let layers = case.explanation.request.map_or(1, |request| request.layers);
    if layers > 1 {
        page.line("layers", &format!("{layers}, one every {} bytes", picture.layer_bytes));
    }
    let percent = percent(picture.padding_bytes, picture.bytes);
    page.line("bytes", &format!("{}, of them {} padding ({percent})", bytes(picture.bytes), picture.padding_bytes));
    page.line("", &format!("and {} of shared metadata in a buffer beside it", bytes(picture.metadata_bytes)));
    if case.count > 1 {
        if let Some(total) =
            case.explanation.outcome.as_ref().ok().and_then(|plan| plan.total_bytes(u32::try_from(case.count).ok()?))
        {
            page.line("", &format!("{} for {} buffers with their metadata", bytes(total), case.count));
        }
    }
    if let Some((pixels, metadata, both)) = case.charged() {
        let pages = format!("in pages of {} bytes: {pixels} of pixels, {metadata} of metadata", case.page_bytes);
        page.line("charged", &format!("{} {pages}", bytes(both)));
    }
}

fn vendor_metadata(case: &Case<'_>, page: &mut Page<'_>) {
    let Ok(plan) = &case.explanation.outcome else { return };
    let mut heading = "metadata";
    for entry in plan.vendor_metadata(case.policy()) {
        let (of, value, says) = (&entry.type_name, entry.value, words::vendor_metadata(entry));
        page.line(heading, &format!("\"{}\": {of} {value} is {says}", entry.name));
        heading = "";
    }
}

/// `3110400 (2.97 MiB)`
fn bytes(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30u32), ("MiB", 20), ("KiB", 10)] {
        if bytes >> shift > 0 {
            // Hundredths, in whole numbers; they cannot overflow: the shift is at least 10.
            let hundredths = (u128::from(bytes) * 100) >> shift;
            return format!("{bytes} ({}.{:02} {unit})", hundredths / 100, hundredths % 100);
        }
    }
    bytes.to_string()
}

/// `4.2 %`
fn percent(part: u64, whole: u64) -> String {
    let tenths = (u128::from(part) * 1000).checked_div(u128::from(whole)).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn answer(case: &Case<'_>, page: &mut Page<'_>) {
    let supported = case.explanation.outcome.is_ok();
    match &case.answer {
        Ok(()) => page.line("answer", "isSupported: true; allocate2 succeeds while budgets and memory last"),
        Err(refusal) => {
            let (name, code) = super::json::error(refusal);
            page.line("answer", &format!("isSupported: {supported}; allocate2 refuses with {name} ({code})"));
            page.line("", &page.out.strong(&refusal.to_string()));
        }
    }
}
