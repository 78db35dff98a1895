//! Flexible formats: resolutions that nothing reaches, and requests that nothing resolves.

use super::reach::{in_order, Entries, Reach};
use super::region::{Left, Region};
use gralloc_buffer::PixelFormat;
use heaps_config::policy::{Action, Condition, Policy};
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// Reports them.
pub(super) fn check(reach: &Reach, policy: &Policy, findings: &mut Vec<Finding>) {
    let flexible = [
        (PixelFormat::ImplementationDefined, Code::UnresolvedFormat),
        (PixelFormat::Ycbcr420_888, Code::UnresolvedFormat),
        (PixelFormat::RawOpaque, Code::UnresolvedRaw),
    ];
    for (format, code) in flexible {
        // Resolutions of other formats do not compete with these.
        let resolutions = policy.resolutions.iter().enumerate().filter(|(_, resolution)| resolution.format == format);
        let (places, conditions): (Vec<KeyPath>, Vec<&Condition>) =
            resolutions.map(|(at, resolution)| (KeyPath::item("resolve", at), &resolution.when)).unzip();
        let own: Option<Vec<Region>> = conditions.iter().map(|when| reach.space.condition(when)).collect();
        let Some(own) = own else { return };
        let names = places.iter().map(|path| format!("{path} of {}", format.name())).collect();
        let entries = Entries { space: &reach.space, own: &own, places, names, word: "resolution" };
        for (nth, (when, left)) in conditions.iter().zip(in_order(&reach.space, &own)).enumerate() {
            if left == Left::Nothing {
                findings.extend(entries.unreachable(nth, when));
            }
        }
        unresolved(reach, policy, format, code, &own, findings);
    }
}

fn unresolved(
    reach: &Reach,
    policy: &Policy,
    format: PixelFormat,
    code: Code,
    resolved: &[Region],
    findings: &mut Vec<Finding>,
) {
    let Some(sensible) = reach.space.sensible() else { return };
    let asked = reach.space.only_format(sensible, format);
    for (at, rule) in policy.rules.iter().enumerate() {
        if matches!(rule.action, Action::Deny(_)) {
            continue;
        }
        let Left::Some(witness) = reach.taken(at, &asked, resolved) else { continue };
        let message = format!(
            "rule \"{}\" takes {} with usage {}, and no [[resolve]] says what it becomes",
            rule.name,
            format.name(),
            witness.usage
        );
        let help = "add a [[resolve]] without conditions for the format, or a rule that denies it";
        findings.push(Finding::new(code, KeyPath::item("rule", at), message).help(help));
        return;
    }
}
