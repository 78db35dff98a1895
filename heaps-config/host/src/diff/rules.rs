//! Requests that another rule takes, or for which the same rule says another thing.

use super::example::By;
use super::{example, undecided, Cause, Difference};
use crate::lint::region::{Cube, Left, Region, Space};
use gralloc_buffer::Usage;
use heaps_config::policy::{Action, HeapId, Policy, Rule, Term};
use heaps_config::KeyPath;

/// What one rule does, in names: the same words, the same fate.
#[derive(PartialEq, Eq)]
enum Does {
    Heaps {
        heaps: Vec<String>,
        uncached: Vec<String>,
        cached_when: Vec<Term>,
    },
    Deny(String),
    /// No rule takes it.
    Nothing,
}

fn does(policy: &Policy, rule: Option<&Rule>) -> Does {
    let names = |ids: &[HeapId]| ids.iter().map(|id| policy.heap_name(*id).to_owned()).collect::<Vec<_>>();
    match rule.map(|rule| &rule.action) {
        None => Does::Nothing,
        Some(Action::Deny(reason)) => Does::Deny(reason.clone()),
        Some(Action::Heaps { heaps, uncached, cached_when }) => {
            // Without another order for uncached memory it does not matter when it would be used.
            let cached_when = if uncached.is_empty() { Vec::new() } else { cached_when.clone() };
            Does::Heaps { heaps: names(heaps), uncached: names(uncached), cached_when }
        }
    }
}

/// The bits that both policies name: what only one of them names is refused by the other, whatever the rules say.
pub(super) fn common(space: &Space, before: &Policy, after: &Policy) -> Option<Region> {
    let one_sided = (before.vendor_bits() | after.vendor_bits()) & !(before.vendor_bits() & after.vendor_bits());
    let sensible = space.sensible()?;
    if one_sided.is_empty() {
        return Some(sensible);
    }
    space.subtract(&sensible, &space.term(Term::Any(Usage(one_sided.0))))
}

pub(super) fn compare(space: &Space, before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let own = |policy: &Policy| -> Option<Vec<Region>> {
        let mut own: Vec<Region> =
            policy.rules.iter().map(|rule| space.taken(policy, &rule.when)).collect::<Option<_>>()?;
        own.push(vec![space.all()]);
        Some(own)
    };
    let (Some(kinds), Some(first), Some(second)) = (common(space, before, after), own(before), own(after)) else {
        differences.push(undecided("the rules tell too many kinds of requests apart to be compared"));
        return;
    };
    // The rules that begin both policies alike take the same requests, and need no look.
    for (i, one) in first.iter().enumerate() {
        let fate = does(before, before.rules.get(i));
        for (j, other) in second.iter().enumerate() {
            if fate == does(after, after.rules.get(j)) {
                continue;
            }
            let Some(start) = space.intersect(one, other).and_then(|both| space.intersect(&both, &kinds)) else {
                differences.push(pair(before, after, (i, j), Cause::Undecided));
                continue;
            };
            if start.is_empty() {
                continue;
            }
            let cuts = first.iter().take(i).chain(second.iter().take(j));
            match space.left(&start, cuts) {
                Left::Nothing => {}
                Left::Undecided => differences.push(pair(before, after, (i, j), Cause::Undecided)),
                Left::Some(witness) => {
                    let example = example::of(before, after, &witness, By::Fate)
                        .or_else(|| simpler(space, before, after, &start));
                    // A class of which no request can be laid out changes for nobody.
                    if example.is_some() {
                        differences.push(Difference { example, ..pair(before, after, (i, j), Cause::Rule) });
                    }
                }
            }
        }
    }
}

/// Other requests of the class: its first format may be one that cannot be laid out.
fn simpler(space: &Space, before: &Policy, after: &Policy, start: &[Cube]) -> Option<super::Example> {
    space.formats().iter().find_map(|format| {
        let only = space.only_format(start.to_vec(), *format);
        match space.left(&only, std::iter::empty()) {
            Left::Some(witness) => example::of(before, after, &witness, By::Fate),
            _ => None,
        }
    })
}

fn pair(before: &Policy, after: &Policy, (i, j): (usize, usize), cause: Cause) -> Difference {
    let name = |policy: &Policy, at: usize| policy.rules.get(at).map(|rule| rule.name.clone());
    let at = |policy: &Policy, at: usize| policy.rules.get(at).map(|_| KeyPath::item("rule", at));
    let says = |name: Option<String>| name.map_or_else(|| "no rule".to_owned(), |name| format!("rule \"{name}\""));
    let (one, other) = (name(before, i), name(after, j));
    let what = if one == other && cause == Cause::Rule {
        format!("{} does another thing", says(one))
    } else if cause == Cause::Undecided {
        format!("whether {} and {} take the same requests is too intricate to decide", says(one), says(other))
    } else {
        format!("{} took what {} takes now", says(one), says(other))
    };
    Difference { before_at: at(before, i), after_at: at(after, j), ..Difference::new(cause, what) }
}
