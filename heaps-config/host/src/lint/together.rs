//! Alignments each of which a picture can have, and none can have together: every request to which all of them apply is refused, without
//! a word of which they are.

use super::align::common_usage;
use gralloc_allocator::plan::size::exclusive;
use gralloc_buffer::layout::{Form, Needs};
use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::condition::Subject;
use heaps_config::policy::{Action, Alignment, Condition, LayoutName, Policy};
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// Pairs of alignments that are looked at for a format: enough for every device, and bounded for a file that is none.
const MOST_PAIRS: usize = 1 << 12;

/// A format, and what it is laid out as.
struct Laid<'p> {
    format: PixelFormat,
    layout: LayoutName,
    form: Form<'p>,
    name: &'p str,
}

/// The vendor's formats, and AIDL's that are one layout: what a flexible one becomes, its layout says.
fn formats(policy: &Policy) -> impl Iterator<Item = Laid<'_>> {
    let own = policy.formats.iter().filter(|format| format.linear).map(|own| Laid {
        format: PixelFormat::Vendor(own.value),
        layout: LayoutName::Vendor(own.value),
        form: own.form(),
        name: &own.name,
    });
    let aidl = PixelFormat::ALL.iter().filter_map(|format| {
        let layout = Layout::of(*format)?;
        Some(Laid { format: *format, layout: LayoutName::Table(layout), form: layout.form(), name: format.name() })
    });
    own.chain(aidl)
}

/// Reports the first such alignments of each format.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Finding>) {
    let mut said: Vec<Vec<usize>> = Vec::new();
    for format in formats(policy) {
        let usages = usages(policy, &format);
        let found = usages.into_iter().find_map(|usage| Some((usage, together(policy, &format, usage)?)));
        let Some((usage, together)) = found.filter(|(_, together)| !said.contains(together)) else { continue };
        let name = |at: &usize| policy.alignments.get(*at).map_or("?", |align| align.name.as_str());
        if let Some((last, before)) = together.split_last() {
            let others: Vec<String> = before.iter().map(|at| format!("\"{}\"", name(at))).collect();
            let message = format!(
                "align \"{}\" and {} ask of {} with usage {usage} for what no number is, or none of 64 bits",
                name(last),
                others.join(", "),
                format.name
            );
            let help = "combine = \"replace\" where it is meant alone; conditions that do not meet where they never do";
            let finding = Finding::new(Code::AlignImpossible, KeyPath::item("align", *last), message).help(help);
            let related = before.iter().map(|at| KeyPath::item("align", *at));
            findings.push(related.fold(finding, |finding, path| finding.related(path, "this applies as well")));
        }
        said.push(together);
    }
}

/// Usages with which two alignments or more apply to a format.
fn usages(policy: &Policy, format: &Laid<'_>) -> Vec<Usage> {
    let concerns = |when: &Condition| {
        (when.layouts.is_empty() || when.layouts.contains(&format.layout))
            && (when.formats.is_empty() || when.formats.contains(&format.format))
            && !when.not_formats.contains(&format.format)
            && when.compressed != Some(true)
    };
    let conditions: Vec<&Condition> =
        policy.alignments.iter().map(|align| &align.when).filter(|w| concerns(w)).collect();
    let pairs = conditions
        .iter()
        .enumerate()
        .flat_map(|(at, one)| conditions.iter().skip(at + 1).map(move |other| (one, other)));
    let mut usages: Vec<Usage> = Vec::new();
    for usage in pairs.take(MOST_PAIRS).filter_map(|(one, other)| common_usage(one, other)) {
        if !usages.contains(&usage) {
            usages.push(usage);
        }
    }
    usages
}

/// The fewest alignments of a request that exclude one another, in the policy's order; `None` where it can be laid out in lines, is
/// never laid out so, or one of them is impossible alone, which is said of that one.
fn together(policy: &Policy, format: &Laid<'_>, usage: Usage) -> Option<Vec<usize>> {
    let asked = Subject { layout: Some(format.layout), ..Subject::new(usage, format.format) };
    if !usage.lines() && policy.compressions.iter().any(|entry| entry.when.holds(asked)) {
        return None;
    }
    let subject = Subject { compressed: Some(false), ..asked };
    let rule = policy.rules.iter().find(|rule| rule.when.holds(subject))?;
    if matches!(rule.action, Action::Deny(_)) {
        return None;
    }
    let applied: Vec<&Alignment> = policy.alignments.iter().filter(|align| align.when.holds(subject)).collect();
    let fits = |needs: &Needs| format.form.measure(64, 64, 1, needs).is_some();
    let needed = exclusive(&applied, fits);
    if needed.len() < 2 || needed.iter().any(|align| !exclusive(&[*align], fits).is_empty()) {
        return None;
    }
    let places =
        policy.alignments.iter().enumerate().filter(|(_, align)| needed.iter().any(|at| std::ptr::eq(*at, *align)));
    Some(places.map(|(at, _)| at).collect())
}
