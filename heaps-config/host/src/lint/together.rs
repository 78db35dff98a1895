//! Alignments each of which a picture can have, and none can have together: every request to which all of them apply is refused, without
//! a word of which they are.

use super::align::common_usage;
use gralloc_buffer::layout::Needs;
use gralloc_buffer::{PixelFormat, Usage};
use heaps_config::condition::Subject;
use heaps_config::policy::{Action, Alignment, Condition, LayoutName, Policy, VendorFormat};
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// Pairs of alignments that are looked at for a format: enough for every device, and bounded for a file that is none.
const MOST_PAIRS: usize = 1 << 12;

/// Reports the first such alignments of each format of the vendor's.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Finding>) {
    let mut said: Vec<Vec<usize>> = Vec::new();
    for format in policy.formats.iter().filter(|format| format.linear) {
        let usages = usages(policy, format);
        let found = usages.into_iter().find_map(|usage| Some((usage, together(policy, format, usage)?)));
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
fn usages(policy: &Policy, format: &VendorFormat) -> Vec<Usage> {
    let own = PixelFormat::Vendor(format.value);
    let concerns = |when: &Condition| {
        (when.layouts.is_empty() || when.layouts.contains(&LayoutName::Vendor(format.value)))
            && (when.formats.is_empty() || when.formats.contains(&own))
            && !when.not_formats.contains(&own)
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
fn together(policy: &Policy, format: &VendorFormat, usage: Usage) -> Option<Vec<usize>> {
    let name = LayoutName::Vendor(format.value);
    let asked = Subject { layout: Some(name), ..Subject::new(usage, PixelFormat::Vendor(format.value)) };
    if !usage.lines() && policy.compressions.iter().any(|entry| entry.when.holds(asked)) {
        return None;
    }
    let subject = Subject { compressed: Some(false), ..asked };
    let rule = policy.rules.iter().find(|rule| rule.when.holds(subject))?;
    if matches!(rule.action, Action::Deny(_)) {
        return None;
    }
    let fits = |some: &[usize]| {
        let mut needs = Needs::NONE;
        let mut all = some.iter().filter_map(|at| policy.alignments.get(*at));
        let applied = all.try_for_each(|align: &Alignment| align.apply(&mut needs));
        applied.is_some() && format.form().measure(64, 64, 1, &needs).is_some()
    };
    let applies = policy.alignments.iter().enumerate().filter(|(_, align)| align.when.holds(subject));
    let all: Vec<usize> = applies.map(|(at, _)| at).collect();
    let count = (1..=all.len()).find(|count| all.get(..*count).is_some_and(|some| !fits(some)))?;
    let mut needed: Vec<usize> = all.into_iter().take(count).collect();
    if needed.iter().any(|at| !fits(&[*at])) {
        return None;
    }
    for spared in needed.clone() {
        let rest: Vec<usize> = needed.iter().copied().filter(|at| *at != spared).collect();
        if !fits(&rest) {
            needed = rest;
        }
    }
    Some(needed)
}
