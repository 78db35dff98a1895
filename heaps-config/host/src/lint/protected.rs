//! Protected requests that could get ordinary memory, and the other way round.

use super::reach::Reach;
use super::region::{Cube, Left, Witness};
use gralloc_buffer::Usage;
use heaps_config::policy::{Action, HeapId, Policy, Term};
use heaps_config::show_bytes as show;
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// Reports them. Rules that mix both kinds of heaps were reported already.
pub(super) fn check(reach: &Reach, policy: &Policy, known: &[Finding], findings: &mut Vec<Finding>) {
    let space = &reach.space;
    let Some(sensible) = space.sensible() else { return };
    let is_set = space.term(Term::Any(Usage::PROTECTED));
    let kinds = (space.intersect(&sensible, &is_set), space.subtract(&sensible, &is_set));
    let (Some(protected), Some(ordinary)) = kinds else { return };
    for (at, rule) in policy.rules.iter().enumerate() {
        let Action::Heaps { heaps, .. } = &rule.action else { continue };
        let path = KeyPath::item("rule", at).key("heaps");
        let same = |finding: &Finding| finding.path.parent().as_ref() == Some(&path);
        if known.iter().any(|finding| finding.code == Code::ProtectedMixed && same(finding)) {
            continue;
        }
        let is_protected = |id: &HeapId| policy.heap(*id).is_some_and(|heap| heap.protected);
        let mut is_decided = true;
        let mut witness = |kind: &[Cube]| match reach.taken(at, kind, &[]) {
            Left::Some(witness) => Some(witness),
            Left::Nothing => None,
            Left::Undecided => {
                is_decided = false;
                None
            }
        };
        if let (Some(heap), Some(witness)) = (heaps.iter().find(|id| !is_protected(id)), witness(&protected)) {
            let message = format!(
                "rule \"{}\" takes protected requests, such as {}, and \"{}\" is not protected",
                rule.name,
                describe(&witness),
                policy.heap_name(*heap)
            );
            let help = "add none_of = [\"PROTECTED\"], or put a rule for PROTECTED before it";
            findings.push(Finding::new(Code::ProtectedLeak, path.clone(), message).help(help));
        }
        if let (Some(heap), Some(witness)) = (heaps.iter().find(|id| is_protected(id)), witness(&ordinary)) {
            let message = format!(
                "rule \"{}\" takes ordinary requests, such as {}, and \"{}\" is protected",
                rule.name,
                describe(&witness),
                policy.heap_name(*heap)
            );
            let help = "add all_of = [\"PROTECTED\"]: without it the service refuses such a request";
            findings.push(Finding::new(Code::ProtectedWaste, path.clone(), message).help(help));
        }
        if !is_decided {
            undecided(policy, path, findings);
        }
    }
}

/// Says that a leak was not ruled out, where there is protected content to leak: not knowing is no permission.
pub(super) fn undecided(policy: &Policy, path: KeyPath, findings: &mut Vec<Finding>) {
    if policy.heaps.iter().any(|heap| heap.protected) {
        let message = "whether protected requests could reach an ordinary heap is too intricate to decide".to_owned();
        let help = "fewer different sizes in min_size and max_size, fewer usages in one any_of, or none_of = \
                    [\"PROTECTED\"] in the rules of ordinary heaps";
        findings.push(Finding::new(Code::ProtectedUndecided, path, message).help(help));
    }
}

/// `PROTECTED|GPU_TEXTURE with RGBA_8888 of 1 B`.
fn describe(witness: &Witness) -> String {
    let size = if witness.bytes > 1 { format!(" of {}", show(witness.bytes)) } else { String::new() };
    format!("{} with usage {}{size}", witness.format.name(), witness.usage)
}
